//! Bytes of a terminal become keys, wherever a read cuts them. It reads nothing and has no clock: who reads asks for
//! [`Decoder::limit`], and calls [`Decoder::flush`] when so long no byte came.

use super::key::Key;
use super::sequence::{control, csi, ss3};
use std::time::Duration;

/// The most bytes of a paste; the rest of a larger one is left out.
pub const MAX_PASTE: usize = 1 << 20;

/// What ends a paste.
const PASTE_END: &[u8] = b"\x1b[201~";

/// From so many bytes on, several lines that come at once are a paste even when the terminal does not say so: tmux
/// `paste-buffer` without `-p` does not. Nobody types so fast.
const MIN_UNMARKED: usize = 64;

/// The most bytes between CSI and its end that are looked at. Sequences of keys have less than 12.
const MAX_PARAMETERS: usize = 32;

/// How long to wait for the rest of what may also be a key alone, such as ESC.
const KEY_LIMIT: Duration = Duration::from_millis(50);

/// How long to wait for the rest of what is no key without it: a paste, or most of a sequence.
const LONG_LIMIT: Duration = Duration::from_secs(5);

const ESC: u8 = 0x1b;

/// Bytes become keys. What is unknown is swallowed, and never becomes text.
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Ground,
    /// The beginning of a character of several bytes.
    Character {
        alt: bool,
        half: Vec<u8>,
    },
    Escape,
    /// ESC twice: Escape and the begin of something, or Alt as rxvt sends it.
    SecondEscape,
    Csi {
        alt: bool,
        parameters: Vec<u8>,
    },
    Ss3 {
        alt: bool,
        number: Option<u8>,
    },
    /// So many bytes belong to something unknown.
    Skip(u8),
    /// OSC or DCS: an answer to a question that the program before us asked. Alt-] and Alt-P begin in the same way.
    Answer {
        introducer: u8,
        begun: bool,
        escape: bool,
    },
    /// In brackets, with so many bytes of the end mark seen.
    Paste {
        text: Vec<u8>,
        marked: usize,
    },
    /// Without brackets; it ends when no more comes.
    UnmarkedPaste(Vec<u8>),
}

impl Decoder {
    /// The keys that `bytes` complete. `bytes` is what one read gave: its length tells a paste without brackets from
    /// typing.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Key> {
        let mut keys = Vec::new();
        if is_plain(bytes) {
            match &mut self.state {
                State::UnmarkedPaste(text) => {
                    add_capped(text, bytes);
                    return keys;
                }
                State::Ground if bytes.len() >= MIN_UNMARKED && has_several_lines(bytes) => {
                    let mut text = Vec::new();
                    add_capped(&mut text, bytes);
                    self.state = State::UnmarkedPaste(text);
                    return keys;
                }
                _ => {}
            }
        }
        if matches!(self.state, State::UnmarkedPaste(_)) {
            keys.extend(self.flush());
        }
        for &byte in bytes {
            self.state = step(std::mem::take(&mut self.state), byte, &mut keys);
        }
        keys
    }

    /// How long to wait for the next byte, after the last one, until [`Decoder::flush`]; `None` while nothing is half
    /// there.
    pub fn limit(&self) -> Option<Duration> {
        match &self.state {
            State::Ground => None,
            State::Csi { parameters, .. } if !parameters.is_empty() => Some(LONG_LIMIT),
            State::Ss3 { number: Some(_), .. } | State::Answer { begun: true, .. } => Some(LONG_LIMIT),
            State::Character { .. } | State::Skip(_) | State::Paste { .. } => Some(LONG_LIMIT),
            _ => Some(KEY_LIMIT),
        }
    }

    /// No more bytes come: the keys of what is half there.
    pub fn flush(&mut self) -> Vec<Key> {
        let mut keys = Vec::new();
        give_up(std::mem::take(&mut self.state), &mut keys);
        keys
    }
}

/// Whether the bytes hold nothing but text, TAB and ends of lines.
fn is_plain(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| matches!(byte, b' '..=b'~' | 0x80.. | b'\t' | b'\r' | b'\n'))
}

/// Whether there is more behind the first end of a line.
fn has_several_lines(bytes: &[u8]) -> bool {
    let ends = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let behind = bytes.iter().position(ends).and_then(|end| bytes.get(end..)).unwrap_or_default();
    !behind.is_empty() && behind != b"\r" && behind != b"\n" && behind != b"\r\n"
}

