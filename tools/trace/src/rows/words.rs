//! What stands at a row: labels, notes, and the whole in words.

use crate::connections::EventId;
use crate::datagrams::{Datagram, Fate, Says};
use crate::event::{Content, Hello, Kind};
use crate::lanes::Lane;
use crate::merge::Merged;
use crate::streams::Piece;
use crate::text::{SHOWN, count, cut, plain, raw, recorded};

/// A small number in words.
pub fn number(number: usize) -> String {
    const WORDS: [&str; 10] = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    WORDS.get(number).map_or_else(|| number.to_string(), |word| (*word).to_owned())
}

/// A text behind what leads to it; nothing where there is none.
pub fn behind(lead: &str, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{lead}{text}") }
}

pub fn decided(verb: &str, says: &str, why: &str) -> String {
    format!("{verb}: {says}{}", behind(", ", why))
}

pub fn ticket(owner: &str, to: &str, ticket: &str) -> String {
    format!("ticket {ticket} for {owner}{}", behind(", to meet ", to))
}

pub fn redeemed(with: &str, ticket: &str) -> String {
    format!("{with} has proven to have ticket {ticket}")
}

/// Why a connection was never made, by what a trace says of its end, and how long that took in microseconds; nothing for
/// one that was made.
pub fn not_made(how: &str, took: i64) -> Option<String> {
    Some(match how {
        "refused" => "refused: nobody listens there".to_owned(),
        "timeout" => format!("nobody has answered for {:.1} s", took as f64 / 1e6),
        "unreachable" => "there is no way there".to_owned(),
        "cancelled" => "given up before it was made".to_owned(),
        "failed" => "it could not be made".to_owned(),
        _ => return None,
    })
}

/// The bytes of a piece, as far as they were recorded: those of the read, or its part of the write.
pub fn bytes(merged: &Merged, piece: &Piece) -> String {
    let of = |id: EventId| match &merged.event(id).kind {
        Kind::Bytes { off, len, bytes, .. } => part(bytes, *off, *len, piece),
        _ => None,
    };
    piece.read.and_then(of).or_else(|| piece.write.and_then(of)).unwrap_or_default()
}

/// The part of an event's bytes that is in a piece; none where it cannot be cut out.
fn part(bytes: &str, off: u64, len: u64, piece: &Piece) -> Option<String> {
    if (off, len) == (piece.off, piece.len) {
        return Some(bytes.to_owned());
    }
    let raw = raw(bytes, len)?;
    let from = usize::try_from(piece.off.checked_sub(off)?).ok()?;
    Some(recorded(raw.get(from..from.checked_add(usize::try_from(piece.len).ok()?)?)?))
}

/// All about a piece.
pub fn piece_title(merged: &Merged, piece: &Piece, from: Lane, to: Lane) -> String {
    let (names, last) = (&merged.lanes.names, piece.off.saturating_add(piece.len - 1));
    let which = if piece.len == 1 { format!("byte {last}") } else { format!("bytes {} to {last}", piece.off) };
    let delay = piece.write.zip(piece.read).map(|(write, read)| merged.time(read) - merged.time(write));
    // A write returns, and only then is told: the other side may have read by then.
    let took = delay
        .filter(|delay| *delay > 0)
        .map_or(String::new(), |delay| format!(", read after {:.3} ms", delay as f64 / 1e3));
    let text = behind(": ", &plain(&bytes(merged, piece)));
    format!("{} to {}, {which}{took}{text}", names[from], names[to])
}

/// Numbers first and last, as `5-6` or `5`.
fn range((first, last): (u64, u64)) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

/// What a datagram says without the line of its token, which each has.
pub fn behind_token(bytes: &str) -> &str {
    bytes.split_once('\n').map_or(bytes, |(_, behind)| behind).trim_end_matches('\n')
}

