//! The lessons: each command of docs/lessons is run, and shows what stands there; what the pages name is there.
//!
//! Each page is played in a network of its own, with processes of its own: so all have port 4400, several are played at a
//! time, and `pkill` and `kill $(pgrep ...)` end nobody else's. Where this system does not let make them, nothing is played.

mod page;
mod terminal;
mod play;

use page::{Page, folder, pages, root};
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{Write, stderr};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

/// The page that this process is to play.
const LESSON: &str = "LESSON";
/// Each page for so many seconds at most.
const LIMIT: &str = "150";
/// So many pages are played at a time: they wait more than they work.
const AT_ONCE: usize = 4;
/// Who makes a network without anything but loopback, and processes that end with it: root, others.
const ROOMS: [&str; 2] = ["unshare -npf --mount-proc --kill-child", "unshare -rnpf --mount-proc --kill-child"];
/// The grader of the pages: a patient one, as several pages are played at the same time.
const GRADE: &str = concat!("#!/bin/sh\nexec '", env!("CARGO_BIN_EXE_grade"), "' --patience 3 \"$@\"\n");
/// What the pages use, and how it is seen that it is there.
const TOOLS: [(&str, &str); 5] = [
    ("OpenBSD's nc (netcat-openbsd)", "nc -h 2>&1 | grep -q OpenBSD"),
    ("python3 (3.9 or newer)", "python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))'"),
    ("ss (iproute2)", "ss -V"),
    ("ps and pgrep (procps)", "ps -V && pgrep -V"),
    ("timeout (coreutils)", "timeout 1 true"),
];

/// Says why nothing was played. Not by a macro: what these print is not shown of a test that passes.
fn skip(why: &str) {
    stderr().write_all(format!("THE LESSONS WERE NOT PLAYED, as {why}\n").as_bytes()).expect("standard error");
}

