//! The grader as a process: the real server gets all points, a broken one fails where it is broken, and none hangs it.

mod harness;
mod toy;
mod right;
mod broken;
mod strange;
mod family;
mod reports;

use clap::Parser;
use peerline::net::Shutdown;
use peerline::server::Server;
use peerline::server::config::Config;
use std::sync::Arc;

/// What the grader starts as a server is this program, with this test alone, and what to do in the environment. By
/// itself it does nothing.
#[test]
fn serves() {
    if let Ok(options) = std::env::var("REAL_SERVER") {
        let fixed = ["server", "--bind", "127.0.0.1", "--no-find", "--hash-rounds", "1000"];
        let config = Config::try_parse_from(fixed.into_iter().chain(options.split(' '))).expect("valid options");
        let stop = Arc::new(Shutdown::new());
        let on_signal = Arc::clone(&stop);
        ctrlc::set_handler(move || on_signal.trigger()).expect("the only handler");
        match Server::bind(config, stop) {
            Ok(server) => server.run(),
            Err(sentence) => panic!("{sentence}"),
        }
    } else if let Some(port) = std::env::var("TOY_PORT").ok().and_then(|port| port.parse().ok()) {
        toy::run(port, std::env::var("TOY_DATA").unwrap_or_default().into());
    }
}
