//! What is the same for all checks of a run: the server, the machine's patience, the folder.

use crate::check::{Check, Need};
use crate::server::{CommandLine, Ports};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is graded.
pub enum Target {
    /// A command that starts it.
    Command(CommandLine),
    /// It runs, here or elsewhere.
    Running(SocketAddr),
}

/// What is the same for all checks of a run.
pub struct Setup {
    pub target: Target,
    /// From 1 to 8: limits are so many times as long.
    pub patience: u32,
    /// Names of accounts are made of it; 0 leaves them plain where `{data}` makes them new.
    pub seed: u64,
    /// The folder of the submission that is graded, in a class.
    pub submission: Option<PathBuf>,
    pub ports: Arc<Ports>,
    /// For the servers' data and output.
    pub folder: PathBuf,
    /// How many servers were started.
    pub started: AtomicUsize,
}

impl Setup {
    /// Why this check is not for this server, if it is not.
    pub fn lacks(&self, check: &Check) -> Option<String> {
        match &self.target {
            Target::Command(line) => {
                let missing = check.house.iter().find(|(rule, _)| !line.has(rule.word()));
                if let Some((rule, _)) = missing {
                    return Some(format!("the command line does not offer {{{}}}", rule.word()));
                }
                let wants_data = check.needs.contains(&Need::Data);
                (wants_data && !line.has("data")).then(|| "the command line does not offer {data}".to_owned())
            }
            Target::Running(at) => {
                let starts = check.needs.iter().any(|need| matches!(need, Need::OwnServer | Need::Data));
                if starts || !check.house.is_empty() {
                    return Some("the grader has not started this server".to_owned());
                }
                if check.needs.contains(&Need::Loopback) { far_from(at.ip()).map(str::to_owned) } else { None }
            }
        }
    }

    /// Whether clients may send as fast as they can: the server was told so.
    pub fn is_unpaced(&self) -> bool {
        matches!(&self.target, Target::Command(line) if line.has("rate"))
    }

    /// A word that no other server of this run has.
    pub fn mark(&self) -> String {
        format!("{}-{}", std::process::id(), self.started.fetch_add(1, Ordering::Relaxed))
    }
}

/// Why a server at this address cannot be called from several addresses of loopback, if it cannot.
fn far_from(at: IpAddr) -> Option<&'static str> {
    match at {
        IpAddr::V4(ip) if ip.is_loopback() => None,
        IpAddr::V6(ip) if ip.to_canonical().is_loopback() => Some("of loopback IPv6 has one address alone"),
        _ => Some("the server is on another machine"),
    }
}

/// What names of accounts end with in this check.
pub fn name_suffix(setup: &Setup, check: &str) -> String {
    let is_fresh = matches!(&setup.target, Target::Command(line) if line.has("data"));
    if is_fresh && setup.seed == 0 {
        return String::new();
    }
    // FNV-1a: any hash that is the same everywhere.
    let seed = setup.seed.to_le_bytes();
    let mixed = seed
        .iter()
        .chain(check.as_bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let digits = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let letters = (0..4).map(|place| digits[(mixed >> (8 + place * 12)) as usize % digits.len()] as char);
    letters.fold("-".to_owned(), |suffix, letter| suffix + &letter.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ipv4_has_several_addresses_of_loopback() {
        for (at, is_near) in [("127.0.0.1", true), ("127.77.7.7", true), ("10.0.0.7", false), ("2001:db8::7", false)] {
            assert_eq!(far_from(at.parse().expect("an address")).is_none(), is_near, "{at}");
        }
        for at in ["::1", "::ffff:127.0.0.1"] {
            assert!(far_from(at.parse().expect("an address")).is_some_and(|why| why.contains("IPv6")), "{at}");
        }
    }

    #[test]
    fn names_differ_from_check_to_check_and_from_seed_to_seed() {
        let suffix = |seed: u64, check: &str, words: &[&str]| {
            let words = words.iter().map(|word| (*word).to_owned()).collect();
            let target = Target::Command(CommandLine::new(words, false).expect("right"));
            let (ports, folder, started) = (Arc::new(Ports::new()), PathBuf::new(), AtomicUsize::new(0));
            let setup = Setup { target, patience: 1, seed, submission: None, ports, folder, started };
            name_suffix(&setup, check)
        };
        let own = suffix(7, "names", &["x", "{port}", "{data}"]);
        assert_eq!((own.len(), &own), (5, &suffix(7, "names", &["x", "{port}"])));
        assert_ne!(own, suffix(8, "names", &["x", "{port}"]));
        assert_ne!(own, suffix(7, "crlf", &["x", "{port}"]));
        assert_eq!(suffix(0, "names", &["x", "{port}", "{data}"]), "");
    }
}
