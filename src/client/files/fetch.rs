//! Fetching one file: from what is there already to the whole file, over as many connections as it takes.

use super::hashes::Hashes;
use super::part::{FileError, Origin, Part};
use super::place::Place;
use super::teller::Teller;
use super::wire::{Cut, Wire};
use crate::client::call::{Call, Watch};
use crate::client::event::{CallError, Introduced, News, NoProof, Stage, Way};
use crate::client::peer::{PeerConnection, dial};
use crate::peer_protocol::{Answer, FileHash, Opening, PeerRefusal};
use crate::value::{Address, FileName, Username};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the owner may have others before us in line, and a little for the way.
const TURN: Duration = Duration::from_secs(75);
/// How slowly the owner may hash what we have already, in bytes a second; it says nothing meanwhile.
const HASHING: u64 = 32 << 20;
/// How long it may hash at the most.
const LONGEST_HASHING: u64 = 3600;
/// The first pause before another try, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));
/// Tries that bring nothing, one after the other, before it is given up: 12 s of pauses. The way back to the server is
/// waited for within a try.
const MAX_TRIES: u32 = 8;
/// The same after a cut, as the owner may have been cut off too, and be back later than we are: a minute more.
const MAX_TRIES_AFTER_CUT: u32 = 20;
/// Whoever was not introduced and connected for so long was cut off.
const CUT: Duration = Duration::from_secs(5);
/// How often a file that changes meanwhile is begun anew.
const MAX_ANEW: u32 = 2;

/// How a connection ended that did not bring the whole file. The text is for people.
enum Miss {
    /// Another one may bring more.
    Again(String),
    /// What is there belongs to another version of the file: another connection must begin at its first byte.
    Anew(String),
    /// The file that is there is another one: all of it is to be fetched.
    Other,
    /// Another one would bring nothing either.
    Failed(String),
    /// We gave it up.
    Cancelled,
}

impl From<Cut> for Miss {
    fn from(cut: Cut) -> Miss {
        match cut {
            Cut::GivenUp => Miss::Cancelled,
            Cut::Lost(why) => Miss::Again(why),
            Cut::Peer(why) => Miss::Failed(why),
            Cut::Ours(error) => error.into(),
        }
    }
}

impl From<FileError> for Miss {
    fn from(error: FileError) -> Miss {
        Miss::Failed(error.to_string())
    }
}

/// Where a fetch puts its file, and what it knows of files that are there.
pub struct Shelf<'a> {
    /// The folder.
    pub downloads: &'a Path,
    /// The hashes of our files.
    pub hashes: &'a Hashes,
    /// How long no byte may arrive.
    pub stall: Duration,
}

/// Fetches a file, and tells how it goes, up to how it ended.
pub fn run(call: &Call, from: Username, file: FileName, shelf: &Shelf<'_>) {
    let teller = Teller::new(call, Way::Fetch, from.clone(), file.to_string());
    match Place::open(shelf.downloads) {
        Ok(place) => {
            let (place, origin) = (Arc::new(place), Origin::fetched(&from, &file));
            let (part, twin, anew, begun, asked, most_tries) = (None, None, false, None, false, MAX_TRIES);
            Fetch { call, from, file, shelf, place, teller, origin, part, twin, anew, begun, asked, most_tries }.run();
        }
        Err(error) => {
            let why = FileError::new(shelf.downloads, error).to_string();
            teller.step(Stage::Failed { why, done: 0 });
        }
    }
}

/// A fetch under way.
struct Fetch<'a> {
    call: &'a Call,
    from: Username,
    file: FileName,
    shelf: &'a Shelf<'a>,
    place: Arc<Place>,
    teller: Teller<'a>,
    origin: Origin,
    part: Option<Part>,
    /// A file of that name that is there, and its size. It may be the very same.
    twin: Option<(File, u64)>,
    /// Whether what is in the part is of no use.
    anew: bool,
    /// How many bytes were there when the owner first answered with the file: from then on it is worth trying again
    /// when it cannot be reached.
    begun: Option<u64>,
    asked: bool,
    most_tries: u32,
}

