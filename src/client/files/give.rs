//! Giving files to a peer: the offering side of `GIVE`.

use super::hashes::Hashes;
use super::part::FileError;
use super::place::open_regular;
use super::source::Source;
use super::teller::Teller;
use super::walk::{self, Gift, Item, Left};
use super::wire::{Cut, Wire, is_further};
use crate::client::call::{Call, Watch};
use crate::client::event::{CallError, Introduced, News, Stage, Way};
use crate::client::peer::{PeerConnection, dial};
use crate::peer_protocol::{AfterRefusal, GiverLine, Opening, PeerRefusal, ReceiverLine};
use crate::protocol::MAX_LINE;
use crate::value::{Address, Username};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What is to be given.
pub struct Offer {
    /// To whom.
    pub to: Username,
    /// As the person typed them.
    pub paths: Vec<PathBuf>,
    /// How long the answer may take.
    pub answer: Duration,
}

/// Offers files, and gives them when the peer agrees; tells how it goes, up to how it ended. `stall` is how long no
/// byte may be taken.
pub fn run(call: &Call, offer: Offer, hashes: &Hashes, stall: Duration) {
    let Offer { to, paths, answer } = offer;
    let gift = match Gift::collect(&paths, walk::home().as_deref(), &|| call.is_given_up()) {
        Ok(gift) => gift,
        Err(why) => {
            let typed = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ");
            let cancelled = call.is_given_up();
            let stage = if cancelled { Stage::Cancelled { done: 0 } } else { Stage::Failed { why, done: 0 } };
            return Teller::new(call, Way::Give, to, typed).step(stage);
        }
    };
    let teller = Teller::new(call, Way::Give, to.clone(), gift.what.to_string());
    for Left { path, why, is_missed } in &gift.left_out.named {
        teller.step(Stage::LeftOut { file: path.clone(), why: why.clone(), missed: *is_missed });
    }
    if gift.left_out.more > 0 {
        let file = format!("{} more", gift.left_out.more);
        let (why, missed) = ("links, hidden files and the like".to_owned(), gift.left_out.more_missed);
        teller.step(Stage::LeftOut { file, why, missed });
    }
    let connection = match offered(call, to, &gift, answer) {
        Ok(connection) => connection,
        Err(error) => return teller.step(refused(error)),
    };
    let wire = Wire::new(call, connection, stall, Watch::HalfClose);
    Giving { teller, wire, hashes, gift: &gift, promised: 0, given: None, done: 0, there: 0 }.run();
}

/// Asks the peer, and waits for its yes.
fn offered(call: &Call, to: Username, gift: &Gift, answer: Duration) -> Result<PeerConnection, CallError> {
    let count = u32::try_from(gift.items.len()).unwrap_or(u32::MAX);
    let opening = |to: &Introduced| {
        let (what, bytes) = (gift.what.clone(), gift.bytes);
        let opening = Opening::Give { what, bytes, count, name: to.me.clone(), ticket: to.ticket_field() };
        if opening.to_string().len() >= MAX_LINE {
            return Err(CallError::Ours(format!("its name is too long for a line of {MAX_LINE} bytes")));
        }
        Ok(opening)
    };
    let (introduced, mut connection) = dial::open(call, Address::Name(to), opening, "")?;
    call.tell(News::Asked { name: introduced.name });
    match dial::answer(call, &mut connection, answer) {
        Ok(_) => Ok(connection),
        Err(error) => {
            // The peer is not to be asked any longer.
            connection.abort();
            Err(error)
        }
    }
}

fn refused(error: CallError) -> Stage {
    match error {
        CallError::Cancelled => Stage::Cancelled { done: 0 },
        CallError::Refused(why) => Stage::Refused { why: why.to_string() },
        other => Stage::Failed { why: other.to_string(), done: 0 },
    }
}

/// A gift that flows.
struct Giving<'a> {
    teller: Teller<'a>,
    wire: Wire<'a>,
    hashes: &'a Hashes,
    gift: &'a Gift,
    /// The sizes of all items that were sent.
    promised: u64,
    /// The bytes of all files that the receiver has as a whole; `None` while it has none.
    given: Option<u64>,
    /// The bytes that the receiver has.
    done: u64,
    /// Those of them that were there before.
    there: u64,
}

/// What became of an item.
enum Fate {
    Given,
    LeftOut(String),
    Again(String),
}

