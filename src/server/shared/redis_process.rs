//! A process of Redis for a test: on a free port of loopback, with a folder of its own, and set to sync all that it says yes
//! to. It knows nothing of what is said to it.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a start may take on a busy machine.
const START: Duration = Duration::from_secs(20);

/// It ends with this value.
pub struct Redis {
    process: Child,
    address: SocketAddr,
    folder: TempDir,
    options: Vec<String>,
}

impl Redis {
    /// One with these options behind those that all have.
    pub fn start(options: &[&str]) -> Redis {
        let folder = tempfile::tempdir().expect("a folder");
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        // Somebody else may take the port before Redis does: then another one is tried.
        for _ in 0..20 {
            let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
            let address = free.expect("a free port");
            if let Some(process) = run(address, &folder, &options) {
                return Redis { process, address, folder, options };
            }
        }
        panic!("redis-server does not start: {}", folder.path().display());
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it as `kill -9` does.
    pub fn kill(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }

    /// Its files, for a test that cuts something off between [`Redis::kill`] and [`Redis::restart`].
    #[allow(dead_code, reason = "the tests of processes cut nothing off")]
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Starts it again, with its files.
    pub fn restart(&mut self) {
        self.process = run(self.address, &self.folder, &self.options).expect("it starts again");
    }

    /// The id of its process, for a test that stops it for a while.
    #[allow(dead_code, reason = "the tests of processes do not stop it")]
    pub fn id(&self) -> u32 {
        self.process.id()
    }
}

/// Starts it, and waits until it answers; nothing where it ended at once.
fn run(address: SocketAddr, folder: &TempDir, options: &[String]) -> Option<Child> {
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    let mut command = Command::new("redis-server");
    command.args(["--bind", &ip, "--port", &port, "--save", "", "--appendonly", "yes", "--appendfsync", "always"]);
    command.args(["--maxmemory-policy", "noeviction"]).args(options).current_dir(folder.path());
    let log = std::fs::File::create(folder.path().join("redis.log")).expect("a log");
    let spawned = command.stdin(Stdio::null()).stdout(log).stderr(Stdio::null()).spawn();
    let mut process = spawned.expect("these tests need redis-server: apt-get install redis-server");
    let end = Instant::now() + START;
    let log = folder.path().join("redis.log");
    while Instant::now() < end {
        if process.try_wait().expect("a child").is_some() {
            return None;
        }
        // It may be somebody else who answers at the port: the log is this one's.
        let log = std::fs::read_to_string(&log).unwrap_or_default();
        if log.contains("Ready to accept connections") {
            return Some(process);
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    process.kill().expect("it runs");
    process.wait().expect("it ends");
    panic!("redis-server does not get ready: {}", std::fs::read_to_string(&log).unwrap_or_default());
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have ended, by `kill`.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
