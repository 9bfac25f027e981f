//! Who runs the house: changed passwords, the control socket and `server ctl`, and accounts that move.

use crate::harness::client::ClientProcess;
use crate::harness::control::{Control, ask, rows};
use crate::harness::menus::Shows;
use crate::harness::{LIMIT, Lines, ServerProcess, TestServer, config, originals, wait_until};
use peerline::net::Shutdown;
use peerline::server::Server;
use peerline::value::Moment;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::SystemTime;
use std::{fs, thread};

/// The program as a person types it.
fn server_program(arguments: &[&str], data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
    let (task, rest) = arguments.split_first().expect("a task");
    command.arg(task).arg("--data").arg(data).args(rest).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str], data: &Path) -> Output {
    server_program(arguments, data).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[test]
fn a_password_is_changed_in_one_line_and_as_a_dialogue() {
    let server = TestServer::start(&[]);
    let mut alice = server.join("alice");
    assert_eq!(alice.ask("PASSWD,password,\"second, word\""), "OK,Password changed");
    let dialogue = [
        ("passwd", "OK,Old password:"),
        ("second, word", "OK,New password:"),
        ("third word", "OK,New password again:"),
        ("third word", "OK,Password changed"),
        ("passwd", "OK,Old password:"),
        ("third word", "OK,New password:"),
        ("fourth word", "OK,New password again:"),
        ("fifth word", "ERR,Passwords do not match"),
        ("PASSWD,third word,short", "ERR,A password has 8 to 128 characters"),
        ("PASSWD,password,another word", "ERR,Invalid credentials"),
        ("whoami", "OK,alice,"),
    ];
    for (line, answer) in dialogue {
        let said = alice.ask(line);
        assert!(said.starts_with(answer), "{line}: {said}");
    }
    let mut stranger = server.connect();
    assert_eq!(stranger.ask("PASSWD,a,b"), "ERR,Log in first: send login or signup");
    assert_eq!(stranger.ask("LOGIN,alice,password"), "ERR,Invalid credentials");
    let server = server.restart(&[]);
    assert_eq!(server.connect().ask("LOGIN,alice,third word"), "OK,Login successful!");
    let rows = fs::read_to_string(server.folder().join("users.csv")).expect("text");
    assert_eq!(rows.lines().count(), 2, "as a server before this one reads it: {rows}");
}

#[test]
fn a_session_that_expires_between_two_passwords_ends() {
    let server = TestServer::start(&["--relogin", "1s"]);
    let mut alice = server.join("alice");
    assert_eq!(alice.ask("passwd"), "OK,Old password:");
    assert_eq!(alice.event(), "notice_Session expired, please log in again");
    alice.wait_for_end();
}

#[test]
fn the_client_changes_a_password_and_nobody_records_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = |who: &str| folder.path().join(who).to_str().expect("UTF-8").to_owned();
    let (of_server, of_client) = (trace("server.json"), trace("client.json"));
    let server = ServerProcess::start(folder.path(), &["--trace", &of_server]);
    let mut alice = ClientProcess::start(server.address, &["--user", "alice", "--signup", "--trace", &of_client]);
    alice.see("Logged in as alice.");
    for line in ["passwd", "password", "battery staple", "battery staple"] {
        alice.say(line);
    }
    alice.see("Password changed");
    alice.say("quit");
    assert_eq!(alice.finish(), Some(0));
    let mut lines = Lines::connect(server.address);
    lines.line();
    assert_eq!(lines.ask("LOGIN,alice,battery staple"), "OK,Login successful!");
    let control = folder.path().join("data/control.sock");
    let mut control = Control::at(&control);
    assert_eq!(control.ask("passwd alice"), "OK,Password:");
    assert_eq!(control.ask("correct staple"), "OK,alice has another password");
    drop(control);
    let log = server.log.clone();
    assert_eq!(server.end("TERM"), Some(0));
    for file in [log, of_server.into(), of_client.into()] {
        let text = fs::read_to_string(&file).expect("text");
        assert!(text.contains("passwd") && !text.contains("staple"), "{}: {text}", file.display());
    }
}

