//! Bans: `bans.csv`, one row a ban, which people can read. In memory they are looked up at each connection and login.
//!
//! The file is written anew at each change, as a whole. Before that it is read: what somebody has written there by hand
//! counts from then on.

use super::users_file::{in_file, regular};
use super::whole_file::{remove_half_written, write_anew};
use crate::protocol::{Ban, check_house_text};
use crate::value::comma;
use crate::value::{Size, Username, network_of};
use nix::libc::O_NONBLOCK;
use std::collections::HashMap;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::net::{IpAddr, Ipv6Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// The first line.
const HEADER: &str = "banned,until,why";
/// The most bans that are kept.
pub const MAX_BANS: usize = 10_000;
/// The most bytes of the file: so many bans, and what people may add by hand.
const MAX_BYTES: u64 = 1 << 24;

/// Who is banned.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Banned {
    /// Whoever has this account, or is this guest.
    Name(Username),
    /// Whoever comes from this IPv4 address, or this /64 of IPv6.
    Network(IpAddr),
}

impl Banned {
    /// Whether a ban of this is one of who has that name, and comes from there.
    pub fn meets(&self, name: &Username, from: IpAddr) -> bool {
        match self {
            Banned::Name(banned) => banned == name,
            Banned::Network(network) => network_of(from) == *network,
        }
    }
}

/// The bans of a data folder.
pub struct Bans {
    path: PathBuf,
    now: Mutex<HashMap<Banned, Ban>>,
    /// Held while the file is read and written, so that one change comes after the other; by nobody who only looks.
    file: Mutex<()>,
}

impl Bans {
    /// The bans of `folder`; none where there is no file.
    ///
    /// # Errors
    /// One sentence that names the file, and the line where a row is wrong.
    pub fn open(folder: &Path) -> Result<Bans, String> {
        let path = folder.join("bans.csv");
        remove_half_written(&path);
        let bans = read(&path)?;
        Ok(Bans { path, now: Mutex::new(bans), file: Mutex::new(()) })
    }

    /// The ban of an account or a guest that holds now.
    pub fn of_name(&self, name: &Username, now: SystemTime) -> Option<Ban> {
        self.find(&Banned::Name(name.clone()), now)
    }

    /// The ban of an address that holds now.
    pub fn of_address(&self, address: IpAddr, now: SystemTime) -> Option<Ban> {
        self.find(&Banned::Network(network_of(address)), now)
    }

    fn find(&self, who: &Banned, now: SystemTime) -> Option<Ban> {
        self.lock().get(who).filter(|ban| holds(ban, now)).cloned()
    }

    /// All bans that hold now: names first, in order.
    pub fn list(&self, now: SystemTime) -> Vec<(Banned, Ban)> {
        in_order(&self.lock(), now)
    }

    /// Bans, or changes a ban. On return it is on the disk.
    ///
    /// # Errors
    /// A sentence: a file that cannot be read, taken or written, or too many bans. Nothing was changed.
    pub fn ban(&self, who: Banned, ban: Ban, now: SystemTime) -> Result<(), String> {
        self.change(now, |bans| {
            if bans.len() >= MAX_BANS && !bans.contains_key(&who) {
                return Err(format!("There are {MAX_BANS} bans already, which is the most"));
            }
            bans.insert(who, ban);
            Ok(())
        })
    }

    /// Lifts a ban; false when there was none.
    ///
    /// # Errors
    /// As [`Bans::ban`].
    pub fn lift(&self, who: &Banned, now: SystemTime) -> Result<bool, String> {
        self.change(now, |bans| Ok(bans.remove(who).is_some()))
    }

