//! How what is shown reads: for people as text, for programs as JSON, and for a window as a look. It decides nothing.

mod transfer;
mod text;
mod json;
mod look;

pub use json::object;
pub use look::{Look, Weight, look};
pub use text::QUESTION_ROWS;
pub use text::text;
pub use transfer::{clock, percent};

#[cfg(test)]
mod tests;
