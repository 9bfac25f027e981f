//! Values: names, addresses, sizes and texts, each with its parser and its format. They know no socket, file, thread
//! or clock, and nothing of what is said with them.
//!
//! Types are used as `value::Username`; families of functions by the name of their file, as in `duration::parse`.

pub mod text;
mod plain;
pub mod line;
pub mod sentence;
pub mod hex;
mod fingerprint;
mod size;
pub mod duration;
pub mod comma;
mod name;
mod server_name;
mod address;
mod apart;
mod ticket;
mod epoch;
mod time_of_day;
mod moment;
pub mod file_name;
mod spoken;
mod xorshift;

pub use address::{Address, InvalidAddress, any_like, canonical, link_of, network_of, with_scope_of};
pub use apart::Apart;
pub use epoch::{Epoch, NotAnEpoch};
pub use file_name::{FileName, InvalidFileName};
pub use fingerprint::{Fingerprint, NotAFingerprint};
pub use line::BadLine;
pub use moment::{Moment, NoMoment};
pub use name::{InvalidUsername, MAX_USERNAME, Username};
pub use plain::plainly_within;
pub use server_name::{InvalidServerName, ServerName};
pub use size::Size;
pub use spoken::Spoken;
pub use ticket::{NotATicket, Ticket, TicketStart};
pub use time_of_day::{NoTimeOfDay, TimeOfDay};
pub use xorshift::Xorshift;
