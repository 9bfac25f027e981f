//! What is kept on disk: accounts and broadcasts. Each store has its lock inside and gives owned values.
//!
//! Nothing here knows a client or a socket.

mod seen_file;
mod users_file;
mod accounts;
mod window;
mod history;

pub use accounts::{Accounts, NotAdded};
pub use history::History;
pub use users_file::Account;
