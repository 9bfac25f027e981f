//! The terminal: line editing, hidden passwords, and the keys that end things.

use super::alarm::Alarm;
use super::completion;
use super::desk::Desk;
use crate::value::BadLine;
use nix::errno::Errno;
use nix::sys::termios::{InputFlags, LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use rustyline::completion::Completer;
use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{
    Cmd, ColorMode, CompletionType, ConditionalEventHandler, Config, Context, Editor, Event, EventContext,
    EventHandler, Helper, KeyEvent, RepeatCount,
};
use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use unicode_width::UnicodeWidthStr;

/// What the person did.
#[derive(Debug, PartialEq, Eq)]
pub enum Typed {
    /// A line.
    Line(String),
    /// What a script gave that is no line.
    NoLine(BadLine),
    /// Ctrl-C; `idle` when nothing had been typed yet.
    Interrupt {
        /// Whether the line was empty.
        idle: bool,
    },
    /// Ctrl-X.
    Leave,
    /// Ctrl-D, or the end of standard input.
    End,
    /// Nothing: something has changed, look at it and come back.
    Woken,
}

/// A person at a terminal.
pub struct Terminal {
    editor: Editor<Typist, MemHistory>,
    colour: ColorMode,
    aside: Option<Unfinished>,
    key: Arc<AtomicU8>,
    alarm: Arc<Alarm>,
    ringing: Option<JoinHandle<()>>,
    _quiet: Quiet,
}

/// The key that ended a line; none when the alarm did.
const NO_KEY: u8 = 0;
const CTRL_C: u8 = b'C';
const CTRL_X: u8 = b'X';

impl Terminal {
    /// Whether the terminal can do what the editor needs; one that cannot is read line by line.
    pub fn is_supported() -> bool {
        // The three that the editor knows to be too plain.
        !std::env::var("TERM").is_ok_and(|term| ["dumb", "cons25", "emacs"].contains(&term.as_str()))
    }

    /// Takes the terminal over, for the calling thread.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(alarm: Arc<Alarm>) -> rustyline::Result<Terminal> {
        let quiet = Quiet::begin()?;
        // https://no-color.org: set and not empty means none.
        let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let mode = if colour { ColorMode::Enabled } else { ColorMode::Disabled };
        let config =
            Config::builder().auto_add_history(false).color_mode(mode).completion_type(CompletionType::List).build();
        let mut editor = Editor::with_history(config.clone(), MemHistory::with_config(&config))?;
        editor.set_helper(Some(Typist::default()));
        let key = Arc::new(AtomicU8::new(NO_KEY));
        for (event, code) in [(KeyEvent::ctrl('C'), CTRL_C), (KeyEvent::ctrl('X'), CTRL_X)] {
            let ends = Ends { code, key: Arc::clone(&key) };
            editor.bind_sequence(event, EventHandler::Conditional(Box::new(ends)));
        }
        let rings = Arc::clone(&alarm);
        let ringing = thread::Builder::new().name("alarm".to_owned()).spawn(move || rings.run())?;
        Ok(Terminal { editor, colour: mode, aside: None, key, alarm, ringing: Some(ringing), _quiet: quiet })
    }

    /// Whether colours are wanted.
    pub fn has_colour(&self) -> bool {
        self.colour == ColorMode::Enabled
    }

    /// Where Tab finds the names of people.
    pub fn complete_with(&mut self, desk: Arc<Desk>) {
        if let Some(helper) = self.editor.helper_mut() {
            helper.desk = Some(desk);
        }
    }

    /// Reads a line; one that was begun when the alarm rang is there again.
    pub fn line(&mut self, prompt: &str) -> Typed {
        let typed = self.read(prompt);
        match &typed {
            // The history is a comfort: a line it cannot take is still read.
            Typed::Line(line) if !line.trim().is_empty() => drop(self.editor.add_history_entry(line)),
            _ => {}
        }
        typed
    }

    /// Remembers that the line was begun before now, if it was.
    pub fn mark(&self) {
        self.typist(Typist::mark);
    }

    /// Whether the last line was begun before the last mark.
    pub fn is_marked(&self) -> bool {
        self.typist(|typist| typist.marked.load(Ordering::SeqCst))
    }

    /// Reads a line without showing it.
    ///
    /// A line that was begun before is put aside meanwhile; and what was begun of the hidden one when the alarm rang
    /// never gets to a line that is shown.
    pub fn hidden(&mut self, prompt: &str) -> Typed {
        let begun = self.typist(Typist::take);
        self.aside.get_or_insert(begun);
        self.set_hidden(true);
        let typed = self.read(prompt);
        self.set_hidden(false);
        let aside = self.aside.take_if(|_| typed != Typed::Woken);
        self.typist(|typist| typist.put(aside.unwrap_or_default()));
        typed
    }

    /// Reads until a key ends the line, or the waker does; what is only to be printed above is printed.
    fn read(&mut self, prompt: &str) -> Typed {
        while let Some(status) = self.alarm.begin() {
            let before = self.typist(Typist::take);
            let (left, right) = before.text.split_at_checked(before.cursor).unwrap_or((&before.text, ""));
            let read = self.editor.readline_with_initial(&format!("{status}{prompt}"), (left, right));
            let key = self.key.swap(NO_KEY, Ordering::SeqCst);
            if read.as_ref().is_err_and(came_too_early) {
                self.typist(|typist| typist.put(before));
                if self.alarm.finish(|| ()) {
                    break;
                }
                continue;
            }
            let interrupted = matches!((&read, key), (Err(ReadlineError::Interrupted), NO_KEY));
            let columns = self.editor.dimensions().map_or(80, |(columns, _)| usize::from(columns).max(1));
            let unfinished = self.typist(Typist::take);
            let woken = self.alarm.finish(|| {
                // A line that has ended stays; one that was given up goes; the status goes in any case.
                let text = read.as_ref().unwrap_or(&unfinished.text);
                if interrupted || !status.is_empty() {
                    erase(rows(&status, &format!("{prompt}{text}"), columns));
                }
                if !interrupted && !status.is_empty() {
                    let shown = if self.is_hidden() { "*".repeat(text.chars().count()) } else { text.clone() };
                    let _ = writeln!(io::stdout(), "{prompt}{shown}");
                }
            });
            match (read, key) {
                (Ok(line), _) => return self.end(woken, Typed::Line(line)),
                (Err(ReadlineError::Interrupted), CTRL_C) => {
                    return self.end(woken, Typed::Interrupt { idle: unfinished.text.is_empty() });
                }
                (Err(ReadlineError::Interrupted), CTRL_X) => return self.end(woken, Typed::Leave),
                (Err(ReadlineError::Interrupted), _) => self.typist(|typist| typist.put(unfinished)),
                (Err(_), _) => return Typed::End,
            }
            if woken {
                break;
            }
        }
        Typed::Woken
    }

    fn is_hidden(&self) -> bool {
        self.editor.helper().is_some_and(|helper| helper.hidden)
    }

    /// The line has ended by itself while the waker wanted the same: it is woken at the next one.
    fn end(&self, woken: bool, typed: Typed) -> Typed {
        if woken {
            self.alarm.wake();
        }
        typed
    }

    fn typist<T>(&self, ask: impl FnOnce(&Typist) -> T) -> T
    where
        T: Default,
    {
        self.editor.helper().map(ask).unwrap_or_default()
    }

    fn set_hidden(&mut self, hidden: bool) {
        if let Some(helper) = self.editor.helper_mut() {
            helper.hidden = hidden;
        }
        // The editor asks how to show a line only where it may use colour.
        self.editor.set_color_mode(if hidden { ColorMode::Forced } else { self.colour });
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.alarm.end();
        if let Some(ringing) = self.ringing.take() {
            // A panic was printed when it happened.
            let _ = ringing.join();
        }
    }
}

