//! Calls about shared files: fetching, sending, and the list of them.

use super::played::{LIMIT, Played, START, TICKET, line, name, reset, rest};
use peerline::client::event::{CallEnd, CallError, News, Order, Stage, Work};
use peerline::client::files::{ClientFiles, FileOptions};
use peerline::client::peer::Files;
use peerline::peer_protocol::PeerRefusal;
use std::fs;
use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::Instant;
use tempfile::TempDir;

pub const HELLO: &str = "sha256_5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

/// A client that shares this folder, and keeps in it what it gets.
pub fn client(folder: &Path) -> Box<dyn Files> {
    let options = FileOptions { share: Some(folder.to_owned()), downloads: None, stall: LIMIT };
    Box::new(ClientFiles::new(options).expect("a folder"))
}

pub fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("inside")).expect("made");
        fs::write(path, text).expect("written");
    }
    folder
}

/// All files of a folder, with what is in them.
pub fn tree(folder: &Path) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("UTF-8");
        if entry.file_type().expect("known").is_dir() {
            all.extend(tree(&entry.path()).into_iter().map(|(below, text)| (format!("{name}/{below}"), text)));
        } else {
            all.push((name, fs::read_to_string(entry.path()).unwrap_or_default()));
        }
    }
    all.sort();
    all
}

pub fn names(folder: &Path) -> Vec<String> {
    tree(folder).into_iter().map(|(name, _)| name).collect()
}

