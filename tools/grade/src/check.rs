//! What a check is: a row of a table with its name, points and reasons, and the function that plays it.

use crate::fault::Verdict;
use crate::stage::Stage;

/// How far a check goes beyond what any server needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Must hold for any reasonable server of this protocol.
    Must,
    /// A detail, graded where docs/PROTOCOL.md says it.
    Detail,
    /// A rule of the house, asked for only where the server's command line offers its placeholder.
    House,
}

/// What a check needs besides a server that listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A server that the grader has started, and may look at, kill and start again.
    OwnServer,
    /// `{data}` in the command line: a folder that is empty at first.
    Data,
    /// A server on this machine, reached by an address of loopback.
    Loopback,
    /// That this step works. Once it was met with silence, the check is not played.
    Works(Step),
}

/// What checks do before what they are about, and what a check of its own is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Greeting,
    SignUp,
    LogIn,
    Init,
    Broadcast,
    Hello,
}

/// A rule of the house that the server's command line can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// After how much silence a client is closed.
    Idle,
    /// How long after a login the password is asked for again.
    Relogin,
    /// How long broadcasts are kept.
    History,
    /// How long a connection may stay without a login.
    Login,
    /// The most clients.
    Max,
    /// Lines a second.
    Rate,
    /// The share of datagrams that the server drops on purpose.
    Loss,
}

/// What a rule is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// A time, in milliseconds.
    Millis(u64),
    /// Anything else, as it is written.
    Number(&'static str),
}

/// A check. The texts stand in docs/GRADING.md, and those of a check that failed in the report.
pub struct Check {
    /// From 1 to 10.
    pub level: usize,
    /// Its name, which `--check` takes.
    pub name: &'static str,
    /// What it is worth.
    pub points: u32,
    pub kind: Kind,
    /// What the grader sends.
    pub sent: &'static str,
    /// What it takes for right.
    pub accepted: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// The section of docs/PROTOCOL.md that says it.
    pub section: &'static str,
    /// The file of peerline that does it.
    pub source: &'static str,
    pub needs: &'static [Need],
    /// What the rules of the house are set to for it.
    pub house: &'static [(Rule, Value)],
    /// Whether it waits so long that it is played beside the others of its level.
    pub beside: bool,
    pub play: fn(&mut Stage) -> Verdict,
}

/// What most checks have in common: the rest of a row is written as `..Check::PLAIN`.
impl Check {
    pub const PLAIN: Check = Check {
        level: 0,
        name: "",
        points: 0,
        kind: Kind::Must,
        sent: "",
        accepted: "",
        why: "",
        section: "",
        source: "",
        needs: &[],
        house: &[],
        beside: false,
        play: |_| Ok(()),
    };
}

impl Step {
    /// What the server is to have, for a sentence.
    pub fn word(self) -> &'static str {
        match self {
            Step::Greeting => "the greeting",
            Step::SignUp => "SIGNUP,name,password",
            Step::LogIn => "LOGIN,name,password",
            Step::Init => "INIT,name,port",
            Step::Broadcast => "bcast_TEXT",
            Step::Hello => "an answer to a hello",
        }
    }

    /// The check that is about it.
    pub fn check(self) -> &'static str {
        match self {
            Step::Greeting => "greets",
            Step::SignUp | Step::LogIn => "login-answer",
            Step::Init => "init-up",
            Step::Broadcast => "bcast-all",
            Step::Hello => "hello-head",
        }
    }
}

impl Rule {
    pub const ALL: [Rule; 7] =
        [Rule::Idle, Rule::Relogin, Rule::History, Rule::Login, Rule::Max, Rule::Rate, Rule::Loss];

    /// Its placeholder in the server's command line, without braces.
    pub fn word(self) -> &'static str {
        match self {
            Rule::Idle => "idle",
            Rule::Relogin => "relogin",
            Rule::History => "history",
            Rule::Login => "login",
            Rule::Max => "max",
            Rule::Rate => "rate",
            Rule::Loss => "loss",
        }
    }

    /// What it is set to outside of its own checks: a value that disturbs nobody.
    pub fn harmless(self) -> Value {
        match self {
            Rule::Idle | Rule::Relogin | Rule::History | Rule::Login => Value::Millis(30 * 60 * 1000),
            Rule::Max => Value::Number("50"),
            Rule::Rate => Value::Number("100000"),
            Rule::Loss => Value::Number("0"),
        }
    }
}

impl Kind {
    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Must => "must",
            Kind::Detail => "detail",
            Kind::House => "house",
        }
    }
}
