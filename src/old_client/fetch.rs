//! Fetching one file: from what is there already to the whole file, over as many connections as it takes.

use super::desk::Desk;
use super::event::Event;
use super::fetches::Job;
use super::link::LinkError;
use super::part::{Origin, Part};
use super::peer::{self, Heard, Introduced, Introduction, PeerLines};
use super::transfer::Stage;
use crate::peer_protocol::{Answer, FileHash, Opening};
use crate::protocol::{MemberRequest, Reply, Request};
use crate::value::Address;
use crate::value::Size;
use crate::value::duration;
use nix::sys::statvfs::statvfs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long the owner may have others before us in line, and a little for the way.
const TURN: Duration = Duration::from_secs(75);
/// How slowly the owner may hash what we have already, in bytes a second; it says nothing meanwhile.
const HASHING: u64 = 32 << 20;
/// How long it may hash at the most.
const LONGEST_HASHING: u64 = 3600;
/// The first pause before another try, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));
/// Tries that bring nothing, one after the other, before it is given up: 12 s of pauses.
const MAX_TRIES: u32 = 8;
/// How often a file that changes meanwhile is begun anew.
const MAX_ANEW: u32 = 2;
/// Programs are told how far it is so often, people so seldom.
const OFTEN: Duration = Duration::from_millis(300);
const SELDOM: Duration = Duration::from_secs(10);

/// How a connection ended that did not bring the whole file. The text is for people.
enum Cut {
    /// Another one may bring more.
    Again(String),
    /// What is there belongs to another version of the file: another connection must begin at its first byte.
    Anew(String),
    /// Another one would bring nothing either.
    Failed(String),
}

/// A sentence about our own side ends a fetch.
impl From<String> for Cut {
    fn from(why: String) -> Cut {
        Cut::Failed(why)
    }
}

/// Fetches a file, and shows how it goes; how it ended is for the caller to show.
pub fn run(desk: &Desk, job: &Job) -> Stage {
    let began = Instant::now();
    let outcome = Fetch::new(desk, job).whole();
    match outcome {
        Ok((saved, size)) => {
            if let Some(share) = &desk.files.share {
                share.look_again();
            }
            Stage::Whole { size, took: began.elapsed(), saved: Some(saved) }
        }
        Err(_) if job.stop.is_triggered() => Stage::Cancelled { done: job.transfer.done() },
        Err(why) => Stage::Failed { why },
    }
}

/// A fetch under way.
struct Fetch<'a> {
    desk: &'a Desk,
    job: &'a Job,
    origin: Origin,
    part: Option<Part>,
    /// Whether what is in the part is of no use.
    anew: bool,
    /// Whether the owner has ever answered with the file: then it is worth trying again when it cannot be reached.
    begun: bool,
    shown: Shown,
}

/// When progress was shown.
struct Shown {
    often: Instant,
    seldom: Instant,
}

