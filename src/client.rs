//! The client: one App owns what it knows, threads that block tell it what happens, and a runner carries out what it
//! decides.

pub mod event;
pub mod command;
pub mod call;
pub mod peer;
pub mod run;
pub mod dispatch;
pub mod shown;
pub mod windows;
pub mod lines;
pub mod files;
pub mod app;
pub mod runner;
// The seam of the feature: nothing else asks whether there is a screen.
#[cfg_attr(not(feature = "screen"), path = "client/screen/absent.rs")]
pub mod screen;
pub mod paths;
pub mod history;
pub mod blocked;
mod log_lines;
pub mod logs;
pub mod pen;
pub mod find;
mod known_servers;
pub mod trust;
mod tls_arguments;
mod server_arguments;
pub mod options;
pub mod start;
