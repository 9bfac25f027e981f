//! What begins, ends and cancels transfers, and whose turn it is.

use super::asks::{Origin, Purpose};
use super::state::App;
use super::transfer::Transfer;
use crate::client::command::Cancelled;
use crate::client::event::{CallError, CallId, Effect, Order, Place, Shown, Stage, Step, Way, Work};
use crate::peer_protocol::{PeerRefusal, SharedFile};
use crate::value::sentence::counted;
use crate::value::{FileName, Username};
use std::collections::VecDeque;
use std::path::PathBuf;

/// Fetches at a time.
const MAX_FETCHES: usize = 3;
/// Transfers that are known at a time, those that wait among them.
const MAX: usize = 10_000;
/// Gifts that we offer at a time.
const MAX_GIVES: usize = 8;
/// Lists of files that are asked for at a time.
const MAX_LISTINGS: usize = 8;

impl App {
    /// Fetches a file in the background.
    pub fn get(&mut self, from: Username, file: FileName, origin: &Origin) {
        let what = file.to_string();
        let is_same = |step: &Step| step.way == Way::Fetch && step.with == from && step.what == what;
        if self.transfers.list.iter().any(|transfer| is_same(&transfer.step)) {
            return self.refuse(origin, format!("{file} is being fetched from {from} already"));
        }
        if self.transfers.list.len() >= MAX {
            return self.refuse(origin, format!("{MAX} files are waiting to be fetched"));
        }
        if !self.may_ask(origin) {
            return;
        }
        let before = self.transfers.count(Way::Fetch, true) + self.transfers.count(Way::Fetch, false);
        let step = Step { way: Way::Fetch, with: from, what, stage: Stage::Waiting { before } };
        let number = self.put_transfer(step, origin.clone(), None);
        if before >= MAX_FETCHES {
            self.show_transfer(number);
        }
    }

    /// Offers files and folders to somebody.
    pub fn send(&mut self, to: Username, paths: Vec<PathBuf>, origin: &Origin) {
        if self.transfers.count(Way::Give, true) >= MAX_GIVES {
            return self.refuse(origin, format!("{MAX_GIVES} gifts are on their way: wait for one"));
        }
        if !self.may_ask(origin) {
            return;
        }
        let what = match paths.as_slice() {
            [path] => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
            _ => counted(paths.len(), "file"),
        };
        let call = self.draw_call();
        let step = Step { way: Way::Give, with: to.clone(), what, stage: Stage::Waiting { before: 0 } };
        let number = self.put_transfer(step, origin.clone(), Some(call));
        self.show_transfer(number);
        self.out.push(Effect::Call { call, work: Work::Give { to, paths, answer: self.rules.answer_limit } });
    }

    /// Asks somebody which files they share, with sizes.
    pub fn ask_files(&mut self, of: Username, origin: &Origin) {
        if self.transfers.listings.len() >= MAX_LISTINGS {
            return self.refuse(origin, "Too many lists of files are asked for: wait a moment");
        }
        if !self.may_ask(origin) {
            return;
        }
        let call = self.draw_call();
        self.transfers.listings.push((call, of.clone(), origin.clone()));
        self.out.push(Effect::Call { call, work: Work::Files { of } });
    }

    /// Somebody has told which files they share, or has not.
    pub fn files_listed(&mut self, call: CallId, end: Result<Vec<SharedFile>, CallError>) {
        let listings = &mut self.transfers.listings;
        let Some(at) = listings.iter().position(|(asked, ..)| *asked == call) else { return };
        let (_, of, origin) = listings.remove(at);
        match end {
            Ok(files) => {
                let count = files.len();
                self.know_files(&of, files.iter().map(|file| file.name.to_string()).collect());
                for SharedFile { name, size, modified } in files {
                    let known = Some((size, modified));
                    self.show(&origin, Shown::File { owner: of.clone(), file: name.to_string(), known });
                }
                self.show(&origin, Shown::Done { text: counted(count, "file") });
            }
            // The server knows the names too.
            Err(
                CallError::Unreachable { .. }
                | CallError::NotProven { .. }
                | CallError::DoesNotListen(_)
                | CallError::Refused(_),
            ) => {
                self.ask_names_of_files(Some(of), &origin);
            }
            Err(CallError::Cancelled) => {}
            Err(why) => self.refuse(&origin, why.to_string()),
        }
    }

