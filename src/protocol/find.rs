//! Finding a server: the question that a client sends to a whole network, and what each server answers.
//!
//! Both are datagrams, to and from a UDP port of their own. The question is filled with blanks, so that it is longer
//! than any answer: who forges the address of its sender gains nothing. The answer repeats the question's nonce, so
//! that what did not see the question cannot answer it. Neither proves who a server is.

use crate::value::{ServerName, Ticket, hex};
use std::fmt;

/// The UDP port to which questions go, and from which answers come.
pub const FIND_PORT: u16 = 4402;
/// The bytes of a question, its blanks included. A shorter one is not answered.
pub const FIND_QUESTION_LENGTH: usize = 128;
/// The most bytes of an answer.
pub const MAX_FIND_ANSWER: usize = 100;
/// The most clients that an answer counts; with more it would not fit.
const MAX_COUNT: usize = 9_999_999;

/// `find_peerline_1_NONCE` and blanks: which servers are there?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindQuestion {
    /// What the answers repeat, drawn anew for each search.
    pub nonce: Ticket,
}

/// `server_NAME_PORT_TLSPORT_CLIENTS_MAX_ID_NONCE`: a server is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindAnswer {
    /// What it is called.
    pub name: ServerName,
    /// The main port, where this asker can use it; on the wire 0 for none.
    pub port: Option<u16>,
    /// The port for TLS, where this asker can use it; on the wire 0 for none.
    pub tls_port: Option<u16>,
    /// How many clients are logged in.
    pub clients: usize,
    /// How many it takes.
    pub max_clients: usize,
    /// Drawn at the server's start: the same in all its answers.
    pub id: ServerId,
    /// That of the question.
    pub nonce: Ticket,
}

/// What a server draws at its start, 16 hexadecimal digits. Anybody can repeat it: it proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(pub [u8; 8]);

impl FindQuestion {
    /// Reads a datagram. `None` for one that is shorter than it must be, or something else.
    pub fn parse(datagram: &[u8]) -> Option<FindQuestion> {
        if datagram.len() < FIND_QUESTION_LENGTH {
            return None;
        }
        let text = std::str::from_utf8(datagram).ok()?.trim_end_matches([' ', '\r', '\n']);
        Some(FindQuestion { nonce: text.strip_prefix("find_peerline_1_")?.parse().ok()? })
    }
}

impl fmt::Display for FindQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("find_peerline_1_{}", self.nonce);
        write!(f, "{text:FIND_QUESTION_LENGTH$}")
    }
}

impl FindAnswer {
    /// Reads a datagram. `None` for one that is longer than an answer may be, or something else.
    pub fn parse(datagram: &[u8]) -> Option<FindAnswer> {
        if datagram.len() > MAX_FIND_ANSWER {
            return None;
        }
        let text = std::str::from_utf8(datagram).ok()?.trim_end_matches(['\r', '\n']);
        let fields: Vec<&str> = text.strip_prefix("server_")?.split('_').collect();
        let [name, port, tls_port, clients, max_clients, id, nonce] = fields[..] else { return None };
        Some(FindAnswer {
            name: name.parse().ok()?,
            port: parse_port(port)?,
            tls_port: parse_port(tls_port)?,
            clients: parse_number(clients)?.try_into().ok()?,
            max_clients: parse_number(max_clients)?.try_into().ok()?,
            id: ServerId(hex::parse(id)?),
            nonce: nonce.parse().ok()?,
        })
    }
}

impl fmt::Display for FindAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FindAnswer { name, port, tls_port, clients, max_clients, id, nonce } = self;
        let (port, tls_port) = (port.unwrap_or(0), tls_port.unwrap_or(0));
        let (clients, max_clients) = (clients.min(&MAX_COUNT), max_clients.min(&MAX_COUNT));
        write!(f, "server_{name}_{port}_{tls_port}_{clients}_{max_clients}_{id}_{nonce}")
    }
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(&self.0, f)
    }
}

fn parse_port(text: &str) -> Option<Option<u16>> {
    let port = u16::try_from(parse_number(text)?).ok()?;
    Some(Some(port).filter(|port| *port != 0))
}

