//! Completions for shells and manual pages, made from the same definitions that read the options.

use clap::{CommandFactory, Subcommand};
use clap_complete::Shell;
use std::io::{self, Write};

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

impl Manual {
    /// Writes it to standard output, for the program whose options `P` reads.
    ///
    /// # Errors
    /// What the system says of standard output.
    pub fn write<P: CommandFactory>(self) -> io::Result<()> {
        let mut command = P::command();
        let mut text = Vec::new();
        match self {
            Manual::Completions { shell } => {
                let name = command.get_name().to_owned();
                clap_complete::generate(shell, &mut command, name, &mut text);
            }
            Manual::Man => clap_mangen::Man::new(command).render(&mut text)?,
        }
        io::stdout().write_all(&text)
    }
}
