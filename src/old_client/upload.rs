//! Sending a shared file to a peer that was introduced.

use super::desk::Desk;
use super::event::Event;
use super::folder::Folder;
use super::hashes::{self, BUFFER, Hashes, Version};
use super::peer::PeerLines;
use super::transfer::{Stage, Transfer, Way};
use crate::net::{Patience, has_hung_up};
use crate::peer_protocol::FileHash;
use crate::protocol::Reply;
use crate::value::FileName;
use crate::value::Ticket;
use crate::value::Username;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::time::{Duration, Instant, SystemTime};

/// How long somebody waits for one of the slots; whoever fetches must be willing to wait that long.
const TURN: Duration = Duration::from_secs(60);

/// What `FILE` asks for.
pub struct Wanted {
    /// The name as it was sent.
    pub filename: String,
    /// Who asks.
    pub name: Username,
    /// The proof of that.
    pub ticket: Option<Ticket>,
    /// The first byte that is wanted.
    pub offset: u64,
}

/// Takes `FILE,filename,name,TICKET[,OFFSET]`: sends the file, or says why not.
pub fn serve(desk: &Desk, lines: &PeerLines, wanted: Wanted) {
    let Wanted { filename, name, ticket, offset } = wanted;
    if !desk.tickets.redeem(&name, ticket) {
        return lines.refuse("FILE needs a ticket: send connect_NAME to the server for one");
    }
    let Some(share) = &desk.files.share else { return lines.refuse("This client shares no files") };
    let (file_name, file) = match open(&share.folder, &filename) {
        Ok(opened) => opened,
        Err(why) => return lines.refuse(why),
    };
    let patience = Patience { until: Instant::now() + TURN, has_gone: &|| has_hung_up(&lines.stream) };
    let Ok(slot) = share.slots.take(&patience) else {
        return lines.refuse(format!("busy: {} files are being sent, try again later", share.slots.permits()));
    };
    let upload = share.uploads.enter(Transfer::new(Way::Send, name, file_name));
    let began = Instant::now();
    let stage = match send(desk, &share.hashes, lines, &file, &upload.transfer, offset) {
        Ok(size) => Stage::Whole { size, took: began.elapsed(), saved: None },
        Err(why) => Stage::Failed { why },
    };
    let step = upload.transfer.step(stage);
    drop((upload, slot));
    desk.screen.show(Event::Transfer(step));
}

/// The sentences are for the peer.
fn open(folder: &Folder, filename: &str) -> Result<(FileName, File), String> {
    let none = || format!("No such file: {filename}");
    let name: FileName = filename.parse().map_err(|_| none())?;
    let file = folder.open_file(&name).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => format!("{filename} cannot be read by its owner"),
        _ => none(),
    })?;
    Ok((name, file))
}

/// Sends the answer, the bytes and the hash; what went wrong is said in a sentence for the owner. The size is a
/// promise: when it cannot be kept, the connection is closed without a hash.
fn send(
    desk: &Desk,
    hashes: &Hashes,
    lines: &PeerLines,
    file: &File,
    transfer: &Transfer,
    offset: u64,
) -> Result<u64, String> {
    let version = Version::of(file).map_err(|error| error.to_string())?;
    let size = version.size;
    if offset > size {
        lines.refuse(format!("OFFSET {offset} is beyond the end: {} has {size} bytes", transfer.file));
        return Err(format!("asked for from byte {offset}, and it has {size}"));
    }
    transfer.set(offset, size);
    desk.screen.show(Event::Transfer(transfer.step(Stage::Begun { size, offset })));
    let stream = &*lines.stream;
    stream.set_write_timeout(Some(desk.files.stall)).map_err(|error| error.to_string())?;
    lines.answer(&Reply::Ok(size.to_string()));
    let known = hashes.get(&version);
    // From the first byte on, the hash costs no second reading.
    let mut hasher = (known.is_none() && offset == 0).then(Sha256::new);
    copy(desk, stream, file, transfer, size, |bytes| {
        if let Some(hasher) = &mut hasher {
            hasher.update(bytes);
        }
    })?;
    let hash = match known {
        Some(hash) => Ok(hash),
        None => hash(desk, file, size, hasher),
    };
    let changed = !Version::of(file).is_ok_and(|now| now.same_content(&version));
    match hash {
        Ok(hash) if !changed => {
            hashes.put(version, hash, SystemTime::now());
            (&*stream).write_all(format!("{hash}\n").as_bytes()).map_err(|error| lost(&error))?;
            Ok(size)
        }
        Ok(_) => {
            lines.refuse(format!("{} has changed while it was sent", transfer.file));
            Err("has changed while it was sent".to_owned())
        }
        Err(why) => Err(why),
    }
}

/// Sends the bytes from where `transfer` stands up to `size`, and shows each to `see`.
fn copy(
    desk: &Desk,
    mut stream: &std::net::TcpStream,
    mut file: &File,
    transfer: &Transfer,
    size: u64,
    mut see: impl FnMut(&[u8]),
) -> Result<(), String> {
    let mut done = transfer.done();
    file.seek(SeekFrom::Start(done)).map_err(|error| error.to_string())?;
    let mut buffer = vec![0; BUFFER];
    while done < size {
        if desk.end.is_triggered() {
            return Err("stopped".to_owned());
        }
        let left = usize::try_from(size - done).unwrap_or(BUFFER).min(BUFFER);
        let read = file.read(&mut buffer[..left]).map_err(|error| error.to_string())?;
        if read == 0 {
            return Err("has become shorter while it was sent".to_owned());
        }
        stream.write_all(&buffer[..read]).map_err(|error| lost(&error))?;
        see(&buffer[..read]);
        done += read as u64;
        transfer.set(done, size);
    }
    Ok(())
}

fn hash(desk: &Desk, file: &File, size: u64, fed: Option<Sha256>) -> Result<FileHash, String> {
    if let Some(hasher) = fed {
        return Ok(hashes::finish(hasher));
    }
    let mut hasher = Sha256::new();
    match hashes::feed(&mut hasher, file, size, || !desk.end.is_triggered()) {
        Ok(true) => Ok(hashes::finish(hasher)),
        Ok(false) => Err("stopped".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn lost(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "the other side takes nothing any more".to_owned(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => "the other side has left".to_owned(),
        _ => error.to_string(),
    }
}
