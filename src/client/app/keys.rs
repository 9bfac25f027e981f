//! What a key does on the screen, beyond what the windows do themselves.

use super::asks::Origin;
use super::display::{Display, Sure};
use super::state::App;
use super::under_way::Talk;
use crate::client::command::{self, Command, Place as Reading, Read};
use crate::client::event::{CallId, Effect, Key, Place, Size};
use crate::client::windows::Act;
use crate::value::Username;
use std::time::{Duration, Instant};

/// The window of everybody.
const ALL: u32 = 2;
/// How long a second press means the same.
const SURE: Duration = Duration::from_secs(2);

/// Something of ours that is under way and can be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Begun {
    /// A request for a chat.
    Talk(CallId),
    /// A command that runs elsewhere.
    Job(CallId),
    /// The transfer of this number.
    Transfer(u64),
}

impl App {
    /// A key was pressed.
    pub fn key(&mut self, key: Key) {
        let now = self.now.instant;
        self.know_who_is_there();
        let Some(display) = &mut self.display else { return };
        display.is_stale = true;
        display.windows.forget_hint();
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
            Act::Remember(line) if command::may_hold_password(&line) => {}
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
        let Some(place) = display.windows.place_of(window).cloned() else { return };
        display.begun = begun;
        let origin = Origin { home: place.clone(), request: Some(self.draw_request()) };
        let reading = match place {
            Place::Server => Reading::Server,
            Place::All => Reading::All,
            Place::Person(_) | Place::Stranger(_) => Reading::Person,
        };
        let read = if plain && place != Place::Server { Read::Say(text) } else { command::read(&text, reading) };
        match (read, place.name()) {
            (Read::Say(text), _) if text.is_empty() => {}
            (Read::Say(text), Some(_)) => self.say_to(&place, text, &origin),
            (Read::Say(text), None) => self.broadcast(&text, &origin),
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
        let (talk, person) = (self.front_talk(), self.front_place().name().cloned());
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
            Command::Exit => match talk {
                Some(call) => self.end_talk(call),
                None => self.leave_when_done(),
            },
            Command::Close(with) => match with.or(person) {
                Some(with) => self.close_window(&with, origin),
                None => self.refuse(origin, format!("Type: {}close NAME", self.slash())),
            },
            Command::Quit => self.leave_when_done(),
            Command::BroadcastNextLine => drop(display.windows.go(ALL)),
            Command::Wait(_) => self.refuse(origin, "What arrives is shown at once: wait is for scripts"),
            _ => self.refuse(origin, "Type the text behind it: here it cannot stand in the next line"),
        }
    }

