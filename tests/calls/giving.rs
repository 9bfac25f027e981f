//! Calls that give files, and what ends a gift on either side.

use super::files::{HELLO, asked, client, folder, names, tree};
use super::gifts::{ask, offer, say, taking};
use super::played::{LIMIT, Played, START, TICKET, line, name, reset};
use peerline::client::event::{Order, Stage, Work};
use std::fs;
use std::io::{BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use tempfile::TempDir;

fn giving(from: &TempDir, paths: &[&str]) -> Played {
    let paths = paths.iter().map(|path| from.path().join(path)).collect();
    Played::ours_with(client(from.path()), Work::Give { to: name("bob"), paths, answer: LIMIT })
}

/// A gift from one call of ours to another; how it went on both sides.
fn whole(giver: Played, into: &Path) -> (Stage, Stage) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    giver.introduce(listener.local_addr().expect("bound"));
    let taker = Played::accepted(client(into), listener.accept().expect("accepts").0);
    assert_eq!(taker.knock(), None);
    taker.order(Order::Prove(TICKET.parse().expect("a ticket")));
    assert_eq!(taker.knock(), None);
    taker.order(Order::Take(into.to_owned()));
    assert!(matches!(taker.step(), Stage::Begun { .. }) && matches!(giver.step(), Stage::Begun { .. }));
    (giver.over(), taker.over())
}

#[test]
fn a_folder_arrives_whole_and_once() {
    let from = folder(&[("d/a.txt", "hello\n"), ("d/e/b", ""), ("d/e/f/c, d", &"x".repeat(1 << 20))]);
    let into = folder(&[("d", "a file")]);
    let (given, taken) = whole(giving(&from, &["d"]), into.path());
    let size = 6 + (1 << 20);
    assert!(matches!(given, Stage::Whole { size: all, there: 0, saved: None, .. } if all == size), "{given:?}");
    let Stage::Whole { size: all, there: 0, saved: Some(saved), .. } = taken else { panic!("{taken:?}") };
    assert_eq!((all, saved), (size, into.path().join("d (1)")));
    assert_eq!(tree(&into.path().join("d (1)")), tree(&from.path().join("d")));
    assert_eq!(names(into.path()).len(), 5);

    // What was there before is kept, what is new comes, and the same offer finds its folder.
    fs::write(from.path().join("d/a.txt"), "hello, you\n").expect("written");
    let (given, taken) = whole(giving(&from, &["d"]), into.path());
    assert!(matches!(given, Stage::Whole { there, .. } if there == 1 << 20), "{given:?}");
    assert!(matches!(taken, Stage::Whole { there, .. } if there == 1 << 20), "{taken:?}");
    let here = into.path().join("d (1)");
    assert_eq!(fs::read_to_string(here.join("a.txt")).expect("text"), "hello\n");
    assert_eq!(fs::read_to_string(here.join("a (1).txt")).expect("text"), "hello, you\n");
    let (_, taken) = whole(giving(&from, &["d"]), into.path());
    assert_eq!(taken, Stage::There { saved: here });
    assert_eq!(names(into.path()).len(), 6);
}

#[test]
fn a_gift_ends_with_either_side() {
    let size = 64 << 20;
    let from = folder(&[("d/b", "")]);
    fs::File::create(from.path().join("d/a")).and_then(|file| file.set_len(size)).expect("made");
    let first = || {
        let call = giving(&from, &["d"]);
        let (mut peer, asked) = call.meet();
        assert_eq!(asked, format!("GIVE,d/,{size},2,alice,{START}\n"));
        assert_eq!(ask(&mut peer, "OK\n"), format!("ITEM,d/a,{size}\n"));
        assert_eq!(call.step(), Stage::Begun { size, offset: 0 });
        (call, peer)
    };
    let (call, mut peer) = first();
    say(&mut peer, "OK,0\n");
    peer.read_exact(&mut [0; 1000]).expect("bytes");
    drop(peer);
    assert!(matches!(call.over(), Stage::Failed { why, .. } if why == "the other side has left"));
    let (call, mut peer) = first();
    say(&mut peer, "OK,0\n");
    peer.read_exact(&mut [0; 1000]).expect("bytes");
    say(&mut peer, "ERR,end: no room\n");
    let reader = thread::spawn(move || std::io::copy(&mut peer, &mut std::io::sink()).is_ok());
    assert!(matches!(call.over(), Stage::Failed { why, .. } if why == "no room"));
    reader.join().expect("no panic");
    for answer in ["OK,0\n", &format!("OK,{size}\n"), ""] {
        let (mut call, mut peer) = first();
        say(&mut peer, answer);
        call.give_up();
        assert!(matches!(call.over(), Stage::Cancelled { .. }));
        assert!(peerline::net::has_hung_up(peer.get_ref()), "that is noticed without a word");
    }
}

