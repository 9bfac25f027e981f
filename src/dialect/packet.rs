//! S4's packets: 2,016 bytes each, a type, a username and a text, filled with NUL.
//!
//! One `read` may bring a part of a packet or the end of one and the beginning of the next; `Assembler` makes whole
//! packets of whatever comes.

use crate::value::text;

/// The bytes of a packet: one for the type, then the name, then the text, nothing between.
pub const PACKET_SIZE: usize = 1 + NAME_SIZE + TEXT_SIZE;
/// The bytes of a name.
pub const NAME_SIZE: usize = 15;
const TEXT_SIZE: usize = 2000;

/// The sender of what the server says: its clients believe no other name.
pub const SERVER: &str = "Server";

/// The texts of a [`Kind::Status`].
pub const STATES: [&str; 2] = ["active", "inactivate"];

/// Whether a text can be a client's name in this dialect: what fits into its field, does not tear a list of names, which
/// stand between ` _ `, and is not the server's.
pub fn is_name(text: &str) -> bool {
    let allowed = |c: char| c != char::REPLACEMENT_CHARACTER && !c.is_control() && !text::is_obeyed(c);
    let fits = !text.is_empty() && text.len() <= NAME_SIZE && text.trim() == text && text.chars().all(allowed);
    fits && !text.contains(" _") && !text.contains("_ ") && !text.eq_ignore_ascii_case(SERVER)
}

/// What a packet is for; the number is its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 0: nothing. Who is there ignores it, who has left answers it by closing.
    Probe,
    /// 1: who is active?
    List,
    /// 2: `active` or `inactivate`.
    Status,
    /// 3: a name, from a client to the server or to a peer; the server's answer.
    Hello,
    /// 4: the address of the one whose name is the text?
    Lookup,
    /// 8: what a command printed, from peer to peer.
    Output,
    /// 9: a command, from peer to peer: `COMMAND /// LENGTH`.
    Command,
    /// 10: the answer to [`Kind::List`]: `N _ name _ name`.
    Names,
    /// 11: the answer to [`Kind::Lookup`]: an address.
    Address,
    /// 12: how something went, in words.
    Outcome,
    /// Any other number.
    Unknown(u8),
}

const KINDS: [(u8, Kind); 10] = [
    (0, Kind::Probe),
    (1, Kind::List),
    (2, Kind::Status),
    (3, Kind::Hello),
    (4, Kind::Lookup),
    (8, Kind::Output),
    (9, Kind::Command),
    (10, Kind::Names),
    (11, Kind::Address),
    (12, Kind::Outcome),
];

/// One packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// What it is for.
    pub kind: Kind,
    /// Who sends it; at most 15 bytes travel.
    pub name: String,
    /// At most 2,000 bytes travel.
    pub text: String,
}

impl Packet {
    /// A packet from the server.
    pub fn from_server(kind: Kind, text: impl Into<String>) -> Packet {
        Packet { kind, name: SERVER.to_owned(), text: text.into() }
    }

    /// The answer to [`Kind::List`]: the count, and as many names as the text holds; the count is theirs.
    pub fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> Packet {
        const SEPARATOR: &str = " _ ";
        // Room for the largest count that fits: each name takes four bytes at least.
        let room = TEXT_SIZE - "500".len() - SEPARATOR.len();
        let mut listed: Vec<&str> = Vec::new();
        let mut bytes = 0;
        for name in names {
            bytes += name.len() + SEPARATOR.len();
            if bytes > room {
                break;
            }
            listed.push(name);
        }
        Self::from_server(Kind::Names, format!("{}{SEPARATOR}{}", listed.len(), listed.join(SEPARATOR)))
    }

    /// What a client says, as it may be logged: a word of this dialect, or a name. Anything else may be a password that went
    /// astray.
    pub fn shown(&self) -> &str {
        let text = self.text.trim();
        match self.kind {
            _ if text.is_empty() => "",
            Kind::Status if STATES.contains(&text) => text,
            Kind::Lookup if is_name(text) => text,
            Kind::Lookup => "(no name)",
            _ => "***",
        }
    }

