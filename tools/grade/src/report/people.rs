//! The report for people: a line for each check, and the conversation of each that did not pass.

use super::conversation;
use crate::check::Check;
use crate::lessons;
use crate::outcome::{Graded, Outcome, Status};

/// Where the points stand.
const POINTS: usize = 66;
/// Where a sentence stands that has no other line.
const TITLE: usize = 42;

/// What is told as soon as a check is over.
pub fn outcome(outcome: &Outcome) -> String {
    let title = format!("{:<5} {}", outcome.status.word(), outcome.title());
    match outcome.status {
        Status::Pass => format!("{title:<POINTS$} {} of {}\n", outcome.points(), outcome.check.points),
        Status::Skip => format!("{title:<TITLE$} {}\n", outcome.sentence),
        Status::Open if outcome.same_as.is_some() => format!("{title:<TITLE$} {}\n", outcome.sentence),
        _ => format!("{title:<POINTS$} 0 of {} points\n{}", outcome.check.points, details(outcome)),
    }
}

/// What went wrong, as lines with an indent.
pub fn details(outcome: &Outcome) -> String {
    let check = outcome.check;
    if outcome.same_as.is_some() {
        return format!("   {}\n", outcome.sentence);
    }
    let mut lines = conversation::lines(&outcome.entries);
    lines.push(format!("   {}", outcome.sentence));
    if !outcome.last_words.is_empty() {
        lines.push("   The server's last words:".to_owned());
        lines.extend(outcome.last_words.iter().map(|line| format!("     {line}")));
    }
    // What is to be done first has a check of its own, with a reason of its own.
    let next = outcome.step.and_then(|step| crate::checks::all().find(|other| other.name == step.check()));
    let (check, again) = next.map_or((check, "Again"), |first| (first, "First"));
    lines.push(format!("   Why: {}", check.why));
    lines.push(format!("   Read: {}", reading(check)));
    lines.push(format!("   {again}: grade --check {} -- ...", check.name));
    lines.into_iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Where it is explained, demanded, and done.
fn reading(check: &Check) -> String {
    let lesson = lessons::page(check.name).map(|page| format!("{page}; ")).unwrap_or_default();
    format!("{lesson}docs/PROTOCOL.md, {}; {}", check.section, check.source)
}

/// What is told at the end.
pub fn end(graded: &Graded) -> String {
    let mut text = "\n".to_owned();
    for level in graded.levels() {
        let sum = graded.level(level);
        let what = format!("level {level} {}", crate::checks::title(level));
        let skipped = if sum.skipped > 0 { format!(", {} skipped", sum.skipped) } else { String::new() };
        let open = if sum.open > 0 { format!(", {} of them not judged", sum.open) } else { String::new() };
        let verdict = if sum.wrong > 0 { format!("{} not passed{open}", sum.wrong) } else { "passed".to_owned() };
        text += &format!("{what:<22} {:>3} of {:>3} points  {verdict}{skipped}\n", sum.points, sum.of);
    }
    let sum = graded.all();
    text += &format!("{:<22} {:>3} of {:>3} points\n", "all", sum.points, sum.of);
    if let Some(why) = &graded.stopped {
        text += &format!("Not all was played: {why}.\n");
    }
    if let Some(first) = graded.first_wrong() {
        text += &match first.step {
            Some(step) => format!("Begin with {}: {} needs it.\n", step.check(), first.check.name),
            None => format!("Begin with {}: a mistake early on makes others.\n", first.check.name),
        };
    }
    if graded.outcomes.iter().any(|outcome| outcome.status == Status::Late) {
        text += "LATE: was the machine busy? Grade it again, alone. What is late then too is the server's own fault.\n";
    }
    text
}

/// All checks, a line each.
pub fn list() -> String {
    let line = |check: &Check| {
        let title = format!("{} {} / {}", check.level, crate::checks::title(check.level), check.name);
        format!("{title:<40} {} {:<6} {}\n", check.points, check.kind.word(), check.accepted)
    };
    crate::checks::all().map(line).collect()
}

/// All about a check.
pub fn explain(check: &Check) -> String {
    let rows = [
        ("Check", format!("{} {} / {}", check.level, crate::checks::title(check.level), check.name)),
        ("Points", format!("{}, {}", check.points, check.kind.word())),
        ("Sent", check.sent.to_owned()),
        ("Accepted", check.accepted.to_owned()),
        ("Why", check.why.to_owned()),
        ("Read", reading(check)),
    ];
    rows.iter().map(|(what, text)| format!("{what:<9} {text}\n")).collect()
}