impl<'a> Fetch<'a> {
    fn new(desk: &'a Desk, job: &'a Job) -> Fetch<'a> {
        let origin = Origin { from: job.transfer.with.clone(), file: job.transfer.file.clone() };
        let now = Instant::now();
        let shown = Shown { often: now, seldom: now };
        Fetch { desk, job, origin, part: None, anew: false, begun: false, shown }
    }

    /// Where the file is in the end, and its size.
    fn whole(mut self) -> Result<(PathBuf, u64), String> {
        let go_on = || !self.job.stop.is_triggered();
        self.part = Part::find(&self.desk.files.downloads, &self.origin, go_on)?;
        let (mut pause, mut tries, mut times_anew) = (PAUSES.0, 0, 0);
        loop {
            let before = self.length();
            let Err(cut) = self.connection() else { break };
            if self.length() > before {
                (pause, tries) = (PAUSES.0, 0);
            }
            match cut {
                Cut::Failed(why) => return Err(why),
                Cut::Anew(why) if times_anew == MAX_ANEW => return Err(why),
                Cut::Again(why) if tries == MAX_TRIES => return Err(why),
                Cut::Anew(why) => {
                    log::info!("{} from {}: {why}, from the beginning", self.origin.file, self.origin.from);
                    self.anew = true;
                    times_anew += 1;
                }
                Cut::Again(why) => {
                    log::info!("{} from {}: {why}, trying again", self.origin.file, self.origin.from);
                    tries += 1;
                    if self.job.stop.wait(pause) {
                        return Err(why);
                    }
                    pause = PAUSES.1.min(pause * 2);
                }
            }
        }
        let part = self.part.take().ok_or("nothing arrived")?;
        let size = part.length();
        Ok((part.keep()?, size))
    }

    fn length(&self) -> u64 {
        self.part.as_ref().map_or(0, Part::length)
    }

    /// Takes what one connection brings.
    fn connection(&mut self) -> Result<(), Cut> {
        let introduced = self.introduction()?;
        let mut lines = self.dial(&introduced)?;
        let result = self.receive(&mut lines);
        // Only now: a stop that came before has found the connection and closed it.
        self.job.detach();
        result
    }

    fn introduction(&self) -> Result<Introduced, Cut> {
        let wanted = Request::Member(MemberRequest::Connect(Address::Name(self.origin.from.clone())));
        match peer::introduce(self.desk, &wanted) {
            Ok(Introduction::To(introduced)) => Ok(introduced),
            Ok(Introduction::Refused(why) | Introduction::Relayed(why)) => Err(self.unreachable(why)),
            Err(error @ (LinkError::Lost | LinkError::Silent)) => Err(Cut::Again(error.to_string())),
            Err(error) => Err(self.unreachable(error.to_string())),
        }
    }

    /// A peer that cannot be reached: no use at the start, but it may come back in the middle.
    fn unreachable(&self, why: String) -> Cut {
        if self.begun { Cut::Again(why) } else { Cut::Failed(why) }
    }

    fn dial(&self, to: &Introduced) -> Result<PeerLines, Cut> {
        let name = self.desk.name().ok_or_else(|| Cut::Failed("not logged in".to_owned()))?;
        let filename = self.origin.file.to_string();
        let opening = Opening::File { filename, name, ticket: Some(to.ticket), offset: self.offset() };
        let dialled = peer::dial(to, &opening, "");
        let lines = dialled.map_err(|error| self.unreachable(format!("not reachable at {}: {error}", to.address)))?;
        self.job.attach(&lines.stream);
        Ok(lines)
    }

    fn offset(&self) -> u64 {
        if self.anew { 0 } else { self.length() }
    }

    fn receive(&mut self, lines: &mut PeerLines) -> Result<(), Cut> {
        lines.set_limit(Some(TURN));
        let size = self.answer(&hear(lines)?)?;
        self.begin(size)?;
        self.copy(lines)?;
        let hashing = Duration::from_secs((size / HASHING).min(LONGEST_HASHING));
        lines.set_limit(Some(self.desk.files.stall + hashing));
        let line = hear(lines)?;
        if let Reply::Err(why) = Reply::parse(&line) {
            return Err(Cut::Anew(why.to_string()));
        }
        let hash: FileHash = line.parse().map_err(|_| Cut::Failed("the file came without its hash".to_owned()))?;
        if self.part.as_ref().is_some_and(|part| part.hash() == hash) {
            Ok(())
        } else {
            Err(Cut::Anew("what arrived is not what its hash says: the file has changed".to_owned()))
        }
    }

    /// The size, from the first line.
    fn answer(&self, line: &str) -> Result<u64, Cut> {
        match Answer::parse(line) {
            Answer::Ok(size) => {
                size.trim().parse().map_err(|_| Cut::Failed(format!("{size:?} is not the size of a file")))
            }
            Answer::Refused(why) if why.try_again() => Err(Cut::Again(why.to_string())),
            // It has become shorter than our part. Nothing is thrown away before the first byte comes.
            Answer::Refused(why) if why.begin_anew() && self.offset() > 0 => Err(Cut::Anew(why.to_string())),
            Answer::Refused(why) => Err(Cut::Failed(why.to_string())),
            Answer::Unknown(line) => Err(Cut::Failed(format!("no answer but {line}"))),
        }
    }

    /// Makes the part ready for the bytes behind our offset.
    fn begin(&mut self, size: u64) -> Result<(), Cut> {
        let offset = self.offset();
        let changed = self.part.as_ref().is_some_and(|part| part.size() != size || part.length() > size);
        if changed && offset > 0 {
            return Err(Cut::Anew("the file has changed".to_owned()));
        }
        let folder = &self.desk.files.downloads;
        check_room(folder, size.saturating_sub(offset)).map_err(Cut::Failed)?;
        match &mut self.part {
            Some(part) if self.anew || changed => part.restart(size).map_err(Cut::Failed)?,
            Some(_) => {}
            None => self.part = Some(Part::create(folder, &self.origin, size).map_err(Cut::Failed)?),
        }
        self.anew = false;
        self.job.transfer.set(offset, size);
        if !self.begun {
            self.begun = true;
            self.desk.screen.show(Event::Transfer(self.job.transfer.step(Stage::Begun { size, offset })));
        }
        Ok(())
    }

    /// Takes bytes until all are there: no more, whatever the owner sends.
    fn copy(&mut self, lines: &mut PeerLines) -> Result<(), Cut> {
        let Fetch { desk, job, part: Some(part), shown, .. } = self else { return Ok(()) };
        let (stall, size, mut done) = (desk.files.stall, part.size(), part.length());
        part.fill::<Cut>(&mut |into| {
            job.transfer.set(done, size);
            shown.progress(desk, job);
            lines.set_limit(Some(stall));
            let read = receive(lines, into, stall)?;
            done += read as u64;
            Ok(read)
        })?;
        job.transfer.set(size, size);
        Ok(())
    }
}

