//! The rendezvous server: options, logging, Ctrl-C, exit code.

use clap::Parser;
use peerline::server::Server;
use peerline::server::config::Config;
use peerline::shutdown::Shutdown;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

/// The exit code for a set-up that cannot work: an option, a port, a folder.
const SETUP_ERROR: u8 = 2;

fn main() -> ExitCode {
    let config = Config::parse();
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    let done = match config.manual {
        Some(manual) => manual.write::<Config>().map_err(|error| error.to_string()),
        None => serve(config),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("server: {sentence}");
            ExitCode::from(SETUP_ERROR)
        }
    }
}

fn serve(config: Config) -> Result<(), String> {
    let stop = Arc::new(Shutdown::new());
    let on_signal = Arc::clone(&stop);
    ctrlc::set_handler(move || on_signal.trigger()).map_err(|error| format!("Ctrl-C cannot be handled: {error}"))?;
    let server = Server::bind(config, stop)?;
    // Whoever started the server may have closed its standard output; that is no reason not to serve.
    let _ = writeln!(std::io::stdout(), "listening on {}", server.address());
    for (address, dialect) in server.dialects() {
        let _ = writeln!(std::io::stdout(), "listening on {address} {dialect}");
    }
    server.run();
    log::info!("stopped");
    Ok(())
}
