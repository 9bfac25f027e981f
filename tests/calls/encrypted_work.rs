//! Commands and gifts by TLS; and what a client that listens makes of TLS that is none, or is not gone on with.

use super::encrypted::{SECRET, holds_nothing, identity, listen, meet_over, no_files};
use super::files::{client, folder, names, tree};
use super::played::{LIMIT, Played, bob, name};
use peerline::client::event::{CallEnd, Decision, News, Order, Stage, Work};
use peerline::net::tls::Decrypting;
use peerline::net::{Accepts, TLS_HELLO};
use peerline::peer_protocol::Status;
use peerline::trace::Wire;
use std::fs;
use std::io::{ErrorKind, Read, Write, stderr};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A record, and the beginning of a hello in it, which says to be longer.
const HALF_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

#[test]
fn whoever_keeps_every_byte_of_a_command_has_nothing_of_it() {
    let folder = folder(&[]);
    let log = folder.path().join("consent.csv");
    let work = Work::Run { on: bob(), command: format!("echo {SECRET}"), answer: LIMIT };
    let (call, served, seen) = meet_over([no_files(), no_files()], &log, usize::MAX, work);
    served.order(Order::Decide { decision: Decision::Allowed, me: name("bob") });
    assert_eq!(served.news(), News::Begun);
    assert_eq!(served.end(), CallEnd::Served(Ok(Some(Status::Exit(0)))));
    assert_eq!(call.news(), News::Asked { name: name("bob") });
    assert_eq!(call.news(), News::Output { text: SECRET.to_owned(), error: false });
    assert_eq!(call.end(), CallEnd::Ran(Ok(Status::Exit(0))));
    assert!(fs::read_to_string(log).expect("rows").contains(SECRET), "it is recorded");
    holds_nothing(&seen);
}

/// Gives what is in `from`, over a connection that is cut off after `most` bytes; how it went on both sides.
fn give(from: &TempDir, into: &TempDir, most: usize) -> (Stage, Stage) {
    let work = Work::Give { to: name("bob"), paths: vec![from.path().join("d")], answer: LIMIT };
    let files = [client(from.path()), client(into.path())];
    let (call, served, seen) = meet_over(files, Path::new("/proc/none"), most, work);
    served.order(Order::Take(into.path().to_owned()));
    assert!(matches!(call.step(), Stage::Begun { .. }) && matches!(served.step(), Stage::Begun { .. }));
    let ends = (call.over(), served.over());
    holds_nothing(&seen);
    ends
}

#[test]
fn whoever_keeps_every_byte_of_a_gift_has_nothing_of_it_and_it_goes_on_after_a_cut() {
    let text = SECRET.repeat(100_000);
    let (from, into) = (folder(&[("d/a.txt", &text), ("d/e/b.txt", SECRET)]), folder(&[]));
    let (given, taken) = give(&from, &into, text.len() / 2);
    assert!(matches!(given, Stage::Failed { .. }), "{given:?}");
    let Stage::Failed { done, .. } = taken else { panic!("{taken:?}") };
    assert!(done > 0 && done < text.len() as u64, "{done}");
    assert!(names(into.path()).contains(&"d/a.txt.part".to_owned()));
    let (given, taken) = give(&from, &into, usize::MAX);
    assert!(matches!(given, Stage::Whole { there, .. } if there == done), "{given:?}");
    assert!(matches!(taken, Stage::Whole { there, .. } if there == done), "{taken:?}");
    assert!(tree(&into.path().join("d")) == tree(&from.path().join("d")), "it is whole");
    let (_, taken) = give(&from, &into, usize::MAX);
    assert!(matches!(taken, Stage::There { .. }), "{taken:?}");
}

/// A client with a key, to which somebody has connected, perhaps with others; and their end.
fn called(is_hurried: bool) -> (Played, TcpStream) {
    let (listener, at) = listen();
    let peer = TcpStream::connect(at).expect("connects");
    peer.set_read_timeout(Some(LIMIT)).expect("open");
    let stream = listener.accept().expect("somebody connects").0;
    (Played::accepted_by(Some(identity()), no_files(), Path::new("/proc/none"), is_hurried, stream), peer)
}

