//! What is seen on the screen of all that the App knows.

use super::display::Seen;
use super::session::Session;
use super::state::App;
use super::transfer::Transfer;
use super::under_way::Talk;
use crate::client::event::{Assurance, Line, Place, Shown, Stage};
use crate::client::shown::{self, QUESTION_ROWS};
use crate::client::windows::{self, Scene, With, draw};
use crate::value::sentence::counted;
use crate::value::text::escape;
use crate::value::{Size, Username};
use std::time::{Duration, UNIX_EPOCH};

/// The columns of the help where there is no screen.
const HELP: usize = 80;

/// The lines of each open talk that are left in the terminal.
const LAST_LINES: usize = 10;

impl App {
    /// Adds a line to its window. Progress has a row of its own.
    pub fn add_line(&mut self, line: &Line) {
        let is_progress = matches!(&line.shown, Shown::Transfer { step, .. } if step.stage.is_progress());
        let me = self.name().map(ToString::to_string).unwrap_or_default();
        let Some(display) = &mut self.display else { return };
        display.is_stale = true;
        if is_progress && line.request.is_none() {
            return;
        }
        let fits = |text: &str| display.windows.rows(text) <= QUESTION_ROWS;
        let look = shown::look(&line.shown, &me, display.windows.zone(), fits);
        let time = match &line.shown {
            // One from before the login was said then.
            Shown::Broadcast { broadcast, earlier: true } => {
                UNIX_EPOCH.checked_add(Duration::from_secs(broadcast.unix_time)).unwrap_or(line.time)
            }
            _ => line.time,
        };
        display.windows.add(&line.home, time, look);
    }

    /// The columns of a text that is shown as a table.
    pub fn columns(&self) -> usize {
        self.display.as_ref().map_or(HELP, |display| display.windows.text_columns())
    }

    /// Lines that were typed in former runs, for Up.
    pub fn remember(&mut self, lines: &[String]) {
        if let Some(display) = &mut self.display {
            lines.iter().for_each(|line| display.windows.remember(line));
        }
    }

    /// The names that are active, for Tab and the column at the right.
    pub fn know_names(&mut self, names: Vec<String>) {
        if let Some(display) = &mut self.display {
            display.windows.set_names(names);
        }
    }

    /// The files that somebody shares, for Tab.
    pub fn know_files(&mut self, owner: &Username, files: Vec<String>) {
        if let Some(display) = &mut self.display {
            display.windows.set_files(owner, files);
        }
    }

    /// What is to be painted, if it differs from the last; asked when the painter is free.
    pub fn picture(&mut self) -> Option<Seen> {
        if !self.display.as_ref()?.is_stale {
            return None;
        }
        self.know_who_is_there();
        let scene = self.scene();
        let display = self.display.as_mut()?;
        let layout = draw(&display.windows, &scene, display.size);
        display.is_stale = false;
        let title = Some(layout.title.clone()).filter(|title| *title != display.title);
        if let Some(title) = &title {
            display.title.clone_from(title);
        }
        let picture = layout.picture.clone();
        display.painting = Some(layout);
        Some(Seen { picture, title })
    }

    /// The painter has drawn the last picture: what it showed was read.
    pub fn painted(&mut self) {
        let Some(display) = &mut self.display else { return };
        let Some(layout) = display.painting.take() else { return };
        display.is_stale |= display.windows.drawn(&layout);
    }

    fn scene(&self) -> Scene {
        let front = self.front_place();
        let with = front.name().map(|name| self.with(&front, name));
        let is_here = |transfer: &&Transfer| match (&front, &transfer.origin.home) {
            (Place::Person(name), _) => transfer.step.with == *name,
            (Place::Server, Place::Server) => true,
            _ => false,
        };
        Scene {
            me: self.name().map(ToString::to_string).unwrap_or_default(),
            online: self.standing().to_owned(),
            address: self
                .life
                .listening
                .map(|(at, _)| at.to_string())
                .filter(|_| self.me().is_some())
                .unwrap_or_default(),
            with,
            more: self.in_short(),
            transfers: self.transfers.list.iter().filter(is_here).filter_map(row).collect(),
        }
    }

    /// How one talks in a person's window.
    fn with(&self, place: &Place, name: &Username) -> With {
        let (talk, is_verified) = (self.talk_in(place), matches!(place, Place::Person(_)));
        let assurance = match talk {
            Some(call) => self.assurance(call, is_verified),
            None if !is_verified => Assurance::Unverified,
            None if self.keys.is_verified(name) => Assurance::ByVoice,
            None => Assurance::Verified,
        };
        With { assurance, is_chat: talk.is_some() }
    }

    /// The session, in a word or two.
    fn standing(&self) -> &'static str {
        if self.is_password_due() {
            let talks = self.talk_in(&self.front_place()).is_some();
            return if talks { "password wanted: /w 1" } else { "password wanted: clear the line" };
        }
        match &self.session {
            Session::Online { ready: true, .. } => "online",
            Session::Online { .. } | Session::Connecting { .. } => "coming",
            Session::LoggingIn { .. } if self.login.is_asking() => "login",
            Session::LoggingIn { .. } => "logging in",
            Session::Offline { until: Some(_) } => "coming back",
            Session::Offline { until: None } if self.life.was_online => "offline: /reconnect",
            Session::Offline { until: None } => "offline",
            Session::Leaving { .. } | Session::Over => "leaving",
        }
    }

    /// What is under way, for the status row.
    fn in_short(&self) -> Vec<String> {
        let moving: Vec<u64> = self.transfers.list.iter().filter_map(|found| found.pace(self.now.instant).0).collect();
        let mut more = Vec::new();
        if self.display.as_ref().is_some_and(|display| display.leaves_when_done) {
            more.push("leaving when done: quit! leaves now".to_owned());
        }
        if self.peace.dnd {
            more.push("dnd".to_owned());
        }
        if !self.transfers.list.is_empty() {
            let rate = if moving.is_empty() { String::new() } else { format!(", {}/s", Size(moving.iter().sum())) };
            more.push(format!("{}{rate}", counted(self.transfers.list.len(), "transfer")));
        }
        more
    }

    /// The last lines of each open talk, to stand in the terminal when the screen is gone.
    pub fn last_lines(&self) -> Vec<String> {
        let Some(display) = &self.display else { return Vec::new() };
        let talks = self.talks.values().filter_map(Talk::place);
        let last = |place: Place| {
            let lines = display.windows.last_lines(&place, LAST_LINES);
            std::iter::once(format!("-- {} --", place.title())).chain(lines)
        };
        talks.flat_map(last).collect()
    }
}

fn row(transfer: &Transfer) -> Option<windows::Transfer> {
    let (done, size) = match transfer.step.stage {
        Stage::Progress { done, size, .. } | Stage::Stalled { done, size } => (done, size),
        Stage::Begun { size, offset } => (offset, size),
        _ => return None,
    };
    let (rate, left) = transfer.pace(transfer.samples.back()?.0);
    let (way, name) = (transfer.step.way, escape(&transfer.step.what));
    let is_stalled = matches!(transfer.step.stage, Stage::Stalled { .. });
    Some(windows::Transfer { way, name, done, size, rate, left, is_stalled })
}
