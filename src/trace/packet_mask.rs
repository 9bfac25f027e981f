//! What a trace shows of the packets of a client: the words of its dialect, and names where they belong. Whatever else comes
//! may be a password that went astray.
//!
//! A read may end anywhere, so it goes on from piece to piece, as the other masks do.

use super::mask::HIDDEN;
use crate::dialect::packet::{Kind, NAME_SIZE, PACKET_SIZE, STATES};
use crate::value::text::text_of;

/// The mask for what a client says in packets.
pub struct PacketMask {
    /// Where in a packet the next byte stands.
    at: usize,
    kind: Kind,
    /// The name that the client has told.
    name: Vec<u8>,
    /// What has come of the field, up to its first NUL.
    field: Vec<u8>,
    /// That NUL has come.
    is_over: bool,
    /// The rest of the field is hidden.
    is_hidden: bool,
}

impl Default for PacketMask {
    fn default() -> PacketMask {
        let (name, field) = (Vec::new(), Vec::new());
        PacketMask { at: 0, kind: Kind::Probe, name, field, is_over: false, is_hidden: false }
    }
}

impl PacketMask {
    /// The next bytes as they may be shown.
    pub fn piece(&mut self, mut bytes: &[u8]) -> String {
        let mut shown = String::new();
        while let Some(first) = bytes.first() {
            let end = [1, 1 + NAME_SIZE].into_iter().find(|end| self.at < *end).unwrap_or(PACKET_SIZE);
            let (part, rest) = bytes.split_at(bytes.len().min(end - self.at));
            if self.at == 0 {
                self.kind = Kind::of(*first);
                let is_known = !matches!(self.kind, Kind::Unknown(_));
                add(&mut shown, if is_known { text_of(part) } else { HIDDEN.to_owned() });
            } else {
                self.part(part, &mut shown);
            }
            self.at += part.len();
            if self.at == end {
                self.end_field();
            }
            bytes = rest;
        }
        shown
    }

    /// A part of a field.
    fn part(&mut self, part: &[u8], shown: &mut String) {
        let text = part.split(|byte| *byte == 0).next().filter(|_| !self.is_over).unwrap_or_default();
        let filling = &part[text.len()..];
        if !self.is_hidden {
            self.field.extend_from_slice(text);
            self.is_hidden = !self.may_be_shown();
        }
        add(shown, if self.is_hidden && !text.is_empty() { HIDDEN.to_owned() } else { text_of(text) });
        self.is_over |= !filling.is_empty();
        let is_filling = filling.iter().all(|byte| *byte == 0);
        add(shown, if is_filling { text_of(filling) } else { HIDDEN.to_owned() });
    }

    /// Whether what has come of a field can be one of this dialect.
    fn may_be_shown(&self) -> bool {
        let may_be_name = || self.field.len() <= NAME_SIZE && !self.field.iter().any(u8::is_ascii_control);
        let text = self.field.trim_ascii_start();
        let is_state = |state: &&str| state.as_bytes().starts_with(text) || text.trim_ascii_end() == state.as_bytes();
        match (self.kind, self.at <= NAME_SIZE) {
            (Kind::Hello, true) | (Kind::Lookup, false) => may_be_name(),
            (Kind::Unknown(_), true) => self.field.is_empty(),
            (_, true) => self.name.starts_with(&self.field),
            (Kind::Status, false) => STATES.iter().any(is_state),
            (_, false) => text.is_empty(),
        }
    }

    fn end_field(&mut self) {
        if self.at == 1 + NAME_SIZE && self.kind == Kind::Hello {
            self.name = if self.is_hidden { Vec::new() } else { self.field.clone() };
        }
        self.field.clear();
        (self.is_over, self.is_hidden) = (false, false);
        self.at %= PACKET_SIZE;
    }
}

/// Of hidden parts one behind the other there is one.
fn add(shown: &mut String, part: String) {
    if part != HIDDEN || !shown.ends_with(HIDDEN) {
        *shown += &part;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "Xq7w%Zk9";

    fn packet(kind: u8, name: &str, text: &str) -> Vec<u8> {
        let mut bytes = vec![0; PACKET_SIZE];
        bytes[0] = kind;
        bytes[1..1 + name.len()].copy_from_slice(name.as_bytes());
        bytes[1 + NAME_SIZE..][..text.len()].copy_from_slice(text.as_bytes());
        bytes
    }

    /// What is shown of bytes that come in pieces of this size, without the filling.
    fn masked(bytes: &[u8], size: usize) -> String {
        let mut mask = PacketMask::default();
        bytes.chunks(size).map(|piece| mask.piece(piece)).collect::<String>().replace('\0', "")
    }

    #[test]
    fn words_and_names_are_shown_as_they_came() {
        let said = [(3, " "), (2, "active"), (1, " "), (4, "bob\u{eb}"), (2, " inactivate ")];
        let bytes: Vec<u8> = said.iter().flat_map(|(kind, text)| packet(*kind, "alice", text)).collect();
        let expected = "\u{3}alice \u{2}aliceactive\u{1}alice \u{4}alicebob\u{eb}\u{2}alice inactivate ";
        for size in [PACKET_SIZE, 3 * PACKET_SIZE, bytes.len()] {
            assert_eq!(masked(&bytes, size), expected, "in pieces of {size}");
        }
    }

    #[test]
    fn no_four_bytes_of_a_password_are_shown_wherever_reads_cut_it() {
        let login = format!("LOGIN,alice,{PASSWORD}\nlogin\nalice\n{PASSWORD}\n").into_bytes();
        let mut behind = packet(2, "alice", "active");
        behind[100..100 + PASSWORD.len()].copy_from_slice(PASSWORD.as_bytes());
        let said = [
            [packet(3, "alice", " "), packet(2, "alice", PASSWORD), packet(2, PASSWORD, "active")].concat(),
            [packet(3, "alice", PASSWORD), packet(1, PASSWORD, PASSWORD), packet(9, "alice", PASSWORD)].concat(),
            packet(2, PASSWORD, PASSWORD),
            packet(77, PASSWORD, PASSWORD),
            packet(4, "", &format!("LOGIN,alice,{PASSWORD}")),
            login,
            behind,
        ];
        for bytes in said {
            for size in (1..40).chain([PACKET_SIZE, bytes.len()]) {
                let shown = masked(&bytes, size);
                let leaks =
                    PASSWORD.as_bytes().windows(4).any(|part| shown.as_bytes().windows(4).any(|other| other == part));
                assert!(!leaks, "in pieces of {size}: {shown:?}");
            }
        }
    }
}
