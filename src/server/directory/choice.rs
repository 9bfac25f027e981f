//! Which directory a server has.

use super::embedded::Embedded;
use super::{Directory, shared};
use crate::server::clients::ClientMap;
use crate::server::config::Config;
use crate::server::delivery::Broadcaster;
use crate::server::store::History;
use std::env;
use std::sync::Arc;

/// The variable that has the address of a shared one. There its password is not seen by whoever lists the processes.
const VARIABLE: &str = "PEERLINE_DIRECTORY";

/// The address of a shared directory: the one that was given, or else that of the environment.
pub fn address(given: Option<&str>) -> Option<String> {
    given.map(str::to_owned).or_else(|| env::var(VARIABLE).ok()).filter(|url| !url.is_empty())
}

/// The directory that the options name. It changes `clients` from now on, and has `history`, which is empty, begin with what
/// was broadcast.
///
/// # Errors
/// One sentence that names what is wrong and what to change.
pub fn open(
    config: &Config,
    clients: ClientMap,
    history: &Arc<History>,
    broadcaster: Arc<Broadcaster>,
) -> Result<Box<dyn Directory>, String> {
    match address(config.directory.as_deref()) {
        Some(url) => Ok(Box::new(shared::open(config, &url, clients, history, broadcaster)?)),
        None if config.advertise.is_some() => {
            Err(format!("--advertise is for servers that share a directory: name it by --directory or {VARIABLE}"))
        }
        None => Ok(Box::new(Embedded::open(&config.data, clients, history, broadcaster)?)),
    }
}
