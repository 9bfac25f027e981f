//! What a peer answers to an opening: `OK` and its fields, or why not.
//!
//! A program decides by the variant; the sentence is for people. Parsing and formatting are mirrors: a text that is
//! not exactly one of the sentences below is [`PeerRefusal::Other`], so what is read is always written back as it was.

use crate::value::sentence::between;
use std::fmt;

/// The first line that a peer answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `OK` or `OK,...`: yes; what follows the comma are the fields of the opening's table in PROTOCOL.md.
    Ok(String),
    /// `ERR,...`: no, and why.
    Refused(PeerRefusal),
    /// A line that is no answer: something else than a client of ours listens there.
    Unknown(String),
}

/// Why not. `Display` is the sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's line names its fields in order")]
pub enum PeerRefusal {
    /// `busy`, or `busy: ...` with what the peer is busy with: too many questions, commands or transfers at present.
    Busy(String),
    /// The person said no.
    Declined,
    /// The person said nothing in time.
    NoAnswer,
    /// The person is asked nothing at present.
    DoNotDisturb,
    /// The person lets nothing of that kind be done here.
    NotAllowed,
    /// The person stopped the command, or left.
    Stopped,
    /// The ticket is missing, wrong, used, older than 60 s, or another's.
    NotIntroduced,
    /// The line behind the start of a ticket is not its proof.
    WrongProof,
    /// The ticket was drawn for somebody with another key than the one that was shown, or with a key where none was.
    AnotherKey,
    /// It is done by TLS alone, and for whom the server has told a key.
    NotInTheClear,
    /// The same, as the answer to FILE.
    TicketNeeded,
    /// As many connections as the peer serves at a time are open.
    TooManyConnections,
    /// The peer shares no folder.
    SharesNothing,
    /// No shared file has this name.
    NoSuchFile(String),
    /// The file of this name is there, and its owner may not read it.
    Unreadable(String),
    /// The file of this name has only `size` bytes: it has become shorter.
    BeyondEnd { offset: u64, file: String, size: u64 },
    /// The file of this name was written to while it was sent: what arrived may be of two versions.
    HasChanged(String),
    /// There is no program of this name to run.
    NoSuchProgram,
    /// The peer takes no gifts.
    NotTakenHere,
    /// The peer's disk has no room for the gift.
    NoRoom,
    /// Anything else: for people alone.
    Other(String),
}

const NOT_INTRODUCED: &str = "Not introduced: send connect_NAME to the server, and the ticket that it gives";
const WRONG_PROOF: &str = "Wrong proof: send proof_ and 20 digits of the SHA-256 of caller TICKET IP:PORT FIRST-LINE";
const TICKET_NEEDED: &str = "FILE needs a ticket: send connect_NAME to the server for one";
const TOO_MANY: &str = "Too many connections, try again later";
const NO_SUCH_FILE: &str = "No such file: ";
const UNREADABLE: &str = " cannot be read by its owner";
const CHANGED: &str = " has changed while it was sent";

/// The sentences without fields.
const PLAIN: [(&str, PeerRefusal); 15] = [
    ("declined", PeerRefusal::Declined),
    ("no answer", PeerRefusal::NoAnswer),
    ("does not want to be disturbed", PeerRefusal::DoNotDisturb),
    ("not allowed", PeerRefusal::NotAllowed),
    ("stopped", PeerRefusal::Stopped),
    (NOT_INTRODUCED, PeerRefusal::NotIntroduced),
    (WRONG_PROOF, PeerRefusal::WrongProof),
    ("This ticket is for another key", PeerRefusal::AnotherKey),
    ("not in the clear", PeerRefusal::NotInTheClear),
    (TICKET_NEEDED, PeerRefusal::TicketNeeded),
    (TOO_MANY, PeerRefusal::TooManyConnections),
    ("This client shares no files", PeerRefusal::SharesNothing),
    ("no such program here", PeerRefusal::NoSuchProgram),
    ("not taken here", PeerRefusal::NotTakenHere),
    ("no room", PeerRefusal::NoRoom),
];

