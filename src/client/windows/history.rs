//! The lines that were typed in one window, to get them back. It knows no other window, and no secret gets in.

use super::input_line::InputLine;
use std::collections::VecDeque;

/// The most lines of a window; the oldest go.
const MAX_LINES: usize = 500;

/// The most bytes of a window's lines: with 64 windows, 16 MiB. A longer line is not kept.
const MAX_BYTES: usize = 256 << 10;

/// What was typed, and where in it Up and Down have come to.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The oldest first.
    lines: VecDeque<String>,
    bytes: usize,
    /// The line that is shown again, as an index; `None` when it is the unfinished one.
    at: Option<usize>,
    /// What was not finished when Up was pressed first.
    unfinished: String,
}

impl History {
    /// Takes the finished text from the line and keeps it, except when it is a secret, blank, or the same as the last.
    pub fn take(&mut self, line: &mut InputLine) -> String {
        let is_secret = line.hidden;
        let text = line.take();
        if !is_secret {
            self.add(&text);
        }
        text
    }

    /// Keeps a text as the newest, except when it is blank or the same as the last: for lines of former runs.
    pub fn add(&mut self, text: &str) {
        self.drop_place();
        if text.trim().is_empty() || text.len() > MAX_BYTES || self.lines.back().is_some_and(|last| last == text) {
            return;
        }
        self.bytes += text.len();
        self.lines.push_back(text.to_owned());
        while self.lines.len() > MAX_LINES || self.bytes > MAX_BYTES {
            self.bytes -= self.lines.pop_front().map_or(0, |gone| gone.len());
        }
    }

    /// The line that is shown was dropped: the next Up begins at the newest again.
    pub fn drop_place(&mut self) {
        self.at = None;
        self.unfinished.clear();
    }

    /// Puts the line before the shown one into `line`; `false` when there is none. The unfinished text is kept for
    /// [`History::down`]; what was changed in a line that was shown again is not.
    pub fn up(&mut self, line: &mut InputLine) -> bool {
        let Some(at) = self.at.unwrap_or(self.lines.len()).checked_sub(1).filter(|_| !line.hidden) else {
            return false;
        };
        if self.at.is_none() {
            line.text().clone_into(&mut self.unfinished);
        }
        self.at = Some(at);
        line.set(&self.lines[at]);
        true
    }

    /// Puts the line behind the shown one into `line`, at last the unfinished text; `false` when that is there already.
    pub fn down(&mut self, line: &mut InputLine) -> bool {
        let Some(at) = self.at.filter(|_| !line.hidden) else { return false };
        self.at = Some(at + 1).filter(|&next| next < self.lines.len());
        match self.at {
            Some(next) => line.set(&self.lines[next]),
            None => line.set(&std::mem::take(&mut self.unfinished)),
        }
        true
    }

    /// The lines that hold `text`, whatever the case of its letters, the newest first. All of
    /// them for an empty text.
    pub fn search_back(&self, text: &str) -> impl Iterator<Item = &str> {
        let wanted = text.to_lowercase();
        self.lines.iter().rev().map(String::as_str).filter(move |line| line.to_lowercase().contains(&wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(lines: &[&str]) -> History {
        let mut history = History::default();
        lines.iter().for_each(|line| history.add(line));
        history
    }

    fn line(text: &str) -> InputLine {
        let mut line = InputLine::default();
        line.set(text);
        line
    }

    #[test]
    fn up_and_down_keep_the_unfinished_line() {
        let (mut history, mut line) = (with(&["one", "two"]), line("half"));
        let mut press = |is_up: bool| {
            let moved = if is_up { history.up(&mut line) } else { history.down(&mut line) };
            (moved, line.text().to_owned())
        };
        assert_eq!(press(false), (false, "half".to_owned()));
        assert_eq!(press(true), (true, "two".to_owned()));
        assert_eq!(press(true), (true, "one".to_owned()));
        assert_eq!(press(true), (false, "one".to_owned()));
        assert_eq!(press(false), (true, "two".to_owned()));
        assert_eq!(press(false), (true, "half".to_owned()));
        assert_eq!(press(false), (false, "half".to_owned()));
    }

    #[test]
    fn a_sent_line_is_the_newest() {
        let (mut history, mut line) = (with(&["one", "two"]), line("half"));
        assert!(history.up(&mut line) && history.up(&mut line));
        assert_eq!(history.take(&mut line), "one");
        assert!(line.is_empty() && history.up(&mut line));
        assert_eq!(line.text(), "one");
        assert_eq!(history.search_back("").collect::<Vec<_>>(), ["one", "two", "one"]);
    }

    #[test]
    fn secrets_blanks_and_the_same_again_do_not_get_in() {
        let mut history = with(&["one", "one", "  ", ""]);
        let mut secret = line("secret");
        secret.hidden = true;
        assert!(!history.up(&mut secret) && !history.down(&mut secret));
        assert_eq!(history.take(&mut secret), "secret");
        assert_eq!(history.search_back("").collect::<Vec<_>>(), ["one"]);
    }

    #[test]
    fn the_oldest_go() {
        let mut history = History::default();
        (0..MAX_LINES + 1).for_each(|number| history.add(&number.to_string()));
        assert_eq!((history.lines.len(), history.lines[0].as_str()), (MAX_LINES, "1"));
        history.add(&"x".repeat(MAX_BYTES));
        assert_eq!((history.lines.len(), history.bytes), (1, MAX_BYTES));
        history.add(&"y".repeat(MAX_BYTES + 1));
        history.add("z");
        assert_eq!((history.lines.len(), history.bytes), (1, 1));
    }

    #[test]
    fn search_ignores_case_and_begins_with_the_newest() {
        let history = with(&["msg bob Über", "list", "get bob über.txt"]);
        assert_eq!(history.search_back("ÜBER").collect::<Vec<_>>(), ["get bob über.txt", "msg bob Über"]);
        assert_eq!(history.search_back("nothing").count(), 0);
    }
}
