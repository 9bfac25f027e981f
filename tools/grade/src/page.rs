//! docs/GRADING.md, made of the tables of the checks: what is graded stands there, and nothing else.

use crate::check::{Check, Kind, Need};
use crate::checks;

/// What stands before the tables.
const INTRODUCTION: &str = "\
# A server is graded

`grade` grades a server that speaks [the protocol](PROTOCOL.md): this one, or one that somebody is writing, in whatever
language. It starts the server, talks with it over sockets, and tells for each check that does not pass what was said, with
a mark at the first line that differs. It shares no code with peerline, so it cannot repeat its mistakes.

    cargo build --release -p peerline-grade         it is not part of `cargo build` and `cargo install`
    grade -- python3 server.py {port} {data}        one level after another; it stops after the first that is not passed
    grade --all -- ./server --port {port} --data {data} --idle {idle}
    grade --level 2-4 -- ...                        only these; also --check split-line
    grade --connect 192.168.1.20:4400               a server that runs already: what must start or kill it is skipped
    grade --class submissions --out reports -- python3 {dir}/server.py {port} {data}
    grade --list; grade --explain split-line

With all that peerline's own server offers:

    cargo build && cargo run -p peerline-grade -- --all -- target/debug/server --port {port} --data {data} --idle {idle} \\
        --relogin {relogin} --history {history} --login-limit {login} --max-clients {max} --rate {rate} --udp-loss {loss}

What a check that does not pass looks like:

    FAIL  2 lines / long-line-skipped                                  0 of 3 points
       A   0.000      (connects)
       A   0.001  <-  OK,Welcome: login or signup
       A   0.001  ->  AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA... (4096 bytes) without a line end
       A   0.001      (a pause of 100 ms)
       A   0.102  ->  quit\\nhelp\\n
       A   0.103  <-  ERR,Line too long
    !! A   0.103  <-  OK,Goodbye             expected: the answer to help
       The rest of a line that was too long was carried out as a command.
       Why: Whoever sends a long line chooses where your buffer ends. Remember that you skip.
       Read: docs/lessons/02-how-long-is-a-line.md; docs/PROTOCOL.md, Lines; src/net/lines.rs
       Again: grade --check long-line-skipped -- ...

A, B, C are clients. `->` went to the server and `<-` came from it, `~>` and `<~` by UDP; the numbers are seconds from the
first row on.

| | |
| --- | --- |
| PASS | |
| FAIL | something else came than what is right, or nothing |
| LATE | what must come came too late: the machine was busy, or the server is slow |
| OPEN | not judged: the check needs something that does not work yet, such as SIGNUP. It says which check is to be passed first |
| CRASH | the server ended in the middle of it; its last words stand there |
| SKIP | it is not for this server: its command line does not offer the rule, or the grader has not started it |
| ERROR | the grader has failed, not the server |

## How it is done

- Each check has a server of its own, with a port of its own and, for `{data}`, an empty folder. It is ready when a
  connection to 127.0.0.1 succeeds, within 10 s; so what a server prints does not matter.
- The rules of the house are asked for only where the command line offers their placeholders: `{idle}`, `{relogin}`,
  `{history}`, `{login}` (as `1200ms`; `{idle:s}` and so on as `1.2`), `{max}`, `{rate}`, `{loss}` (a share, as `0.3`).
  Outside of their own checks they get values that disturb nobody.
- Without `{rate}` a client sends at most 35 lines at once and 19 a second, so that the rule of the house is kept. There are
  never more than 12 clients. Names of accounts are new in each check and in each run, as a server may keep what it likes
  where it likes. A report says its seed, and `--seed N` gives the same names.
- What must come has 5 s, a check 30 s, all of them 10 minutes. On a slow machine the first two are up to 8 times as long:
  how slow it is just now is measured at the start, and `--patience N` says it.
- What has not come in time is waited for 3 s longer, or a multiple of them. If it comes then, the check is LATE: grade it
  again when the machine has nothing else to do. If it is late then too, the server is too slow, and that is its own
  fault. If it does not come at all, the check is FAIL, and grading again changes nothing: a server that serves one client at
  a time has FAIL, however fast the machine is.
- OPEN counts as not passed. Only the first one shows its conversation, the others name that one. A check is open only as
  long as the one that is about the missing step has not been passed in the same run.
- A server gets standard input from `/dev/null`. It may open 1,024 files, write files of 256 MiB and take 2 GiB of memory.
  At its end it gets SIGTERM, a second later SIGKILL, and so do all processes that it has started, also those that have
  left its group and session, or lost their parent. Ctrl-C, SIGTERM and SIGHUP end the grader and kill them, and Ctrl-\\ all but
  one that is just being started; after SIGKILL nobody is there to do it. What another program starts for a server, such as
  a container, is not found.
- A server may be several processes: what is measured is the sum of all, and what kills it kills all. Where a script has
  started it, the exit code that counts is that of the process that listens, if the script lets the grader know it.
- What a server has said and kept in `{data}` is removed when its check is over.
- There is no sandbox: it runs as you do. For code that you do not know, take a user of its own.

Exit codes: 0 all levels that were asked for are passed, 1 a check is not, 2 the command line is wrong, the server does not
start or a report cannot be written, 3 the grader has failed. Skipped is not failed. `--json`, `--tap` and `--junit` write
the same for programs, to a file or, without one, to standard output; in JSON, `needs` names the check that an open one waits
for, `patience` says how many times as long as usual was waited (1 to 8), `seed` what names of accounts were made of, and
`no_start` why nothing was played, if the server did not start.

