//! Calls, whichever side begins them, with the test as the peer.

use super::played::{LIMIT, Played, name, paths};
use peerline::client::call::{Signal, Woken};
use peerline::client::event::{
    CallEnd, CallError, CallId, Effect, End, Event, Introduced, MAX_ORDERS, News, Order, Work,
};
use peerline::peer_protocol::{Proof, Side};
use peerline::value::Address;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const ONE: CallId = CallId::Out(1);

fn fetch() -> Effect {
    let work = Work::Fetch { from: name("bob"), file: "notes.txt".parse().expect("valid") };
    Effect::Call { call: ONE, work }
}

fn pair() -> (Arc<TcpStream>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let ours = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
    let theirs = listener.accept().expect("accepts").0;
    theirs.set_read_timeout(Some(LIMIT)).expect("open");
    (Arc::new(ours), theirs)
}

fn rest(mut peer: impl Read) -> String {
    let mut text = String::new();
    peer.read_to_string(&mut text).expect("text");
    text
}

/// Listens at this address; gives where.
fn listen(played: &Played, at: &str) -> SocketAddr {
    let at: IpAddr = at.parse().expect("an address");
    played.carry_out(vec![Effect::Listen(at)]);
    match played.event() {
        Event::Listening { at: told, port: Ok(port) } if told == at => SocketAddr::new(at, port),
        other => panic!("{other:?}"),
    }
}

