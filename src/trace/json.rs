//! An event as a line of JSON: the fields of docs/TRACE.md, in their order.

use super::event::{Datagram, End, Event, Fate, NotMade, Recorded, Says};
use super::known::{Again, Known};
use std::fmt::{Display, Write};
use std::time::UNIX_EPOCH;

/// An object that is written field by field.
struct Object(String);

impl Object {
    fn new(recorded: &Recorded) -> Object {
        let wall = recorded.at.wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (t, m) = (wall.as_micros(), recorded.at.since_start.as_micros());
        let parts = |micros: u128| (micros / 1_000_000, micros % 1_000_000);
        let ((seconds, micros), (since, since_micros)) = (parts(t), parts(m));
        Object(format!("{{\"t\":{seconds}.{micros:06},\"m\":{since}.{since_micros:06},\"n\":{}", recorded.n))
    }

    /// A number, or what else is JSON already.
    fn raw(mut self, field: &str, value: impl Display) -> Object {
        // A String takes every write.
        let _ = write!(self.0, ",\"{field}\":{value}");
        self
    }

    /// A text, without a character that a terminal obeys: who looks at a trace there sees all of it.
    fn text(self, field: &str, value: impl Display) -> Object {
        let value = serde_json::Value::String(value.to_string()).to_string();
        // JSON itself escapes those below the blank alone.
        let pieces = value.split_inclusive(char::is_control).map(|piece| match piece.char_indices().next_back() {
            Some((at, c)) if c.is_control() => format!("{}\\u{:04x}", &piece[..at], c as u32),
            _ => piece.to_owned(),
        });
        self.raw(field, pieces.collect::<String>())
    }

    fn maybe(self, field: &str, value: Option<impl Display>) -> Object {
        match value {
            Some(value) => self.text(field, value),
            None => self,
        }
    }

    fn ev(self, ev: &str) -> Object {
        self.text("ev", ev)
    }

    fn pair(self, field: &str, (first, last): (u64, u64)) -> Object {
        self.raw(field, format_args!("[{first},{last}]"))
    }

    fn end(self) -> String {
        self.0 + "}\n"
    }
}

/// The line of an event, with its LF; none of what is for the other sinks alone. `again` is what is known of a datagram.
pub fn line(recorded: &Recorded, known: &Known, again: Option<Again>) -> String {
    let object = Object::new(recorded);
    match &recorded.event {
        Event::Start { who, at } => {
            let object = object.ev("start").text("who", who).raw("pid", std::process::id());
            object.text("version", env!("CARGO_PKG_VERSION")).raw("masked", true).maybe("at", *at)
        }
        Event::Stop => object.ev("stop"),
        Event::Accept { c, at, from, dialect } => {
            object.ev("accept").raw("c", c).maybe("at", *at).text("from", from).text("dialect", dialect)
        }
        Event::Refused { from, why } => object.ev("refused").text("from", from).text("why", why),
        Event::Connect { c, at, from } => object.ev("connect").raw("c", c).text("at", at).maybe("from", *from),
        Event::Close { c, how } => object.ev("close").raw("c", c).text("how", end(*how)),
        Event::Thread { name, begins } => object.ev(if *begins { "thread+" } else { "thread-" }).text("thread", name),
        Event::Name { c, name, ip, .. } => {
            let object = object.ev("name");
            let object = match c {
                Some(c) => object.raw("c", c),
                None => object,
            };
            object.text("name", name).maybe("ip", *ip)
        }
        Event::Left { c, .. } => object.ev("left").raw("c", c).maybe("name", known.name(*c)),
        Event::Read { c, off, len, bytes } => bytes_of(object.ev("read"), *c, *off, *len, bytes),
        Event::Write { c, off, len, bytes } => bytes_of(object.ev("write"), *c, *off, *len, bytes),
        Event::Line { c, line, took } => {
            let took: Vec<String> = took.iter().map(u64::to_string).collect();
            object.ev("line").raw("c", c).text("line", line).raw("took", format_args!("[{}]", took.join(",")))
        }
        Event::Decide { c, verb, says, why } => {
            let says = if *says == Says::Ok { "OK" } else { "ERR" };
            let object = object.ev("decide").raw("c", c).maybe("name", known.name(*c));
            object.text("verb", verb).text("says", says).text("why", why)
        }
        Event::Notice { c, line } => object.ev("notice").raw("c", c).text("line", line),
        Event::Datagram(datagram) => datagram_of(object, datagram, known, again),
        Event::Acked { token, from, upto, top, missing, bytes } => {
            let object = object.ev("acked").maybe("to", known.owner(*token)).text("from", from);
            acknowledged(object.raw("port", from.port()), *upto, *top, missing).text("bytes", bytes)
        }
        Event::Hello { at, port, upto, top, missing, bytes } => {
            let object = object.ev("hello").text("at", at);
            let object = match port {
                Some(port) => object.raw("port", port),
                None => object,
            };
            acknowledged(object, *upto, *top, missing).text("bytes", bytes)
        }
        Event::Received { from, numbers, len, bytes } => {
            let object = object.ev("datagram").text("from", from).raw("port", from.port());
            let object = match (numbers.first(), numbers.last(), known.new_ones()) {
                (Some(first), Some(last), Some(new)) => object.pair("seq", (*first, *last)).pair("shown", new),
                (Some(first), Some(last), None) => object.pair("seq", (*first, *last)).raw("shown", "[]"),
                _ => object,
            };
            object.raw("len", len).text("bytes", bytes)
        }
        Event::Ticket { asker, to, ticket } => {
            object.ev("ticket").text("for", asker).text("to", to).text("ticket", ticket)
        }
        Event::Redeem { c, with, ticket } => object.ev("redeem").raw("c", c).text("with", with).text("ticket", ticket),
        Event::Peer { c, verb, with, at } => {
            object.ev("peer").raw("c", c).text("verb", verb).text("with", with).text("at", at)
        }
    }
    .end()
}

