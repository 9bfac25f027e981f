//! A client that has inherited children, from a shell that became it with `exec`, leaves them alone.

use peerline::old_client::runner;
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
    let ran = runner::run(&words, Duration::from_secs(30), &asker).expect("it starts").expect("nobody hangs up");
    let ended = before.try_wait().expect("our child");
    before.kill().expect("it is there");
    before.wait().expect("killed");
    assert_eq!((ran.status, ended), (Status::Exit(0), None));
}
