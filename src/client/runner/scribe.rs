//! The thread that touches files for the App, so that a slow disk holds up nothing else. It knows no file itself.

use super::threads::Threads;
use crate::client::call::Signals;
use crate::client::event::{Event, Line};
use crate::value::Username;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

/// Orders that wait for a slow disk at most.
const MAX_ORDERS: usize = 256;

/// What is done with files. It may wait for the disk.
pub trait Scribe: Send {
    /// Remembers a typed line between runs.
    fn remember(&mut self, line: &str);

    /// Writes a line of a talk to its file.
    fn log(&mut self, with: &Username, line: &Line);

    /// The paths that begin like this.
    fn paths(&mut self, begin: &str) -> Vec<String>;
}

/// One thing to do.
pub enum ScribeOrder {
    /// [`Scribe::remember`].
    Remember(String),
    /// [`Scribe::log`].
    Log(Username, Line),
    /// [`Scribe::paths`] for the question of this number.
    Paths(u64, String),
}

/// The way to the thread.
pub struct ScribeMailbox(SyncSender<ScribeOrder>);

impl ScribeMailbox {
    /// Starts the thread. It ends with this, when everything is written.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(scribe: Box<dyn Scribe>, signals: Signals, threads: &mut Threads) -> io::Result<ScribeMailbox> {
        let (sender, orders) = sync_channel(MAX_ORDERS);
        threads.start("scribe", move || write(scribe, &orders, &signals))?;
        Ok(ScribeMailbox(sender))
    }

    /// Gives an order. One for which a slow disk leaves no room is left out, and a question is then answered by what
    /// is given back.
    pub fn order(&self, order: ScribeOrder) -> Option<Event> {
        let left_out = self.0.try_send(order).err()?;
        let (TrySendError::Full(order) | TrySendError::Disconnected(order)) = left_out;
        match order {
            ScribeOrder::Paths(ask, _) => Some(Event::Paths { ask, found: Vec::new() }),
            ScribeOrder::Remember(_) | ScribeOrder::Log(..) => {
                log::warn!("the disk is too slow: a line is not written");
                None
            }
        }
    }
}

fn write(mut scribe: Box<dyn Scribe>, orders: &Receiver<ScribeOrder>, signals: &Signals) {
    for order in orders {
        match order {
            ScribeOrder::Remember(line) => scribe.remember(&line),
            ScribeOrder::Log(with, line) => scribe.log(&with, &line),
            ScribeOrder::Paths(ask, begin) => {
                let found = scribe.paths(&begin);
                // What is still to be written is written also when the client is over.
                signals.event(Event::Paths { ask, found });
            }
        }
    }
}
