//! What may stand in a line, and how to show what a stranger wrote.
//!
//! Escape sequences that reach a terminal can move the cursor, rename the window or repaint what was said before;
//! so lines with control characters are refused where they arrive, and whatever is shown is escaped all the same.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthChar;

/// The most marks on one letter: no script needs more, and a pile of them covers the lines above.
const MAX_MARKS: usize = 4;

/// Whether a character may stand in a protocol line: everything but control characters, and TAB.
pub fn allowed(c: char) -> bool {
    c == '\t' || !c.is_control()
}

/// The first character of `text` that a protocol line may not hold.
pub fn first_forbidden(text: &str) -> Option<char> {
    text.chars().find(|&c| !allowed(c))
}

/// `text` made safe to show on a terminal: whatever a terminal would obey, or would not show, becomes a visible escape
/// such as `\u{1b}`. That is control characters, TAB too; what has no width and no look of its own; blanks other than
/// the space; fillers, tags, selectors; what turns the direction of writing; what no font has. Marks stay on the letter
/// they stand on, a few of them, and what joins emoji stays between them.
///
/// The graphemes of a text are escaped each for itself, so that a screen may draw them one by one.
pub fn escape(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len());
    text.graphemes(true).for_each(|grapheme| escape_grapheme(grapheme, &mut shown));
    shown
}

fn escape_grapheme(grapheme: &str, shown: &mut String) {
    // The letter that marks may stand on, and how many do.
    let mut letter: Option<(char, usize)> = None;
    for c in grapheme.chars() {
        letter = match (look(c), letter) {
            (Look::Letter, _) => Some((c, 0)).filter(|_| c != ' '),
            (Look::Mark, Some((on, marks))) if marks < MAX_MARKS && !(joins(c) && on.is_ascii()) => {
                Some((on, marks + 1))
            }
            _ => {
                shown.extend(c.escape_default());
                letter = None;
                continue;
            }
        };
        shown.push(c);
    }
}

/// The same for a text of several lines, such as a sentence with a list below it: their ends stay.
pub fn escape_lines(text: &str) -> String {
    text.split('\n').map(escape).collect::<Vec<_>>().join("\n")
}

/// Bytes as text: what is not UTF-8 becomes a visible `\xff`. Control characters stay, for [`escape`].
pub fn text_of(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text
}

/// The same, with TAB as the spaces up to the next column of 8.
pub fn show_bytes(bytes: &[u8]) -> String {
    let (mut shown, mut column) = (String::with_capacity(bytes.len()), 0);
    for c in text_of(bytes).chars() {
        let width = if c == '\t' { 8 - column % 8 } else { 1 };
        column += width;
        if c == '\t' { shown.extend(std::iter::repeat_n(' ', width)) } else { shown.push(c) }
    }
    shown
}

/// Whether a character does something else than be seen, so that [`escape`] takes it away wherever it stands.
pub fn is_obeyed(c: char) -> bool {
    look(c) == Look::Nothing
}

/// Whether a character is seen wherever it stands, in a place of its own.
pub fn is_plain(c: char) -> bool {
    look(c) == Look::Letter && c.width() > Some(0)
}

/// How a character looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// It has a place of its own.
    Letter,
    /// It is drawn onto the one before it, or joins two.
    Mark,
    /// It is not seen, or is more than seen.
    Nothing,
}

fn look(c: char) -> Look {
    match c {
        ' '..='~' => Look::Letter,
        _ if c.is_control() || c.is_whitespace() || is_hidden(c) => Look::Nothing,
        // Vowels and finals of Hangul stand alone too.
        '\u{1161}'..='\u{11ff}' | '\u{d7b0}'..='\u{d7ff}' => Look::Letter,
        _ if joins(c) || c.width() == Some(0) => Look::Mark,
        // What Unicode has not assigned, or has for private use, has an escape there.
        _ if c.escape_debug().count() > 1 => Look::Nothing,
        _ => Look::Letter,
    }
}

/// What joins emoji and the letters of some scripts, and what chooses between the two looks of an emoji.
fn joins(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe0e}' | '\u{fe0f}')
}

/// What a font shows nothing for, by design (Unicode's Default_Ignorable_Code_Point, but what [`joins`]), and the empty
/// pattern of Braille.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{2800}')
        || matches!(c, '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0d}' | '\u{feff}' | '\u{ffa0}')
        || matches!(c, '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}')
        // What goes before a number or a word of Arabic and joins what follows it.
        || matches!(c, '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{70f}' | '\u{890}' | '\u{891}' | '\u{8e2}' | '\u{110bd}' | '\u{110cd}')
        || matches!(c, '\u{e0000}'..='\u{e0fff}')
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
    fn nothing_that_is_not_seen_reaches_a_terminal() {
        let hidden = "\u{3164}\u{2800}\u{a0}\u{3000}\u{200b}\u{feff}\u{ad}\u{61c}\u{e0041}\u{e0100}\u{2060}\u{fe00}\u{e000}\u{378}";
        for c in hidden.chars() {
            assert_eq!(escape(&format!("a{c}b")), format!("a{}b", c.escape_default()), "{c:?}");
            assert!(!is_plain(c));
        }
        // Joiners between letters that need none, and marks that stand on nothing.
        assert_eq!(escape("a\u{200d}b \u{301}\u{301}"), "a\\u{200d}b \\u{301}\\u{301}");
        let pile = format!("e{}", "\u{301}".repeat(200));
        assert_eq!(escape(&pile), format!("e{}{}", "\u{301}".repeat(4), "\\u{301}".repeat(196)));
    }

    #[test]
    fn a_grapheme_alone_is_shown_as_within_its_text() {
        // U+0D4E stands before its letter, and U+05C8 is not assigned: no width makes neither a mark of what is before.
        let around =
            [("a", "b"), (" ", "\u{301}"), ("ก", "\u{301}"), ("👩", "🔬"), ("क\u{94d}", "क"), ("\u{600}", "x")];
        let odd = "\u{301}\u{200d}\u{fe0f}\u{d4e}\u{5c8}\u{1f3fd}\u{1160}\u{11a8}\u{e33}\u{3164}\n";
        for (c, (before, behind)) in odd.chars().flat_map(|c| around.map(|around| (c, around))) {
            let text = format!("{before}{c}{behind}");
            let pieces: String = text.graphemes(true).map(escape).collect();
            assert_eq!(escape(&text), pieces, "{text:?}");
        }
        assert_eq!(escape("a\u{d4e}क"), "a\\u{d4e}क");
    }

    #[test]
    fn what_people_write_stays_as_it_is() {
        for text in
            ["e\u{301}te\u{301}", "👩\u{200d}🔬 ❤\u{fe0f} 👍🏽 🇩🇪", "नमस्ते", "می\u{200c}خواهم", "שָׁלוֹם", "ก็", "한글 漢字"]
        {
            assert_eq!(escape(text), text);
        }
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