/// Between two lines the terminal would be as a shell has it: it would echo what is typed ahead, a password too, and
/// act on keys that are meant for the editor. This lasts for as long as the value lives.
struct Quiet {
    before: Termios,
}

impl Quiet {
    fn begin() -> io::Result<Quiet> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_flags.remove(LocalFlags::ECHO | LocalFlags::ICANON);
        quiet.input_flags.remove(InputFlags::ICRNL);
        tcsetattr(io::stdin(), SetArg::TCSADRAIN, &quiet)?;
        Ok(Quiet { before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // Any other error says that the terminal is gone.
        while tcsetattr(io::stdin(), SetArg::TCSADRAIN, &self.before) == Err(Errno::EINTR) {}
    }
}

/// Whether the alarm's signal met the editor before it had shown anything: in the system call that waits for what
/// was written before, when the terminal is slow.
fn came_too_early(error: &ReadlineError) -> bool {
    match error {
        ReadlineError::Errno(errno) => *errno == Errno::EINTR,
        ReadlineError::Io(error) => error.kind() == io::ErrorKind::Interrupted,
        _ => false,
    }
}

/// How many rows the status lines and the line below them take.
fn rows(status: &str, line: &str, columns: usize) -> usize {
    // The editor begins a new row when the last one is just full.
    let status: usize = status.lines().map(|line| line.width().saturating_sub(1) / columns + 1).sum();
    status + line.width() / columns + 1
}

/// Removes that many rows above the cursor.
fn erase(rows: usize) {
    let _ = write!(io::stdout(), "\x1b[{rows}A\r\x1b[J");
}

/// A key that ends the line and leaves its name.
struct Ends {
    code: u8,
    key: Arc<AtomicU8>,
}

impl ConditionalEventHandler for Ends {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, _: &EventContext) -> Option<Cmd> {
        self.key.store(self.code, Ordering::SeqCst);
        Some(Cmd::Interrupt)
    }
}

