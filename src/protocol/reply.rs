//! What the server says: the lines of its answers, and events.

use super::servers::parse_key;
use super::{Broadcast, Notice, Refusal, ServerList};
use crate::value::Epoch;
use crate::value::Fingerprint;
use crate::value::Ticket;
use crate::value::Username;
use crate::value::comma;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// What the server says, one variant a kind of line. `Ok`, `Err` and `Up` end an answer; the others are the data of
/// an answer or, where noted, events that can come at any time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's line names its fields in order")]
pub enum Reply {
    /// `OK` or `OK,...`: done; what follows the comma is for people, or fields.
    Ok(String),
    /// `ERR,...`: not done, and why.
    Err(Refusal),
    /// `UP`: done, and it replaced what was there.
    Up,
    /// `udp_TOKEN`: what this session's `hello_` datagrams must carry.
    Udp(Ticket),
    /// `ip_ADDRESS`: the address under which others will look for this client.
    Ip(IpAddr),
    /// `reach_all`: clients of other machines may log in, so one on the server's own listens for them too (`REACH`).
    ReachAll,
    /// `reach_ipv6`: some of them may come by IPv6.
    ReachIpv6,
    /// `name_NAME`: the account, as it was spelled at the sign-up.
    Name(Username),
    /// `epoch_HEX`: the sequence of which the numbers of this server's broadcasts are.
    Epoch(Epoch),
    /// `again_TOKEN`: by this the session goes on at another server when its connection has ended. It is as good as a password.
    Again(Ticket),
    /// `servers_IP:PORT,IP:PORT...`, in the answer to a login and as an event: the servers that share a directory, the one that
    /// says it first.
    Servers(ServerList),
    /// `serverkey_IP:PORT_sha256:HEX`, before a `servers_` line: the key that this one of them has.
    ServerKey { server: SocketAddr, key: Fingerprint },
    /// `menu_...`: a line of the menu.
    Menu(String),
    /// `client_NAME_IP:PORT`, and for a guest `_KIND` behind it. Port 0: it does not listen.
    Client { name: Username, address: SocketAddr, guest: Option<String> },
    /// `person_NAME_IP:PORT_UNIXTIME_FLAG`, and for a guest `_KIND` behind it: since when they are there. FLAG is `dnd` for who
    /// does not want to be disturbed, else `-`.
    Person { name: Username, address: SocketAddr, since: u64, dnd: bool, guest: Option<String> },
    /// `joined_NAME_IP:PORT`, an event, with `_KIND` behind it for a guest: NAME has become active, or has another address.
    Joined { name: Username, address: SocketAddr, guest: Option<String> },
    /// `left_NAME`, an event: NAME is not active any more.
    Left(Username),
    /// `ticket_NAME_HEX`: to the asker in an answer, to the other side as an event.
    Ticket { name: Username, ticket: Ticket },
    /// `key_NAME_sha256:HEX`: the key of NAME; it belongs to the ticket of the next line alone.
    Key { name: Username, key: Fingerprint },
    /// `peer_IP:PORT`: where to connect.
    Peer(SocketAddr),
    /// `files_NAME,file...`: some of a user's files.
    Files { name: Username, files: Vec<String> },
    /// `bcast_SEQ_UNIXTIME_FROM_TEXT`, an event.
    Broadcast(Broadcast),
    /// `msg_FROM_TEXT`, an event: a message that the server relayed.
    Message { from: Username, text: String },
    /// `notice_TEXT`, an event: the server is about to do something to you.
    Notice(Notice),
    /// A line this version does not know.
    Other(String),
}

/// The word of [`Reply::Again`], and what is between it and the token.
const AGAIN: &str = "again_";
/// The flag of [`Reply::Person`].
const DO_NOT_DISTURB: &str = "dnd";
/// Stands where there is no flag.
const NO_FLAG: &str = "-";

/// The line of [`Reply::Ok`] for what is no text yet, and is written right where the line goes.
pub struct Done<T>(pub T);

impl<T: fmt::Display> fmt::Display for Done<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OK,{}", self.0)
    }
}

impl Reply {
    /// Reads one line, without its line end. What is not understood becomes [`Reply::Other`]: a newer server may
    /// say more.
    pub fn parse(line: &str) -> Reply {
        Self::parse_known(line).unwrap_or_else(|| Reply::Other(line.to_owned()))
    }

    /// Whether this line ends an answer.
    pub fn is_final(&self) -> bool {
        matches!(self, Reply::Ok(_) | Reply::Err(_) | Reply::Up)
    }

