//! One line of a trace: what a server or a client did at one moment. Unknown fields are not looked at, and a field that
//! is missing has its zero, as a picture with a gap is better than none.

use serde_json::{Map, Value};

/// The most characters that are kept of the bytes of an event, and of its other texts.
const KEPT: usize = 1024;
/// The most bytes that are kept of the line itself, for who wants to read it as it was recorded.
const KEPT_LINE: usize = 2048;

/// An event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// Microseconds since 1970, by the clock of its machine.
    pub time: i64,
    /// Microseconds of the clock that nobody sets, where it is told.
    pub steady: Option<i64>,
    /// 1, 2, 3 in each file: a hole is lost events.
    pub number: u64,
    /// What happened.
    pub kind: Kind,
    /// The line as it was recorded; empty where it is long.
    pub raw: String,
}

/// What happened. `c` is the number of a connection in its file.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Kind {
    /// The first line of a file.
    Start {
        who: String,
        pid: u64,
    },
    /// A connection from `from` to `at`.
    Opened {
        c: u64,
        at: String,
        from: String,
        accepted: bool,
    },
    Closed {
        c: u64,
        how: String,
    },
    Thread {
        name: String,
        begun: bool,
    },
    /// Bytes of one `read` or `write`, the first of which is number `off` in its direction.
    Bytes {
        c: u64,
        written: bool,
        off: u64,
        len: u64,
        bytes: String,
    },
    /// A line that was cut out of the reads with the numbers `took`.
    Line {
        c: u64,
        line: String,
        took: Vec<u64>,
    },
    Decided {
        c: u64,
        verb: String,
        says: String,
        why: String,
    },
    Notice {
        c: u64,
        text: String,
    },
    /// The client of this connection, or of the whole file without one, has this name from now on.
    Named {
        c: Option<u64>,
        name: String,
    },
    /// A datagram of the server that left, or was to leave.
    Sent {
        to: String,
        datagram: Sent,
        fate: Leaving,
    },
    /// A datagram of the server that came.
    Received(Content),
    /// A hello that a client has sent.
    Hello(Hello),
    /// The same where it came: at the server, from this client.
    HelloCame {
        from: String,
        hello: Hello,
    },
    /// Drawn for `owner`, who wants to reach `to`.
    Ticket {
        owner: String,
        to: String,
        ticket: String,
    },
    Redeemed {
        c: Option<u64>,
        with: String,
        ticket: String,
    },
    /// Two clients are connected, and each knows who the other is.
    Peer {
        c: Option<u64>,
        verb: String,
        with: String,
    },
    /// A connection that was not served.
    Refused {
        from: String,
        why: String,
    },
    /// The login on a connection is over.
    Left {
        name: String,
    },
    /// The program has ended by itself.
    Stop,
    /// A kind of event that this program does not know.
    #[default]
    Other,
}

/// What a datagram of the server holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Content {
    /// The first and the last broadcast in it; none where it only tells a number.
    pub sequence: Option<(u64, u64)>,
    pub len: u64,
    pub bytes: String,
}

/// A datagram at its sender.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sent {
    /// Its sender's count.
    pub d: u64,
    /// The number of its first try.
    pub of: Option<u64>,
    pub content: Content,
    pub why: String,
}

/// What becomes of a datagram at its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    Left,
    /// Dropped on purpose.
    Dropped,
    /// The system did not take it.
    NotTaken,
}

/// What a client tells that it has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hello {
    /// All up to here.
    pub acked: u64,
    /// And up to here all but these ranges.
    pub top: Option<u64>,
    pub missing: Vec<(u64, u64)>,
    pub bytes: String,
}

/// Why a line is no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// It is no JSON object: mostly the half line of a program that was killed.
    NoObject,
    /// It has no time or no kind.
    NoEvent,
}

