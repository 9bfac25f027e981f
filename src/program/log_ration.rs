//! A log that nobody can flood: so many bytes of it a second, and what is over is counted.
//!
//! Connections cause lines; a warning or an error always gets through. It knows no output and no thread.

use log::{Level, Log, Metadata, Record};
use std::fmt::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Bytes a second.
const RATE: u64 = 64 * 1024;
/// Bytes at once, after quiet.
const BURST: u64 = 4 * RATE;
/// Bytes without which no line is written again, once lines are left out: so that is said once a second at most.
const AGAIN: u64 = RATE;
/// What stands before each line: the time and the level.
const BEFORE: u64 = 32;

/// A logger in front of another, which gets no more than the ration.
pub struct Rationed<L> {
    inner: L,
    ration: Mutex<Ration>,
}

/// What may still be written.
#[derive(Debug)]
struct Ration {
    bytes: u64,
    filled: Instant,
    left_out: usize,
}

impl<L: Log> Rationed<L> {
    /// A full ration for this logger.
    pub fn new(inner: L) -> Rationed<L> {
        let ration = Ration { bytes: BURST, filled: Instant::now(), left_out: 0 };
        Rationed { inner, ration: Mutex::new(ration) }
    }

    fn log_at(&self, record: &Record<'_>, now: Instant) {
        if !self.inner.enabled(record.metadata()) {
            return;
        }
        if record.level() > Level::Warn {
            // In a flood nearly every line ends here, and is not made for that.
            if self.lock().is_used_up(now) {
                return;
            }
            // Before the lock: what a line shows is written by its arguments, whatever they are.
            let bytes = length(record);
            let taken = self.lock().take(bytes, now);
            let Some(left_out) = taken else { return };
            if left_out > 0 {
                // In one expression: what `format_args` borrows lives no longer.
                self.inner.log(
                    &Record::builder()
                        .level(Level::Warn)
                        .args(format_args!("{left_out} lines of this log are left out: too many bytes a second"))
                        .build(),
                );
            }
        }
        self.inner.log(record);
    }

    fn lock(&self) -> MutexGuard<'_, Ration> {
        self.ration.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ration {
    /// Whether a line is left out, and counted as such, however short it is.
    fn is_used_up(&mut self, now: Instant) -> bool {
        self.fill(now);
        let is_used_up = self.bytes < if self.left_out > 0 { AGAIN } else { BEFORE };
        self.left_out += usize::from(is_used_up);
        is_used_up
    }

    /// Takes the bytes of a line. Gives how many lines were left out before it; nothing when it is left out itself.
    fn take(&mut self, bytes: u64, now: Instant) -> Option<usize> {
        self.fill(now);
        let needed = if self.left_out > 0 { bytes.max(AGAIN) } else { bytes };
        if self.bytes < needed {
            self.left_out += 1;
            return None;
        }
        self.bytes -= bytes;
        Some(std::mem::take(&mut self.left_out))
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled);
        let gained = u64::try_from(passed.as_micros()).unwrap_or(u64::MAX).saturating_mul(RATE) / 1_000_000;
        if gained > 0 {
            self.filled = now;
        }
        self.bytes = self.bytes.saturating_add(gained).min(BURST);
    }
}

/// The bytes of a line, which is written nowhere for that.
fn length(record: &Record<'_>) -> u64 {
    struct Count(u64);
    impl Write for Count {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 += text.len() as u64;
            Ok(())
        }
    }
    let mut count = Count(BEFORE);
    // Only a `Display` that fails could fail here, and then there is less to write.
    let _ = write!(count, "{}", record.args());
    count.0
}

impl<L: Log> Log for Rationed<L> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.inner.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        self.log_at(record, Instant::now());
    }

    fn flush(&self) {
        self.inner.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::OnceCell;
    use std::time::Duration;

    /// Keeps what it gets.
    #[derive(Default)]
    struct Kept(Mutex<Vec<String>>);

    impl Log for Kept {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.level() <= Level::Info
        }

        fn log(&self, record: &Record<'_>) {
            self.0.lock().expect("no panic").push(record.args().to_string());
        }

        fn flush(&self) {}
    }

    fn say(log: &Rationed<Kept>, level: Level, text: &str, now: Instant) {
        log.log_at(&Record::builder().level(level).args(format_args!("{text}")).build(), now);
    }

    fn taken(log: &Rationed<Kept>) -> Vec<String> {
        std::mem::take(&mut log.inner.0.lock().expect("no panic"))
    }

    #[test]
    fn a_flood_is_cut_to_the_ration_and_counted_and_warnings_get_through() {
        let log = Rationed::new(Kept::default());
        let start = Instant::now();
        let line = "x".repeat(1024 - BEFORE as usize);
        (0..300).for_each(|_| say(&log, Level::Info, &line, start));
        assert_eq!(taken(&log).len(), 256);
        say(&log, Level::Warn, "the disk is full", start);
        say(&log, Level::Error, "all is lost", start);
        say(&log, Level::Debug, "not asked for", start);
        assert_eq!(taken(&log), ["the disk is full", "all is lost"]);
        // Half of what it takes to begin again.
        say(&log, Level::Info, &line, start + Duration::from_millis(500));
        assert!(taken(&log).is_empty());
        (0..100).for_each(|_| say(&log, Level::Info, &line, start + Duration::from_secs(1)));
        let said = taken(&log);
        assert_eq!(said[0], "45 lines of this log are left out: too many bytes a second");
        assert_eq!(said.len(), 1 + 64, "a second's worth");
        (0..300).for_each(|_| say(&log, Level::Info, &line, start + Duration::from_secs(3600)));
        assert_eq!(taken(&log).len(), 1 + 256);
    }

    #[test]
    fn a_line_is_counted_without_the_lock() {
        /// Says what it has found when it was written first: that is when it is counted.
        struct Looks<'a>(&'a Rationed<Kept>, OnceCell<bool>);
        impl fmt::Display for Looks<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.1.get_or_init(|| self.0.ration.try_lock().is_ok()))
            }
        }
        let log = Rationed::new(Kept::default());
        let looks = Looks(&log, OnceCell::new());
        log.log_at(&Record::builder().level(Level::Info).args(format_args!("{looks}")).build(), Instant::now());
        assert_eq!(taken(&log), ["true"]);
    }

    #[test]
    fn what_is_left_out_anyway_is_not_made() {
        struct Never;
        impl fmt::Display for Never {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                panic!("it was made");
            }
        }
        let log = Rationed::new(Kept::default());
        let start = Instant::now();
        let line = "x".repeat(1024 - BEFORE as usize);
        (0..300).for_each(|_| say(&log, Level::Info, &line, start));
        log.log_at(&Record::builder().level(Level::Info).args(format_args!("{Never}")).build(), start);
        assert_eq!(log.lock().left_out, 45);
    }

    #[test]
    fn a_line_in_between_is_never_left_out() {
        let log = Rationed::new(Kept::default());
        let start = Instant::now();
        let line = "x".repeat(600);
        // 100 a second, which the ration is more than enough for.
        for number in 0..10_000 {
            say(&log, Level::Info, &line, start + Duration::from_millis(10 * number));
        }
        assert_eq!(taken(&log).len(), 10_000);
    }
}
