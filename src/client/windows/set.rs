//! All windows of a client: their numbers, which one is in front, and what is unread where. It knows nothing of rows
//! and columns.

use super::completion::Completion;
use super::mode::Mode;
use super::question::Questions;
use super::window::Window;
use crate::client::event::{Place, Size};
use crate::client::shown::{Look, Weight};
use crate::value::Username;
use jiff::tz::TimeZone;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

/// The most windows. One more closes the one that is missed least.
pub const MAX_WINDOWS: usize = 64;

/// The most people whose files are known for Tab, and the most files; those of the last are known in any case.
const MAX_OWNERS: usize = 64;
const MAX_FILES: usize = 100_000;

/// The numbers of the two windows that are always there.
const SERVER: u32 = 1;
const ALL: u32 = 2;

/// A bell within this time after another is not rung.
const BELL_PAUSE: Duration = Duration::from_secs(2);

/// All windows, and what is being typed.
#[derive(Debug)]
pub struct Windows {
    pub(super) windows: BTreeMap<u32, Window>,
    pub(super) front: u32,
    pub(super) zone: TimeZone,
    /// The size of the terminal.
    pub(super) size: Size,
    /// The columns and rows that were last drawn of the messages; `None` since the size changed.
    pub(super) page: Option<(usize, usize)>,
    pub(super) mode: Mode,
    pub(super) questions: Questions,
    pub(super) completion: Completion,
    pub(super) names: Vec<String>,
    pub(super) shows_names: bool,
    files: Vec<(String, Vec<String>)>,
    hint: Option<(String, Instant)>,
    is_focused: bool,
    tour: Option<Tour>,
    uses: u64,
    is_bell_due: bool,
    rung: Option<Instant>,
}

/// A round through the windows with something new.
#[derive(Debug)]
struct Tour {
    /// Where it began.
    back: u32,
    /// Where it has been.
    seen: Vec<u32>,
}

impl Windows {
    /// The windows of the server and of everybody. Times are shown as in `zone`.
    pub fn new(size: Size, zone: TimeZone) -> Windows {
        let places = [(SERVER, Place::Server), (ALL, Place::All)];
        Windows {
            windows: places.into_iter().map(|(number, place)| (number, Window::new(place))).collect(),
            front: SERVER,
            zone,
            size,
            page: None,
            mode: Mode::Typing,
            questions: Questions::default(),
            completion: Completion::default(),
            names: Vec::new(),
            shows_names: true,
            files: Vec::new(),
            hint: None,
            is_focused: true,
            tour: None,
            uses: 0,
            is_bell_due: false,
            rung: None,
        }
    }

    /// The terminal has another size.
    pub fn resize(&mut self, size: Size) {
        (self.size, self.page) = (size, None);
    }

    /// The terminal has the focus, or not. Until it is told, it has.
    pub fn focus(&mut self, is_focused: bool) {
        if is_focused && !self.is_focused {
            self.window_mut().arrive();
        }
        self.is_focused = is_focused;
    }

    /// Whether the terminal has the focus.
    pub(super) fn is_focused(&self) -> bool {
        self.is_focused
    }

    /// The window in front: its number, and whose it is.
    pub fn front(&self) -> (u32, &Place) {
        (self.front, &self.window().place)
    }

    /// Whose window it is; `None` when there is none with this number.
    pub fn place_of(&self, number: u32) -> Option<&Place> {
        self.windows.get(&number).map(|window| &window.place)
    }

    /// The number of a window, if there is one.
    pub fn find(&self, place: &Place) -> Option<u32> {
        self.windows.iter().find(|(_, window)| window.place == *place).map(|(number, _)| *number)
    }

    /// The number of a window, which is made if there is none.
    pub fn number_of(&mut self, place: &Place) -> u32 {
        if let Some(number) = self.find(place) {
            return number;
        }
        if self.windows.len() >= MAX_WINDOWS {
            self.close_oldest();
        }
        let number = (1..).find(|number| !self.windows.contains_key(number)).unwrap_or(u32::MAX);
        self.windows.insert(number, Window::new(place.clone()));
        self.touch(number);
        number
    }

