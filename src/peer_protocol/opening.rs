//! The words between two peers: the first line of a connection says what it is for, the answer says yes or why not.

use super::{BadGive, What};
use crate::value::{InvalidUsername, Ticket, TicketStart, Username, comma};
use std::fmt;

/// What stands where the ticket belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TicketField {
    /// Nothing, or the field is missing: whoever asks was not introduced, and does not say so.
    Empty,
    /// The first 12 digits: both sides prove now that they have them all. See [`super::Proof`].
    Start(TicketStart),
    /// All 32 digits, as `nc` shows them: introduced, and asks for no proof.
    Whole(Ticket),
    /// Something that can be no ticket, so nobody knows it.
    Other(String),
}

/// The first line of a peer connection. Without a ticket a chat or a message is unverified, and all else refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's line names its fields in order")]
pub enum Opening {
    /// `CHAT,name,TICKET`: may I talk with you? After `OK` every line either way is text.
    Chat { name: Username, ticket: TicketField },
    /// `MSG,name,TICKET`, then one line: a single message.
    Message { name: Username, ticket: TicketField },
    /// `FILE,filename,name,TICKET[,OFFSET]`: a shared file from OFFSET, in bytes, to its end.
    File { filename: String, name: Username, ticket: TicketField, offset: u64 },
    /// `RUN,name,TICKET,command`: run a command and send its output.
    Run { name: Username, ticket: TicketField, command: String },
    /// `LIST,name,TICKET`: the files you share, with their sizes; see [`super::SharedFile`].
    List { name: Username, ticket: TicketField },
    /// `GIVE,WHAT,BYTES,COUNT,name,TICKET`: may I give you these files? See [`super::GiverLine`] for what follows.
    Give { what: What, bytes: u64, count: u32, name: Username, ticket: TicketField },
    /// `VERIFY,name,TICKET`: let us compare the words of this connection by voice. By TLS alone, where both have a key.
    Verify { name: Username, ticket: TicketField },
    /// `PROBE,name,TICKET`: who listens here? Nothing is shown.
    Probe { name: Username, ticket: TicketField },
}

/// Why a first line opens nothing; its `Display` is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadOpening {
    /// The first word is none of the eight.
    Unknown,
    /// A known word with the wrong fields.
    Form(&'static str),
    /// The name is not a username.
    Name(InvalidUsername),
    /// What is offered cannot be.
    Give(BadGive),
}

impl Opening {
    /// Reads the first line, without its line end.
    ///
    /// # Errors
    /// [`BadOpening`], to be answered as `ERR,...`.
    pub fn parse(line: &str) -> Result<Opening, BadOpening> {
        let fields = comma::split(line);
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let ticket = TicketField::parse;
        let name = |text: &str| text.parse().map_err(BadOpening::Name);
        match fields.as_slice() {
            ["CHAT", who] => Ok(Opening::Chat { name: name(who)?, ticket: TicketField::Empty }),
            ["CHAT", who, proof] => Ok(Opening::Chat { name: name(who)?, ticket: ticket(proof) }),
            ["MSG", who] => Ok(Opening::Message { name: name(who)?, ticket: TicketField::Empty }),
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
            ["LIST", who] => Ok(Opening::List { name: name(who)?, ticket: TicketField::Empty }),
            ["LIST", who, proof] => Ok(Opening::List { name: name(who)?, ticket: ticket(proof) }),
            ["GIVE", what, bytes, count, who, proof] => {
                let count = count.trim().parse().map_err(|_| BadOpening::Form(GIVE_FORM))?;
                Ok(Opening::Give {
                    what: What::parse(what, count).map_err(BadOpening::Give)?,
                    bytes: bytes.trim().parse().map_err(|_| BadOpening::Form(GIVE_FORM))?,
                    count,
                    name: name(who)?,
                    ticket: ticket(proof),
                })
            }
            ["VERIFY", who] => Ok(Opening::Verify { name: name(who)?, ticket: TicketField::Empty }),
            ["VERIFY", who, proof] => Ok(Opening::Verify { name: name(who)?, ticket: ticket(proof) }),
            ["PROBE", who] => Ok(Opening::Probe { name: name(who)?, ticket: TicketField::Empty }),
            ["PROBE", who, proof] => Ok(Opening::Probe { name: name(who)?, ticket: ticket(proof) }),
            ["CHAT", ..] => Err(BadOpening::Form("CHAT,name,TICKET")),
            ["MSG", ..] => Err(BadOpening::Form("MSG,name,TICKET, then one line of text")),
            ["FILE", ..] => Err(BadOpening::Form(FILE_FORM)),
            ["RUN", ..] => Err(BadOpening::Form("RUN,name,TICKET,command, in \"quotes\" if it holds a comma")),
            ["LIST", ..] => Err(BadOpening::Form("LIST,name,TICKET")),
            ["GIVE", ..] => Err(BadOpening::Form(GIVE_FORM)),
            ["VERIFY", ..] => Err(BadOpening::Form("VERIFY,name,TICKET")),
            ["PROBE", ..] => Err(BadOpening::Form("PROBE,name,TICKET")),
            _ => Err(BadOpening::Unknown),
        }
    }

    /// Who says to be calling.
    pub fn name(&self) -> &Username {
        match self {
            Opening::Chat { name, .. }
            | Opening::Message { name, .. }
            | Opening::File { name, .. }
            | Opening::Run { name, .. }
            | Opening::List { name, .. }
            | Opening::Give { name, .. }
            | Opening::Verify { name, .. }
            | Opening::Probe { name, .. } => name,
        }
    }

