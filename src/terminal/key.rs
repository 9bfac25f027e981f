//! Keys as a person means them, whatever bytes a terminal sends for them, and the size of the terminal.

/// One key press, or a paste.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character that is typed, never a control character.
    Char(char),
    /// A letter with Ctrl, in lower case.
    Ctrl(char),
    /// A character with Alt.
    Alt(char),
    /// Enter.
    Enter,
    /// Tab.
    Tab,
    /// Tab with Shift.
    BackTab,
    /// Backspace: the character before the cursor goes.
    Backspace,
    /// Backspace with Alt: the word before the cursor goes.
    AltBackspace,
    /// Delete: the character under the cursor goes.
    Delete,
    /// Escape alone.
    Escape,
    /// An arrow.
    Left,
    /// An arrow.
    Right,
    /// An arrow.
    Up,
    /// An arrow.
    Down,
    /// An arrow with Alt.
    AltLeft,
    /// An arrow with Alt.
    AltRight,
    /// An arrow with Alt.
    AltUp,
    /// An arrow with Alt.
    AltDown,
    /// An arrow with Ctrl: by words.
    CtrlLeft,
    /// An arrow with Ctrl: by words.
    CtrlRight,
    /// Home.
    Home,
    /// End.
    End,
    /// Home with Alt.
    AltHome,
    /// End with Alt.
    AltEnd,
    /// Page Up.
    PageUp,
    /// Page Down.
    PageDown,
    /// What was pasted at once. Its lines are divided by LF, whatever the terminal sent, and control characters other
    /// than LF and TAB are still in it.
    Paste(String),
    /// The terminal got the focus, or lost it.
    Focus(bool),
}

/// The size of a terminal, in columns and rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}
