//! Requests to the server: one on the wire at a time, the others in line, each with what its answer is for.
//!
//! Lines of the server that belong to no answer are events, and are given back. A request that the server cannot take
//! just now is asked again after a pause: a script that is too fast is slowed down, not refused.

use crate::client::event::{CallId, Place};
use crate::protocol::{MemberRequest, Refusal, Reply, Request};
use crate::value::{Address, Username};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How long the answer to a password may take: the server hashes it, one after the other when many log in.
const HASHED_ANSWER: Duration = Duration::from_secs(60);
/// How long the connection may be silent when hellos go unanswered.
pub const PATIENCE: Duration = Duration::from_secs(3);
/// How long a request waits that the server cannot take just now, and how often: five seconds in all.
const PAUSE: Duration = Duration::from_millis(100);
const TRIES: u32 = 50;
/// The most bytes in the data lines of an answer, and the most that they tell of, clients or files: far more than a
/// server has clients. Names are counted too, as each costs more memory than its bytes.
const MAX_BYTES: usize = 16 << 20;
const MAX_ITEMS: usize = 1 << 17;
/// The most requests in line.
const MAX_WAITING: usize = 2048;

/// What the answer to a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's sentence names its fields")]
pub enum Purpose {
    /// To make the account first, then log in.
    SignUp,
    /// To log in.
    LogIn,
    /// To go on with the session that has ended.
    GoOn,
    /// To be as hidden as before, after a login.
    Hide,
    /// To tell the server where we listen, after a login.
    Listen,
    /// To tell the server where other machines find us.
    Reach,
    /// To be shown as it comes, a line each, and its end.
    Show,
    /// The same; then we are as hidden as this says.
    Activity { hidden: bool },
    /// Its fields are names of users.
    Users,
    /// Its fields read better with spaces than with commas.
    Fields,
    /// File names.
    Files { of: Option<Username> },
    /// An introduction that a call waits for.
    Introduction(CallId),
    /// A message that could not be delivered directly.
    Relay { to: Address },
    /// Shared files.
    Announce,
    /// To know whether a line as long as this one gets through.
    Size,
    /// To know whether others can connect to us.
    Probe,
    /// To know whom we may connect to.
    Others,
    /// To hear who comes and who goes.
    Watch,
    /// That others know whether we want to be disturbed.
    Peace,
    /// Nothing: the person talks with a peer, and is not idle.
    Here,
    /// Another password: a line of its dialogue.
    ChangePassword,
    /// The goodbye.
    Goodbye,
}

/// Where a request comes from, so that its answer is shown there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The window.
    pub home: Place,
    /// The number of the line that asked for it.
    pub request: Option<u64>,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Ask {
    /// What its answer is for.
    pub purpose: Purpose,
    /// What is sent.
    pub request: Request,
    /// Where it comes from.
    pub origin: Origin,
    /// The data lines of its answer so far.
    pub data: Vec<Reply>,
    bytes: usize,
    items: usize,
    sent: Option<Instant>,
    /// How long it waits for a session, while there is none.
    until: Option<Instant>,
    tries: u32,
    not_before: Option<Instant>,
}

/// What became of a line of the server.
#[derive(Debug)]
#[expect(missing_docs, reason = "a variant's sentence names its fields")]
pub enum Sorted {
    /// It is part of an answer, or kept for a moment.
    Taken,
    /// It ends the answer to this request.
    Answer { ask: Box<Ask>, end: Reply },
    /// The answer is larger than any can be.
    TooMuch,
}

/// All requests that have no answer yet.
#[derive(Debug, Default)]
pub struct Asks {
    line: VecDeque<Ask>,
    /// When the connection is taken for dead if the server says nothing on it before.
    silent_at: Option<Instant>,
    /// A ticket that belongs to the answer if the next line is its `peer_` line, and is an event otherwise.
    held: Option<Announced>,
    /// A key that belongs to the next line, if that is the ticket of the same person.
    key: Option<Reply>,
}

/// A ticket, behind the key of the same person where there is one.
type Announced = (Option<Reply>, Reply);

impl Origin {
    /// Asked by nobody in particular.
    pub fn nobody() -> Origin {
        Origin { home: Place::Server, request: None }
    }
}

