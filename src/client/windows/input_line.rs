//! The line that is being typed, edited by graphemes as readline does it. It knows nothing of windows, commands and
//! history, and not what Enter does.

use super::cells::{clip, part_width, parts, width};
use crate::client::event::Key;
use crate::value::text::{cut, escape};
use std::collections::VecDeque;
use std::fmt;
use std::time::Instant;
use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

/// The longest text, in bytes: what one paste may bring.
pub const MAX_TEXT: usize = 1 << 20;

/// The columns that the prompt takes from the first row, and the indent from the others.
const PROMPT: usize = 2;

/// A text with a cursor in it. A paste may bring several lines, divided by LF; it holds no other control character.
#[derive(Clone, Default)]
pub struct InputLine {
    /// Whether it is a secret: drawn as one `*` a grapheme, and never kept for Ctrl-Y.
    pub hidden: bool,
    /// When its first key was typed. Whoever passes the keys on sets it with [`InputLine::begin`]; it goes with the
    /// text.
    pub begun: Option<Instant>,
    text: String,
    /// In bytes, always between two graphemes.
    cursor: usize,
    /// What Ctrl-Y inserts.
    killed: String,
    /// Whether the last key killed: the next one adds to it, as in readline.
    was_kill: bool,
    pasted: bool,
    is_cut: bool,
}

/// Without the text, which may be a secret.
impl fmt::Debug for InputLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InputLine")
            .field("bytes", &self.text.len())
            .field("cursor", &self.cursor)
            .finish_non_exhaustive()
    }
}

/// To where a key goes from the cursor.
#[derive(Clone, Copy)]
enum To {
    GraphemeBefore,
    GraphemeBehind,
    /// A word of letters and digits.
    WordBefore,
    WordBehind,
    /// All up to a blank.
    BlankBefore,
    LineBegin,
    LineEnd,
}

impl InputLine {
    /// What is typed so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether nothing is typed.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Where the cursor stands, in bytes, between two graphemes.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Whether it begins with what was pasted, or has several lines, until it is empty. What is pasted behind a typed
    /// command is a part of that.
    pub fn is_pasted(&self) -> bool {
        self.pasted
    }

    /// Whether something was left out because it was longer than [`MAX_TEXT`], until it is empty.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Notes `now` as the time of its first key, when it has one and no time yet.
    pub fn begin(&mut self, now: Instant) {
        if !self.is_empty() {
            self.begun.get_or_insert(now);
        }
    }

    /// Replaces the whole text. The cursor is behind it.
    pub fn set(&mut self, text: &str) {
        self.clear();
        self.insert(text);
    }

    /// Puts text at the cursor: TAB becomes a blank, control characters other than LF are left out, and so is what is
    /// too much (see [`InputLine::is_cut`]). Text of several lines counts as pasted.
    pub fn insert(&mut self, text: &str) {
        let clean = |c: char| match c {
            '\t' => Some(' '),
            '\n' => Some(c),
            _ => (!c.is_control()).then_some(c),
        };
        let text: String = text.chars().filter_map(clean).collect();
        let fitting = cut(&text, MAX_TEXT - self.text.len());
        self.text.insert_str(self.cursor, fitting);
        self.cursor += fitting.len();
        self.is_cut |= fitting.len() < text.len();
        self.pasted |= fitting.contains('\n');
        self.settle();
    }

    /// Puts text in the place of what stands between `begin`, in bytes, and the cursor: a completion. Does nothing when
    /// `begin` is no such place.
    pub fn replace(&mut self, begin: usize, text: &str) {
        if begin <= self.cursor && self.text.is_char_boundary(begin) {
            self.text.replace_range(begin..self.cursor, "");
            self.cursor = begin;
            self.insert(text);
        }
    }

    /// Gives the text away and is empty. What was killed stays for Ctrl-Y.
    pub fn take(&mut self) -> String {
        let text = std::mem::take(&mut self.text);
        self.clear();
        text
    }

