//! What Tab offers: commands from the table, and the names of those who are active now.

use super::command::{self, Place, TABLE};
use super::desk::Desk;
use crate::comma;
use crate::protocol::{Reply, Request};

/// The words of a chat.
const IN_CHAT: [&str; 4] = ["!allow", "!back", "!decline", "!exit"];

/// Where the word at the end of `before` begins, in bytes, and what it may become.
pub fn candidates(before: &str, desk: &Desk) -> (usize, Vec<String>) {
    let begin = before.rfind(' ').map_or(0, |space| space + 1);
    let typed = &before[begin..];
    let all: Vec<String> = if desk.chats.foreground().is_some() {
        if begin == 0 { IN_CHAT.map(str::to_owned).to_vec() } else { Vec::new() }
    } else {
        match command::place(before) {
            Place::Word => TABLE.iter().map(|row| format!("{} ", row.word)).collect(),
            Place::Name => names(desk),
            Place::Text => Vec::new(),
        }
    };
    let fits = |word: &String| word.get(..typed.len()).is_some_and(|start| start.eq_ignore_ascii_case(typed));
    (begin, all.into_iter().filter(fits).collect())
}

/// Everybody else who is active; nobody while the server is away.
fn names(desk: &Desk) -> Vec<String> {
    let me = desk.name();
    match desk.request(&Request::GetUsers).map(|answer| answer.end) {
        Ok(Reply::Ok(names)) => {
            let others = comma::split(&names).into_iter().filter(|name| name.parse().ok() != me);
            others.map(|name| format!("{name} ")).collect()
        }
        _ => Vec::new(),
    }
}
