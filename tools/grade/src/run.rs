//! Plays the checks, one level after another.

use crate::check::{Check, Need, Step};
use crate::fault::{Fault, FaultKind, Verdict};
use crate::limits::{Limits, WHOLE_RUN};
use crate::outcome::{Graded, Outcome, Status};
use crate::setup::{Setup, Target};
use crate::stage::Stage;
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Instant;

/// So many checks without one byte of the server end a run.
const MUTE: usize = 3;

/// Plays these checks; `tell` hears of each as soon as it is over. It stops after the first level that is not passed,
/// unless all are wanted, and at once where the server cannot be started at all.
pub fn run(setup: &Setup, checks: &[&'static Check], plays_all: bool, tell: &mut dyn FnMut(&Outcome)) -> Graded {
    let began = Instant::now();
    let server = match &setup.target {
        Target::Command(line) => line.to_string(),
        Target::Running(address) => address.to_string(),
    };
    let mut graded = Graded::new(server, setup.patience, setup.seed);
    if let Some(why) = unreachable(setup) {
        let meant = checks.iter().filter(|check| setup.lacks(check).is_none());
        graded.did_not_start(why, &[], meant.copied().collect());
        return graded;
    }
    let mut mute = 0;
    for level in checks.chunk_by(|a, b| a.level == b.level) {
        let end = play_level(setup, level, began, &mut mute, &mut |played: Played| {
            if let Some(reason) =
                played.no_start.filter(|_| graded.outcomes.iter().all(|one| one.status == Status::Skip))
            {
                return Err((format!("the server could not be started. {reason}"), played.outcome.last_words));
            }
            let outcome = graded.compared(played.outcome);
            tell(&outcome);
            graded.outcomes.push(outcome);
            Ok(())
        });
        let played = |check: &Check| graded.outcomes.iter().any(|outcome| outcome.check.name == check.name);
        let is_open = |check: &&&'static Check| !played(check) && setup.lacks(check).is_none();
        let not_played: Vec<&'static Check> = checks.iter().filter(is_open).copied().collect();
        let end = match end {
            Ok(end) => end,
            Err((why, last_words)) => {
                graded.did_not_start(why, &last_words, not_played);
                break;
            }
        };
        let is_wrong = graded.outcomes.iter().any(|outcome| outcome.status.is_wrong());
        if end.is_some() || (is_wrong && !plays_all) {
            graded.not_played = not_played;
            let why = format!("level {} is to be passed first; --all goes on", level[0].level);
            graded.stopped = end.or(Some(why)).filter(|_| !graded.not_played.is_empty());
            break;
        }
    }
    graded
}

/// Why nobody can be graded at the address that was given.
fn unreachable(setup: &Setup) -> Option<String> {
    let Target::Running(address) = setup.target else { return None };
    let error = TcpStream::connect_timeout(&address, Limits::new(setup.patience).wait).err()?;
    Some(format!("no server can be reached at {address}: {error}"))
}

/// Why there is no server, and its last words.
type NoStart = (String, Vec<String>);

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
    done: &mut dyn FnMut(Played) -> Result<(), NoStart>,
) -> Result<Option<String>, NoStart> {
    thread::scope(|scope| {
        // Those that only wait, beside the others.
        let beside: Vec<_> = level
            .iter()
            .filter(|check| check.beside)
            .map(|&check| (check.name, scope.spawn(move || play(setup, check))))
            .collect();
        let mut waiting = beside.into_iter();
        let mut silence = Silence::default();
        for &check in level {
            if began.elapsed() > WHOLE_RUN {
                return Ok(Some(format!("{} minutes are over", WHOLE_RUN.as_secs() / 60)));
            }
            let played = match waiting.as_slice().first() {
                Some((name, _)) if *name == check.name => {
                    let joined = waiting.next().map(|(_, thread)| thread.join());
                    joined.and_then(Result::ok).unwrap_or_else(|| play(setup, check))
                }
                _ => match silence.open(check).filter(|_| setup.lacks(check).is_none()) {
                    Some(outcome) => {
                        done(Played { outcome, no_start: None, bytes: 0 })?;
                        continue;
                    }
                    None => play(setup, check),
                },
            };
            silence.hear(&played.outcome);
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

/// What was met with silence in this level, so that it is not waited for again and again.
#[derive(Default)]
struct Silence {
    /// The first such step, and what was said of it.
    met: Option<(Step, String)>,
    passed: Vec<&'static str>,
}

impl Silence {
    /// A step that has passed its own check works, whatever another check has seen of it.
    fn hear(&mut self, outcome: &Outcome) {
        if outcome.status == Status::Pass {
            self.passed.push(outcome.check.name);
        }
        let step = outcome.silent.filter(|step| self.met.is_none() && !self.passed.contains(&step.check()));
        self.met = self.met.take().or(step.map(|step| (step, outcome.sentence.clone())));
    }

    /// The outcome of a check that needs such a step.
    fn open(&self, check: &'static Check) -> Option<Outcome> {
        let (step, sentence) = self.met.as_ref().filter(|(step, _)| check.needs.contains(&Need::Works(*step)))?;
        Some(Outcome { step: Some(*step), ..Outcome::new(check, Status::Open, sentence.clone()) })
    }
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
    let (entries, bytes) = (stage.record.entries(), stage.record.bytes());
    // One that does not start again can be started: that is a matter of this check alone.
    let no_start = stage.no_start.take().filter(|_| !stage.has_listened);
    stage.clear();
    let (step, took) = (step.filter(|_| status == Status::Open), began.elapsed());
    let silent = stage.silent.filter(|_| matches!(status, Status::Open | Status::Fail));
    let outcome = Outcome { entries, last_words, step, silent, took, ..outcome(status, sentence) };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks;

    fn outcome(name: &str, status: Status, silent: Option<Step>) -> Outcome {
        Outcome { silent, ..Outcome::new(check(name), status, "Nothing.".to_owned()) }
    }

    fn check(name: &str) -> &'static Check {
        checks::all().find(|check| check.name == name).expect("such a check")
    }

    #[test]
    fn what_was_met_with_silence_is_not_waited_for_again() {
        let mut silence = Silence::default();
        silence.hear(&outcome("hello-head", Status::Fail, None));
        assert!(silence.open(check("tail")).is_none());
        silence.hear(&outcome("long-hello", Status::Open, Some(Step::Hello)));
        let open = silence.open(check("tail")).expect("it is not played");
        assert_eq!((open.status, open.step, open.sentence.as_str()), (Status::Open, Some(Step::Hello), "Nothing."));
        assert!(silence.open(check("sigterm")).is_none());
    }

    #[test]
    fn a_step_that_works_is_played_though_one_check_met_silence() {
        let mut silence = Silence::default();
        silence.hear(&outcome("hello-head", Status::Pass, None));
        silence.hear(&outcome("long-hello", Status::Open, Some(Step::Hello)));
        assert!(silence.open(check("tail")).is_none());
    }
}
