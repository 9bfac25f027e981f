//! What is kept on disk: accounts and broadcasts. Each store has its lock inside and gives owned values.
//!
//! Nothing here knows a client or a socket.

mod accounts;
mod history;
mod seen_file;
mod users_file;
mod window;

pub use accounts::{Account, Accounts, NotAdded};
pub use history::History;
