//! Bytes as hexadecimal digits: tickets and hashes are written so.

use std::fmt::{self, Write};

/// Reads exactly `N` bytes from twice as many digits, of either case.
pub fn parse<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    // Checked first, as `from_str_radix` would take a sign.
    if text.len() != 2 * N || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

/// Writes bytes as lower-case digits: the mirror of [`parse`].
///
/// # Errors
/// Whatever the writer says.
pub fn write(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().flat_map(|byte| digits(*byte)).try_for_each(|digit| f.write_char(char::from(digit)))
}

/// The two digits of a byte. Each session writes tickets: a formatter within a formatter for each byte would be the
/// deepest part of its stack.
pub fn digits(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 15].map(|value| b"0123456789abcdef"[usize::from(value)])
}
