//! What has come of the checks of a run: what the reports show.

use crate::check::Check;
use crate::checks;
use crate::conversation::Entry;
use std::time::Duration;

/// What has come of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Pass,
    /// Something else came than what is right.
    Fail,
    /// What must come did not come in time.
    Late,
    /// The server has ended.
    Crash,
    /// It does not concern this server.
    Skip,
    /// The grader has failed, not the server.
    Error,
}

/// A check that was played, or not.
pub struct Outcome {
    pub check: &'static Check,
    pub status: Status,
    /// What is wrong, or why it was skipped; empty when it has passed.
    pub sentence: String,
    pub entries: Vec<Entry>,
    /// The end of what a server has said that has ended.
    pub last_words: Vec<String>,
    pub took: Duration,
}

/// A whole run.
pub struct Graded {
    /// The server, as it was given.
    pub server: String,
    pub outcomes: Vec<Outcome>,
    /// Why not all that was asked for was played.
    pub stopped: Option<String>,
    /// What of it was not played, as `levels 3 to 10`.
    pub not_played: Vec<&'static Check>,
}

/// Points and checks of a level, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub points: u32,
    /// The points of all checks that were not skipped.
    pub of: u32,
    pub passed: usize,
    pub wrong: usize,
    pub skipped: usize,
}

impl Status {
    /// As reports have it.
    pub fn word(self) -> &'static str {
        match self {
            Status::Pass => "PASS",
            Status::Fail => "FAIL",
            Status::Late => "LATE",
            Status::Crash => "CRASH",
            Status::Skip => "SKIP",
            Status::Error => "ERROR",
        }
    }

    /// Whether a level with it is not passed.
    pub fn is_wrong(self) -> bool {
        !matches!(self, Status::Pass | Status::Skip)
    }
}

impl Outcome {
    pub fn points(&self) -> u32 {
        if self.status == Status::Pass { self.check.points } else { 0 }
    }

    /// As `2 lines / split-line`.
    pub fn title(&self) -> String {
        format!("{} {} / {}", self.check.level, checks::title(self.check.level), self.check.name)
    }
}

impl Graded {
    /// The sum of a level.
    pub fn level(&self, level: usize) -> Sum {
        self.sum(|check| check.level == level)
    }

    /// The sum of all.
    pub fn all(&self) -> Sum {
        self.sum(|_| true)
    }

    fn sum(&self, counts: impl Fn(&Check) -> bool) -> Sum {
        let mut sum = Sum::default();
        for outcome in self.outcomes.iter().filter(|outcome| counts(outcome.check)) {
            match outcome.status {
                Status::Skip => sum.skipped += 1,
                Status::Pass => sum.passed += 1,
                _ => sum.wrong += 1,
            }
            sum.points += outcome.points();
            sum.of += if outcome.status == Status::Skip { 0 } else { outcome.check.points };
        }
        sum.of += self.not_played.iter().filter(|check| counts(check)).map(|check| check.points).sum::<u32>();
        sum
    }

    /// The levels that were played.
    pub fn levels(&self) -> Vec<usize> {
        let mut levels: Vec<usize> = self.outcomes.iter().map(|outcome| outcome.check.level).collect();
        levels.dedup();
        levels
    }

    /// Whether all that was asked for has passed.
    pub fn is_clean(&self) -> bool {
        self.stopped.is_none() && self.outcomes.iter().all(|outcome| !outcome.status.is_wrong())
    }

    /// The first check that is not passed.
    pub fn first_wrong(&self) -> Option<&Outcome> {
        self.outcomes.iter().find(|outcome| outcome.status.is_wrong())
    }

    /// 0 when all is passed, 1 when a check is not, 3 when the grader has failed.
    pub fn exit_code(&self) -> u8 {
        if self.outcomes.iter().any(|outcome| outcome.status == Status::Error) {
            return 3;
        }
        if self.is_clean() { 0 } else { 1 }
    }
}