    /// Does what a key means for a line; `false` when it means nothing here. End and Ctrl-D mean something else to an
    /// empty line.
    pub fn key(&mut self, key: &Key) -> bool {
        if matches!(key, Key::Focus(_)) {
            return false;
        }
        let was_kill = std::mem::take(&mut self.was_kill);
        if self.is_empty() && matches!(key, Key::End | Key::Ctrl('d')) {
            return false;
        }
        match key {
            Key::Char(c) => self.insert(c.encode_utf8(&mut [0; 4])),
            Key::Paste(text) => self.paste(text),
            Key::Backspace | Key::Ctrl('h') => self.delete(To::GraphemeBefore),
            Key::Delete | Key::Ctrl('d') => self.delete(To::GraphemeBehind),
            Key::Left | Key::Ctrl('b') => self.cursor = self.place(To::GraphemeBefore),
            Key::Right | Key::Ctrl('f') => self.cursor = self.place(To::GraphemeBehind),
            Key::CtrlLeft | Key::Alt('b') => self.cursor = self.place(To::WordBefore),
            Key::CtrlRight | Key::Alt('f') => self.cursor = self.place(To::WordBehind),
            Key::Home | Key::Ctrl('a') => self.cursor = self.place(To::LineBegin),
            Key::End | Key::Ctrl('e') => self.cursor = self.place(To::LineEnd),
            Key::Ctrl('w') => self.kill(To::BlankBefore, was_kill),
            Key::AltBackspace => self.kill(To::WordBefore, was_kill),
            Key::Alt('d') => self.kill(To::WordBehind, was_kill),
            Key::Ctrl('u') => self.kill(To::LineBegin, was_kill),
            Key::Ctrl('k') => self.kill(To::LineEnd, was_kill),
            Key::Ctrl('y') => self.insert(&self.killed.clone()),
            Key::Ctrl('t') => self.transpose(),
            _ => return false,
        }
        true
    }

    /// The rows as drawn, at most `most` (at least one), and the row and the column of the cursor among them. Further
    /// rows are left out above or below so that the cursor's is there.
    ///
    /// Each is at most `columns` - 2 wide (at least 1): whoever draws puts the prompt, or a blank indent, of 2 columns
    /// before each of them.
    pub fn rows(&self, columns: usize, most: usize) -> (Vec<String>, (usize, usize)) {
        let mut rows = Rows { rows: VecDeque::from([String::new()]), above: 0, column: 0 };
        let (room, most) = (columns.saturating_sub(PROMPT).max(1), most.max(1));
        let mut cursor = None;
        for (at, grapheme) in self.text.grapheme_indices(true).chain([(self.text.len(), "")]) {
            let is_break = grapheme == "\n" && !self.hidden;
            let drawn = match grapheme {
                _ if is_break => String::new(),
                _ if self.hidden && !grapheme.is_empty() => "*".to_owned(),
                _ => escape(grapheme),
            };
            let columns = width(&drawn);
            // Behind the last grapheme, too, the cursor needs a column.
            rows.make_room(columns.max(usize::from(at == self.cursor)), room);
            if at == self.cursor {
                cursor = Some((rows.above + rows.rows.len() - 1, rows.column));
            }
            // One that is wider than a row, such as a pile of escaped marks, is divided.
            for (_, part) in parts(&drawn, room) {
                rows.push(part, room);
            }
            if is_break {
                rows.next();
            }
            if cursor.is_none() {
                rows.leave_out_above(most);
            } else if rows.rows.len() > most {
                break;
            }
        }
        let (row, column) = cursor.unwrap_or_default();
        rows.leave_out_above_row(row, most);
        rows.rows.truncate(most);
        (rows.rows.into(), (row - rows.above, column))
    }

    fn clear(&mut self) {
        self.text.clear();
        self.cursor = 0;
        self.forget();
    }

    /// An empty line has no past.
    fn forget(&mut self) {
        (self.begun, self.was_kill, self.pasted, self.is_cut) = (None, false, false, false);
    }

    /// Moves the cursor forward to a border: text that comes or goes may join what is around it to one grapheme.
    fn settle(&mut self) {
        let mut cursor = GraphemeCursor::new(self.cursor, self.text.len(), true);
        if !matches!(cursor.is_boundary(&self.text, 0), Ok(true)) {
            self.cursor = cursor.next_boundary(&self.text, 0).ok().flatten().unwrap_or(self.text.len());
        }
        if self.is_empty() {
            self.forget();
        }
    }

