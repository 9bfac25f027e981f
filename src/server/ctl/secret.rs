//! A new password of somebody: typed at the terminal without being shown, read from standard input, or drawn.

use nix::sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, ErrorKind, IsTerminal, Read, Write};

/// The letters of a password that is drawn: none that is taken for another. 32 of them, 5 bits each.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Groups of four letters: 80 bits.
const GROUPS: usize = 4;
/// The key that ends a program, where keys end none.
const CTRL_C: char = '\u{3}';

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
    let tty =
        OpenOptions::new().read(true).write(true).open("/dev/tty").map_err(|error| format!("/dev/tty: {error}"))?;
    // Of both: what is typed between them is not to be seen either.
    let _silence = Silence::begin(&tty).map_err(|error| format!("/dev/tty: {error}"))?;
    let first = ask_hidden(&tty, &format!("New password of {whose}: "))?;
    let second = ask_hidden(&tty, "The password again: ")?;
    if first == second { Ok(first) } else { Err("the passwords do not match".to_owned()) }
}

/// One question, at a terminal that does not show what is typed.
fn ask_hidden(mut tty: &File, prompt: &str) -> Result<String, String> {
    let no_terminal = |error: io::Error| format!("/dev/tty: {error}");
    tty.write_all(prompt.as_bytes()).map_err(no_terminal)?;
    // What is typed behind it is for who reads next: the system gives a line at a time.
    let line = first_line(BufReader::new(OneRead(Some(tty))));
    // The person's Enter was not shown either.
    tty.write_all(b"\n").map_err(no_terminal)?;
    line.and_then(|line| if line.contains(CTRL_C) { Err("given up".to_owned()) } else { Ok(line) })
}

/// What one read gives, and no more: Ctrl-C ends a line that has no LF then.
struct OneRead<R>(Option<R>);

impl<R: Read> Read for OneRead<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(mut source) = self.0.take() else { return Ok(0) };
        let read = source.read(buffer);
        if read.as_ref().is_err_and(|error| error.kind() == ErrorKind::Interrupted) {
            self.0 = Some(source);
        }
        read
    }
}

fn first_line(mut input: impl BufRead) -> Result<String, String> {
    let mut line = String::new();
    input.read_line(&mut line).map_err(|error| format!("no password: {error}"))?;
    let line = line.strip_suffix('\n').map_or(line.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if line.is_empty() { Err("no password was given".to_owned()) } else { Ok(line.to_owned()) }
}

/// The terminal does not show what is typed, and no key ends the program before the terminal is as it was. Backspace and
/// Ctrl-U are the system's own.
struct Silence<'a> {
    tty: &'a File,
    before: Termios,
}

impl Silence<'_> {
    fn begin(tty: &File) -> io::Result<Silence<'_>> {
        let before = tcgetattr(tty)?;
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO | LocalFlags::ISIG);
        // Nobody is to press Enter behind it.
        silent.control_chars[SpecialCharacterIndices::VEOL as usize] = CTRL_C as u8;
        tcsetattr(tty, SetArg::TCSAFLUSH, &silent)?;
        Ok(Silence { tty, before })
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        // An error says that the terminal is gone.
        let _ = tcsetattr(self.tty, SetArg::TCSANOW, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::pty::{OpenptyResult, openpty};
    use std::thread;

    #[test]
    fn what_is_drawn_is_long_and_never_the_same() {
        let (one, other) = (draw().expect("random bytes"), draw().expect("random bytes"));
        assert_ne!(one, other);
        assert_eq!((one.len(), one.split('-').count()), (19, 4));
        assert!(one.bytes().all(|byte| byte == b'-' || LETTERS.contains(&byte)));
    }

    #[test]
    fn ctrl_c_ends_the_question_at_once_and_the_terminal_is_as_it_was() {
        let OpenptyResult { master, slave } = openpty(None, None).expect("a terminal");
        let (mut keys, tty) = (File::from(master), File::from(slave));
        let before = tcgetattr(&tty).expect("modes");
        for (typed, given) in [("pass word\n", Ok("pass word".to_owned())), ("pa\u{3}", Err("given up".to_owned()))] {
            let silence = Silence::begin(&tty).expect("modes");
            let asked = thread::scope(|scope| {
                let asked = scope.spawn(|| ask_hidden(&tty, "New: "));
                let mut shown = [0; 5];
                keys.read_exact(&mut shown).expect("a question");
                assert_eq!(&shown, b"New: ");
                keys.write_all(typed.as_bytes()).expect("typed");
                asked.join().expect("no panic")
            });
            drop(silence);
            assert_eq!(asked, given);
            let mut line_end = [0; 2];
            keys.read_exact(&mut line_end).expect("the line end alone");
            assert_eq!(&line_end, b"\r\n");
        }
        assert_eq!(tcgetattr(&tty).expect("modes"), before);
    }

    #[test]
    fn a_line_of_standard_input_is_a_password() {
        assert_eq!(first_line(&b" pass word \r\nnext\n"[..]), Ok(" pass word ".to_owned()));
        assert_eq!(first_line(&b"no end"[..]), Ok("no end".to_owned()));
        assert!(first_line(&b"\n"[..]).is_err() && first_line(&b""[..]).is_err());
    }
}
