//! The client programs of a round: one shares files, one fetches one of them. Both are killed sooner or later.

use super::folders::Folders;
use crate::process::{end, ends_within};
use crate::random::Xorshift;
use crate::wire::{PASSWORD, Wire};
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The account of who shares, and that of who fetches.
pub const ACCOUNTS: [&str; 2] = ["bob", "alice"];
/// How long the owner may take to be known to the server.
const READY: Duration = Duration::from_secs(5);

/// A client program that ends with its value.
pub struct Client(Child);

impl Drop for Client {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

impl Client {
    /// Ends it as a crash does.
    pub fn kill(self) {
        drop(self);
    }

    /// Lets it go on so long, then ends it as a crash does.
    pub fn kill_after(mut self, limit: Duration) {
        ends_within(&mut self.0, limit);
    }
}

/// What clients are started with.
pub struct Programs<'a> {
    /// The program `client`.
    pub client: &'a Path,
    /// The folder of this run; what clients say and write goes there.
    pub folder: &'a Path,
    /// What they share.
    pub folders: &'a Folders,
}

impl Programs<'_> {
    fn start(&self, name: &str, server: SocketAddr, share: &Path, exec: &[&str]) -> io::Result<Client> {
        let said = File::create(self.folder.join(format!("{name}.said")))?;
        let mut command = Command::new(self.client);
        command.args([server.ip().to_string(), server.port().to_string()]).args(["--user", name, "--share"]);
        command.arg(share).args(exec).env("PEERLINE_PASSWORD", PASSWORD).env("XDG_STATE_HOME", self.folder);
        // A pipe that stays open: the owner waits for commands that never come.
        command.stdin(Stdio::piped()).stdout(said.try_clone()?).stderr(said);
        command.spawn().map(Client)
    }

    /// Starts the owner, waits until others can find it, and starts the fetch of a file.
    pub fn fetch(&self, server: SocketAddr, random: &mut Xorshift) -> io::Result<[Client; 2]> {
        let owner = self.start(ACCOUNTS[0], server, &self.folders.shared, &[])?;
        let until = Instant::now() + READY;
        let mut wire = Wire::connect(Ipv4Addr::new(127, 3, 0, 6), server, until)?;
        wire.log_in("finder", until)?;
        loop {
            let answer = wire.ask(&format!("GET_UF,{}", ACCOUNTS[0]), until)?;
            if answer.starts_with("OK") && answer != "OK,0 files" {
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
        let fetch = format!("get {} {}; wait", ACCOUNTS[0], self.folders.any(random));
        let fetcher = self.start(ACCOUNTS[1], server, &self.folders.fetched, &["--exec", &fetch])?;
        Ok([owner, fetcher])
    }
}