impl Answer {
    /// Reads one line, without its line end.
    pub fn parse(line: &str) -> Answer {
        match line.split_once(',').unwrap_or((line, "")) {
            ("OK", fields) if line != "OK," => Answer::Ok(fields.to_owned()),
            ("ERR", why) if line != "ERR" => Answer::Refused(PeerRefusal::parse(why)),
            _ => Answer::Unknown(line.to_owned()),
        }
    }
}

impl PeerRefusal {
    /// A refusal that is for people alone.
    pub fn other(sentence: impl Into<String>) -> PeerRefusal {
        PeerRefusal::Other(sentence.into())
    }

    /// `busy` and nothing else.
    pub fn busy() -> PeerRefusal {
        PeerRefusal::Busy(String::new())
    }

    /// Reads what stands behind `ERR,`.
    pub fn parse(text: &str) -> PeerRefusal {
        let plain = PLAIN.into_iter().find(|(sentence, _)| *sentence == text).map(|(_, refusal)| refusal);
        // A number written in another way than ours would be written back differently.
        let known = plain.or_else(|| Self::parse_fields(text)).filter(|known| known.to_string() == text);
        known.unwrap_or_else(|| PeerRefusal::Other(text.to_owned()))
    }

    fn parse_fields(text: &str) -> Option<PeerRefusal> {
        if let Some(with) = text.strip_prefix("busy") {
            return Some(PeerRefusal::Busy(with.strip_prefix(": ").unwrap_or(with).to_owned()));
        }
        if let Some(rest) = between(text, "OFFSET ", " bytes") {
            let (offset, rest) = rest.split_once(" is beyond the end: ")?;
            let (file, size) = rest.rsplit_once(" has ")?;
            let (offset, size) = (offset.parse().ok()?, size.parse().ok()?);
            return Some(PeerRefusal::BeyondEnd { offset, file: file.to_owned(), size });
        }
        if let Some(file) = text.strip_prefix(NO_SUCH_FILE) {
            return Some(PeerRefusal::NoSuchFile(file.to_owned()));
        }
        if let Some(file) = text.strip_suffix(UNREADABLE) {
            return Some(PeerRefusal::Unreadable(file.to_owned()));
        }
        text.strip_suffix(CHANGED).map(|file| PeerRefusal::HasChanged(file.to_owned()))
    }

    /// Whether a fetch that keeps its part may ask again a little later, with a new ticket.
    pub fn try_again(&self) -> bool {
        self.advice() == Advice::TryAgain
    }

    /// Whether a fetch has to throw its part away, as what is there belongs to another version of the file.
    pub fn begin_anew(&self) -> bool {
        self.advice() == Advice::BeginAnew
    }

    fn advice(&self) -> Advice {
        match self {
            PeerRefusal::Busy(_)
            | PeerRefusal::NotIntroduced
            | PeerRefusal::TicketNeeded
            | PeerRefusal::TooManyConnections
            | PeerRefusal::AnotherKey => Advice::TryAgain,
            PeerRefusal::BeyondEnd { .. } | PeerRefusal::HasChanged(_) => Advice::BeginAnew,
            PeerRefusal::Declined
            | PeerRefusal::NoAnswer
            | PeerRefusal::DoNotDisturb
            | PeerRefusal::NotAllowed
            | PeerRefusal::Stopped
            | PeerRefusal::SharesNothing
            | PeerRefusal::NoSuchFile(_)
            | PeerRefusal::Unreadable(_)
            | PeerRefusal::NoSuchProgram
            | PeerRefusal::NotTakenHere
            | PeerRefusal::NoRoom
            | PeerRefusal::WrongProof
            | PeerRefusal::NotInTheClear
            | PeerRefusal::Other(_) => Advice::GiveUp,
        }
    }
}

/// What a fetch may do with a refusal.
#[derive(PartialEq)]
enum Advice {
    TryAgain,
    BeginAnew,
    GiveUp,
}

