//! Commands on each other's machines, asked for and agreed to: real clients, and people with netcat.

use crate::harness::client::ClientProcess;
use crate::harness::{LIMIT, Lines, TestServer, read, send_signal};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;
use tempfile::TempDir;

/// An owner of a machine, with a consent log and files of their own.
struct Owner {
    client: ClientProcess,
    folder: TempDir,
}

impl Owner {
    fn join(server: &TestServer, name: &str, options: &[&str]) -> Owner {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("consent.csv");
        Owner { client: join(server, name, &log, options), folder }
    }

    /// The rows of the consent log without time and address.
    fn rows(&self) -> Vec<String> {
        let text = read(&self.folder.path().join("consent.csv"));
        let rows = text.lines().map(peerline::value::comma::split);
        rows.map(|row| [&row[1..3], &row[4..]].concat().join(" | ")).collect()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command that writes its process id into a file and then does not end.
    fn endless(&self) -> (String, PathBuf) {
        let file = self.file("id");
        (format!("sh -c 'echo $$ > {}; sleep 1000'", file.display()), file)
    }
}

fn join(server: &TestServer, name: &str, log: &Path, options: &[&str]) -> ClientProcess {
    let log = log.to_str().expect("a path in UTF-8");
    let fixed = ["--user", name, "--signup", "--consent-log", log];
    let mut client = ClientProcess::start(server.address, &[&fixed, options].concat());
    client.see(&format!("Logged in as {name}."));
    client
}

/// A connection on which `asker`, who has no client, asks `owner` to run `command`; `rest` follows.
fn ask_raw(asker: &mut Lines, name: &str, owner: &str, rest: &str) -> Lines {
    asker.send(&format!("connect_{owner}"));
    let answer = asker.answer();
    let ticket = answer[0].strip_prefix(&format!("ticket_{owner}_")).expect("a ticket");
    let peer = answer[1].strip_prefix("peer_").expect("an address").parse().expect("an address");
    let mut lines = Lines::connect(peer);
    lines.send(&format!("RUN,{name},{ticket},{rest}"));
    lines
}

/// Waits until a file holds a line, and gives it.
fn line_of(path: &Path) -> String {
    wait_until(|| read(path).ends_with('\n'), "a line in the file");
    read(path).trim().to_owned()
}

fn wait_until(done: impl Fn() -> bool, what: &str) {
    let until = Instant::now() + LIMIT;
    while !done() {
        assert!(Instant::now() < until, "not in time: {what}");
        thread::yield_now();
    }
}

fn is_alive(id: &str) -> bool {
    Path::new("/proc").join(id).exists()
}

#[test]
fn what_is_on_the_list_runs_without_a_question() {
    let server = TestServer::start(&[]);
    let mut bob = Owner::join(&server, "bob", &["--allow-run", "echo hi,sh -c 'echo out; echo err >&2; exit 3'"]);
    let mut alice = ClientProcess::join(server.address, "alice");
    alice.say("run bob  echo   'hi'");
    assert_eq!(alice.see("[run] bob"), "[run] bob: hi");
    alice.see("bob ran: echo   'hi': exit 0");
    alice.say("run bob sh -c 'echo out; echo err >&2; exit 3'");
    alice.see("exit 3");
    assert!(alice.seen.contains(&"[run] bob: out".to_owned()), "{:#?}", alice.seen);
    // A command that fails was run as asked for.
    assert_eq!(alice.finish(), Some(0));
    assert!(alice.seen.contains(&"[run, error] bob: err".to_owned()), "{:#?}", alice.seen);
    bob.client.see("alice runs here: echo hi");
    assert_eq!(bob.client.finish(), Some(0));
    let rows = bob.rows();
    assert_eq!(rows[..2], ["bob | alice | on the list |  | echo hi", "bob | alice | on the list | exit 0 | echo hi"]);
    assert_eq!(rows.len(), 4);
}

#[test]
fn what_is_not_on_the_list_is_asked_for() {
    let server = TestServer::start(&[]);
    let mut bob = Owner::join(&server, "bob", &["--allow-run", "echo hi"]);
    let mut alice = ClientProcess::join(server.address, "alice");
    alice.say("run bob echo 'hi  there' \u{202e}; id");
    bob.client.see("alice asks to run here: echo 'hi  there' '\\u{202e};' id ");
    bob.client.say("allow");
    alice.see("[run] bob: hi  there \\u{202e}; id");
    alice.say("run bob echo no");
    bob.client.see("alice asks to run here: echo no");
    bob.client.say("decline alice");
    bob.client.see("Declined alice");
    alice.see("bob does not run echo no: declined");
    assert_eq!((alice.finish(), bob.client.finish()), (Some(1), Some(0)));
    let decisions: Vec<_> = bob.rows().iter().map(|row| row.split(" | ").nth(2).expect("there").to_owned()).collect();
    assert_eq!(decisions, ["allowed", "allowed", "declined"]);
}

#[test]
fn no_answer_is_a_no_and_one_question_a_person_at_a_time() {
    let server = TestServer::start(&[]);
    let mut bob = Owner::join(&server, "bob", &["--run-question", "300ms", "--allow-run", "echo hi"]);
    let mut alice = ClientProcess::join(server.address, "alice");
    let mut carol = server.join("carol");
    let mut ann = Owner::join(&server, "ann", &[]);
    let waits = ask_raw(&mut carol, "carol", "ann", "id");
    ann.client.see("carol asks to run here: id");
    assert_eq!(ask_raw(&mut carol, "carol", "ann", "date").line(), "ERR,busy");
    // Others can ask meanwhile.
    alice.say("chat ann");
    ann.client.see("alice wants to chat: accept 2 or decline 2?");
    ann.client.say("decline 2");
    alice.see("No chat with ann: declined");
    waits.hang_up();
    ann.client.see("carol asked to run a command at ");
    assert_eq!(ann.client.finish(), Some(0));
    assert_eq!(ann.rows(), ["ann | carol | busy |  | date", "ann | carol | hung up |  | id"]);
    let mut asking = ask_raw(&mut carol, "carol", "bob", "id");
    bob.client.see("carol asks to run here: id");
    alice.say("run bob echo hi");
    alice.see("[run] bob: hi");
    assert_eq!(asking.line(), "ERR,no answer");
    bob.client.see("carol asked to run a command at ");
    bob.client.say("decline");
    let hangs_up = ask_raw(&mut carol, "carol", "bob", "id");
    bob.client.see("carol asks to run here: id");
    bob.client.see("Declined carol");
    drop(hangs_up);
    assert_eq!(bob.client.finish(), Some(0));
}

#[test]
fn nothing_runs_without_consent_or_ticket() {
    let server = TestServer::start(&[]);
    let mut bob = Owner::join(&server, "bob", &["--no-run"]);
    let mut carol = Owner::join(&server, "carol", &["--allow-run", "id"]);
    let mut alice = ClientProcess::join(server.address, "alice");
    alice.say("run bob id");
    alice.see("bob does not run id: not allowed");
    let mut eve = server.join("eve");
    let answer = eve.ask("GET_P,carol");
    let mut fields = answer.split(',').skip(1);
    let at = format!("{}:{}", fields.next().expect("an IP"), fields.next().expect("a port"));
    for ticket in ["", "00112233445566778899aabbccddeeff"] {
        let mut lines = Lines::connect(at.parse().expect("an address"));
        lines.send(&format!("RUN,alice,{ticket},id"));
        assert!(lines.line().starts_with("ERR,Not introduced"), "{ticket}");
    }
    // A ticket proves one name only.
    assert!(ask_raw(&mut eve, "alice", "carol", "id").line().starts_with("ERR,Not introduced"));
    assert_eq!((alice.finish(), bob.client.finish(), carol.client.finish()), (Some(1), Some(0), Some(0)));
    assert_eq!(bob.rows(), ["bob | alice | not allowed |  | id"]);
    let strangers = [" | ? | not introduced |  | id", " | ? | not introduced | 2 more within an hour | "];
    assert_eq!(carol.rows(), strangers);
}

#[test]
fn what_cannot_be_recorded_does_not_run() {
    let server = TestServer::start(&[]);
    let mut bob = join(&server, "bob", Path::new("/proc/no/log"), &["--allow-run", "echo hi"]);
    let mut alice = ClientProcess::join(server.address, "alice");
    alice.say("run bob echo hi");
    alice.see("bob does not run echo hi: not run, as it cannot be recorded here");
    bob.see("/proc/no/log");
    assert_eq!(bob.finish(), Some(0));
}

#[test]
fn nothing_in_a_command_is_for_a_shell() {
    let server = TestServer::start(&[]);
    let file = tempfile::tempdir().expect("a folder");
    let target = file.path().join("made");
    let target = target.display();
    let commands = [
        format!("echo a; touch {target}"),
        format!("echo a | tee {target}"),
        format!("echo $(touch {target})"),
        format!("echo `touch {target}` > {target}"),
        format!("echo a && touch {target} & touch {target}"),
    ];
    let listed: Vec<String> = commands.iter().map(|command| format!("\"{command}\"")).collect();
    let mut bob = Owner::join(&server, "bob", &["--allow-run", &listed.join(",")]);
    let mut alice = ClientProcess::join(server.address, "alice");
    for command in &commands {
        alice.say(&format!("run bob {command}"));
        let words = command.strip_prefix("echo ").expect("all begin so");
        assert_eq!(alice.see("[run] bob: "), format!("[run] bob: {words}"));
    }
    alice.say("run bob echo 'a");
    alice.see("bob does not run echo 'a: The command has an open quote");
    assert_eq!((alice.finish(), bob.client.finish()), (Some(1), Some(0)));
    assert!(!file.path().join("made").exists());
}

#[test]
fn a_command_is_one_line() {
    let server = TestServer::start(&[]);
    let mut bob = Owner::join(&server, "bob", &["--allow-run", "echo a"]);
    let mut carol = server.join("carol");
    // What follows the line end is no part of it, and is not carried out.
    let mut lines = ask_raw(&mut carol, "carol", "bob", "\"echo a\ntouch made\"");
    assert_eq!((lines.line(), lines.line()), ("OK,0,2,0".to_owned(), "a".to_owned()));
    lines.wait_for_end();
    for (command, answer) in [
        ("echo \u{1} a", "ERR,Control character"),
        ("", "ERR,There is no command"),
        ("  # nothing", "ERR,There is no command"),
        ("a,b", "ERR,Send RUN,name,TICKET,command"),
    ] {
        let line = ask_raw(&mut carol, "carol", "bob", command).line();
        assert!(line.starts_with(answer), "{command:?}: {line}");
    }
    assert_eq!(
        ask_raw(&mut carol, "carol", "bob", &"x".repeat(5000)).line(),
        "ERR,Line too long: at most 4096 bytes with its line end"
    );
    let mut alice = ClientProcess::join(server.address, "alice");
    alice.say(&format!("run bob echo {}", "x".repeat(4075)));
    alice.see("the command is too long for a line of 4096 bytes");
    assert_eq!((alice.finish(), bob.client.finish()), (Some(1), Some(0)));
    assert_eq!(bob.rows().len(), 2);
}

#[test]
fn a_missing_program_and_one_that_may_not_be_run() {
    let server = TestServer::start(&[]);
    let mut bob = Owner::join(&server, "bob", &["--allow-run", "no-such-program,/etc/passwd x"]);
    let mut alice = ClientProcess::join(server.address, "alice");
    alice.say("run bob no-such-program");
    alice.see("bob does not run no-such-program: no such program here");
    alice.say("run bob /etc/passwd x");
    alice.see("bob does not run /etc/passwd x: Permission denied");
    assert_eq!((alice.finish(), bob.client.finish()), (Some(1), Some(0)));
    assert_eq!(bob.rows()[1], "bob | alice | on the list | not run: no such program here | no-such-program");
}

#[test]
fn limits_stop_a_command_and_what_came_is_shown() {
    let server = TestServer::start(&[]);
    let endless = "sh -c 'echo begun; sleep 1000'";
    let listed = format!("yes,head -c 65536 /dev/zero,\"{endless}\",printf '\\377\\033[31m\\t.'");
    let mut bob = Owner::join(&server, "bob", &["--run-time", "400ms", "--allow-run", &listed]);
    let mut alice = ClientProcess::join(server.address, "alice");
    alice.say(&format!("run bob {endless}"));
    alice.see("bob ran: sh -c 'echo begun; sleep 1000': stopped: it took too long");
    alice.see("[run] bob: begun");
    alice.say("run bob yes");
    alice.see("bob ran: yes: stopped: more than 65536 bytes of output");
    alice.say("run bob printf '\\377\\033[31m\\t.'");
    alice.see("[run] bob: \\xff\\u{1b}[31m       .");
    let mut carol = server.join("carol");
    let mut exact = ask_raw(&mut carol, "carol", "bob", "head -c 65536 /dev/zero");
    assert_eq!(exact.line(), "OK,0,65536,0");
    let mut bytes = Vec::new();
    exact.rest().read_to_end(&mut bytes).expect("all of it");
    assert_eq!(bytes, vec![0; 65536]);
    // A limit is a refusal, to a script.
    assert_eq!((alice.finish(), bob.client.finish()), (Some(1), Some(0)));
}

#[test]
fn nothing_is_left_when_the_asker_hangs_up() {
    let server = TestServer::start(&[]);
    let mut bob = Owner::join(&server, "bob", &[]);
    let mut carol = server.join("carol");
    let (command, file) = bob.endless();
    let asking = ask_raw(&mut carol, "carol", "bob", &command);
    bob.client.say("allow");
    let id = line_of(&file);
    bob.client.say("peers");
    bob.client.see("carol runs here: sh -c");
    asking.hang_up();
    bob.client.see("hung up");
    assert!(!is_alive(&id));
    assert!(bob.rows()[1].contains("| hung up |"), "{:?}", bob.rows());
    assert_eq!(bob.client.finish(), Some(0));
}

#[test]
fn the_owner_stops_it_or_leaves() {
    let server = TestServer::start(&[]);
    let mut bob = Owner::join(&server, "bob", &[]);
    let mut carol = server.join("carol");
    let (command, file) = bob.endless();
    let mut asking = ask_raw(&mut carol, "carol", "bob", &command);
    bob.client.say("allow carol");
    let id = line_of(&file);
    bob.client.say("close carol");
    assert_eq!(asking.line(), "ERR,stopped");
    assert!(!is_alive(&id));
    std::fs::remove_file(&file).expect("there");
    let mut asking = ask_raw(&mut carol, "carol", "bob", &command);
    bob.client.say("allow 2");
    let id = line_of(&file);
    bob.client.say("quit");
    assert_eq!(asking.line(), "ERR,stopped");
    assert_eq!(bob.client.finish(), Some(0));
    assert!(!is_alive(&id));
    let mut ann = Owner::join(&server, "ann", &[]);
    let mut asking = ask_raw(&mut carol, "carol", "ann", "id");
    ann.client.see("carol asks to run here: id");
    assert_eq!(ann.client.finish(), Some(0));
    assert_eq!(asking.line(), "ERR,no answer");
    let mut bob = Owner::join(&server, "ben", &[]);
    let (command, file) = bob.endless();
    let asking = ask_raw(&mut carol, "carol", "ben", &command);
    bob.client.say("allow");
    let id = line_of(&file);
    send_signal(bob.client.id(), "INT");
    assert_eq!(bob.client.finish(), Some(0));
    assert!(!is_alive(&id));
    drop(asking);
}

#[test]
fn the_asker_quits_in_the_middle() {
    let server = TestServer::start(&[]);
    let mut bob = Owner::join(&server, "bob", &[]);
    let mut alice = ClientProcess::join(server.address, "alice");
    let (command, file) = bob.endless();
    alice.say(&format!("run bob {command}"));
    bob.client.say("allow");
    let id = line_of(&file);
    send_signal(alice.id(), "TERM");
    assert_eq!(alice.finish(), Some(0));
    bob.client.see("hung up");
    assert!(!is_alive(&id));
    assert_eq!(bob.client.finish(), Some(0));
}

#[test]
fn a_question_in_the_middle_of_a_chat() {
    let server = TestServer::start(&[]);
    let mut bob = Owner::join(&server, "bob", &[]);
    let mut alice = ClientProcess::join(server.address, "alice");
    alice.say("chat bob");
    bob.client.say("accept");
    alice.see("Chat with bob opened");
    alice.say("!back");
    alice.say("run bob echo hi");
    bob.client.see("alice asks to run here: echo hi");
    bob.client.say("allow me to think");
    alice.see("[chat] bob: allow me to think");
    // A question has just gone, so a yes that names none might be meant for that one.
    bob.client.say("!allow");
    bob.client.see("Which? allow 2 (alice: echo hi)");
    bob.client.say("/allow 2");
    alice.see("[run] bob: hi");
    assert_eq!((alice.finish(), bob.client.finish()), (Some(0), Some(1)));
}
