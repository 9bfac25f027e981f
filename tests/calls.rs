//! Calls with one peer each, over real connections: the test plays the App and the peer. No client and no server runs.
//!
//! These tests stand apart from others: what a command leaves behind becomes a child of this process and is killed.

#[path = "calls/commands.rs"]
mod commands;
#[path = "calls/early.rs"]
mod early;
#[cfg(feature = "tls")]
#[path = "calls/encrypted.rs"]
mod encrypted;
#[cfg(feature = "tls")]
#[path = "calls/encrypted_work.rs"]
mod encrypted_work;
#[path = "calls/files.rs"]
mod files;
#[path = "calls/gifts.rs"]
mod gifts;
#[path = "calls/giving.rs"]
mod giving;
#[path = "event_loop/fetching.rs"]
mod fetching;
#[path = "calls/person.rs"]
mod person;
#[path = "calls/played.rs"]
mod played;
#[path = "calls/proofs.rs"]
mod proofs;
#[cfg(feature = "tls")]
#[path = "calls/words.rs"]
mod words;
#[path = "calls/wrong_person.rs"]
mod wrong_person;

use peerline::client::event::MAX_ORDERS;
use peerline::client::event::{CallEnd, CallError, News, Order, TalkEnd, Work};
use peerline::peer_protocol::PeerRefusal;
use played::{LIMIT, Played, START, TICKET, bob, line, name, reset, rest};
use std::io::Write;
use std::net::{Shutdown, TcpListener};
use std::path::Path;
use std::thread;

fn message() -> Played {
    Played::ours(Work::Message { to: bob(), text: "hi".to_owned() })
}

#[test]
fn a_message_is_delivered() {
    let call = message();
    let (mut peer, first) = call.meet();
    assert_eq!((first, line(&mut peer).as_str()), (format!("MSG,alice,{START}\n"), "hi\n"));
    peer.get_mut().write_all(b"OK\n").expect("written");
    assert_eq!(call.end(), CallEnd::Message(Ok(name("bob"))));
}

#[test]
fn a_message_that_is_refused_has_a_reason() {
    let call = message();
    let (mut peer, _) = call.meet();
    peer.get_mut().write_all(b"ERR,busy\n").expect("written");
    assert_eq!(call.end(), CallEnd::Message(Err(CallError::Refused(PeerRefusal::busy()))));
}

#[test]
fn a_message_that_has_left_is_perhaps_delivered() {
    for (answer, why) in [("", "closed without an answer"), ("HTTP/1.1 400\n", "no answer but HTTP/1.1 400")] {
        let call = message();
        let (mut peer, _) = call.meet();
        assert_eq!(line(&mut peer), "hi\n");
        peer.get_mut().write_all(answer.as_bytes()).expect("written");
        drop(peer);
        assert_eq!(call.end(), CallEnd::Message(Err(CallError::Perhaps(why.to_owned()))));
    }
}

#[test]
fn nothing_has_left_where_nobody_listens() {
    let call = message();
    let unused = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound");
    call.introduce(unused);
    let end = call.end();
    let is_unreachable =
        matches!(&end, CallEnd::Message(Err(CallError::Unreachable { address, .. })) if *address == unused);
    assert!(is_unreachable, "{end:?}");
}

#[test]
fn who_is_not_introduced_does_not_call() {
    let call = message();
    assert_eq!(call.news(), News::Wants(bob()));
    let error = CallError::DoesNotListen("bob does not listen".to_owned());
    call.order(Order::Introduced(Err(error.clone())));
    assert_eq!(call.end(), CallEnd::Message(Err(error)));
}

#[test]
fn a_cancel_ends_the_wait_for_an_answer() {
    let mut call = message();
    let (_peer, _) = call.meet();
    call.orders = None;
    assert_eq!(call.end(), CallEnd::Message(Err(CallError::Cancelled)));
}

#[test]
fn a_text_that_fits_no_line_is_not_sent() {
    let call = Played::ours(Work::Message { to: bob(), text: "x".repeat(4096) });
    let why = "the text is too long for a line of 4096 bytes".to_owned();
    assert_eq!(call.end(), CallEnd::Message(Err(CallError::Ours(why))));
}

fn talk() -> Played {
    Played::ours(Work::Talk { to: bob(), answer: LIMIT })
}

#[test]
fn a_chat_that_is_declined() {
    let call = talk();
    let (mut peer, first) = call.meet();
    assert_eq!(first, format!("CHAT,alice,{START}\n"));
    peer.get_mut().write_all(b"ERR,declined\n").expect("written");
    assert_eq!(call.end(), CallEnd::Talk(Err(CallError::Refused(PeerRefusal::Declined))));
}

