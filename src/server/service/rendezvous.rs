//! What the server does for its clients: the one set of services that the native protocol and every dialect share.
//!
//! A session turns lines into calls of these methods and their results into lines. No socket is known here; what
//! reaches another client goes through its mailbox, after every lock is released.

use super::apart;
use crate::dialect::Dialect;
use crate::net::{AddressedSocket, Arrival, NotServed, Refused, Shutdown};
use crate::protocol::{Event, Hello, Notice, Refusal};
use crate::server::auth::{Hasher, SignUps, Turns};
use crate::server::clients::{
    ClientMap, ClientSnapshot, FileNames, Letter, Listed, NotFound, NotHanded, SessionKey, Viewpoint,
};
use crate::server::config::Config;
use crate::server::counters::Counters;
use crate::server::delivery::{Broadcaster, Left, Mailbox, Owed, Presence};
use crate::server::directory::{self, Away, Directory, Ports};
use crate::server::store::History;
use crate::trace;
use crate::trace::Trace;
use crate::value::sentence::counted;
use crate::value::{Address, Apart, Epoch, Fingerprint, Ticket, Username};
use log::info;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The state of a server, and what it does for its clients.
pub struct Rendezvous {
    /// The options.
    pub config: Config,
    /// What records what happens.
    pub trace: Trace,
    /// What has happened since the start.
    pub counters: Arc<Counters>,
    /// When that was.
    pub started: Instant,
    /// Who is here. What is seen of it by others is changed by the directory alone.
    pub(super) clients: ClientMap,
    /// What was broadcast. The directory alone adds to it.
    pub(super) history: Arc<History>,
    pub(super) directory: Box<dyn Directory>,
    pub(super) broadcaster: Arc<Broadcaster>,
    pub(super) owed: Owed,
    pub(super) hasher: Hasher,
    pub(super) turns: Turns,
    pub(super) sign_ups: SignUps,
}

fn other_dialect(name: &Username, dialect: Dialect) -> Refusal {
    Refusal::OtherDialect { name: name.clone(), dialect: dialect.to_string() }
}

/// A client that has gone hears none of it.
pub(super) fn not_hashed(_: NotServed) -> Refusal {
    Refusal::BusyWithLogins
}

/// A client that is logged in.
#[derive(Clone, Debug)]
pub struct Login {
    /// Its entry in the client map, with its name and address.
    pub key: SessionKey,
    /// What its hello datagrams carry.
    pub token: Ticket,
    /// What is heard of it.
    pub presence: Arc<Presence>,
    /// By what it goes on at another server of the house.
    pub again: Option<Ticket>,
    /// How long it lasts, if there is an end to it.
    pub lasts: Option<Duration>,
}

/// What the asker of an introduction gets. The other side has the ticket already.
pub struct Introduction {
    /// The other side.
    pub name: Username,
    /// Where it listens.
    pub address: SocketAddr,
    /// Proves to it who calls.
    pub ticket: Ticket,
    /// Its key, where both sides have one.
    pub key: Option<Fingerprint>,
}

/// What became of a message.
pub enum Handled {
    /// The asker delivers it.
    Introduced(Introduction),
    /// The server handed it over.
    Relayed(Username),
}

impl Rendezvous {
    /// Opens the data folder.
    ///
    /// # Errors
    /// One sentence that names the file.
    pub fn open(config: Config, trace: Trace) -> Result<Rendezvous, String> {
        let (clients, broadcaster) = (ClientMap::default(), Arc::<Broadcaster>::default());
        let history = Arc::new(History::new(config.history));
        let directory = directory::open(&config, clients.clone(), &history, Arc::clone(&broadcaster))?;
        Ok(Rendezvous {
            hasher: Hasher::new(config.hash_rounds)?,
            config,
            trace,
            counters: Arc::default(),
            started: Instant::now(),
            clients,
            history,
            directory,
            broadcaster,
            owed: Owed::default(),
            turns: Turns::default(),
            sign_ups: SignUps::default(),
        })
    }

    /// What a session hears of where the servers of the house are.
    pub fn servers(&self, session: &dyn Mailbox) -> Vec<Event> {
        self.directory.servers(session)
    }

