//! What the server is about to do to a client: what stands behind `notice_`.
//!
//! A program decides by the variant; the sentence is for people. Parsing and formatting are mirrors: a text that is
//! not exactly one of the sentences below is [`Notice::Other`], so what is read is always written back as it was.

use super::Ban;
use crate::value::duration;
use crate::value::sentence::between;
use crate::value::{TimeOfDay, Username};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// What is about to happen. `Display` is the sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's line names its fields in order")]
pub enum Notice {
    /// The login counts no longer; the connection stays, and the client is asked for its password again.
    SessionExpired,
    /// The server is full, and another client takes the place of this connection, which has not logged in.
    GivesWay,
    /// Too few lines in a window of the inactivity rule: the connection ends.
    Inactive,
    /// It will, unless the client sends something within this time.
    InactiveSoon(Duration),
    /// A new login of that name, from that address, took over from this session: the connection ends. Whether this one was
    /// encrypted, and that one is not.
    TakenOver { name: Username, from: IpAddr, in_the_clear: bool },
    /// No login came within this time: the connection ends.
    NotLoggedIn(Duration),
    /// The server ends, and with it the connection.
    ServerStops,
    /// What the receiver of this notice had handed over to this client was lost with its connection, at this time.
    NotDelivered { name: Username, at: TimeOfDay },
    /// What whoever runs the server says to everybody.
    House(String),
    /// Whoever runs the server ends the connection, and this is why.
    Removed(String),
    /// The same, and the client cannot log in again until then.
    Banned(Ban),
    /// Anything else: for people alone.
    Other(String),
}

const EXPIRED: &str = "Session expired, please log in again";
/// S1's words.
const INACTIVE: &str = "Inactive for too long, terminating connection";
const GIVES_WAY: &str = "The server is full, and you have not logged in";
const IN_THE_CLEAR: &str = " in the clear";
const STOPS: &str = "The server stops, terminating connection";
const HOUSE: &str = "From the house: ";
const REMOVED: &str = "Removed by the house: ";

impl Notice {
    /// Reads what stands behind `notice_`.
    pub fn parse(text: &str) -> Notice {
        // A time written in another unit than ours would be written back differently.
        let known = Self::parse_known(text).filter(|known| known.to_string() == text);
        known.unwrap_or_else(|| Notice::Other(text.to_owned()))
    }

    fn parse_known(text: &str) -> Option<Notice> {
        match text {
            EXPIRED => return Some(Notice::SessionExpired),
            INACTIVE => return Some(Notice::Inactive),
            STOPS => return Some(Notice::ServerStops),
            GIVES_WAY => return Some(Notice::GivesWay),
            _ => {}
        }
        // Before all that looks into a text: in these somebody has written it.
        if let Some(said) = text.strip_prefix(HOUSE) {
            return Some(Notice::House(said.to_owned()));
        }
        if let Some(why) = text.strip_prefix(REMOVED) {
            return Some(Notice::Removed(why.to_owned()));
        }
        if let Some(ban) = Ban::parse(text) {
            return Some(Notice::Banned(ban));
        }
        let soon = between(text, "Inactive: send something within ", " or the connection is terminated");
        if let Some(left) = soon {
            return duration::parse(left).ok().map(Notice::InactiveSoon);
        }
        if let Some(limit) = between(text, "Not logged in within ", ", terminating connection") {
            return duration::parse(limit).ok().map(Notice::NotLoggedIn);
        }
        if let Some(rest) = text.strip_prefix("Not delivered: ") {
            let (name, at) = rest.split_once(" was lost at ")?;
            return Some(Notice::NotDelivered { name: name.parse().ok()?, at: at.parse().ok()? });
        }
        let (name, from) = text.strip_suffix(", terminating this connection")?.split_once(" has logged in from ")?;
        let clear = from.strip_suffix(IN_THE_CLEAR);
        let (from, in_the_clear) = (clear.unwrap_or(from).parse().ok()?, clear.is_some());
        Some(Notice::TakenOver { name: name.parse().ok()?, from, in_the_clear })
    }

