//! Durations as people type them in options: `300ms`, `10s`, `30m`, `2h`.

use std::time::Duration;

/// Reads a whole number with one of the units `ms`, `s`, `m`, `h`.
///
/// # Errors
/// A sentence that says what was expected. Zero is refused: every rule that takes a duration needs a positive one.
pub fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(expected(text)),
    };
    let millis = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit_millis));
    match millis {
        // A year at the most: far below what a clock can add, so no later sum can overflow.
        Some(millis @ 1..=31_536_000_000) => Ok(Duration::from_millis(millis)),
        _ => Err(expected(text)),
    }
}

/// Like [`parse`], with `never` for no limit.
///
/// # Errors
/// As [`parse`].
pub fn parse_or_never(text: &str) -> Result<Option<Duration>, String> {
    if text == "never" { Ok(None) } else { parse(text).map(Some) }
}

/// Writes a duration in the largest unit that shows it as a whole number: the mirror of [`parse`].
pub fn show(duration: Duration) -> String {
    let millis = duration.as_millis();
    let units = [(3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
    let (size, unit) = units.into_iter().find(|(size, _)| millis % size == 0).unwrap_or((1, "ms"));
    format!("{}{unit}", millis / size)
}

fn expected(text: &str) -> String {
    format!("{text:?} is not a duration: write a whole number and ms, s, m or h, such as 300ms, 10s, 30m or 2h")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_there_and_back() {
        for (text, millis) in [("300ms", 300), ("10s", 10_000), ("30m", 1_800_000), ("2h", 7_200_000)] {
            let duration = Duration::from_millis(millis);
            assert_eq!(parse(text), Ok(duration));
            assert_eq!(show(duration), text);
        }
    }

    #[test]
    fn nonsense_is_named() {
        for bad in ["", "5", "s", "-1s", "1.5s", "0s", "10 s", "1d", "99999999999999999999s", "9000h"] {
            assert!(parse(bad).is_err_and(|error| error.contains(bad)), "{bad}");
        }
        assert_eq!(parse_or_never("never"), Ok(None));
    }
}
