//! The thread `tail`: what happens in the house comes into this server's memory, in the order of the house.
//!
//! It alone changes whom the client map shows and what the history holds. So a session that waits for the tail sees its own
//! change, and everybody on every server sees the same order.

use super::life::Life;
use super::porter::Inbox;
use super::records::on_another;
use super::state::Shared;
use crate::protocol::{Ban, Broadcast, Notice};
use crate::server::clients::{ClientSnapshot, Letter};
use crate::server::directory::Directory;
use crate::server::shared::{
    self, Entry, HouseNews, Line, Link, Member, NEWS, NotDone, Record, StreamId, Taken, may_have_missed, read_ban,
};
use crate::server::store::{Banned, ban_holds};
use log::{debug, info, warn};
use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime};

/// Between two tries of a connection.
const PAUSE: Duration = Duration::from_millis(200);

impl Shared {
    /// Reads what happens until the life ends.
    pub(super) fn follow(&self, life: &Life, inbox: &Inbox) {
        let (mut link, mut run) = (None, String::new());
        while !life.has_ended() {
            if let Err(why) = self.read_on(life, inbox, &mut link, &mut run) {
                debug!("The tail: {why}");
                link = None;
                life.pause(PAUSE);
            }
        }
    }

    /// `run` is the one of Redis that was looked at last: what another one has lost is in no news.
    fn read_on(&self, life: &Life, inbox: &Inbox, link: &mut Option<Link>, run: &mut String) -> Result<(), NotDone> {
        let mut tail = life.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let link = match link {
            Some(link) => link,
            none => {
                let link = none.insert(Link::open(&self.about.url)?);
                // What another run has, or had, is found out from where this server stands.
                tail.lines_from(life.mirror.last().id);
                let is_known = run.is_empty() || run == link.run();
                if !is_known || may_have_missed(link, NEWS, tail.news())? {
                    let last = self.look_around(life, link)?;
                    for (_, fields) in tail.pass_over(link, last)? {
                        if let Ok(HouseNews::Said(notice)) = HouseNews::parse(&fields) {
                            self.clients.tell_everybody_here(notice, Instant::now());
                        }
                    }
                }
                link.run().clone_into(run);
                link
            }
        };
        let read = tail.read(link)?;
        let is_open = self.take_lines(life, link.run(), &read.lines);
        if !is_open {
            // They are read again when the meeting is over.
            tail.lines_from(life.mirror.last().id);
        }
        let news = tail.news();
        drop(tail);
        // First, as the news may tell that the server which answers is gone.
        for entry in &read.inbox {
            self.take_post(life, inbox, entry);
        }
        read.news.iter().for_each(|entry| self.take_news(life, entry));
        life.has_read(news);
        if !is_open {
            life.pause(PAUSE);
        }
        Ok(())
    }

    /// Takes lines into the mirror and the history; false where the mirror takes none at present.
    pub(super) fn take_lines(&self, life: &Life, run: &str, lines: &[Line]) -> bool {
        let now = Instant::now();
        let redis_ms = self.lease.redis_ms(now);
        let (mut is_open, mut has_new) = (true, false);
        for line in lines {
            match life.mirror.take(run, line, redis_ms) {
                Taken::New => {}
                Taken::Known => continue,
                Taken::Closed => {
                    is_open = false;
                    break;
                }
                Taken::Diverged => {
                    warn!("The directory has another line {} than this server", line.id);
                    life.end();
                    break;
                }
            }
            let age = Duration::from_millis(redis_ms.saturating_sub(line.id.ms));
            if line.id.seq > self.history.head() {
                self.history.take([broadcast(line)], now.checked_sub(age).unwrap_or(now));
            }
            life.sequencer.mirrored(line);
            has_new = true;
        }
        if has_new {
            self.broadcaster.announce();
        }
        is_open
    }

