//! Level 9: the end of the server, asked for or not, and what holds after it.

use crate::check::{Check, Need};
use crate::conversation::End;
use crate::fault::{Fault, Verdict};
use crate::server::Ended;
use crate::stage::Stage;
use std::time::Instant;

pub const CHECKS: [Check; 4] = [
    Check {
        level: 9,
        name: "sigterm",
        points: 2,
        sent: "SIGTERM, with a client logged in",
        accepted: "`notice_...`, the end by FIN, exit code 0 within 5 s",
        why: "A thread that is blocked in `accept` hears nothing: somebody has to wake it.",
        section: "Rules of the house",
        source: "src/net/shutdown.rs",
        needs: &[Need::OwnServer],
        play: sigterm,
        ..Check::PLAIN
    },
    Check {
        level: 9,
        name: "restart-at-once",
        points: 2,
        sent: "SIGKILL with clients on, and a start on the same port at once",
        accepted: "it listens",
        why: "Connections of the old server are known to the system for a minute: SO_REUSEADDR says that this is no harm.",
        section: "Rules of the house",
        source: "src/net/listener.rs",
        needs: &[Need::OwnServer],
        play: restart_at_once,
        ..Check::PLAIN
    },
    Check {
        level: 9,
        name: "port-taken",
        points: 1,
        sent: "a second server is started on the same port",
        accepted: "it says why and ends, not with exit code 0; the first one goes on",
        why: "Two servers at one port (SO_REUSEPORT) share the clients, who then do not see each other.",
        section: "Rules of the house",
        source: "src/net/listener.rs",
        needs: &[Need::OwnServer],
        play: port_taken,
        ..Check::PLAIN
    },
    Check {
        level: 9,
        name: "numbers-go-on",
        points: 3,
        sent: "two broadcasts, SIGKILL, a start with the same `{data}`, a third one",
        accepted: "both are there, and the next is number 3",
        why: "A client that has seen 2 takes a new 1 for an old one, and shows nothing.",
        section: "Answers and events",
        source: "src/server/store/broadcast_log.rs",
        needs: &[Need::OwnServer, Need::Data],
        play: numbers_go_on,
        ..Check::PLAIN
    },
];

/// Where the exit code of the server itself cannot be had.
const OF_THE_STARTER: &str = "So ended what had started the server, such as a script, and what the exit code of the server \
                              itself was, only that knew. A script is to hand on the exit code, or to begin its last line \
                              with exec.";

fn sigterm(stage: &mut Stage) -> Verdict {
    let mut a = stage.member("alice")?;
    stage.terminate();
    let wait = stage.limits.wait;
    let (lines, end) = a.end("notice_..., and the end of the connection")?;
    let is_told = lines.iter().any(|line| line.starts_with("notice_"));
    a.want(is_told, "a line notice_... before it", "The server ends without a word to its clients.")?;
    a.want(end == End::Fin, "an end by FIN", "The connection was broken off instead of closed.")?;
    let began = Instant::now();
    let ending = match stage.wait_for_end(wait) {
        Some(ending) => ending,
        None => {
            stage.record.happened("", "(it goes on)");
            stage.record.mark("", "the end of the server");
            let grace = stage.limits.grace;
            let missing = Fault::missing("After SIGTERM the server goes on.");
            return Err(stage.wait_for_end(grace).map_or(missing, |_| Fault::late(began.elapsed(), wait)));
        }
    };
    let sentence = if ending.is_starters { OF_THE_STARTER } else { "To end when asked to is no failure." };
    stage.want(ending.ended == Ended::Code(0), &ending.ended.to_string(), "exit code 0", sentence)
}

fn restart_at_once(stage: &mut Stage) -> Verdict {
    let mut a = stage.visitor()?;
    let mut b = stage.visitor()?;
    a.barrier()?;
    b.barrier()?;
    // A connection that the server has ended by itself is the one that blocks the port.
    let mut c = stage.visitor()?;
    c.send("quit\n")?;
    c.end("the end of the connection")?;
    stage.kill();
    if let Err(fault) = stage.start_again_at_once() {
        // It may have a reason of its own, such as what the killed one has left. Its last words tell.
        stage.no_start = None;
        let (reason, words) = (&fault.sentence, stage.last_words());
        let sentence = match words.as_slice() {
            _ if stage.says_that_the_port_is_taken() => {
                format!("The old connections block the port. {reason} SO_REUSEADDR says that they are no harm.")
            }
            [] => format!("{reason} It says not why: perhaps the old connections block the port (SO_REUSEADDR)."),
            _ => reason.clone(),
        };
        return Err(Fault { sentence, ..fault });
    }
    stage.visitor().map(drop)
}

fn port_taken(stage: &mut Stage) -> Verdict {
    let mut a = stage.visitor()?;
    let data = stage.data.join("second");
    std::fs::create_dir_all(&data).map_err(|error| Fault::grader("make a folder", error))?;
    let mut second = stage.spawn(stage.port(), &data, &data.join("output"))?;
    stage.record.note("", "(a second server is started on the same port)");
    let ended = second.wait(stage.limits.wait);
    second.stop();
    let seen = ended.map_or("it goes on".to_owned(), |ended| format!("it ended: {ended}"));
    let has_failed = ended.is_some_and(|ended| ended != Ended::Code(0));
    stage.want(
        has_failed,
        &seen,
        "its end, not with exit code 0",
        "A port that is taken was not noticed, or told as success.",
    )?;
    let is_told = !second.last_words().is_empty();
    stage.want(is_told, "it said nothing", "a sentence that says why", "A server that cannot start says why.")?;
    a.barrier()?;
    stage.visitor().map(drop)
}

fn numbers_go_on(stage: &mut Stage) -> Verdict {
    let mut a = stage.member("alice")?;
    for (seq, text) in [(1, "first"), (2, "second")] {
        a.ok(&format!("bcast_{text}"))?;
        let is_next = a.broadcast(&format!("broadcast {seq}"))?.seq == seq;
        a.want(is_next, &format!("bcast_{seq}_..._{text}"), "Broadcasts are numbered from 1 on, one by one.")?;
    }
    stage.kill();
    stage.start()?;
    let mut b = stage.visitor()?;
    stage.log_in(&mut b, "alice")?;
    for (seq, text) in [(1, "first"), (2, "second")] {
        let broadcast = b.broadcast(&format!("broadcast {seq} from before the crash"))?;
        let is_right = (broadcast.seq, broadcast.text.as_str()) == (seq, text);
        b.want(
            is_right,
            &format!("bcast_{seq}_..._{text}"),
            "A broadcast from before the crash is not the same any more.",
        )?;
    }
    b.ok("bcast_third")?;
    let third = b.broadcast("broadcast 3")?;
    b.want(third.seq == 3, "bcast_3_...", "After a crash the numbers do not go on.")
}
