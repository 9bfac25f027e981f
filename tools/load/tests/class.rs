//! The tool as a process: against the real server nothing is missing, and of a server that is wrong it says what.

use clap::Parser;
use peerline::net::Shutdown;
use peerline::server::Server;
use peerline::server::config::Config;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// Runs the tool at this server.
fn load(server: SocketAddr, options: &str) -> Output {
    let mut command = Command::new("timeout");
    command.arg("60").arg(env!("CARGO_BIN_EXE_load")).args([server.ip().to_string(), server.port().to_string()]);
    command.args(options.split_whitespace()).output().expect("timeout runs")
}

/// What it printed, as JSON.
fn json(output: &Output) -> serde_json::Value {
    let told = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {told} {}", error_of(output)))
}

fn error_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The real server, with these options, for as long as `play` takes.
fn with_server(options: &[&str], play: impl FnOnce(SocketAddr)) {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().to_str().expect("a path in UTF-8");
    let fixed = ["server", "--port", "0", "--bind", "127.0.0.1", "--hash-rounds", "1000", "--no-find", "--data", data];
    let config = Config::try_parse_from(fixed.iter().chain(options)).expect("valid options");
    let stop = Arc::new(Shutdown::new());
    let server = Server::bind(config, Arc::clone(&stop)).expect("the server starts");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, server.address().port()));
    thread::scope(|scope| {
        scope.spawn(|| server.run());
        let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| play(address)));
        stop.trigger();
        if let Err(panic) = played {
            std::panic::resume_unwind(panic);
        }
    });
}

#[test]
fn a_class_at_the_real_server_misses_nothing() {
    with_server(&[], |server| {
        let class = "--clients 20 --broadcast 40/s --queries 40/s --churn 4/s --for 1s --prefix class --json";
        // The second run finds the accounts of the first.
        for udp in ["", " --udp"] {
            let output = load(server, &format!("{class}{udp}"));
            let told = json(&output);
            assert!(output.status.success(), "{told} {}", error_of(&output));
            assert_eq!((&told["ok"], &told["lost"], &told["doubled"]), (&true.into(), &0.into(), &0.into()), "{told}");
            assert!(told["logins"]["count"].as_u64() >= Some(20), "{told}");
            let (broadcasts, expected) = (told["broadcasts"].as_u64(), told["expected"].as_u64());
            assert!(broadcasts > Some(0) && expected >= broadcasts, "{told}");
            assert!(told["queries"]["count"].as_u64() > Some(0), "{told}");
            let datagrams = told["udp"]["broadcasts"].as_u64();
            assert!(udp.is_empty() || datagrams > Some(0), "{told}");
        }
    });
}

#[test]
fn who_watches_knows_at_the_end_who_is_there() {
    with_server(&["--rate", "off"], |server| {
        let output = load(server, "--clients 20 --watch 5 --flips 100/s --churn 4/s --broadcast off --for 1s --json");
        let told = json(&output);
        assert!(output.status.success(), "{told} {}", error_of(&output));
        let watch = &told["watch"];
        assert_eq!((&watch["lists"], &watch["right"]), (&5.into(), &5.into()), "{told}");
        assert!(watch["joined"].as_u64() > Some(0) && watch["left"].as_u64() > Some(0), "{told}");
    });
}

#[test]
fn a_server_that_tells_of_nobody_is_found_out() {
    let output = load(wrong_server(|lines| lines), "--clients 3 --watch 1 --broadcast off --for 100ms --json");
    // Its lists are empty, and so is what it tells.
    assert_eq!(json(&output)["watch"]["right"], 1);
    let output = load(forgetful_server(), "--clients 3 --watch 1 --broadcast off --for 100ms --json");
    assert_eq!((output.status.code(), &json(&output)["watch"]["right"]), (Some(1), &0.into()));
}

/// A server whose list grows, and that tells nobody.
fn forgetful_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let _ = stream.write_all(b"OK,Welcome\n");
                let lines = BufReader::new(stream.try_clone().expect("a copy")).lines();
                for (number, line) in lines.map_while(Result::ok).enumerate() {
                    let answer = match line.as_str() {
                        "list" | "watch" => format!("client_a{number}_10.0.0.7:0\nOK,1 active client\n"),
                        "quit" => break,
                        _ => "OK\n".to_owned(),
                    };
                    let _ = stream.write_all(answer.as_bytes());
                }
                let _ = stream.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    address
}

