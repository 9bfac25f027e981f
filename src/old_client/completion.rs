//! What Tab offers: commands from the table, the names of those who are active now, the files that they share.

use super::command::{self, Place, TABLE};
use super::desk::Desk;
use crate::protocol::{MemberRequest, Reply, Request};
use crate::value::comma;

/// The words of a chat.
const IN_CHAT: [&str; 2] = ["!back", "!exit"];

/// Where the word at the end of `before` begins, in bytes, and what it may become.
pub fn candidates(before: &str, desk: &Desk) -> (usize, Vec<String>) {
    let (begin, all) = if desk.chats.foreground().is_some() {
        (0, IN_CHAT.map(str::to_owned).to_vec())
    } else {
        let (begin, place) = command::place(before);
        let all = match place {
            Place::Word => TABLE.iter().map(|row| format!("{} ", row.word)).collect(),
            Place::Name => names(desk),
            Place::File(owner) => files(desk, owner),
            Place::Text => Vec::new(),
        };
        (begin, all)
    };
    let typed = &before[begin..];
    let fits = |word: &String| word.get(..typed.len()).is_some_and(|start| start.eq_ignore_ascii_case(typed));
    (begin, all.into_iter().filter(fits).collect())
}

/// Everybody else who is active; nobody while the server is away.
fn names(desk: &Desk) -> Vec<String> {
    let me = desk.name();
    match desk.request(&Request::Member(MemberRequest::GetUsers)).map(|answer| answer.end) {
        Ok(Reply::Ok(names)) => {
            let others = comma::split(&names).into_iter().filter(|name| name.parse().ok() != me);
            others.map(|name| format!("{name} ")).collect()
        }
        _ => Vec::new(),
    }
}

/// What somebody shares. Names that the line could not show as they are have to be typed.
fn files(desk: &Desk, owner: &str) -> Vec<String> {
    let Ok(answer) = desk.request(&Request::Member(MemberRequest::GetUserFiles(owner.to_owned()))) else {
        return Vec::new();
    };
    let files = answer.data.into_iter().filter_map(|reply| match reply {
        Reply::Files { files, .. } => Some(files),
        _ => None,
    });
    files.flatten().filter(|file| crate::value::text::escape(file) == *file).collect()
}
