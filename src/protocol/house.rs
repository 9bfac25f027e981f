//! What whoever runs the house says to a client, and may say: notices, reasons, bans.

use crate::value::Moment;
use crate::value::line;
use crate::value::sentence::between;
use std::fmt;

/// The most bytes of a notice, or of a reason.
pub const MAX_HOUSE_TEXT: usize = 500;
/// In a text of the house an older client would take these words for those of a takeover.
const TAKEOVER: &str = " has logged in from ";
/// For a ban without an end.
const NO_END: &str = "further notice";

/// A ban, as who is banned is told of it. `Display` is the sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ban {
    /// When it ends; nothing: when it is lifted.
    pub until: Option<Moment>,
    /// The reason.
    pub why: String,
}

impl Ban {
    /// Reads the sentence: the mirror of its `Display`. What it would not write so is none.
    pub fn parse(text: &str) -> Option<Ban> {
        let until = between(text, "Banned by the house until ", "")?;
        if let Some(why) = until.strip_prefix(NO_END).and_then(|rest| rest.strip_prefix(": ")) {
            return Some(Ban { until: None, why: why.to_owned() });
        }
        let (until, why) = until.split_once(" UTC: ")?;
        Some(Ban { until: Some(format!("{until} UTC").parse().ok()?), why: why.to_owned() })
    }

    /// When it ends, in words.
    pub fn end(&self) -> String {
        self.until.map_or_else(|| NO_END.to_owned(), |until| until.to_string())
    }
}

impl fmt::Display for Ban {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Banned by the house until {}: {}", self.end(), self.why)
    }
}

/// What a notice of the house, or a reason, may be.
///
/// # Errors
/// A sentence that says what it may be.
pub fn check_house_text(text: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("The text is empty".to_owned());
    }
    if text.len() > MAX_HOUSE_TEXT {
        return Err(format!("The text has {} bytes, at most {MAX_HOUSE_TEXT}", text.len()));
    }
    line::check(text.as_bytes()).map_err(|bad| bad.to_string())?;
    if text.contains(TAKEOVER) {
        return Err(format!(
            "A text of the house cannot hold {TAKEOVER:?}: older clients would take it for a takeover"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ban_there_and_back() {
        for text in [
            "Banned by the house until 2026-11-28 19:05 UTC: too loud: really",
            "Banned by the house until further notice: a UTC: b",
        ] {
            assert_eq!(Ban::parse(text).map(|ban| ban.to_string()).as_deref(), Some(text));
        }
        for text in ["Banned by the house until : x", "Banned by the house until 2026-11-28 UTC: x", "Banned"] {
            assert_eq!(Ban::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_text_of_the_house_is_one_line_and_no_takeover() {
        assert_eq!(check_house_text("The lesson ends at 12:00, save your work \u{fc}"), Ok(()));
        let long = "x".repeat(MAX_HOUSE_TEXT + 1);
        for text in ["", " ", long.as_str(), "a\u{1b}[2J", "two\nlines", "eve has logged in from 1.2.3.4, terminating"]
        {
            assert!(check_house_text(text).is_err(), "{text}");
        }
    }
}