    /// Whether nobody is to see it: it lets whoever has it log in, or may have been meant so.
    pub fn is_secret(&self) -> bool {
        match self {
            Reply::Again(_) => true,
            Reply::Other(line) => line.starts_with(AGAIN),
            Reply::Ok(_)
            | Reply::Err(_)
            | Reply::Up
            | Reply::Udp(_)
            | Reply::Ip(_)
            | Reply::ReachAll
            | Reply::ReachIpv6
            | Reply::Name(_)
            | Reply::Epoch(_)
            | Reply::Servers(_)
            | Reply::ServerKey { .. }
            | Reply::Menu(_)
            | Reply::Client { .. }
            | Reply::Person { .. }
            | Reply::Joined { .. }
            | Reply::Left(_)
            | Reply::Ticket { .. }
            | Reply::Key { .. }
            | Reply::Peer(_)
            | Reply::Files { .. }
            | Reply::Broadcast(_)
            | Reply::Message { .. }
            | Reply::Notice(_) => false,
        }
    }

    fn parse_known(line: &str) -> Option<Reply> {
        match line.split_once(',').unwrap_or((line, "")) {
            ("OK", text) => return Some(Reply::Ok(text.to_owned())),
            ("ERR", text) => return Some(Reply::Err(Refusal::parse(text))),
            ("UP", _) => return Some(Reply::Up),
            _ => {}
        }
        let (word, rest) = line.split_once('_')?;
        Some(match word {
            "udp" => Reply::Udp(rest.parse().ok()?),
            "ip" => Reply::Ip(rest.parse().ok()?),
            "name" => Reply::Name(rest.parse().ok()?),
            "reach" if rest == "all" => Reply::ReachAll,
            "reach" if rest == "ipv6" => Reply::ReachIpv6,
            "epoch" => Reply::Epoch(rest.parse().ok()?),
            "again" => Reply::Again(rest.parse().ok()?),
            "servers" => Reply::Servers(rest.parse().ok()?),
            "serverkey" => {
                let (server, key) = parse_key(rest)?;
                Reply::ServerKey { server, key }
            }
            "menu" => Reply::Menu(rest.to_owned()),
            "client" => {
                let (name, address, guest) = parse_client(rest)?;
                Reply::Client { name, address, guest }
            }
            "person" => {
                let mut fields = rest.splitn(5, '_');
                let (name, address) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
                let since = fields.next()?.parse().ok()?;
                let dnd = match fields.next()? {
                    DO_NOT_DISTURB => true,
                    NO_FLAG => false,
                    _ => return None,
                };
                Reply::Person { name, address, since, dnd, guest: fields.next().map(str::to_owned) }
            }
            "joined" => {
                let (name, address, guest) = parse_client(rest)?;
                Reply::Joined { name, address, guest }
            }
            "left" => Reply::Left(rest.parse().ok()?),
            "ticket" => {
                let (name, ticket) = rest.split_once('_')?;
                Reply::Ticket { name: name.parse().ok()?, ticket: ticket.parse().ok()? }
            }
            "key" => {
                let (name, key) = rest.split_once('_')?;
                Reply::Key { name: name.parse().ok()?, key: key.parse().ok()? }
            }
            "peer" => Reply::Peer(rest.parse().ok()?),
            "files" => {
                let mut fields = comma::split(rest).into_iter();
                Reply::Files { name: fields.next()?.parse().ok()?, files: fields.collect() }
            }
            "bcast" => Reply::Broadcast(Broadcast::parse(line)?),
            "msg" => {
                let (from, text) = rest.split_once('_')?;
                Reply::Message { from: from.parse().ok()?, text: text.to_owned() }
            }
            "notice" => Reply::Notice(Notice::parse(rest)),
            _ => return None,
        })
    }
}

/// `NAME_IP:PORT`, and for a guest `_KIND` behind it.
fn parse_client(rest: &str) -> Option<(Username, SocketAddr, Option<String>)> {
    let mut fields = rest.splitn(3, '_');
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?, fields.next().map(str::to_owned)))
}

/// The mirror of [`parse_client`], behind the word for it.
fn write_client(
    f: &mut fmt::Formatter<'_>,
    word: &str,
    name: &Username,
    address: &SocketAddr,
    guest: Option<&str>,
) -> fmt::Result {
    write!(f, "{word}_{name}_{address}")?;
    guest.map_or(Ok(()), |kind| write!(f, "_{kind}"))
}

