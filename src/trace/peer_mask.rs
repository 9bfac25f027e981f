//! What a trace shows of what two clients say to each other: of tickets and proofs four digits, and of files nothing.
//!
//! A read may end anywhere, so it goes on from piece to piece, as the other masks do.

use super::mask::{HIDDEN, SHOWN_DIGITS, WORD};
use crate::value::text::text_of;

/// The mask for what two clients say to each other: of a run of 12 hexadecimal digits or more, four are shown. Tickets, what
/// is shown of them, and proofs are such. Where people talk all lines are shown, else the first two of each side: behind them
/// may be a file, or what a command has written, and a read ends anywhere.
#[derive(Default)]
pub struct PeerMask {
    /// The digits of the run that has begun.
    run: usize,
    /// How many lines are still shown, unless all are.
    left: Option<u8>,
    /// The beginning of the line that says what the connection is for, where that is to come.
    first: Option<Vec<u8>>,
}

/// What a peer says before there may be anything else: the caller what it comes for, and its proof; who is called its proof,
/// and the answer.
const SHOWN_LINES: u8 = 2;
/// The first words of connections on which there is nothing but lines of text.
const TALKS: [&str; 3] = ["CHAT,", "MSG,", "LIST,"];

/// The first words of the others. Who begins in another way has perhaps taken us for a server, and says a password.
const OTHERS: [&str; 5] = ["FILE,", "RUN,", "GIVE,", "VERIFY,", "PROBE,"];

/// A run of so many digits may be a ticket.
const SECRET_RUN: usize = 12;

impl PeerMask {
    /// For who calls us.
    pub fn of_caller() -> PeerMask {
        PeerMask { left: Some(SHOWN_LINES), first: Some(Vec::new()), ..PeerMask::default() }
    }

    /// For who is called, with this first line.
    pub fn of_answers_to(first: &str) -> PeerMask {
        PeerMask { left: lines_shown(first.as_bytes()), ..PeerMask::default() }
    }

    /// A piece of a line as it may be shown; if it has an LF, that is its end.
    pub fn piece(&mut self, piece: &[u8]) -> String {
        if self.left == Some(0) {
            return if piece.is_empty() { String::new() } else { HIDDEN.to_owned() };
        }
        if let Some(first) = &mut self.first {
            first.extend(piece.iter().take(WORD.saturating_sub(first.len())));
            let begins = |word: &&str| word.as_bytes().starts_with(first) || first.starts_with(word.as_bytes());
            if !TALKS.iter().chain(&OTHERS).any(begins) {
                self.left = Some(0);
                return HIDDEN.to_owned();
            }
        }
        if piece.ends_with(b"\n") {
            self.left = match self.first.take() {
                Some(first) if lines_shown(&first).is_none() => None,
                _ => self.left.map(|left| left - 1),
            };
        }
        let mut kept = Vec::with_capacity(piece.len());
        for part in piece.chunk_by(|one, other| one.is_ascii_hexdigit() == other.is_ascii_hexdigit()) {
            if !part[0].is_ascii_hexdigit() {
                self.run = 0;
                kept.extend_from_slice(part);
                continue;
            }
            let before = self.run;
            self.run += part.len();
            if self.run < SECRET_RUN {
                kept.extend_from_slice(part);
            } else {
                kept.extend_from_slice(&part[..SHOWN_DIGITS.saturating_sub(before).min(part.len())]);
                kept.extend_from_slice(b"...");
            }
        }
        text_of(&kept)
    }
}

/// How many lines of each side are shown where the first one of the caller begins so; nothing where all are.
fn lines_shown(first: &[u8]) -> Option<u8> {
    (!TALKS.iter().any(|talk| first.starts_with(talk.as_bytes()))).then_some(SHOWN_LINES)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "Xq7w%Zk9";

    #[test]
    fn of_long_runs_of_digits_between_peers_four_are_shown() {
        let ticket = "0123456789abcdef0123456789abcdef";
        let whole = |text: &str| PeerMask::default().piece(text.as_bytes());
        assert_eq!(whole(&format!("CHAT,alice,{ticket}\n")), "CHAT,alice,0123...\n");
        assert_eq!(
            whole("proof_00112233445566778899\nOK,1700000000\nfeed me\n"),
            "proof_0011...\nOK,1700000000\nfeed me\n"
        );
        for at in 1..ticket.len() {
            let mut mask = PeerMask::default();
            let shown = mask.piece(&ticket.as_bytes()[..at]) + &mask.piece(&ticket.as_bytes()[at..]);
            assert!(shown.bytes().filter(u8::is_ascii_hexdigit).count() < SECRET_RUN, "{shown}");
        }
    }

    #[test]
    fn who_takes_a_client_for_a_server_shows_it_no_password() {
        let said =
            [format!("LOGIN,alice,{PASSWORD}\nlist\n"), format!("login\nalice\n{PASSWORD}\n"), format!("{PASSWORD}\n")];
        for text in said {
            for at in 0..text.len() {
                let mut mask = PeerMask::of_caller();
                let pieces = [&text.as_bytes()[..at], &text.as_bytes()[at..]];
                let lines = pieces.into_iter().flat_map(|piece| piece.split_inclusive(|byte| *byte == b'\n'));
                let shown: String = lines.map(|piece| mask.piece(piece)).collect();
                let leaks =
                    PASSWORD.as_bytes().windows(4).any(|part| shown.as_bytes().windows(4).any(|other| other == part));
                assert!(!leaks, "{text:?}: {shown:?}");
            }
        }
        let mut mask = PeerMask::of_caller();
        assert_eq!(mask.piece(b"PRO") + &mask.piece(b"BE,bob\n"), "PROBE,bob\n");
    }
}
