//! The picture of all that is shown, drawn from what is known, for a size of the terminal. It changes nothing.

use super::bars::{Scene, status, transfer_rows, weight, windows_bar};
use super::cells::{clip, pad, width};
use super::layout::{Layout, NAMES, fitted};
use super::mode::Mode;
use super::set::Windows;
use super::window::Window;
use crate::client::event::{Picture, Piece, Place, Row, Size, Style};
use crate::client::shown::Weight;

/// Below this size only the last line and the line that is typed are drawn.
const SMALL: (usize, usize) = (20, 5);

/// Below this size nothing is drawn.
const LEAST: (usize, usize) = (4, 2);

/// The most rows of the line that is typed.
const MAX_INPUT: usize = 4;

/// The columns before the line that is typed.
const PROMPT: usize = 2;

/// The columns that a long question leaves for its answer, where there are twice as many.
const ANSWER: usize = 20;

/// Draws everything for a terminal of this size.
pub fn draw(windows: &Windows, scene: &Scene, size: Size) -> Layout {
    let (columns, rows) = (usize::from(size.columns), usize::from(size.rows));
    let is_below = |(least_columns, least_rows)| columns < least_columns || rows < least_rows;
    let (rows, cursor, seen, page) = match () {
        () if is_below(LEAST) => (Vec::new(), None, None, None),
        () if is_below(SMALL) => small(windows, columns),
        () => whole(windows, scene, columns, rows),
    };
    let rows: Vec<Row> = rows.into_iter().map(|row| fitted(row, columns, None)).collect();
    let cursor = cursor.map(|(row, column)| {
        let column = column.min(columns.saturating_sub(1));
        (u16::try_from(row).unwrap_or(u16::MAX), u16::try_from(column).unwrap_or(u16::MAX))
    });
    Layout {
        picture: Picture { rows, cursor },
        title: title(windows, scene, windows.has_all_read_after(seen)),
        seen,
        page,
    }
}

/// Rows, the row and the column of the cursor, and what [`Layout`] tells.
type Drawn = (Vec<Row>, Option<(usize, usize)>, Option<(u32, u64, u64)>, Option<(usize, usize)>);

fn plain(text: impl Into<String>) -> Row {
    vec![Piece { style: Style::Plain, text: text.into() }]
}

/// How many windows have a mark. Names only, as the title is shown where others may look.
fn title(windows: &Windows, scene: &Scene, is_read: bool) -> String {
    let is_marked = |(number, window): &(&u32, &Window)| weight(windows, **number, window, is_read) > Weight::None;
    let marked = windows.windows.iter().filter(is_marked).count();
    let name = format!("peerline {}", scene.me);
    let name = name.trim_end();
    if marked == 0 { name.to_owned() } else { format!("{name} ({marked})") }
}

/// The last line, cut, and the line that is typed.
fn small(windows: &Windows, columns: usize) -> Drawn {
    let last = windows.window().end().checked_sub(1);
    let look = last.and_then(|last| windows.window().line(last)).map(|entry| &entry.look);
    let text = look.map_or(String::new(), |look| format!("{} {}", look.name, look.text));
    let seen = last.filter(|_| width(&text) <= columns).map(|last| (windows.front, last, last));
    let (input, (_, column)) = input(windows, columns, 1);
    ([vec![plain(clip(&text, columns))], input].concat(), Some((1, column)), seen, None)
}

fn whole(windows: &Windows, scene: &Scene, columns: usize, rows: usize) -> Drawn {
    let (input, (cursor_row, cursor_column)) = input(windows, columns, MAX_INPUT.min(rows - 4));
    let middle = rows - 2 - input.len();
    let left = windows.message_columns(columns);
    let transfers = transfer_rows(scene, left, middle - 1);
    let page = middle - transfers.len();
    let sheet = windows.sheet(left);
    let top = sheet.top(page);
    let (messages, last) = sheet.rows(top, page);
    let below = windows.window().end() - last.map_or(top.line, |last| last + 1);
    let seen = last.map(|last| (windows.front, top.line, last));
    let blank = vec![Row::new(); page - messages.len()];
    let transfers = transfers.into_iter().map(plain);
    let middle: Vec<Row> = blank.into_iter().chain(messages).chain(transfers).collect();
    let bar = windows_bar(windows, windows.has_all_read_after(seen), left);
    let status = vec![Piece { style: Style::Reverse, text: status(windows, scene, below, left) }];
    let mut all = framed(windows, scene, columns, bar, middle, status);
    let cursor = (all.len() + cursor_row, cursor_column);
    all.extend(input);
    (all, Some(cursor), seen, Some((left, page)))
}