impl Purpose {
    /// Whether it is a step of the login, which goes before everything else.
    pub fn is_login(&self) -> bool {
        matches!(self, Purpose::SignUp | Purpose::LogIn | Purpose::GoOn)
    }

    /// Whether the server may have to hash a password before it answers.
    fn is_hashed(&self) -> bool {
        matches!(self, Purpose::SignUp | Purpose::LogIn | Purpose::ChangePassword)
    }

    /// Whether its answer is shown to the person who asked.
    pub fn is_shown(&self) -> bool {
        match self {
            Purpose::Show
            | Purpose::Activity { .. }
            | Purpose::Users
            | Purpose::Fields
            | Purpose::Files { .. }
            | Purpose::Probe
            | Purpose::Others
            | Purpose::Relay { .. } => true,
            Purpose::SignUp
            | Purpose::LogIn
            | Purpose::GoOn
            | Purpose::Hide
            | Purpose::Listen
            | Purpose::Reach
            | Purpose::Introduction(_)
            | Purpose::Announce
            | Purpose::Watch
            | Purpose::Peace
            | Purpose::Here
            | Purpose::Size
            | Purpose::ChangePassword
            | Purpose::Goodbye => false,
        }
    }

    /// Whether it may be asked on another connection than the one for which it was put in line.
    fn outlives_link(&self) -> bool {
        self.is_shown() || matches!(self, Purpose::Introduction(_))
    }
}

impl Ask {
    /// A request that was not sent yet.
    pub fn new(purpose: Purpose, request: Request, origin: Origin) -> Ask {
        let (data, sent, until, not_before) = (Vec::new(), None, None, None);
        Ask { purpose, request, origin, data, bytes: 0, items: 0, sent, until, tries: 0, not_before }
    }

    /// The same, which waits for a session until then at most, if there is none.
    pub fn waiting(self, until: Option<Instant>) -> Ask {
        Ask { until, ..self }
    }

    fn limit(&self) -> Duration {
        if self.purpose.is_hashed() { HASHED_ANSWER } else { ANSWER }
    }

    /// Whether it was sent, so that it may be carried out though no answer came.
    pub fn was_sent(&self) -> bool {
        self.sent.is_some()
    }
}

impl Asks {
    /// Puts a request in line; false when too many wait.
    pub fn put(&mut self, ask: Ask) -> bool {
        if self.line.len() >= MAX_WAITING {
            return false;
        }
        self.line.push_back(ask);
        true
    }

    /// Puts a request before all that were not sent yet: a step of the login, or what follows it at once.
    pub fn put_first(&mut self, ask: Ask) {
        let at = usize::from(self.line.front().is_some_and(Ask::was_sent));
        self.line.insert(at, ask);
    }

    /// The request to be sent now, if nothing is on the wire and its time has come. `online`: others than the login's
    /// steps may be sent.
    pub fn next(&mut self, online: bool, now: Instant) -> Option<&Ask> {
        let ask = self.line.front_mut()?;
        let may = online || ask.purpose.is_login();
        if ask.was_sent() || !may || ask.not_before.is_some_and(|time| time > now) {
            return None;
        }
        ask.sent = Some(now);
        Some(ask)
    }

    /// When the answer on the wire is late, or a request can be asked again.
    pub fn deadline(&self, online: bool) -> Option<Instant> {
        let again = self.line.front().filter(|ask| online && !ask.was_sent()).and_then(|ask| ask.not_before);
        let unsent = self.line.iter().filter_map(|ask| ask.until.filter(|_| !ask.was_sent()));
        again.into_iter().chain(self.late_at()).chain(unsent).min()
    }

    /// Whether the answer on the wire is late.
    pub fn is_late(&self, now: Instant) -> bool {
        self.late_at().is_some_and(|at| at <= now)
    }

    fn late_at(&self) -> Option<Instant> {
        let ask = self.line.front()?;
        let late_at = ask.sent? + ask.limit();
        Some(self.silent_at.map_or(late_at, |silent_at| late_at.min(silent_at)))
    }

    /// Has the server say something on the connection soon, as it answers no datagram: the answer on the wire, or one to
    /// `question`. A request that takes the server its time is not hurried.
    pub fn hurry(&mut self, question: Ask, now: Instant) {
        match self.line.front().filter(|ask| ask.was_sent()) {
            Some(ask) if ask.purpose.is_hashed() || ask.request == MemberRequest::Probe.into() => return,
            Some(_) => {}
            None => self.put_first(question),
        }
        self.silent_at = Some(now + PATIENCE);
    }

