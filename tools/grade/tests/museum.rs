//! The museum: the check of each bug of museum/server.py is the first that is not passed, without one the server gets all
//! points, and each bug has a page that tells no lies about files and checks.

use serde_json::Value;
use std::fs;
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

/// What the grader fills in. The hashes cost a quarter of what they are by themselves, as there are some thousand.
const OPTIONS: &str = "{port} --data {data} --idle {idle:s} --relogin {relogin:s} --history {history:s} \
                       --login {login:s} --max {max} --rate {rate} --loss {loss} --hash-cost 12";
/// The first Python that has all that the server needs.
const PYTHON: &str = "import sys; sys.exit(sys.version_info < (3, 9))";
/// So many servers are graded at a time: the grader waits more than it works.
const AT_ONCE: usize = 4;
/// Each for so many seconds at most.
const LIMIT: &str = "580";
const FEWEST: usize = 15;
/// Where a row of the report says what came of it.
const COLUMN: usize = 24;

fn museum() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../museum")
}

fn read(name: &str) -> String {
    fs::read_to_string(museum().join(name)).unwrap_or_else(|error| panic!("museum/{name}: {error}"))
}

/// The golden report: its head, and a row for each server.
fn report() -> (String, Vec<String>) {
    let text = read("report.txt");
    let (head, rows) = text.split_once("\n\n").expect("a head");
    (head.to_owned(), rows.lines().map(str::to_owned).collect())
}

/// The names of the bugs, as the server's table has them.
fn bugs() -> Vec<String> {
    let server = read("server.py");
    let table = server.split_once("BUGS = {\n").and_then(|(_, rest)| rest.split_once("\n}")).expect("a table").0;
    table.lines().filter_map(|line| line.split('"').nth(1)).map(str::to_owned).collect()
}

/// The names of the grader's checks.
fn checks() -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_grade")).arg("--page").output().expect("the grader");
    let page = String::from_utf8(output.stdout).expect("text");
    let names = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    names.map(str::to_owned).collect()
}

/// What the grader finds: a row of the report.
fn grade(bug: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let json = folder.path().join("report.json");
    let mut command = Command::new("timeout");
    command.args([LIMIT, env!("CARGO_BIN_EXE_grade"), "--patience", "2", "--json"]).arg(&json);
    command.args(["--", "python3", "-IS"]).arg(museum().join("server.py")).args(OPTIONS.split_whitespace());
    if !bug.is_empty() {
        command.args(["--bug", bug]);
    }
    let output = command.output().expect("timeout runs");
    let report: Value = fs::read(&json).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let checks = report["checks"].as_array().cloned().unwrap_or_default();
    let word = |check: &Value, field: &str| check[field].as_str().unwrap_or_default().to_owned();
    let name = if bug.is_empty() { "(no bug)" } else { bug };
    match checks.iter().find(|check| word(check, "status") != "pass") {
        Some(check) => {
            let (status, found) = (word(check, "status").to_uppercase(), word(check, "name"));
            format!("{name:<COLUMN$} {status:<5} {found:<21} {}", word(check, "sentence"))
        }
        None if !checks.is_empty() && report["ok"] == true && report["points"] == report["of"] => {
            format!("{name:<COLUMN$} PASS  all points")
        }
        None => format!("{name:<COLUMN$} {}{}", text(&output.stdout), text(&output.stderr)),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The bug, and the check that finds it. In what way it was not passed, and why, may differ from time to time.
fn comparable(row: &str) -> Vec<&str> {
    let (name, rest) = row.split_at_checked(COLUMN).unwrap_or((row, ""));
    [name.trim()].into_iter().chain(rest.split_whitespace().nth(1)).collect()
}

/// Whether the server can be played here; says so where it cannot.
fn has_python() -> bool {
    let python = Command::new("python3").args(["-c", PYTHON]).stderr(Stdio::null()).status();
    let is_there = python.is_ok_and(|status| status.success());
    if !is_there {
        // Not by a macro: what these print is not shown of a test that passes.
        let words = "THE MUSEUM WAS NOT GRADED, as python3 (3.9 or newer) is not installed\n";
        stderr().write_all(words.as_bytes()).expect("standard error");
    }
    is_there
}

#[test]
fn each_bug_is_found_by_its_check_and_without_one_all_is_passed() {
    if !has_python() {
        return;
    }
    // Those that go deepest take longest: they begin.
    let names: Vec<String> = bugs().into_iter().chain([String::new()]).collect();
    let (next, found) = (Mutex::new(names.iter().rev()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(name) = { next.lock().expect("no panic").next() } {
                    let row = grade(name);
                    found.lock().expect("no panic").push(row);
                }
            });
        }
    });
    let mut found = found.into_inner().expect("no panic");
    found.sort_by_key(|row| names.iter().position(|bug| *bug == comparable(row)[0]).map_or(0, |at| at + 1));
    let (_, expected) = report();
    let is_same = found.iter().map(|row| comparable(row)).eq(expected.iter().map(|row| comparable(row)));
    assert!(is_same, "museum/report.txt is to have these rows:\n\n{}\n", found.join("\n"));
}

