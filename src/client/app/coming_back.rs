//! How a connection begins and ends, and which follows: the one place that decides whether a client comes back, where, and
//! when.

use super::asks::Origin;
use super::no_server::{in_one_line, not_there};
use super::session::{Session, Told};
use super::state::App;
use crate::client::event::{Effect, End, LinkError, LinkId, Place, Shown};

impl App {
    /// Begins a connection to the server.
    pub fn connect(&mut self) {
        self.life.links += 1;
        let link = LinkId(self.life.links);
        self.life.sent_away = false;
        self.session = Session::Connecting { link };
        self.out.push(Effect::Connect(link));
    }

    /// Begins a connection to the server that is to be tried next.
    pub(super) fn connect_next(&mut self) {
        let turned = self.servers.turn().map(Effect::TurnTo);
        self.out.extend(turned);
        self.connect();
    }

    /// The connection could not be made.
    pub fn not_connected(&mut self, link: LinkId, why: &LinkError) {
        if self.session != (Session::Connecting { link }) {
            return;
        }
        if !self.life.was_online {
            return self.not_started(why);
        }
        match why {
            LinkError::Banned(why) => return self.not_again(why),
            LinkError::OtherKey(why) | LinkError::NotTrusted(why) => {
                let why = in_one_line(why);
                if !self.servers.leave_out() {
                    return self.not_again(&why);
                }
                self.refuse(&Origin::nobody(), format!("Left out: {why}"));
                return self.come_back("Trying the other servers...");
            }
            // It is well, and so may be the others.
            LinkError::Full(_) if self.servers.has_untried() => return self.connect_next(),
            // It may be why none is made, as a ban, and is shown to who was told already that none is. It is believed by nobody.
            LinkError::InTheClear(_) => return self.come_back_telling(Told::SaidInTheClear, &no_connection(why)),
            _ => {}
        }
        self.come_back(&no_connection(why));
    }

    /// No login was complete yet, and this server is none to begin with: another one of the options is, or the client is over.
    fn not_started(&mut self, why: &LinkError) {
        let server = self.servers.present();
        if matches!(why, LinkError::Banned(_)) || !self.servers.has_untried() {
            return self.over(End::Failed(not_there(server, self.rules.tls, why)));
        }
        match why {
            LinkError::OtherKey(_) | LinkError::NotTrusted(_) => {
                self.refuse(&Origin::nobody(), format!("Left out: {}", in_one_line(&why.to_string())));
            }
            _ => self.info(Place::Server, format!("{server}: {why}. Trying the next server...")),
        }
        self.connect_next();
    }

    /// Comes back after a pause, which grows until a login is complete. The person is told why, once.
    pub(super) fn come_back(&mut self, why: &str) {
        self.come_back_telling(Told::Away, why);
    }

    /// The same, where the person is told `why` unless they were told as much already.
    fn come_back_telling(&mut self, told: Told, why: &str) {
        self.session = Session::Offline { until: Some(self.now.instant + self.servers.pause()) };
        if self.life.told < told {
            self.life.told = told;
            self.info(Place::Server, why);
        }
    }

    /// The connection has ended, or was given up for `why`.
    pub fn link_lost(&mut self, link: LinkId, why: &LinkError) {
        if self.session.link() != Some(link) {
            return;
        }
        let leaving = matches!(self.session, Session::Leaving { .. });
        if leaving {
            return self.over(End::Left);
        }
        // Who is being asked who they are gets another connection with the answer.
        let has_begun = self.life.was_online || self.login.is_asking();
        // An account that was perhaps made is not made a second time elsewhere.
        if !has_begun && (self.login.is_signing_up() || !self.servers.has_untried()) {
            return self.over(End::Failed(not_there(self.servers.present(), self.rules.tls, why)));
        }
        self.forget_link_for(why);
        if !has_begun {
            return self.not_started(why);
        }
        if self.rules.doctor {
            return self.give_up_examination(why);
        }
        if std::mem::take(&mut self.life.sent_away) {
            self.stay_away();
        } else if self.login.is_asking() {
            self.session = Session::Offline { until: None };
        } else {
            // A silent one may be well, and the way to it gone.
            let what = if *why == LinkError::Silent { "The server does not answer" } else { "The server is gone" };
            self.come_back(&format!("{what}; open chats go on. Trying to come back..."));
        }
    }

    /// Comes back because the person asks for it: to the server where they were, or on to the next while it is tried.
    pub fn reconnect(&mut self, origin: &Origin) {
        match &self.session {
            Session::Offline { until } => {
                let is_tried = until.is_some();
                self.life.told = Told::Nothing;
                if is_tried {
                    self.servers.hurry();
                    self.connect_next();
                } else {
                    self.servers.begin_anew();
                    self.connect();
                }
            }
            Session::Online { .. } => self.show(origin, Shown::Info { text: "You are connected.".to_owned() }),
            _ => self.show(origin, Shown::Info { text: "Coming back...".to_owned() }),
        }
    }
}

fn no_connection(why: &LinkError) -> String {
    format!("No connection to the server: {why}. Trying to come back...")
}
