//! What a check comes to: nothing wrong, or the first thing that is.

/// Ends a check at its first fault.
pub type Verdict<T = ()> = Result<T, Fault>;

/// The first thing that is wrong. The record of the conversation has a mark at the line.
#[derive(Clone, Debug)]
pub struct Fault {
    pub kind: FaultKind,
    /// What is wrong, in a sentence.
    pub sentence: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Something else came than what is right.
    Wrong,
    /// What must come did not come in time. A server that is only slow looks so too, so it has a word of its own.
    Late,
    /// The connection ended where it must not. The server may have crashed.
    Closed,
    /// The grader could not do its own part. That is never the server's fault.
    Grader,
}

impl Fault {
    pub fn wrong(sentence: impl Into<String>) -> Fault {
        Fault { kind: FaultKind::Wrong, sentence: sentence.into() }
    }

    pub fn late(sentence: impl Into<String>) -> Fault {
        Fault { kind: FaultKind::Late, sentence: sentence.into() }
    }

    pub fn closed(sentence: impl Into<String>) -> Fault {
        Fault { kind: FaultKind::Closed, sentence: sentence.into() }
    }

    /// The system refused the grader something, such as a socket.
    pub fn grader(what: &str, error: impl std::fmt::Display) -> Fault {
        Fault { kind: FaultKind::Grader, sentence: format!("The grader could not {what}: {error}") }
    }
}

/// Says what a fault at this place means.
pub trait Because {
    /// Replaces the sentence about what came by one about what the server does; one about what did not come stays.
    fn because(self, sentence: &str) -> Self;

    /// Replaces the sentence about what did not come by one about what the server does.
    fn when_late(self, sentence: &str) -> Self;
}

impl<T> Because for Verdict<T> {
    fn because(self, sentence: &str) -> Self {
        self.map_err(|fault| match fault.kind {
            FaultKind::Wrong => Fault::wrong(sentence),
            FaultKind::Late | FaultKind::Closed | FaultKind::Grader => fault,
        })
    }

    fn when_late(self, sentence: &str) -> Self {
        self.map_err(|fault| if fault.kind == FaultKind::Late { Fault::late(sentence) } else { fault })
    }
}
