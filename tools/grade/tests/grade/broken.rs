//! Each check finds a server that breaks the idea which it is about, and says why. A check that finds none gives no points.

use crate::harness::{ALL_RULES, grade, real, text, toy, with_each};

/// A bug of the toy, the check that finds it, the word for what came of it, and a part of the sentence.
const BUGS: [(&str, &str, &str, &str); 77] = [
    ("no-greeting", "greets", "FAIL", "The server has sent nothing at all."),
    ("two-greetings", "greets", "FAIL", "says something that nobody has asked for"),
    ("help-without-end", "answers-help", "FAIL", "Nothing came."),
    ("slow-help", "answers-help", "LATE", "It came, but after"),
    ("closes-on-unknown", "unknown-word", "FAIL", "ended the connection"),
    ("goodbye-by-reset", "says-goodbye", "FAIL", "broken off instead of closed"),
    ("no-goodbye", "says-goodbye", "FAIL", "The server has ended the connection."),
    ("one-at-a-time", "second-visitor", "FAIL", "waits until the first one has left"),
    ("slow-help", "second-visitor", "FAIL", "A newcomer is greeted and not answered"),
    ("one-at-a-time", "slow-visitors", "FAIL", "until one of those who say nothing has left"),
    ("one-read-one-message", "split-line", "FAIL", "first half of a line was taken for a whole one"),
    ("one-read-one-message", "byte-by-byte", "FAIL", "byte by byte"),
    ("rest-thrown-away", "two-in-one", "FAIL", "Nothing came."),
    ("cr-kept", "crlf", "FAIL", "The answer to SIGNUP with CR and LF is not OK."),
    ("case-counts", "words-in-any-case", "FAIL", "The answer to \"HELP\" is not OK."),
    ("cap-off-by-one", "line-limit", "FAIL", "one too many"),
    ("tail-is-command", "long-line-skipped", "FAIL", "carried out as a command"),
    ("no-cap", "endless-line", "FAIL", "read on and on"),
    ("no-utf8-check", "not-utf8", "FAIL", "The answer to a line that is no text is not ERR,..."),
    ("control-let-through", "control-characters", "FAIL", "The answer to a line that is no text is not ERR,..."),
    ("decodes-each-read", "utf8-split", "FAIL", "are not the same any more"),
    ("half-line-at-eof", "cut-line", "FAIL", "The server answers after the end"),
    ("half-line-in-silence", "cut-line", "FAIL", "cut off was carried out"),
    ("answers-at-eof", "cut-line", "FAIL", "The server answers after the end"),
    ("answers-at-eof", "half-close", "FAIL", "nothing left that was asked"),
    ("eof-drops-answers", "half-close", "FAIL", "ended the connection"),
    ("second-ignored", "signup-dialogue", "FAIL", "Two different passwords were taken for one."),
    ("input-flushed", "dialogue-in-one", "FAIL", "Nothing came."),
    ("any-name", "names", "FAIL", "A name that is not allowed was taken."),
    ("bytes-not-characters", "passwords", "FAIL", "128 characters, 256 bytes, was refused"),
    ("split-comma", "csv-fields", "FAIL", "The answer to"),
    ("fields-without-check", "csv-fields", "FAIL", "The server has ended the connection."),
    ("upper-token", "login-answer", "FAIL", "With a token of another form a client says no hello."),
    ("tells-who", "wrong-password", "FAIL", "who has an account"),
    ("check-then-act", "signup-race", "FAIL", "6 sign-ups of one name, at the same moment, were answered with OK."),
    ("ok-before-disk", "kept-after-kill", "FAIL", "after a crash it is gone"),
    ("ok-before-disk", "password-not-in-clear", "FAIL", "nothing is on the disk"),
    ("password-in-base64", "password-not-in-clear", "FAIL", "Whoever reads the file has the password."),
    ("password-in-clear", "password-not-in-clear", "FAIL", "Whoever reads the file has the password."),
    ("list-forgets", "list", "FAIL", "is not listed"),
    ("departed-stay", "departed", "FAIL", "still in the list"),
    ("init-is-ok", "init-up", "FAIL", "answered with UP"),
    ("inactive-gets-nothing", "inactive", "FAIL", "Nothing came."),
    ("port-without-check", "bad-port", "FAIL", "Nothing came."),
    ("text-without-check", "bad-port", "FAIL", "lacks what belongs behind its word"),
    ("not-to-sender", "bcast-all", "FAIL", "Nothing came."),
    ("one-order-each", "bcast-order", "FAIL", "do not grow by one"),
    ("two-writes", "whole-lines", "FAIL", "torn into each other"),
    ("no-history", "bcast-history", "FAIL", "Nothing came."),
    ("cut-at-every-underscore", "msg-relay", "FAIL", "The answer to"),
    ("upper-ticket", "introduction", "FAIL", "no ticket of this form"),
    ("same-ticket", "introduction", "FAIL", "A ticket came twice."),
    ("ticket-after-answer", "ticket-before-answer", "FAIL", "B has no ticket yet"),
    ("waits-for-the-slow", "never-reads", "FAIL", "Who talks to somebody who does not read waits too."),
    ("dies-with-a-client", "reset-in-flight", "CRASH", "signal 6, SIGABRT"),
    ("never-closed", "descriptors", "FAIL", "stay open"),
    ("eof-not-seen", "idle-cpu", "FAIL", "works though nothing happens"),
    ("no-token", "hello-head", "FAIL", "has no token"),
    ("no-hello", "hello-head", "FAIL", "In that time no datagram came at all."),
    ("repeats-all", "long-hello", "FAIL", "only what is named is sent again"),
    ("asks-and-never-sends", "long-hello", "FAIL", "What was named as missing did not come again."),
    ("no-tail", "tail", "FAIL", "In that time no datagram came at all."),
    ("no-token-line", "token-line", "FAIL", "anybody could put broadcasts on a screen"),
    ("udp-once", "udp-repair", "FAIL", "did not come again"),
    ("big-datagram", "udp-repair", "FAIL", "does not fit a packet"),
    ("udp-crash", "udp-hostile", "CRASH", "exit code 3"),
    ("hello-from-anywhere", "udp-stranger", "FAIL", "an address that is not the session's"),
    ("hello-for-ever", "udp-falls-back", "FAIL", "Nothing came."),
    ("ignores-sigterm", "sigterm", "FAIL", "does not end the connection"),
    ("no-last-notice", "sigterm", "FAIL", "without a word"),
    ("exit-1", "sigterm", "FAIL", "no failure"),
    ("no-reuseaddr", "restart-at-once", "FAIL", "The old connections block the port."),
    ("reuseport", "port-taken", "FAIL", "A port that is taken was not noticed"),
    ("numbers-from-101", "numbers-go-on", "FAIL", "Broadcasts are numbered from 1 on, one by one."),
    ("numbers-from-one", "numbers-go-on", "FAIL", "Nothing came."),
    ("ghost-stays", "takeover", "FAIL", "Nothing came."),
    ("guesses-freely", "guessing", "FAIL", "as fast as the server answers"),
];

