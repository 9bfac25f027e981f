//! Grades any server that speaks the protocol of docs/PROTOCOL.md: options, set-up, exit code.

mod limits;
mod fault;
mod check;
mod conversation;
mod server;
mod interrupt;
mod setup;
mod stage;
mod checks;
mod lessons;
mod outcome;
mod run;
mod report;
mod page;
mod class;
mod options;

use clap::Parser;
use options::{Options, is_standard_output};
use outcome::Graded;
use report::{json, people};
use server::{CommandLine, Ports};
use setup::{Setup, Target};
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{SystemTime, UNIX_EPOCH};

/// The exit code when it could not begin.
const NOT_BEGUN: u8 = 2;

fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(error) => {
            // Where the pipe to a pager is closed nobody reads it.
            let _ = error.print();
            if let Some(hint) = options::hint(&error, std::env::args().skip(1)) {
                eprintln!("\n{hint}");
            }
            return ExitCode::from(if error.use_stderr() { NOT_BEGUN } else { 0 });
        }
    };
    let done = if options.list {
        say(&people::list());
        Ok(0)
    } else if options.page {
        say(&page::page());
        Ok(0)
    } else if let Some(name) = &options.explain {
        options::find(name).map(|check| {
            say(&people::explain(check));
            0
        })
    } else {
        begin().and_then(|folder| match (&options.class, &options.out) {
            (Some(class), Some(out)) => grade_class(&options, class, out, folder.path()),
            _ => grade(&options, folder.path()),
        })
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(sentence) => {
            eprintln!("grade: {sentence}");
            ExitCode::from(NOT_BEGUN)
        }
    }
}

/// What the grader does once: limits, the folder, Ctrl-C.
fn begin() -> Result<tempfile::TempDir, String> {
    server::process::limit_resources();
    server::family::begin()?;
    let folder = tempfile::Builder::new().prefix("grade-").tempdir().map_err(|error| format!("no folder: {error}"))?;
    interrupt::install(folder.path().to_owned())?;
    Ok(folder)
}

/// Grades one server.
fn grade(options: &Options, folder: &Path) -> Result<u8, String> {
    let is_quiet = options.is_for_programs()?;
    let target = match options.connect {
        Some(address) => Target::Running(address),
        None => Target::Command(CommandLine::new(options.command.clone(), false)?),
    };
    let setup = set_up(options, target, &Arc::new(Ports::new()), folder);
    let graded = play(options, &setup, &mut |text| {
        if !is_quiet {
            say(text);
        }
    })?;
    if !is_quiet && graded.no_start.is_none() {
        say(&people::end(&graded));
    }
    // Where one cannot be written the others are all the same.
    let mut wrong = Vec::new();
    for (path, report) in options.reports() {
        if is_standard_output(path) {
            say(&report(&graded));
        } else {
            wrong.extend(write(path, &report(&graded)).err());
        }
    }
    wrong.extend(graded.no_start.clone());
    if wrong.is_empty() { Ok(graded.exit_code()) } else { Err(wrong.join("\ngrade: ")) }
}

/// Grades all of a class.
fn grade_class(options: &Options, folder: &Path, out: &Path, own: &Path) -> Result<u8, String> {
    fs::create_dir_all(out).map_err(|error| format!("{}: {error}", out.display()))?;
    let line = CommandLine::new(options.command.clone(), true)?;
    let (ports, mut class) = (Arc::new(Ports::new()), Vec::new());
    for submission in class::submissions(folder, out)? {
        let number = class.len();
        let mut setup = set_up(options, Target::Command(line.clone()), &ports, &own.join(number.to_string()));
        setup.submission = Some(submission.folder);
        // Each has names of its own: they may share what they keep.
        setup.seed = setup.seed.wrapping_add(number as u64);
        let mut text = String::new();
        let graded = play(options, &setup, &mut |part| text += part)?;
        // What it has left on the disk would be there until the last one is graded.
        let _ = fs::remove_dir_all(&setup.folder);
        text += &people::end(&graded);
        let name = submission.name;
        write(&out.join(class::file_name(&name, ".json")), &json::report(&graded))?;
        write(&out.join(class::file_name(&name, ".txt")), &text)?;
        let sum = graded.all();
        let what = graded.no_start.clone().unwrap_or_else(|| format!("{:>3} of {:>3} points", sum.points, sum.of));
        say(&format!("{:<24} {what}\n", name.to_string_lossy()));
        class.push((name, graded));
        // After each one: who ends it early has the table of those before.
        write(&out.join("class.csv"), &class::table(&class))?;
    }
    let codes = class.iter().map(|(_, graded)| graded.exit_code());
    Ok(codes.filter(|code| *code > NOT_BEGUN).max().unwrap_or(0))
}

fn set_up(options: &Options, target: Target, ports: &Arc<Ports>, folder: &Path) -> Setup {
    // A server may have the accounts of earlier runs, so each run has names of its own.
    let seed = options.seed.unwrap_or_else(new_seed);
    let patience = options.patience.unwrap_or_else(limits::measure_patience);
    let (ports, folder, started) = (Arc::clone(ports), folder.to_owned(), AtomicUsize::new(0));
    Setup { target, patience, seed, submission: None, ports, folder, started }
}

fn play(options: &Options, setup: &Setup, tell: &mut dyn FnMut(&str)) -> Result<Graded, String> {
    let checks = options.checks()?;
    let plays_all = options.all || !options.check.is_empty();
    let graded = run::run(setup, &checks, plays_all, &mut |outcome| tell(&people::outcome(outcome)));
    // Several servers ran at a time: of what they have left not all tells whose it is.
    drop(server::family::end_all());
    Ok(graded)
}

/// Short enough to be typed.
fn new_seed() -> u64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
    1 + (time / 1000 % 1_000_000_000) as u64
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Whoever does not read it has the exit code.
fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
