//! How a line looks in a window: a name in its column, a text beside it, and how much it matters. It knows no window.

use super::text::{self, assured, fitting, offer, run_request, six_words};
use crate::client::event::{Bearer, Shown, Style};
use crate::value::text::escape;
use jiff::tz::TimeZone;

/// A line as a window shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// What stands in the column of names: who said it, `?` for a question, `-` for what the client itself says.
    pub name: String,
    /// How it looks.
    pub style: Style,
    /// What is said, fit to be shown: no control character is in it.
    pub text: String,
    /// How much it matters to who looks elsewhere.
    pub weight: Weight,
}

/// How much a line matters to who looks elsewhere; the larger is the stronger mark of its window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Not at all: it is our own, or an answer.
    #[default]
    None,
    /// Something failed that was asked for.
    Failed,
    /// A line of a conversation of many.
    Unread,
    /// A message to this person.
    ForYou,
    /// A question that waits for an answer.
    Question,
}

const RED: Style = Style::Colour(31);
const GREEN: Style = Style::Colour(32);
const YELLOW: Style = Style::Colour(33);
const MAGENTA: Style = Style::Colour(35);
const CYAN: Style = Style::Colour(36);

/// How something looks in a window; `me` is our own name, as it stands beside what we say. A question leaves out as
/// much of a long command as it must for `fits`.
pub fn look(shown: &Shown, me: &str, zone: &TimeZone, fits: impl Fn(&str) -> bool) -> Look {
    match shown {
        Shown::Broadcast { broadcast, .. } if broadcast.from.as_str().eq_ignore_ascii_case(me) => {
            said(me, Style::Plain, &broadcast.text, Weight::None)
        }
        Shown::Broadcast { broadcast, earlier: true } => {
            said(broadcast.from.as_str(), Style::Dim, &broadcast.text, Weight::None)
        }
        Shown::Broadcast { broadcast, .. } => said(broadcast.from.as_str(), CYAN, &broadcast.text, Weight::Unread),
        Shown::Message { from, text, bearer } => {
            let how = match bearer {
                Bearer::Stranger(address) => format!(" (unverified, from {address})"),
                Bearer::Server { is_proof: false } => " (through the server, unverified)".to_owned(),
                Bearer::Server { is_proof: true } => " (through the server)".to_owned(),
                Bearer::Sender => String::new(),
            };
            Look {
                name: name(from.as_str(), bearer.stranger().is_none()),
                style: MAGENTA,
                text: format!("{}{how}", escape(text)),
                weight: Weight::ForYou,
            }
        }
        Shown::ChatLine { from, verified, text, .. } => {
            Look { name: name(from.as_str(), *verified), style: GREEN, text: escape(text), weight: Weight::ForYou }
        }
        Shown::Sent { text, .. } | Shown::Said { text, .. } => said(me, Style::Plain, text, Weight::None),
        Shown::ChatRequest { question, from, stranger } => {
            let who = stranger.map_or_else(String::new, |address| format!(" (unverified, from {address})"));
            question_look(format!("{from}{who} wants to chat: /accept {question} or /decline {question}"))
        }
        Shown::Offer { question, from, what, count, size, room } => {
            let answers = format!("/accept {question} or /decline {question}");
            let offer = |columns| format!("{}: {answers}", offer(from, what, *count, *size, *room, columns));
            question_look(fitting(offer, fits))
        }
        Shown::RunRequest { question, from, command } => {
            question_look(fitting(|columns| run_request(*question, from, command, "/", columns), fits))
        }
        Shown::Notice { .. } => own("-", YELLOW, shown, zone, Weight::Unread),
        Shown::RunLine { error: true, .. } => own("!", RED, shown, zone, Weight::None),
        Shown::Words { with, words, asked } => question_look(six_words(with, *words, *asked, "/")),
        Shown::ByVoice { were_same: true, .. } => own("-", GREEN, shown, zone, Weight::None),
        Shown::ByVoice { were_same: false, .. } => own("!", RED, shown, zone, Weight::None),
        Shown::ChatOpened { with, assurance } => Look {
            name: "-".to_owned(),
            style: Style::Dim,
            text: format!("Chat with {with}{} opened; /exit ends it", assured(*assurance)),
            weight: Weight::Unread,
        },
        Shown::ChatSilent { .. } | Shown::ChatClosed { .. } | Shown::RunBegun { .. } | Shown::Missed { .. } => {
            own("-", Style::Dim, shown, zone, Weight::Unread)
        }
        _ if shown.is_error() => own("!", RED, shown, zone, Weight::Failed),
        Shown::Info { .. } | Shown::Joined { .. } | Shown::Left { .. } => {
            own("-", Style::Dim, shown, zone, Weight::None)
        }
        Shown::ChatCalling { .. } | Shown::RunAsking { .. } => {
            let look = own("-", Style::Dim, shown, zone, Weight::None);
            Look { text: look.text + " Ctrl-C cancels", ..look }
        }
        _ => own("", Style::Plain, shown, zone, Weight::None),
    }
}

