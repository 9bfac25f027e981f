//! What a terminal is to show: rows of styled text, and where the cursor stands.

/// How a piece of text looks. Without colours only what is reverse differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Style {
    /// As the terminal has it.
    #[default]
    Plain,
    /// Less bright: what is old, or said by the client itself.
    Dim,
    /// Background and foreground exchanged: the two bars, and a match of a search.
    Reverse,
    /// A colour, as the number of an SGR escape sequence (30 to 37).
    Colour(u8),
}

/// A piece of a row. Its text holds no control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// How it looks.
    pub style: Style,
    /// What stands there.
    pub text: String,
}

/// One row, from the left edge on. It is never wider than the terminal for which it was made.
pub type Row = Vec<Piece>;

/// Everything that the terminal shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// From the top; never more than the terminal has.
    pub rows: Vec<Row>,
    /// Row and column of the cursor, from 0; `None` hides it.
    pub cursor: Option<(u16, u16)>,
}

/// One order to who paints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// What is to be seen.
    pub picture: Picture,
    /// Whether everything is to be drawn, not only what differs: after another size of the terminal, and when the person
    /// says that something else has written on the screen.
    pub anew: bool,
    /// Whether the bell is to ring.
    pub bell: bool,
    /// The window's new title.
    pub title: Option<String>,
}