    /// The bytes that travel: the mirror of [`Packet::decode`].
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![self.kind.number()];
        bytes.extend_from_slice(text::cut(&self.name, NAME_SIZE).as_bytes());
        bytes.resize(1 + NAME_SIZE, 0);
        bytes.extend_from_slice(text::cut(&self.text, TEXT_SIZE).as_bytes());
        bytes.resize(PACKET_SIZE, 0);
        bytes
    }

    /// Reads the bytes of a whole packet. What is not UTF-8 is shown as `U+FFFD`, which no name or word holds.
    pub fn decode(bytes: &[u8; PACKET_SIZE]) -> Packet {
        let (name, text) = bytes[1..].split_at(NAME_SIZE);
        Packet { kind: Kind::of(bytes[0]), name: field(name), text: field(text) }
    }
}

/// A field's text: what stands before the first NUL.
fn field(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

impl Kind {
    /// The byte that stands for it.
    pub fn number(self) -> u8 {
        match self {
            Kind::Unknown(number) => number,
            known => KINDS.iter().find(|(_, kind)| *kind == known).map_or(u8::MAX, |(number, _)| *number),
        }
    }

    /// What a packet is for whose first byte this is.
    pub fn of(number: u8) -> Kind {
        KINDS.iter().find(|(known, _)| *known == number).map_or(Kind::Unknown(number), |(_, kind)| *kind)
    }
}

/// Puts packets together from pieces of any size. It holds one packet and never more: read into [`Assembler::room`],
/// then tell [`Assembler::advance`] how many bytes that were.
pub struct Assembler {
    bytes: Box<[u8; PACKET_SIZE]>,
    filled: usize,
}

impl Default for Assembler {
    fn default() -> Self {
        Assembler { bytes: Box::new([0; PACKET_SIZE]), filled: 0 }
    }
}

impl Assembler {
    /// Where the next bytes belong; never empty.
    pub fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[self.filled..]
    }

    /// Takes `count` bytes that were put into the room; a packet when it is whole.
    pub fn advance(&mut self, count: usize) -> Option<Packet> {
        self.filled = (self.filled + count).min(PACKET_SIZE);
        if self.filled < PACKET_SIZE {
            return None;
        }
        self.filled = 0;
        Some(Packet::decode(&self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet byte for byte, made by hand.
    fn raw(number: u8, name: &[u8], text: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; PACKET_SIZE];
        bytes[0] = number;
        bytes[1..1 + name.len()].copy_from_slice(name);
        bytes[16..16 + text.len()].copy_from_slice(text);
        bytes
    }

    fn packet(kind: Kind, name: &str, text: &str) -> Packet {
        Packet { kind, name: name.to_owned(), text: text.to_owned() }
    }

    fn examples() -> Vec<(Packet, Vec<u8>)> {
        let ok = "Success _ You are activated";
        vec![
            (Packet::from_server(Kind::Probe, ""), raw(0, b"Server", b"")),
            (packet(Kind::List, "alice", " "), raw(1, b"alice", b" ")),
            (packet(Kind::Status, "alice", "active"), raw(2, b"alice", b"active")),
            (packet(Kind::Hello, "fifteen-letters", " "), raw(3, b"fifteen-letters", b" ")),
            (packet(Kind::Lookup, "alice", "bob"), raw(4, b"alice", b"bob")),
            (packet(Kind::Output, "bob", "up 3 days\n"), raw(8, b"bob", b"up 3 days\n")),
            (packet(Kind::Command, "alice", "uptime /// 6"), raw(9, b"alice", b"uptime /// 6")),
            (Packet::names(["alice", "bob"]), raw(10, b"Server", b"2 _ alice _ bob")),
            (Packet::names([]), raw(10, b"Server", b"0 _ ")),
            (Packet::from_server(Kind::Address, "127.0.0.2"), raw(11, b"Server", b"127.0.0.2")),
            (Packet::from_server(Kind::Outcome, ok), raw(12, b"Server", ok.as_bytes())),
            (packet(Kind::Unknown(200), "", "?"), raw(200, b"", b"?")),
        ]
    }

    fn assemble<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Packet> {
        let mut assembler = Assembler::default();
        let mut packets = Vec::new();
        for mut piece in pieces {
            while !piece.is_empty() {
                let room = assembler.room();
                let count = room.len().min(piece.len());
                room[..count].copy_from_slice(&piece[..count]);
                packets.extend(assembler.advance(count));
                piece = &piece[count..];
            }
        }
        packets
    }

    #[test]
    fn every_type_there_and_back_in_pieces_of_any_size() {
        let (packets, bytes): (Vec<Packet>, Vec<Vec<u8>>) = examples().into_iter().unzip();
        for (packet, bytes) in packets.iter().zip(&bytes) {
            assert_eq!(packet.encode(), *bytes, "{packet:?}");
            assert_eq!(assemble([bytes.as_slice()].into_iter()), std::slice::from_ref(packet), "whole");
            assert_eq!(assemble(bytes.chunks(1)), std::slice::from_ref(packet), "byte by byte");
        }
        let stream = bytes.concat();
        for size in [1, 7, PACKET_SIZE - 1, PACKET_SIZE, PACKET_SIZE + 1, 2 * PACKET_SIZE, stream.len()] {
            assert_eq!(assemble(stream.chunks(size)), packets, "in pieces of {size}");
        }
    }

    #[test]
    fn what_is_no_word_and_no_name_is_not_logged() {
        let shown = |kind, text: &str| packet(kind, "alice", text).shown().to_owned();
        assert_eq!((shown(Kind::Hello, " ").as_str(), shown(Kind::Status, " active").as_str()), ("", "active"));
        assert_eq!((shown(Kind::Lookup, "bob").as_str(), shown(Kind::List, "").as_str()), ("bob", ""));
        for kind in [Kind::Probe, Kind::List, Kind::Status, Kind::Hello, Kind::Lookup, Kind::Command, Kind::Unknown(77)]
        {
            assert!(!shown(kind, "LOGIN,alice,secret").contains("secret"), "{kind:?}");
        }
    }

    #[test]
    fn what_is_too_long_is_cut_and_stays_a_packet() {
        let long = packet(Kind::Outcome, "a name of many letters", &"ü".repeat(1500));
        let bytes = long.encode();
        assert_eq!(bytes.len(), PACKET_SIZE);
        assert_eq!(assemble([bytes.as_slice()].into_iter())[0].text, "ü".repeat(1000));
    }

    #[test]
    fn a_list_is_cut_at_a_whole_name_and_counts_what_it_holds() {
        let names: Vec<String> = (0..1000).map(|number| format!("name-{number:09}")).collect();
        let listed = Packet::names(names.iter().map(String::as_str)).text;
        assert!(listed.len() <= TEXT_SIZE && listed.len() > TEXT_SIZE - 40);
        let mut fields = listed.split(" _ ");
        let count: usize = fields.next().and_then(|count| count.parse().ok()).expect("a count");
        assert_eq!(fields.collect::<Vec<_>>(), names[..count]);
        let letters = vec!["a"; 1000];
        assert!(Packet::names(letters).text.len() <= TEXT_SIZE);
    }

    #[test]
    fn names_that_this_dialect_can_carry() {
        for name in ["my_user", "a b", "_", "fifteen-letters", "zo\u{eb}"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "Server", "server", "a _ b", "a_ b", "sixteen-letters-", "a\u{fffd}", "a\u{1b}", " a"] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_harm_nobody() {
        let bytes = raw(3, b"\xff\xfe", b"a\0b");
        let strange = assemble([bytes.as_slice()].into_iter()).remove(0);
        assert_eq!((strange.name.as_str(), strange.text.as_str()), ("\u{fffd}\u{fffd}", "a"));
    }
}