/// Rules that the real server is not told of, though its command line seems to offer them.
const RULES: [(&str, &str, &str, &str); 7] = [
    ("max", "full", "FAIL", "More clients came in than may."),
    ("idle", "idle", "FAIL", "Nothing came."),
    ("login", "login-limit", "FAIL", "Nothing came."),
    ("relogin", "relogin", "FAIL", "Nothing came."),
    ("history", "history-ends", "FAIL", "too old"),
    ("rate", "rate", "FAIL", "100 of 100 lines"),
    ("loss", "udp-loss", "FAIL", "no datagram was dropped"),
];

/// Why a run is not as expected.
fn wrong(case: &(&str, &str, &str, &str), server: &[String]) -> Option<String> {
    let (bug, check, word, sentence) = case;
    let output = grade(&format!("--patience 1 --check {check}"), server);
    let told = text(&output);
    let is_found = told.starts_with(&format!("{word:<5} ")) && told.contains(sentence) && told.contains("!!");
    let code = output.status.code();
    (!is_found || code != Some(1)).then(|| format!("{bug}: not {word} with {sentence:?}, exit code {code:?}:\n{told}"))
}

#[test]
fn each_check_finds_a_server_that_breaks_its_idea() {
    with_each(&BUGS, |case| wrong(case, &toy(case.0)));
}

#[test]
fn each_rule_of_the_house_is_missed_where_it_does_not_hold() {
    with_each(&RULES, |case| {
        let option = match case.0 {
            "max" => "--max-clients {max}".to_owned(),
            "login" => "--login-limit {login}".to_owned(),
            "loss" => "--udp-loss {loss}".to_owned(),
            rule => format!("--{rule} {{{rule}}}"),
        };
        let without = ALL_RULES.replace(&option, "").replace("{data}", &format!("{{data}}/{{{}}}", case.0));
        let without = if case.0 == "rate" { without + " --rate off" } else { without };
        wrong(case, &real(&without.split_whitespace().collect::<Vec<_>>().join(" ")))
    });
}

