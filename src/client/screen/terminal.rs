//! A terminal that is a screen: taken as a whole, and given back as a whole.

use super::event::TerminalEvent;
use super::keyboard::{Keyboard, SUSPEND};
use super::painter::Painter;
use super::raw_mode::RawMode;
use super::signals::Signals;
use super::size::size;
use crate::client::event::{Frame, Size};
use crate::terminal::tty;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// A terminal that is taken. Dropping it gives it back; [`Terminal::end`] also waits for the threads.
pub struct Terminal {
    held: Held,
    orders: UnixStream,
    painter: Painter,
    keyboard: JoinHandle<()>,
}

/// Gives the terminal back when it goes, though the threads and the panic hook still know it.
struct Held(Arc<RawMode>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Terminal {
    /// Whether a terminal of this kind can be a screen. Nobody asks it: `TERM` says so.
    pub fn is_supported() -> bool {
        std::env::var("TERM").is_ok_and(|term| is_screen(&term))
    }

    /// Takes the terminal of the process, and tells its size. Two threads begin, `keys` and `painter`. They call `tell`,
    /// which may wait, but not for the caller of [`Terminal::end`]; `false` from it says that nobody listens any more.
    ///
    /// # Errors
    /// What the system says: the process has no terminal, or no room for a thread. The terminal is as before then.
    pub fn open(tell: impl FnMut(TerminalEvent) -> bool + Clone + Send + 'static) -> io::Result<(Terminal, Size)> {
        Terminal::on(tty::open()?, tell)
    }

    fn on(tty: File, tell: impl FnMut(TerminalEvent) -> bool + Clone + Send + 'static) -> io::Result<(Terminal, Size)> {
        let raw = Arc::new(RawMode::of(tty)?);
        let held = Held(Arc::clone(&raw));
        // Before the modes: who is stopped in between would leave the shell with ours.
        let signals = Signals::register()?;
        let (orders, obeyed) = UnixStream::pair()?;
        orders.set_nonblocking(true)?;
        raw.enter()?;
        let size = size(raw.tty());
        let painter = Painter::start(Arc::clone(&raw), tell.clone())?;
        let keyboard = Keyboard::new(raw, signals, obeyed, tell);
        let keyboard = thread::Builder::new().name("keys".to_owned()).spawn(|| keyboard.run())?;
        Ok((Terminal { held, orders, painter, keyboard }, size))
    }

    /// From now on a panic of any thread gives the terminal back, prints its message, and calls `then`, which must not
    /// wait for anything: it may run in any thread.
    pub fn restore_on_panic(&self, then: impl Fn() + Send + Sync + 'static) {
        self.held.0.restore_on_panic(then);
    }

    /// Draws a frame, soon.
    ///
    /// # Errors
    /// The frame itself: the painter has enough to do, [`TerminalEvent::Painted`] tells when it has room.
    pub fn paint(&self, frame: Frame) -> Result<(), Frame> {
        self.painter.paint(frame)
    }

    /// Gives the terminal back and stops the process, and with it all that is in the foreground, until it is continued.
    pub fn suspend(&self) {
        // One that does not fit is one of thousands.
        let _ = (&self.orders).write(&[SUSPEND]);
    }

    /// Gives the terminal back, in a second or two even if it is paused, and waits for the threads. What `tell` sends to
    /// must be gone already, or be read by somebody else.
    pub fn end(self) {
        drop(self.held);
        drop(self.orders);
        self.painter.join();
        // A panic was printed when it happened.
        let _ = self.keyboard.join();
    }
}

fn is_screen(term: &str) -> bool {
    !["", "dumb", "cons25", "emacs"].contains(&term)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::event::{Key, Picture};
    use crate::terminal::tty::pair;
    use nix::sys::signal::{Signal, raise};
    use portable_pty::{PtyPair, PtySize};
    use std::sync::mpsc::{Receiver, channel, sync_channel};
    use std::time::Duration;

    const LIMIT: Duration = Duration::from_secs(20);

    fn opened(pair: &PtyPair) -> (Terminal, Receiver<TerminalEvent>) {
        let (sender, told) = channel();
        let tell = move |event| sender.send(event).is_ok();
        let (terminal, size) = Terminal::on(pair::open(&*pair.master), tell).expect("a terminal");
        assert_eq!(size, Size { columns: 80, rows: 24 });
        (terminal, told)
    }

    fn typed(pair: &PtyPair) -> Box<dyn Write + Send> {
        pair.master.take_writer().expect("a writer")
    }

    /// Waits for an event, past those of the signals that other tests raise in this process.
    fn wait_for(told: &Receiver<TerminalEvent>, wanted: &TerminalEvent) {
        while told.recv_timeout(LIMIT).as_ref() != Ok(wanted) {}
    }

    fn next_key(told: &Receiver<TerminalEvent>) -> Key {
        loop {
            if let TerminalEvent::Key(key) = told.recv_timeout(LIMIT).expect("a key in time") {
                return key;
            }
        }
    }

    #[test]
    fn some_terminals_are_no_screens() {
        assert!(is_screen("xterm-256color") && is_screen("screen") && is_screen("linux"));
        assert!(!is_screen("dumb") && !is_screen("cons25") && !is_screen("emacs") && !is_screen(""));
    }

    #[test]
    fn keys_arrive_and_escape_does_not_wait_for_the_next_one() {
        let pair = pair::new();
        let (terminal, told) = opened(&pair);
        let mut typed = typed(&pair);
        typed.write_all("ä\x1b[A\x1b".as_bytes()).expect("it is typed");
        assert_eq!([next_key(&told), next_key(&told), next_key(&told)], [Key::Char('ä'), Key::Up, Key::Escape]);
        typed.write_all(b"\x03\x1a\x13").expect("it is typed");
        assert_eq!([(); 3].map(|()| next_key(&told)), ['c', 'z', 's'].map(Key::Ctrl));
        drop(told);
        terminal.end();
    }

    #[test]
    fn a_long_paste_is_one_key() {
        let pair = pair::new();
        let (terminal, told) = opened(&pair);
        let text = "a line that is pasted\n".repeat(300);
        let bytes = format!("\x1b[200~{}\x1b[201~", text.replace('\n', "\r"));
        let mut typed = typed(&pair);
        let typing = std::thread::spawn(move || typed.write_all(bytes.as_bytes()));
        assert_eq!(next_key(&told), Key::Paste(text));
        typing.join().expect("no panic").expect("it is typed");
        drop(told);
        terminal.end();
    }

    #[test]
    fn another_size_is_told() {
        let pair = pair::new();
        let (terminal, told) = opened(&pair);
        pair.master.resize(PtySize { rows: 50, cols: 132, ..PtySize::default() }).expect("another size");
        raise(Signal::SIGWINCH).expect("a signal");
        wait_for(&told, &TerminalEvent::Resized(Size { columns: 132, rows: 50 }));
        drop(told);
        terminal.end();
    }

    #[test]
    fn who_is_continued_takes_the_terminal_anew() {
        let pair = pair::new();
        let (terminal, told) = opened(&pair);
        let tty = pair::open(&*pair.master);
        let raw = tty::modes(&tty).expect("modes");
        let other = tty::modes(&pair::open(&*pair::new().master)).expect("modes");
        tty::set_modes(&tty, &other).expect("somebody sets other modes");
        raise(Signal::SIGCONT).expect("a signal");
        wait_for(&told, &TerminalEvent::Resumed);
        assert_eq!(tty::modes(&tty).expect("modes"), raw);
        drop(told);
        terminal.end();
        assert_eq!(tty::modes(&tty).expect("modes"), other);
    }

    #[test]
    fn the_end_of_the_terminal_is_told_once_and_waits_for_nobody() {
        let pair = pair::new();
        let (terminal, told) = opened(&pair);
        drop(pair);
        wait_for(&told, &TerminalEvent::Gone);
        terminal.suspend();
        // The last thing that can be told, once the threads have ended.
        drop(terminal.orders);
        terminal.keyboard.join().expect("no panic");
        assert!(told.try_iter().all(|event| event != TerminalEvent::Gone));
    }

    #[test]
    fn it_ends_though_nobody_takes_the_keys() {
        let pair = pair::new();
        let (sender, told) = sync_channel(0);
        let tell = move |event| sender.send(event).is_ok();
        let (terminal, _) = Terminal::on(pair::open(&*pair.master), tell).expect("a terminal");
        typed(&pair).write_all(b"abc").expect("it is typed");
        assert_eq!(terminal.paint(Frame { picture: Picture::default(), anew: true, ..Frame::default() }), Ok(()));
        drop(told);
        terminal.end();
    }
}
