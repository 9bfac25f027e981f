//! The options, and what cannot be meant by them.

use crate::check::Check;
use crate::checks;
use crate::outcome::Graded;
use crate::report::{json, junit, tap};
use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf, absolute};

/// Placeholders and exit codes.
const AFTER: &str = "\
Placeholders in the command line:
  {port}     a free port, for TCP and UDP
  {data}     an empty folder for what the server keeps
  {idle}, {relogin}, {history}, {login}
             times of the rules of the house, as 1200ms;
             {idle:s} and so on as 1.2 (seconds)
  {max}, {rate}, {loss}
             the most clients, lines a second,
             the share of datagrams to drop
  {dir}      with --class, the folder of a submission
A rule whose placeholder is not there is not asked for.
The server gets {word} where {{word}} stands; ${word} stays as it is.

The exit code is 0 when all levels that were asked for are passed, 1 when a check is not, 2 when the command line is \
wrong, the server does not start or a report cannot be written, 3 when the grader itself has failed. With --class it \
is 0 when all were graded.

A server that is graded runs as you do, with all that you may do: there is no sandbox. For code that you do not know, \
take a user of its own.";

/// Grades a server that speaks the protocol of docs/PROTOCOL.md, in whatever language it is written: one level after
/// another, and for each check that does not pass the conversation with the first line that differs.
#[derive(Clone, Debug, Parser)]
#[command(name = "grade", version, max_term_width = 80, after_help = AFTER)]
pub struct Options {
    /// How the server is started, behind --, such as: -- python3 server.py {port} {data}
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,

    /// Grade a server that runs already; what must start or kill it is skipped
    #[arg(long, value_name = "IP:PORT", conflicts_with = "command")]
    pub connect: Option<SocketAddr>,

    /// Only these levels, such as 2, 2-4 or 3-
    #[arg(long, value_name = "N", value_parser = parse_levels)]
    pub level: Option<(usize, usize)>,

    /// Only this check; may be given several times
    #[arg(long, value_name = "NAME", conflicts_with = "level")]
    pub check: Vec<String>,

    /// Go on after a level that is not passed
    #[arg(long)]
    pub all: bool,

    /// How many times as long as usual to wait, from 1 to 8 [default: as slow as the machine is now]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=8))]
    pub patience: Option<u32>,

    /// The same number gives the same names of accounts [default: another one each time]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Write all as JSON to this file, or to standard output in place of the report for people
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-", help_heading = "Reports")]
    pub json: Option<PathBuf>,

    /// The same in the Test Anything Protocol
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-", help_heading = "Reports")]
    pub tap: Option<PathBuf>,

    /// The same as JUnit XML
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-", help_heading = "Reports")]
    pub junit: Option<PathBuf>,

    /// Grade what is in each folder of this folder, one after the other; the command runs in it, and {dir} is it
    #[arg(long, value_name = "DIR", requires = "out", conflicts_with_all = ["connect", "json", "tap", "junit"], help_heading = "A class")]
    pub class: Option<PathBuf>,

    /// Where the reports go, NAME.txt and NAME.json, and the table of all, class.csv
    #[arg(long, value_name = "DIR", requires = "class", help_heading = "A class")]
    pub out: Option<PathBuf>,

    /// Name the checks, and play none
    #[arg(long)]
    pub list: bool,

    /// Say what a check sends, accepts and is for, and play none
    #[arg(long, value_name = "NAME")]
    pub explain: Option<String>,

    /// Write docs/GRADING.md, and play none
    #[arg(long)]
    pub page: bool,
}

/// Writes a report for programs.
pub type Report = fn(&Graded) -> String;

/// Standard output, as a file.
const STANDARD_OUTPUT: &str = "-";