#[test]
fn a_lost_password_and_the_end_of_an_account() {
    let server = TestServer::start(&[]);
    let (mut alice, mut bob) = (server.join("alice"), server.join("bob"));
    let mut control = Control::of(&server);
    assert_eq!(control.ask("passwd eve"), "ERR,There is no account eve");
    assert_eq!(control.ask("passwd ALICE"), "OK,Password:");
    assert_eq!(control.ask("short"), "ERR,A password has 8 to 128 characters");
    assert_eq!(
        (control.ask("passwd alice"), control.ask("new password")),
        ("OK,Password:".into(), "OK,alice has another password".into())
    );
    assert_eq!(alice.event(), "notice_Removed by the house: your password was changed by whoever runs the server");
    alice.wait_for_end();
    assert_eq!(control.ask("remove bob"), "OK,The account bob is ended");
    assert_eq!(bob.event(), "notice_Removed by the house: your account was ended");
    bob.wait_for_end();
    drop(control);
    let server = server.restart(&[]);
    let mut lines = server.connect();
    assert_eq!(lines.ask("LOGIN,bob,password"), "ERR,Invalid credentials");
    assert_eq!(lines.ask("LOGIN,alice,password"), "ERR,Invalid credentials");
    assert_eq!(lines.ask("LOGIN,alice,new password"), "OK,Login successful!");
    assert!(server.connect().ask("SIGNUP,bob,password").starts_with("OK,"), "the name is free");
}

#[test]
fn everybody_is_told_in_every_dialect() {
    let ports = ["--menu-port", "0", "--packet-port", "0", "--query-port", "0"];
    let server = TestServer::start(&[&ports[..], &["--guest-probe", "50ms"]].concat());
    let (mut alice, mut bob) = (server.join("alice"), Shows::join(server.dialect("menu"), "bob"));
    let guest = originals::connect(server.dialect("packet"));
    let mut hello = vec![3];
    hello.extend(b"eve".iter().chain([0; 12].iter()));
    hello.resize(2016, 0);
    originals::send(&guest, hello);
    assert_eq!(originals::receive(&guest, 2048)[0], 3);
    // It stays listed as long as its port is open.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let query = |text: &str| {
        let stream = originals::connect(server.dialect("query"));
        originals::send(&stream, text);
        originals::receive_text(&stream, 1000)
    };
    let port = listener.local_addr().expect("bound").port();
    assert_eq!(query(&format!("INIT,dan,{port},a.txt")), "OK");
    let long = "save your work, ".repeat(20);
    let said = ask(&server, &format!("notice {long}"));
    assert_eq!(said, "OK,Said to 3 clients; 1 guest of the query port will see it in a list");
    let listed = query("GET_U");
    assert!(listed.starts_with("OK,alice,bob,dan,From the house: save your work; save"), "{listed}");
    assert!(query("GET_AF").starts_with("OK,dan: a.txt\nFrom the house: save your work"));
    assert!(query("GET_P,dan").ends_with(&format!(",{port}")));
    assert_eq!(alice.event(), format!("notice_From the house: {}", long.trim()));
    bob.sees_somewhere("From the house: save your work, ");
    // Between them come probes, some of which wait to be read.
    let outcome = || {
        let mut packets = (0..100).map(|_| originals::receive_exact(&guest, 2016));
        let outcome = packets.find(|packet| packet[0] == 12).expect("an outcome");
        String::from_utf8_lossy(&outcome[16..]).into_owned()
    };
    let notice = outcome();
    assert!(notice.starts_with("From the house: save your work, "), "{notice}");
    assert_eq!(ask(&server, "kick eve too loud"), "OK,eve was told why, and the session is closed");
    let why = outcome();
    assert!(why.starts_with("Removed by the house: too loud\0"), "{why}");
    assert_eq!(ask(&server, "kick dan"), "OK,dan is not listed any more, and could not be told why");
    assert_eq!(ask(&server, "kick alice too loud"), "OK,alice was told why, and the session is closed");
    assert_eq!(alice.event(), "notice_Removed by the house: too loud");
    alice.wait_for_end();
    assert_eq!(ask(&server, "kick alice"), "ERR,alice is not here");
    let told = ask(&server, "notice eve has logged in from 10.0.0.1, terminating this connection");
    assert!(told.starts_with("ERR,A text of the house cannot hold"), "{told}");
}

