//! Files: what we share, what we fetch, what we give and what we are given. Each call about files is straight-line
//! code over one connection; what it may do comes as its orders. Nothing here knows the App.

mod hashes;
mod place;
mod pipe;
mod part;
mod gift_folder;
mod folder;
mod teller;
mod wire;
mod source;
mod upload;
mod listing;
mod fetch;
mod walk;
mod give;
mod take;
mod watch;
mod client_files;

pub use client_files::{ClientFiles, FileOptions};
pub use walk::{expand, home};
