//! The keys of the screen in words, for the manual page and for who compares `docs/CLIENT.md`. What they do is in
//! `keys.rs` and `input_line.rs`: whoever changes that changes this.

/// Each key and what it does, in the order in which one learns them.
#[rustfmt::skip]
pub const KEYS: &[(&str, &str)] = &[
    ("Enter", "sends the line"),
    ("Alt-1 to Alt-9, Alt-0", "go to window 1 to 9, 10; /w N goes to any"),
    ("Alt-A", "goes to the next window with a mark, the strongest first; then back to where you were"),
    ("Alt-Left, Alt-Right, Ctrl-P, Ctrl-N", "the window before, the next one"),
    ("PgUp, PgDn, Alt-Up, Alt-Down", "scroll by a page, by three rows"),
    ("Alt-Home, Alt-End", "to the first line, to the last; End does so on an empty line"),
    ("Alt-U", "to the first unread line"),
    ("Ctrl-F, then text", "searches this window; Enter or Up goes back, Down forward, Esc ends"),
    ("Tab, Shift-Tab", "complete, with the next, with the one before"),
    ("Up, Down, Ctrl-R", "earlier lines of this window, a search in those of all windows"),
    ("Ctrl-A, Ctrl-E, Ctrl-B, Alt-B, Alt-F", "move in the line as in a shell; Ctrl-Left and Ctrl-Right by a word"),
    ("Ctrl-W, U, K, Y, T, Alt-D, Alt-Backspace", "change the line as in a shell"),
    ("Ctrl-C", "gives the line up; on an empty one cancels the newest thing of this window, and never ends the client"),
    ("Ctrl-C twice within two seconds", "ends the chat of this window"),
    ("Ctrl-D", "deletes under the cursor; on an empty line twice ends the chat, and in window 1 leaves"),
    ("Ctrl-X", "leaves, but not while a chat is open; with files on their way, when pressed twice"),
    ("Ctrl-Z", "stops the client; fg goes on"),
    ("Ctrl-L", "draws everything anew"),
];