#[test]
fn the_socket_survives_whatever_is_said_on_it() {
    let server = TestServer::start(&[]);
    let mut half = Control::of(&server);
    half.send(b"notice half a li");
    drop(half);
    let mut endless = Control::of(&server);
    endless.send(&vec![b'x'; 1 << 20]);
    let said = endless.rest();
    assert!(said.is_empty() || said.starts_with("ERR,64 KiB without a line end"), "{said}");
    let mut wrong = Control::of(&server);
    wrong.send(b"\xff\xfe\nlist\n");
    assert_eq!(wrong.line(), "ERR,Not UTF-8 text: send text in UTF-8");
    assert_eq!(wrong.line(), "OK,0 clients");
    drop(wrong);
    // Four at a time, and the others hear so.
    let socket = server.folder().join("control.sock");
    let answers: Vec<String> = thread::scope(|scope| {
        let many: Vec<_> = (0..100).map(|_| scope.spawn(|| Control::at(&socket).ask("bans"))).collect();
        many.into_iter().map(|one| one.join().expect("no panic")).collect()
    });
    let served = answers.iter().filter(|answer| *answer == "OK,0 bans").count();
    let turned_away =
        answers.iter().filter(|answer| answer.starts_with("ERR,4 conversations are open already")).count();
    assert!(served > 0 && served + turned_away == 100, "{answers:?}");
    crate::harness::wait_until("those before have ended, four are served, and a fifth is not", || {
        let mut four: Vec<Control> = (0..4).map(|_| Control::of(&server)).collect();
        four.iter_mut().all(|one| one.ask("bans") == "OK,0 bans") && ask(&server, "list").starts_with("ERR,4 conv")
    });
    crate::harness::wait_until("a place is free again", || ask(&server, "list").starts_with("OK,"));
}

#[test]
fn what_waits_on_the_socket_when_the_server_ends_keeps_it_from_nothing() {
    let server = TestServer::start(&[]);
    let mut flood = UnixStream::connect(server.folder().join("control.sock")).expect("it listens");
    flood.set_nonblocking(true).expect("set");
    let (line, mut asked) = (b"help\n", 0);
    // Until its answers have filled what there is for them, and then the requests too.
    while flood.write(line).is_ok_and(|count| count == line.len()) {
        asked += 1;
    }
    assert_eq!(ask(&server, "stop"), "OK,The server stops");
    flood.set_nonblocking(false).expect("set");
    flood.set_read_timeout(Some(LIMIT)).expect("a timeout");
    let mut answers = Vec::new();
    // The end may be a reset, as not all was read there.
    let _ = flood.read_to_end(&mut answers);
    let answered = text(&answers).lines().filter(|line| line.starts_with("OK,")).count();
    assert!(answered < asked, "{answered} of {asked}");
}

#[test]
fn a_second_server_leaves_the_socket_of_the_first_alone() {
    let server = TestServer::start(&[]);
    let second = Server::bind(config(server.folder(), &[]), Arc::new(Shutdown::new()));
    assert!(second.err().is_some_and(|why| why.contains("another server uses this data folder")));
    assert_eq!(ask(&server, "list"), "OK,0 clients");
    let socket = server.folder().join("control.sock");
    let server = server.restart(&[]);
    assert_eq!(ask(&server, "list"), "OK,0 clients");
    drop(server);
    assert!(!socket.exists(), "it ends with the server");
}

#[test]
fn a_crash_leaves_a_socket_that_the_next_server_replaces() {
    let folder = tempfile::tempdir().expect("a folder");
    ServerProcess::start(folder.path(), &[]).crash();
    let data = folder.path().join("data");
    assert!(data.join("control.sock").exists());
    let told = run(&["ctl", "list"], &data);
    assert_eq!(told.status.code(), Some(2));
    assert!(text(&told.stderr).contains("no server runs on this data folder"), "{told:?}");
    let _server = ServerProcess::start(folder.path(), &[]);
    assert_eq!(run(&["ctl", "list"], &data).status.code(), Some(0));
}

