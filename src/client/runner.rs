//! What carries out the App's effects and brings it events: sockets, threads, the terminal. It alone sees all of the
//! client, and decides nothing.

mod stop;
mod decider;
mod threads;
mod panic_told;
mod pin;
mod link;
mod datagrams;
mod calls;
mod incoming;
mod scribe;
mod interface;
mod hands;
mod event_loop;

pub use decider::Decider;
pub use event_loop::{Over, ROOM, Runner};
pub use hands::{Settings, Watch};
pub use interface::{Full, Interface, Output, Screen};
pub use pin::{Pin, no_tls};
pub use scribe::Scribe;
pub use stop::Stop;
