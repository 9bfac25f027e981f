//! `client doctor`: is the way to the server and back open, and what is to be changed if not. After a login like any
//! other it listens for the answer to a few hellos, has the server probe where this client listens, tries to connect to
//! those who are there, and leaves.

use super::asks::{Ask, Origin, Purpose};
use super::doctor_tls::ourselves;
use super::session::Session;
use super::state::App;
use super::under_way::{Doctor, Other};
use crate::client::event::{CallError, CallId, Effect, End, LinkError, NoConnection, NoProof, Shown, Work};
use crate::protocol::{Hello, MemberRequest, Refusal, Reply, Request};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often a hello is sent before UDP is given up, and how long each waits for its answer.
const HELLOS: u32 = 10;
const HELLO_WAIT: Duration = Duration::from_millis(300);
/// How long the lines are that are tried, in bytes, one after the other: from one that passes nearly everywhere to one
/// that takes several packets of any size.
const SIZES: [usize; 5] = [200, 500, 800, 1_100, 4_000];
/// How long the answer to each may take: less than a client waits for an answer before it takes the server for gone.
const SIZE_WAIT: Duration = Duration::from_secs(5);
/// What stands in a packet before the bytes of a line: IPv6, and TCP with the time.
const HEADERS: usize = 72;
/// The most others that are tried.
const MAX_OTHERS: usize = 16;

impl App {
    /// The login is complete: the examination begins. False for a client that is no doctor.
    pub fn examine(&mut self) -> bool {
        if !matches!(self.doctor, Doctor::Waiting) {
            return !matches!(self.doctor, Doctor::None);
        }
        let by = if self.rules.tls { "TLS" } else { "TCP" };
        self.found(Ok(format!("{by} to {}: fine, logged in", self.servers.present())));
        self.found_encryption();
        self.try_servers();
        self.doctor = Doctor::Hellos(0, self.now.instant);
        self.doctor_tick();
        true
    }

    /// Says hello again, or gives UDP up; or gives up the answer to a long line.
    pub fn doctor_tick(&mut self) {
        if let Doctor::Sizes(got, due) = self.doctor {
            if due <= self.now.instant {
                self.stuck(got);
            }
            return;
        }
        let Doctor::Hellos(sent, due) = self.doctor else { return };
        if due > self.now.instant {
            return;
        }
        match self.hellos.token().filter(|_| sent < HELLOS) {
            Some(token) => {
                self.out.push(Effect::Hello(Hello { token, last_seq: self.inbox.last(), received: None }));
                self.doctor = Doctor::Hellos(sent + 1, self.now.instant + HELLO_WAIT);
            }
            None if self.rules.tls => {
                self.found(Ok("Broadcasts: by TLS as well, so no UDP is needed".to_owned()));
                self.send_size(0);
            }
            None => {
                let server = self.servers.present();
                self.found(Err(format!(
                    "UDP: no answer from {server} to {HELLOS} datagrams. Broadcasts come by TCP instead. Open UDP port \
                     {} in the firewalls of the server's machine and of this one",
                    server.port()
                )));
                self.send_size(0);
            }
        }
    }

    /// A datagram of the server has come.
    pub fn heard_by_udp(&mut self) {
        if matches!(self.doctor, Doctor::Hellos(..)) {
            self.found(Ok("UDP both ways: fine".to_owned()));
            self.send_size(0);
        }
    }

    /// Asks for something in a line as long as the next one of [`SIZES`], after so many were answered. It asks for a
    /// name that nobody has, as each version of the server answers that with one short line.
    fn send_size(&mut self, answered: usize) {
        let Some(size) = SIZES.get(answered) else {
            self.found(Ok(format!("Long lines: fine, one of {} bytes gets through", SIZES[SIZES.len() - 1])));
            return self.probe();
        };
        self.doctor = Doctor::Sizes(answered, self.now.instant + SIZE_WAIT);
        let request = |name: String| Request::from(MemberRequest::GetPeer(name));
        let name = "x".repeat(size - request(String::new()).to_string().len() - 1);
        self.put(Ask::new(Purpose::Size, request(name), Origin::nobody()));
    }

    /// The server has answered a long line.
    pub fn size_answered(&mut self) {
        if let Doctor::Sizes(answered, _) = self.doctor {
            self.send_size(answered + 1);
        }
    }