    /// The server has said something: the connection is not dead.
    pub fn heard(&mut self) {
        self.silent_at = None;
    }

    /// Whether any request satisfies this.
    pub fn any(&self, test: impl Fn(&Ask) -> bool) -> bool {
        self.line.iter().any(test)
    }

    /// There is a session again: nothing waits for it.
    pub fn session_is_back(&mut self) {
        self.line.iter_mut().for_each(|ask| ask.until = None);
    }

    /// Takes out what has waited for a session for as long as it may.
    pub fn expired(&mut self, now: Instant) -> Vec<Ask> {
        self.take_waiting(|ask| ask.until.is_some_and(|until| until <= now))
    }

    /// Takes out what was not sent, would be on the next connection, and satisfies this.
    pub fn take_waiting(&mut self, test: impl Fn(&Ask) -> bool) -> Vec<Ask> {
        let is_taken = |ask: &Ask| !ask.was_sent() && ask.purpose.outlives_link() && test(ask);
        let (taken, stay) = self.line.drain(..).partition(is_taken);
        self.line = VecDeque::from(stay);
        taken
    }

    /// Forgets the requests for which `test` holds and which were not sent.
    pub fn withdraw(&mut self, mut test: impl FnMut(&Ask) -> bool) {
        self.line.retain(|ask| ask.was_sent() || !test(ask));
    }

    /// The server has said what is no line: nothing belongs to what stands behind it.
    pub fn unreadable(&mut self) {
        self.key = None;
    }

    /// Takes a line of the server. `on_event` gets what belongs to no answer.
    pub fn sort(&mut self, reply: Reply, mut on_event: impl FnMut(Reply)) -> Sorted {
        let key = self.key.take();
        if let Some((key, ticket)) = self.held.take() {
            let lines = key.into_iter().chain([ticket]);
            if !matches!(reply, Reply::Peer(_)) {
                lines.for_each(&mut on_event);
            } else if let Some(ask) = self.on_wire() {
                ask.data.extend(lines);
            }
        }
        match reply {
            Reply::Broadcast(_) | Reply::Message { .. } | Reply::Notice(_) | Reply::Joined { .. } | Reply::Left(_) => {
                on_event(reply)
            }
            Reply::Servers(_) | Reply::ServerKey { .. } => on_event(reply),
            Reply::Key { .. } => self.key = Some(reply),
            Reply::Ticket { ref name, .. } => {
                let key = key.filter(|key| matches!(key, Reply::Key { name: whose, .. } if whose == name));
                // Only an introduction has a ticket in its answer, and then the next line is sure to come soon.
                let introduces =
                    self.on_wire().is_some_and(|ask| matches!(ask.request, Request::Member(MemberRequest::Connect(_))));
                if introduces {
                    self.held = Some((key, reply));
                } else {
                    key.into_iter().chain([reply]).for_each(on_event);
                }
            }
            other => return self.add(other, on_event),
        }
        Sorted::Taken
    }

    fn add(&mut self, reply: Reply, mut on_event: impl FnMut(Reply)) -> Sorted {
        let Some(ask) = self.on_wire() else {
            on_event(reply);
            return Sorted::Taken;
        };
        let listed = if let Reply::Ok(text) = &reply { text.matches(',').count() } else { 0 };
        if listed > MAX_ITEMS {
            return Sorted::TooMuch;
        }
        if !reply.is_final() {
            ask.bytes += reply.to_string().len();
            ask.items += if let Reply::Files { files, .. } = &reply { files.len().max(1) } else { 1 };
            if ask.items > MAX_ITEMS || ask.bytes > MAX_BYTES {
                ask.data = Vec::new();
                return Sorted::TooMuch;
            }
            ask.data.push(reply);
            return Sorted::Taken;
        }
        match self.line.pop_front() {
            Some(ask) => Sorted::Answer { ask: Box::new(ask), end: reply },
            None => Sorted::Taken,
        }
    }

    fn on_wire(&mut self) -> Option<&mut Ask> {
        self.line.front_mut().filter(|ask| ask.sent.is_some())
    }