fn add_capped(text: &mut Vec<u8>, bytes: &[u8]) {
    let room = MAX_PASTE.saturating_sub(text.len());
    text.extend_from_slice(&bytes[..room.min(bytes.len())]);
}

/// What follows `state` by one byte.
fn step(state: State, byte: u8, keys: &mut Vec<Key>) -> State {
    match state {
        State::Ground | State::UnmarkedPaste(_) => ground(byte, keys),
        State::Character { alt, half } => character(alt, half, byte, keys),
        State::Escape => after_escape(byte, keys),
        State::SecondEscape => match byte {
            b'[' => State::Csi { alt: true, parameters: Vec::new() },
            b'O' => State::Ss3 { alt: true, number: None },
            _ => {
                keys.push(Key::Escape);
                after_escape(byte, keys)
            }
        },
        State::Csi { alt, parameters } => in_csi(alt, parameters, byte, keys),
        State::Ss3 { alt, number } => match byte {
            b'0'..=b'9' if number.is_none() => State::Ss3 { alt, number: Some(byte - b'0') },
            b'@'..=b'~' => {
                keys.extend(ss3(number, byte, alt));
                State::Ground
            }
            _ => interrupted(State::Ss3 { alt, number }, byte, keys),
        },
        State::Skip(left) => {
            if left > 1 {
                State::Skip(left - 1)
            } else {
                State::Ground
            }
        }
        State::Answer { introducer, begun, escape } => in_answer(introducer, begun, escape, byte, keys),
        State::Paste { text, marked } => in_paste(text, marked, byte, keys),
    }
}

fn ground(byte: u8, keys: &mut Vec<Key>) -> State {
    match byte {
        ESC => return State::Escape,
        0x80.. => return character(false, Vec::new(), byte, keys),
        b' '..=b'~' => keys.push(Key::Char(char::from(byte))),
        _ => keys.push(control(byte)),
    }
    State::Ground
}

/// One more byte of a character of several. Wrong ones become U+FFFD as the standard library does it.
fn character(alt: bool, mut half: Vec<u8>, byte: u8, keys: &mut Vec<Key>) -> State {
    half.push(byte);
    match std::str::from_utf8(&half) {
        Ok(text) => {
            // What is left to be a control character here is C1: unknown.
            let typed = text.chars().filter(|c| !c.is_control());
            keys.extend(typed.map(|c| if alt { Key::Alt(c) } else { Key::Char(c) }));
            State::Ground
        }
        Err(error) if error.error_len().is_none() => State::Character { alt, half },
        Err(_) => {
            keys.push(Key::Char(char::REPLACEMENT_CHARACTER));
            // The last byte is what did not fit; the first one alone never does.
            if half.len() > 1 { ground(byte, keys) } else { State::Ground }
        }
    }
}

fn after_escape(byte: u8, keys: &mut Vec<Key>) -> State {
    match byte {
        ESC => return State::SecondEscape,
        b'[' => return State::Csi { alt: false, parameters: Vec::new() },
        b'O' => return State::Ss3 { alt: false, number: None },
        b']' | b'P' => return State::Answer { introducer: byte, begun: false, escape: false },
        0x80.. => return character(true, Vec::new(), byte, keys),
        b' '..=b'~' => keys.push(Key::Alt(char::from(byte))),
        0x08 | 0x7f => keys.push(Key::AltBackspace),
        // Escape and Ctrl-C typed ahead are more likely than Alt-Ctrl-C, and must not be lost.
        _ => keys.extend([Key::Escape, control(byte)]),
    }
    State::Ground
}

fn in_csi(alt: bool, mut parameters: Vec<u8>, byte: u8, keys: &mut Vec<Key>) -> State {
    match byte {
        // A function key of the Linux console, and the old report of a mouse.
        b'[' if parameters.is_empty() => State::Skip(1),
        b'M' if parameters.is_empty() => State::Skip(3),
        // rxvt ends a key with Shift by this, others have it in the middle of answers that begin with `?`.
        b'$' if !parameters.is_empty() && parameters.iter().all(u8::is_ascii_digit) => {
            keys.extend(csi(&parameters, byte, alt));
            State::Ground
        }
        b' '..=b'?' => {
            if parameters.len() < MAX_PARAMETERS {
                parameters.push(byte);
            }
            State::Csi { alt, parameters }
        }
        b'~' if parameters == b"200" => State::Paste { text: Vec::new(), marked: 0 },
        b'@'..=b'~' => {
            // A longer one is no key, whatever its beginning says.
            if parameters.len() < MAX_PARAMETERS {
                keys.extend(csi(&parameters, byte, alt));
            }
            State::Ground
        }
        _ => interrupted(State::Csi { alt, parameters }, byte, keys),
    }
}

