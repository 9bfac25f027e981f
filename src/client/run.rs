//! Commands that a peer runs on the machine of another, with the owner's consent: both sides of `RUN`. Who may run
//! what is decided elsewhere, but for the words of a command.

mod words;
mod consent_share;
mod consent_log;
mod processes;
mod cgroup;
mod process_group;
pub mod output;
pub mod ask;
pub mod serve;

pub use cgroup::{Cgroup, Cgroups};
pub use consent_log::ConsentLog;
pub use words::{AllowList, RunOptions, Words};
