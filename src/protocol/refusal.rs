//! Why the server does not do what it was asked: what stands behind `ERR,`.
//!
//! A program decides by the variant; the sentence is for people. Parsing and formatting are mirrors: a text that is
//! not exactly one of the sentences below is [`Refusal::Other`], so what is read is always written back as it was.

use super::{BadRequest, Ban};
use crate::value::sentence::{between, count_of, counted};
use crate::value::{Address, Username};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Why not. `Display` is the sentence, which also says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's line names its fields in order")]
pub enum Refusal {
    /// More lines a second than this rate: the line was not carried out, and may be sent again a second later.
    TooFast(u32),
    /// Only `login`, `signup`, `help` and `quit` are answered before the login.
    LogInFirst,
    /// No account has this name and password.
    InvalidCredentials,
    /// The token of an `AGAIN` is none, or none any more: the name and the password are wanted.
    LogInWithPassword,
    /// So many logins with this name from this address wait for their turn that it can come in so many seconds.
    TooManyWrongPasswords { name: Username, seconds: u64 },
    /// The queue of logins is too long, or did not get to this one in time.
    BusyWithLogins,
    /// An account has the name that a sign-up wants.
    NameTaken,
    /// The second password of a sign-up is not the first.
    PasswordsDoNotMatch,
    /// So many clients are connected, which is the most at a time; the connection ends.
    ServerFull(usize),
    /// No active client has the name that a lookup asks for.
    UserNotFound,
    /// No active client has the ADDR of a message, a relay or an introduction.
    NobodyThere(Address),
    /// So many clients have the IP that was given as ADDR.
    Ambiguous { clients: usize, at: Address },
    /// The target has no listening port that the asker could reach: only `relay_` gets there.
    NotListening(Username),
    /// The target, on the server's own machine, listens for clients of that machine alone, and the asker is elsewhere.
    OnThisMachineOnly(Username),
    /// The target has a link-local address, and the asker is on another network, where that leads elsewhere.
    OnAnotherLink(Username),
    /// Asker and target both come from this address, and listen on the same port: there is a router, and both are behind
    /// it.
    OneRouter { name: Username, at: IpAddr },
    /// The target is a guest, to whom only clients of its dialect can talk: `guest-DIALECT` in a list.
    OtherDialect { name: Username, dialect: String },
    /// The target is just being disconnected.
    JustLeaving(Username),
    /// The target is connected in the clear, and the asker by TLS: what the server handed over could be read on the way.
    ListensInTheClear(Username),
    /// Nothing was heard of the target for a while: a text that was handed over now would be lost.
    NotThere,
    /// The ADDR is the asker's own.
    Yourself,
    /// The answer to `probe`: who listens at the client's address does not know the ticket, or sees another address.
    AnotherClient(SocketAddr),
    /// The answer to `probe`: who listens at the client's address knows no proof.
    OlderClient(SocketAddr),
    /// The first word is no command of this server, which may be older than the client.
    UnknownCommand,
    /// `Not now: ...`: something that the server needs is out of order; nothing was done.
    NotNow(String),
    /// Whoever runs the server has banned the account, which only who knows its password is told; or the address, which is
    /// told instead of the greeting.
    Banned(Ban),
    /// Anything else: for people alone.
    Other(String),
}

const LOG_IN_FIRST: &str = "Log in first: send login or signup";
const INVALID_CREDENTIALS: &str = "Invalid credentials";
const LOG_IN_WITH_PASSWORD: &str = "Log in with your password";
const BUSY: &str = "The server is busy with other logins: try again in a minute";
const NAME_TAKEN: &str = "Username not available";
const NO_MATCH: &str = "Passwords do not match";
const NOT_FOUND: &str = "User not found!";
// Begins as the sentence of those who do not listen at all: an older client takes it for that, and has it relayed.
const ON_THIS_MACHINE_ONLY: &str = "accepts no connections from other machines";
// The same.
const ON_ANOTHER_LINK: &str = "accepts no connections from outside its own link, and has a link-local address: use, both of \
                               you, the server's address in a network that you share";
const IN_THE_CLEAR: &str = "listens in the clear";
const NOT_THERE: &str = "Not there at the moment";
// Begins so too, for the same reason.
const ONE_ROUTER: &str = "accepts no connections from behind the same router, and you both come from ";
const YOURSELF: &str = "That is yourself";
const ANOTHER_CLIENT: &str = "is another client's, or a port forward";
const OLDER_CLIENT: &str = "is a client older than 0.2";

impl Refusal {
    /// A refusal that is for people alone.
    pub fn other(sentence: impl Into<String>) -> Refusal {
        Refusal::Other(sentence.into())
    }

    /// Reads what stands behind `ERR,`.
    pub fn parse(text: &str) -> Refusal {
        // A number written in another way than ours would be written back differently.
        let known =
            Self::parse_plain(text).or_else(|| Self::parse_fields(text)).filter(|known| known.to_string() == text);
        known.unwrap_or_else(|| Refusal::Other(text.to_owned()))
    }

