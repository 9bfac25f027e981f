//! Fetching over bad connections, from owners whose files change, and from owners who lie.

use crate::harness::callee::prove;
use crate::harness::client::ClientProcess;
use crate::harness::meddler::{Fate, Fates, Listening, Meddler};
use crate::harness::{Lines, TestServer, wait_until};
use peerline::net::listener::Service;
use peerline::net::{Place, Refused};
use serde_json::{Value, json};
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// The bytes of the answer before those of a file of some megabytes.
const ANSWER: u64 = "OK,4000000\n".len() as u64;
/// How much of a file arrives where it does not as a whole: 976.6 KiB.
const ARRIVED: u64 = 1_000_000;

/// A server, a client that shares `big`, and a folder for downloads.
struct Stage {
    server: TestServer,
    folder: TempDir,
    bob: ClientProcess,
    content: Vec<u8>,
}

impl Stage {
    fn new(size: usize) -> Stage {
        let server = TestServer::start(&["--rate", "off"]);
        let folder = tempfile::tempdir().expect("a folder");
        ["shared", "downloads"].iter().for_each(|name| fs::create_dir(folder.path().join(name)).expect("made"));
        // No piece of it is like another, so that none can stand for another.
        let content: Vec<u8> = (0..size as u64 / 8).flat_map(u64::to_ne_bytes).collect();
        fs::write(folder.path().join("shared/big"), &content).expect("written");
        let shared = folder.path().join("shared").display().to_string();
        let mut bob = ClientProcess::start(server.address, &["--user", "bob", "--signup", "--share", &shared]);
        bob.see("Sharing 1 file ");
        server.join("alice").ask("quit");
        Stage { server, folder, bob, content }
    }

