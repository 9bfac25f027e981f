//! What has come of the checks of a run: what the reports show.

use crate::check::{Check, Step};
use crate::checks;
use crate::conversation::Entry;
use std::time::Duration;

/// What has come of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Pass,
    /// Something else came than what is right, or nothing.
    Fail,
    /// What must come has come, too late.
    Late,
    /// Not judged, as a step before what the check is about does not work.
    Open,
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
    /// The step that does not work, of an open one.
    pub step: Option<Step>,
    /// The step to which nothing came at all, whether the check is about it or not.
    pub silent: Option<Step>,
    /// The check before it that was not passed for the same reason, and whose report shows it.
    pub same_as: Option<&'static str>,
    /// The end of what a server has said that has ended.
    pub last_words: Vec<String>,
    pub took: Duration,
}

/// A whole run.
pub struct Graded {
    /// The server, as it was given.
    pub server: String,
    /// So many times as long as usual it was waited.
    pub patience: u32,
    /// What the names of accounts were made of.
    pub seed: u64,
    /// Why nothing was played, with the last words, where the server could not be started or reached.
    pub no_start: Option<String>,
    pub outcomes: Vec<Outcome>,
    /// Why not all that was asked for was played.
    pub stopped: Option<String>,
    /// What of it was not played, and is for this server.
    pub not_played: Vec<&'static Check>,
}

/// Points and checks of a level, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub points: u32,
    /// The points of all checks that were not skipped.
    pub of: u32,
    pub passed: usize,
    /// All that are not passed, the open ones among them.
    pub wrong: usize,
    pub open: usize,
    pub skipped: usize,
}

impl Status {
    /// As reports have it.
    pub fn word(self) -> &'static str {
        match self {
            Status::Pass => "PASS",
            Status::Fail => "FAIL",
            Status::Late => "LATE",
            Status::Open => "OPEN",
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
    /// Of a check of which there is nothing to show.
    pub fn new(check: &'static Check, status: Status, sentence: String) -> Outcome {
        let (entries, last_words, took) = (Vec::new(), Vec::new(), Duration::ZERO);
        Outcome { check, status, sentence, entries, step: None, silent: None, same_as: None, last_words, took }
    }

    pub fn points(&self) -> u32 {
        if self.status == Status::Pass { self.check.points } else { 0 }
    }

    /// As `2 lines / split-line`.
    pub fn title(&self) -> String {
        format!("{} {} / {}", self.check.level, checks::title(self.check.level), self.check.name)
    }
}

impl Graded {
    /// Of a run that begins: the server, how many times as long as usual is waited, and what names are made of.
    pub fn new(server: String, patience: u32, seed: u64) -> Graded {
        let (outcomes, not_played) = (Vec::new(), Vec::new());
        Graded { server, patience, seed, no_start: None, outcomes, stopped: None, not_played }
    }

    /// Ends a run that has not begun: why, with the server's last words, and what was asked for.
    pub fn did_not_start(&mut self, why: String, last_words: &[String], checks: Vec<&'static Check>) {
        let lines: String = last_words.iter().map(|line| format!("\n  {line}")).collect();
        let words = if lines.is_empty() { lines } else { format!(" Its last words:{lines}") };
        self.no_start = Some(format!("{why}{words}"));
        (self.stopped, self.not_played) = (Some(why), checks);
    }

    /// An outcome in view of those before it. An open one is compared with them: what they have shown is not shown again,
    /// and a step that has passed its own check is no reason not to judge.
    pub fn compared(&self, outcome: Outcome) -> Outcome {
        let Some(step) = outcome.step.filter(|_| outcome.status == Status::Open) else { return outcome };
        let is_about = |one: &&Outcome| one.check.name == step.check();
        if self.outcomes.iter().find(is_about).is_some_and(|one| one.status == Status::Pass) {
            return Outcome { status: Status::Fail, step: None, ..outcome };
        }
        let is_same = |one: &&Outcome| {
            let is_it = is_about(one) || (one.status == Status::Open && one.step == Some(step));
            is_it && one.same_as.is_none() && one.sentence.ends_with(&outcome.sentence)
        };
        let same_as = self.outcomes.iter().find(is_same).map(|one| one.check.name);
        let (what, first) = (step.word(), step.check());
        let sentence = match same_as {
            Some(name) => format!("Not judged, like {name}: it needs {what}."),
            None => format!("Not judged: it needs {what}; pass {first} first. {}", outcome.sentence),
        };
        Outcome { sentence, same_as, ..outcome }
    }

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
            sum.open += usize::from(outcome.status == Status::Open);
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

    /// 0 when all is passed, 1 when a check is not, 2 when the server did not start, 3 when the grader has failed.
    pub fn exit_code(&self) -> u8 {
        if self.outcomes.iter().any(|outcome| outcome.status == Status::Error) {
            return 3;
        }
        match self.no_start {
            Some(_) => 2,
            None => u8::from(!self.is_clean()),
        }
    }
}
