//! Level 2: a stream of bytes has no messages, so where a line ends is the server's own work.

use crate::check::{Check, Kind};
use crate::conversation::Client;
use crate::fault::{Because, Fault, Verdict};
use crate::limits::PAUSE;
use crate::stage::{PASSWORD, Stage};
use std::time::{Duration, Instant};

/// The most bytes of a client's line, with its LF.
const MAX_LINE: usize = 4_096;
/// What is sent without a line end.
const ENDLESS: usize = 40 * 64 * 1024;
/// How long a server may take to have enough of it: it may read a stranger's bytes slowly.
const ENOUGH: Duration = Duration::from_secs(12);
/// How much more memory it may take for it.
const MEMORY: u64 = 16 << 20;

const LINES: &str = "src/net/lines.rs";

pub const CHECKS: [Check; 13] = [
    Check {
        level: 2,
        name: "split-line",
        points: 3,
        sent: "`he`, a pause, `lp⏎`",
        accepted: "nothing before the line end, then one answer",
        why: "A read is not a message: TCP may deliver a line in any number of pieces.",
        section: "Lines",
        source: LINES,
        play: split_line,
        ..Check::PLAIN
    },
    Check {
        level: 2,
        name: "byte-by-byte",
        points: 2,
        sent: "`help⏎`, `no such thing⏎`, `help⏎`, 2 ms between two bytes, each when the one before is answered",
        accepted: "`OK`, `ERR,...`, `OK`",
        why: "What holds for one cut holds for a cut at every place.",
        section: "Lines",
        source: LINES,
        play: byte_by_byte,
        ..Check::PLAIN
    },
    Check {
        level: 2,
        name: "two-in-one",
        points: 3,
        sent: "`help⏎whoami⏎help⏎he` in one write, a pause, `lp⏎`",
        accepted: "`OK`, `ERR`, `OK`, and after the rest `OK`",
        why: "A read may bring three lines and the beginning of a fourth. What is behind the first LF is not to be lost.",
        section: "Lines",
        source: LINES,
        play: two_in_one,
        ..Check::PLAIN
    },
    Check {
        level: 2,
        name: "crlf",
        points: 2,
        sent: "`SIGNUP,...⏎`; `SIGNUP,...\\r⏎`; `help\\r`, a pause, `⏎`; `LOGIN,...⏎` with LF alone",
        accepted: "`OK` each",
        why: "telnet and Windows end lines with CR and LF. A CR that stays becomes the last letter of the password.",
        section: "Lines",
        source: LINES,
        play: crlf,
        ..Check::PLAIN
    },
    Check {
        level: 2,
        name: "words-in-any-case",
        points: 1,
        kind: Kind::Detail,
        sent: "`HELP`; `SIGNUP,alice,...`, `LoGiN,ALICE,...`",
        accepted: "the same as in lower case",
        why: "People type the words, and names that differ only in case are one user.",
        section: "Lines",
        source: "src/protocol/request.rs",
        play: words_in_any_case,
        ..Check::PLAIN
    },
    Check {
        level: 2,
        name: "line-limit",
        points: 2,
        kind: Kind::Detail,
        sent: "`INIT`; `INIT` with names of files, 4,096 bytes with the LF; then 4,097",
        accepted: "`OK`, `UP`, `ERR,...`",
        why: "A limit is one number. Off by one is the commonest mistake there is.",
        section: "Lines",
        source: LINES,
        play: line_limit,
        ..Check::PLAIN
    },
    Check {
        level: 2,
        name: "long-line-skipped",
        points: 3,
        sent: "4,096 times `A`, a pause, `quit⏎help⏎`",
        accepted: "one `ERR,...`, then the answer to `help`",
        why: "Whoever sends a long line chooses where your buffer ends. Remember that you skip.",
        section: "Lines",
        source: LINES,
        play: long_line_skipped,
        ..Check::PLAIN
    },
    Check {
        level: 2,
        name: "endless-line",
        points: 3,
        sent: "2.5 MiB without a line end; meanwhile B asks",
        accepted: "the end of the connection, at most 16 MiB more memory, B is answered within a second",
        why: "Memory is not the client's to give: a line that is collected until its end comes may never end.",
        section: "Lines",
        source: LINES,
        play: endless_line,
        ..Check::PLAIN
    },
    Check {
        level: 2,
        name: "not-utf8",
        points: 1,
        kind: Kind::Detail,
        sent: "logged in: `bcast_hello`; `bcast_a` with the bytes `ff`, `c3 28`, `ed a0 80`",
        accepted: "`OK,...`; `ERR,...` each, and nobody gets one",
        why: "Bytes that are no text reach the programs of all others, and some of these end at them.",
        section: "Lines",
        source: "src/value/line.rs",
        play: not_utf8,
        ..Check::PLAIN
    },
    Check {
        level: 2,
        name: "control-characters",
        points: 1,
        kind: Kind::Detail,
        sent: "logged in: `bcast_hello`; `bcast_a` with the bytes `00`, `07`, `1b`, `7f`; then one with a TAB",
        accepted: "`OK,...`; `ERR,...` each, and nobody gets one; `OK` for the TAB",
        why: "An escape sequence in a message moves the cursor of the other's terminal, and can repaint what was said.",
        section: "Lines",
        source: "src/value/text.rs",
        play: control_characters,
        ..Check::PLAIN
    },
    Check {
        level: 2,
        name: "utf8-split",
        points: 2,
        sent: "logged in: `bcast_hello⏎`; `bcast_grüße 🌍⏎`, with a pause within `ü` and one within `🌍`",
        accepted: "these very bytes for everybody",
        why: "Decode lines, not reads: a read may end in the middle of a letter.",
        section: "Lines",
        source: "src/value/line.rs",
        play: utf8_split,
        ..Check::PLAIN
    },
    Check {
        level: 2,
        name: "cut-line",
        points: 2,
        sent: "`SIGNUP,carol,correct horse` and FIN; on another connection `SIGNUP,bob,...⏎`, `LOGIN,carol,...⏎`",
        accepted: "no answer, and the end; `OK,...`, `ERR,...`",
        why: "Half an order is no order: a cut line may be the beginning of another one.",
        section: "Lines",
        source: LINES,
        play: cut_line,
        ..Check::PLAIN
    },
    Check {
        level: 2,
        name: "half-close",
        points: 2,
        sent: "`help⏎SIGNUP,...⏎` and FIN",
        accepted: "both answers, `OK,...` or `ERR,...`, and the end",
        why: "`printf ... | nc -N` closes its half at once: what was asked before is to be answered all the same.",
        section: "With netcat",
        source: "src/net/listener.rs",
        play: half_close,
        ..Check::PLAIN
    },
];

