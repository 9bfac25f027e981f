//! The address that the server knows is somebody else's by now, or who listens there lies: not one word gets to the
//! wrong person, and nobody is called verified who is not. A thousand times each, over real connections.

use super::person::{ALICE, BOB, MALLORY, World};
use peerline::client::event::Shown;
use peerline::peer_protocol::{Proof, Side};
use peerline::value::Ticket;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

const TRIES: usize = 1000;

/// What alice wants of bob, by turns. The words are for him alone.
const WANTED: [&str; 3] = ["msg bob secret", "chat bob", "run bob secret"];

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

/// Alice has not been told that anything has arrived or is verified; her message is handed to the server, the rest
/// refused. Nobody else has seen anything.
fn nothing_got_through(world: &World, wanted: &str) {
    for who in [BOB, MALLORY] {
        assert_eq!(world.shown(who), [], "{wanted}");
    }
    let seen = format!("{:?}", world.shown(ALICE));
    for word in ["verified: true", "Delivered", "ChatOpened", "Asked"] {
        assert!(!seen.contains(word), "{wanted}: {seen}");
    }
    assert!(seen.contains("that is not bob, or "), "{wanted}: {seen}");
    let is_message = wanted.starts_with("msg");
    let relayed: &[String] = if is_message { &["relay_secret_bob".to_owned()] } else { &[] };
    assert_eq!(world.asked, relayed, "{wanted}");
    assert_eq!(world.shown(ALICE).iter().any(Shown::is_error), !is_message, "{wanted}: {seen}");
}

/// Somebody listens where bob should be, and answers each first line so. Gives all that came behind it.
fn liar(answer: impl Fn(&str, SocketAddr) -> String + Send + 'static) -> (SocketAddr, thread::JoinHandle<String>) {
    let (listener, address) = listen();
    let thread = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("accepts");
        let mut lines = BufReader::new(&stream);
        let mut first = String::new();
        lines.read_line(&mut first).expect("a line");
        (&stream).write_all(answer(first.trim_end(), address).as_bytes()).expect("written");
        let mut more = Vec::new();
        // The end is a reset.
        let _ = lines.read_to_end(&mut more);
        String::from_utf8_lossy(&more).into_owned()
    });
    (address, thread)
}

#[test]
fn the_right_person_is_reached_and_proven() {
    for wanted in WANTED {
        let (listener, address) = listen();
        let mut world = World::new(address);
        world.listens(BOB, listener, 1);
        world.types(wanted);
        // A message is over with its answer; the others wait for bob.
        if wanted == WANTED[0] {
            world.play(2);
            let seen = format!("{:?}{:?}", world.shown(ALICE), world.shown(BOB));
            assert!(seen.contains("Delivered to bob") && seen.contains("bearer: Sender"), "{seen}");
        } else {
            world.play_until(|world| !world.shown(BOB).is_empty());
            assert!(matches!(world.shown(BOB), [Shown::ChatRequest { stranger: None, .. } | Shown::RunRequest { .. }]));
        }
        assert!(world.asked.is_empty());
        world.end();
    }
}

/// The address is that of a client which knows nothing of this introduction, by DHCP or as it runs on the router; it
/// may know of another one.
#[test]
fn an_address_that_belongs_to_somebody_elses_client() {
    for number in 0..TRIES {
        let wanted = WANTED[number % WANTED.len()];
        let (listener, address) = listen();
        let mut world = World::new(address);
        if number % 2 == 0 {
            world.announce(MALLORY, Ticket::draw());
        }
        world.listens(MALLORY, listener, 2);
        world.types(wanted);
        world.play(3);
        nothing_got_through(&world, wanted);
        world.end();
    }
}

/// The address was typed, and is handed on to mallory after the server has told that it is bob's.
#[test]
fn an_address_that_was_typed_and_is_somebody_elses_by_the_second_introduction() {
    for number in 0..TRIES {
        let wanted = WANTED[number % WANTED.len()];
        let (listener, address) = listen();
        let mut world = World::new(address);
        world.listens(MALLORY, listener, 2);
        world.types(&wanted.replace("bob", &address.to_string()));
        world.play(3);
        nothing_got_through(&world, wanted);
        world.end();
    }
}

#[test]
fn a_callee_that_says_yes_without_a_proof() {
    for number in 0..TRIES {
        let wanted = WANTED[number % WANTED.len()];
        let answer = ["OK\n", "OK,0,0,0\n", "proof_\nOK\n", "OK\nOK\n"][number % 4];
        let (address, liar) = liar(|_, _| answer.to_owned());
        let mut world = World::new(address);
        world.types(wanted);
        world.play(1);
        nothing_got_through(&world, wanted);
        assert_eq!(liar.join().expect("no panic"), "", "{wanted}");
        world.end();
    }
}

#[test]
fn a_callee_that_repeats_an_old_proof_or_guesses_one() {
    let mut old = Ticket::draw();
    for number in 0..TRIES {
        let wanted = WANTED[number % WANTED.len()];
        let (address, liar) = liar(move |first, at| {
            // All that it knows of the new ticket is its start.
            let start = first.split(',').nth(2).expect("a ticket");
            let guessed = format!("{start}{}", "0".repeat(20)).parse().expect("a ticket");
            let (side, ticket) = [(Side::Callee, old), (Side::Callee, guessed), (Side::Caller, old)][number % 3];
            format!("{}\nOK\n", Proof::of(side, ticket, at, first))
        });
        let mut world = World::new(address);
        world.types(wanted);
        world.play(1);
        nothing_got_through(&world, wanted);
        assert_eq!(liar.join().expect("no panic"), "", "{wanted}");
        world.end();
        old = Ticket::draw();
    }
}

/// Passes all on in both directions, and keeps what came from the caller.
fn pass_on(caller: &TcpStream, callee: &TcpStream) -> String {
    thread::scope(|scope| {
        let answers = scope.spawn(|| {
            let _ = std::io::copy(&mut &*callee, &mut &*caller);
            let _ = caller.shutdown(std::net::Shutdown::Write);
        });
        let mut kept = Vec::new();
        let mut buffer = [0; 1024];
        while let Ok(count @ 1..) = (&mut &*caller).read(&mut buffer) {
            kept.extend_from_slice(&buffer[..count]);
            let _ = (&mut &*callee).write_all(&buffer[..count]);
        }
        let _ = callee.shutdown(std::net::Shutdown::Both);
        answers.join().expect("no panic");
        String::from_utf8_lossy(&kept).into_owned()
    })
}

/// The right person's proof names the address that was really reached, and the caller dialled another.
#[test]
fn one_who_passes_every_line_on_to_the_right_person() {
    for number in 0..TRIES {
        let wanted = WANTED[number % WANTED.len()];
        let ((between, address), (right, right_address)) = (listen(), listen());
        let relay = thread::spawn(move || {
            let caller = between.accept().expect("accepts").0;
            pass_on(&caller, &TcpStream::connect(right_address).expect("connects"))
        });
        let mut world = World::new(address);
        world.listens(BOB, right, 1);
        world.types(wanted);
        world.play(2);
        nothing_got_through(&world, wanted);
        let passed = relay.join().expect("no panic");
        assert_eq!(passed.lines().count(), 1, "{wanted}: {passed}");
        world.end();
    }
}
