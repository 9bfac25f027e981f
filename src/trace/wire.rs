//! What is recorded of one connection: its bytes as they come and go, and the lines that they make.

use super::event::{End, Event, NotMade, Number, Says, Stamp};
use super::mask::{ClientMask, Expected, HIDDEN, ServerMask};
use super::packet_mask::PacketMask;
use super::peer_mask::PeerMask;
use super::recorder::Trace;
use crate::value::{Ticket, Username};
use std::collections::VecDeque;
use std::fmt::Display;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The reads that a line names at the most: its first ones, and the last.
const MAX_TOOK: usize = 64;
/// The bytes of a line that are kept.
const MAX_LINE: usize = 4096;

/// How lines begin that a server writes without being asked.
const NOTICES: [&str; 3] = ["bcast_", "msg_", "notice_"];

/// What records one connection; clones record the same one. Off where the trace is.
#[derive(Clone, Default)]
pub struct Wire(Option<Arc<Recorded>>);

struct Recorded {
    trace: Trace,
    c: Number,
    state: Mutex<State>,
}

struct State {
    /// Bytes that were read, and written.
    read: u64,
    written: u64,
    /// The masks of the two directions.
    input: Mask,
    output: Mask,
    /// The line that has begun.
    line: Line,
    /// Lines that were read and not asked for yet: those of the last read.
    lines: VecDeque<Line>,
    /// Whether what is written next begins a line.
    begins: bool,
    end: Option<End>,
    /// Who has shown all digits of a ticket, of which nobody knows yet whether it is one.
    shown: Option<Redeemed>,
}

/// Who has come by a ticket, and what for.
struct Redeemed {
    verb: String,
    with: Username,
    /// The first of its digits.
    ticket: String,
    at: SocketAddr,
}

/// Who says what goes in a direction.
enum Mask {
    Client(ClientMask),
    Packets(PacketMask),
    Server(ServerMask),
    Peer(PeerMask),
}

#[derive(Default)]
struct Line {
    text: String,
    took: Vec<u64>,
}

impl Trace {
    /// A connection that was accepted from `from`, where `dialect` is spoken.
    pub fn accepted(&self, stream: &TcpStream, from: SocketAddr, dialect: &'static str) -> Wire {
        let masks = || (Mask::Client(ClientMask::new(Expected::Stranger)), Mask::Server(ServerMask::default()));
        let event = |c| Event::Accept { c, at: stream.local_addr().ok(), from, dialect };
        self.wire(masks, event)
    }

    /// A connection that we have begun to make to a server at `at`.
    pub fn connected(&self, stream: &TcpStream, at: SocketAddr) -> Wire {
        let masks = || (Mask::Server(ServerMask::default()), Mask::Client(ClientMask::new(Expected::Member)));
        self.wire(masks, |c| Event::Connect { c, at, from: stream.local_addr().ok() })
    }

    /// A connection that another client has made to us.
    pub fn called_by(&self, stream: &TcpStream, from: SocketAddr) -> Wire {
        let event = |c| Event::Accept { c, at: stream.local_addr().ok(), from, dialect: "peer" };
        self.wire(|| (Mask::Peer(PeerMask::of_caller()), Mask::Peer(PeerMask::default())), event)
    }

    /// A connection that we have begun to make to another client. Before anything is read, [`Wire::asks`] is told what for.
    pub fn calls(&self, stream: &TcpStream, at: SocketAddr) -> Wire {
        let event = |c| Event::Connect { c, at, from: stream.local_addr().ok() };
        self.wire(|| (Mask::Peer(PeerMask::of_answers_to("")), Mask::Peer(PeerMask::default())), event)
    }

    /// A connection to `at` that could not even be begun.
    pub fn cannot_connect(&self, at: SocketAddr, error: &io::Error) {
        if !self.is_on() {
            return;
        }
        let (c, how) = (self.next_connection(), End::NotMade(error.into()));
        self.record(|| Event::Connect { c, at, from: None });
        self.record(|| Event::Close { c, how });
    }

