//! How a line looks in a window: a name in its column, a text beside it, and how much it matters. It knows no window.

use crate::client::event::Style;

/// A line as a window shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// What stands in the column of names: who said it, `?` for a question, `-` for what the client itself says.
    pub name: String,
    /// How it looks.
    pub style: Style,
    /// What is said, fit to be shown: no control character is in it.
    pub text: String,
    /// How much it matters to who looks elsewhere.
    pub weight: Weight,
}

/// How much a line matters to who looks elsewhere; the larger is the stronger mark of its window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Not at all: it is our own, or an answer.
    #[default]
    None,
    /// Something failed that was asked for.
    Failed,
    /// A line of a conversation of many.
    Unread,
    /// A message to this person.
    ForYou,
    /// A question that waits for an answer.
    Question,
}
