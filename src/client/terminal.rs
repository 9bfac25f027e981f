//! The terminal: line editing, hidden passwords, the keys that end things, and printing above the line.

use super::input::{Typed, Waker};
use super::screen::PrintAbove;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{
    Cmd, ColorMode, ConditionalEventHandler, Config, Context, Editor, Event, EventContext, EventHandler,
    ExternalPrinter, Helper, KeyEvent, RepeatCount,
};
use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A person at a terminal.
pub struct Terminal {
    editor: Editor<Typist, MemHistory>,
    key: Arc<AtomicU8>,
    waker: Waker,
}

/// The key that ended a line; none when the waker did.
const NO_KEY: u8 = 0;
const CTRL_C: u8 = b'C';
const CTRL_X: u8 = b'X';

impl Terminal {
    /// Takes the terminal over; `waker` is told when it is given back.
    ///
    /// # Errors
    /// When the terminal cannot do what the editor needs (`TERM=dumb`).
    pub fn new(waker: Waker) -> rustyline::Result<Terminal> {
        let config = Config::builder().auto_add_history(false).build();
        let mut editor = Editor::with_history(config.clone(), MemHistory::with_config(&config))?;
        // Only a terminal that the editor supports has a printer; a plain one is read line by line.
        drop(editor.create_external_printer()?);
        editor.set_helper(Some(Typist::default()));
        let key = Arc::new(AtomicU8::new(NO_KEY));
        for (event, code) in [(KeyEvent::ctrl('C'), CTRL_C), (KeyEvent::ctrl('X'), CTRL_X)] {
            let ends = Ends { code, key: Arc::clone(&key) };
            editor.bind_sequence(event, EventHandler::Conditional(Box::new(ends)));
        }
        Ok(Terminal { editor, key, waker })
    }

    /// What prints above the line that is being typed.
    pub fn printer(&mut self) -> Option<PrintAbove> {
        let mut printer = self.editor.create_external_printer().ok()?;
        Some(Box::new(move |text| printer.print(text).map_err(io::Error::other)))
    }

    /// Reads a line; one that the waker interrupted is there again the next time.
    pub fn line(&mut self, prompt: &str) -> Typed {
        let before = self.editor.helper().map(Typist::take_typed).unwrap_or_default();
        let (left, right) = before.text.split_at_checked(before.cursor).unwrap_or((&before.text, ""));
        let read = self.editor.readline_with_initial(prompt, (left, right));
        if let Ok(line) = &read
            && !line.trim().is_empty()
        {
            // The history is a comfort: a line it cannot take is still read.
            let _ = self.editor.add_history_entry(line);
        }
        self.typed(read)
    }

    /// Reads a line without showing it.
    pub fn hidden(&mut self, prompt: &str) -> Typed {
        self.set_hidden(true);
        let read = self.editor.readline(prompt);
        self.set_hidden(false);
        self.typed(read)
    }

    fn typed(&mut self, read: rustyline::Result<String>) -> Typed {
        let key = self.key.swap(NO_KEY, Ordering::SeqCst);
        let typed = self.editor.helper().map(Typist::take_typed).unwrap_or_default();
        match (read, key) {
            (Ok(line), _) => Typed::Line(line),
            (Err(ReadlineError::Interrupted), CTRL_C) => Typed::Interrupt { idle: typed.text.is_empty() },
            (Err(ReadlineError::Interrupted), CTRL_X) => Typed::Leave,
            (Err(ReadlineError::Interrupted), _) => {
                if let Some(helper) = self.editor.helper() {
                    helper.put_typed(typed);
                }
                // The unfinished line is shown again behind the new prompt; the old one goes.
                let _ = io::stdout().write_all(b"\x1b[A\r\x1b[J");
                Typed::Woken
            }
            (Err(_), _) => Typed::End,
        }
    }

    fn set_hidden(&mut self, hidden: bool) {
        use rustyline::config::Configurer;
        if let Some(helper) = self.editor.helper_mut() {
            helper.hidden = hidden;
        }
        // The editor asks how to show a line only where it may use colour.
        self.editor.set_color_mode(if hidden { ColorMode::Forced } else { ColorMode::Enabled });
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.waker.disarm();
    }
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
}

/// A line that is being typed. The editor forgets it when it is interrupted.
#[derive(Default)]
struct Unfinished {
    text: String,
    cursor: usize,
}

impl Typist {
    fn take_typed(&self) -> Unfinished {
        std::mem::take(&mut self.typed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn put_typed(&self, unfinished: Unfinished) {
        *self.typed.lock().unwrap_or_else(PoisonError::into_inner) = unfinished;
    }
}

impl Helper for Typist {}

impl Validator for Typist {}

impl Completer for Typist {
    type Candidate = String;
}

impl Hinter for Typist {
    type Hint = String;

    /// Called after every change of the line, so this is where it can be seen.
    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<String> {
        if !self.hidden {
            self.put_typed(Unfinished { text: line.to_owned(), cursor: pos });
        }
        None
    }
}

impl Highlighter for Typist {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if self.hidden { Cow::Owned("*".repeat(line.chars().count())) } else { Cow::Borrowed(line) }
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        self.hidden
    }
}
