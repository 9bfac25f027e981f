//! The rules of the code that a compiler does not check.

#[path = "tidy/rooms.rs"]
mod rooms;
#[path = "tidy/tokens.rs"]
mod tokens;

use rooms::{Module, Rooms};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The most lines of a source file, its tests left out.
const MAX_LINES: usize = 400;

/// The most places of the client where threads share something under a lock.
const MAX_LOCKS: usize = 8;

/// The programs, which know nothing of each other.
const PROGRAMS: [&str; 2] = ["server", "client"];

/// The rooms of pure values and rules. Those that are not there yet are named already.
const PURE: [&str; 13] = [
    "value",
    "protocol",
    "peer_protocol",
    "dialect",
    "client/command",
    "client/event",
    "client/find/servers",
    "client/find/wording",
    "client/app",
    "client/run/words",
    "client/shown",
    "client/windows",
    "terminal/key",
];

/// What pure rooms may use of std, with all that is below each of these.
const PURE_STD: &str = "borrow cell::Cell cmp collections convert error ffi::OsStr fmt hash iter mem num ops option rc \
    result slice str string sync::Arc vec net::IpAddr net::Ipv4Addr net::Ipv6Addr net::SocketAddr path::Path \
    path::PathBuf time::Duration time::Instant time::SystemTime time::UNIX_EPOCH";

/// The crates that pure rooms may use.
const PURE_CRATES: &str = "csv jiff serde_json sha2 shlex unicode_segmentation unicode_width";

/// What asks the clock or the file system by way of a value, or prints.
const IMPURE_CALLS: &str = ".elapsed( .exists( .try_exists( .is_file( .is_dir( .is_symlink( .metadata( \
    .symlink_metadata( .canonicalize( .read_dir( .read_link( print! println! eprint! eprintln! dbg! env!";

/// A file that breaks one rule of purity for now, and the crate that it uses.
// The server alone draws tickets: `Ticket::draw` goes there, and this with it.
const EXCEPTION: (&str, &str) = ("value/ticket", "getrandom");

/// Every source file below `folder`, with its text.
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
    let shared = text.split("#[cfg(test)]\npub(super) mod tests {").next().unwrap_or_default();
    shared.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default()
}

fn program(module: &Module) -> Option<&str> {
    PROGRAMS.into_iter().find(|program| module.is_in(program))
}

/// Fails with all that is wrong, one a line.
fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Of two files in one folder, or below, the one uses the other that stands below it; of a door and what is inside,
/// each uses the other. Whatever avoids both has no circles: follow the order, and each step leads upwards.
#[test]
fn a_file_uses_only_what_stands_above_it() {
    let rooms = Rooms::read();
    let (mut wrong, mut steps) = (Vec::new(), 0);
    let (mut doors_that_use, mut used_doors) = (BTreeSet::new(), Vec::new());
    for module in rooms.all() {
        for (used, path) in rooms.uses(module) {
            steps += 1;
            if module.holds(used) {
                doors_that_use.insert(module.name());
            } else if used.holds(module) {
                used_doors.push((used.name(), module.name(), path));
            } else if used.place > module.place {
                wrong.push(format!("{} uses {path}, but {} stands below it", module.name(), used.name()));
            }
        }
    }
    let circles = used_doors.iter().filter(|(door, ..)| doors_that_use.contains(door));
    wrong.extend(circles.map(|(door, inside, path)| format!("{inside} uses {path} of its door, and {door} uses it")));
    none(&wrong);
    assert!(steps > 200, "only {steps} uses were found");
}

#[test]
fn the_programs_do_not_know_each_other() {
    let rooms = Rooms::read();
    let mut wrong = Vec::new();
    for module in rooms.all() {
        let Some(own) = program(module) else { continue };
        for (used, path) in rooms.uses(module) {
            let other = program(used).filter(|other| *other != own);
            if other.is_some() {
                wrong.push(format!("{} uses {path}", module.name()));
            }
        }
    }
    none(&wrong);
    let found: BTreeSet<&str> = rooms.all().iter().filter_map(program).collect();
    assert!(found.contains("server") && found.contains("client"), "{found:?}");
}