    fn change<T>(
        &self,
        now: SystemTime,
        change: impl FnOnce(&mut HashMap<Banned, Ban>) -> Result<T, String>,
    ) -> Result<T, String> {
        let _one_at_a_time = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bans = read(&self.path)?;
        bans.retain(|_, ban| holds(ban, now));
        let changed = change(&mut bans)?;
        let rows = in_order(&bans, now).into_iter().map(|(who, ban)| {
            let until = ban.until.map(|until| until.to_string()).unwrap_or_default();
            comma::join([who.to_string().as_str(), &until, &ban.why]) + "\n"
        });
        let text = format!("{HEADER}\n") + &rows.collect::<String>();
        write_anew(&self.path, text.as_bytes()).map_err(|error| in_file(&self.path, error))?;
        *self.lock() = bans;
        Ok(changed)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Banned, Ban>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub fn holds(ban: &Ban, now: SystemTime) -> bool {
    ban.until.is_none_or(|until| !until.is_over(now))
}

/// Those that hold now: names first, in order.
pub fn in_order(bans: &HashMap<Banned, Ban>, now: SystemTime) -> Vec<(Banned, Ban)> {
    let held = bans.iter().filter(|(_, ban)| holds(ban, now));
    let mut list: Vec<(Banned, Ban)> = held.map(|(who, ban)| (who.clone(), ban.clone())).collect();
    list.sort_by_cached_key(|(who, _)| (matches!(who, Banned::Network(_)), who.to_string().to_ascii_lowercase()));
    list
}

fn read(path: &Path) -> Result<HashMap<Banned, Ban>, String> {
    // To open a pipe would wait for who writes into it.
    let file = match OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(path).and_then(regular) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(HashMap::new()),
        Err(error) => return Err(in_file(path, error)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| in_file(path, error))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("{}: it has more than {}", path.display(), Size(MAX_BYTES)));
    }
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes.as_slice());
    let headers = reader.headers().map_err(|error| format!("{}: {error}", path.display()))?;
    if headers.iter().ne(HEADER.split(',')) {
        return Err(format!("{}:1: expected the header {HEADER}", path.display()));
    }
    let mut bans = HashMap::new();
    for record in reader.records() {
        let record = record.map_err(|error| format!("{}: {error}", path.display()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let wrong = |what: String| format!("{}:{line}: {what}; mend or delete this line", path.display());
        let (who, ban) = parse(&record).map_err(wrong)?;
        bans.insert(who, ban);
    }
    Ok(bans)
}

/// The ban that stands in a row: who, until when, why.
///
/// # Errors
/// What is wrong.
pub fn parse(record: &csv::StringRecord) -> Result<(Banned, Ban), String> {
    let (3, Some(who), Some(until), Some(why)) = (record.len(), record.get(0), record.get(1), record.get(2)) else {
        return Err(format!("expected {HEADER}"));
    };
    let until = match until {
        "" => None,
        _ => Some(until.parse().map_err(|_| "expected a time such as 2026-11-28 19:00 UTC, or nothing".to_owned())?),
    };
    check_house_text(why)?;
    Ok((who.parse()?, Ban { until, why: why.to_owned() }))
}

impl FromStr for Banned {
    type Err = String;

    /// A name, an address, or a network as it is shown.
    fn from_str(text: &str) -> Result<Banned, String> {
        let network = text.strip_suffix("/64").and_then(|network| network.parse::<Ipv6Addr>().ok());
        let Some(address) = network.map(IpAddr::V6).or_else(|| text.parse().ok()) else {
            return text
                .parse()
                .map(Banned::Name)
                .map_err(|_| format!("{text:?} is neither a username nor an address"));
        };
        let address = address.to_canonical();
        let is_local = match address {
            IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local(),
            // The whole /64 is meant, and ::1 is in the first of all.
            IpAddr::V6(ip) => ip.is_unicast_link_local() || network_of(address) == Ipv6Addr::UNSPECIFIED,
        };
        if is_local {
            return Err(format!(
                "{address} is where everybody on this machine or link comes from: ban the name instead"
            ));
        }
        Ok(Banned::Network(network_of(address)))
    }
}

impl fmt::Display for Banned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Banned::Name(name) => name.fmt(f),
            Banned::Network(address @ IpAddr::V4(_)) => address.fmt(f),
            Banned::Network(network) => write!(f, "{network}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Moment;
    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;
    use std::fs;
    use std::time::{Duration, UNIX_EPOCH};

    const HOUR: Duration = Duration::from_secs(3600);

    fn start() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_700_000_000)
    }

    fn who(text: &str) -> Banned {
        text.parse().expect("a name or an address")
    }

    fn ban(until: Option<SystemTime>) -> Ban {
        Ban { until: until.map(Moment::at_or_after), why: "too loud, \"again\"".to_owned() }
    }

    #[test]
    fn bans_hold_over_a_restart_until_their_end_in_any_spelling_and_for_a_whole_network() {
        let folder = tempfile::tempdir().expect("a folder");
        let bans = Bans::open(folder.path()).expect("opens");
        let now = start();
        bans.ban(who("Bob"), ban(Some(now + HOUR)), now).expect("banned");
        bans.ban(who("2001:db8:1:2::7"), ban(None), now).expect("banned");
        bans.ban(who("192.0.2.7"), ban(None), now).expect("banned");
        for bans in [bans, Bans::open(folder.path()).expect("opens again")] {
            let of = |address: &str, now| bans.of_address(address.parse().expect("an address"), now).is_some();
            let name = |now| bans.of_name(&"bOB".parse().expect("a name"), now);
            assert_eq!(name(now), Some(ban(Some(now + HOUR))));
            assert!(of("2001:db8:1:2:ffff::1", now) && !of("2001:db8:1:3::7", now));
            assert!(of("192.0.2.7", now + 1000 * HOUR) && of("::ffff:192.0.2.7", now) && !of("192.0.2.8", now));
            assert_eq!(name(now + HOUR + Duration::from_secs(60)), None, "its time is over");
            let list: Vec<String> = bans.list(now).into_iter().map(|(who, _)| who.to_string()).collect();
            assert_eq!(list, ["Bob", "192.0.2.7", "2001:db8:1:2::/64"]);
            assert_eq!(bans.list(now + 2 * HOUR).len(), 2);
        }
        let bans = Bans::open(folder.path()).expect("opens");
        assert_eq!(bans.lift(&who("2001:db8:1:2::/64"), now), Ok(true));
        assert_eq!(bans.lift(&who("BOB"), now + 2 * HOUR), Ok(false), "it is over");
        let text = fs::read_to_string(folder.path().join("bans.csv")).expect("text");
        assert_eq!(text, format!("{HEADER}\n192.0.2.7,,\"too loud, \"\"again\"\"\"\n"));
    }

    #[test]
    fn what_is_written_by_hand_counts_and_what_cannot_be_taken_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let (bans, path) = (Bans::open(folder.path()).expect("opens"), folder.path().join("bans.csv"));
        fs::write(&path, format!("{HEADER}\neve,2030-01-01 00:00 UTC,by hand\n")).expect("written");
        bans.ban(who("bob"), ban(None), start()).expect("banned");
        assert!(bans.of_name(&"eve".parse().expect("a name"), start()).is_some());
        for (rows, why) in [
            ("banned\n", ":1: expected the header"),
            ("banned,until,why\nbob,noon,x\n", ":2: expected a time such as"),
            ("banned,until,why\nb ob,,x\n", ":2: \"b ob\" is neither a username nor an address"),
            ("banned,until,why\nbob,,\n", ":2: The text is empty"),
            ("banned,until,why\nbob\n", ":2: expected banned"),
        ] {
            fs::write(&path, rows).expect("written");
            let refused = bans.lift(&who("bob"), start()).expect_err(why);
            assert!(refused.contains(why), "{refused}");
            assert!(Bans::open(folder.path()).is_err());
            assert_eq!(fs::read_to_string(&path).expect("text"), rows);
            assert!(bans.of_name(&"bob".parse().expect("a name"), start()).is_some());
        }
    }

    #[test]
    fn what_is_no_file_or_has_no_end_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let (bans, path) = (Bans::open(folder.path()).expect("opens"), folder.path().join("bans.csv"));
        mkfifo(&path, Mode::S_IRWXU).expect("a pipe");
        let refused = bans.ban(who("bob"), ban(None), start()).expect_err("a pipe");
        assert!(refused.ends_with("bans.csv: this is no regular file"), "{refused}");
        assert!(Bans::open(folder.path()).is_err());
        fs::remove_file(&path).expect("removed");
        fs::File::create(&path).and_then(|file| file.set_len(MAX_BYTES + 1)).expect("made");
        let refused = bans.ban(who("bob"), ban(None), start()).expect_err("too large");
        assert!(refused.ends_with("bans.csv: it has more than 16.0 MiB"), "{refused}");
    }

    #[test]
    fn where_everybody_comes_from_is_not_banned() {
        for address in
            ["127.0.0.1", "127.5.6.7", "::1", "::", "::2", "::/64", "::ffff:127.0.0.1", "fe80::1", "169.254.1.7"]
        {
            assert!(address.parse::<Banned>().is_err_and(|why| why.ends_with("ban the name instead")), "{address}");
        }
        // A network of another size is not taken for an address.
        for text in ["192.0.2.7/64", "192.0.2.0/24", "2001:db8::/48", "192.0.2.7:4400", ""] {
            let why = format!("{text:?} is neither a username nor an address");
            assert_eq!(text.parse::<Banned>(), Err(why));
        }
    }
}
