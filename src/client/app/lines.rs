//! What is typed in the line mode: one line at a time, each when what the line before it began is far enough.

use super::asks::{Ask, Origin};
use super::link::RETURN;
use super::questions::Verdict;
use super::script::{Hold, On, Texts, Wanted};
use super::state::App;
use crate::client::command::{self, Command, Place as Reading, Read, Which};
use crate::client::event::{Effect, Place, Shown};
use crate::value::BadLine;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a script's `accept` waits for somebody to ask; and how much longer than the answer may take for it, as
/// connecting takes time too.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a person without a screen waits for the next prompt at most.
const MOMENT: Duration = Duration::from_secs(2);
/// More than any transfer takes; each has limits of its own.
const LONG: Duration = Duration::from_secs(7 * 24 * 3600);

impl App {
    /// A line that was asked for has come.
    pub fn typed(&mut self, line: Result<String, BadLine>) {
        let wanted = self.script.wanted.take();
        match (wanted, line) {
            (Some(Wanted::Answer), Ok(line)) => self.answer_prompt(&line),
            (_, line) => {
                let origin = self.script_origin();
                match line {
                    Ok(line) => self.script_line(&line, &origin),
                    Err(bad) => self.refuse(&origin, bad.to_string()),
                }
            }
        }
    }

    /// The input is at its end, or the person gave a question at the terminal up.
    pub fn input_ended(&mut self) {
        match self.script.wanted.take() {
            Some(Wanted::Answer) => self.give_up_prompt(),
            _ => {
                self.script.has_ended = true;
                self.hold(LONG, On::Leave);
            }
        }
    }

    /// A number for a line that was typed.
    pub fn draw_request(&mut self) -> u64 {
        self.script.lines += 1;
        self.script.lines
    }

    fn script_origin(&mut self) -> Origin {
        let home = self.script.front.clone().map_or(Place::Server, Place::Person);
        Origin { home, request: Some(self.draw_request()) }
    }

    fn script_line(&mut self, line: &str, origin: &Origin) {
        match self.script.texts.clone() {
            Some(Texts::Next) => {
                self.script.texts = None;
                self.broadcast(line, origin);
            }
            Some(Texts::ToAll) if line.trim().is_empty() => {}
            Some(Texts::ToAll) => self.broadcast(line, origin),
            Some(Texts::To(to)) => self.message(to, line.to_owned(), origin),
            None => {
                let reading = if self.script.front.is_some() { Reading::Person } else { Reading::Server };
                match command::read(line, reading) {
                    Read::Nothing => {}
                    Read::Bad(why) => self.refuse(origin, why),
                    Read::Command(command) => self.carry_out(command, origin),
                    Read::Say(text) => self.script_says(text, origin),
                }
            }
        }
        if self.script.hold.is_some() {
            return;
        }
        match self.rules.face.is_person() {
            true => self.hold(MOMENT, On::Answer(self.script.lines)),
            false => self.hold(self.rules.answer_limit + PATIENCE, On::Request(self.script.lines)),
        }
    }

    fn script_says(&mut self, text: String, origin: &Origin) {
        let Some(to) = self.script.front.clone() else { return };
        let place = self.place_with(&to);
        self.say_to(&place, text, origin);
        let full = self.talk_with(&to).filter(|call| !self.has_room(*call));
        if let Some(call) = full {
            self.hold(LONG, On::Room(call));
        }
    }

    /// What only means something to who types line by line.
    pub fn carry_out_here(&mut self, command: Command, origin: &Origin) {
        if self.display.is_some() {
            return self.carry_out_on_screen(command, origin);
        }
        match command {
            Command::BroadcastNextLine => self.script.texts = Some(Texts::Next),
            Command::BroadcastRest => self.script.texts = Some(Texts::ToAll),
            Command::MessageRest { to } => self.script.texts = Some(Texts::To(to)),
            Command::Wait(span) => self.wait(span, origin),
            Command::Quit => self.leave_line_mode(origin),
            Command::Exit => match self.script.front.take() {
                Some(name) => {
                    if let Some(call) = self.talk_with(&name) {
                        self.end_talk(call);
                    }
                }
                None => self.leave_line_mode(origin),
            },
            Command::Window(1) => self.bring(None),
            Command::Close(with) => match with.or_else(|| self.script.front.clone()) {
                Some(with) => self.close(&with, origin),
                None => self.refuse(origin, format!("Type: {}close NAME", self.slash())),
            },
            _ => self.refuse(origin, "There are no windows without a screen"),
        }
    }

    fn leave_line_mode(&mut self, origin: &Origin) {
        if self.rules.face.is_person() && !self.is_idle() {
            let text = "Leaving when all is done that you began; Ctrl-C leaves at once.".to_owned();
            self.show(origin, Shown::Info { text });
        }
        self.hold(LONG, On::Leave);
    }

    fn wait(&mut self, span: Option<Duration>, origin: &Origin) {
        if self.rules.face.is_person() {
            let text = "What arrives is shown at once: wait is for scripts.".to_owned();
            return self.show(origin, Shown::Info { text });
        }
        match span {
            Some(span) if self.script.front.is_some() => self.hold(span, On::Chat),
            Some(span) => self.hold(span, On::Time),
            None => self.hold(LONG, On::All),
        }
    }

