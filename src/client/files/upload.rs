//! Sending a shared file to a peer that asks for it: the serving side of `FILE`. Whose turn it is comes as an order.

use super::folder::Folder;
use super::hashes::Hashes;
use super::source::Source;
use super::teller::Teller;
use super::wire::{Cut, Wire};
use crate::client::call::{Call, Watch};
use crate::client::event::{News, Order, Stage, Way};
use crate::client::peer::{PeerConnection, Wanted, knock};
use crate::peer_protocol::{Answer, PeerRefusal};
use crate::value::FileName;
use std::io;
use std::time::{Duration, Instant};

/// What files are sent from.
pub struct Shelf<'a> {
    /// The shared folder, if any.
    pub share: Option<&'a Folder>,
    /// The hashes of its files.
    pub hashes: &'a Hashes,
    /// How long no byte may be taken.
    pub stall: Duration,
}

/// Serves a request of which the App knows: sends the file, or says why not.
pub fn serve(call: &Call, connection: PeerConnection, wanted: &Wanted<'_>, shelf: &Shelf<'_>) {
    let Some(Order::Accept) = knock::accepted(call, &connection, Instant::now()) else { return };
    let (file, source) = match open(wanted, shelf) {
        Ok(opened) => opened,
        Err(why) => return connection.refuse(why),
    };
    let teller = Teller::new(call, Way::Send, wanted.by.clone(), file.to_string());
    let wire = Wire::new(call, connection, shelf.stall, Watch::HangUp);
    let mut upload = Upload { call, teller, wire, file, offset: wanted.offset, done: wanted.offset };
    let stage = upload.run(source, shelf.hashes);
    upload.teller.step(stage);
}

fn open(wanted: &Wanted<'_>, shelf: &Shelf<'_>) -> Result<(FileName, Source), PeerRefusal> {
    let none = || PeerRefusal::NoSuchFile(wanted.filename.to_owned());
    let share = shelf.share.ok_or(PeerRefusal::SharesNothing)?;
    let name: FileName = wanted.filename.parse().map_err(|_| none())?;
    let file = share.open_file(&name).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => PeerRefusal::Unreadable(name.to_string()),
        _ => none(),
    })?;
    let source = Source::new(file, name.as_str(), shelf.hashes).map_err(|_| none())?;
    if wanted.offset > source.size() {
        return Err(PeerRefusal::BeyondEnd { offset: wanted.offset, file: name.to_string(), size: source.size() });
    }
    Ok((name, source))
}

/// A file that is being sent.
struct Upload<'a> {
    call: &'a Call,
    teller: Teller<'a>,
    wire: Wire<'a>,
    file: FileName,
    offset: u64,
    done: u64,
}

impl Upload<'_> {
    fn run(&mut self, source: Source, hashes: &Hashes) -> Stage {
        let (began, size) = (Instant::now(), source.size());
        self.teller.step(Stage::Begun { size, offset: self.offset });
        match self.send(source, hashes) {
            Ok(true) => Stage::Whole { size, there: self.offset, took: began.elapsed(), saved: None },
            Ok(false) => Stage::Failed { why: "has changed while it was sent".to_owned(), done: self.done },
            // The file is named by the step.
            Err(Cut::Ours(error)) => Stage::Failed { why: error.reason(), done: self.done },
            Err(cut) => cut.stage(self.done),
        }
    }

    /// Sends the answer, the bytes and the hash; false when the file has changed. The size is a promise: when it cannot
    /// be kept, the connection is closed without a hash.
    fn send(&mut self, mut source: Source, hashes: &Hashes) -> Result<bool, Cut> {
        let Upload { call, teller, wire, file, offset, done } = self;
        let size = source.size();
        // Before anything is read or hashed: a peer that has left answers it with a reset, which is noticed.
        wire.say(Answer::Ok(size.to_string()))?;
        source.send(wire, *offset, &mut |_, sent| {
            *done = sent;
            teller.progress(sent, size, 1, 1);
            Ok(())
        })?;
        if source.is_unread() {
            call.tell(News::BytesSent);
        }
        match source.hash(wire, hashes, false)? {
            Some(hash) => wire.say(hash).map(|()| true),
            None => wire.say(Answer::Refused(PeerRefusal::HasChanged(file.to_string()))).map(|()| false),
        }
    }
}
