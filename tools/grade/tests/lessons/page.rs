//! What a page of docs/lessons says: its blocks of commands, as steps to play.
//!
//! In a block ```` ```console ```` a line `alice$ command` is typed into the shell of the terminal that is called alice,
//! `alice> text` into the program that runs there, `alice^C` is Ctrl-C, and `alice:` only looks there again. All other
//! lines are what that terminal shows. `...` stands for any text in a line, and for any lines where it is alone.

use std::fs;
use std::path::{Path, PathBuf};

const FENCE: &str = "```";
/// The kinds of blocks: what is played, and a picture of it.
const PLAYED: &str = "console";
const PICTURE: &str = "text";

/// A page.
pub struct Page {
    /// The name of its file.
    pub name: String,
    pub text: String,
}

/// One line of a block, or several when a command goes on behind a backslash.
#[derive(Debug)]
pub struct Step {
    /// The line of the page.
    pub line: usize,
    /// Whose terminal.
    pub terminal: String,
    pub what: What,
    /// What runs in the terminal is met again on the page before the next command there. Otherwise its end is awaited.
    pub goes_on: bool,
}

/// What is done in a terminal, or seen there.
#[derive(Debug, PartialEq)]
pub enum What {
    /// A command for the shell.
    Command(String),
    /// A line for the program that runs.
    Typed(String),
    CtrlC,
    /// Its terminal is looked at.
    Look,
    /// A line that is seen.
    Shown(String),
}

pub fn folder() -> PathBuf {
    root().join("docs/lessons")
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the project")
}

/// All pages of the folder, by name.
pub fn pages() -> Vec<Page> {
    let entries = fs::read_dir(folder()).expect("docs/lessons").map(|entry| entry.expect("readable").path());
    let mut paths: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    paths.sort();
    paths.iter().map(|path| Page::read(path)).collect()
}

impl Page {
    pub fn read(path: &Path) -> Page {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        Page { name, text: fs::read_to_string(path).expect("text") }
    }

    /// Whether it is one of the chapters, whose names begin with a number.
    pub fn is_chapter(&self) -> bool {
        self.name.starts_with(|c: char| c.is_ascii_digit())
    }

    /// What is to be played, in the order of the page.
    ///
    /// # Errors
    /// A block that is no block, or a line that belongs to no terminal.
    pub fn steps(&self) -> Result<Vec<Step>, String> {
        let mut steps: Vec<Step> = Vec::new();
        let (mut block, mut terminal) = (None, String::new());
        let mut lines = self.text.lines().zip(1..);
        while let Some((text, line)) = lines.next() {
            let at = |problem: &str| format!("{}:{line}: {problem}: {text}", self.name);
            if let Some(kind) = text.strip_prefix(FENCE) {
                block = match block {
                    None if kind == PLAYED || kind == PICTURE => Some(kind),
                    Some(_) if kind.is_empty() => None,
                    _ => return Err(at("a block is either console or text")),
                };
                terminal.clear();
                continue;
            }
            let found = said(text);
            if block != Some(PLAYED) {
                if found.is_some_and(|(_, what)| matches!(what, What::Command(_))) {
                    return Err(at("a command that is not played"));
                }
                continue;
            }
            let what = match found {
                Some((name, what)) => {
                    terminal = name.to_owned();
                    what
                }
                None if terminal.is_empty() => return Err(at("in no terminal")),
                None => What::Shown(text.to_owned()),
            };
            let what = match what {
                What::Command(mut text) => {
                    while text.ends_with('\\') {
                        text = format!("{text}\n{}", lines.next().map(|(more, _)| more).unwrap_or_default());
                    }
                    What::Command(text)
                }
                what => what,
            };
            steps.push(Step { line, terminal: terminal.clone(), what, goes_on: false });
        }
        for at in 0..steps.len() {
            steps[at].goes_on = is_met_again(&steps[at..]);
        }
        Ok(steps)
    }
}

/// Whether what runs at the first of these is still there when its terminal is met next.
fn is_met_again(steps: &[Step]) -> bool {
    let own = |step: &&Step| step.terminal == steps[0].terminal && !matches!(step.what, What::Shown(_));
    let next = steps.iter().skip(1).find(own);
    next.is_some_and(|step| !matches!(step.what, What::Command(_)))
}

/// A line that names a terminal, which is a word in small letters.
fn said(line: &str) -> Option<(&str, What)> {
    let end = line.find(|c: char| !c.is_ascii_lowercase()).filter(|end| *end > 0)?;
    let (name, rest) = line.split_at(end);
    let what = match rest {
        "^C" => What::CtrlC,
        ":" => What::Look,
        _ => match rest.split_at_checked(2)? {
            ("$ ", command) => What::Command(command.to_owned()),
            ("> ", text) => What::Typed(text.to_owned()),
            _ => return None,
        },
    };
    Some((name, what))
}

/// Whether a line is what the page shows. Columns are as wide as what stands in them, so blanks are one blank.
pub fn is_shown(told: &str, came: &str) -> bool {
    let (told, came) = (single_blanks(told), single_blanks(came));
    let Some((start, rest)) = told.split_once("...") else { return told == came };
    let Some(mut came) = came.strip_prefix(start) else { return false };
    let mut pieces: Vec<&str> = rest.split("...").collect();
    let end = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some((_, behind)) = came.split_once(piece) else { return false };
        came = behind;
    }
    came.ends_with(end)
}

fn single_blanks(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_page_is_read_as_it_is_written() {
    let text = "# Title\n```console\nserver$ run\nalice$ nc \\\n  1\nOK,...\nalice> hi\nserver^C\nyou$ true\n```\n```text\n$ x\n```\n";
    let page = Page { name: "page.md".to_owned(), text: text.to_owned() };
    let command = |text: &str| What::Command(text.to_owned());
    let steps = page.steps().expect("a page");
    let expected = [
        ("server", command("run"), true),
        ("alice", command("nc \\\n  1"), true),
        ("alice", What::Shown("OK,...".to_owned()), true),
        ("alice", What::Typed("hi".to_owned()), false),
        ("server", What::CtrlC, false),
        ("you", command("true"), false),
    ];
    let found = steps.into_iter().map(|step| (step.terminal, step.what, step.goes_on));
    assert!(found.eq(expected.map(|(terminal, what, goes_on)| (terminal.to_owned(), what, goes_on))));
    for wrong in ["```console\nOK\n```", "```sh\nx\n```", "you$ true\n"] {
        let page = Page { name: String::new(), text: wrong.to_owned() };
        assert!(page.steps().is_err(), "{wrong}");
    }
}

#[test]
fn three_dots_stand_for_any_text() {
    let cases = [
        ("OK", "OK", true),
        ("OK,...", "OK,3 clients", true),
        ("a ... c ... e", "a b c d e", true),
        ("OK", "OK,3", false),
        ("a ... c ... e", "a b c d", false),
        ("...x", "yx", true),
        ("0 0 host:...", "0      0    host:1", true),
    ];
    for (told, came, same) in cases {
        assert_eq!(is_shown(told, came), same, "{told}: {came}");
    }
}