    fn paste(&mut self, text: &str) {
        let is_begin = self.cursor == 0;
        self.insert(text.strip_suffix('\n').unwrap_or(text));
        self.pasted |= is_begin && !self.is_empty();
    }

    /// Takes out what stands between the cursor and there.
    fn cut_out(&mut self, to: To) -> String {
        let place = self.place(to);
        let (begin, end) = (place.min(self.cursor), place.max(self.cursor));
        let gone = self.text.drain(begin..end).collect();
        self.cursor = begin;
        self.settle();
        gone
    }

    fn delete(&mut self, to: To) {
        self.cut_out(to);
    }

    /// Takes out what stands between the cursor and there, for Ctrl-Y. At the begin or end of a logical line that is
    /// the LF, so that the key can be held until all is gone.
    fn kill(&mut self, to: To, again: bool) {
        let is_before = matches!(to, To::BlankBefore | To::WordBefore | To::LineBegin);
        let to = match to {
            To::LineBegin if self.place(to) == self.cursor => To::GraphemeBefore,
            To::LineEnd if self.place(to) == self.cursor => To::GraphemeBehind,
            _ => to,
        };
        let gone = self.cut_out(to);
        if self.hidden || gone.is_empty() {
            return;
        }
        self.killed = match again {
            true if is_before => gone + &self.killed,
            true => std::mem::take(&mut self.killed) + &gone,
            false => gone,
        };
        self.was_kill = true;
    }

    /// Exchanges the graphemes before and under the cursor; at the end, the two before it.
    fn transpose(&mut self) {
        let before = self.place(To::GraphemeBefore);
        let middle = if self.cursor == self.text.len() { before } else { self.cursor };
        let begin = self.text[..middle].grapheme_indices(true).next_back().map_or(0, |(at, _)| at);
        let end = middle + self.text[middle..].graphemes(true).next().map_or(0, str::len);
        if begin < middle && middle < end {
            let exchanged = [&self.text[middle..end], &self.text[begin..middle]].concat();
            self.text.replace_range(begin..end, &exchanged);
            self.cursor = end;
            self.settle();
        }
    }

    fn place(&self, to: To) -> usize {
        let (before, behind) = self.text.split_at(self.cursor);
        let is_word = |grapheme: &str| grapheme.chars().any(char::is_alphanumeric);
        match to {
            To::GraphemeBefore => before.grapheme_indices(true).next_back().map_or(0, |(at, _)| at),
            To::GraphemeBehind => self.cursor + behind.graphemes(true).next().map_or(0, str::len),
            To::WordBefore => self.cursor - run(before.graphemes(true).rev(), is_word),
            To::WordBehind => self.cursor + run(behind.graphemes(true), is_word),
            To::BlankBefore => self.cursor - run(before.graphemes(true).rev(), |one| !matches!(one, " " | "\n")),
            To::LineBegin => before.rfind('\n').map_or(0, |at| at + 1),
            To::LineEnd => self.cursor + behind.find('\n').unwrap_or(behind.len()),
        }
    }
}

/// The bytes of what is none of a word, and of the word behind it.
fn run<'a>(graphemes: impl Iterator<Item = &'a str>, is_word: impl Fn(&str) -> bool) -> usize {
    let mut was_word = false;
    let wanted = graphemes.take_while(|one| {
        let goes_on = is_word(one) || !was_word;
        was_word |= is_word(one);
        goes_on
    });
    wanted.map(str::len).sum()
}

/// Rows that are being filled, the last of them up to `column`; those of the beginning may be left out already.
struct Rows {
    rows: VecDeque<String>,
    above: usize,
    column: usize,
}

impl Rows {
    fn next(&mut self) {
        self.rows.push_back(String::new());
        self.column = 0;
    }

    fn make_room(&mut self, columns: usize, room: usize) {
        if self.column > 0 && self.column + columns > room {
            self.next();
        }
    }

    fn push(&mut self, part: &str, room: usize) {
        let columns = part_width(part).min(room);
        self.make_room(columns, room);
        self.column += columns;
        if let Some(row) = self.rows.back_mut() {
            row.push_str(&clip(part, room));
        }
    }

