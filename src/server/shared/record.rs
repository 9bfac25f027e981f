//! What others see of a client, wherever its session is: an entry of `who`. Parsing and formatting are mirrors.
//!
//! It has no network of a link-local address, as `link_of` gives it: that is a number of one machine, and leads nowhere
//! from another one. What counts only where the session is, as its messages, is not here either.

use super::script::Member;
use crate::dialect::Dialect;
use crate::value::{Fingerprint, Username, comma};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The most bytes of the id of a machine's start: Linux' has 36.
const MAX_MACHINE: usize = 64;
/// The dialects that a guest may speak.
const GUESTS: [Dialect; 4] =
    [Dialect::Query, Dialect::Packet, Dialect::Menu { quiet: false }, Dialect::Menu { quiet: true }];

/// A client, for others. `Display` is its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// As spelled at the sign-up.
    pub name: Username,
    /// The server where its session is.
    pub at: Member,
    /// Differs from session to session of that generation of the server.
    pub session: u64,
    /// The address under which others find it.
    pub address: IpAddr,
    /// The port on which it listens for peers.
    pub port: Option<u16>,
    /// The port for other machines of a client whose address is of loopback.
    pub reach: Option<u16>,
    /// Whether it is listed.
    pub active: bool,
    /// It does not want to be disturbed.
    pub dnd: bool,
    /// The dialect of a guest, who has no account.
    pub guest: Option<Dialect>,
    /// A guest's name as its dialect spells it, which is not empty.
    pub spelling: Option<String>,
    /// The other end of its connection, without a scope.
    pub source: SocketAddr,
    /// The id of the present start of its server's machine: an address of loopback leads to it there alone. Letters, digits
    /// and dashes, 64 at most; empty where it is not known, which is no machine's.
    pub machine: String,
    /// Nobody on the way can read what is handed over.
    pub encrypted: bool,
    /// The key of its client, who has proven to have it.
    pub key: Option<Fingerprint>,
    /// Since when it is logged in; what is less than a millisecond is cut off.
    pub since: SystemTime,
}

/// A row that is none of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotARecord;

impl Record {
    /// The row without the name and its comma: who chooses one of several names puts it in front.
    pub fn without_name(&self) -> String {
        let row = self.to_string();
        // No name has a comma or a quote.
        row.split_once(',').map_or_else(String::new, |(_, rest)| rest.to_owned())
    }
}

/// Scripts read the first four fields, which hold no comma and no quote.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = SocketAddr::new(self.source.ip(), self.source.port());
        let since = self.since.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let fields = [
            self.name.to_string(),
            self.at.server.to_string(),
            self.at.generation.to_string(),
            self.session.to_string(),
            self.address.to_string(),
            text(self.port),
            text(self.reach),
            flag(self.active).to_owned(),
            flag(self.dnd).to_owned(),
            text(self.guest),
            text(self.spelling.as_ref()),
            source.to_string(),
            self.machine.clone(),
            flag(self.encrypted).to_owned(),
            text(self.key),
            since.to_string(),
        ];
        comma::write(f, fields.iter().map(String::as_str))
    }
}

impl FromStr for Record {
    type Err = NotARecord;

    /// Fields behind those that are known here are of a later version, and passed over.
    fn from_str(row: &str) -> Result<Record, NotARecord> {
        parse(&comma::split(row)).ok_or(NotARecord)
    }
}

fn parse(fields: &[String]) -> Option<Record> {
    let [name, server, generation, session, address, port, reach, active, dnd, rest @ ..] = fields else { return None };
    let [guest, spelling, source, machine, encrypted, key, since, ..] = rest else { return None };
    let source: SocketAddr = source.parse().ok()?;
    Some(Record {
        name: name.parse().ok()?,
        at: Member { server: server.parse().ok()?, generation: generation.parse().ok()? },
        session: session.parse().ok()?,
        address: address.parse().ok()?,
        port: optional(port, |port| port.parse().ok())?,
        reach: optional(reach, |reach| reach.parse().ok())?,
        active: is_set(active)?,
        dnd: is_set(dnd)?,
        guest: optional(guest, |name| GUESTS.into_iter().find(|dialect| dialect.name() == name))?,
        spelling: Some(spelling.clone()).filter(|spelling| !spelling.is_empty()),
        source: SocketAddr::new(source.ip(), source.port()),
        machine: Some(machine.clone()).filter(|machine| is_machine(machine))?,
        encrypted: is_set(encrypted)?,
        key: optional(key, |key| key.parse().ok())?,
        since: UNIX_EPOCH.checked_add(Duration::from_millis(since.parse().ok()?))?,
    })
}

fn text(value: Option<impl fmt::Display>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// What an empty field says is that there is none; the outer `None` is a field that says nothing.
fn optional<T>(field: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    if field.is_empty() { Some(None) } else { parse(field).map(Some) }
}

fn flag(is_set: bool) -> &'static str {
    if is_set { "1" } else { "0" }
}

