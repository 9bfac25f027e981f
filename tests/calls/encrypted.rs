//! Two people who have keys talk by TLS: who is on the way has nothing of it, and is told from them by name.

use super::fetching::Fetching;
use super::files::{client, folder, tree};
use super::played::{LIMIT, Played, TICKET, bob, name};
use peerline::client::call::Call;
use peerline::client::event::{CallEnd, CallError, News, NoProof, Order, TalkEnd, Work};
use peerline::client::peer::Files;
use peerline::net::tls::{Decrypting, Identity};
use peerline::net::{DeadlineReader, TLS_HELLO};
use peerline::peer_protocol::PeerRefusal;
use peerline::trace::Wire;
use peerline::value::Fingerprint;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

pub const SECRET: &str = "what nobody else reads";

pub fn identity() -> Arc<Identity> {
    Arc::new(Identity::for_a_run().expect("random bytes"))
}

pub fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

/// Stands between, and keeps every byte of one connection; cuts it off once so many have come one way.
fn tap(to: SocketAddr, most: usize) -> (SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let ((listener, address), seen) = (listen(), Arc::<Mutex<Vec<u8>>>::default());
    let kept = Arc::clone(&seen);
    thread::spawn(move || {
        let caller = listener.accept().expect("a caller").0;
        let callee = TcpStream::connect(to).expect("somebody listens");
        thread::scope(|scope| {
            for (mut from, mut to) in [(&caller, &callee), (&callee, &caller)] {
                let kept = Arc::clone(&kept);
                scope.spawn(move || {
                    let (mut buffer, mut passed) = ([0; 4096], 0);
                    while let Ok(read @ 1..) = from.read(&mut buffer) {
                        kept.lock().expect("no panic").extend_from_slice(&buffer[..read]);
                        passed += read;
                        if to.write_all(&buffer[..read]).is_err() || passed > most {
                            break;
                        }
                    }
                    if passed > most {
                        // Whoever has left already need not be cut off.
                        let _ = from.shutdown(Shutdown::Both);
                    }
                    // Whoever has left already need not be told.
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        });
    });
    (address, seen)
}

pub fn no_files() -> Box<dyn Files> {
    Box::new(Fetching(|_: &Call| {}))
}

/// A call of alice's, and bob's side of it, with somebody between who keeps every byte.
fn meet(work: Work) -> (Played, Played, Arc<Mutex<Vec<u8>>>) {
    meet_with([no_files(), no_files()], work)
}

fn meet_with(files: [Box<dyn Files>; 2], work: Work) -> (Played, Played, Arc<Mutex<Vec<u8>>>) {
    meet_over(files, Path::new("/proc/none"), usize::MAX, work)
}

/// The same, where bob's commands are recorded in `log`, and the connection is cut off after `most` bytes one way.
pub fn meet_over(
    [ours, files]: [Box<dyn Files>; 2],
    log: &Path,
    most: usize,
    work: Work,
) -> (Played, Played, Arc<Mutex<Vec<u8>>>) {
    let (own, theirs) = (identity(), identity());
    let (listener, at) = listen();
    let (between, seen) = tap(at, most);
    let call = Played::ours_by(&own, ours, work);
    while call.news() != News::Wants(bob()) {}
    call.is_introduced_by("bob", between, Some(theirs.fingerprint()));
    let stream = listener.accept().expect("somebody connects").0;
    let served = Played::accepted_by(Some(theirs), files, log, false, stream);
    let News::Knock(knock) = served.news() else { panic!("somebody knocks") };
    assert_eq!(knock.key, Some(own.fingerprint()));
    assert!(knock.opening.to_string().contains(&format!(",alice,{TICKET}")), "{}", knock.opening);
    assert!(knock.text.is_none_or(|text| text == SECRET));
    (call, served, seen)
}

pub fn holds_nothing(seen: &Mutex<Vec<u8>>) {
    let seen = seen.lock().expect("no panic");
    assert!(seen.len() > 1000 && seen[0] == TLS_HELLO);
    // In megabytes of ciphertext a word of five bytes may be there by chance: at each place once in 2^40.
    let fits_no_chance = |word: &&&str| word.len() > 5 || seen.len() < 100_000;
    let words = [
        "MSG,alice",
        "CHAT,",
        "FILE,",
        "LIST,",
        "RUN,alice",
        "GIVE,",
        "ITEM,",
        "alice",
        "proof_",
        "sha256_",
        "file_",
        "a.txt",
        "a secret plan",
        "echo ",
    ];
    for word in [SECRET, TICKET, &TICKET[..12], "d/a.txt"].iter().chain(&words).filter(fits_no_chance) {
        assert!(!seen.windows(word.len()).any(|piece| piece == word.as_bytes()), "{word}");
    }
}

#[test]
fn whoever_keeps_every_byte_of_a_message_has_nothing_of_it() {
    let (call, served, seen) = meet(Work::Message { to: bob(), text: SECRET.to_owned() });
    served.order(Order::Accept);
    assert_eq!(served.end(), CallEnd::Over);
    assert_eq!(call.end(), CallEnd::Message(Ok(name("bob"))));
    holds_nothing(&seen);
}

#[test]
fn a_refusal_arrives() {
    let (call, served, _) = meet(Work::Message { to: bob(), text: SECRET.to_owned() });
    served.order(Order::Refuse(PeerRefusal::AnotherKey));
    assert_eq!(served.end(), CallEnd::Over);
    assert_eq!(call.end(), CallEnd::Message(Err(CallError::Refused(PeerRefusal::AnotherKey))));
}

#[test]
fn whoever_keeps_every_byte_of_a_file_has_nothing_of_it() {
    let text = SECRET.repeat(20_000);
    let (shared, downloads) = (folder(&[("a.txt", &text)]), folder(&[]));
    let work = Work::Fetch { from: name("bob"), file: "a.txt".parse().expect("valid") };
    let (call, served, seen) = meet_with([client(downloads.path()), client(shared.path())], work);
    served.order(Order::Accept);
    while !call.step().is_end() {}
    assert_eq!(call.end(), CallEnd::Over);
    assert!(tree(downloads.path()) == [("a.txt".to_owned(), text)], "it is whole");
    holds_nothing(&seen);
}

#[test]
fn whoever_keeps_every_byte_of_a_list_of_files_has_nothing_of_it() {
    let (shared, own) = (folder(&[("a secret plan.txt", "mine")]), folder(&[]));
    let (call, served, seen) = meet_with([client(own.path()), client(shared.path())], Work::Files { of: name("bob") });
    served.order(Order::List);
    assert_eq!(served.end(), CallEnd::Over);
    let CallEnd::Files(Ok(files)) = call.end() else { panic!("a list") };
    assert_eq!(files.len(), 1);
    holds_nothing(&seen);
}

/// Lines that are decrypted together come one after the other, though the socket wakes nobody for them.
#[test]
fn a_talk_goes_both_ways_and_ends() {
    const LINES: usize = 60;
    let (call, mut served, seen) = meet(Work::Talk { to: bob(), answer: LIMIT });
    served.order(Order::Accept);
    assert_eq!(call.news(), News::Opened { with: name("bob") });
    let lines = |from: &Played, to: &Played| {
        (0..LINES).for_each(|number| from.order(Order::Say(format!("{SECRET} {number}"))));
        for number in 0..LINES {
            let mut news = to.news();
            while matches!(news, News::Drained(_)) {
                news = to.news();
            }
            assert_eq!(news, News::Line(format!("{SECRET} {number}")));
        }
    };
    lines(&call, &served);
    lines(&served, &call);
    served.orders = None;
    let mut news = call.event();
    while matches!(news, peerline::client::event::Event::News { news: News::Drained(_), .. }) {
        news = call.event();
    }
    let end = CallEnd::Talk(Ok(TalkEnd::TheyLeft));
    assert!(matches!(news, peerline::client::event::Event::CallEnded { end: ended, .. } if ended == end));
    holds_nothing(&seen);
}

/// Somebody else answers where bob should be, with a certificate of their own, or in the clear. Gives what came of it.
fn somebody_else(answers: impl Fn(TcpStream), times: usize) -> (CallError, Fingerprint) {
    let (own, theirs) = (identity(), identity());
    let (listener, at) = listen();
    let call = Played::ours_by(&own, no_files(), Work::Message { to: bob(), text: SECRET.to_owned() });
    for _ in 0..times {
        assert_eq!(call.news(), News::Wants(bob()));
        call.is_introduced_by("bob", at, Some(theirs.fingerprint()));
        answers(listener.accept().expect("somebody connects").0);
    }
    match call.end() {
        CallEnd::Message(Err(error)) => (error, theirs.fingerprint()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn whoever_stands_between_with_a_key_of_their_own_is_refused_by_name() {
    let mallory = identity();
    let answers = |stream: TcpStream| {
        let stream = Arc::new(stream);
        stream.set_read_timeout(Some(LIMIT)).expect("open");
        let input = DeadlineReader::new(Arc::clone(&stream), Some(std::time::Instant::now() + LIMIT));
        let mut said = Vec::new();
        // What is wrong with the key is told by an alert, in the handshake or right behind it.
        if let Ok(mut decrypting) = Decrypting::accept(&mallory, &stream, input, &Wire::default()) {
            let _ = decrypting.read_to_end(&mut said);
        }
        assert!(said.is_empty(), "something was said to mallory");
    };
    // The person may have started anew: so the server is asked once more.
    let (error, wanted) = somebody_else(answers, 2);
    let CallError::NotProven { why: NoProof::OtherKey(shown), .. } = error else { panic!("{error:?}") };
    assert!(shown == mallory.fingerprint() && shown != wanted);
    let said = error.to_string();
    assert!(
        said.contains("that is not bob, whose key the server has told") && said.contains(&shown.to_string()),
        "{said}"
    );
}

#[test]
fn whoever_speaks_no_tls_is_not_spoken_to() {
    let answers = |mut stream: TcpStream| {
        stream.set_read_timeout(Some(LIMIT)).expect("open");
        stream.write_all(b"proof_0123456789abcdef0123\nOK\n").expect("taken");
        let mut hello = Vec::new();
        // The end may be a reset.
        let _ = stream.read_to_end(&mut hello);
        assert!(hello.first() == Some(&TLS_HELLO) && !hello.windows(5).any(|piece| piece == b"alice"));
    };
    let (error, _) = somebody_else(answers, 1);
    assert!(matches!(error, CallError::NotProven { why: NoProof::NoTls, .. }), "{error:?}");
    let full = |mut stream: TcpStream| {
        stream.write_all(b"ERR,Too many connections, try again later\n").expect("taken");
    };
    let (error, _) = somebody_else(full, 1);
    assert!(matches!(error, CallError::NotProven { why: NoProof::NoPlace, .. }), "{error:?}");
}

#[test]
fn the_hello_is_a_word_and_waits_for_the_introduction() {
    let (listener, at) = listen();
    let mut call = Played::ours_by(&identity(), no_files(), Work::Message { to: bob(), text: SECRET.to_owned() });
    call.order(Order::Likely(at));
    let peer = listener.accept().expect("somebody connects").0;
    assert_eq!(call.news(), News::Wants(bob()));
    peer.set_nonblocking(true).expect("open");
    assert_eq!(peer.peek(&mut [0]).map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
    peer.set_nonblocking(false).expect("open");
    peer.set_read_timeout(Some(LIMIT)).expect("open");
    call.is_introduced_by("bob", at, Some(identity().fingerprint()));
    let mut first = [0];
    assert_eq!((peer.peek(&mut first).expect("a hello"), first[0]), (1, TLS_HELLO));
    drop(peer);
    call.orders = None;
    assert!(matches!(call.end(), CallEnd::Message(Err(_))));
}
