//! Files between clients, each a process of its own, and people with netcat: sharing, looking, fetching, serving.

use crate::harness::callee::prove;
use crate::harness::client::ClientProcess;
use crate::harness::{LIMIT, Lines, TestServer, wait_until};
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A folder to share, one for downloads, and a server.
struct Stage {
    server: TestServer,
    folder: TempDir,
}

impl Stage {
    fn new() -> Stage {
        let stage = Stage { server: TestServer::start(&["--rate", "off"]), folder: tempfile::tempdir().expect("one") };
        ["shared", "downloads"].iter().for_each(|name| fs::create_dir(stage.folder.path().join(name)).expect("made"));
        stage
    }

    fn path(&self, inside: &str) -> String {
        self.folder.path().join(inside).display().to_string()
    }

    fn share(&self, file: &str, content: &[u8]) {
        fs::write(self.folder.path().join("shared").join(file), content).expect("written");
    }

    /// A client that shares, once its files are known.
    fn owner(&self, more: &[&str]) -> ClientProcess {
        let shared = self.path("shared");
        let options = ["--user", "bob", "--signup", "--share", &shared];
        let mut owner = ClientProcess::start(self.server.address, &[&options, more].concat());
        owner.see("Sharing ");
        owner
    }

    fn fetcher(&self) -> ClientProcess {
        let downloads = self.path("downloads");
        let options = ["--user", "alice", "--signup", "--downloads", &downloads];
        let mut fetcher = ClientProcess::start(self.server.address, &options);
        fetcher.see("Logged in as alice.");
        fetcher
    }

    fn fetched(&self, file: &str) -> Vec<u8> {
        fs::read(self.folder.path().join("downloads").join(file)).expect("fetched")
    }
}

/// Asks bob for a file as a person with netcat does, with a ticket from `connect_`.
fn ask_for(session: &mut Lines, name: &str, file: &str, offset: &str) -> BufReader<TcpStream> {
    session.send("connect_bob");
    let answer = session.answer();
    let field = |start: &str| answer.iter().find_map(|line| line.strip_prefix(start)).expect("an introduction");
    let mut stream = TcpStream::connect(field("peer_")).expect("bob listens");
    stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
    writeln!(stream, "FILE,{file},{name},{}{offset}", field("ticket_bob_")).expect("sent");
    BufReader::new(stream)
}

fn line(reader: &mut impl BufRead) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).expect("a line within the limit");
    line
}

#[test]
fn every_kind_of_name_goes_from_end_to_end() {
    let stage = Stage::new();
    let long = format!("{}🎉", "ü".repeat(125));
    let names = [
        "notes.txt",
        "a, b.txt",
        "\"quoted\"",
        "it's 100% \\ $HOME; `x` & *",
        " both ends ",
        "日本 🎉.pdf",
        "-rf",
        &long,
    ];
    names.iter().for_each(|name| stage.share(name, name.as_bytes()));
    stage.share(".hidden", b"secret");
    stage.share("x.part", b"unfinished");
    fs::write(stage.folder.path().join("secret"), "secret").expect("written");
    symlink("../secret", stage.folder.path().join("shared/link")).expect("linked");
    let odd = OsString::from_vec(b"caf\xe9".to_vec());
    fs::write(stage.folder.path().join("shared").join(odd), "odd").expect("written");
    let bob = stage.owner(&[]);
    assert!(bob.seen.iter().any(|line| line.contains("Not shared: \"caf\\xE9\"")), "{:#?}", bob.seen);
    let mut alice = stage.fetcher();
    alice.say("files bob");
    alice.see(&format!("{} files", names.len()));
    // Behind each name stands its size, and a date.
    let name = |line: &String| Some(line.strip_prefix("bob ")?.rsplit_once("  (")?.0.to_owned());
    let listed: Vec<_> = alice.seen.iter().filter_map(name).collect();
    assert_eq!(listed.len(), names.len(), "{:#?}", alice.seen);
    listed.iter().for_each(|typed| alice.say(&format!("get bob {typed}")));
    assert_eq!(alice.finish(), Some(0), "{:#?}", alice.seen);
    names.iter().for_each(|name| assert_eq!(stage.fetched(name), name.as_bytes(), "{name}"));
    assert_eq!(fs::read_dir(stage.path("downloads")).expect("there").count(), names.len());
}

