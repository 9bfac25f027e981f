//! A command whose processes bear new ones when one of them is killed ends as a whole, with a cgroup and without.

use peerline::client::call::{self, Call, OrderSender, Signals};
use peerline::client::event::CallId;
use peerline::client::run::Cgroups;
use peerline::client::run::output::{self, End, Limits};
use peerline::peer_protocol::Status;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(30);

/// Lines of descent.
const LINES: usize = 12;

/// One at a time: what counts is which children this process has, and with a cgroup the whole process goes into it.
static ALONE: Mutex<()> = Mutex::new(());

/// A parent and a child in a session of their own. The child waits for the end of the parent, then becomes such a
/// parent itself, with a child. `$1` counts down, so that a test that fails leaves nothing for long.
const LINE: &str = r#"[ "$1" -gt 0 ] || exit 0
mkfifo "end$$"
{ read -r end; exec setsid sh "$0" $(($1 - 1)) no; } < "end$$" &
exec 3> "end$$"
rm "end$$"
[ "$2" ] || echo > up
exec sleep 1000
"#;

/// One that is gone before a signal to it arrives, and has left another in its place.
const HOP: &str = r#"[ "$1" -gt 0 ] || exit 0
sh "$0" $(($1 - 1)) &
"#;

/// Whatever is there of the processes below `folder`, by their arguments and working directory, and zombies of ours.
fn left(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir("/proc").expect("there is /proc").flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_ours = |id: &u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let parent = stat.rsplit_once(") ").and_then(|(_, fields)| fields.split(' ').nth(1)?.parse().ok());
        parent == Some(process::id()) || fs::read_link(format!("/proc/{id}/cwd")).is_ok_and(|cwd| cwd == folder)
    };
    let describe = |id: u32| fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_else(|_| id.to_string());
    ids.filter(is_ours).map(describe).collect()
}

fn call() -> (OrderSender, Call, TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let caller = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
    let (orders, call) = call::new(CallId::In(1), Signals::new(1).0).expect("a pair");
    (orders, call, caller, listener.accept().expect("accepts").0)
}

/// Runs a command that ends when all its lines are there.
fn nothing_is_left(cgroups: Option<Cgroups>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().canonicalize().expect("it is there");
    fs::write(path.join("line"), LINE).expect("written");
    fs::write(path.join("hop"), HOP).expect("written");
    // The command goes when all lines are there.
    let begin = format!("mkfifo up; n=0; while [ $n -lt {LINES} ]; do setsid sh line 500 & ");
    let command = format!(
        "sh -c 'cd {} && {begin} n=$((n + 1)); read -r x < up; done; setsid sh hop 20000 & echo up'",
        path.display()
    );
    let (_orders, call, _caller, asker) = call();
    let limits = Limits { time: LIMIT, cgroups };
    let end = output::run(&command.parse().expect("a command"), &limits, &call, &asker).expect("it starts");
    let End::Ran(ran) = end else { panic!("nobody hangs up") };
    let (output, errors) = (String::from_utf8_lossy(&ran.output), String::from_utf8_lossy(&ran.errors));
    assert_eq!((ran.status, &*output, &*errors), (Status::Exit(0), "up\n", ""));
    assert_eq!(left(&path), [""; 0]);
}

/// Leaves fifty that end by themselves, and ends when none of them is a zombie of ours.
const STRAYS: &str = r#"sh -c 'n=0; while [ $n -lt 50 ]; do (true &); n=$((n + 1)); done
while grep -qs "^[0-9]* (sh) Z $PPID " /proc/[0-9]*/stat; do :; done; echo reaped'"#;

#[test]
fn what_a_command_has_left_is_reaped_while_it_runs() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (_orders, call, _caller, asker) = call();
    let limits = Limits { time: LIMIT, cgroups: None };
    let command = STRAYS.replace('\n', " ; ").parse().expect("a command");
    let End::Ran(ran) = output::run(&command, &limits, &call, &asker).expect("it starts") else { panic!("ran") };
    assert_eq!((ran.status, ran.output.as_slice()), (Status::Exit(0), b"reaped\n".as_slice()));
}

#[test]
fn whoever_bears_others_when_it_is_killed_is_stopped_first() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    nothing_is_left(None);
}

#[test]
fn a_cgroup_ends_all_at_once_and_is_removed() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let own = || fs::read_to_string("/proc/self/cgroup").expect("there is /proc");
    let before = own();
    let Some(cgroups) = Cgroups::find() else {
        return eprintln!("not tried: no cgroup v2 here in which this user may make others");
    };
    nothing_is_left(Some(cgroups));
    assert_eq!(own(), before, "we are back");
    let folder = Cgroups::find().expect("as before").make().expect("made");
    folder.enter().expect("in");
    assert_ne!(own(), before, "a child is born in it");
    folder.leave().expect("back");
    assert!(folder.kill(Instant::now() + LIMIT).is_ok(), "nobody is in it");
}
