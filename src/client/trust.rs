//! Which key a server must have: that of the options, one that is remembered, or the one that the person accepts at the
//! first contact; or which name. It comes before the screen, line by line; nothing is said to a server meanwhile.

use super::find::Target;
use super::history::state_file;
use super::known_servers::{self, Remembered};
use super::runner::{Pin, no_tls};
use crate::net::Accepts;
use crate::net::tls::{self, Decrypting};
use crate::program::tell_error;
use crate::trace::Wire;
use crate::value::Fingerprint;
use nix::sys::termios::{FlushArg, tcflush};
use std::env;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// How long connecting may take, and then the handshake.
const LIMIT: Duration = Duration::from_secs(5);
/// The most bytes of an answer.
const MAX_LINE: u64 = 4096;

/// What the options say of TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Whether a server that does not speak it is none.
    pub only: bool,
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

/// How a server is spoken with.
pub enum Trust {
    /// In the clear.
    None,
    /// By TLS, with the one that this proves.
    Known(Pin),
    /// By TLS, with the one whose key the person has just accepted.
    Accepted(Pin),
}

impl Trust {
    /// What the server must prove, by TLS.
    pub fn into_pin(self) -> Option<Pin> {
        match self {
            Trust::None => None,
            Trust::Known(pin) | Trust::Accepted(pin) => Some(pin),
        }
    }
}

impl TlsOptions {
    /// Where keys are remembered. `None` where there is no home for such a file.
    fn known_file(&self) -> Option<PathBuf> {
        self.known.clone().or_else(|| state_file("known_servers"))
    }

    /// Whether a server proves which one it is before anything is sent to it: its key or its name was given, or it is known.
    ///
    /// # Errors
    /// A sentence with the file of known servers.
    pub fn proves(&self, target: &Target) -> Result<bool, String> {
        match self.known_file() {
            _ if !target.by_tls => Ok(false),
            Some(path) if !self.is_given() => Ok(!known_servers::keys(&path, &place(target))?.is_empty()),
            _ => Ok(self.is_given()),
        }
    }

    /// Whether the options themselves say how a server is known.
    fn is_given(&self) -> bool {
        self.fingerprint.is_some() || self.name.is_some()
    }
}

/// How the server is called among those that are known.
fn place(target: &Target) -> String {
    known_servers::place(&target.host, target.address.port())
}

/// Who can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A person.
    Person,
    /// Nobody.
    Nobody,
    /// Nobody, and the network is to be examined: what a server shows is told.
    NobodyExamines,
}

/// Why it is not known how a server is spoken with: a sentence.
enum NoTrust {
    /// It is not there to be looked at.
    Absent(String),
    /// Anything else, for which none of the others is spoken with either.
    Refused(String),
}

impl From<String> for NoTrust {
    fn from(why: String) -> NoTrust {
        NoTrust::Refused(why)
    }
}

/// A server, and how it is spoken with.
pub type Trusted = (SocketAddr, Trust);

/// How a server is spoken with, and those that are used in its place, each by the same rules; `None` when the person leaves. Of
/// several, those that are not there to be looked at are named and left out.
///
/// # Errors
/// A sentence: nobody can be asked, another key was told, no server or the file is not to be had.
pub fn trust(
    options: &TlsOptions,
    first: &Target,
    also: &[Target],
    who: Asked,
) -> Result<Option<(Trusted, Vec<Trusted>)>, String> {
    let (mut trusted, mut absent) = (Vec::<Trusted>::new(), String::new());
    for target in [first].into_iter().chain(also) {
        if trusted.iter().any(|(known, _)| *known == target.address) {
            continue;
        }
        match trust_one(options, target, who) {
            Ok(Some(trust)) => trusted.push((target.address, trust)),
            Ok(None) => return Ok(None),
            Err(NoTrust::Refused(why)) => return Err(why),
            Err(NoTrust::Absent(why)) => {
                if !also.is_empty() {
                    tell_error("client", &format!("left out: {why}"));
                }
                absent = why;
            }
        }
    }
    let mut trusted = trusted.into_iter();
    trusted.next().map(|first| Some((first, trusted.collect()))).ok_or(absent)
}

/// What is remembered of the addresses of servers. Nothing where what was given counts alone.
///
/// # Errors
/// A sentence with the file.
pub fn known(options: &TlsOptions) -> Result<Remembered, String> {
    match options.known_file() {
        Some(path) if !options.is_given() => known_servers::by_address(&path),
        _ => Ok(Remembered::default()),
    }
}

