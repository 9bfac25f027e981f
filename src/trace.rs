//! What both programs record of what happens at their sockets: `--trace FILE`, and `server --show` for a class.
//!
//! Off by default. Secrets are hidden before an event is made; docs/TRACE.md has its fields.

mod event;
mod mask;
mod packet_mask;
mod peer_mask;
mod known;
mod json;
mod meaning;
mod projector;
mod output;
mod recorder;
mod wire;

pub use event::{Datagram, Event, Fate, NotMade};
pub use mask::{Expected, ServerMask};
pub use output::Output;
pub use projector::Projector;
pub use recorder::{RunningThread, Sinks, Trace};
pub use wire::Wire;
