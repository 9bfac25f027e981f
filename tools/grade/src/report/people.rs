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
    if let Some(sentence) = &graded.no_start {
        return format!("{sentence}\n");
    }
    let mut text = "\n".to_owned();
    for level in graded.levels() {
        let sum = graded.level(level);
        let what = format!("level {level} {}", crate::checks::title(level));
        if sum.wrong + sum.passed == 0 {
            text += &format!("{what:<22} not judged: {} skipped\n", sum.skipped);
            continue;
        }
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
            Some(step) => {
                let name = step.check();
                let go_on = format!("--check {name} plays it at once, --all plays all.");
                format!("Begin with {name}: {} needs it. {go_on}\n", first.check.name)
            }
            None => format!("Begin with {}: a mistake early on makes others.\n", first.check.name),
        };
    }
    if graded.first_wrong().is_some() {
        text += &format!("Names of accounts are new each time: --seed {} gives the same once more.\n", graded.seed);
    }
    if graded.outcomes.iter().any(|outcome| outcome.status == Status::Late) {
        text += "LATE: was the machine busy? Grade it again, alone. What is late then too is the server's own fault.\n";
    }
    if graded.patience > 1 {
        let waits = format!("All waits were {} times as long as usual", graded.patience);
        text += &format!("{waits}: so slow was the machine at the start, or --patience said so.\n");
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Step;

    fn outcome(name: &str, status: Status, step: Option<Step>) -> Outcome {
        let check = crate::checks::all().find(|check| check.name == name).expect("such a check");
        Outcome { step, ..Outcome::new(check, status, String::new()) }
    }

    #[test]
    fn a_level_that_was_skipped_is_not_called_passed() {
        let mut graded = Graded::new("x".into(), 1, 7);
        graded.outcomes = ["sigterm", "port-taken"].map(|name| outcome(name, Status::Skip, None)).into();
        assert!(end(&graded).contains("\nlevel 9 endings        not judged: 2 skipped\n"), "{}", end(&graded));
        graded.outcomes.push(outcome("takeover", Status::Pass, None));
        assert!(end(&graded).contains("\nlevel 10 house           2 of   2 points  passed\n"), "{}", end(&graded));
    }

    #[test]
    fn patience_is_told_where_it_was_needed() {
        assert!(!end(&Graded::new("x".into(), 1, 7)).contains("times as long"));
        let told = end(&Graded::new("x".into(), 3, 7));
        assert!(told.trim_end().lines().last().is_some_and(|line| line.contains("3 times as long as usual")), "{told}");
    }

    #[test]
    fn who_waits_for_another_level_is_told_how_to_go_on() {
        let mut graded = Graded::new("x".into(), 1, 7);
        graded.outcomes = vec![outcome("crlf", Status::Open, Some(Step::SignUp))];
        let said = "Begin with login-answer: crlf needs it. --check login-answer plays it at once, --all plays all.\n";
        assert!(end(&graded).contains(said), "{}", end(&graded));
    }
}