impl Event {
    /// Reads a line, without its line end.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(line: &str) -> Result<Event, Broken> {
        let value: Value = serde_json::from_str(line).map_err(|_| Broken::NoObject)?;
        let fields = Fields(value.as_object().ok_or(Broken::NoObject)?);
        let time = fields.micros("t").ok_or(Broken::NoEvent)?;
        let name = fields.text("ev");
        if name.is_empty() && !fields.has("who") {
            return Err(Broken::NoEvent);
        }
        let raw = if line.len() <= KEPT_LINE { line.to_owned() } else { String::new() };
        Ok(Event { time, steady: fields.micros("m"), number: fields.number("n"), kind: fields.kind(&name), raw })
    }
}

struct Fields<'a>(&'a Map<String, Value>);

impl Fields<'_> {
    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn text(&self, name: &str) -> String {
        match self.0.get(name) {
            Some(Value::String(text)) => text.chars().take(KEPT).collect(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        }
    }

    fn optional(&self, name: &str) -> Option<u64> {
        self.0.get(name).and_then(Value::as_u64)
    }

    fn number(&self, name: &str) -> u64 {
        self.optional(name).unwrap_or_default()
    }

    /// Seconds with fractions as microseconds; nothing that a calculation could overflow with.
    fn micros(&self, name: &str) -> Option<i64> {
        let seconds = self.0.get(name).and_then(Value::as_f64)?;
        (seconds.abs() < 1e11).then(|| (seconds * 1e6).round() as i64)
    }

    fn numbers(&self, name: &str) -> Vec<u64> {
        let list = self.0.get(name).and_then(Value::as_array);
        list.map(|list| list.iter().filter_map(Value::as_u64).take(KEPT).collect()).unwrap_or_default()
    }

    /// First and last number; one number alone is both.
    fn sequence(&self) -> Option<(u64, u64)> {
        range(self.0.get("seq")?)
    }

    fn kind(&self, name: &str) -> Kind {
        let c = self.number("c");
        match name {
            "accept" | "connect" => {
                Kind::Opened { c, at: self.text("at"), from: self.text("from"), accepted: name == "accept" }
            }
            "close" => Kind::Closed { c, how: self.text("how") },
            "thread+" | "thread-" => Kind::Thread { name: self.text("thread"), begun: name == "thread+" },
            "read" | "write" => {
                let bytes = self.text("bytes");
                let len = self.optional("len").unwrap_or(bytes.len() as u64);
                Kind::Bytes { c, written: name == "write", off: self.number("off"), len, bytes }
            }
            "line" => Kind::Line { c, line: self.text("line"), took: self.numbers("took") },
            "decide" => Kind::Decided { c, verb: self.text("verb"), says: self.text("says"), why: self.text("why") },
            "notice" => Kind::Notice { c, text: self.text("line") },
            "name" => Kind::Named { c: self.optional("c"), name: self.text("name") },
            "left" => Kind::Left { name: self.text("name") },
            "refused" => Kind::Refused { from: self.text("from"), why: self.text("why") },
            "stop" => Kind::Stop,
            "hello" => Kind::Hello(self.hello()),
            "acked" => Kind::HelloCame { from: self.text("to"), hello: self.hello() },
            "ticket" => Kind::Ticket { owner: self.text("for"), to: self.text("to"), ticket: self.text("ticket") },
            "redeem" => Kind::Redeemed { c: self.optional("c"), with: self.text("with"), ticket: self.text("ticket") },
            "peer" => {
                let (c, verb) = (self.optional("c"), self.text("verb"));
                Kind::Peer { c, verb, with: self.text("with") }
            }
            "datagram" if !self.has("d") && !self.has("to") => Kind::Received(self.content()),
            "datagram" | "again" => self.sent(Leaving::Left),
            "dropped" => self.sent(Leaving::Dropped),
            "lost" => self.sent(Leaving::NotTaken),
            _ if self.has("who") => Kind::Start { who: self.text("who"), pid: self.number("pid") },
            _ => Kind::Other,
        }
    }

    fn content(&self) -> Content {
        Content { sequence: self.sequence(), len: self.number("len"), bytes: self.text("bytes") }
    }

    fn sent(&self, fate: Leaving) -> Kind {
        let (d, of, why) = (self.number("d"), self.optional("of"), self.text("why"));
        Kind::Sent { to: self.text("to"), datagram: Sent { d, of, content: self.content(), why }, fate }
    }

    fn hello(&self) -> Hello {
        let missing = self.0.get("missing").and_then(Value::as_array);
        let missing = missing.map(|list| list.iter().take(KEPT).filter_map(range).collect());
        let (acked, top, bytes) = (self.number("acked"), self.optional("top"), self.text("bytes"));
        Hello { acked, top, missing: missing.unwrap_or_default(), bytes }
    }
}