#[test]
fn without_a_terminal_and_with_its_files_closed_it_answers_lines_that_lack_something() {
    if !has_python() {
        return;
    }
    let script = ["sh", "-c", "exec python3 -IS \"$@\" <&- >&- 2>&-", "sh"];
    let mut command = Command::new("timeout");
    command.args([LIMIT, env!("CARGO_BIN_EXE_grade"), "--patience", "2", "--check", "bad-port", "--"]).args(script);
    command.arg(museum().join("server.py")).args(["{port}", "--data", "{data}"]);
    let output = command.output().expect("timeout runs");
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn each_bug_stands_in_the_file_and_has_a_page() {
    let (server, checks, (_, rows), read_me) = (read("server.py"), checks(), report(), read("README.md"));
    let bugs = bugs();
    assert!(bugs.len() >= FEWEST && checks.len() > FEWEST, "{bugs:?}, {checks:?}");
    let marks: Vec<&str> = server.split("bug(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    for mark in marks.iter().filter(|mark| **mark != "NAME") {
        assert!(bugs.iter().any(|bug| bug == mark), "museum/server.py: {mark} is not in its table");
    }
    for (bug, row) in bugs.iter().zip(&rows[1..]) {
        assert!(marks.contains(&bug.as_str()), "museum/server.py: nothing is marked with {bug}");
        let page = read(&format!("{bug}.md"));
        let caught = page.split_once("**Caught by** `").and_then(|(_, rest)| rest.split('`').next());
        let caught = caught.unwrap_or_else(|| panic!("museum/{bug}.md does not say which check catches it"));
        assert!(checks.iter().any(|check| check == caught), "museum/{bug}.md: the grader has no check {caught}");
        assert!(row.starts_with(bug.as_str()) && row.contains(&format!(" {caught} ")), "{bug}: {caught}, and {row:?}");
        assert!(page.contains(&format!("--bug {bug}")), "museum/{bug}.md does not say how to start it");
        assert!(page.contains("](../src/"), "museum/{bug}.md does not say where it is done right");
        assert!(read_me.contains(&format!("]({bug}.md)")), "museum/README.md does not lead to {bug}");
    }
}

#[test]
fn each_link_of_a_page_leads_to_a_file() {
    let mut checked = 0;
    let pages = fs::read_dir(museum()).expect("the museum").map(|entry| entry.expect("readable").path());
    for page in pages.filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
        let text = fs::read_to_string(&page).expect("text");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            assert!(museum().join(target).exists(), "{}: {target} is not there", page.display());
            checked += 1;
        }
    }
    assert!(checked > FEWEST, "only {checked} links were found");
}
