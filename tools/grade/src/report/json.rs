//! The report as JSON: all that the others have.

use crate::check::Step;
use crate::checks;
use crate::conversation::Way;
use crate::outcome::{Graded, Outcome, Sum};
use serde_json::{Value, json};

/// The whole report, as one object.
pub fn report(graded: &Graded) -> String {
    let levels: Vec<Value> = graded.levels().into_iter().map(|level| with_title(level, graded.level(level))).collect();
    let not_played: Vec<&str> = graded.not_played.iter().map(|check| check.name).collect();
    let report = json!({
        "ok": graded.is_clean(),
        "server": graded.server,
        "patience": graded.patience,
        "seed": graded.seed,
        "points": graded.all().points,
        "of": graded.all().of,
        "levels": levels,
        "checks": graded.outcomes.iter().map(check).collect::<Vec<Value>>(),
        "no_start": graded.no_start,
        "stopped": graded.stopped,
        "not_played": not_played,
    });
    format!("{report:#}\n")
}

fn with_title(level: usize, sum: Sum) -> Value {
    json!({
        "level": level,
        "title": checks::title(level),
        "points": sum.points,
        "of": sum.of,
        "passed": sum.passed,
        "not_passed": sum.wrong,
        "not_judged": sum.open,
        "skipped": sum.skipped,
    })
}

fn check(outcome: &Outcome) -> Value {
    let check = outcome.check;
    let conversation: Vec<Value> = outcome
        .entries
        .iter()
        .map(|entry| {
            json!({
                "who": entry.who,
                "ms": entry.at.as_micros() as f64 / 1000.0,
                "way": way(entry.way),
                "text": entry.text,
                "expected": entry.expected,
            })
        })
        .collect();
    json!({
        "level": check.level,
        "name": check.name,
        "kind": check.kind.word(),
        "status": outcome.status.word().to_lowercase(),
        "points": outcome.points(),
        "of": check.points,
        "ms": outcome.took.as_millis() as u64,
        "sentence": outcome.sentence,
        "needs": outcome.step.map(Step::check),
        "why": check.why,
        "read": [format!("docs/PROTOCOL.md, {}", check.section), check.source.to_owned()],
        "conversation": conversation,
        "last_words": outcome.last_words,
    })
}

fn way(way: Way) -> &'static str {
    match way {
        Way::Sent => "sent",
        Way::Seen => "seen",
        Way::SentDatagram => "sent by UDP",
        Way::SeenDatagram => "seen by UDP",
        Way::Happened => "server",
        Way::Note => "grader",
    }
}
