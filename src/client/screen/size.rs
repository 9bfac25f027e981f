//! How many columns and rows the terminal has.

use crate::client::event::Size;
use std::fs::File;

/// The size of the terminal, never 0 in a direction.
pub(super) fn size(tty: &File) -> Size {
    let told = terminal_size::terminal_size_of(tty).map(|(columns, rows)| (columns.0, rows.0));
    let variable = |name| std::env::var(name).ok()?.parse().ok();
    likely_size(told, variable("COLUMNS"), variable("LINES"))
}

/// A serial line or a fresh pseudo-terminal tells 0 columns and 0 rows.
fn likely_size(told: Option<(u16, u16)>, columns: Option<u16>, rows: Option<u16>) -> Size {
    let (told_columns, told_rows) = told.unwrap_or_default();
    let first = |told: u16, variable: Option<u16>, usual: u16| {
        Some(told).filter(|&n| n > 0).or(variable.filter(|&n| n > 0)).unwrap_or(usual)
    };
    Size { columns: first(told_columns, columns, 80), rows: first(told_rows, rows, 24) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::tty::pair;

    #[test]
    fn a_size_is_never_zero() {
        assert_eq!(likely_size(Some((132, 40)), Some(10), Some(10)), Size { columns: 132, rows: 40 });
        assert_eq!(likely_size(Some((0, 0)), Some(100), None), Size { columns: 100, rows: 24 });
        assert_eq!(likely_size(None, Some(0), Some(50)), Size { columns: 80, rows: 50 });
    }

    #[test]
    fn the_size_of_a_pseudo_terminal() {
        let pair = pair::new();
        assert_eq!(size(&pair::open(&*pair.master)), Size { columns: 80, rows: 24 });
    }
}
