//! Servers of ours that share one house, with the Redis that has it. They end with their value. What it is measured with
//! is for others.

use crate::setting::{CLIENTS, HERE, Program, ROUNDS, Setting, find, free_address, sign_up_all, start_quiet};
use peerline_stress::process::{Log, Server};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Servers of one house.
pub struct House {
    /// In the order of their start; dropped before the Redis.
    servers: Vec<Server>,
    redis: Program,
}

impl House {
    /// Starts a Redis and so many servers, and makes the accounts. The Redis is set to lose nothing: nobody is answered
    /// before the file is synced.
    ///
    /// # Errors
    /// A sentence.
    pub fn start(setting: &Setting, servers: usize) -> Result<House, String> {
        let folder = tempfile::tempdir_in(&setting.folder).map_err(|error| error.to_string())?.keep();
        let (redis, address) = start_redis(&folder)?;
        let url = format!("redis://{address}");
        let start = |number: usize| {
            let name = format!("s{}", number + 1);
            let data = folder.join(&name);
            let log = folder.join(format!("{name}.log"));
            let shared = ["--directory", &url, "--name", &name];
            let own = ["--max-clients", CLIENTS, "--rate", "off", "--hash-rounds", ROUNDS];
            Server::start(&setting.server, &data, Log::File(&log), &[shared.as_slice(), &own].concat())
                .map_err(|why| format!("{why}: {}", last_line(&log)))
        };
        let servers = (0..servers).map(start).collect::<Result<Vec<_>, String>>()?;
        let house = House { servers, redis };
        sign_up_all(house.address_of(0), setting.names)?;
        Ok(house)
    }

    /// Where the client of this number comes: they are spread over all servers.
    pub fn address_of(&self, number: usize) -> SocketAddr {
        self.servers[number % self.servers.len()].address
    }

    /// Of all processes.
    pub fn ids(&self) -> impl Iterator<Item = u32> {
        self.servers.iter().map(Server::id).chain([self.redis.id()])
    }

    /// Ends its first server as a crash does.
    ///
    /// # Errors
    /// It is the last one.
    pub fn crash(&mut self) -> Result<(), String> {
        if self.servers.len() < 2 {
            return Err("no server of the house would be left".to_owned());
        }
        self.servers.remove(0).kill();
        Ok(())
    }
}

/// The program that has a house.
///
/// # Errors
/// A sentence that says what to install.
pub fn redis_server() -> Result<PathBuf, String> {
    find("redis-server").ok_or_else(|| "redis-server is not installed (apt-get install redis-server)".to_owned())
}

fn start_redis(folder: &Path) -> Result<(Program, SocketAddr), String> {
    let address = free_address()?;
    let program = redis_server()?;
    let (ip, port) = (HERE.to_string(), address.port().to_string());
    let mut command = Command::new(program);
    command.args(["--bind", &ip, "--port", &port, "--save", "", "--appendonly", "yes", "--appendfsync", "always"]);
    command.args(["--maxmemory-policy", "noeviction", "--dir"]).arg(folder);
    start_quiet("redis-server", &mut command, address).map(|redis| (redis, address))
}

/// What a program has said last: why it does not start.
fn last_line(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().last().unwrap_or("it says nothing").to_owned()
}
