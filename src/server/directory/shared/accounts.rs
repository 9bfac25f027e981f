//! The accounts of a house for whoever moves them: it is no server, and need not be in the house.

use super::coming::reach;
use crate::protocol::Notice;
use crate::server::directory::{NAME_IS_TAKEN, NotChanged};
use crate::server::shared::{self, DirectoryUrl, Imported, Link, Member, NotDone, Standing};
use crate::server::store::Account;
use crate::value::{ServerName, Username};
use std::collections::HashMap;
use std::time::Duration;

/// What the caller of a script is called that is no server.
const CALLER: &str = "accounts";

/// The accounts of a house.
pub struct HouseAccounts {
    url: DirectoryUrl,
    link: Link,
    who: Member,
}

impl HouseAccounts {
    /// Connects to the house at this address, whose Redis may lose no more than `loss` of what it confirms.
    ///
    /// # Errors
    /// One sentence that names what is wrong and what to change.
    pub fn open(url: &str, loss: Option<Duration>) -> Result<HouseAccounts, String> {
        let (url, mut link) = reach(url, loss)?;
        let who = Member { server: ServerName::of_host(CALLER), generation: 0 };
        match shared::opened(&mut link, &who.server).map_err(|why| format!("{url}: {why}"))? {
            Standing::None => Err(format!(
                "{url}: the directory is empty: the first server that is started with it makes a house there"
            )),
            Standing::Open(_) | Standing::Shut(_) => Ok(HouseAccounts { url, link, who }),
        }
    }

    /// All of them, in the order of their names in lower case.
    ///
    /// # Errors
    /// One sentence, which names a row that is none.
    pub fn export(&mut self) -> Result<Vec<Account>, String> {
        shared::export_accounts(&mut self.link).map_err(|why| format!("{}: {why}", self.url))
    }

    /// Adds accounts; given are those that are left out. Those that are there already, whole, count as added.
    ///
    /// # Errors
    /// One sentence; some may have been added.
    pub fn import(&mut self, accounts: &[Account]) -> Result<HashMap<Username, NotChanged>, String> {
        let notice = Notice::Other(NAME_IS_TAKEN.to_owned()).to_string();
        let imported = shared::import_accounts(&mut self.link, &self.who, accounts, &notice);
        let Imported { taken, full } = imported.map_err(|why| match why {
            NotDone::Loss => format!("{}: {why}: start a server of its house, and try again", self.url),
            why => format!("{}: {why}; some may have been added: try again, which does no harm", self.url),
        })?;
        let taken = taken.into_iter().map(|name| (name, NotChanged::Taken));
        Ok(taken.chain(full.into_iter().map(|name| (name, NotChanged::Full))).collect())
    }
}