#[test]
fn what_changes_in_the_folder_is_told_again() {
    let stage = Stage::new();
    stage.share("one", b"1");
    let _bob = stage.owner(&[]);
    let mut session = stage.server.join("carol");
    let mut seen = |wanted: &str| {
        let until = Instant::now() + LIMIT;
        while session.ask("GET_UF,bob") != wanted {
            assert!(Instant::now() < until, "{wanted}");
        }
    };
    seen("OK,1 file");
    stage.share("two", b"2");
    seen("OK,2 files");
    fs::remove_file(stage.path("shared/one")).expect("removed");
    fs::remove_file(stage.path("shared/two")).expect("removed");
    seen("OK,0 files");
}

#[test]
fn what_was_fetched_into_the_shared_folder_is_shared_in_turn() {
    let stage = Stage::new();
    stage.share("notes.txt", b"hello");
    let _bob = stage.owner(&[]);
    let downloads = stage.path("downloads");
    let mut carol = ClientProcess::start(stage.server.address, &["--user", "carol", "--signup", "--share", &downloads]);
    carol.see("Sharing 0 files");
    carol.say("get bob notes.txt");
    carol.see("verified, saved as");
    let mut session = stage.server.join("looker");
    let until = Instant::now() + LIMIT;
    while session.ask("GET_UF,carol") != "OK,1 file" {
        assert!(Instant::now() < until);
    }
}

#[test]
fn ten_thousand_names() {
    let stage = Stage::new();
    let mut session = stage.server.join("bob");
    assert_eq!(session.ask("INIT,bob,4401"), "OK");
    for hundred in 0..100 {
        let names: Vec<_> =
            (0..100).map(|n| format!("a rather long name of a file {:05}", 100 * hundred + n)).collect();
        assert_eq!(session.ask(&format!("SHARE,{}", names.join(","))), "UP");
    }
    let mut alice = stage.fetcher();
    alice.say("files bob");
    alice.see("10000 files");
    assert_eq!(alice.seen.iter().filter(|line| line.starts_with("bob a rather")).count(), 10_000);
    let refused = session.ask("SHARE,one-more");
    assert!(refused.starts_with("ERR,Too many files: at most 10000 names"), "{refused}");
}

#[test]
fn a_file_that_is_there_is_never_overwritten() {
    let stage = Stage::new();
    stage.share("notes.txt", b"theirs");
    let _bob = stage.owner(&[]);
    fs::write(stage.path("downloads/notes.txt"), "mine").expect("written");
    let mut alice = stage.fetcher();
    alice.say("get bob notes.txt");
    alice.see("notes (1).txt");
    alice.say("get bob notes.txt");
    alice.see("notes (2).txt");
    assert_eq!(alice.finish(), Some(0));
    assert_eq!(stage.fetched("notes.txt"), b"mine");
    assert_eq!(stage.fetched("notes (1).txt"), b"theirs");
}

#[test]
fn a_folder_that_is_not_there_is_said_before_anything_is_sent() {
    for option in ["--share", "--downloads"] {
        let output = Command::new(env!("CARGO_BIN_EXE_client"))
            .args(["127.0.0.1", "1", "--user", "alice", option, "/nowhere/at/all"])
            .env("PEERLINE_PASSWORD", "password")
            .output()
            .expect("the client runs");
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("/nowhere/at/all: No such file"), "{said}");
    }
}

