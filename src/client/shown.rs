//! How what is shown reads: for people as text, for programs as JSON, and for a window as a look. It decides nothing.

mod look;

pub use look::{Look, Weight};
