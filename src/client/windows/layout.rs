//! The rows of a window: how its lines are laid out in columns, and which of them are shown. Only what is shown is laid
//! out. It knows neither the bars nor the line that is typed.

use super::cells::{clip, pad, width, wrap};
use super::mode::Mode;
use super::search::matches;
use super::set::Windows;
use super::window::{Entry, Scroll, Spot, Window};
use crate::client::event::{Picture, Piece, Row, Size, Style};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// From so many columns on there is room for more than what is needed.
pub(super) const WIDE: usize = 60;

/// From so many columns on there is a column of names at the right.
const WITH_NAMES: usize = 100;

/// The columns of the names at the right.
pub(super) const NAMES: usize = 20;

/// The time and a blank.
const TIME: usize = 6;

/// What was laid out for a size of the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// What is to be painted.
    pub picture: Picture,
    /// The title of the terminal's window.
    pub title: String,
    /// The window, and the first and the last line of it whose ends the picture shows.
    pub seen: Option<(u32, u64, u64)>,
    /// The columns and rows of the messages; none where there is no room for them.
    pub page: Option<(usize, usize)>,
}

/// A window, laid out for so many columns.
pub(super) struct Sheet<'a> {
    window: &'a Window,
    zone: &'a TimeZone,
    columns: usize,
    wanted: &'a str,
}

/// The columns of the names of a window, at least and at most.
fn name_columns(columns: usize) -> (usize, usize) {
    if columns >= WIDE { (6, 16) } else { (5, 8) }
}

/// The columns of a text, beside the time and the name.
fn text_columns(columns: usize, names: usize) -> usize {
    columns.saturating_sub(TIME + names + 1).max(3)
}

impl Windows {
    /// The painter has painted this: what it shows of the window in front was read, if the terminal has the focus.
    /// `true` when the marks are others now than those in the picture.
    pub fn drawn(&mut self, layout: &Layout) -> bool {
        self.page = layout.page.or(self.page);
        let Some((number, first, last)) = layout.seen.filter(|(number, ..)| *number == self.front && self.is_focused())
        else {
            return false;
        };
        let before = self.window().tally();
        self.window_mut().read(first, last);
        let after = self.window().tally();
        // A picture that shows all that was unread shows no mark of its window.
        before != after && !self.has_all_read_after(Some((number, first, last)))
    }

    /// Whether nothing of the window in front is unread once a picture of these lines was painted.
    pub(super) fn has_all_read_after(&self, seen: Option<(u32, u64, u64)>) -> bool {
        let is_all = |(number, first, last)| number == self.front && !self.window().has_unread_beside(first, last);
        self.is_focused() && seen.is_some_and(is_all)
    }