/// What a hello says.
fn acknowledged(object: Object, upto: u64, top: Option<u64>, missing: &[(u64, u64)]) -> Object {
    let object = object.raw("acked", upto);
    let Some(top) = top else { return object };
    let missing: Vec<String> = missing.iter().map(|(first, last)| format!("[{first},{last}]")).collect();
    object.raw("top", top).raw("missing", format_args!("[{}]", missing.join(",")))
}

fn bytes_of(object: Object, c: u64, off: u64, len: usize, bytes: &str) -> Object {
    object.raw("c", c).raw("off", off).raw("len", len).text("bytes", bytes)
}

fn datagram_of(object: Object, datagram: &Datagram, known: &Known, again: Option<Again>) -> Object {
    let Datagram { d, token, at, seq, len, bytes, fate } = datagram;
    let ev = match (fate, again) {
        (Fate::Dropped, _) => "dropped",
        (Fate::Lost, _) => "lost",
        (Fate::Sent, Some(_)) => "again",
        (Fate::Sent, None) => "datagram",
    };
    let object = object.ev(ev).raw("d", d);
    let object = match again {
        Some(again) => object.raw("of", again.of),
        None => object,
    };
    let object = object.text("to", known.receiver(*token, *at)).text("at", at).raw("port", at.port());
    let object = match seq {
        Some(seq) => object.pair("seq", *seq),
        None => object,
    };
    let object = object.raw("len", len);
    let why = match (fate, again) {
        (Fate::Dropped, _) => Some("--udp-loss".to_owned()),
        (Fate::Lost, _) => Some("the system did not take it".to_owned()),
        (Fate::Sent, again) => again.map(|again| again.why()),
    };
    object.maybe("why", why).text("bytes", bytes)
}

/// How a connection has ended, in a word.
fn end(how: End) -> &'static str {
    match how {
        End::Fin => "fin",
        End::Rst => "rst",
        End::Shut => "shut",
        End::Slow => "slow",
        End::NotMade(NotMade::Refused) => "refused",
        End::NotMade(NotMade::Timeout) => "timeout",
        End::NotMade(NotMade::Unreachable) => "unreachable",
        End::NotMade(NotMade::Cancelled) => "cancelled",
        End::NotMade(NotMade::Failed) => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::Stamp;
    use super::*;
    use std::time::Duration;

    #[test]
    fn no_character_of_a_line_is_obeyed_by_a_terminal() {
        let said = "\u{9b}2J \u{1b}[2J \u{7f} \u{fc} \"\\";
        let event = Event::Notice { c: 1, line: said.to_owned() };
        let recorded = Recorded { n: 1, at: Stamp { wall: UNIX_EPOCH, since_start: Duration::ZERO }, event };
        let line = line(&recorded, &Known::default(), None);
        assert_eq!(line.chars().filter(|c| c.is_control()).collect::<String>(), "\n");
        let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(value["line"], said);
    }
}
