//! Telling the server the names of the shared files, and telling it again when they change.

use super::announcement;
use super::asks::{Ask, Origin, Purpose};
use super::state::App;
use crate::client::event::{Place, Shares, Shown};
use crate::protocol::{MAX_FILES, Refusal};
use crate::value::sentence::counted;
use std::collections::BTreeSet;
use std::time::Duration;

/// Lines that are sent at once. The server takes 40 in a burst and then 20 a second, and the person needs some.
const BURST: usize = 15;
/// The pause before each further line.
const PACE: Duration = Duration::from_millis(65);

impl App {
    /// The shared folder holds this now. Tells the person what they would not expect, once.
    pub fn shares(&mut self, shares: Shares) {
        let before = self.announcement.shares.take().unwrap_or_default();
        let folder = self.rules.share.clone().unwrap_or_default();
        let folder = folder.display();
        match &shares.unreadable {
            Some(why) if before.unreadable.is_none() => {
                let text = format!("{why}: nothing is shared");
                self.shown(Place::Server, Shown::Refused { text });
            }
            _ => {}
        }
        let mut new = shares.odd.difference(&before.odd);
        if let Some(first) = new.next() {
            let more = match new.count() {
                0 => String::new(),
                count => format!(" and {count} more"),
            };
            let why = "names that are not UTF-8, or hold control characters";
            self.info(Place::Server, format!("Not shared: {first}{more}: {why}"));
        }
        if shares.left_out > 0 && before.left_out == 0 {
            let text = format!(
                "Left out in {folder}: {}, as at most {MAX_FILES} names and 1 MiB of them can be shared",
                shares.left_out
            );
            self.shown(Place::Server, Shown::Refused { text });
        }
        self.announcement.shares = Some(shares);
    }

    /// Sends the next line, when there is one and its time has come.
    pub fn announce_more(&mut self) {
        self.announce_changes();
        let telling = &mut self.announcement;
        if telling.is_asked || telling.not_before.is_some_and(|time| time > self.now.instant) {
            return;
        }
        let Some(line) = telling.lines.front().cloned() else { return };
        // Where too much waits for the server already, it is told later.
        if self.asks.put(Ask::new(Purpose::Announce, line.into(), Origin::nobody())) {
            telling.lines.pop_front();
            telling.is_asked = true;
            telling.sent += 1;
        }
    }

    /// Begins to tell what has changed, if nothing is being told.
    fn announce_changes(&mut self) {
        let super::session::Session::Online { ready: true, me, .. } = &self.session else { return };
        let Some((_, port)) = self.life.listening else { return };
        let telling = &mut self.announcement;
        let Some(shares) = &telling.shares else { return };
        if telling.telling.is_some() || telling.known.as_ref() == Some(&shares.names) {
            return;
        }
        telling.lines = announcement::lines(me.as_str(), port, telling.known.as_ref(), &shares.names).into();
        telling.telling = Some(shares.names.clone());
        (telling.sent, telling.not_before) = (0, None);
    }

    /// The server has taken a line, or not.
    pub fn announced(&mut self, refusal: Option<&Refusal>) {
        let telling = &mut self.announcement;
        telling.is_asked = false;
        telling.not_before = (telling.sent >= BURST).then(|| self.now.instant + PACE);
        if refusal.is_some() {
            telling.lines.clear();
        }
        if !telling.lines.is_empty() {
            return;
        }
        telling.known = telling.telling.take();
        let count = telling.known.as_ref().map_or(0, BTreeSet::len);
        let is_news = !std::mem::replace(&mut telling.is_said, true);
        match (refusal, &self.rules.share) {
            (Some(why), _) => {
                let text = format!("Not shared: {why}");
                self.shown(Place::Server, Shown::Refused { text });
            }
            (None, Some(folder)) if is_news => {
                let text = format!("Sharing {} in {}.", counted(count, "file"), folder.display());
                self.info(Place::Server, text);
            }
            (None, _) => {}
        }
    }
}