#[test]
fn the_receivers_words_decide_over_each_file() {
    let from = folder(&[("a", "hello\n"), ("b", "hello\n"), ("c", "hello\n")]);
    let call = giving(&from, &["a", "b", "c", "nothing/../c"]);
    assert!(matches!(call.step(), Stage::LeftOut { .. }), "another c");
    let (mut peer, asked) = call.meet();
    assert_eq!(asked, format!("GIVE,3 files,18,3,alice,{START}\n"));
    assert_eq!(ask(&mut peer, "OK\n"), "ITEM,a,6\n");
    assert_eq!(ask(&mut peer, "ERR,skip: not this one\n"), "ITEM,b,6\n");
    assert_eq!(ask(&mut peer, "OK,0\n"), "hello\n");
    assert_eq!(line(&mut peer), format!("{HELLO}\n"));
    assert_eq!(ask(&mut peer, "hashing_6\nERR,again: the hash differs\n"), "ITEM,b,6\n");
    assert_eq!(ask(&mut peer, "OK,4\n"), "o\n");
    assert_eq!(line(&mut peer), format!("{HELLO}\n"));
    assert_eq!(ask(&mut peer, "OK,b\n"), "ITEM,c,6\n");
    assert_eq!(ask(&mut peer, "OK,6\n"), format!("{HELLO}\n"));
    assert_eq!(ask(&mut peer, "OK,c\n"), "END\n");
    say(&mut peer, "OK,2 files\n");
    assert!(matches!(call.step(), Stage::Begun { size: 18, offset: 0 }));
    assert!(matches!(call.step(), Stage::LeftOut { file, why, .. } if file == "a" && why == "not this one"));
    assert!(matches!(call.over(), Stage::Whole { size: 12, there: 10, .. }));
}

#[test]
fn an_offer_may_be_refused_and_taken_back() {
    let from = folder(&[("a", "hello\n")]);
    let call = giving(&from, &["a"]);
    let (mut peer, _) = call.meet();
    say(&mut peer, "ERR,declined\n");
    assert_eq!(call.over(), Stage::Refused { why: "declined".to_owned() });
    let mut call = giving(&from, &["a"]);
    let (mut peer, _) = call.meet();
    call.give_up();
    assert_eq!(call.over(), Stage::Cancelled { done: 0 });
    assert!(peer.read(&mut [0]).map_or(true, |read| read == 0));
    let call = giving(&from, &["nothing"]);
    assert!(matches!(call.over(), Stage::Failed { why, .. } if why.contains("nothing: No such file")));
}

#[test]
fn what_changes_after_the_offer_is_left_out() {
    let from = folder(&[("d/a", "hello\n"), ("d/b", "hello\n"), ("d/c", "hello\n")]);
    let call = giving(&from, &["d"]);
    let (mut peer, _) = call.meet();
    fs::write(from.path().join("d/a"), "x".repeat(100)).expect("written");
    fs::remove_file(from.path().join("d/b")).expect("removed");
    assert_eq!(ask(&mut peer, "OK\n"), "ITEM,d/c,6\n");
    assert_eq!(ask(&mut peer, "OK,0\n"), "hello\n");
    assert_eq!(line(&mut peer), format!("{HELLO}\n"));
    assert_eq!(ask(&mut peer, "OK,d/c\n"), "END\n");
    say(&mut peer, "OK,1 file\n");
    assert!(matches!(call.step(), Stage::Begun { .. }));
    for left_out in ["d/a", "d/b"] {
        assert!(matches!(call.step(), Stage::LeftOut { file, .. } if file == left_out));
    }
    assert!(matches!(call.over(), Stage::Whole { size: 6, .. }));
}

/// A file that takes longer to hash than any test waits.
fn endless(folder: &Path, name: &str) -> u64 {
    let size = 256 << 30;
    fs::File::create(folder.join(name)).and_then(|file| file.set_len(size)).expect("made");
    size
}

#[test]
fn hashing_is_told_and_ends_with_either_side() {
    let files = folder(&[]);
    let size = endless(files.path(), "a.txt");
    let told = |peer: &mut BufReader<TcpStream>| {
        let lines = [line(peer), line(peer)];
        let done = lines.map(|line| line.trim_end().strip_prefix("hashing_").and_then(|done| done.parse::<u64>().ok()));
        assert!(done[0] < done[1] && done[0] > Some(0), "{done:?}");
    };
    let left = |stage: Stage| assert!(matches!(stage, Stage::Failed { why, .. } if why == "the other side has left"));
    let take = || {
        let (call, mut peer) = taking(files.path(), &offer("a.txt", size, 1));
        assert_eq!(ask(&mut peer, &format!("ITEM,a.txt,{size}\n")), format!("OK,{size}\n"));
        say(&mut peer, &format!("{HELLO}\n"));
        told(&mut peer);
        (call, peer)
    };
    // A connection that is closed answers the next such line with a reset.
    let (call, peer) = take();
    drop(peer);
    left(call.over());
    let (mut call, _peer) = take();
    call.give_up();
    assert!(matches!(call.over(), Stage::Cancelled { .. }));

    let give = || {
        let call = giving(&files, &["a.txt"]);
        let (mut peer, _) = call.meet();
        assert_eq!(ask(&mut peer, "OK\n"), format!("ITEM,a.txt,{size}\n"));
        say(&mut peer, &format!("OK,{size}\n"));
        told(&mut peer);
        assert!(matches!(call.step(), Stage::Begun { .. }));
        (call, peer)
    };
    let (call, peer) = give();
    drop(peer);
    left(call.over());
    let (mut call, _peer) = give();
    call.give_up();
    assert!(matches!(call.over(), Stage::Cancelled { .. }));

    let fetch = || {
        let (call, mut peer) = asked(client(files.path()), &format!("FILE,a.txt,alice,{TICKET},{size}\n"));
        call.order(Order::Accept);
        assert_eq!(line(&mut peer), format!("OK,{size}\n"));
        assert!(matches!(call.step(), Stage::Begun { .. }));
        (call, peer)
    };
    let (call, peer) = fetch();
    reset(peer.into_inner());
    left(call.over());
    let (mut call, _peer) = fetch();
    call.give_up();
    assert!(matches!(call.over(), Stage::Cancelled { .. }));
}
