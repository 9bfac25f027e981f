//! A call on its thread, with the test in the place of the App, the runner and the peer.

use super::fetching::Fetching;
use peerline::client::call::{self, Call, OrderSender, Signal, Signals};
use peerline::client::dispatch::{self, Doorway, Means};
use peerline::client::event::{CallEnd, CallId, Event, Introduced, News, Order, Stage, Work};
use peerline::client::peer::Files;
use peerline::client::run::ConsentLog;
use peerline::client::run::output::Limits;
use peerline::client::run::serve::RunMeans;
use peerline::net::listener::close_gently;
use peerline::net::tls::Identity;
use peerline::peer_protocol::{Proof, Side};
use peerline::value::{Address, Fingerprint, Username};
use std::cell::RefCell;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long anything may take; nothing waits for it when all is well.
pub const LIMIT: Duration = Duration::from_secs(30);
pub const TICKET: &str = "00112233445566778899aabbccddeeff";
/// What our first line shows of it.
pub const START: &str = "001122334455";

/// A door at which nobody else is.
const DOORWAY: Doorway<'static> = Doorway { is_hurried: false, opens: &|| true, shows: &|| {}, encrypts: &|_| {} };

pub fn name(text: &str) -> Username {
    text.parse().expect("valid")
}

pub fn bob() -> Address {
    Address::Name(name("bob"))
}

/// A call on its thread, as the App and the runner have it.
pub struct Played {
    pub orders: Option<OrderSender>,
    signals: Receiver<Signal>,
    streams: RefCell<Vec<Arc<TcpStream>>>,
    thread: JoinHandle<()>,
}

impl Played {
    pub fn start(id: CallId, log: &Path, body: impl FnOnce(Call, &Means) + Send + 'static) -> Played {
        Played::with(Box::new(Fetching(|_: &Call| {})), id, log, body)
    }

    fn with(files: Box<dyn Files>, id: CallId, log: &Path, body: impl FnOnce(Call, &Means) + Send + 'static) -> Played {
        Played::by(None, files, id, log, body)
    }

    /// One of a client that has this key.
    fn by(
        own: Option<Arc<Identity>>,
        files: Box<dyn Files>,
        id: CallId,
        log: &Path,
        body: impl FnOnce(Call, &Means) + Send + 'static,
    ) -> Played {
        let (signals, receiver) = Signals::new(1024);
        let (orders, call) = call::new(id, signals).expect("a pair");
        let run =
            RunMeans { log: ConsentLog::new(Some(log.to_owned())), limits: Limits { time: LIMIT, cgroups: None } };
        let means = Means { run, files, own };
        let thread = thread::spawn(move || body(call, &means));
        Played { orders: Some(orders), signals: receiver, streams: RefCell::default(), thread }
    }

    pub fn ours(work: Work) -> Played {
        Played::start(CallId::Out(1), Path::new("/proc/none"), |call, means| dispatch::begin(call, work, means))
    }

    /// The same of a client that has this key.
    #[cfg(feature = "tls")]
    pub fn ours_by(own: &Arc<Identity>, files: Box<dyn Files>, work: Work) -> Played {
        let begin = |call, means: &Means| dispatch::begin(call, work, means);
        Played::by(Some(Arc::clone(own)), files, CallId::Out(1), Path::new("/proc/none"), begin)
    }

    pub fn ours_with(files: Box<dyn Files>, work: Work) -> Played {
        let begin = |call, means: &Means| dispatch::begin(call, work, means);
        Played::with(files, CallId::Out(1), Path::new("/proc/none"), begin)
    }

    /// One that a peer begins over this connection. It is closed as by a runner.
    pub fn accepted(files: Box<dyn Files>, stream: TcpStream) -> Played {
        Played::accepted_by(None, files, Path::new("/proc/none"), false, stream)
    }

    /// The same at a client that has this key and this log of commands, and at whose door there may be a crowd.
    pub fn accepted_by(
        own: Option<Arc<Identity>>,
        files: Box<dyn Files>,
        log: &Path,
        is_hurried: bool,
        stream: TcpStream,
    ) -> Played {
        let (stream, from) = (Arc::new(stream), "127.0.0.1:1".parse().expect("an address"));
        let kept = Arc::clone(&stream);
        let serve = move |call, means: &Means| {
            let doorway = Doorway { is_hurried, ..DOORWAY };
            dispatch::serve(call, Arc::clone(&stream), from, &doorway, means);
            close_gently(&stream);
        };
        let played = Played::by(own, files, CallId::In(1), log, serve);
        played.streams.borrow_mut().push(kept);
        played
    }

