//! A connection that is begun while the server is asked, to where the peer most likely listens.

use super::played::{Played, START, accept, bob, line, name, prove, rest};
use peerline::client::event::{CallEnd, CallError, News, Order, Work};
use peerline::peer_protocol::PeerRefusal;
use std::io::{BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

fn message() -> Played {
    Played::ours(Work::Message { to: bob(), text: "hi".to_owned() })
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

/// A message of ours, and the peer's end of what was begun before the introduction.
fn begun(listener: &TcpListener) -> (Played, BufReader<TcpStream>) {
    let call = message();
    call.order(Order::Likely(listener.local_addr().expect("bound")));
    let early = accept(listener);
    (call, early)
}

/// The peer has accepted this connection, reads the message on it, and says yes.
fn takes(mut peer: BufReader<TcpStream>) {
    let first = line(&mut peer);
    assert_eq!(first, format!("MSG,alice,{START}\n"));
    prove(&mut peer, &first);
    assert_eq!(line(&mut peer), "hi\n");
    peer.get_mut().write_all(b"OK\n").expect("written");
}

/// Fails unless nobody else has connected, and nothing was said on this connection.
fn is_all_so_far(listener: &TcpListener, peer: &TcpStream) {
    let is_none = |kind: Option<ErrorKind>| kind == Some(ErrorKind::WouldBlock);
    peer.set_nonblocking(true).expect("open");
    assert!(is_none(peer.peek(&mut [0]).err().map(|error| error.kind())), "something was said");
    peer.set_nonblocking(false).expect("open");
    listener.set_nonblocking(true).expect("open");
    assert!(is_none(listener.accept().err().map(|error| error.kind())), "there is another connection");
    listener.set_nonblocking(false).expect("open");
}

fn delivered() -> CallEnd {
    CallEnd::Message(Ok(name("bob")))
}

#[test]
fn it_is_the_one_connection_and_nothing_is_said_before_the_introduction() {
    let (listener, at) = listener();
    let (call, early) = begun(&listener);
    is_all_so_far(&listener, early.get_ref());
    call.introduce(at);
    takes(early);
    assert_eq!(call.end(), delivered());
    listener.set_nonblocking(true).expect("open");
    assert!(listener.accept().is_err(), "one connection");
}

#[test]
fn whoever_listens_elsewhere_gets_all_of_it_and_who_was_connected_to_not_a_byte() {
    let (listener, _) = listener();
    let (call, early) = begun(&listener);
    let (other, at) = self::listener();
    call.introduce(at);
    takes(accept(&other));
    assert_eq!((call.end(), rest(early)), (delivered(), String::new()));
}

#[test]
fn it_is_closed_when_the_server_does_not_introduce_us_and_when_it_is_cancelled() {
    let (listener, _) = listener();
    let (call, early) = begun(&listener);
    assert_eq!(call.news(), News::Wants(bob()));
    let why = CallError::NotIntroduced("Nobody active is bob".to_owned());
    call.order(Order::Introduced(Err(why.clone())));
    assert_eq!((call.end(), rest(early)), (CallEnd::Message(Err(why)), String::new()));
    let (mut call, early) = begun(&listener);
    assert_eq!(call.news(), News::Wants(bob()));
    call.orders = None;
    assert_eq!((call.end(), rest(early)), (CallEnd::Message(Err(CallError::Cancelled)), String::new()));
}

/// A peer waits for a first line for a while only.
#[test]
fn it_does_not_wait_long_for_the_server() {
    let (listener, at) = listener();
    let (call, early) = begun(&listener);
    assert_eq!(rest(early), "", "it is closed though the server has not answered");
    call.introduce(at);
    takes(accept(&listener));
    assert_eq!(call.end(), delivered());
}

#[test]
fn the_second_attempt_begins_early_too() {
    let (listener, at) = listener();
    let (call, mut early) = begun(&listener);
    call.introduce(at);
    assert_eq!(line(&mut early), format!("MSG,alice,{START}\n"));
    early.get_mut().write_all(format!("ERR,{}\n", PeerRefusal::NotIntroduced).as_bytes()).expect("written");
    // Before it asks again it takes no order.
    assert_eq!(call.news(), News::Wants(bob()));
    call.order(Order::Likely(at));
    let early = accept(&listener);
    is_all_so_far(&listener, early.get_ref());
    call.is_introduced_to("bob", at);
    takes(early);
    assert_eq!(call.end(), delivered());
}

#[test]
fn one_is_begun_at_a_time() {
    let (listener, at) = listener();
    let (call, early) = begun(&listener);
    let (other, elsewhere) = self::listener();
    call.order(Order::Likely(elsewhere));
    call.order(Order::Likely(at));
    call.introduce(at);
    takes(early);
    assert_eq!(call.end(), delivered());
    for listener in [listener, other] {
        listener.set_nonblocking(true).expect("open");
        assert!(listener.accept().is_err(), "one connection");
    }
}
