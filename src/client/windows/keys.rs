//! What each key does to the windows, and what the owner has to do about it.

use super::completion::Known;
use super::input_line::InputLine;
use super::mode::{Doubt, Mode, Recall};
use super::search::{Search, Toward};
use super::set::Windows;
use super::window::Scroll;
use crate::client::event::{Key, Place};
use crate::protocol::MAX_BROADCAST;
use std::time::{Duration, Instant};

/// So many pasted lines are sent without a question.
const FEW_LINES: usize = 5;

/// A slash so few blanks behind the begin of a line was probably meant as the begin of a command.
const FEW_BLANKS: usize = 2;

/// An Enter that comes so soon after a question was in the same clipboard, and is no answer.
const TOO_SOON: Duration = Duration::from_millis(100);

/// What the owner has to do about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's sentence names its fields")]
pub enum Act {
    /// A line was typed in this window. `plain`: it is a text even if it looks like a command. `begun` is when its
    /// first key was typed.
    Line { window: u32, text: String, plain: bool, begun: Option<Instant> },
    /// The question of the login is answered.
    Answer(String),
    /// Ctrl-C on an empty line: the newest thing of the window in front is to be cancelled.
    Cancel,
    /// Ctrl-X: the client is to leave the server.
    Leave,
    /// Ctrl-D on an empty line: a talk, or the client, is to end.
    End,
    /// Ctrl-Z: the client is to be suspended.
    Suspend,
    /// Ctrl-L: everything is to be drawn anew.
    Redraw,
    /// Own paths that begin so are to be looked up, for [`Windows::paths`].
    AskPaths { ask: u64, begin: String },
    /// A line for the history of later runs. A secret is none.
    Remember(String),
}

impl Windows {
    /// Does what a key means, and gives what is left to the owner.
    pub fn key(&mut self, key: Key, now: Instant) -> Vec<Act> {
        match key {
            Key::Focus(is_focused) => self.focus(is_focused),
            Key::Ctrl('x') => return vec![Act::Leave],
            Key::Ctrl('z') => return vec![Act::Suspend],
            Key::Ctrl('l') => return vec![Act::Redraw],
            _ => match std::mem::take(&mut self.mode) {
                Mode::Sure(doubt, asked) => return self.sure(doubt, asked, &key, now),
                Mode::Searching(search) => return self.searching(search, &key, now),
                Mode::Recalling(recall) => return self.recalling(recall, &key, now),
                Mode::Typing => return self.typing(&key, now),
            },
        }
        Vec::new()
    }

    /// Begins a search in the window in front, as Ctrl-F does.
    pub fn search(&mut self, text: &str) {
        let mut search = Search::default();
        search.line.set(text);
        search.again(self.window());
        self.show_found(search);
    }

    fn typing(&mut self, key: &Key, now: Instant) -> Vec<Act> {
        if self.moves(key) {
            return Vec::new();
        }
        if self.questions.asked().is_some() {
            return self.answering(key);
        }
        let window = self.window_mut();
        match key {
            Key::Enter => return self.enter(now),
            Key::Ctrl('c') if window.input.is_empty() => return vec![Act::Cancel],
            Key::Ctrl('c') => {
                window.input.take();
                window.history.drop_place();
            }
            Key::Ctrl('d') if window.input.is_empty() => return vec![Act::End],
            Key::End if window.input.is_empty() => window.scroll = Scroll::Following,
            Key::Tab => return self.complete(false),
            Key::BackTab => return self.complete(true),
            Key::Up => drop(window.history.up(&mut window.input)),
            Key::Down => drop(window.history.down(&mut window.input)),
            Key::Ctrl('f') => self.mode = Mode::Searching(Search::default()),
            Key::Ctrl('r') => self.mode = Mode::Recalling(Recall::default()),
            key => drop(window.input.key(key)),
        }
        self.window_mut().input.begin(now);
        Vec::new()
    }

