//! The open connections of a program: which of them have a place, and the end of all of them. What is said on them is
//! not known here.

use crate::net::door::{self, Door};
use crate::net::places::{Admission, Origin, Places, Standing};
use crate::net::tls::Channel;
use crate::trace::{Trace, Wire};
use crate::value::sentence::counted;
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Shutdown as Direction, SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A refused or ended peer gets this long to read its last line.
pub(super) const LINGER: Duration = Duration::from_secs(1);

/// Those that have given way get so long to end before who comes next is turned away without a word.
const ENDING: Duration = Duration::from_secs(1);

/// How many of something one address may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerAddress {
    /// An address of the internet.
    pub public: usize,
    /// An address of loopback or of a private network, behind which a whole class may be.
    pub private: usize,
}

impl PerAddress {
    /// How many this address may have.
    pub fn of(self, address: IpAddr) -> usize {
        let is_private = match address {
            IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        };
        if is_private { self.private } else { self.public }
    }
}

/// The open connections of a program, over all its listeners: at most `max` at a time.
pub struct Connections {
    max: usize,
    state: Mutex<State>,
    /// A connection has ended.
    ended: Condvar,
    trace: Trace,
}

struct State {
    rule: Rule,
    /// Also those that have given way, until their threads end.
    open: HashMap<u64, Open>,
    closed: bool,
}

/// A connection that has not ended.
#[derive(Clone)]
pub(super) struct Open {
    pub(super) stream: Arc<TcpStream>,
    /// All was said on it, and its last line is on its way.
    pub(super) is_over: bool,
    /// How something can be said on it.
    pub(super) speech: Speech,
    /// What records it.
    pub(super) wire: Wire,
}

impl Open {
    fn new(stream: &Arc<TcpStream>) -> Open {
        Open { stream: Arc::clone(stream), is_over: false, speech: Speech::Clear, wire: Wire::default() }
    }
}

/// How something can be said on a connection by who is not its session.
#[derive(Clone)]
pub(super) enum Speech {
    /// By writing it.
    Clear,
    /// Not at all: a handshake is under way.
    None,
    /// By TLS.
    Tls(Arc<Channel>),
}

/// Who has a place, and who gives way.
enum Rule {
    /// Each keeps its own.
    Keep(Places),
    /// Each has to log in, and until then it may have to give way.
    LogIn(Places, PerAddress),
    /// Each has to be introduced.
    Door(Door),
}

impl Rule {
    fn admit(&mut self, from: IpAddr) -> Admission {
        match self {
            Rule::Keep(places) => {
                let admission = places.admit(Origin::of(from), usize::MAX, random_below);
                if let Admission::Free(id) = admission {
                    places.stand(id, Standing::Kept);
                }
                admission
            }
            Rule::LogIn(places, limit) => places.admit(Origin::of(from), limit.of(from), random_below),
            Rule::Door(door) => door.admit(from, random_below),
        }
    }

    fn stand(&mut self, id: u64, standing: Standing) -> bool {
        match self {
            Rule::Keep(places) | Rule::LogIn(places, _) => places.stand(id, standing),
            Rule::Door(door) => door.stand(id, standing),
        }
    }

    fn shows(&mut self, id: u64) {
        match self {
            // Nobody is introduced there.
            Rule::Keep(_) | Rule::LogIn(..) => {}
            Rule::Door(door) => door.shows(id),
        }
    }

    fn over(&mut self, id: u64) {
        match self {
            // Its place is free in a moment, and a newcomer finds one all the same.
            Rule::Keep(_) | Rule::LogIn(..) => {}
            Rule::Door(door) => door.over(id),
        }
    }

    fn leave(&mut self, id: u64) {
        match self {
            Rule::Keep(places) | Rule::LogIn(places, _) => drop(places.leave(id)),
            Rule::Door(door) => door.leave(id),
        }
    }
}

/// What becomes of a new connection.
pub(super) enum Verdict {
    Serve { id: u64, gives_way: Option<Open> },
    Refuse(Refused),
    Drop,
}

