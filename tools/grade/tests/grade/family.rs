//! A server that is more than one process: what a script starts, what leaves its session, what outlives its parent.

use crate::harness::{grade, text, toy, with_each};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Leaves a process that has nothing any more which tells whose it is, and one that has, both in sessions of their own.
const LEAVES: &str = "setsid sh -c 'echo $$ > \"$0\"/bare; exec env -i sleep 600' \"$0\" & \
                      setsid sh -c 'echo $$ > \"$0\"/marked; exec sleep 600' \"$0\" & \
                      until [ -s \"$0\"/bare ] && [ -s \"$0\"/marked ]; do :; done; exec \"$@\"";

/// The toy behind a shell's script, which gets `zero` as its name and the toy's command as its arguments.
fn behind(script: &str, zero: &Path, toy: Vec<String>) -> Vec<String> {
    let shell = ["sh", "-c", script].map(str::to_owned).to_vec();
    [shell, vec![zero.display().to_string()], toy].concat()
}

/// The state of a process that is still there.
fn state(folder: &Path, name: &str) -> Option<String> {
    let id = fs::read_to_string(folder.join(name)).expect("it ran");
    let stat = fs::read_to_string(format!("/proc/{}/stat", id.trim())).ok()?;
    // Whoever is the parent now has not asked yet how one ended that is over.
    let (_, rest) = stat.rsplit_once(") ")?;
    let is_over = rest.starts_with('X') || (rest.starts_with('Z') && rest.split(' ').nth(17) == Some("1"));
    Some(rest.to_owned()).filter(|_| !is_over)
}

#[test]
fn nothing_that_a_server_has_started_outlives_its_check() {
    let folder = tempfile::tempdir().expect("a folder");
    let told = text(&grade("--patience 1 --check greets", &behind(LEAVES, folder.path(), toy(""))));
    assert!(told.contains("PASS  1 hello / greets"), "{told}");
    assert_eq!((state(folder.path(), "bare"), state(folder.path(), "marked")), (None, None));
}

/// Its first thread ends, the other one waits.
const HEADLESS: &str = "#include <pthread.h>\n#include <unistd.h>\n\
                        static void *wait_on(void *x) { sleep(600); return x; }\n\
                        int main(void) { pthread_t t; pthread_create(&t, 0, wait_on, 0); pthread_exit(0); }\n";
const LEAVES_IT: &str = "setsid sh -c 'echo $$ > \"$0\"/id; exec \"$0\"/headless' \"$0\" & \
                         until [ -s \"$0\"/id ] && grep -q 'State:.Z' /proc/$(cat \"$0\"/id)/status; do sleep 0.02; done; \
                         exec \"$@\"";

#[test]
fn nor_does_one_whose_first_thread_has_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let (source, program) = (folder.path().join("headless.c"), folder.path().join("headless"));
    fs::write(&source, HEADLESS).expect("written");
    let built = Command::new("cc").arg("-pthread").arg("-o").args([&program, &source]).status();
    assert!(built.expect("a C compiler").success());
    let told = text(&grade("--patience 1 --check greets", &behind(LEAVES_IT, folder.path(), toy(""))));
    let left = state(folder.path(), "id");
    assert!(told.contains("PASS  1 hello / greets") && left.is_none(), "{told}{left:?}");
}

/// Starts something and ends at once, when there is a server: a job of the shell whose place the grader takes.
const STRANGER: &str = "(until [ -e \"$0\"/marked ]; do sleep 0.02; done; sleep 600 & echo $! > \"$0\"/stranger) & \
                        exec \"$@\"";
/// Leaves an orphan in a session of its own, and waits for the stranger.
const ORPHAN: &str = "(setsid sh -c 'echo $$ > \"$0\"/marked; exec sleep 600' \"$0\" &); \
                      until [ -s \"$0\"/stranger ]; do sleep 0.02; done; exec \"$@\"";

#[test]
fn who_comes_from_a_shell_that_the_grader_has_replaced_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let grader =
        [env!("CARGO_BIN_EXE_grade"), "--patience", "1", "--check", "greets", "--"].map(str::to_owned).to_vec();
    let grader = [grader, behind(ORPHAN, folder.path(), toy(""))].concat();
    let words = behind(STRANGER, folder.path(), grader);
    // What is left alone would keep a pipe open.
    let file = fs::File::create(folder.path().join("told")).expect("a file");
    let code = Command::new(&words[0]).args(&words[1..]).stdout(file).status().expect("it runs").code();
    let told = fs::read_to_string(folder.path().join("told")).expect("text");
    let (stranger, marked) = (state(folder.path(), "stranger"), state(folder.path(), "marked"));
    let id = fs::read_to_string(folder.path().join("stranger")).expect("it ran");
    let _ = kill(Pid::from_raw(id.trim().parse().expect("an id")), Signal::SIGKILL);
    assert!(code == Some(0) && told.contains("PASS  1 hello / greets"), "{told}");
    assert!(stranger.is_some() && marked.is_none(), "{stranger:?}, {marked:?}");
}

