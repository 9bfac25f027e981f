//! The loop that reads what the person wants and does it.

use super::command::{self, Command, InChat};
use super::conversation;
use super::desk::Desk;
use super::event::Event;
use super::input::Input;
use super::keeper::Keeper;
use super::link::LinkError;
use super::question::{Answer, Asked, Wish};
use super::terminal::Typed;
use super::{file_commands, inquiry, message, peers, remote};
use crate::protocol::{InvalidBroadcast, MAX_LINE, MemberRequest, Request};
use crate::value::Address;
use crate::value::BadLine;
use crate::value::Username;
use crate::value::text;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a script's `accept` waits for somebody to ask; and how much longer than the answer may take for it, as
/// connecting takes time too.
const PATIENCE: Duration = Duration::from_secs(60);
/// How old a question must be before a person can say yes to a command: it may have replaced another just now.
const READING: Duration = Duration::from_secs(1);
/// More than any fetch takes; each has limits of its own.
const FETCHES_WAIT: Duration = Duration::from_secs(7 * 24 * 3600);

/// The person's end of the client.
pub struct Menu<'a> {
    desk: &'a Arc<Desk>,
    keeper: &'a Keeper,
    input: &'a mut Input,
    /// Who gets what is typed. In a script it stays so after the other side has left, until `!exit` or `!back`:
    /// what was meant for them must not become a command.
    talking_to: Option<Username>,
    /// Who left while a line for them was being typed, at a terminal: that line must not become a command.
    left_by: Option<Username>,
    /// Whether the next line is the text of a broadcast.
    broadcasting: bool,
    /// Whether the person in a chat knows that the server wants the password.
    told: bool,
}

/// Whether to go on.
#[derive(PartialEq, Eq)]
enum Next {
    Go,
    Leave,
}