    /// Puts a request back that the server could not take just now, if that makes sense; gives back what is refused
    /// for good. `known`: we have been logged in and will be again.
    ///
    /// # Errors
    /// The request, when it is not to be asked again.
    pub fn again(&mut self, ask: Box<Ask>, refusal: &Refusal, known: bool, now: Instant) -> Result<(), Box<Ask>> {
        let later = matches!(refusal, Refusal::TooFast(_)) || (known && matches!(refusal, Refusal::LogInFirst));
        if !later || ask.tries >= TRIES || ask.purpose.is_login() {
            return Err(ask);
        }
        let (tries, not_before) = (ask.tries + 1, Some(now + PAUSE));
        // The login goes before everything else, also before what is asked again because of it.
        let at = self.line.iter().take_while(|ask| ask.purpose.is_login()).count();
        self.line.insert(at, Ask { tries, not_before, ..Ask::new(ask.purpose, ask.request, ask.origin) });
        Ok(())
    }

    /// The connection has ended: gives back the requests that end with it, that on the wire first. What was not sent
    /// stays, for as long as `until` says; so does an introduction, which is asked for again on the next connection.
    pub fn link_lost(&mut self, until: impl Fn(&Purpose) -> Option<Instant>) -> Vec<Ask> {
        (self.held, self.key, self.silent_at) = (None, None, None);
        let stays = |ask: &Ask| match ask.purpose {
            Purpose::Introduction(_) => true,
            _ => !ask.was_sent() && ask.purpose.outlives_link(),
        };
        let (stay, gone): (Vec<Ask>, Vec<Ask>) = self.line.drain(..).partition(stays);
        let anew = |ask: Ask| {
            let until = until(&ask.purpose);
            Ask::new(ask.purpose, ask.request, ask.origin).waiting(until)
        };
        self.line = stay.into_iter().map(anew).collect();
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICKETS: [&str; 2] =
        ["ticket_eve_00112233445566778899aabbccddeeff", "ticket_bob_ff112233445566778899aabbccddeeff"];

    fn asks(request: &str, purpose: Purpose, now: Instant) -> Asks {
        let mut asks = Asks::default();
        assert!(asks.put(Ask::new(purpose, Request::parse(request).expect("valid"), Origin::nobody())));
        assert!(asks.next(false, now).is_none(), "not before the login");
        assert_eq!(asks.next(true, now).map(|ask| ask.request.to_string()).as_deref(), Some(request));
        assert!(asks.next(true, now).is_none(), "one at a time");
        asks
    }

    /// The data lines of the answer, if it came, and the events.
    fn play(asks: &mut Asks, lines: &[&str]) -> (Option<Vec<String>>, Vec<String>) {
        let (mut data, mut events) = (None, Vec::new());
        for line in lines {
            let sorted = asks.sort(Reply::parse(line), |event| events.push(event.to_string()));
            if let Sorted::Answer { ask, .. } = sorted {
                data = Some(ask.data.iter().map(ToString::to_string).collect());
            }
        }
        (data, events)
    }

    #[test]
    fn events_between_the_lines_of_an_answer() {
        let mut asks = asks("list", Purpose::Show, Instant::now());
        let lines =
            ["client_a_127.0.0.2:1", "bcast_1_1_bob_hi", "msg_bob_hi", "client_b_127.0.0.3:1", "OK,2", "notice_bye"];
        let (data, events) = play(&mut asks, &lines);
        assert_eq!(data.expect("answered"), ["client_a_127.0.0.2:1", "client_b_127.0.0.3:1"]);
        assert_eq!(events, ["bcast_1_1_bob_hi", "msg_bob_hi", "notice_bye"]);
    }

    #[test]
    fn a_ticket_belongs_to_the_answer_only_before_its_peer() {
        let [one, two] = TICKETS;
        let purpose = Purpose::Introduction(CallId::Out(1));
        let mut connecting = asks("connect_bob", purpose, Instant::now());
        let (data, events) = play(&mut connecting, &[one, two, "peer_127.0.0.2:4401", one, "OK,"]);
        assert_eq!(data.expect("answered"), [two, "peer_127.0.0.2:4401"]);
        assert_eq!(events, [one, one]);
        let mut asking = asks("whoami", Purpose::Fields, Instant::now());
        assert_eq!(play(&mut asking, &[one, "OK,"]).1, [one]);
    }

    #[test]
    fn what_the_server_cannot_take_now_is_asked_again_a_little_later() {
        let now = Instant::now();
        let mut asks = asks("list", Purpose::Show, now);
        let sorted = asks.sort(Reply::parse("OK,"), drop);
        let Sorted::Answer { ask, .. } = sorted else { panic!("answered") };
        asks.again(ask, &Refusal::TooFast(20), true, now).expect("again");
        assert!(asks.next(true, now).is_none());
        assert_eq!(asks.deadline(true), Some(now + PAUSE));
        assert!(asks.next(true, now + PAUSE).is_some());
        let Sorted::Answer { ask, .. } = asks.sort(Reply::parse("OK,"), drop) else { panic!("answered") };
        assert!(asks.again(ask, &Refusal::UserNotFound, true, now).is_err());
    }

    #[test]
    fn the_login_goes_before_what_is_asked_again_because_of_it() {
        let now = Instant::now();
        let mut asks = asks("list", Purpose::Show, now);
        let login = Request::parse("LOGIN,alice,correct horse").expect("valid");
        asks.put_first(Ask::new(Purpose::LogIn, login, Origin::nobody()));
        let Sorted::Answer { ask, .. } = asks.sort(Reply::parse("ERR,Log in first"), drop) else { panic!("answered") };
        asks.again(ask, &Refusal::LogInFirst, true, now).expect("again");
        let next = asks.next(false, now).map(|ask| ask.request.to_string());
        assert_eq!(next.as_deref(), Some("LOGIN,alice,correct horse"));
    }

    #[test]
    fn a_lost_connection_ends_all_but_introductions() {
        let now = Instant::now();
        let mut asks = asks("list", Purpose::Show, now);
        let introduction = Purpose::Introduction(CallId::Out(1));
        let request = Request::parse("connect_bob").expect("valid");
        assert!(asks.put(Ask::new(introduction, request, Origin::nobody())));
        assert!(!asks.is_late(now) && asks.is_late(now + ANSWER));
        let until = now + ANSWER;
        assert!(asks.put(Ask::new(Purpose::Fields, MemberRequest::Whoami.into(), Origin::nobody())));
        assert!(asks.put(Ask::new(Purpose::Here, MemberRequest::Here.into(), Origin::nobody())));
        let gone = asks.link_lost(|purpose| (*purpose == Purpose::Fields).then_some(until));
        let gone: Vec<_> = gone.iter().map(|ask| (ask.request.to_string(), ask.was_sent())).collect();
        assert_eq!(
            gone,
            [("list".to_owned(), true), ("here".to_owned(), false)],
            "the first may have been carried out"
        );
        assert_eq!(asks.deadline(false), Some(until));
        assert_eq!(asks.expired(until - PAUSE).len(), 0);
        let expired: Vec<_> = asks.expired(until).iter().map(|ask| ask.request.to_string()).collect();
        assert_eq!(expired, ["whoami"]);
        assert_eq!(asks.next(true, now).map(|ask| ask.request.to_string()).as_deref(), Some("connect_bob"));
    }

    #[test]
    fn an_answer_without_an_end_is_given_up() {
        let mut asks = asks("GET_AF", Purpose::Files { of: None }, Instant::now());
        let line = format!("files_bob,{}", "x".repeat(1 << 20));
        let much: Vec<Sorted> = (0..=MAX_BYTES >> 20).map(|_| asks.sort(Reply::parse(&line), drop)).collect();
        assert!(matches!(much.as_slice(), [Sorted::Taken, .., Sorted::TooMuch]));
    }

    #[test]
    fn names_count_for_more_than_their_bytes() {
        let mut asks = asks("GET_AF", Purpose::Files { of: None }, Instant::now());
        let many = |count| Reply::parse(&format!("files_bob{}", ",x".repeat(count)));
        assert!(matches!(asks.sort(many(MAX_ITEMS), drop), Sorted::Taken));
        assert!(matches!(asks.sort(many(1), drop), Sorted::TooMuch));
        assert!(asks.line[0].data.is_empty(), "nothing of it is kept");
        let users = Reply::parse(&format!("OK{}", ",x".repeat(MAX_ITEMS + 2)));
        assert!(matches!(asks.sort(users, drop), Sorted::TooMuch));
    }
}
