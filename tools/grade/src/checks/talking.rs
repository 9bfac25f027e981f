//! Level 5: what one says all get, once and in one order.

use crate::check::Check;
use crate::conversation::Client;
use crate::conversation::answer::Broadcast;
use crate::fault::{Because, Fault, Verdict};
use crate::stage::Stage;
use std::thread;

/// Broadcasts of each of the six who talk at once.
const EACH: usize = 30;
/// Of each of the eight whose lines meet at one client.
const RELAYS: usize = 20;
/// The bytes of such a line: more than fit one small write, so that a second one can get in between.
const LONG: usize = 900;
/// The most bytes of a broadcast.
const MAX_BROADCAST: usize = 1_024;

pub const CHECKS: [Check; 4] = [
    Check {
        level: 5,
        name: "bcast-all",
        points: 3,
        sent: "`bcast_snake_case_ rocks`; one of 1,024 bytes, one of 1,025",
        accepted: "each of the three gets it once, the sender too, before or after `OK,Broadcast N sent to 3 clients`; \
                   `OK,...`, `ERR,...`",
        why: "The sender is one of all; and an event may come before an answer, behind it, and within it.",
        section: "Talking",
        source: "src/server/delivery/broadcaster.rs",
        play: bcast_all,
        ..Check::PLAIN
    },
    Check {
        level: 5,
        name: "bcast-order",
        points: 3,
        sent: "six clients say 30 broadcasts each, at once",
        accepted: "the same order for all, and numbers that grow by one",
        why: "A number is given, then something is sent: in one step, or two clients see two orders.",
        section: "Answers and events",
        source: "src/server/store/broadcast_log.rs",
        play: bcast_order,
        ..Check::PLAIN
    },
    Check {
        level: 5,
        name: "whole-lines",
        points: 3,
        sent: "eight clients relay texts of 900 bytes to B, who asks `whoami` meanwhile",
        accepted: "each line of B's is whole",
        why: "Several threads write to one socket. A line, with its LF, is one write, or it has a lock.",
        section: "Answers and events",
        source: "src/server/delivery/outbox.rs",
        play: whole_lines,
        ..Check::PLAIN
    },
    Check {
        level: 5,
        name: "bcast-history",
        points: 2,
        sent: "two broadcasts, then B logs in",
        accepted: "B gets both, once and in order",
        why: "Who comes late has missed nothing.",
        section: "Talking",
        source: "src/server/store/history.rs",
        play: bcast_history,
        ..Check::PLAIN
    },
];

fn bcast_all(stage: &mut Stage) -> Verdict {
    let mut clients = stage.members(&["alice", "bob", "carol"])?;
    let (text, alice) = ("snake_case_ rocks", clients[0].name.clone());
    let answer = clients[0].ok(&format!("bcast_{text}"))?;
    let told = answer.last.strip_prefix("OK,Broadcast ").and_then(|rest| rest.split_once(' '));
    let seq = told.and_then(|(seq, _)| seq.parse::<u64>().ok());
    let form = "OK,Broadcast N sent to 3 clients";
    clients[0].want(seq.is_some(), form, "The answer to a broadcast tells its number.")?;
    for client in &mut clients {
        let broadcast = client.broadcast("the broadcast, also for the sender")?;
        let expected = format!("bcast_{}_TIME_{alice}_{text}", seq.unwrap_or_default());
        let is_right = Some(broadcast.seq) == seq && broadcast.from == alice && broadcast.text == text;
        client.want(is_right, &expected, "Number, name or text are not those of the broadcast.")?;
        client.no_more_broadcasts("A broadcast came twice.")?;
    }
    clients[0]
        .ok(&format!("bcast_{}", "x".repeat(MAX_BROADCAST)))
        .because("A broadcast of 1,024 bytes was refused.")?;
    let sentence = "A broadcast of 1,025 bytes was sent: one too many.";
    clients[0].err(&format!("bcast_{}", "y".repeat(MAX_BROADCAST + 1))).because(sentence).map(drop)
}

