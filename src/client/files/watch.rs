//! Watching the shared folder, and telling what is in it when that has changed. It sleeps until something happens there,
//! or somebody asks.

use super::folder::Folder;
use crate::client::call::Signals;
use crate::client::event::{Event, Shares};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// How often a folder is looked at that the system does not watch for us, in milliseconds.
const UNWATCHED: u16 = 60_000;
/// So long after a change the folder is looked at, in milliseconds: what comes together is told once.
const TOGETHER: u16 = 200;
/// When there was no room to tell, it is tried again so soon, in milliseconds.
const RETRY: u16 = 500;

/// Has a watcher look, and ends it when it is dropped.
pub struct Looker(UnixStream);

/// Watches the shared folder.
pub struct Watcher {
    folder: Arc<Folder>,
    bell: UnixStream,
}

/// What a watcher was woken by.
enum Woken {
    Asked,
    Changed,
    Late,
    Over,
}

/// Both ends of a watcher that has not begun.
///
/// # Errors
/// What the system says.
pub fn new(folder: Arc<Folder>) -> io::Result<(Looker, Watcher)> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    theirs.set_nonblocking(true)?;
    Ok((Looker(ours), Watcher { folder, bell: theirs }))
}

impl Looker {
    /// Has the folder looked at, and what is in it told even if nothing has changed.
    pub fn look(&self) {
        // A full pair rings all the same.
        let _ = (&self.0).write(&[1]);
    }
}

impl Watcher {
    /// The body of its thread: tells what is in the folder, and again after each change, until its [`Looker`] is
    /// dropped.
    pub fn run(self, signals: &Signals) {
        let mut watch = None;
        // What was told last; `None` when it is to be told in any case.
        let mut told: Option<Shares> = None;
        loop {
            // Before the look: what changes from now on is seen.
            watch = watch.or_else(|| self.watch().ok());
            let shares = self.folder.look();
            let is_told = told.as_ref() == Some(&shares) || signals.event_if_room(Event::Shares(shares.clone()));
            told = is_told.then_some(shares);
            let limit = match (&told, &watch) {
                (None, _) => PollTimeout::from(RETRY),
                (_, Some(_)) => PollTimeout::NONE,
                (_, None) => PollTimeout::from(UNWATCHED),
            };
            match self.wait(watch.as_ref(), limit) {
                Woken::Over => return,
                Woken::Asked => told = None,
                Woken::Late => {}
                Woken::Changed => {
                    match self.wait(None, PollTimeout::from(TOGETHER)) {
                        Woken::Over => return,
                        Woken::Asked => told = None,
                        Woken::Changed | Woken::Late => {}
                    }
                    watch = watch.filter(is_good);
                }
            }
        }
    }

    fn watch(&self) -> nix::Result<Inotify> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let names = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        inotify.add_watch(self.folder.path(), names)?;
        Ok(inotify)
    }

    fn wait(&self, watch: Option<&Inotify>, limit: PollTimeout) -> Woken {
        let mut ends = vec![PollFd::new(self.bell.as_fd(), PollFlags::POLLIN)];
        ends.extend(watch.map(|watch| PollFd::new(watch.as_fd(), PollFlags::POLLIN)));
        // An error can only be a signal: then nothing is raised, and the folder is looked at for nothing.
        let raised = poll(&mut ends, limit).unwrap_or(0) > 0;
        if raised && ends[0].any().unwrap_or(true) {
            // Several rings are taken at once.
            return if matches!((&self.bell).read(&mut [0; 128]), Ok(0)) { Woken::Over } else { Woken::Asked };
        }
        if raised { Woken::Changed } else { Woken::Late }
    }
}

/// Takes all events; false when the folder itself is no longer where it was.
fn is_good(watch: &Inotify) -> bool {
    let gone = AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_MOVE_SELF | AddWatchFlags::IN_IGNORED;
    loop {
        match watch.read_events() {
            Ok(events) if events.iter().any(|event| event.mask.intersects(gone)) => return false,
            Ok(_) => {}
            // No more events at present.
            Err(nix::errno::Errno::EAGAIN) => return true,
            Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::call::Signal;
    use std::fs;
    use std::sync::mpsc::Receiver;
    use std::thread;
    use std::time::Duration;

    fn told(receiver: &Receiver<Signal>) -> Shares {
        match receiver.recv_timeout(Duration::from_secs(30)) {
            Ok(Signal::Event(Event::Shares(shares))) => shares,
            _ => panic!("nothing was told"),
        }
    }

    fn names(shares: &Shares) -> Vec<&str> {
        shares.names.iter().map(|name| name.as_str()).collect()
    }

    #[test]
    fn a_change_is_told_and_so_is_who_asks() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("shared");
        fs::create_dir(&path).expect("made");
        let folder = Arc::new(Folder::open(&path).expect("a folder"));
        let (looker, watcher) = new(folder).expect("a pair");
        let (signals, receiver) = Signals::new(8);
        let thread = thread::spawn(move || watcher.run(&signals));
        assert_eq!(names(&told(&receiver)), [""; 0]);
        looker.look();
        assert_eq!(names(&told(&receiver)), [""; 0]);
        fs::write(path.join("a"), "").expect("written");
        assert_eq!(names(&told(&receiver)), ["a"]);
        fs::rename(path.join("a"), path.join("b")).expect("moved");
        assert_eq!(names(&told(&receiver)), ["b"]);
        fs::rename(&path, root.path().join("elsewhere")).expect("moved");
        assert!(told(&receiver).unreadable.is_some());
        fs::create_dir(&path).expect("made");
        looker.look();
        assert_eq!(told(&receiver), Shares::default());
        fs::write(path.join("c"), "").expect("written");
        assert_eq!(names(&told(&receiver)), ["c"], "the new folder is watched");
        drop(looker);
        thread.join().expect("no panic");
    }

    #[test]
    fn what_had_no_room_is_told_later() {
        let root = tempfile::tempdir().expect("a folder");
        let (looker, watcher) = new(Arc::new(Folder::open(root.path()).expect("a folder"))).expect("a pair");
        let (signals, receiver) = Signals::new(1);
        assert!(signals.event(Event::Stop));
        let thread = thread::spawn(move || watcher.run(&signals));
        assert!(matches!(receiver.recv(), Ok(Signal::Event(Event::Stop))));
        assert_eq!(told(&receiver), Shares::default());
        drop(looker);
        thread.join().expect("no panic");
    }
}
