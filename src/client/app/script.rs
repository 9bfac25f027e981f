//! The lines of a script, or of a person without a screen: one at a time, each when what the line before it began is
//! far enough.

use super::asks::Origin;
use super::questions::Verdict;
use crate::client::command::Which;
use crate::client::event::CallId;
use crate::value::{Address, Username};
use std::path::PathBuf;
use std::time::Instant;

/// The input of the line mode.
#[derive(Debug, Default)]
pub struct Script {
    /// What the line is for that was asked for and has not come.
    pub(super) wanted: Option<Wanted>,
    pub(super) hold: Option<Hold>,
    /// What stands before the line that is wanted.
    pub(super) prompt: String,
    /// Who gets what is typed. It stays so after the other side has left, until `!exit` or `!back`: what was meant for
    /// them must not become a command.
    pub(super) front: Option<Username>,
    /// What becomes of lines that are no commands: all of them, or the next one.
    pub(super) texts: Option<Texts>,
    /// Lines so far: the number of a request.
    pub(super) lines: u64,
    /// The session has been waited for long enough: until it is back, what asks the server is refused at once.
    pub(super) went_on: bool,
    /// The input is at its end.
    pub(super) has_ended: bool,
}

/// What a line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The answer to a question of the login.
    Answer,
    /// Anything else.
    Line,
}

/// Lines that are texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Texts {
    /// The next line is a broadcast.
    Next,
    /// All further lines are broadcasts.
    ToAll,
    /// All further lines are messages.
    To(Address),
}

/// Why the next line waits.
#[derive(Debug)]
pub(super) struct Hold {
    pub(super) until: Instant,
    pub(super) on: On,
}

#[derive(Debug)]
pub(super) enum On {
    /// What this line asked for.
    Request(u64),
    /// The same, where a person types: it only keeps the prompt from standing between the lines of an answer.
    Answer(u64),
    /// Somebody who asks for something that this answers.
    Question { verdict: Verdict, which: Which, folder: Option<PathBuf>, origin: Origin },
    /// The time alone.
    Time,
    /// The end of the chat in front.
    Chat,
    /// All that was begun.
    All,
    /// The same; then the client leaves.
    Leave,
    /// Room for another line in the chat.
    Room(CallId),
    /// The session, which is coming back.
    Session,
}

impl Script {
    /// Who gets what is typed.
    pub fn front(&self) -> Option<&Username> {
        self.front.as_ref()
    }

    /// What is typed goes to this person, or to nobody.
    pub fn bring(&mut self, name: Option<Username>) {
        self.front = name;
    }

    /// When the next line is wanted, whatever it waits for.
    pub fn deadline(&self) -> Option<Instant> {
        self.hold.as_ref().map(|hold| hold.until)
    }
}