/// The peer writes all before it reads any.
#[test]
fn a_chat_in_which_both_sides_say_much() {
    // The buffers of a connection hold less than 12 MB.
    const LINES: usize = 3000;
    let said = |who: &str, number: usize| format!("{who} {number} {}", "x".repeat(4000));
    let call = talk();
    let (mut peer, _) = call.meet();
    let peer = thread::spawn(move || {
        peer.get_mut().write_all(b"OK\n").expect("written");
        for number in 0..LINES {
            peer.get_mut().write_all((said("bob", number) + "\n").as_bytes()).expect("written");
        }
        (0..LINES).for_each(|number| assert_eq!(line(&mut peer), said("alice", number) + "\n"));
    });
    assert_eq!(call.news(), News::Opened { with: name("bob") });
    let (mut ordered, mut drained, mut read) = (0, 0, 0);
    // Of the last ones it is not told.
    while drained + MAX_ORDERS / 4 <= LINES || read < LINES {
        while ordered < LINES && ordered - drained < MAX_ORDERS {
            call.order(Order::Say(said("alice", ordered)));
            ordered += 1;
        }
        match call.news() {
            News::Drained(lines) => drained += lines,
            News::Line(text) => {
                assert_eq!(text, said("bob", read));
                read += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    peer.join().expect("no panic");
    assert_eq!(call.end(), CallEnd::Talk(Ok(TalkEnd::TheyLeft)));
}

#[test]
fn what_is_no_line_is_skipped_and_the_last_word_is_still_sent() {
    let mut call = talk();
    let (mut peer, _) = call.meet();
    peer.get_mut().write_all(b"OK\n\x1b[2J\nhi\n").expect("written");
    assert_eq!(call.news(), News::Opened { with: name("bob") });
    assert!(matches!(call.news(), News::Garbled(_)));
    assert_eq!(call.news(), News::Line("hi".to_owned()));
    call.order(Order::Say("bye".to_owned()));
    call.orders = None;
    assert_eq!(line(&mut peer), "bye\n");
    drop(peer);
    assert_eq!(call.end(), CallEnd::Talk(Err(CallError::Cancelled)));
}

#[test]
fn what_was_said_before_the_yes_is_read_after_it() {
    let (call, peer) = Played::theirs(&format!("CHAT,alice,{TICKET}\nhi\nbye\n"), Path::new("/proc/none"));
    peer.shutdown(Shutdown::Write).expect("open");
    assert_eq!(call.knock(), None);
    call.order(Order::Accept);
    assert_eq!(call.news(), News::Line("hi".to_owned()));
    assert_eq!(call.news(), News::Line("bye".to_owned()));
    assert_eq!(call.end(), CallEnd::Talk(Ok(TalkEnd::TheyLeft)));
    assert_eq!(rest(peer), "OK\n");
}

#[test]
fn a_request_for_a_chat_that_is_declined() {
    let (call, peer) = Played::theirs("CHAT,alice\n", Path::new("/proc/none"));
    call.knock();
    call.order(Order::Refuse(PeerRefusal::Declined));
    assert_eq!(call.end(), CallEnd::Over);
    assert_eq!(rest(peer), "ERR,declined\n");
}

#[test]
fn a_request_for_a_chat_whose_peer_hangs_up() {
    let (call, peer) = Played::theirs("CHAT,alice\n", Path::new("/proc/none"));
    call.knock();
    reset(peer);
    assert_eq!(call.news(), News::HungUp);
    assert_eq!(call.end(), CallEnd::Over);
}

#[test]
fn a_message_to_us_is_answered_as_the_app_says() {
    for (order, answer) in [(Order::Accept, "OK\n"), (Order::Refuse(PeerRefusal::NotIntroduced), "ERR,Not introduced")]
    {
        let (call, peer) = Played::theirs("MSG,alice\nhi\n", Path::new("/proc/none"));
        peer.shutdown(Shutdown::Write).expect("open");
        assert_eq!(call.knock().as_deref(), Some("hi"));
        call.order(order);
        assert_eq!(call.end(), CallEnd::Over);
        assert!(rest(peer).starts_with(answer));
    }
}

#[test]
fn nothing_is_told_of_who_connects_and_leaves_without_a_word() {
    let (call, peer) = Played::theirs("", Path::new("/proc/none"));
    peer.shutdown(Shutdown::Write).expect("open");
    assert_eq!(call.end(), CallEnd::Over);
    assert_eq!(rest(peer), "");
}

#[test]
fn a_first_line_that_opens_nothing_is_told_why() {
    for (bytes, answer) in [
        ("GET / HTTP/1.1\n", "ERR,The first line must begin with"),
        ("CHAT\n", "ERR,Send CHAT"),
        ("RUN,alice,x,echo 'a\n", "ERR,The command has an open quote"),
        ("\x1b\n", "ERR,Control character"),
    ] {
        let (call, peer) = Played::theirs(bytes, Path::new("/proc/none"));
        assert_eq!(call.end(), CallEnd::Over);
        assert!(rest(peer).starts_with(answer), "{bytes}");
    }
}