    fn put_transfer(&mut self, step: Step, origin: Origin, call: Option<CallId>) -> u64 {
        let number = self.transfers.draw();
        let samples = VecDeque::new();
        self.transfers.list.push(Transfer { number, step, origin, call, begun: None, samples });
        number
    }

    /// Shows how a transfer stands. Progress is no answer to anything.
    fn show_transfer(&mut self, number: u64) {
        let now = self.now.instant;
        let Some(transfer) = self.transfers.list.iter().find(|transfer| transfer.number == number) else { return };
        let (shown, mut origin) = (transfer.shown(now), transfer.origin.clone());
        if transfer.step.stage.is_progress() {
            origin.request = None;
        }
        self.show(&origin, shown);
    }

    /// A call tells how far its file or gift is.
    pub fn transfer_step(&mut self, call: CallId, step: Step) {
        let now = self.now.instant;
        let (is_ours, is_end) = (step.way.is_ours(), step.stage.is_end());
        let moves = matches!(step.stage, Stage::Progress { .. });
        if let (Way::Send, Stage::Begun { offset: done, .. } | Stage::Progress { done, .. }) = (step.way, &step.stage) {
            self.transfers.uploads.sent(call, *done, now);
        }
        let number = match self.transfers.list.iter_mut().find(|transfer| transfer.call == Some(call)) {
            Some(transfer) => {
                transfer.take(step, now);
                transfer.number
            }
            None => {
                let origin = Origin { home: Place::Person(step.with.clone()), request: None };
                let number = self.put_transfer(step.clone(), origin, Some(call));
                if let Some(transfer) = self.transfers.list.last_mut() {
                    transfer.take(step, now);
                }
                number
            }
        };
        self.show_transfer(number);
        if is_end {
            self.transfers.list.retain(|transfer| transfer.number != number);
        }
        match (is_ours, is_end, moves) {
            (true, true, _) => self.here(),
            (true, false, true) => self.still_here(),
            _ => {}
        }
    }

    /// The way is free again: a fetch that stands still does not wait until the system or its own pause tries again.
    pub fn fetches_go_on(&mut self) {
        let stands = |transfer: &&Transfer| transfer.step.way == Way::Fetch && transfer.step.stage.stands_still();
        let calls = self.transfers.list.iter().filter(stands).filter_map(|transfer| transfer.call);
        self.out.extend(calls.map(Effect::Redial));
    }

    /// The session is gone, and so are the introductions of some fetches.
    pub fn fetches_wait(&mut self) {
        let calls: Vec<CallId> = self.transfers.list.iter().filter_map(|transfer| transfer.call).collect();
        for call in calls {
            if self.asks.any(|ask| ask.purpose == Purpose::Introduction(call)) {
                self.fetch_waits(call);
            }
        }
    }

    /// A fetch waits for the session. The person is told once.
    pub fn fetch_waits(&mut self, call: CallId) {
        let is_meant = |transfer: &&mut Transfer| transfer.call == Some(call) && transfer.step.way == Way::Fetch;
        let found = self.transfers.list.iter_mut().find(is_meant);
        let Some(transfer) = found.filter(|transfer| transfer.step.stage != Stage::Away) else { return };
        transfer.step.stage = Stage::Away;
        let number = transfer.number;
        self.show_transfer(number);
    }

    /// What the clock asks of the transfers: one of which nothing has come for some seconds is stalled.
    pub fn transfers_tick(&mut self) {
        let now = self.now.instant;
        let is_due = |transfer: &&mut Transfer| transfer.stalls_at().is_some_and(|at| at <= now);
        let mut stalled = Vec::new();
        for transfer in self.transfers.list.iter_mut().filter(is_due) {
            transfer.stall();
            stalled.push(transfer.number);
        }
        stalled.into_iter().for_each(|number| self.show_transfer(number));
    }

    /// A call about files has ended. One that said no last word was stopped, by whatever.
    pub fn transfer_over(&mut self, call: CallId) {
        self.transfers.uploads.leave(call);
        let found = self.transfers.list.iter_mut().find(|transfer| transfer.call == Some(call));
        let Some(transfer) = found else { return };
        let done = transfer.samples.back().map_or(0, |(_, done)| *done);
        transfer.step.stage = Stage::Failed { why: "stopped".to_owned(), done };
        let number = transfer.number;
        self.show_transfer(number);
        self.transfers.list.retain(|transfer| transfer.number != number);
    }

