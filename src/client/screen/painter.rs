//! The thread that writes pictures to the terminal. Only it waits when the terminal is paused; what makes the pictures
//! never does, and makes no more of them than the terminal can take.

use super::difference::{difference, title};
use super::event::TerminalEvent;
use super::raw_mode::RawMode;
use crate::client::event::{Frame, Picture};
use crate::program::is_plain;
use crate::terminal::tty;
use nix::poll::PollFlags;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often a painter whose terminal is paused looks whether the client has ended.
const PAUSED: Duration = Duration::from_millis(250);

/// The painter's mailbox of one frame, and its thread.
pub(super) struct Painter {
    frames: SyncSender<Frame>,
    thread: JoinHandle<()>,
}

impl Painter {
    /// Starts the thread. It ends with the mailbox, and when `tell` gives `false`.
    pub(super) fn start(
        raw: Arc<RawMode>,
        tell: impl FnMut(TerminalEvent) -> bool + Send + 'static,
    ) -> io::Result<Painter> {
        let (frames, ordered) = sync_channel(1);
        let colour = !is_plain();
        // The Linux console prints a title as text.
        let titles = !std::env::var("TERM").is_ok_and(|term| term.starts_with("linux"));
        let brush = Brush { raw, colour, titles, shown: None };
        let thread = thread::Builder::new().name("painter".to_owned()).spawn(move || brush.run(&ordered, tell))?;
        Ok(Painter { frames, thread })
    }

    /// Orders a frame, or gives it back: the painter has one to draw and one waiting.
    pub(super) fn paint(&self, frame: Frame) -> Result<(), Frame> {
        self.frames.try_send(frame).map_err(|error| match error {
            TrySendError::Full(frame) | TrySendError::Disconnected(frame) => frame,
        })
    }

    /// Waits for the thread, which has at most [`PAUSED`] to go after [`RawMode::end`].
    pub(super) fn join(self) {
        drop(self.frames);
        // A panic was printed when it happened.
        let _ = self.thread.join();
    }
}

struct Brush {
    raw: Arc<RawMode>,
    colour: bool,
    titles: bool,
    /// What the terminal shows since which entrance; `None` when a frame was given up in its middle.
    shown: Option<(Picture, u32)>,
}

impl Brush {
    fn run(mut self, ordered: &Receiver<Frame>, mut tell: impl FnMut(TerminalEvent) -> bool) {
        while let Ok(frame) = ordered.recv() {
            let event = if self.draw(frame).is_ok() { TerminalEvent::Painted } else { TerminalEvent::Gone };
            let gone = event == TerminalEvent::Gone;
            if !tell(event) || gone {
                return;
            }
        }
    }

    fn draw(&mut self, frame: Frame) -> io::Result<()> {
        let entrance = self.raw.entrances();
        let shown = self.shown.take().filter(|(_, since)| *since == entrance && !frame.anew);
        let mut text = difference(shown.as_ref().map(|(picture, _)| picture), &frame.picture, self.colour);
        if let Some(name) = frame.title.filter(|_| self.titles) {
            text.push_str(&title(&name));
        }
        if frame.bell {
            text.push('\x07');
        }
        if self.put(text.as_bytes(), entrance)? {
            self.shown = Some((frame.picture, entrance));
        }
        Ok(())
    }

    /// Writes all of it; `false` when somebody else has got the terminal meanwhile.
    fn put(&self, mut bytes: &[u8], entrance: u32) -> io::Result<bool> {
        while !bytes.is_empty() {
            match self.raw.write(bytes, entrance)? {
                None => return Ok(false),
                Some(0) => drop(tty::wait([(self.raw.tty().as_fd(), PollFlags::POLLOUT)], Some(PAUSED))?),
                Some(written) => bytes = &bytes[written..],
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::event::{Piece, Style};
    use crate::terminal::tty::pair;
    use std::sync::mpsc::{RecvTimeoutError, TryRecvError, channel};

    const LIMIT: Duration = Duration::from_secs(20);

    fn frame(text: &str) -> Frame {
        let row = vec![Piece { style: Style::Plain, text: text.to_owned() }];
        Frame { picture: Picture { rows: vec![row], cursor: None }, ..Frame::default() }
    }

    fn painter(pair: &portable_pty::PtyPair) -> (Arc<RawMode>, Painter, Receiver<TerminalEvent>) {
        let raw = Arc::new(RawMode::of(pair::open(&*pair.master)).expect("a terminal"));
        raw.enter().expect("a terminal");
        let (tell, told) = channel();
        let painter = Painter::start(Arc::clone(&raw), move |event| tell.send(event).is_ok()).expect("a thread");
        (raw, painter, told)
    }

    #[test]
    fn a_frame_gets_to_the_terminal() {
        let pair = pair::new();
        let (raw, painter, told) = painter(&pair);
        let order = Frame { bell: true, title: Some("peerline".to_owned()), ..frame("hello") };
        painter.paint(order).expect("room");
        assert_eq!(told.recv_timeout(LIMIT), Ok(TerminalEvent::Painted));
        let read = pair::read_until(&mut *pair.master.try_clone_reader().expect("a reader"), b"\x07\x07");
        assert!(String::from_utf8_lossy(&read).ends_with("hello\x1b[?2026l\x1b]2;peerline\x07\x07"));
        raw.end();
        painter.join();
    }

    #[test]
    fn after_a_pause_everything_is_drawn() {
        let pair = pair::new();
        let (raw, painter, told) = painter(&pair);
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        for _ in 0..2 {
            painter.paint(frame("hello")).expect("room");
            assert_eq!(told.recv_timeout(LIMIT), Ok(TerminalEvent::Painted));
            raw.pause();
            painter.paint(frame("in the dark")).expect("room");
            assert_eq!(told.recv_timeout(LIMIT), Ok(TerminalEvent::Painted));
            raw.enter().expect("a terminal");
        }
        painter.paint(frame("hello")).expect("room");
        assert_eq!(told.recv_timeout(LIMIT), Ok(TerminalEvent::Painted));
        for _ in 0..3 {
            let read = pair::read_until(&mut *reader, b"hello\x1b[?2026l");
            assert!(!String::from_utf8_lossy(&read).contains("dark"));
        }
        painter.join();
    }

    #[test]
    fn a_paused_terminal_neither_blocks_who_orders_nor_the_end() {
        let pair = pair::new();
        let (raw, painter, told) = painter(&pair);
        // More than a terminal takes in that nobody reads.
        let large = frame(&"x".repeat(1 << 20));
        // One with the painter, one in the mailbox.
        let mut taken = 0;
        while painter.paint(large.clone()).is_ok() {
            taken += 1;
        }
        assert!((1..=2).contains(&taken), "{taken}");
        assert_eq!(told.try_recv(), Err(TryRecvError::Empty));
        raw.end();
        painter.join();
    }

    #[test]
    fn the_end_of_the_terminal_is_told_once() {
        let pair = pair::new();
        let (_raw, painter, told) = painter(&pair);
        drop(pair);
        painter.paint(frame("hello")).expect("room");
        assert_eq!(told.recv_timeout(LIMIT), Ok(TerminalEvent::Gone));
        assert_eq!(told.recv_timeout(LIMIT), Err(RecvTimeoutError::Disconnected));
        painter.join();
    }
}
