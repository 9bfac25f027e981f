//! What a line asks for, as a value.

use crate::value::{Address, FileName, Username};
use std::path::PathBuf;
use std::time::Duration;

/// A command, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's row of the table names its fields")]
pub enum Command {
    List,
    Users,
    Who,
    AddressOf(Username),
    Whoami,
    Active,
    Inactive,
    Probe,
    Broadcast(String),
    /// The next line is the text.
    BroadcastNextLine,
    /// Each further line of the input is a broadcast.
    BroadcastRest,
    Message {
        to: Address,
        text: String,
    },
    /// Each further line of the input is a message.
    MessageRest {
        to: Address,
    },
    /// A message that the server is to carry, whether its receiver listens or not.
    Relay {
        to: Address,
        text: String,
    },
    Chat(Address),
    /// The end of the talk; where there is none, of the client.
    Exit,
    /// `folder` is where offered files go, as it was typed; without it, where they always go.
    Accept {
        which: Which,
        folder: Option<PathBuf>,
    },
    Decline(Which),
    Allow(Which),
    Run {
        on: Address,
        command: String,
    },
    /// Whether the words that are up were the same; without that, new ones are asked for.
    Verify {
        with: Username,
        were_same: Option<bool>,
    },
    Peers,
    Files(Option<Username>),
    Get {
        from: Username,
        file: FileName,
    },
    /// The paths are as they were typed, with at least one.
    Send {
        to: Username,
        paths: Vec<PathBuf>,
    },
    Transfers,
    Cancel(Cancelled),
    Window(u32),
    Next,
    /// Without a name, what is in front.
    Close(Option<Username>),
    Clear,
    Search(String),
    Earlier,
    Names(bool),
    Quiet(bool),
    Block(Username),
    Unblock(Username),
    Blocked,
    /// Whether nobody is to ask anything.
    Dnd(bool),
    Login,
    Signup,
    Password,
    Disconnect,
    Reconnect,
    /// Without a duration, until all that was begun is done.
    Wait(Option<Duration>),
    /// The word is one of the table, or none.
    Help(Option<String>),
    Quit,
    /// Without waiting for what is under way.
    QuitNow,
}

/// Which question is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The only one that can be meant.
    Only,
    /// The one with this number.
    Number(u64),
    /// The one that this person asks.
    Of(Username),
}

/// Which transfers are cancelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// All of them.
    All,
    /// The one with this number.
    Number(u64),
    /// Those of this name: a file, or what a gift was offered as.
    Named(String),
}