    /// The ports are bound, by which clients reach this server.
    pub fn is_bound(&self, ports: Ports) {
        self.directory.is_bound(ports);
    }

    /// Logs a client out; tells where it stands in the broadcasts, if they were ever sent to it.
    pub fn leave(&self, login: &Login) -> Option<Left> {
        self.directory.leave(&login.key);
        self.broadcaster.leave(login.token)
    }

    /// Has the broadcaster send a client every broadcast from number `next` on.
    pub fn start_broadcasts(&self, login: &Login, next: u64) {
        self.broadcaster.start(login.token, next, &self.history);
    }

    /// Whether a hello of this client has acknowledged a broadcast.
    pub fn acknowledges(&self, login: &Login) -> bool {
        self.broadcaster.acknowledges(login.token)
    }

    /// Introduces a client to the one that `to` names: the other side gets the ticket first.
    ///
    /// # Errors
    /// Nobody there, or nobody who can be connected to.
    pub fn introduce(&self, asker: &SessionKey, to: &Address) -> Result<Introduction, Refusal> {
        self.hand_ticket(asker, &self.find(asker, to)?)
    }

    /// Introduces, or hands the text over where the other side does not listen.
    ///
    /// # Errors
    /// As [`Rendezvous::introduce`] and [`Rendezvous::relay`].
    pub fn message(&self, asker: &SessionKey, text: &str, to: &Address) -> Result<Handled, Refusal> {
        let target = self.find(asker, to)?;
        match self.hand_ticket(asker, &target) {
            Ok(introduction) => Ok(Handled::Introduced(introduction)),
            Err(_) => self.hand_over(asker, text, &target).map(Handled::Relayed),
        }
    }

    /// Hands a text over to the one that `to` names.
    ///
    /// # Errors
    /// Nobody there, nobody heard there for a while, or a dialect in which nothing can be handed over.
    pub fn relay(&self, asker: &SessionKey, text: &str, to: &Address) -> Result<Username, Refusal> {
        let target = self.find(asker, to)?;
        // A client that listens is relayed to when it could not be reached.
        if let (Some(why), true) = (apart::between(asker, &target), target.port.is_some()) {
            self.tell_why(asker, &target, why);
        }
        self.hand_over(asker, text, &target)
    }

    fn find(&self, asker: &SessionKey, to: &Address) -> Result<ClientSnapshot, Refusal> {
        match self.clients.find(to, asker.view) {
            Ok(target) if target.name == asker.name => Err(Refusal::Yourself),
            Ok(target) => Ok(target),
            Err(NotFound::Nobody) => Err(Refusal::NobodyThere(to.clone())),
            Err(NotFound::Several(clients)) => Err(Refusal::Ambiguous { clients, at: to.clone() }),
        }
    }

    /// Tells a client, once, why `asker` cannot reach it.
    fn tell_why(&self, asker: &SessionKey, target: &ClientSnapshot, why: Apart) {
        // Whoever is leaving need not know.
        let _ = self.directory.hand(Letter::Apart(Notice::Other(apart::sentence(asker, why))), target);
    }

    /// Gives the target a ticket for the asker, unless the asker could not reach it: it does not listen, it is a guest
    /// with a dialect of its own, it listens on the server's own machine for that machine alone, its address is of use on
    /// another network alone, or both are behind one router.
    fn hand_ticket(&self, asker: &SessionKey, target: &ClientSnapshot) -> Result<Introduction, Refusal> {
        let (name, address) = (target.name.clone(), target.seen_from(asker.view));
        if let Some(dialect) = target.guest {
            return Err(other_dialect(&name, dialect));
        }
        if address.port() == 0 {
            let is_near = target.port.is_some();
            return Err(if is_near { Refusal::OnThisMachineOnly(name) } else { Refusal::NotListening(name) });
        }
        if apart::by_link(asker, target) {
            return Err(Refusal::OnAnotherLink(name));
        }
        if let Some(at) = apart::router(asker, self.clients.port(asker), target) {
            self.tell_why(asker, target, Apart::OneAddress(at));
            return Err(Refusal::OneRouter { name, at });
        }
        let ticket = Ticket::draw();
        self.trace.record(|| trace::Event::Ticket {
            asker: asker.name.clone(),
            to: name.clone(),
            ticket: ticket.to_string()[..4].to_owned(),
        });
        // Each side learns the other's key with the ticket, or neither does; who was just taken over has none to tell.
        let own = self.clients.mailbox(asker, |own| own.key()).ok_or(Refusal::LogInFirst)?;
        let (own, key) = own.zip(target.key()).unzip();
        let letter = Letter::Ticket { from: asker.name.clone(), ticket, key: own };
        let told = self.directory.hand(letter, target);
        self.counters.tickets.add(u64::from(told.is_ok()));
        told.map_err(|why| why.into_refusal(|_| Refusal::JustLeaving(name.clone())))?;
        Ok(Introduction { name, address, ticket, key })
    }