    /// A long line is not answered. Nothing else can be asked on this connection: it waits for what was swallowed.
    fn stuck(&mut self, answered: usize) {
        let passes = answered.checked_sub(1).map_or(0, |last| SIZES[last]);
        self.found(Err(format!(
            "Long lines: one of {passes} bytes gets through, and one of {} does not. Something on the way swallows large \
             packets without a word, as some VPNs do. Make the packets of this machine smaller: ip link set dev \
             INTERFACE mtu {}, or set the MTU of the VPN so",
            SIZES[answered],
            passes + HEADERS
        )));
        self.found_servers();
        self.over(End::Left);
    }

    /// The client is ended from outside: an examination that is not at its end has failed.
    pub fn break_off(&mut self) {
        if self.rules.doctor && !self.session.is_over() {
            self.found(Err("Stopped before the examination was at its end".to_owned()));
        }
    }

    /// The connection was lost: what is not known yet cannot be found out.
    pub fn give_up_examination(&mut self, why: &LinkError) {
        self.found(Err(format!("TCP to {}: {why}, in the middle of the examination", self.servers.present())));
        self.found_servers();
        self.over(End::Left);
    }

    fn probe(&mut self) {
        self.doctor = Doctor::Probing;
        self.put(Ask::new(Purpose::Probe, MemberRequest::Probe.into(), Origin::nobody()));
    }

    /// The server has connected to where this client listens, or could not.
    pub fn probed(&mut self, end: Reply) {
        self.found(match (end, self.seen_elsewhere()) {
            (Reply::Ok(text), None) => Ok(format!("Peers: fine. {text}")),
            // An older server has asked for no proof: it may have been another client, on the machine that is between.
            (Reply::Ok(text), Some((from, _))) => Err(format!(
                "Peers: {text}. But this machine is {from}, so a NAT is between: fine only if it passes that port on to \
                 this machine; else set the virtual machine's network adapter to bridged or host-only"
            )),
            (Reply::Err(Refusal::UnknownCommand), _) => {
                Err("Peers: not examined, as the server is older than this client".to_owned())
            }
            (Reply::Err(why @ (Refusal::AnotherClient(_) | Refusal::OlderClient(_))), None) => Err(format!(
                "Peers: {why}, so nobody who looks for you there finds you: chats that others ask for fail and messages \
                 are relayed. Choose another port with --listen, or end what listens there"
            )),
            (Reply::Err(why), None) => Err(format!(
                "Peers: {why}. Chats that others ask for fail and messages are relayed. Open that TCP port in this \
                 machine's firewall, or choose another with --listen"
            )),
            (Reply::Err(why), Some((from, seen))) => Err(format!(
                "Peers: {why}: this machine is {from}, and {seen} for the server: a router or the host of a virtual machine is \
                 between (NAT), and nobody can connect through it. Set the virtual machine's network adapter to bridged \
                 or host-only, or use a server inside this network"
            )),
            (other, _) => Err(format!("Peers: the server answers {other}")),
        });
        self.found_other_machines();
        self.put(Ask::new(Purpose::Others, MemberRequest::List.into(), Origin::nobody()));
    }

    /// What a client on the server's machine has to know about the others.
    fn found_other_machines(&mut self) {
        let Session::Online { others, .. } = &self.session else { return };
        let is_local = self.life.own_end.is_some_and(|end| end.is_loopback());
        let text = match (others, self.reach_port()) {
            _ if !is_local => return,
            (Some(_), None) if !self.rules.local => {
                return self.found(Err("Other machines: clients there cannot connect to this one".to_owned()));
            }
            (None, _) => {
                "Other machines: nobody there can log in, as the server listens on loopback alone (start it with \
                          --bind 0.0.0.0), or is older than this client"
                    .to_owned()
            }
            (Some(_), None) => "Other machines: clients there cannot connect to this one, as --local asks".to_owned(),
            (Some(_), Some(port)) => format!(
                "Other machines: clients there connect to TCP port {port} of this one, if its firewall lets them: run \
                 client doctor there too. A port that stays the same: log in to this machine's own address with --listen PORT"
            ),
        };
        self.found(Ok(text));
    }

