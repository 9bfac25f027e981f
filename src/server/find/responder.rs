//! The socket that questions come to, and who is answered from which address.

use super::answer_limit::AnswerLimit;
use crate::net::{AddressedSocket, Shutdown};
use crate::protocol::{FIND_QUESTION_LENGTH, FindAnswer, FindQuestion, ServerId};
use crate::value::ServerName;
use log::debug;
use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// All sockets of this machine that share a port get what is sent here.
const EVERY_SOCKET: Ipv4Addr = Ipv4Addr::new(127, 255, 255, 255);
/// The pause after a receive that failed, so that a socket that fails for ever costs nothing to speak of.
const PAUSE: Duration = Duration::from_millis(50);

/// What a server tells of itself.
pub struct Told {
    /// What it is called.
    pub name: ServerName,
    /// Its main port, and the address that this port is bound to.
    pub main: SocketAddr,
    /// Its port for TLS, and the address that this is bound to.
    pub tls: Option<SocketAddr>,
    /// How many clients it takes.
    pub max_clients: usize,
}

/// Answers questions.
pub struct Responder {
    socket: AddressedSocket,
    port: u16,
    told: Told,
    id: ServerId,
}

impl Responder {
    /// Binds the port for questions, which servers on one machine share, and draws the server's ID.
    ///
    /// # Errors
    /// What the system says; the server can do without.
    pub fn bind(port: u16, told: Told) -> io::Result<Responder> {
        let socket = AddressedSocket::bind_shared(port)?;
        let port = socket.port()?;
        let mut id = [0; 8];
        getrandom::fill(&mut id).map_err(io::Error::other)?;
        Ok(Responder { socket, port, told, id: ServerId(id) })
    }

    /// Answers until the stop is triggered. `clients` tells how many are logged in.
    pub fn run(&self, clients: impl Fn() -> usize, stop: &Shutdown) {
        // A datagram to one address wakes one of the servers that share the port, and perhaps another one. It is for a
        // machine whose loopback takes no broadcast.
        for address in [EVERY_SOCKET, Ipv4Addr::LOCALHOST] {
            stop.wake_receiver(SocketAddr::from((address, self.port)));
        }
        let mut limit = AnswerLimit::default();
        // What is longer than a question is cut; it is then answered with less than was sent all the same.
        let mut buffer = [0; FIND_QUESTION_LENGTH];
        while !stop.is_triggered() {
            let arrival = match self.socket.receive(&mut buffer) {
                Ok(arrival) => arrival,
                Err(error) => {
                    debug!("receiving a question: {error}");
                    stop.wait(PAUSE);
                    continue;
                }
            };
            let Some(question) = FindQuestion::parse(&buffer[..arrival.length]) else { continue };
            // The socket is one of IPv4.
            let (IpAddr::V4(asker), IpAddr::V4(asked)) = (arrival.from.ip(), arrival.to) else { continue };
            let reached = |port: SocketAddr| leaves_from(port.ip(), asked, asker);
            let Some(from) = self.ports().find_map(reached) else { continue };
            if !limit.take(asker, Instant::now()) {
                continue;
            }
            let is_there = |port: &SocketAddr| reached(*port) == Some(from);
            let answer = self.answer(&question, is_there, clients()).to_string();
            if let Err(error) = self.socket.send(&[IoSlice::new(answer.as_bytes())], from.into(), arrival.from) {
                debug!("{}: no answer to a question: {error}", arrival.from);
            }
        }
    }

    /// The ports of the server, that for TLS first: it is never the narrower one.
    fn ports(&self) -> impl Iterator<Item = SocketAddr> {
        self.told.tls.into_iter().chain([self.told.main])
    }

    fn answer(&self, question: &FindQuestion, is_there: impl Fn(&SocketAddr) -> bool, clients: usize) -> FindAnswer {
        FindAnswer {
            name: self.told.name.clone(),
            port: Some(self.told.main).filter(&is_there).map(|main| main.port()),
            tls_port: self.told.tls.filter(&is_there).map(|tls| tls.port()),
            clients,
            max_clients: self.told.max_clients,
            id: self.id,
            nonce: question.nonce,
        }
    }
}

