//! The control socket: `control.sock` in the data folder. Whoever owns the folder runs the server; nobody else is served.
//!
//! The lock on the folder is held when the socket is made, so what lies there in its place is of a server that has ended.

use super::desk::{Desk, Expects};
use crate::net::LineReader;
use crate::protocol::MAX_LINE;
use crate::value::sentence::counted;
use log::{info, warn};
use nix::sys::socket::sockopt::PeerCredentials;
use nix::sys::socket::{Shutdown as Direction, getsockopt, shutdown};
use std::collections::HashMap;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown as Both;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, lchown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

/// The name of the socket in its folder.
const NAME: &str = "control.sock";
/// Conversations at a time.
const MOST: usize = 4;
/// How long a conversation may be without a line.
const SILENCE: Duration = Duration::from_secs(60);
/// How long an answer may take to leave, however little of it is read at a time.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// Bytes that are written at once: the system waits for room anew for each buffer that it fills, and this is less than one.
const PIECE: usize = 16 * 1024;
/// The pause after an `accept` that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The most bytes of a path that a socket's address holds (unix(7)), with some to spare.
const MAX_PATH: usize = 100;
/// What is said to who comes, or goes on, when the server ends.
const STOPS: &str = "The server stops";
/// The user who may do everything.
const ROOT: u32 = 0;

/// The socket, bound.
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Who may speak, beside root.
    owner: u32,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    streams: HashMap<u64, Arc<UnixStream>>,
    next: u64,
    closed: bool,
}

/// Where a socket of `folder` is reached. A path that is too long for an address goes by way of the open folder, which has
/// to stay so meanwhile.
///
/// # Errors
/// What the system says.
pub fn address(folder: &Path) -> io::Result<(PathBuf, Option<File>)> {
    let path = folder.join(NAME);
    if path.as_os_str().len() <= MAX_PATH {
        return Ok((path, None));
    }
    let open = File::open(folder)?;
    Ok((Path::new("/proc/self/fd").join(open.as_raw_fd().to_string()).join(NAME), Some(open)))
}

impl ControlSocket {
    /// Makes the socket in `folder`, whose lock is held.
    ///
    /// # Errors
    /// Why there can be none.
    pub fn bind(folder: &Path) -> io::Result<ControlSocket> {
        let path = folder.join(NAME);
        match fs::symlink_metadata(&path) {
            Ok(stale) if stale.file_type().is_socket() => fs::remove_file(&path)?,
            Ok(_) => return Err(io::Error::new(ErrorKind::AlreadyExists, "this is no socket, and was left alone")),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let owner = fs::metadata(folder)?.uid();
        let (address, _folder) = address(folder)?;
        let listener = UnixListener::bind(address)?;
        // Who connects before this is asked who they are, as all others.
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        if fs::symlink_metadata(&path)?.uid() != owner {
            // Root serves the folder of somebody, who is to reach it too. Nobody else may give a file away.
            let _ = lchown(&path, Some(owner), None);
        }
        Ok(ControlSocket { listener, path, owner, open: Mutex::default() })
    }

    /// Serves until [`ControlSocket::close`].
    pub fn run(&self, desk: &Desk<'_>) {
        thread::scope(|scope| {
            while !self.lock().closed {
                match self.listener.accept() {
                    Ok((stream, _)) => self.admit(Arc::new(stream), scope, desk),
                    Err(_) if self.lock().closed => {}
                    Err(error) => {
                        warn!("{}: accept: {error}", self.path.display());
                        desk.stop.wait(ACCEPT_PAUSE);
                    }
                }
            }
        });
        // An error says that somebody has removed it already.
        let _ = fs::remove_file(&self.path);
    }

    fn admit<'scope>(&'scope self, stream: Arc<UnixStream>, scope: &'scope Scope<'scope, '_>, desk: &'scope Desk<'_>) {
        let refusal = match peer(&stream) {
            Ok(user) if !is_allowed(user, self.owner) => {
                info!("control: user {user} is not served");
                Some("Only who owns the data folder runs this server".to_owned())
            }
            Ok(_) => None,
            Err(error) => Some(format!("It is not known who you are: {error}")),
        };
        let entered = match refusal {
            Some(refusal) => Err(refusal),
            None => self.enter(&stream),
        };
        let id = match entered {
            Ok(id) => id,
            Err(why) => return turn_away(&stream, &why),
        };
        let talk = move || {
            if let Err(error) = talk(&stream, desk) {
                info!("control: {error}");
            }
            self.lock().streams.remove(&id);
        };
        if let Err(error) = thread::Builder::new().name("control client".to_owned()).spawn_scoped(scope, talk) {
            warn!("no thread for the control socket: {error}");
            self.lock().streams.remove(&id);
        }
    }

    fn enter(&self, stream: &Arc<UnixStream>) -> Result<u64, String> {
        let mut open = self.lock();
        if open.closed {
            return Err(STOPS.to_owned());
        }
        if open.streams.len() >= MOST {
            return Err(format!("{} are open already, which is the most: try again", counted(MOST, "conversation")));
        }
        open.next += 1;
        let id = open.next;
        open.streams.insert(id, Arc::clone(stream));
        Ok(id)
    }

