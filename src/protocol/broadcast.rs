//! A broadcast: the one line that travels by TCP, by UDP, and lies on disk.

use super::MAX_BROADCAST;
use crate::value::Username;
use crate::value::text;
use std::fmt;
use std::str::FromStr;

/// A text that may be broadcast: not blank, at most [`MAX_BROADCAST`] bytes, without control characters but TAB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BroadcastText(Box<str>);

/// Why a text may not be broadcast; its `Display` is a sentence for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidBroadcast {
    /// Nothing, or nothing but blanks.
    Blank,
    /// So many bytes.
    TooLong(usize),
    /// It holds this character.
    Control(char),
}

impl BroadcastText {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BroadcastText {
    type Err = InvalidBroadcast;

    fn from_str(text: &str) -> Result<Self, InvalidBroadcast> {
        if text.trim().is_empty() {
            Err(InvalidBroadcast::Blank)
        } else if text.len() > MAX_BROADCAST {
            Err(InvalidBroadcast::TooLong(text.len()))
        } else if let Some(control) = text::first_forbidden(text) {
            Err(InvalidBroadcast::Control(control))
        } else {
            Ok(BroadcastText(text.into()))
        }
    }
}

impl fmt::Display for BroadcastText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for InvalidBroadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidBroadcast::Blank => f.write_str("Nothing to broadcast: send bcast_TEXT"),
            InvalidBroadcast::TooLong(bytes) => {
                write!(f, "Broadcast too long: {bytes} bytes, at most {MAX_BROADCAST}")
            }
            InvalidBroadcast::Control(c) => write!(f, "A broadcast holds no {}", c.escape_default()),
        }
    }
}

impl std::error::Error for InvalidBroadcast {}

/// One broadcast, as it travels and as it lies on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broadcast {
    /// Grows by one a broadcast, for the life of the server's data folder.
    pub seq: u64,
    /// When the server took it, in seconds since 1970.
    pub unix_time: u64,
    /// Who sent it.
    pub from: Username,
    /// At most [`super::MAX_BROADCAST`] bytes.
    pub text: String,
}

impl Broadcast {
    /// Reads `bcast_SEQ_UNIXTIME_FROM_TEXT`.
    pub fn parse(line: &str) -> Option<Broadcast> {
        let mut fields = line.strip_prefix("bcast_")?.splitn(4, '_');
        Some(Broadcast {
            seq: fields.next()?.parse().ok()?,
            unix_time: fields.next()?.parse().ok()?,
            from: fields.next()?.parse().ok()?,
            text: fields.next()?.to_owned(),
        })
    }

    /// The number of a line that begins with `bcast_SEQ_`, whatever follows.
    pub fn number(line: &str) -> Option<u64> {
        line.strip_prefix("bcast_")?.split('_').next()?.parse().ok()
    }

    /// The bytes of its line with the LF, without making the line.
    pub fn line_bytes(&self) -> usize {
        let digits = |number: u64| number.checked_ilog10().map_or(1, |log| log as usize + 1);
        let fields = [digits(self.seq), digits(self.unix_time), self.from.as_str().len(), self.text.len()];
        // Each has an underscore or the LF behind it.
        "bcast_".len() + fields.map(|field| field + 1).iter().sum::<usize>()
    }
}

impl fmt::Display for Broadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bcast_{}_{}_{}_{}", self.seq, self.unix_time, self.from, self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_not_blank_not_too_long_and_one_line() {
        let longest = "x".repeat(MAX_BROADCAST);
        for good in ["hi", " hi ", "a\tb", "snake_case, 🎉", &longest] {
            assert_eq!(good.parse::<BroadcastText>().map(|text| text.to_string()), Ok(good.to_owned()));
        }
        let too_long = format!("{longest}x");
        for (bad, why) in [
            ("", InvalidBroadcast::Blank),
            (" \t ", InvalidBroadcast::Blank),
            (&too_long, InvalidBroadcast::TooLong(MAX_BROADCAST + 1)),
            ("a\nb", InvalidBroadcast::Control('\n')),
        ] {
            assert_eq!(bad.parse::<BroadcastText>(), Err(why));
        }
    }

    #[test]
    fn a_line_is_as_long_as_is_said() {
        for (seq, unix_time, text) in [(0, 0, ""), (9, 10, "x"), (10, 1_699_999_999, "ü_x"), (u64::MAX, u64::MAX, "hi")]
        {
            let broadcast = Broadcast { seq, unix_time, from: "alice".parse().expect("a name"), text: text.to_owned() };
            assert_eq!(broadcast.line_bytes(), format!("{broadcast}\n").len());
        }
    }
}
