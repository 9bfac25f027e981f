//! Finds text in a window, whatever the case of its letters. It knows nothing of keys and of how a match looks.

use super::input_line::InputLine;
use super::window::Window;
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

/// A search under way.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// What is looked for.
    pub(super) line: InputLine,
    /// The line where it was found last.
    pub(super) found: Option<u64>,
    /// Whether the last step found nothing.
    pub(super) is_missing: bool,
}

/// Which way to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Toward {
    /// Towards older lines.
    Begin,
    /// Towards newer lines.
    End,
}

impl Search {
    /// Looks again after the text was changed: from the line where it was found, or from the last one.
    pub(super) fn again(&mut self, window: &Window) {
        let from = self.found.map_or(window.end(), |line| line + 1);
        self.look(window, (window.first()..from).rev());
    }

    /// Looks for the next line; where there is none, the last match stays.
    pub(super) fn step(&mut self, window: &Window, toward: Toward) {
        let from = self.found.unwrap_or(window.end());
        match toward {
            Toward::Begin => self.look(window, (window.first()..from).rev()),
            Toward::End => self.look(window, from.saturating_add(1)..window.end()),
        }
    }

    fn look(&mut self, window: &Window, mut lines: impl Iterator<Item = u64>) {
        let wanted = self.line.text();
        let holds = |&number: &u64| window.line(number).is_some_and(|entry| holds(&entry.look.text, wanted));
        let found = lines.find(holds);
        self.is_missing = found.is_none() && !wanted.is_empty();
        self.found = found.or(self.found);
    }
}

/// Whether `text` holds `wanted`.
fn holds(text: &str, wanted: &str) -> bool {
    matches(text, wanted).next().is_some()
}

/// Where `wanted` stands in `text`, in bytes: by graphemes, so that what a person sees as one is never cut in two, and
/// without overlaps. An empty text stands nowhere.
pub(super) fn matches<'a>(text: &'a str, wanted: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
    // Each row that is drawn asks: without a search, a long text is not to be counted for each of its rows.
    let searched = if wanted.is_empty() { "" } else { text };
    let graphemes: Vec<(usize, &str)> = searched.grapheme_indices(true).collect();
    let wanted: Vec<&str> = wanted.graphemes(true).collect();
    let mut at = 0;
    std::iter::from_fn(move || {
        while !wanted.is_empty() && at + wanted.len() <= graphemes.len() {
            let part = &graphemes[at..at + wanted.len()];
            at += 1;
            if part.iter().zip(&wanted).all(|((_, one), other)| is_same(one, other)) {
                at += wanted.len() - 1;
                let (last, length) = part.last().map(|(begin, one)| (*begin, one.len()))?;
                return Some(part[0].0..last + length);
            }
        }
        None
    })
}

fn is_same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || (!one.is_ascii() && one.to_lowercase() == other.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_ignored_and_graphemes_stay_whole() {
        let found = |text, wanted| matches(text, wanted).map(|range| &text[range]).collect::<Vec<_>>();
        assert_eq!(found("Aber aber ABER", "aber"), ["Aber", "aber", "ABER"]);
        assert_eq!(found("aaaa", "aa"), ["aa", "aa"]);
        assert_eq!(found("ÜBER über", "über"), ["ÜBER", "über"]);
        assert_eq!(found("a漢字b", "漢"), ["漢"]);
        assert_eq!(found("e\u{301}", "e"), [""; 0]);
        assert_eq!(found("👩\u{200d}🔬 👩", "👩"), ["👩"]);
        assert_eq!(found("abc", ""), [""; 0]);
        assert_eq!(found("", "a"), [""; 0]);
    }
}
