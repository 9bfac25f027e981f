//! Level 8: broadcasts by UDP, which may lose, repeat and reorder: what the server sends, and that nothing is missing in
//! the end.

use super::inbox::{Inbox, play_until_all_are_there};
use crate::check::{Check, Kind, Need, Step};
use crate::conversation::answer::{Broadcast, is_32_digits};
use crate::conversation::{Client, Datagrams};
use crate::fault::{Because, Fault, FaultKind, Verdict};
use crate::limits::SILENCE;
use crate::stage::Stage;
use std::net::Ipv4Addr;
use std::time::Duration;

/// Who says a hello for somebody else.
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 77, 7, 7);
/// The share of datagrams that the grader throws away.
const DROPPED: f64 = 0.3;
/// Broadcasts of each sender while that happens.
const EACH: usize = 30;
/// How often a server may ask by `tail_` before it sends what was named as missing.
const ASKED: usize = 4;
/// A hello that never comes again is missed after this time.
const ONE_WAY: Duration = Duration::from_secs(15);

const SENDING: &str = "src/server/delivery/broadcaster.rs";
const OWED: &str = "src/server/delivery/recipient.rs";
const SECTION: &str = "Broadcasts by UDP";

pub const CHECKS: [Check; 8] = [
    Check {
        level: 8,
        name: "hello-head",
        points: 3,
        kind: Kind::Detail,
        sent: "`hello_TOKEN_0`; then a broadcast of B's",
        accepted: "`udp_TOKEN` and `head_0`, from the server's port; then the broadcast by UDP, and not by TCP",
        why: "The hello opens the way back through firewalls, and tells the server that there is one.",
        section: SECTION,
        source: SENDING,
        play: hello_head,
        ..Check::PLAIN
    },
    Check {
        level: 8,
        name: "long-hello",
        points: 1,
        kind: Kind::Detail,
        sent: "nine broadcasts are there; `hello_TOKEN_5_9_6-8`",
        accepted: "6 to 8 come again, 9 does not",
        why: "Who names what is missing gets that, and not all since then, over a link that is bad already.",
        section: SECTION,
        source: OWED,
        needs: &[Need::Works(Step::Hello)],
        play: long_hello,
        ..Check::PLAIN
    },
    Check {
        level: 8,
        name: "tail",
        points: 1,
        kind: Kind::Detail,
        sent: "three broadcasts, none of which is acknowledged; then `hello_TOKEN_2_3_3-3`",
        accepted: "`tail_3`; then 3 comes again",
        why: "When the last one is lost there is no gap that shows it.",
        section: SECTION,
        source: OWED,
        needs: &[Need::Works(Step::Hello)],
        play: tail,
        ..Check::PLAIN
    },
    Check {
        level: 8,
        name: "token-line",
        points: 2,
        sent: "hellos of A and of B, broadcasts",
        accepted: "each datagram begins with `udp_` and the token of that session",
        why: "A source address can be forged. Who has no token cannot put a line on A's screen.",
        section: SECTION,
        source: "src/client/app/inbox.rs",
        needs: &[Need::Works(Step::Hello)],
        play: token_line,
        ..Check::PLAIN
    },
    Check {
        level: 8,
        name: "udp-repair",
        points: 4,
        sent: "150 broadcasts of five clients; the grader drops 30 % of what arrives, and says hello when something is missing",
        accepted: "all are there within 15 s, in whole lines, in datagrams of 1,200 bytes at most",
        why: "UDP promises nothing. Numbers, acknowledgements and repeats make a promise out of it.",
        section: SECTION,
        source: SENDING,
        needs: &[Need::Works(Step::Hello)],
        play: udp_repair,
        ..Check::PLAIN
    },
    Check {
        level: 8,
        name: "udp-hostile",
        points: 2,
        sent: "datagrams that are empty, garbage, 65,000 bytes long, `hello__`, with 30 digits",
        accepted: "the server lives, and a right hello is answered",
        why: "Anybody can send anything to a UDP port.",
        section: SECTION,
        source: "src/protocol/datagram.rs",
        needs: &[Need::Works(Step::Hello)],
        play: udp_hostile,
        ..Check::PLAIN
    },
    Check {
        level: 8,
        name: "udp-stranger",
        points: 1,
        sent: "hellos with A's token from 127.77.7.7, a broadcast",
        accepted: "nothing goes there, and A gets the broadcast",
        why: "A source address can be forged: a server that answers any of them is a cannon for whoever aims it.",
        section: SECTION,
        source: SENDING,
        needs: &[Need::Loopback, Need::Works(Step::Hello)],
        play: udp_stranger,
        ..Check::PLAIN
    },
    Check {
        level: 8,
        name: "udp-falls-back",
        points: 2,
        kind: Kind::Detail,
        sent: "a hello, and no other one; a broadcast",
        accepted: "it comes by TCP, 15 s after the hello at the latest",
        why: "A firewall says nothing: where no hello comes any more nobody knows whether datagrams arrive.",
        section: SECTION,
        source: OWED,
        beside: true,
        needs: &[Need::Works(Step::Hello)],
        play: udp_falls_back,
        ..Check::PLAIN
    },
];