#[test]
fn nobody_but_the_owner_of_the_folder_is_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = ServerProcess::start(folder.path(), &[]);
    let data = folder.path().join("data");
    let socket = data.join("control.sock");
    assert_eq!(fs::metadata(&socket).expect("there").permissions().mode() & 0o777, 0o600);
    assert_eq!(text(&run(&["ctl", "list"], &data).stdout), "0 clients\n");
    // Only root can be somebody else.
    if fs::metadata("/proc/self").expect("there").uid() == 0 {
        let open = |path: &Path, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("ours");
        open(folder.path(), 0o755);
        open(&data, 0o755);
        // A program that another user can start, wherever ours lies.
        let program = folder.path().join("server");
        // Not written by this process: a child that another test just starts would hold it open, and it could not run.
        let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_server")).arg(&program).status();
        assert!(copied.expect("cp runs").success());
        open(&program, 0o755);
        let as_nobody = || {
            let mut command = Command::new(&program);
            command.args(["ctl", "--data"]).arg(&data).arg("list").uid(65_534).gid(65_534).stdin(Stdio::null());
            command.output().expect("it runs")
        };
        let told = as_nobody();
        assert_eq!(told.status.code(), Some(2));
        assert!(text(&told.stderr).contains("only who owns this data folder runs its server"), "{told:?}");
        open(&socket, 0o666);
        let told = as_nobody();
        assert_eq!(told.status.code(), Some(1));
        assert!(text(&told.stderr).contains("Only who owns the data folder runs this server"), "{told:?}");
    }
    assert_eq!(server.end("TERM"), Some(0));
}

#[test]
fn the_list_tells_where_everybody_is_and_since_when() {
    let server = TestServer::start(&["--menu-port", "0"]);
    let (mut alice, mut bob) = (server.join("alice"), server.join("bob"));
    let _carol = Shows::join(server.dialect("menu"), "carol");
    assert_eq!((alice.ask("INIT,alice,4401"), alice.ask("dnd_on")), ("OK".to_owned(), "OK".to_owned()));
    assert_eq!(bob.ask("inactive"), "OK,You are inactive now");
    let alice_at = format!("{}:4401", alice.ask("whoami").split(',').nth(2).expect("an address"));
    let expected = [
        ["client_alice", "account", &alice_at, "dnd"],
        ["client_bob", "account", "", "inactive"],
        ["client_carol", "account", "", "active"],
    ];
    // What was said to another server of the house is known here a moment later.
    wait_until("everybody is listed as they are", || {
        let rows = rows(&server, "list");
        assert!(rows.iter().all(|row| row[4].parse::<Moment>().is_ok_and(|since| since.is_over(SystemTime::now()))));
        rows.iter().map(|row| [&row[0], &row[1], &row[3], &row[5]].map(String::as_str)).eq(expected)
    });
}

#[test]
fn the_numbers_tell_what_has_happened() {
    let server = TestServer::start(&["--menu-port", "0"]);
    let mut alice = server.join("alice");
    let _bob = server.join("bob");
    let _carol = Shows::join(server.dialect("menu"), "carol");
    assert!(alice.ask("bcast_hello").starts_with("OK,Broadcast 1 sent to 3"));
    assert_eq!(alice.ask("dance dance"), "ERR,Unknown command: send help for the commands");
    assert_eq!(alice.ask("relay_hi_bob"), "OK,Relayed to bob");
    assert_eq!(server.connect().ask("LOGIN,bob,wrong word"), "ERR,Invalid credentials");
    let stats = Control::of(&server).ask_all("stats");
    let number = |what: &str| -> u64 {
        let row = stats.iter().find_map(|line| line.strip_prefix(&format!("stat_{what},")));
        row.and_then(|row| row.split(',').next()?.parse().ok()).unwrap_or_else(|| panic!("{what}: {stats:?}"))
    };
    for (what, expected) in [
        ("accounts", 3),
        ("logged in", 3),
        ("menu now", 1),
        ("menu since start", 1),
        ("native since start", 3),
        ("logins", 3),
        ("sign-ups", 3),
        ("broadcasts", 1),
        ("relayed", 1),
        ("refused: wrong password", 1),
        ("refused: unknown command", 1),
        ("refused: too fast", 0),
        ("slow consumers closed", 0),
        ("logins in line", 0),
    ] {
        assert_eq!(number(what), expected, "{what}");
    }
    assert!(number("deliveries") <= 3 && number("read") >= 9 && number("read in bytes") > 100);
    assert!(number("written in bytes") > 1000, "greetings and menus");
}