impl<'a> Menu<'a> {
    /// A menu with nothing begun.
    pub fn new(desk: &'a Arc<Desk>, keeper: &'a Keeper, input: &'a mut Input) -> Menu<'a> {
        Menu { desk, keeper, input, talking_to: None, left_by: None, broadcasting: false, told: false }
    }

    /// Does what the person types until they leave, or the client ends.
    pub fn run(&mut self) {
        while !self.desk.end.is_triggered() {
            if let Some(name) = self.look() {
                self.input.mark();
                self.left_by = Some(name);
            }
            self.mind_password();
            let typed = self.input.next(&self.prompt());
            let next = match typed {
                Typed::Line(text) => self.lines(&text),
                Typed::NoLine(bad) => {
                    self.desk.screen.refuse(bad.to_string());
                    Next::Go
                }
                Typed::Interrupt { idle } => self.interrupt(idle),
                Typed::Leave => self.leave(),
                Typed::End if self.input.is_terminal() => self.end_of_input(),
                Typed::End => {
                    // A script's last fetch is to arrive.
                    self.hold(FETCHES_WAIT, |desk| desk.files.fetches.is_idle());
                    Next::Leave
                }
                Typed::Woken => Next::Go,
            };
            if next == Next::Leave {
                break;
            }
        }
    }

    /// Takes in what other threads changed. At a terminal, says who has left the chat in the foreground.
    fn look(&mut self) -> Option<Username> {
        let foreground = self.desk.chats.foreground();
        let mut left = None;
        if foreground.is_some() || self.input.is_terminal() {
            let before = std::mem::replace(&mut self.talking_to, foreground);
            left = before.filter(|_| self.talking_to.is_none());
        }
        left
    }

    /// Asks a person for the password if it is needed, but not in a chat, where the next line is meant for somebody.
    fn mind_password(&mut self) {
        let needed = self.input.is_terminal() && self.desk.needs_password();
        // Who goes on typing for somebody that has left does so blindly.
        let late = self.left_by.is_some() && self.input.is_marked();
        let elsewhere = late || self.talking_to.is_some() || self.desk.chats.is_calling();
        if needed && !elsewhere {
            self.keeper.log_in_by_hand(self.input);
        } else if needed && !self.told {
            self.desk.screen.info("To log in again the server needs your password: you are asked for it in the menu.");
        }
        self.told = needed && elsewhere;
    }

    fn prompt(&self) -> String {
        match &self.talking_to {
            Some(name) => format!("{name}> "),
            None if self.desk.chats.is_calling() => "(Ctrl-C cancels) ".to_owned(),
            None if self.broadcasting => "text> ".to_owned(),
            None => "> ".to_owned(),
        }
    }

    /// What is pasted may be several lines.
    fn lines(&mut self, text: &str) -> Next {
        let several = text.lines().skip(1).any(|line| !line.is_empty());
        if !several {
            return self.line(text.trim_end_matches('\n'));
        }
        for line in text.lines() {
            if let Some(name) = self.look() {
                // They left amid what was pasted for them.
                self.too_late(&name);
                break;
            }
            if self.line(line) == Next::Leave {
                return Next::Leave;
            }
        }
        Next::Go
    }

    fn line(&mut self, line: &str) -> Next {
        let left_by = self.left_by.take().filter(|_| self.input.is_marked());
        if self.talking_to.is_some() {
            self.line_in_chat(line);
        } else if let Some(name) = left_by {
            if !matches!(command::parse_in_chat(line), InChat::Exit | InChat::Back) {
                self.too_late(&name);
            }
        } else if self.desk.chats.is_calling() {
            self.desk.screen.info("Your request waits for its answer; Ctrl-C cancels it.");
        } else if std::mem::take(&mut self.broadcasting) {
            match command::check_broadcast(line) {
                Ok(()) => return self.carry_out(Command::Broadcast(Some(line.to_owned()))),
                Err(why) => self.desk.screen.refuse(why),
            }
        } else if !line.trim().is_empty() {
            match command::parse(line) {
                Ok(command) => return self.carry_out(command),
                Err(why) => self.desk.screen.refuse(why),
            }
        }
        Next::Go
    }

    fn line_in_chat(&mut self, line: &str) {
        let chats = &self.desk.chats;
        if let Some(c) = text::first_forbidden(line) {
            return self.desk.screen.refuse(BadLine::Control(c).to_string());
        }
        match command::parse_in_chat(line) {
            InChat::Exit => {
                if let Some(name) = self.talking_to.take() {
                    peers::hang_up(self.desk, &name);
                }
            }
            InChat::Back => {
                chats.bring(None);
                self.talking_to = None;
            }
            InChat::Allow(yes) => self.answer(if yes { Answer::Allow } else { Answer::Decline }, None),
            InChat::Wait(span) => self.wait(span, |desk| desk.chats.foreground().is_none()),
            InChat::Unknown => self.desk.screen.refuse(command::CHAT_WORDS),
            InChat::Say(text) if text.len() >= MAX_LINE => {
                self.desk.screen.refuse(format!("Not sent: {}", BadLine::TooLong(MAX_LINE)));
            }
            InChat::Say(text) => match chats.say(text) {
                Ok(true) => {}
                Ok(false) => {
                    if let Some(name) = &self.talking_to {
                        self.too_late(name);
                    }
                }
                Err(error) => {
                    self.desk.screen.refuse(format!("Not sent: {error}"));
                    if let Some(name) = &self.talking_to {
                        chats.close(name);
                    }
                }
            },
        }
    }

    fn too_late(&self, name: &Username) {
        // A script stays with them; a person is at the menu by now.
        let how = if self.input.is_terminal() { "" } else { " (!exit for the menu)" };
        self.desk.screen.refuse(format!("Not sent: the chat with {name} is over{how}"));
    }

    /// Ctrl-C ends the innermost thing, and never the client.
    fn interrupt(&mut self, idle: bool) -> Next {
        self.left_by = None;
        if let Some(name) = self.talking_to.take() {
            peers::hang_up(self.desk, &name);
        } else if self.desk.chats.cancel() || (idle && self.desk.jobs.cancel()) {
            self.desk.screen.info("Cancelled.");
        } else if std::mem::take(&mut self.broadcasting) {
            self.desk.screen.info("Not sent.");
        } else if idle && !self.desk.files.fetches.cancel_last() {
            self.desk.screen.info("Type quit or press Ctrl-X to leave.");
        }
        Next::Go
    }

    /// Ctrl-X leaves the server, but not a chat.
    fn leave(&mut self) -> Next {
        match self.desk.chats.list().first() {
            Some(open) => {
                let name = &open.name;
                self.desk.screen.info(format!("The chat with {name} is open: end it with Ctrl-C or close {name}."));
                Next::Go
            }
            None => Next::Leave,
        }
    }

    /// Ctrl-D leaves where one is, as in a shell within a shell.
    fn end_of_input(&mut self) -> Next {
        if self.talking_to.is_some() || self.desk.chats.is_calling() || self.broadcasting {
            self.interrupt(true)
        } else {
            Next::Leave
        }
    }

    fn carry_out(&mut self, command: Command) -> Next {
        if command == Command::Quit {
            return Next::Leave;
        }
        if let Err(error) = self.attempt(command) {
            self.desk.screen.refuse(error.to_string());
        }
        Next::Go
    }

    fn attempt(&mut self, command: Command) -> Result<(), LinkError> {
        let desk = self.desk;
        match command {
            Command::List => inquiry::show(desk, &Request::Member(MemberRequest::List))?,
            Command::Broadcast(None) => self.broadcasting = true,
            Command::Broadcast(Some(text)) => match text.parse() {
                Ok(text) => inquiry::show(desk, &Request::Member(MemberRequest::Broadcast(text)))?,
                Err(invalid) => desk.screen.refuse(InvalidBroadcast::to_string(&invalid)),
            },
            Command::Chat(to) => self.chat(to),
            Command::Message { to, text } => message::send(desk, &to, &text)?,
            Command::Relay { to, text } => message::relay(desk, &to, &text)?,
            Command::Accept(name) => self.answer(Answer::Accept, name.as_ref()),
            Command::Allow(name) => self.answer(Answer::Allow, name.as_ref()),
            Command::Run { on, command } => self.run_elsewhere(on, command),
            Command::Decline(name) => self.answer(Answer::Decline, name.as_ref()),
            Command::Peers => peers::show(desk),
            Command::Close(name) => peers::close(desk, &name),
            Command::Users => inquiry::show_users(desk)?,
            Command::AddressOf(name) => {
                inquiry::show_fields(desk, &Request::Member(MemberRequest::GetPeer(name.to_string())))?
            }
            Command::Files(of) => file_commands::show(desk, of.as_ref())?,
            Command::Get { from, file } => file_commands::get(desk, from, file),
            Command::Transfers => file_commands::show_transfers(desk),
            Command::Cancel(file) => file_commands::cancel(desk, file.as_ref()),
            Command::Active => {
                inquiry::show(desk, &Request::Member(MemberRequest::Active))?;
                desk.set_hidden(false);
            }
            Command::Inactive => {
                inquiry::show(desk, &Request::Member(MemberRequest::Inactive))?;
                desk.set_hidden(true);
            }
            Command::Whoami => inquiry::show_fields(desk, &Request::Member(MemberRequest::Whoami))?,
            Command::Wait(Some(span)) => self.wait(span, |_| false),
            Command::Wait(None) => self.wait(FETCHES_WAIT, |desk| desk.files.fetches.is_idle()),
            Command::Reconnect if desk.come_back() => {}
            Command::Reconnect => desk.screen.info("You are connected."),
            Command::Disconnect if desk.is_connected() => {
                desk.screen.info("You have left the server; open chats go on.");
                desk.stay_away();
            }
            Command::Disconnect => desk.screen.refuse("You are not connected."),
            Command::Help => command::menu().for_each(|text| desk.screen.show(Event::Help { text })),
            Command::Quit => {}
        }
        Ok(())
    }

    /// Has somebody run a command. A person goes on typing meanwhile.
    fn run_elsewhere(&mut self, on: Address, command: String) {
        match remote::start(self.desk, on, command) {
            Ok(id) => self.hold(self.desk.answer_limit + PATIENCE, |desk| !desk.jobs.is_open(id)),
            Err(why) => self.desk.screen.refuse(why),
        }
    }

    /// Asks for a chat; goes back to one that is open; takes the one that is offered.
    fn chat(&mut self, to: Address) {
        let chats = &self.desk.chats;
        if let Address::Name(name) = &to {
            if chats.bring(Some(name)) {
                return;
            }
            if self.desk.questions.waits_for(Answer::Accept, Some(name)) {
                return self.answer(Answer::Accept, Some(name));
            }
        }
        // While we call, nothing can be typed that would answer.
        let free = !self.desk.questions.is_pending();
        let Some(id) = free.then(|| chats.call()).flatten() else {
            return self.desk.screen.refuse("Somebody waits for your answer: give it first");
        };
        self.desk.screen.show(Event::ChatCalling { to: to.to_string() });
        let desk = Arc::clone(self.desk);
        if let Err(error) = self.desk.crew.start("chat", move || conversation::call(&desk, id, &to)) {
            chats.give_up(id);
            self.desk.screen.refuse(format!("No chat: {error}"));
        }
        self.hold(self.desk.answer_limit + PATIENCE, |desk| !desk.chats.is_calling());
        // Whoever accepted may have left again already: what a script says to them is still no command.
        self.talking_to = self.desk.chats.take_accepted();
    }

    /// Answers the question that waits. A script waits for one that fits; a person must have had the time to read
    /// to what they say yes.
    fn answer(&mut self, answer: Answer, from: Option<&Username>) {
        self.hold(PATIENCE, |desk| desk.questions.waits_for(answer, from));
        let age = if self.input.is_terminal() && answer == Answer::Allow { READING } else { Duration::ZERO };
        let taken = self.desk.questions.take(answer, from, age).and_then(|asked| self.settle(asked, answer));
        if let Err(why) = taken {
            self.desk.screen.refuse(why);
        }
    }

    fn settle(&mut self, asked: Asked, answer: Answer) -> Result<(), String> {
        let Asked { from, wish, reply } = asked;
        if answer == Answer::Decline {
            reply.send(false);
            self.desk.screen.info(format!("Declined {from}."));
            return Ok(());
        }
        let opened = match wish {
            Wish::Chat(chat) => {
                // The next line is meant for them, also when they have left again by then.
                self.talking_to = Some(from);
                conversation::accept(self.desk, chat)
            }
            Wish::Command => Ok(()),
        };
        reply.send(true);
        opened
    }

    fn wait(&mut self, span: Duration, over: impl Fn(&Desk) -> bool) {
        if self.input.is_terminal() {
            self.desk.screen.info("What arrives is shown at once: wait is for scripts.");
        }
        self.hold(span, over);
    }

    /// Has a script wait until `over`, or `limit` has passed. A person at a terminal goes on typing instead.
    fn hold(&mut self, limit: Duration, over: impl Fn(&Desk) -> bool) {
        let until = Instant::now() + limit;
        let Input::Lines(lines) = self.input else { return };
        while !over(self.desk) && !self.desk.end.is_triggered() && Instant::now() < until {
            lines.hold(until);
        }
    }
}