/// The bar, what is between, and the status row; with the names at the right where there is room.
fn framed(windows: &Windows, scene: &Scene, columns: usize, bar: Row, middle: Vec<Row>, status: Row) -> Vec<Row> {
    if !windows.has_names_column(columns) {
        let full = |row| fitted(row, columns, Some(Style::Reverse));
        return [vec![full(bar)], middle, vec![full(status)]].concat();
    }
    let left = columns - NAMES;
    let beside = |row: Row, text: &str, style| {
        let mut row = fitted(row, left, Some(style));
        row.push(Piece { style, text: pad(&format!("| {text}"), NAMES) });
        row
    };
    let names = names(windows, scene, middle.len());
    let names = names.iter().map(String::as_str).chain(std::iter::repeat(""));
    // An older server tells nobody who comes and goes, and is not asked again and again: each request is a message, and
    // who sends messages is not inactive.
    let title = match windows.names.len() {
        0 => "active: type /list".to_owned(),
        count => format!("active: {count}"),
    };
    let mut rows = vec![beside(bar, &title, Style::Reverse)];
    rows.extend(middle.into_iter().zip(names).map(|(row, name)| beside(row, name, Style::Plain)));
    rows.push(beside(status, "", Style::Reverse));
    rows
}

/// Who is active, and who of them is oneself or talks with us; at most so many rows.
fn names(windows: &Windows, scene: &Scene, most: usize) -> Vec<String> {
    let is = |name: &str, other: &str| name.eq_ignore_ascii_case(other);
    let talks = |name: &str| {
        let mut people = windows.windows.values().filter(|window| window.has_talk);
        people.any(|window| matches!(&window.place, Place::Person(other) if is(name, other.as_str())))
    };
    let shown = if windows.names.len() > most { most.saturating_sub(1) } else { windows.names.len() };
    let widest = windows.names[..shown].iter().map(|name| width(name)).max().unwrap_or(0).clamp(6, 12);
    let row = |name: &String| {
        let note = if is(name, &scene.me) {
            "(you)"
        } else if talks(name) {
            "talk"
        } else {
            ""
        };
        format!("{} {note}", pad(name, widest)).trim_end().to_owned()
    };
    let mut rows: Vec<String> = windows.names[..shown].iter().map(row).collect();
    if shown < windows.names.len() {
        rows.push(format!("+{} more: /list", windows.names.len() - shown));
    }
    rows
}

/// The line that is typed, or what is asked in its place, with the cursor among its rows.
fn input(windows: &Windows, columns: usize, most: usize) -> (Vec<Row>, (usize, usize)) {
    let (prompt, line) = match (&windows.mode, windows.questions.asked()) {
        (Mode::Searching(search), _) => ("/ ", &search.line),
        (Mode::Recalling(recall), _) => ("? ", &recall.line),
        (_, Some(asked)) => (asked.text.as_str(), &asked.answer),
        _ => ("> ", &windows.window().input),
    };
    // The answer keeps some columns, however long the question.
    let room = columns.saturating_sub(ANSWER).max(columns / 2).max(PROMPT);
    let prompt = if width(prompt) > PROMPT { clip(prompt, room) } else { prompt.to_owned() };
    let indent = width(&prompt);
    let (rows, (row, column)) = line.rows(columns - indent + PROMPT, most);
    let before = |at| if at == 0 { prompt.clone() } else { " ".repeat(indent) };
    let rows = rows.into_iter().enumerate().map(|(at, text)| plain(before(at) + &text));
    (rows.collect(), (row, column + indent))
}
