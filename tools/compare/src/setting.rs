//! What every server that is compared is started with: folders, ports, programs, accounts. It knows no server.

use crate::protocol::name;
use peerline_stress::process::{self, Log, Server};
use peerline_stress::wire::Wire;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What anything may take before it counts as failed. Other programs may keep the machine busy.
pub const LIMIT: Duration = Duration::from_secs(60);
/// Where everybody comes from.
pub const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// Clients that a server must bear.
pub const CLIENTS: &str = "10500";
/// Of passwords: as few that a login is measured, and not the hash of its password.
pub const ROUNDS: &str = "1000";
/// Where distributions keep servers that are not in everybody's path.
const FOLDERS: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/sbin"];
/// Connections that make accounts at a time.
const SIGNERS: usize = 8;

/// What servers are started with.
pub struct Setting {
    /// Our server.
    pub server: PathBuf,
    /// Our client.
    pub client: PathBuf,
    /// Of this run.
    pub folder: PathBuf,
    /// Accounts `m0`, `m1` and so on: the file of a server that made them.
    pub accounts: PathBuf,
    /// How many these are.
    pub names: usize,
}

/// A program that runs, and is not ours. It ends with its value.
pub struct Program(Child);

impl Program {
    /// One that was started.
    pub fn of(child: Child) -> Program {
        Program(child)
    }

    /// Of its process.
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        process::end(&mut self.0);
    }
}

/// Where a program is.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(FOLDERS.map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// An address of loopback whose port nobody has.
///
/// # Errors
/// A sentence.
pub fn free_address() -> Result<SocketAddr, String> {
    let bound = TcpListener::bind((HERE, 0)).and_then(|listener| listener.local_addr());
    bound.map_err(|error| format!("no port is free: {error}"))
}

/// Starts a program that says nothing, and waits until it listens there.
///
/// # Errors
/// A sentence with its name.
pub fn start_quiet(name: &str, command: &mut Command, address: SocketAddr) -> Result<Program, String> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().map_err(|error| format!("{name} does not start: {error}"))?;
    let mut program = Program(child);
    let until = Instant::now() + LIMIT;
    while TcpStream::connect(address).is_err() {
        if Instant::now() > until || !matches!(program.0.try_wait(), Ok(None)) {
            return Err(format!("{name} does not listen on {address}"));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(program)
}

/// Makes accounts, by a server of their own; its file of them.
///
/// # Errors
/// A sentence.
pub fn make_accounts(server: &Path, folder: &Path, count: usize) -> Result<PathBuf, String> {
    let data = folder.join("accounts");
    let server = Server::start(server, &data, Log::Off, &["--rate", "off", "--hash-rounds", ROUNDS])?;
    sign_up_all(server.address, count)?;
    Ok(data.join("users.csv"))
}

/// Makes so many accounts at a server.
///
/// # Errors
/// A sentence.
pub fn sign_up_all(at: SocketAddr, count: usize) -> Result<(), String> {
    let sign_up = |from: usize| {
        let until = Instant::now() + 10 * LIMIT;
        let mut wire = Wire::connect(HERE, at, until)?;
        (from..count).step_by(SIGNERS).try_for_each(|number| wire.sign_up(&name(number), until))
    };
    // On a disk each of them waits until an account is written down; together they wait less.
    let made = thread::scope(|scope| {
        let threads: Vec<_> = (0..SIGNERS).map(|from| scope.spawn(move || sign_up(from))).collect();
        let lost = |_| Err(io::Error::other("a thread was lost"));
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(lost)).collect::<io::Result<Vec<()>>>()
    });
    made.map(drop).map_err(|error| format!("an account cannot be made: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_or_not() {
        assert!(find("sh").is_some());
        assert_eq!(find("no-such-program-as-this"), None);
    }

    #[test]
    fn what_does_not_listen_is_ended_and_told() {
        let address = free_address().expect("a port");
        let refused = start_quiet("true", &mut Command::new("true"), address).err();
        assert_eq!(refused, Some(format!("true does not listen on {address}")));
    }
}