    fn hand_over(&self, asker: &SessionKey, text: &str, target: &ClientSnapshot) -> Result<Username, Refusal> {
        // How it came is not known of who was just taken over.
        let by_tls = self.clients.mailbox(asker, |own| own.is_encrypted()).unwrap_or(true);
        let letter = Letter::Text { from: asker.name.clone(), text: text.to_owned(), by_tls };
        let name = target.name.clone();
        let not_handed = |why| match (why, target.guest) {
            (NotHanded::NotThere, _) => Refusal::NotThere,
            (NotHanded::InTheClear, _) => Refusal::ListensInTheClear(name.clone()),
            (NotHanded::Leaving, Some(dialect)) => other_dialect(&name, dialect),
            (NotHanded::Leaving, None) => Refusal::JustLeaving(name.clone()),
        };
        self.directory.hand(letter, target).map_err(|why| why.into_refusal(not_handed))?;
        self.counters.relayed.add(1);
        Ok(name)
    }

    /// The sequence in which broadcasts are numbered, where it is that of several servers.
    pub fn epoch(&self) -> Option<Epoch> {
        self.directory.epoch()
    }

    /// How many clients are logged in on this server.
    pub fn client_count(&self) -> usize {
        self.clients.count_here()
    }

    /// Why a connection is not served.
    pub fn not_served(&self, why: Refused) -> Refusal {
        self.counters.no_place.add(1);
        match why {
            Refused::Full => Refusal::ServerFull(self.config.max_clients),
            Refused::TooManyWithoutLogin(most) => Refusal::Other(format!(
                "{} of your address have not logged in, which is the most: log in with one of them, or try again later",
                counted(most, "connection")
            )),
        }
    }

    /// The active clients, by name.
    pub fn active(&self) -> Vec<ClientSnapshot> {
        self.clients.active()
    }

    /// The active clients as a client with this view finds them, by name.
    pub fn list(&self, view: Viewpoint) -> Vec<Listed> {
        self.clients.list(view)
    }

    /// The names of the active clients, in order.
    pub fn active_names(&self) -> Vec<Username> {
        self.clients.active_names()
    }

    /// Where a client with this view finds the active client of this name.
    pub fn find_address(&self, name: &str, view: Viewpoint) -> Option<SocketAddr> {
        self.clients.find_address(&name.trim().parse().ok()?, view)
    }

    /// As [`Directory::may_speak`].
    ///
    /// # Errors
    /// [`Away`].
    pub fn may_speak(&self) -> Result<(), Away> {
        self.directory.may_speak()
    }

    /// The names of a client's files.
    ///
    /// # Errors
    /// [`Away`].
    pub fn files(&self, of: &ClientSnapshot) -> Result<Arc<FileNames>, Away> {
        self.directory.files(of)
    }

    /// The active client of this name.
    pub fn find_user(&self, name: &str) -> Option<ClientSnapshot> {
        self.clients.find_name(&name.trim().parse().ok()?)
    }

    /// Sends broadcasts to everybody until `stop`, by `socket` to those who say hello there.
    pub fn send_broadcasts(&self, socket: &AddressedSocket, stop: &Shutdown) {
        self.broadcaster.run(&self.history, socket, self.config.udp_loss, (&self.trace, &self.counters), stop);
    }

