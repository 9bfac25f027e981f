//! What a typed line does: a text for somebody, or a command.

use super::asks::{Ask, Origin, Purpose};
use super::questions::Verdict;
use super::rules::Face;
use super::session::Session;
use super::state::App;
use super::verification::WordsUp;
use crate::client::command::{self, Command};
use crate::client::event::{Place, Shown};
use crate::protocol::{BroadcastText, MAX_LINE, MemberRequest};
use crate::value::{Address, BadLine, Username, text};

impl App {
    /// Does what a command asks for.
    pub fn carry_out(&mut self, command: Command, origin: &Origin) {
        match command {
            Command::List => self.ask_server(Purpose::Show, MemberRequest::List, origin),
            Command::Who => self.ask_server(Purpose::Show, MemberRequest::Who, origin),
            Command::Users => self.ask_server(Purpose::Users, MemberRequest::GetUsers, origin),
            Command::AddressOf(name) => {
                self.ask_server(Purpose::Fields, MemberRequest::GetPeer(name.to_string()), origin);
            }
            Command::Whoami => self.ask_server(Purpose::Fields, MemberRequest::Whoami, origin),
            Command::Probe => self.ask_server(Purpose::Show, MemberRequest::Probe, origin),
            Command::Active => {
                self.ask_server(Purpose::Activity { hidden: false }, MemberRequest::Active, origin);
            }
            Command::Inactive => {
                self.ask_server(Purpose::Activity { hidden: true }, MemberRequest::Inactive, origin);
            }
            Command::Broadcast(text) => self.broadcast(&text, origin),
            Command::Message { to, text } => self.message(to, text, origin),
            Command::Relay { to, text } => self.relay(to, text, origin),
            Command::Chat(to) => self.chat(to, origin),
            Command::Accept { which, folder } => self.answer_when_asked(Verdict::Accept, which, folder, origin),
            Command::Allow(which) => self.answer_when_asked(Verdict::Allow, which, None, origin),
            Command::Decline(which) => self.answer_when_asked(Verdict::Decline, which, None, origin),
            Command::Run { on, command } => self.run(on, command, origin),
            Command::Verify { with, were_same } => self.verify(with, were_same, origin),
            Command::Peers => self.show_peers(origin),
            Command::Files(Some(of)) => self.ask_files(of, origin),
            Command::Files(None) => self.ask_names_of_files(None, origin),
            Command::Get { from, file } => self.get(from, file, origin),
            Command::Send { to, paths } => self.send(to, paths, origin),
            Command::Transfers => self.show_transfers(origin),
            Command::Cancel(which) => self.cancel(&which, origin),
            Command::Disconnect => self.disconnect(origin),
            Command::Reconnect => self.reconnect(origin),
            Command::Login => self.log_in_anew(false),
            Command::Signup => self.log_in_anew(true),
            Command::Password => self.change_password(origin),
            Command::Earlier => self.show_earlier(origin),
            Command::Block(name) => self.block(name, origin),
            Command::Unblock(name) => self.unblock(&name, origin),
            Command::Blocked => self.show_blocked(origin),
            Command::Dnd(dnd) => self.set_dnd(dnd, origin),
            Command::Quiet(quiet) => self.set_quiet(quiet, origin),
            Command::Help(word) => self.help(word.as_deref(), origin),
            Command::QuitNow => self.leave(),
            Command::Close(_)
            | Command::Exit
            | Command::Window(_)
            | Command::Next
            | Command::Clear
            | Command::Search(_)
            | Command::Names(_)
            | Command::BroadcastNextLine
            | Command::BroadcastRest
            | Command::MessageRest { .. }
            | Command::Wait(_)
            | Command::Quit => self.carry_out_here(command, origin),
        }
    }

    /// Asks the server something whose answer is shown.
    fn ask_server(&mut self, purpose: Purpose, request: MemberRequest, origin: &Origin) {
        self.put(Ask::new(purpose, request.into(), origin.clone()));
    }

    /// Asks the server for names of shared files.
    pub fn ask_names_of_files(&mut self, of: Option<Username>, origin: &Origin) {
        let request = match &of {
            Some(name) => MemberRequest::GetUserFiles(name.to_string()),
            None => MemberRequest::GetAllFiles,
        };
        self.ask_server(Purpose::Files { of }, request, origin);
    }

    /// Sends a text to everybody.
    pub fn broadcast(&mut self, text: &str, origin: &Origin) {
        match command::check_broadcast(text)
            .and_then(|()| text.parse::<BroadcastText>().map_err(|invalid| invalid.to_string()))
        {
            Ok(text) => self.ask_server(Purpose::Show, MemberRequest::Broadcast(text), origin),
            Err(why) => self.refuse(origin, why),
        }
    }

