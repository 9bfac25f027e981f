//! The one dispatcher of calls: of those that we begin, by what they are for, and of those that a peer begins, by the
//! first line. It knows no App: what a call may do comes as its orders.

use super::call::{Call, Watch, Woken};
use super::event::{CallEnd, Knock, News, Order, Work};
use super::peer::{
    Files, NoLine, Offered, PeerConnection, Wanted, knock, message, reach, reach_ourselves, talk, verify,
};
use super::run::serve::{Asking, RunMeans};
use super::run::{self, Words};
use crate::net::tls::{Channel, Decrypting, Identity};
use crate::net::{DeadlineReader, STRANGER_RATE, TLS_HELLO};
use crate::peer_protocol::{Opening, PeerRefusal, Proof, Side, TicketField};
use crate::trace::Wire;
use crate::value::Ticket;
use socket2::SockRef;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long what a peer comes for may take to say: the first line, and the text behind a `MSG`.
const OPENING: Duration = Duration::from_secs(10);
/// The same while many strangers are at the door.
const HURRIED: Duration = Duration::from_secs(1);
/// How long the proof of a peer whose ticket is known may take, and the text behind it.
const PROOF: Duration = Duration::from_secs(5);

/// What all calls use.
pub struct Means {
    /// For commands that run here.
    pub run: RunMeans,
    /// For files.
    pub files: Box<dyn Files>,
    /// Our key, where the server is spoken with by TLS.
    pub own: Option<Arc<Identity>>,
}

/// The place of a connection that a peer has made to us. Who comes by it is a stranger until the App finds a ticket.
pub struct Doorway<'a> {
    /// Whether there is only a moment for the first line.
    pub is_hurried: bool,
    /// Told when the peer has said what it comes for. False: there is no room for another stranger.
    pub opens: &'a dyn Fn() -> bool,
    /// Told when the peer has shown the start of a ticket that the App knows.
    pub shows: &'a dyn Fn(),
    /// Told when a handshake begins, and by what is spoken from its end on.
    pub encrypts: &'a dyn Fn(Option<&Arc<Channel>>),
}

/// Does what a call of ours is for, on this thread, and ends the call.
pub fn begin(call: Call, work: Work, means: &Means) {
    let (files, call) = (&means.files, call.with_key(means.own.clone()));
    let end = match work {
        Work::Talk { to, answer } => return talk::ask(call, to, answer),
        Work::Message { to, text } => return message::send(call, to, &text),
        Work::Run { on, command, answer } => return run::ask::ask(call, on, command, answer),
        Work::Fetch { from, file } => files.fetch(&call, from, file),
        Work::Give { to, paths, answer } => files.give(&call, to, paths, answer),
        Work::Reach { to } => CallEnd::Reached(reach(&call, to)),
        Work::Verify { with } => CallEnd::Words(verify::ask(&call, with)),
        Work::ReachOurselves { me, at } => CallEnd::Reached(reach_ourselves(&call, me, at)),
        Work::Files { of } => files.ask_list(&call, of),
    };
    call.end(end);
}

/// Serves a connection that a peer has made to us, on this thread, and ends the call. The stream is still open then:
/// who accepted it closes it gently.
pub fn serve(call: Call, stream: Arc<TcpStream>, from: SocketAddr, doorway: &Doorway<'_>, means: &Means) {
    let wire = call.trace().called_by(&stream, from);
    let until = Instant::now() + if doorway.is_hurried { HURRIED } else { OPENING };
    let end = match enter(&call, stream, &wire, until, doorway, means) {
        Ok(connection) => receive(&call, connection, from, until, doorway, means),
        Err(error) => {
            log::info!("peer {from}: {error}");
            wire.closed();
            CallEnd::Over
        }
    };
    call.end(end);
}

/// The connection in the clear, or by TLS: its first byte says which, where we have a key.
fn enter(
    call: &Call,
    stream: Arc<TcpStream>,
    wire: &Wire,
    until: Instant,
    doorway: &Doorway<'_>,
    means: &Means,
) -> io::Result<PeerConnection> {
    let Some(own) = means.own.as_ref().filter(|_| begins_with_tls(call, &stream, until)) else {
        return PeerConnection::new(stream, wire.clone());
    };
    (doorway.encrypts)(None);
    let mut input = DeadlineReader::new(Arc::clone(&stream), Some(until));
    input.set_rate(Some(STRANGER_RATE));
    let decrypting = Decrypting::accept(own, &stream, input, wire)?;
    (doorway.encrypts)(Some(decrypting.channel()));
    PeerConnection::encrypted(decrypting, wire.clone())
}

/// Looks at the first byte, and leaves it there.
fn begins_with_tls(call: &Call, stream: &TcpStream, until: Instant) -> bool {
    let mut first = [0];
    call.wait_socket(stream, Watch::Readable, until) == Woken::Socket
        && matches!(stream.peek(&mut first), Ok(1) if first[0] == TLS_HELLO)
}