    /// Does what the directory has to do all the while, until `stop`.
    pub fn run_directory(&self, stop: &Shutdown) {
        self.directory.run(stop);
    }

    /// Takes a hello datagram; false when it does not count: an unknown token, or an address that is not the
    /// session's.
    pub fn hello(&self, hello: Hello, arrival: Arrival) -> bool {
        let counts = self.broadcaster.hello(hello, arrival, self.history.head(), Instant::now());
        self.counters.hellos.add(u64::from(counts));
        counts
    }

    /// Applies the inactivity rule, and lets go broadcasts that are too old; when to do so again.
    pub fn sweep(&self, now: Instant) -> Instant {
        let idle = self.config.idle;
        let sweep = self.clients.sweep(idle, now);
        // Whole milliseconds: the sentence shows nothing finer.
        let warning = Notice::InactiveSoon(Duration::from_millis((idle / 6).as_millis() as u64));
        let warning = Event::Notice(warning).into();
        for mailbox in sweep.warn {
            mailbox.deliver(&warning);
        }
        for (name, mailbox) in sweep.close {
            info!("{name}: inactive for too long, closed");
            mailbox.deliver(&Event::Notice(Notice::Inactive).into());
            mailbox.close();
        }
        self.history.forget(now).map_or(sweep.next, |due| sweep.next.min(due))
    }

    /// Ends [`Rendezvous::send_broadcasts`], whose stop has been triggered.
    pub fn stop_broadcasts(&self) {
        self.broadcaster.stop();
    }

