//! Accounts that are moved between files and the Redis of a house: `server accounts --directory`.

use super::harness::house::{in_house, join, url};
use super::harness::redis::Redis;
use super::harness::{Lines, ServerProcess, TestServer};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// What the program answers that moves accounts.
fn accounts(arguments: &[&str]) -> Output {
    accounts_in(&[], arguments)
}

/// The same with variables of its environment.
fn accounts_in(variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
    command.env_remove("PEERLINE_DIRECTORY").envs(variables.iter().copied());
    command.arg("accounts").args(arguments).stdin(Stdio::null()).output().expect("it runs")
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Fails unless it is one sentence and exit code 2; gives the sentence.
fn refused(output: &Output) -> String {
    let (code, stdout, stderr) = said(output);
    assert_eq!((code, stdout.as_str(), stderr.lines().count()), (Some(2), "", 1), "{stderr}");
    stderr
}

fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).to_str().expect("UTF-8").to_owned()
}

fn login(server: &TestServer, name: &str, password: &str) -> String {
    server.connect().ask(&format!("LOGIN,{name},{password}"))
}

/// The accounts that a server alone has made, in the order of their names.
fn users_csv(folder: &Path) -> Vec<u8> {
    let server = ServerProcess::start(folder, &[]);
    for name in ["alice", "Bob", "carol"] {
        let mut lines = Lines::connect(server.address);
        lines.line();
        assert!(lines.ask(&format!("SIGNUP,{name},password of {name}")).starts_with("OK"));
    }
    assert_eq!(server.end("TERM"), Some(0));
    fs::read(folder.join("data/users.csv")).expect("there")
}

#[test]
fn accounts_go_from_a_folder_into_a_house_and_out_again_as_they_are() {
    let folder = TempDir::new().expect("a folder");
    let before = users_csv(folder.path());
    let redis = Redis::start(&[]);
    let (one, url) = (join(&redis, "s1", &[]), url(&redis));
    let users = path(&folder, "data/users.csv");
    // Once more: each is there already, as it is.
    for _ in 0..2 {
        let imported = accounts(&["import", &users, "--directory", &url]);
        let done = format!("3 accounts in the directory as in {users}\n");
        assert_eq!(said(&imported), (Some(0), done, String::new()));
    }
    assert_eq!(login(&one, "bob", "password of Bob"), "OK,Login successful!");
    assert_eq!(login(&one, "bob", "password of bob"), "ERR,Invalid credentials");
    let out = path(&folder, "out.csv");
    let exported = accounts_in(&[("PEERLINE_DIRECTORY", &url)], &["export", &out]);
    assert_eq!(said(&exported), (Some(0), format!("3 accounts written to {out}\n"), String::new()));
    assert_eq!(fs::read(&out).expect("there"), before);
    assert_eq!(fs::metadata(&out).expect("there").permissions().mode() & 0o777, 0o600);
    // Nobody's file is written over, and no half of one is left beside it.
    let again = refused(&accounts(&["--directory", &url, "export", &out]));
    assert!(again.contains("out.csv: File exists"), "{again}");
    let beside: Vec<_> = fs::read_dir(folder.path()).expect("a folder").map(|file| file.expect("readable")).collect();
    assert!(beside.iter().all(|file| !file.file_name().to_string_lossy().starts_with("out.csv.")), "{beside:?}");
    // A folder that is named goes before the environment.
    let data = path(&folder, "new");
    let imported = accounts_in(&[("PEERLINE_DIRECTORY", &url)], &["import", &out, "--data", &data]);
    assert_eq!(said(&imported), (Some(0), "3 accounts added\n".to_owned(), String::new()));
    assert_eq!(fs::read(path(&folder, "new/users.csv")).expect("there"), before);
}

#[test]
fn each_row_that_a_house_does_not_take_is_named_and_nothing_is_written_over() {
    let redis = Redis::start(&[]);
    let (one, url) = (join(&redis, "s1", &[]), url(&redis));
    one.join("carol").ask("quit");
    let folder = TempDir::new().expect("a folder");
    let old = path(&folder, "old.csv");
    fs::write(&old, "Zoe,secret-word\ncarol,another-word\nb_ob,x\nalice,pw\n").expect("written");
    let imported = accounts(&["import", &old, "--hash-rounds", "1000", "--directory", &url]);
    let (code, stdout, stderr) = said(&imported);
    assert_eq!((code, stdout), (Some(1), format!("2 accounts in the directory as in {old}\n")));
    assert!(stderr.contains("line 3: \"b_ob\" is left out"), "{stderr}");
    assert!(stderr.contains("line 2: carol: there is an account of this name already"), "{stderr}");
    assert_eq!(stderr.lines().count(), 2, "{stderr}");
    assert_eq!(login(&one, "zoe", "secret-word"), "OK,Login successful!");
    assert_eq!(login(&one, "alice", "pw"), "OK,Login successful!", "however short");
    assert_eq!(login(&one, "carol", "password"), "OK,Login successful!");
    let out = path(&folder, "out.csv");
    assert_eq!(accounts(&["export", &out, "--directory", &url]).status.code(), Some(0));
    let text = fs::read_to_string(&out).expect("text");
    let names: Vec<&str> = text.lines().filter_map(|line| line.split(',').next()).collect();
    assert_eq!(names, ["username", "alice", "carol", "Zoe"]);
    assert!(!text.contains("secret-word"));
}

#[test]
fn a_redis_from_which_nothing_can_be_had_is_told_in_one_sentence() {
    let folder = TempDir::new().expect("a folder");
    let (users, out) = (path(&folder, "users.csv"), path(&folder, "out.csv"));
    fs::write(&users, "alice,pw\n").expect("written");
    let both = |options: &[&str]| {
        let ways = [["import", users.as_str()], ["export", out.as_str()]];
        let [import, export] = ways.map(|way| refused(&accounts(&[&way, options].concat())));
        assert!(!Path::new(&out).exists(), "{export}");
        assert_eq!(import, export);
        import
    };
    let mut redis = Redis::start(&[]);
    let at = url(&redis);
    let why = both(&["--directory", &at]);
    assert!(why.contains(&at) && why.contains("the directory is empty"), "{why}");
    redis.kill();
    let why = both(&["--directory", &at]);
    assert!(why.contains(&at) && why.contains("does not answer"), "{why}");
    let why = both(&["--directory", "localhost"]);
    assert!(why.contains("--directory: an address is redis://HOST:PORT"), "{why}");
    let careless = Redis::start(&["--appendfsync", "everysec"]);
    let at = url(&careless);
    let why = both(&["--directory", &at]);
    assert!(why.contains("appendfsync") && why.contains("--directory-loss 2s"), "{why}");
    let name = in_house(&at, "s1");
    let one = TestServer::start_alone(&[&name[..], &["--directory-loss", "2s"]].concat());
    let imported = accounts(&["import", &users, "--hash-rounds", "1000", "--directory", &at, "--directory-loss", "2s"]);
    assert_eq!(imported.status.code(), Some(0), "{imported:?}");
    assert_eq!(login(&one, "alice", "pw"), "OK,Login successful!");
    let both_named = accounts(&["export", &out, "--directory", &at, "--data", "data"]);
    assert_eq!(both_named.status.code(), Some(2));
    assert!(said(&both_named).2.contains("cannot be used with"), "{both_named:?}");
}