/// The next bytes, at least one.
fn receive(lines: &mut PeerLines, into: &mut [u8], stall: Duration) -> Result<usize, Cut> {
    loop {
        match lines.reader.bytes().read(into) {
            Ok(0) => return Err(Cut::Again("the connection has ended".to_owned())),
            Ok(read) => return Ok(read),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                return Err(Cut::Again(format!("nothing arrived for {}", duration::show(stall))));
            }
            Err(error) => return Err(Cut::Again(error.to_string())),
        }
    }
}

/// The next line. Whoever sends something else is no better next time.
fn hear(lines: &mut PeerLines) -> Result<String, Cut> {
    match lines.hear() {
        Heard::Line(line) => Ok(line),
        Heard::NoLine(bad) => Err(Cut::Failed(bad.to_string())),
        Heard::Lost(error) if error.kind() == io::ErrorKind::InvalidData => Err(Cut::Failed(error.to_string())),
        Heard::Lost(error) => Err(Cut::Again(error.to_string())),
        Heard::End => Err(Cut::Again("the connection has ended".to_owned())),
        Heard::Nothing => Err(Cut::Again("no answer in time".to_owned())),
    }
}

impl Shown {
    /// Shows how far it is when that is due.
    fn progress(&mut self, desk: &Desk, job: &Job) {
        let now = Instant::now();
        if now - self.often < OFTEN {
            return;
        }
        self.often = now;
        let mut step = job.transfer.standing();
        if let Stage::Progress { seldom, .. } = &mut step.stage {
            *seldom = now - self.seldom >= SELDOM;
            if *seldom {
                self.seldom = now;
            }
        }
        // The bytes do not wait for a screen that is held.
        desk.screen.show_if_room(Event::Transfer(step));
    }
}

/// Refuses what the disk cannot hold before anything is written.
fn check_room(folder: &Path, needed: u64) -> Result<(), String> {
    // Where the system does not know, the write will tell.
    let Ok(disk) = statvfs(folder) else { return Ok(()) };
    let free = disk.blocks_available().saturating_mul(disk.fragment_size());
    if needed <= free {
        return Ok(());
    }
    Err(format!("needs {}, and {} has {} free", Size(needed), folder.display(), Size(free)))
}
