//! Whether a session is there: by when its hellos and its lines were heard. It knows no socket and no clock.

use crate::protocol::Notice;
use crate::value::Username;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Who has said hellos, and nothing for so long, is not there: not by UDP, where the TCP connection takes over, and not
/// for what would be relayed.
const SILENCE: Duration = Duration::from_secs(15);
/// A client says hello each 5 s: after so long two of them are missing, and a line that comes then is from one whose
/// datagrams do not get through.
const CEASED: Duration = Duration::from_secs(10);
/// The most senders that are remembered for one session, and the most notices.
const MAX_SENDERS: usize = 64;

/// What was heard of one session, and what was said to it since.
#[derive(Debug, Default)]
pub struct Presence(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The last hello that counted.
    hello: Option<Instant>,
    /// The last line.
    line: Option<Instant>,
    /// Who had a text handed over since then.
    senders: Vec<Username>,
    /// What it was told since then of messages that were lost.
    notices: Vec<Notice>,
    /// It was told why somebody cannot reach it.
    was_told_why: bool,
}

impl Presence {
    /// A hello has come.
    pub fn hello(&self, now: Instant) {
        let mut state = self.lock();
        state.hello = Some(now);
        state.is_heard();
    }

    /// A line has come.
    pub fn line(&self, now: Instant) {
        let mut state = self.lock();
        state.line = Some(now);
        state.is_heard();
    }

    /// Whether the session has said a hello.
    pub fn has_said_hello(&self) -> bool {
        self.lock().hello.is_some()
    }

    /// Whether the session has said hellos, and none for 15 s.
    pub fn says_no_hello(&self, now: Instant) -> bool {
        self.lock().hello.is_some_and(|hello| now.saturating_duration_since(hello) >= SILENCE)
    }

    /// Whether the session counts as there: it was heard within 15 s, it never said a hello, or it has said a line
    /// since its hellos ceased.
    pub fn is_there(&self, now: Instant) -> bool {
        self.lock().is_there(now, SILENCE)
    }

    /// Whether what was written to the connection of this session, which another one takes over, may have met nobody: the
    /// time is shorter, as its client has found out already that it was cut off.
    pub fn was_cut_off(&self, now: Instant) -> bool {
        !self.lock().is_there(now, CEASED)
    }

    /// Notes who is about to have a text handed over; whether it was not noted already.
    pub fn note_sender(&self, name: &Username) -> bool {
        let mut state = self.lock();
        let is_new = state.senders.len() < MAX_SENDERS && !state.senders.contains(name);
        if is_new {
            state.senders.push(name.clone());
        }
        is_new
    }

    /// Forgets that sender, of whom nothing was handed over after all.
    pub fn forget_sender(&self, name: &Username) {
        self.lock().senders.retain(|noted| noted != name);
    }

    /// Who had a text handed over since the session was last heard; each is told once.
    pub fn take_senders(&self) -> Vec<Username> {
        std::mem::take(&mut self.lock().senders)
    }

    /// Notes what it is about to be told of a message that was lost.
    pub fn note_notice(&self, notice: &Notice) {
        let mut state = self.lock();
        if state.notices.len() < MAX_SENDERS {
            state.notices.push(notice.clone());
        }
    }

    /// Forgets that notice: it could not be told after all.
    pub fn forget_notice(&self, notice: &Notice) {
        let mut state = self.lock();
        if let Some(at) = state.notices.iter().rposition(|noted| noted == notice) {
            state.notices.remove(at);
        }
    }

    /// What it was told of lost messages since it was last heard; each is given once.
    pub fn take_notices(&self) -> Vec<Notice> {
        std::mem::take(&mut self.lock().notices)
    }

    /// Whether it is to be told why somebody cannot reach it: once is enough.
    pub fn is_to_be_told_why(&self) -> bool {
        !std::mem::replace(&mut self.lock().was_told_why, true)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_heard(&mut self) {
        self.senders.clear();
        self.notices.clear();
    }

    fn is_there(&self, now: Instant, silence: Duration) -> bool {
        let Some(hello) = self.hello else { return true };
        let heard = self.line.map_or(hello, |line| line.max(hello));
        self.line.is_some_and(|line| line >= hello + CEASED) || now.saturating_duration_since(heard) < silence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a session is there `now` seconds after its beginning, with these hellos and lines.
    fn is_there(hellos: &[u64], lines: &[u64], now: u64) -> bool {
        let (began, presence) = (Instant::now(), Presence::default());
        let at = |second: &u64| began + Duration::from_secs(*second);
        hellos.iter().for_each(|second| presence.hello(at(second)));
        lines.iter().for_each(|second| presence.line(at(second)));
        presence.is_there(at(&now))
    }

    #[test]
    fn who_was_not_heard_for_15_seconds_is_not_there() {
        assert!(is_there(&[0, 5, 10], &[], 24));
        assert!(!is_there(&[0, 5, 10], &[], 25));
        assert!(is_there(&[10], &[14], 28), "a line is heard too");
        assert!(!is_there(&[10], &[14], 29), "its hellos had not ceased then");
    }

    #[test]
    fn who_has_no_datagrams_is_there() {
        assert!(is_there(&[], &[], 3600), "netcat");
        assert!(is_there(&[], &[1], 3600));
        assert!(is_there(&[0, 5], &[20], 3600), "datagrams do not get through any more");
        assert!(!is_there(&[0, 5, 30], &[20], 45), "they do again");
    }

    #[test]
    fn senders_are_kept_once_each_until_the_session_is_heard() {
        let (now, presence) = (Instant::now(), Presence::default());
        let name = |number: usize| format!("user{number}").parse::<Username>().expect("a name");
        for is_new in [true, false] {
            assert!((0..64).all(|number| presence.note_sender(&name(number)) == is_new));
            assert!(!(64..100).any(|number| presence.note_sender(&name(number))));
        }
        assert_eq!(presence.take_senders(), (0..64).map(name).collect::<Vec<_>>());
        assert_eq!(presence.take_senders(), []);
        let heard: [fn(&Presence, Instant); 2] = [Presence::hello, Presence::line];
        for hear in heard {
            presence.note_sender(&name(1));
            presence.note_notice(&Notice::ServerStops);
            hear(&presence, now);
            assert_eq!((presence.take_senders(), presence.take_notices()), (vec![], vec![]));
        }
    }

    #[test]
    fn a_session_that_is_taken_over_was_cut_off_when_two_hellos_are_missing() {
        let (now, presence) = (Instant::now(), Presence::default());
        assert!(!presence.was_cut_off(now + Duration::from_secs(3600)), "netcat");
        presence.hello(now);
        assert!(!presence.was_cut_off(now + Duration::from_secs(9)));
        assert!(presence.was_cut_off(now + Duration::from_secs(10)));
    }
}
