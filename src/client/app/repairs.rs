//! What is missing of the broadcasts, and when to ask for it: not while it may only have been overtaken, and again when
//! the answer must have been lost. It knows no session and no datagram.

use super::inbox::Inbox;
use crate::protocol::{MAX_RANGES, Received};
use std::time::{Duration, Instant};

/// The least and the most time that something may be overtaken by, before it is asked for; between them it is half of
/// the round trip.
const LEAST_PATIENCE: Duration = Duration::from_millis(10);
const MOST_PATIENCE: Duration = Duration::from_millis(40);
/// The least and the most time for an answer; the round trip and its variation are between them (RFC 6298).
const LEAST_WAIT: Duration = Duration::from_millis(30);
const MOST_WAIT: Duration = Duration::from_secs(1);
/// How long an answer may take as long as none was measured. The wait doubles with each question, but not beyond this,
/// or the first wait if that is longer.
const REPAIR: Duration = Duration::from_millis(200);

/// How often a range is named. Then all behind LASTSEQ is asked for: with that the server tells of all the numbers which it
/// has not got any more, and of a single range only when nothing is missing before it.
const NAMED: u32 = 2;

/// What is missing.
#[derive(Debug, Default)]
pub struct Repairs {
    /// Of the first ranges, as many as one hello can name.
    gaps: Vec<Gap>,
    round_trip: RoundTrip,
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
    /// When it was asked for, if once and without an answer: who asks twice cannot tell which one is answered.
    measured: Option<Instant>,
}

/// How long an answer takes, by RFC 6298.
#[derive(Debug, Default)]
struct RoundTrip {
    smoothed: Option<Duration>,
    variation: Duration,
}

impl Repairs {
    /// Looks at what has arrived.
    pub fn look(&mut self, inbox: &Inbox, now: Instant) {
        let before = std::mem::take(&mut self.gaps);
        for (first, last) in inbox.missing().take(MAX_RANGES) {
            let fresh = Gap { first, last, due: now + self.round_trip.patience(), asked: 0, measured: None };
            let known = before.iter().find(|gap| gap.first <= first && last <= gap.last);
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
        self.round_trip.add(took);
    }

    /// When something is to be asked for.
    pub fn deadline(&self) -> Option<Instant> {
        self.gaps.iter().map(|gap| gap.due).min()
    }

    /// What a hello says now: it names all up to the last that is due. Nothing when nothing is due, or naming was in vain.
    pub fn ask(&mut self, inbox: &Inbox, now: Instant) -> Option<Received> {
        let last_due = self.gaps.iter().rposition(|gap| gap.due <= now)?;
        let next = inbox.missing().nth(last_due + 1);
        let top = next.map_or_else(|| inbox.top(), |(first, _)| first - 1);
        let was_in_vain = self.gaps[..=last_due].iter().any(|gap| gap.asked >= NAMED);
        let wait = self.round_trip.wait();
        for gap in &mut self.gaps[..=last_due] {
            gap.measured = Some(now).filter(|_| gap.asked == 0);
            gap.due = now + wait.saturating_mul(1 << gap.asked.min(8)).min(wait.max(REPAIR));
            gap.asked += 1;
        }
        let missing = self.gaps[..=last_due].iter().map(|gap| (gap.first, gap.last)).collect();
        Some(Received { top, missing }).filter(|_| !was_in_vain)
    }
}

impl RoundTrip {
    fn add(&mut self, took: Duration) {
        let took = took.min(MOST_WAIT);
        match self.smoothed {
            None => (self.smoothed, self.variation) = (Some(took), took / 2),
            Some(smoothed) => {
                self.variation = (self.variation * 3 + smoothed.abs_diff(took)) / 4;
                self.smoothed = Some((smoothed * 7 + took) / 8);
            }
        }
    }

    fn patience(&self) -> Duration {
        self.smoothed.map_or(LEAST_PATIENCE, |smoothed| (smoothed / 2).clamp(LEAST_PATIENCE, MOST_PATIENCE))
    }

    fn wait(&self) -> Duration {
        self.smoothed.map_or(REPAIR, |smoothed| (smoothed + self.variation * 4).clamp(LEAST_WAIT, MOST_WAIT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::app::inbox::Route;
    use crate::protocol::Broadcast;

    /// What was asked for, and how many ms after the beginning, when these broadcasts arrive at these times.
    fn asked(arrivals: &[(u64, &[u64])], round_trip: u64, until: u64) -> Vec<(u64, Option<Received>)> {
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
                asked.push((ms, repairs.ask(&inbox, now)));
            }
        }
        asked
    }

    fn received(top: u64, missing: &[(u64, u64)]) -> Option<Received> {
        Some(Received { top, missing: missing.to_vec() })
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
        // The wait is the round trip and its variation, 40 + 4 * 20 ms, then 200 ms.
        // What was named twice in vain is asked for with all behind it.
        let expected = [(20, all.clone()), (140, all.clone()), (340, None), (540, None)];
        assert_eq!(asked(&[(0, begin)], 40, 600), expected);
        let rest = received(9, &[(5, 5), (7, 8)]);
        let expected = [(20, all), (140, rest), (340, None)];
        assert_eq!(asked(&[(0, begin), (60, &[2, 6])], 40, 500)[0], expected[0]);
        let later: Vec<_> = asked(&[(0, begin), (60, &[2, 6])], 40, 350).into_iter().map(|(_, asked)| asked).collect();
        assert_eq!(later, expected.map(|(_, asked)| asked));
    }

    #[test]
    fn what_is_too_fresh_is_not_named_yet() {
        let expected = [(20, received(4, &[(2, 2)])), (30, received(6, &[(2, 2), (5, 5)]))];
        assert_eq!(asked(&[(0, &[1, 3, 4]), (10, &[6])], 40, 100), expected);
    }
}
