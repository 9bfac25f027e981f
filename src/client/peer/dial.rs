//! The one place where we call a peer: be introduced, connect, send the first line, have the peer prove who it is and
//! prove who we are, read the first answer. What comes after it differs, and is not known here.

use super::attempt::{Attempt, connect, unreachable};
use super::connection::{NoLine, PeerConnection};
use crate::client::call::{Call, Woken};
use crate::client::event::{CallError, Introduced, News, NoProof, Order};
use crate::net::tls::{Decrypting, Identity};
use crate::net::{Accepts, NoTls};
use crate::peer_protocol::{Answer, Opening, PeerRefusal, Proof, Side};
use crate::trace::Wire;
use crate::value::{Address, Fingerprint, Ticket, Username};
use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long an introduction may take: while the session is gone a fetch waits for the way back to it. To others the App
/// gives less.
const INTRODUCTION: Duration = Duration::from_secs(3600);
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(3);
/// The same for [`reach`]: a system that finds no machine of that address says so after three seconds.
const REACH: Duration = Duration::from_secs(5);
/// How long the peer's proof may take.
const PROOF: Duration = Duration::from_secs(3);

/// Asks `to` for something and waits `answer_limit` at most for a yes, whose fields behind `OK` are returned. `more`
/// is sent right behind our proof, in one write with it: so nobody else than the one who is meant gets a word of it.
///
/// # Errors
/// [`CallError::Unreachable`] and [`CallError::NotProven`] as long as nothing of that has left, and
/// [`CallError::Perhaps`] from then on.
pub fn call(
    call: &Call,
    to: Address,
    opening: impl Fn(&Introduced) -> Result<Opening, CallError>,
    more: &str,
    answer_limit: Duration,
) -> Result<(Introduced, PeerConnection, String), CallError> {
    let (introduced, mut connection) = open(call, to, opening, more)?;
    let fields = answer(call, &mut connection, answer_limit)?;
    Ok((introduced, connection, fields))
}

/// The first half of [`call`]: each side knows who the other one is.
///
/// # Errors
/// As [`call`].
pub fn open(
    call: &Call,
    to: Address,
    opening: impl Fn(&Introduced) -> Result<Opening, CallError>,
    more: &str,
) -> Result<(Introduced, PeerConnection), CallError> {
    open_within(call, &to, &opening, more, CONNECT)
}

fn open_within(
    call: &Call,
    to: &Address,
    opening: &impl Fn(&Introduced) -> Result<Opening, CallError>,
    more: &str,
    limit: Duration,
) -> Result<(Introduced, PeerConnection), CallError> {
    let open_once = |to: Address| {
        let mut early = None;
        let opened = introduce(call, to.clone(), &mut early).and_then(|introduced| {
            check_name(to, &introduced)?;
            let first = opening(&introduced)?;
            let connection = prove(call, &introduced, &first, more, early.take(), limit)?;
            Ok((introduced, connection))
        });
        // It is not to be spoken on.
        early.into_iter().for_each(Attempt::give_up);
        opened
    };
    match open_once(to.clone()) {
        // The ticket may have gone to a session that was just being replaced by the next one. The same person is meant,
        // though the address that was typed may be somebody else's by now.
        Err(CallError::NotProven { name, why: NoProof::NotIntroduced | NoProof::OtherKey(_), .. }) => {
            open_once(Address::Name(name))
        }
        other => other,
    }
}

/// Asks to be introduced to `to`, and waits for it. Meanwhile it begins a connection to where `to` most likely listens,
/// which saves a round trip: `early`, one at a time. Nothing is said on it here.
fn introduce(call: &Call, to: Address, early: &mut Option<Attempt>) -> Result<Introduced, CallError> {
    call.tell(News::Wants(to));
    let until = Instant::now() + INTRODUCTION;
    loop {
        match call.order(early.as_ref().map_or(until, |early| until.min(early.quiet_until))) {
            Woken::Order(Order::Introduced(introduced)) => return introduced,
            Woken::Order(Order::Likely(at)) if early.is_none() => *early = Attempt::begin(call.trace(), at).ok(),
            // It has begun, or is on its way already.
            Woken::Order(Order::Likely(_) | Order::Redial) => {}
            Woken::GivenUp => return Err(CallError::Cancelled),
            Woken::Late if early.is_some() => early.take().into_iter().for_each(Attempt::give_up),
            _ => return Err(CallError::NoServer("the server does not answer".to_owned())),
        }
    }
}

/// Whoever was asked for by name is the one who was introduced.
fn check_name(asked: Address, introduced: &Introduced) -> Result<(), CallError> {
    match asked {
        Address::Name(name) if name != introduced.name => {
            Err(CallError::NotProven { name, address: introduced.address, why: NoProof::NotIntroduced })
        }
        _ => Ok(()),
    }
}

