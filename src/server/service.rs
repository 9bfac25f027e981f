//! What the server does for its clients, whichever dialect they speak: a session calls it and words the result.
//!
//! Here the stores, the client map and the deliveries are tied together. No client's connection is known: what reaches
//! another client goes through its mailbox, after every lock is released.

mod apart;
mod rendezvous;
mod enter;
mod broadcast;
mod bans;
mod guests;
mod sign_up;
mod passwords;
mod house;
mod again;
mod login;
mod lost;
mod probe;
mod watch;
mod member;

pub use again::Again;
pub use house::{Closed, Statistic};
pub use login::{LoginState, TimeIsUp};
pub use member::{Answered, MENU, answer, broadcast, files_lines, is, write, write_list};
pub use probe::Probe;
pub use rendezvous::{Login, Rendezvous};
// What a session sees of a client.
pub use super::clients::{ClientSnapshot, FileNames, NewGuest, NotEntered, SessionKey};
// Why it was not served, and what became of its session.
pub use super::directory::{Away, Ended, Failed};