fn in_answer(introducer: u8, begun: bool, escape: bool, byte: u8, keys: &mut Vec<Key>) -> State {
    let begins = byte.is_ascii_digit() || (introducer == b'P' && b"!$+=>".contains(&byte));
    match byte {
        b'\\' if escape => State::Ground,
        _ if escape => after_escape(byte, keys),
        ESC if begun => State::Answer { introducer, begun, escape: true },
        0x07 if begun => State::Ground,
        _ if !begun && !begins => interrupted(State::Answer { introducer, begun, escape }, byte, keys),
        0..b' ' => ground(byte, keys),
        _ => State::Answer { introducer, begun: true, escape: false },
    }
}

fn in_paste(mut text: Vec<u8>, marked: usize, byte: u8, keys: &mut Vec<Key>) -> State {
    if byte == PASTE_END[marked] {
        if marked + 1 < PASTE_END.len() {
            return State::Paste { text, marked: marked + 1 };
        }
        keys.extend(paste(text));
        return State::Ground;
    }
    // Within the mark only its first byte is ESC, so no other beginning of it can be among what was seen.
    add_capped(&mut text, &PASTE_END[..marked]);
    if byte == ESC {
        return State::Paste { text, marked: 1 };
    }
    add_capped(&mut text, &[byte]);
    State::Paste { text, marked: 0 }
}

/// Something that cannot go on with `byte`.
fn interrupted(state: State, byte: u8, keys: &mut Vec<Key>) -> State {
    give_up(state, keys);
    ground(byte, keys)
}

/// The keys of what does not go on.
fn give_up(state: State, keys: &mut Vec<Key>) {
    let (twice, typed) = match state {
        State::Character { .. } => return keys.push(Key::Char(char::REPLACEMENT_CHARACTER)),
        State::Paste { text, .. } | State::UnmarkedPaste(text) => return keys.extend(paste(text)),
        State::Escape => (false, Key::Escape),
        State::SecondEscape => (true, Key::Escape),
        State::Csi { alt, parameters } if parameters.is_empty() => (alt, Key::Alt('[')),
        State::Ss3 { alt, number: None } => (alt, Key::Alt('O')),
        State::Answer { introducer, begun: false, .. } => (false, Key::Alt(char::from(introducer))),
        _ => return,
    };
    keys.extend(twice.then_some(Key::Escape));
    keys.push(typed);
}

