//! Running one command for a peer: no shell, no input, so much time and output, and nothing left running.

use super::consent::Words;
use super::hangup;
use super::household::Leader;
use crate::peer_protocol::{MAX_OUTPUT, Status};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{self, Read};
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How often we look whether the command has ended while nothing comes from it: soon at first, as most end at once.
/// Its pipes do not tell when a child of it keeps them open.
const LOOKS: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

/// The most that is read at once, in bytes.
const CHUNK: usize = 8192;

/// What a command left.
pub struct Ran {
    /// How it ended.
    pub status: Status,
    /// Its standard output.
    pub output: Vec<u8>,
    /// Its standard error. Both together have at most [`MAX_OUTPUT`] bytes.
    pub errors: Vec<u8>,
}

/// Runs a command until it ends, for `limit` at the longest; `None` when `asker` hung up before, or our reading
/// side of that connection was shut down. Whatever it started is killed with it.
///
/// # Errors
/// What the system says: no such program, most likely.
pub fn run(words: &Words, limit: Duration, asker: &TcpStream) -> io::Result<Option<Ran>> {
    let [program, arguments @ ..] = words.as_slice() else { return Err(io::ErrorKind::InvalidInput.into()) };
    let mut command = Command::new(program);
    // Our own password is nobody's business.
    command.args(arguments).env_remove("PEERLINE_PASSWORD");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let until = Instant::now() + limit;
    let mut leader = Leader::start(&mut command)?;
    let child = leader.child();
    let mut streams = Streams([Stream::new(child.stdout.take()), Stream::new(child.stderr.take())]);
    let ending = watch(&leader, &mut streams, until, asker)?;
    let exit = leader.end();
    let status = match (ending, exit) {
        (Ending::HungUp, _) => return Ok(None),
        (Ending::OverTime, _) => Status::TimeLimit,
        (Ending::OverLong, _) => Status::OutputLimit,
        (Ending::Exited, Some(exit)) => status(exit),
        (Ending::Exited, None) => return Err(io::Error::other("it ended, but is not gone")),
    };
    let Streams([output, errors]) = streams;
    Ok(Some(Ran { status, output: output.bytes, errors: errors.bytes }))
}

fn status(exit: ExitStatus) -> Status {
    let small = |number: i32| u8::try_from(number).unwrap_or(u8::MAX);
    match exit.code() {
        Some(code) => Status::Exit(small(code)),
        None => Status::Signal(small(exit.signal().unwrap_or_default())),
    }
}

/// Why we stop watching.
enum Ending {
    Exited,
    OverTime,
    OverLong,
    HungUp,
}

fn watch(leader: &Leader, streams: &mut Streams, until: Instant, asker: &TcpStream) -> io::Result<Ending> {
    let (mut pause, longest) = LOOKS;
    loop {
        // What it wrote before its end is in the pipes by now, so then nothing is waited for.
        let exited = leader.has_ended();
        let left = until.saturating_duration_since(Instant::now());
        let heard = streams.hear(asker, if exited { Duration::ZERO } else { pause.min(left) })?;
        match heard {
            Heard::HungUp => return Ok(Ending::HungUp),
            Heard::Nothing if exited => return Ok(Ending::Exited),
            Heard::Nothing => pause = longest.min(pause * 2),
            Heard::Something => pause = LOOKS.0,
        }
        if streams.length() > MAX_OUTPUT {
            streams.cut();
            return Ok(Ending::OverLong);
        }
        if left.is_zero() && !exited {
            return Ok(Ending::OverTime);
        }
    }
}

/// Standard output and standard error.
struct Streams([Stream; 2]);

struct Stream {
    /// Until its end.
    pipe: Option<File>,
    bytes: Vec<u8>,
}

/// What came.
enum Heard {
    Something,
    Nothing,
    HungUp,
}

impl Stream {
    fn new(pipe: Option<impl Into<OwnedFd>>) -> Stream {
        Stream { pipe: pipe.map(|pipe| File::from(pipe.into())), bytes: Vec::new() }
    }

    /// Reads once, from a pipe that has something or has ended, at most `room` bytes, of which there is one.
    fn read(&mut self, room: usize) -> io::Result<()> {
        let Some(pipe) = &mut self.pipe else { return Ok(()) };
        let before = self.bytes.len();
        self.bytes.resize(before + room.min(CHUNK), 0);
        let length = pipe.read(&mut self.bytes[before..]);
        self.bytes.truncate(before + length.as_ref().map_or(0, |length| *length));
        if length? == 0 {
            self.pipe = None;
        }
        Ok(())
    }
}

impl Streams {
    fn length(&self) -> usize {
        self.0.iter().map(|stream| stream.bytes.len()).sum()
    }

    /// Drops the byte that showed that there is more than may be.
    fn cut(&mut self) {
        let [output, errors] = &mut self.0;
        let longer = if output.bytes.len() > errors.bytes.len() { output } else { errors };
        longer.bytes.pop();
    }

    /// Waits for bytes, the end of a stream, or the asker's, and takes what is there.
    fn hear(&mut self, asker: &TcpStream, limit: Duration) -> io::Result<Heard> {
        let mut ends = vec![hangup::watch(asker)];
        let pipes = self.0.iter().filter_map(|stream| stream.pipe.as_ref());
        ends.extend(pipes.map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)));
        // Rounded up: with a limit of less than a millisecond we would not wait at all, and turn in circles.
        let timeout = PollTimeout::try_from(limit.as_micros().div_ceil(1000)).unwrap_or(PollTimeout::MAX);
        // An error can only be a signal.
        if poll(&mut ends, timeout).unwrap_or(0) == 0 {
            return Ok(Heard::Nothing);
        }
        if hangup::has_hung_up(&ends[0]) {
            return Ok(Heard::HungUp);
        }
        let ready: Vec<bool> = ends[1..].iter().map(|end| end.any().unwrap_or(true)).collect();
        let mut ready = ready.into_iter();
        for at in 0..self.0.len() {
            // One byte more than may be shows that there is more.
            let room = (MAX_OUTPUT + 1).saturating_sub(self.length());
            let stream = &mut self.0[at];
            if stream.pipe.is_some() && ready.next().unwrap_or(false) && room > 0 {
                stream.read(room)?;
            }
        }
        Ok(Heard::Something)
    }
}
