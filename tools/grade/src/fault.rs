//! What a check comes to: nothing wrong, or the first thing that is.

use crate::check::Step;
use std::time::Duration;

/// Ends a check at its first fault.
pub type Verdict<T = ()> = Result<T, Fault>;

/// The first thing that is wrong. The record of the conversation has a mark at the line.
#[derive(Clone, Debug)]
pub struct Fault {
    pub kind: FaultKind,
    /// What is wrong, in a sentence.
    pub sentence: String,
    /// The check has not come to what it is about: this step before it does not work.
    pub step: Option<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Something else came than what is right.
    Wrong,
    /// What must come did not come at all.
    Missing,
    /// What must come has come, too late. Perhaps the machine was busy, so it has a word of its own.
    Late,
    /// The connection ended where it must not. The server may have crashed.
    Closed,
    /// The grader could not do its own part. That is never the server's fault.
    Grader,
}

impl Fault {
    fn new(kind: FaultKind, sentence: impl Into<String>) -> Fault {
        Fault { kind, sentence: sentence.into(), step: None }
    }

    pub fn wrong(sentence: impl Into<String>) -> Fault {
        Fault::new(FaultKind::Wrong, sentence)
    }

    pub fn missing(sentence: impl Into<String>) -> Fault {
        Fault::new(FaultKind::Missing, sentence)
    }

    /// It came after this time, and so much was allowed.
    pub fn late(took: Duration, allowed: Duration) -> Fault {
        let (took, allowed) = (took.as_secs_f64(), allowed.as_secs_f64());
        Fault::new(FaultKind::Late, format!("It came, but after {took:.1} s in place of {allowed:.1} s."))
    }

    pub fn closed(sentence: impl Into<String>) -> Fault {
        Fault::new(FaultKind::Closed, sentence)
    }

    /// The system refused the grader something, such as a socket.
    pub fn grader(what: &str, error: impl std::fmt::Display) -> Fault {
        Fault::new(FaultKind::Grader, format!("The grader could not {what}: {error}"))
    }

    /// The same with another sentence, where it is a fault of this kind.
    fn said(self, kind: FaultKind, sentence: &str) -> Fault {
        if self.kind == kind { Fault { sentence: sentence.to_owned(), ..self } } else { self }
    }
}

/// Says what a fault at this place means.
pub trait Because {
    /// Replaces the sentence about what came by one about what the server does; one about what did not come stays.
    fn because(self, sentence: &str) -> Self;

    /// Replaces the sentence about what did not come by one about what the server does.
    fn when_missing(self, sentence: &str) -> Self;
}

impl<T> Because for Verdict<T> {
    fn because(self, sentence: &str) -> Self {
        self.map_err(|fault| fault.said(FaultKind::Wrong, sentence))
    }

    fn when_missing(self, sentence: &str) -> Self {
        self.map_err(|fault| fault.said(FaultKind::Missing, sentence))
    }
}