    /// The window in front, laid out.
    pub(super) fn sheet(&self, columns: usize) -> Sheet<'_> {
        let wanted = match &self.mode {
            Mode::Searching(search) => search.line.text(),
            _ => "",
        };
        Sheet { window: self.window(), zone: &self.zone, columns, wanted }
    }

    /// The columns that a text has now in the window in front, beside the time and the name.
    pub fn text_columns(&self) -> usize {
        self.sheet(self.page().0).text_columns()
    }

    /// The most rows that a text takes now in a window, however wide its names are.
    pub fn rows(&self, text: &str) -> usize {
        let columns = self.page().0;
        let (_, widest) = name_columns(columns);
        wrap(text, text_columns(columns, widest)).len()
    }

    /// Whether there is a column of names at the right.
    pub(super) fn has_names_column(&self, columns: usize) -> bool {
        self.shows_names && columns >= WITH_NAMES
    }

    /// The columns of the messages.
    pub(super) fn message_columns(&self, columns: usize) -> usize {
        columns - if self.has_names_column(columns) { NAMES + 1 } else { 0 }
    }

    /// The columns and rows of the messages as they were drawn last, or will about be.
    fn page(&self) -> (usize, usize) {
        let Size { columns, rows } = self.size;
        let about = || (self.message_columns(usize::from(columns)), usize::from(rows).saturating_sub(3));
        self.page.unwrap_or_else(about)
    }

    /// Scrolls towards the begin by so many rows, given the rows of a page.
    pub(super) fn scroll_up(&mut self, count: impl FnOnce(usize) -> usize) {
        let (columns, rows) = self.page();
        let sheet = self.sheet(columns);
        let spot = sheet.up(sheet.top(rows), count(rows));
        self.scroll_to(spot);
    }

    /// Scrolls towards the end by so many rows, given the rows of a page.
    pub(super) fn scroll_down(&mut self, count: impl FnOnce(usize) -> usize) {
        let (columns, rows) = self.page();
        let sheet = self.sheet(columns);
        let spot = sheet.down(sheet.top(rows), count(rows));
        self.scroll_to(spot);
    }

    /// Scrolls so that a line is at the top.
    pub(super) fn scroll_to_line(&mut self, line: u64) {
        self.scroll_to(Spot { line, row: 0 });
    }

    /// Scrolls so that a line is about in the middle.
    pub(super) fn scroll_around(&mut self, line: u64) {
        let (columns, rows) = self.page();
        let spot = self.sheet(columns).up(Spot { line, row: 0 }, rows / 2);
        self.scroll_to(spot);
    }

    fn scroll_to(&mut self, spot: Spot) {
        let (columns, rows) = self.page();
        let is_end = spot >= self.sheet(columns).bottom(rows);
        self.window_mut().scroll = if is_end { Scroll::Following } else { Scroll::From(spot) };
    }
}

