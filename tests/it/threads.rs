//! The threads are those of ARCHITECTURE.md: the tools that show threads, such as `top -H`, show its tables.
//!
//! A row of a table begins with the name of its thread; several names have commas between them, and what follows a
//! colon explains. `main` is the first thread of a process, which bears the name of the program.

use crate::harness::originals::connect;
use crate::harness::{LIMIT, ServerProcess};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::net::UnixStream;
use std::time::Instant;

/// The longest name that Linux keeps, in bytes.
const LONGEST: usize = 15;

/// The names in the table below a heading of ARCHITECTURE.md.
fn table(heading: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/ARCHITECTURE.md")).expect("the document");
    let section = text.split(&format!("## {heading}\n")).nth(1).expect("the heading").split("\n## ").next();
    let rows = section.unwrap_or_default().lines().filter_map(|line| line.strip_prefix("| ")).skip(2);
    let cells = rows.filter_map(|row| row.split(" | ").next()?.split(':').next());
    let names: BTreeSet<String> = cells.flat_map(|cell| cell.split(", ")).map(|name| name.replace('`', "")).collect();
    assert!(names.contains("main") && names.len() > 5, "{heading}: {names:?}");
    for name in &names {
        assert!(name.len() <= LONGEST, "{heading}: Linux keeps {LONGEST} bytes of {name:?}");
    }
    names
}

/// The names of the threads that a process has now.
fn threads(id: u32) -> BTreeSet<String> {
    let name = |thread: &str| match thread == id.to_string() {
        true => Some("main".to_owned()),
        // It may have ended since it was listed.
        false => Some(fs::read_to_string(format!("/proc/{id}/task/{thread}/comm")).ok()?.trim_end().to_owned()),
    };
    let listed = fs::read_dir(format!("/proc/{id}/task")).expect("it runs");
    listed.filter_map(|entry| name(entry.expect("readable").file_name().to_str()?)).collect()
}

/// Looks at processes of one program until each thread of the table has been seen, and no other was. A thread that
/// begins bears its program's name for a moment; one that keeps it has no name of its own.
fn compare(heading: &str, program: &str, processes: &[u32]) {
    let table = table(heading);
    let (mut seen, mut before, until) = (BTreeSet::new(), BTreeSet::new(), Instant::now() + LIMIT);
    loop {
        let now: BTreeSet<String> = processes.iter().flat_map(|id| threads(*id)).collect();
        // A name that is being set may be read half: what counts is there twice.
        seen.extend(now.intersection(&before).cloned());
        before.clone_from(&now);
        let missing: BTreeSet<&String> = table.difference(&seen).collect();
        let others: BTreeSet<&String> = seen.difference(&table).filter(|name| *name != program).collect();
        let unnamed = now.contains(program) && !table.contains(program);
        if others.is_empty() && missing.is_empty() && !unnamed {
            return;
        }
        let text = format!("never seen: {missing:?}; not in the table: {others:?}; any without a name: {unnamed}");
        assert!(Instant::now() < until, "{heading}: {text}");
    }
}

#[test]
#[cfg_attr(not(feature = "tls"), ignore = "a server without TLS lacks some")]
fn the_server_has_the_threads_of_the_table() {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("trace.json");
    let trace = ["--trace", trace.to_str().expect("UTF-8")];
    let ports = ["--tls-port", "0", "--menu-port", "0", "--query-port", "0", "--packet-port", "0"];
    let options = [&ports[..], &trace].concat();
    let mut server = ServerProcess::start(folder.path(), &options);
    let mut addresses = vec![server.address];
    addresses.extend((0..4).map(|_| server.next_address()));
    // A connection at each port.
    let _connections: Vec<_> = addresses.into_iter().map(connect).collect();
    let _control = UnixStream::connect(folder.path().join("data/control.sock")).expect("it listens");
    compare("Threads of the server", "server", &[server.id()]);
}