/// Refuses a file of authorities that is not to be had: another reason would be told, as nobody is trusted then.
fn authorities_are_there(file: Option<&OsStr>) -> Result<(), String> {
    let Some(file) = file.map(Path::new) else { return Ok(()) };
    File::open(file).map(drop).map_err(|error| format!("SSL_CERT_FILE: {}: {error}", file.display()))
}

fn trust_one(options: &TlsOptions, target: &Target, who: Asked) -> Result<Option<Trust>, NoTrust> {
    let place = &place(target);
    if !target.by_tls {
        return Ok(in_the_clear(options, target, who == Asked::Person)?.then_some(Trust::None));
    }
    if let Some(key) = options.fingerprint {
        return Ok(Some(Trust::Known(Pin::new(place, &[key], "that of --fingerprint"))));
    }
    if let Some(name) = &options.name {
        authorities_are_there(env::var_os("SSL_CERT_FILE").as_deref())?;
        return Ok(Some(Trust::Known(Pin::named(place, name, tls::named(name)?))));
    }
    let path =
        options.known_file().ok_or("there is no place to remember keys: give --known-servers FILE".to_owned())?;
    let known = known_servers::keys(&path, place)?;
    if !known.is_empty() {
        return Ok(Some(Trust::Known(known_pin(place, &path, &known))));
    }
    if who != Asked::Person {
        let shown = match who {
            Asked::NobodyExamines => {
                let shown = look(target.address).map_err(NoTrust::Absent)?;
                format!("TLS to {place} works, and its key is {shown}; but ")
            }
            _ => String::new(),
        };
        return Err(NoTrust::Refused(format!(
            "{shown}no key of {place} is known, and nobody can be asked: give --fingerprint sha256:HEX, which the server prints at \
             its start, or connect once at a terminal"
        )));
    }
    let shown = look(target.address).map_err(NoTrust::Absent)?;
    let mut input = terminal();
    match ask(place, shown, &mut input, &mut io::stdout()).map_err(|error| format!("the terminal: {error}"))? {
        Answer::Yes => {}
        Answer::No => return Ok(None),
        Answer::Other(told) => {
            return Err(NoTrust::Refused(format!(
                "{place} has another key than you were told. Nothing was sent there.\n  told:  {told}\n  shown: {shown}"
            )));
        }
    }
    known_servers::remember(&path, place, target.address.ip(), shown, SystemTime::now())?;
    Ok(Some(Trust::Accepted(Pin::new(place, &[shown], "the one that you have accepted"))))
}

/// Whether a server is spoken with in the clear. Where a key of its host is known, at whatever port, whoever is on the way may
/// have taken TLS away: the person decides.
fn in_the_clear(options: &TlsOptions, target: &Target, is_person: bool) -> Result<bool, String> {
    let Some(path) = options.known_file() else { return Ok(true) };
    let found = known_servers::line_of_host(&path, &target.host, target.address.ip())?;
    let Some((host, line)) = found else { return Ok(true) };
    let known = format!("{} was encrypted before", target.host);
    if !is_person {
        return Err(format!(
            "{known} ({}, line {line}), and nobody can be asked whether to go on in the clear: nothing was sent there. Use TLS (client --tls \
             {host} PORT), or delete that line if the server has none any more",
            path.display()
        ));
    }
    println!("A key of {host} is known: {}, line {line}.", path.display());
    confirm(&known, &mut terminal(), &mut io::stdout()).map_err(|error| format!("the terminal: {error}"))
}

/// Asks until there is an answer, as [`ask`] does.
fn confirm(known: &str, input: &mut impl BufRead, output: &mut impl Write) -> io::Result<bool> {
    loop {
        write!(output, "{known}: go on in the clear? yes/no: ")?;
        output.flush()?;
        match answer(input)?.as_deref() {
            Some("yes") => return Ok(true),
            Some("no" | "quit" | "exit") => return Ok(false),
            Some(_) => {}
            None => {
                writeln!(output)?;
                return Ok(false);
            }
        }
    }
}

/// What the person types from now on: what was typed before a question is no answer to it.
fn terminal() -> impl BufRead {
    let input = io::stdin().lock();
    // Where it is none, nothing was typed.
    let _ = tcflush(&input, FlushArg::TCIFLUSH);
    input
}

