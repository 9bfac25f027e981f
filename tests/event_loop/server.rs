//! The two ways to the server, with the test as the server.

use super::played::{LIMIT, Played};
use peerline::client::event::{Effect, End, Event, LinkError, LinkId, NoConnection, ServerAt};
use peerline::protocol::{EntryRequest, FromServer, Hello, Reply, Request};
use peerline::value::BadLine;
#[cfg(feature = "tls")]
use peerline::{
    client::runner::Pin,
    net::DeadlineReader,
    net::tls::{Decrypting, Identity},
    trace::Wire,
    value::Fingerprint,
};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
#[cfg(feature = "tls")]
use std::{io::Read, sync::Arc, thread, time::Instant};

const LINK: LinkId = LinkId(1);

fn bound() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

/// A client that has connected with `link`, and the server's end.
fn connect(played: &Played, server: &TcpListener, link: LinkId) -> BufReader<TcpStream> {
    played.carry_out(vec![Effect::Connect(link)]);
    let (mut stream, from) = server.accept().expect("a client");
    stream.set_read_timeout(Some(LIMIT)).expect("open");
    stream.write_all(b"OK,Welcome\n").expect("written");
    assert_eq!(played.event(), Event::Connected { link, from });
    BufReader::new(stream)
}

fn line(stream: &mut impl BufRead) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).expect("a line, or the end");
    line
}

