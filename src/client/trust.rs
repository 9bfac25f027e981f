//! Which key a server must have: that of the options, one that is remembered, or the one that the person accepts at the
//! first contact; or which name. It comes before the screen, line by line; nothing is said to a server meanwhile.

use super::history::state_file;
use super::known_servers;
use super::runner::{Pin, no_tls};
use crate::net::Accepts;
use crate::net::tls::{self, Decrypting};
use crate::trace::Wire;
use crate::value::Fingerprint;
use nix::sys::termios::{FlushArg, tcflush};
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// How long connecting may take, and then the handshake.
const LIMIT: Duration = Duration::from_secs(5);
/// The most bytes of an answer.
const MAX_LINE: u64 = 4096;

/// What the options say of a server that speaks TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsOptions {
    /// The server as it is called among those that are known.
    pub place: String,
    /// Its key; then nothing is asked, read or remembered.
    pub fingerprint: Option<Fingerprint>,
    /// The name that its certificate must have; then the system's authorities decide, and nothing is asked, read or
    /// remembered.
    pub name: Option<String>,
    /// Where keys are remembered, if not in the usual place.
    pub known: Option<PathBuf>,
    /// Whether chats and messages may go in the clear to people who have no key.
    pub clear_peers: bool,
}

/// The key that the server must have; `None` when the person leaves.
///
/// # Errors
/// A sentence: nobody can be asked, another key was told, the server or the file is not to be had.
pub fn pin(options: &TlsOptions, server: SocketAddr, is_person: bool) -> Result<Option<Pin>, String> {
    let place = &options.place;
    if let Some(key) = options.fingerprint {
        return Ok(Some(Pin::new(place, &[key], "that of --fingerprint")));
    }
    if let Some(name) = &options.name {
        return Ok(Some(Pin::named(place, name, tls::named(name)?)));
    }
    let path = options.known.clone().or_else(|| state_file("known_servers"));
    let path = path.ok_or("there is no place to remember keys: give --known-servers FILE")?;
    let known = known_servers::keys(&path, place)?;
    if !known.is_empty() {
        return Ok(Some(known_pin(place, &path, &known)));
    }
    if !is_person {
        return Err(format!(
            "no key of {place} is known, and nobody can be asked: give --fingerprint sha256:HEX, which the server prints at \
             its start, or connect once at a terminal"
        ));
    }
    let shown = look(server)?;
    // What was typed before the question is no answer to it.
    let mut input = io::stdin().lock();
    let _ = tcflush(&input, FlushArg::TCIFLUSH);
    match ask(place, shown, &mut input, &mut io::stdout()).map_err(|error| format!("the terminal: {error}"))? {
        Answer::Yes => {}
        Answer::No => return Ok(None),
        Answer::Other(told) => {
            return Err(format!(
                "{place} has another key than you were told. Nothing was sent there.\n  told:  {told}\n  shown: {shown}"
            ));
        }
    }
    known_servers::remember(&path, place, shown, SystemTime::now())?;
    Ok(Some(Pin::new(place, &[shown], "the one that you have accepted")))
}

fn known_pin(place: &str, path: &Path, known: &[(Fingerprint, usize)]) -> Pin {
    let keys: Vec<Fingerprint> = known.iter().map(|(key, _)| *key).collect();
    let lines: Vec<String> = known.iter().map(|(_, line)| line.to_string()).collect();
    let word = if lines.len() == 1 { "line" } else { "lines" };
    Pin::new(place, &keys, &format!("that of {}, {word} {}", path.display(), lines.join(", ")))
}

/// The key that a server shows, in a connection of its own.
fn look(server: SocketAddr) -> Result<Fingerprint, String> {
    let stream =
        TcpStream::connect_timeout(&server, LIMIT).map_err(|error| format!("no server at {server}: {error}"))?;
    let stream = Arc::new(stream);
    let found = Decrypting::connect(None, &Accepts::Any, &stream, Instant::now() + LIMIT, &Wire::default());
    let decrypting = found.map_err(|why| format!("{server}: {}", no_tls(&why)))?;
    let channel = decrypting.channel();
    channel.leave();
    // An error says that it has ended already.
    let _ = stream.shutdown(Shutdown::Both);
    channel.key().ok_or_else(|| format!("{server}: it has no key"))
}

/// What a person says to a key.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    /// They were told another one.
    Other(Fingerprint),
}

/// Shows the key, and asks until there is an answer. `y` is none: it is typed too fast.
fn ask(place: &str, shown: Fingerprint, input: &mut impl BufRead, output: &mut impl Write) -> io::Result<Answer> {
    writeln!(
        output,
        "The server {place} is new to this machine, as each is the first time. Its key is\n  {shown}\nCompare it with what \
         whoever runs the server has told you by another way."
    )?;
    loop {
        write!(output, "Is it the same? Type yes, no, or the key that you were told: ")?;
        output.flush()?;
        let mut line = Vec::new();
        match input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(0) => {
                writeln!(output)?;
                return Ok(Answer::No);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read?,
        };
        // A terminal may have another encoding.
        match String::from_utf8_lossy(&line).trim() {
            "yes" => return Ok(Answer::Yes),
            "no" | "quit" | "exit" => return Ok(Answer::No),
            other => match other.parse() {
                Ok(told) if told == shown => return Ok(Answer::Yes),
                Ok(told) => return Ok(Answer::Other(told)),
                Err(_) => {}
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(typed: &str) -> (Answer, String) {
        let mut shown = Vec::new();
        let answer = ask("10.0.0.1:4403", Fingerprint([7; 32]), &mut typed.as_bytes(), &mut shown).expect("memory");
        (answer, String::from_utf8(shown).expect("text"))
    }

    #[test]
    fn only_a_whole_yes_or_the_key_itself_is_one() {
        let (answer, shown) = asked("y\n\nYES!\nyes\n");
        assert_eq!((answer, shown.matches("Is it the same?").count()), (Answer::Yes, 4));
        assert!(shown.contains("10.0.0.1:4403") && shown.contains(&Fingerprint([7; 32]).to_string()), "{shown}");
        assert_eq!(asked(&format!("{}\n", Fingerprint([7; 32]))).0, Answer::Yes);
        assert_eq!(asked(&format!("{}\n", Fingerprint([8; 32]))).0, Answer::Other(Fingerprint([8; 32])));
        for no in ["no\n", "quit\n", "", "y\n"] {
            assert_eq!(asked(no).0, Answer::No, "{no:?}");
        }
    }
}
