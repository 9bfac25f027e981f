//! What the menu's commands about open connections with peers do, whatever these are for.

use super::desk::Desk;
use super::event::Event;
use super::{chat, file_commands, jobs};
use crate::value::Username;

/// Shows every chat, command and file that is under way.
pub fn show(desk: &Desk) {
    let chats = desk.chats.list().into_iter().map(|chat| {
        let chat::Listed { name, verified, foreground } = chat;
        Event::Peer { name, verified, foreground }
    });
    let commands = desk.jobs.list().into_iter().map(|job| {
        let jobs::Listed { with, here, command } = job;
        Event::Running { with, here, command }
    });
    let files = file_commands::under_way(desk).into_iter().map(Event::Transfer);
    let all: Vec<_> = chats.chain(commands).chain(files).collect();
    if all.is_empty() {
        desk.screen.info("No open connections with anybody");
    }
    all.into_iter().for_each(|event| desk.screen.show(event));
}

/// Ends the chat and the commands with `name`.
pub fn close(desk: &Desk, name: &Username) {
    let chat = hang_up(desk, name);
    if desk.jobs.close(name) {
        desk.screen.show(Event::Done { text: format!("Stopped what runs for or by {name}") });
    } else if !chat {
        desk.screen.refuse(format!("No open connection with {name}"));
    }
}

/// Ends an open chat; false when the other side has left already.
pub fn hang_up(desk: &Desk, name: &Username) -> bool {
    let open = desk.chats.close(name);
    if open {
        desk.screen.show(Event::ChatClosed { with: name.clone(), why: "you left".to_owned() });
    }
    open
}