pub fn datagram_label(datagram: &Datagram) -> String {
    let number = if datagram.d > 0 { format!("#{} ", datagram.d) } else { String::new() };
    let what = match &datagram.says {
        Says::Content(Content { sequence: Some(sequence), .. }) => format!("bcast {}", range(*sequence)),
        Says::Content(content) if content.bytes.is_empty() => "a number".to_owned(),
        Says::Content(content) => cut(&plain(behind_token(&content.bytes)), SHOWN - 12),
        Says::Hello(hello) => format!("hello: {}", has(hello)),
    };
    format!("{number}{what}{}", if datagram.of.is_some() { " again" } else { "" })
}

/// What a hello says to have come.
fn has(hello: &Hello) -> String {
    let missing: Vec<String> = hello.missing.iter().take(16).map(|missing| range(*missing)).collect();
    match (hello.acked, hello.top) {
        (_, Some(top)) if !missing.is_empty() => format!("up to {top} without {}", missing.join(", ")),
        (0, _) => "nothing yet".to_owned(),
        (acked, _) => format!("all up to {acked}"),
    }
}

/// Whether it is one of the many that keep a session going, and tell nothing that a story needs.
pub fn is_routine(datagram: &Datagram) -> bool {
    if !matches!(datagram.fate, Fate::Came(_) | Fate::Unknown) {
        return false;
    }
    match &datagram.says {
        // The short ones, without `top`, ask for the first time; `tail_` asks for what is missing.
        Says::Hello(hello) => hello.missing.is_empty() && hello.top.is_some(),
        Says::Content(content) => content.sequence.is_none() && !behind_token(&content.bytes).starts_with("tail_"),
    }
}

pub fn datagram_notes(datagram: &Datagram) -> Vec<String> {
    let why = &datagram.why;
    let fate = match &datagram.fate {
        Fate::Dropped => Some(format!("dropped on purpose{}", behind(": ", why))),
        Fate::NotTaken => Some(format!("the system did not take it{}", behind(": ", why))),
        Fate::Lost => Some("lost: it left, and never came".to_owned()),
        Fate::Came(_) | Fate::Unknown => None,
    };
    let is_dropped = matches!(datagram.fate, Fate::Dropped | Fate::NotTaken);
    let first = |of| format!("first tried as #{of}{}", if is_dropped { String::new() } else { because(why) });
    fate.into_iter().chain(datagram.of.map(|(of, _)| first(of))).collect()
}

/// What the last hello says, for whose sake a datagram is sent again.
fn because(why: &str) -> String {
    match why.strip_prefix("hello_") {
        Some("0") => format!("; {why} says: nothing yet"),
        Some(upto) => format!("; {why} says: all up to {upto}"),
        None => behind(": ", why),
    }
}

/// Its bytes, as far as they were recorded, and how many they are.
pub fn datagram_bytes(datagram: &Datagram) -> (String, u64) {
    match &datagram.says {
        Says::Content(content) => (content.bytes.clone(), content.len),
        // It has a token, which is hidden.
        Says::Hello(hello) => (hello.bytes.clone(), 0),
    }
}

/// All about a datagram.
pub fn datagram_title(datagram: &Datagram) -> String {
    let number = if datagram.d > 0 { format!("#{}: ", datagram.d) } else { String::new() };
    let what = match &datagram.says {
        Says::Content(Content { sequence: Some((first, last)), .. }) if first == last => format!("broadcast {first}"),
        Says::Content(Content { sequence: Some(sequence), .. }) => format!("broadcasts {}", range(*sequence)),
        Says::Content(_) => "a number".to_owned(),
        Says::Hello(_) => "a hello".to_owned(),
    };
    let len = match &datagram.says {
        Says::Content(content) if content.len > 0 => format!(", {}", count(content.len as usize, "byte")),
        _ => String::new(),
    };
    let notes: String = datagram_notes(datagram).iter().map(|note| format!(", {note}")).collect();
    plain(&format!("{number}{what}{len}{notes}{}", behind(": ", &datagram_bytes(datagram).0)))
}
