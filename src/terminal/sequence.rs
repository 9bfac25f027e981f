//! What the escape sequences of keys mean, as a table. It knows neither where a sequence ends nor what a paste is.
//!
//! The forms are those of xterm, rxvt, the Linux console, and tmux and screen, which repeat one of the others.

use super::key::Key;

/// Which of the other keys were held. Shift changes none of the keys here but Tab.
#[derive(Clone, Copy, Default)]
struct Held {
    shift: bool,
    alt: bool,
    ctrl: bool,
}

impl Held {
    /// From the number that xterm sends: 1, and the sum of 1 for Shift, 2 for Alt, 4 for Ctrl and 8 for Meta.
    fn of(number: u32) -> Held {
        let sum = number.saturating_sub(1);
        Held { shift: sum & 1 != 0, alt: sum & (2 | 8) != 0, ctrl: sum & 4 != 0 }
    }
}

/// The key of `CSI parameters end`; `alt` says that one more ESC stood before it, as rxvt sends Alt. `None` for what
/// is no key of ours.
pub(super) fn csi(parameters: &[u8], end: u8, alt: bool) -> Option<Key> {
    let text = std::str::from_utf8(parameters).ok()?;
    let numbers: Vec<u32> =
        if text.is_empty() { Vec::new() } else { text.split(';').map(|n| n.parse().ok()).collect::<Option<_>>()? };
    let first = numbers.first().copied().unwrap_or(1);
    let mut held = Held::of(numbers.get(1).copied().unwrap_or(1));
    held.alt |= alt;
    match end {
        b'I' if numbers.is_empty() => Some(Key::Focus(true)),
        b'O' if numbers.is_empty() => Some(Key::Focus(false)),
        b'Z' => Some(Key::BackTab),
        // Old ones leave the first number out: CSI 5 D.
        b'A'..=b'D' | b'F' | b'H' if numbers.len() == 1 => moved(end, with_alt(Held::of(first), alt)),
        b'A'..=b'D' | b'F' | b'H' => moved(end, held),
        b'a'..=b'd' => moved(end.to_ascii_uppercase(), held),
        b'~' if first == 27 => typed(*numbers.get(2)?, held),
        b'~' | b'$' => numbered(first, held),
        b'^' | b'@' => numbered(first, Held { ctrl: true, ..held }),
        b'u' => typed(first, held),
        _ => None,
    }
}

/// The key of `SS3 end`, with the number between the two if there was one.
pub(super) fn ss3(number: Option<u8>, end: u8, alt: bool) -> Option<Key> {
    let held = with_alt(Held::of(number.map_or(1, u32::from)), alt);
    match end {
        b'A'..=b'D' | b'F' | b'H' => moved(end, held),
        // Of rxvt.
        b'a'..=b'd' => moved(end.to_ascii_uppercase(), Held { ctrl: true, ..held }),
        b'M' => Some(Key::Enter),
        // The keypad: `*` is `j`, `0` is `p`, and so on in the order of ASCII.
        b'j'..=b'y' => Some(Key::Char(char::from(end - 0x40))),
        _ => None,
    }
}

/// The key of a control character other than ESC.
pub(super) fn control(byte: u8) -> Key {
    match byte {
        b'\r' | b'\n' => Key::Enter,
        b'\t' => Key::Tab,
        0x08 | 0x7f => Key::Backspace,
        0 => Key::Ctrl(' '),
        // Ctrl-A is 1.
        1..=0x1a => Key::Ctrl(char::from(byte | 0x60)),
        _ => Key::Ctrl(char::from(byte | 0x40)),
    }
}

fn with_alt(held: Held, alt: bool) -> Held {
    Held { alt: held.alt || alt, ..held }
}

fn moved(end: u8, held: Held) -> Option<Key> {
    Some(match (end, held.alt, held.ctrl) {
        (b'A', true, _) => Key::AltUp,
        (b'B', true, _) => Key::AltDown,
        (b'C', true, _) => Key::AltRight,
        (b'D', true, _) => Key::AltLeft,
        (b'A', ..) => Key::Up,
        (b'B', ..) => Key::Down,
        (b'C', _, true) => Key::CtrlRight,
        (b'D', _, true) => Key::CtrlLeft,
        (b'C', ..) => Key::Right,
        (b'D', ..) => Key::Left,
        // Many terminals keep Alt-Home for themselves; Ctrl-Home is the other habit for the very first line.
        (b'H', false, false) => Key::Home,
        (b'F', false, false) => Key::End,
        (b'H', ..) => Key::AltHome,
        (b'F', ..) => Key::AltEnd,
        _ => return None,
    })
}

fn numbered(number: u32, held: Held) -> Option<Key> {
    match number {
        1 | 7 => moved(b'H', held),
        4 | 8 => moved(b'F', held),
        3 => Some(Key::Delete),
        5 => Some(Key::PageUp),
        6 => Some(Key::PageDown),
        _ => None,
    }
}

/// A key that a terminal with extended keys names by its character: `CSI 97;5u` and `CSI 27;5;97~` are Ctrl-A.
fn typed(code: u32, held: Held) -> Option<Key> {
    let c = char::from_u32(code)?;
    Some(match c {
        '\t' if held.shift => Key::BackTab,
        '\x7f' | '\x08' if held.alt => Key::AltBackspace,
        '\x1b' => Key::Escape,
        '\0'..='\x1f' | '\x7f' => control(u8::try_from(code).ok()?),
        // Keys without a character, such as Caps Lock, have numbers of the private use area.
        '\u{e000}'..='\u{f8ff}' => return None,
        c if c.is_control() => return None,
        c if held.alt => Key::Alt(c),
        c if held.ctrl => Key::Ctrl(c.to_ascii_lowercase()),
        c => Key::Char(c),
    })
}
