//! Commands, both ways.

use super::played::{LIMIT, Played, START, TICKET, bob, name, reset, rest};
use peerline::client::event::{CallEnd, CallError, Decision, News, Order, Work};
use peerline::peer_protocol::Status;
use peerline::value::comma;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;

/// A request to run `command` here, of which the App knows.
fn asked_to_run(command: &str, log: &Path) -> (Played, TcpStream) {
    let (call, peer) = Played::theirs(&format!("RUN,alice,{TICKET},{command}\n"), log);
    call.knock();
    (call, peer)
}

fn decide(call: &Played, decision: Decision) {
    call.order(Order::Decide { decision, me: name("bob") });
}

/// The decision and the end in each row.
fn recorded(log: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(log).expect("a log");
    let row = |row| {
        let fields = comma::split(row);
        assert_eq!(fields[1..3], ["bob", "alice"]);
        (fields[4].clone(), fields[5].clone())
    };
    text.lines().map(row).collect()
}

fn row(decision: &str, end: &str) -> (String, String) {
    (decision.to_owned(), end.to_owned())
}

#[test]
fn a_script_at_the_end_of_its_input_gets_the_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("consent.csv");
    let (call, peer) = asked_to_run("sh -c 'echo hi; echo no >&2'", &log);
    peer.shutdown(Shutdown::Write).expect("open");
    decide(&call, Decision::Allowed);
    assert_eq!(call.news(), News::Begun);
    assert_eq!(call.end(), CallEnd::Served(Ok(Some(Status::Exit(0)))));
    assert_eq!(rest(peer), "OK,0,6,3\nhi\nno\n");
    assert_eq!(recorded(&log), [row("allowed", ""), row("allowed", "exit 0")]);
}

#[test]
fn a_program_that_is_not_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let (call, peer) = asked_to_run("no-such-program-anywhere", &folder.path().join("log"));
    decide(&call, Decision::Listed);
    assert_eq!(call.news(), News::Begun);
    assert_eq!(call.end(), CallEnd::Served(Err("no such program here".to_owned())));
    assert_eq!(rest(peer), "ERR,no such program here\n");
}

#[test]
fn what_is_not_allowed_is_recorded_and_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for (decision, answer) in [
        (Decision::Declined, "ERR,declined\n"),
        (Decision::NoAnswer, "ERR,no answer\n"),
        (Decision::Busy, "ERR,busy\n"),
        (Decision::Never, "ERR,not allowed\n"),
    ] {
        let log = folder.path().join(decision.word());
        let (call, peer) = asked_to_run("id", &log);
        decide(&call, decision);
        assert_eq!(call.end(), CallEnd::Over);
        assert_eq!(rest(peer), answer);
        assert_eq!(recorded(&log), [row(decision.word(), "")]);
    }
}

#[test]
fn what_cannot_be_recorded_does_not_run() {
    let (call, peer) = asked_to_run("id", Path::new("/proc/no/consent.csv"));
    decide(&call, Decision::Allowed);
    let told = call.news();
    assert!(matches!(&told, News::Trouble(why) if why.contains("/proc/no/consent.csv")), "{told:?}");
    assert_eq!(call.end(), CallEnd::Over);
    assert_eq!(rest(peer), "ERR,not run, as it cannot be recorded here\n");
}

#[test]
fn an_asker_that_is_gone_before_the_decision_is_recorded() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("consent.csv");
    let (call, peer) = asked_to_run("id", &log);
    reset(peer);
    assert_eq!(call.news(), News::HungUp);
    decide(&call, Decision::HungUp);
    assert_eq!(call.end(), CallEnd::Over);
    assert_eq!(recorded(&log), [row("hung up", "")]);
}

#[test]
fn an_asker_that_is_gone_altogether_ends_its_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("consent.csv");
    let (call, peer) = asked_to_run("sleep 1000", &log);
    decide(&call, Decision::Allowed);
    assert_eq!(call.news(), News::Begun);
    reset(peer);
    assert_eq!(call.end(), CallEnd::Served(Ok(None)));
    assert_eq!(recorded(&log)[1], row("allowed", "hung up"));
}

#[test]
fn a_command_that_we_stop_is_told_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("consent.csv");
    let (mut call, peer) = asked_to_run("sleep 1000", &log);
    decide(&call, Decision::Allowed);
    assert_eq!(call.news(), News::Begun);
    call.orders = None;
    assert_eq!(call.end(), CallEnd::Served(Ok(None)));
    assert_eq!(rest(peer), "ERR,stopped\n");
    assert_eq!(recorded(&log)[1], row("allowed", "stopped"));
}

fn run() -> Played {
    Played::ours(Work::Run { on: bob(), command: "echo a,b".to_owned(), answer: LIMIT })
}

#[test]
fn the_output_of_a_command_comes_in_lines() {
    let call = run();
    let (mut peer, first) = call.meet();
    assert_eq!(first, format!("RUN,alice,{START},\"echo a,b\"\n"));
    assert_eq!(call.news(), News::Asked { name: name("bob") });
    // Six bytes of standard output, five of standard error.
    peer.get_mut().write_all(b"OK,3,11,5\na\xff\n\n\tbc\n\nno").expect("written");
    for (text, error) in [("a\\xff", false), ("", false), ("        b", false), ("c", true), ("", true), ("no", true)] {
        assert_eq!(call.news(), News::Output { text: text.to_owned(), error });
    }
    assert_eq!(call.end(), CallEnd::Ran(Ok(Status::Exit(3))));
}

#[test]
fn output_that_is_cut_off_is_no_output() {
    let call = run();
    let (mut peer, _) = call.meet();
    peer.get_mut().write_all(b"OK,0,9,0\na\n").expect("written");
    drop(peer);
    assert_eq!(call.news(), News::Asked { name: name("bob") });
    let end = call.end();
    assert!(matches!(&end, CallEnd::Ran(Err(CallError::Perhaps(why))) if why.contains("cut off")), "{end:?}");
}

#[test]
fn a_command_that_is_given_up_ends_there_too() {
    let mut call = run();
    let (mut peer, _) = call.meet();
    assert_eq!(call.news(), News::Asked { name: name("bob") });
    call.orders = None;
    assert_eq!(call.end(), CallEnd::Ran(Err(CallError::Cancelled)));
    let error = peer.read(&mut [0; 1]).expect_err("a reset");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn a_command_that_fits_no_line_is_not_sent() {
    let call = Played::ours(Work::Run { on: bob(), command: "x".repeat(4096), answer: LIMIT });
    call.introduce(([127, 0, 0, 1], 9).into());
    let why = "the command is too long for a line of 4096 bytes".to_owned();
    assert_eq!(call.end(), CallEnd::Ran(Err(CallError::Ours(why))));
}
