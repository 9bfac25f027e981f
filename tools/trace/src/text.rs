//! Texts from a trace as they may be shown: nothing in them moves a cursor or hides, and none is long.

/// The most characters of a text in a picture.
pub const SHOWN: usize = 48;

/// A text with a sign or an escape for each character that is not plainly seen.
pub fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push('⏎'),
            '\r' => shown.push('␍'),
            '\t' => shown.push('⇥'),
            c if c.is_control() || is_invisible(c) => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

/// What turns the direction of writing, or has no look of its own.
fn is_invisible(c: char) -> bool {
    let is_mark = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    is_mark || matches!(c, '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

/// The beginning of a text: `most` characters at most, the last three of them dots where something was cut off.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_none() {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(3)).chain("...".chars()).collect()
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
        assert_eq!(quoted("help\n", 48), "\"help⏎\"");
        assert_eq!(quoted("udp_0\nip_1\nOK\n", 48), "\"udp_0⏎\" +2 lines");
        assert_eq!(quoted("udp_00000000000000000000\nOK\n", 24), "\"udp_0000000...\" +1 line");
        assert!(quoted(&"x".repeat(5000), SHOWN).chars().count() <= SHOWN);
        assert_eq!(quoted("", 48), "\"\"");
    }
}
