//! What a person can ask the client to do, and how a typed line is understood.

mod meaning;
mod arguments;
mod table;
mod parse;
mod read;
mod slot;

pub use meaning::{Cancelled, Command, Which};
pub use parse::{check_broadcast, may_hold_password, parse};
pub use read::{Place, Read, SLIP, read};
pub use slot::{Slot, slot};
pub use table::{help, menu, rows, short_menu, words, wrapped};
