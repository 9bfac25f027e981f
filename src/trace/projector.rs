//! What happens at a server, for a class in front of a wall: a row an event, at most 80 columns, each client in a colour.
//!
//! It is pure: recorded events in, rows out. What a server cannot see, such as whether two peers did talk, it does not say.

use super::event::{Datagram, End, Event, Fate, Number, Recorded, Says, Stamp};
use super::known::{Again, Known};
use super::meaning::{By, of_line};
use crate::protocol::Broadcast;
use crate::value::Ticket;
use crate::value::text::escape;
use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// The most columns of a row.
const COLUMNS: usize = 80;
/// Columns of its parts, before what happened: the time has its unit and a blank behind it.
const TIME: usize = 7;
const WHO: usize = 15;
const VERB: usize = 10;
/// Where a row begins that has no time.
const INDENT: usize = TIME + 3;
/// One colour a client, in turn: those that are read on black and on white.
const COLOURS: [u8; 8] = [36, 35, 32, 34, 31, 33, 96, 95];
/// Reads of a connection, and lines, that are kept until it is decided what comes of them.
const KEPT: usize = 64;
/// Connections of which that is kept at the most: their ends may be among what was dropped.
const MOST: usize = 20_000;
/// What has a terminal cut a row that is wider than it, and what has it wrap what others write: DECAWM, as all know it.
const CUT: [&str; 2] = ["\x1b[?7l", "\x1b[?7h"];
/// Who is named in the row of what was sent to many.
const NAMED: usize = 40;

/// Asks how many columns a terminal has now; nothing where that is not known.
pub type Columns = fn() -> Option<usize>;

/// The rows of a trace.
pub struct Projector {
    has_colour: bool,
    /// What stands before a row, and behind it.
    frame: [&'static str; 2],
    /// The columns of the terminal, where they are known.
    columns: Columns,
    /// What was explained.
    explained: HashSet<&'static str>,
    /// The number of the last event.
    last: u64,
    talks: HashMap<Number, Talk>,
    /// Those who get datagrams.
    by_udp: HashSet<Ticket>,
    colours: HashMap<String, u8>,
    /// Broadcasts that were sent to several, one after the other: one row.
    sent: Option<Sent>,
}

/// What is known of a connection.
#[derive(Default)]
struct Talk {
    reads: VecDeque<(u64, String)>,
    lines: VecDeque<(String, Vec<u64>)>,
    ip: Option<IpAddr>,
}

struct Sent {
    at: Stamp,
    way: &'static str,
    seq: (u64, u64),
    to: Vec<String>,
}

impl Projector {
    /// Nothing is shown yet.
    pub fn new(has_colour: bool) -> Projector {
        let (talks, by_udp, colours) = (HashMap::new(), HashSet::new(), HashMap::new());
        let (frame, explained) = ([""; 2], HashSet::new());
        Projector { has_colour, frame, columns: || None, explained, last: 0, talks, by_udp, colours, sent: None }
    }

    /// The same for a terminal, which may have fewer columns than a row: `columns` is asked for each row.
    pub fn for_terminal(self, columns: Columns) -> Projector {
        Projector { frame: CUT, columns, ..self }
    }

    /// The rows of an event, each with its LF; perhaps none. `again` is what is known of a datagram.
    pub fn take(&mut self, recorded: &Recorded, known: &Known, again: Option<Again>) -> String {
        let mut rows = String::new();
        let lost = recorded.n.saturating_sub(self.last + 1);
        self.last = recorded.n;
        if lost > 0 {
            rows += &self.row(recorded.at, "(server)", "too fast", &format!("{lost} events are not shown"));
        }
        if self.talks.len() > MOST || self.by_udp.len() > MOST || self.colours.len() > MOST {
            (self.talks, self.by_udp, self.colours) = Default::default();
        }
        if let Event::Datagram(Datagram { fate: Fate::Sent, seq, token, at, .. }) = &recorded.event {
            if let (Some(seq), None) = (seq, again) {
                rows += &self.add_sent(recorded.at, "udp", *seq, known.receiver(*token, *at));
            }
            if again.is_none() {
                return rows;
            }
        }
        if let Event::Notice { c, line } = &recorded.event {
            let numbers: Vec<u64> = line.lines().filter_map(Broadcast::number).collect();
            if let (Some(first), Some(last)) = (numbers.first(), numbers.last()) {
                return rows + &self.add_sent(recorded.at, "tcp", (*first, *last), who(known, *c));
            }
        }
        if let Some((who, verb, what)) = self.tell(&recorded.event, known, again) {
            rows += &self.idle();
            rows += &self.row(recorded.at, &who, &verb, &what);
            rows += &self.explain(&recorded.event, &what, again);
        }
        rows
    }