/// Why a connection is not served; its `Display` is for who records it, as each dialect tells the peer in its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// All places are taken.
    Full,
    /// So many connections of its address are without a login, or an introduction, which is the most for one.
    TooManyWithoutLogin(usize),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Full => f.write_str("all places are taken"),
            Refused::TooManyWithoutLogin(most) => {
                write!(f, "{} of its address without a login, which is the most", counted(*most, "connection"))
            }
        }
    }
}

impl Connections {
    /// Room for `max` connections, each of which keeps its place.
    pub fn new(max: usize) -> Connections {
        Self::ruled(max, Rule::Keep(Places::new(max)))
    }

    /// Room for `max` connections that have to log in ([`Place::stand`]); until then they may have to give way.
    pub fn with_login(max: usize, per_address: PerAddress) -> Connections {
        Self::ruled(max, Rule::LogIn(Places::new(max), per_address))
    }

    /// Room for 64 connections that have to be introduced ([`Connections::stand`]); until then they may
    /// have to give way.
    pub fn with_introduction() -> Connections {
        Self::ruled(door::PLACES, Rule::Door(Door::default()))
    }

    fn ruled(max: usize, rule: Rule) -> Connections {
        let state = State { rule, open: HashMap::new(), closed: false };
        Connections { max, state: Mutex::new(state), ended: Condvar::new(), trace: Trace::default() }
    }

    /// The same, with what happens on them recorded.
    pub fn recorded(self, trace: &Trace) -> Connections {
        Connections { trace: trace.clone(), ..self }
    }

    /// What records them.
    pub(super) fn trace(&self) -> &Trace {
        &self.trace
    }

    /// The connection of this number ([`Place::id`]) stands otherwise now. False when it has given way to another, so
    /// that it is over; and where connections have to be introduced, when there is no room for another stranger.
    pub fn stand(&self, id: u64, standing: Standing) -> bool {
        self.lock().rule.stand(id, standing)
    }

    /// The most connections at a time.
    pub fn max(&self) -> usize {
        self.max
    }

