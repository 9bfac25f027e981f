//! What servers that share a directory have told this client of itself: by what its session goes on at another one of them, and
//! whose numbers the broadcasts have. It is kept in memory alone.

use crate::value::{Epoch, Ticket};

/// What was told at the last login.
#[derive(Debug, Default)]
pub struct House {
    /// Logs in once, in place of the password. A client says it as it has come by it: by TLS, or in the clear.
    pub(super) token: Option<Ticket>,
    /// The sequence of the broadcasts; a server alone tells none.
    pub(super) epoch: Option<Epoch>,
}

impl House {
    /// A login is complete, and this was told with it. Whether the broadcasts are of another sequence than those before.
    pub fn enter(&mut self, token: Option<Ticket>, epoch: Option<Epoch>) -> bool {
        self.token = token;
        std::mem::replace(&mut self.epoch, epoch) != epoch
    }

    /// The token lets nobody in any more.
    pub fn forget_token(&mut self) {
        self.token = None;
    }
}