fn is_set(field: &str) -> Option<bool> {
    match field {
        "1" => Some(true),
        "0" => Some(false),
        _ => None,
    }
}

fn is_machine(text: &str) -> bool {
    text.len() <= MAX_MACHINE && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Somebody with an account, on this server.
    pub fn record(name: &str, at: &Member, session: u64) -> Record {
        Record {
            name: name.parse().expect("a name"),
            at: at.clone(),
            session,
            address: "10.0.0.7".parse().expect("an address"),
            port: Some(4401),
            reach: None,
            active: true,
            dnd: false,
            guest: None,
            spelling: None,
            source: "10.0.0.7:50000".parse().expect("an address"),
            machine: "c0ffee-1".to_owned(),
            encrypted: false,
            key: None,
            since: UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
        }
    }

    fn guests() -> impl Strategy<Value = Option<Dialect>> {
        prop::option::of(prop::sample::select(GUESTS.to_vec()))
    }

    prop_compose! {
        /// Any client.
        pub fn records()(
            name in "[a-zA-Z][a-zA-Z0-9.-]{0,14}",
            server in "[a-zA-Z][a-zA-Z0-9-]{0,14}",
            (generation, session, since) in (any::<u64>(), any::<u64>(), 0..1_u64 << 50),
            address in any::<IpAddr>(),
            source in any::<(IpAddr, u16)>(),
            (port, reach) in any::<(Option<u16>, Option<u16>)>(),
            (active, dnd, encrypted) in any::<(bool, bool, bool)>(),
            guest in guests(),
            spelling in prop::option::of("([,\"\r\n ]|\\PC){1,20}"),
            machine in "[a-f0-9-]{0,36}",
            key in any::<Option<[u8; 32]>>(),
        ) -> Record {
            Record {
                name: name.parse().expect("a name"),
                at: Member { server: server.parse().expect("a name"), generation },
                session, address, port, reach, active, dnd, guest, spelling,
                source: source.into(),
                machine, encrypted,
                key: key.map(Fingerprint),
                since: UNIX_EPOCH + Duration::from_millis(since),
            }
        }
    }

    #[test]
    fn a_row_is_read_as_it_is_written_here() {
        let at = Member { server: "s1".parse().expect("a name"), generation: 7 };
        let mut ann = record("Ann", &at, 3);
        assert_eq!(ann.to_string(), "Ann,s1,7,3,10.0.0.7,4401,,1,0,,,10.0.0.7:50000,c0ffee-1,0,,1700000000123");
        ann.guest = Some(Dialect::Query);
        ann.spelling = Some("an, \"n\"".to_owned());
        assert_eq!(
            ann.without_name(),
            "s1,7,3,10.0.0.7,4401,,1,0,query,\"an, \"\"n\"\"\",10.0.0.7:50000,c0ffee-1,0,,1700000000123"
        );
        ann.source = "[fe80::1%3]:9".parse().expect("an address");
        assert!(ann.to_string().contains(",[fe80::1]:9,"), "a scope is a number of one machine");
        for wrong in ["", "Ann", "Ann,s1,7,3,10.0.0.7,4401,,1,0,,,10.0.0.7:50000,c0ffee-1,0,"] {
            assert_eq!(wrong.parse::<Record>(), Err(NotARecord), "{wrong}");
        }
        let row = record("Ann", &at, 3).to_string();
        for (field, wrong) in [
            (0, "a_b"),
            (1, "s.1"),
            (2, "-1"),
            (3, ""),
            (4, "h"),
            (5, "65536"),
            (7, ""),
            (9, "klingon"),
            (11, "10.0.0.7"),
            (12, "a b"),
            (14, "sha256:0"),
            (15, "18446744073709551616"),
        ] {
            let mut fields = comma::split(&row);
            fields[field] = wrong.to_owned();
            let row = comma::join(fields.iter().map(String::as_str));
            assert_eq!(row.parse::<Record>(), Err(NotARecord), "{row}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_is_read(record in records(), later in "(,[a-z\"]{0,3}){0,3}") {
            let row = record.to_string();
            prop_assert_eq!(row.parse(), Ok(record.clone()));
            prop_assert_eq!(format!("{},{}", record.name, record.without_name()), row.clone());
            // What a later version has to say of a client.
            let later = comma::split(&row).into_iter().chain(comma::split(&later)).collect::<Vec<_>>();
            prop_assert_eq!(comma::join(later.iter().map(String::as_str)).parse(), Ok(record));
        }

        #[test]
        fn anything_is_a_row_or_none(row in "([,0-9a-z\":.\n]|\\PC){0,60}") {
            if let Ok(record) = row.parse::<Record>() {
                prop_assert_eq!(record.to_string().parse(), Ok(record));
            }
        }
    }
}
