//! The socket that asks all networks of this machine, three times, and takes what answers for 0.9 s.

use super::networks::Networks;
use super::servers::{Answers, Found};
use crate::protocol::{FIND_PORT, FindQuestion, MAX_FIND_ANSWER};
use crate::value::Ticket;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

/// When the question is asked: a datagram may be lost, and a wireless network keeps broadcasts for devices that sleep.
const ROUNDS: [Duration; 3] = [Duration::ZERO, Duration::from_millis(300), Duration::from_millis(600)];
/// When the last answer is taken.
const END: Duration = Duration::from_millis(900);

/// The most datagrams that are looked at before the next round: whoever sends more must not have us listen for ever.
const MAX_DATAGRAMS: usize = 4096;
/// A read waits no less: 0 would be for ever.
const LEAST_WAIT: Duration = Duration::from_millis(1);

/// A search for servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Addresses that are asked beside the networks of this machine.
    pub at: Vec<Ipv4Addr>,
}

impl Search {
    /// Asks, and gives the servers that answered. It takes 0.9 s.
    ///
    /// # Errors
    /// A sentence: this machine has no network for one.
    pub fn run(&self) -> Result<Vec<Found>, String> {
        let found = Networks::now().and_then(|networks| self.ask(networks, FIND_PORT));
        found.map_err(|error| format!("the network cannot be asked for servers: {error}"))
    }

    fn ask(&self, networks: Networks, port: u16) -> io::Result<Vec<Found>> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.set_broadcast(true)?;
        let question = FindQuestion { nonce: Ticket::draw() };
        let mut answers = Answers::new(question.nonce, networks.own);
        let (question, begin) = (question.to_string(), Instant::now());
        let ends = ROUNDS.into_iter().skip(1).chain([END]);
        for end in ends {
            for ip in networks.broadcast.iter().chain(&self.at) {
                // Such as a network without a route: the others are asked all the same.
                if let Err(error) = socket.send_to(question.as_bytes(), (*ip, port)) {
                    log::debug!("{ip}: {error}");
                }
            }
            take_until(&socket, begin + end, &mut answers)?;
        }
        Ok(answers.servers())
    }
}

/// Takes answers until then.
fn take_until(socket: &UdpSocket, end: Instant, answers: &mut Answers) -> io::Result<()> {
    // One byte more than an answer may have: a longer one would be cut, and could be taken for one.
    let mut datagram = [0; MAX_FIND_ANSWER + 1];
    for _ in 0..MAX_DATAGRAMS {
        // At the end what has arrived is still taken: this process may have had to wait for its turn.
        let left = end.saturating_duration_since(Instant::now());
        socket.set_read_timeout(Some(left.max(LEAST_WAIT)))?;
        match socket.recv_from(&mut datagram) {
            Ok((length, from)) => {
                if let IpAddr::V4(ip) = from.ip() {
                    answers.take(&datagram[..length], ip);
                }
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut if left.is_zero() => return Ok(()),
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                _ => return Err(error),
            },
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::servers::{Ports, Target};
    use super::*;
    use crate::protocol::FIND_QUESTION_LENGTH;
    use std::thread;

    /// A server of this test answers the three questions: to the second one at another address, to all of them with an
    /// answer to somebody else's question as well.
    #[test]
    fn three_questions_and_one_server() {
        let server = UdpSocket::bind("0.0.0.0:0").expect("a free port");
        server.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        let other = UdpSocket::bind("127.0.0.9:0").expect("an address of loopback");
        let port = server.local_addr().expect("bound").port();
        let serving = thread::spawn(move || {
            let (mut asked, mut buffer) = (Vec::new(), [0; 1500]);
            for round in 0..3 {
                let (length, from) = server.recv_from(&mut buffer).expect("a question");
                assert_eq!(length, FIND_QUESTION_LENGTH);
                let question = FindQuestion::parse(&buffer[..length]).expect("a question");
                let answer = |nonce: Ticket| format!("server_room-12_4400_0_1_50_0123456789abcdef_{nonce}");
                server.send_to(answer(Ticket::draw()).replace("room", "liar").as_bytes(), from).expect("sent");
                let socket = if round == 1 { &other } else { &server };
                socket.send_to(answer(question.nonce).as_bytes(), from).expect("sent");
                asked.push(question.nonce);
            }
            asked
        });
        let everybody_here = vec![Ipv4Addr::new(127, 255, 255, 255)];
        let networks = Networks { own: Vec::new(), broadcast: everybody_here };
        let found = Search::default().ask(networks, port).expect("a network");
        let asked = serving.join().expect("no panic");
        assert!(asked.iter().all(|nonce| *nonce == asked[0]));
        let found: Vec<_> =
            found.iter().map(|found| (found.name.to_string(), found.target(Ports::Best), found.here)).collect();
        let target = Target { address: ([127, 0, 0, 1], 4400).into(), host: "127.0.0.1".to_owned(), by_tls: false };
        assert_eq!(found, [("room-12".to_owned(), Some(target), true)]);
    }
}
