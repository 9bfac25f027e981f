//! Level 1: it listens and greets, and one visitor does not keep out the next.

use crate::check::Check;
use crate::conversation::{Client, End};
use crate::fault::{Because, Verdict};
use crate::stage::Stage;

pub const CHECKS: [Check; 6] = [
    Check {
        level: 1,
        name: "greets",
        points: 2,
        sent: "nothing",
        accepted: "one line `OK,...`, and no second one",
        why: "Who speaks first is a part of a protocol: when both wait for the other, nothing ever happens.",
        section: "Answers and events",
        source: "src/server/session/native.rs",
        play: greets,
        ..Check::PLAIN
    },
    Check {
        level: 1,
        name: "answers-help",
        points: 1,
        sent: "`help`",
        accepted: "lines `menu_...`, then `OK` or `OK,...`",
        why: "An answer has an end that a program can see: else it never knows whether to read on.",
        section: "Answers and events",
        source: "src/protocol/reply.rs",
        play: answers_help,
        ..Check::PLAIN
    },
    Check {
        level: 1,
        name: "unknown-word",
        points: 1,
        sent: "`no such thing`, an empty line, `help`",
        accepted: "`ERR,...`, `ERR,...`, `OK`",
        why: "Every line gets an answer, also one that is wrong; and a mistake does not end the session.",
        section: "Answers and events",
        source: "src/protocol/request.rs",
        play: unknown_word,
        ..Check::PLAIN
    },
    Check {
        level: 1,
        name: "says-goodbye",
        points: 2,
        sent: "`quit`",
        accepted: "`OK,Goodbye`, then the end by FIN and not by RST; the next visitor is greeted",
        why: "Close after the last line is out. A connection that is broken off may take its last line with it.",
        section: "Leaving",
        source: "src/net/listener.rs",
        play: says_goodbye,
        ..Check::PLAIN
    },
    Check {
        level: 1,
        name: "second-visitor",
        points: 2,
        sent: "A is silent; B sends `help`",
        accepted: "B is answered within a second",
        why: "An accept loop that talks with its clients itself has one client at a time.",
        section: "Answers and events",
        source: "src/net/listener.rs",
        play: second_visitor,
        ..Check::PLAIN
    },
    Check {
        level: 1,
        name: "slow-visitors",
        points: 1,
        sent: "six are silent, one has sent `SIGN` without a line end; the next one sends `help`",
        accepted: "the answer within a second",
        why: "A few workers for all clients are soon all waiting for somebody who is in no hurry.",
        section: "Answers and events",
        source: "src/net/workers.rs",
        play: slow_visitors,
        ..Check::PLAIN
    },
];

fn greets(stage: &mut Stage) -> Verdict {
    let mut a = stage.visitor()?;
    a.silence("After its greeting the server says something that nobody has asked for.")
}

fn answers_help(stage: &mut Stage) -> Verdict {
    let mut a = stage.visitor()?;
    let answer = a.ok("help")?;
    let only_menu = !answer.data.is_empty() && answer.count("menu_") == answer.data.len();
    a.want(only_menu, "lines menu_..., then OK", "The answer to help has lines menu_... and nothing else.")?;
    a.barrier()
}

fn unknown_word(stage: &mut Stage) -> Verdict {
    let mut a = stage.visitor()?;
    a.err("no such thing")?;
    a.err("")?;
    a.barrier()
}

fn says_goodbye(stage: &mut Stage) -> Verdict {
    let mut a = stage.visitor()?;
    a.send("quit\n")?;
    let answer = a.answer("OK,Goodbye, then the end of the connection")?;
    a.want(answer.last == "OK,Goodbye", "OK,Goodbye", "The answer to quit is OK,Goodbye.")?;
    let end = a.end_without_answer("the end of the connection", "Something came behind OK,Goodbye.")?;
    a.want(end == End::Fin, "an end by FIN", "The connection was broken off instead of closed.")?;
    stage.visitor().map(drop)
}

fn second_visitor(stage: &mut Stage) -> Verdict {
    let _silent = stage.visitor()?;
    let mut b = stage.connect()?;
    greeted_and_answered(&mut b, "The second visitor waits until the first one has left.")
}

fn slow_visitors(stage: &mut Stage) -> Verdict {
    let _first = stage.visitor()?;
    let mut slow = (0..6).map(|_| stage.connect()).collect::<Verdict<Vec<_>>>()?;
    slow[5].send("SIGN")?;
    let mut last = stage.connect()?;
    greeted_and_answered(&mut last, "A newcomer waits until one of those who say nothing has left.")
}

/// The sentence says why there may be no greeting. Who is greeted is let in: then an answer may be slow by itself.
fn greeted_and_answered(client: &mut Client, sentence: &str) -> Verdict {
    client.takes_ok_soon("the connection").when_missing(sentence)?;
    let help = client.ok_soon("help").because("The answer to help is not OK.");
    help.when_missing("A newcomer is greeted and not answered: the server is too slow, or waits for others.").map(drop)
}
