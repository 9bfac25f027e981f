//! The checks, a file a level. A row says what is sent and accepted; the function below it plays it.

mod hello;
mod lines;
mod disk;
mod accounts;
mod looking;
mod talking;
mod meeting;
mod weather;
mod inbox;
mod datagrams;
mod endings;
mod house;

use crate::check::Check;

/// The levels in order, each with what it is about.
pub const LEVELS: [(&str, &[Check]); 10] = [
    ("hello", &hello::CHECKS),
    ("lines", &lines::CHECKS),
    ("accounts", &accounts::CHECKS),
    ("looking", &looking::CHECKS),
    ("talking", &talking::CHECKS),
    ("meeting", &meeting::CHECKS),
    ("weather", &weather::CHECKS),
    ("datagrams", &datagrams::CHECKS),
    ("endings", &endings::CHECKS),
    ("house", &house::CHECKS),
];

/// All checks in the order in which they are played.
pub fn all() -> impl Iterator<Item = &'static Check> {
    LEVELS.iter().flat_map(|(_, checks)| checks.iter())
}

/// The title of a level, such as `lines`.
pub fn title(level: usize) -> &'static str {
    LEVELS.get(level.wrapping_sub(1)).map_or("", |(title, _)| title)
}