/// Says hellos until `head_` tells that nothing is newer than what has come; gives that number.
fn until_head(client: &Client, socket: &Datagrams, mut last: u64) -> Verdict<u64> {
    let expected = "bcast_ lines or head_, as the answer to the hello";
    let mut told = None;
    loop {
        // What comes twice may be the answer to a hello before: it is no reason for another one.
        if told != Some(last) {
            socket.send(format!("hello_{}_{last}", client.token))?;
            told = Some(last);
        }
        let is_answer = |line: &str| line.starts_with("head_") || line.starts_with("bcast_");
        for line in socket.until(&client.token, expected, is_answer)? {
            if let Some(head) = line.strip_prefix("head_") {
                return head.parse().map_err(|_| socket.wrong("head_NUMBER", "Behind head_ stands a number."));
            }
            last = Broadcast::parse(&line).map_or(last, |broadcast| broadcast.seq.max(last));
        }
    }
}

/// The same, as the step that a check begins with: where nothing comes it is not judged.
fn says_hello(stage: &mut Stage, client: &Client, socket: &Datagrams, last: u64) -> Verdict<u64> {
    match until_head(client, socket, last) {
        // A wrong datagram is a fault of its own.
        Err(fault) if fault.kind != FaultKind::Missing => Err(fault),
        head => stage.step(Step::Hello, head),
    }
}

/// Reads on to the broadcast with this number.
fn until_broadcast(client: &Client, socket: &Datagrams, seq: u64) -> Verdict<Vec<String>> {
    let start = format!("bcast_{seq}_");
    socket.until(&client.token, &format!("{start}... by UDP"), |line| line.starts_with(&start))
}

fn hello_head(stage: &mut Stage) -> Verdict {
    let mut clients = stage.members(&["alice", "bob"])?;
    let form = "before it a line udp_ with 32 hexadecimal digits in lower case";
    clients[0].want(is_32_digits(&clients[0].token), form, "The answer to the login has no token.")?;
    let socket = stage.datagrams(&clients[0])?;
    let head = says_hello(stage, &clients[0], &socket, 0)?;
    let is_zero = head == 0 || !stage.is_own();
    socket.want(is_zero, "head_0", "There are no broadcasts yet, and the first one will be number 1.")?;
    // What had come by TCP before is none of this check's.
    clients[0].barrier()?;
    while clients[0].take_event("bcast_").is_some() {}
    clients[1].ok("bcast_by UDP")?;
    let lines = socket.until(&clients[0].token, "the broadcast, by UDP", |line| line.starts_with("bcast_"))?;
    let is_right = lines.iter().any(|line| line.ends_with("_by UDP"));
    socket.want(is_right, "bcast_..._by UDP", "Another broadcast than the one that was sent.")?;
    clients[0].barrier()?;
    let by_tcp = clients[0].take_event("bcast_").is_some();
    clients[0].want(!by_tcp, "nothing by TCP", "From the first hello on broadcasts go by UDP alone.")
}

