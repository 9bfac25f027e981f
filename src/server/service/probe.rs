//! Whether other clients could connect to one: the server tries it as they would, with a ticket, so that it also knows
//! who answers. An address may be a router's that runs a client itself, or belong to somebody else by now.

use crate::net::{DeadlineReader, LineReader};
use crate::peer_protocol::{Answer, Opening, PeerRefusal, Proof, Side, TicketField};
use crate::protocol::{MAX_LINE, Refusal, Reply};
use crate::value::{Ticket, Username, with_scope_of};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long it may all take: a firewall that drops what it does not want never answers, and who knows nothing of a
/// ticket says so after 2 s.
const LIMIT: Duration = Duration::from_secs(3);

/// What is to be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Whose client is to be there.
    pub name: Username,
    /// The ticket that its session was sent, for this alone.
    pub ticket: Ticket,
    /// Where it listens, as its own list shows it.
    pub address: SocketAddr,
}

impl Probe {
    /// Connects, and has who listens there prove to be the client, whose session comes from `peer`. Only that session
    /// asks for it, and only it waits.
    pub fn run(&self, peer: SocketAddr) -> Reply {
        let at = self.address;
        let until = Instant::now() + LIMIT;
        let stream = match TcpStream::connect_timeout(&with_scope_of(at, peer), LIMIT) {
            Ok(stream) => stream,
            Err(error) => return Reply::Err(Refusal::Other(format!("You cannot be reached at {at}: {error}"))),
        };
        let (stream, first) = (Arc::new(stream), self.opening().to_string());
        match self.ask(&stream, &first, until) {
            // It ended without a word, or said nothing in time.
            Err(_) => Reply::Err(Refusal::OlderClient(at)),
            Ok(line) => match (line.parse::<Proof>(), Answer::parse(&line)) {
                (Ok(proof), _) if proof == Proof::of(Side::Callee, self.ticket, at, &first) => {
                    self.prove(&stream, &first);
                    Reply::Ok(format!("Others can reach you at {at}"))
                }
                (Ok(_), _) | (_, Answer::Refused(PeerRefusal::NotIntroduced)) => Reply::Err(Refusal::AnotherClient(at)),
                (_, Answer::Refused(full @ (PeerRefusal::TooManyConnections | PeerRefusal::Busy(_)))) => {
                    Reply::Err(Refusal::Other(format!("{at} answers: {full}")))
                }
                _ => Reply::Err(Refusal::OlderClient(at)),
            },
        }
    }

    fn opening(&self) -> Opening {
        Opening::Probe { name: self.name.clone(), ticket: TicketField::Start(self.ticket.start()) }
    }

    /// What is answered to the `first` line.
    fn ask(&self, stream: &Arc<TcpStream>, first: &str, until: Instant) -> io::Result<String> {
        // A client that has no place says so and closes: what is read tells that, though this cannot be written.
        let _ = (&**stream).write_all(format!("{first}\n").as_bytes());
        let mut lines = LineReader::new(DeadlineReader::new(Arc::clone(stream), Some(until)), MAX_LINE);
        match lines.next_line()? {
            Some(Ok(line)) => Ok(line.to_owned()),
            Some(Err(_)) | None => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Proves to the client, which has proven itself, who asks: so it need not keep the ticket. Its answer tells nothing
    /// more. Nobody else gets this: it would let them prove to be the server.
    fn prove(&self, stream: &TcpStream, first: &str) {
        let own = Proof::of(Side::Caller, self.ticket, self.address, first);
        let _ = (&*stream).write_all(format!("{own}\n").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::net::{Ipv4Addr, Shutdown, TcpListener};
    use std::thread;

    const TICKET: &str = "00112233445566778899aabbccddeeff";
    const FIRST: &str = "PROBE,alice,001122334455";

    fn probe(address: SocketAddr) -> Probe {
        Probe { name: "alice".parse().expect("a name"), ticket: TICKET.parse().expect("a ticket"), address }
    }

    /// What the server says when this is the answer at the client's address, where it goes on only with who has proven
    /// to be the client.
    fn answered(answer: impl FnOnce(SocketAddr) -> String + Send + 'static) -> (SocketAddr, String) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let client = thread::spawn(move || {
            let (stream, _) = listener.accept().expect("accepts");
            let mut lines = BufReader::new(&stream).lines();
            assert_eq!(lines.next().expect("a line").expect("text"), FIRST);
            (&stream).write_all(answer(address).as_bytes()).expect("written");
            stream.shutdown(Shutdown::Write).expect("open");
            lines.next().map(|line| line.expect("text"))
        });
        let reply = probe(address).run(address).to_string();
        let own = proof(Side::Caller, TICKET, address, FIRST);
        let proven = reply.starts_with("OK,").then(|| own.trim_end().to_owned());
        assert_eq!(client.join().expect("no panic"), proven, "{reply}");
        (address, reply)
    }

    fn proof(side: Side, ticket: &str, at: SocketAddr, first: &str) -> String {
        format!("{}\n", Proof::of(side, ticket.parse().expect("a ticket"), at, first))
    }

    #[test]
    fn who_proves_to_be_the_client_is_named_and_nobody_else() {
        let (at, reply) = answered(|at| proof(Side::Callee, TICKET, at, FIRST));
        assert_eq!(reply, format!("OK,Others can reach you at {at}"));
        let elsewhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let wrong: [fn(SocketAddr) -> String; 3] = [
            |at| proof(Side::Caller, TICKET, at, FIRST),
            |at| proof(Side::Callee, &TICKET.replace('0', "1"), at, FIRST),
            |at| proof(Side::Callee, TICKET, at, "CHAT,alice,001122334455"),
        ];
        for answer in wrong {
            let (at, reply) = answered(answer);
            assert_eq!(reply, format!("ERR,{at} is another client's, or a port forward"));
        }
        let (at, reply) = answered(move |_| proof(Side::Callee, TICKET, elsewhere, FIRST));
        assert_eq!(reply, format!("ERR,{at} is another client's, or a port forward"));
        let (at, reply) = answered(|_| format!("{}\n", Answer::Refused(PeerRefusal::NotIntroduced)));
        assert_eq!(reply, format!("ERR,{at} is another client's, or a port forward"));
        for answer in ["OK\n", "ERR,The first line must begin with CHAT\n", "\x1b\n", "proof_", ""] {
            let (at, reply) = answered(|_| answer.to_owned());
            assert_eq!(reply, format!("ERR,{at} is a client older than 0.2"), "{answer:?}");
        }
        let (at, reply) = answered(|_| "ERR,busy\n".to_owned());
        assert_eq!(reply, format!("ERR,{at} answers: busy"));
    }

    #[test]
    fn where_nobody_listens_the_system_says_why() {
        let unused = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port").local_addr().expect("bound");
        let reply = probe(unused).run(unused).to_string();
        assert!(reply.starts_with("ERR,You cannot be reached at ") && reply.contains("refused"), "{reply}");
    }
}