#[test]
fn a_port_that_is_taken_is_not_to_be_met_with_silence() {
    let script = ["sh", "-c", "exec \"$@\" >/dev/null 2>&1", "sh"].map(str::to_owned);
    let silent = [script.to_vec(), toy("")].concat();
    let found = wrong(&("silent", "port-taken", "FAIL", "A server that cannot start says why."), &silent);
    assert_eq!(found, None);
}

#[test]
fn a_level_that_is_not_passed_ends_the_run() {
    let output = grade("--level 1-3", &toy("help-without-end"));
    let told = text(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("level 1 is to be passed first") && !told.contains("PASS  2"), "{told}");
    assert!(told.contains("Begin with answers-help"), "{told}");
}

/// A bug at the beginning of many checks, the options, and what is said; what is not.
const STEPS: [(&str, &str, &[&str], &[&str]); 6] = [
    (
        "wrong-greeting",
        "--level 1",
        &[
            "FAIL  1 hello / greets ",
            "OPEN  1 hello / answers-help ",
            "Not judged, like greets: it needs the greeting.",
            "6 not passed, 5 of them not judged",
            "Begin with greets",
        ],
        &["FAIL  1 hello / answers-help"],
    ),
    (
        "no-signup",
        "--level 2",
        &[
            "PASS  2 lines / byte-by-byte",
            "OPEN  2 lines / crlf ",
            "Not judged: it needs SIGNUP,name,password; pass login-answer first. The answer to SIGNUP,name,password is",
            "First: grade --check login-answer",
            "OPEN  2 lines / cut-line ",
            "Not judged, like crlf: it needs SIGNUP,name,password.",
            "PASS  2 lines / half-close",
            "7 not passed, 7 of them not judged",
            "Begin with login-answer: crlf needs it.",
        ],
        &["FAIL", "LATE"],
    ),
    (
        "no-signup",
        "--check login-answer",
        &["FAIL  3 accounts / login-answer", "SIGNUP,name,password is not OK"],
        &["OPEN"],
    ),
    (
        "no-hello",
        "--level 8",
        &[
            "FAIL  8 datagrams / hello-head ",
            "Not judged, like hello-head: it needs an answer to a hello.",
            "OPEN  8 datagrams / udp-stranger ",
            "OPEN  8 datagrams / udp-falls-back ",
            "8 not passed, 7 of them not judged",
            "Begin with hello-head",
        ],
        &["pass hello-head first", "LATE", "ERROR", "PASS"],
    ),
    (
        "no-hello",
        "--check tail --check udp-hostile --check udp-falls-back",
        &[
            "Not judged: it needs an answer to a hello; pass hello-head first. In that time no datagram came at all.",
            "Not judged, like tail: it needs an answer to a hello.",
            "3 not passed, 3 of them not judged",
        ],
        &["FAIL", "PASS"],
    ),
    (
        "no-goodbye",
        "--check says-goodbye",
        &["(closed)", "expected: OK,Goodbye, then the end of the connection"],
        &["expected: the answer to"],
    ),
];

#[test]
fn what_comes_before_the_idea_of_a_check_is_said_once() {
    with_each(&STEPS, |(bug, options, said, unsaid)| {
        let told = text(&grade(&format!("--patience 1 {options}"), &toy(bug)));
        let greeting = "Hello, and welcome";
        let is_right = said.iter().all(|part| told.contains(part)) && !unsaid.iter().any(|part| told.contains(part));
        (!is_right || told.matches(greeting).count() > 1).then(|| format!("{bug} {options}:\n{told}"))
    });
}

/// A bucket that is empty once and for all is not one that gets an answer too many.
#[test]
fn a_bucket_that_does_not_refill_is_told_so() {
    let toy = [toy("never-refills"), vec!["{rate}".to_owned()]].concat();
    let found = wrong(&("never-refills", "rate", "FAIL", "at 20 lines a second 4 are allowed again by then"), &toy);
    assert_eq!(found, None);
}

/// The line without an end stands in the report, whatever the other client has said meanwhile.
#[test]
fn the_row_that_matters_is_shown() {
    let told = text(&grade("--patience 1 --check endless-line", &toy("no-cap")));
    assert!(told.contains("(2621440 bytes) without a line end") && told.contains("(left out: "), "{told}");
    assert!(told.lines().all(|line| line.chars().count() < 200), "{told}");
}
