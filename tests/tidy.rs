//! The rules of the code that a compiler does not check.

use std::fs;
use std::path::{Path, PathBuf};

/// The most lines of a source file, its tests left out.
const MAX_LINES: usize = 400;

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every source file below `folder`, with its text without the tests at its end.
fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("text");
            found.push((path, text));
        }
    }
    found
}

fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default()
}

/// The rooms that hold pure values.
const PURE: [&str; 4] = ["value", "protocol", "peer_protocol", "dialect"];

/// The rooms in the order of `lib.rs`.
fn rooms() -> Vec<String> {
    let lib = fs::read_to_string(source().join("lib.rs")).expect("text");
    lib.lines().filter_map(|line| Some(line.strip_prefix("pub mod ")?.trim_end_matches(';').to_owned())).collect()
}

/// The rooms that a text uses, by `use crate::` or in passing.
fn uses(text: &str) -> impl Iterator<Item = &str> {
    let names = text.split("crate::").skip(1);
    names.map(|rest| &rest[..rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())])
}

#[test]
fn a_room_uses_only_what_stands_above_it() {
    let rooms = rooms();
    assert!(rooms.len() > 5, "{rooms:?}");
    let rank = |name: &str| rooms.iter().position(|room| room == name);
    for (path, text) in files(&source()) {
        let inside = path.strip_prefix(source()).expect("below src");
        let room = inside.iter().next().expect("a name").to_string_lossy().replace(".rs", "");
        let Some(own) = rank(&room) else { continue };
        for used in uses(without_tests(&text)).filter_map(rank) {
            assert!(used <= own, "{}: uses {}, which stands below {room}", inside.display(), rooms[used]);
            let across = [rooms[used].as_str(), &room] == ["server", "client"];
            assert!(!across, "{}: the client knows nothing of the server", inside.display());
        }
    }
}

#[test]
fn values_know_no_socket_file_thread_or_clock() {
    for (path, text) in files(&source()) {
        let inside = path.strip_prefix(source()).expect("below src");
        let room = inside.iter().next().expect("a name").to_string_lossy().replace(".rs", "");
        if !PURE.contains(&room.as_str()) {
            continue;
        }
        for forbidden in ["TcpStream", "TcpListener", "UdpSocket", "std::fs", "std::thread", "Instant", "SystemTime"] {
            assert!(!without_tests(&text).contains(forbidden), "{} names {forbidden}", inside.display());
        }
    }
}

#[test]
fn every_file_begins_with_what_it_is_and_none_is_too_long() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["src", "bin", "tests"] {
        for (path, text) in files(&root.join(folder)) {
            assert!(text.starts_with("//! "), "{}: begins with no word of what it is", path.display());
            let lines = without_tests(&text).lines().count();
            assert!(lines <= MAX_LINES, "{}: {lines} lines, at most {MAX_LINES}", path.display());
        }
    }
}
