//! How a session is reached by the others, and how broadcasts get to everybody.
//!
//! Nothing here knows what a session asks, or who is in the client map.

mod mailbox;
mod outbox;
mod owed;
mod packs;
mod presence;
mod broadcaster;

pub use broadcaster::{Broadcaster, Left, MAX_WRITE};
pub use mailbox::{Mailbox, Parcel};
pub use outbox::Outbox;
pub use owed::Owed;
pub use presence::Presence;