/// What the editor asks while somebody types.
#[derive(Default)]
struct Typist {
    hidden: bool,
    typed: Mutex<Unfinished>,
    /// Whether the line was begun before the last mark. A line that is emptied begins anew.
    marked: AtomicBool,
    desk: Option<Arc<Desk>>,
}

/// A line that is being typed. The editor forgets it when it is interrupted.
#[derive(Default)]
struct Unfinished {
    text: String,
    cursor: usize,
}

impl Typist {
    fn take(&self) -> Unfinished {
        std::mem::take(&mut self.typed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn mark(&self) {
        let begun = !self.typed.lock().unwrap_or_else(PoisonError::into_inner).text.is_empty();
        self.marked.store(begun, Ordering::SeqCst);
    }

    fn put(&self, unfinished: Unfinished) {
        *self.typed.lock().unwrap_or_else(PoisonError::into_inner) = unfinished;
    }
}

impl Helper for Typist {}

impl Validator for Typist {}

impl Completer for Typist {
    type Candidate = String;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let Some(desk) = self.desk.as_ref().filter(|_| !self.hidden) else { return Ok((pos, Vec::new())) };
        let Some(before) = line.get(..pos) else { return Ok((pos, Vec::new())) };
        Ok(completion::candidates(before, desk))
    }
}

impl Hinter for Typist {
    type Hint = String;

    /// Called after every change of the line, so this is where it can be seen.
    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<String> {
        if line.is_empty() && !self.hidden {
            self.marked.store(false, Ordering::SeqCst);
        }
        self.put(Unfinished { text: line.to_owned(), cursor: pos });
        None
    }
}

impl Highlighter for Typist {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if self.hidden { Cow::Owned("*".repeat(line.chars().count())) } else { Cow::Borrowed(line) }
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        let (status, own) = prompt.rfind('\n').map_or(("", prompt), |end| prompt.split_at(end + 1));
        Cow::Owned(format!("{status}\x1b[1m{own}\x1b[0m"))
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        self.hidden
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_as_the_editor_counts_them() {
        assert_eq!(rows("", "> half", 10), 1);
        assert_eq!(rows("", "> 12345678", 10), 2);
        assert_eq!(rows("", "> 漢字漢字漢", 10), 2);
        assert_eq!(rows("one bar\nexactly 10\n", "> ", 10), 3);
        assert_eq!(rows("longer than ten\n", "> ", 10), 3);
    }
}
