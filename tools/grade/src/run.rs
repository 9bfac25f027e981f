//! Plays the checks, one level after another.

use crate::check::Check;
use crate::fault::{Fault, FaultKind, Verdict};
use crate::limits::WHOLE_RUN;
use crate::outcome::{Graded, Outcome, Status};
use crate::setup::{Setup, Target};
use crate::stage::Stage;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Instant;

/// So many checks without one byte of the server end a run.
const MUTE: usize = 3;

/// Plays these checks; `tell` hears of each as soon as it is over. It stops after the first level that is not passed,
/// unless all are wanted.
///
/// # Errors
/// A sentence with the last words, when the server cannot be started at all.
pub fn run(
    setup: &Setup,
    checks: &[&'static Check],
    plays_all: bool,
    tell: &mut dyn FnMut(&Outcome),
) -> Result<Graded, String> {
    let began = Instant::now();
    let server = match &setup.target {
        Target::Command(line) => line.to_string(),
        Target::Running(address) => address.to_string(),
    };
    let mut graded = Graded { server, outcomes: Vec::new(), stopped: None, not_played: Vec::new() };
    let mut mute = 0;
    for level in checks.chunk_by(|a, b| a.level == b.level) {
        let end = play_level(setup, level, began, &mut mute, &mut |played: Played| {
            if let Some(reason) =
                played.no_start.filter(|_| graded.outcomes.iter().all(|one| one.status == Status::Skip))
            {
                return Err(format!("the server could not be started. {reason}{}", last_words(&played.outcome)));
            }
            let outcome = graded.compared(played.outcome);
            tell(&outcome);
            graded.outcomes.push(outcome);
            Ok(())
        })?;
        let is_wrong = graded.outcomes.iter().any(|outcome| outcome.status.is_wrong());
        if end.is_some() || (is_wrong && !plays_all) {
            let played = |check: &Check| graded.outcomes.iter().any(|outcome| outcome.check.name == check.name);
            graded.not_played = checks.iter().filter(|check| !played(check)).copied().collect();
            let why = format!("level {} is to be passed first; --all goes on", level[0].level);
            graded.stopped = end.or(Some(why)).filter(|_| !graded.not_played.is_empty());
            break;
        }
    }
    Ok(graded)
}

struct Played {
    outcome: Outcome,
    no_start: Option<String>,
    bytes: u64,
}

/// Plays a level, and tells in the order of the table; gives the reason when the run is over.
fn play_level(
    setup: &Setup,
    level: &[&'static Check],
    began: Instant,
    mute: &mut usize,
    done: &mut dyn FnMut(Played) -> Result<(), String>,
) -> Result<Option<String>, String> {
    thread::scope(|scope| {
        // Those that only wait, beside the others.
        let beside: Vec<_> = level
            .iter()
            .filter(|check| check.beside)
            .map(|&check| (check.name, scope.spawn(move || play(setup, check))))
            .collect();
        let mut waiting = beside.into_iter();
        for &check in level {
            if began.elapsed() > WHOLE_RUN {
                return Ok(Some(format!("{} minutes are over", WHOLE_RUN.as_secs() / 60)));
            }
            let played = match waiting.as_slice().first() {
                Some((name, _)) if *name == check.name => {
                    let joined = waiting.next().map(|(_, thread)| thread.join());
                    joined.and_then(Result::ok).unwrap_or_else(|| play(setup, check))
                }
                _ => play(setup, check),
            };
            let skipped = played.outcome.status == Status::Skip;
            *mute = if played.bytes > 0 || skipped { 0 } else { *mute + 1 };
            done(played)?;
            if *mute == MUTE {
                return Ok(Some(format!("the server has sent nothing at all in {MUTE} checks")));
            }
        }
        Ok(None)
    })
}

fn play(setup: &Setup, check: &'static Check) -> Played {
    let began = Instant::now();
    let outcome = |status, sentence: String| Outcome::new(check, status, sentence);
    if let Some(lack) = setup.lacks(check) {
        return Played { outcome: outcome(Status::Skip, lack), no_start: None, bytes: 0 };
    }
    let mut stage = match Stage::new(setup, check) {
        Ok(stage) => stage,
        Err(fault) => return Played { outcome: outcome(Status::Error, fault.sentence), no_start: None, bytes: 0 },
    };
    // A check that panics is the grader's own mistake.
    let verdict = catch_unwind(AssertUnwindSafe(|| stage.start().and_then(|()| (check.play)(&mut stage))));
    let verdict = verdict.unwrap_or_else(|_| Err(Fault::grader("play the check", "it panicked")));
    // What a server says of itself may tell why nothing came. Why something wrong came it does not know.
    let is_absent = !matches!(&verdict, Ok(()) | Err(Fault { kind: FaultKind::Wrong, .. }));
    let step = verdict.as_ref().err().and_then(|fault| fault.step);
    let (status, sentence) = judge(&mut stage, verdict);
    let last_words = if is_absent || status == Status::Crash { stage.last_words() } else { Vec::new() };
    let (entries, bytes, no_start) = (stage.record.entries(), stage.record.bytes(), stage.no_start.take());
    stage.clear();
    let (step, took) = (step.filter(|_| status == Status::Open), began.elapsed());
    let outcome = Outcome { entries, last_words, step, took, ..outcome(status, sentence) };
    Played { outcome, no_start, bytes }
}

/// A server that has ended by itself has crashed, whatever the check has seen of it.
fn judge(stage: &mut Stage, verdict: Verdict) -> (Status, String) {
    let is_suspected = matches!(&verdict, Err(fault) if fault.kind == FaultKind::Closed);
    if stage.took_too_much() {
        return (Status::Crash, "The server was killed, as it took more than 2 GiB of memory.".to_owned());
    }
    if let Some(reason) = stage.no_start.clone() {
        return (Status::Crash, reason);
    }
    if let Some(ended) = stage.crash(is_suspected) {
        return (Status::Crash, format!("The server has ended in the middle of it: {ended}."));
    }
    match verdict {
        Ok(()) => (Status::Pass, String::new()),
        Err(fault) => match fault.kind {
            _ if fault.step.is_some() => (Status::Open, fault.sentence),
            FaultKind::Wrong | FaultKind::Missing | FaultKind::Closed => (Status::Fail, fault.sentence),
            FaultKind::Late => (Status::Late, fault.sentence),
            FaultKind::Grader => (Status::Error, fault.sentence),
        },
    }
}

fn last_words(outcome: &Outcome) -> String {
    let lines = outcome.last_words.iter().map(|line| format!("\n  {line}"));
    if outcome.last_words.is_empty() { String::new() } else { format!(" Its last words:{}", lines.collect::<String>()) }
}