/// The line: the mirror of [`Answer::parse`].
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Ok(fields) if fields.is_empty() => f.write_str("OK"),
            Answer::Ok(fields) => write!(f, "OK,{fields}"),
            Answer::Refused(refusal) => write!(f, "ERR,{refusal}"),
            Answer::Unknown(line) => f.write_str(line),
        }
    }
}

/// The sentence: the mirror of [`PeerRefusal::parse`].
impl fmt::Display for PeerRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerRefusal::Busy(with) if with.is_empty() => f.write_str("busy"),
            PeerRefusal::Busy(with) => write!(f, "busy: {with}"),
            PeerRefusal::NoSuchFile(file) => write!(f, "{NO_SUCH_FILE}{file}"),
            PeerRefusal::Unreadable(file) => write!(f, "{file}{UNREADABLE}"),
            PeerRefusal::BeyondEnd { offset, file, size } => {
                write!(f, "OFFSET {offset} is beyond the end: {file} has {size} bytes")
            }
            PeerRefusal::HasChanged(file) => write!(f, "{file}{CHANGED}"),
            PeerRefusal::Other(sentence) => f.write_str(sentence),
            plain => f.write_str(PLAIN.iter().find(|(_, known)| known == plain).map_or("", |(sentence, _)| sentence)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_refusal_there_and_back() {
        let fields = [
            "busy",
            "busy: 5 files are being sent, try again later",
            "No such file: a.txt",
            "a.txt cannot be read by its owner",
            "OFFSET 7 is beyond the end: a has b has 6 bytes",
            "a.txt has changed while it was sent",
        ];
        for line in fields.into_iter().chain(PLAIN.iter().map(|(sentence, _)| *sentence)) {
            let refusal = PeerRefusal::parse(line);
            assert!(!matches!(refusal, PeerRefusal::Other(_)), "{line}");
            assert_eq!(refusal.to_string(), line);
        }
        for line in ["", "declined.", "busybody", "OFFSET 07 is beyond the end: a has 6 bytes", "Not introduced"] {
            assert_eq!(PeerRefusal::parse(line), PeerRefusal::Other(line.to_owned()));
        }
    }

    #[test]
    fn a_fetch_keeps_its_part_unless_the_file_is_another() {
        for line in ["busy", "busy: 5 files are being sent, try again later", TOO_MANY, TICKET_NEEDED, NOT_INTRODUCED] {
            let refusal = PeerRefusal::parse(line);
            assert!(refusal.try_again() && !refusal.begin_anew(), "{line}");
        }
        for line in ["OFFSET 7 is beyond the end: a has 6 bytes", "a has changed while it was sent"] {
            let refusal = PeerRefusal::parse(line);
            assert!(refusal.begin_anew() && !refusal.try_again(), "{line}");
        }
        for line in ["No such file: a", "This client shares no files", "declined", "whatever else"] {
            let refusal = PeerRefusal::parse(line);
            assert!(!refusal.begin_anew() && !refusal.try_again(), "{line}");
        }
    }

    #[test]
    fn what_is_no_answer_is_unknown() {
        for line in ["OK", "OK,6", "OK,0,5,2", "ERR,busy", "ERR,", "", "HTTP/1.1 400", "OKAY", "OK,", "ERR"] {
            assert_eq!(Answer::parse(line).to_string(), line);
        }
        assert_eq!(Answer::parse("OK"), Answer::Ok(String::new()));
        assert_eq!(Answer::parse("OKAY"), Answer::Unknown("OKAY".to_owned()));
        assert_eq!(Answer::parse("ERR,busy"), Answer::Refused(PeerRefusal::busy()));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_is_read_is_written_back(
            start in "(|ERR,|OK,|ERR,busy: |ERR,OFFSET |ERR,No such file: )",
            middle in "[ -~ü]{0,20}",
            end in "(| is beyond the end: x has 6 bytes| has changed while it was sent| cannot be read by its owner)",
        ) {
            let line = format!("{start}{middle}{end}");
            prop_assert_eq!(Answer::parse(&line).to_string(), line);
        }
    }
}