/// Digits alone: the parser of std would take a sign.
fn parse_number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NONCE: &str = "00112233445566778899aabbccddeeff";

    fn answer() -> FindAnswer {
        FindAnswer {
            name: "room-12".parse().expect("a name"),
            port: Some(4400),
            tls_port: None,
            clients: 3,
            max_clients: 50,
            id: ServerId([1, 2, 3, 4, 5, 6, 7, 0xab]),
            nonce: NONCE.parse().expect("a nonce"),
        }
    }

    #[test]
    fn a_question_is_filled_up_and_a_shorter_one_is_none() {
        let question = FindQuestion { nonce: NONCE.parse().expect("a nonce") };
        let text = question.to_string();
        assert_eq!(text.trim_end(), format!("find_peerline_1_{NONCE}"));
        assert_eq!(text.len(), FIND_QUESTION_LENGTH);
        assert_eq!(FindQuestion::parse(text.as_bytes()), Some(question));
        assert_eq!(FindQuestion::parse(format!("{text}  \n").as_bytes()), Some(question));
        assert_eq!(FindQuestion::parse(&text.as_bytes()[..FIND_QUESTION_LENGTH - 1]), None);
        for bad in [&answer().to_string(), "", "find_peerline_2_", &text.replace(NONCE, "x"), &text.replace(' ', "x")] {
            assert_eq!(FindQuestion::parse(format!("{bad:128}").as_bytes()), None, "{bad}");
        }
        assert_eq!(FindQuestion::parse(&[0xff; 128]), None);
    }

    #[test]
    fn an_answer_as_it_is_written() {
        assert_eq!(answer().to_string(), format!("server_room-12_4400_0_3_50_01020304050607ab_{NONCE}"));
    }

    #[test]
    fn what_is_no_answer() {
        let good = answer().to_string();
        for (part, other) in [
            ("server_", "servers_"),
            ("room-12", "room.12"),
            ("room-12", "\u{1b}[2J"),
            ("4400", "+4400"),
            ("4400", "65536"),
            ("_3_", "_-3_"),
            ("_3_", "__"),
            ("_3_", "_3_3_"),
            (NONCE, &NONCE[1..]),
        ] {
            let bad = good.replacen(part, other, 1);
            assert_ne!(bad, good);
            assert_eq!(FindAnswer::parse(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(FindAnswer::parse(format!("{good}{}", "\n".repeat(100)).as_bytes()), None);
        assert_eq!(FindAnswer::parse(b"\xff"), None);
    }

    fn any_answer() -> impl Strategy<Value = FindAnswer> {
        let ports = (any::<u16>(), any::<u16>());
        let counts = (any::<usize>(), any::<usize>());
        let drawn = (any::<[u8; 8]>(), "[0-9a-f]{32}");
        ("[a-zA-Z0-9][a-zA-Z0-9-]{0,14}", ports, counts, drawn).prop_map(
            |(name, (port, tls_port), (clients, max_clients), (id, nonce))| FindAnswer {
                name: name.parse().expect("a name"),
                port: Some(port).filter(|port| *port > 0),
                tls_port: Some(tls_port).filter(|port| *port > 0),
                clients: clients.min(MAX_COUNT),
                max_clients: max_clients.min(MAX_COUNT),
                id: ServerId(id),
                nonce: nonce.parse().expect("a nonce"),
            },
        )
    }

    proptest! {
        #[test]
        fn an_answer_there_and_back(answer in any_answer()) {
            let text = answer.to_string();
            prop_assert!(text.len() <= MAX_FIND_ANSWER, "{}", text);
            prop_assert_eq!(FindAnswer::parse(text.as_bytes()), Some(answer));
        }

        #[test]
        fn no_datagram_is_too_much(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = FindAnswer::parse(&bytes);
            let _ = FindQuestion::parse(&bytes);
        }

        #[test]
        fn more_clients_than_fit_are_left_out(clients in any::<usize>(), max_clients in any::<usize>()) {
            let answer = FindAnswer { clients, max_clients, ..answer() };
            let text = answer.to_string();
            prop_assert!(text.len() <= MAX_FIND_ANSWER, "{}", text);
            prop_assert!(FindAnswer::parse(text.as_bytes()).is_some());
        }
    }
}