/// A client with a socket and so many broadcasts, all of which have come; gives the number before the first.
fn with_broadcasts(stage: &mut Stage, count: u64) -> Verdict<(Client, Datagrams, u64)> {
    let a = stage.member("alice")?;
    let mut b = stage.member("bob")?;
    let socket = stage.datagrams(&a)?;
    let head = says_hello(stage, &a, &socket, 0)?;
    for number in 1..=count {
        b.ok(&format!("bcast_number {number}"))?;
    }
    until_broadcast(&a, &socket, head + count)?;
    b.leave();
    Ok((a, socket, head))
}

fn long_hello(stage: &mut Stage) -> Verdict {
    let (a, socket, head) = with_broadcasts(stage, 9)?;
    let seq = |number: u64| head + number;
    let hello = format!("hello_{}_{}_{}_{}-{}", a.token, seq(5), seq(9), seq(6), seq(8));
    let (eighth, mut lines) = (format!("bcast_{}_", seq(8)), Vec::<String>::new());
    // Where 9 was in one datagram with 8 it was not sent later than that: such a server knows only once it has asked.
    for _ in 0..ASKED {
        if lines.iter().any(|line| line.starts_with(&eighth)) {
            break;
        }
        socket.send(&hello)?;
        let is_reason = |line: &str| line.starts_with(&eighth) || line.starts_with("tail_");
        lines.extend(socket.until(&a.token, &format!("{eighth}... by UDP"), is_reason)?);
    }
    socket.send(format!("hello_{}_{}", a.token, seq(9)))?;
    let last = format!("head_{}", seq(9));
    lines.extend(socket.until(&a.token, &last, |line| line == last)?);
    let came = |number: u64| lines.iter().any(|line| line.starts_with(&format!("bcast_{}_", seq(number))));
    socket.want((6..=8).all(came), "6, 7 and 8", "What was named as missing did not come again.")?;
    socket.want(!came(9), "no 9", "9 was there, and came again: only what is named is sent again.")?;
    socket.want(!came(5), "no 5", "5 was there, and came again: only what is named is sent again.")
}

fn tail(stage: &mut Stage) -> Verdict {
    let (a, socket, head) = with_broadcasts(stage, 3)?;
    let last = head + 3;
    let expected = format!("tail_{last}");
    socket.until(&a.token, &expected, |line| line == expected)?;
    socket.send(format!("hello_{}_{}_{last}_{last}-{last}", a.token, last - 1))?;
    until_broadcast(&a, &socket, last).map(drop)
}

fn token_line(stage: &mut Stage) -> Verdict {
    let mut clients = stage.members(&["alice", "bob"])?;
    let sockets = clients.iter().map(|client| stage.datagrams(client)).collect::<Verdict<Vec<_>>>()?;
    let tokens = clients.iter().map(|client| client.token.clone()).collect::<Vec<_>>();
    clients[0].want(tokens[0] != tokens[1], "a token of its own", "Two sessions have one token.")?;
    let mut head = 0;
    for (client, socket) in clients.iter().zip(&sockets) {
        head = says_hello(stage, client, socket, 0)?;
    }
    for number in 1..=3 {
        clients[0].ok(&format!("bcast_{number}"))?;
    }
    // Every datagram on the way there is looked at.
    clients.iter().zip(&sockets).try_for_each(|(client, socket)| until_broadcast(client, socket, head + 3).map(drop))
}

