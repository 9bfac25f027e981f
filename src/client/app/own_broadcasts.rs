//! What we have broadcast and not seen among the broadcasts yet: so it is known of one whose answer was lost whether it
//! has arrived after all.

use super::asks::Origin;
use crate::protocol::{MemberRequest, Request};
use std::collections::VecDeque;

/// The most that are kept; beyond that the oldest is forgotten.
const MAX: usize = 64;

/// Our broadcasts that have left and were not seen.
#[derive(Debug, Default)]
pub struct OwnBroadcasts(VecDeque<(String, Fate)>);

#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// The server has not answered.
    OnItsWay,
    /// The server has it, so its line comes.
    Taken,
    /// The answer was lost. Who asked for it may be told more.
    Perhaps(Origin),
}

/// What a request has the server say to everybody.
pub fn text_of(request: &Request) -> Option<&str> {
    if let Request::Member(MemberRequest::Broadcast(text)) = request { Some(text.as_str()) } else { None }
}

/// What a request has the server say to somebody, or to everybody.
pub fn said_by(request: &Request) -> Option<&str> {
    match request {
        Request::Member(MemberRequest::Relay { text, .. }) => Some(text),
        other => text_of(other),
    }
}

impl OwnBroadcasts {
    /// One has left.
    pub fn sent(&mut self, text: &str) {
        if self.0.len() == MAX {
            self.0.pop_front();
        }
        self.0.push_back((text.to_owned(), Fate::OnItsWay));
    }

    /// The server has answered it.
    pub fn answered(&mut self, text: &str, is_taken: bool) {
        match self.position(text, |fate| *fate == Fate::OnItsWay) {
            Some(at) if is_taken => self.0[at].1 = Fate::Taken,
            Some(at) => drop(self.0.remove(at)),
            None => {}
        }
    }

    /// Its answer was lost. False: it was seen before, so it has arrived.
    pub fn unanswered(&mut self, text: &str, origin: &Origin) -> bool {
        let at = self.position(text, |fate| *fate == Fate::OnItsWay);
        if let Some(at) = at {
            self.0[at].1 = Fate::Perhaps(origin.clone());
        }
        at.is_some()
    }

    /// One of ours is among the broadcasts. Gives who asked for it, when that was not sure. Of two that say the same, it
    /// is the one that is sure to come.
    pub fn seen(&mut self, text: &str) -> Option<Origin> {
        let is_sure = |fate: &Fate| !matches!(fate, Fate::Perhaps(_));
        let at = self.position(text, is_sure).or_else(|| self.position(text, |_| true))?;
        match self.0.remove(at)? {
            (_, Fate::Perhaps(origin)) => Some(origin),
            _ => None,
        }
    }

    fn position(&self, text: &str, test: impl Fn(&Fate) -> bool) -> Option<usize> {
        self.0.iter().position(|(own, fate)| own == text && test(fate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::event::Place;

    fn origin(number: u64) -> Origin {
        Origin { home: Place::Server, request: Some(number) }
    }

    #[test]
    fn the_one_whose_answer_was_lost_has_arrived_when_a_line_is_left_for_it() {
        let mut own = OwnBroadcasts::default();
        own.sent("hi");
        own.answered("hi", true);
        own.sent("hi");
        assert!(own.unanswered("hi", &origin(2)));
        assert_eq!(own.seen("hi"), None, "the first");
        own.sent("hi");
        assert_eq!(own.seen("hi"), None, "the third: the second has not arrived");
        own.answered("hi", true);
        assert_eq!(own.seen("hi"), Some(origin(2)), "all three were seen");
        assert!(own.0.is_empty());
    }

    #[test]
    fn a_refused_one_never_comes_and_one_that_was_seen_needs_no_answer() {
        let mut own = OwnBroadcasts::default();
        own.sent("hi");
        own.answered("hi", false);
        assert_eq!(own.seen("hi"), None);
        own.sent("hi");
        assert_eq!(own.seen("hi"), None);
        assert!(!own.unanswered("hi", &origin(1)), "it has arrived");
        (0..2 * MAX).for_each(|_| own.sent("hi"));
        assert_eq!(own.0.len(), MAX);
    }
}