    /// The keys that go to another window or to another place in it, whatever is typed.
    fn moves(&mut self, key: &Key) -> bool {
        match key {
            Key::Alt(digit @ '0'..='9') => {
                let number = digit.to_digit(10).unwrap_or(0);
                self.go(if number == 0 { 10 } else { number });
            }
            Key::Alt('a') => self.next_marked(),
            Key::AltLeft | Key::Ctrl('p') => self.previous(),
            Key::AltRight | Key::Ctrl('n') => self.next(),
            Key::PageUp => self.scroll_up(|page| page.saturating_sub(2).max(1)),
            Key::PageDown => self.scroll_down(|page| page.saturating_sub(2).max(1)),
            Key::AltUp => self.scroll_up(|_| 3),
            Key::AltDown => self.scroll_down(|_| 3),
            Key::AltHome => self.scroll_to_line(self.window().first()),
            Key::AltEnd => self.window_mut().scroll = Scroll::Following,
            Key::Alt('u') => {
                let rule = self.window().rule().map(|rule| rule.above);
                if let Some(line) = rule.or(self.window().first_unread()) {
                    self.scroll_to_line(line);
                }
            }
            _ => return false,
        }
        true
    }

    fn answering(&mut self, key: &Key) -> Vec<Act> {
        let Some(answer) = self.questions.answer() else { return Vec::new() };
        match key {
            Key::Enter => return self.questions.take().map(Act::Answer).into_iter().collect(),
            Key::Ctrl('c') if answer.is_empty() => return vec![Act::Cancel],
            Key::Ctrl('c') => drop(self.questions.take()),
            Key::Ctrl('d') if answer.is_empty() => return vec![Act::End],
            key => drop(answer.key(key)),
        }
        Vec::new()
    }

    /// Enter: sends what is typed, or asks first.
    fn enter(&mut self, now: Instant) -> Vec<Act> {
        let window = self.window_mut();
        if window.input.text().trim().is_empty() {
            window.input.take();
            return Vec::new();
        }
        match doubt(&window.place, window.input.text()) {
            Some(doubt) => self.mode = Mode::Sure(doubt, now),
            None => return self.send(false),
        }
        Vec::new()
    }

    /// The answer to a question about what is typed. An Enter right behind the one that asked is of the same paste and
    /// no answer. Any other key goes on with the line.
    fn sure(&mut self, doubt: Doubt, asked: Instant, key: &Key, now: Instant) -> Vec<Act> {
        match key {
            Key::Enter if now < asked + TOO_SOON => self.mode = Mode::Sure(doubt, asked),
            Key::Enter => return self.send(doubt == Doubt::Slash),
            Key::Escape | Key::Ctrl('c') => {}
            key => return self.typing(key, now),
        }
        Vec::new()
    }

    /// Sends each line that is typed. Several at once, and what begins with a paste, are texts, except where each line
    /// is a command.
    fn send(&mut self, as_text: bool) -> Vec<Act> {
        let (number, window) = (self.front, self.window_mut());
        let begun = window.input.begun;
        let is_pasted = window.input.is_pasted();
        let typed = window.history.take(&mut window.input);
        let lines: Vec<&str> = typed.lines().filter(|line| !line.trim().is_empty()).collect();
        // Blanks before a slash say that it is no command.
        let is_behind_blanks = typed.starts_with(' ') && typed.trim_start().starts_with('/');
        let is_text = lines.len() > 1 || is_pasted || is_behind_blanks;
        let plain = as_text || (is_text && window.place != Place::Server);
        let remembered = lines.first().filter(|_| lines.len() == 1).map(|line| Act::Remember((*line).to_owned()));
        let line = |text: &&str| Act::Line { window: number, text: (*text).to_owned(), plain, begun };
        remembered.into_iter().chain(lines.iter().map(line)).collect()
    }

    fn complete(&mut self, back: bool) -> Vec<Act> {
        let mut names = self.names.clone();
        for person in self.windows.values().filter_map(|window| window.place.name()) {
            if !names.iter().any(|name| name.eq_ignore_ascii_case(person.as_str())) {
                names.push(person.to_string());
            }
        }
        let (mut completion, mut input) =
            (std::mem::take(&mut self.completion), std::mem::take(&mut self.window_mut().input));
        let files = |owner: &str| self.files_of(owner);
        let known = Known { names: &names, files: &files, is_bare_command: self.window().place == Place::Server };
        let asked = completion.tab(&mut input, &known, back);
        self.window_mut().input = input;
        self.completion = completion;
        asked.map(|(ask, begin)| Act::AskPaths { ask, begin }).into_iter().collect()
    }

