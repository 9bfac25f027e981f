//! The keys by which servers are known, remembered between runs: a line a server, `HOST:PORT sha256:HEX YYYY-MM-DD [IP]`.
//!
//! The last word stands where HOST is a name: the address that it had on that day. Which key is right is decided by
//! HOST:PORT alone; that a host was encrypted before, by either. An address is the same one however it is written.
//!
//! What is not understood is an error, and nothing is passed over: a line may be the one that warns.

use crate::value::Fingerprint;
use jiff::Timestamp;
use jiff::civil::Date;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::SystemTime;

/// A file that is larger is no file of ours.
const MAX_BYTES: u64 = 1 << 20;
/// The rights to write of all but the owner.
const OTHERS_WRITE: u32 = 0o022;

/// How a server is called there: a name as it was typed, in lower case; an address as it is usually written, however it was
/// typed. IPv6 stands in brackets.
pub fn place(host: &str, port: u16) -> String {
    format!("{}:{port}", in_place(host))
}

fn in_place(host: &str) -> String {
    let host = match address(host) {
        Some(ip) => format!("{ip}{}", &host[host.find('%').unwrap_or(host.len())..]),
        None => host.to_owned(),
    };
    let host = host.to_ascii_lowercase();
    if host.contains(':') { format!("[{host}]") } else { host }
}

/// The address that a host is, if it is no name: without its network, which each machine calls otherwise.
fn address(host: &str) -> Option<IpAddr> {
    let (ip, _) = host.split_once('%').unwrap_or((host, ""));
    ip.parse().ok().map(|ip: IpAddr| ip.to_canonical())
}

/// The keys of a server, each with the number of its line. None where there is no file.
///
/// # Errors
/// A sentence with the file, and with the line that is not understood.
pub fn keys(path: &Path, place: &str) -> Result<Vec<(Fingerprint, usize)>, String> {
    let known = read(path)?.into_iter().filter(|known| known.place == place);
    Ok(known.map(|known| (known.key, known.line)).collect())
}

/// The first line with a key of this host, whatever its port, and the host as that line has it: it is called so, or it is
/// or was at this address.
///
/// # Errors
/// As [`keys`].
pub fn line_of_host(path: &Path, host: &str, at: IpAddr) -> Result<Option<(String, usize)>, String> {
    let (place, at) = (in_place(host), at.to_canonical());
    let is_its = |known: &Known| in_place(&known.host) == place || known.addresses().any(|ip| ip == at);
    Ok(read(path)?.into_iter().find(is_its).map(|known| (known.host, known.line)))
}

/// What is remembered of addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// The keys of the servers that are called by an address, not by a name.
    pub keys: Vec<(SocketAddr, Fingerprint)>,
    /// Where a server with a key is, or was.
    pub encrypted: Vec<IpAddr>,
}

/// What is remembered of addresses.
///
/// # Errors
/// As [`keys`].
pub fn by_address(path: &Path) -> Result<Remembered, String> {
    let known = read(path)?;
    let keys = known.iter().filter_map(|known| Some((known.place.parse().ok()?, known.key))).collect();
    Ok(Remembered { keys, encrypted: known.iter().flat_map(Known::addresses).collect() })
}

/// One that is known.
struct Known {
    place: String,
    /// As the line has it, without brackets.
    host: String,
    key: Fingerprint,
    /// Where its name led when it was remembered.
    was_at: Option<IpAddr>,
    line: usize,
}

impl Known {
    fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        address(&self.host).into_iter().chain(self.was_at)
    }
}

fn read(path: &Path) -> Result<Vec<Known>, String> {
    let told = |error: io::Error| format!("{}: {error}", path.display());
    match fs::metadata(path) {
        // Nothing is remembered there: a usual way to say so.
        Ok(_) if path == Path::new("/dev/null") => return Ok(Vec::new()),
        // A pipe would be waited for, and another device may have no end.
        Ok(there) if !there.is_file() => return Err(format!("{}: this is no regular file", path.display())),
        // Whoever writes it decides which key a server has.
        Ok(there) if there.mode() & OTHERS_WRITE != 0 => {
            return Err(format!("{0}: others than its owner may write it: chmod 600 {0}", path.display()));
        }
        Ok(there) if there.len() > MAX_BYTES => return Err(format!("{}: too large", path.display())),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(told(error)),
    }
    let text = fs::read_to_string(path).map_err(told)?;
    // Some editors begin a file with this mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut known = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
    {
        known.push(parse(line, number).ok_or_else(|| {
            let file = path.display();
            format!("{file}:{number}: expected HOST:PORT sha256:HEX YYYY-MM-DD [IP]: mend or delete this line")
        })?);
    }
    Ok(known)
}

fn parse(text: &str, line: usize) -> Option<Known> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (server, key, date, was_at) = match words[..] {
        [server, key, date] => (server, key, date, None),
        [server, key, date, ip] => (server, key, date, Some(ip.parse::<IpAddr>().ok()?.to_canonical())),
        _ => return None,
    };
    let (host, port) = server.rsplit_once(':')?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_date = Date::strptime("%Y-%m-%d", date).is_ok();
    // IPv6 without brackets would be another server than the one that is meant.
    let is_server = !host.is_empty() && bare.is_some() == host.contains(':');
    let host = bare.unwrap_or(host);
    let place = place(host, port.parse().ok()?);
    let key = key.parse().ok().filter(|_| is_date && is_server)?;
    Some(Known { place, host: host.to_owned(), key, was_at, line })
}