fn said(name: &str, style: Style, text: &str, weight: Weight) -> Look {
    Look { name: name.to_owned(), style, text: escape(text), weight }
}

/// A question. Its answers have a slash, as in the window of a person a word without one is a text.
fn question_look(text: String) -> Look {
    Look { name: "?".to_owned(), style: YELLOW, text, weight: Weight::Question }
}

/// What the client itself says.
fn own(name: &str, style: Style, shown: &Shown, zone: &TimeZone, weight: Weight) -> Look {
    Look { name: name.to_owned(), style, text: text::text(shown, zone), weight }
}

/// Whoever is not proven to be somebody has a mark before the name.
fn name(name: &str, verified: bool) -> String {
    if verified { name.to_owned() } else { format!("?{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Broadcast;
    use crate::value::Username;
    use std::net::{IpAddr, Ipv4Addr};

    fn name(text: &str) -> Username {
        text.parse().expect("valid")
    }

    fn seen(shown: &Shown) -> (String, String, Weight) {
        let Look { name, text, weight, .. } = look(shown, "alice", &TimeZone::UTC, |_| true);
        (name, text, weight)
    }

    #[test]
    fn one_sees_oneself_by_name_and_others_as_they_are_proven() {
        let broadcast = |from: &str, earlier| Shown::Broadcast {
            broadcast: Broadcast { seq: 1, unix_time: 0, from: name(from), text: "hi".to_owned() },
            earlier,
        };
        let message = |bearer| Shown::Message { from: name("bob"), text: "hi".to_owned(), bearer };
        let eve = Bearer::Stranger(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let said = Shown::Said { to: name("bob"), text: "hi".to_owned() };
        for (shown, who, text, weight) in [
            (broadcast("Alice", false), "alice", "hi", Weight::None),
            (broadcast("bob", false), "bob", "hi", Weight::Unread),
            (broadcast("bob", true), "bob", "hi", Weight::None),
            (message(Bearer::Sender), "bob", "hi", Weight::ForYou),
            (message(eve), "?bob", "hi (unverified, from 127.0.0.1)", Weight::ForYou),
            (message(Bearer::Server { is_proof: true }), "bob", "hi (through the server)", Weight::ForYou),
            (message(Bearer::Server { is_proof: false }), "bob", "hi (through the server, unverified)", Weight::ForYou),
            (said, "alice", "hi", Weight::None),
        ] {
            assert_eq!(seen(&shown), (who.to_owned(), text.to_owned(), weight));
        }
    }

    #[test]
    fn a_question_outweighs_all_and_a_failure_is_seen() {
        let request = Shown::RunRequest { question: 2, from: name("bob"), command: "id".to_owned() };
        let (name, text, weight) = seen(&request);
        assert_eq!((name.as_str(), weight), ("?", Weight::Question));
        assert_eq!(text, "bob asks to run here: id   /allow 2 or /decline 2? (bob asks)");
        assert!(
            Weight::Question > Weight::ForYou && Weight::ForYou > Weight::Unread && Weight::Unread > Weight::Failed
        );
        let refused = Shown::Refused { text: "no".to_owned() };
        assert_eq!(seen(&refused), ("!".to_owned(), "no".to_owned(), Weight::Failed));
    }
}
