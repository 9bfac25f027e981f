//! The conversation of a check, as lines of text with a mark at the first one that differs.

use crate::conversation::{Entry, Way};

/// The most lines before the one that differs: of its own client and of the grader, and of the others.
const OWN: usize = 20;
const OTHERS: usize = 10;
/// The most lines behind it.
const BEHIND: usize = 3;
/// From this column on stands what was expected, where there is room.
const EXPECTED: usize = 40;
/// From this one on stands what was said.
const TEXT: usize = 18;

/// The lines around the one that differs; the last ones where none does.
pub fn lines(entries: &[Entry]) -> Vec<String> {
    let entries = without_menus(entries);
    let at = entries.iter().position(|entry| entry.expected.is_some()).unwrap_or(entries.len().saturating_sub(1));
    let last = entries.len().min(at + 1 + BEHIND);
    let (mut shown, mut left_out) = (Vec::new(), 0);
    for (entry, is_kept) in entries.iter().zip(kept(&entries[..last], at)) {
        if !is_kept {
            left_out += 1;
            continue;
        }
        if left_out > 0 {
            shown.push(format!("   (left out: {left_out})"));
            left_out = 0;
        }
        shown.extend(line(entry));
    }
    shown
}

/// Which of these are shown, where the one at this place differs. What other clients say must not hide what its own does.
fn kept(entries: &[Entry], at: usize) -> Vec<bool> {
    let (mut own, mut others) = (0, 0);
    let mut kept = vec![true; entries.len()];
    for (place, entry) in entries.iter().enumerate().take(at).rev() {
        let is_own = entry.who.is_empty() || entries[at].who.is_empty() || entry.who == entries[at].who;
        let (count, most) = if is_own { (&mut own, OWN) } else { (&mut others, OTHERS) };
        kept[place] = *count < most;
        *count += 1;
    }
    kept
}

fn line(entry: &Entry) -> Vec<String> {
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
        Some(expected) if text.chars().count() <= EXPECTED => vec![format!("{text:<EXPECTED$}  expected: {expected}")],
        Some(expected) => vec![text, format!("{:<TEXT$}expected: {expected}", "")],
        None => vec![text],
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
        assert_eq!(lines[0], "   (left out: 12)");
        assert_eq!(lines[lines.len() - 6], "   A   0.004  <-  menu_... (5 lines)");
        assert_eq!(lines[lines.len() - 4], "!! A   0.004  <-  OK                      expected: OK,Goodbye");
    }

    #[test]
    fn what_others_say_hides_nothing() {
        let mut entries = vec![entry(Way::Sent, "AAAA", None)];
        let other = |number| Entry { who: "B".to_owned(), ..entry(Way::Sent, &format!("help {number}"), None) };
        entries.extend((0..500).map(other));
        entries.push(entry(Way::Happened, "(nothing within five or six seconds)", Some("the end")));
        let lines = lines(&entries);
        assert_eq!(lines[..2], ["   A   0.004  ->  AAAA", "   (left out: 490)"]);
        assert_eq!(lines[2], "   B   0.004  ->  help 490");
        assert_eq!(lines[12], "!! A   0.004      (nothing within five or six seconds)");
        assert_eq!(lines[13..], ["                  expected: the end"]);
    }
}