    /// Ends every connection, now and from now on. Their reads end at once, so that their threads can still write
    /// what is on its way; who takes longer than a moment for that is cut off.
    pub fn close_all(&self) {
        let mut state = self.lock();
        state.closed = true;
        for direction in [Direction::Read, Direction::Both] {
            let open: Vec<_> = state.open.values().cloned().collect();
            drop(state);
            for Open { stream, wire, .. } in open {
                wire.shut();
                // An error says that the connection has ended already.
                let _ = stream.shutdown(direction);
            }
            let waited = self.ended.wait_timeout_while(self.lock(), LINGER, |state| !state.open.is_empty());
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What becomes of a connection that was just accepted.
    pub(super) fn admit(&self, stream: &Arc<TcpStream>, from: IpAddr) -> Verdict {
        let waits = |state: &mut State| !state.closed && self.is_crowded(state);
        let waited = self.ended.wait_timeout_while(self.lock(), ENDING, waits);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        if state.closed || self.is_crowded(&state) {
            return Verdict::Drop;
        }
        let (id, gives_way) = match state.rule.admit(from) {
            Admission::Free(id) => (id, None),
            Admission::InPlaceOf { id, gives_way } => (id, state.open.get(&gives_way).cloned()),
            Admission::Full => return Verdict::Refuse(Refused::Full),
            Admission::TooMany(limit) => return Verdict::Refuse(Refused::TooManyWithoutLogin(limit)),
        };
        state.open.insert(id, Open::new(stream));
        Verdict::Serve { id, gives_way }
    }

    /// Those that have given way need a moment to end. With too many of them, who comes next waits for that, and all
    /// others behind it.
    fn is_crowded(&self, state: &State) -> bool {
        state.open.len() >= self.max.saturating_mul(2)
    }

    /// The place that was given under this number.
    pub(crate) fn place(&self, id: u64) -> Place<'_> {
        Place { connections: self, id, wire: Wire::default() }
    }

    /// A place that is taken, of a connection that there is not.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> Place<'_> {
        match self.lock().rule.admit([10, 0, 0, 1].into()) {
            Admission::Free(id) => self.place(id),
            _ => panic!("no place is free"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A number below this one. Without random bytes it is 0: the oldest of those who wait gives way then.
fn random_below(below: usize) -> usize {
    let mut bytes = [0; 8];
    let _ = getrandom::fill(&mut bytes);
    (u64::from_ne_bytes(bytes) % below.max(1) as u64) as usize
}

/// Gives a connection's place back, also when its thread panics or is never started.
pub struct Place<'a> {
    connections: &'a Connections,
    id: u64,
    wire: Wire,
}

impl Place<'_> {
    /// The same, with what happens on its connection recorded.
    pub(super) fn recorded(mut self, stream: &TcpStream, peer: SocketAddr, dialect: &'static str) -> Self {
        let wire = self.connections.trace.accepted(stream, peer, dialect);
        if wire.is_on() {
            if let Some(open) = self.connections.lock().open.get_mut(&self.id) {
                open.wire = wire.clone();
            }
            self.wire = wire;
        }
        self
    }

    /// What records its connection.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Its number: no other connection has it, and later ones have higher numbers.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// From now on nobody says anything in the clear on its connection.
    pub fn shakes_hands(&self) {
        self.speaks(Speech::None);
    }

    /// From now on others, too, say by this channel what they say on its connection.
    pub fn speaks_by(&self, channel: &Arc<Channel>) {
        self.speaks(Speech::Tls(Arc::clone(channel)));
    }

    fn speaks(&self, speech: Speech) {
        if let Some(open) = self.connections.lock().open.get_mut(&self.id) {
            open.speech = speech;
        }
    }

    /// As [`Connections::stand`].
    pub fn stand(&self, standing: Standing) -> bool {
        self.connections.stand(self.id, standing)
    }

    /// It shows a part of what introduces it, and is still to prove that it has it all.
    pub fn shows(&self) {
        self.connections.lock().rule.shows(self.id);
    }

    /// All was said on it.
    pub(super) fn over(&self) {
        let mut state = self.connections.lock();
        state.rule.over(self.id);
        if let Some(open) = state.open.get_mut(&self.id) {
            open.is_over = true;
        }
    }

    /// Whether it has only a moment to say what it comes for, as many strangers are at the door.
    pub fn is_hurried(&self) -> bool {
        matches!(&self.connections.lock().rule, Rule::Door(door) if door.is_hurried(self.id))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.wire.closed();
        let mut state = self.connections.lock();
        // Else nobody waits for an end.
        let is_waited_for = state.closed || self.connections.is_crowded(&state);
        state.open.remove(&self.id);
        state.rule.leave(self.id);
        if is_waited_for {
            self.connections.ended.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    const LIMIT: PerAddress = PerAddress { public: 9, private: 9 };

    fn connection() -> Arc<TcpStream> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        Arc::new(TcpStream::connect(listener.local_addr().expect("bound")).expect("connects"))
    }

    #[test]
    fn who_comes_while_others_end_waits_for_them_and_not_for_ever() {
        let connections = Connections::with_login(1, LIMIT);
        let admit = |last: u8| match connections.admit(&connection(), [10, 0, 0, last].into()) {
            Verdict::Serve { id, .. } => Some(id),
            Verdict::Refuse(_) | Verdict::Drop => None,
        };
        let (first, _second) =
            (connections.place(admit(1).expect("free")), connections.place(admit(2).expect("gives way")));
        assert_eq!(admit(3), None, "two are open, and neither ends");
        thread::scope(|scope| {
            // On a busy machine the first may take its time.
            let third = scope.spawn(|| (0..100).find_map(|_| admit(3)));
            drop(first);
            assert!(third.join().expect("no panic").is_some());
        });
    }
}