fn receive(
    call: &Call,
    mut connection: PeerConnection,
    from: SocketAddr,
    mut until: Instant,
    doorway: &Doorway<'_>,
    means: &Means,
) -> CallEnd {
    connection.set_rate(Some(STRANGER_RATE));
    let line = match connection.line_or_end(call, left(until)) {
        Ok(line) => line,
        // Whoever connects while the server is still asked for us says nothing where it does not introduce them.
        Err(NoLine::End) => return CallEnd::Over,
        Err(none) => return refuse_no_line(&connection, from, &none),
    };
    let mut since = Instant::now();
    let opening = match Opening::parse(&line) {
        Ok(opening) => opening,
        Err(bad) => return refuse(&connection, PeerRefusal::other(bad.to_string())),
    };
    let (shows_start, shows_none) =
        (matches!(opening.ticket(), TicketField::Start(_)), *opening.ticket() == TicketField::Empty);
    if let TicketField::Whole(ticket) = opening.ticket() {
        connection.wire().shows(&line, opening.name(), *ticket, from);
    }
    let mut knock = Knock { from, opening, key: connection.key(), proven: None, text: None, room: None };
    if shows_start {
        // Whether there is room for another stranger or not: this one may be introduced in a moment.
        (doorway.opens)();
        match prove(call, &mut connection, &knock, &line, since, doorway) {
            Ok((ticket, limit)) => (knock.proven, until, since) = (Some(ticket), limit, Instant::now()),
            Err(end) => return end,
        }
    }
    if matches!(knock.opening, Opening::Message { .. }) {
        match connection.line_or_end(call, left(until)) {
            Ok(text) => knock.text = Some(text),
            Err(none) => return refuse_no_line(&connection, from, &none),
        }
    }
    if !shows_start && !(doorway.opens)() && shows_none {
        return refuse(&connection, PeerRefusal::TooManyConnections);
    }
    if !shows_none {
        connection.set_rate(None);
    }
    serve_knock(call, connection, knock, since, means)
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

/// Where the App knows the ticket whose start the peer has shown, proves that we have it all and has the peer do so;
/// gives the ticket, and until when what is behind the proof may come. In both proofs are the `first` line, and our end of
/// this connection: what was meant for another address, or was changed on the way, proves nothing here.
fn prove(
    call: &Call,
    connection: &mut PeerConnection,
    knock: &Knock,
    first: &str,
    since: Instant,
    doorway: &Doorway<'_>,
) -> Result<(Ticket, Instant), CallEnd> {
    call.tell(News::Knock(knock.clone()));
    let Some(Order::Prove(ticket)) = knock::accepted(call, connection, since) else { return Err(CallEnd::Over) };
    (doorway.shows)();
    // One that has ended already has no proof to send.
    let Some(own) = SockRef::from(&*connection).local_addr().ok().and_then(|own| own.as_socket()) else {
        return Err(CallEnd::Over);
    };
    connection.prove(Proof::of(Side::Callee, ticket, own, first));
    let until = Instant::now() + PROOF;
    match connection.line_or_end(call, left(until)) {
        Ok(line) if line.parse() == Ok(Proof::of(Side::Caller, ticket, own, first)) => {
            connection.wire().proven(first, knock.opening.name(), ticket, knock.from);
            Ok((ticket, until))
        }
        Ok(_) => Err(refuse(connection, PeerRefusal::WrongProof)),
        Err(none) => Err(refuse_no_line(connection, knock.from, &none)),
    }
}

/// Tells the App of a peer who has said at `since` what it comes for, and serves it.
fn serve_knock(call: &Call, connection: PeerConnection, mut knock: Knock, since: Instant, means: &Means) -> CallEnd {
    let (from, opening) = (knock.from, knock.opening.clone());
    match &opening {
        Opening::Run { name, command, .. } => {
            // Nobody is asked about what is no command.
            let words = match command.parse::<Words>() {
                Ok(words) => words,
                Err(bad) => return refuse(&connection, PeerRefusal::other(bad.to_string())),
            };
            call.tell(News::Knock(knock));
            let asking = Asking { from: name.clone(), address: from, words };
            run::serve::serve(call, &connection, &asking, since, &means.run)
        }
        Opening::Message { .. } | Opening::Probe { .. } => {
            call.tell(News::Knock(knock));
            message::serve(call, &connection)
        }
        Opening::Verify { .. } => {
            call.tell(News::Knock(knock));
            verify::serve(call, &connection)
        }
        Opening::Chat { .. } => {
            call.tell(News::Knock(knock));
            talk::serve(call, connection, since)
        }
        Opening::File { name, filename, offset, .. } => {
            call.tell(News::Knock(knock));
            means.files.send(call, connection, &Wanted { by: name, filename, offset: *offset })
        }
        Opening::Give { name, what, bytes, count, .. } => {
            let offered = Offered { from: name, what, bytes: *bytes, count: *count };
            knock.room = means.files.room(&offered);
            call.tell(News::Knock(knock));
            means.files.take(call, connection, &offered)
        }
        Opening::List { .. } => {
            call.tell(News::Knock(knock));
            means.files.list(call, connection)
        }
    }
}

fn refuse_no_line(connection: &PeerConnection, from: SocketAddr, none: &NoLine) -> CallEnd {
    if matches!(none, NoLine::GivenUp) {
        return CallEnd::Over;
    }
    log::info!("peer {from}: {none}");
    refuse(connection, PeerRefusal::other(none.to_string()))
}

fn refuse(connection: &PeerConnection, why: PeerRefusal) -> CallEnd {
    connection.refuse(why);
    CallEnd::Over
}