fn split_line(stage: &mut Stage) -> Verdict {
    let mut a = stage.visitor()?;
    a.send("he")?;
    a.pause();
    a.silence("The first half of a line was taken for a whole one.")?;
    a.send("lp\n")?;
    a.takes_ok("help").because("The second half of a line was taken for a whole one.")?;
    a.barrier()
}

fn byte_by_byte(stage: &mut Stage) -> Verdict {
    let mut a = stage.visitor()?;
    let sentence = "A line that comes byte by byte is not put together.";
    // One line at a time: a busy server may find the next one behind it, and that is for `two-in-one`.
    a.send_slowly("help\n")?;
    a.takes_ok("help").because(sentence)?;
    a.send_slowly("no such thing\n")?;
    a.takes_err("no such thing").because(sentence)?;
    a.send_slowly("help\n")?;
    a.takes_ok("the second help").because(sentence)?;
    a.barrier()
}

fn two_in_one(stage: &mut Stage) -> Verdict {
    let mut a = stage.visitor()?;
    a.send("help\nwhoami\nhelp\nhe")?;
    a.takes_ok("help")?;
    a.takes_err("whoami, before the login")?;
    a.takes_ok("the second help").because("Of several lines in one read not all were taken.")?;
    a.pause();
    a.send("lp\n")?;
    a.takes_ok("help").because("The beginning of a line, in the same read as other lines, was lost.")?;
    a.barrier()
}

fn crlf(stage: &mut Stage) -> Verdict {
    let name = stage.name("alice");
    let mut a = stage.visitor()?;
    stage.sign_up(&mut a, "bob")?;
    a.send(format!("SIGNUP,{name},{PASSWORD}\r\n"))?;
    a.takes_ok("SIGNUP with CR and LF")?;
    a.send("help\r")?;
    a.pause();
    a.send("\n")?;
    a.takes_ok("help").because("A CR before the LF belongs to the line end.")?;
    a.ok(&format!("LOGIN,{name},{PASSWORD}")).because("The CR was taken for a part of the password.").map(drop)
}

fn words_in_any_case(stage: &mut Stage) -> Verdict {
    let mut a = stage.visitor()?;
    a.ok("HELP")?;
    stage.sign_up(&mut a, "alice")?;
    a.ok(&format!("LoGiN,{},{PASSWORD}", stage.name("alice").to_uppercase())).map(drop)
}

fn line_limit(stage: &mut Stage) -> Verdict {
    let mut a = stage.member("alice")?;
    stage.init(&mut a)?;
    let line = |length: usize| {
        let mut line = format!("INIT,{},4401", a.name);
        while line.len() + 201 < length {
            line.push_str(&format!(",{}", "f".repeat(99)));
        }
        line.push(',');
        line + &"g".repeat(length) // Cut below, where it is as long as it is to be.
    };
    let cut = |length: usize| line(length)[..length - 1].to_owned();
    let (longest, too_long) = (cut(MAX_LINE), cut(MAX_LINE + 1));
    let answer = a.ask(&longest)?;
    let sentence = "A line of 4,096 bytes with its LF was refused: that is the most that is allowed.";
    a.want(answer.last == "UP" || answer.is_ok(), "UP", sentence)?;
    a.err(&too_long).because("A line of 4,097 bytes with its LF was taken: one too many.")?;
    a.barrier()
}

