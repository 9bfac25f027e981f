//! The thread that touches files for the App, so that a slow disk holds up nothing else for long. It knows no file
//! itself.

use super::threads::Threads;
use crate::client::call::Signals;
use crate::client::event::{Event, Line};
use crate::value::Username;
use std::io;
use std::iter;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

/// Orders that wait for a slow disk at most: those of four full batches of the runner. The thread takes all of them
/// at once, so as many are in its hands.
const MAX_ORDERS: usize = 1024;
/// How long the runner waits for room for a line of a talk, once a spell of a slow disk. Who sends many lines is so
/// slowed down to what the disk takes, and the person waits no longer than this for a key.
const WAIT: Duration = Duration::from_millis(500);

/// What is done with files. It may wait for the disk.
pub trait Scribe: Send {
    /// Remembers a typed line between runs.
    fn remember(&mut self, line: &str);

    /// Writes lines of talks, in their order, each to the file of the person.
    fn log(&mut self, lines: Vec<(Username, Line)>);

    /// Keeps between runs whether a person is blocked.
    ///
    /// # Errors
    /// A sentence that names the file.
    fn block(&mut self, name: &Username, is_blocked: bool) -> Result<(), String>;

    /// The paths that begin like this.
    fn paths(&mut self, begin: &str) -> Vec<String>;
}

/// One thing to do.
pub enum ScribeOrder {
    /// [`Scribe::remember`].
    Remember(String),
    /// [`Scribe::log`].
    Log(Username, Line),
    /// [`Scribe::block`].
    Block(Username, bool),
    /// [`Scribe::paths`] for the question of this number.
    Paths(u64, String),
}

/// The way to the thread.
pub struct ScribeMailbox {
    orders: SyncSender<ScribeOrder>,
    /// Told when the thread has taken what waited.
    room: Receiver<()>,
    /// How long is waited for room.
    wait: Duration,
    /// What was left out since the disk is too slow.
    lost: u64,
}

impl ScribeMailbox {
    /// Starts the thread. It ends with this, when everything is written.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(scribe: Box<dyn Scribe>, signals: Signals, threads: &mut Threads) -> io::Result<ScribeMailbox> {
        let (sender, orders) = sync_channel(MAX_ORDERS);
        let (taken, room) = sync_channel(1);
        threads.start("scribe", move || write(scribe, &orders, &taken, &signals))?;
        Ok(ScribeMailbox { orders: sender, room, wait: WAIT, lost: 0 })
    }

    /// Gives an order. A line of a talk waits a little for room. What a slow disk leaves no room for is left out, which
    /// is logged once until there is room again; a question is then answered by what is given back.
    pub fn order(&mut self, order: ScribeOrder) -> Option<Event> {
        let order = match self.orders.try_send(order) {
            Ok(()) => {
                self.tell_lost();
                return None;
            }
            Err(TrySendError::Full(order) | TrySendError::Disconnected(order)) => order,
        };
        let left_out = match order {
            // An empty list is no loss, and another key asks again.
            ScribeOrder::Paths(ask, _) => return Some(Event::Paths { ask, found: Vec::new() }),
            // Who has waited in vain does not wait for each line.
            ScribeOrder::Log(..) | ScribeOrder::Block(..) if self.lost == 0 => !self.order_in_time(order),
            ScribeOrder::Log(..) | ScribeOrder::Block(..) | ScribeOrder::Remember(_) => true,
        };
        if left_out {
            if self.lost == 0 {
                log::warn!("the disk is too slow: lines are not written down");
            }
            self.lost += 1;
        }
        None
    }

    /// Waits until there is room for the order; false when there is none in time.
    fn order_in_time(&self, mut order: ScribeOrder) -> bool {
        let until = Instant::now() + self.wait;
        loop {
            // What was told before may be of room that is filled again.
            let told = self.room.recv_timeout(until.saturating_duration_since(Instant::now()));
            order = match self.orders.try_send(order) {
                Ok(()) => return true,
                Err(TrySendError::Full(order) | TrySendError::Disconnected(order)) => order,
            };
            if told.is_err() {
                return false;
            }
        }
    }

    /// The disk is not too slow any more, or the client is over.
    fn tell_lost(&mut self) {
        if self.lost > 0 {
            log::warn!("the disk was too slow: {} lines are not written down", self.lost);
            self.lost = 0;
        }
    }
}

