//! The server as a process: started, watched through `/proc`, ended by its id. Whatever happens it does not outlive
//! its value here.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take to say where it listens: it may have many accounts to read.
const START: Duration = Duration::from_secs(20);
/// The parts of a second in which `/proc` counts the time of processors: the same on every Linux.
const TICKS: f64 = 100.0;

/// The options that add the ports of all dialects.
pub const DIALECTS: [&str; 8] =
    ["--menu-port", "0", "--menu-port", "0:quiet", "--query-port", "0", "--packet-port", "0"];

/// Where the server's log goes.
pub enum Log<'a> {
    /// Behind what this file holds.
    File(&'a Path),
    /// Into a pipe that nobody reads.
    Unread,
    /// Nothing is logged.
    Off,
}

/// A running server.
pub struct Server {
    child: Child,
    /// Its main port.
    pub address: SocketAddr,
    dialects: Vec<(String, SocketAddr)>,
}

/// What a process needs at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Vitals {
    /// Memory that is there, in MiB.
    pub rss: f64,
    /// How many.
    pub threads: usize,
    /// Open files and sockets.
    pub descriptors: usize,
    /// Of all processors, in seconds from its start.
    pub cpu: f64,
}

impl Server {
    /// Starts one on loopback, on ports that the system chooses.
    ///
    /// # Errors
    /// A sentence, when it does not say in time that it listens.
    pub fn start(program: &Path, data: &Path, log: Log, options: &[&str]) -> Result<Server, String> {
        let mut command = Command::new(program);
        command.args(["--bind", "127.0.0.1", "--port", "0", "--no-find", "--data"]).arg(data).args(options);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        match log {
            Log::Unread => command.stderr(Stdio::piped()),
            Log::Off => command.env("RUST_LOG", "off").stderr(Stdio::null()),
            Log::File(path) => {
                let file = File::options().create(true).append(true).open(path);
                command.stderr(file.map_err(|error| format!("{}: {error}", path.display()))?)
            }
        };
        let mut child = command.spawn().map_err(|error| format!("{} does not start: {error}", program.display()))?;
        let wanted = 1 + options.iter().filter(|option| option.ends_with("-port")).count();
        match listening(&mut child, wanted) {
            Some(mut ports) => {
                let address = ports.remove(0).1;
                Ok(Server { child, address, dialects: ports })
            }
            None => {
                end(&mut child);
                Err("the server does not say where it listens; its log says why".to_owned())
            }
        }
    }

    /// Where to connect for a dialect: `menu`, `menu:quiet`, `query` or `packet`. It was started with [`DIALECTS`].
    pub fn dialect(&self, name: &str) -> SocketAddr {
        self.dialects.iter().find(|(dialect, _)| dialect == name).map_or(self.address, |(_, address)| *address)
    }

    /// Where it speaks TLS, if it was started with `--tls-port`.
    pub fn tls(&self) -> Option<SocketAddr> {
        self.dialects.iter().find(|(dialect, _)| dialect.starts_with("tls ")).map(|(_, address)| *address)
    }

    /// Of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it needs now.
    ///
    /// # Errors
    /// When it has ended.
    pub fn vitals(&self) -> Result<Vitals, String> {
        vitals(self.child.id()).map_err(|error| format!("the server has ended: {error}"))
    }

    /// Ends it at once, as a crash does.
    pub fn kill(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Ends a process by force and takes its exit code. One that has ended is no error.
pub fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Waits for a process to end by itself; whether it did in time.
pub fn ends_within(child: &mut Child, limit: Duration) -> bool {
    let until = Instant::now() + limit;
    while Instant::now() < until {
        if !matches!(child.try_wait(), Ok(None)) {
            return true;
        }
        thread::sleep(Duration::from_millis(2));
    }
    false
}

/// The names and addresses that the server prints at its start; the main port's name is empty.
fn listening(child: &mut Child, wanted: usize) -> Option<Vec<(String, SocketAddr)>> {
    let output = child.stdout.take()?;
    let (sender, lines) = mpsc::channel();
    // The thread ends with the last line, or with the server.
    let reader = thread::spawn(move || {
        for line in BufReader::new(output).lines().take(wanted).map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let until = Instant::now() + START;
    let next = || port(&lines.recv_timeout(until.saturating_duration_since(Instant::now())).ok()?);
    let ports: Option<Vec<_>> = (0..wanted).map(|_| next()).collect();
    if ports.is_none() {
        end(child);
    }
    let joined = reader.join();
    ports.filter(|_| joined.is_ok())
}

/// `listening on IP:PORT`, `listening on IP:PORT DIALECT` or `listening on IP:PORT tls FINGERPRINT`.
fn port(line: &str) -> Option<(String, SocketAddr)> {
    let rest = line.strip_prefix("listening on ")?;
    let (address, dialect) = rest.split_once(' ').unwrap_or((rest, ""));
    Some((dialect.to_owned(), address.parse().ok()?))
}

fn vitals(id: u32) -> io::Result<Vitals> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let missing = || io::Error::other("it has no memory any more");
    Ok(Vitals {
        // What the program holds. Pages of its file come when code runs for the first time, and hold nothing.
        rss: number_of(&status, "RssAnon:").ok_or_else(missing)? as f64 / 1024.0,
        threads: number_of(&status, "Threads:").ok_or_else(missing)?,
        descriptors: fs::read_dir(format!("/proc/{id}/fd"))?.count(),
        cpu: cpu_of(id)?,
    })
}

/// The first number of a line of `status`.
fn number_of(status: &str, name: &str) -> Option<usize> {
    let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// The time of all processors that a process has had, in seconds.
///
/// # Errors
/// When it has ended.
pub fn cpu_of(id: u32) -> io::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    cpu(&stat).ok_or_else(|| io::Error::other("/proc does not say what it used"))
}

/// User and system time of `stat`, in seconds. The program's name, in brackets, may hold anything.
fn cpu(stat: &str) -> Option<f64> {
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_as_the_server_says_them() {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        assert_eq!(port("listening on 127.0.0.1:44"), Some((String::new(), address(44))));
        assert_eq!(port("listening on 127.0.0.1:45 menu:quiet"), Some(("menu:quiet".to_owned(), address(45))));
        assert_eq!(port("server: no"), None);
    }

    #[test]
    fn a_process_is_read_from_proc() {
        let own = vitals(std::process::id()).expect("this process runs");
        assert!(own.rss > 0.1 && own.threads >= 1 && own.descriptors >= 3, "{own:?}");
        assert_eq!(number_of("Name:\tx\nVmRSS:\t  2048 kB\nThreads:\t3\n", "VmRSS:"), Some(2048));
        assert_eq!(cpu("12 (a ) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0"), Some(2.0));
        assert!(vitals(u32::MAX).is_err());
    }
}
