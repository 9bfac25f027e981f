//! What carries out the App's effects and brings it events: sockets, threads, the terminal. It alone sees all of the
//! client, and decides nothing.

mod stop;
mod rules;
mod threads;
mod link;
mod datagrams;
mod calls;
mod incoming;
mod scribe;
mod face;
mod hands;
mod event_loop;

pub use datagrams::Datagrams;
pub use event_loop::{Over, ROOM, Runner};
pub use face::{Face, Full, Output, Screen};
pub use hands::{Hands, Settings, Watcher};
pub use rules::Rules;
pub use scribe::Scribe;
pub use stop::Stop;
