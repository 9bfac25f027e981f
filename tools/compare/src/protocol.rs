//! What a client says to each server that is compared: to come, to be told what others say, to say something to all,
//! to ask a question of one line. Pure.

use peerline_stress::wire::PASSWORD;

/// In each text that is said to all, once, and in nothing else that a server sends: receivers count it, whatever the
/// form of a message is.
pub const MARK: u8 = b'|';

/// The language of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Ours.
    Peerline,
    /// Of redis: publish and subscribe.
    Redis,
    /// Of nats-server.
    Nats,
    /// IRC: a channel.
    Irc,
    /// MQTT 3.1.1: a topic, QoS 0.
    Mqtt,
    /// A line comes back as it was.
    Echo,
}

/// What is said, and what an answer to it has in it. Another step may come only then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// To the server.
    pub say: Vec<u8>,
    /// The end of what it answers.
    pub until: &'static [u8],
}

fn step(say: impl Into<Vec<u8>>, until: &'static [u8]) -> Step {
    Step { say: say.into(), until }
}

/// The account of a client.
pub fn name(number: usize) -> String {
    format!("m{number}")
}

/// What is said to all: 64 bytes, as a line that people say.
pub fn text() -> String {
    format!("{}{:.>63}", char::from(MARK), "a line that somebody says to all others")
}

impl Protocol {
    /// To be somebody, who is told nothing yet where that can be chosen.
    pub fn come(self, number: usize) -> Step {
        let name = name(number);
        match self {
            Protocol::Peerline => step(format!("LOGIN,{name},{PASSWORD}\n"), b"OK,Login successful!\n"),
            Protocol::Redis => step("PING\r\n", b"+PONG\r\n"),
            Protocol::Nats => step("CONNECT {\"verbose\":false}\r\nPING\r\n", b"PONG\r\n"),
            Protocol::Irc => step(format!("NICK {name}\r\nUSER {name} 0 * :{name}\r\n"), b" 376 "),
            Protocol::Mqtt => step(mqtt_connect(&name), &[0x20, 2, 0, 0]),
            Protocol::Echo => step("whoami\n", b"whoami\n"),
        }
    }

    /// To be told what others say.
    pub fn subscribe(self) -> Option<Step> {
        match self {
            Protocol::Peerline | Protocol::Echo => None,
            Protocol::Redis => Some(step("SUBSCRIBE c\r\n", b":1\r\n")),
            Protocol::Nats => Some(step("SUB c 1\r\nPING\r\n", b"PONG\r\n")),
            Protocol::Irc => Some(step("JOIN #c\r\n", b" 366 ")),
            Protocol::Mqtt => Some(step([0x82, 6, 0, 1, 0, 1, b'c', 0], &[0x90, 3, 0, 1, 0])),
        }
    }

    /// Whether only who is told what others say may say something.
    pub fn publisher_subscribes(self) -> bool {
        self == Protocol::Irc
    }

    /// To say a text to all.
    pub fn publish(self, text: &str) -> Vec<u8> {
        let length = text.len();
        match self {
            Protocol::Peerline => format!("bcast_{text}\n").into(),
            Protocol::Redis => format!("*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n${length}\r\n{text}\r\n").into(),
            Protocol::Nats => format!("PUB c {length}\r\n{text}\r\n").into(),
            Protocol::Irc => format!("PRIVMSG #c :{text}\r\n").into(),
            Protocol::Mqtt => mqtt(0x30, &[&[0, 1, b'c'], text.as_bytes()].concat()),
            Protocol::Echo => format!("{text}\n").into(),
        }
    }

    /// A question whose answer is one line.
    pub fn ask(self) -> &'static str {
        match self {
            Protocol::Redis | Protocol::Nats | Protocol::Irc | Protocol::Mqtt => "PING\r\n",
            Protocol::Peerline | Protocol::Echo => "whoami\n",
        }
    }
}

/// A packet of fewer than 128 bytes behind its head: all that is sent here.
fn mqtt(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![kind, body.len() as u8];
    packet.extend_from_slice(body);
    packet
}

/// A clean session without a time limit.
fn mqtt_connect(name: &str) -> Vec<u8> {
    let head = [0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0, 0, name.len() as u8];
    mqtt(0x10, &[&head, name.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Protocol; 6] =
        [Protocol::Peerline, Protocol::Redis, Protocol::Nats, Protocol::Irc, Protocol::Mqtt, Protocol::Echo];

    #[test]
    fn only_texts_to_all_have_the_mark_and_they_have_it_once() {
        let marks = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == MARK).count();
        for protocol in ALL {
            assert_eq!(marks(&protocol.publish(&text())), 1, "{protocol:?}");
            for step in [protocol.come(124)].iter().chain(&protocol.subscribe()) {
                assert_eq!(marks(&step.say), 0, "{protocol:?}");
            }
        }
        assert_eq!(text().len(), 64);
    }

    #[test]
    fn a_packet_of_mqtt_says_its_length() {
        assert_eq!(mqtt(0x30, b"ab"), [0x30, 2, b'a', b'b']);
        let connect = mqtt_connect("m17");
        assert_eq!(usize::from(connect[1]) + 2, connect.len());
        assert_eq!(&connect[12..], [0, 3, b'm', b'1', b'7']);
    }
}