    fn fetcher(&self, server: SocketAddr) -> ClientProcess {
        let downloads = self.path("downloads").display().to_string();
        let mut fetcher = ClientProcess::start(server, &["--user", "alice", "--downloads", &downloads]);
        fetcher.see("Logged in as alice.");
        fetcher
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    fn part_length(&self) -> u64 {
        fs::metadata(self.path("downloads/big.part")).map_or(0, |data| data.len())
    }

    fn wait_for_part(&self) {
        wait_until("the part", || self.part_length() == ARRIVED);
    }

    fn assert_fetched(&self) {
        assert!(fs::read(self.path("downloads/big")).expect("fetched") == self.content, "another content");
        assert_eq!(fs::read_dir(self.path("downloads")).expect("there").count(), 1, "nothing is left over");
    }
}

/// Numbers below `limit`, other ones at each run: a test that fails prints them.
fn random_numbers(limit: u64) -> impl Iterator<Item = u64> {
    let seed = RandomState::new();
    (0_u64..).map(move |number| seed.hash_one(number) % limit)
}

#[test]
fn a_hundred_cuts_end_in_a_whole_file() {
    const CUTS: u64 = 100;
    let stage = Stage::new(5_000_000);
    let size = stage.content.len() as u64;
    let cuts: Vec<u64> = random_numbers(2 * size / CUTS / 3).take(CUTS as usize).collect();
    println!("cuts after {cuts:?} bytes");
    let mut fates = cuts.into_iter().map(Fate::Cut);
    let meddler = Meddler::start(stage.server.address, Box::new(move || fates.next().unwrap_or(Fate::Pass)));
    let mut alice = stage.fetcher(meddler.address);
    alice.say("get bob big");
    alice.see("Fetched big from bob: 4.8 MiB");
    assert_eq!(alice.finish(), Some(0));
    stage.assert_fetched();
    let twice = meddler.passed().saturating_sub(size);
    println!("{twice} bytes besides the file itself");
    assert!(twice <= CUTS * 64 * 1024, "{twice} bytes besides the file itself");
    // The answers alone are so many.
    assert!(twice >= CUTS * 5, "{twice} bytes");
}

#[test]
fn a_killed_client_goes_on_after_its_restart() {
    let stage = Stage::new(4_000_000);
    let mut fates = [Fate::Hold(ARRIVED + ANSWER)].into_iter();
    let meddler = Meddler::start(stage.server.address, Box::new(move || fates.next().unwrap_or(Fate::Pass)));
    let mut alice = stage.fetcher(meddler.address);
    alice.say("get bob big");
    stage.wait_for_part();
    // Dropped, it is killed.
    drop(alice);
    let mut alice = stage.fetcher(meddler.address);
    alice.say("get bob big");
    alice.see("Fetching big from bob: 3.8 MiB, of which 976.6 KiB are there");
    alice.see("Fetched big from bob");
    assert_eq!(alice.finish(), Some(0));
    stage.assert_fetched();
    assert!(meddler.passed() < stage.content.len() as u64 + 200, "nothing was sent twice");
}

#[test]
fn an_owner_who_stalls_is_left_and_asked_again() {
    let stage = Stage::new(4_000_000);
    let mut fates = [Fate::Hold(ARRIVED + ANSWER)].into_iter();
    let meddler = Meddler::start(stage.server.address, Box::new(move || fates.next().unwrap_or(Fate::Pass)));
    let downloads = stage.path("downloads").display().to_string();
    let options = ["--user", "alice", "--downloads", &downloads, "--stall", "200ms", "--exec", "get bob big"];
    let mut alice = ClientProcess::start(meddler.address, &options);
    alice.see("Fetched big from bob");
    assert_eq!(alice.finish(), Some(0));
    stage.assert_fetched();
}

#[test]
fn what_stands_still_goes_on_with_the_next_session() {
    let stage = Stage::new(4_000_000);
    let mut fates = [Fate::Hold(ARRIVED + ANSWER)].into_iter();
    let meddler = Meddler::start(stage.server.address, Box::new(move || fates.next().unwrap_or(Fate::Pass)));
    let downloads = stage.path("downloads").display().to_string();
    let options = ["--user", "alice", "--downloads", &downloads, "--stall", "1h", "--progress"];
    let mut alice = ClientProcess::start(meddler.address, &options);
    alice.say("get bob big");
    alice.see("stalled");
    alice.say("disconnect");
    alice.say("reconnect");
    alice.see("Fetched big from bob");
    assert_eq!(alice.finish(), Some(0), "{:#?}", alice.seen);
    stage.assert_fetched();
    assert!(meddler.passed() < stage.content.len() as u64 + 200, "nothing was sent twice");
}

#[test]
fn what_was_cancelled_stays_and_goes_on_later() {
    let stage = Stage::new(4_000_000);
    let mut fates = [Fate::Hold(ARRIVED + ANSWER)].into_iter();
    let meddler = Meddler::start(stage.server.address, Box::new(move || fates.next().unwrap_or(Fate::Pass)));
    let mut alice = stage.fetcher(meddler.address);
    alice.say("get bob big");
    stage.wait_for_part();
    alice.say("transfers");
    alice.see(" % of 3.8 MiB");
    alice.say("cancel big");
    alice.see("big from bob: stopped at 976.6 KiB; get it again to go on");
    alice.say("get bob big");
    alice.see("of which 976.6 KiB are there");
    alice.see("Fetched big from bob");
    assert_eq!(alice.finish(), Some(0));
    stage.assert_fetched();
}

/// Fetches half, has `change` change the file, and fetches again.
#[test]
fn a_script_that_cancels_all_is_told_the_end_as_an_object() {
    let stage = Stage::new(4_000_000);
    let meddler = Meddler::start(stage.server.address, Box::new(|| Fate::Hold(ARRIVED + ANSWER)));
    let downloads = stage.path("downloads").display().to_string();
    let options = ["--user", "alice", "--downloads", &downloads, "--json"];
    let mut alice = ClientProcess::start(meddler.address, &options);
    alice.say("get bob big");
    stage.wait_for_part();
    alice.say("cancel all");
    let end: Value = serde_json::from_str(&alice.see(r#""stage":"cancelled""#)).expect("JSON");
    let told = ["event", "id", "direction", "with", "file", "done"].map(|field| end[field].clone());
    assert_eq!(json!(told), json!(["fetch", 1, "in", "bob", "big", ARRIVED]), "{end}");
    // Nothing was refused: it ended as the script wanted it.
    assert_eq!(alice.finish(), Some(0));
    let ends = alice.seen.iter().filter(|line| line.contains("cancelled")).count();
    assert_eq!((ends, stage.part_length()), (1, ARRIVED), "{:#?}", alice.seen);
}

fn change_in_the_middle(change: impl Fn(&mut Vec<u8>)) {
    let mut stage = Stage::new(2_000_000);
    let mut fates = [Fate::Hold(ARRIVED + ANSWER)].into_iter();
    let meddler = Meddler::start(stage.server.address, Box::new(move || fates.next().unwrap_or(Fate::Pass)));
    let mut alice = stage.fetcher(meddler.address);
    alice.say("get bob big");
    stage.wait_for_part();
    alice.say("cancel big");
    alice.see("stopped");
    change(&mut stage.content);
    fs::write(stage.path("shared/big"), &stage.content).expect("written");
    alice.say("get bob big");
    alice.see("Fetched big from bob");
    assert_eq!(alice.finish(), Some(0));
    stage.assert_fetched();
}

#[test]
fn a_file_that_changed_is_fetched_anew() {
    change_in_the_middle(|content| content[0] ^= 1);
}

#[test]
fn a_file_that_became_longer_is_fetched_anew() {
    change_in_the_middle(|content| content.extend(b"more"));
}

#[test]
fn a_file_that_became_shorter_than_what_arrived_is_fetched_anew() {
    change_in_the_middle(|content| content.truncate(1000));
}

#[test]
fn a_file_that_vanished_is_said_and_what_arrived_stays() {
    let stage = Stage::new(2_000_000);
    let mut fates = [Fate::Hold(ARRIVED + ANSWER)].into_iter();
    let meddler = Meddler::start(stage.server.address, Box::new(move || fates.next().unwrap_or(Fate::Pass)));
    let mut alice = stage.fetcher(meddler.address);
    alice.say("get bob big");
    stage.wait_for_part();
    alice.say("cancel big");
    alice.see("stopped");
    fs::remove_file(stage.path("shared/big")).expect("removed");
    alice.say("get bob big");
    alice.see("big from bob: No such file: big");
    assert_eq!(stage.part_length(), ARRIVED);
    fs::write(stage.path("shared/big"), &stage.content).expect("written");
    alice.say("get bob big");
    alice.see("of which 976.6 KiB are there");
    assert_eq!(alice.finish(), Some(1));
    stage.assert_fetched();
}

#[test]
fn two_clients_with_one_folder_do_not_write_to_one_part() {
    let stage = Stage::new(2_000_000);
    stage.server.join("carol").ask("quit");
    let mut fates = [Fate::Hold(ARRIVED + ANSWER)].into_iter();
    let meddler = Meddler::start(stage.server.address, Box::new(move || fates.next().unwrap_or(Fate::Pass)));
    let mut alice = stage.fetcher(meddler.address);
    alice.say("get bob big");
    stage.wait_for_part();
    let downloads = stage.path("downloads").display().to_string();
    let mut carol = ClientProcess::start(
        stage.server.address,
        &["--user", "carol", "--downloads", &downloads, "--exec", "get bob big"],
    );
    carol.see("saved as");
    assert_eq!(carol.finish(), Some(0));
    assert!(fs::read(stage.path("downloads/big")).expect("fetched") == stage.content);
    assert_eq!(stage.part_length(), ARRIVED, "alice's part is as it was");
    alice.say("cancel all");
    alice.see("stopped");
}

/// An owner who lies, though it proves who it is: what it answers depends on the file.
struct Liar(Mutex<Lines>);

impl Service for Liar {
    const NAME: &'static str = "liar";

    fn serve(&self, stream: &Arc<TcpStream>, _: SocketAddr, _: &Place<'_>) {
        let line = prove(&mut self.0.lock().expect("no panic"), stream);
        let lie = line.split(',').nth(1).expect("a name");
        let no_hash = "0".repeat(64);
        let answer = match lie {
            "wrong-hash" => format!("OK,5\nhellosha256_{no_hash}\n"),
            "no-hash" => "OK,5\nhellothat was all\n".to_owned(),
            "nothing" => "OK,5\n".to_owned(),
            "16-eib" => format!("OK,{}\n", u64::MAX),
            "beyond" => format!("OK,{}0\n", u64::MAX),
            "negative" => "OK,-1\n".to_owned(),
            "no-size" => "OK\n".to_owned(),
            "chatter" => "hello\n".to_owned(),
            "escapes" => "ERR,\x1b[2J\n".to_owned(),
            _ => "OK,5\nhello".to_owned(),
        };
        let _ = (&**stream).write_all(answer.as_bytes());
        while lie == "endless" && (&**stream).write_all(&[b'x'; 4096]).is_ok() {}
    }

    fn refuse(&self, _: &TcpStream, _: Refused) {}
}

#[test]
fn whoever_lies_is_found_out() {
    let server = TestServer::start(&["--rate", "off"]);
    let downloads = tempfile::tempdir().expect("a folder");
    let mut mallory = server.join("mallory");
    let ip = mallory.ip.clone();
    let listener = TcpListener::bind((ip.as_str(), 0)).expect("an address of loopback");
    mallory.ask(&format!("INIT,mallory,{}", listener.local_addr().expect("bound").port()));
    let _liar = Listening::on(listener, Liar(Mutex::new(mallory)));
    let folder = downloads.path().display().to_string();
    let mut alice = ClientProcess::start(server.address, &["--user", "alice", "--signup", "--downloads", &folder]);
    alice.see("Logged in as alice.");
    for (lie, found_out) in [
        ("wrong-hash", "what arrived is not what its hash says"),
        ("no-hash", "the file came without its hash"),
        ("endless", "64 KiB without a line end"),
        ("16-eib", "needs 16.0 EiB, and"),
        ("beyond", "\"184467440737095516150\" is not the size of a file"),
        ("negative", "\"-1\" is not the size of a file"),
        ("no-size", "\"\" is not the size of a file"),
        ("chatter", "no answer but hello"),
        ("escapes", "Control character"),
        ("nothing", "the connection has ended"),
    ] {
        alice.say(&format!("get mallory {lie}"));
        alice.see(&format!("{lie} from mallory: {found_out}"));
    }
    assert_eq!(alice.finish(), Some(1));
    for entry in fs::read_dir(downloads.path()).expect("there") {
        let name = entry.expect("an entry").file_name().into_string().expect("text");
        assert!(name.ends_with(".part") || name.ends_with(".part.from"), "{name} looks like a whole file");
    }
}

#[test]
fn an_owner_who_leaves_is_said_after_some_tries() {
    let mut stage = Stage::new(2_000_000);
    let (gone, wait_for_it) = std::sync::mpsc::channel::<()>();
    let mut connections = 0;
    let fates: Fates = Box::new(move || {
        connections += 1;
        if connections == 1 {
            return Fate::Cut(ARRIVED + ANSWER);
        }
        let _ = wait_for_it.recv();
        Fate::Pass
    });
    let meddler = Meddler::start(stage.server.address, fates);
    let mut alice = stage.fetcher(meddler.address);
    alice.say("get bob big");
    stage.wait_for_part();
    assert_eq!(stage.bob.finish(), Some(0));
    drop(gone);
    alice.see("big from bob: User not found!");
    assert_eq!(alice.finish(), Some(1));
    assert_eq!(stage.part_length(), ARRIVED, "what arrived stays");
}