`--class DIR` takes one folder of DIR after the other, never two at a time, and writes for each NAME.txt and NAME.json, and
for all of them `class.csv`: points, points of each level, the first check that is not passed, or why it did not start. The
command runs in that folder, and `{dir}` is its whole path; so `./server {port}` is the submission's. A submission that is a
link is called as the link is. Hidden folders, `__pycache__` and the folder of the reports are none.

In the command, `{{word}}` stands for `{word}`, and a shell's `${word}` stays as it is. A word in braces that is no
placeholder is an error.

## What is graded

From here on this page is made from the tables that the grader plays (`grade --page`), and a test compares both. `⏎` is the
byte 0x0A; a pause has 100 ms. D is a detail, graded where the protocol says it; H is a rule of the house, with its
placeholder. All else must hold for any reasonable server of this protocol.
";

/// The whole page.
pub fn page() -> String {
    let all: Vec<&Check> = checks::all().collect();
    let points: u32 = all.iter().map(|check| check.points).sum();
    let mut page = INTRODUCTION.to_owned();
    page += &format!("\n{} checks, {points} points.\n", all.len());
    for (number, (title, checks)) in checks::LEVELS.iter().enumerate() {
        let points: u32 = checks.iter().map(|check| check.points).sum();
        page += &format!("\n## Level {}: {title}\n\n{points} points.{}\n\n", number + 1, note(number + 1));
        page += "| check | points | sent | accepted | why | where |\n| --- | --- | --- | --- | --- | --- |\n";
        checks.iter().for_each(|check| page += &row(check));
    }
    page
}

/// What is to be known of a level before it.
fn note(level: usize) -> &'static str {
    match level {
        2 => {
            " Some of these checks need SIGNUP, LOGIN, INIT or `bcast_`, which later levels judge: until that works\n\
             they are OPEN, which is not passed, so the run ends here. To go on, `--check login-answer` (or `init-up`,\n\
             `bcast-all`) plays the check that an open one names, and `--all` plays all levels."
        }
        8 => {
            " A server that leaves out UDP gets none of them, and the run ends here: `--all` goes on behind it. Where\n\
             no answer to a hello comes, `hello-head` is FAIL, and what needs one is OPEN and not waited for again."
        }
        _ => "",
    }
}

fn row(check: &Check) -> String {
    let kind = match check.kind {
        Kind::Must => "",
        Kind::Detail => ", D",
        Kind::House => ", H",
    };
    let placeholders: String = check.house.iter().map(|(rule, _)| format!(" `{{{}}}`", rule.word())).collect();
    let data = if check.needs.contains(&Need::Data) { " `{data}`" } else { "" };
    let own = if check.needs.contains(&Need::OwnServer) && data.is_empty() { " not with `--connect`" } else { "" };
    let cells = [
        format!("`{}`{placeholders}{data}{own}", check.name),
        format!("{}{kind}", check.points),
        check.sent.to_owned(),
        check.accepted.to_owned(),
        check.why.to_owned(),
        format!(
            "[{}](PROTOCOL.md#{}), [{}](../{})",
            check.section,
            anchor(check.section),
            name(check.source),
            check.source
        ),
    ];
    // A bar within code would end the cell all the same.
    format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
}

/// The last two parts of a path say enough.
fn name(path: &str) -> &str {
    path.rmatch_indices('/').nth(1).map_or(path, |(at, _)| &path[at + 1..])
}

/// What GitHub calls a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-')
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    fn root() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
    }

    #[test]
    fn the_page_is_what_is_played() {
        let written = fs::read_to_string(root().join("docs/GRADING.md")).expect("the page");
        assert!(written == page(), "write it anew: cargo run -p peerline-grade -- --page > docs/GRADING.md");
    }

    #[test]
    fn every_place_to_read_is_there() {
        let protocol = fs::read_to_string(root().join("docs/PROTOCOL.md")).expect("the protocol");
        let headings: BTreeSet<&str> = protocol.lines().map(|line| line.trim_start_matches('#').trim()).collect();
        for check in checks::all() {
            assert!(root().join(check.source).is_file(), "{}: there is no {}", check.name, check.source);
            assert!(headings.contains(check.section), "{}: there is no heading {}", check.name, check.section);
        }
    }

    #[test]
    fn names_are_single_and_levels_in_order() {
        let names: BTreeSet<&str> = checks::all().map(|check| check.name).collect();
        assert_eq!(names.len(), checks::all().count());
        for (number, (_, checks)) in checks::LEVELS.iter().enumerate() {
            for check in *checks {
                assert_eq!(check.level, number + 1, "{}", check.name);
                let texts = [check.sent, check.accepted, check.why, check.section, check.source];
                assert!(check.points > 0 && texts.iter().all(|text| !text.is_empty()), "{}", check.name);
                assert_eq!(check.kind == Kind::House, !check.house.is_empty(), "{}", check.name);
            }
        }
    }

    #[test]
    fn the_program_does_not_use_what_it_grades() {
        let manifest = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).expect("the manifest");
        let dependencies =
            manifest.split("\n[").find(|section| section.starts_with("dependencies]")).expect("a section");
        assert!(dependencies.contains("clap") && !dependencies.contains("peerline ="), "{dependencies}");
    }
}