/// Remembers a key from this day on, with one write, of a server that is `at` this address. Only the owner reads the file.
///
/// # Errors
/// A sentence with the file.
pub fn remember(path: &Path, place: &str, at: IpAddr, key: Fingerprint, now: SystemTime) -> Result<(), String> {
    let day = Timestamp::try_from(now).unwrap_or_default().strftime("%Y-%m-%d").to_string();
    let mut line = format!("{place} {key} {day}");
    if parse(&line, 0).is_some_and(|known| known.addresses().next().is_none()) {
        line += &format!(" {}", at.to_canonical());
    }
    append(path, &format!("{line}\n")).map_err(|error| format!("{}: {error}", path.display()))
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    if path == Path::new("/dev/null") {
        return Ok(());
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    // Whoever has written the last line by hand may have left its end out.
    let is_whole = fs::read(path).map_or(true, |bytes| bytes.last().is_none_or(|last| *last == b'\n'));
    let line = if is_whole { line.to_owned() } else { format!("\n{line}") };
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    whole_or_not(&mut file, |file| {
        file.write_all(line.as_bytes())?;
        file.sync_all()
    })
}

/// Writes at the end of a file, or leaves it as it was: half a line, as a full disk leaves it, would be an error for good.
fn whole_or_not(file: &mut File, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let before = file.metadata()?.len();
    write(file).inspect_err(|_| {
        // The first error is the one to tell.
        let _ = file.set_len(before);
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    /// Made by hand, as whoever cares makes it.
    fn write(path: &Path, text: &str) {
        fs::write(path, text).expect("ours");
        fs::set_permissions(path, Permissions::from_mode(0o600)).expect("ours");
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_server_is_remembered_and_found_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("peerline/known_servers");
        let (one, two) = (Fingerprint([1; 32]), Fingerprint([2; 32]));
        assert_eq!(keys(&path, "10.0.0.1:4403"), Ok(Vec::new()));
        let day = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        remember(&path, "10.0.0.1:4403", ip("10.0.0.1"), one, day).expect("written");
        let line = format!("10.0.0.1:4403 {one} 2023-11-14\n");
        assert_eq!(fs::read_to_string(&path).expect("text"), line);
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        // A change that is announced: each key counts.
        write(&path, &format!("# the new one from May on\n\n{line}10.0.0.1:4403 {two} 2026-01-31"));
        remember(&path, &place("FE80::1", 4403), ip("fe80::1"), two, day).expect("written");
        assert_eq!(keys(&path, "10.0.0.1:4403"), Ok(vec![(one, 3), (two, 4)]));
        assert_eq!(keys(&path, "[fe80::1]:4403"), Ok(vec![(two, 5)]));
        assert_eq!(keys(&path, "10.0.0.1:440"), Ok(Vec::new()));
        let at = |text: &str| text.parse().expect("an address");
        let (v4, v6) = (at("10.0.0.1:4403"), at("[fe80::1]:4403"));
        let remembered = by_address(&path).expect("read");
        assert_eq!(remembered.keys, [(v4, one), (v4, two), (v6, two)]);
        assert_eq!(remembered.encrypted, [ip("10.0.0.1"), ip("10.0.0.1"), ip("fe80::1")]);
        for (host, line) in [("10.0.0.1", Some(3)), ("FE80::1", Some(5)), ("10.0.0", None), ("10.0.0.1:4403", None)] {
            let found = line_of_host(&path, host, ip("10.9.9.9")).expect("read");
            assert_eq!(found.map(|(_, line)| line), line, "{host}");
        }
        // Written by hand: it is the same server, and no new one.
        write(&path, &format!("\u{feff}Teacher.Local:04403 {one} 2026-01-31\r\n[FE80::1]:4403 {two} 2026-01-31\r\n"));
        assert_eq!(keys(&path, &place("TEACHER.local", 4403)), Ok(vec![(one, 1)]));
        assert_eq!(keys(&path, "[fe80::1]:4403"), Ok(vec![(two, 2)]));
    }

    #[test]
    fn an_address_is_the_same_in_each_spelling() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("known_servers");
        let key = Fingerprint([1; 32]);
        for (known, others, none) in [
            ("127.0.0.1", ["::ffff:127.0.0.1", "::FFFF:7f00:1"], "127.0.0.2"),
            ("::ffff:127.0.0.1", ["127.0.0.1", "::ffff:7f00:1"], "::127.0.0.1"),
            ("0:0:0:0:0:0:0:1", ["::1", "::0001"], "::2"),
            ("::0001", ["::1", "0:0:0:0:0:0:0:1"], "::2"),
            ("FE80::0001%lab0", ["fe80::1%lab0", "fe80:0::1%LAB0"], "fe80::1%lab1"),
        ] {
            let bracketed = if known.contains(':') { format!("[{known}]") } else { known.to_owned() };
            write(&path, &format!("{bracketed}:4403 {key} 2026-01-31\n"));
            for host in others {
                assert_eq!(keys(&path, &place(host, 4403)), Ok(vec![(key, 1)]), "{known} {host}");
                let found = line_of_host(&path, host, ip("10.9.9.9"));
                assert_eq!(found, Ok(Some((known.to_owned(), 1))), "{known} {host}");
            }
            assert_eq!(keys(&path, &place(none, 4403)), Ok(Vec::new()), "{known} {none}");
        }
        write(&path, &format!("[::ffff:10.0.0.1]:4403 {key} 2026-01-31\n"));
        let keys = vec![("10.0.0.1:4403".parse().expect("an address"), key)];
        assert_eq!(by_address(&path), Ok(Remembered { keys, encrypted: vec![ip("10.0.0.1")] }));
    }

    #[test]
    fn where_a_name_led_is_remembered_and_decides_about_no_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("known_servers");
        let (key, day) = (Fingerprint([1; 32]), SystemTime::UNIX_EPOCH);
        remember(&path, &place("LocalHost", 5403), ip("::ffff:127.0.0.1"), key, day).expect("written");
        let line = format!("localhost:5403 {key} 1970-01-01 127.0.0.1\n");
        assert_eq!(fs::read_to_string(&path).expect("text"), line);
        assert_eq!(keys(&path, "localhost:5403"), Ok(vec![(key, 1)]));
        assert_eq!(keys(&path, "127.0.0.1:5403"), Ok(Vec::new()), "it may be another server's by now");
        for at in ["127.0.0.1", "::ffff:127.0.0.1"] {
            assert_eq!(line_of_host(&path, at, ip(at)), Ok(Some(("localhost".to_owned(), 1))));
        }
        assert_eq!(line_of_host(&path, "127.0.0.2", ip("127.0.0.2")), Ok(None));
        assert_eq!(by_address(&path), Ok(Remembered { keys: Vec::new(), encrypted: vec![ip("127.0.0.1")] }));
    }

    #[test]
    fn a_line_is_written_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("known_servers");
        write(&path, "# a note\n");
        let mut file = OpenOptions::new().append(true).open(&path).expect("ours");
        let full = whole_or_not(&mut file, |file| {
            file.write_all(b"10.0.0.1:4403 sha")?;
            Err(ErrorKind::StorageFull.into())
        });
        assert_eq!(full.expect_err("there is no room").kind(), ErrorKind::StorageFull);
        assert_eq!(fs::read_to_string(&path).expect("text"), "# a note\n");
        whole_or_not(&mut file, |file| file.write_all(b"# more\n")).expect("there is room");
        assert_eq!(fs::read_to_string(&path).expect("text"), "# a note\n# more\n");
    }

    #[test]
    fn one_that_others_may_write_is_not_believed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("known_servers");
        write(&path, "# a note\n");
        for (mode, is_fine) in [(0o600, true), (0o644, true), (0o400, true), (0o620, false), (0o602, false)] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).expect("ours");
            let refused = format!("{0}: others than its owner may write it: chmod 600 {0}", path.display());
            let read = keys(&path, "10.0.0.1:4403");
            assert_eq!(read, if is_fine { Ok(Vec::new()) } else { Err(refused) }, "{mode:o}");
        }
    }

    #[test]
    fn what_is_no_file_is_neither_read_nor_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).expect("ours");
        let null = Path::new("/dev/null");
        assert_eq!(keys(null, "10.0.0.1:4403"), Ok(Vec::new()));
        let key = Fingerprint([1; 32]);
        assert_eq!(remember(null, "10.0.0.1:4403", ip("10.0.0.1"), key, SystemTime::UNIX_EPOCH), Ok(()));
        for path in [&pipe, folder.path(), Path::new("/dev/zero")] {
            let refused = keys(path, "10.0.0.1:4403").expect_err("no file");
            assert_eq!(refused, format!("{}: this is no regular file", path.display()));
        }
    }

    #[test]
    fn what_is_not_understood_is_an_error_with_its_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("known_servers");
        let key = Fingerprint([1; 32]);
        for bad in [
            "10.0.0.1:4403".to_owned(),
            format!("10.0.0.1 {key} 2026-01-31"),
            format!("fe80::1:4403 {key} 2026-01-31"),
            format!("[10.0.0.1]:4403 {key} 2026-01-31"),
            format!("10.0.0.1:4403 {key}"),
            format!("10.0.0.1:4403 {key} yesterday"),
            format!("10.0.0.1:4403 {key} 2026-01-31 more"),
            format!("lab:4403 {key} 2026-01-31 10.0.0.1 more"),
            format!("lab:4403 {key} 2026-01-31 10.0.0.1:4403"),
            "10.0.0.1:4403 sha256:abc 2026-01-31".to_owned(),
        ] {
            write(&path, &format!("# note\n{bad}\n"));
            let refused = keys(&path, "other:1").expect_err("no line");
            assert!(refused.starts_with(&format!("{}:2: ", path.display())), "{bad}: {refused}");
        }
    }
}