/// Connects as a peer that says this, and is asked about; gives the call.
fn knock(played: &Played, at: SocketAddr, bytes: &str) -> (CallId, TcpStream) {
    let mut peer = TcpStream::connect(at).expect("connects");
    peer.set_read_timeout(Some(LIMIT)).expect("open");
    peer.write_all(bytes.as_bytes()).expect("written");
    match played.event() {
        Event::News { call, news: News::Knock(knock) } => {
            assert_eq!(knock.from, peer.local_addr().expect("connected"));
            (call, peer)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_full_mailbox_does_not_block() {
    let played = Played::new();
    played.carry_out(vec![fetch()]);
    let (go_on, wait) = channel::<()>();
    let (tell, told) = channel();
    played.play(move |call| {
        let _ = wait.recv();
        let orders = std::iter::from_fn(|| match call.order(Instant::now()) {
            Woken::Order(order) => Some(order),
            _ => None,
        });
        tell.send(orders.count()).expect("the test listens");
    });
    played.carry_out(vec![Effect::Order { call: ONE, order: Order::Accept }; MAX_ORDERS + 10]);
    played.signals.event(paths(1));
    assert_eq!(played.event(), paths(1));
    drop(go_on);
    assert_eq!(told.recv_timeout(LIMIT), Ok(MAX_ORDERS));
    assert_eq!(played.event(), Event::CallEnded { call: ONE, end: CallEnd::Over });
    // Nobody is there any more.
    played.carry_out(vec![Effect::Order { call: ONE, order: Order::Accept }, Effect::HangUp(ONE)]);
    assert_eq!(played.end(), End::Left);
}

/// A line of a chat that a peer began, and right behind it what ends the chat: the line still leaves.
fn last_line(end: impl Fn(CallId) -> Effect) -> (Played, CallId) {
    let played = Played::new();
    let at = listen(&played, "127.0.0.1");
    let (call, peer) = knock(&played, at, "CHAT,alice\n");
    let order = |order| Effect::Order { call, order };
    played.carry_out(vec![order(Order::Accept), order(Order::Say("bye".to_owned())), end(call)]);
    assert_eq!(rest(peer), "OK\nbye\n");
    (played, call)
}

#[test]
fn a_hang_up_lets_the_last_line_out() {
    let (played, call) = last_line(Effect::HangUp);
    assert_eq!(played.event(), Event::CallEnded { call, end: CallEnd::Talk(Err(CallError::Cancelled)) });
    assert_eq!(played.end(), End::Left);
}

#[test]
fn the_end_lets_the_last_line_out_too() {
    let (played, _) = last_line(|_| Effect::End(End::Left));
    assert_eq!(played.over(), End::Left);
}

#[test]
fn a_call_of_ours_goes_from_the_first_to_the_last_word() {
    let played = Played::new();
    let to = Address::Name(name("bob"));
    let work = Work::Talk { to: to.clone(), answer: LIMIT };
    played.carry_out(vec![Effect::Call { call: ONE, work }]);
    assert_eq!(played.event(), Event::News { call: ONE, news: News::Wants(to) });
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let ticket = "00112233445566778899aabbccddeeff".parse().expect("a ticket");
    let introduced = Introduced { me: name("alice"), name: name("bob"), ticket, address, seen_as: None, key: None };
    played.carry_out(vec![Effect::Order { call: ONE, order: Order::Introduced(Ok(introduced)) }]);
    let mut peer = BufReader::new(listener.accept().expect("accepts").0);
    peer.get_ref().set_read_timeout(Some(LIMIT)).expect("open");
    let mut first = String::new();
    peer.read_line(&mut first).expect("a line");
    let proof = Proof::of(Side::Callee, ticket, address, first.trim_end());
    peer.get_mut().write_all(format!("{proof}\n").as_bytes()).expect("written");
    peer.read_line(&mut String::new()).expect("our proof");
    peer.get_mut().write_all(b"OK\n").expect("written");
    assert_eq!(played.event(), Event::News { call: ONE, news: News::Opened { with: name("bob") } });
    let bye = Effect::Order { call: ONE, order: Order::Say("bye".to_owned()) };
    played.carry_out(vec![bye, Effect::HangUp(ONE)]);
    assert_eq!(rest(peer), "bye\n");
    assert_eq!(played.event(), Event::CallEnded { call: ONE, end: CallEnd::Talk(Err(CallError::Cancelled)) });
    assert_eq!(played.end(), End::Left);
}

#[test]
fn a_connection_that_comes_too_late_is_closed() {
    let played = Played::new();
    // Of a call that has ended, or was never there.
    let (ours, theirs) = pair();
    played.signals.send(Signal::Socket(CallId::Out(7), ours));
    assert_eq!(rest(theirs), "");
    // Of a call that was given up meanwhile.
    played.carry_out(vec![fetch()]);
    let (ours, theirs) = pair();
    let kept = Arc::clone(&ours);
    let (go_on, wait) = channel::<()>();
    played.carry_out(vec![Effect::HangUp(ONE)]);
    played.play(move |call| {
        assert!(!call.pause(LIMIT));
        call.attach(&ours);
        let _ = wait.recv();
    });
    assert_eq!(rest(theirs), "");
    drop((go_on, kept));
    assert_eq!(played.event(), Event::CallEnded { call: ONE, end: CallEnd::Over });
    assert_eq!(played.end(), End::Left);
}

/// Begins a call that never looks whether it was given up: it ends when its connection does. Gives the peer's end.
fn stubborn(played: &Played) -> TcpStream {
    played.carry_out(vec![fetch()]);
    let (ours, theirs) = pair();
    let (tell, told) = channel();
    played.play(move |call| {
        call.attach(&ours);
        tell.send(()).expect("the test listens");
        assert_eq!((&*ours).read(&mut [0; 1]).expect("the end"), 0);
    });
    told.recv_timeout(LIMIT).expect("attached");
    theirs
}

#[test]
fn a_call_that_does_not_end_is_cut() {
    let played = Played::new();
    let theirs = stubborn(&played);
    played.carry_out(vec![Effect::HangUp(ONE)]);
    assert_eq!(played.event(), Event::CallEnded { call: ONE, end: CallEnd::Over });
    assert_eq!(rest(theirs), "");
    assert_eq!(played.end(), End::Left);
}

#[test]
fn the_end_cuts_what_does_not_end() {
    let played = Played::new();
    let theirs = stubborn(&played);
    let at = listen(&played, "127.0.0.1");
    // A peer that says nothing, for ten seconds if it were allowed to.
    let silent = TcpStream::connect(at).expect("connects");
    silent.set_read_timeout(Some(LIMIT)).expect("open");
    // Who knocks behind it shows that it was accepted.
    let (_, behind) = knock(&played, at, "CHAT,alice\n");
    assert_eq!(played.end(), End::Left);
    assert_eq!(rest(behind), "");
    assert_eq!(rest(theirs), "");
    assert_eq!(rest(silent), "");
}

#[test]
fn another_address_frees_the_old_one_whose_connections_go_on() {
    // Addresses that no other test listens at.
    let played = Played::new();
    let first = listen(&played, "127.0.7.1");
    let (call, mut peer) = knock(&played, first, "CHAT,alice\n");
    played.carry_out(vec![Effect::Order { call, order: Order::Accept }]);
    let second = listen(&played, "127.0.7.2");
    assert!(TcpStream::connect(first).is_err(), "nobody accepts there");
    TcpListener::bind(first).expect("the port is free");
    peer.write_all(b"are you there?\n").expect("open");
    assert_eq!(played.event(), Event::News { call, news: News::Line("are you there?".to_owned()) });
    let _carol = knock(&played, second, "CHAT,carol\n");
    assert_eq!(listen(&played, "127.0.7.2"), second, "the same address again changes nothing");
    assert_eq!(played.end(), End::Left);
}

#[test]
fn a_port_that_is_taken_is_named() {
    // 192.0.2.1 is for examples, and no machine has it.
    let played = Played::new();
    let at: IpAddr = "192.0.2.1".parse().expect("an address");
    played.carry_out(vec![Effect::Listen(at)]);
    let event = played.event();
    assert!(
        matches!(&event, Event::Listening { port: Err(why), .. } if why.starts_with("port 0 on 192.0.2.1: ")),
        "{event:?}"
    );
    assert_eq!(played.end(), End::Left);
}

#[test]
fn strangers_leave_room_for_the_introduced_and_the_sixty_fifth_peer_is_refused() {
    const FULL: &str = "ERR,Too many connections, try again later\n";
    let played = Played::new();
    let at = listen(&played, "127.0.0.1");
    let one_more = |bytes: &str| {
        let mut peer = TcpStream::connect(at).expect("connects");
        peer.set_read_timeout(Some(LIMIT)).expect("open");
        peer.write_all(bytes.as_bytes()).expect("written");
        rest(peer)
    };
    let strangers: Vec<_> = (0..16).map(|_| knock(&played, at, "CHAT,eve\n")).collect();
    assert_eq!(one_more("CHAT,eve\n"), FULL);
    assert!(matches!(played.event(), Event::CallEnded { end: CallEnd::Over, .. }));
    let introduced: Vec<_> = (0..48)
        .map(|_| {
            let (call, peer) = knock(&played, at, "CHAT,alice,00112233445566778899aabbccddeeff\n");
            played.carry_out(vec![Effect::KeepPlace(call)]);
            // What is carried out behind it shows that this is.
            assert_eq!(listen(&played, "127.0.0.1"), at);
            peer
        })
        .collect();
    assert_eq!(one_more(""), FULL);
    drop((strangers, introduced));
    assert_eq!(played.end(), End::Left);
}

#[test]
fn a_call_that_panics_ends() {
    let played = Played::new();
    played.carry_out(vec![fetch()]);
    played.play(|call| assert!(!call.pause(Duration::ZERO), "this panic is part of the test"));
    assert_eq!(played.event(), Event::CallEnded { call: ONE, end: CallEnd::Over });
    assert_eq!(played.end(), End::Left);
}
