//! What servers that share a directory have told this client of itself: by what its session goes on at another one of them, and
//! whose numbers the broadcasts have. It is kept in memory alone.

use crate::value::{Epoch, Ticket};
use std::time::{Duration, Instant};

/// How long the token may serve after the connection was lost: 60 s from the end of the session, which a server sees within 30 s.
/// One that is said later is none, and counts as a wrong password.
const SERVES: Duration = Duration::from_secs(90);

/// What was told at the last login.
#[derive(Debug, Default)]
pub struct House {
    /// Logs in once, in place of the password. A client says it as it has come by it: by TLS, or in the clear.
    token: Option<Ticket>,
    /// Until when, once the connection has ended.
    until: Option<Instant>,
    /// The sequence of the broadcasts; a server alone tells none.
    pub(super) epoch: Option<Epoch>,
}

impl House {
    /// A login is complete, and this was told with it. Whether the broadcasts are of another sequence than those before.
    pub fn enter(&mut self, token: Option<Ticket>, epoch: Option<Epoch>) -> bool {
        (self.token, self.until) = (token, None);
        std::mem::replace(&mut self.epoch, epoch) != epoch
    }

    /// The connection has ended.
    pub fn link_lost(&mut self, now: Instant) {
        self.until.get_or_insert(now + SERVES);
    }

    /// The token, while it may serve.
    pub fn token(&self, now: Instant) -> Option<Ticket> {
        self.token.filter(|_| self.until.is_none_or(|until| now < until))
    }

    /// The token lets nobody in any more.
    pub fn forget_token(&mut self) {
        self.token = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_serves_for_a_while_after_the_first_loss_and_a_new_one_as_long() {
        let token: Ticket = "0123456789abcdef0123456789abcdef".parse().expect("a token");
        let (mut house, now) = (House::default(), Instant::now());
        house.enter(Some(token), None);
        assert_eq!(house.token(now + 100 * SERVES), Some(token), "as long as the session");
        house.link_lost(now);
        // A connection that came to nothing.
        house.link_lost(now + SERVES / 2);
        assert_eq!(house.token(now + SERVES - Duration::from_millis(1)), Some(token));
        assert_eq!(house.token(now + SERVES), None);
        house.enter(Some(token), None);
        assert_eq!(house.token(now + SERVES), Some(token));
        house.forget_token();
        assert_eq!(house.token(now), None);
    }

    #[test]
    fn an_epoch_is_another_one_or_none() {
        let mut house = House::default();
        let [one, two] = [1, 2].map(|byte| Some(Epoch([byte; 16])));
        for (epoch, is_other) in [(None, false), (one, true), (one, false), (two, true), (None, true), (None, false)] {
            assert_eq!(house.enter(None, epoch), is_other, "{epoch:?}");
        }
    }
}