/// A range: `[5,6]`, or `5`, which is both.
fn range(value: &Value) -> Option<(u64, u64)> {
    match value {
        Value::Array(list) => list.first()?.as_u64().zip(list.last()?.as_u64()),
        one => one.as_u64().map(|one| (one, one)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(fields: &str) -> Kind {
        let line = format!("{{\"t\":1.5,\"m\":0.25,\"n\":7,{fields}}}");
        let event = Event::parse(&line).expect("an event");
        assert_eq!((event.time, event.steady, event.number), (1_500_000, Some(250_000), 7));
        assert_eq!(event.raw, line);
        event.kind
    }

    #[test]
    fn an_event_has_its_fields() {
        assert_eq!(
            kind(r#""ev":"read","c":3,"off":0,"len":10,"bytes":"LOGIN,alic""#),
            Kind::Bytes { c: 3, written: false, off: 0, len: 10, bytes: "LOGIN,alic".to_owned() }
        );
        assert_eq!(
            kind(r#""ev":"line","c":3,"line":"LOGIN,alice,***","took":[41,42]"#),
            Kind::Line { c: 3, line: "LOGIN,alice,***".to_owned(), took: vec![41, 42] }
        );
        let content = Content { sequence: Some((5, 6)), len: 74, bytes: "udp_9f3c...".to_owned() };
        let datagram = Sent { d: 17, of: Some(9), content, why: "--udp-loss".to_owned() };
        assert_eq!(
            kind(
                r#""ev":"dropped","d":17,"of":9,"to":"eve","seq":[5,6],"len":74,"why":"--udp-loss","bytes":"udp_9f3c...""#
            ),
            Kind::Sent { to: "eve".to_owned(), datagram, fate: Leaving::Dropped }
        );
        let content = Content { sequence: Some((5, 5)), ..Content::default() };
        assert_eq!(kind(r#""ev":"datagram","port":4400,"seq":5,"shown":[5,6]"#), Kind::Received(content));
        let hello = Hello { acked: 5, top: Some(12), missing: vec![(6, 8), (11, 11)], bytes: String::new() };
        assert_eq!(kind(r#""ev":"hello","acked":5,"top":12,"missing":[[6,8],[11,11]]"#), Kind::Hello(hello));
        assert_eq!(kind(r#""who":"server","pid":5"#), Kind::Start { who: "server".to_owned(), pid: 5 });
    }

    #[test]
    fn what_is_not_known_is_no_fault() {
        assert_eq!(kind(r#""ev":"moon","c":{"x":[]}"#), Kind::Other);
        assert_eq!(kind(r#""ev":"close","c":"three","how":5"#), Kind::Closed { c: 0, how: "5".to_owned() });
        assert_eq!(Event::parse(r#"{"t":1.5,"ev":"rea"#), Err(Broken::NoObject));
        assert_eq!(Event::parse("[1]"), Err(Broken::NoObject));
        assert_eq!(Event::parse(r#"{"ev":"read"}"#), Err(Broken::NoEvent));
        assert_eq!(Event::parse(r#"{"t":1.5}"#), Err(Broken::NoEvent));
        assert_eq!(Event::parse(r#"{"t":1e300,"ev":"read"}"#), Err(Broken::NoEvent));
    }
}
