//! A new password of somebody: typed at the terminal without being shown, read from standard input, or drawn.

use crate::terminal::ask_hidden;
use std::io::{self, BufRead, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

/// The letters of a password that is drawn: none that is taken for another. 32 of them, 5 bits each.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Groups of four letters: 80 bits.
const GROUPS: usize = 4;

/// Draws a password.
///
/// # Errors
/// The system has no random bytes.
pub fn draw() -> Result<String, String> {
    let mut bytes = [0u8; 4 * GROUPS];
    getrandom::fill(&mut bytes).map_err(|error| format!("no random bytes: {error}"))?;
    let letters: Vec<char> = bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
    Ok(letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-"))
}

/// Asks at the terminal, twice, or reads the one line of standard input where that is none.
///
/// # Errors
/// A sentence: two passwords that differ, or none.
pub fn ask(whose: &str) -> Result<String, String> {
    if !io::stdin().is_terminal() {
        return first_line(io::stdin().lock());
    }
    // Nothing else ends the question: the other end stays open.
    let (wake, _open) = UnixStream::pair().map_err(|error| format!("no password: {error}"))?;
    let prompts = [format!("New password of {whose}: "), "The password again: ".to_owned()];
    let given = ask_hidden(prompts.each_ref().map(String::as_str), wake.as_fd());
    match given.map_err(|error| format!("/dev/tty: {error}"))? {
        None => Err("given up".to_owned()),
        Some([first, _]) if first.is_empty() => Err("no password was given".to_owned()),
        Some([first, second]) if first == second => Ok(first),
        Some(_) => Err("the passwords do not match".to_owned()),
    }
}

fn first_line(mut input: impl BufRead) -> Result<String, String> {
    let mut line = String::new();
    input.read_line(&mut line).map_err(|error| format!("no password: {error}"))?;
    let line = line.strip_suffix('\n').map_or(line.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if line.is_empty() { Err("no password was given".to_owned()) } else { Ok(line.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_is_long_and_never_the_same() {
        let (one, other) = (draw().expect("random bytes"), draw().expect("random bytes"));
        assert_ne!(one, other);
        assert_eq!((one.len(), one.split('-').count()), (19, 4));
        assert!(one.bytes().all(|byte| byte == b'-' || LETTERS.contains(&byte)));
    }

    #[test]
    fn a_line_of_standard_input_is_a_password() {
        assert_eq!(first_line(&b" pass word \r\nnext\n"[..]), Ok(" pass word ".to_owned()));
        assert_eq!(first_line(&b"no end"[..]), Ok("no end".to_owned()));
        assert!(first_line(&b"\n"[..]).is_err() && first_line(&b""[..]).is_err());
    }
}