fn heard(played: &Played) -> Result<String, BadLine> {
    match played.event() {
        Event::FromServer { link: LINK, reply } => reply.map(|reply| reply.to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn lines_go_both_ways_until_the_server_closes() {
    let (server, address) = bound();
    let played = Played::at(address);
    let mut stream = connect(&played, &server, LINK);
    played.carry_out(vec![Effect::Send { link: LINK, request: Request::Help }]);
    assert_eq!(line(&mut stream), "help\n");
    stream.get_mut().write_all(b"menu_1. List\n\x1b\nOK\n").expect("written");
    assert_eq!(heard(&played), Ok("menu_1. List".to_owned()));
    assert_eq!(heard(&played), Err(BadLine::Control('\x1b')));
    assert_eq!(heard(&played), Ok("OK".to_owned()));
    drop(stream);
    assert_eq!(played.event(), Event::LinkLost { link: LINK });
    played.carry_out(vec![Effect::Send { link: LINK, request: Request::Help }]);
    assert_eq!(played.end(), End::Left);
}

#[test]
fn the_client_closes_and_comes_back_on_another_link() {
    let (server, address) = bound();
    let played = Played::at(address);
    let mut first = connect(&played, &server, LINK);
    played.carry_out(vec![Effect::Disconnect(LINK)]);
    assert_eq!(line(&mut first), "");
    assert_eq!(played.event(), Event::LinkLost { link: LINK });
    let mut second = connect(&played, &server, LinkId(2));
    // The first is gone, so neither of these is meant for the second.
    played.carry_out(vec![Effect::Send { link: LINK, request: Request::Help }, Effect::Disconnect(LINK)]);
    played.carry_out(vec![Effect::Send { link: LinkId(2), request: Request::Quit(None) }]);
    assert_eq!(line(&mut second), "quit\n");
    assert_eq!(played.end(), End::Left);
    assert_eq!(line(&mut second), "");
}

#[test]
fn what_is_no_line_is_not_sent() {
    let (server, address) = bound();
    let played = Played::at(address);
    let mut stream = connect(&played, &server, LINK);
    let bad = EntryRequest::Login { name: "alice".to_owned(), password: "a\nquit".to_owned() };
    played.carry_out(vec![Effect::Send { link: LINK, request: Request::Entry(bad) }]);
    assert!(heard(&played).expect("a reply").starts_with("ERR,Control character"));
    played.carry_out(vec![Effect::Send { link: LINK, request: Request::Help }]);
    assert_eq!(line(&mut stream), "help\n");
    assert_eq!(played.end(), End::Left);
}

#[test]
fn a_server_that_does_not_read_is_given_up() {
    let (server, address) = bound();
    let played = Played::at(address);
    let _stream = connect(&played, &server, LINK);
    let password = "x".repeat(4000);
    let request = Request::Entry(EntryRequest::Login { name: "alice".to_owned(), password });
    // More than the buffers of both ends hold.
    for _ in 0..100 {
        played.carry_out(vec![Effect::Send { link: LINK, request: request.clone() }; 100]);
    }
    assert_eq!(played.event(), Event::LinkLost { link: LINK });
    assert_eq!(played.end(), End::Left);
}

#[test]
fn each_way_not_to_be_connected_has_its_reason() {
    let no_server = |says: &str| LinkError::Refused(format!("this is no peerline server, it says: {says}"));
    for (greeting, expected) in [
        ("ERR,Server full\n", LinkError::Refused("Server full".to_owned())),
        (
            "ERR,Server full (50 clients): try again later\n",
            LinkError::Full("Server full (50 clients): try again later".to_owned()),
        ),
        ("HTTP/1.1 400\n", no_server("HTTP/1.1 400")),
        ("", LinkError::Lost),
    ] {
        let (server, address) = bound();
        let played = Played::at(address);
        played.carry_out(vec![Effect::Connect(LINK)]);
        let (mut stream, _) = server.accept().expect("a client");
        stream.write_all(greeting.as_bytes()).expect("written");
        drop(stream);
        assert_eq!(played.event(), Event::NotConnected { link: LINK, why: expected });
        assert_eq!(played.end(), End::Left);
    }
    let (server, address) = bound();
    drop(server);
    let played = Played::at(address);
    played.carry_out(vec![Effect::Connect(LINK)]);
    let event = played.event();
    assert!(matches!(&event, Event::NotConnected { why: LinkError::Connect(NoConnection::Refused), .. }), "{event:?}");
    assert_eq!(played.end(), End::Left);
}

#[test]
fn another_server_gets_the_next_connection_and_the_next_datagrams() {
    let ((one, first), (two, second)) = (bound(), bound());
    let datagrams = UdpSocket::bind(second).expect("as a server has it");
    datagrams.set_read_timeout(Some(LIMIT)).expect("open");
    let played = Played::at(first);
    let _stream = connect(&played, &one, LINK);
    played.carry_out(vec![Effect::Disconnect(LINK)]);
    assert_eq!(played.event(), Event::LinkLost { link: LINK });
    played.carry_out(vec![Effect::TurnTo(ServerAt { address: second, key: None })]);
    let _other = connect(&played, &two, LinkId(2));
    let token = "00112233445566778899aabbccddeeff".parse().expect("a ticket");
    let hello = |last_seq| Hello { token, last_seq, received: None };
    played.carry_out(vec![Effect::Hello(hello(3))]);
    let mut datagram = [0; 100];
    let (length, _) = datagrams.recv_from(&mut datagram).expect("a datagram");
    assert_eq!(Hello::parse(&datagram[..length]), Some(hello(3)));
    // One of the other family, and back.
    let Ok(v6) = UdpSocket::bind("[::1]:0") else { return assert_eq!(played.end(), End::Left) };
    v6.set_read_timeout(Some(LIMIT)).expect("open");
    let turn = |address| Effect::TurnTo(ServerAt { address, key: None });
    played.carry_out(vec![turn(v6.local_addr().expect("bound")), Effect::Hello(hello(4))]);
    let (length, client) = v6.recv_from(&mut datagram).expect("a datagram");
    assert_eq!(Hello::parse(&datagram[..length]), Some(hello(4)));
    v6.send_to(format!("udp_{token}\nhead_4\n").as_bytes(), client).expect("sent");
    assert_eq!(played.event(), Event::Datagram(vec![FromServer::Head(4)]));
    played.carry_out(vec![turn(second), Effect::Hello(hello(5))]);
    let (length, _) = datagrams.recv_from(&mut datagram).expect("a datagram");
    assert_eq!(Hello::parse(&datagram[..length]), Some(hello(5)));
    assert_eq!(played.end(), End::Left);
}

#[test]
fn another_server_is_tried_beside_the_one_that_is_spoken_with() {
    let ((one, first), (two, second), (three, third)) = (bound(), bound(), bound());
    drop(three);
    let played = Played::at(first);
    let mut stream = connect(&played, &one, LINK);
    let tries = |link, address| Effect::TryServer { link: LinkId(link), server: ServerAt { address, key: None } };
    played.carry_out(vec![tries(2, second)]);
    let (mut other, from) = two.accept().expect("a client");
    other.set_read_timeout(Some(LIMIT)).expect("open");
    other.write_all(b"OK,Welcome\n").expect("written");
    assert_eq!(played.event(), Event::Connected { link: LinkId(2), from });
    played.carry_out(vec![Effect::Disconnect(LinkId(2))]);
    assert_eq!(line(&mut BufReader::new(other)), "", "nothing was said there");
    assert_eq!(played.event(), Event::LinkLost { link: LinkId(2) });
    played.carry_out(vec![tries(3, third)]);
    assert!(matches!(played.event(), Event::NotConnected { link: LinkId(3), .. }));
    played.carry_out(vec![Effect::Send { link: LINK, request: Request::Help }]);
    assert_eq!(line(&mut stream), "help\n");
    assert_eq!(played.end(), End::Left);
}

/// By TLS nobody is spoken with in the clear, nor without the key that was told.
#[cfg(feature = "tls")]
#[test]
fn another_server_by_tls_must_have_the_key_that_was_told_of_it() {
    let greets = |identity: &Identity, listener: &TcpListener| {
        let stream = Arc::new(listener.accept().expect("a client").0);
        let input = DeadlineReader::new(Arc::clone(&stream), Some(Instant::now() + LIMIT));
        let mut said = Vec::new();
        if let Ok(mut decrypting) = Decrypting::accept(identity, &stream, input, &Wire::default()) {
            // Whoever takes another key has hung up.
            let _ = decrypting.channel().write(b"OK,Welcome\n");
            let _ = decrypting.read_to_end(&mut said);
        }
        assert_eq!(said, b"", "nothing was said there");
    };
    let own = Identity::for_a_run().expect("random bytes");
    let ((_, first), (listener, second)) = (bound(), bound());
    let (right, wrong) = (own.fingerprint(), Fingerprint([7; 32]));
    let played = Played::by_tls(first, Pin::new("the first", &[wrong], "that of the test"));
    thread::scope(|scope| {
        let server = scope.spawn(|| (0..3).for_each(|_| greets(&own, &listener)));
        for (link, key) in [(1, Some(wrong)), (2, None), (3, Some(right))] {
            let link = LinkId(link);
            let turn = Effect::TurnTo(ServerAt { address: second, key });
            played.carry_out(vec![turn, Effect::Connect(link)]);
            match played.event() {
                Event::NotConnected { why: LinkError::OtherKey(why), .. } if key != Some(right) => {
                    assert!(
                        why.starts_with(&format!("the key of {second} is not ")) && why.contains("shown: "),
                        "{why}"
                    );
                }
                Event::Secured { by, .. } if key == Some(right) => assert_eq!(by.key, right),
                other => panic!("{key:?}: {other:?}"),
            }
        }
        assert!(matches!(played.event(), Event::Connected { link: LinkId(3), .. }));
        assert_eq!(played.end(), End::Left);
        server.join().expect("no panic");
    });
}

/// Nobody greets, and the end comes first.
#[test]
fn the_end_does_not_wait_for_a_greeting() {
    let (server, address) = bound();
    let played = Played::at(address);
    played.carry_out(vec![Effect::Connect(LINK)]);
    let (stream, _) = server.accept().expect("a client");
    assert_eq!(played.end(), End::Left);
    stream.set_read_timeout(Some(LIMIT)).expect("open");
    assert_eq!(line(&mut BufReader::new(stream)), "");
}

#[test]
fn hellos_leave_and_only_who_knows_the_token_is_heard() {
    let server = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    server.set_read_timeout(Some(LIMIT)).expect("open");
    let played = Played::at(server.local_addr().expect("bound"));
    let hello =
        Hello { token: "00112233445566778899aabbccddeeff".parse().expect("a ticket"), last_seq: 3, received: None };
    played.carry_out(vec![Effect::Hello(hello.clone())]);
    let mut datagram = [0; 100];
    let (length, client) = server.recv_from(&mut datagram).expect("a datagram");
    assert_eq!(Hello::parse(&datagram[..length]), Some(hello.clone()));
    // A datagram without the token of the session is nobody's, wherever it comes from.
    let other = "ff112233445566778899aabbccddeeff";
    for forged in
        ["head_666\n".to_owned(), format!("udp_{other}\nhead_666\n"), format!("head_666\nudp_{}\n", hello.token)]
    {
        server.send_to(forged.as_bytes(), client).expect("sent");
    }
    // A server with several addresses may answer from another one than was called.
    let port = server.local_addr().expect("bound").port();
    let elsewhere = UdpSocket::bind(("127.0.0.77", port)).expect("an address of loopback");
    let datagram = format!("udp_{}\nbcast_3_1_bob_hi\nhead_3\n", hello.token);
    elsewhere.send_to(datagram.as_bytes(), client).expect("sent");
    let Event::Datagram(lines) = played.event() else { panic!("something else") };
    let Some(Reply::Broadcast(broadcast)) = Some(Reply::parse("bcast_3_1_bob_hi")) else { panic!("a broadcast") };
    assert_eq!(lines, [FromServer::Broadcast(broadcast), FromServer::Head(3)]);
    assert_eq!(played.end(), End::Left);
}
