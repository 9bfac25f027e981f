//! Which directory a server has.

use super::embedded::Embedded;
use super::{Directory, shared};
use crate::server::clients::ClientMap;
use crate::server::config::Config;
use crate::server::delivery::Broadcaster;
use crate::server::store::{self, History};
use std::env;
use std::path::Path;
use std::sync::Arc;

/// The variable that has the address of a shared one. There its password is not seen by whoever lists the processes.
const VARIABLE: &str = "PEERLINE_DIRECTORY";

/// The address of a shared directory: the one that was given, or else that of the environment.
///
/// # Errors
/// One that is empty was given: whoever writes a variable there that is not set means a house, and not no house.
pub fn address(given: Option<&str>) -> Result<Option<String>, String> {
    match given {
        Some("") => Err("--directory is empty: give the address of the Redis, or leave the option out".to_owned()),
        Some(url) => Ok(Some(url.to_owned())),
        None => Ok(env::var(VARIABLE).ok().filter(|url| !url.is_empty())),
    }
}

/// Fails where the accounts are not in a folder, but in a house.
///
/// # Errors
/// One sentence that says what to do.
pub fn is_no_house(folder: &Path) -> Result<(), String> {
    match store::is_of_house(folder) {
        false => Ok(()),
        true => Err(format!(
            "{} says that this folder belongs to a house, which has the accounts: name it by --directory or {VARIABLE}, or \
             remove that file to go on without it",
            store::house_file(folder).display()
        )),
    }
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
    match address(config.directory.as_deref())? {
        Some(url) => Ok(Box::new(shared::open(config, &url, clients, history, broadcaster)?)),
        None if config.advertise.is_some() => {
            Err(format!("--advertise is for servers that share a directory: name it by --directory or {VARIABLE}"))
        }
        None => {
            if store::is_of_house(&config.data) {
                // Where a server of the house runs on it, that is said.
                drop(store::lock_folder(&config.data)?);
            }
            is_no_house(&config.data)?;
            Ok(Box::new(Embedded::open(&config.data, clients, history, broadcaster)?))
        }
    }
}
