//! Taking what a peer gives: the receiving side of `GIVE`. Whether it is taken, and into which folder, comes as an order.
//!
//! Nothing that is there is written over, nothing that has arrived is deleted, and nothing is written outside of that
//! folder, whatever the giver says.

use super::gift_folder::GiftFolders;
use super::hashes::Hashes;
use super::part::{FileError, MAX_GAP, Origin, Part};
use super::place::Place;
use super::teller::Teller;
use super::walk;
use super::wire::{Cut, Wire, is_further};
use crate::client::call::{Call, Watch};
use crate::client::event::{News, Order, Room, Stage, Way};
use crate::client::peer::{Offered, PeerConnection, knock};
use crate::peer_protocol::{AfterRefusal, Answer, FileHash, GivePath, GiverLine, PeerRefusal, ReceiverLine, What};
use crate::value::FileName;
use crate::value::sentence::counted;
use std::collections::HashSet;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const DIFFERS: &str = "the hash differs";
const NO_ROOM: &str = "no room";

/// Serves an offer of which the App knows. `stall` is how long nothing may come.
pub fn serve(call: &Call, connection: PeerConnection, offered: &Offered<'_>, hashes: &Hashes, stall: Duration) {
    let place = loop {
        let Some(Order::Take(folder)) = knock::accepted(call, &connection, Instant::now()) else { return };
        match open(&walk::typed(&folder), offered) {
            Ok(place) => break Arc::new(place),
            Err((refusal, why)) => call.tell(News::NotTaken { refusal, why }),
        };
    };
    let teller = Teller::new(call, Way::Take, offered.from.clone(), offered.what.to_string());
    connection.answer(&Answer::Ok(String::new()));
    let wire = Wire::new(call, connection, stall, Watch::HangUp);
    let folders = GiftFolders::new(place, offered.from, offered.what);
    let taking = Taking {
        wire,
        teller,
        folders,
        offered,
        hashes,
        seen: HashSet::new(),
        promised: 0,
        again: None,
        kept: 0,
        size: 0,
        there: 0,
        whole_there: 0,
        done: 0,
        last: String::new(),
    };
    taking.run();
}

/// The folder, when it has room.
fn open(folder: &Path, offered: &Offered<'_>) -> Result<Place, (PeerRefusal, String)> {
    let place = Place::open(folder).map_err(|error| {
        let why = FileError::new(folder, error).to_string();
        (PeerRefusal::NotTakenHere, why)
    })?;
    match room(&place, offered.what, offered.bytes) {
        Some(Room { free, fits: false }) => Err((PeerRefusal::NoRoom, place.no_room(offered.bytes, free))),
        _ => Ok(place),
    }
}

/// The room for a gift of so many bytes. What of it is there needs none; how much that is of a folder that is there, or
/// of several things, nobody knows yet: there each file asks for its room.
pub fn room(place: &Place, what: &What, bytes: u64) -> Option<Room> {
    let free = place.room()?;
    let may_be_there = match what {
        What::File(file) => place.has(&file.part(0)) || twin(place, file, bytes).is_some(),
        What::Folder(folder) => place.has(folder.as_str()),
        What::Files(_) => true,
    };
    Some(Room { free, fits: bytes <= free || may_be_there })
}

/// A gift that flows.
struct Taking<'a> {
    wire: Wire<'a>,
    teller: Teller<'a>,
    folders: GiftFolders,
    offered: &'a Offered<'a>,
    hashes: &'a Hashes,
    seen: HashSet<GivePath>,
    /// The sizes of all items that came, one for each path.
    promised: u64,
    /// The item that is to come once more, and its size.
    again: Option<(GivePath, u64)>,
    /// Files that are there as a whole, and their bytes.
    kept: u32,
    size: u64,
    /// Those of the bytes that were there before, and how many files needed no byte.
    there: u64,
    whole_there: u32,
    /// All bytes that are there, those of the file under way too.
    done: u64,
    /// The name of what was kept last, from the top.
    last: String,
}

/// Where a file begins.
enum Start {
    /// With what has arrived.
    Part(Part),
    /// A file of its name and size is there, which may be the same.
    There(File, String),
}

/// An item on its way.
struct Current {
    path: GivePath,
    size: u64,
    /// Whether it comes for the second time.
    is_second: bool,
    /// The name of its folder from the top, with a slash at its end.
    from_top: String,
}

