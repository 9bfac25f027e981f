//! Why there is no session with the server at all, in sentences that say what to do. It knows no session.

use crate::client::event::{LinkError, NoConnection};
use std::net::SocketAddr;

/// The sentence for who could not log in even once, by TLS or in the clear.
pub fn not_there(server: SocketAddr, by_tls: bool, error: &LinkError) -> String {
    match error {
        LinkError::Connect(why) => format!("no server at {server}: {why}. {}", what_to_do(server, why)),
        LinkError::NoGreeting => {
            let what_to_do = if by_tls { "" } else { ". A port for TLS wants --tls" };
            format!(
                "another program listens at {server}, or it is not the server's main port: nobody greets there{what_to_do}"
            )
        }
        LinkError::Refused(why) | LinkError::Banned(why) | LinkError::Full(why) => {
            format!("the server at {server} says: {why}")
        }
        LinkError::OtherKey(why) | LinkError::NotTrusted(why) => why.clone(),
        LinkError::Lost | LinkError::NoTls(_) | LinkError::InTheClear(_) => format!("the server at {server}: {error}"),
        LinkError::Silent => format!(
            "the server at {server} greets and then does not answer: it hangs, or a network on the way loses large packets \
             (some VPNs do)"
        ),
    }
}

/// Sentences of several lines as they are shown among others, in one: what is set in below one of them becomes a sentence.
pub fn in_one_line(why: &str) -> String {
    let mut line = String::new();
    let mut was_set_in = false;
    for part in why.lines() {
        let is_set_in = part.starts_with("  ");
        line += match (was_set_in, is_set_in) {
            _ if line.is_empty() => "",
            (true, true) => ", ",
            (true, false) => ". ",
            (false, _) => " ",
        };
        line += part.trim();
        was_set_in = is_set_in;
    }
    line
}

fn what_to_do(server: SocketAddr, why: &NoConnection) -> String {
    let port = server.port();
    match why {
        NoConnection::Refused if server.ip().is_loopback() => "Is it started, and is the port right?".to_owned(),
        NoConnection::Refused => {
            "Is it started, is the port right, and does it listen on more than loopback (--bind 0.0.0.0)?".to_owned()
        }
        NoConnection::Silent => format!(
            "Is that its address? A firewall there may drop TCP port {port}: open it. Or a wireless network keeps its \
             clients apart: use a cable, or another network"
        ),
        NoConnection::NoHost => "Is that its address, and is the machine on? A wireless network may keep its clients \
                                 apart: use a cable, or another network"
            .to_owned(),
        NoConnection::NoNetwork => "This machine has no way to that network: use the address that the server has in a \
                                    network of yours, or join its network"
            .to_owned(),
        NoConnection::Other(_) => "Is it started, and are address and port right?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_one_that_can_be_read() {
        let why = "the key of it is not known. Nothing was sent there.\n  known: a\n  known: b\n  shown: c\nAsk whoever runs it";
        let line =
            "the key of it is not known. Nothing was sent there. known: a, known: b, shown: c. Ask whoever runs it";
        assert_eq!(in_one_line(why), line);
        assert_eq!(in_one_line("one sentence"), "one sentence");
    }
}