impl Played {
    /// The next step of a transfer, without progress.
    pub fn step(&self) -> Stage {
        loop {
            match self.news() {
                News::Transfer(step) if !matches!(step.stage, Stage::Progress { .. }) => return step.stage,
                News::Transfer(_) | News::Asked { .. } | News::BytesSent => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The last step, with which the call is over.
    pub fn over(self) -> Stage {
        let stage = self.step();
        assert!(stage.is_end(), "{stage:?}");
        assert_eq!(self.end(), CallEnd::Over);
        stage
    }
}

fn fetch(downloads: &Path) -> Played {
    Played::ours_with(client(downloads), Work::Fetch { from: name("bob"), file: "a.txt".parse().expect("valid") })
}

fn first(offset: u64) -> String {
    format!("FILE,a.txt,alice,{START},{offset}\n")
}

/// What a person with a ticket types.
fn typed(offset: u64) -> String {
    first(offset).replace(START, TICKET)
}

fn begun(size: u64, offset: u64) -> Stage {
    Stage::Begun { size, offset }
}

/// The owner's side of one connection: it is asked from `offset`, says this, and closes.
fn owner(call: &Played, offset: u64, says: &str) {
    let (mut peer, asked) = call.meet();
    assert_eq!(asked, first(offset));
    peer.get_mut().write_all(says.as_bytes()).expect("written");
}

/// A fetch whose connection has ended behind `hel`.
fn cut(downloads: &Path) -> Played {
    let call = fetch(downloads);
    owner(&call, 0, "OK,6\nhel");
    assert_eq!(call.step(), begun(6, 0));
    assert_eq!(call.step(), Stage::Again { why: "the connection has ended".to_owned() });
    call
}

#[test]
fn a_fetch_goes_on_where_it_was_cut() {
    let downloads = folder(&[]);
    let call = cut(downloads.path());
    owner(&call, 3, &format!("OK,6\nlo\n{HELLO}\n"));
    let saved = fs::canonicalize(downloads.path()).expect("there").join("a.txt");
    match call.over() {
        Stage::Whole { size: 6, there: 0, saved: Some(path), .. } => assert_eq!(path, saved),
        other => panic!("{other:?}"),
    }
    assert_eq!(tree(downloads.path()), [("a.txt".to_owned(), "hello\n".to_owned())]);
}

#[test]
fn a_fetch_that_was_cancelled_is_gone_on_from() {
    let downloads = folder(&[]);
    let mut call = fetch(downloads.path());
    let (mut peer, _) = call.meet();
    peer.get_mut().write_all(b"OK,6\nhel").expect("written");
    assert_eq!(call.step(), begun(6, 0));
    let part = downloads.path().join("a.txt.part");
    // Progress is told only now and then; the file itself tells when the bytes are there.
    let until = Instant::now() + LIMIT;
    while fs::metadata(&part).map_or(0, |data| data.len()) < 3 {
        assert!(Instant::now() < until, "the bytes do not arrive");
        thread::yield_now();
    }
    call.give_up();
    assert_eq!(call.over(), Stage::Cancelled { done: 3 });
    let call = fetch(downloads.path());
    owner(&call, 3, &format!("OK,6\nlo\n{HELLO}\n"));
    assert_eq!(call.step(), begun(6, 3));
    assert!(matches!(call.over(), Stage::Whole { size: 6, there: 3, .. }));
    assert_eq!(tree(downloads.path()), [("a.txt".to_owned(), "hello\n".to_owned())]);
}

#[test]
fn another_version_is_fetched_from_its_beginning() {
    let downloads = folder(&[]);
    let call = fetch(downloads.path());
    owner(&call, 0, "OK,9\nold");
    assert_eq!(call.step(), begun(9, 0));
    assert!(matches!(call.step(), Stage::Again { .. }));
    owner(&call, 3, "OK,6\n");
    owner(&call, 0, "OK,6\nhullo\nERR,a.txt has changed while it was sent\n");
    owner(&call, 0, &format!("OK,6\nhello\n{HELLO}\n"));
    assert!(matches!(call.over(), Stage::Whole { size: 6, .. }));
    assert_eq!(tree(downloads.path()), [("a.txt".to_owned(), "hello\n".to_owned())]);
}

#[test]
fn what_is_not_as_its_hash_says_is_not_kept() {
    let downloads = folder(&[]);
    let call = fetch(downloads.path());
    owner(&call, 0, &format!("OK,6\nhullo\n{HELLO}\n"));
    assert_eq!(call.step(), begun(6, 0));
    for _ in 0..2 {
        owner(&call, 0, &format!("OK,6\nhullo\n{HELLO}\n"));
    }
    assert!(matches!(call.over(), Stage::Failed { done: 6, .. }));
    assert_eq!(names(downloads.path()), ["a.txt.part", "a.txt.part.from"]);
}

#[test]
fn the_same_file_is_not_fetched_again() {
    let downloads = folder(&[("a.txt", "hello\n")]);
    let call = fetch(downloads.path());
    owner(&call, 6, &format!("OK,6\n{HELLO}\n"));
    let saved = fs::canonicalize(downloads.path()).expect("there").join("a.txt");
    assert_eq!(call.over(), Stage::There { saved });
}

#[test]
fn another_file_of_its_name_is_left_alone() {
    let answers = ["OK,7\n", "ERR,OFFSET 6 is beyond the end: a.txt has 5 bytes\n", &format!("OK,6\n{HELLO}\n")];
    for answer in answers {
        let downloads = folder(&[("a.txt", "hullo\n")]);
        let call = fetch(downloads.path());
        owner(&call, 6, answer);
        owner(&call, 0, &format!("OK,6\nhello\n{HELLO}\n"));
        assert_eq!(call.step(), begun(6, 0));
        assert!(matches!(call.over(), Stage::Whole { size: 6, .. }));
        let both = [("a (1).txt", "hello\n"), ("a.txt", "hullo\n")].map(|(name, text)| (name.into(), text.into()));
        assert_eq!(tree(downloads.path()), both);
    }
}

#[test]
fn a_refusal_says_whether_to_ask_again() {
    let downloads = folder(&[]);
    let call = fetch(downloads.path());
    owner(&call, 0, "ERR,busy: 5 files are being sent, try again later\n");
    assert!(matches!(call.step(), Stage::Again { why } if why.starts_with("busy")));
    call.shows().0.get_mut().write_all(b"ERR,busy: pay first\n").expect("written");
    assert!(matches!(call.step(), Stage::Again { why } if why.ends_with("has no place for us now (try again later)")));
    owner(&call, 0, "ERR,No such file: a.txt\n");
    assert_eq!(call.over(), Stage::Failed { why: "No such file: a.txt".to_owned(), done: 0 });
    let call = fetch(downloads.path());
    owner(&call, 0, "HTTP/1.1 400\n");
    assert_eq!(call.over(), Stage::Failed { why: "no answer but HTTP/1.1 400".to_owned(), done: 0 });
    assert_eq!(names(downloads.path()), [""; 0]);
}

#[test]
fn a_refusal_for_now_throws_nothing_away() {
    let downloads = folder(&[]);
    let call = cut(downloads.path());
    for why in [
        "Too many connections, try again later",
        "FILE needs a ticket: send connect_NAME to the server for one",
        "busy: 5 files are being sent, try again later",
    ] {
        owner(&call, 3, &format!("ERR,{why}\n"));
        assert_eq!(call.step(), Stage::Again { why: why.to_owned() });
    }
    // The same before anybody has proven anything; and there may be a stranger at that address for a while.
    for (why, told) in
        [("Too many connections, try again later", "no place for us"), ("declined", "that is not bob, or")]
    {
        let (mut peer, asked) = call.shows();
        assert_eq!(asked, first(3));
        peer.get_mut().write_all(format!("ERR,{why}\n").as_bytes()).expect("written");
        let Stage::Again { why: again } = call.step() else { panic!("tried again") };
        assert!(again.contains(told), "{again}");
    }
    owner(&call, 3, &format!("OK,6\nlo\n{HELLO}\n"));
    assert!(matches!(call.over(), Stage::Whole { size: 6, .. }));
    assert_eq!(tree(downloads.path()), [("a.txt".to_owned(), "hello\n".to_owned())]);
}

#[test]
fn a_peer_that_is_away_is_tried_again_only_in_the_middle() {
    let downloads = folder(&[]);
    let unused = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound");
    let call = fetch(downloads.path());
    call.introduce(unused);
    assert!(matches!(call.over(), Stage::Failed { done: 0, .. }));
    let call = cut(downloads.path());
    call.introduce(unused);
    assert!(matches!(call.step(), Stage::Again { .. }));
    assert!(matches!(call.news(), News::Wants(_)));
    call.order(Order::Introduced(Err(CallError::NotIntroduced("Nobody active is bob".to_owned()))));
    assert!(matches!(call.step(), Stage::Again { .. }));
    owner(&call, 3, &format!("OK,6\nlo\n{HELLO}\n"));
    assert!(matches!(call.over(), Stage::Whole { .. }));
}

#[test]
fn two_clients_do_not_write_one_part() {
    let downloads = folder(&[]);
    let calls = [fetch(downloads.path()), fetch(downloads.path())];
    let mut peers = calls.each_ref().map(|call| {
        let (mut peer, asked) = call.meet();
        assert_eq!(asked, first(0));
        peer.get_mut().write_all(b"OK,6\nhel").expect("written");
        assert_eq!(call.step(), begun(6, 0));
        peer
    });
    for peer in &mut peers {
        peer.get_mut().write_all(format!("lo\n{HELLO}\n").as_bytes()).expect("written");
    }
    for call in calls {
        assert!(matches!(call.over(), Stage::Whole { .. }));
    }
    let both = ["a (1).txt", "a.txt"].map(|name| (name.to_owned(), "hello\n".to_owned()));
    assert_eq!(tree(downloads.path()), both);
}

/// A peer that asks us with these bytes.
pub fn asked(files: Box<dyn Files>, bytes: &str) -> (Played, BufReader<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mut peer = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
    peer.set_read_timeout(Some(LIMIT)).expect("open");
    peer.write_all(bytes.as_bytes()).expect("written");
    let call = Played::accepted(files, listener.accept().expect("accepts").0);
    assert_eq!(call.knock(), None);
    (call, BufReader::new(peer))
}

#[test]
fn a_shared_file_is_sent_from_any_byte_on() {
    let share = folder(&[("a.txt", "hello\n")]);
    for (offset, bytes) in [(0, "hello\n"), (4, "o\n"), (6, "")] {
        let (call, peer) = asked(client(share.path()), &typed(offset));
        peer.get_ref().shutdown(Shutdown::Write).expect("open");
        call.order(Order::Accept);
        assert_eq!(rest(peer), format!("OK,6\n{bytes}{HELLO}\n"));
        assert_eq!(call.step(), begun(6, offset));
        assert!(matches!(call.over(), Stage::Whole { size: 6, there, saved: None, .. } if there == offset));
    }
}

#[test]
fn what_is_not_sent_has_a_reason() {
    let share = folder(&[("a.txt", "hello\n")]);
    let busy = || PeerRefusal::Busy("5 files are being sent, try again later".to_owned());
    for (asks, order, answer) in [
        (typed(7), Order::Accept, "ERR,OFFSET 7 is beyond the end: a.txt has 6 bytes\n"),
        (typed(0).replace("a.txt", "b"), Order::Accept, "ERR,No such file: b\n"),
        (typed(0).replace("a.txt", "../a.txt"), Order::Accept, "ERR,No such file: ../a.txt\n"),
        (typed(0), Order::Refuse(busy()), "ERR,busy: 5 files are being sent, try again later\n"),
    ] {
        let (call, peer) = asked(client(share.path()), &asks);
        call.order(order);
        assert_eq!(rest(peer), answer);
        assert_eq!(call.end(), CallEnd::Over);
    }
}

#[test]
fn who_leaves_the_line_is_noticed() {
    let share = folder(&[("a.txt", "hello\n")]);
    let (call, peer) = asked(client(share.path()), &typed(0));
    reset(peer.into_inner());
    assert_eq!(call.news(), News::HungUp);
    assert_eq!(call.end(), CallEnd::Over);
}

/// A file that no socket holds as a whole, without a hash that is known.
fn large(folder: &Path) -> u64 {
    let size = 64 << 20;
    fs::File::create(folder.join("a.txt")).and_then(|file| file.set_len(size)).expect("made");
    size
}

#[test]
fn a_file_that_changes_while_it_is_sent_has_no_hash() {
    let share = folder(&[]);
    let size = large(share.path());
    let (call, mut peer) = asked(client(share.path()), &typed(0));
    call.order(Order::Accept);
    assert_eq!(line(&mut peer), format!("OK,{size}\n"));
    fs::OpenOptions::new()
        .append(true)
        .open(share.path().join("a.txt"))
        .and_then(|mut file| file.write_all(b"x"))
        .expect("written");
    std::io::copy(&mut peer.by_ref().take(size), &mut std::io::sink()).expect("bytes");
    assert_eq!(rest(peer), "ERR,a.txt has changed while it was sent\n");
    assert_eq!(call.step(), begun(size, 0));
    assert!(matches!(call.over(), Stage::Failed { .. }));
}

#[test]
fn an_upload_ends_with_either_side() {
    let share = folder(&[]);
    let size = large(share.path());
    let (call, mut peer) = asked(client(share.path()), &typed(0));
    call.order(Order::Accept);
    assert_eq!(line(&mut peer), format!("OK,{size}\n"));
    drop(peer);
    assert_eq!(call.step(), begun(size, 0));
    assert!(matches!(call.over(), Stage::Failed { why, .. } if why == "the other side has left"));
    let (mut call, mut peer) = asked(client(share.path()), &typed(0));
    call.order(Order::Accept);
    assert_eq!(line(&mut peer), format!("OK,{size}\n"));
    assert_eq!(call.step(), begun(size, 0));
    call.give_up();
    assert!(matches!(call.over(), Stage::Cancelled { .. }));
}

#[test]
fn a_peer_is_told_which_files_there_are() {
    let share = folder(&[("a, b.txt", "hello\n"), (".hidden", ""), ("sub/c", "")]);
    let (call, peer) = asked(client(share.path()), &format!("LIST,alice,{TICKET}\n"));
    call.order(Order::List);
    let told = rest(peer);
    assert_eq!(call.end(), CallEnd::Over);
    assert!(told.starts_with("file_\"a, b.txt\",6,1") && told.ends_with("\nOK,1 file\n"), "{told}");

    let call = Played::ours_with(client(share.path()), Work::Files { of: name("bob") });
    let (mut peer, asks) = call.meet();
    assert_eq!(asks, format!("LIST,alice,{START}\n"));
    peer.get_mut().write_all(told.as_bytes()).expect("written");
    match call.end() {
        CallEnd::Files(Ok(files)) => assert_eq!(files.iter().map(|file| file.size).collect::<Vec<_>>(), [6]),
        other => panic!("{other:?}"),
    }
    let call = Played::ours_with(client(share.path()), Work::Files { of: name("bob") });
    let (mut peer, _) = call.meet();
    peer.get_mut().write_all(b"ERR,This client shares no files\n").expect("written");
    assert_eq!(call.end(), CallEnd::Files(Err(CallError::Refused(PeerRefusal::SharesNothing))));
}
