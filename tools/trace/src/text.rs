//! Texts from a trace as they may be shown: nothing in them moves a cursor or hides, and none is long.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The most columns of a text in a picture.
pub const SHOWN: usize = 48;
/// The most marks on one letter: no script needs more, and a pile of them covers the lines above.
const MAX_MARKS: usize = 4;

/// A text with a sign or an escape for each character that is not plainly seen.
pub fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    // How many marks may still stand on the letter before.
    let mut marks = 0_usize;
    for c in text.chars() {
        let is_mark = c.width() == Some(0);
        match c {
            '\n' => shown.push('⏎'),
            '\r' => shown.push('␍'),
            '\t' => shown.push('⇥'),
            c if c.is_control() || is_invisible(c) || (is_mark && marks == 0) => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
        marks = if is_mark { marks.saturating_sub(1) } else { MAX_MARKS };
    }
    shown
}

/// What turns the direction of writing, or has no look of its own. What joins emoji, and chooses between their looks, is a
/// mark.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{2800}')
        || matches!(c, '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0d}' | '\u{feff}' | '\u{ffa0}')
        || matches!(c, '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}')
        || matches!(c, '\u{e0000}'..='\u{e0fff}')
}

/// How many columns a text takes: a letter of Chinese and an emoji take two.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// The beginning of a text: `most` columns at most, the last three of them dots where something was cut off.
pub fn cut(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let mut room = most.saturating_sub(3);
    let fits = |c: &char| {
        let width = c.width().unwrap_or(1);
        let fits = width <= room;
        room = room.saturating_sub(width);
        fits
    };
    text.chars().take_while(fits).chain("...".chars()).collect()
}

/// Bytes of a stream in one short text: the first line, and how many more there are.
pub fn quoted(bytes: &str, most: usize) -> String {
    let first = bytes.split_inclusive('\n').next().unwrap_or_default();
    let more = bytes.split_inclusive('\n').count().saturating_sub(1);
    if more == 0 {
        return format!("\"{}\"", cut(&plain(bytes), most.saturating_sub(2)));
    }
    let rest = format!(" +{more} {}", if more == 1 { "line" } else { "lines" });
    format!("\"{}\"{rest}", cut(&plain(first), most.saturating_sub(2 + rest.len())))
}

/// The bytes behind a recorded text, in which `\xHH` stands for what is no UTF-8; none where there were more or fewer,
/// as something is hidden or left out.
pub fn raw(recorded: &str, len: u64) -> Option<Vec<u8>> {
    let (mut raw, mut rest) = (Vec::with_capacity(recorded.len()), recorded.as_bytes());
    if rest.len() as u64 == len {
        return Some(rest.to_vec());
    }
    while let Some((first, behind)) = rest.split_first() {
        let hex = rest.strip_prefix(b"\\x").and_then(|hex| std::str::from_utf8(hex.get(..2)?).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => (rest, _) = (&rest[4..], raw.push(byte)),
            None => (rest, _) = (behind, raw.push(*first)),
        }
    }
    (raw.len() as u64 == len).then_some(raw)
}

/// Bytes as a trace records them.
pub fn recorded(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text += chunk.valid();
        chunk.invalid().iter().for_each(|byte| text += &format!("\\x{byte:02x}"));
    }
    text
}

/// A number with its noun.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_plainly_seen_has_a_sign() {
        assert_eq!(plain("a\tb\r\n"), "a⇥b␍⏎");
        assert_eq!(plain("\u{1b}[2J\u{7}\u{9b}\u{202e}"), "\\u{1b}[2J\\u{7}\\u{9b}\\u{202e}");
        assert_eq!(plain("grüße 🌍"), "grüße 🌍");
        // What turns Arabic, a filler of Hangul, a selector.
        assert_eq!(plain("a\u{61c}b\u{3164}c\u{fe00}"), "a\\u{61c}b\\u{3164}c\\u{fe00}");
    }

    #[test]
    fn a_letter_has_marks_and_no_pile_of_them() {
        assert_eq!(plain("e\u{301} ❤\u{fe0f} 👩\u{200d}🚀"), "e\u{301} ❤\u{fe0f} 👩\u{200d}🚀");
        assert_eq!(plain("\u{301}"), "\\u{301}");
        let pile = plain(&format!("e{}", "\u{301}".repeat(6)));
        assert_eq!(pile, format!("e{}\\u{{301}}\\u{{301}}", "\u{301}".repeat(4)));
    }

    #[test]
    fn bytes_that_are_no_text_are_found_again() {
        let bytes = b"gr\xc3\xbc\xc3";
        assert_eq!(recorded(bytes), "grü\\xc3");
        assert_eq!(raw("grü\\xc3", 5), Some(bytes.to_vec()));
        // Somebody may have written just that.
        assert_eq!(raw("\\xc3", 4), Some(b"\\xc3".to_vec()));
        for hidden in ["LOGIN,alice,***\n", "\\xg0", "\\x"] {
            assert_eq!(raw(hidden, 1), None);
        }
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("grüße", 5), "grüße");
        assert_eq!(cut("grüße!", 5), "gr...");
        assert_eq!(
            (cut("你好世界", 8), cut("你好世界", 7), cut("你好世界", 6)),
            ("你好世界".into(), "你好...".into(), "你...".into())
        );
        assert_eq!(quoted("help\n", 48), "\"help⏎\"");
        assert_eq!(quoted("udp_0\nip_1\nOK\n", 48), "\"udp_0⏎\" +2 lines");
        assert_eq!(quoted("udp_00000000000000000000\nOK\n", 24), "\"udp_0000000...\" +1 line");
        assert!(quoted(&"x".repeat(5000), SHOWN).chars().count() <= SHOWN);
        assert_eq!(quoted("", 48), "\"\"");
    }
}