    /// What has waited for more of its kind.
    pub fn idle(&mut self) -> String {
        let Some(Sent { at, way, seq, to }) = self.sent.take() else { return String::new() };
        let what = format!("{} to {}: {}", numbers(seq), to.len(), to.join(", "));
        self.row(at, "(server)", &format!("→ {way}"), &what)
    }

    /// Adds one to whom broadcasts were sent; a row where others wait.
    fn add_sent(&mut self, at: Stamp, way: &'static str, seq: (u64, u64), to: String) -> String {
        match &mut self.sent {
            Some(sent) if (sent.way, sent.seq) == (way, seq) && sent.to.len() < NAMED => {
                sent.to.push(to);
                String::new()
            }
            // Several to one.
            Some(sent) if (sent.way, sent.seq.1 + 1) == (way, seq.0) && sent.to == [to.as_str()] => {
                sent.seq.1 = seq.1;
                String::new()
            }
            _ => {
                let row = self.idle();
                self.sent = Some(Sent { at, way, seq, to: vec![to] });
                row
            }
        }
    }

    /// Who, the verb, and what happened; nothing for what is no row.
    fn tell(&mut self, event: &Event, known: &Known, again: Option<Again>) -> Option<(String, String, String)> {
        let told = |who: &str, verb: &str, what: String| Some((who.to_owned(), verb.to_owned(), what));
        match event {
            Event::Start { at, .. } => {
                told("(server)", "starts", at.map(|at| format!("listens on {at}")).unwrap_or_default())
            }
            Event::Stop => told("(server)", "stops", String::new()),
            Event::Accept { c, from, dialect, .. } => {
                self.talks.insert(*c, Talk::default());
                let as_what = if *dialect == "client" { String::new() } else { format!(" ({dialect})") };
                told("(new)", "connect", format!("{from}{as_what}, {} here now", self.talks.len()))
            }
            Event::Refused { from, why } => told("(new)", "refused", format!("{from}: {why}")),
            Event::Close { c, how } => {
                self.talks.remove(c);
                let how = match how {
                    End::Fin => "has hung up",
                    End::Rst => "was cut off",
                    End::Shut => "the server hangs up",
                    End::Slow => "does not read what it is sent",
                    // Of those that we begin.
                    End::NotMade(_) => "was never made",
                };
                told(&who(known, *c), "closed", format!("{how}, {} here now", self.talks.len()))
            }
            Event::Name { c: Some(c), ip, .. } => {
                self.talks.entry(*c).or_default().ip = *ip;
                None
            }
            Event::Left { token, .. } => {
                self.by_udp.remove(token);
                None
            }
            Event::Read { c, bytes, .. } => {
                let (n, talk) = (self.last, self.talks.entry(*c).or_default());
                // All lines that came before are decided; where one is left, that was dropped.
                talk.lines.clear();
                keep(&mut talk.reads, (n, bytes.clone()));
                None
            }
            Event::Line { c, line, took } => {
                keep(&mut self.talks.entry(*c).or_default().lines, (line.clone(), took.clone()));
                None
            }
            Event::Decide { c, verb, says, why } => told(&who(known, *c), verb, self.decided(*c, *says, why)),
            Event::Notice { c, line } => {
                let mut lines = line.lines().filter(|line| !line.starts_with("ticket_"));
                let first = lines.next()?;
                // Who watches is told together of all who come and go.
                let more = match lines.count() {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                told(&who(known, *c), "is told", format!("{first}{more}"))
            }
            Event::Datagram(datagram) => {
                let (mark, what) = match (datagram.fate, again) {
                    (Fate::Dropped, None) => ("× udp", "dropped on purpose".to_owned()),
                    (Fate::Dropped, Some(_)) => ("× udp", "dropped on purpose, once more".to_owned()),
                    (Fate::Lost, _) => ("× udp", "the system did not take it".to_owned()),
                    (Fate::Sent, again) => ("↻ udp", format!("again: {}", in_words(again?))),
                };
                let of_what =
                    datagram.seq.map_or_else(|| datagram.bytes.lines().last().unwrap_or_default().to_owned(), numbers);
                told(&known.receiver(datagram.token, datagram.at), mark, format!("{of_what} {what}"))
            }
            Event::Acked { token, from, .. } if self.by_udp.insert(*token) => {
                let who = known.owner(*token).unwrap_or("(unknown)");
                told(who, "hello", format!("broadcasts by UDP now, to port {}", from.port()))
            }
            Event::Ticket { asker, to, .. } => {
                let what = "a ticket each; they may talk without me now".to_owned();
                told(&format!("{asker} = {to}"), "ticket", what)
            }
            Event::Name { c: None, .. } | Event::Acked { .. } | Event::Write { .. } | Event::Thread { .. } => None,
            Event::Connect { .. } | Event::Redeem { .. } | Event::Peer { .. } => None,
            Event::Hello { .. } | Event::Received { .. } => None,
        }
    }

    /// What came of the next line of a connection.
    fn decided(&mut self, c: Number, says: Says, why: &str) -> String {
        let talk = self.talks.entry(c).or_default();
        let (line, took) = talk.lines.pop_front().unwrap_or_default();
        let sent = why.strip_prefix("Broadcast ").and_then(|rest| rest.split_once(" sent "));
        let what = match (says, sent) {
            (Says::Err, _) => format!("no: {why}"),
            // What a login comes to.
            (Says::Ok, None) if talk.ip.is_some() => talk.ip.take().map(|ip| format!("is {ip}")).unwrap_or_default(),
            (Says::Ok, Some((number, to))) => {
                let text = line.strip_prefix("bcast_").unwrap_or(&line);
                format!("#{number} {} {to}", quoted(text))
            }
            (Says::Ok, None) if why.is_empty() => "OK".to_owned(),
            (Says::Ok, None) => why.to_owned(),
        };
        let piece = |n: &u64| talk.reads.iter().find(|(read, _)| read == n).map(|(_, bytes)| bytes.trim_end());
        let pieces: Vec<String> = took.iter().filter_map(piece).take(4).map(quoted).collect();
        let last = took.last().copied().unwrap_or_default();
        talk.reads.retain(|(n, _)| *n >= last);
        match took.len() {
            ..=1 => what,
            reads => format!("{what}; {reads} reads: {}", pieces.join(" ")),
        }
    }

    /// What the word of a row means, when it is the first one with that word.
    fn explain(&mut self, event: &Event, what: &str, again: Option<Again>) -> String {
        let found = match event {
            // Those with a text behind them are named without their `_`.
            Event::Decide { verb, .. } => {
                of_line(By::Client, verb).or_else(|| of_line(By::Client, &format!("{verb}_")))
            }
            Event::Datagram(_) if again.is_some_and(|again| again.hello.is_some()) => of_line(By::Client, "hello_"),
            Event::Acked { .. } => of_line(By::Client, "hello_"),
            Event::Ticket { .. } => of_line(By::Server, "ticket_"),
            Event::Notice { .. } | Event::Datagram(_) => of_line(By::Server, what),
            _ => None,
        };
        match found {
            Some((word, means)) if self.explained.insert(means) => {
                let [cut, wrap] = self.frame;
                let row = shorten(&format!("{:INDENT$}({word}: {means})", ""), self.columns());
                format!("{cut}{row}{wrap}\n")
            }
            _ => String::new(),
        }
    }

    /// How many columns a row may have now.
    fn columns(&self) -> usize {
        (self.columns)().map_or(COLUMNS, |columns| columns.clamp(1, COLUMNS))
    }

    fn row(&mut self, at: Stamp, who: &str, verb: &str, what: &str) -> String {
        let time = format!("{:TIME$.1} s ", at.since_start.as_secs_f64());
        let (shown, verb) = (fit(who, WHO), fit(verb, VERB));
        let pads = [WHO - shown.width(), VERB - verb.width()].map(|columns| " ".repeat(columns + 1));
        let whole = format!("{time}{shown}{}{verb}{}{}", pads[0], pads[1], escape(what));
        let row = shorten(whole.trim_end(), self.columns());
        // Where its name is.
        let (begin, end) = (time.len(), time.len() + shown.len());
        let (begin, end) = match (row.get(..begin) == whole.get(..begin), row.get(..end) == whole.get(..end)) {
            (true, true) => (begin, end),
            (true, false) => (begin, row.len()),
            (false, _) => (row.len(), row.len()),
        };
        let colour = self.colour(who);
        let ([cut, wrap], reset) = (self.frame, if colour.is_empty() { "" } else { "\x1b[0m" });
        format!("{cut}{}{colour}{}{reset}{}{wrap}\n", &row[..begin], &row[begin..end], &row[end..])
    }

    /// What begins the colour of somebody; nothing for the server, and for who is not known.
    fn colour(&mut self, who: &str) -> String {
        if !self.has_colour || who.starts_with('(') {
            return String::new();
        }
        let next = COLOURS[self.colours.len() % COLOURS.len()];
        format!("\x1b[{}m", self.colours.entry(who.to_owned()).or_insert(next))
    }
}

fn who(known: &Known, c: Number) -> String {
    known.name(c).unwrap_or("(new)").to_owned()
}

fn keep<T>(kept: &mut VecDeque<T>, one: T) {
    if kept.len() == KEPT {
        kept.pop_front();
    }
    kept.push_back(one);
}

fn numbers((first, last): (u64, u64)) -> String {
    if first == last { format!("#{first}") } else { format!("#{first}-{last}") }
}

/// Why a datagram is sent again, in words.
fn in_words(again: Again) -> String {
    match again.hello {
        Some(0) => "hello_0, has nothing yet".to_owned(),
        Some(upto) => format!("hello_{upto}, has all up to #{upto}"),
        None => "no hello has come".to_owned(),
    }
}

/// What somebody has said, with its end to be seen. What a terminal would obey is taken out with the rest of the row: what
/// Rust writes for programs would take out the marks of many scripts too.
fn quoted(said: &str) -> String {
    format!("\"{}\"", said.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A text without anything that a terminal obeys, in so many columns at the most.
fn fit(text: &str, columns: usize) -> String {
    shorten(&escape(text), columns)
}

/// The beginning of a text, which shows where something is left out.
fn shorten(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let (mut cut, mut width) = (String::new(), 0);
    for grapheme in text.graphemes(true) {
        width += grapheme.width();
        if width >= columns {
            break;
        }
        cut.push_str(grapheme);
    }
    cut + "…"
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;
    use std::time::{Duration, UNIX_EPOCH};

    fn address(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    fn ticket(digit: char) -> Ticket {
        digit.to_string().repeat(32).parse().expect("a ticket")
    }

    fn come(c: Number) -> Event {
        Event::Accept { c, at: None, from: address(5000 + c as u16), dialect: "client" }
    }

    fn named(c: Number, name: &str) -> Event {
        let (ip, token) = (Some([127, 0, 0, 1 + c as u8].into()), Some(ticket(char::from(b'0' + c as u8))));
        Event::Name { c: Some(c), name: name.parse().expect("a name"), ip, token }
    }

    fn line(c: Number, line: &str, took: &[u64]) -> Event {
        Event::Line { c, line: line.to_owned(), took: took.to_vec() }
    }

    fn decided(c: Number, verb: &str, says: Says, why: &str) -> Event {
        Event::Decide { c, verb: verb.to_owned(), says, why: why.to_owned() }
    }

    fn read(c: Number, bytes: &str) -> Event {
        Event::Read { c, off: 0, len: bytes.len(), bytes: bytes.to_owned() }
    }

    fn datagram(d: u64, c: u8, seq: (u64, u64), fate: Fate) -> Event {
        let (token, at) = (ticket(char::from(b'0' + c)), address(6000));
        Event::Datagram(Datagram { d, token, at, seq: Some(seq), len: 74, bytes: String::new(), fate })
    }

    fn hello(c: u8, upto: u64) -> Event {
        let (token, from) = (ticket(char::from(b'0' + c)), address(6000));
        Event::Acked { token, from, upto, top: None, missing: Vec::new(), bytes: String::new() }
    }

    /// The rows of these events, a tenth of a second apart; after each `None` nothing has come for a while.
    fn rows(projector: &mut Projector, events: impl IntoIterator<Item = Option<Event>>) -> String {
        let (mut known, mut rows) = (Known::default(), String::new());
        for (n, event) in (1..).zip(events) {
            let Some(event) = event else {
                rows += &projector.idle();
                projector.last += 1;
                continue;
            };
            known.take(&event);
            let again = match &event {
                Event::Datagram(datagram) => known.again(datagram),
                _ => None,
            };
            let since_start = Duration::from_millis(12_000 + 100 * n);
            let recorded = Recorded { n, at: Stamp { wall: UNIX_EPOCH, since_start }, event };
            rows += &projector.take(&recorded, &known, again);
            known.forget(&recorded.event);
        }
        rows
    }

    #[test]
    fn an_hour_of_a_class_in_rows() {
        let notice = |c, line: &str| Event::Notice { c, line: line.to_owned() };
        let events = [
            Event::Start { who: "server", at: Some(address(4400)) },
            come(1),
            read(1, "LOGIN,alic"),
            read(1, "e,***\n"),
            line(1, "LOGIN,alice,***", &[3, 4]),
            named(1, "alice"),
            decided(1, "LOGIN", Says::Ok, "Login successful!"),
            hello(1, 0),
            come(2),
            named(2, "bob"),
            come(3),
            line(3, "LOGIN,eve,***", &[11]),
            decided(3, "LOGIN", Says::Err, "Invalid credentials"),
            named(3, "eve"),
            line(2, "bcast_hi \u{1b}[2Jall", &[14]),
            decided(2, "bcast", Says::Ok, "Broadcast 5 sent to 3 clients"),
            datagram(17, 1, (5, 5), Fate::Dropped),
            datagram(18, 2, (5, 5), Fate::Sent),
            datagram(19, 3, (5, 5), Fate::Sent),
            notice(4, "bcast_5_1_bob_hi"),
            hello(1, 4),
            datagram(20, 1, (5, 5), Fate::Sent),
            Event::Ticket {
                asker: "alice".parse().expect("a name"),
                to: "bob".parse().expect("a name"),
                ticket: "9f3c".to_owned(),
            },
            notice(2, "notice_You sent fewer than 2 messages in 25 minutes, and will be logged out soon"),
            notice(1, "joined_dan_127.0.0.5:4401\nleft_eve"),
            Event::Close { c: 3, how: End::Slow },
        ];
        let picture = "\
\x20  12.1 s (server)        starts     listens on 127.0.0.1:4400
   12.2 s (new)           connect    127.0.0.1:5001, 1 here now
   12.7 s alice           LOGIN      is 127.0.0.2; 2 reads: \"LOGIN,alic\" \"e,***\"
          (login: let me in, under this name)
   12.8 s alice           hello      broadcasts by UDP now, to port 6000
          (hello_: up to which number I have all, and what is missing)
   12.9 s (new)           connect    127.0.0.1:5002, 2 here now
   13.1 s (new)           connect    127.0.0.1:5003, 3 here now
   13.3 s (new)           LOGIN      no: Invalid credentials
   13.6 s bob             bcast      #5 \"hi \\u{1b}[2Jall\" to 3 clients
          (bcast_: a text for everybody)
   13.7 s alice           × udp      #5 dropped on purpose
   13.8 s (server)        → udp      #5 to 2: bob, eve
   14.0 s (server)        → tcp      #5 to 1: (new)
   14.2 s alice           ↻ udp      #5 again: hello_4, has all up to #4
   14.3 s alice = bob     ticket     a ticket each; they may talk without me now
          (ticket_: the secret by which the two of you know each other)
   14.4 s bob             is told    notice_You sent fewer than 2 messages in 2…
          (notice_: a word of the server, or of who runs it)
   14.5 s alice           is told    joined_dan_127.0.0.5:4401 and 1 more
          (joined_: somebody has come, or is reached elsewhere now)
   14.6 s eve             closed     does not read what it is sent, 2 here now
";
        let shown = rows(&mut Projector::new(false), events.map(Some));
        assert_eq!(shown, picture);
        assert!(shown.lines().all(|row| row.width() <= COLUMNS && !row.contains('\u{1b}')));
    }

    #[test]
    fn each_client_has_a_colour_and_the_server_has_none() {
        let says = |c| decided(c, "help", Says::Ok, "10 commands");
        let enters = |c| decided(c, "LOGIN", Says::Ok, "Login successful!");
        let events = [named(1, "alice"), named(2, "bob"), enters(1), enters(2), says(1), says(3)];
        let shown = rows(&mut Projector::new(true), events.map(Some));
        let picture = [
            "   12.3 s \u{1b}[36malice\u{1b}[0m           LOGIN      is 127.0.0.2",
            "          (login: let me in, under this name)",
            "   12.4 s \u{1b}[35mbob\u{1b}[0m             LOGIN      is 127.0.0.3",
            "   12.5 s \u{1b}[36malice\u{1b}[0m           help       10 commands",
            "          (help: which commands are there?)",
            "   12.6 s (new)           help       10 commands",
        ];
        assert_eq!(shown.lines().collect::<Vec<_>>(), picture);
    }

    #[test]
    fn what_people_say_is_shown_in_their_script() {
        let said = "\u{928}\u{92e}\u{938}\u{94d}\u{924}\u{947} e\u{301} 👩\u{200d}🚀";
        let sent = decided(1, "bcast", Says::Ok, "Broadcast 1 sent to 3 clients");
        let events = [line(1, &format!("bcast_{said} \"\\\u{9b}"), &[1]), sent].map(Some);
        let shown = rows(&mut Projector::new(false), events);
        assert!(shown.contains(&format!("#1 \"{said} \\\"\\\\\\u{{9b}}\" to 3 clients\n")), "{shown}");
    }

    #[test]
    fn a_decision_that_was_dropped_puts_no_other_line_in_the_next_row() {
        let old = [read(1, "bcast_old\n"), line(1, "bcast_old", &[1])];
        let sent = decided(1, "bcast", Says::Ok, "Broadcast 6 sent to 3 clients");
        let new = [read(1, "bcast_new\n"), line(1, "bcast_new", &[4]), sent];
        let shown = rows(&mut Projector::new(false), old.into_iter().chain(new).map(Some));
        assert!(shown.starts_with("   12.5 s (new)           bcast      #6 \"new\" to 3 clients\n"), "{shown}");
    }

    #[test]
    fn a_row_ends_where_the_terminal_does_and_shows_where_it_is_cut() {
        let on = |columns| {
            let events = [named(1, "alice"), decided(1, "LOGIN", Says::Ok, "Login successful!")].map(Some);
            rows(&mut Projector::new(true).for_terminal(columns), events)
        };
        let narrow: [(Columns, &str, &str); 5] = [
            (
                || None,
                "   12.2 s \u{1b}[36malice\u{1b}[0m           LOGIN      is 127.0.0.2",
                "(login: let me in, under this name)",
            ),
            (
                || Some(42),
                "   12.2 s \u{1b}[36malice\u{1b}[0m           LOGIN      is 1…",
                "(login: let me in, under this n…",
            ),
            (|| Some(18), "   12.2 s \u{1b}[36malice\u{1b}[0m  …", "(login:…"),
            (|| Some(13), "   12.2 s \u{1b}[36mal…\u{1b}[0m", "(l…"),
            (|| Some(11), "   12.2 s \u{1b}[36m…\u{1b}[0m", "…"),
        ];
        for (columns, row, word) in narrow {
            assert_eq!(on(columns), format!("\u{1b}[?7l{row}\u{1b}[?7h\n\u{1b}[?7l          {word}\u{1b}[?7h\n"));
        }
    }

    #[test]
    fn a_row_has_80_columns_whatever_is_said() {
        for said in ["x".repeat(500), "字".repeat(100), "👩‍🚀".repeat(60), "e\u{301}\u{202e}\t\r".repeat(50)] {
            let events = [named(1, "averylongname15"), line(1, &said, &[1]), decided(1, &said, Says::Err, &said)];
            let shown = rows(&mut Projector::new(false), events.map(Some));
            let row = shown.strip_suffix('\n').expect("a row");
            assert!(row.width() <= COLUMNS && row.width() >= COLUMNS - 2 && !row.contains('\n'), "{row:?}");
            assert_eq!(escape(row), row);
        }
    }

    #[test]
    fn what_is_sent_to_many_waits_for_more_and_a_hole_is_told() {
        let sent = |seq, c| Some(datagram(seq, c, (seq, seq), Fate::Sent));
        let mut projector = Projector::new(false);
        let shown = rows(&mut projector, [sent(1, 1), sent(2, 1), None, sent(3, 1)]);
        assert_eq!(shown, "   12.1 s (server)        → udp      #1-2 to 1: 127.0.0.1:6000\n");
        projector.last = 9;
        let later = Recorded { n: 12, at: Stamp { wall: UNIX_EPOCH, since_start: Duration::ZERO }, event: Event::Stop };
        let shown = projector.take(&later, &Known::default(), None);
        assert!(shown.starts_with("    0.0 s (server)        too fast   2 events are not shown\n"), "{shown}");
    }
}