fn long_line_skipped(stage: &mut Stage) -> Verdict {
    let mut a = stage.visitor()?;
    a.send("A".repeat(MAX_LINE))?;
    a.pause();
    a.send("quit\nhelp\n")?;
    a.takes_err("a line that is too long")?;
    a.takes_ok("help").and_then(|answer| {
        a.want(
            answer.last != "OK,Goodbye",
            "the answer to help",
            "The rest of a line that was too long was carried out as a command.",
        )
    })?;
    a.barrier()
}

fn endless_line(stage: &mut Stage) -> Verdict {
    let mut b = stage.visitor()?;
    let before = stage.memory();
    let mut a = stage.visitor()?;
    let (endless, limits) = (vec![b'A'; ENDLESS], stage.limits);
    let (closed, answered) = std::thread::scope(|scope| {
        let sends = scope.spawn(|| {
            a.send_as_much_as_it_takes(&endless, ENOUGH);
            a.end_within(ENOUGH, "the end of the connection, after 64 KiB without a line end").map(drop)
        });
        let mut answered = Ok(());
        while !sends.is_finished() && answered.is_ok() && Instant::now() < limits.end {
            answered = b.ok_soon("help").map(drop);
            std::thread::sleep(PAUSE);
        }
        (sends.join().unwrap_or_else(|_| Err(Fault::grader("send", "a thread failed"))), answered)
    });
    let sentence = "While one client sends a line without an end, another one waits.";
    answered.because(sentence).when_missing(sentence)?;
    closed.when_missing("A line without an end is read on and on.")?;
    let more = stage.memory().saturating_sub(before);
    let seen = format!("{} KiB more memory", more / 1024);
    stage.want(
        more <= MEMORY,
        &seen,
        "16 MiB more at most",
        "The server keeps what one client sends without a line end.",
    )?;
    b.barrier()
}

/// Broadcasts lines that are none, and then one that is: nobody may get another one.
fn only_the_last(stage: &mut Stage, wrong: &[&[u8]], right: &str) -> Verdict {
    let mut clients = stage.members(&["alice", "bob"])?;
    stage.broadcast(&mut clients)?;
    let a = &mut clients[0];
    for bytes in wrong {
        a.send([b"bcast_a", *bytes, b"\n"].concat())?;
        a.takes_err("a line that is no text")?;
    }
    a.ok(&format!("bcast_{right}"))?;
    for client in &mut clients {
        gets_only(client, right, "What was refused was sent to others all the same, or the text is not the same.")?;
    }
    Ok(())
}

fn gets_only(client: &mut Client, text: &str, sentence: &str) -> Verdict {
    let broadcast = client.broadcast("the broadcast")?;
    let expected = format!("the broadcast {text:?}");
    client.want(broadcast.text == text, &expected, sentence)?;
    client.barrier()
}

fn not_utf8(stage: &mut Stage) -> Verdict {
    only_the_last(stage, &[b"\xff", b"\xc3\x28", b"\xed\xa0\x80"], "grüße")
}

fn control_characters(stage: &mut Stage) -> Verdict {
    only_the_last(stage, &[b"\x00", b"\x07", b"\x1b[2J", b"\x7f"], "with a\tTAB")
}

fn utf8_split(stage: &mut Stage) -> Verdict {
    let mut clients = stage.members(&["alice", "bob"])?;
    stage.broadcast(&mut clients)?;
    // Byte by byte would prove nothing where a busy server finds them all in one read.
    let line = "bcast_grüße 🌍\n".as_bytes();
    for piece in [&line[..9], &line[9..16], &line[16..]] {
        clients[0].send(piece)?;
        clients[0].pause();
    }
    clients[0].takes_ok("bcast_")?;
    for client in &mut clients {
        gets_only(client, "grüße 🌍", "The letters whose bytes came in several reads are not the same any more.")?;
    }
    Ok(())
}

fn cut_line(stage: &mut Stage) -> Verdict {
    let name = stage.name("carol");
    let mut a = stage.visitor()?;
    a.send(format!("SIGNUP,{name},{PASSWORD}"))?;
    a.close_half();
    a.end_without_answer(
        "no answer, and the end of the connection",
        "The server answers after the end: a line that the end cuts off is none, and is not carried out.",
    )?;
    let mut b = stage.visitor()?;
    stage.sign_up(&mut b, "bob")?;
    b.err(&format!("LOGIN,{name},{PASSWORD}"))
        .because("A line that the end of the connection cut off was carried out.")
        .map(drop)
}

fn half_close(stage: &mut Stage) -> Verdict {
    let mut a = stage.visitor()?;
    a.send(format!("help\nSIGNUP,{},{PASSWORD}\n", stage.name("alice")))?;
    a.close_half();
    a.takes_ok("help")?;
    // Not whether there are sign-ups is asked here.
    a.answer("the answer to SIGNUP, OK,... or ERR,...")?;
    let sentence = "The server answers after the end: there is nothing left that was asked.";
    a.end_without_answer("the end of the connection", sentence).map(drop)
}