/// Nobody is told of it, and its place is free again: whether it is silent, or says a byte now and then.
#[test]
fn a_handshake_that_stops_in_the_middle_has_no_place_beyond_its_time() {
    /// Between two bytes.
    const PAUSE: Duration = Duration::from_millis(20);
    for drips in [false, true] {
        let (call, mut peer) = called(true);
        peer.write_all(HALF_HELLO).expect("taken");
        if drips {
            peer.set_read_timeout(Some(PAUSE)).expect("open");
            // A hello would be whole after some more.
            let has_ended = (0..400).any(|_| {
                let is_taken = peer.write_all(&[0]).is_ok();
                !is_taken || peer.read(&mut [0]).map_err(|error| error.kind()) != Err(ErrorKind::WouldBlock)
            });
            assert!(has_ended, "it goes on");
        }
        assert_eq!(call.end(), CallEnd::Over);
        peer.set_read_timeout(Some(LIMIT)).expect("open");
        let ended = peer.read(&mut [0]).map_err(|error| error.kind());
        assert!(matches!(ended, Ok(0) | Err(ErrorKind::ConnectionReset)), "{ended:?}");
    }
}

#[test]
fn a_peer_who_speaks_no_tls_is_told_so_by_an_alert() {
    for bytes in [
        // A record that says it is longer than one may be; one of an unknown kind; a hello that is none.
        [&b"\x16\x03\x01\xff\xff"[..], &[0; 4096]].concat(),
        b"\x16\x03\x01\x00\x04\x63\x00\x00\x00".to_vec(),
        [&b"\x16\x03\x01\x00\x20\x01\x00\x00\x1c"[..], &[0xff; 28]].concat(),
    ] {
        let (call, mut peer) = called(false);
        peer.write_all(&bytes).expect("taken");
        assert_eq!(call.end(), CallEnd::Over);
        let mut answer = Vec::new();
        // A reset ends it as well.
        let _ = peer.read_to_end(&mut answer);
        // A fatal alert: RFC 8446, 6.
        assert!(answer.starts_with(&[21, 3, 3, 0, 2, 2]), "{answer:?} to {bytes:?}");
    }
}

#[test]
fn records_that_are_too_long_or_no_records_end_a_connection() {
    for kind in [23, TLS_HELLO, 99] {
        let (call, peer) = called(false);
        let peer = Arc::new(peer);
        let met = Decrypting::connect(None, &Accepts::Any, &peer, Instant::now() + LIMIT, &Wire::default());
        let mut decrypting = met.expect("a handshake");
        (&*peer).write_all(&[&[kind, 3, 3, 0xff, 0xff][..], &[0; 4096]].concat()).expect("taken");
        assert_eq!(call.end(), CallEnd::Over, "nobody is told of it");
        let mut said = Vec::new();
        // The end is an alert, or a reset.
        let _ = decrypting.read_to_end(&mut said);
        assert!(said.is_empty(), "{said:?}");
    }
}

/// TLS 1.3 has no renegotiation, and nothing older is spoken.
#[test]
fn a_peer_with_an_older_tls_does_not_get_in() {
    if Command::new("openssl").arg("version").output().is_err() {
        // Not by a macro: what these print is not shown of a test that passes.
        return stderr()
            .write_all(b"A TEST OF TLS WAS SKIPPED, as openssl is not installed\n")
            .expect("standard error");
    }
    let (listener, at) = listen();
    let openssl = Command::new("timeout")
        .args(["30", "openssl", "s_client", "-tls1_2", "-connect", &at.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl runs");
    let stream = listener.accept().expect("it connects").0;
    let call = Played::accepted_by(Some(identity()), no_files(), Path::new("/proc/none"), false, stream);
    assert_eq!(call.end(), CallEnd::Over);
    let done = openssl.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(!done.status.success() && said.contains("alert protocol version"), "{said}");
}
