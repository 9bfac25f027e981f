//! What the server says: which line ends an answer, which belongs to it, and which is an event that only came meanwhile.

/// An answer: its data lines, and the line that ends it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub data: Vec<String>,
    pub last: String,
}

/// What one line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// It ends an answer.
    End,
    /// It belongs to one.
    Data,
    /// It comes when something happens.
    Event,
    /// A ticket is an event, but the asker's own stands directly before a `peer_` line.
    Ticket,
    /// None of these: the server does not speak the protocol.
    Strange,
}

impl Answer {
    /// `OK`, or `OK,` with something.
    pub fn is_ok(&self) -> bool {
        self.last == "OK" || self.last.starts_with("OK,")
    }

    pub fn is_err(&self) -> bool {
        self.last.starts_with("ERR,")
    }

    /// What stands behind this beginning, in the first data line that has it.
    pub fn after(&self, start: &str) -> Option<&str> {
        self.data.iter().find_map(|line| line.strip_prefix(start))
    }

    /// How many of its lines begin so.
    pub fn count(&self, start: &str) -> usize {
        self.data.iter().filter(|line| line.starts_with(start)).count()
    }
}

/// What a line of the server is.
pub fn kind(line: &str) -> LineKind {
    if line == "OK" || line == "UP" || line.starts_with("OK,") || line.starts_with("ERR,") {
        return LineKind::End;
    }
    let Some((word, _)) = line.split_once('_') else { return LineKind::Strange };
    match word {
        "bcast" | "msg" | "notice" => LineKind::Event,
        "ticket" => LineKind::Ticket,
        _ if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()) => LineKind::Data,
        _ => LineKind::Strange,
    }
}

/// Whether this is a token or a ticket: 32 hexadecimal digits in lower case.
pub fn is_32_digits(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A broadcast as a line or a datagram has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broadcast {
    pub seq: u64,
    pub from: String,
    pub text: String,
}

impl Broadcast {
    /// Reads `bcast_SEQ_UNIXTIME_FROM_TEXT`.
    pub fn parse(line: &str) -> Option<Broadcast> {
        let mut fields = line.strip_prefix("bcast_")?.splitn(4, '_');
        let seq = fields.next()?.parse().ok()?;
        let _time: u64 = fields.next()?.parse().ok()?;
        let (from, text) = (fields.next()?.to_owned(), fields.next()?.to_owned());
        Some(Broadcast { seq, from, text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        for (line, is) in [
            ("OK", LineKind::End),
            ("UP", LineKind::End),
            ("ERR,no", LineKind::End),
            ("OKAY", LineKind::Strange),
            ("OK_x", LineKind::Strange),
            ("", LineKind::Strange),
            ("menu_help", LineKind::Data),
            ("notice_x", LineKind::Event),
            ("ticket_bob_00", LineKind::Ticket),
            ("Hello_x", LineKind::Strange),
        ] {
            assert_eq!(kind(line), is, "{line}");
        }
    }

    #[test]
    fn a_token_is_written_in_lower_case() {
        assert!(is_32_digits("00112233445566778899aabbccddeeff"));
        for other in ["00112233445566778899AABBCCDDEEFF", "00112233445566778899aabbccddeef", "", "-"] {
            assert!(!is_32_digits(other), "{other}");
        }
    }

    #[test]
    fn a_broadcast_may_hold_underscores() {
        let read = Broadcast::parse("bcast_7_1700000000_al-ice_snake_case_").map(|one| (one.seq, one.from, one.text));
        assert_eq!(read, Some((7, "al-ice".to_owned(), "snake_case_".to_owned())));
        assert_eq!(Broadcast::parse("bcast_7_now_alice_hi"), None);
        assert_eq!(Broadcast::parse("bcast_7_1700000000_alice"), None);
    }
}