    /// Sends a text to whoever a window belongs to: a line of its open chat, or a message where there is none and there
    /// may be.
    pub fn say_to(&mut self, place: &Place, said: String, origin: &Origin) {
        let Some(to) = place.name() else { return };
        if let Some(c) = text::first_forbidden(&said) {
            return self.refuse(origin, BadLine::Control(c).to_string());
        }
        if said.len() >= MAX_LINE {
            return self.refuse(origin, format!("Not sent: {}", BadLine::TooLong(MAX_LINE)));
        }
        match (self.talk_in(place), place) {
            (Some(call), _) => {
                if !self.say(call, said.clone()) {
                    self.refuse_text(origin, format!("Not sent: {to} does not read"), Some(&said));
                }
            }
            (None, Place::Person(_)) if self.rules.face == Face::Screen => {
                self.message(Address::Name(to.clone()), said, origin);
            }
            // There is nobody to introduce who has not proven who they are.
            (None, _) if self.rules.face == Face::Screen => {
                let why = format!("Not sent: the chat with {} is over", place.title());
                self.refuse_text(origin, why, Some(&said));
            }
            // What was meant for them must not become a command, so a script stays with them.
            (None, _) => self.refuse(origin, format!("Not sent: the chat with {to} is over (!exit for the menu)")),
        }
    }

    fn show_peers(&mut self, origin: &Origin) {
        let talks = self.talks.iter().filter_map(|(call, talk)| {
            let name = talk.with.clone()?;
            let assurance = self.assurance(*call, talk.verified);
            Some(Shown::Peer { foreground: self.is_foreground(&name), name, assurance })
        });
        let jobs = self.jobs.values().map(|job| Shown::Running {
            with: job.with.clone(),
            here: job.here,
            command: job.command.clone(),
        });
        let by_voice = self.keys.verified().map(|with| Shown::ByVoice { with: with.clone(), were_same: true });
        let words = self.verification.up().map(WordsUp::shown);
        let all = talks.chain(jobs).chain(self.transfers.shown(self.now.instant)).chain(by_voice).chain(words);
        let all: Vec<Shown> = all.collect();
        if all.is_empty() {
            self.show(origin, Shown::Info { text: "No open connections with anybody".to_owned() });
        }
        for shown in all {
            self.show(origin, shown);
        }
    }

    /// Ends the chat with somebody, and what runs for them or by them.
    pub fn close(&mut self, with: &Username, origin: &Origin) {
        let (talk, ran) = (self.talk_with(with), self.stop_jobs(with));
        if let Some(call) = talk {
            self.end_talk(call);
        }
        if ran {
            self.show(origin, Shown::Done { text: format!("Stopped what runs for or by {with}") });
        } else if talk.is_none() {
            self.refuse(origin, format!("No open connection with {with}"));
        }
    }

    fn show_earlier(&mut self, origin: &Origin) {
        if self.earlier.is_empty() {
            self.show(origin, Shown::Info { text: "No broadcasts from before you came".to_owned() });
        }
        for shown in self.earlier.clone() {
            self.show(origin, shown);
        }
    }

    fn set_quiet(&mut self, quiet: bool, origin: &Origin) {
        self.quiet = quiet;
        let text = if quiet { "Only what you ask for is shown, and what is for you." } else { "All is shown." };
        self.show(origin, Shown::Info { text: text.to_owned() });
    }

    fn help(&mut self, word: Option<&str>, origin: &Origin) {
        let lines = match word {
            None => Some(command::menu(self.columns())),
            Some(word) => command::help(word, self.columns()),
        };
        match (lines, word) {
            (Some(lines), _) => lines.into_iter().for_each(|text| self.show(origin, Shown::Help { text })),
            (None, word) => {
                let word = word.unwrap_or_default();
                self.refuse(origin, format!("{word:?} is no command: type {}help for the list", self.slash()));
            }
        }
    }

    /// Whether all is done that was begun.
    pub fn is_idle(&self) -> bool {
        let asked = |purpose: &Purpose| !matches!(purpose, Purpose::Announce | Purpose::Here);
        self.transfers.is_idle()
            && self.verification.current.is_none()
            && self.deliveries.is_empty()
            && !self.jobs.values().any(|job| !job.here)
            && !self.talks.values().any(|talk| talk.with.is_none())
            && (!self.asks.any(|ask| asked(&ask.purpose)) || !matches!(self.session, Session::Online { .. }))
    }
}
