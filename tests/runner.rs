//! Commands that run for a peer: their limits, their output, and that nothing of them is left running.
//!
//! These tests stand apart from others: what a command leaves behind becomes a child of this process and is killed,
//! and the programs that other tests start are children of their process too.

use peerline::client::call::{self, Call, OrderSender, Signals};
use peerline::client::event::CallId;
use peerline::client::run::output::{self, End, Limits, Ran};
use peerline::peer_protocol::{MAX_OUTPUT, Status};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take; nothing waits for it when all is well.
const LIMIT: Duration = Duration::from_secs(30);

/// Without cgroups: those are for one file of tests alone, as our whole process goes into each.
fn limits(time: Duration) -> Limits {
    Limits { time, cgroups: None }
}

/// Both ends of the connection on which somebody asks.
fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let caller = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
    (caller, listener.accept().expect("accepts").0)
}

/// A call that nobody gives up as long as the other end lives.
fn called() -> (OrderSender, Call) {
    let (signals, _) = Signals::new(1);
    call::new(CallId::In(1), signals).expect("a pair")
}

fn run_for(command: &str, limit: Duration) -> Ran {
    let ((_caller, asker), (_orders, call)) = (connection(), called());
    let words = command.parse().expect("a command");
    match output::run(&words, &limits(limit), &call, &asker).expect("it starts") {
        End::Ran(ran) => ran,
        End::HungUp | End::GivenUp => panic!("nobody hangs up"),
    }
}

fn run(command: &str) -> Ran {
    run_for(command, LIMIT)
}

/// Whether a process is there, and no zombie.
fn is_alive(id: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}

/// The text of a file that somebody is about to write, whole lines only.
fn wait_for(path: &Path) -> String {
    let until = Instant::now() + LIMIT;
    while Instant::now() < until {
        match fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return text,
            _ => thread::yield_now(),
        }
    }
    panic!("nothing in {}", path.display());
}

#[test]
fn both_streams_and_the_exit_code_come_back() {
    let ran = run("sh -c 'echo out; echo err >&2; echo out again; exit 3'");
    assert_eq!(
        (ran.status, ran.output.as_slice(), ran.errors.as_slice()),
        (Status::Exit(3), b"out\nout again\n".as_slice(), b"err\n".as_slice())
    );
    assert_eq!(run("sh -c 'kill -TERM $$'").status, Status::Signal(15));
    let silent = run("true");
    assert_eq!((silent.status, silent.output.len(), silent.errors.len()), (Status::Exit(0), 0, 0));
}

#[test]
fn no_shell_reads_the_words() {
    let ran = run("echo 'a  b' ; echo $(id) | cat `id` > /dev/full && * ~ \"$HOME\"");
    let expected = "a  b ; echo $(id) | cat `id` > /dev/full && * ~ $HOME\n";
    assert_eq!(String::from_utf8_lossy(&ran.output), expected);
}

#[test]
fn there_is_no_input_and_no_secret() {
    let ran = run("sh -c 'cat; echo ${PEERLINE_PASSWORD-none}'");
    assert_eq!((ran.status, ran.output.as_slice()), (Status::Exit(0), b"none\n".as_slice()));
}

#[test]
fn a_missing_program_is_an_error() {
    let ((_caller, asker), (_orders, call)) = (connection(), called());
    let words = "no-such-program-anywhere".parse().expect("a command");
    let error = output::run(&words, &limits(LIMIT), &call, &asker).err().expect("not started");
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn output_of_exactly_the_limit_and_one_byte_more() {
    let exact = run(&format!("head -c {MAX_OUTPUT} /dev/zero"));
    assert_eq!((exact.status, exact.output.len()), (Status::Exit(0), MAX_OUTPUT));
    let over = run(&format!("head -c {} /dev/zero", MAX_OUTPUT + 1));
    assert_eq!((over.status, over.output.len()), (Status::OutputLimit, MAX_OUTPUT));
    let both = run("sh -c 'head -c 40000 /dev/zero; head -c 40000 /dev/zero >&2'");
    assert_eq!((both.status, both.output.len() + both.errors.len()), (Status::OutputLimit, MAX_OUTPUT));
}

#[test]
fn endless_output_is_cut() {
    let ran = run("yes");
    assert_eq!((ran.status, ran.output.len()), (Status::OutputLimit, MAX_OUTPUT));
    assert!(ran.output.starts_with(b"y\ny\n"));
}

#[test]
fn binary_output_comes_unchanged() {
    let every_byte: String = (0..256).map(|byte| format!("\\{byte:03o}")).collect();
    let ran = run(&format!("printf '{every_byte}'"));
    assert_eq!(ran.output, (0..=255).collect::<Vec<u8>>());
}

#[test]
fn what_never_ends_is_stopped_with_its_output_so_far() {
    let ran = run_for("sh -c 'echo $$; trap \"\" TERM; while :; do sleep 1000; done'", Duration::from_millis(300));
    assert_eq!(ran.status, Status::TimeLimit);
    assert!(!is_alive(&String::from_utf8_lossy(&ran.output)));
    let closed = run_for("sh -c 'exec >&- 2>&-; sleep 1000'", Duration::from_millis(50));
    assert_eq!((closed.status, closed.output.len()), (Status::TimeLimit, 0));
}

/// A child that keeps the pipe open does not hold the answer up, and is gone with it.
#[test]
fn a_child_in_the_background_ends_with_the_command() {
    let ran = run("sh -c 'sleep 1000 & echo $!'");
    assert_eq!(ran.status, Status::Exit(0));
    assert!(!is_alive(&String::from_utf8_lossy(&ran.output)));
}

#[test]
fn a_daemon_in_a_session_of_its_own_ends_with_the_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ids");
    // The daemon and its child leave the group; the shell that waits for them is there until the end.
    let daemon = format!("setsid sh -c \"sleep 1000 & echo \\$\\$ \\$! > {}; wait\"", file.display());
    let ran = run_for(&format!("sh -c '{daemon} & while ! test -s {}; do :; done'", file.display()), LIMIT);
    assert_eq!(ran.status, Status::Exit(0), "{}", String::from_utf8_lossy(&ran.errors));
    let ids = wait_for(&file);
    assert_eq!(ids.split_whitespace().count(), 2);
    for id in ids.split_whitespace() {
        assert!(!is_alive(id), "{id} is left");
    }
}

#[test]
fn it_ends_when_the_asker_hangs_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("id");
    let command = format!("sh -c 'echo $$ > {}; sleep 1000'", file.display());
    let ((caller, asker), (_orders, call)) = (connection(), called());
    let id = thread::scope(|scope| {
        let ran = scope.spawn(move || output::run(&command.parse().expect("a command"), &limits(LIMIT), &call, &asker));
        let id = wait_for(&file);
        // A reset: the end of the asker's sending side alone is that of a script's input.
        socket2::SockRef::from(&caller).set_linger(Some(Duration::ZERO)).expect("open");
        drop(caller);
        assert!(matches!(ran.join().expect("no panic").expect("it started"), End::HungUp));
        id
    });
    assert!(!is_alive(&id));
}

#[test]
fn several_at_a_time_leave_each_other_alone() {
    thread::scope(|scope| {
        let all: Vec<_> = (0..8)
            .map(|n| scope.spawn(move || run(&format!("sh -c '(echo {n}; true) & wait; sh -c \"echo {n}\"'"))))
            .collect();
        for (n, ran) in all.into_iter().enumerate() {
            let ran = ran.join().expect("no panic");
            assert_eq!((ran.status, ran.output), (Status::Exit(0), format!("{n}\n{n}\n").into_bytes()));
        }
    });
}
