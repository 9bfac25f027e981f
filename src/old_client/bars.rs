//! Progress bars: a line for each file that is being fetched, right above the prompt, while one goes on typing.

use super::transfer::{Stage, Step, Way};
use crate::value::Size;
use crate::value::text::escape;
use std::time::Instant;
use unicode_width::UnicodeWidthChar;

/// Columns of a file's name; with the rest a bar fits 80 columns.
const NAME: usize = 24;
/// Columns of the bar itself.
const BAR: u64 = 20;

/// The bars that are shown now.
#[derive(Default)]
pub struct Bars(Vec<Bar>);

struct Bar {
    /// The last step: whose file it is, and how far.
    step: Step,
    done: u64,
    size: u64,
    /// Since when bytes have been coming, and how many were there before.
    since: Instant,
    before: u64,
}

impl Bars {
    /// Takes a step of a file; true when a bar shows all of it, so that no line is needed.
    pub fn take(&mut self, step: &Step, now: Instant) -> bool {
        if step.way != Way::Fetch {
            return false;
        }
        let known = self.0.iter().position(|bar| (&bar.step.with, &bar.step.file) == (&step.with, &step.file));
        let (done, size) = match step.stage {
            Stage::Begun { size, offset } => (offset, size),
            Stage::Progress { done, size, .. } => (done, size),
            Stage::Waiting { .. } => return false,
            Stage::Whole { .. } | Stage::Cancelled { .. } | Stage::Failed { .. } => {
                known.map(|at| self.0.remove(at));
                return false;
            }
        };
        match known {
            Some(at) => (self.0[at].done, self.0[at].size) = (done, size),
            None => self.0.push(Bar { step: step.clone(), done, size, since: now, before: done }),
        }
        true
    }

    /// A line for each.
    pub fn lines(&self, now: Instant) -> String {
        self.0.iter().map(|bar| bar.line(now)).collect()
    }
}

impl Bar {
    fn line(&self, now: Instant) -> String {
        let share = |of: u64| u128::from(self.done) * u128::from(of) / u128::from(self.size.max(1));
        let filled = usize::try_from(share(BAR).min(u128::from(BAR))).unwrap_or_default();
        let (full, rest) = ("#".repeat(filled), "-".repeat(BAR as usize - filled));
        let seconds = now.saturating_duration_since(self.since).as_secs_f64();
        let speed = if seconds > 0.5 { (self.done.saturating_sub(self.before)) as f64 / seconds } else { 0.0 };
        let (name, percent) = (fit(&escape(self.step.file.as_str()), NAME), share(100));
        format!("{name} [{full}{rest}] {percent:>3} % of {}, {}/s\n", Size(self.size), Size(speed as u64))
    }
}

/// `text` in exactly so many columns.
fn fit(text: &str, columns: usize) -> String {
    let mut shown = String::new();
    let mut used = 0;
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        if used + width > columns {
            break;
        }
        shown.push(c);
        used += width;
    }
    shown.push_str(&" ".repeat(columns - used));
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::old_client::transfer::Transfer;
    use std::time::Duration;

    #[test]
    fn a_bar_from_its_beginning_to_its_end() {
        let mut bars = Bars::default();
        let now = Instant::now();
        let file = "漢字 of a very long name.iso".parse().expect("valid");
        let fetch = Transfer::new(Way::Fetch, "bob".parse().expect("valid"), file);
        assert!(!bars.take(&fetch.step(Stage::Waiting { before: 2 }), now));
        assert!(bars.take(&fetch.step(Stage::Begun { size: 4096, offset: 1024 }), now));
        assert!(bars.take(&fetch.step(Stage::Progress { done: 3072, size: 4096, seldom: true }), now));
        let line = bars.lines(now + Duration::from_secs(2));
        assert_eq!(line, "漢字 of a very long name [###############-----]  75 % of 4.0 KiB, 1.0 KiB/s\n");
        assert!(!bars.take(&fetch.step(Stage::Failed { why: "gone".to_owned() }), now));
        assert_eq!(bars.lines(now), "");
    }

    #[test]
    fn what_we_send_has_no_bar() {
        let send = Transfer::new(Way::Send, "bob".parse().expect("valid"), "a".parse().expect("valid"));
        assert!(!Bars::default().take(&send.step(Stage::Begun { size: 1, offset: 0 }), Instant::now()));
    }
}
