//! What stands in the place of a shared directory in a build without the feature `cluster`.

use crate::server::clients::ClientMap;
use crate::server::config::Config;
use crate::server::delivery::Broadcaster;
use crate::server::directory::NotChanged;
use crate::server::directory::embedded::Embedded;
use crate::server::store::{Account, History};
use crate::value::Username;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// What to do.
const ABSENT: &str = "--directory: this server is built without it: build it with `cargo build --features cluster`";

/// Opens nothing.
///
/// # Errors
/// Always, with what to do.
pub fn open(
    _config: &Config,
    _url: &str,
    _clients: ClientMap,
    _history: &Arc<History>,
    _broadcaster: Arc<Broadcaster>,
) -> Result<Embedded, String> {
    Err(ABSENT.to_owned())
}

/// There are none.
pub enum HouseAccounts {}

impl HouseAccounts {
    /// Opens nothing.
    ///
    /// # Errors
    /// Always, with what to do.
    pub fn open(_url: &str, _loss: Option<Duration>) -> Result<HouseAccounts, String> {
        Err(ABSENT.to_owned())
    }

    /// Nobody has any.
    ///
    /// # Errors
    /// It is never called.
    pub fn export(&mut self) -> Result<Vec<Account>, String> {
        match *self {}
    }

    /// Nobody has any.
    ///
    /// # Errors
    /// It is never called.
    pub fn import(&mut self, _accounts: &[Account]) -> Result<HashMap<Username, NotChanged>, String> {
        match *self {}
    }
}