/// The crates of `Cargo.toml`, as code names them.
fn crates() -> Vec<String> {
    let manifest = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).expect("text");
    let section = manifest.split("[dependencies]\n").nth(1).expect("dependencies").split("\n[").next();
    let names = section.unwrap_or_default().lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name);
    names.filter(|name| !name.starts_with('#')).map(|name| name.replace('-', "_")).collect()
}

/// Why a pure room may not name this path.
fn impurity(module: &Module, path: &[String], crates: &[String]) -> Option<String> {
    let all = path.join("::");
    let is_below = |allowed: &str| all == format!("std::{allowed}") || all.starts_with(&format!("std::{allowed}::"));
    let first = path[0].as_str();
    if all.ends_with("Instant::now") || all.ends_with("SystemTime::now") {
        return Some(format!("{all} asks the clock: time is passed in"));
    }
    let is_std = ["std", "core", "alloc"].contains(&first);
    if is_std && !PURE_STD.split_whitespace().any(is_below) {
        return Some(format!("{all} is not in PURE_STD"));
    }
    let is_allowed = PURE_CRATES.split_whitespace().any(|name| name == first);
    let is_exception = (module.name().as_str(), first) == EXCEPTION;
    let is_crate = crates.iter().any(|name| name == first);
    (is_crate && !is_allowed && !is_exception).then(|| format!("{all} is not of PURE_CRATES"))
}

#[test]
fn pure_rooms_know_no_socket_file_thread_or_clock() {
    let rooms = Rooms::read();
    let is_pure = |module: &Module| PURE.iter().any(|room| module.is_in(room));
    let crates = crates();
    assert!(crates.len() > 10 && crates.contains(&"unicode_width".to_owned()), "{crates:?}");
    let mut wrong = Vec::new();
    let pure: Vec<&Module> = rooms.all().iter().filter(|module| is_pure(module)).collect();
    for module in &pure {
        let mut say = |what: String| wrong.push(format!("{}: {what}", module.name()));
        module.source.paths.iter().filter_map(|path| impurity(module, path, &crates)).for_each(&mut say);
        let calls = module.source.calls.iter();
        let impure = calls.filter(|call| IMPURE_CALLS.split_whitespace().any(|impure| impure == *call));
        impure.for_each(|call| say(format!("{call} looks outside or prints")));
        let rooms = rooms.uses(module).filter(|(used, _)| !is_pure(used));
        rooms.for_each(|(used, path)| say(format!("{path}: {} is not pure", used.name())));
    }
    none(&wrong);
    assert!(pure.len() > 20, "only {} pure files were found", pure.len());
}

/// An exception that nothing needs any more is taken out.
#[test]
fn every_exception_is_one() {
    let rooms = Rooms::read();
    let excepted = rooms.all().iter().find(|module| module.name() == EXCEPTION.0);
    let uses = |module: &Module| module.source.paths.iter().any(|path| path[0] == EXCEPTION.1);
    assert!(excepted.is_some_and(uses), "{EXCEPTION:?} is none any more");
}

/// Whether a line declares a lock in a type, rather than making or borrowing one.
fn declares_lock(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default().trim_start();
    let is_type = ["Mutex<", "RwLock<", "Condvar,", "Condvar>", "Condvar)", "Condvar;"].iter().any(|lock| {
        let mut found = code.match_indices(lock).map(|(at, _)| &code[..at]);
        found.any(|before| !before.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
    });
    is_type && !code.starts_with("use ") && !code.starts_with("pub use ")
}

#[test]
fn a_lock_of_the_client_stands_beside_its_reason() {
    let mut places = Vec::new();
    for (path, text) in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/client")) {
        let lines: Vec<&str> = without_tests(&text).lines().collect();
        for (number, line) in lines.iter().enumerate().filter(|(_, line)| declares_lock(line)) {
            let place = format!("{}:{}", path.display(), number + 1);
            let above = number.checked_sub(1).map(|above| lines[above].trim_start()).unwrap_or_default();
            assert!(line.contains("//") || above.starts_with("//"), "{place}: why is there a lock?");
            places.push(place);
        }
    }
    assert!(places.len() <= MAX_LOCKS, "more than {MAX_LOCKS} locks in the client:\n{}", places.join("\n"));
    for (line, declares) in [
        ("    queue: Mutex<Queue>, // reason", true),
        ("    ready: Condvar,", true),
        ("static OPEN: Mutex<u8> = Mutex::new(0);", true),
        ("use std::sync::{Condvar, Mutex};", false),
        ("    fn hold(&self) -> MutexGuard<'_, Queue> {", false),
        ("        Queue { queue: Mutex::new(Vec::new()), ready: Condvar::new() }", false),
    ] {
        assert_eq!(declares_lock(line), declares, "{line}");
    }
}