/// A paste with LF at the end of its lines; an empty one is none.
fn paste(text: Vec<u8>) -> Option<Key> {
    let text = String::from_utf8_lossy(&text).replace("\r\n", "\n").replace('\r', "\n");
    (!text.is_empty()).then_some(Key::Paste(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The keys of `bytes`, and of the silence behind them.
    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut decoder = Decoder::default();
        let mut keys = decoder.push(bytes);
        keys.extend(decoder.flush());
        assert_eq!(decoder.limit(), None);
        keys
    }

    fn all_give(sequences: &[&str], key: &Key) {
        for sequence in sequences {
            assert_eq!(keys(sequence.as_bytes()), std::slice::from_ref(key), "{sequence:?}");
        }
    }

    #[test]
    fn moving_keys_of_every_terminal() {
        all_give(&["\x1b[A", "\x1bOA", "\x1b[1;2A", "\x1b[a", "\x1b[1;5A"], &Key::Up);
        all_give(&["\x1b[D", "\x1bOD", "\x1b[1;1D", "\x1b[d", "\x1b[1D"], &Key::Left);
        all_give(&["\x1b[1;5D", "\x1b[5D", "\x1bOd", "\x1bO5D", "\x1b[1;6D"], &Key::CtrlLeft);
        all_give(&["\x1b[1;3C", "\x1b\x1b[C", "\x1b\x1bOC", "\x1b[3C", "\x1b[1;9C", "\x1bO3C"], &Key::AltRight);
        all_give(&["\x1b[H", "\x1bOH", "\x1b[1~", "\x1b[7~", "\x1b[7$"], &Key::Home);
        all_give(&["\x1b[F", "\x1bOF", "\x1b[4~", "\x1b[8~"], &Key::End);
        all_give(&["\x1b[1;3H", "\x1b[1;5H", "\x1b\x1b[7~", "\x1b[7^"], &Key::AltHome);
        all_give(&["\x1b[1;3F", "\x1b[8^", "\x1b[8@"], &Key::AltEnd);
        all_give(&["\x1b[5~", "\x1b[5;2~"], &Key::PageUp);
        all_give(&["\x1b[3~", "\x1b[3$", "\x1b[3;5~"], &Key::Delete);
        all_give(&["\x1b[Z", "\x1b[9;2u", "\x1b[27;2;9~"], &Key::BackTab);
        all_give(&["\x1b[I"], &Key::Focus(true));
        all_give(&["\x1b[O"], &Key::Focus(false));
    }

    #[test]
    fn typed_keys() {
        all_give(&["\x03", "\x1b[99;5u", "\x1b[27;5;99~", "\x1b[67;5u"], &Key::Ctrl('c'));
        all_give(&["\r", "\n", "\x1bOM", "\x1b[13;2u"], &Key::Enter);
        all_give(&["\x7f", "\x08"], &Key::Backspace);
        all_give(&["\x1b\x7f", "\x1b\x08", "\x1b[127;3u"], &Key::AltBackspace);
        all_give(&["\x1b1", "\x1b[49;3u"], &Key::Alt('1'));
        all_give(&["\x1bä"], &Key::Alt('ä'));
        all_give(&["漢"], &Key::Char('漢'));
        all_give(&["\x1b", "\x1b[27u"], &Key::Escape);
        all_give(&["\x1b["], &Key::Alt('['));
        all_give(&["\x1bO"], &Key::Alt('O'));
        all_give(&["\x1b]"], &Key::Alt(']'));
        assert_eq!(keys(b"\x1f\x1a\t\0"), [Key::Ctrl('_'), Key::Ctrl('z'), Key::Tab, Key::Ctrl(' ')]);
        assert_eq!(keys(b"\x1b\x03"), [Key::Escape, Key::Ctrl('c')]);
        assert_eq!(keys(b"\x1b\x1b"), [Key::Escape, Key::Escape]);
        assert_eq!(keys(b"\x1b\x1ba"), [Key::Escape, Key::Alt('a')]);
        assert_eq!(keys(b"\x1b[\r"), [Key::Alt('['), Key::Enter]);
    }

    #[test]
    fn what_is_unknown_is_swallowed() {
        let unknown = [
            "\x1b[[A",
            "\x1b[15~",
            "\x1b[2~",
            "\x1bOP",
            "\x1b[<0;33;12M",
            "\x1b[M a!",
            "\x1b[?1;2c",
            "\x1b[?2026;2$y",
            "\x1b]11;rgb:1e1e/1e1e/1e1e\x07",
            "\x1b]11;rgb:1e1e\x1b\\",
            "\x1bP>|XTerm(388)\x1b\\",
            "\x1b[201~",
            "\x1b[24;80R",
            "\u{9b}",
            "\x1b[57358u",
            "\x1b[1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1A",
        ];
        for sequence in unknown {
            assert_eq!(keys(format!("{sequence}x").as_bytes()), [Key::Char('x')], "{sequence:?}");
        }
    }

    #[test]
    fn a_paste_is_one_key() {
        let pasted = |text: &str| vec![Key::Paste(text.to_owned())];
        assert_eq!(keys(b"\x1b[200~a\rb\r\nc\nd\x1b[201~"), pasted("a\nb\nc\nd"));
        assert_eq!(keys(b"\x1b[200~\x1b[31mred\x1b[20\x1b\x1b[201~"), pasted("\x1b[31mred\x1b[20\x1b"));
        assert_eq!(keys(b"\x1b[200~\x1b[201~"), []);
        let mut decoder = Decoder::default();
        assert_eq!(decoder.push(b"\x1b[200~never ended\x1b[2"), []);
        assert_eq!(decoder.limit(), Some(LONG_LIMIT));
        assert_eq!(decoder.flush(), pasted("never ended"));
    }

    #[test]
    fn a_paste_has_a_limit() {
        let mut decoder = Decoder::default();
        decoder.push(b"\x1b[200~");
        for _ in 0..20 {
            decoder.push(&[b'x'; MAX_PASTE / 16]);
        }
        let keys = decoder.push(b"\x1b[201~y");
        assert_eq!(keys, [Key::Paste("x".repeat(MAX_PASTE)), Key::Char('y')]);
    }

    #[test]
    fn several_lines_at_once_are_a_paste() {
        let lines = "a line of a text that somebody pasted\r".repeat(3);
        assert_eq!(keys(lines.as_bytes()), [Key::Paste(lines.replace('\r', "\n"))]);
        // Typed ahead: one line, or keys among it.
        for typed in [&lines[..38], &format!("{}\r", "x".repeat(90)), &format!("{lines}\x1b[A")] {
            assert!(!keys(typed.as_bytes()).iter().any(|key| matches!(key, Key::Paste(_))), "{typed:?}");
        }
    }

    #[test]
    fn the_last_part_of_a_paste_without_brackets_is_no_enter() {
        let mut decoder = Decoder::default();
        let lines = "a line of a text that somebody pasted\r".repeat(3);
        assert_eq!(decoder.push(lines.as_bytes()), []);
        assert_eq!(decoder.push(b"the rest\r"), []);
        assert_eq!(decoder.limit(), Some(KEY_LIMIT));
        let whole = Key::Paste(format!("{lines}the rest\r").replace('\r', "\n"));
        assert_eq!(decoder.push(b"\x03"), [whole, Key::Ctrl('c')]);
    }

    #[test]
    fn only_what_is_half_there_has_a_limit() {
        let limits = [
            ("x", None),
            ("\x1b[A", None),
            ("\x1b", Some(KEY_LIMIT)),
            ("\x1b[", Some(KEY_LIMIT)),
            ("\x1b[1;", Some(LONG_LIMIT)),
            ("\x1b]11", Some(LONG_LIMIT)),
        ];
        for (bytes, limit) in limits {
            let mut decoder = Decoder::default();
            decoder.push(bytes.as_bytes());
            assert_eq!(decoder.limit(), limit, "{bytes:?}");
        }
    }

    fn parts() -> impl Strategy<Value = Vec<u8>> {
        let known = [
            "\x1b",
            "\x1b[",
            "\x1bO",
            "[",
            "O",
            "\x1b[1;5D",
            "\x1b[200~",
            "\x1b[201~",
            "\x1b[20",
            "\x1b\x1b[A",
            "\r",
            "\x1b]11;x\x07",
            "\x1bP1$r\x1b\\",
            "\x1b[[A",
            "\x1b[M",
            "1;",
            "~",
            "\x7f",
            "ä",
            "漢字",
            "👩‍🔬",
            "abc",
        ];
        let part = prop_oneof![
            4 => proptest::sample::select(known.to_vec()).prop_map(|part| part.as_bytes().to_vec()),
            1 => proptest::collection::vec(any::<u8>(), 0..4),
        ];
        proptest::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
    }

    /// The keys, when the reads give pieces of these lengths, in turn.
    fn in_pieces(bytes: &[u8], lengths: &[usize]) -> Vec<Key> {
        let mut decoder = Decoder::default();
        let mut keys = Vec::new();
        let mut rest = bytes;
        for &length in lengths.iter().cycle() {
            let (piece, behind) = rest.split_at(length.min(rest.len()));
            keys.extend(decoder.push(piece));
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
        keys.extend(decoder.flush());
        keys
    }

    proptest! {
        #[test]
        fn the_same_keys_wherever_it_is_cut(bytes in parts(), lengths in proptest::collection::vec(1..MIN_UNMARKED, 1..9)) {
            let whole = in_pieces(&bytes, &[MIN_UNMARKED - 1]);
            prop_assert_eq!(&whole, &in_pieces(&bytes, &[1]));
            prop_assert_eq!(&whole, &in_pieces(&bytes, &lengths));
        }

        #[test]
        fn no_key_holds_a_control_character(bytes in parts()) {
            for key in keys(&bytes) {
                if let Key::Char(c) | Key::Ctrl(c) | Key::Alt(c) = key {
                    prop_assert!(!c.is_control());
                }
            }
        }

        #[test]
        fn text_is_what_it_is(text in "[^\\x00-\\x1f\\x7f-\\x9f]{0,40}") {
            let typed: Vec<Key> = text.chars().map(Key::Char).collect();
            prop_assert_eq!(keys(text.as_bytes()), typed);
        }

        #[test]
        fn wrong_bytes_become_what_the_standard_library_makes_of_them(bytes in proptest::collection::vec(0xa0u8.., 0..30)) {
            let lossy: Vec<Key> = String::from_utf8_lossy(&bytes).chars().map(Key::Char).collect();
            prop_assert_eq!(keys(&bytes), lossy);
        }
    }
}