    fn parse_plain(text: &str) -> Option<Refusal> {
        Some(match text {
            LOG_IN_FIRST => Refusal::LogInFirst,
            INVALID_CREDENTIALS => Refusal::InvalidCredentials,
            LOG_IN_WITH_PASSWORD => Refusal::LogInWithPassword,
            BUSY => Refusal::BusyWithLogins,
            NAME_TAKEN => Refusal::NameTaken,
            NO_MATCH => Refusal::PasswordsDoNotMatch,
            NOT_FOUND => Refusal::UserNotFound,
            YOURSELF => Refusal::Yourself,
            NOT_THERE => Refusal::NotThere,
            _ if text == BadRequest::Unknown.to_string() => Refusal::UnknownCommand,
            _ => return None,
        })
    }

    fn parse_fields(text: &str) -> Option<Refusal> {
        if let Some(rate) = between(text, "Too fast: at most ", " a second; wait and send it again") {
            return count_of(rate, "line").map(Refusal::TooFast);
        }
        if let Some(clients) = between(text, "Server full (", "): try again later") {
            return count_of(clients, "client").map(Refusal::ServerFull);
        }
        if let Some(rest) = between(text, "Too many wrong passwords for ", " s") {
            let (name, seconds) = rest.split_once(": try again in ")?;
            return Some(Refusal::TooManyWrongPasswords { name: name.parse().ok()?, seconds: seconds.parse().ok()? });
        }
        if let Some(to) = between(text, "User not found! Nobody active is ", ": send list") {
            return to.parse().ok().map(Refusal::NobodyThere);
        }
        if let Some(why) = text.strip_prefix("Not now: ") {
            return Some(Refusal::NotNow(why.to_owned()));
        }
        if let Some(ban) = Ban::parse(text) {
            return Some(Refusal::Banned(ban));
        }
        if let Some(rest) = text.strip_suffix(": give IP:PORT or a username") {
            let (clients, at) = rest.split_once(" are at ")?;
            return Some(Refusal::Ambiguous { clients: count_of(clients, "client")?, at: at.parse().ok()? });
        }
        let (name, rest) = text.split_once(' ')?;
        match rest {
            ANOTHER_CLIENT => return name.parse().ok().map(Refusal::AnotherClient),
            OLDER_CLIENT => return name.parse().ok().map(Refusal::OlderClient),
            _ => {}
        }
        let name: Username = name.parse().ok()?;
        if rest.starts_with(ON_THIS_MACHINE_ONLY) {
            return Some(Refusal::OnThisMachineOnly(name));
        }
        if rest.starts_with(ON_ANOTHER_LINK) {
            return Some(Refusal::OnAnotherLink(name));
        }
        if let Some(rest) = rest.strip_prefix(ONE_ROUTER) {
            return Some(Refusal::OneRouter { name, at: rest.split_once(": ")?.0.parse().ok()? });
        }
        if rest.starts_with("accepts no connections") {
            return Some(Refusal::NotListening(name));
        }
        if rest == IN_THE_CLEAR {
            return Some(Refusal::ListensInTheClear(name));
        }
        if rest == "is just leaving" {
            return Some(Refusal::JustLeaving(name));
        }
        let (dialect, _) = rest.strip_prefix("is a guest who speaks the ")?.split_once(" dialect")?;
        Some(Refusal::OtherDialect { name, dialect: dialect.to_owned() })
    }
}

