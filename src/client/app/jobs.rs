//! Commands under way: those that we have others run, and those that others have us run.

use super::asks::Origin;
use super::state::App;
use super::under_way::Job;
use crate::client::event::{CallError, CallId, Decision, Effect, Order, Place, Shown, Work};
use crate::peer_protocol::Status;
use crate::value::{Address, Username};
use std::time::Duration;

/// The most commands at a time, those here and those elsewhere.
const MAX: usize = 8;
/// How long we wait for the end: 30 s for the other side's question, 10 s for the command, and the way.
const ANSWER_ARRIVES: Duration = Duration::from_secs(50);

impl App {
    /// Has somebody run a command.
    pub fn run(&mut self, on: Address, command: String, origin: &Origin) {
        if self.jobs.len() >= MAX {
            return self.refuse(origin, "Too many commands are under way: wait, or press Ctrl-C");
        }
        let call = self.draw_call();
        let job = Job {
            with: on.to_string(),
            name: None,
            here: false,
            command: command.clone(),
            origin: origin.clone(),
            stopped: false,
        };
        if self.rules.face.is_person() {
            self.show(origin, Shown::RunAsking { on: job.with.clone(), command: command.clone() });
        }
        self.jobs.insert(call, job);
        self.out.push(Effect::Call { call, work: Work::Run { on, command, answer: ANSWER_ARRIVES } });
    }

    /// Decides about a command that somebody wants to run here: it is recorded in any case.
    pub fn decide(&mut self, call: CallId, from: Username, command: String, decision: Decision) {
        let busy = decision.is_yes() && self.jobs.len() >= MAX;
        let decision = if busy { Decision::Busy } else { decision };
        // Who was asked while nobody was logged in cannot be: the ticket came with the session.
        let Some(me) = self.name().cloned() else { return self.out.push(Effect::HangUp(call)) };
        if decision.is_yes() {
            let origin = Origin { home: Place::Person(from.clone()), request: None };
            let with = from.to_string();
            self.jobs.insert(call, Job { with, name: Some(from), here: true, command, origin, stopped: false });
        }
        self.out.push(Effect::Order { call, order: Order::Decide { decision, me } });
    }

    /// The peer that runs our command is known.
    pub fn job_asked(&mut self, call: CallId, name: Username) {
        if let Some(job) = self.jobs.get_mut(&call) {
            job.with = name.to_string();
            job.name = Some(name);
        }
    }

    /// A command begins to run here.
    pub fn job_begun(&mut self, call: CallId) {
        let job = self.jobs.get(&call).and_then(|job| Some((job.name.clone()?, job.command.clone())));
        if let Some((from, command)) = job {
            self.shown(Place::Person(from.clone()), Shown::RunBegun { from, command });
        }
    }

    /// A line that our command wrote.
    pub fn job_output(&mut self, call: CallId, text: String, error: bool) {
        let job = self.jobs.get(&call).and_then(|job| Some((job.origin.clone(), job.name.clone()?)));
        if let Some((origin, by)) = job {
            self.show(&origin, Shown::RunLine { by, text, error });
        }
    }

    /// Our command has ended, or was not run.
    pub fn job_ended(&mut self, call: CallId, end: Result<Status, CallError>) {
        let Some(job) = self.jobs.remove(&call) else { return };
        let (command, origin) = (job.command, job.origin);
        match (end, job.name) {
            (_, _) if job.stopped => {}
            (Ok(status), Some(with)) => {
                let (end, limit) = (status.describe(), status.is_limit());
                self.show(&origin, Shown::RunEnded { with, here: false, command, end, limit });
                self.here();
            }
            (Ok(_), None) => {}
            (Err(CallError::Perhaps(why)), _) => {
                let text = format!("{} perhaps ran {command}: {why}", job.with);
                self.show(&origin, Shown::Perhaps { text });
            }
            (Err(why), _) => self.refuse(&origin, format!("{} does not run {command}: {why}", job.with)),
        }
    }

    /// A command that ran here has ended, or was not run.
    pub fn served(&mut self, call: CallId, end: Result<Option<Status>, String>) {
        let Some(Job { name: Some(with), command, stopped, .. }) = self.jobs.remove(&call) else { return };
        let end = match end {
            Ok(Some(status)) => status.describe(),
            Ok(None) if stopped => "stopped".to_owned(),
            Ok(None) => "hung up".to_owned(),
            Err(why) => format!("not run: {why}"),
        };
        let home = Place::Person(with.clone());
        self.shown(home, Shown::RunEnded { with, here: true, command, end, limit: false });
    }

    /// Stops what runs for or by somebody; false when there is nothing.
    pub fn stop_jobs(&mut self, with: &Username) -> bool {
        let mut any = false;
        for (call, job) in &mut self.jobs {
            if job.name.as_ref() == Some(with) {
                job.stopped = true;
                self.out.push(Effect::HangUp(*call));
                any = true;
            }
        }
        any
    }
}
