//! The painters. Each makes a text of the same rows; none knows files or options.

mod columns;
mod layout;
mod svg;
mod html;

pub use columns::columns;
pub use html::html;
pub use svg::svg;

/// After so many rows the names stand there again.
const NAMES_EVERY: usize = 40;
/// A longer time in which nothing happens is told, in microseconds.
const GAP: i64 = 1_000_000;

/// A time in which nothing happened, in words.
fn gap(before: Option<i64>, time: i64) -> Option<String> {
    let length = before.map(|before| time - before).filter(|length| *length > GAP)?;
    Some(format!("~ {:.1} s ~", length as f64 / 1e6))
}

/// Microseconds as milliseconds.
fn milliseconds(time: i64) -> String {
    format!("{:.3}", time as f64 / 1e3)
}
