//! To whom no message got directly a moment ago: those that follow are handed to the server at once, for a while.

use crate::value::Username;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long no direct way is looked for.
const SPAN: Duration = Duration::from_secs(60);
/// The most that are kept; beyond that the oldest is dropped.
const MAX: usize = 64;

/// The people to whom messages go through the server.
#[derive(Debug, Default)]
pub struct Detours(Vec<Detour>);

#[derive(Debug)]
struct Detour {
    to: Username,
    /// Where they were looked for.
    at: SocketAddr,
    until: Instant,
}

impl Detours {
    /// Nobody who has proven to be `to` was found at `at`.
    pub fn put(&mut self, to: Username, at: SocketAddr, now: Instant) {
        self.0.retain(|detour| detour.to != to && detour.until > now);
        if self.0.len() == MAX {
            self.0.remove(0);
        }
        self.0.push(Detour { to, at, until: now + SPAN });
    }

    /// Whether a message to `to` is to go through the server now.
    pub fn lead_to(&self, to: &Username, now: Instant) -> bool {
        self.0.iter().any(|detour| detour.to == *to && detour.until > now)
    }

    /// Somebody listens at this address now: one at another address is forgotten.
    pub fn listens_at(&mut self, name: &Username, at: SocketAddr) {
        self.0.retain(|detour| detour.at == at || detour.to != *name);
    }

    /// Somebody was reached directly.
    pub fn reached(&mut self, name: &Username) {
        self.0.retain(|detour| detour.to != *name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bob() -> Username {
        "bob".parse().expect("valid")
    }

    fn at(port: u16) -> SocketAddr {
        ([127, 0, 0, 3], port).into()
    }

    #[test]
    fn a_detour_lasts_a_minute_and_less_for_who_is_elsewhere_now_or_was_reached() {
        let (mut detours, now) = (Detours::default(), Instant::now());
        detours.put(bob(), at(1), now);
        assert!(detours.lead_to(&"Bob".parse().expect("valid"), now));
        detours.listens_at(&bob(), at(1));
        assert!(detours.lead_to(&bob(), now + SPAN - Duration::from_millis(1)));
        assert!(!detours.lead_to(&bob(), now + SPAN));
        detours.listens_at(&bob(), at(2));
        assert!(!detours.lead_to(&bob(), now));
        detours.put(bob(), at(2), now);
        detours.reached(&bob());
        assert!(!detours.lead_to(&bob(), now));
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_goes() {
        let (mut detours, now) = (Detours::default(), Instant::now());
        let name = |number: usize| format!("bob{number}").parse().expect("valid");
        (0..=MAX).for_each(|number| detours.put(name(number), at(1), now));
        assert_eq!(detours.0.len(), MAX);
        assert!(!detours.lead_to(&name(0), now) && detours.lead_to(&name(1), now));
    }
}
