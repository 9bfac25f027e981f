//! The six words of a connection: both ends have them, and whoever stands between has others with each.

use super::encrypted::{identity, listen, no_files};
use super::played::{LIMIT, Played, TICKET, bob, name};
use peerline::client::event::{CallEnd, CallError, News, NoProof, Order, Work};
use peerline::net::tls::{Decrypting, Identity};
use peerline::net::{Accepts, DeadlineReader};
use peerline::peer_protocol::PeerRefusal;
use peerline::trace::Wire;
use peerline::value::Spoken;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

/// A call of alice's for words, to whoever has this key there.
fn call(own: &Arc<Identity>, at: SocketAddr, key: &Identity) -> Played {
    let call = Played::ours_by(own, no_files(), Work::Verify { with: name("bob") });
    assert_eq!(call.news(), News::Wants(bob()));
    call.is_introduced_by("bob", at, Some(key.fingerprint()));
    call
}

/// Bob's side, when somebody has asked.
fn serve(own: &Arc<Identity>, listener: &TcpListener) -> Played {
    let stream = listener.accept().expect("a caller").0;
    let served = Played::accepted_by(Some(Arc::clone(own)), no_files(), Path::new("/proc/none"), false, stream);
    let News::Knock(knock) = served.news() else { panic!("somebody knocks") };
    assert_eq!(knock.opening.to_string(), format!("VERIFY,alice,{TICKET}"));
    served
}

/// Bob accepts: the words that he shows.
fn accepted(served: Played) -> Spoken {
    served.order(Order::Accept);
    let News::Words(words) = served.news() else { panic!("there are words") };
    assert_eq!(served.end(), CallEnd::Over);
    words
}

fn words(call: Played) -> Spoken {
    match call.end() {
        CallEnd::Words(Ok((with, words))) if with == name("bob") => words,
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_people_have_the_same_words_and_each_connection_others() {
    let (own, theirs, (listener, at)) = (identity(), identity(), listen());
    let mut all = Vec::new();
    for _ in 0..3 {
        let call = call(&own, at, &theirs);
        let shown = accepted(serve(&theirs, &listener));
        assert_eq!(words(call), shown);
        assert!(!all.contains(&shown), "{all:?}");
        all.push(shown);
    }
}

#[test]
fn a_refusal_says_why_and_there_are_no_words() {
    let (own, theirs, (listener, at)) = (identity(), identity(), listen());
    let call = call(&own, at, &theirs);
    let served = serve(&theirs, &listener);
    served.order(Order::Refuse(PeerRefusal::busy()));
    assert_eq!(served.end(), CallEnd::Over);
    assert_eq!(call.end(), CallEnd::Words(Err(CallError::Refused(PeerRefusal::busy()))));
}

/// Somebody who has this key speaks with alice as bob, and with bob as alice, and passes on every word.
fn stand_between(key: &Arc<Identity>, to: SocketAddr, bob: &Identity) -> (SocketAddr, JoinHandle<()>) {
    let ((listener, at), key, accepts) = (listen(), Arc::clone(key), Accepts::These(vec![bob.fingerprint()]));
    let passes = move || {
        let caller = Arc::new(listener.accept().expect("a caller").0);
        let input = DeadlineReader::new(Arc::clone(&caller), Some(Instant::now() + LIMIT));
        // Whoever takes another key alone hangs up.
        let Ok(mut alice) = Decrypting::accept(&key, &caller, input, &Wire::default()) else { return };
        let mut said = [0; 1024];
        let count = alice.read(&mut said).unwrap_or(0);
        if count == 0 {
            return;
        }
        let callee = Arc::new(TcpStream::connect(to).expect("bob listens"));
        let made = Decrypting::connect(Some(&key), &accepts, &callee, Instant::now() + LIMIT, &Wire::default());
        let Ok(mut bob) = made else { panic!("it is not bob") };
        bob.channel().write(&said[..count]).expect("written");
        let count = bob.read(&mut said).expect("an answer");
        alice.channel().write(&said[..count]).expect("written");
        alice.channel().leave();
    };
    (at, thread::spawn(passes))
}

#[test]
fn whoever_stands_between_has_other_words_on_each_side() {
    let (own, theirs, mallory, (listener, at)) = (identity(), identity(), identity(), listen());
    // The server has told each of them mallory's key as that of the other one.
    let (between, passes) = stand_between(&mallory, at, &theirs);
    let call = call(&own, between, &mallory);
    let shown = accepted(serve(&theirs, &listener));
    assert_ne!(words(call), shown);
    passes.join().expect("no panic");
}

#[test]
fn whoever_stands_between_without_the_servers_help_gets_no_words() {
    let (own, theirs, mallory, (listener, at)) = (identity(), identity(), identity(), listen());
    let (between, passes) = stand_between(&mallory, at, &theirs);
    let call = call(&own, between, &theirs);
    // It may be that bob has started anew: so the server is asked once more.
    assert_eq!(call.news(), News::Wants(bob()));
    passes.join().expect("no panic");
    let (again, passes) = stand_between(&mallory, at, &theirs);
    call.is_introduced_by("bob", again, Some(theirs.fingerprint()));
    let CallEnd::Words(Err(CallError::NotProven { why: NoProof::OtherKey(shown), .. })) = call.end() else {
        panic!("there are words");
    };
    assert_eq!(shown, mallory.fingerprint());
    passes.join().expect("no panic");
    listener.set_nonblocking(true).expect("open");
    assert!(listener.accept().is_err(), "nobody has come to bob");
}

#[test]
fn in_the_clear_there_are_no_words() {
    let call = Played::ours(Work::Verify { with: name("bob") });
    let unused = listen().1;
    call.introduce(unused);
    assert!(matches!(call.end(), CallEnd::Words(Err(CallError::Ours(_)))));
    let (call, mut peer) = Played::theirs(&format!("VERIFY,alice,{TICKET}\n"), std::path::Path::new("/proc/none"));
    call.knock();
    call.order(Order::Accept);
    assert_eq!(call.end(), CallEnd::Over);
    let mut said = Vec::new();
    peer.flush().expect("open");
    peer.read_to_end(&mut said).expect("it ends");
    assert!(said.is_empty(), "{said:?}");
}
