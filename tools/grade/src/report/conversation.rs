//! The conversation of a check, as lines of text with a mark at the first one that differs.

use crate::conversation::{Entry, Way};

/// The most lines before the one that differs, and behind it.
const BEFORE: usize = 24;
const BEHIND: usize = 3;
/// From this column on stands what was expected.
const EXPECTED: usize = 40;

/// The lines around the one that differs; the last ones where none does.
pub fn lines(entries: &[Entry]) -> Vec<String> {
    let entries = without_menus(entries);
    let at = entries.iter().position(|entry| entry.expected.is_some()).unwrap_or(entries.len().saturating_sub(1));
    let first = at.saturating_sub(BEFORE);
    let last = entries.len().min(at + 1 + BEHIND);
    let left_out = (first > 0).then(|| format!("   ({first} lines before)"));
    left_out.into_iter().chain(entries[first..last].iter().map(line)).collect()
}

fn line(entry: &Entry) -> String {
    let arrow = match entry.way {
        Way::Sent => "->",
        Way::Seen => "<-",
        Way::SentDatagram => "~>",
        Way::SeenDatagram => "<~",
        Way::Happened | Way::Note => "  ",
    };
    let who = if entry.who.is_empty() { "*" } else { &entry.who };
    let mark = if entry.expected.is_some() { "!!" } else { "  " };
    let time = entry.at.as_secs_f64();
    let text = format!("{mark} {who:<2} {time:>6.3}  {arrow}  {}", entry.text);
    match &entry.expected {
        Some(expected) => format!("{text:<EXPECTED$}  expected: {expected}"),
        None => text,
    }
}

/// The lines of a menu are of no interest, and there are many.
fn without_menus(entries: &[Entry]) -> Vec<Entry> {
    let is_menu = |entry: &Entry| entry.text.starts_with("menu_") && entry.way == Way::Seen && entry.expected.is_none();
    let mut shown: Vec<Entry> = Vec::new();
    let mut count = 0;
    for entry in entries {
        let follows = shown.last().is_some_and(|last| is_menu(last) && last.who == entry.who);
        if is_menu(entry) && follows {
            count += 1;
            if let Some(last) = shown.last_mut() {
                last.text = format!("menu_... ({count} lines)");
            }
        } else {
            count = 1;
            shown.push(entry.clone());
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn entry(way: Way, text: &str, expected: Option<&str>) -> Entry {
        let (who, text, expected) = ("A".to_owned(), text.to_owned(), expected.map(str::to_owned));
        Entry { who, at: Duration::from_millis(4), way, text, expected }
    }

    #[test]
    fn menus_are_folded_and_the_line_that_differs_is_marked() {
        let mut entries = vec![entry(Way::Seen, "OK,Welcome", None); 30];
        entries.extend((0..5).map(|_| entry(Way::Seen, "menu_help", None)));
        entries.push(entry(Way::Sent, "quit\\n", None));
        entries.push(entry(Way::Seen, "OK", Some("OK,Goodbye")));
        entries.extend((0..9).map(|_| entry(Way::Seen, "later", None)));
        let lines = lines(&entries);
        assert_eq!(lines[0], "   (8 lines before)");
        assert_eq!(lines[lines.len() - 6], "   A   0.004  <-  menu_... (5 lines)");
        assert_eq!(lines[lines.len() - 4], "!! A   0.004  <-  OK                      expected: OK,Goodbye");
    }
}
