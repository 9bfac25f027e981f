//! What a key does on the screen, beyond what the windows do themselves.

use super::asks::Origin;
use super::display::{Display, Sure};
use super::state::App;
use crate::client::command::{self, Command, Place as Reading, Read};
use crate::client::event::{CallId, Effect, Home, Key, Size};
use crate::client::windows::{Act, Place};
use crate::value::Username;
use std::time::{Duration, Instant};

/// The window of everybody.
const ALL: u32 = 2;
/// How long a second press means the same.
const SURE: Duration = Duration::from_secs(2);

impl App {
    /// A key was pressed.
    pub fn key(&mut self, key: Key) {
        let now = self.now.instant;
        let Some(display) = &mut self.display else { return };
        display.is_stale = true;
        for act in display.windows.key(key, now) {
            self.act(act);
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Line { window, text, plain, begun } => self.window_line(window, text, plain, begun),
            Act::Answer(text) => self.answer_prompt(&text),
            Act::Cancel => self.cancel_newest(),
            Act::Leave => self.leave_by_key(),
            Act::End => self.end_by_key(),
            Act::Suspend => self.out.push(Effect::Suspend),
            Act::Redraw => self.out.push(Effect::Redraw),
            Act::AskPaths { ask, begin } => self.out.push(Effect::AskPaths { ask, begin }),
            Act::Remember(line) => self.out.push(Effect::Remember(line)),
        }
    }

    /// The terminal has this size now.
    pub fn resized(&mut self, size: Size) {
        if let Some(display) = &mut self.display {
            display.size = size;
            display.windows.resize(size);
            display.is_stale = true;
        }
    }

    /// Something looks different.
    pub fn draw_again(&mut self) {
        if let Some(display) = &mut self.display {
            display.is_stale = true;
        }
    }

    /// Paths that were asked for.
    pub fn found_paths(&mut self, ask: u64, found: Vec<String>) {
        if let Some(display) = &mut self.display {
            display.windows.paths(ask, found);
            display.is_stale = true;
        }
    }

    /// What the clock asks of the screen.
    pub fn display_tick(&mut self) {
        let now = self.now.instant;
        if let Some(display) = &mut self.display {
            display.is_stale |= display.windows.tick(now);
        }
    }

    fn window_line(&mut self, window: u32, text: String, plain: bool, begun: Option<Instant>) {
        let Some(display) = &mut self.display else { return };
        display.begun = begun;
        let Some(place) = display.windows.place_of(window).cloned() else { return };
        let origin = Origin { home: Home::Window(window), request: None };
        let reading = match place {
            Place::Server => Reading::Server,
            Place::All => Reading::All,
            Place::Person(_) => Reading::Person,
        };
        let read = match place {
            Place::All | Place::Person(_) if plain => Read::Say(text),
            _ => command::read(&text, reading),
        };
        match (read, place) {
            (Read::Say(text), _) if text.is_empty() => {}
            (Read::Say(text), Place::Person(name)) => self.say_to(&name, text, &origin),
            (Read::Say(text), _) => self.broadcast(&text, &origin),
            (Read::Nothing, _) => {}
            (Read::Bad(why), _) => self.refuse(&origin, why),
            (Read::Command(command), _) => self.carry_out(command, &origin),
        }
        if let Some(display) = &mut self.display {
            display.begun = None;
        }
    }

    /// What only means something where there are windows.
    pub fn carry_out_on_screen(&mut self, command: Command, origin: &Origin) {
        let person = self.front_person();
        let Some(display) = &mut self.display else { return };
        match command {
            Command::Window(number) => {
                if !display.windows.go(number) {
                    self.refuse(origin, format!("There is no window {number}"));
                }
            }
            Command::Next => display.windows.next_marked(),
            Command::Clear => display.windows.clear(),
            Command::Search(text) => display.windows.search(&text),
            Command::Names(shows) => display.windows.show_names(shows),
            Command::Exit => match person {
                Some(name) if self.talk_with(&name).is_some() => drop(self.end_talk(&name)),
                _ => self.leave_when_done(),
            },
            Command::Close(with) => self.close_window(with.or(person), origin),
            Command::Quit => self.leave_when_done(),
            Command::BroadcastNextLine => drop(display.windows.go(ALL)),
            Command::Wait(_) => self.refuse(origin, "What arrives is shown at once: wait is for scripts"),
            _ => self.refuse(origin, "Type the text behind it: here it cannot stand in the next line"),
        }
    }

    fn close_window(&mut self, with: Option<Username>, origin: &Origin) {
        let Some(with) = with else { return self.refuse(origin, "Type: close NAME") };
        let (talked, ran) = (self.end_talk(&with), self.stop_jobs(&with));
        let Some(display) = &mut self.display else { return };
        let number = display.windows.window_with(&with);
        let closed = number.is_some_and(|number| display.windows.close(number));
        if !talked && !ran && !closed {
            self.refuse(origin, format!("No open connection with {with}"));
        }
    }

    /// `quit`: leaves as soon as all is done that was begun.
    fn leave_when_done(&mut self) {
        if self.is_idle() {
            return self.leave();
        }
        self.hint("leaving when all is done that you began; quit! leaves at once");
        if let Some(display) = &mut self.display {
            display.leaves_when_done = true;
        }
    }

