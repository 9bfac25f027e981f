//! Being reached from other machines. A client on the server's own machine has an address of the loopback network, where
//! only that machine finds it. So it listens on a second port for all others, and tells the server which.

use super::asks::{Ask, Origin, Purpose};
use super::state::App;
use crate::client::event::{Effect, Place, Shown};
use crate::protocol::{MemberRequest, Refusal};
use std::net::IpAddr;

impl App {
    /// The login is complete. Clients of other machines may want to connect to `at`; nowhere, if there can be none.
    pub fn reach_others(&mut self, at: Option<IpAddr>) {
        let wanted = at.filter(|_| !self.rules.local);
        match (wanted, self.life.reach.listening) {
            (Some(at), Some((present, port))) if at == present => self.tell_reach(port),
            (None, None) => {}
            (wanted, _) => {
                self.life.reach.listening = None;
                self.out.push(Effect::ListenWide(wanted));
            }
        }
    }

    /// We listen for other machines, or cannot.
    pub fn listening_wide(&mut self, at: IpAddr, port: Result<u16, String>) {
        match port {
            Ok(port) => {
                self.life.reach.listening = Some((at, port));
                self.tell_reach(port);
            }
            Err(why) => self.not_reached(&why),
        }
    }

    fn not_reached(&mut self, why: &str) {
        let text = format!("Clients on other machines cannot connect to this one: {why}");
        self.shown(Place::Server, Shown::Refused { text });
    }

    fn tell_reach(&mut self, port: u16) {
        let request = MemberRequest::Reach(port.to_string());
        self.put(Ask::new(Purpose::Reach, request.into(), Origin::nobody()));
    }

    /// The server has noted the port, or not.
    pub fn reach_told(&mut self, refusal: Option<&Refusal>) {
        let Some((_, port)) = self.life.reach.listening else { return };
        if let Some(why) = refusal {
            self.life.reach.listening = None;
            self.out.push(Effect::ListenWide(None));
            return self.not_reached(&why.to_string());
        }
        if self.life.reach.said.replace(port) != Some(port) {
            let text = format!(
                "Others can reach you from other machines too, on port {port} of this one. With --local only those on \
                 this machine can."
            );
            self.info(Place::Server, text);
        }
    }

    /// The port on which clients of other machines reach us, where that is another than the usual one.
    pub fn reach_port(&self) -> Option<u16> {
        self.life.reach.listening.map(|(_, port)| port)
    }
}