#[test]
fn netcat_fetches_with_a_ticket_and_only_what_is_shared() {
    let stage = Stage::new();
    stage.share("notes.txt", b"hello");
    fs::create_dir(stage.path("shared/sub")).expect("made");
    fs::write(stage.path("secret"), "secret").expect("written");
    let mut bob = stage.owner(&[]);
    let mut session = stage.server.join("carol");
    let hash = "sha256_2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\n";
    for (offset, rest) in [("", "hello"), (",0", "hello"), (",3", "lo"), (",5", "")] {
        let mut answer = String::new();
        ask_for(&mut session, "carol", "notes.txt", offset).read_to_string(&mut answer).expect("text");
        assert_eq!(answer, format!("OK,5\n{rest}{hash}"), "{offset}");
    }
    bob.see("Sent notes.txt to carol: 5 bytes");
    let beyond = line(&mut ask_for(&mut session, "carol", "notes.txt", ",6"));
    assert_eq!(beyond, "ERR,OFFSET 6 is beyond the end: notes.txt has 5 bytes\n");
    for name in ["../secret", "/etc/passwd", "..", ".", "sub", "sub/x", "\"a\nb\"", "nothing", "notes.txt/", ""] {
        let answer = line(&mut ask_for(&mut session, "carol", name, ""));
        assert!(answer.starts_with("ERR,"), "{name:?}: {answer}");
    }
    // The ticket is carol's.
    let stolen = line(&mut ask_for(&mut session, "eve", "notes.txt", ""));
    assert!(stolen.starts_with("ERR,Not introduced"), "{stolen}");
}

#[test]
fn others_wait_in_line_for_a_slot() {
    let stage = Stage::new();
    let size = 32 << 20;
    stage.share("big", &vec![7; size]);
    stage.share("small", b"hello");
    let _bob = stage.owner(&["--upload-slots", "1"]);
    let mut session = stage.server.join("carol");
    let mut first = ask_for(&mut session, "carol", "big", "");
    assert_eq!(line(&mut first), format!("OK,{size}\n"));
    // Carol does not read on, so bob cannot finish.
    let mut second = ask_for(&mut session, "carol", "small", "");
    second.get_ref().set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
    assert!(second.fill_buf().is_err(), "the slot is taken");
    second.get_ref().set_read_timeout(Some(LIMIT)).expect("a timeout");
    let mut rest = Vec::new();
    first.read_to_end(&mut rest).expect("all of it");
    assert_eq!(rest.len(), size + "sha256_\n".len() + 64);
    assert_eq!(line(&mut second), "OK,5\n");
}

#[test]
fn whoever_takes_nothing_is_closed_and_the_slot_is_free() {
    let stage = Stage::new();
    stage.share("big", &vec![7; 32 << 20]);
    let mut bob = stage.owner(&["--upload-slots", "1", "--stall", "100ms"]);
    let mut session = stage.server.join("carol");
    let _stalled = ask_for(&mut session, "carol", "big", "");
    bob.see("big to carol: the other side takes nothing any more");
    let mut second = ask_for(&mut session, "carol", "big", "");
    assert_eq!(line(&mut second), format!("OK,{}\n", 32 << 20));
}

#[test]
fn a_file_that_changes_while_it_is_sent_comes_without_a_hash() {
    let stage = Stage::new();
    let size: usize = 32 << 20;
    stage.share("log", &vec![7; size]);
    let mut bob = stage.owner(&[]);
    let mut session = stage.server.join("carol");
    let mut grows = ask_for(&mut session, "carol", "log", "");
    assert_eq!(line(&mut grows), format!("OK,{size}\n"));
    let file = fs::OpenOptions::new().append(true).open(stage.path("shared/log")).expect("there");
    (&file).write_all(b"one more line\n").expect("written");
    grows.by_ref().take(size as u64).read_to_end(&mut Vec::new()).expect("what was promised");
    assert_eq!(line(&mut grows), "ERR,log has changed while it was sent\n");
    bob.see("log to carol: has changed while it was sent");
    let mut shrinks = ask_for(&mut session, "carol", "log", "");
    line(&mut shrinks);
    file.set_len(1 << 20).expect("shorter");
    let mut rest = Vec::new();
    shrinks.read_to_end(&mut rest).expect("the end");
    assert!(rest.len() < size, "{} bytes, and the connection is closed", rest.len());
    bob.see("log to carol: has become shorter while it was sent");
}

