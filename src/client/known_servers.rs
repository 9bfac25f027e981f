//! The keys by which servers are known, remembered between runs: a line a server, `HOST:PORT sha256:HEX YYYY-MM-DD`.
//!
//! What is not understood is an error, and nothing is passed over: a line may be the one that warns.

use crate::value::Fingerprint;
use jiff::Timestamp;
use jiff::civil::Date;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::SystemTime;

/// A file that is larger is no file of ours.
const MAX_BYTES: u64 = 1 << 20;

/// How a server is called there: as its host was typed, in lower case; IPv6 stands in brackets.
pub fn place(host: &str, port: u16) -> String {
    format!("{}:{port}", in_place(host))
}

fn in_place(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    if host.contains(':') { format!("[{host}]") } else { host }
}

/// The keys of a server, each with the number of its line. None where there is no file.
///
/// # Errors
/// A sentence with the file, and with the line that is not understood.
pub fn keys(path: &Path, place: &str) -> Result<Vec<(Fingerprint, usize)>, String> {
    let known = read(path)?.into_iter().filter(|known| known.place == place);
    Ok(known.map(|known| (known.key, known.line)).collect())
}

/// The first line with a key of this host, whatever its port.
///
/// # Errors
/// As [`keys`].
pub fn line_of_host(path: &Path, host: &str) -> Result<Option<usize>, String> {
    let host = in_place(host);
    let is_its = |known: &Known| known.place.rsplit_once(':').is_some_and(|(known, _)| known == host);
    Ok(read(path)?.into_iter().find(is_its).map(|known| known.line))
}

/// The keys of those that are called by an address there, not by a name.
///
/// # Errors
/// As [`keys`].
pub fn by_address(path: &Path) -> Result<Vec<(SocketAddr, Fingerprint)>, String> {
    let known = read(path)?.into_iter();
    Ok(known.filter_map(|known| Some((known.place.parse().ok()?, known.key))).collect())
}

/// One that is known.
struct Known {
    place: String,
    key: Fingerprint,
    line: usize,
}

fn read(path: &Path) -> Result<Vec<Known>, String> {
    let told = |error: io::Error| format!("{}: {error}", path.display());
    match fs::metadata(path) {
        // Nothing is remembered there: a usual way to say so.
        Ok(_) if path == Path::new("/dev/null") => return Ok(Vec::new()),
        // A pipe would be waited for, and another device may have no end.
        Ok(there) if !there.is_file() => return Err(format!("{}: this is no regular file", path.display())),
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
        let (server, key) = parse(line).ok_or_else(|| {
            format!("{}:{number}: expected HOST:PORT sha256:HEX YYYY-MM-DD: mend or delete this line", path.display())
        })?;
        known.push(Known { place: server, key, line: number });
    }
    Ok(known)
}

fn parse(line: &str) -> Option<(String, Fingerprint)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [server, key, date] = words[..] else { return None };
    let (host, port) = server.rsplit_once(':')?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_date = Date::strptime("%Y-%m-%d", date).is_ok();
    // IPv6 without brackets would be another server than the one that is meant.
    let is_server = !host.is_empty() && bare.is_some() == host.contains(':');
    let server = place(bare.unwrap_or(host), port.parse().ok()?);
    key.parse().ok().filter(|_| is_date && is_server).map(|key| (server, key))
}

/// Remembers a key from this day on, with one write. Only the owner reads the file.
///
/// # Errors
/// A sentence with the file.
pub fn remember(path: &Path, place: &str, key: Fingerprint, now: SystemTime) -> Result<(), String> {
    let day = Timestamp::try_from(now).unwrap_or_default().strftime("%Y-%m-%d").to_string();
    let written = append(path, &format!("{place} {key} {day}\n"));
    written.map_err(|error| format!("{}: {error}", path.display()))
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    // Whoever has written the last line by hand may have left its end out.
    let is_whole = fs::read(path).map_or(true, |bytes| bytes.last().is_none_or(|last| *last == b'\n'));
    let line = if is_whole { line.to_owned() } else { format!("\n{line}") };
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    #[test]
    fn a_server_is_remembered_and_found_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("peerline/known_servers");
        let (one, two) = (Fingerprint([1; 32]), Fingerprint([2; 32]));
        assert_eq!(keys(&path, "10.0.0.1:4403"), Ok(Vec::new()));
        let day = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        remember(&path, "10.0.0.1:4403", one, day).expect("written");
        let line = format!("10.0.0.1:4403 {one} 2023-11-14\n");
        assert_eq!(fs::read_to_string(&path).expect("text"), line);
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        // A change that is announced: each key counts.
        fs::write(&path, format!("# the new one from May on\n\n{line}10.0.0.1:4403 {two} 2026-01-31")).expect("ours");
        remember(&path, &place("FE80::1", 4403), two, day).expect("written");
        assert_eq!(keys(&path, "10.0.0.1:4403"), Ok(vec![(one, 3), (two, 4)]));
        assert_eq!(keys(&path, "[fe80::1]:4403"), Ok(vec![(two, 5)]));
        assert_eq!(keys(&path, "10.0.0.1:440"), Ok(Vec::new()));
        let at = |text: &str| text.parse().expect("an address");
        let (v4, v6) = (at("10.0.0.1:4403"), at("[fe80::1]:4403"));
        assert_eq!(by_address(&path), Ok(vec![(v4, one), (v4, two), (v6, two)]));
        for (host, line) in [("10.0.0.1", Some(3)), ("FE80::1", Some(5)), ("10.0.0", None), ("10.0.0.1:4403", None)] {
            assert_eq!(line_of_host(&path, host), Ok(line), "{host}");
        }
        // Written by hand: it is the same server, and no new one.
        fs::write(
            &path,
            format!("\u{feff}Teacher.Local:04403 {one} 2026-01-31\r\n[FE80::1]:4403 {two} 2026-01-31\r\n"),
        )
        .expect("ours");
        assert_eq!(keys(&path, &place("TEACHER.local", 4403)), Ok(vec![(one, 1)]));
        assert_eq!(keys(&path, "[fe80::1]:4403"), Ok(vec![(two, 2)]));
    }

    #[test]
    fn what_is_no_file_is_neither_read_nor_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).expect("ours");
        assert_eq!(keys(Path::new("/dev/null"), "10.0.0.1:4403"), Ok(Vec::new()));
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
            "10.0.0.1:4403 sha256:abc 2026-01-31".to_owned(),
        ] {
            fs::write(&path, format!("# note\n{bad}\n")).expect("ours");
            let refused = keys(&path, "other:1").expect_err("no line");
            assert!(refused.starts_with(&format!("{}:2: ", path.display())), "{bad}: {refused}");
        }
    }
}
