//! Running one command for a peer: no shell, no input, so much time and output, and nothing left running.

use super::cgroup::Cgroups;
use super::process_group::{self, Ended, ProcessGroup};
use super::words::Words;
use crate::client::call::{Call, Watch};
use crate::client::event::News;
use crate::peer_protocol::{MAX_OUTPUT, Status};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How often we look whether the command has ended while nothing comes from it: soon at first, as most end at once.
/// Its pipes do not tell when a child of it keeps them open.
const LOOKS: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

/// The pauses between two looks at what a command has left and that could not be ended, and how long we look.
const AFTERWARDS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
const AFTERWARDS_LIMIT: Duration = Duration::from_secs(60);

/// The most ids of processes that the owner is shown.
const SHOWN: usize = 8;

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

/// How it went.
pub enum End {
    /// To its end, or to a limit.
    Ran(Ran),
    /// Until the whole connection with the asker was gone. An asker that has only closed its sending side still waits.
    HungUp,
    /// Until the call was given up.
    GivenUp,
}

/// How long a command may run, and where.
pub struct Limits {
    /// For so long.
    pub time: Duration,
    /// In a cgroup of its own, where there are some.
    pub cgroups: Option<Cgroups>,
}

/// Runs a command until it ends, for `limits.time` at the longest, or until `asker` or we do not want it any more.
/// Whatever it started is killed with it; where that does not succeed within two seconds, the owner is told.
///
/// # Errors
/// What the system says: no such program, most likely.
pub fn run(words: &Words, limits: &Limits, call: &Call, asker: &impl AsFd) -> io::Result<End> {
    let [program, arguments @ ..] = words.as_slice() else { return Err(io::ErrorKind::InvalidInput.into()) };
    let mut command = Command::new(program);
    // Our own password is nobody's business.
    command.args(arguments).env_remove("PEERLINE_PASSWORD");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let until = Instant::now() + limits.time;
    let mut group = ProcessGroup::start(&mut command, limits.cgroups.as_ref())?;
    let leader = group.leader();
    let mut streams = Streams([Stream::new(leader.stdout.take()), Stream::new(leader.stderr.take())]);
    let ending = watch(&group, &mut streams, until, Wanted { call, asker: asker.as_fd() })?;
    let ended = group.end();
    if !ended.left.is_empty() {
        call.tell(News::Trouble(left(words, &ended)));
    }
    let status = match (ending, ended.status) {
        (Ending::HungUp, _) => return Ok(End::HungUp),
        (Ending::GivenUp, _) => return Ok(End::GivenUp),
        (_, exit) if exit.is_none() || !ended.left.is_empty() => Status::Left,
        (Ending::OverTime, _) => Status::TimeLimit,
        (Ending::OverLong, _) => Status::OutputLimit,
        (Ending::Exited, exit) => exit.map_or(Status::Left, status),
    };
    let Streams([output, errors]) = streams;
    Ok(End::Ran(Ran { status, output: output.bytes, errors: errors.bytes }))
}

/// For the owner.
fn left(words: &Words, ended: &Ended) -> String {
    let ids: Vec<String> = ended.left.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = if ended.left.len() > SHOWN { ", ..." } else { "" };
    let count = ended.left.len();
    format!("{words} is over, but {count} of its processes cannot be ended: {}{more}", ids.join(", "))
}

/// Goes on ending what a command has left, so that nothing of it stays as a zombie, until nothing is left, for a minute
/// at most, or until the call is given up. The end of the next command looks again.
pub fn end_left(call: &Call) {
    let (mut pause, longest) = AFTERWARDS;
    let until = Instant::now() + AFTERWARDS_LIMIT;
    while process_group::end_left() > 0 && Instant::now() < until && call.pause(pause) {
        pause = longest.min(pause * 2);
    }
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
    GivenUp,
}

/// Who wants the command, and may cease to.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    call: &'a Call,
    asker: BorrowedFd<'a>,
}

fn watch(group: &ProcessGroup, streams: &mut Streams, until: Instant, wanted: Wanted<'_>) -> io::Result<Ending> {
    let (mut pause, longest) = LOOKS;
    loop {
        // What it wrote before its end is in the pipes by now, so then nothing is waited for.
        let exited = group.has_ended();
        process_group::reap_strays();
        let left = until.saturating_duration_since(Instant::now());
        let read = streams.read(wanted, if exited { Duration::ZERO } else { pause.min(left) })?;
        match read {
            Taken::HungUp => return Ok(Ending::HungUp),
            Taken::GivenUp => return Ok(Ending::GivenUp),
            Taken::Nothing if exited => return Ok(Ending::Exited),
            Taken::Nothing => pause = longest.min(pause * 2),
            Taken::Something => pause = LOOKS.0,
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
enum Taken {
    Something,
    Nothing,
    HungUp,
    GivenUp,
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

    /// Waits for bytes, the end of a stream, the asker's or ours, and takes what is there.
    fn read(&mut self, wanted: Wanted<'_>, limit: Duration) -> io::Result<Taken> {
        let asker = PollFd::new(wanted.asker, Watch::HangUp.flags());
        let mut ends = vec![wanted.call.end_of_bell(), asker];
        let pipes = self.0.iter().filter_map(|stream| stream.pipe.as_ref());
        ends.extend(pipes.map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)));
        // Rounded up: with a limit of less than a millisecond we would not wait at all, and turn in circles.
        let timeout = PollTimeout::try_from(limit.as_micros().div_ceil(1000)).unwrap_or(PollTimeout::MAX);
        // An error can only be a signal.
        if poll(&mut ends, timeout).unwrap_or(0) == 0 {
            return Ok(Taken::Nothing);
        }
        // The runner may have closed the stream before it rang.
        if ends[0].any().unwrap_or(true) || wanted.call.is_given_up() {
            return Ok(Taken::GivenUp);
        }
        if ends[1].any().unwrap_or(true) {
            return Ok(Taken::HungUp);
        }
        let ready: Vec<bool> = ends[2..].iter().map(|end| end.any().unwrap_or(true)).collect();
        let mut ready = ready.into_iter();
        for at in 0..self.0.len() {
            // One byte more than may be shows that there is more.
            let room = (MAX_OUTPUT + 1).saturating_sub(self.length());
            let stream = &mut self.0[at];
            if stream.pipe.is_some() && ready.next().unwrap_or(false) && room > 0 {
                stream.read(room)?;
            }
        }
        Ok(Taken::Something)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd::Pid;

    #[test]
    fn the_owner_is_told_what_is_left() {
        let words = "sh -c 'setsid x'".parse().expect("a command");
        let ended = |count| Ended { status: None, left: (1..=count).map(Pid::from_raw).collect() };
        assert_eq!(left(&words, &ended(2)), "sh -c 'setsid x' is over, but 2 of its processes cannot be ended: 1, 2");
        assert!(left(&words, &ended(99)).ends_with("99 of its processes cannot be ended: 1, 2, 3, 4, 5, 6, 7, 8, ..."));
    }
}