    /// Closes the window that was not used for longest, of those without a talk, a draft or a mark; where each has
    /// something, a mark is lost before a draft, and a draft before a talk.
    fn close_oldest(&mut self) {
        let cost = |window: &Window| match window.mark() {
            _ if window.has_talk => 3,
            Weight::Question => 3,
            _ if !window.input.is_empty() => 2,
            Weight::None => 0,
            _ => 1,
        };
        let people = self.windows.iter().filter(|(number, _)| **number > ALL && **number != self.front);
        let oldest = people.min_by_key(|(_, window)| (cost(window), window.used)).map(|(number, _)| *number);
        if let Some(number) = oldest {
            self.windows.remove(&number);
        }
    }

    fn touch(&mut self, number: u32) {
        self.uses += 1;
        if let Some(window) = self.windows.get_mut(&number) {
            window.used = self.uses;
        }
    }

    /// Adds a line to a window, which is made if it is a person's and there is none.
    pub fn add(&mut self, place: &Place, time: SystemTime, look: Look) {
        let number = self.number_of(place);
        self.touch(number);
        let is_seen = self.is_focused && number == self.front;
        self.is_bell_due |= look.weight >= Weight::ForYou && !is_seen;
        if let Some(window) = self.windows.get_mut(&number) {
            window.add(time, look);
        }
    }

    /// Whether the bell is to be rung, which is told once; at most every 2 s.
    pub fn bell(&mut self, now: Instant) -> bool {
        let is_early = self.rung.is_some_and(|rung| now.saturating_duration_since(rung) < BELL_PAUSE);
        let rings = std::mem::take(&mut self.is_bell_due) && !is_early;
        if rings {
            self.rung = Some(now);
        }
        rings
    }

    /// Brings a window to the front; `false` when there is none with this number.
    pub fn go(&mut self, number: u32) -> bool {
        self.tour = None;
        self.show(number)
    }

    fn show(&mut self, number: u32) -> bool {
        if number == self.front || !self.windows.contains_key(&number) {
            return number == self.front;
        }
        self.window_mut().leave();
        // A password that is half typed is not left lying about, and no question stands in the way elsewhere.
        self.questions = Questions::default();
        (self.front, self.mode) = (number, Mode::Typing);
        self.touch(number);
        if self.is_focused {
            self.window_mut().arrive();
        }
        true
    }

    /// Brings the next window to the front; behind the last comes the first.
    pub fn next(&mut self) {
        let next = self.windows.range(self.front + 1..).next().map_or(SERVER, |(number, _)| *number);
        self.go(next);
    }

    /// Brings the window before to the front; before the first comes the last.
    pub fn previous(&mut self) {
        let before = self.windows.range(..self.front).next_back().map(|(number, _)| *number);
        let last = self.windows.keys().next_back().copied();
        self.go(before.or(last).unwrap_or(SERVER));
    }

    /// Brings the window with the strongest mark to the front, the lowest number first; where there is none, the one
    /// where this round began.
    pub fn next_marked(&mut self) {
        let mut tour = self.tour.take().unwrap_or(Tour { back: self.front, seen: Vec::new() });
        tour.seen.push(self.front);
        // A question keeps its mark until it is answered: it is shown once a round.
        let has_more = |number: u32, window: &Window| {
            window.mark() > Weight::None && (window.tally().lines > 0 || !tour.seen.contains(&number))
        };
        let others =
            self.windows.iter().filter(|(number, window)| **number != self.front && has_more(**number, window));
        let next = others.max_by_key(|(number, window)| (window.mark(), Reverse(**number))).map(|(number, _)| *number);
        match next {
            Some(next) => {
                self.show(next);
                self.tour = Some(tour);
            }
            None => {
                self.show(tour.back);
            }
        }
    }

    /// Closes a person's window; `false` for the two that stay, and when there is none. Then the window of the server
    /// is in front if the closed one was.
    pub fn close(&mut self, number: u32) -> bool {
        if number <= ALL || !self.windows.contains_key(&number) {
            return false;
        }
        if number == self.front {
            self.go(SERVER);
        }
        self.windows.remove(&number).is_some()
    }

    /// Takes all lines out of the window in front.
    pub fn clear(&mut self) {
        self.window_mut().clear();
    }

    /// Who is active, for Tab and for the right column.
    pub fn set_names(&mut self, names: Vec<String>) {
        self.names = names;
    }

    /// Whether who is active is shown at the right where there is room.
    pub fn show_names(&mut self, shows: bool) {
        (self.shows_names, self.page) = (shows, None);
    }