impl Giving<'_> {
    fn run(mut self) {
        let (began, size) = (Instant::now(), self.gift.bytes);
        self.teller.step(Stage::Begun { size, offset: 0 });
        let stage = match self.give().map_err(|cut| self.last_word(cut)) {
            Ok(()) => match self.given {
                Some(size) => Stage::Whole { size, there: self.there, took: began.elapsed(), saved: None },
                None => Stage::Failed { why: "no file was taken".to_owned(), done: 0 },
            },
            Err(cut) => cut.stage(self.done),
        };
        let Giving { teller, wire, .. } = self;
        if matches!(stage, Stage::Cancelled { .. }) {
            // The receiver is to notice it at once.
            wire.abort();
        }
        teller.step(stage);
    }

    /// A receiver that has ended the gift may have said why before it closed.
    fn last_word(&mut self, cut: Cut) -> Cut {
        let Cut::Lost(_) = &cut else { return cut };
        while let Ok(line) = self.wire.line_within(Duration::ZERO) {
            if let Ok(ReceiverLine::Refused { then: AfterRefusal::End, why }) = ReceiverLine::parse(&line) {
                return Cut::Peer(why);
            }
        }
        cut
    }

    fn give(&mut self) -> Result<(), Cut> {
        for (number, item) in self.gift.items.iter().enumerate() {
            let (promised, before) = (self.promised, self.done);
            let fate = match self.item(number + 1, item)? {
                Fate::Again(_) => {
                    (self.promised, self.done) = (promised, before);
                    self.item(number + 1, item)?
                }
                fate => fate,
            };
            if let Fate::LeftOut(why) | Fate::Again(why) = fate {
                self.done = before;
                self.teller.step(Stage::LeftOut { file: item.path.to_string(), why, missed: true });
            }
        }
        self.wire.say(GiverLine::End)?;
        self.answer().map(|_| ())
    }

    fn item(&mut self, number: usize, item: &Item) -> Result<Fate, Cut> {
        let mut source = match open(&item.source, self.hashes) {
            Ok(source) => source,
            Err(error) => return Ok(Fate::LeftOut(error.to_string())),
        };
        let size = source.size();
        // COUNT and BYTES bind.
        match self.promised.checked_add(size) {
            Some(promised) if promised <= self.gift.bytes => self.promised = promised,
            _ => return Ok(Fate::LeftOut("has grown since it was offered".to_owned())),
        }
        self.wire.say(GiverLine::Item { path: item.path.clone(), size })?;
        let offset = match self.answer()? {
            Ok(offset) => offset.parse().ok().filter(|offset| *offset <= size),
            Err(fate) => return Ok(fate),
        };
        let offset = offset.ok_or_else(|| Cut::Peer("its answer is not OK,OFFSET".to_owned()))?;
        let early = self.send(&mut source, offset, number)?;
        match source.hash(&self.wire, self.hashes, true)? {
            Some(hash) => self.wire.say(GiverLine::Hash(hash))?,
            None => self.wire.say(GiverLine::Failed(PeerRefusal::HasChanged(item.path.to_string())))?,
        }
        let answer = match early {
            Some(early) => early,
            None => self.answer()?,
        };
        Ok(match answer {
            Ok(_) => {
                self.given = Some(self.given.unwrap_or_default() + size);
                self.there += offset;
                Fate::Given
            }
            Err(fate) => fate,
        })
    }

    /// Sends the bytes. What the receiver answers meanwhile is returned: they are promised, and go on.
    fn send(&mut self, source: &mut Source, offset: u64, number: usize) -> Result<Option<Result<String, Fate>>, Cut> {
        let Giving { teller, wire, gift, done, .. } = self;
        let (before, count) = (*done, gift.items.len());
        *done = before + offset;
        let mut early = None;
        source.send(wire, offset, &mut |wire, sent| {
            *done = before + sent;
            teller.progress(*done, gift.bytes, number, count);
            if early.is_none() && wire.has_more() {
                early = Some(answer(wire)?);
            }
            Ok(())
        })?;
        Ok(early)
    }

    fn answer(&mut self) -> Result<Result<String, Fate>, Cut> {
        answer(&mut self.wire)
    }
}

/// The receiver's answer: what stands behind `OK,`, or what becomes of the item.
fn answer(wire: &mut Wire<'_>) -> Result<Result<String, Fate>, Cut> {
    let mut hashed = None;
    loop {
        match ReceiverLine::parse(&wire.line()?).map_err(|bad| Cut::Peer(bad.to_string()))? {
            ReceiverLine::Hashing(done) if is_further(&mut hashed, done) => {}
            ReceiverLine::Hashing(_) => return Err(Cut::Peer("it hashes and comes no further".to_owned())),
            ReceiverLine::Ok(fields) => return Ok(Ok(fields)),
            ReceiverLine::Refused { then: AfterRefusal::Skip, why } => return Ok(Err(Fate::LeftOut(why))),
            ReceiverLine::Refused { then: AfterRefusal::Again, why } => return Ok(Err(Fate::Again(why))),
            ReceiverLine::Refused { then: AfterRefusal::End, why } => return Err(Cut::Peer(why)),
        }
    }
}

fn open(path: &Path, hashes: &Hashes) -> Result<Source, FileError> {
    let file = open_regular(path).map_err(|error| FileError::new(path, error))?;
    Source::new(file, path, hashes)
}
