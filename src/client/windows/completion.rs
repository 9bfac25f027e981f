//! What Tab offers for the end of a line: commands, names, files that others share, and own paths, which somebody else
//! looks up. It knows nothing of windows.

use super::input_line::InputLine;
use crate::client::command::{Slot, slot, words};
use crate::value::text::escape;

/// The most candidates that are offered.
const MAX_OFFERED: usize = 1000;

/// What is known when Tab is pressed.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// Those whom one can address.
    pub names: &'a [String],
    /// The files that somebody shares, by the name as it is typed.
    pub files: &'a dyn Fn(&str) -> Vec<String>,
    /// Whether a line without a slash is a command here.
    pub is_bare_command: bool,
}

/// The candidates for one line, as long as nothing else changes that line.
#[derive(Clone, Debug, Default)]
pub struct Completion {
    /// The text up to the cursor and the text behind it, as this left them.
    seen: (String, String),
    /// Where the candidates begin in the line, in bytes.
    begin: usize,
    candidates: Vec<String>,
    chosen: usize,
    /// The number of the last question for own paths.
    ask: u64,
    is_asking: bool,
}

impl Completion {
    /// Tab, or Shift-Tab when `back`: puts the first candidate for the text before the cursor into the line, or the
    /// next or the one before when the line is as the last Tab left it. Gives the number and the begin of own paths
    /// that somebody is to look up for [`Completion::paths`].
    pub fn tab(&mut self, line: &mut InputLine, known: &Known<'_>, back: bool) -> Option<(u64, String)> {
        if let Some((candidates, chosen)) = self.offered(line) {
            let count = candidates.len();
            self.choose(line, (chosen + if back { count - 1 } else { 1 }) % count);
            return None;
        }
        (self.is_asking, self.candidates) = (false, Vec::new());
        let before = &line.text()[..line.cursor()];
        if line.hidden || before.contains('\n') || !is_command(before, known.is_bare_command) {
            return None;
        }
        let (begin, slot) = slot(before);
        self.begin = begin;
        let typed = before[begin..].to_owned();
        let candidates = match slot {
            Slot::Word => words().map(|word| format!("{word} ")).collect(),
            Slot::Name => known.names.iter().map(|name| format!("{name} ")).collect(),
            Slot::File(owner) => (known.files)(owner),
            Slot::OneOf(words) => words.split('|').map(|word| format!("{word} ")).collect(),
            Slot::Text => Vec::new(),
            Slot::Path => {
                self.note(line);
                self.is_asking = true;
                self.ask += 1;
                return Some((self.ask, typed));
            }
        };
        // A name that the line could not show as it is has to be typed.
        let fits = |one: &String| starts_alike(one, &typed) && escape(one) == *one;
        self.offer(line, candidates.into_iter().filter(fits), back);
        None
    }

    /// The answer to a question for own paths: what the typed begin may become, quoted as for a shell. `false` when it
    /// comes too late: the line has changed, or another question was asked since.
    pub fn paths(&mut self, ask: u64, found: Vec<String>, line: &mut InputLine) -> bool {
        if !self.is_asking || ask != self.ask || !self.is_as_left(line) {
            return false;
        }
        self.is_asking = false;
        self.offer(line, found.into_iter().filter(|path| escape(path) == *path), false);
        true
    }

    /// All candidates and the index of the one in the line, for a list; `None` when there are none, or the line has
    /// changed.
    pub fn offered(&self, line: &InputLine) -> Option<(&[String], usize)> {
        let is_offered = !self.candidates.is_empty() && self.is_as_left(line);
        is_offered.then_some((&self.candidates, self.chosen))
    }

    fn offer(&mut self, line: &mut InputLine, candidates: impl Iterator<Item = String>, back: bool) {
        self.candidates = candidates.take(MAX_OFFERED).collect();
        if let Some(last) = self.candidates.len().checked_sub(1) {
            self.choose(line, if back { last } else { 0 });
        }
        // What has no other goes to what follows it.
        if self.candidates.len() == 1 {
            self.candidates.clear();
        }
    }

    fn choose(&mut self, line: &mut InputLine, chosen: usize) {
        self.chosen = chosen;
        line.replace(self.begin, &self.candidates[chosen]);
        self.note(line);
    }

    fn note(&mut self, line: &InputLine) {
        let (before, behind) = line.text().split_at(line.cursor());
        self.seen = (before.to_owned(), behind.to_owned());
    }

    fn is_as_left(&self, line: &InputLine) -> bool {
        line.text().split_at(line.cursor()) == (&self.seen.0, &self.seen.1) && !line.hidden
    }
}

/// Whether a line is a command: `//x` is the text `/x`.
fn is_command(line: &str, is_bare_command: bool) -> bool {
    match line.trim_start().strip_prefix('/') {
        Some(rest) => !rest.starts_with('/'),
        None => is_bare_command,
    }
}

