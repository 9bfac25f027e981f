//! What the program `server` does instead of serving: it speaks with a server that runs, moves accounts, or tells about
//! itself.

use crate::program::Manual;
use crate::value::duration;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

/// Instead of serving.
#[derive(Clone, Debug, Subcommand)]
pub enum Task {
    /// Speak with the server that runs on a data folder: what it has done, notices, bans, lost passwords
    Ctl(Ctl),
    /// Move accounts between servers
    Accounts(MoveAccounts),
    #[command(flatten)]
    #[expect(missing_docs, reason = "its own variants tell it")]
    Manual(Manual),
}

/// `server ctl`.
#[derive(Clone, Debug, Args)]
pub struct Ctl {
    /// Folder of that server
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub data: PathBuf,
    /// What is wanted.
    #[command(subcommand)]
    pub command: CtlCommand,
}

/// What is wanted of a server.
#[derive(Clone, Debug, Subcommand)]
#[expect(missing_docs, reason = "a command's line tells what its arguments are")]
pub enum CtlCommand {
    /// Show what has happened since the start
    Stats {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show who is here
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show who is banned
    Bans {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Say something to everybody
    Notice {
        #[arg(required = true)]
        text: Vec<String>,
    },
    /// End a session, whose owner hears why and can come back
    Kick { name: String, why: Vec<String> },
    /// Keep an account or an address out: for a time such as 30m, 2h or 7d, or until it is lifted
    Ban {
        #[arg(value_name = "NAME|ADDRESS")]
        who: String,
        #[arg(value_name = "[DURATION] WHY")]
        rest: Vec<String>,
    },
    /// Lift a ban
    Unban {
        #[arg(value_name = "NAME|ADDRESS")]
        who: String,
    },
    /// Give an account another password, which is asked for, or read from standard input
    Passwd {
        name: String,
        /// Draw one, and print it
        #[arg(long)]
        generate: bool,
    },
    /// End an account
    Remove { name: String },
    /// Stop the server, and wait until it has ended
    Stop,
}

/// `server accounts`.
#[derive(Clone, Debug, Args)]
pub struct MoveAccounts {
    /// Folder of the server, which may run [default: data]
    // Under the id of the option of a server it would have the default of that.
    #[arg(id = "folder", long = "data", value_name = "DIR", global = true, conflicts_with = "directory")]
    pub data: Option<PathBuf>,
    /// Instead of a folder, the Redis that servers share: redis://HOST:PORT. Also from PEERLINE_DIRECTORY, unless --data is
    /// given
    #[arg(long, value_name = "URL", global = true)]
    pub directory: Option<String>,
    /// How much of what was confirmed that Redis may lose
    #[arg(long, value_name = "DURATION", global = true, value_parser = duration::parse)]
    pub directory_loss: Option<Duration>,
    /// Which way.
    #[command(subcommand)]
    pub direction: Direction,
}

/// Which way accounts go.
#[derive(Clone, Debug, Subcommand)]
#[expect(missing_docs, reason = "a command's line tells what its arguments are")]
pub enum Direction {
    /// Write the accounts to a new file, hashes as they are
    Export { file: PathBuf },
    /// Add the accounts of a file: of a peerline server, or `name,password` rows of the original servers
    Import {
        file: PathBuf,
        /// Rounds of PBKDF2-HMAC-SHA-256 for passwords in clear
        #[arg(long, value_name = "N", default_value_t = 600_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
        hash_rounds: u32,
    },
}
