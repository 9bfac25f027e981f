//! Level 6: two clients find each other: what is relayed, and tickets.

use crate::check::{Check, Kind};
use crate::conversation::answer::is_32_digits;
use crate::fault::{Because, Verdict};
use crate::stage::Stage;
use std::collections::HashSet;

/// Introductions in a row.
const TIMES: usize = 30;

pub const CHECKS: [Check; 3] = [
    Check {
        level: 6,
        name: "msg-relay",
        points: 2,
        sent: "B has said no `INIT`; `msg_snake_case_rocks_bob`",
        accepted: "`OK,Relayed to bob`; B gets `msg_alice_snake_case_rocks`",
        why: "The text stands between the first underscore and the last one, and may hold any number of them.",
        section: "Lines",
        source: "src/protocol/request.rs",
        play: msg_relay,
        ..Check::PLAIN
    },
    Check {
        level: 6,
        name: "introduction",
        points: 3,
        kind: Kind::Detail,
        sent: "B has said `INIT,bob,4401`; `connect_bob`, `bob`, `connect_IP:4401`, `msg_a_b_bob`",
        accepted: "`ticket_bob_` with 32 hexadecimal digits in lower case, `peer_IP:4401`, `OK,...`; B gets `ticket_alice_` with the same \
                   digits; each time others",
        why: "The ticket proves to B who calls. One that comes twice, or can be guessed, proves nothing.",
        section: "Talking",
        source: "src/server/service/rendezvous.rs",
        play: introduction,
        ..Check::PLAIN
    },
    Check {
        level: 6,
        name: "ticket-before-answer",
        points: 3,
        sent: "`connect_bob`, 30 times; as soon as the answer is there B's socket is read, without a wait",
        accepted: "B's ticket is there each time",
        why: "A dials as soon as the answer is there. A ticket that is sent after it loses the race now and then.",
        section: "Talking",
        source: "src/server/service/rendezvous.rs",
        play: ticket_before_answer,
        ..Check::PLAIN
    },
];

fn msg_relay(stage: &mut Stage) -> Verdict {
    let mut clients = stage.members(&["alice", "bob"])?;
    let (alice, bob) = (clients[0].name.clone(), clients[1].name.clone());
    let answer = clients[0].ok(&format!("msg_snake_case_rocks_{bob}"))?;
    let is_relayed = answer.last == format!("OK,Relayed to {bob}");
    clients[0].want(is_relayed, &format!("OK,Relayed to {bob}"), "The answer does not say that it was relayed.")?;
    let expected = format!("msg_{alice}_snake_case_rocks");
    let event = clients[1].event("msg_", &expected)?;
    clients[1].want(event == expected, &expected, "The message is not cut at the first and the last underscore.")
}

fn introduction(stage: &mut Stage) -> Verdict {
    let mut clients = stage.members(&["alice", "bob"])?;
    let (alice, bob) = (clients[0].name.clone(), clients[1].name.clone());
    stage.init(&mut clients[1])?;
    let found = clients[0].ok(&format!("GET_P,{bob}"))?;
    let ip = found.last.split(',').nth(1).unwrap_or_default().to_owned();
    let mut tickets = HashSet::new();
    for line in [format!("connect_{bob}"), bob.clone(), format!("connect_{ip}:4401"), format!("msg_a_b_{bob}")] {
        let answer = clients[0].ok(&line)?;
        let ticket = answer.after(&format!("ticket_{bob}_")).unwrap_or_default().to_owned();
        let form = format!("before it ticket_{bob}_ with 32 hexadecimal digits in lower case");
        clients[0].want(is_32_digits(&ticket), &form, "The answer has no ticket of this form.")?;
        let peer = answer.after("peer_").unwrap_or_default();
        let is_peer = peer == format!("{ip}:4401");
        clients[0].want(is_peer, &format!("before it peer_{ip}:4401"), "The answer does not say where B listens.")?;
        let event = clients[1].event("ticket_", "the ticket, for whom A calls")?;
        let expected = format!("ticket_{alice}_{ticket}");
        clients[1].want(event == expected, &expected, "B's ticket is not the one that A has.")?;
        clients[0].want(tickets.insert(ticket), "a new ticket", "A ticket came twice.")?;
    }
    Ok(())
}

fn ticket_before_answer(stage: &mut Stage) -> Verdict {
    let mut clients = stage.members(&["alice", "bob"])?;
    let bob = clients[1].name.clone();
    stage.init(&mut clients[1])?;
    for _ in 0..TIMES {
        clients[0].ok(&format!("connect_{bob}"))?;
        clients[1].look_for_events()?;
        if clients[1].take_event("ticket_").is_some() {
            continue;
        }
        // It comes, and too late; or it does not come at all.
        clients[1].event("ticket_", "the ticket, before A has its answer")?;
        return Err(
            clients[1].wrong("the ticket, before A has its answer", "A has its answer, and B has no ticket yet.")
        );
    }
    clients[0].barrier().because("An answer too many.")
}