    /// Closes the windows of this name, that of a stranger who claims it too, with the chat and what runs.
    fn close_window(&mut self, with: &Username, origin: &Origin) {
        let (talk, ran) = (self.talk_with(with), self.stop_jobs(with));
        if let Some(call) = talk {
            self.end_talk(call);
        }
        let Some(display) = &mut self.display else { return };
        let places = [Place::Person(with.clone()), Place::Stranger(with.clone())];
        let numbers: Vec<u32> = places.iter().filter_map(|place| display.windows.find(place)).collect();
        if talk.is_none() && !ran && numbers.is_empty() {
            return self.refuse(origin, format!("No open connection with {with}"));
        }
        for number in numbers {
            display.windows.close(number);
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

    /// Whose window is in front.
    pub fn front_place(&self) -> Place {
        self.display.as_ref().map_or(Place::Server, |display| display.windows.front().1.clone())
    }

    fn front_talk(&self) -> Option<CallId> {
        self.talk_in(&self.front_place())
    }

    /// Ctrl-C on an empty line: ends the innermost thing of this window, and never the client.
    fn cancel_newest(&mut self) {
        if self.display.as_ref().is_some_and(|display| display.windows.is_asking()) {
            return self.give_up_prompt();
        }
        if let Some(newest) = self.newest_here() {
            self.cancel_one(newest);
        } else if let Some(call) = self.front_talk() {
            self.end_if_sure(call);
        } else {
            self.hint("/quit or Ctrl-X leaves");
        }
    }

    /// What was begun last in the window in front, or with its person, and is not over.
    fn newest_here(&self) -> Option<Begun> {
        let front = self.front_place();
        let is_here = |origin: &Origin, with: Option<&Username>| {
            origin.home == front || with.is_some_and(|with| Place::Person(with.clone()) == front)
        };
        let talks = self.talks.iter().filter(|(_, talk)| talk.with.is_none() && is_here(&talk.origin, None));
        let jobs = self.jobs.iter().filter(|(_, job)| !job.here && is_here(&job.origin, job.name.as_ref()));
        let transfers =
            self.transfers.list.iter().filter(|one| one.is_ours() && is_here(&one.origin, Some(&one.step.with)));
        // What waits for its turn has no call yet, and was begun after all that have one.
        let begun = talks.map(|(call, _)| (Some(*call), Begun::Talk(*call)));
        let begun = begun.chain(jobs.map(|(call, _)| (Some(*call), Begun::Job(*call))));
        let begun = begun.chain(transfers.map(|one| (one.call, Begun::Transfer(one.number))));
        begun.max_by_key(|(call, begun)| (call.is_none(), *call, *begun)).map(|(_, begun)| begun)
    }

    fn cancel_one(&mut self, begun: Begun) {
        match begun {
            Begun::Transfer(number) => self.cancel_transfer(number),
            Begun::Talk(call) => {
                self.talks.remove(&call);
                self.out.push(Effect::HangUp(call));
            }
            Begun::Job(call) => {
                self.jobs.remove(&call);
                self.out.push(Effect::HangUp(call));
            }
        }
        self.hint("Cancelled.");
    }

    fn end_if_sure(&mut self, call: CallId) {
        if self.is_sure(Sure::EndTalk(call)) {
            self.end_talk(call);
        } else {
            self.ask_if_sure(Sure::EndTalk(call), "again to end the chat");
        }
    }

    /// Ctrl-X leaves the server, but not an open chat, and files on their way only at the second press.
    fn leave_by_key(&mut self) {
        let open = self.talks.values().find_map(|talk| Some((talk.place()?, talk.with.clone()?)));
        if let Some((place, name)) = open {
            self.hint(&format!("the chat with {} is open: /close {name} ends it", place.title()));
        } else if self.transfers.is_idle() || self.is_sure(Sure::Leave) {
            self.leave();
        } else {
            self.ask_if_sure(Sure::Leave, "files are on their way: again to leave");
        }
    }

    /// Ctrl-D on an empty line: ends a chat, and leaves from the window of the server, as a shell does.
    fn end_by_key(&mut self) {
        if self.login.is_asking() {
            return self.give_up_prompt();
        }
        match (self.front_talk(), self.front_place()) {
            (Some(call), _) => self.end_if_sure(call),
            (None, Place::Server) => self.leave_by_key(),
            (None, _) => self.hint("/quit or Ctrl-X leaves"),
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
        display.windows.is_asking() || (self.front_talk().is_none() && !display.windows.is_typing())
    }

    /// What follows on the screen from all that has changed: questions, open talks, the bell.
    pub fn settle_display(&mut self) {
        if self.display.as_ref().is_some_and(|display| display.leaves_when_done) && self.is_idle() {
            self.leave();
        }
        let question = match self.may_ask_on_screen() {
            true if self.is_checking() => Some(("Checking the password...".to_owned(), true)),
            true => self.question_of_login(),
            false => None,
        };
        let now = self.now.instant;
        let talks: Vec<Place> = self.talks.values().filter_map(Talk::place).collect();
        let questions: Vec<Place> = self.questions.list().iter().map(|question| question.place()).collect();
        let Some(display) = &mut self.display else { return };
        if display.windows.set_question(question) {
            display.is_stale = true;
        }
        let before = std::mem::replace(&mut display.talks, talks);
        before
            .iter()
            .filter(|place| !display.talks.contains(place))
            .for_each(|place| display.windows.set_talk(place, false));
        display.talks.iter().for_each(|place| display.windows.set_talk(place, true));
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
