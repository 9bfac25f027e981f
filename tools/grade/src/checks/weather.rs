//! Level 7: clients that do not read, that break off, that come and go by the hundred.

use super::looking::wait_until_gone;
use crate::check::{Check, Need};
use crate::conversation::Client;
use crate::fault::{Because, Verdict};
use crate::stage::Stage;
use std::thread;
use std::time::{Duration, Instant};

/// What is relayed to somebody who reads nothing, at most: more than the buffers of the system hold.
const FLOOD: usize = 8 << 20;
/// The bytes of each of these lines.
const PIECE: usize = 4_000;
/// Its receive buffer.
const SMALL: usize = 2 * 1024;
/// How often a client breaks off in the middle of an answer.
const RESETS: usize = 20;
/// How many come and go.
const VISITS: usize = 200;
/// How many more files may be open after that.
const LEFT_OPEN: usize = 2;
/// How long nothing happens, and how much of that a server may work.
const QUIET: Duration = Duration::from_secs(1);
const IDLE_CPU: Duration = Duration::from_millis(300);
/// How often it is looked whether it works, and how often it may.
const LOOKS: u32 = 25;
const MOST_BUSY: usize = 20;

pub const CHECKS: [Check; 4] = [
    Check {
        level: 7,
        name: "never-reads",
        points: 4,
        sent: "C reads nothing; six others relay texts to C, 8 MB at most",
        accepted: "nobody else waits for more than 2 s, and C is closed",
        why: "A write to somebody who does not read waits, and all who wait for that write stand still.",
        section: "Rules of the house",
        source: "src/server/delivery/outbox.rs",
        play: never_reads,
        ..Check::PLAIN
    },
    Check {
        level: 7,
        name: "reset-in-flight",
        points: 3,
        sent: "20 times: five lines `help` in one write, and RST; after each a broadcast of A's",
        accepted: "A is answered each time",
        why: "SIGPIPE and ECONNRESET say that one client has gone. They are news, and no end of the server.",
        section: "Leaving",
        source: "src/net/listener.rs",
        play: reset_in_flight,
        ..Check::PLAIN
    },
    Check {
        level: 7,
        name: "descriptors",
        points: 2,
        sent: "200 visits that end by FIN or by RST",
        accepted: "at most two more open files of the server than before",
        why: "Every socket that is not closed is there until the server ends, and there are 1,024.",
        section: "Leaving",
        source: "src/net/connections.rs",
        needs: &[Need::OwnServer],
        play: descriptors,
        ..Check::PLAIN
    },
    Check {
        level: 7,
        name: "idle-cpu",
        points: 1,
        sent: "nine clients that say nothing, three that have closed their half; a second of silence",
        accepted: "less than 0.3 s of processor time, and asleep most of the time",
        why: "Who waits for something asks the system to be woken. A loop that looks again and again burns a core.",
        section: "Leaving",
        source: "src/net/deadline.rs",
        needs: &[Need::OwnServer],
        play: idle_cpu,
        ..Check::PLAIN
    },
];

fn never_reads(stage: &mut Stage) -> Verdict {
    let mut a = stage.member("alice")?;
    let mut senders = stage.members(&["s1", "s2", "s3", "s4", "s5", "s6"])?;
    let stuck = stage.member("carol")?;
    stuck.shrink(SMALL)?;
    let (carol, limit) = (stuck.name.clone(), stage.limits.soon * 2);
    let line = format!("relay_{}_{carol}\n", "x".repeat(PIECE));
    let mut sent = 0;
    while sent < FLOOD {
        for sender in &mut senders {
            sender.send(&line)?;
        }
        let mut refused = false;
        for sender in &mut senders {
            let answer = sender.answer_within(limit, "the answer to relay_ within 2 s");
            refused |= !answer.when_missing("Who talks to somebody who does not read waits too.")?.is_ok();
            sent += PIECE;
        }
        if refused {
            break; // C is not there any more.
        }
    }
    a.ok_soon("bcast_still here").when_missing("A broadcast waits for somebody who does not read.")?;
    let sentence = "Who reads nothing is still there after 8 MB: all that waits for C fills the server's memory.";
    wait_until_gone(&mut a, &[carol], limit).because(sentence)?;
    drop(stuck);
    Ok(())
}

fn reset_in_flight(stage: &mut Stage) -> Verdict {
    let mut a = stage.member("alice")?;
    for number in 1..=RESETS {
        let mut guest = stage.visitor()?;
        guest.send("help\n".repeat(5))?;
        guest.reset();
        a.ok(&format!("bcast_{number}"))?;
        a.broadcast("the broadcast")?;
    }
    stage.visitor().map(drop)
}

fn descriptors(stage: &mut Stage) -> Verdict {
    let mut a = stage.visitor()?;
    a.barrier()?;
    let before = stage.open_files();
    stage.record.note("", format!("({before} open files, then {VISITS} visits)"));
    for number in 0..VISITS {
        let visitor = stage.unseen_visitor()?;
        if number % 2 == 1 { visitor.reset() } else { drop(visitor) }
    }
    let until = Instant::now() + stage.limits.soon * 2;
    let mut after = stage.open_files();
    while after > before + LEFT_OPEN && Instant::now() < until {
        thread::sleep(Duration::from_millis(50));
        after = stage.open_files();
    }
    let expected = format!("{} at most", before + LEFT_OPEN);
    stage.want(
        after <= before + LEFT_OPEN,
        &format!("{after} open files"),
        &expected,
        "Sockets of clients that have left stay open.",
    )?;
    a.barrier()
}

fn idle_cpu(stage: &mut Stage) -> Verdict {
    let mut clients = (0..12).map(|_| stage.visitor()).collect::<Verdict<Vec<_>>>()?;
    clients[..3].iter_mut().for_each(Client::close_half);
    for client in &mut clients[3..] {
        client.barrier()?;
    }
    let before = stage.cpu();
    stage.record.note("", "(a second of silence)");
    // On a machine with much else to do a loop gets little processor time, and is always in line for it.
    let busy = (0..LOOKS).filter(|_| {
        thread::sleep(QUIET / LOOKS);
        stage.is_busy()
    });
    let busy = busy.count();
    let worked = stage.cpu().saturating_sub(before);
    let seen = format!("{} ms of processor time, at work in {busy} of {LOOKS} looks", worked.as_millis());
    let is_idle = worked < IDLE_CPU && busy < MOST_BUSY;
    stage.want(is_idle, &seen, "less than 300 ms, and mostly asleep", "The server works though nothing happens.")
}