    /// Ends [`ControlSocket::run`]: what was begun is answered.
    pub fn close(&self) {
        let streams: Vec<Arc<UnixStream>> = {
            let mut open = self.lock();
            open.closed = true;
            open.streams.values().cloned().collect()
        };
        // Errors say that they have ended already.
        let _ = shutdown(self.listener.as_raw_fd(), Direction::Both);
        for stream in streams {
            let _ = stream.shutdown(Both::Read);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn peer(stream: &UnixStream) -> nix::Result<u32> {
    getsockopt(&stream.as_fd(), PeerCredentials).map(|credentials| credentials.uid())
}

fn is_allowed(user: u32, owner: u32) -> bool {
    user == owner || user == ROOT
}

/// One line that is not waited for.
fn turn_away(mut stream: &UnixStream, why: &str) {
    if stream.set_nonblocking(true).is_ok() {
        // Who has gone already need not be told.
        let _ = stream.write_all(format!("ERR,{why}\n").as_bytes());
    }
}

fn talk(stream: &Arc<UnixStream>, desk: &Desk<'_>) -> io::Result<()> {
    let mut lines = LineReader::new(Timed { stream: Arc::clone(stream), until: Instant::now() }, MAX_LINE);
    let mut expects = Expects::Request;
    while expects != Expects::Nothing {
        lines.get_mut().until = Instant::now() + SILENCE;
        let mut answer = String::new();
        match lines.next_line() {
            // Lines that have come already can be read after the end of the connection, however many they are.
            Ok(Some(_)) if desk.stop.is_triggered() => {
                expects = Expects::Nothing;
                answer = format!("ERR,{STOPS}\n");
            }
            Ok(Some(Ok(line))) => expects = desk.answer(line, expects, &mut answer),
            Ok(Some(Err(bad))) => {
                // A password that is none is no request behind it.
                expects = Expects::Request;
                answer = format!("ERR,{bad}\n");
            }
            Ok(None) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                let _ = answer_with(stream, format!("ERR,{error}: not a text protocol\n").as_bytes());
                return Err(error);
            }
            Err(error) => return Err(error),
        }
        answer_with(stream, answer.as_bytes())?;
    }
    Ok(())
}

/// Writes an answer, and waits for its reader so long as an answer may take.
fn answer_with(mut stream: &UnixStream, answer: &[u8]) -> io::Result<()> {
    write_within(ANSWER_LIMIT, answer, |piece, left| {
        stream.set_write_timeout(Some(left))?;
        stream.write(piece)
    })
}

/// Writes all of it by `write`, which is told how long it may take.
fn write_within(
    limit: Duration,
    mut bytes: &[u8],
    mut write: impl FnMut(&[u8], Duration) -> io::Result<usize>,
) -> io::Result<()> {
    let until = Instant::now() + limit;
    while !bytes.is_empty() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::new(ErrorKind::TimedOut, "an answer was not read in time"));
        }
        match write(&bytes[..bytes.len().min(PIECE)], left) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            // It took as long as it might, which is seen above.
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A stream that is read until a point in time, however little comes at a time.
struct Timed {
    stream: Arc<UnixStream>,
    until: Instant,
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::new(ErrorKind::TimedOut, format!("no line in {} s", SILENCE.as_secs())));
        }
        self.stream.set_read_timeout(Some(left))?;
        (&*self.stream).read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_and_root_alone_are_served() {
        assert!(is_allowed(1000, 1000) && is_allowed(ROOT, 1000) && is_allowed(ROOT, ROOT));
        assert!(!is_allowed(1001, 1000) && !is_allowed(1000, ROOT));
    }

    #[test]
    fn an_answer_that_is_read_a_byte_at_a_time_has_an_end() {
        // However fast a reader is that takes so little, so many bytes take longer.
        let (answer, mut taken) = (vec![b'x'; 1 << 28], 0);
        let limit = Duration::from_millis(20);
        let written = write_within(limit, &answer, |piece, left| {
            assert!(piece.len() <= PIECE && left <= limit);
            taken += 1;
            Ok(1)
        });
        assert_eq!(written.map_err(|error| error.kind()), Err(ErrorKind::TimedOut));
        assert!(taken > 0);
        let mut whole = Vec::new();
        let written = write_within(ANSWER_LIMIT, &answer[..3 * PIECE / 2], |piece, _| whole.write(piece));
        assert!(written.is_ok() && whole.len() == 3 * PIECE / 2);
    }

    #[test]
    fn a_stale_socket_is_replaced_and_another_file_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        drop(UnixListener::bind(folder.path().join(NAME)).expect("bound"));
        let socket = ControlSocket::bind(folder.path()).expect("it is stale");
        let mode = fs::metadata(folder.path().join(NAME)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(socket);
        fs::remove_file(folder.path().join(NAME)).expect("removed");
        fs::write(folder.path().join(NAME), "mine").expect("written");
        assert!(ControlSocket::bind(folder.path()).is_err());
        assert_eq!(fs::read(folder.path().join(NAME)).expect("there"), b"mine");
    }

    #[test]
    fn the_owner_of_the_folder_owns_the_socket_whoever_serves() {
        let folder = tempfile::tempdir().expect("a folder");
        let is_root = fs::metadata(folder.path()).expect("there").uid() == ROOT;
        if is_root {
            lchown(folder.path(), Some(65_534), None).expect("root gives away what it likes");
        }
        let owner = fs::metadata(folder.path()).expect("there").uid();
        let _socket = ControlSocket::bind(folder.path()).expect("bound");
        assert_eq!(fs::metadata(folder.path().join(NAME)).expect("there").uid(), owner);
    }

    #[test]
    fn a_folder_with_a_long_path_has_one_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let deep = folder.path().join("d".repeat(120));
        fs::create_dir(&deep).expect("made");
        let _socket = ControlSocket::bind(&deep).expect("bound");
        let (address, _folder) = address(&deep).expect("open");
        assert!(UnixStream::connect(address).is_ok());
    }
}
