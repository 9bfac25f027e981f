//! The words between a client and the server: one enum for what a client asks, one for what the server says.
//!
//! `docs/PROTOCOL.md` describes them for people. Parsing and formatting are mirror functions on plain values. Comma
//! commands are CSV records; underscore commands are cut at the first and the last `_`, so the text between may hold
//! any number of them.

mod broadcast;
mod request;
mod house;
mod refusal;
mod notice;
mod servers;
mod reply;
mod event;
mod datagram;
mod find;

pub use broadcast::{Broadcast, BroadcastText, InvalidBroadcast};
pub use datagram::{ACK_DELAY, BURST, FromServer, Hello, MAX_DATAGRAM, MAX_HELLO, MAX_RANGES, Received, TOKEN_LINE};
pub use event::Event;
pub use find::{FIND_PORT, FIND_QUESTION_LENGTH, FindAnswer, FindQuestion, MAX_FIND_ANSWER, ServerId};
pub use house::{Ban, check_house_text};
pub use notice::Notice;
pub use refusal::Refusal;
pub use reply::{Done, Reply};
pub use request::{BadRequest, EntryRequest, MemberRequest, Request, is_command_word, masked_name};
pub use servers::{MAX_SERVERS, NoServerList, ServerList};

use std::ops::RangeInclusive;

/// How many characters a password has.
const PASSWORD_LENGTH: RangeInclusive<usize> = 8..=128;
/// What the dialogue of another password asks, in order: a client says no password to a server that asks anything else.
pub const PASSWORD_QUESTIONS: [&str; 3] = ["Old password:", "New password:", "New password again:"];
/// The longest line a client may send, in bytes, its LF included.
pub const MAX_LINE: usize = 4096;
/// The longest line the server may send, in bytes: a list of many names.
pub const MAX_SERVER_LINE: usize = 1 << 20;
/// The longest text of a broadcast, in bytes: with its header it fits one UDP datagram of 1,200 bytes.
pub const MAX_BROADCAST: usize = 1024;
/// File names that one client may announce.
pub const MAX_FILES: usize = 10_000;
/// Bytes of file names that one client may announce.
pub const MAX_FILE_BYTES: usize = 1 << 20;

/// What a new password may be.
///
/// # Errors
/// A sentence that says how long it may be.
pub fn check_password(password: &str) -> Result<(), String> {
    let (least, most) = PASSWORD_LENGTH.into_inner();
    let fits = PASSWORD_LENGTH.contains(&password.chars().count());
    if fits { Ok(()) } else { Err(format!("A password has {least} to {most} characters")) }
}
