//! Sizes of files as people read them: `1.2 GiB`.

use std::fmt;

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Size(bytes) = *self;
        if bytes < 1024 {
            return write!(f, "{bytes} {}", if bytes == 1 { "byte" } else { "bytes" });
        }
        let mut number = bytes as f64 / 1024.0;
        let mut units = UNITS.into_iter();
        let mut unit = units.next().unwrap_or_default();
        // 1023.95 would be rounded to 1024.0.
        while number >= 1023.95 {
            let Some(larger) = units.next() else { break };
            (number, unit) = (number / 1024.0, larger);
        }
        write!(f, "{number:.1} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_unit_that_fits() {
        for (bytes, shown) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1_258_291, "1.2 MiB"),
            ((1 << 20) - 1, "1.0 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), shown);
        }
    }
}