impl Taking<'_> {
    fn run(mut self) {
        let began = Instant::now();
        self.teller.step(Stage::Begun { size: self.offered.bytes, offset: 0 });
        let stage = match self.take() {
            Ok(()) if self.kept == 0 => Stage::Failed { why: "no file of it has come".to_owned(), done: 0 },
            Ok(()) => {
                let place = self.folders.place();
                let saved = match self.offered.what {
                    What::File(_) => place.shown(&self.last),
                    What::Folder(_) => place.shown(self.last.split('/').next().unwrap_or_default()),
                    What::Files(_) => place.path().to_owned(),
                };
                if self.whole_there == self.kept {
                    Stage::There { saved }
                } else {
                    let (size, there) = (self.size, self.there);
                    Stage::Whole { size, there, took: began.elapsed(), saved: Some(saved) }
                }
            }
            Err(cut) => cut.stage(self.done),
        };
        self.teller.step(stage);
    }

    /// Takes item by item, up to `END`.
    fn take(&mut self) -> Result<(), Cut> {
        loop {
            match self.next()? {
                GiverLine::Item { path, size } => self.item(path, size)?,
                GiverLine::End => {
                    self.forget_again();
                    let kept = ReceiverLine::Ok(counted(self.kept, "file"));
                    return self.wire.say(kept);
                }
                _ => return self.end("ITEM,PATH,SIZE or END was expected"),
            }
        }
    }

    fn next(&mut self) -> Result<GiverLine, Cut> {
        let parsed = match self.wire.line() {
            Err(Cut::Peer(why)) => Err(why),
            line => GiverLine::parse(&line?).map_err(|bad| bad.to_string()),
        };
        parsed.or_else(|why| self.end(&why))
    }

    fn item(&mut self, path: GivePath, size: u64) -> Result<(), Cut> {
        let before = self.again.take_if(|(again, _)| *again == path);
        self.forget_again();
        let is_second = before.is_some();
        self.promised -= before.map_or(0, |(_, size)| size);
        if !self.offered.what.holds(&path) {
            return self.end("the path is not under what was offered");
        }
        if !is_second && !self.seen.insert(path.clone()) {
            return self.end("the same path came before");
        }
        let sum = self.promised.checked_add(size).filter(|sum| *sum <= self.offered.bytes);
        let Some(promised) = sum.filter(|_| self.seen.len() <= self.offered.count as usize) else {
            return self.end("more than was offered");
        };
        self.promised = promised;
        let mut current = Current { path, size, is_second, from_top: String::new() };
        let before = self.done;
        let is_kept = match self.start(&mut current) {
            Ok(Start::Part(part)) => self.receive(part, &current)?,
            Ok(Start::There(file, name)) => self.compare(&file, &name, &current)?,
            Err(error) => self.refuse(&current, &error)?,
        };
        self.done = before + if is_kept { size } else { 0 };
        Ok(())
    }

    /// Where the bytes of a file begin. Room is reserved for those that are missing.
    fn start(&mut self, current: &mut Current) -> Result<Start, FileError> {
        let (place, from_top, name) = self.folders.of(&current.path)?;
        current.from_top = from_top;
        let origin = Origin::given(self.offered.from, self.offered.what, &current.path, &name);
        let mut part = if current.is_second { None } else { Part::find(&place, &origin)? };
        if let Some(other) = part.take_if(|part| part.size() != current.size || part.length() > current.size) {
            other.set_aside();
        }
        if part.is_none() && !current.is_second {
            if let Some((file, name)) = twin(&place, &name, current.size) {
                return Ok(Start::There(file, name));
            }
        }
        let part = match part {
            Some(part) => part,
            None => Part::create(&place, &origin, current.size)?,
        };
        part.reserve()?;
        Ok(Start::Part(part))
    }

    /// Takes the bytes and the hash; true when the file is kept.
    fn receive(&mut self, mut part: Part, current: &Current) -> Result<bool, Cut> {
        let offset = part.length();
        self.wire.say(ReceiverLine::Ok(offset.to_string()))?;
        let Taking { wire, teller, offered, done, .. } = self;
        let (before, number) = (*done, self.seen.len());
        *done += offset;
        let filled = part.fill::<Cut>(&mut |into| {
            let read = wire.read(into)?;
            *done += read as u64;
            teller.progress(*done, offered.bytes, number, offered.count as usize);
            Ok(read)
        });
        match filled {
            Err(Cut::Ours(error)) => return self.end_ours(error),
            filled => filled?,
        }
        self.done = before + current.size;
        let theirs = match self.proof()? {
            Ok(hash) => hash,
            Err(refusal) => {
                part.set_aside();
                return self.once_more(current, &refusal.to_string());
            }
        };
        let ours = part.hash(&mut self.wire.go_on(true));
        match ours {
            Err(error) => self.refuse(current, &error),
            Ok(None) => Err(self.wire.left()),
            Ok(Some(ours)) if ours == theirs => match part.keep() {
                Ok(name) => {
                    self.there += offset;
                    self.keep(current, &name)
                }
                Err(error) => self.refuse(current, &error),
            },
            Ok(Some(_)) => {
                part.set_aside();
                self.once_more(current, DIFFERS)
            }
        }
    }

    /// Takes the hash alone of a file that may be there; true when it is.
    fn compare(&mut self, file: &File, name: &str, current: &Current) -> Result<bool, Cut> {
        self.wire.say(ReceiverLine::Ok(current.size.to_string()))?;
        let theirs = match self.proof()? {
            Ok(hash) => hash,
            Err(refusal) => return self.once_more(current, &refusal.to_string()),
        };
        let ours = self.hashes.of(file, &mut self.wire.go_on(true));
        match ours {
            Ok(None) => Err(self.wire.left()),
            Ok(Some(ours)) if ours == theirs => {
                self.there += current.size;
                self.whole_there += 1;
                self.keep(current, name)
            }
            // One that we cannot read is another one to us.
            Ok(Some(_)) | Err(_) => self.once_more(current, DIFFERS),
        }
    }

    /// The giver's hash, or why there is none.
    fn proof(&mut self) -> Result<Result<FileHash, PeerRefusal>, Cut> {
        let mut hashed = None;
        loop {
            match self.next()? {
                GiverLine::Hash(hash) => return Ok(Ok(hash)),
                GiverLine::Failed(refusal) => return Ok(Err(refusal)),
                GiverLine::Hashing(done) if is_further(&mut hashed, done) => {}
                _ => return self.end("sha256_HEX was expected"),
            }
        }
    }

    fn keep(&mut self, current: &Current, name: &str) -> Result<bool, Cut> {
        self.kept += 1;
        self.size += current.size;
        self.last = format!("{}{name}", current.from_top);
        self.wire.say(ReceiverLine::Ok(self.last.clone()))?;
        Ok(true)
    }

    /// Asks for the file once more; the second time it is left out.
    fn once_more(&mut self, current: &Current, why: &str) -> Result<bool, Cut> {
        if current.is_second {
            return self.leave_out(current, why.to_owned(), why.to_owned());
        }
        self.again = Some((current.path.clone(), current.size));
        self.wire.say(ReceiverLine::Refused { then: AfterRefusal::Again, why: why.to_owned() })?;
        Ok(false)
    }

    /// A file of ours cannot be written: a full disk ends the gift, all else leaves one file out.
    fn refuse(&mut self, current: &Current, error: &FileError) -> Result<bool, Cut> {
        if error.is_full() {
            self.say_end(NO_ROOM);
            return Err(Cut::Peer(error.to_string()));
        }
        self.leave_out(current, error.to_string(), error.reason())
    }

    /// Leaves the file out: `why` is for our own side, and `told` for the giver.
    fn leave_out(&mut self, current: &Current, why: String, told: String) -> Result<bool, Cut> {
        self.teller.step(Stage::LeftOut { file: current.path.to_string(), why, missed: true });
        self.wire.say(ReceiverLine::Refused { then: AfterRefusal::Skip, why: told })?;
        Ok(false)
    }

    /// An item that was to come once more does not come.
    fn forget_again(&mut self) {
        if let Some((path, _)) = self.again.take() {
            self.teller.step(Stage::LeftOut { file: path.to_string(), why: DIFFERS.to_owned(), missed: true });
        }
    }

    /// The giver does what is not allowed: the gift is over.
    fn end<T>(&self, why: &str) -> Result<T, Cut> {
        self.say_end(why);
        Err(Cut::Peer(why.to_owned()))
    }

    /// Our disk fails amid the bytes of a file: nothing that follows could be told from them.
    fn end_ours<T>(&self, error: FileError) -> Result<T, Cut> {
        self.say_end(&if error.is_full() { NO_ROOM.to_owned() } else { error.reason() });
        Err(Cut::Ours(error))
    }

    fn say_end(&self, why: &str) {
        // One that does not arrive is the giver's loss.
        let _ = self.wire.say(ReceiverLine::Refused { then: AfterRefusal::End, why: why.to_owned() });
    }
}

