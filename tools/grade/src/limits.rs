//! How long things may take. Every wait of the grader has one of these limits.

use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

/// How long no more may come where nothing may, and no later answer proves it.
pub const SILENCE: Duration = Duration::from_millis(200);
/// Between two writes that are to be two reads.
pub const PAUSE: Duration = Duration::from_millis(100);
/// All checks together.
pub const WHOLE_RUN: Duration = Duration::from_secs(600);
/// One check, and what must come: on a machine whose patience is 1.
const CHECK: Duration = Duration::from_secs(30);
const WAIT: Duration = Duration::from_secs(5);
/// How much longer is waited for what has not come, to know whether it is late or missing.
const GRACE: Duration = Duration::from_secs(3);
/// What a person would still call at once.
const SOON: Duration = Duration::from_secs(1);
/// How often the machine is tried.
const TRIES: usize = 20;
/// The most that limits are stretched.
const MOST: u32 = 8;

/// The limits of one check.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For what must come.
    pub wait: Duration,
    /// For what has not come in that time, and may still come.
    pub grace: Duration,
    /// For what others must not hold up.
    pub soon: Duration,
    /// When the check is over, whatever it waits for.
    pub end: Instant,
}

impl Limits {
    /// Those of a check that begins now, on a machine that needs so much patience.
    pub fn new(patience: u32) -> Limits {
        let [wait, grace, soon] = [WAIT, GRACE, SOON].map(|limit| limit * patience);
        Limits { wait, grace, soon, end: Instant::now() + CHECK * patience }
    }

    /// When so much time is gone, or the check is over.
    pub fn after(&self, time: Duration) -> Instant {
        (Instant::now() + time).min(self.end)
    }
}

/// How slow this machine is just now, from 1 to 8: the milliseconds of the slowest of some round trips between two
/// threads.
pub fn measure_patience() -> u32 {
    let (to, at_other) = channel::<()>();
    let (back, answers) = channel::<()>();
    let echo = thread::spawn(move || while at_other.recv().is_ok() && back.send(()).is_ok() {});
    let mut slowest = Duration::ZERO;
    for _ in 0..TRIES {
        let began = Instant::now();
        if to.send(()).is_err() || answers.recv_timeout(WAIT).is_err() {
            return MOST;
        }
        slowest = slowest.max(began.elapsed());
    }
    drop(to);
    // It ends with the channel.
    let _ = echo.join();
    u32::try_from(slowest.as_millis()).unwrap_or(MOST).clamp(1, MOST)
}