fn succeeds(command: &str) -> bool {
    let status = Command::new("bash").args(["-c", command]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// What goes before the program that plays a page in a room of its own.
fn room() -> Option<&'static str> {
    ROOMS.into_iter().find(|room| succeeds(&format!("{room} sh -c 'ip link set lo up'")))
}

/// Plays a page in a process of its own, which is this program with the test below. Returns what is wrong.
fn play_apart(page: &Page, room: &str) -> Option<String> {
    let own = std::env::current_exe().expect("this program");
    let mut command = Command::new("timeout");
    command.args(["-k", "5", LIMIT]);
    command.args(room.split(' ')).args(["sh", "-c", r#"ip link set lo up && exec "$0" "$@""#]);
    command.arg(own).args(["--exact", "a_page_is_played", "--nocapture", "--test-threads=1"]);
    command.env(LESSON, &page.name).env("RUST_BACKTRACE", "0").stdin(Stdio::null());
    let output = command.output().expect("timeout runs");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (!output.status.success()).then(|| format!("{}, {}: {said}", page.name, output.status))
}

/// By itself it does nothing: [`play_apart`] names a page.
#[test]
fn a_page_is_played() {
    let Ok(name) = std::env::var(LESSON) else { return };
    let scratch = tempfile::tempdir().expect("a folder");
    let grade = scratch.path().join("grade");
    fs::write(&grade, GRADE).expect("written");
    fs::set_permissions(&grade, Permissions::from_mode(0o755)).expect("ours");
    let played = play::play(&Page::read(&folder().join(name)), scratch.path());
    assert!(played.is_ok(), "{}", played.err().unwrap_or_default());
}

#[test]
fn each_command_shows_what_the_page_shows() {
    if let Some((tool, _)) = TOOLS.iter().find(|(_, command)| !succeeds(command)) {
        return skip(&format!("{tool} is not installed"));
    }
    let Some(room) = room() else { return skip("no network can be made here: unshare (util-linux), ip (iproute2)") };
    let pages = pages();
    // The later ones take longer: they begin.
    let (next, wrong) = (Mutex::new(pages.iter().rev()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(page) = { next.lock().expect("no panic").next() } {
                    let problem = play_apart(page, room);
                    wrong.lock().expect("no panic").extend(problem);
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What is behind this word wherever it stands in a text, up to what cannot be a part of a name.
fn named<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = &'a str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    text.split(word).skip(1).filter_map(move |rest| rest.split(|c| !is_part(c)).next())
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("it runs");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn what_the_pages_name_is_there() {
    let page = output(env!("CARGO_BIN_EXE_grade"), &["--page"]);
    let checks: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let server = fs::read_to_string(root().join("museum/server.py")).expect("the museum");
    let bugs = server.split_once("BUGS = {\n").and_then(|(_, rest)| rest.split_once("\n}")).expect("a table").0;
    let bugs: Vec<&str> = bugs.lines().filter_map(|line| line.split('"').nth(1)).collect();
    assert!(checks.len() > 50 && bugs.len() > 15, "{checks:?}, {bugs:?}");
    for Page { name, text } in pages() {
        for check in named(&text, "--check ") {
            assert!(checks.contains(&check), "{name}: the grader has no check {check}");
        }
        for bug in named(&text, "--bug ").chain(named(&text, "bug(\"")) {
            assert!(bug == "NAME" || bugs.contains(&bug), "{name}: the museum has no bug {bug}");
        }
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            assert!(folder().join(target).exists(), "{name}: {target} is not there");
        }
    }
}

/// The numbers of levels in a cell such as `levels 6 to 8`.
fn levels(cell: &str) -> Vec<usize> {
    let numbers: Vec<usize> =
        cell.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect();
    match numbers[..] {
        [first, last] if cell.contains(" to ") => (first..=last).collect(),
        _ => numbers,
    }
}

#[test]
fn no_level_of_the_plan_is_due_before_its_chapters() {
    let plan = Page::read(&folder().join("TEACHERS.md")).text;
    let (mut week_of_page, mut week_of_level) = (BTreeMap::new(), BTreeMap::new());
    for row in plan.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let Ok(week) = cells[1].parse::<usize>() else { continue };
        let page = cells[2].split_once("](").and_then(|(_, rest)| rest.split(')').next()).expect("a chapter");
        week_of_page.insert(page, week);
        week_of_level.extend(levels(cells[4]).into_iter().map(|level| (level, week)));
    }
    assert!(week_of_page.len() == 12 && week_of_level.len() == 10, "{week_of_page:?}, {week_of_level:?}");
    let mut compared = 0;
    for row in output(env!("CARGO_BIN_EXE_grade"), &["--list"]).lines() {
        let (level, rest) = row.split_once(' ').expect("a level");
        let name = rest.split_once("/ ").and_then(|(_, rest)| rest.split(' ').next()).expect("a check");
        let explained = output(env!("CARGO_BIN_EXE_grade"), &["--explain", name]);
        let page = explained.split_once("docs/lessons/").and_then(|(_, rest)| rest.split(';').next());
        let Some(page) = page else { continue };
        let due = week_of_level[&level.parse().expect("a number")];
        assert!(week_of_page[page] <= due, "{name} is due in week {due}, and {page} comes later");
        compared += 1;
    }
    assert!(compared > 25, "only {compared} checks have a chapter");
}

#[test]
fn each_chapter_has_all_that_a_lesson_needs() {
    let read_me = Page::read(&folder().join("README.md")).text;
    let mut before = 0;
    let chapters: Vec<Page> = pages().into_iter().filter(Page::is_chapter).collect();
    for Page { name, text } in &chapters {
        let lines = text.lines().count();
        assert!((40..=90).contains(&lines), "{name} has {lines} lines");
        let parts = [
            "# ",
            "## Try it",
            "```console\n",
            "## What to look for",
            "```text\n",
            "## Why",
            "](../../src/",
            "## Question",
            "<details>",
            "</details>",
            "## Exercise",
        ];
        let mut rest = text.as_str();
        for part in parts {
            let Some((_, behind)) = rest.split_once(part) else { panic!("{name} has no {part:?} where it belongs") };
            rest = behind;
        }
        let (checks, is_level) = (named(rest, "--check ").collect::<Vec<_>>(), rest.contains("$ grade --level "));
        assert!(is_level || !checks.is_empty(), "{name}: its exercise is not graded");
        for check in checks {
            let explained = output(env!("CARGO_BIN_EXE_grade"), &["--explain", check]);
            assert!(explained.contains(&format!("docs/lessons/{name};")), "grade --explain {check} names another page");
        }
        assert!(text.contains("](../../museum/"), "{name} shows nothing of the museum");
        let place = read_me.find(&format!("]({name})")).unwrap_or_else(|| panic!("README.md does not lead to {name}"));
        assert!(place > before, "README.md: {name} is not where it belongs");
        before = place;
    }
    assert!(!chapters.is_empty());
}