impl Options {
    /// Where reports for programs go, with what each is.
    pub fn reports(&self) -> Vec<(&Path, Report)> {
        let reports: [(&Option<PathBuf>, Report); 3] =
            [(&self.json, json::report), (&self.tap, tap::report), (&self.junit, junit::report)];
        reports.into_iter().filter_map(|(path, report)| Some((path.as_deref()?, report))).collect()
    }

    /// Whether one of them takes the place of the report for people.
    ///
    /// # Errors
    /// A sentence, when several would, or when two go to one file.
    pub fn is_for_programs(&self) -> Result<bool, String> {
        let reports = self.reports();
        let files: Vec<PathBuf> = reports.iter().filter_map(|(path, _)| absolute(path).ok()).collect();
        for (number, file) in files.iter().enumerate() {
            if !is_standard_output(reports[number].0) && files[..number].contains(file) {
                return Err(format!("two reports cannot be written to one file: {}", file.display()));
            }
        }
        match self.reports().iter().filter(|(path, _)| is_standard_output(path)).count() {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err("one report alone can be written to standard output: name files for the others".to_owned()),
        }
    }

    /// The checks that are asked for.
    ///
    /// # Errors
    /// A sentence, when there is no such check.
    pub fn checks(&self) -> Result<Vec<&'static Check>, String> {
        for name in &self.check {
            find(name)?;
        }
        let (first, last) = self.level.unwrap_or((1, checks::LEVELS.len()));
        let is_meant = |check: &&Check| match self.check.as_slice() {
            [] => (first..=last).contains(&check.level),
            names => names.iter().any(|name| name == check.name),
        };
        Ok(checks::all().filter(is_meant).collect())
    }
}

/// Whether this path stands for standard output.
pub fn is_standard_output(path: &Path) -> bool {
    path == Path::new(STANDARD_OUTPUT)
}

/// What to type instead, where somebody has forgotten what stands before the server's command.
pub fn hint(error: &clap::Error, mut words: impl Iterator<Item = String>) -> Option<String> {
    let is_unknown = error.kind() == ErrorKind::UnknownArgument;
    let Some(ContextValue::String(unknown)) = error.get(ContextKind::InvalidArg).filter(|_| is_unknown) else {
        return None;
    };
    let own: Vec<String> = words.by_ref().take_while(|word| word != unknown).collect();
    let rest: Vec<String> = [unknown.clone()].into_iter().chain(words).collect();
    let is_forgotten = !unknown.starts_with('-') && !own.iter().chain(&rest).any(|word| word == "--");
    let line = [vec!["grade".to_owned()], own, vec!["--".to_owned()], rest].concat().join(" ");
    is_forgotten.then(|| format!("Put -- before the server's command:\n\n  {line}"))
}

/// The check of this name.
///
/// # Errors
/// A sentence.
pub fn find(name: &str) -> Result<&'static Check, String> {
    checks::all().find(|check| check.name == name).ok_or_else(|| format!("there is no check {name}: see grade --list"))
}

fn parse_levels(text: &str) -> Result<(usize, usize), String> {
    let last = checks::LEVELS.len();
    let number = |text: &str| text.parse::<usize>().ok().filter(|number| (1..=last).contains(number));
    let range = match text.split_once('-') {
        None => number(text).map(|level| (level, level)),
        Some((first, "")) => number(first).map(|first| (first, last)),
        Some((first, until)) => number(first).zip(number(until)).filter(|(first, until)| first <= until),
    };
    range.ok_or_else(|| format!("expected a level from 1 to {last}, or a range such as 2-4"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_reports_do_not_go_to_one_place() {
        let is_right = |line: &str| Options::try_parse_from(line.split(' ')).expect("options").is_for_programs();
        assert_eq!(is_right("grade --json a --junit b"), Ok(false));
        assert_eq!(is_right("grade --json a --junit -"), Ok(true));
        assert!(is_right("grade --json a --junit ./a").is_err_and(|sentence| sentence.contains("one file")));
        assert!(is_right("grade --json - --junit -").is_err_and(|sentence| sentence.contains("standard output")));
    }
}
