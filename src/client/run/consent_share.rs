//! How many rows of the consent log one asker may fill in an hour; what is beyond is counted. It writes nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What the shares are counted in.
pub const PERIOD: Duration = Duration::from_secs(3600);

/// The most askers whose shares are kept apart; all others share one.
const MAX_ASKERS: usize = 1000;

/// The name of all others: none that a user can have.
const OTHERS: &str = "...";

/// What becomes of a request, as far as its share is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It is carried out, so each has its row: beyond the share it is not carried out.
    Run,
    /// The owner was asked, or too busy for that.
    Refused,
    /// The owner lets nothing run.
    Never,
    /// Nobody has introduced the asker.
    Stranger,
}

impl Kind {
    /// Rows an hour. One is enough where nobody has decided anything.
    pub fn share(self) -> u32 {
        match self {
            Kind::Run => 600,
            Kind::Refused => 60,
            Kind::Never | Kind::Stranger => 1,
        }
    }
}

/// The shares of all askers.
#[derive(Default)]
pub struct Shares(BTreeMap<(Kind, String), Hour>);

/// An asker's hour: it begins with its first row.
struct Hour {
    ends: Instant,
    rows: u32,
    counted: u64,
}

/// What was counted instead of recorded.
#[derive(Debug, PartialEq, Eq)]
pub struct Counted {
    /// Who asked; [`OTHERS`] for some.
    pub from: String,
    /// What became of it.
    pub kind: Kind,
    /// How often.
    pub count: u64,
}

impl Shares {
    /// Takes one row for a request of `from`; false when there is none left: then it is counted.
    pub fn take(&mut self, kind: Kind, from: &str, now: Instant) -> bool {
        let known = self.0.contains_key(&(kind, from.to_owned()));
        let name = if known || self.0.len() < MAX_ASKERS { from } else { OTHERS };
        let new = Hour { ends: now + PERIOD, rows: 0, counted: 0 };
        let hour = self.0.entry((kind, name.to_owned())).or_insert(new);
        let is_row = hour.rows < kind.share();
        if is_row {
            hour.rows += 1
        } else {
            hour.counted += 1
        }
        is_row
    }

    /// Forgets those whose hour is over at `now`, or all; returns what was counted in them.
    pub fn over(&mut self, now: Option<Instant>) -> Vec<Counted> {
        let mut counted = Vec::new();
        self.0.retain(|(kind, from), hour| {
            let stays = now.is_some_and(|now| now < hour.ends);
            if !stays && hour.counted > 0 {
                counted.push(Counted { from: from.clone(), kind: *kind, count: hour.counted });
            }
            stays
        });
        counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_asker_has_a_share_an_hour_and_the_rest_is_counted() {
        let (mut shares, start) = (Shares::default(), Instant::now());
        let rows = |shares: &mut Shares, kind, from, now| (0..1000).filter(|_| shares.take(kind, from, now)).count();
        assert_eq!(rows(&mut shares, Kind::Never, "mallory", start), 1);
        assert_eq!(rows(&mut shares, Kind::Refused, "mallory", start), 60);
        assert_eq!(rows(&mut shares, Kind::Run, "mallory", start), 600);
        assert_eq!(rows(&mut shares, Kind::Refused, "alice", start + PERIOD / 2), 60);
        assert_eq!(shares.over(Some(start + PERIOD / 2)), []);
        let counted = |from: &str, kind, count| Counted { from: from.to_owned(), kind, count };
        let over = shares.over(Some(start + PERIOD));
        let all = [(Kind::Run, 400), (Kind::Refused, 940), (Kind::Never, 999)];
        assert_eq!(over, all.map(|(kind, count)| counted("mallory", kind, count)));
        assert_eq!(rows(&mut shares, Kind::Never, "mallory", start + PERIOD), 1, "a new hour");
        assert_eq!(shares.over(None), [counted("alice", Kind::Refused, 940), counted("mallory", Kind::Never, 999)]);
    }

    #[test]
    fn memory_is_bounded() {
        let (mut shares, now) = (Shares::default(), Instant::now());
        let taken = (0..MAX_ASKERS + 10).filter(|n| shares.take(Kind::Never, &n.to_string(), now)).count();
        assert_eq!((taken, shares.0.len()), (MAX_ASKERS + 1, MAX_ASKERS + 1));
        assert_eq!(
            shares.over(None).iter().map(|counted| (&*counted.from, counted.count)).collect::<Vec<_>>(),
            [(OTHERS, 9)]
        );
    }
}