    /// The files that a person shares, for Tab.
    pub fn set_files(&mut self, owner: &Username, files: Vec<String>) {
        let owner = owner.as_str().to_ascii_lowercase();
        self.files.retain(|(other, _)| *other != owner);
        self.files.push((owner, files));
        let names = |files: &[(String, Vec<String>)]| files.iter().map(|(_, files)| files.len()).sum::<usize>();
        while self.files.len() > MAX_OWNERS || (self.files.len() > 1 && names(&self.files) > MAX_FILES) {
            self.files.remove(0);
        }
    }

    /// The files of a person, as far as they are known.
    pub(super) fn files_of(&self, owner: &str) -> Vec<String> {
        let owner = owner.to_ascii_lowercase();
        let found = self.files.iter().find(|(other, _)| *other == owner);
        found.map_or(Vec::new(), |(_, files)| files.clone())
    }

    /// Whether a talk is open there.
    pub fn set_talk(&mut self, place: &Place, is_open: bool) {
        let number = if is_open { Some(self.number_of(place)) } else { self.find(place) };
        if let Some(window) = number.and_then(|number| self.windows.get_mut(&number)) {
            window.has_talk = is_open;
        }
    }

    /// Whether a question to this client waits for its answer there.
    pub fn set_question_open(&mut self, place: &Place, is_open: bool) {
        let number = if is_open { Some(self.number_of(place)) } else { self.find(place) };
        if let Some(window) = number.and_then(|number| self.windows.get_mut(&number)) {
            window.has_question = is_open;
        }
    }

    /// What is asked instead of a line, and whether the answer is a secret: the question of the login.
    /// `true` when something looks different now.
    pub fn set_question(&mut self, question: Option<(String, bool)>) -> bool {
        let shown = |questions: &Questions| questions.asked().map(|asked| (asked.text.clone(), asked.is_over));
        let before = shown(&self.questions);
        self.questions.set(question);
        before != shown(&self.questions)
    }

    /// Whether the line at the bottom is the answer to a question.
    pub fn is_asking(&self) -> bool {
        self.questions.asked().is_some()
    }

    /// Whether a half line stands in the window in front.
    pub fn is_typing(&self) -> bool {
        !self.window().input.is_empty()
    }

    /// The zone of the times that are shown.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The last lines of a window, as text.
    pub fn last_lines(&self, place: &Place, most: usize) -> Vec<String> {
        let window = self.find(place).and_then(|number| self.windows.get(&number));
        window.map_or_else(Vec::new, |window| window.last_lines(most, &self.zone))
    }

    /// A line of a former run, for the history of the window of the server.
    pub fn remember(&mut self, line: &str) {
        if let Some(window) = self.windows.get_mut(&SERVER) {
            window.history.add(line);
        }
    }

    /// Own paths that were found for an [`super::Act::AskPaths`]; too late when the line has changed.
    pub fn paths(&mut self, ask: u64, found: Vec<String>) {
        if let Some(window) = self.windows.get_mut(&self.front) {
            self.completion.paths(ask, found, &mut window.input);
        }
    }

    /// Something to know at once, which stands in the status row until then.
    pub fn hint(&mut self, text: String, until: Instant) {
        self.hint = Some((text, until));
    }

    /// What was told at once is of yesterday: the person goes on.
    pub fn forget_hint(&mut self) {
        self.hint = None;
    }

    /// What [`Windows::hint`] told.
    pub(super) fn hint_text(&self) -> Option<&str> {
        self.hint.as_ref().map(|(text, _)| text.as_str())
    }

    /// When something will look different by itself.
    pub fn deadline(&self) -> Option<Instant> {
        self.hint.as_ref().map(|(_, until)| *until)
    }

    /// The time goes on; `true` when something looks different now.
    pub fn tick(&mut self, now: Instant) -> bool {
        let is_over = self.hint.as_ref().is_some_and(|(_, until)| *until <= now);
        if is_over {
            self.hint = None;
        }
        is_over
    }

    /// The window in front.
    pub(super) fn window(&self) -> &Window {
        self.windows.get(&self.front).expect("the window in front is there")
    }

    /// The window in front.
    pub(super) fn window_mut(&mut self) -> &mut Window {
        self.windows.get_mut(&self.front).expect("the window in front is there")
    }
}