/// Connects, sends the first line, and goes on once the peer has proven to be the one who is meant.
fn prove(
    call: &Call,
    to: &Introduced,
    first: &Opening,
    more: &str,
    early: Option<Attempt>,
    limit: Duration,
) -> Result<PeerConnection, CallError> {
    let first = first.to_string();
    let (stream, wire) = connect(call, to.address, &first, early, limit).map_err(|error| to.explain(error))?;
    let stream = Arc::new(stream);
    call.attach(&stream);
    if let Some(key) = to.key {
        let connection = encrypt(call, to, key, &stream, wire)?;
        connection.wire().proven(&first, &to.name, to.ticket, to.address);
        connection.write(&format!("{first}\n{more}")).map_err(|error| lost(call, &error))?;
        return Ok(connection);
    }
    let connection = PeerConnection::new(stream, wire);
    let mut connection = connection.map_err(|error| unreachable(to.address, &error))?;
    // Where it does not arrive, what is read tells why: a peer that has no place for us says so, and closes.
    let _ = connection.write(&format!("{first}\n"));
    let line = connection.line_or_end(call, PROOF);
    if !matches!(&line, Ok(line) if line.parse() == Ok(Proof::of(Side::Callee, to.ticket, to.address, &first))) {
        // An older client would go on asking its person.
        connection.abort();
        return Err(no_proof(to, line));
    }
    let own = Proof::of(Side::Caller, to.ticket, to.address, &first);
    connection.wire().proven(&first, &to.name, to.ticket, to.address);
    connection.write(&format!("{own}\n{more}")).map_err(|error| lost(call, &error))?;
    Ok(connection)
}

/// Speaks TLS with the peer that has this key, and with nobody else: the handshake is the first word. What is said then is
/// said to the one who is meant, so neither side has anything else to prove.
fn encrypt(
    call: &Call,
    to: &Introduced,
    key: Fingerprint,
    stream: &Arc<TcpStream>,
    wire: Wire,
) -> Result<PeerConnection, CallError> {
    let made = Decrypting::connect(call.key(), &Accepts::These(vec![key]), stream, Instant::now() + PROOF, &wire);
    let decrypting = made.map_err(|why| {
        // Whoever watches the call still has the stream. An error says that it has ended already.
        let _ = stream.shutdown(Shutdown::Both);
        wire.closed();
        no_tls(call, to, why)
    })?;
    PeerConnection::encrypted(decrypting, wire).map_err(|error| unreachable(to.address, &error))
}

/// What it means that there is no encrypted connection. Nothing was said on it.
fn no_tls(call: &Call, to: &Introduced, why: NoTls) -> CallError {
    let why = match why {
        _ if call.is_given_up() => return CallError::Cancelled,
        NoTls::OtherKey(shown) => NoProof::OtherKey(shown),
        // Whoever is on the way may have said it: it is believed as little as in the clear.
        NoTls::InTheClear(said) => match Answer::parse(&said) {
            Answer::Refused(PeerRefusal::TooManyConnections | PeerRefusal::Busy(_)) => NoProof::NoPlace,
            _ => NoProof::NoTls,
        },
        NoTls::NotTrusted(_) | NoTls::Failed(_) => NoProof::NoTls,
    };
    CallError::NotProven { name: to.name.clone(), address: to.address, why }
}

/// What it means that something else came than the peer's proof. Nobody has proven yet to be `to`: what was said is
/// nobody's word, and is not shown.
fn no_proof(to: &Introduced, came: Result<String, NoLine>) -> CallError {
    let not_proven = |why| CallError::NotProven { name: to.name.clone(), address: to.address, why };
    match came.map(|line| Answer::parse(&line)) {
        Err(NoLine::GivenUp) => CallError::Cancelled,
        Ok(Answer::Refused(PeerRefusal::TooManyConnections | PeerRefusal::Busy(_))) => not_proven(NoProof::NoPlace),
        Ok(Answer::Refused(PeerRefusal::NotIntroduced)) => not_proven(NoProof::NotIntroduced),
        _ => not_proven(NoProof::Stranger),
    }
}

/// The second half of [`call`]: waits for the first answer. A cancel ends it at once.
///
/// # Errors
/// As [`call`].
pub fn answer(call: &Call, connection: &mut PeerConnection, limit: Duration) -> Result<String, CallError> {
    let line = connection.line_or_end(call, limit).map_err(|none| match none {
        NoLine::GivenUp => {
            // The end of our sending side alone would be that of a script's input, and the peer would go on asking its person.
            connection.abort();
            CallError::Cancelled
        }
        other => CallError::Perhaps(other.to_string()),
    })?;
    match Answer::parse(&line) {
        Answer::Ok(fields) => Ok(fields),
        Answer::Refused(refusal) => Err(CallError::Refused(refusal)),
        Answer::Unknown(line) => Err(CallError::Perhaps(format!("no answer but {line}"))),
    }
}

/// What a failure is once something may have left.
pub fn lost(call: &Call, error: &io::Error) -> CallError {
    if call.is_given_up() { CallError::Cancelled } else { CallError::Perhaps(error.to_string()) }
}

/// Connects to `to`, each side proves who it is, and that is all.
///
/// # Errors
/// As [`call`].
pub fn reach(call: &Call, to: Username) -> Result<(), CallError> {
    let opening = |to: &Introduced| Ok(Opening::Probe { name: to.me.clone(), ticket: to.ticket_field() });
    open_within(call, &Address::Name(to), &opening, "", REACH).map(drop)
}

/// Connects to `at`, where others are told that we listen, and speaks TLS with our own key and nobody else's. Nothing is said.
///
/// # Errors
/// [`CallError::Unreachable`] and [`CallError::NotProven`].
pub fn reach_ourselves(call: &Call, me: Username, at: SocketAddr) -> Result<(), CallError> {
    let key =
        call.key().map(Identity::fingerprint).ok_or_else(|| CallError::Ours("this client has no key".to_owned()))?;
    // The ticket is nobody's: no line is sent that would show it.
    let ourselves =
        Introduced { name: me.clone(), me, ticket: Ticket::draw(), key: Some(key), address: at, seen_as: None };
    let (stream, wire) = connect(call, at, "", None, REACH)?;
    let stream = Arc::new(stream);
    call.attach(&stream);
    encrypt(call, &ourselves, key, &stream, wire)?.finish();
    Ok(())
}