    fn wire(&self, masks: impl FnOnce() -> (Mask, Mask), event: impl FnOnce(Number) -> Event) -> Wire {
        if !self.is_on() {
            return Wire::default();
        }
        let (c, (input, output)) = (self.next_connection(), masks());
        self.record(|| event(c));
        let (line, lines) = (Line::default(), VecDeque::new());
        let state = State { read: 0, written: 0, input, output, line, lines, begins: true, end: None, shown: None };
        Wire(Some(Arc::new(Recorded { trace: self.clone(), c, state: Mutex::new(state) })))
    }
}

impl Wire {
    /// Whether anything is recorded.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The time, for a write that is about to begin.
    pub fn stamp(&self) -> Option<Stamp> {
        self.0.as_ref().and_then(|recorded| recorded.trace.stamp())
    }

    /// What a `read` gave: nothing is its end.
    pub fn read(&self, bytes: &[u8]) {
        let Some((recorded, mut state)) = self.lock() else { return };
        let Some(at) = recorded.trace.stamp() else { return };
        if bytes.is_empty() {
            state.end.get_or_insert(End::Fin);
            return;
        }
        let (off, c, len) = (state.read, recorded.c, bytes.len());
        state.read += len as u64;
        // Who reads more has looked at all that came before; where nobody looks at lines, they are not kept.
        state.lines.clear();
        if let Mask::Packets(mask) = &mut state.input {
            // Of these there are no lines.
            let bytes = mask.piece(bytes).trim_end_matches('\0').to_owned();
            recorded.trace.record_at(at, Event::Read { c, off, len, bytes });
            return;
        }
        let pieces: Vec<&[u8]> = without_zeros(bytes).split_inclusive(|byte| *byte == b'\n').collect();
        let texts: Vec<String> = pieces.iter().map(|piece| state.input.piece(piece)).collect();
        let n = recorded.trace.record_at(at, Event::Read { c, off, len, bytes: shown_together(&texts) });
        for (piece, text) in pieces.iter().zip(texts) {
            state.line.add(&text, n);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut state.line);
                state.lines.push_back(line);
            }
        }
    }

    /// A read has failed, and not for want of time.
    pub fn cut_off(&self) {
        let Some((_, mut state)) = self.lock() else { return };
        state.end.get_or_insert(End::Rst);
    }

    /// A `write` that began at `at` has taken these bytes.
    pub fn wrote(&self, at: Stamp, bytes: &[u8]) {
        let Some((recorded, mut state)) = self.lock() else { return };
        let (off, c, len) = (state.written, recorded.c, bytes.len());
        state.written += len as u64;
        let pieces: Vec<&[u8]> = without_zeros(bytes).split_inclusive(|byte| *byte == b'\n').collect();
        let texts: Vec<String> = pieces.iter().map(|piece| state.output.piece(piece)).collect();
        let begins = std::mem::replace(&mut state.begins, bytes.ends_with(b"\n"));
        recorded.trace.record_at(at, Event::Write { c, off, len, bytes: texts.concat() });
        if !matches!(state.output, Mask::Server(_)) {
            // It is asked for, or said, by us.
            return;
        }
        let whole = if begins { texts.as_slice() } else { texts.get(1..).unwrap_or_default() };
        for line in whole.iter().filter(|text| NOTICES.iter().any(|begin| text.starts_with(begin))) {
            recorded.trace.record_at(at, Event::Notice { c, line: line.trim_end().to_owned() });
        }
    }

    /// Whom we have called is told by the line `first` what for.
    pub fn asks(&self, first: &str) {
        let Some((_, mut state)) = self.lock() else { return };
        state.input = Mask::Peer(PeerMask::of_answers_to(first));
    }

    /// The connection was never made. Where we have ended it meanwhile, that is why.
    pub fn not_made(&self, why: NotMade) {
        let Some((_, mut state)) = self.lock() else { return };
        let is_ours = state.end == Some(End::Shut);
        state.end = Some(End::NotMade(if is_ours { NotMade::Cancelled } else { why }));
    }

    /// We end the connection, if nobody has yet: the end of its reads that follows is not the other side's.
    pub fn shut(&self) {
        let Some((_, mut state)) = self.lock() else { return };
        state.end.get_or_insert(End::Shut);
    }

    /// A write has failed, as the other side does not read or has gone.
    pub fn write_failed(&self, is_slow: bool) {
        let Some((_, mut state)) = self.lock() else { return };
        state.end.get_or_insert(if is_slow { End::Slow } else { End::Rst });
    }

    /// Says what the next line is taken for, once all lines that came in whole were carried out.
    pub fn expects(&self, expected: impl FnOnce() -> Expected) {
        let Some((_, mut state)) = self.lock() else { return };
        let Mask::Client(mask) = &mut state.input else { return };
        if mask.expects(expected()) {
            state.line.text = HIDDEN.to_owned();
        }
    }

    /// What comes are packets, of somebody who never logs in.
    pub fn takes_packets(&self) {
        let Some((_, mut state)) = self.lock() else { return };
        state.input = Mask::Packets(PacketMask::default());
    }

    /// The same where messages have no line ends.
    pub fn begins(&self, expected: impl FnOnce() -> Expected) {
        let Some((_, mut state)) = self.lock() else { return };
        if let Mask::Client(mask) = &mut state.input {
            mask.begins(expected());
        }
    }

    /// The next line, or what has come of a message without a line end, is looked at now.
    pub fn line(&self) {
        let Some((recorded, mut state)) = self.lock() else { return };
        let next = state.lines.pop_front();
        let Line { text, took } = next.unwrap_or_else(|| std::mem::take(&mut state.line));
        let line = text.trim_end_matches(['\r', '\n']).to_owned();
        recorded.trace.record(|| Event::Line { c: recorded.c, line, took });
    }

    /// What came of a line: `asked` begins with its command, `answer` is the last line of the answer.
    pub fn decided(&self, asked: &str, answer: impl Display) {
        let Some(recorded) = &self.0 else { return };
        let (verb, answer) = (verb(asked).to_owned(), answer.to_string());
        let (says, why) = match (answer.strip_prefix("OK"), answer.strip_prefix("ERR")) {
            (Some(why), _) => (Says::Ok, why),
            (_, Some(why)) => (Says::Err, why),
            _ => (Says::Ok, answer.as_str()),
        };
        let why = why.strip_prefix(',').unwrap_or(why).to_owned();
        recorded.trace.record(|| Event::Decide { c: recorded.c, verb, says, why });
    }

    /// Somebody has logged in.
    pub fn logged_in(&self, name: &Username, ip: IpAddr, token: Ticket) {
        let Some(recorded) = &self.0 else { return };
        let (c, name) = (Some(recorded.c), name.clone());
        recorded.trace.record(|| Event::Name { c, name, ip: Some(ip), token: Some(token) });
    }

    /// A login has ended.
    pub fn logged_out(&self, token: Ticket) {
        let Some(recorded) = &self.0 else { return };
        recorded.trace.record(|| Event::Left { c: recorded.c, token });
    }

    /// The other side is `with`, who has proven it by this ticket, and comes for what the line `first` says.
    pub fn proven(&self, first: &str, with: &Username, ticket: Ticket, at: SocketAddr) {
        self.shows(first, with, ticket, at);
        self.redeemed();
    }

    /// The other side says to be `with`, shows all of this ticket, and comes for what the line `first` says.
    pub fn shows(&self, first: &str, with: &Username, ticket: Ticket, at: SocketAddr) {
        let Some((_, mut state)) = self.lock() else { return };
        let (verb, ticket) = (verb(first).to_owned(), ticket.to_string()[..4].to_owned());
        state.shown = Some(Redeemed { verb, with: with.clone(), ticket, at });
    }

    /// The ticket that was shown is theirs, and used up now.
    pub fn redeemed(&self) {
        let Some((recorded, mut state)) = self.lock() else { return };
        let Some(Redeemed { verb, with, ticket, at }) = state.shown.take() else { return };
        let c = recorded.c;
        recorded.trace.record(|| Event::Redeem { c, with: with.clone(), ticket });
        recorded.trace.record(|| Event::Peer { c, verb, with, at });
    }

    /// The connection is closed.
    pub fn closed(&self) {
        let Some((recorded, state)) = self.lock() else { return };
        let how = state.end.unwrap_or(End::Shut);
        recorded.trace.record(|| Event::Close { c: recorded.c, how });
    }

    fn lock(&self) -> Option<(&Recorded, MutexGuard<'_, State>)> {
        let recorded = self.0.as_deref()?;
        Some((recorded, recorded.state.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Mask {
    fn piece(&mut self, piece: &[u8]) -> String {
        match self {
            Mask::Client(mask) => mask.piece(piece),
            Mask::Packets(mask) => mask.piece(piece),
            Mask::Server(mask) => mask.piece(piece),
            Mask::Peer(mask) => mask.piece(piece),
        }
    }
}

impl Line {
    fn add(&mut self, text: &str, read: u64) {
        if self.text.len() < MAX_LINE {
            self.text.push_str(text);
        }
        if self.took.len() == MAX_TOOK {
            self.took.pop();
        }
        self.took.push(read);
    }
}

/// Pieces one behind the other; of hidden ones without a line end between them there is one.
fn shown_together(texts: &[String]) -> String {
    texts.chunk_by(|one, other| one == HIDDEN && one == other).flat_map(<[String]>::first).map(String::as_str).collect()
}

/// The command of a line as the log shows it.
fn verb(asked: &str) -> &str {
    if asked.starts_with('(') {
        return "(none)";
    }
    let word = asked.trim().split([',', ' ']).next().unwrap_or_default();
    // The others are words with a `_` in them.
    let texts = ["bcast", "msg", "relay", "connect"];
    word.split_once('_').map(|(verb, _)| verb).filter(|verb| texts.contains(verb)).unwrap_or(word)
}

/// What packets of a fixed length are filled with is not shown.
fn without_zeros(bytes: &[u8]) -> &[u8] {
    let filled = bytes.iter().rev().take_while(|byte| **byte == 0).count();
    &bytes[..bytes.len() - filled]
}

#[cfg(test)]
mod tests {
    use super::super::output::Output;
    use super::super::recorder::Sinks;
    use super::*;
    use serde_json::{Value, json};
    use std::fs;
    use std::net::TcpListener;

    /// The events of what is done with the wire of a server's connection, as JSON; and the text of the file.
    fn recorded(with: impl FnOnce(&Wire)) -> (Vec<Value>, String) {
        recorded_on(|trace, stream| trace.accepted(stream, ([127, 0, 0, 1], 5000).into(), "client"), with)
    }

    /// The same with any wire.
    fn recorded_on(wire: impl FnOnce(&Trace, &TcpStream) -> Wire, with: impl FnOnce(&Wire)) -> (Vec<Value>, String) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("trace.json");
        let file = Some(Output::create(&path).expect("a new file"));
        let trace = Trace::start(Sinks { file, screen: None }).expect("a thread");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let stream = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        let wire = wire(&trace, &stream);
        with(&wire);
        wire.closed();
        trace.finish();
        let text = fs::read_to_string(&path).expect("text");
        let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        (events, text)
    }

    /// Fields of the events of this kind.
    fn fields<const N: usize>(events: &[Value], ev: &str, names: [&str; N]) -> Vec<[Value; N]> {
        let of_kind = events.iter().filter(|event| event["ev"] == ev);
        of_kind.map(|event| names.map(|name| event[name].clone())).collect()
    }

    #[test]
    fn bytes_are_recorded_as_they_came_and_lines_name_their_reads() {
        let (events, _) = recorded(|wire| {
            wire.read(b"LOGIN,alic");
            wire.read(b"e,secret\nlist\nwho");
            wire.line();
            wire.decided("LOGIN,alice,***", "OK,Login successful!");
            wire.line();
            wire.decided("list", "ERR,Log in first");
            wire.decided("GET_P,bob", "OK");
            wire.decided("bcast_(2 bytes)", "OK,Broadcast 1 sent to 2 clients");
            wire.decided("(not a command)", "ERR,Unknown command");
            wire.read(b"ami\n");
            wire.line();
            wire.read(b"");
        });
        let reads = fields(&events, "read", ["n", "off", "len", "bytes"]);
        let expected = [
            [json!(2), json!(0), json!(10), json!("LOGIN,alic")],
            [json!(3), json!(10), json!(17), json!("e,***\nlist\nwho")],
            [json!(11), json!(27), json!(4), json!("ami\n")],
        ];
        assert_eq!(reads, expected);
        let lines = fields(&events, "line", ["line", "took"]);
        let expected =
            [[json!("LOGIN,alice,***"), json!([2, 3])], [json!("list"), json!([3])], [json!("whoami"), json!([3, 11])]];
        assert_eq!(lines, expected);
        let decided = fields(&events, "decide", ["verb", "says", "why"]);
        let expected = [
            ["LOGIN", "OK", "Login successful!"],
            ["list", "ERR", "Log in first"],
            ["GET_P", "OK", ""],
            ["bcast", "OK", "Broadcast 1 sent to 2 clients"],
            ["(none)", "ERR", "Unknown command"],
        ];
        assert_eq!(decided, expected.map(|row| row.map(|text| json!(text))));
        assert_eq!(fields(&events, "close", ["how"]), [[json!("fin")]]);
    }

    #[test]
    fn no_four_bytes_of_a_password_are_in_the_file_wherever_a_login_is_cut() {
        let password = "Xq7w%Zk9";
        let login = format!("login\nalice\n{password}\nLOGIN,alice,{password}\n");
        let (_, text) = recorded(|wire| {
            for at in 1..login.len() {
                wire.begins(|| Expected::Stranger);
                wire.read(&login.as_bytes()[..at]);
                wire.read(&login.as_bytes()[at..]);
                (0..4).for_each(|_| wire.line());
            }
        });
        let leak = password.as_bytes().windows(4).find(|part| text.as_bytes().windows(4).any(|other| other == *part));
        assert_eq!(leak, None);
        assert!(text.contains("LOGIN,alice,***") && text.contains("\"len\":"));
    }

    #[test]
    fn writes_hide_tokens_and_name_what_nobody_has_asked_for() {
        let token = "0123456789abcdef0123456789abcdef";
        let (events, text) = recorded(|wire| {
            let write = |bytes: &str| wire.wrote(wire.stamp().expect("it is on"), bytes.as_bytes());
            write(&format!("udp_{}", &token[..9]));
            write(&format!("{}\nbcast_1_1700000000_eve_hi\nOK,Logi", &token[9..]));
            write("n successful!\n");
            wire.write_failed(true);
            wire.cut_off();
        });
        assert!(!text.contains("01234"), "{text}");
        let writes = fields(&events, "write", ["off", "len", "bytes"]);
        assert_eq!(writes[0], [json!(0), json!(13), json!("udp_0123...")]);
        assert_eq!(writes[1], [json!(13), json!(57), json!("\nbcast_1_1700000000_eve_hi\nOK,Logi")]);
        assert_eq!(fields(&events, "notice", ["line"]), [[json!("bcast_1_1700000000_eve_hi")]]);
        assert_eq!(fields(&events, "close", ["how"]), [[json!("slow")]]);
    }

    #[test]
    fn lines_that_nobody_looks_at_are_not_kept() {
        recorded(|wire| {
            (0..100).for_each(|_| wire.read(b"\n\nx"));
            let (_, state) = wire.lock().expect("it is on");
            assert_eq!(state.lines.len(), 2);
        });
    }

    #[test]
    fn what_a_client_says_itself_is_no_notice() {
        let server = ([127, 0, 0, 1], 4400).into();
        let (events, _) = recorded_on(
            |trace, stream| trace.connected(stream, server),
            |wire| wire.wrote(wire.stamp().expect("it is on"), b"bcast_hi\nmsg_hi_bob\n"),
        );
        assert_eq!(fields(&events, "write", ["bytes"]), [[json!("bcast_hi\nmsg_hi_bob\n")]]);
        assert!(fields(&events, "notice", ["line"]).is_empty());
    }

    #[test]
    fn an_end_that_we_have_made_is_ours() {
        let (events, _) = recorded(|wire| {
            wire.shut();
            wire.read(b"");
            wire.cut_off();
        });
        assert_eq!(fields(&events, "close", ["how"]), [[json!("shut")]]);
    }

    #[test]
    fn a_connection_that_was_never_made_says_why() {
        let server: SocketAddr = ([127, 0, 0, 1], 4400).into();
        let how = |with: &dyn Fn(&Wire)| {
            let (events, _) = recorded_on(|trace, stream| trace.connected(stream, server), with);
            fields(&events, "close", ["how"])
        };
        assert_eq!(how(&|wire| wire.not_made(NotMade::Refused)), [[json!("refused")]]);
        assert_eq!(
            how(&|wire| wire.not_made((&io::Error::from(io::ErrorKind::TimedOut)).into())),
            [[json!("timeout")]]
        );
        let by_us = |wire: &Wire| {
            wire.shut();
            wire.not_made(NotMade::Failed);
        };
        assert_eq!(how(&by_us), [[json!("cancelled")]]);
        // There may not even be a socket.
        let cannot = |trace: &Trace, _: &TcpStream| {
            trace.cannot_connect(server, &io::ErrorKind::NetworkUnreachable.into());
            Wire::default()
        };
        let (events, _) = recorded_on(cannot, |_| ());
        assert_eq!(fields(&events, "connect", ["c", "at", "from"]), [[json!(1), json!("127.0.0.1:4400"), Value::Null]]);
        assert_eq!(fields(&events, "close", ["c", "how"]), [[json!(1), json!("unreachable")]]);
    }

    #[test]
    fn of_files_and_of_what_commands_write_nothing_is_shown_wherever_reads_cut() {
        let caller: SocketAddr = ([127, 0, 0, 1], 5000).into();
        let answer = b"proof_00112233445566778899\nOK,5,0\nse\ncret\n";
        let calls = |first: &'static str| {
            move |trace: &Trace, stream: &TcpStream| {
                let wire = trace.calls(stream, caller);
                wire.asks(first);
                wire
            }
        };
        for at in 1..answer.len() {
            let in_two = |wire: &Wire| {
                wire.read(&answer[..at]);
                wire.read(&answer[at..]);
            };
            for first in ["RUN,bob,0123456789ab,cat secret", "FILE,secret,bob,0123456789ab"] {
                let (events, text) = recorded_on(calls(first), in_two);
                assert!(!text.contains("cre"), "{text}");
                assert_eq!(fields(&events, "read", ["len"])[0], [json!(at)]);
            }
        }
        let given = b"GIVE,file,6,1,bob,0123456789ab\nproof_00112233445566778899\nsec\nret";
        let called = |trace: &Trace, stream: &TcpStream| trace.called_by(stream, caller);
        for at in 1..given.len() {
            let (_, text) = recorded_on(called, |wire| {
                wire.read(&given[..at]);
                wire.read(&given[at..]);
            });
            assert!(!text.contains("sec") && !text.contains("ret"), "{text}");
        }
        let chat = |wire: &Wire| wire.read(b"CHAT,bob,0123456789ab\nproof_00112233445566778899\none\ntwo\n");
        assert!(recorded_on(called, chat).1.contains("one\\ntwo\\n"));
        let (_, talk) = recorded_on(calls("CHAT,bob,0123456789ab"), |wire| wire.read(answer));
        assert!(talk.contains("se\\ncret\\n"), "{talk}");
        let (_, run) = recorded_on(calls("RUN,bob,0123456789ab,ls"), |wire| wire.read(answer));
        assert!(run.contains("proof_0011...\\nOK,5,0\\n***\"}"), "{run}");
    }

    #[test]
    fn a_line_of_many_reads_names_the_first_ones_and_the_last() {
        let (events, _) = recorded(|wire| {
            wire.expects(|| Expected::Member);
            (0..200).for_each(|_| wire.read(&[b'x'; 100]));
            wire.read(b"\n");
            wire.line();
        });
        let [line, took] = &fields(&events, "line", ["line", "took"])[0];
        assert_eq!(line.as_str().map(str::len), Some(41 * 100));
        let took: Vec<u64> = took.as_array().expect("numbers").iter().filter_map(Value::as_u64).collect();
        assert_eq!((took.len(), took[62], took[63]), (MAX_TOOK, 64, 202));
    }
}
