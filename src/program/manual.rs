//! Completions for shells and manual pages, made from the same definitions that read the options.

use clap::{Command, CommandFactory, FromArgMatches, Subcommand};
use clap_complete::Shell;
use clap_mangen::Man;
use roff::{Roff, bold, roman};
use std::io::{self, Write};
use std::path::Path;

/// What a program tells about itself.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Manual {
    /// Write a completion script for a shell
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: Shell,
    },
    /// Write the manual page, to be read with man -l
    Man,
}

/// A chapter of the manual page that the options do not tell.
pub struct Chapter {
    /// In capitals.
    pub title: &'static str,
    /// What is typed, and what it does.
    pub rows: Vec<(String, String)>,
}

impl Manual {
    /// Writes it to standard output, for the program whose options `P` reads. `chapters` are for the page alone.
    ///
    /// # Errors
    /// What the system says of standard output.
    pub fn write<P: CommandFactory>(self, chapters: &[Chapter]) -> io::Result<()> {
        let mut command = command::<P>();
        let mut text = Vec::new();
        match self {
            Manual::Completions { shell } => {
                let name = command.get_name().to_owned();
                clap_complete::generate(shell, &mut command, name, &mut text);
            }
            Manual::Man => write_page(command, chapters, &mut text)?,
        }
        io::stdout().write_all(&text)
    }
}

/// Reads the options of a program, whose help names it as it was called.
pub fn parse<P: CommandFactory + FromArgMatches>() -> P {
    let mut command = command::<P>();
    let matches = command.get_matches_mut();
    P::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit())
}

/// The options of a program, as it was called.
fn command<P: CommandFactory>() -> Command {
    named(P::command(), called())
}

/// The name by which this program was called; installed, it has another one.
fn called() -> Option<String> {
    let path = std::env::args_os().next()?;
    Path::new(&path).file_name()?.to_str().map(str::to_owned)
}

/// The same options of a program of another name, whose examples name it so too.
fn named(command: Command, name: Option<String>) -> Command {
    let Some(name) = name else { return command };
    let was = command.get_name().to_owned();
    let Some(examples) = command.get_after_help().map(ToString::to_string) else { return command.name(name) };
    let words = |line: &str| match line.strip_prefix("  ") {
        Some(typed) if !typed.starts_with(' ') => {
            let words = typed.split(' ').map(|word| if word == was { name.as_str() } else { word });
            format!("  {}", words.collect::<Vec<_>>().join(" "))
        }
        _ => line.to_owned(),
    };
    let examples: Vec<String> = examples.lines().map(words).collect();
    command.after_help(examples.join("\n")).name(name)
}

/// The page: title, name, description and options are the library's. The rest it makes otherwise than a reader needs:
/// a synopsis of all options, and subcommands as pages that are not there.
fn write_page(mut command: Command, chapters: &[Chapter], into: &mut Vec<u8>) -> io::Result<()> {
    let usage = command.render_usage().to_string();
    let name = command.get_name().to_owned();
    let examples = command.get_after_help().map(ToString::to_string);
    let is_useful = |other: &&Command| other.get_name() != "help";
    let others = command.get_subcommands().filter(is_useful).map(|other| {
        let about = other.get_about().map(ToString::to_string).unwrap_or_default();
        (format!("{name} {}", other.get_name()), about)
    });
    let others = Chapter { title: "SUBCOMMANDS", rows: others.collect() };
    let page = Man::new(command);
    page.render_title(into)?;
    page.render_name_section(into)?;
    write_as_it_stands("SYNOPSIS", usage.trim_start_matches("Usage: "), into)?;
    page.render_description_section(into)?;
    page.render_options_section(into)?;
    for chapter in [&others].into_iter().chain(chapters).filter(|chapter| !chapter.rows.is_empty()) {
        let mut roff = Roff::new();
        roff.control("SH", [chapter.title]);
        for (typed, does) in &chapter.rows {
            roff.control("TP", []).text([bold(typed.as_str())]).text([roman(does.as_str())]);
        }
        roff.to_writer(into)?;
    }
    match examples {
        Some(text) => write_as_it_stands("EXAMPLES", text.trim_start_matches("Examples:\n"), into),
        None => Ok(()),
    }
}

/// A section whose lines are not filled.
fn write_as_it_stands(title: &str, text: &str, into: &mut Vec<u8>) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", [title]).control("nf", []);
    for line in text.lines() {
        roff.text([roman(line.trim_start_matches("       "))]);
    }
    roff.control("fi", []).to_writer(into)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Arg, ArgAction};

    #[test]
    fn a_program_tells_of_itself_by_the_name_that_it_has_where_it_is_installed() {
        let command = Command::new("tool").after_help("Examples:\n  tool -x\n      a tool\n  echo | tool\n\nThe tool.");
        let named = named(command, Some("peertool".to_owned()));
        assert_eq!(named.get_name(), "peertool");
        let examples = named.get_after_help().map(ToString::to_string);
        assert_eq!(examples.as_deref(), Some("Examples:\n  peertool -x\n      a tool\n  echo | peertool\n\nThe tool."));
    }

    #[test]
    fn a_page_names_what_there_is_and_no_page_that_there_is_not() {
        let verbose = Arg::new("verbose").long("verbose").action(ArgAction::SetTrue).help("Say more");
        let greet = Command::new("greet").about("Say hello");
        let command = Command::new("tool").about("Does things").arg(verbose).subcommand(greet);
        let command = command.after_help("Examples:\n  tool --verbose \\;\n\nExit codes: 0 fine.");
        let rows = vec![("list".to_owned(), "'all' there is".to_owned())];
        let mut page = Vec::new();
        write_page(command, &[Chapter { title: "COMMANDS", rows }], &mut page).expect("memory");
        let page = String::from_utf8(page).expect("text");
        for part in [
            ".SH SYNOPSIS\n.nf\ntool [OPTIONS] [COMMAND]\n.fi",
            "\\fB\\-\\-verbose\\fR\nSay more",
            ".SH SUBCOMMANDS\n.TP\n\\fBtool greet\\fR\nSay hello",
            ".SH COMMANDS\n.TP\n\\fBlist\\fR\n",
            ".SH EXAMPLES\n.nf\n  tool \\-\\-verbose \\\\;\n",
        ] {
            assert!(page.contains(part), "{part}\n---\n{page}");
        }
        for absent in ["(1)", "EXTRA", "tool help", "Usage:", "Examples:"] {
            assert!(!page.contains(absent), "{absent}\n---\n{page}");
        }
    }
}