    /// Whether the server closes the connection because of what its owner did: left it unused, or logged in
    /// elsewhere, or because whoever runs it does not want it. A client that came back by itself would make two clients of
    /// one name throw each other out for ever.
    pub fn forbids_return(&self) -> bool {
        match self {
            Notice::Inactive | Notice::TakenOver { .. } | Notice::Removed(_) | Notice::Banned(_) => true,
            Notice::SessionExpired
            | Notice::InactiveSoon(_)
            | Notice::NotLoggedIn(_)
            | Notice::ServerStops
            | Notice::GivesWay
            | Notice::NotDelivered { .. }
            | Notice::House(_)
            | Notice::Other(_) => false,
        }
    }
}

/// The sentence: the mirror of [`Notice::parse`].
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::SessionExpired => f.write_str(EXPIRED),
            Notice::Inactive => f.write_str(INACTIVE),
            Notice::InactiveSoon(left) => {
                let left = duration::show(*left);
                write!(f, "Inactive: send something within {left} or the connection is terminated")
            }
            Notice::TakenOver { name, from, in_the_clear } => {
                let clear = if *in_the_clear { IN_THE_CLEAR } else { "" };
                write!(f, "{name} has logged in from {from}{clear}, terminating this connection")
            }
            Notice::NotLoggedIn(limit) => {
                write!(f, "Not logged in within {}, terminating connection", duration::show(*limit))
            }
            Notice::NotDelivered { name, at } => write!(f, "Not delivered: {name} was lost at {at}"),
            Notice::ServerStops => f.write_str(STOPS),
            Notice::GivesWay => f.write_str(GIVES_WAY),
            Notice::House(said) => write!(f, "{HOUSE}{said}"),
            Notice::Removed(why) => write!(f, "{REMOVED}{why}"),
            Notice::Banned(ban) => ban.fmt(f),
            Notice::Other(sentence) => f.write_str(sentence),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_notice_there_and_back() {
        let lines = [
            ("Session expired, please log in again", false),
            ("Inactive for too long, terminating connection", true),
            ("Inactive: send something within 5m or the connection is terminated", false),
            ("alice has logged in from 10.0.0.7, terminating this connection", true),
            ("alice has logged in from ::1, terminating this connection", true),
            ("alice has logged in from 10.0.0.7 in the clear, terminating this connection", true),
            ("Not logged in within 1m, terminating connection", false),
            ("The server stops, terminating connection", false),
            ("Not delivered: bob was lost at 09:05", false),
            ("From the house: Not delivered: bob was lost at 09:05", false),
            ("Removed by the house: Inactive for too long, terminating connection", true),
            ("Banned by the house until 2026-11-28 19:05 UTC: too loud", true),
            ("Banned by the house until further notice: too loud", true),
        ];
        for (line, forbids) in lines {
            let notice = Notice::parse(line);
            assert_eq!(notice.to_string(), line);
            assert!(!matches!(notice, Notice::Other(_)), "{line}");
            assert_eq!(notice.forbids_return(), forbids, "{line}");
        }
    }

    #[test]
    fn a_text_that_only_looks_like_it_forbids_nothing() {
        let lines = [
            "",
            "Inactive for too long",
            "eve says: bob has logged in from 1.2.3.4, terminating this connection",
            "Not logged in within 60s, terminating connection",
            "Not delivered: bob was lost at 9:05",
            "Not delivered: bob was lost at 24:00",
            "Banned by the house until noon: too loud",
        ];
        for line in lines {
            assert_eq!(Notice::parse(line), Notice::Other(line.to_owned()));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_is_read_is_written_back(
            start in "(|Inactive: send something within |Not logged in within |bob has logged in from |Not delivered: bob was lost at |From the house: |Banned by the house until )",
            middle in "([0-9]{1,4}(ms|s|m|h)|[ -~ü]{0,20}|10\\.0\\.0\\.[0-9]{1,3}|[0-9]{1,2}:[0-9]{1,2})",
            end in "(| or the connection is terminated|, terminating connection|, terminating this connection)",
        ) {
            let text = format!("{start}{middle}{end}");
            prop_assert_eq!(Notice::parse(&text).to_string(), text);
        }
    }
}