    fn front_person(&self) -> Option<Username> {
        match self.display.as_ref()?.windows.front().1 {
            Place::Person(name) => Some(name.clone()),
            Place::Server | Place::All => None,
        }
    }

    /// Ctrl-C on an empty line: ends the innermost thing of this window, and never the client.
    fn cancel_newest(&mut self) {
        if self.display.as_ref().is_some_and(|display| display.windows.is_asking()) {
            return self.give_up_prompt();
        }
        let person = self.front_person();
        let is_here = |name: Option<&Username>| person.is_none() || name == person.as_ref();
        let job =
            self.jobs.iter().rev().find(|(_, job)| !job.here && is_here(job.name.as_ref())).map(|(call, _)| *call);
        let transfer =
            self.transfers.list.iter().rev().find(|found| found.is_ours() && is_here(Some(&found.step.with)));
        let transfer = transfer.map(|found| found.number);
        let talk = person.as_ref().and_then(|name| self.talk_with(name));
        if self.cancel_talk() || (job.is_some() && self.cancel_job()) {
            self.hint("Cancelled.");
        } else if let Some(number) = transfer {
            self.cancel_transfer(number);
        } else if let (Some(call), Some(name)) = (talk, person) {
            self.end_if_sure(call, &name);
        } else {
            self.hint("/quit or Ctrl-X leaves");
        }
    }

    fn end_if_sure(&mut self, call: CallId, name: &Username) {
        if self.is_sure(Sure::EndTalk(call)) {
            self.end_talk(name);
        } else {
            self.ask_if_sure(Sure::EndTalk(call), "again to end the chat");
        }
    }

    /// Ctrl-X leaves the server, but not an open chat, and files on their way only at the second press.
    fn leave_by_key(&mut self) {
        let open = self.talks.values().find_map(|talk| talk.with.clone());
        if let Some(name) = open {
            self.hint(&format!("the chat with {name} is open: /close {name} ends it"));
        } else if self.transfers.is_idle() || self.is_sure(Sure::Leave) {
            self.leave();
        } else {
            self.ask_if_sure(Sure::Leave, "files are on their way: again to leave");
        }
    }

    /// Ctrl-D on an empty line.
    fn end_by_key(&mut self) {
        let person = self.front_person();
        if self.login.is_asking() {
            return self.give_up_prompt();
        }
        match person {
            Some(name) => {
                if let Some(call) = self.talk_with(&name) {
                    self.end_if_sure(call, &name);
                }
            }
            None => self.leave_by_key(),
        }
    }

    fn hint(&mut self, text: &str) {
        let until = self.now.instant + SURE;
        if let Some(display) = &mut self.display {
            display.windows.hint(text.to_owned(), until);
        }
    }

    fn is_sure(&mut self, sure: Sure) -> bool {
        let now = self.now.instant;
        let asked = self.display.as_mut().and_then(|display: &mut Display| display.sure.take());
        asked.is_some_and(|(asked, until)| asked == sure && now < until)
    }

    fn ask_if_sure(&mut self, sure: Sure, text: &str) {
        let until = self.now.instant + SURE;
        self.hint(text);
        if let Some(display) = &mut self.display {
            display.sure = Some((sure, until));
        }
    }

    /// Whether a password is wanted that the person cannot be asked for now: they talk with somebody, or type.
    pub fn is_password_due(&self) -> bool {
        self.login.is_asking() && self.display.is_some() && !self.may_ask_on_screen()
    }

    /// A question of the login takes the line at the bottom only where no half line stands there, and not in a chat.
    fn may_ask_on_screen(&self) -> bool {
        let Some(display) = &self.display else { return false };
        let talks = self.front_person().is_some_and(|name| self.talk_with(&name).is_some());
        display.windows.is_asking() || (!talks && !display.windows.is_typing())
    }

    /// What follows on the screen from all that has changed: questions, open talks, the bell.
    pub fn settle_display(&mut self) {
        if self.display.as_ref().is_some_and(|display| display.leaves_when_done) && self.is_idle() {
            self.leave();
        }
        let question = if self.may_ask_on_screen() { self.question_of_login() } else { None };
        let now = self.now.instant;
        let talks: Vec<Username> = self.talks.values().filter_map(|talk| talk.with.clone()).collect();
        let questions: Vec<Place> = self.questions.list().iter().map(|question| question.place()).collect();
        let Some(display) = &mut self.display else { return };
        if display.windows.set_question(question) {
            display.is_stale = true;
        }
        let before = std::mem::replace(&mut display.talks, talks);
        before
            .iter()
            .filter(|name| !display.talks.contains(name))
            .for_each(|name| display.windows.set_talk(name, false));
        display.talks.iter().for_each(|name| display.windows.set_talk(name, true));
        let before = std::mem::replace(&mut display.questions, questions);
        for place in before.iter().filter(|place| !display.questions.contains(place)) {
            display.windows.set_question_open(place, false);
        }
        display.questions.iter().for_each(|place| display.windows.set_question_open(place, true));
        if display.windows.bell(now) {
            self.out.push(Effect::Bell);
            display.is_stale = true;
        }
    }
}