    fn leave_out_above(&mut self, most: usize) {
        while self.rows.len() > most {
            self.rows.pop_front();
            self.above += 1;
        }
    }

    /// So that `row`, counted from the first one ever, is among the first `most`.
    fn leave_out_above_row(&mut self, row: usize, most: usize) {
        while row - self.above >= most {
            self.rows.pop_front();
            self.above += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::windows::tests::odd_text;
    use proptest::prelude::*;

    /// A line with this text, with `|` where the cursor stands.
    fn line(marked: &str) -> InputLine {
        let (before, behind) = marked.split_once('|').expect("a cursor");
        let mut line = InputLine::default();
        line.set(&[before, behind].concat());
        line.cursor = before.len();
        line
    }

    fn marked(line: &InputLine) -> String {
        let (before, behind) = line.text.split_at(line.cursor);
        format!("{before}|{behind}")
    }

    #[track_caller]
    fn after(begin: &str, keys: &[Key], expected: &str) {
        let mut line = line(begin);
        for key in keys {
            assert!(line.key(key), "{key:?}");
        }
        assert_eq!(marked(&line), expected, "{begin:?} {keys:?}");
    }

    #[test]
    fn keys_move_by_graphemes_words_and_lines() {
        use Key::*;
        for (key, begin, expected) in [
            (Left, "a👩\u{200d}🔬|b", "a|👩\u{200d}🔬b"),
            (Left, "🇩🇪🇫🇷|", "🇩🇪|🇫🇷"),
            (Left, "|a", "|a"),
            (Right, "|👍🏽b", "👍🏽|b"),
            (Right, "|e\u{301}b", "e\u{301}|b"),
            (Right, "a|", "a|"),
            (Ctrl('b'), "漢字|", "漢|字"),
            (Ctrl('f'), "|漢字", "漢|字"),
            (Alt('b'), "one two-three, |", "one two-|three, "),
            (CtrlLeft, "one|", "|one"),
            (Alt('f'), "|, one-two", ", one|-two"),
            (CtrlRight, "one| über x", "one über| x"),
            (Home, "one\ntwo|", "one\n|two"),
            (Ctrl('a'), "one|\ntwo", "|one\ntwo"),
            (End, "|one\ntwo", "one|\ntwo"),
            (Ctrl('e'), "one\n|two", "one\ntwo|"),
        ] {
            after(begin, &[key], expected);
        }
    }

    #[test]
    fn keys_delete_by_graphemes_words_and_lines() {
        use Key::*;
        for (key, begin, expected) in [
            (Backspace, "a👩\u{200d}🔬|b", "a|b"),
            (Backspace, "|a", "|a"),
            (Backspace, "one\n|two", "one|two"),
            (Delete, "a|👍🏽b", "a|b"),
            (Ctrl('d'), "a|e\u{301}", "a|"),
            (Ctrl('w'), "run a-b.c  |x", "run |x"),
            (AltBackspace, "run a-b.c  |x", "run a-b.|x"),
            (Alt('d'), "one| two three", "one| three"),
            (Ctrl('u'), "one\ntwo| x", "one\n| x"),
            (Ctrl('u'), "one\n|two", "one|two"),
            (Ctrl('k'), "o|ne\ntwo", "o|\ntwo"),
            (Ctrl('k'), "o|\ntwo", "o|two"),
        ] {
            after(begin, &[key], expected);
        }
    }

    #[test]
    fn what_was_killed_comes_back() {
        use Key::*;
        after("one two three|", &[Ctrl('w'), Ctrl('w'), Home, Ctrl('y')], "two three|one ");
        after("one |two three", &[Ctrl('k'), Ctrl('u'), Ctrl('y')], "one two three|");
        after("one two|", &[Ctrl('w'), Left, Ctrl('w'), Ctrl('y'), Ctrl('y')], "oneone| ");
        let mut secret = line("secret|");
        secret.hidden = true;
        assert!(secret.key(&Ctrl('u')) && secret.is_empty());
        secret.hidden = false;
        assert!(secret.key(&Ctrl('y')) && secret.is_empty());
    }

    #[test]
    fn two_graphemes_are_exchanged() {
        for (begin, expected) in [
            ("ab|", "ba|"),
            ("a|bc", "ba|c"),
            ("|ab", "|ab"),
            ("a|", "a|"),
            ("|", "|"),
            ("👩\u{200d}🔬|e\u{301}x", "e\u{301}👩\u{200d}🔬|x"),
        ] {
            after(begin, &[Key::Ctrl('t')], expected);
        }
    }

    #[test]
    fn what_joins_to_one_grapheme_leaves_no_cursor_within() {
        after("|\u{301}", &[Key::Char('e')], "e\u{301}|");
        after("👩|🔬", &[Key::Char('\u{200d}')], "👩\u{200d}🔬|");
        after("🇩x|🇪", &[Key::Backspace], "🇩🇪|");
    }

    #[test]
    fn a_paste_is_made_harmless_and_remembered() {
        let mut line = line("a|b");
        assert!(line.key(&Key::Paste("one\ttwo\x1b[31m\nthree\n".to_owned())));
        assert_eq!(marked(&line), "aone two[31m\nthree|b");
        assert!(line.is_pasted());
        assert!(!line.key(&Key::Focus(false)));
        assert!(!line.key(&Key::Enter) && line.is_pasted());
        assert_eq!(line.take(), "aone two[31m\nthreeb");
        assert!(line.is_empty() && line.cursor() == 0 && !line.is_pasted());
        assert!(line.key(&Key::Paste("x".to_owned())) && line.is_pasted());
        assert!(line.key(&Key::Backspace) && !line.is_pasted());
        assert!(line.key(&Key::Paste("\n".to_owned())) && !line.is_pasted());
        line.set("two\nlines");
        assert!(line.is_pasted());
        line.set("one");
        assert!(!line.is_pasted());
    }

    #[test]
    fn too_much_is_left_out_and_told() {
        let mut line = line("ü|");
        assert!(line.key(&Key::Paste("ü".repeat(MAX_TEXT / 2))));
        assert!(line.is_cut() && line.text().len() == MAX_TEXT);
        assert!(line.key(&Key::Char('a')) && line.text().len() == MAX_TEXT);
        assert!(line.key(&Key::Ctrl('u')) && !line.is_cut());
    }

    #[test]
    fn the_time_of_the_first_key_goes_with_the_text() {
        let mut line = InputLine::default();
        let now = Instant::now();
        line.begin(now);
        assert_eq!(line.begun, None);
        assert!(line.key(&Key::Char('a')));
        line.begin(now);
        line.begin(now + std::time::Duration::from_secs(1));
        assert_eq!(line.begun, Some(now));
        assert!(line.key(&Key::Backspace));
        assert_eq!(line.begun, None);
    }

    #[test]
    fn a_completion_takes_the_place_of_a_word() {
        let mut line = line("msg bo| hello");
        line.replace(4, "bob");
        assert_eq!(marked(&line), "msg bob| hello");
        line.replace(99, "x");
        assert_eq!(marked(&line), "msg bob| hello");
    }

    #[test]
    fn keys_that_mean_nothing_to_a_line_are_left() {
        use Key::*;
        for key in [Enter, Tab, BackTab, Escape, Up, Down, Ctrl('c'), Ctrl('l'), Alt('a'), AltLeft, PageUp, Focus(true)]
        {
            assert!(!line("a|b").key(&key), "{key:?}");
        }
        assert!(!line("|").key(&End) && !line("|").key(&Ctrl('d')));
    }

    #[test]
    fn rows_break_at_lf_and_at_the_edge() {
        for (begin, columns, most, rows, cursor) in [
            ("|", 10, 4, &[""] as &[&str], (0, 0)),
            ("ab|c", 10, 4, &["abc"], (0, 2)),
            ("abcdefgh|", 10, 4, &["abcdefgh", ""], (1, 0)),
            ("abcdefgh|i", 10, 4, &["abcdefgh", "i"], (1, 0)),
            ("|abcdefgh", 10, 4, &["abcdefgh"], (0, 0)),
            ("one\n|two", 10, 4, &["one", "two"], (1, 0)),
            ("one|\n\ntwo", 10, 4, &["one", "", "two"], (0, 3)),
            ("1\n2\n3\n4\n5|", 10, 3, &["3", "4", "5"], (2, 1)),
            ("1\n|2\n3\n4\n5", 10, 3, &["1", "2", "3"], (1, 0)),
            ("1\n2\n3\n|4\n5", 10, 3, &["2", "3", "4"], (2, 0)),
            ("漢字|漢", 7, 4, &["漢字", "漢"], (1, 0)),
            ("漢|", 3, 4, &["~", ""], (1, 0)),
            ("a\u{202e}b|", 20, 4, &["a\\u{202e}b"], (0, 10)),
        ] {
            assert_eq!(
                line(begin).rows(columns, most),
                (rows.iter().map(|&row| row.to_owned()).collect(), cursor),
                "{begin:?}"
            );
        }
    }

    #[test]
    fn a_secret_is_drawn_as_stars_and_is_not_in_debug() {
        let mut line = line("e\u{301}漢\nx|");
        line.hidden = true;
        assert_eq!(line.rows(10, 4), (vec!["****".to_owned()], (0, 4)));
        assert!(!format!("{line:?}").contains('漢'));
    }

    fn any_key() -> impl Strategy<Value = Key> {
        use Key::*;
        let ctrl = prop::sample::select("abefhdkutwyl".chars().collect::<Vec<_>>()).prop_map(Ctrl);
        let alt = prop::sample::select(vec!['b', 'f', 'd', 'x']).prop_map(Alt);
        let plain = prop::sample::select(vec![
            Backspace,
            AltBackspace,
            Delete,
            Left,
            Right,
            CtrlLeft,
            CtrlRight,
            Home,
            End,
            Enter,
            Tab,
            Up,
        ]);
        let typed =
            prop_oneof![any::<char>(), prop::sample::select("e\u{301}🇩👍🏽\u{200d}🔬漢 ".chars().collect::<Vec<_>>())];
        let paste = odd_text().prop_map(|text| Paste(text.replace("  ", "\n").replace('a', "\t")));
        prop_oneof![2 => ctrl, 1 => alt, 3 => plain, 4 => typed.prop_map(Char), 2 => paste]
    }

    #[test]
    fn a_grapheme_wider_than_a_row_goes_on_in_the_next() {
        let pile = "\u{200d}\u{200d}\u{200d}\u{301}";
        let mut line = InputLine::default();
        line.set(pile);
        let (rows, cursor) = line.rows(20, usize::MAX);
        assert_eq!((rows.concat(), cursor), (escape(pile), (1, 13)));
        assert_eq!(rows[0], "\\u{200d}\\u{200d}\\u");
        line.key(&Key::Home);
        line.insert("ab");
        assert_eq!(line.rows(20, usize::MAX).0, ["a", "b\\u{200d}\\u{200d}\\", "u{200d}\\u{301}"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_keys_leave_the_cursor_between_graphemes_and_in_sight(
            keys in prop::collection::vec(any_key(), 0..60),
            hidden: bool,
            columns in 0usize..24,
            most in 0usize..6,
        ) {
            let mut line = InputLine { hidden, ..InputLine::default() };
            for key in &keys {
                line.key(key);
                let borders: Vec<usize> = line.text.grapheme_indices(true).map(|(at, _)| at).chain([line.text.len()]).collect();
                prop_assert!(borders.contains(&line.cursor), "{:?} at {} after {key:?}", line.text, line.cursor);
                prop_assert!(line.text.chars().all(|c| c == '\n' || !c.is_control()));
                let (rows, (row, column)) = line.rows(columns, most);
                let room = columns.saturating_sub(PROMPT).max(1);
                prop_assert!(rows.len() <= most.max(1) && row < rows.len(), "{row} of {rows:?}");
                prop_assert!(column < room, "{column} in {room}: {rows:?}");
                prop_assert!(rows.iter().all(|row| width(row) <= room), "{room}: {rows:?}");
            }
        }

        #[test]
        fn every_grapheme_is_drawn_once(text in odd_text(), columns in 20usize..40) {
            let mut line = InputLine::default();
            line.set(&text);
            prop_assert_eq!(line.rows(columns, usize::MAX).0.concat(), escape(&text));
        }
    }
}
