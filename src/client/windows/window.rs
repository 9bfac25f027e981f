//! One conversation: its lines, what of them is unread, where one reads, and the line that is typed there. It knows
//! neither the other windows nor how wide a screen is.

use super::cells::width;
use super::history::History;
use super::input_line::InputLine;
use crate::client::event::Place;
use crate::client::shown::{Look, Weight};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::VecDeque;
use std::time::SystemTime;

/// The lines that a window keeps; the oldest go.
pub const MAX_LINES: usize = 5_000;

/// The most bytes of text in them: the long lines of a stranger are not to fill the memory.
const MAX_BYTES: usize = 4 << 20;

/// A line, and when it was shown.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) time: SystemTime,
    pub(super) look: Look,
    is_read: bool,
}

/// A row of a window: a line by its number, and which of the rows of this line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) line: u64,
    pub(super) row: usize,
}

/// Which part of a window is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scroll {
    /// Its end, whatever comes.
    Following,
    /// From here on: new lines and another size of the terminal change nothing.
    From(Spot),
}

/// What has not been read of a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// How many lines of others.
    pub(super) lines: usize,
    /// The strongest among them, and among what failed.
    pub(super) strongest: Weight,
}

/// The rule above what was unread when one came to the window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// The line under it.
    pub(super) above: u64,
    /// How many were unread.
    pub(super) lines: usize,
}

/// A conversation.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) place: Place,
    /// What is being typed. It stays while one is elsewhere.
    pub(super) input: InputLine,
    pub(super) history: History,
    pub(super) scroll: Scroll,
    /// Whether a talk with this person is open.
    pub(super) has_talk: bool,
    /// Whether a question waits for an answer.
    pub(super) has_question: bool,
    /// When it was last used, by a count of the owner's: the least goes first.
    pub(super) used: u64,
    lines: VecDeque<Entry>,
    /// The bytes of all texts.
    bytes: usize,
    /// The number of the first line that is kept. A line keeps its number for ever.
    first: u64,
    /// How many lines are unread, by their weight.
    unread: [usize; Weight::Question as usize + 1],
    rule: Option<Rule>,
    widest: usize,
}

impl Window {
    pub(super) fn new(place: Place) -> Window {
        Window {
            place,
            input: InputLine::default(),
            history: History::default(),
            scroll: Scroll::Following,
            has_talk: false,
            has_question: false,
            used: 0,
            lines: VecDeque::new(),
            bytes: 0,
            first: 0,
            unread: [0; Weight::Question as usize + 1],
            rule: None,
            widest: 0,
        }
    }

    /// The last lines, each with its time and who said it.
    pub(super) fn last_lines(&self, most: usize, zone: &TimeZone) -> Vec<String> {
        let begin = self.lines.len().saturating_sub(most);
        let line = |entry: &Entry| {
            let time = Timestamp::try_from(entry.time).unwrap_or_default().to_zoned(zone.clone());
            format!("{} {}: {}", time.strftime("%H:%M"), entry.look.name, entry.look.text)
        };
        self.lines.range(begin..).map(line).collect()
    }

    /// Adds a line at the end.
    pub(super) fn add(&mut self, time: SystemTime, look: Look) {
        self.widest = self.widest.max(width(&look.name));
        self.unread[look.weight as usize] += 1;
        self.bytes += look.text.len();
        self.lines.push_back(Entry { time, look, is_read: false });
        while self.lines.len() > MAX_LINES || (self.bytes > MAX_BYTES && self.lines.len() > 1) {
            self.read(self.first, self.first);
            self.bytes -= self.lines.pop_front().map_or(0, |gone| gone.look.text.len());
            self.first += 1;
        }
    }

    /// Takes all lines out. The numbers go on.
    pub(super) fn clear(&mut self) {
        self.first = self.end();
        self.lines.clear();
        self.bytes = 0;
        (self.scroll, self.rule) = (Scroll::Following, None);
        self.unread.fill(0);
    }

    /// The number of the first line that is kept.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// The number that the next line will have.
    pub(super) fn end(&self) -> u64 {
        self.first + self.lines.len() as u64
    }

    /// The line with this number, if it is kept.
    pub(super) fn line(&self, number: u64) -> Option<&Entry> {
        let at = number.checked_sub(self.first)?;
        self.lines.get(usize::try_from(at).ok()?)
    }

    /// How many columns the longest name has had so far, so that the column of names only grows.
    pub(super) fn widest(&self) -> usize {
        self.widest
    }

    /// What is unread.
    pub(super) fn tally(&self) -> Tally {
        let weights = [Weight::Question, Weight::ForYou, Weight::Unread, Weight::Failed];
        let strongest = weights.into_iter().find(|weight| self.unread[*weight as usize] > 0).unwrap_or_default();
        Tally { lines: self.unread[Weight::Unread as usize..].iter().sum(), strongest }
    }

    /// The strongest reason to look here. A question counts while it waits, read or not.
    pub(super) fn mark(&self) -> Weight {
        if self.has_question { Weight::Question } else { self.tally().strongest.min(Weight::ForYou) }
    }

    /// The rule above what was unread on arriving.
    pub(super) fn rule(&self) -> Option<Rule> {
        self.rule
    }

    /// The first line of others that was not read.
    pub(super) fn first_unread(&self) -> Option<u64> {
        if self.tally().lines == 0 {
            return None;
        }
        let at = self.lines.iter().position(|entry| !entry.is_read && entry.look.weight >= Weight::Unread)?;
        Some(self.first + at as u64)
    }

    /// One comes here: the rule is put above the first unread line.
    pub(super) fn arrive(&mut self) {
        if let Some(above) = self.first_unread() {
            self.rule = Some(Rule { above, lines: self.tally().lines });
        }
    }

    /// One goes elsewhere.
    pub(super) fn leave(&mut self) {
        self.rule = None;
    }

    /// These lines were read, from the first to the last. Those above stay as they are: nobody has seen them yet.
    pub(super) fn read(&mut self, first: u64, last: u64) {
        let begin = first.saturating_sub(self.first) as usize;
        let end = ((last + 1).saturating_sub(self.first) as usize).min(self.lines.len());
        for entry in self.lines.range_mut(begin.min(end)..end).filter(|entry| !entry.is_read) {
            entry.is_read = true;
            self.unread[entry.look.weight as usize] -= 1;
        }
    }

    /// Whether something that matters would be unread if these lines were read.
    pub(super) fn has_unread_beside(&self, first: u64, last: u64) -> bool {
        let matters =
            |number: u64| self.line(number).is_some_and(|entry| !entry.is_read && entry.look.weight > Weight::None);
        let seen = (first..=last).filter(|number| matters(*number)).count();
        self.unread[Weight::Failed as usize..].iter().sum::<usize>() > seen
    }
}