/// A line that the person types; `None` at the end of what they type.
fn answer(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    loop {
        match input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(0) => return Ok(None),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // A terminal may have another encoding.
            read => return read.map(|_| Some(String::from_utf8_lossy(&line).trim().to_owned())),
        }
    }
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
        let Some(line) = answer(input)? else {
            writeln!(output)?;
            return Ok(Answer::No);
        };
        match line.as_str() {
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
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    fn asked(typed: &str) -> (Answer, String) {
        let mut shown = Vec::new();
        let answer = ask("10.0.0.1:4403", Fingerprint([7; 32]), &mut typed.as_bytes(), &mut shown).expect("memory");
        (answer, String::from_utf8(shown).expect("text"))
    }

    /// As its owner makes it, whatever the umask.
    fn write(path: &Path, text: &str) {
        std::fs::write(path, text).expect("ours");
        std::fs::set_permissions(path, Permissions::from_mode(0o600)).expect("ours");
    }

    fn target(host: &str, by_tls: bool) -> Target {
        Target { address: ([10, 0, 0, 1], 4400).into(), host: host.to_owned(), by_tls }
    }

    #[test]
    fn what_was_encrypted_is_not_in_the_clear_without_a_question() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("known_servers");
        let options = TlsOptions { known: Some(path.clone()), ..TlsOptions::default() };
        assert_eq!(in_the_clear(&options, &target("lab.example", false), false), Ok(true));
        let key = Fingerprint([7; 32]);
        // As it was typed before, or its address; the port does not count.
        for known in ["lab.example:4403", "10.0.0.1:4409", "[::ffff:10.0.0.1]:4409"] {
            write(&path, &format!("10.0.0.2:4403 {key} 2026-01-31\n{known} {key} 2026-01-31\n"));
            let refused = in_the_clear(&options, &target("LAB.example", false), false).expect_err("nobody is asked");
            assert!(refused.contains(&format!("was encrypted before ({}, line 2)", path.display())), "{refused}");
        }
        // A name that led to this address: TLS is had by that name.
        write(&path, &format!("teacher:4403 {key} 2026-01-31 10.0.0.1\n"));
        let refused = in_the_clear(&options, &target("10.0.0.1", false), false).expect_err("nobody is asked");
        assert!(refused.starts_with("10.0.0.1 was encrypted before ("), "{refused}");
        assert!(refused.contains("line 1)") && refused.contains("client --tls teacher PORT"), "{refused}");
        let asked = |typed: &str| {
            let mut shown = Vec::new();
            let goes_on =
                confirm("lab.example was encrypted before", &mut typed.as_bytes(), &mut shown).expect("memory");
            (goes_on, String::from_utf8(shown).expect("text").matches("go on in the clear? yes/no").count())
        };
        assert_eq!(asked("y\n\nyes\n"), (true, 3));
        assert_eq!((asked("no\n"), asked("quit\n"), asked("")), ((false, 1), (false, 1), (false, 1)));
    }

    #[test]
    fn a_file_of_authorities_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("authorities.pem");
        let there = || authorities_are_there(Some(path.as_os_str()));
        let told = there().expect_err("not there");
        assert!(told.starts_with("SSL_CERT_FILE: /") && told.contains("authorities.pem: No such file"), "{told}");
        std::fs::write(&path, "").expect("ours");
        assert_eq!((there(), authorities_are_there(None)), (Ok(()), Ok(())));
    }

    #[test]
    fn a_server_is_proven_by_what_was_given_or_is_known() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("known_servers");
        let key = Fingerprint([7; 32]);
        write(&path, &format!("10.0.0.1:4400 {key} 2026-01-31\n"));
        let options = TlsOptions { known: Some(path), ..TlsOptions::default() };
        let proven = |options: &TlsOptions, host: &str, by_tls| options.proves(&target(host, by_tls)).expect("read");
        assert!(proven(&options, "10.0.0.1", true) && !proven(&options, "10.0.0.1", false));
        assert!(!proven(&options, "10.0.0.3", true));
        let by_key = TlsOptions { fingerprint: Some(key), ..options.clone() };
        let by_name = TlsOptions { name: Some("chat.example".to_owned()), ..options };
        for given in [by_key, by_name] {
            assert!(proven(&given, "10.0.0.3", true) && !proven(&given, "10.0.0.3", false));
        }
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