/// A warning gets past the ration of the log: nobody who connects may cause as many as they like.
#[test]
fn nothing_that_a_client_says_is_a_warning() {
    let room = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server/session");
    let files = files(&room);
    assert!(files.len() > 5, "only {} files were found", files.len());
    let warns = |text: &str| ["warn!(", "error!("].iter().any(|warning| without_tests(text).contains(warning));
    let wrong = files.iter().filter(|(_, text)| warns(text)).map(|(path, _)| path.display().to_string());
    none(&wrong.collect::<Vec<_>>());
}

#[test]
fn every_file_begins_with_what_it_is_and_none_is_too_long() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["src", "bin", "tests", "tools"] {
        for (path, text) in files(&root.join(folder)) {
            assert!(text.starts_with("//! "), "{}: begins with no word of what it is", path.display());
            let lines = without_tests(&text).lines().count();
            assert!(lines <= MAX_LINES, "{}: {lines} lines, at most {MAX_LINES}", path.display());
        }
    }
}

#[test]
fn every_link_of_a_page_leads_to_a_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let at_top = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(|name| root.join(name));
    let in_docs = fs::read_dir(root.join("docs")).expect("a folder").map(|entry| entry.expect("readable").path());
    let is_page = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "md");
    let mut checked = 0;
    for page in at_top.into_iter().chain(in_docs.filter(is_page)) {
        let text = fs::read_to_string(&page).expect("text");
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        for target in targets.filter(|target| !target.is_empty() && !target.contains("://")) {
            let file = page.parent().expect("a folder").join(target);
            assert!(file.exists(), "{}: {target} is not there", page.display());
            checked += 1;
        }
    }
    assert!(checked > 20, "only {checked} links were found");
}

#[test]
fn every_test_that_a_page_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources: String =
        ["src", "tests", "tools"].iter().flat_map(|folder| files(&root.join(folder))).map(|(_, text)| text).collect();
    let page = fs::read_to_string(root.join("docs/SECURITY.md")).expect("text");
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| "))
        .filter_map(|row| row.trim_end_matches(" |").rsplit("| ").next());
    let is_name = |word: &&str| {
        word.contains('_')
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit())
    };
    let names: Vec<&str> = rows.flat_map(|tests| tests.split('`')).filter(is_name).collect();
    let missing: Vec<String> = names
        .iter()
        .filter(|name| !sources.contains(&format!("fn {name}(")))
        .map(|name| format!("docs/SECURITY.md: there is no test {name}"))
        .collect();
    none(&missing);
    assert!(names.len() > 40, "only {} tests are named", names.len());
}

/// Where the options of the programs are.
const OPTIONS: [&str; 7] = [
    "src/server/config.rs",
    "src/client/options.rs",
    "tools/trace/src/options.rs",
    "tools/grade/src/options.rs",
    "tools/load/src/options.rs",
    "tools/stress/src/main.rs",
    "tools/compare/src/main.rs",
];

/// What is broken here, and once more by a terminal, has a short line behind each long one.
#[test]
fn a_help_has_80_columns_and_its_paragraphs_are_broken_by_the_terminal_alone() {
    let mut wrong = Vec::new();
    for name in OPTIONS {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("text");
        if !text.contains("max_term_width = 80") {
            wrong.push(format!("{name} has no max_term_width = 80"));
        }
        // Texts that stand behind the options.
        for part in text.split("&str = \"\\\n").skip(1) {
            let text = part.split("\";").next().unwrap_or_default().replace("\\\n", "");
            let lines: Vec<&str> = [""].into_iter().chain(text.lines()).chain([""]).collect();
            let is_broken = |around: &&[&str]| around[1].len() > 80 && !(around[0].is_empty() && around[2].is_empty());
            wrong.extend(lines.windows(3).filter(is_broken).map(|around| format!("{name}: {}", around[1])));
        }
    }
    none(&wrong);
}
