//! The words between two peers: the first line of a connection says what it is for, the answer says yes or why not.

use crate::value::Ticket;
use crate::value::comma;
use crate::value::hex;
use crate::value::{InvalidUsername, Username};
use std::fmt;
use std::str::FromStr;

/// The first line of a peer connection. A ticket that is missing or malformed is `None`: that leaves a chat or a
/// message unverified, and has a file or a command refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's line names its fields in order")]
pub enum Opening {
    /// `CHAT,name,TICKET`: may I talk with you? After `OK` every line either way is text.
    Chat { name: Username, ticket: Option<Ticket> },
    /// `MSG,name,TICKET`, then one line: a single message.
    Message { name: Username, ticket: Option<Ticket> },
    /// `FILE,filename,name,TICKET[,OFFSET]`: a shared file from OFFSET, in bytes, to its end.
    File { filename: String, name: Username, ticket: Option<Ticket>, offset: u64 },
    /// `RUN,name,TICKET,command`: run a command and send its output.
    Run { name: Username, ticket: Option<Ticket>, command: String },
}

/// Why a first line opens nothing; its `Display` is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadOpening {
    /// The first word is none of the four.
    Unknown,
    /// A known word with the wrong fields.
    Form(&'static str),
    /// The name is not a username.
    Name(InvalidUsername),
}

impl Opening {
    /// Reads the first line, without its line end.
    ///
    /// # Errors
    /// [`BadOpening`], to be answered as `ERR,...`.
    pub fn parse(line: &str) -> Result<Opening, BadOpening> {
        let fields = comma::split(line);
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let ticket = |text: &str| text.trim().parse().ok();
        let name = |text: &str| text.parse().map_err(BadOpening::Name);
        match fields.as_slice() {
            ["CHAT", who] => Ok(Opening::Chat { name: name(who)?, ticket: None }),
            ["CHAT", who, proof] => Ok(Opening::Chat { name: name(who)?, ticket: ticket(proof) }),
            ["MSG", who] => Ok(Opening::Message { name: name(who)?, ticket: None }),
            ["MSG", who, proof] => Ok(Opening::Message { name: name(who)?, ticket: ticket(proof) }),
            ["FILE", filename, who, proof, rest @ ..] if rest.len() <= 1 => {
                let offset = rest.first().map_or(Ok(0), |offset| offset.trim().parse());
                Ok(Opening::File {
                    filename: (*filename).to_owned(),
                    name: name(who)?,
                    ticket: ticket(proof),
                    offset: offset.map_err(|_| BadOpening::Form(FILE_FORM))?,
                })
            }
            ["RUN", who, proof, command] => {
                Ok(Opening::Run { name: name(who)?, ticket: ticket(proof), command: (*command).to_owned() })
            }
            ["CHAT", ..] => Err(BadOpening::Form("CHAT,name,TICKET")),
            ["MSG", ..] => Err(BadOpening::Form("MSG,name,TICKET, then one line of text")),
            ["FILE", ..] => Err(BadOpening::Form(FILE_FORM)),
            ["RUN", ..] => Err(BadOpening::Form("RUN,name,TICKET,command, in \"quotes\" if it holds a comma")),
            _ => Err(BadOpening::Unknown),
        }
    }

    /// Who says to be calling.
    pub fn name(&self) -> &Username {
        match self {
            Opening::Chat { name, .. }
            | Opening::Message { name, .. }
            | Opening::File { name, .. }
            | Opening::Run { name, .. } => name,
        }
    }

    /// The proof, where there is one.
    pub fn ticket(&self) -> Option<Ticket> {
        match self {
            Opening::Chat { ticket, .. }
            | Opening::Message { ticket, .. }
            | Opening::File { ticket, .. }
            | Opening::Run { ticket, .. } => *ticket,
        }
    }
}

const FILE_FORM: &str = "FILE,filename,name,TICKET[,OFFSET], with the filename in \"quotes\" if it holds a comma";

/// The line of an opening, without its line end: the mirror of [`Opening::parse`].
impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let proof = self.ticket().map(|ticket| ticket.to_string()).unwrap_or_default();
        let who = self.name().as_str();
        let record = match self {
            Opening::Chat { .. } => comma::join(["CHAT", who, &proof]),
            Opening::Message { .. } => comma::join(["MSG", who, &proof]),
            Opening::File { filename, offset, .. } => comma::join(["FILE", filename, who, &proof, &offset.to_string()]),
            Opening::Run { command, .. } => comma::join(["RUN", who, &proof, command]),
        };
        f.write_str(&record)
    }
}

/// `sha256_HEX`, the line behind the bytes of a file: the SHA-256 of the whole file, from its first byte also when
/// the bytes began at an OFFSET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileHash(pub [u8; 32]);

/// A line that is not `sha256_` and 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAHash;

impl FromStr for FileHash {
    type Err = NotAHash;

    fn from_str(line: &str) -> Result<Self, NotAHash> {
        line.strip_prefix("sha256_").and_then(hex::parse).map(FileHash).ok_or(NotAHash)
    }
}

impl fmt::Display for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256_")?;
        hex::write(&self.0, f)
    }
}

impl fmt::Display for BadOpening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadOpening::Unknown => f.write_str("The first line must begin with CHAT, MSG, FILE or RUN"),
            BadOpening::Form(form) => write!(f, "Send {form}"),
            BadOpening::Name(invalid) => invalid.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICKET: &str = "00112233445566778899aabbccddeeff";

    #[test]
    fn every_opening_there_and_back() {
        for line in [
            format!("CHAT,alice,{TICKET}"),
            format!("MSG,alice,{TICKET}"),
            format!("FILE,\"a, b.txt\",alice,{TICKET},1024"),
            format!("RUN,alice,{TICKET},\"echo \"\"a, b\"\"\""),
        ] {
            assert_eq!(Opening::parse(&line).map(|opening| opening.to_string()), Ok(line));
        }
    }

    #[test]
    fn a_ticket_may_be_missing_or_wrong() {
        for line in ["CHAT,alice", "CHAT,alice,", "MSG,alice,nonsense", "FILE,a,alice,12"] {
            assert_eq!(Opening::parse(line).map(|opening| opening.ticket()), Ok(None), "{line}");
        }
    }

    #[test]
    fn a_hash_there_and_back() {
        let line = format!("sha256_{}", "0123456789abcdef".repeat(4));
        assert_eq!(line.parse::<FileHash>().map(|hash| hash.to_string()), Ok(line.clone()));
        for bad in ["", "sha256_", &line[..70], &format!("{line}0"), &line.replace('_', "-")] {
            assert_eq!(bad.parse::<FileHash>(), Err(NotAHash));
        }
    }

    #[test]
    fn wrong_first_lines_are_told_the_form() {
        assert_eq!(Opening::parse("GET / HTTP/1.1"), Err(BadOpening::Unknown));
        assert_eq!(Opening::parse("CHAT"), Err(BadOpening::Form("CHAT,name,TICKET")));
        assert_eq!(Opening::parse("CHAT,a_b,"), Err(BadOpening::Name(InvalidUsername)));
        assert_eq!(Opening::parse(&format!("FILE,a,bob,{TICKET},-1")), Err(BadOpening::Form(FILE_FORM)));
        assert!(matches!(Opening::parse(&format!("RUN,bob,{TICKET},a,b")), Err(BadOpening::Form(_))));
    }
}