/// The line of a reply, without its line end: the mirror of [`Reply::parse`].
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Ok(text) if text.is_empty() => f.write_str("OK"),
            Reply::Ok(text) => Done(text).fmt(f),
            Reply::Err(refusal) => write!(f, "ERR,{refusal}"),
            Reply::Up => f.write_str("UP"),
            Reply::Udp(token) => write!(f, "udp_{token}"),
            Reply::Ip(ip) => write!(f, "ip_{ip}"),
            Reply::Name(name) => write!(f, "name_{name}"),
            Reply::ReachAll => f.write_str("reach_all"),
            Reply::ReachIpv6 => f.write_str("reach_ipv6"),
            Reply::Epoch(epoch) => write!(f, "epoch_{epoch}"),
            Reply::Again(token) => write!(f, "{AGAIN}{token}"),
            Reply::Servers(servers) => write!(f, "servers_{servers}"),
            Reply::ServerKey { server, key } => write!(f, "serverkey_{server}_{key}"),
            Reply::Menu(text) => write!(f, "menu_{text}"),
            Reply::Client { name, address, guest } => write_client(f, "client", name, address, guest.as_deref()),
            Reply::Person { name, address, since, dnd, guest } => {
                let flag = if *dnd { DO_NOT_DISTURB } else { NO_FLAG };
                write!(f, "person_{name}_{address}_{since}_{flag}")?;
                guest.as_ref().map_or(Ok(()), |kind| write!(f, "_{kind}"))
            }
            Reply::Joined { name, address, guest } => write_client(f, "joined", name, address, guest.as_deref()),
            Reply::Left(name) => write!(f, "left_{name}"),
            Reply::Key { name, key } => write!(f, "key_{name}_{key}"),
            Reply::Ticket { name, ticket } => write!(f, "ticket_{name}_{ticket}"),
            Reply::Peer(address) => write!(f, "peer_{address}"),
            Reply::Files { name, files } => {
                let fields = [name.as_str()].into_iter().chain(files.iter().map(String::as_str));
                write!(f, "files_{}", comma::join(fields))
            }
            Reply::Broadcast(broadcast) => broadcast.fmt(f),
            Reply::Message { from, text } => write!(f, "msg_{from}_{text}"),
            Reply::Notice(notice) => write!(f, "notice_{notice}"),
            Reply::Other(line) => f.write_str(line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reply_there_and_back() {
        let lines = [
            "OK",
            "OK,Goodbye",
            "ERR,User not found!",
            "UP",
            "udp_00112233445566778899aabbccddeeff",
            "ip_127.0.0.2",
            "reach_all",
            "reach_ipv6",
            "epoch_00112233445566778899aabbccddeeff",
            "again_00112233445566778899aabbccddeeff",
            "servers_10.0.0.1:4400",
            "servers_10.0.0.1:4400,[fd00::1]:4400",
            "serverkey_10.0.0.1:4403_sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
            "menu_1. List",
            "client_bob_127.0.0.2:4401",
            "client_eve_127.0.0.3:12000_guest-packet",
            "person_bob_127.0.0.2:4401_1700000000_-",
            "person_bob_[fd00::1]:4401_1700000000_dnd",
            "person_eve_127.0.0.3:12000_1700000000_-_guest-packet",
            "joined_bob_127.0.0.2:4401",
            "joined_eve_127.0.0.3:12000_guest-packet",
            "left_bob",
            "ticket_bob_00112233445566778899aabbccddeeff",
            "key_bob_sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
            "peer_127.0.0.2:4401",
            "files_bob,\"a,b\",c",
            "bcast_7_1700000000_bob_under_score",
            "msg_bob_hi_there",
            "notice_Inactive for too long",
        ];
        for line in lines {
            let reply = Reply::parse(line);
            assert!(!matches!(reply, Reply::Other(_)), "{line}");
            assert_eq!(reply.to_string(), line);
        }
    }

    #[test]
    fn a_broken_reply_is_other() {
        for line in [
            "",
            "hello",
            "bcast_x_1_bob_hi",
            "bcast_1_1_bob",
            "peer_bob",
            "epoch_0",
            "again_00112233445566778899aabbccddeef",
            "servers_",
            "servers_10.0.0.1:4400,",
            "serverkey_10.0.0.1:4403",
            "ticket_bob_12",
            "key_bob_sha256:12",
            "client_bob",
            "joined_bob",
            "left_",
            "person_bob_127.0.0.2:0_x_-",
        ] {
            assert_eq!(Reply::parse(line), Reply::Other(line.to_owned()));
        }
    }

    #[test]
    fn a_token_is_a_secret_also_where_it_is_none() {
        for secret in ["again_00112233445566778899aabbccddeeff", "again_00112233445566778899AABBCCDDEEFF!", "again_"] {
            assert!(Reply::parse(secret).is_secret(), "{secret}");
        }
        for line in ["OK,again_1", "epoch_00112233445566778899aabbccddeeff", "notice_again_1", "against_1"] {
            assert!(!Reply::parse(line).is_secret(), "{line}");
        }
    }
}
