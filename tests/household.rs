//! A client that has inherited children, from a shell that became it with `exec`, leaves them alone.

use peerline::client::call::{self, Signals};
use peerline::client::event::CallId;
use peerline::client::run::output::{self, End, Limits};
use peerline::peer_protocol::Status;
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

// Alone in its file: what counts is which children there are before the first command of a process.
#[test]
fn who_was_there_before_the_first_command_outlives_it() {
    let mut before = Command::new("sleep").arg("60").spawn().expect("it runs");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let _caller = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
    let asker = listener.accept().expect("accepts").0;
    let words = "echo hi".parse().expect("a command");
    let (_orders, call) = call::new(CallId::In(1), Signals::new(1).0).expect("a pair");
    let limits = Limits { time: Duration::from_secs(30), cgroups: None };
    let end = output::run(&words, &limits, &call, &asker).expect("it starts");
    let End::Ran(ran) = end else { panic!("nobody hangs up") };
    let ended = before.try_wait().expect("our child");
    before.kill().expect("it is there");
    before.wait().expect("killed");
    assert_eq!((ran.status, ended), (Status::Exit(0), None));
}
