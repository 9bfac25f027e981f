//! `client doctor`: is the way to the server and back open, and what is to be changed if not. After a login like any
//! other it listens for the answer to a few hellos, has the server probe where this client listens, and leaves.

use super::asks::{Ask, Origin, Purpose};
use super::state::App;
use super::under_way::Doctor;
use crate::client::event::{Effect, End, LinkError, Shown};
use crate::protocol::{Hello, MemberRequest, Reply};
use std::time::Duration;

/// How often a hello is sent before UDP is given up, and how long each waits for its answer.
const HELLOS: u32 = 10;
const HELLO_WAIT: Duration = Duration::from_millis(300);

impl App {
    /// The login is complete: the examination begins. False for a client that is no doctor.
    pub fn examine(&mut self) -> bool {
        if !matches!(self.doctor, Doctor::Waiting) {
            return !matches!(self.doctor, Doctor::None);
        }
        self.found(Ok(format!("TCP to {}: fine, logged in", self.rules.server)));
        self.doctor = Doctor::Hellos(0, self.now.instant);
        self.doctor_tick();
        true
    }

    /// Says hello again, or gives UDP up.
    pub fn doctor_tick(&mut self) {
        let Doctor::Hellos(sent, due) = self.doctor else { return };
        if due > self.now.instant {
            return;
        }
        match self.hellos.token().filter(|_| sent < HELLOS) {
            Some(token) => {
                self.out.push(Effect::Hello(Hello { token, last_seq: self.inbox.last() }));
                self.doctor = Doctor::Hellos(sent + 1, self.now.instant + HELLO_WAIT);
            }
            None => {
                let server = self.rules.server;
                self.found(Err(format!(
                    "UDP: no answer from {server} to {HELLOS} datagrams. Broadcasts come by TCP instead. Open UDP port \
                     {} in the firewalls of the server's machine and of this one",
                    server.port()
                )));
                self.probe();
            }
        }
    }

    /// A datagram of the server has come.
    pub fn heard_by_udp(&mut self) {
        if matches!(self.doctor, Doctor::Hellos(..)) {
            self.found(Ok("UDP both ways: fine".to_owned()));
            self.probe();
        }
    }

    /// The connection was lost: what is not known yet cannot be found out.
    pub fn give_up_examination(&mut self, why: &LinkError) {
        self.found(Err(format!("TCP to {}: {why}, in the middle of the examination", self.rules.server)));
        self.over(End::Left);
    }

    fn probe(&mut self) {
        self.doctor = Doctor::Probing;
        self.put(Ask::new(Purpose::Probe, MemberRequest::Probe.into(), Origin::nobody()));
    }

    /// The server has connected to where this client listens, or could not.
    pub fn probed(&mut self, end: Reply) {
        self.found(match end {
            Reply::Ok(text) => Ok(format!("Peers: fine. {text}")),
            Reply::Err(why) => Err(format!(
                "Peers: {why}. Chats that others ask for fail and messages are relayed. Open that TCP port in this \
                 machine's firewall, choose another with --listen, or set the VM's network to bridged instead of NAT"
            )),
            other => Err(format!("Peers: the server answers {other}")),
        });
        self.leave();
    }

    fn found(&mut self, result: Result<String, String>) {
        let shown = match result {
            Ok(text) => Shown::Done { text },
            Err(text) => Shown::Refused { text },
        };
        self.show(&Origin::nobody(), shown);
    }
}