    /// Tells everybody that the server stops, and has every session end, those too that wait to log in.
    pub fn say_goodbye(&self) {
        self.turns.stop();
        self.hasher.stop();
        self.directory.stop();
        let notice = Event::Notice(Notice::ServerStops).into();
        for mailbox in self.clients.mailboxes_here() {
            mailbox.deliver(&notice);
            mailbox.close();
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::net::Patience;
    use crate::server::auth::Credentials;
    use crate::server::delivery::Parcel;
    use crate::server::store::Account;
    use std::sync::Mutex;

    /// A session that takes what is delivered, or is just leaving.
    #[derive(Default)]
    pub struct Session {
        is_leaving: bool,
        is_encrypted: bool,
        lines: Mutex<String>,
    }

    impl Session {
        pub fn take(&self) -> String {
            std::mem::take(&mut self.lines.lock().expect("no panic"))
        }
    }

    impl Mailbox for Session {
        fn deliver(&self, parcel: &Parcel) -> bool {
            self.lines.lock().expect("no panic").push_str(parcel.lines());
            !self.is_leaving
        }

        fn close(&self) {}

        fn is_encrypted(&self) -> bool {
            self.is_encrypted
        }
    }

    pub fn open(folder: &tempfile::TempDir) -> Rendezvous {
        let config = Config { data: folder.path().to_owned(), hash_rounds: 1000, ..Config::defaults() };
        Rendezvous::open(config, Trace::default()).expect("opens")
    }

    #[test]
    fn nothing_is_done_for_who_has_hung_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let services = open(&folder);
        let patient = Patience::lasting(Duration::from_secs(60));
        let has_gone = || true;
        let ghost = Patience { has_gone: &has_gone, ..patient };
        let alice = Credentials { name: "alice".to_owned(), password: "password".to_owned() };
        let here = [10, 0, 0, 7].into();
        assert_eq!(services.sign_up(&alice, here, &ghost), Err(Refusal::BusyWithLogins));
        let name = "alice".parse().expect("a name");
        assert_eq!(services.directory.account(&name), Ok(None));
        assert_eq!(services.sign_up(&alice, here, &patient), Ok(name.clone()));
        assert_eq!(services.authenticate(&alice, here, &ghost), Err(Refusal::BusyWithLogins));
        assert_eq!(services.authenticate(&alice, here, &patient).map(|account| account.name), Ok(name));
    }

    #[test]
    fn an_introduction_that_is_refused_says_why() {
        let folder = tempfile::tempdir().expect("a folder");
        let services = open(&folder);
        let enter = |name: &str, ip: [u8; 4], is_leaving| {
            let view = Viewpoint::of(ip.into(), [10, 0, 0, 1].into());
            let session = Arc::new(Session { is_leaving, ..Session::default() });
            services.enter(&account(&services, name), (ip, 50_000).into(), view, session).expect("welcome").key
        };
        let student = enter("student", [10, 0, 0, 7], false);
        let near = enter("near", [127, 0, 0, 1], false);
        let leaving = enter("leaving", [10, 0, 0, 8], true);
        enter("netcat", [10, 0, 0, 9], false);
        for key in [&near, &leaving] {
            services.clients.set_listening(key, 4401, crate::server::clients::FileNames::default());
        }
        let introduce =
            |to: &str| services.introduce(&student, &to.parse().expect("an address")).map(|one| one.address);
        assert_eq!(introduce("near"), Err(Refusal::OnThisMachineOnly(near.name.clone())));
        assert_eq!(introduce("leaving"), Err(Refusal::JustLeaving(leaving.name.clone())));
        assert_eq!(introduce("netcat"), Err(Refusal::NotListening("netcat".parse().expect("a name"))));
        assert!(services.clients.set_reach(&near, 5000));
        assert_eq!(introduce("near"), Ok(([10, 0, 0, 1], 5000).into()));
    }

    /// The account of this name, which is made where there is none: nobody knows its password.
    pub fn account(services: &Rendezvous, name: &str) -> Account {
        let name = name.parse().expect("a name");
        services.directory.account(&name).expect("a folder").unwrap_or_else(|| {
            let password_hash = "$pbkdf2-sha256$i=1000,l=32$c2FsdHNhbHRzYWx0c2FsdA$".to_owned() + &"a".repeat(43);
            let account = Account { name, password_hash, created_at: 0 };
            services.directory.sign_up(account.clone()).expect("a new name");
            account
        })
    }

    /// Logs in from a host of this number.
    pub fn enter(services: &Rendezvous, name: &str, host: u8) -> (Login, Arc<Session>) {
        let (ip, session) = ([10, 0, 0, host], Arc::<Session>::default());
        let view = Viewpoint::of(ip.into(), [10, 0, 0, 1].into());
        let mailbox = Arc::clone(&session) as Arc<dyn Mailbox>;
        let login = services.enter(&account(services, name), (ip, 50_000).into(), view, mailbox);
        (login.expect("welcome"), session)
    }

    /// A line that was read before the takeover is carried out behind it.
    #[test]
    fn a_text_that_came_by_tls_does_not_leave_in_the_clear_during_a_takeover() {
        let folder = tempfile::tempdir().expect("a folder");
        let services = open(&folder);
        let (bob, reads) = enter(&services, "bob", 8);
        let view = Viewpoint::of([10, 0, 0, 7].into(), [10, 0, 0, 1].into());
        let by_tls = Arc::new(Session { is_encrypted: true, ..Session::default() });
        let alice = services.enter(&account(&services, "alice"), ([10, 0, 0, 7], 50_000).into(), view, by_tls);
        let alice = alice.expect("welcome");
        let relay = || services.relay(&alice.key, "a secret", &Address::Name(bob.key.name.clone()));
        let refused = Err(Refusal::ListensInTheClear(bob.key.name.clone()));
        assert_eq!(relay(), refused);
        services.clients.set_listening(&bob.key, 4401, crate::server::clients::FileNames::default());
        let introduce = || services.introduce(&alice.key, &Address::Name(bob.key.name.clone())).map(|one| one.name);
        assert_eq!(introduce(), Ok(bob.key.name.clone()));
        reads.take();
        enter(&services, "alice", 9);
        assert_eq!((relay(), introduce()), (refused, Err(Refusal::LogInFirst)), "nobody knows by what it came");
        assert_eq!(reads.take(), "");
    }

    #[test]
    fn two_clients_behind_one_router_are_both_told_why() {
        let folder = tempfile::tempdir().expect("a folder");
        let services = open(&folder);
        let ((alice, _), (bob, reads)) = (enter(&services, "alice", 254), enter(&services, "bob", 254));
        let to: Address = "bob".parse().expect("an address");
        let listen = |login: &Login, port| {
            services.clients.set_listening(&login.key, port, crate::server::clients::FileNames::default())
        };
        listen(&bob, 4401);
        // Perhaps one machine: one of its clients has the usual port, another one a port of its own.
        for alice_listens in [None, Some(50_000)] {
            if let Some(port) = alice_listens {
                listen(&alice, port);
            }
            assert!(services.introduce(&alice.key, &to).is_ok());
            assert!(reads.take().starts_with("ticket_alice_"));
        }
        listen(&alice, 4401);
        let refused = Refusal::OneRouter { name: bob.key.name.clone(), at: [10, 0, 0, 254].into() };
        assert_eq!(services.introduce(&alice.key, &to).err(), Some(refused.clone()));
        assert_eq!(services.introduce(&alice.key, &to).err(), Some(refused));
        let told = reads.take();
        assert!(told.starts_with("notice_alice cannot reach you directly: ") && told.lines().count() == 1, "{told}");
        assert!(matches!(services.message(&alice.key, "hello", &to), Ok(Handled::Relayed(_))));
        assert_eq!(reads.take(), "msg_alice_hello\n");
    }

    #[test]
    fn a_link_local_address_is_told_on_its_own_network_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let services = open(&folder);
        let enter = |name: &str, from: &str| {
            let from = from.parse::<SocketAddr>().expect("an address");
            let view = Viewpoint::of(from.ip(), "fe80::1".parse().expect("an address"));
            let session = Arc::<Session>::default();
            let mailbox = Arc::clone(&session) as Arc<dyn Mailbox>;
            let key = services.enter(&account(&services, name), from, view, mailbox).expect("welcome").key;
            services.clients.set_listening(&key, 4401, crate::server::clients::FileNames::default());
            (key, session)
        };
        let (bob, reads) = enter("bob", "[fe80::7%2]:50000");
        let (near, _) = enter("near", "[fe80::8%2]:50000");
        let to_bob = Address::Name(bob.name.clone());
        let at = services.introduce(&near, &to_bob).map(|one| one.address.to_string());
        assert_eq!(at.as_deref(), Ok("[fe80::7]:4401"), "each machine counts its networks for itself");
        assert!(reads.take().starts_with("ticket_near_"));
        // One of them has bob's very address, on its own network.
        for (name, from) in [("twin", "[fe80::7%3]:50000"), ("far", "10.0.0.7:50000"), ("here", "127.0.0.1:50000")] {
            let (key, _) = enter(name, from);
            assert_eq!(
                services.introduce(&key, &to_bob).err(),
                Some(Refusal::OnAnotherLink(bob.name.clone())),
                "{from}"
            );
            assert_eq!(services.relay(&key, "hello", &to_bob), Ok(bob.name.clone()), "{from}");
            assert!(!reads.take().contains("ticket_"), "{from}");
        }
        let (twin, reads) = enter("twin", "[fe80::7%3]:50000");
        assert_eq!(
            services.introduce(&bob, &Address::Name(twin.name.clone())).err(),
            Some(Refusal::OnAnotherLink(twin.name.clone()))
        );
        assert_eq!(services.relay(&bob, "hello", &Address::Name(twin.name.clone())), Ok(twin.name));
        assert_eq!(reads.take(), "msg_bob_hello\n", "there is no router");
    }

    #[test]
    fn nothing_is_relayed_to_who_was_not_heard_for_a_while() {
        let folder = tempfile::tempdir().expect("a folder");
        let services = open(&folder);
        let ((alice, _), (bob, reads)) = (enter(&services, "alice", 7), enter(&services, "bob", 8));
        let relay = || services.relay(&alice.key, "hello", &"bob".parse().expect("an address"));
        assert_eq!(relay(), Ok(bob.key.name.clone()), "it has said no hello");
        bob.presence.hello(Instant::now() - Duration::from_secs(15));
        assert_eq!(relay(), Err(Refusal::NotThere));
        bob.presence.line(Instant::now());
        assert_eq!(relay(), Ok(bob.key.name.clone()), "it is heard by lines");
        assert_eq!(reads.take(), "msg_alice_hello\nmsg_alice_hello\n");
    }
}
