//! Files and gifts on their way: what waits for its turn, what moves and how fast, and what is cancelled.

use super::asks::Origin;
use super::uploads::Uploads;
use crate::client::event::{CallId, Shown, Stage, Step, Way};
use crate::value::Username;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The rate is that of so long.
const WINDOW: Duration = Duration::from_secs(5);
/// How long bytes must move before the time that is left is told.
const SURE: Duration = Duration::from_secs(2);
/// The steps that the rate is made of: five a second.
const MAX_SAMPLES: usize = 32;

/// A file or gift on its way.
#[derive(Debug)]
pub(super) struct Transfer {
    pub(super) number: u64,
    pub(super) step: Step,
    pub(super) origin: Origin,
    /// The call that moves it; nothing while it waits for its turn.
    pub(super) call: Option<CallId>,
    pub(super) begun: Option<Instant>,
    pub(super) samples: VecDeque<(Instant, u64)>,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Transfers {
    pub(super) drawn: u64,
    pub(super) list: Vec<Transfer>,
    /// Peers that fetch, or may when it is their turn.
    pub(super) uploads: Uploads,
    /// Lists of files that we ask for.
    pub(super) listings: Vec<(CallId, Username, Origin)>,
}

impl Transfer {
    /// Bytes a second, over the last seconds, and how long the rest takes at that rate.
    pub(super) fn pace(&self, now: Instant) -> (Option<u64>, Option<Duration>) {
        let (Some(first), Some(last)) = (self.samples.front(), self.samples.back()) else { return (None, None) };
        let span = now.saturating_duration_since(first.0);
        if span < Duration::from_millis(500) {
            return (None, None);
        }
        let rate = u64::try_from(u128::from(last.1 - first.1) * 1000 / span.as_millis()).unwrap_or(u64::MAX);
        let is_sure = self.begun.is_some_and(|begun| now >= begun + SURE);
        let left = match self.step.stage {
            Stage::Progress { done, size, .. } if is_sure && rate > 0 => {
                Some(Duration::from_secs(size.saturating_sub(done).div_ceil(rate)))
            }
            _ => None,
        };
        (Some(rate), left)
    }

    pub(super) fn take(&mut self, step: Step, now: Instant) {
        match step.stage {
            Stage::Begun { offset, .. } => {
                self.begun = Some(now);
                self.samples = VecDeque::from([(now, offset)]);
            }
            Stage::Progress { done, .. } => {
                // A file that begins anew has fewer bytes than before.
                if self.samples.back().is_some_and(|(_, before)| *before > done) {
                    self.samples.clear();
                }
                self.samples.push_back((now, done));
                while self.samples.len() > MAX_SAMPLES
                    || self.samples.front().is_some_and(|(time, _)| now > *time + WINDOW && self.samples.len() > 2)
                {
                    self.samples.pop_front();
                }
            }
            _ => {}
        }
        self.step = step;
    }

    /// When it is stalled, if nothing comes until then. What has stalled stays so without another word.
    pub(super) fn stalls_at(&self) -> Option<Instant> {
        let moves = matches!(self.step.stage, Stage::Begun { .. } | Stage::Progress { .. });
        self.samples.back().filter(|_| moves).map(|(last, _)| *last + WINDOW)
    }

    pub(super) fn stall(&mut self) {
        if let Stage::Begun { size, offset: done } | Stage::Progress { done, size, .. } = self.step.stage {
            self.step.stage = Stage::Stalled { done, size };
        }
    }

    /// How it stands, for a list.
    pub(super) fn standing(&self, now: Instant) -> Shown {
        let mut shown = self.shown(now);
        if let Shown::Transfer { step, .. } = &mut shown {
            if let Stage::Begun { size, offset } = step.stage {
                step.stage = Stage::Progress { done: offset, size, file: 1, count: 1 };
            }
        }
        shown
    }

    pub(super) fn shown(&self, now: Instant) -> Shown {
        let (rate, left) = self.pace(now);
        Shown::Transfer { number: self.number, step: self.step.clone(), rate, left }
    }

    pub(super) fn is_ours(&self) -> bool {
        self.step.way.is_ours()
    }
}

impl Transfers {
    /// Whether nothing moves or waits that we asked for.
    pub fn is_idle(&self) -> bool {
        !self.list.iter().any(Transfer::is_ours) && self.listings.is_empty()
    }

    /// Whether a list of files that this line asked for is still to come.
    pub fn asks_for_list(&self, request: u64) -> bool {
        self.listings.iter().any(|(_, _, origin)| origin.request == Some(request))
    }

    /// Whether this call fetches a file for us.
    pub fn is_fetch(&self, call: CallId) -> bool {
        self.list.iter().any(|transfer| transfer.call == Some(call) && transfer.step.way == Way::Fetch)
    }

    /// Whether nothing has come for some seconds of a file that we fetch.
    pub fn is_fetch_stalled(&self) -> bool {
        let is_stalled = |step: &Step| step.way == Way::Fetch && matches!(step.stage, Stage::Stalled { .. });
        self.list.iter().any(|transfer| is_stalled(&transfer.step))
    }

    /// Every one, as it stands now.
    pub fn shown(&self, now: Instant) -> Vec<Shown> {
        self.list.iter().map(|transfer| transfer.standing(now)).collect()
    }

    /// When a peer has waited long enough for its turn, or a transfer is stalled.
    pub fn deadline(&self) -> Option<Instant> {
        self.uploads.deadline().into_iter().chain(self.list.iter().filter_map(Transfer::stalls_at)).min()
    }

    /// Gifts of this person that come to us.
    pub fn coming_from(&self, name: &Username) -> usize {
        self.list.iter().filter(|transfer| transfer.step.way == Way::Take && transfer.step.with == *name).count()
    }

    pub(super) fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.drawn
    }

    pub(super) fn count(&self, way: Way, running: bool) -> usize {
        self.list.iter().filter(|transfer| transfer.step.way == way && transfer.call.is_some() == running).count()
    }
}
