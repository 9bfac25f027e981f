//! A password at a terminal without a screen: asked on `/dev/tty`, wherever standard input and output lead, and never
//! shown, whatever `TERM` says.

use super::decoder::Decoder;
use super::key::Key;
use super::tty;
use nix::poll::PollFlags;
use nix::sys::termios::{LocalFlags, SpecialCharacterIndices, Termios};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// The most bytes of an answer.
const MAX_ANSWER: usize = 4096;

/// How long a paused terminal may keep back the prompt.
const WRITE_LIMIT: Duration = Duration::from_secs(1);

/// Asks one question after the other without showing an answer, nor what is typed between them. Backspace and Ctrl-U work.
/// `None` says that there is no answer: Ctrl-C, Ctrl-D on an empty line, the end of the terminal, or `wake` became readable
/// or ended.
///
/// # Errors
/// What the system says when the process has no terminal, and an answer of more than 4,096 bytes.
pub fn ask_hidden<const N: usize>(prompts: [&str; N], wake: BorrowedFd<'_>) -> io::Result<Option<[String; N]>> {
    ask_on(&tty::open()?, prompts, wake)
}

fn ask_on<const N: usize>(tty: &File, prompts: [&str; N], wake: BorrowedFd<'_>) -> io::Result<Option<[String; N]>> {
    let _silence = Silence::begin(tty)?;
    let mut answers = [const { String::new() }; N];
    for (prompt, answer) in prompts.into_iter().zip(&mut answers) {
        match ask_one(tty, prompt, wake)? {
            Some(given) => *answer = given,
            None => return Ok(None),
        }
    }
    Ok(Some(answers))
}

fn ask_one(tty: &File, prompt: &str, wake: BorrowedFd<'_>) -> io::Result<Option<String>> {
    let shown: String = prompt.chars().filter(|c| !c.is_control()).collect();
    tty::write_within(tty, shown.as_bytes(), WRITE_LIMIT)?;
    let answer = read(tty, wake);
    // The person's Enter was not shown either.
    tty::write_within(tty, b"\n", WRITE_LIMIT)?;
    answer
}

fn read(mut tty: &File, wake: BorrowedFd<'_>) -> io::Result<Option<String>> {
    let mut decoder = Decoder::default();
    let mut answer = String::new();
    // One byte at a time, so that what stands behind the Enter is there for who reads next.
    let mut byte = [0];
    loop {
        let [woken, _] = tty::wait([(wake, PollFlags::POLLIN), (tty.as_fd(), PollFlags::POLLIN)], None)?;
        if woken {
            return Ok(None);
        }
        match tty.read(&mut byte) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => continue,
            Err(_) => return Ok(None),
        }
        for key in decoder.push(&byte) {
            match key {
                Key::Enter => return Ok(Some(answer)),
                Key::Ctrl('c') => return Ok(None),
                Key::Ctrl('d') if answer.is_empty() => return Ok(None),
                Key::Ctrl('u') => answer.clear(),
                Key::Backspace => drop(answer.pop()),
                Key::Char(c) => answer.push(c),
                Key::Paste(text) => answer.push_str(text.trim_end_matches('\n')),
                _ => {}
            }
        }
        if answer.len() > MAX_ANSWER {
            return Err(io::Error::new(ErrorKind::InvalidInput, format!("more than {MAX_ANSWER} bytes were typed")));
        }
    }
}

/// The terminal neither shows what is typed nor turns keys into signals, for as long as the value lives.
struct Silence<'t> {
    tty: &'t File,
    before: Termios,
}

impl Silence<'_> {
    fn begin(tty: &File) -> io::Result<Silence<'_>> {
        let before = tty::modes(tty)?;
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG | LocalFlags::IEXTEN);
        silent.control_chars[SpecialCharacterIndices::VMIN as usize] = 1;
        silent.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
        tty::set_modes(tty, &silent)?;
        Ok(Silence { tty, before })
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        // An error says that the terminal is gone.
        let _ = tty::set_modes(self.tty, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tty::pair;
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::thread;

    /// What comes of these keys, and what the terminal showed. The echo is as it was before.
    fn answer(typed: &[u8]) -> (io::Result<Option<String>>, Vec<u8>) {
        let (answer, shown) = answers(["Password:\x1b "], typed);
        (answer.map(|answer| answer.map(|[answer]| answer)), shown)
    }

    /// The same of several questions; all is typed at the first.
    fn answers<const N: usize>(prompts: [&'static str; N], typed: &[u8]) -> (io::Result<Option<[String; N]>>, Vec<u8>) {
        let pair = pair::new();
        let tty = pair::open(&*pair.master);
        let before = tty::modes(&tty).expect("modes");
        let (_end, wake) = UnixStream::pair().expect("a pair");
        let asked = tty.try_clone().expect("a copy");
        let asking = thread::spawn(move || ask_on(&asked, prompts, wake.as_fd()));
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let mut shown = pair::read_until(&mut *reader, b": ");
        pair.master.take_writer().expect("a writer").write_all(typed).expect("it is typed");
        (0..N).for_each(|_| shown.extend(pair::read_until(&mut *reader, b"\n")));
        let answer = asking.join().expect("no panic");
        assert_eq!(tty::modes(&tty).expect("modes"), before);
        (answer, shown)
    }

    #[test]
    fn a_password_is_read_and_not_shown() {
        let (answer, shown) = answer("wrong\x15secrx\x7f\x1b[Detä\r".as_bytes());
        assert_eq!(answer.expect("no error"), Some("secretä".to_owned()));
        assert_eq!(shown, b"Password: \r\n");
    }

    #[test]
    fn what_is_typed_ahead_answers_the_next_question_and_is_not_shown() {
        let (given, shown) = answers(["New: ", "Again: "], b"pass word\rpass word\r");
        assert_eq!(given.expect("no error"), Some(["pass word"; 2].map(str::to_owned)));
        assert_eq!(shown, b"New: \r\nAgain: \r\n");
    }

    #[test]
    fn ctrl_c_and_ctrl_d_give_none() {
        assert_eq!(answer(b"half\x03").0.expect("no error"), None);
        assert_eq!(answer(b"\x04").0.expect("no error"), None);
    }

    #[test]
    fn an_endless_answer_is_refused() {
        let error = answer(&[b'x'; MAX_ANSWER + 1]).0.expect_err("too long");
        assert_eq!(error.to_string(), "more than 4096 bytes were typed");
    }

    #[test]
    fn the_end_of_the_client_interrupts_it() {
        let pair = pair::new();
        let tty = pair::open(&*pair.master);
        let (end, wake) = UnixStream::pair().expect("a pair");
        drop(end);
        assert_eq!(ask_on(&tty, ["Password: "], wake.as_fd()).expect("no error"), None);
    }
}