    /// What shows that the asker was introduced.
    pub fn ticket(&self) -> &TicketField {
        match self {
            Opening::Chat { ticket, .. }
            | Opening::Message { ticket, .. }
            | Opening::File { ticket, .. }
            | Opening::Run { ticket, .. }
            | Opening::List { ticket, .. }
            | Opening::Give { ticket, .. }
            | Opening::Verify { ticket, .. }
            | Opening::Probe { ticket, .. } => ticket,
        }
    }
}

impl TicketField {
    /// Reads the field.
    pub fn parse(text: &str) -> TicketField {
        let text = text.trim();
        if text.is_empty() {
            return TicketField::Empty;
        }
        let start = text.parse().map(TicketField::Start);
        start.or_else(|_| text.parse().map(TicketField::Whole)).unwrap_or_else(|_| TicketField::Other(text.to_owned()))
    }
}

/// The field: the mirror of [`TicketField::parse`].
impl fmt::Display for TicketField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TicketField::Empty => Ok(()),
            TicketField::Start(start) => start.fmt(f),
            TicketField::Whole(ticket) => ticket.fmt(f),
            TicketField::Other(text) => f.write_str(text),
        }
    }
}

const GIVE_FORM: &str = "GIVE,WHAT,BYTES,COUNT,name,TICKET, with WHAT in \"quotes\" if it holds a comma";
const FILE_FORM: &str = "FILE,filename,name,TICKET[,OFFSET], with the filename in \"quotes\" if it holds a comma";

/// The line of an opening, without its line end: the mirror of [`Opening::parse`].
impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let proof = self.ticket().to_string();
        let who = self.name().as_str();
        let record = match self {
            Opening::Chat { .. } => comma::join(["CHAT", who, &proof]),
            Opening::Message { .. } => comma::join(["MSG", who, &proof]),
            Opening::File { filename, offset, .. } => comma::join(["FILE", filename, who, &proof, &offset.to_string()]),
            Opening::Run { command, .. } => comma::join(["RUN", who, &proof, command]),
            Opening::List { .. } => comma::join(["LIST", who, &proof]),
            Opening::Verify { .. } => comma::join(["VERIFY", who, &proof]),
            Opening::Probe { .. } => comma::join(["PROBE", who, &proof]),
            Opening::Give { what, bytes, count, .. } => {
                comma::join(["GIVE", &what.to_string(), &bytes.to_string(), &count.to_string(), who, &proof])
            }
        };
        f.write_str(&record)
    }
}

impl fmt::Display for BadOpening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadOpening::Unknown => {
                f.write_str("The first line must begin with CHAT, MSG, FILE, RUN, LIST, GIVE, VERIFY or PROBE")
            }
            BadOpening::Form(form) => write!(f, "Send {form}"),
            BadOpening::Name(invalid) => invalid.fmt(f),
            BadOpening::Give(bad) => bad.fmt(f),
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
            format!("LIST,alice,{TICKET}"),
            format!("GIVE,\"a, b.txt\",6,1,alice,{TICKET}"),
            format!("GIVE,photos/,0,10000,alice,{TICKET}"),
            format!("GIVE,2 files,7,2,alice,{TICKET}"),
            format!("VERIFY,alice,{TICKET}"),
            "PROBE,alice,001122334455".to_owned(),
        ] {
            assert_eq!(Opening::parse(&line).map(|opening| opening.to_string()), Ok(line));
        }
    }

    #[test]
    fn a_ticket_may_be_missing_shown_in_part_shown_or_none() {
        let ticket: Ticket = TICKET.parse().expect("a ticket");
        let start = TicketField::Start(ticket.start());
        let other = |text: &str| TicketField::Other(text.to_owned());
        for (line, field) in [
            ("CHAT,alice".to_owned(), TicketField::Empty),
            ("PROBE,alice, ".to_owned(), TicketField::Empty),
            ("FILE,a,alice,001122334455".to_owned(), start),
            (format!("MSG,alice,{}", TICKET.to_uppercase()), TicketField::Whole(ticket)),
            ("MSG,alice,nonsense".to_owned(), other("nonsense")),
            ("RUN,alice,12,date".to_owned(), other("12")),
        ] {
            assert_eq!(Opening::parse(&line).map(|opening| opening.ticket().clone()), Ok(field), "{line}");
        }
    }

    #[test]
    fn wrong_first_lines_are_told_the_form() {
        assert_eq!(Opening::parse("GET / HTTP/1.1"), Err(BadOpening::Unknown));
        assert_eq!(Opening::parse("CHAT"), Err(BadOpening::Form("CHAT,name,TICKET")));
        assert_eq!(Opening::parse("CHAT,a_b,"), Err(BadOpening::Name(InvalidUsername)));
        assert_eq!(Opening::parse(&format!("FILE,a,bob,{TICKET},-1")), Err(BadOpening::Form(FILE_FORM)));
        for bad in ["a.txt,6,one", "a.txt,-6,1", "a.txt,6"] {
            let line = format!("GIVE,{bad},bob,{TICKET}");
            assert_eq!(Opening::parse(&line), Err(BadOpening::Form(GIVE_FORM)), "{line}");
        }
        for bad in ["a.txt,6,2", "a/b,6,1", "../,6,1", "a.txt,6,0", "3 files,6,2"] {
            let line = format!("GIVE,{bad},bob,{TICKET}");
            assert_eq!(Opening::parse(&line), Err(BadOpening::Give(BadGive::What)), "{line}");
        }
        assert!(matches!(Opening::parse(&format!("RUN,bob,{TICKET},a,b")), Err(BadOpening::Form(_))));
    }
}
