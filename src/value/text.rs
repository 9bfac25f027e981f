//! What may stand in a line, and how to show what a stranger wrote.
//!
//! Escape sequences that reach a terminal can move the cursor, rename the window or repaint what was said before;
//! so lines with control characters are refused where they arrive, and whatever is shown is escaped all the same.

/// Whether a character may stand in a protocol line: everything but control characters, and TAB.
pub fn allowed(c: char) -> bool {
    c == '\t' || !c.is_control()
}

/// The first character of `text` that a protocol line may not hold.
pub fn first_forbidden(text: &str) -> Option<char> {
    text.chars().find(|&c| !allowed(c))
}

/// `text` made safe to show on a terminal: control characters, TAB too, and the invisible characters that reorder
/// text (the bidirectional overrides of Unicode TR36) become visible escapes such as `\u{1b}`.
pub fn escape(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_obeyed(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Bytes as text: what is not UTF-8 becomes a visible `\xff`, and TAB the spaces up to the next column of 8.
/// Other control characters stay, for [`escape`].
pub fn show_bytes(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    let mut column = 0;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            let width = if c == '\t' { 8 - column % 8 } else { 1 };
            column += width;
            if c == '\t' { shown.extend(std::iter::repeat_n(' ', width)) } else { shown.push(c) }
        }
        for byte in chunk.invalid() {
            shown.push_str(&format!("\\x{byte:02x}"));
            column += 4;
        }
    }
    shown
}

/// Whether a terminal might do something else with a character than show it, so that [`escape`] takes it away.
pub fn is_obeyed(c: char) -> bool {
    c.is_control() || reorders(c)
}

fn reorders(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// The longest beginning of `text` of at most `limit` bytes that ends between two characters.
pub fn cut(text: &str, limit: usize) -> &str {
    let end = (0..=limit.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_a_terminal_would_obey() {
        assert_eq!(escape("red \x1b[31m"), "red \\u{1b}[31m");
        assert_eq!(escape("a\tb\r\n\x7f\u{9b}"), "a\\tb\\r\\n\\u{7f}\\u{9b}");
        assert_eq!(escape("txt\u{202e}exe"), "txt\\u{202e}exe");
        assert_eq!(escape("grüße 🎉 שלום"), "grüße 🎉 שלום");
    }

    #[test]
    fn only_tab_among_the_control_characters_is_allowed() {
        assert_eq!(first_forbidden("a\tb ü"), None);
        assert_eq!(first_forbidden("a\0b"), Some('\0'));
        assert_eq!(first_forbidden("a\u{85}b"), Some('\u{85}'));
    }

    #[test]
    fn bytes_become_text() {
        assert_eq!(show_bytes(b"a\tb\t\tc"), "a       b               c");
        assert_eq!(show_bytes(b"\xff\xc3\xbc\xc3"), "\\xff\u{fc}\\xc3");
        assert_eq!(escape(&show_bytes(b"\x1b[31m\0")), "\\u{1b}[31m\\u{0}");
    }

    #[test]
    fn cuts_between_characters() {
        assert_eq!(cut("grüße", 3), "gr");
        assert_eq!(cut("grüße", 4), "grü");
        assert_eq!(cut("ab", 9), "ab");
    }
}