fn udp_repair(stage: &mut Stage) -> Verdict {
    let a = stage.member("alice")?;
    let mut senders = stage.members(&["s1", "s2", "s3", "s4", "s5"])?;
    let socket = stage.datagrams(&a)?;
    let head = says_hello(stage, &a, &socket, 0)?;
    let count = (senders.len() * EACH) as u64;
    let inbox = Inbox::new(head, DROPPED);
    std::thread::scope(|scope| {
        let talk = scope.spawn(|| {
            for sender in &mut senders {
                sender.send((1..=EACH).map(|number| format!("bcast_{number}\n")).collect::<String>())?;
            }
            let mut answers = senders.iter_mut().flat_map(|sender| (0..EACH).map(move |_| sender.takes_ok("bcast_")));
            answers.try_for_each(|answer| answer.map(drop))
        });
        let heard = play_until_all_are_there(&a, &socket, inbox, head + count, stage.limits);
        let talked = talk.join().unwrap_or_else(|_| Err(Fault::grader("talk", "a thread failed")));
        talked.and(heard).map(drop)
    })
}

fn udp_hostile(stage: &mut Stage) -> Verdict {
    let mut a = stage.member("alice")?;
    let socket = stage.datagrams(&a)?;
    let (token, digits) = (a.token.clone(), "9".repeat(30));
    let hellos = ["hello__", "hello_", "hello_x_y", "hello_\n\n", "", "\u{1b}[2J"].map(|text| text.as_bytes().to_vec());
    let with_token =
        [format!("hello_{token}_{digits}"), format!("hello_{token}_-1"), format!("hello_{token}_0_{digits}_1-")];
    let bytes = [vec![0xff; 1_000], vec![b'A'; 65_000]];
    for datagram in hellos.into_iter().chain(with_token.map(String::into_bytes)).chain(bytes) {
        socket.send(datagram)?;
    }
    a.barrier()?;
    says_hello(stage, &a, &socket, 0)?;
    stage.visitor().map(drop)
}

fn udp_stranger(stage: &mut Stage) -> Verdict {
    let mut clients = stage.members(&["alice", "bob"])?;
    let (own, others) = (stage.datagrams(&clients[0])?, stage.datagrams(&clients[1])?);
    let stranger = stage.datagrams_at(&clients[0], STRANGER.into())?;
    let head = says_hello(stage, &clients[0], &own, 0)?;
    says_hello(stage, &clients[1], &others, head)?;
    // A hello of bob, who has no part in it, is answered after that of the wrong address. One of the right address would
    // hide who an answer goes to.
    let hello = format!("hello_{}_{head}", clients[0].token);
    stranger.send(hello.clone())?;
    says_hello(stage, &clients[1], &others, head)?;
    let strayed = stranger.receive(SILENCE)?.is_some();
    stranger.want(!strayed, "nothing", "The server answers a hello from an address that is not the session's.")?;
    stranger.send(hello)?;
    says_hello(stage, &clients[1], &others, head)?;
    clients[0].ok("bcast_who gets it?")?;
    until_broadcast(&clients[0], &own, head + 1)
        .when_missing("The broadcasts of a session go to whoever knows its token.")
        .map(drop)
}

fn udp_falls_back(stage: &mut Stage) -> Verdict {
    let mut clients = stage.members(&["alice", "bob"])?;
    let socket = stage.datagrams(&clients[0])?;
    says_hello(stage, &clients[0], &socket, 0)?;
    stage.record.note(&clients[0].who, "(says no hello any more)");
    drop(socket);
    clients[1].ok("bcast_by TCP in the end")?;
    let limit = ONE_WAY + stage.limits.wait;
    let event = loop {
        let event = clients[0].event_within(limit, "bcast_", "the broadcast by TCP, as no hello comes any more")?;
        // A server that runs on has others, and on a slow machine they come by TCP, as the hello was late.
        if Broadcast::parse(&event).is_none_or(|one| one.from.ends_with(&clients[0].own)) {
            break event;
        }
    };
    let is_right = event.ends_with("_by TCP in the end");
    clients[0].want(is_right, "bcast_..._by TCP in the end", "Another broadcast than the one that was sent.")
}