#[test]
fn a_rule_that_stands_in_the_way_is_named() {
    with_server(&["--max-clients", "3"], |server| {
        let output = load(server, "--clients 5 --at-once 1 --for 100ms");
        let table = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{table}");
        assert!(table.contains("Server full (3 clients)") && table.contains("server --max-clients 25"), "{table}");
    });
}

#[test]
fn where_nobody_answers_it_says_so_and_does_not_begin() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let output = load(address, "--for 1s");
    assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(2), true), "{}", error_of(&output));
    assert!(error_of(&output).contains("is the server running there?"), "{}", error_of(&output));
    let output = load(address, "--for 1s --broadcast never");
    assert_eq!(output.status.code(), Some(2), "{}", error_of(&output));
}

/// What a wrong server does to the lines of a connection, in the order in which it has them.
type Fault = fn(Vec<String>) -> Vec<String>;

/// A server of a few lines, as somebody writes it who learns; `fault` is its mistake. Each connection has a thread, and
/// broadcasts go to those who are logged in. Its first four broadcasts are kept, and go out together.
fn wrong_server(fault: Fault) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let (tell, told) = channel();
    thread::spawn(move || broadcast(&told, fault));
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let tell = tell.clone();
            thread::spawn(move || serve(stream, &tell));
        }
    });
    address
}

enum ToAll {
    Member(TcpStream),
    Text(TcpStream, String),
}

fn serve(stream: TcpStream, tell: &Sender<ToAll>) {
    let mut own = stream.try_clone().expect("a copy");
    let copy = || stream.try_clone().expect("a copy");
    let _ = own.write_all(b"OK,Welcome\n");
    for line in BufReader::new(copy()).lines().map_while(Result::ok) {
        if line.starts_with("LOGIN,") {
            tell.send(ToAll::Member(copy())).expect("the broadcaster is there");
        } else if let Some(text) = line.strip_prefix("bcast_") {
            tell.send(ToAll::Text(copy(), text.to_owned())).expect("the broadcaster is there");
        } else if line == "quit" {
            break;
        } else {
            let _ = own.write_all(b"OK\n");
        }
    }
    // The broadcaster has a copy, so that dropping ours does not close it.
    let _ = own.shutdown(std::net::Shutdown::Both);
}

fn broadcast(told: &Receiver<ToAll>, fault: Fault) {
    let (mut members, mut lines, mut seq) = (Vec::new(), Vec::new(), 0);
    for to_all in told {
        match to_all {
            ToAll::Member(mut stream) => {
                let _ = stream.write_all(b"OK,Login successful!\n");
                members.push(stream);
            }
            ToAll::Text(mut from, text) => {
                seq += 1;
                lines.push(format!("bcast_{seq}_1700000000_somebody_{text}\n"));
                let _ = from.write_all(format!("OK,Broadcast {seq} sent to all\n").as_bytes());
                if seq >= 4 {
                    let lines = fault(std::mem::take(&mut lines)).concat();
                    members.iter_mut().for_each(|member| drop(member.write_all(lines.as_bytes())));
                }
            }
        }
    }
}

#[test]
fn a_server_that_loses_doubles_or_reorders_is_found_out() {
    let faults: [(&str, Fault); 4] = [
        ("", |lines| lines),
        ("lost", |lines| lines.into_iter().filter(|line| !line.starts_with("bcast_2_")).collect()),
        ("doubled", |lines| {
            lines
                .into_iter()
                .flat_map(|line| if line.starts_with("bcast_3_") { vec![line; 2] } else { vec![line] })
                .collect()
        }),
        ("out_of_order", |mut lines| {
            if let [_, second, third, ..] = lines.as_mut_slice() {
                std::mem::swap(second, third);
            }
            lines
        }),
    ];
    for (name, fault) in faults {
        let output = load(wrong_server(fault), "--clients 3 --broadcast 20/s --for 1s --json");
        let told = json(&output);
        assert_eq!(output.status.code(), Some(i32::from(!name.is_empty())), "{name}: {told}");
        for kind in ["lost", "doubled", "out_of_order"] {
            // One line at each of three clients.
            assert_eq!(told[kind], if kind == name { 3 } else { 0 }, "{name}: {kind} of {told}");
        }
    }
}