/// A file that may be the same: of this name, or that with a number, and of this size.
fn twin(place: &Place, name: &FileName, size: u64) -> Option<(File, String)> {
    let names = (0..MAX_GAP).map(|number| name.numbered(number)).take_while(|name| place.has(name));
    let mut files = names.filter_map(|name| Some((place.open_file(&name).ok()?, name)));
    files.find(|(file, _)| file.metadata().is_ok_and(|data| data.len() == size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_there_needs_no_room() {
        let downloads = tempfile::tempdir().expect("a folder");
        let place = Place::open(downloads.path()).expect("a folder");
        let file = |name: &str| What::File(name.parse().expect("valid"));
        let fits = |what: &What, bytes| room(&place, what, bytes).map(|room| room.fits);
        assert_eq!(fits(&file("a.txt"), 1), Some(true));
        assert_eq!(fits(&file("a.txt"), u64::MAX), Some(false));
        fs::write(downloads.path().join("a.txt.part"), "half").expect("written");
        assert_eq!(fits(&file("a.txt"), u64::MAX), Some(true));
        let folder = What::Folder("trip".parse().expect("valid"));
        assert_eq!(fits(&folder, u64::MAX), Some(false));
        fs::create_dir(downloads.path().join("trip")).expect("made");
        assert_eq!(fits(&folder, u64::MAX), Some(true));
    }
}
