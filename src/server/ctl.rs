//! The other end of the control socket, and moving accounts: what whoever runs a server types in a shell.

mod conversation;
mod secret;
mod table;
mod speak;
mod originals;
mod moving;

pub use moving::move_accounts;
pub use speak::speak;
