//! How a session is reached by the others, and how broadcasts get to everybody.
//!
//! Nothing here knows what a session asks, or who is in the client map.

mod mailbox;
mod outbox;
mod owed;
mod packs;
mod presence;
mod flight;
mod round;
mod recipient;
mod transmitter;
mod broadcaster;

pub use broadcaster::Broadcaster;
#[cfg(test)]
pub use mailbox::Nobody;
pub use mailbox::{Mailbox, Parcel};
pub use outbox::Outbox;
pub use owed::Owed;
pub use presence::Presence;
pub use recipient::{Left, MAX_WRITE};
