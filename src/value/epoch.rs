//! Which sequence of broadcasts it is: 128 bits that are drawn once, written as 32 hexadecimal digits.

use crate::value::hex;
use std::fmt;
use std::str::FromStr;

/// The sequence that the broadcasts of servers which share a directory are numbered in. It is no secret. Under another one the
/// same number is another broadcast.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(pub [u8; 16]);

/// A text that is not 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnEpoch;

impl FromStr for Epoch {
    type Err = NotAnEpoch;

    fn from_str(text: &str) -> Result<Self, NotAnEpoch> {
        hex::parse(text).map(Epoch).ok_or(NotAnEpoch)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(&self.0, f)
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_what_it_writes() {
        let text = "00112233445566778899aabbccddeeff";
        assert_eq!(text.parse::<Epoch>().map(|epoch| epoch.to_string()), Ok(text.to_owned()));
        for wrong in ["", &text[1..], &format!("{text}0"), "+0112233445566778899aabbccddeeff"] {
            assert_eq!(wrong.parse::<Epoch>(), Err(NotAnEpoch), "{wrong}");
        }
    }
}