/// Whether all threads of the grader leave SIGQUIT to the one that waits for it: not while a server is being started.
fn blocks_quit(grader: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{grader}/task")).into_iter().flatten().flatten();
    let mut texts = threads.map(|thread| fs::read_to_string(thread.path().join("status")).unwrap_or_default());
    texts.all(|text| {
        let blocked = text.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap_or_default();
        u64::from_str_radix(blocked.trim(), 16).is_ok_and(|set| set & (1 << (Signal::SIGQUIT as i32 - 1)) != 0)
            // The thread that waits is said to block nothing of it.
            || text.starts_with("Name:\tquit\n")
    })
}

#[test]
fn nothing_outlives_a_grader_that_is_interrupted() {
    with_each(&[Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP], |signal| {
        let folder = tempfile::tempdir().expect("a folder");
        let temporary = folder.path().join("temporary");
        fs::create_dir(&temporary).expect("a folder");
        // Its first client waits for ever.
        let server = behind(LEAVES, folder.path(), toy("mute"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_grade"));
        command.args(["--patience", "1", "--check", "greets", "--"]).args(server).env("TMPDIR", &temporary);
        let mut grader = command.stdout(Stdio::null()).spawn().expect("the grader");
        let until = Instant::now() + Duration::from_secs(20);
        let has_begun = |name| fs::metadata(folder.path().join(name)).is_ok_and(|file| file.len() > 0);
        let is_ready = || ["bare", "marked"].into_iter().all(has_begun) && blocks_quit(grader.id());
        while !is_ready() && Instant::now() < until {
            thread::sleep(Duration::from_millis(5));
        }
        kill(Pid::from_raw(grader.id() as i32), *signal).expect("it runs");
        let code = grader.wait().expect("it ends").code();
        let left: Vec<_> = fs::read_dir(&temporary).expect("a folder").collect();
        let alive = [state(folder.path(), "bare"), state(folder.path(), "marked")];
        let expected = Some(if *signal == Signal::SIGQUIT { 131 } else { 130 });
        let is_right = code == expected && left.is_empty() && alive == [None, None];
        (!is_right).then(|| format!("{signal}: {code:?}, {left:?}, {alive:?}"))
    });
}

/// Scripts, as people write them to start a server.
const SCRIPTS: [&str; 4] = [
    "\"$@\"; exit",
    "exec setsid -w \"$@\"",
    "\"$@\" & wait $!",
    "trap 'kill $id' TERM; \"$@\" & id=$!; wait $id; wait $id",
];

/// What looks at the server's processes, and what ends them.
const LOOKS: &str = "--all --check descriptors --check kept-after-kill --check sigterm \
                     --check restart-at-once --check numbers-go-on";

#[test]
fn a_server_behind_a_script_is_judged_as_it_would_be_without() {
    with_each(&SCRIPTS, |script| {
        let told = text(&grade(LOOKS, &behind(script, Path::new("x"), toy(""))));
        (!told.contains("12 of  12 points")).then(|| format!("{script}:\n{told}"))
    });
    let bugs = [("never-closed", "descriptors"), ("ok-before-disk", "kept-after-kill"), ("exit-1", "sigterm")];
    with_each(&bugs, |(bug, check)| {
        let server = behind(SCRIPTS[1], Path::new("x"), toy(bug));
        let told = text(&grade(&format!("--patience 1 --check {check}"), &server));
        (!told.contains("FAIL ")).then(|| format!("{bug}:\n{told}"))
    });
}

/// What a killed one has left is no connection.
#[test]
fn a_lock_file_that_was_left_is_told_from_a_port() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = "[ -e \"$0\" ] && echo stale lock >&2 && exit 1; : > \"$0\"; exec \"$@\"";
    let lock = folder.path().join("lock");
    let output = grade("--patience 1 --check restart-at-once", &behind(script, &lock, toy("")));
    let told = text(&output);
    assert!(told.contains("FAIL  9 endings / restart-at-once") && told.contains("     stale lock\n"), "{told}");
    assert!(told.contains("   It does not start again. It ended before it listened: exit code 1.\n"), "{told}");
    assert_eq!(output.status.code(), Some(1), "{told}");
}

#[test]
fn what_a_check_has_left_on_the_disk_is_gone_when_the_next_one_begins() {
    let folder = tempfile::tempdir().expect("a folder");
    let seen = folder.path().join("seen");
    let script = "ls \"$DATA/../..\" >> \"$0\"; exec \"$@\"";
    let server = [vec!["env".to_owned(), "DATA={data}".to_owned()], behind(script, &seen, toy(""))].concat();
    let told = text(&grade("--patience 1 --check greets --check answers-help", &server));
    assert_eq!(fs::read_to_string(&seen).expect("it ran"), "greets\nanswers-help\n", "{told}");
}

#[test]
fn where_only_a_script_knows_how_the_server_ended_that_is_said() {
    let script = "trap 'kill $id; wait $id; exit 7' TERM; \"$@\" & id=$!; wait $id";
    let told = text(&grade("--patience 1 --check sigterm", &behind(script, Path::new("x"), toy(""))));
    assert!(told.contains("(exit code 7)") && told.contains("A script is to hand on the exit code"), "{told}");
}
