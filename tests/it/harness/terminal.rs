//! A client as a person runs it: in a pseudo-terminal, whose screen is looked at.

use super::LIMIT;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use vt100::Parser;

/// A person at a terminal of 80 columns and 24 rows, with a home of their own.
pub struct Person {
    home: TempDir,
    child: Box<dyn Child + Send + Sync>,
    pty: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    screen: Arc<Screen>,
    reader: Option<JoinHandle<()>>,
}

/// What somebody left behind.
pub struct Left {
    /// The exit code.
    pub code: u32,
    /// The screen as the client left it.
    pub screen: vt100::Screen,
    /// The lines that it remembers for its next run.
    pub history: String,
}

struct Screen {
    parser: Mutex<Parser>,
    changed: Condvar,
}

/// The client.
pub const CLIENT: &str = env!("CARGO_BIN_EXE_client");

/// `TERM` and colours are as most people have them.
const VARIABLES: [(&str, &str); 3] = [("TERM", "xterm-256color"), ("NO_COLOR", ""), ("PEERLINE_PASSWORD", "password")];

/// How long the screen may take to change before Enter is pressed again.
const ANOTHER: Duration = Duration::from_millis(150);

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
        let mut command = CommandBuilder::new(CLIENT);
        command.args([server.ip().to_string(), server.port().to_string()]);
        command.args(options);
        for (name, value) in VARIABLES.iter().chain(variables) {
            if value.is_empty() { command.env_remove(name) } else { command.env(name, value) }
        }
        Self::sit_down(command)
    }

    /// Starts a client without a server's address, with these variables in its environment.
    pub fn without_address(options: &[&str], variables: &[(&str, &str)]) -> Person {
        let mut command = CommandBuilder::new(CLIENT);
        command.args(options);
        for (name, value) in VARIABLES.iter().chain(variables) {
            if value.is_empty() { command.env_remove(name) } else { command.env(name, value) }
        }
        Self::sit_down(command)
    }

    /// Starts a shell with job control.
    pub fn at_a_shell() -> Person {
        let mut command = CommandBuilder::new("bash");
        command.args(["--norc", "--noprofile", "-i"]);
        VARIABLES.iter().for_each(|(name, value)| command.env(name, value));
        command.env("PS1", "shell> ");
        Self::sit_down(command)
    }

    fn sit_down(mut command: CommandBuilder) -> Person {
        let home = tempfile::tempdir().expect("a home");
        command.env("XDG_STATE_HOME", home.path());
        command.env("HISTFILE", home.path().join("shell"));
        let pair = native_pty_system().openpty(size(80, 24)).expect("a pseudo-terminal");
        let child = pair.slave.spawn_command(command).expect("the client runs");
        let screen = Arc::new(Screen { parser: Mutex::new(Parser::new(24, 80, 200)), changed: Condvar::new() });
        let output = pair.master.try_clone_reader().expect("a reader");
        let shown = Arc::clone(&screen);
        let reader = Some(thread::spawn(move || shown.follow(output)));
        Person { home, child, keys: pair.master.take_writer().expect("a writer"), pty: pair.master, screen, reader }
    }

    /// Starts a client that makes its account, and waits until it is logged in.
    pub fn join(server: SocketAddr, name: &str) -> Person {
        let person = Self::start(server, &["--user", name, "--signup"]);
        person.see(&format!("Logged in as {name}."));
        person.see_status("online");
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

    /// The same, with Enter only when the line is seen, so that it is never part of a paste.
    pub fn enter(&mut self, line: &str) {
        self.press(line);
        self.see_line(&format!("> {line}"));
        self.press("\r");
    }

    /// Brings a window to the front.
    pub fn go(&mut self, window: u8) {
        self.press(format!("\x1b{window}"));
    }

    /// Waits until a row of the screen has `text` in it.
    pub fn see(&self, text: &str) {
        self.wait(text, |screen| rows(screen).iter().any(|row| row.contains(text)));
    }

    /// Waits until so many rows have `text` in them.
    pub fn see_rows(&self, text: &str, count: usize) {
        self.wait(text, |screen| rows(screen).iter().filter(|row| row.contains(text)).count() == count);
    }

    /// Waits until no row of the screen has `text` in it.
    pub fn see_no_more(&self, text: &str) {
        self.wait(text, |screen| !rows(screen).iter().any(|row| row.contains(text)));
    }

    /// Waits until the bar of the windows, which is the first row, has `text` in it.
    pub fn see_bar(&self, text: &str) {
        self.wait(text, |screen| rows(screen)[0].contains(text));
    }

    /// Waits until the status, which stands above the line that is typed where that is of one row, has `text` in it.
    pub fn see_status(&self, text: &str) {
        self.wait(text, |screen| rows(screen).iter().rev().nth(1).is_some_and(|row| row.contains(text)));
    }

    /// Waits until the last row of the screen that is not empty is `text`, up to spaces at its end, and the cursor
    /// stands behind it.
    pub fn see_line(&self, text: &str) {
        self.wait(text, |screen| {
            let (row, column) = screen.cursor_position();
            let rows = rows(screen);
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

    /// Whether anything in the row of `text` is shown in a colour.
    pub fn is_coloured(&self, text: &str) -> bool {
        let parser = self.screen.lock();
        let screen = parser.screen();
        let row = screen.rows(0, screen.size().1).position(|row| row.contains(text)).expect("on the screen");
        let row = u16::try_from(row).expect("a row");
        (0..screen.size().1)
            .filter_map(|column| screen.cell(row, column))
            .any(|cell| cell.fgcolor() != vt100::Color::Default)
    }

    /// Changes the size of the terminal. The screen of the test has two rows and columns at the least: in less it panics
    /// where a line goes on in the next row, as one may that was written before the client knew.
    pub fn resize(&self, columns: u16, rows: u16) {
        self.screen.lock().screen_mut().set_size(rows.max(2), columns.max(2));
        self.pty.resize(size(columns, rows)).expect("resized");
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.process_id().expect("running")
    }

    /// Waits for the end, and until all that was written is on the screen.
    pub fn leave(mut self) -> Left {
        let code = self.wait_for_end();
        let until = Instant::now() + LIMIT;
        while self.reader.as_ref().is_some_and(|reader| !reader.is_finished()) && Instant::now() < until {
            thread::yield_now();
        }
        let history = std::fs::read_to_string(self.home.path().join("peerline/history")).unwrap_or_default();
        Left { code, screen: self.with_screen(vt100::Screen::clone), history }
    }

    /// Waits for the end; gives the exit code.
    pub fn finish(mut self) -> u32 {
        self.wait_for_end()
    }

    /// Waits for a question about what was pasted, and presses Enter until it is gone: one right behind the question
    /// could belong to the paste, and does not count.
    pub fn confirm(&mut self, question: &str) {
        self.see(question);
        let until = Instant::now() + LIMIT;
        while self.contents().contains(question) {
            assert!(Instant::now() < until, "still asked: {}", self.contents());
            self.press("\r");
            let parser = self.screen.lock();
            drop(self.screen.changed.wait_timeout(parser, ANOTHER).unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn wait_for_end(&mut self) -> u32 {
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

fn rows(screen: &vt100::Screen) -> Vec<String> {
    screen.rows(0, screen.size().1).collect()
}

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }
}