impl Drop for ScribeMailbox {
    fn drop(&mut self) {
        self.tell_lost();
    }
}

fn write(mut scribe: Box<dyn Scribe>, orders: &Receiver<ScribeOrder>, taken: &SyncSender<()>, signals: &Signals) {
    while let Ok(first) = orders.recv() {
        let batch: Vec<_> = iter::once(first).chain(orders.try_iter().take(MAX_ORDERS)).collect();
        // It is told already when this finds no room.
        let _ = taken.try_send(());
        let mut lines = Vec::new();
        for order in batch {
            match order {
                ScribeOrder::Remember(line) => scribe.remember(&line),
                ScribeOrder::Log(with, line) => lines.push((with, line)),
                ScribeOrder::Block(name, is_blocked) => {
                    if let Err(why) = scribe.block(&name, is_blocked) {
                        log::warn!("{name}: that holds for this run alone: {why}");
                    }
                }
                ScribeOrder::Paths(ask, begin) => {
                    let found = scribe.paths(&begin);
                    // What is still to be written is written also when the client is over.
                    signals.event(Event::Paths { ask, found });
                }
            }
        }
        if !lines.is_empty() {
            scribe.log(lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::event::{Place, Shown};
    use std::sync::mpsc::{Sender, channel};
    use std::time::SystemTime;

    fn said(text: String) -> ScribeOrder {
        let to: Username = "bob".parse().expect("valid");
        let shown = Shown::Said { to: to.clone(), text };
        let line = Line { home: Place::Person(to.clone()), time: SystemTime::UNIX_EPOCH, shown, request: None };
        ScribeOrder::Log(to, line)
    }

    /// A disk that takes everything at once.
    struct Disk(Sender<String>);

    impl Scribe for Disk {
        fn remember(&mut self, _: &str) {}

        fn log(&mut self, lines: Vec<(Username, Line)>) {
            for (_, line) in lines {
                let Shown::Said { text, .. } = line.shown else { panic!("nothing else is said") };
                self.0.send(text).expect("the test listens");
            }
        }

        fn block(&mut self, _: &Username, _: bool) -> Result<(), String> {
            Ok(())
        }

        fn paths(&mut self, _: &str) -> Vec<String> {
            Vec::new()
        }
    }

    #[test]
    fn a_flood_of_lines_is_written_whole() {
        let ((written, lines), mut threads) = (channel(), Threads::new(&Default::default()));
        let (signals, _receiver) = Signals::new(1);
        let mut mailbox = ScribeMailbox::start(Box::new(Disk(written)), signals, &mut threads).expect("a thread");
        // The machine may be busy, and the disk is no slower by that.
        mailbox.wait = Duration::from_secs(30);
        for number in 0..20_000 {
            assert_eq!(mailbox.order(said(number.to_string())), None);
        }
        drop(mailbox);
        assert!(lines.iter().eq((0..20_000).map(|number| number.to_string())));
        assert!(threads.join(Duration::from_secs(30)).is_empty());
    }

    #[test]
    fn what_finds_no_room_is_counted_until_there_is_room() {
        let (orders, waiting) = sync_channel(1);
        let (_taken, room) = sync_channel(1);
        let mut mailbox = ScribeMailbox { orders, room, wait: Duration::ZERO, lost: 0 };
        assert!((0..4).all(|number| mailbox.order(said(number.to_string())).is_none()));
        assert_eq!(mailbox.lost, 3);
        let asked = ScribeOrder::Paths(7, "no".to_owned());
        assert_eq!(mailbox.order(asked), Some(Event::Paths { ask: 7, found: Vec::new() }));
        assert!(matches!(waiting.try_recv(), Ok(ScribeOrder::Log(..))));
        mailbox.order(said("again".to_owned()));
        assert_eq!(mailbox.lost, 0);
        assert!(matches!(waiting.try_recv(), Ok(ScribeOrder::Log(..))));
    }
}
