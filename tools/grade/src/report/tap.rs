//! The report in the Test Anything Protocol, version 13.

use super::people;
use crate::outcome::{Graded, Status};

/// The whole report.
pub fn report(graded: &Graded) -> String {
    let count = graded.outcomes.len() + graded.not_played.len();
    let mut text = format!("TAP version 13\n1..{count}\n");
    for (number, outcome) in graded.outcomes.iter().enumerate() {
        // A hash would begin a directive, and there is none in names.
        let title = format!("{} - {} ({} points)", number + 1, outcome.title(), outcome.check.points);
        match outcome.status {
            Status::Pass => text += &format!("ok {title}\n"),
            Status::Skip => text += &format!("ok {title} # SKIP {}\n", outcome.sentence),
            _ => {
                let details: String = people::details(outcome).lines().map(|line| format!("    {line}\n")).collect();
                text += &format!("not ok {title}\n  ---\n  status: {}\n  details: |\n", outcome.status.word());
                text += &format!("{details}  ...\n");
            }
        }
    }
    for (number, check) in graded.not_played.iter().enumerate() {
        let why = graded.stopped.as_deref().unwrap_or("not played");
        text += &format!("not ok {} - {} # {why}\n", graded.outcomes.len() + number + 1, check.name);
    }
    text
}
