//! A switch of network namespaces, for tests: each interface of the namespace that it runs in is a link to a host, with
//! a delay, a loss, a rate and faults of its own. It reads commands from standard input, answers each with a line, and
//! ends with its input.

// What `peerline-stress` needs of it besides.
#[allow(dead_code)]
#[path = "../../stress/src/random.rs"]
mod random;
mod frame;
mod pipe;
mod command;
mod switch;
mod wire;

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::socket::LinkAddr;
use nix::sys::time::TimeSpec;
use std::collections::HashMap;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::Instant;
use switch::{LinkId, Switch};
use wire::Wire;

/// Frames that are taken before those are sent on that are through.
const AT_ONCE: usize = 64;
/// Bytes that a command may have.
const LONGEST_COMMAND: usize = 4096;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let seed = match arguments.iter().map(String::as_str).collect::<Vec<&str>>()[..] {
        [] => Some(1),
        ["--seed", seed] => seed.parse().ok(),
        _ => None,
    };
    let Some(seed) = seed else {
        eprintln!("peerline-switch [--seed NUMBER]\n\nCommands, on standard input:\n{}", command::USAGE);
        return ExitCode::from(2);
    };
    match Runner::new(seed).and_then(Runner::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peerline-switch: {error}");
            ExitCode::from(2)
        }
    }
}

/// The switch with its socket, the interfaces as they are now, and what was typed of a command.
struct Runner {
    switch: Switch,
    wire: Wire,
    /// By the number of the interface.
    links: HashMap<usize, LinkId>,
    /// By the link.
    addresses: HashMap<LinkId, LinkAddr>,
    typed: Vec<u8>,
    /// Of frames that are too long it was told.
    is_told: bool,
}

impl Runner {
    fn new(seed: u64) -> io::Result<Runner> {
        let (switch, wire) = (Switch::new(seed), Wire::open()?);
        let (links, addresses) = (HashMap::new(), HashMap::new());
        let mut runner = Runner { switch, wire, links, addresses, typed: Vec::new(), is_told: false };
        runner.find_links()?;
        Ok(runner)
    }

    /// Looks for interfaces that have come since. One that was made anew under its old name is the same link.
    fn find_links(&mut self) -> io::Result<()> {
        for (name, address) in wire::interfaces()? {
            let link = self.switch.link(&name);
            self.links.insert(address.ifindex(), link);
            self.addresses.insert(link, address);
        }
        Ok(())
    }

    fn run(mut self) -> io::Result<()> {
        let stdin = io::stdin();
        loop {
            for _ in 0..AT_ONCE {
                let Some((interface, frame)) = self.wire.receive()? else { break };
                self.take(interface, frame)?;
            }
            let now = Instant::now();
            while let Some((link, frame)) = self.switch.next(now) {
                self.send(link, &frame);
            }
            let patience =
                self.switch.deadline().map(|at| TimeSpec::from(at.saturating_duration_since(Instant::now())));
            let mut ready =
                [PollFd::new(self.wire.as_fd(), PollFlags::POLLIN), PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
            ppoll(&mut ready, patience, None)?;
            if ready[1].any() == Some(true) && !self.read_commands()? {
                return Ok(());
            }
        }
    }

    fn take(&mut self, interface: usize, mut frame: Vec<u8>) -> io::Result<()> {
        if !self.links.contains_key(&interface) {
            self.find_links()?;
        }
        // An interface may be gone again.
        if let Some(link) = self.links.get(&interface) {
            frame::sum_up(&mut frame);
            self.switch.receive(*link, frame, Instant::now());
        }
        Ok(())
    }

    fn send(&mut self, link: LinkId, frame: &[u8]) {
        let sent = self.addresses.get(&link).map_or(Ok(()), |address| self.wire.send(address, frame));
        if let Err(sentence) = sent {
            if !std::mem::replace(&mut self.is_told, true) {
                eprintln!("peerline-switch: {sentence}");
            }
        }
    }

    /// Reads what there is, and carries out the commands that are whole; whether more may come.
    fn read_commands(&mut self) -> io::Result<bool> {
        let mut piece = [0; LONGEST_COMMAND];
        // Unbuffered by its file descriptor: what a buffer holds no poll knows of.
        let length = nix::unistd::read(io::stdin().as_fd(), &mut piece)?;
        self.typed.extend_from_slice(&piece[..length]);
        while let Some(end) = self.typed.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.typed.drain(..=end).collect();
            let answer = match self.command(&String::from_utf8_lossy(&line)) {
                Ok(()) => "ok".to_owned(),
                Err(sentence) => format!("error: {sentence}"),
            };
            println!("{answer}");
            io::stdout().flush()?;
        }
        if self.typed.len() > LONGEST_COMMAND {
            return Err(io::Error::other(format!("a command of more than {LONGEST_COMMAND} bytes")));
        }
        Ok(length > 0)
    }

    fn command(&mut self, line: &str) -> Result<(), String> {
        self.find_links().map_err(|error| error.to_string())?;
        self.switch.change(&line.parse()?)
    }
}
