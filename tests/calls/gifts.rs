//! Calls that take gifts.

use super::files::{HELLO, asked, client, folder, names};
use super::played::{Played, TICKET, line, reset, rest};
use peerline::client::event::{CallEnd, News, Order, Stage};
use peerline::peer_protocol::PeerRefusal;
use std::fs;
use std::io::{BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::symlink;
use std::path::Path;

pub fn offer(what: &str, bytes: u64, count: u32) -> String {
    format!("GIVE,{what},{bytes},{count},alice,{TICKET}\n")
}

/// A gift that we have agreed to take into `into`, and the giver's side of it.
pub fn taking(into: &Path, offer: &str) -> (Played, BufReader<TcpStream>) {
    let (call, mut peer) = asked(client(into), offer);
    call.order(Order::Take(into.to_owned()));
    assert_eq!(line(&mut peer), "OK\n");
    assert!(matches!(call.step(), Stage::Begun { offset: 0, .. }));
    (call, peer)
}

pub fn say(peer: &mut BufReader<TcpStream>, text: &str) {
    peer.get_mut().write_all(text.as_bytes()).expect("written");
}

/// Says something, and reads the answer.
pub fn ask(peer: &mut BufReader<TcpStream>, text: &str) -> String {
    say(peer, text);
    line(peer)
}

#[test]
fn a_gift_goes_on_where_it_was_cut() {
    let into = folder(&[]);
    let (call, mut peer) = taking(into.path(), &offer("a.txt", 6, 1));
    assert_eq!(ask(&mut peer, "ITEM,a.txt,6\n"), "OK,0\n");
    say(&mut peer, "hel");
    drop(peer);
    assert_eq!(call.over(), Stage::Failed { why: "the connection has ended".to_owned(), done: 3 });
    assert_eq!(names(into.path()), ["a.txt.part", "a.txt.part.from"]);
    // Another giver's is another file.
    let (call, mut peer) = taking(into.path(), &offer("a.txt", 6, 1).replace("alice", "eve"));
    assert_eq!(ask(&mut peer, "ITEM,a.txt,6\n"), "OK,0\n");
    drop(peer);
    call.over();
    let (call, mut peer) = taking(into.path(), &offer("a.txt", 6, 1));
    assert_eq!(ask(&mut peer, "ITEM,a.txt,6\n"), "OK,3\n");
    assert_eq!(ask(&mut peer, &format!("lo\nhashing_2\nhashing_6\n{HELLO}\n")), "OK,a.txt\n");
    assert_eq!(ask(&mut peer, "END\n"), "OK,1 file\n");
    drop(peer);
    assert!(matches!(call.over(), Stage::Whole { size: 6, there: 3, .. }));
    assert_eq!(fs::read_to_string(into.path().join("a.txt")).expect("text"), "hello\n");
}

#[test]
fn a_script_may_say_all_at_once() {
    let into = folder(&[]);
    let text = format!("{}ITEM,a.txt,6\nhello\n{HELLO}\nEND\n", offer("a.txt", 6, 1));
    let (call, peer) = asked(client(into.path()), &text);
    peer.get_ref().shutdown(Shutdown::Write).expect("open");
    call.order(Order::Take(into.path().to_owned()));
    assert_eq!(rest(peer), "OK\nOK,0\nOK,a.txt\nOK,1 file\n");
    assert!(matches!(call.step(), Stage::Begun { .. }));
    assert!(matches!(call.over(), Stage::Whole { size: 6, .. }));
}

#[test]
fn what_is_not_as_its_hash_says_comes_once_more_and_no_more() {
    let into = folder(&[]);
    let (call, mut peer) = taking(into.path(), &offer("2 files", 18, 2));
    for answer in ["ERR,again: the hash differs\n", "ERR,skip: the hash differs\n"] {
        assert_eq!(ask(&mut peer, "ITEM,a.txt,6\n"), "OK,0\n");
        assert_eq!(ask(&mut peer, &format!("hullo\n{HELLO}\n")), answer);
    }
    assert!(matches!(call.step(), Stage::LeftOut { file, .. } if file == "a.txt"));
    for text in ["hellow\nERR,b has changed while it was sent\n", &format!("hello\n{HELLO}\n")] {
        let size = text.lines().next().map_or(0, |line| line.len() + 1);
        assert_eq!(ask(&mut peer, &format!("ITEM,b,{size}\n")), "OK,0\n");
        let answer = ask(&mut peer, text);
        assert!(answer == "OK,b\n" || answer.starts_with("ERR,again: b has changed"), "{answer}");
    }
    assert_eq!(ask(&mut peer, "END\n"), "OK,1 file\n");
    drop(peer);
    assert!(matches!(call.over(), Stage::Whole { size: 6, .. }));
    // Nothing that arrived is deleted, and nobody goes on from it.
    assert_eq!(names(into.path()), ["a.txt (1).part", "a.txt.part", "b", "b.part"]);
}

#[test]
fn a_file_that_only_looks_the_same_is_left_alone() {
    let into = folder(&[("a.txt", "hullo\n"), ("a (1).txt", "other")]);
    let (call, mut peer) = taking(into.path(), &offer("a.txt", 6, 1));
    assert_eq!(ask(&mut peer, "ITEM,a.txt,6\n"), "OK,6\n");
    assert_eq!(ask(&mut peer, &format!("{HELLO}\n")), "ERR,again: the hash differs\n");
    assert_eq!(ask(&mut peer, "ITEM,a.txt,6\n"), "OK,0\n");
    assert_eq!(ask(&mut peer, &format!("hello\n{HELLO}\n")), "OK,a (2).txt\n");
    assert_eq!(ask(&mut peer, "END\n"), "OK,1 file\n");
    drop(peer);
    assert!(matches!(call.over(), Stage::Whole { there: 0, .. }));
    let (call, mut peer) = taking(into.path(), &offer("a.txt", 6, 1));
    assert_eq!(ask(&mut peer, "ITEM,a.txt,6\n"), "OK,6\n");
    assert!(ask(&mut peer, &format!("{HELLO}\n")).starts_with("ERR,again"), "the first of its size is another one");
    drop(peer);
    call.over_after_left_out();
}

impl Played {
    /// The last step of a gift some of whose files were left out.
    fn over_after_left_out(self) -> Stage {
        loop {
            let stage = self.step();
            if !matches!(stage, Stage::LeftOut { .. }) {
                assert_eq!(self.end(), CallEnd::Over);
                return stage;
            }
        }
    }
}

#[test]
fn what_was_not_offered_ends_the_gift() {
    let held = |what, bytes, count, lines: &[(&str, &str)]| {
        let into = folder(&[]);
        let (call, mut peer) = taking(into.path(), &offer(what, bytes, count));
        for (said, answer) in lines {
            assert_eq!(ask(&mut peer, said), *answer, "{said}");
        }
        assert_eq!(rest(peer), "");
        assert!(matches!(call.over_after_left_out(), Stage::Failed { .. }));
    };
    let more = "ERR,end: more than was offered\n";
    let sent = format!("hello\n{HELLO}\n");
    held("a.txt", 5, 1, &[("ITEM,a.txt,6\n", more)]);
    held("d/", 12, 1, &[("ITEM,d/a,6\n", "OK,0\n"), (&sent, "OK,d/a\n"), ("ITEM,d/b,1\n", more)]);
    held("d/", 7, 2, &[("ITEM,d/a,6\n", "OK,0\n"), (&sent, "OK,d/a\n"), ("ITEM,d/b,2\n", more)]);
    held("d/", 7, 2, &[("ITEM,d/a,6\n", "OK,0\n"), (&sent, "OK,d/a\n"), ("ITEM,d/b,18446744073709551615\n", more)]);
    let twice = "ERR,end: the same path came before\n";
    held("d/", 20, 3, &[("ITEM,d/a,6\n", "OK,0\n"), (&sent, "OK,d/a\n"), ("ITEM,d/a,6\n", twice)]);
    let outside = "ERR,end: the path is not under what was offered\n";
    held("a.txt", 9, 1, &[("ITEM,b.txt,6\n", outside)]);
    held("d/", 9, 1, &[("ITEM,e/a,6\n", outside)]);
    for line in ["ITEM,../a,6\n", "ITEM,d/../../a,6\n", "ITEM,/etc/a,6\n", "ITEM,d/.ssh,6\n", "ITEM,d/a,-1\n", "?\n"] {
        let into = folder(&[]);
        let (call, mut peer) = taking(into.path(), &offer("d/", 9, 2));
        assert!(ask(&mut peer, line).starts_with("ERR,end: "), "{line}");
        drop(peer);
        assert!(matches!(call.over(), Stage::Failed { .. }));
        assert_eq!(names(into.path()), [""; 0]);
    }
    held("a.txt", 9, 1, &[("ITEM,a.txt,6\n", "OK,0\n"), ("hello\nEND\n", "ERR,end: sha256_HEX was expected\n")]);
    let hashing = "hello\nhashing_3\nhashing_3\n";
    held("a.txt", 9, 1, &[("ITEM,a.txt,6\n", "OK,0\n"), (hashing, "ERR,end: sha256_HEX was expected\n")]);
}

#[test]
fn no_link_leads_out_of_the_folder() {
    let root = folder(&[("secret/x", "secret"), ("into/d/x", "mine")]);
    let into = root.path().join("into");
    symlink("../secret", into.join("e")).expect("linked");
    symlink("../secret/new", into.join("a.txt")).expect("linked");
    symlink("../secret/new", into.join("a.txt.part")).expect("linked");
    let (call, mut peer) = taking(&into, &offer("3 files", 100, 3));
    assert_eq!(ask(&mut peer, "ITEM,e/a,6\n"), "OK,0\n");
    assert_eq!(ask(&mut peer, &format!("hello\n{HELLO}\n")), "OK,e (1)/a\n");
    assert_eq!(ask(&mut peer, "ITEM,a.txt,6\n"), "OK,0\n");
    assert_eq!(ask(&mut peer, &format!("hello\n{HELLO}\n")), "OK,a (1).txt\n");
    // Somebody exchanges the folder meanwhile.
    fs::rename(into.join("e (1)"), into.join("moved")).expect("moved");
    symlink("../secret", into.join("e (1)")).expect("linked");
    assert!(ask(&mut peer, "ITEM,e/b,6\n").starts_with("ERR,skip: "));
    assert_eq!(ask(&mut peer, "END\n"), "OK,2 files\n");
    drop(peer);
    assert!(matches!(call.over_after_left_out(), Stage::Whole { size: 12, .. }));
    assert_eq!(names(&root.path().join("secret")), ["x"]);
    assert_eq!(names(&into.join("d")), ["x"]);
}

#[test]
fn two_takers_do_not_write_one_part() {
    let into = folder(&[]);
    let mut both = [0, 1].map(|_| {
        let (call, mut peer) = taking(into.path(), &offer("a.txt", 6, 1));
        assert_eq!(ask(&mut peer, "ITEM,a.txt,6\n"), "OK,0\n");
        (call, peer)
    });
    let kept = both.each_mut().map(|(_, peer)| ask(peer, &format!("hello\n{HELLO}\n")));
    assert_eq!(kept, ["OK,a.txt\n", "OK,a (1).txt\n"]);
    for (call, mut peer) in both {
        assert_eq!(ask(&mut peer, "END\n"), "OK,1 file\n");
        drop(peer);
        assert!(matches!(call.over(), Stage::Whole { .. }));
    }
}

#[test]
fn an_offer_that_is_not_taken_has_a_reason() {
    let into = folder(&[]);
    for (order, answer) in [
        (Order::Refuse(PeerRefusal::NotTakenHere), "ERR,not taken here\n"),
        (Order::Refuse(PeerRefusal::Declined), "ERR,declined\n"),
        (Order::Take(into.path().join("nothing")), "ERR,not taken here\n"),
        (Order::Take(into.path().to_owned()), "ERR,no room\n"),
    ] {
        let is_refused = matches!(order, Order::Refuse(_));
        let (call, peer) = asked(client(into.path()), &offer("a.txt", u64::MAX, 1));
        call.order(order);
        if !is_refused {
            // It could go into another folder.
            let News::NotTaken { refusal, .. } = call.news() else { panic!("it is asked again") };
            call.order(Order::Refuse(refusal));
        }
        assert_eq!(rest(peer), answer);
        assert_eq!(call.end(), CallEnd::Over);
    }
    let (call, peer) = asked(client(into.path()), &offer("a.txt", 6, 1));
    reset(peer.into_inner());
    assert_eq!(call.news(), News::HungUp);
    assert_eq!(call.end(), CallEnd::Over);
    // Some of a folder that is there may be there: each of its files asks for its own room.
    fs::create_dir(into.path().join("d")).expect("made");
    let (call, mut peer) = taking(into.path(), &offer("d/", u64::MAX, 2));
    assert_eq!(ask(&mut peer, "ITEM,d/a,9223372036854775807\n"), "ERR,end: no room\n");
    drop(peer);
    assert!(matches!(call.over(), Stage::Failed { .. }));
}

#[test]
fn a_taker_that_gives_up_keeps_what_it_has() {
    let into = folder(&[]);
    let (mut call, mut peer) = taking(into.path(), &offer("a.txt", 6, 1));
    assert_eq!(ask(&mut peer, "ITEM,a.txt,6\n"), "OK,0\n");
    call.give_up();
    assert_eq!(call.over(), Stage::Cancelled { done: 0 });
    assert_eq!(rest(peer), "");
    assert_eq!(names(into.path()), ["a.txt.part", "a.txt.part.from"]);
}