impl Fetch<'_> {
    fn run(mut self) {
        let stage = self.whole().unwrap_or_else(|miss| {
            let done = self.length();
            match miss {
                Miss::Cancelled => Stage::Cancelled { done },
                Miss::Again(why) | Miss::Anew(why) | Miss::Failed(why) => Stage::Failed { why, done },
                Miss::Other => Stage::Failed { why: "another file is there".to_owned(), done },
            }
        });
        // Whoever is told of the end may ask for the file at once, and the part is locked for as long as we have it.
        self.part = None;
        self.teller.step(stage);
    }

    fn whole(&mut self) -> Result<Stage, Miss> {
        let began = Instant::now();
        self.part = Part::find(&self.place, &self.origin)?;
        if self.part.is_none() {
            self.twin = self.place.open_file(self.file.as_str()).ok().and_then(|file| {
                let size = file.metadata().ok()?.len();
                (size > 0).then_some((file, size))
            });
        }
        if let Some(saved) = self.connections()? {
            return Ok(Stage::There { saved });
        }
        let part = self.part.take().ok_or_else(|| Miss::Failed("nothing arrived".to_owned()))?;
        let size = part.length();
        let saved = Some(self.place.shown(&part.keep()?));
        Ok(Stage::Whole { size, there: self.begun.unwrap_or_default(), took: began.elapsed(), saved })
    }

    /// Tries until the part is whole; or says where the same file is already.
    fn connections(&mut self) -> Result<Option<PathBuf>, Miss> {
        let (mut pause, mut tries, mut times_anew) = (PAUSES.0, 0, 0);
        loop {
            let before = self.length();
            let miss = match self.connection() {
                Ok(there) => return Ok(there),
                Err(miss) => miss,
            };
            if self.length() > before {
                (pause, tries) = (PAUSES.0, 0);
            }
            match miss {
                Miss::Other => self.twin = None,
                Miss::Anew(why) if times_anew < MAX_ANEW => {
                    log::info!("{} from {}: {why}, from the beginning", self.file, self.from);
                    self.anew = true;
                    times_anew += 1;
                }
                Miss::Again(why) if tries < self.most_tries => {
                    tries += 1;
                    self.teller.step(Stage::Again { why });
                    if !self.call.pause(pause) {
                        return Err(Miss::Cancelled);
                    }
                    pause = PAUSES.1.min(pause * 2);
                }
                last => return Err(last),
            }
        }
    }

    fn length(&self) -> u64 {
        self.part.as_ref().map_or(0, Part::length)
    }

    fn offset(&self) -> u64 {
        match &self.twin {
            Some((_, size)) => *size,
            None if self.anew => 0,
            None => self.length(),
        }
    }

    /// Takes what one connection brings.
    fn connection(&mut self) -> Result<Option<PathBuf>, Miss> {
        let connection = self.dial()?;
        // An owner that closes its sending side has nothing more to say.
        let mut wire = Wire::new(self.call, connection, self.shelf.stall, Watch::HalfClose);
        if self.twin.is_none() {
            return self.receive(&mut wire).map(|()| None);
        }
        let compared = self.compare(&mut wire);
        if compared.is_err() {
            // The owner is not to hash for nobody.
            wire.abort();
        }
        compared.map(Some)
    }

    fn dial(&mut self) -> Result<PeerConnection, Miss> {
        let (filename, offset) = (self.file.to_string(), self.offset());
        let opening = |to: &Introduced| {
            let (filename, name) = (filename.clone(), to.me.clone());
            Ok(Opening::File { filename, name, ticket: to.ticket_field(), offset })
        };
        let since = Instant::now();
        let opened = dial::open(self.call, Address::Name(self.from.clone()), opening, "");
        if since.elapsed() >= CUT {
            self.most_tries = MAX_TRIES_AFTER_CUT;
        }
        let (introduced, connection) = opened.map_err(|error| {
            let why = error.to_string();
            match error {
                CallError::Cancelled => Miss::Cancelled,
                CallError::NoServer(_) | CallError::Perhaps(_) | CallError::NotProven { why: NoProof::NoPlace, .. } => {
                    Miss::Again(why)
                }
                CallError::Refused(refusal) if refusal.try_again() => Miss::Again(why),
                // It may come back in the middle.
                CallError::Unreachable { .. }
                | CallError::NotProven { .. }
                | CallError::NotIntroduced(_)
                | CallError::DoesNotListen(_)
                    if self.begun.is_some() =>
                {
                    Miss::Again(why)
                }
                _ => Miss::Failed(why),
            }
        })?;
        if !std::mem::replace(&mut self.asked, true) {
            self.call.tell(News::Asked { name: introduced.name });
        }
        Ok(connection)
    }

    /// Asks for the hash alone of what may be there already; where it is, when it is the same.
    fn compare(&self, wire: &mut Wire<'_>) -> Result<PathBuf, Miss> {
        let Some((file, length)) = &self.twin else { return Err(Miss::Other) };
        let line = wire.line_within(TURN)?;
        let size = match Answer::parse(&line) {
            Answer::Refused(PeerRefusal::BeyondEnd { .. }) => return Err(Miss::Other),
            _ => self.size(&line)?,
        };
        if size != *length {
            return Err(Miss::Other);
        }
        let hash = self.hash_line(wire, size)?;
        let ours = self.shelf.hashes.of(file, &mut |_| !self.call.is_given_up());
        match ours {
            Ok(None) => Err(Miss::Cancelled),
            Ok(Some(ours)) if ours == hash => Ok(self.place.shown(self.file.as_str())),
            // One that we cannot read is another one to us.
            Ok(Some(_)) | Err(_) => Err(Miss::Other),
        }
    }

    fn receive(&mut self, wire: &mut Wire<'_>) -> Result<(), Miss> {
        let size = self.size(&wire.line_within(TURN)?)?;
        self.begin(size)?;
        self.copy(wire)?;
        let hash = self.hash_line(wire, size)?;
        let ours = match &self.part {
            Some(part) => part.hash(&mut |_| !self.call.is_given_up())?,
            None => None,
        };
        match ours {
            None => Err(Miss::Cancelled),
            Some(ours) if ours == hash => Ok(()),
            Some(_) => Err(Miss::Anew("what arrived is not what its hash says: the file has changed".to_owned())),
        }
    }

    /// The size, from the first line.
    fn size(&self, line: &str) -> Result<u64, Miss> {
        match Answer::parse(line) {
            Answer::Ok(size) => {
                size.trim().parse().map_err(|_| Miss::Failed(format!("{size:?} is not the size of a file")))
            }
            Answer::Refused(why) if why.try_again() => Err(Miss::Again(why.to_string())),
            // It has become shorter than our part. Nothing is thrown away before the first byte comes.
            Answer::Refused(why) if why.begin_anew() && self.offset() > 0 => Err(Miss::Anew(why.to_string())),
            Answer::Refused(why) => Err(Miss::Failed(why.to_string())),
            Answer::Unknown(line) => Err(Miss::Failed(format!("no answer but {line}"))),
        }
    }

    fn hash_line(&self, wire: &mut Wire<'_>, size: u64) -> Result<FileHash, Miss> {
        let hashing = Duration::from_secs((size / HASHING).min(LONGEST_HASHING));
        let line = wire.line_within(self.shelf.stall + hashing)?;
        if let Answer::Refused(why) = Answer::parse(&line) {
            return Err(Miss::Anew(why.to_string()));
        }
        line.parse().map_err(|_| Miss::Failed("the file came without its hash".to_owned()))
    }

    /// Makes the part ready for the bytes behind our offset.
    fn begin(&mut self, size: u64) -> Result<(), Miss> {
        let offset = self.offset();
        let changed = self.part.as_ref().is_some_and(|part| part.size() != size || part.length() > size);
        if changed && offset > 0 {
            return Err(Miss::Anew("the file has changed".to_owned()));
        }
        match &mut self.part {
            Some(part) if self.anew || changed => part.restart(size)?,
            Some(_) => {}
            None => {
                self.check_room(size)?;
                self.part = Some(Part::create(&self.place, &self.origin, size)?);
            }
        }
        self.anew = false;
        if let Some(part) = &self.part {
            match part.reserve() {
                Err(full) if full.is_full() => self.check_room(size - offset).and(Err(full.into()))?,
                Err(other) => return Err(other.into()),
                Ok(true) => {}
                Ok(false) => self.check_room(size - offset)?,
            }
        }
        if self.begun.is_none() {
            self.begun = Some(offset);
            self.teller.step(Stage::Begun { size, offset });
        }
        Ok(())
    }

    /// Refuses what the disk cannot hold before anything is written. Where the system does not know, the write tells.
    fn check_room(&self, needed: u64) -> Result<(), Miss> {
        match self.place.room() {
            Some(free) if needed > free => Err(Miss::Failed(self.place.no_room(needed, free))),
            _ => Ok(()),
        }
    }

    /// Takes bytes until all are there: no more, whatever the owner sends.
    fn copy(&mut self, wire: &mut Wire<'_>) -> Result<(), Cut> {
        let Fetch { teller, part: Some(part), .. } = self else { return Ok(()) };
        let (size, mut done) = (part.size(), part.length());
        part.fill::<Cut>(&mut |into| {
            let read = wire.read(into)?;
            done += read as u64;
            teller.progress(done, size, 1, 1);
            Ok(read)
        })
    }
}