    /// Ends the call, as the runner does.
    pub fn give_up(&mut self) {
        self.orders = None;
        for stream in self.streams.borrow().iter() {
            // An error says that it has ended already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// One that a peer begins with these bytes.
    pub fn theirs(bytes: &str, log: &Path) -> (Played, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let mut peer = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        let stream = Arc::new(listener.accept().expect("accepts").0);
        peer.set_read_timeout(Some(LIMIT)).expect("open");
        peer.write_all(bytes.as_bytes()).expect("written");
        let from = peer.local_addr().expect("connected");
        let serve = move |call, means: &Means| dispatch::serve(call, stream, from, &DOORWAY, means);
        (Played::start(CallId::In(1), log, serve), peer)
    }

    pub fn order(&self, order: Order) {
        assert!(self.orders.as_ref().expect("not given up").send(order));
    }

    /// The next event.
    pub fn event(&self) -> Event {
        loop {
            match self.signals.recv_timeout(LIMIT).expect("something is told") {
                Signal::Event(event) => return event,
                Signal::Socket(_, stream) => self.streams.borrow_mut().push(stream),
                Signal::Incoming(..) | Signal::Wake | Signal::Mark(_) => panic!("a call begins no other"),
            }
        }
    }

    pub fn news(&self) -> News {
        match self.event() {
            Event::News { news, .. } => news,
            other => panic!("{other:?}"),
        }
    }

    pub fn knock(&self) -> Option<String> {
        match self.news() {
            News::Knock(knock) => knock.text,
            other => panic!("{other:?}"),
        }
    }

    pub fn end(self) -> CallEnd {
        match self.event() {
            Event::CallEnded { end, .. } => {
                self.thread.join().expect("no panic");
                end
            }
            other => panic!("{other:?}"),
        }
    }

    pub fn introduce(&self, address: SocketAddr) {
        self.introduce_as("bob", "bob", address);
    }

    /// The call wants to be introduced to whom `asked` names, and is to this person.
    pub fn introduce_as(&self, asked: &str, who: &str, address: SocketAddr) {
        let mut news = self.news();
        let is_between = |news: &News| match news {
            News::Asked { .. } => true,
            News::Transfer(step) => matches!(step.stage, Stage::Progress { .. }),
            _ => false,
        };
        while is_between(&news) {
            news = self.news();
        }
        assert_eq!(news, News::Wants(asked.parse().expect("an address")));
        self.is_introduced_to(who, address);
    }

    /// The call has asked, and is introduced to this person.
    pub fn is_introduced_to(&self, who: &str, address: SocketAddr) {
        self.is_introduced_by(who, address, None);
    }

    /// The same, to somebody who has this key.
    pub fn is_introduced_by(&self, who: &str, address: SocketAddr, key: Option<Fingerprint>) {
        let ticket = TICKET.parse().expect("a ticket");
        self.order(Order::Introduced(Ok(Introduced {
            me: name("alice"),
            name: name(who),
            ticket,
            key,
            address,
            seen_as: None,
        })));
    }

    /// Introduces the call to a peer, which reads the first line; then each proves who it is.
    pub fn meet(&self) -> (BufReader<TcpStream>, String) {
        let (mut peer, first) = self.shows();
        prove(&mut peer, &first);
        (peer, first)
    }

    /// Introduces the call to a peer, which reads the first line and has proven nothing.
    pub fn shows(&self) -> (BufReader<TcpStream>, String) {
        self.shows_to("bob", "bob")
    }

    /// The same, of whom `asked` names.
    pub fn shows_to(&self, asked: &str, who: &str) -> (BufReader<TcpStream>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        self.introduce_as(asked, who, listener.local_addr().expect("bound"));
        let mut peer = accept(&listener);
        let first = line(&mut peer);
        (peer, first)
    }
}

/// The peer's end of the next connection.
pub fn accept(listener: &TcpListener) -> BufReader<TcpStream> {
    socket2::SockRef::from(listener).set_read_timeout(Some(LIMIT)).expect("open");
    let peer = listener.accept().expect("somebody connects").0;
    peer.set_read_timeout(Some(LIMIT)).expect("open");
    BufReader::new(peer)
}

/// The peer has read the first line: each proves who it is.
pub fn prove(peer: &mut BufReader<TcpStream>, first: &str) {
    let own = peer.get_ref().local_addr().expect("connected");
    let proof = |side| format!("{}\n", Proof::of(side, TICKET.parse().expect("a ticket"), own, first.trim_end()));
    peer.get_mut().write_all(proof(Side::Callee).as_bytes()).expect("written");
    assert_eq!(line(peer), proof(Side::Caller));
}

pub fn line(peer: &mut impl BufRead) -> String {
    let mut line = String::new();
    peer.read_line(&mut line).expect("a line");
    line
}

pub fn rest(mut peer: impl Read) -> String {
    let mut text = String::new();
    peer.read_to_string(&mut text).expect("text");
    text
}

/// Closes a connection as one that is gone altogether, not only at the end of its input.
pub fn reset(peer: TcpStream) {
    socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).expect("open");
}