#[test]
fn the_program_speaks_with_the_server_and_moves_accounts() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = ServerProcess::start(folder.path(), &[]);
    let data = folder.path().join("data");
    let file = |name: &str| folder.path().join(name);
    let path = |path: &PathBuf| path.to_str().expect("UTF-8").to_owned();
    fs::write(file("old.csv"), "alice,pw\nbob,secret-word\nb_ob,x\n").expect("written");
    let imported = run(&["accounts", "import", &path(&file("old.csv")), "--hash-rounds", "1000"], &data);
    assert_eq!((imported.status.code(), text(&imported.stdout).as_str()), (Some(1), "2 accounts added\n"));
    assert!(text(&imported.stderr).contains("line 3: \"b_ob\" is left out"), "{imported:?}");
    let login = |name: &str, password: &str| {
        let mut lines = Lines::connect(SocketAddr::from(([127, 0, 0, 1], server.address.port())));
        lines.line();
        lines.ask(&format!("LOGIN,{name},{password}"))
    };
    assert_eq!(login("alice", "pw"), "OK,Login successful!", "however short");
    let drawn = run(&["ctl", "passwd", "alice", "--generate"], &data);
    assert_eq!(drawn.status.code(), Some(0));
    assert_eq!(login("alice", text(&drawn.stdout).trim()), "OK,Login successful!");
    let mut asked = server_program(&["ctl", "passwd", "alice"], &data);
    let mut asked = asked.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it runs");
    asked.stdin.take().expect("a pipe").write_all(b"typed word\n").expect("it reads");
    assert!(asked.wait().expect("it ends").success());
    assert_eq!(login("alice", "typed word"), "OK,Login successful!");
    assert_eq!(run(&["ctl", "ban", "bob", "2h", "too", "loud"], &data).status.code(), Some(0));
    let bans = text(&run(&["ctl", "bans", "--json"], &data).stdout);
    assert!(bans.starts_with("[{\"banned\":\"bob\"") && bans.contains("\"why\":\"too loud\""), "{bans}");
    assert!(text(&run(&["ctl", "bans"], &data).stdout).starts_with("BANNED  UNTIL"));
    assert!(
        text(&run(&["ctl", "stats", "--json"], &data).stdout).contains("\"logins\":{\"unit\":\"logins\",\"value\":3}")
    );
    assert_eq!(run(&["ctl", "kick", "nobody"], &data).status.code(), Some(1));
    assert_eq!(run(&["ctl", "notice", "two\nlines"], &data).status.code(), Some(2));
    let exported = run(&["accounts", "export", &path(&file("out.csv"))], &data);
    assert_eq!(text(&exported.stdout), format!("2 accounts written to {}\n", path(&file("out.csv"))));
    let log = fs::read_to_string(&server.log).expect("a log");
    for secret in ["typed word", "secret-word", text(&drawn.stdout).trim(), "$pbkdf2"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
    assert!(log.contains("control: passwd alice -> OK,alice has another password"), "{log}");
    let stopped = run(&["ctl", "stop"], &data);
    assert_eq!(text(&stopped.stdout), "The server has stopped\n");
    let rows = fs::read_to_string(data.join("users.csv")).expect("text");
    assert_eq!(rows, fs::read_to_string(file("out.csv")).expect("text"), "without a row too many");
}