    /// A peer may fetch a file, when it is its turn.
    pub fn queue_upload(&mut self, call: CallId, by: Username) {
        if let Some(refused) = self.transfers.uploads.put(call, by, self.now.instant) {
            self.refuse_upload(refused);
        }
    }

    fn refuse_upload(&mut self, call: CallId) {
        let why = format!("{} are being sent, try again later", counted(self.rules.upload_slots, "file"));
        self.out.push(Effect::Order { call, order: Order::Refuse(PeerRefusal::Busy(why)) });
    }

    /// Ends the uploads that keep others waiting for next to nothing.
    fn end_slow_uploads(&mut self) {
        for call in self.transfers.uploads.too_slow(self.now.instant) {
            let found = self.transfers.list.iter().find(|transfer| transfer.call == Some(call));
            if let Some(Step { with, what, .. }) = found.map(|transfer| transfer.step.clone()) {
                let text = format!("{with} takes {what} too slowly while others wait: stopped, it can go on later");
                self.info(Place::Person(with), text);
            }
            self.out.push(Effect::HangUp(call));
        }
    }

    /// Begins what has its turn now.
    pub fn begin_transfers(&mut self) {
        while let Some(call) = self.transfers.uploads.next(self.rules.upload_slots) {
            self.out.push(Effect::Order { call, order: Order::Accept });
        }
        while let Some(call) = self.transfers.uploads.late(self.now.instant) {
            self.refuse_upload(call);
        }
        self.end_slow_uploads();
        while self.transfers.count(Way::Fetch, true) < MAX_FETCHES {
            let waits = |transfer: &&Transfer| transfer.step.way == Way::Fetch && transfer.call.is_none();
            let Some(number) = self.transfers.list.iter().find(waits).map(|transfer| transfer.number) else { break };
            self.begin_fetch(number);
        }
    }

    fn begin_fetch(&mut self, number: u64) {
        let call = self.draw_call();
        let Some(transfer) = self.transfers.list.iter_mut().find(|transfer| transfer.number == number) else { return };
        transfer.call = Some(call);
        let (from, what) = (transfer.step.with.clone(), transfer.step.what.clone());
        if let Ok(file) = what.parse() {
            self.out.push(Effect::Call { call, work: Work::Fetch { from, file } });
        }
    }

    /// Whether any gift comes to us, beside those that are asked about.
    pub fn gifts_coming(&self) -> usize {
        self.transfers.count(Way::Take, true)
    }

    /// Shows every file that is on its way, in or out.
    pub fn show_transfers(&mut self, origin: &Origin) {
        let all = self.transfers.shown(self.now.instant);
        if all.is_empty() {
            self.show(origin, Shown::Info { text: "No files on their way".to_owned() });
        }
        for shown in all {
            self.show(origin, shown);
        }
    }

    /// Ends the transfers that are meant.
    pub fn cancel(&mut self, which: &Cancelled, origin: &Origin) {
        let is_meant = |transfer: &Transfer| match which {
            Cancelled::All => transfer.is_ours(),
            Cancelled::Number(number) => transfer.number == *number,
            Cancelled::Named(name) => transfer.step.what == *name,
        };
        let meant: Vec<u64> =
            self.transfers.list.iter().filter(|found| is_meant(found)).map(|found| found.number).collect();
        if meant.is_empty() {
            let text = match which {
                Cancelled::All => "No files on their way".to_owned(),
                Cancelled::Number(number) => format!("There is no transfer {number}"),
                Cancelled::Named(name) => format!("{name} is not on its way"),
            };
            return match which {
                Cancelled::All => self.show(origin, Shown::Info { text }),
                _ => self.refuse(origin, text),
            };
        }
        meant.into_iter().for_each(|number| self.cancel_transfer(number));
    }

    /// Ends one transfer. Its call says the last word; one that has none yet has nothing either.
    pub fn cancel_transfer(&mut self, number: u64) {
        let Some(transfer) = self.transfers.list.iter_mut().find(|transfer| transfer.number == number) else { return };
        match transfer.call {
            Some(call) => self.out.push(Effect::HangUp(call)),
            None => {
                transfer.step.stage = Stage::Cancelled { done: 0 };
                self.show_transfer(number);
                self.transfers.list.retain(|transfer| transfer.number != number);
            }
        }
    }
}