fn starts_alike(whole: &str, begin: &str) -> bool {
    let mut letters = whole.chars().flat_map(char::to_lowercase);
    begin.chars().flat_map(char::to_lowercase).all(|c| letters.next() == Some(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::event::Key;

    /// Presses Tab on a line and gives the text, the offered candidates and what is to be looked up.
    fn tab(text: &str, is_bare_command: bool) -> (String, Vec<String>, Option<(u64, String)>) {
        let (mut completion, mut line) = (Completion::default(), line(text));
        let ask = press(&mut completion, &mut line, is_bare_command, false);
        let offered = completion.offered(&line).map_or(Vec::new(), |(all, _)| all.to_vec());
        (line.text().to_owned(), offered, ask)
    }

    fn line(text: &str) -> InputLine {
        let mut line = InputLine::default();
        line.set(text);
        line
    }

    fn press(
        completion: &mut Completion,
        line: &mut InputLine,
        is_bare_command: bool,
        back: bool,
    ) -> Option<(u64, String)> {
        let names = ["bob", "Bodo", "carol"].map(str::to_owned);
        let files = |owner: &str| match owner {
            "bob" => vec!["two words.txt".to_owned(), "odd\u{202e}".to_owned()],
            _ => Vec::new(),
        };
        completion.tab(line, &Known { names: &names, files: &files, is_bare_command }, back)
    }

    #[test]
    fn each_slot_has_its_candidates() {
        for (text, expected) in [
            ("/ms", "/msg "),
            ("MS", "msg "),
            ("msg ca", "msg carol "),
            ("msg BOD", "msg Bodo "),
            ("get bob two", "get bob two words.txt"),
            ("get bob odd", "get bob odd"),
            ("get carol t", "get carol t"),
            ("msg bob bo", "msg bob bo"),
            ("//ms", "//ms"),
        ] {
            assert_eq!(tab(text, true).0, expected, "{text:?}");
        }
        assert_eq!(tab("ms", false).0, "ms");
        assert_eq!(tab("/ms", false).0, "/msg ");
        assert_eq!(tab("one\n/ms", true).0, "one\n/ms");
    }

    #[test]
    fn behind_the_only_candidate_tab_goes_on_to_what_follows() {
        let (mut completion, mut line) = (Completion::default(), line("get car"));
        press(&mut completion, &mut line, true, false);
        assert_eq!(line.text(), "get carol ");
        line.set("ge");
        press(&mut completion, &mut line, true, false);
        line.insert("bob");
        press(&mut completion, &mut line, true, false);
        press(&mut completion, &mut line, true, false);
        assert_eq!(line.text(), "get bob two words.txt");
    }

    #[test]
    fn tab_goes_round_and_shift_tab_back() {
        let (mut completion, mut line) = (Completion::default(), line("msg bo hello"));
        (0..6).for_each(|_| assert!(line.key(&Key::Left)));
        for (back, expected, chosen) in [
            (false, "msg bob  hello", 0),
            (false, "msg Bodo  hello", 1),
            (false, "msg bob  hello", 0),
            (true, "msg Bodo  hello", 1),
        ] {
            assert_eq!(press(&mut completion, &mut line, true, back), None);
            assert_eq!(line.text(), expected);
            let offered = ["bob ".to_owned(), "Bodo ".to_owned()];
            assert_eq!(completion.offered(&line), Some((&offered as &[String], chosen)));
        }
        assert!(line.key(&Key::Char('x')));
        assert_eq!(completion.offered(&line), None);
    }

    #[test]
    fn shift_tab_begins_with_the_last() {
        let (mut completion, mut line) = (Completion::default(), line("msg bo"));
        press(&mut completion, &mut line, true, true);
        assert_eq!(line.text(), "msg Bodo ");
    }

    #[test]
    fn own_paths_come_later() {
        let (mut completion, mut line) = (Completion::default(), line("send bob 'a b"));
        assert_eq!(press(&mut completion, &mut line, true, false), Some((1, "'a b".to_owned())));
        let found = || vec!["'a b.txt' ".to_owned(), "'a bc/".to_owned(), "'a b\n'".to_owned()];
        assert!(!completion.paths(0, found(), &mut line));
        assert!(completion.paths(1, found(), &mut line));
        assert_eq!(line.text(), "send bob 'a b.txt' ");
        press(&mut completion, &mut line, true, false);
        assert_eq!(line.text(), "send bob 'a bc/");
        assert!(!completion.paths(1, found(), &mut line));
    }

    #[test]
    fn paths_for_another_line_are_dropped() {
        let (mut completion, mut line) = (Completion::default(), line("send bob a"));
        assert_eq!(press(&mut completion, &mut line, true, false), Some((1, "a".to_owned())));
        assert!(line.key(&Key::Char('b')));
        assert!(!completion.paths(1, vec!["abc".to_owned()], &mut line));
        assert_eq!(press(&mut completion, &mut line, true, false), Some((2, "ab".to_owned())));
        assert!(!completion.paths(1, vec!["abc".to_owned()], &mut line));
        assert!(line.key(&Key::Left));
        assert!(!completion.paths(2, vec!["abc".to_owned()], &mut line));
        assert_eq!(line.text(), "send bob ab");
    }

    #[test]
    fn a_secret_is_not_completed() {
        let (mut completion, mut line) = (Completion::default(), line("ms"));
        line.hidden = true;
        assert_eq!(press(&mut completion, &mut line, true, false), None);
        assert_eq!(line.text(), "ms");
    }
}