impl Sheet<'_> {
    /// From where on the last rows are shown.
    fn bottom(&self, rows: usize) -> Spot {
        self.up(Spot { line: self.window.end(), row: 0 }, rows)
    }

    /// The first row that is shown. No place is left empty while there are lines above.
    pub(super) fn top(&self, rows: usize) -> Spot {
        let bottom = self.bottom(rows);
        match self.window.scroll {
            Scroll::Following => bottom,
            Scroll::From(spot) => self.within(spot).min(bottom),
        }
    }

    /// A row that is there: its line may have gone, or be of fewer rows now.
    fn within(&self, spot: Spot) -> Spot {
        if spot.line < self.window.first() {
            return Spot { line: self.window.first(), row: 0 };
        }
        Spot { row: spot.row.min(self.height(spot.line).saturating_sub(1)), ..spot }
    }

    fn up(&self, from: Spot, rows: usize) -> Spot {
        let Some(mut left) = rows.checked_sub(from.row) else { return Spot { row: from.row - rows, ..from } };
        let mut line = from.line;
        while left > 0 && line > self.window.first() {
            line -= 1;
            let height = self.height(line);
            if height >= left {
                return Spot { line, row: height - left };
            }
            left -= height;
        }
        Spot { line, row: 0 }
    }

    fn down(&self, from: Spot, rows: usize) -> Spot {
        let mut left = from.row + rows;
        for line in from.line..self.window.end() {
            let height = self.height(line);
            if left < height {
                return Spot { line, row: left };
            }
            left -= height;
        }
        Spot { line: self.window.end(), row: 0 }
    }

    /// So many rows from `top` on, and the last line that is among them to its end.
    pub(super) fn rows(&self, top: Spot, count: usize) -> (Vec<Row>, Option<u64>) {
        let (mut rows, mut last) = (Vec::new(), None);
        for line in top.line..self.window.end() {
            let skipped = if line == top.line { top.row } else { 0 };
            rows.extend(self.block(line).into_iter().skip(skipped));
            if rows.len() > count {
                rows.truncate(count);
                break;
            }
            last = Some(line);
        }
        (rows, last)
    }

    /// How many rows a line takes.
    fn height(&self, line: u64) -> usize {
        let Some(entry) = self.window.line(line) else { return 0 };
        self.rules(line, entry).len() + wrap(&entry.look.text, self.text_columns()).len()
    }

    /// The rows of a line, with the rules above it.
    fn block(&self, line: u64) -> Vec<Row> {
        let Some(entry) = self.window.line(line) else { return Vec::new() };
        let rules = self.rules(line, entry).into_iter().map(|text| vec![Piece { style: Style::Dim, text }]);
        let rows = wrap(&entry.look.text, self.text_columns());
        let texts = rows.into_iter().enumerate().map(|(at, row)| {
            let mut pieces = if at == 0 { self.head(entry) } else { self.indent() };
            pieces.extend(self.text(entry, row));
            pieces
        });
        rules.chain(texts).collect()
    }

    fn rules(&self, line: u64, entry: &Entry) -> Vec<String> {
        let mut rules = Vec::new();
        let before = line.checked_sub(1).and_then(|before| self.window.line(before));
        let day_before = before.filter(|_| self.columns >= WIDE).and_then(|before| self.local(before));
        if let (Some(before), Some(day)) = (day_before, self.local(entry)) {
            if before.date() != day.date() {
                rules.push(self.rule(&day.strftime("%A, %-d %B %Y").to_string()));
            }
        }
        if let Some(rule) = self.window.rule().filter(|rule| rule.above == line) {
            rules.push(self.rule(&format!("{} unread", rule.lines)));
        }
        rules
    }

    fn rule(&self, text: &str) -> String {
        let dashes = self.columns.saturating_sub(width(text) + 2);
        let left = "-".repeat(dashes / 2);
        clip(&format!("{left} {text} {}", "-".repeat(dashes - left.len())), self.columns)
    }

    fn local(&self, entry: &Entry) -> Option<Zoned> {
        Timestamp::try_from(entry.time).ok().map(|time| time.to_zoned(self.zone.clone()))
    }

    fn name_columns(&self) -> usize {
        let (least, most) = name_columns(self.columns);
        self.window.widest().clamp(least, most)
    }

    fn text_columns(&self) -> usize {
        text_columns(self.columns, self.name_columns())
    }

    /// The time and the name.
    fn head(&self, entry: &Entry) -> Row {
        let time = self.local(entry).map_or("--:--".to_owned(), |time| time.strftime("%H:%M").to_string());
        let name = pad(&entry.look.name, self.name_columns());
        let piece = |style, text| Piece { style, text };
        vec![piece(Style::Dim, time + " "), piece(entry.look.style, name), piece(Style::Plain, " ".to_owned())]
    }

    /// What stands under the time and the name.
    fn indent(&self) -> Row {
        vec![Piece { style: Style::Plain, text: " ".repeat(TIME + self.name_columns() + 1) }]
    }

    /// A part of the text of a line, with what is looked for in reverse.
    fn text(&self, entry: &Entry, row: &str) -> Row {
        // A colour is for the name alone: a whole text in it is hard to read.
        let style = if let Style::Colour(_) = entry.look.style { Style::Plain } else { entry.look.style };
        let text = entry.look.text.as_str();
        // The row is a part of the text, so this is where it begins there.
        let begin = row.as_ptr() as usize - text.as_ptr() as usize;
        let (end, mut at, mut pieces) = (begin + row.len(), begin, Vec::new());
        for found in matches(text, self.wanted) {
            let (from, to) = (found.start.max(at), found.end.min(end));
            if from < to {
                pieces.push(Piece { style, text: text[at..from].to_owned() });
                pieces.push(Piece { style: Style::Reverse, text: text[from..to].to_owned() });
                at = to;
            }
        }
        pieces.push(Piece { style, text: text[at..end].to_owned() });
        pieces.retain(|piece| !piece.text.is_empty());
        pieces
    }
}

/// A row in at most so many columns. With a style, it is filled up with blanks of it.
pub(super) fn fitted(row: Row, columns: usize, fill: Option<Style>) -> Row {
    let (mut fitting, mut left) = (Row::new(), columns);
    for piece in row {
        let wide = width(&piece.text);
        let is_cut = wide > left;
        let text = if is_cut { clip(&piece.text, left) } else { piece.text };
        left = left.saturating_sub(width(&text));
        fitting.push(Piece { text, ..piece });
        if is_cut {
            break;
        }
    }
    if let Some(style) = fill.filter(|_| left > 0) {
        fitting.push(Piece { style, text: " ".repeat(left) });
    }
    fitting
}