/// The sentence: the mirror of [`Refusal::parse`].
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::TooFast(rate) => {
                write!(f, "Too fast: at most {} a second; wait and send it again", counted(*rate, "line"))
            }
            Refusal::LogInFirst => f.write_str(LOG_IN_FIRST),
            Refusal::InvalidCredentials => f.write_str(INVALID_CREDENTIALS),
            Refusal::LogInWithPassword => f.write_str(LOG_IN_WITH_PASSWORD),
            Refusal::TooManyWrongPasswords { name, seconds } => {
                write!(f, "Too many wrong passwords for {name}: try again in {seconds} s")
            }
            Refusal::BusyWithLogins => f.write_str(BUSY),
            Refusal::NameTaken => f.write_str(NAME_TAKEN),
            Refusal::PasswordsDoNotMatch => f.write_str(NO_MATCH),
            Refusal::ServerFull(max) => write!(f, "Server full ({}): try again later", counted(*max, "client")),
            Refusal::UserNotFound => f.write_str(NOT_FOUND),
            Refusal::NobodyThere(to) => write!(f, "User not found! Nobody active is {to}: send list"),
            Refusal::Ambiguous { clients, at } => {
                write!(f, "{} are at {at}: give IP:PORT or a username", counted(*clients, "client"))
            }
            Refusal::NotListening(name) => write!(f, "{name} accepts no connections: send relay_TEXT_{name}"),
            Refusal::OnThisMachineOnly(name) => write!(f, "{name} {ON_THIS_MACHINE_ONLY}: send relay_TEXT_{name}"),
            Refusal::OnAnotherLink(name) => write!(f, "{name} {ON_ANOTHER_LINK}, or send relay_TEXT_{name}"),
            Refusal::OneRouter { name, at } => {
                write!(f, "{name} {ONE_ROUTER}{at}: run a server inside that network, or send relay_TEXT_{name}")
            }
            Refusal::OtherDialect { name, dialect } => write!(
                f,
                "{name} is a guest who speaks the {dialect} dialect: only clients of that dialect can talk to {name}"
            ),
            Refusal::JustLeaving(name) => write!(f, "{name} is just leaving"),
            Refusal::ListensInTheClear(name) => write!(f, "{name} {IN_THE_CLEAR}"),
            Refusal::Yourself => f.write_str(YOURSELF),
            Refusal::NotThere => f.write_str(NOT_THERE),
            Refusal::AnotherClient(at) => write!(f, "{at} {ANOTHER_CLIENT}"),
            Refusal::OlderClient(at) => write!(f, "{at} {OLDER_CLIENT}"),
            Refusal::UnknownCommand => BadRequest::Unknown.fmt(f),
            Refusal::NotNow(why) => write!(f, "Not now: {why}"),
            Refusal::Banned(ban) => ban.fmt(f),
            Refusal::Other(sentence) => f.write_str(sentence),
        }
    }
}

impl From<BadRequest> for Refusal {
    fn from(bad: BadRequest) -> Refusal {
        match bad {
            BadRequest::Unknown => Refusal::UnknownCommand,
            other => Refusal::Other(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_refusal_there_and_back() {
        let lines = [
            "Too fast: at most 20 lines a second; wait and send it again",
            "Too fast: at most 1 line a second; wait and send it again",
            "Log in first: send login or signup",
            "Invalid credentials",
            "Log in with your password",
            "Too many wrong passwords for alice: try again in 3 s",
            "The server is busy with other logins: try again in a minute",
            "Username not available",
            "Passwords do not match",
            "Server full (50 clients): try again later",
            "User not found!",
            "User not found! Nobody active is bob: send list",
            "User not found! Nobody active is 127.0.0.2:4401: send list",
            "3 clients are at 10.0.0.7: give IP:PORT or a username",
            "bob accepts no connections: send relay_TEXT_bob",
            "bob accepts no connections from other machines: send relay_TEXT_bob",
            "bob accepts no connections from outside its own link, and has a link-local address: use, both of you, the \
             server's address in a network that you share, or send relay_TEXT_bob",
            "eve is a guest who speaks the packet dialect: only clients of that dialect can talk to eve",
            "bob is just leaving",
            "bob listens in the clear",
            "That is yourself",
            "bob accepts no connections from behind the same router, and you both come from 10.9.0.254: run a server inside \
             that network, or send relay_TEXT_bob",
            "bob accepts no connections from behind the same router, and you both come from fd00::1: run a server inside \
             that network, or send relay_TEXT_bob",
            "Not there at the moment",
            "10.0.0.7:4401 is another client's, or a port forward",
            "[fe80::1]:4401 is a client older than 0.2",
            "Unknown command: send help for the commands",
            "Not now: data/users.csv:12: no hash",
            "Banned by the house until 2026-11-28 19:05 UTC: too loud",
        ];
        for line in lines {
            let refusal = Refusal::parse(line);
            assert!(!matches!(refusal, Refusal::Other(_)), "{line}");
            assert_eq!(refusal.to_string(), line);
        }
    }

    #[test]
    fn what_is_not_ours_word_for_word_is_other() {
        let lines = [
            "",
            "Log in first",
            "Too fast: at most 020 lines a second; wait and send it again",
            "Too fast: at most 1 lines a second; wait and send it again",
            "Server full",
            "bob accepts no connections: send relay_TEXT_eve",
            "a b accepts no connections: send relay_TEXT_a",
            "User not found! Nobody active is a b: send list",
        ];
        for line in lines {
            assert_eq!(Refusal::parse(line), Refusal::Other(line.to_owned()));
        }
    }

    #[test]
    fn an_unknown_command_is_the_one_bad_request_that_programs_know() {
        assert_eq!(Refusal::from(BadRequest::Unknown).to_string(), BadRequest::Unknown.to_string());
        assert_eq!(Refusal::from(BadRequest::Form("x")), Refusal::Other("Send x".to_owned()));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_is_read_is_written_back(
            start in "(|Too fast: at most |Server full \\(|Not now: |bob |User not found! Nobody active is )",
            middle in "[ -~ü]{0,30}",
            end in "(| a second; wait and send it again|\\): try again later|: send list| is just leaving| s)",
        ) {
            let text = format!("{start}{middle}{end}");
            prop_assert_eq!(Refusal::parse(&text).to_string(), text);
        }
    }
}
