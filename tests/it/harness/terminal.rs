//! A client as a person runs it: in a pseudo-terminal, whose screen is looked at.

use super::LIMIT;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;
use vt100::Parser;

/// A person at a terminal of 80 columns and 24 rows.
pub struct Person {
    child: Box<dyn Child + Send + Sync>,
    pty: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    screen: Arc<Screen>,
    reader: Option<JoinHandle<()>>,
}

struct Screen {
    parser: Mutex<Parser>,
    changed: Condvar,
}

/// Ctrl with a letter.
pub const fn ctrl(letter: char) -> char {
    (letter as u8 & 0x1f) as char
}

impl Person {
    /// Starts a client with these options behind the server's address. `TERM` and colours are as most people have
    /// them.
    pub fn start(server: SocketAddr, options: &[&str]) -> Person {
        Self::start_with(server, options, &[])
    }

    /// The same with these variables in the environment, and without those whose value is empty.
    pub fn start_with(server: SocketAddr, options: &[&str], variables: &[(&str, &str)]) -> Person {
        let pair = native_pty_system().openpty(size(80)).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_client"));
        command.args([server.ip().to_string(), server.port().to_string()]);
        command.args(options);
        command.env("TERM", "xterm-256color");
        command.env_remove("NO_COLOR");
        command.env("PEERLINE_PASSWORD", "password");
        for (name, value) in variables {
            if value.is_empty() { command.env_remove(name) } else { command.env(name, value) }
        }
        let child = pair.slave.spawn_command(command).expect("the client runs");
        let screen = Arc::new(Screen { parser: Mutex::new(Parser::new(24, 80, 200)), changed: Condvar::new() });
        let output = pair.master.try_clone_reader().expect("a reader");
        let shown = Arc::clone(&screen);
        let reader = Some(thread::spawn(move || shown.follow(output)));
        Person { child, keys: pair.master.take_writer().expect("a writer"), pty: pair.master, screen, reader }
    }

    /// Starts a client that makes its account, and waits until it is logged in.
    pub fn join(server: SocketAddr, name: &str) -> Person {
        let person = Self::start(server, &["--user", name, "--signup"]);
        person.see(&format!("Logged in as {name}."));
        person.see_line("> ");
        person
    }

    /// Presses keys.
    pub fn press(&mut self, keys: impl ToString) {
        self.keys.write_all(keys.to_string().as_bytes()).expect("the client reads");
        self.keys.flush().expect("the client reads");
    }

    /// Types a line and Enter.
    pub fn say(&mut self, line: &str) {
        self.press(format!("{line}\r"));
    }

    /// Waits until `text` is on the screen.
    pub fn see(&self, text: &str) {
        self.wait(text, |screen| screen.contents().contains(text));
    }

    /// Waits until `text` has gone from the screen.
    pub fn see_no_more(&self, text: &str) {
        self.wait(text, |screen| !screen.contents().contains(text));
    }

    /// Waits until the last line of the screen that is not empty is `text`, up to spaces at its end, and the cursor
    /// stands behind it.
    pub fn see_line(&self, text: &str) {
        self.wait(text, |screen| {
            let (row, column) = screen.cursor_position();
            let rows: Vec<String> = screen.rows(0, screen.size().1).collect();
            let last = rows.iter().rposition(|row| !row.trim().is_empty()).unwrap_or_default();
            let width = unicode_width::UnicodeWidthStr::width(text);
            rows[last].trim_end() == text.trim_end() && usize::from(row) == last && usize::from(column) == width
        });
    }

    /// What the screen shows.
    pub fn contents(&self) -> String {
        self.screen.lock().screen().contents()
    }

    /// Looks at the whole screen.
    pub fn with_screen<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.screen.lock().screen())
    }

    /// Whether `text` is shown in a colour.
    pub fn is_coloured(&self, text: &str) -> bool {
        let parser = self.screen.lock();
        let screen = parser.screen();
        let row = screen.rows(0, screen.size().1).position(|row| row.contains(text)).expect("on the screen");
        let row = u16::try_from(row).expect("a row");
        (0..screen.size().1)
            .filter_map(|column| screen.cell(row, column))
            .any(|cell| cell.fgcolor() != vt100::Color::Default || cell.dim())
    }

    /// Changes the width of the terminal.
    pub fn resize(&self, columns: u16) {
        self.screen.lock().screen_mut().set_size(24, columns);
        self.pty.resize(size(columns)).expect("resized");
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.process_id().expect("running")
    }

    /// Waits for the end; gives the exit code.
    pub fn finish(mut self) -> u32 {
        let until = Instant::now() + LIMIT;
        let status = loop {
            match self.child.try_wait().expect("our child") {
                Some(status) => break status,
                None => assert!(Instant::now() < until, "still there: {}", self.contents()),
            }
            thread::yield_now();
        };
        status.exit_code()
    }

    fn wait(&self, text: &str, seen: impl Fn(&vt100::Screen) -> bool) {
        let until = Instant::now() + LIMIT;
        let mut parser = self.screen.lock();
        while !seen(parser.screen()) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{text:?} is not as it should be on\n{}", parser.screen().contents());
            parser = self.screen.changed.wait_timeout(parser, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        // It may have ended already. Its end closes the terminal, which ends the reader.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Screen {
    fn follow(&self, mut output: impl Read) {
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = output.read(&mut bytes) {
            self.lock().process(&bytes[..length]);
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Parser> {
        self.parser.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn size(columns: u16) -> PtySize {
    PtySize { rows: 24, cols: columns, pixel_width: 0, pixel_height: 0 }
}