    fn searching(&mut self, mut search: Search, key: &Key, now: Instant) -> Vec<Act> {
        match key {
            Key::Escape | Key::Ctrl('c') => return Vec::new(),
            Key::Enter | Key::Up | Key::Ctrl('r') => search.step(self.window(), Toward::Begin),
            Key::Down => search.step(self.window(), Toward::End),
            key if is_movement(key) => return self.typing(key, now),
            key => {
                edit(&mut search.line, key);
                search.again(self.window());
            }
        }
        self.show_found(search);
        Vec::new()
    }

    fn show_found(&mut self, search: Search) {
        if let Some(line) = search.found.filter(|_| !search.is_missing) {
            self.scroll_around(line);
        }
        self.mode = Mode::Searching(search);
    }

    fn recalling(&mut self, mut recall: Recall, key: &Key, now: Instant) -> Vec<Act> {
        match key {
            Key::Escape | Key::Ctrl('c') => return Vec::new(),
            Key::Enter => {
                if let Some(found) = recall.found {
                    self.window_mut().input.set(&found);
                    self.window_mut().input.begin(now);
                }
                return Vec::new();
            }
            Key::Ctrl('r') | Key::Up => recall.passed += 1,
            Key::Down => recall.passed = recall.passed.saturating_sub(1),
            key if is_movement(key) => return self.typing(key, now),
            key => {
                edit(&mut recall.line, key);
                recall.passed = 0;
            }
        }
        match self.recalled(&recall) {
            Some(line) => recall.found = Some(line),
            // At the oldest it stays there.
            None if recall.passed > 0 => recall.passed -= 1,
            None => recall.found = None,
        }
        self.mode = Mode::Recalling(recall);
        Vec::new()
    }

    /// What a search in the history has come to: this window first, then the others by their numbers.
    fn recalled(&self, recall: &Recall) -> Option<String> {
        let others = self.windows.iter().filter(|(number, _)| **number != self.front).map(|(_, window)| window);
        let all = std::iter::once(self.window()).chain(others);
        let mut found = all.flat_map(|window| window.history.search_back(recall.line.text()));
        found.nth(recall.passed).map(str::to_owned)
    }
}

/// Edits the line of a search, which is one line.
fn edit(line: &mut InputLine, key: &Key) {
    match key {
        Key::Paste(text) => line.insert(text.lines().next().unwrap_or_default()),
        key => drop(line.key(key)),
    }
}

/// Whether a key ends a search and then does what it does else.
fn is_movement(key: &Key) -> bool {
    match key {
        Key::Alt(c) => c.is_ascii_digit() || matches!(c, 'a' | 'u'),
        Key::Ctrl(c) => matches!(c, 'p' | 'n' | 'f'),
        Key::AltLeft | Key::AltRight | Key::AltUp | Key::AltDown | Key::AltHome | Key::AltEnd => true,
        key => matches!(key, Key::PageUp | Key::PageDown),
    }
}

/// What is odd about a line that is to be sent.
fn doubt(place: &Place, typed: &str) -> Option<Doubt> {
    let mut lines = typed.lines().filter(|line| !line.trim().is_empty());
    let count = lines.clone().count();
    let longest = lines.clone().map(str::len).max().unwrap_or(0);
    let first = lines.next().unwrap_or_default();
    let blanks = first.len() - first.trim_start().len();
    let is_slash = (1..=FEW_BLANKS).contains(&blanks) && first.trim_start().starts_with('/');
    match place {
        _ if count > FEW_LINES => Some(Doubt::Lines(count)),
        Place::All if longest > MAX_BROADCAST => Some(Doubt::Long(longest)),
        Place::Server => None,
        _ => (count == 1 && is_slash).then_some(Doubt::Slash),
    }
}
