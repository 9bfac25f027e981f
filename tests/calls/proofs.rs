//! Each side proves who it is, over real connections: what is said to whom, and when.

use super::played::{LIMIT, Played, START, TICKET, bob, line, name, rest};
use peerline::client::event::{CallEnd, CallError, News, NoProof, Order, Work};
use peerline::peer_protocol::{PeerRefusal, Proof, Side};
use std::io::{BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;

fn message() -> Played {
    Played::ours(Work::Message { to: bob(), text: "for bob alone".to_owned() })
}

/// The proof on a connection with this first line.
fn proof(side: Side, callee: SocketAddr, first: &str) -> String {
    format!("{}\n", Proof::of(side, TICKET.parse().expect("a ticket"), callee, first))
}

/// What the peer gets that answers this to our first line, and how the call ends when it does so each time.
fn answered(call: Played, answer: &str, times: usize) -> (String, CallEnd) {
    let meet = |_| {
        let (mut peer, _) = call.shows();
        peer.get_mut().write_all(answer.as_bytes()).expect("written");
        peer.get_ref().shutdown(Shutdown::Write).expect("open");
        peer
    };
    let peers: Vec<_> = (0..times).map(meet).collect();
    let end = call.end();
    let mut got = Vec::new();
    for mut peer in peers {
        // Who is not the right one is left by a reset, which an older client notices at once.
        let error = peer.read_to_end(&mut got).expect_err("a reset");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    (String::from_utf8(got).expect("text"), end)
}

#[test]
fn who_proves_nothing_hears_nothing_more() {
    let elsewhere = proof(Side::Callee, "127.0.0.9:4401".parse().expect("an address"), &format!("MSG,alice,{START}"));
    let own = format!("proof_{}\n", "0".repeat(20));
    for answer in ["OK\n", "ERR,declined\n", "ERR,FILE needs a ticket\n", "\x1b\n", "", &elsewhere, &own] {
        let (got, end) = answered(message(), answer, 1);
        assert_eq!(got, "", "{answer:?}");
        let is_stranger = |why: &CallError| matches!(why, CallError::NotProven { why: NoProof::Stranger, .. });
        assert!(matches!(&end, CallEnd::Message(Err(why)) if is_stranger(why)), "{answer:?}: {end:?}");
    }
}

/// Somebody has the peer's address too, on another network, and knows the peer: it has answered another first line.
#[test]
fn a_first_line_that_was_changed_on_the_way_is_not_the_one_that_is_answered() {
    let call = message();
    let (mut peer, _) = call.shows();
    let own = peer.get_ref().local_addr().expect("connected");
    let changed = proof(Side::Callee, own, &format!("CHAT,alice,{START}"));
    peer.get_mut().write_all(format!("{changed}OK\n").as_bytes()).expect("written");
    let why = NoProof::Stranger;
    assert_eq!(call.end(), CallEnd::Message(Err(CallError::NotProven { name: name("bob"), address: own, why })));
    let error = peer.read_to_end(&mut Vec::new()).expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn who_knows_nothing_of_an_introduction_is_asked_twice() {
    let refusal = format!("ERR,{}\n", PeerRefusal::NotIntroduced);
    let (got, end) = answered(message(), &refusal, 2);
    assert_eq!(got, "");
    let is_it = |why: &CallError| matches!(why, CallError::NotProven { why: NoProof::NotIntroduced, .. });
    assert!(matches!(&end, CallEnd::Message(Err(why)) if is_it(why)), "{end:?}");
    // The second time it may know.
    let call = message();
    let (mut peer, _) = call.shows();
    peer.get_mut().write_all(refusal.as_bytes()).expect("written");
    let (mut peer, _) = call.meet();
    assert_eq!(line(&mut peer), "for bob alone\n");
    peer.get_mut().write_all(b"OK\n").expect("written");
    assert_eq!(call.end(), CallEnd::Message(Ok(name("bob"))));
}

#[test]
fn whoever_was_introduced_first_is_meant_the_second_time() {
    let call =
        Played::ours(Work::Message { to: "10.0.0.7:4401".parse().expect("an address"), text: "for bob".to_owned() });
    let refusal = format!("ERR,{}\n", PeerRefusal::NotIntroduced);
    let (mut peer, _) = call.shows_to("10.0.0.7:4401", "bob");
    peer.get_mut().write_all(refusal.as_bytes()).expect("written");
    // A server that introduces another one for a name.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    call.introduce_as("bob", "mallory", address);
    let why = NoProof::NotIntroduced;
    assert_eq!(call.end(), CallEnd::Message(Err(CallError::NotProven { name: name("bob"), address, why })));
}

#[test]
fn who_has_no_place_for_us_is_not_taken_for_somebody_else_nor_for_who_is_meant() {
    let own_words = PeerRefusal::Busy("bob says: pay me first".to_owned());
    for refusal in [PeerRefusal::TooManyConnections, PeerRefusal::busy(), own_words] {
        let (got, end) = answered(message(), &format!("ERR,{refusal}\n"), 1);
        let CallEnd::Message(Err(why @ CallError::NotProven { address, why: NoProof::NoPlace, .. })) = end else {
            panic!("{refusal}: {end:?}")
        };
        let says = format!("whoever is at {address} has no place for us now (try again later)");
        assert_eq!((got.as_str(), why.to_string()), ("", says));
    }
}

#[test]
fn a_chat_in_which_the_proof_comes_first_and_only_once() {
    let call = Played::ours(Work::Talk { to: bob(), answer: LIMIT });
    let (mut peer, first) = call.meet();
    assert_eq!(first, format!("CHAT,alice,{START}\n"));
    let again = proof(Side::Callee, peer.get_ref().local_addr().expect("connected"), first.trim_end());
    peer.get_mut().write_all(format!("OK\n{again}").as_bytes()).expect("written");
    assert_eq!(call.news(), News::Opened { with: name("bob") });
    assert_eq!(call.news(), News::Line(again.trim_end().to_owned()), "a text as any other");
}

/// A peer that shows the start of its ticket, which is known.
fn shows(opening: &str) -> (Played, BufReader<TcpStream>, SocketAddr) {
    let (call, peer) = Played::theirs(&format!("{opening}\n"), Path::new("/proc/none"));
    assert_eq!(call.knock(), None);
    call.order(Order::Prove(TICKET.parse().expect("a ticket")));
    let callee = peer.peer_addr().expect("connected");
    let mut peer = BufReader::new(peer);
    assert_eq!(line(&mut peer), proof(Side::Callee, callee, opening));
    (call, peer, callee)
}

#[test]
fn a_message_comes_behind_the_proof_and_is_answered() {
    let first = format!("MSG,alice,{START}");
    let (call, mut peer, callee) = shows(&first);
    let text = format!("{}hi\n", proof(Side::Caller, callee, &first));
    peer.get_mut().write_all(text.as_bytes()).expect("written");
    // As `nc -N` does.
    peer.get_ref().shutdown(Shutdown::Write).expect("open");
    let News::Knock(knock) = call.news() else { panic!("a second knock") };
    assert_eq!(knock.proven, Some(TICKET.parse().expect("a ticket")));
    assert_eq!(knock.text.as_deref(), Some("hi"));
    call.order(Order::Accept);
    assert_eq!(call.end(), CallEnd::Over);
    assert_eq!(rest(peer), "OK\n");
}

#[test]
fn a_chat_whose_first_line_looks_like_a_proof() {
    let first = format!("CHAT,alice,{START}");
    let (call, mut peer, callee) = shows(&first);
    let text = proof(Side::Caller, callee, &first);
    peer.get_mut().write_all(format!("{text}{text}").as_bytes()).expect("written");
    assert_eq!(call.knock(), None);
    call.order(Order::Accept);
    assert_eq!(call.news(), News::Line(text.trim_end().to_owned()));
    // Who shows the whole ticket is asked for no proof.
    let (call, peer) = Played::theirs(&format!("CHAT,alice,{TICKET}\n{text}"), Path::new("/proc/none"));
    assert_eq!(call.knock(), None);
    call.order(Order::Accept);
    assert_eq!(call.news(), News::Line(text.trim_end().to_owned()));
    drop(peer);
}

#[test]
fn a_wrong_proof_ends_the_connection_before_anything_is_told() {
    for opening in ["CHAT,alice,T", "MSG,alice,T", "RUN,alice,T,date", "LIST,alice,T", "PROBE,alice,T"] {
        let first = opening.replace(",T", &format!(",{START}"));
        // Ours, repeated; and that of a caller whose first line was another one, and was changed on the way.
        for (side, sent) in [(Side::Callee, first.as_str()), (Side::Caller, "MSG,alice2,001122334455")] {
            let (call, mut peer, callee) = shows(&first);
            // The text that was to come behind it is not read.
            let text = format!("{}hi\n", proof(side, callee, sent));
            peer.get_mut().write_all(text.as_bytes()).expect("written");
            assert_eq!(call.end(), CallEnd::Over, "{opening}");
            assert_eq!(line(&mut peer), format!("ERR,{}\n", PeerRefusal::WrongProof));
        }
    }
}

#[test]
fn a_ticket_that_is_not_known_gets_no_proof() {
    let (call, peer) = Played::theirs(&format!("MSG,alice,{START}\nproof_0\nhi\n"), Path::new("/proc/none"));
    assert_eq!(call.knock(), None, "the text is not read before the proof");
    call.order(Order::Refuse(PeerRefusal::NotIntroduced));
    assert_eq!(call.end(), CallEnd::Over);
    assert_eq!(line(&mut BufReader::new(peer)), format!("ERR,{}\n", PeerRefusal::NotIntroduced));
}

#[test]
fn a_probe_is_answered_and_one_of_ours_says_who_was_reached() {
    let first = format!("PROBE,alice,{START}");
    let (call, mut peer, callee) = shows(&first);
    peer.get_mut().write_all(proof(Side::Caller, callee, &first).as_bytes()).expect("written");
    assert_eq!(call.knock(), None);
    call.order(Order::Accept);
    assert_eq!(call.end(), CallEnd::Over);
    assert_eq!(rest(peer), "OK\n");
    let call = Played::ours(Work::Reach { to: name("bob") });
    let (_peer, first) = call.meet();
    assert_eq!(first, format!("PROBE,alice,{START}\n"));
    assert_eq!(call.end(), CallEnd::Reached(Ok(())));
    let (_, end) = answered(Played::ours(Work::Reach { to: name("bob") }), "OK\n", 1);
    assert!(matches!(end, CallEnd::Reached(Err(CallError::NotProven { .. }))), "{end:?}");
}
