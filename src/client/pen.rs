//! What touches files for the App: the history of typed lines, logs of talks, and a look at paths. It decides nothing.

use super::blocked::Blocked;
use super::event::Line;
use super::history::History;
use super::logs::Logs;
use super::paths::paths;
use super::runner::Scribe;
use crate::value::Username;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::path::Path;

/// The files of the person that are no shared ones.
pub struct Pen {
    history: History,
    blocked: Blocked,
    logs: Option<Logs>,
}

impl Pen {
    /// One that writes down what is said with each person, when there is a folder for it; its times are those of
    /// `zone`.
    ///
    /// # Errors
    /// A sentence that names the folder and what is wrong with it.
    pub fn new(logs: Option<&Path>, zone: TimeZone) -> Result<Pen, String> {
        let logs = logs.map(|folder| Logs::open(folder, zone)).transpose()?;
        Ok(Pen { history: History::new(), blocked: Blocked::new(), logs })
    }

    /// Whom the person has blocked in former runs.
    ///
    /// # Errors
    /// As [`Blocked::read`].
    pub fn blocked(&self) -> Result<BTreeSet<Username>, String> {
        self.blocked.read()
    }

    /// What was typed in former runs, oldest first.
    pub fn former_lines(&self) -> Vec<String> {
        self.history.read()
    }
}

impl Scribe for Pen {
    fn remember(&mut self, line: &str) {
        self.history.add(line);
    }

    fn log(&mut self, lines: Vec<(Username, Line)>) {
        if let Some(logs) = &mut self.logs {
            logs.add(&lines);
        }
    }

    fn block(&mut self, name: &Username, is_blocked: bool) -> Result<(), String> {
        self.blocked.set(name, is_blocked)
    }

    fn paths(&mut self, begin: &str) -> Vec<String> {
        paths(begin)
    }
}