    /// The server has told who is there: each who listens is tried.
    pub fn try_others(&mut self, listed: &[Reply], end: &Reply) {
        if let Reply::Err(why) = end {
            self.found(Err(format!("Others: {why}")));
            return self.leave();
        }
        let me = self.me().cloned();
        let others = listed.iter().filter_map(|reply| match reply {
            Reply::Client { name, address, guest: None } if Some(name) != me.as_ref() && address.port() != 0 => {
                Some(Other { name: name.clone(), address: *address, outcome: None })
            }
            _ => None,
        });
        let mut tried = BTreeMap::new();
        let others: Vec<Other> = others.collect();
        if others.len() > MAX_OTHERS {
            self.found(Ok(format!("Others: {} are there, {MAX_OTHERS} of them are tried", others.len())));
        }
        for other in others.into_iter().take(MAX_OTHERS) {
            let call = self.draw_call();
            self.out.push(Effect::Call { call, work: Work::Reach { to: other.name.clone() } });
            tried.insert(call, other);
        }
        self.doctor = Doctor::Trying(tried);
        let ours = listed.iter().find_map(|reply| match reply {
            Reply::Client { name, address, guest: None } if Some(name) == me.as_ref() => Some(*address),
            _ => None,
        });
        self.try_ourselves(ours.filter(|address| address.port() != 0));
        self.tried_all();
    }

    /// This one is tried, too.
    pub(super) fn trying(&mut self, call: CallId, other: Other) {
        if let Doctor::Trying(tried) = &mut self.doctor {
            tried.insert(call, other);
        }
    }

    /// One of the others could be reached, or not.
    pub fn reached(&mut self, call: CallId, outcome: Result<(), CallError>) {
        let Doctor::Trying(tried) = &mut self.doctor else { return };
        if let Some(other) = tried.get_mut(&call) {
            other.outcome = Some(outcome);
            self.tried_all();
        }
    }

    /// Tells what became of all, once that is known.
    pub(super) fn tried_all(&mut self) {
        let are_servers_tried = self.servers_are_tried();
        let Doctor::Trying(tried) = &mut self.doctor else { return };
        if !are_servers_tried || tried.values().any(|other| other.outcome.is_none()) {
            return;
        }
        let (mut fine, mut not) = (Vec::new(), Vec::new());
        let tried = std::mem::take(tried);
        let me = self.me().cloned();
        for other in tried.into_values() {
            match &other.outcome {
                Some(outcome) if Some(&other.name) == me.as_ref() => self.found(ourselves(other.address, outcome)),
                Some(Ok(())) => fine.push(other.name.to_string()),
                Some(Err(why)) => not.push(Err(out_of_reach(&other, why))),
                None => {}
            }
        }
        if !fine.is_empty() {
            self.found(Ok(format!("Others: fine, reached {}, who proved who they are", fine.join(", "))));
        } else if not.is_empty() {
            self.found(Ok("Others: nobody else is there who listens. Run this again when somebody is".to_owned()));
        }
        for text in not {
            self.found(text);
        }
        self.found_servers();
        self.leave();
    }

    pub(super) fn found(&mut self, result: Result<String, String>) {
        let shown = match result {
            Ok(text) => Shown::Done { text },
            Err(text) => Shown::Refused { text },
        };
        self.show(&Origin::nobody(), shown);
    }
}

/// Why somebody cannot be reached who is on the list, in a sentence that says what to do.
fn out_of_reach(other: &Other, why: &CallError) -> String {
    let Other { name, address, .. } = other;
    let why = match why {
        CallError::Unreachable { why, .. } => why,
        CallError::NotProven { address, why: NoProof::Stranger, .. } => {
            return format!(
                "Others: who listens at {address} is not {name}, or has a client older than 0.2. That address may be a \
                 router's that runs a client itself, or have become somebody else's: messages are relayed"
            );
        }
        other @ CallError::NotProven { .. } => return format!("Others: {name}: {other}"),
        other => return format!("Others: {name} at {address}: {other}"),
    };
    let cause = match why {
        NoConnection::Refused => {
            "nothing listens there for this machine. That address may be a router's, or that of the host of a virtual \
             machine (NAT): then set the machine's network adapter to bridged or host-only"
        }
        NoConnection::Silent => {
            "a firewall there drops that TCP port: open it. Or it is in a network that yours does not share: use the \
             server's address in a network that both are in"
        }
        NoConnection::NoHost => {
            "no machine of that address is seen, though the server sees it. A wireless network that keeps its clients \
             apart does this: use a cable, or another network; messages are relayed"
        }
        NoConnection::NoNetwork => {
            "this machine has no way to that network: use, both of you, the server's address in a network that you share"
        }
        NoConnection::Other(_) => "messages are relayed",
    };
    format!("Others: {name} is not reachable at {address}: {why}: {cause}")
}