/// From which address an answer leaves: one at which the asker finds the server's port, as it is the answer's sender
/// that a client connects to. None where this asker can reach no port of a server that is bound so.
fn leaves_from(bound: IpAddr, asked: Ipv4Addr, asker: Ipv4Addr) -> Option<Ipv4Addr> {
    match bound.to_canonical() {
        any if any.is_unspecified() => Some(asked),
        IpAddr::V4(bound) if !bound.is_loopback() || asker.is_loopback() => Some(bound),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Ticket;
    use std::net::UdpSocket;
    use std::thread;

    const LIMIT: Duration = Duration::from_secs(10);

    #[test]
    fn an_answer_leaves_from_where_the_server_can_be_reached() {
        for (bound, asked, asker, from) in [
            ("0.0.0.0", "10.0.0.1", "10.0.0.7", Some("10.0.0.1")),
            ("0.0.0.0", "127.0.0.1", "127.0.0.9", Some("127.0.0.1")),
            ("::", "10.0.0.1", "10.0.0.7", Some("10.0.0.1")),
            ("127.0.0.1", "10.0.0.1", "10.0.0.7", None),
            // It asked by the network, and would look for the server there.
            ("127.0.0.1", "10.0.0.1", "10.0.0.1", None),
            ("127.0.0.5", "127.0.0.1", "127.0.0.1", Some("127.0.0.5")),
            ("10.0.0.2", "10.0.0.1", "10.0.0.7", Some("10.0.0.2")),
            ("10.0.0.2", "127.0.0.1", "127.0.0.1", Some("10.0.0.2")),
            ("::ffff:10.0.0.2", "10.0.0.2", "10.0.0.7", Some("10.0.0.2")),
            ("::1", "127.0.0.1", "127.0.0.1", None),
            ("fe80::1", "10.0.0.1", "10.0.0.7", None),
        ] {
            let address = |text: &str| text.parse::<Ipv4Addr>().expect("an address");
            let leaves = leaves_from(bound.parse().expect("an address"), address(asked), address(asker));
            assert_eq!(leaves, from.map(address), "{bound} {asked} {asker}");
        }
    }

    fn responder(bound: &str, name: &str, port: u16) -> Responder {
        with_plain_at(bound, bound, name, port)
    }

    fn with_plain_at(plain: &str, bound: &str, name: &str, port: u16) -> Responder {
        let main = SocketAddr::new(plain.parse().expect("an address"), 4400);
        let tls = SocketAddr::new(bound.parse().expect("an address"), 4403);
        let told = Told { name: name.parse().expect("a name"), main, tls: Some(tls), max_clients: 50 };
        Responder::bind(port, told).expect("a free port")
    }

    /// Runs them while `ask` asks with a socket on an address of loopback, and stops them one after the other.
    fn play(responders: &[Responder], ask: impl FnOnce(&UdpSocket, u16)) {
        let stops: Vec<Shutdown> = responders.iter().map(|_| Shutdown::new()).collect();
        thread::scope(|scope| {
            for (responder, stop) in responders.iter().zip(&stops) {
                scope.spawn(move || responder.run(|| 3, stop));
            }
            let asker = UdpSocket::bind("127.0.0.9:0").expect("an address of loopback");
            asker.set_read_timeout(Some(LIMIT)).expect("a timeout");
            asker.set_broadcast(true).expect("a broadcast");
            ask(&asker, responders[0].port);
            stops.iter().for_each(Shutdown::trigger);
        });
    }

    fn answer(asker: &UdpSocket) -> (SocketAddr, FindAnswer) {
        let mut buffer = [0; 1500];
        let (length, from) = asker.recv_from(&mut buffer).expect("an answer");
        (from, FindAnswer::parse(&buffer[..length]).expect("an answer"))
    }

    #[test]
    fn every_server_of_a_machine_answers_and_ends() {
        let one = responder("0.0.0.0", "one", 0);
        let port = one.port;
        play(&[one, responder("127.0.0.7", "two", port), responder("::1", "three", port)], |asker, port| {
            let question = FindQuestion { nonce: Ticket::draw() };
            asker.send_to(question.to_string().as_bytes(), (EVERY_SOCKET, port)).expect("sent");
            let mut answers = [answer(asker), answer(asker)];
            answers.sort_by_key(|(_, answer)| answer.name.clone());
            let [(one, first), (two, second)] = answers;
            assert_eq!((one, first.name.as_str()), (SocketAddr::from(([127, 0, 0, 1], port)), "one"));
            assert_eq!((two, second.name.as_str()), (SocketAddr::from(([127, 0, 0, 7], port)), "two"));
            assert_eq!((first.port, first.tls_port, first.clients, first.max_clients), (Some(4400), Some(4403), 3, 50));
            assert!(first.nonce == question.nonce && first.id != second.id);
        });
    }

    #[test]
    fn a_port_is_told_to_whom_it_can_be_reached_by() {
        play(&[with_plain_at("127.0.0.1", "0.0.0.0", "one", 0)], |asker, port| {
            for (asked, main) in [([127, 0, 0, 1], Some(4400)), ([127, 0, 0, 7], None)] {
                let question = FindQuestion { nonce: Ticket::draw() };
                asker.send_to(question.to_string().as_bytes(), SocketAddr::from((asked, port))).expect("sent");
                let (from, answer) = answer(asker);
                assert_eq!((from.ip(), answer.port, answer.tls_port), (asked.into(), main, Some(4403)));
            }
        });
    }

    #[test]
    fn what_is_shorter_or_no_question_is_left_alone() {
        play(&[responder("0.0.0.0", "one", 0)], |asker, port| {
            let questions = [(); 2].map(|()| FindQuestion { nonce: Ticket::draw() });
            let [short, whole] = questions.map(|question| question.to_string());
            for datagram in ["", &short[..FIND_QUESTION_LENGTH - 1], short.trim_end(), &" ".repeat(1200), &whole] {
                asker.send_to(datagram.as_bytes(), (Ipv4Addr::LOCALHOST, port)).expect("sent");
            }
            // Datagrams of one sender stay in order here: the first answer is to the last question.
            assert_eq!(answer(asker).1.nonce, questions[1].nonce);
        });
    }
}