    /// Answers a question; a script waits for one that fits.
    pub fn answer_when_asked(&mut self, verdict: Verdict, which: Which, folder: Option<PathBuf>, origin: &Origin) {
        if self.rules.face.is_person() || self.questions.waits_for(verdict, &which) {
            return self.answer(verdict, &which, folder, origin);
        }
        self.hold(PATIENCE, On::Question { verdict, which, folder, origin: origin.clone() });
    }

    /// When the line was begun that is being carried out; a script's was written before anything happened.
    pub fn line_begun(&self) -> Option<Instant> {
        self.display.as_ref().and_then(|display| display.begun)
    }

    fn hold(&mut self, limit: Duration, on: On) {
        self.script.hold = Some(Hold { until: self.now.instant + limit, on });
    }

    /// Asks for the next line, when its time has come.
    pub fn next_line(&mut self) {
        if self.rules.face.is_screen() {
            return;
        }
        while let Some(hold) = self.script.hold.take() {
            if !self.is_held(&hold) {
                self.release(hold);
            } else {
                self.script.hold = Some(hold);
                break;
            }
        }
        if self.script.wanted.is_some() || self.script.has_ended || self.session.is_over() {
            return self.change_prompt();
        }
        if let Some((prompt, hidden)) = self.question_of_login() {
            return self.want(Wanted::Answer, prompt, hidden);
        }
        if self.script.hold.is_some() || self.rules.doctor {
            return;
        }
        self.script.went_on &= self.is_coming();
        if let Some(limit) = self.patience_with_session() {
            return self.hold(limit, On::Session);
        }
        let prompt = self.prompt();
        self.want(Wanted::Line, prompt, false);
    }

    /// A chat that has opened since takes the line that a person is typing: the prompt says so.
    fn change_prompt(&mut self) {
        let prompt = self.prompt();
        if self.script.wanted == Some(Wanted::Line) && self.rules.face.is_person() && self.script.prompt != prompt {
            self.script.prompt.clone_from(&prompt);
            self.out.push(Effect::Prompt(prompt));
        }
    }

    fn want(&mut self, wanted: Wanted, prompt: String, hidden: bool) {
        self.script.wanted = Some(wanted);
        self.script.prompt.clone_from(&prompt);
        self.out.push(Effect::NextLine { prompt, hidden });
    }

    fn prompt(&self) -> String {
        match (&self.script.front, &self.script.texts) {
            (_, Some(_)) => "text> ".to_owned(),
            (Some(name), _) => format!("to {name}> "),
            (None, _) => "> ".to_owned(),
        }
    }

    fn is_held(&self, hold: &Hold) -> bool {
        let is_on = match &hold.on {
            On::Request(request) => self.is_asked_for(*request),
            On::Answer(request) => self.asks.any(|ask| ask.origin.request == Some(*request)),
            On::Question { verdict, which, .. } => !self.questions.waits_for(*verdict, which),
            On::Time => true,
            On::Chat => self.script.front.as_ref().is_some_and(|name| self.talk_with(name).is_some()),
            On::All | On::Leave => !self.is_idle(),
            On::Room(call) => !self.has_room(*call),
            On::Session => self.is_coming(),
        };
        is_on && self.now.instant < hold.until
    }

    fn release(&mut self, hold: Hold) {
        match hold.on {
            On::Question { verdict, which, folder, origin } => self.answer(verdict, &which, folder, &origin),
            On::Leave => self.leave(),
            On::Request(request) => self.asks.withdraw(|ask: &Ask| ask.origin.request == Some(request)),
            On::Session => self.script.went_on = self.is_coming(),
            On::Answer(_) | On::Time | On::Chat | On::All | On::Room(_) => {}
        }
    }

    /// How long the next line waits for the session. Chats go on without it, and a person is told at once.
    fn patience_with_session(&self) -> Option<Duration> {
        let coming = self.is_coming();
        if !self.life.was_online {
            // The first login has limits of its own.
            return coming.then_some(LONG);
        }
        let waits = !self.script.went_on && self.script.front.is_none() && !self.rules.face.is_person();
        (coming && waits).then_some(RETURN)
    }

    /// Whether the session comes without anybody's help.
    fn is_coming(&self) -> bool {
        self.session.is_on_its_way() && !self.login.is_asking()
    }

    /// Whether what a line asked for is not done yet. Files and gifts go on in the background.
    fn is_asked_for(&self, request: u64) -> bool {
        let is_it = |origin: &Origin| origin.request == Some(request);
        self.asks.any(|ask| is_it(&ask.origin))
            || self.deliveries.values().any(|delivery| is_it(&delivery.origin))
            || self.jobs.values().any(|job| !job.here && is_it(&job.origin))
            || self.talks.values().any(|talk| talk.with.is_none() && is_it(&talk.origin))
            || self.transfers.asks_for_list(request)
    }
}
