//! The rendezvous server: options, logging, Ctrl-C, exit code.

use env_logger::{Target, WriteStyle};
use peerline::net::Shutdown;
use peerline::program::{self, LogWriter, Rationed, is_plain, log_line, tell_error};
use peerline::server::config::Config;
use peerline::server::task::Task;
use peerline::server::{Server, allocator, ctl};
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// How long the end waits for the last lines of the log, should nobody read them.
const LAST_LINES: Duration = Duration::from_secs(1);
/// The exit code when something was asked for and refused.
const REFUSED: u8 = 1;
/// The exit code for a set-up that cannot work: an option, a port, a folder.
const SETUP_ERROR: u8 = 2;

fn main() -> ExitCode {
    let config: Config = program::parse();
    if config.task.is_none() {
        allocator::set();
    }
    let log = match start_log(config.show || config.task.is_some()) {
        Ok(log) => log,
        Err(error) => {
            tell_error("server", &format!("no log: {error}"));
            return ExitCode::from(SETUP_ERROR);
        }
    };
    let done = match config.task {
        Some(Task::Ctl(ctl)) => ctl::speak(&ctl),
        Some(Task::Accounts(accounts)) => ctl::move_accounts(&accounts),
        Some(Task::Manual(manual)) => manual.write::<Config>(&[]).map(|()| true).map_err(|error| error.to_string()),
        None => serve(config, &log).map(|()| true),
    };
    log.drain(LAST_LINES);
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(REFUSED),
        Err(sentence) => {
            tell_error("server", &sentence);
            ExitCode::from(SETUP_ERROR)
        }
    }
}

/// Logs to standard error, in colour on a terminal, without ever waiting for it; warnings alone where what happens is shown.
fn start_log(is_shown: bool) -> io::Result<LogWriter> {
    let log = LogWriter::start(io::stderr())?;
    let style = if io::stderr().is_terminal() && !is_plain() { WriteStyle::Always } else { WriteStyle::Never };
    let level = if is_shown { "warn" } else { "info" };
    let logger = env_logger::Builder::from_env(env_logger::Env::default().default_filter_or(level))
        .write_style(style)
        .format(log_line)
        .target(Target::Pipe(Box::new(log.clone())))
        .build();
    log::set_max_level(logger.filter());
    log::set_boxed_logger(Box::new(Rationed::new(logger))).map_err(io::Error::other)?;
    Ok(log)
}

fn serve(config: Config, log: &LogWriter) -> Result<(), String> {
    let stop = Arc::new(Shutdown::new());
    let on_signal = Arc::clone(&stop);
    ctrlc::set_handler(move || on_signal.trigger()).map_err(|error| format!("Ctrl-C cannot be handled: {error}"))?;
    let server = Server::bind(config, stop)?;
    // What the start has to say is read before the line that says it is over.
    log.drain(LAST_LINES);
    // Whoever started the server may have closed its standard output; that is no reason not to serve.
    let _ = writeln!(std::io::stdout(), "listening on {}", server.address());
    if let Some((address, fingerprint)) = server.tls() {
        let _ = writeln!(std::io::stdout(), "listening on {address} tls {fingerprint}");
    }
    for (address, dialect) in server.dialects() {
        let _ = writeln!(std::io::stdout(), "listening on {address} {dialect}");
    }
    server.run();
    log::info!("stopped");
    Ok(())
}