    fn take_news(&self, life: &Life, (id, fields): &Entry) {
        match HouseNews::parse(fields) {
            Ok(HouseNews::In(record)) => self.comes_in(life, *record),
            Ok(HouseNews::Out { name, session, at }) if at == life.who => life.has_gone(&name, session),
            Ok(HouseNews::Out { name, session, at }) => {
                self.clients.leave_another(&name, &at.server, at.generation, session);
            }
            Ok(HouseNews::Up(at)) => info!("{} is in the house", at.server),
            Ok(HouseNews::Down(at)) => {
                info!("{} is out of the house", at.server);
                self.clients
                    .keep_on_others(|_, there| (&there.server, there.generation) != (&at.server, at.generation));
                life.waiting.buried(&at);
            }
            Ok(HouseNews::Ban { who, row }) => {
                if let Some((who, ban)) = read_ban(&who, &row) {
                    self.banned().insert(who.clone(), ban.clone());
                    self.end_by(life, &who, ban);
                }
            }
            Ok(HouseNews::Unban { who }) => self.banned().retain(|banned, _| shared::ban_field(banned) != who),
            Ok(HouseNews::Said(notice)) => drop(self.clients.tell_everybody_here(notice, Instant::now())),
            Err(_) => warn!("The entry {id} of the news is not understood"),
        }
    }

    fn comes_in(&self, life: &Life, record: Record) {
        let (name, session) = (record.name.clone(), record.session);
        if record.at == life.who {
            let here = self.clients.find_any(&name).filter(|older| older.presence().is_some());
            if self.clients.session(&name, session).is_some() {
                self.clients.confirm(&name, session);
            } else if let Some(older) = here {
                // One that has taken the name over, and ended before its server knew that. It is over, told or not.
                let from = record.source.ip();
                let notice = Notice::TakenOver { name: name.clone(), from, in_the_clear: false };
                let _ = self.clients.hand(Letter::End(notice), &older);
            }
            life.has_come(&name, Some(session));
        } else {
            let host = self.host_of(&record.at);
            self.clients.enter_on_another(on_another(record, &self.about.machine, host), Instant::now());
            life.has_come(&name, None);
        }
    }

    /// Looks at all who are there, when this server begins, or has missed some news. From this entry on the news go on.
    pub(super) fn look_around(&self, life: &Life, link: &mut Link) -> Result<StreamId, NotDone> {
        let there = shared::snapshot(link, &life.who)?;
        let sessions: HashSet<(Member, u64)> =
            there.records.iter().map(|record| (record.at.clone(), record.session)).collect();
        self.clients.keep_on_others(|_, at| {
            sessions.contains(&(Member { server: at.server.clone(), generation: at.generation }, at.session))
        });
        for (name, session) in life.own() {
            if !sessions.contains(&(life.who.clone(), session)) {
                life.has_gone(&name, session);
            }
        }
        there.records.into_iter().for_each(|record| self.comes_in(life, record));
        // Before the bans: who comes in later was under none.
        let here = self.clients.all();
        let bans = shared::bans(link, &life.who, SystemTime::now())?;
        *self.banned() = bans.into_iter().collect();
        self.end_banned(life, &here, |client| self.ban_of(Some(&client.name), client.source.ip()));
        Ok(there.news)
    }

    /// Ends the sessions that a ban of the news meets. It may be old news: that ban is lifted, and they have come since.
    fn end_by(&self, life: &Life, who: &Banned, ban: Ban) {
        let (now, until) = (SystemTime::now(), Instant::now() + shared::LIMIT);
        let mut met = self.clients.all();
        met.retain(|client| client.presence().is_some() && who.meets(&client.name, client.source.ip()));
        if met.is_empty() || !ban_holds(&ban, now) {
            return;
        }
        let bans = self.pool.work(until, until, |link| shared::bans(link, &life.who, now));
        // Where the directory does not say it, the news count.
        let ban = bans.map_or(Some(ban), |bans| bans.into_iter().find(|(banned, _)| banned == who).map(|(_, ban)| ban));
        self.end_banned(life, &met, |_| ban.clone());
    }

    /// Whoever bans asks this server for the end of a session, too; but it may be that one of the two does not come that far.
    fn end_banned(&self, life: &Life, clients: &[ClientSnapshot], ban_of: impl Fn(&ClientSnapshot) -> Option<Ban>) {
        for client in clients.iter().filter(|client| client.presence().is_some()) {
            if let Some(ban) = ban_of(client) {
                if client.guest.is_none() {
                    life.sends_away(client.id());
                }
                // It is over, told or not.
                let _ = self.clients.hand(Letter::End(Notice::Banned(ban)), client);
                self.wake.wake();
            }
        }
    }
}

fn broadcast(line: &Line) -> Broadcast {
    Broadcast {
        seq: line.id.seq,
        unix_time: line.id.ms / 1000,
        from: line.from.clone(),
        text: line.text.as_str().to_owned(),
    }
}
