//! What is missing of the broadcasts, and when to name it: not while it may only have been overtaken, and again and again
//! then. It knows no session and no datagram.

use super::inbox::Inbox;
use crate::protocol::{MAX_RANGES, Received};
use std::time::{Duration, Instant};

/// The least and the most time that something may be overtaken by, before it is asked for; between them it is half of
/// the round trip.
const LEAST_PATIENCE: Duration = Duration::from_millis(10);
const MOST_PATIENCE: Duration = Duration::from_millis(40);
/// How long until what is missing is named again, and twice as long each time: our hello may be lost, and the server sends
/// nothing again by it that is under way still.
const AGAIN: Duration = Duration::from_millis(50);
/// How often that doubles at most.
const DOUBLINGS: u32 = 2;
/// The longest round trip that is believed.
const LONGEST: Duration = Duration::from_secs(1);

/// What is missing.
#[derive(Debug, Default)]
pub struct Repairs {
    /// Of the first ranges, as many as one hello can name.
    gaps: Vec<Gap>,
    /// Smoothed, as in RFC 6298.
    round_trip: Option<Duration>,
}

/// A range that is missing.
#[derive(Clone, Copy, Debug)]
struct Gap {
    first: u64,
    last: u64,
    /// When to ask for it.
    due: Instant,
    /// How often it was asked for.
    asked: u32,
    /// When it was named, if once and without an answer: who asks twice cannot tell which one is answered.
    measured: Option<Instant>,
}

impl Repairs {
    /// Looks at what has arrived.
    pub fn look(&mut self, inbox: &Inbox, now: Instant) {
        let before = std::mem::take(&mut self.gaps);
        for (first, last) in inbox.missing().take(MAX_RANGES) {
            let fresh = Gap { first, last, due: now + self.patience(), asked: 0, measured: None };
            // It may have become smaller, and the last one larger.
            let known = before.iter().find(|gap| gap.first <= first && first <= gap.last);
            self.gaps.push(known.map_or(fresh, |known| {
                let measured = known.measured.filter(|_| (known.first, known.last) == (first, last));
                Gap { first, last, measured, ..*known }
            }));
        }
        let is_there = |gap: &&Gap| self.gaps.iter().any(|now| (now.first, now.last) == (gap.first, gap.last));
        let answered = before.iter().filter(|gap| !is_there(gap)).find_map(|gap| gap.measured);
        if let Some(asked) = answered {
            self.answered(now.saturating_duration_since(asked));
        }
    }

    /// An answer took so long.
    pub fn answered(&mut self, took: Duration) {
        let took = took.min(LONGEST);
        self.round_trip = Some(self.round_trip.map_or(took, |smoothed| (smoothed * 7 + took) / 8));
    }

    fn patience(&self) -> Duration {
        self.round_trip.map_or(LEAST_PATIENCE, |round_trip| (round_trip / 2).clamp(LEAST_PATIENCE, MOST_PATIENCE))
    }

    /// When something is to be asked for.
    pub fn deadline(&self) -> Option<Instant> {
        self.gaps.iter().map(|gap| gap.due).min()
    }

    /// The server says that all was sent that is missing: nothing of it may only have been overtaken.
    pub fn hurry(&mut self, inbox: &Inbox, now: Instant) {
        self.look(inbox, now);
        self.gaps.iter_mut().filter(|gap| gap.asked == 0).for_each(|gap| gap.due = now);
    }

    /// What a hello says now, and whether it names something for the first time. It tells of all up to what may only have
    /// been overtaken.
    pub fn tell(&mut self, inbox: &Inbox, now: Instant) -> (Received, bool) {
        let known = self.gaps.iter().rposition(|gap| gap.asked > 0 || gap.due <= now).map_or(0, |last| last + 1);
        let next = inbox.missing().nth(known);
        let top = next.map_or_else(|| inbox.top(), |(first, _)| first - 1);
        let known = &mut self.gaps[..known];
        let tells_loss = known.iter().any(|gap| gap.asked == 0);
        if known.iter().any(|gap| gap.due <= now) {
            for gap in known.iter_mut() {
                gap.measured = Some(now).filter(|_| gap.asked == 0);
                gap.due = now + AGAIN * (1 << gap.asked.min(DOUBLINGS));
                gap.asked += 1;
            }
        }
        (Received { top, missing: known.iter().map(|gap| (gap.first, gap.last)).collect() }, tells_loss)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::app::inbox::Route;
    use crate::protocol::Broadcast;

    /// What was asked for, and how many ms after the beginning, when these broadcasts arrive at these times.
    fn asked(arrivals: &[(u64, &[u64])], round_trip: u64, until: u64) -> Vec<(u64, Received)> {
        let (mut repairs, mut inbox, began) = (Repairs::default(), Inbox::default(), Instant::now());
        repairs.answered(Duration::from_millis(round_trip));
        let mut asked = Vec::new();
        for ms in 0..until {
            let now = began + Duration::from_millis(ms);
            for &seq in arrivals.iter().filter(|(at, _)| *at == ms).flat_map(|(_, seqs)| *seqs) {
                let from = "bob".parse().expect("a name");
                inbox.accept(Broadcast { seq, unix_time: 1, from, text: "text".to_owned() }, Route::Udp);
            }
            repairs.look(&inbox, now);
            if repairs.deadline().is_some_and(|due| due <= now) {
                asked.push((ms, repairs.tell(&inbox, now).0));
            }
        }
        asked
    }

    fn received(top: u64, missing: &[(u64, u64)]) -> Received {
        Received { top, missing: missing.to_vec() }
    }

    #[test]
    fn what_was_only_overtaken_is_not_asked_for() {
        assert_eq!(asked(&[(0, &[1, 3]), (19, &[2])], 40, 500), []);
        assert_eq!(asked(&[(0, &[1, 3]), (21, &[2])], 40, 500), [(20, received(3, &[(2, 2)]))]);
    }

    #[test]
    fn what_is_missing_is_asked_for_until_it_comes() {
        let all = received(9, &[(2, 2), (5, 8)]);
        let begin: &[u64] = &[1, 3, 4, 9];
        let expected = [20, 70, 170, 370, 570].map(|ms| (ms, all.clone()));
        assert_eq!(asked(&[(0, begin)], 40, 600), expected);
        let rest = received(9, &[(5, 5), (7, 8)]);
        let later: Vec<_> = asked(&[(0, begin), (60, &[2, 6])], 40, 350).into_iter().map(|(_, asked)| asked).collect();
        assert_eq!(later, [all, rest.clone(), rest]);
    }

    #[test]
    fn what_the_server_has_sent_long_ago_is_named_at_once() {
        let (mut repairs, mut inbox, now) = (Repairs::default(), Inbox::default(), Instant::now());
        inbox.head(5, true);
        assert_eq!(repairs.tell(&inbox, now), (received(5, &[]), false));
        inbox.tail(9);
        repairs.look(&inbox, now);
        assert_eq!(repairs.tell(&inbox, now), (received(5, &[]), false), "perhaps it was overtaken");
        repairs.hurry(&inbox, now);
        assert_eq!(repairs.tell(&inbox, now), (received(9, &[(6, 9)]), true));
        assert_eq!(repairs.tell(&inbox, now), (received(9, &[(6, 9)]), false));
    }

    #[test]
    fn what_is_too_fresh_is_not_named_yet() {
        let expected = [(20, received(4, &[(2, 2)])), (30, received(6, &[(2, 2), (5, 5)]))];
        assert_eq!(asked(&[(0, &[1, 3, 4]), (10, &[6])], 40, 80), expected);
    }
}