#[test]
fn fetches_queue_and_are_cancelled() {
    let stage = Stage::new();
    // An owner who proves who it is, and never answers.
    let mut mallory = stage.server.join("mallory");
    let silent = std::net::TcpListener::bind((mallory.ip.as_str(), 0)).expect("an address of loopback");
    let port = silent.local_addr().expect("bound").port();
    assert_eq!(mallory.ask(&format!("INIT,mallory,{port},1,2,3,4,5")), "OK");
    let mut alice = stage.fetcher();
    (1..=5).for_each(|number| alice.say(&format!("get mallory {number}")));
    alice.see("Fetching 4 from mallory: waiting for 3 others");
    alice.see("Fetching 5 from mallory: waiting for 4 others");
    alice.say("get mallory 2");
    alice.see("2 is being fetched from mallory already");
    let mut take = || {
        let stream = silent.accept().expect("a fetch").0;
        prove(&mut mallory, &stream);
        stream
    };
    let _held: Vec<_> = (0..3).map(|_| take()).collect();
    alice.say("cancel 5");
    alice.see("5 from mallory: stopped at 0 bytes");
    alice.say("cancel 2");
    alice.see("2 from mallory: stopped at 0 bytes");
    let _fourth = take();
    alice.say("transfers");
    for name in ["1", "3", "4"] {
        alice.see(&format!("Fetching {name} from mallory: waiting"));
    }
    alice.say("cancel 9");
    alice.see("There is no transfer 9");
    alice.say("cancel all");
    alice.see("stopped");
    assert_eq!(alice.finish(), Some(1));
    assert_eq!(fs::read_dir(stage.path("downloads")).expect("there").count(), 0, "nothing arrived");
}

/// The round trips are printed, not judged: they are the machine's as much as ours.
#[test]
fn ten_fetches_at_a_time_while_both_chat() {
    let stage = Stage::new();
    let size = 8 << 20;
    (0..10).for_each(|number| stage.share(&number.to_string(), &vec![number; size]));
    let mut bob = stage.owner(&["--upload-slots", "10"]);
    let mut alice = stage.fetcher();
    alice.say("chat bob");
    bob.see("alice wants to chat");
    bob.say("accept");
    alice.see("Chat with bob opened");
    bob.see("Chat with alice opened");
    // Ten people with netcat, who read as fast as they can.
    let mut session = stage.server.join("carol");
    let fetches: Vec<_> = (0..10).map(|number| ask_for(&mut session, "carol", &number.to_string(), "")).collect();
    let mut rounds = Vec::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = fetches
            .into_iter()
            .map(|mut fetch| {
                scope.spawn(move || {
                    let mut all = Vec::new();
                    fetch.read_to_end(&mut all).expect("all of it");
                    assert!(all.len() > size);
                })
            })
            .collect();
        while rounds.is_empty() || !threads.iter().all(|thread| thread.is_finished()) {
            let (began, number) = (Instant::now(), rounds.len());
            alice.say(&format!("ping {number}"));
            bob.see(&format!("alice: ping {number}"));
            bob.say(&format!("pong {number}"));
            alice.see(&format!("bob: pong {number}"));
            rounds.push(began.elapsed());
        }
    });
    rounds.sort();
    let (count, median, longest) = (rounds.len(), rounds[rounds.len() / 2], rounds[rounds.len() - 1]);
    println!("{count} round trips of a chat beside ten fetches of 8 MiB: median {median:?}, at the most {longest:?}");
}

#[test]
fn a_disk_that_takes_no_more_is_named_and_the_client_lives_on() {
    let stage = Stage::new();
    stage.share("big", &vec![7; 1 << 20]);
    stage.share("small", b"hello");
    let _bob = stage.owner(&[]);
    // A limit on the size of files stands for a full disk. The limit is in units of 512 bytes.
    let client = env!("CARGO_BIN_EXE_client");
    let (ip, port) = (stage.server.address.ip(), stage.server.address.port());
    let command = format!(
        "trap '' XFSZ; ulimit -f 128; exec {client} {ip} {port} --user alice --signup --downloads '{}' \
         --exec 'get bob big; wait; get bob small; wait'",
        stage.path("downloads")
    );
    let output = Command::new("bash")
        .args(["-c", &command])
        .env("PEERLINE_PASSWORD", "password")
        .output()
        .expect("bash runs the client");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("big from bob: ") && errors.contains("big.part: File too large"), "{errors}");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stage.fetched("small"), b"hello");
    assert_eq!(stage.fetched("big.part").len(), 128 * 1024, "what arrived stays");
    assert!(Path::new(&stage.path("downloads/big.part.from")).exists());
    wait_until("nothing else is left", || fs::read_dir(stage.path("downloads")).expect("there").count() == 3);
}
