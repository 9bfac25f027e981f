//! What is kept on disk: accounts, bans and broadcasts. Each store has its lock inside and gives owned values.
//!
//! Nothing here knows a client or a socket.

mod seen_file;
mod fault;
mod whole_file;
mod tls_files;
mod account_rows;
mod users_file;
mod folder;
mod accounts;
mod bans;
mod window;
mod history;
mod broadcast_log;

pub use account_rows::{Account, HEADER as ACCOUNTS_HEADER, parse_account_row};
#[cfg(feature = "cluster")]
pub use accounts::MAX_ACCOUNTS;
pub use accounts::{Accounts, NotStored};
pub use bans::{Banned, Bans};
#[cfg(feature = "cluster")]
pub use bans::{MAX_BANS, holds as ban_holds, in_order as bans_in_order, parse as parse_ban};
pub use broadcast_log::BroadcastLog;
#[cfg(feature = "cluster")]
pub use folder::FolderLock;
pub use folder::{house_file, is_of_house, lock as lock_folder};
pub use history::History;
pub use tls_files::open_identity;
pub use users_file::read_accounts;