/// Has each client do the same at once, in a thread of its own.
fn all_at_once<T: Send>(
    clients: &mut [Client],
    act: impl Fn(usize, &mut Client) -> Verdict<T> + Sync,
) -> Verdict<Vec<T>> {
    let act = &act;
    thread::scope(|scope| {
        let threads: Vec<_> =
            clients.iter_mut().enumerate().map(|(number, client)| scope.spawn(move || act(number, client))).collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.map(|result| result.unwrap_or_else(|_| Err(Fault::grader("talk", "a thread failed")))).collect()
    })
}

fn bcast_order(stage: &mut Stage) -> Verdict {
    let mut clients = stage.members(&["ann", "bob", "carol", "dave", "eve", "fay"])?;
    let count = clients.len() * EACH;
    let heard = all_at_once(&mut clients, |number, client| {
        let lines: String = (1..=EACH).map(|line| format!("bcast_{number}.{line}\n")).collect();
        client.send(lines)?;
        for _ in 0..EACH {
            client.takes_ok("bcast_")?;
        }
        (0..count).map(|_| client.broadcast("all broadcasts of all")).collect::<Verdict<Vec<Broadcast>>>()
    })?;
    for (client, own) in clients.iter().zip(&heard) {
        let grows = own.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1);
        client.want(grows, "numbers that grow by one", "The numbers of the broadcasts do not grow by one.")?;
        let is_same = own == &heard[0];
        client.want(
            is_same,
            "the order that the others have seen",
            "Two clients have seen the broadcasts in different orders.",
        )?;
    }
    Ok(())
}

fn whole_lines(stage: &mut Stage) -> Verdict {
    let mut b = stage.member("bob")?;
    let mut senders = stage.members(&["s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8"])?;
    let texts: Vec<String> =
        (b'a'..).take(senders.len()).map(|letter| (letter as char).to_string().repeat(LONG)).collect();
    let names: Vec<String> = senders.iter().map(|sender| sender.name.clone()).collect();
    let (count, bob) = (senders.len() * RELAYS, b.name.clone());
    let whoami = b.ok("whoami")?.last;
    let (sent, heard) = thread::scope(|scope| {
        let talk = scope.spawn(|| {
            all_at_once(&mut senders, |number, sender| {
                sender.send(format!("relay_{}_{bob}\n", texts[number]).repeat(RELAYS))?;
                (0..RELAYS).try_for_each(|_| sender.takes_ok("relay_").map(drop))
            })
        });
        let heard = hear(&mut b, &whoami, count, &names, &texts);
        (talk.join().unwrap_or_else(|_| Err(Fault::grader("talk", "a thread failed"))), heard)
    });
    heard?;
    sent.map(drop)
}

/// Asks, and hears what is relayed meanwhile: every line must be one that was sent, whole.
fn hear(client: &mut Client, whoami: &str, count: usize, names: &[String], texts: &[String]) -> Verdict {
    let torn = "Two lines are torn into each other.";
    let mut relayed = 0;
    for _ in 0..RELAYS {
        let answer = client.ask("whoami").because(torn)?;
        client.want(answer.last == whoami && answer.data.is_empty(), whoami, torn)?;
        while let Some(event) = client.take_event("msg_") {
            relayed += 1;
            is_whole(client, &event, names, texts)?;
        }
    }
    while relayed < count {
        let event = client.event("msg_", "what was relayed, each line whole").because(torn)?;
        relayed += 1;
        is_whole(client, &event, names, texts)?;
    }
    Ok(())
}

fn is_whole(client: &Client, event: &str, names: &[String], texts: &[String]) -> Verdict {
    let is_one = names.iter().zip(texts).any(|(name, text)| event == format!("msg_{name}_{text}"));
    client.want(is_one, "msg_NAME_ and 900 times one letter", "Two lines are torn into each other.")
}

fn bcast_history(stage: &mut Stage) -> Verdict {
    let mut a = stage.member("alice")?;
    for text in ["first", "second"] {
        a.ok(&format!("bcast_{text}"))?;
    }
    let mut b = stage.member("bob")?;
    for text in ["first", "second"] {
        let broadcast = b.broadcast(&format!("the broadcast {text:?} from before the login"))?;
        b.want(
            broadcast.text == text,
            &format!("{text:?}"),
            "What was said before the login came twice, or not in order.",
        )?;
    }
    b.no_more_broadcasts("What was said before the login came twice.")
}
