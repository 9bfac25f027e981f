//! What one client is handed by another across servers, and what else a server is told: the entries of its inbox.
//!
//! The asker's server hands over; the other one reads, claims, delivers, answers. Whoever claims an id first decides about
//! it: an asker that has waited too long and claims it says truthfully that nothing was handed over. No entry is written
//! twice, and a reader that claims before it delivers delivers none twice.

use super::fields::Fields;
use super::link::{Link, NotDone};
use super::presence::lower;
use super::script::{Deadline, Member, Script};
use crate::protocol::Notice;
use crate::value::{Fingerprint, Ticket, Username};
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

/// The most ids that are claimed in one call.
pub const MAX_CLAIMS: usize = 500;

static HAND: LazyLock<Script> =
    LazyLock::new(|| Script::settling(concat!(include_str!("scripts/post.lua"), include_str!("scripts/hand.lua"))));
static CLAIM: LazyLock<Script> = LazyLock::new(|| Script::settling(include_str!("scripts/claim.lua")));
static ANSWER: LazyLock<Script> =
    LazyLock::new(|| Script::guarded(concat!(include_str!("scripts/post.lua"), include_str!("scripts/answer.lua"))));

/// What one client is handed by another whose session is on another server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handover {
    /// Somebody is about to call.
    Ticket {
        /// Who.
        from: Username,
        /// Proves it.
        ticket: Ticket,
        /// Their key, where both sides have one.
        key: Option<Fingerprint>,
    },
    /// A text of another client.
    Text {
        /// Whose.
        from: Username,
        /// The text: of one line.
        text: String,
        /// It came by TLS: then it does not leave in the clear.
        by_tls: bool,
    },
    /// Why somebody cannot reach this client: it is told so once a session.
    Apart(Notice),
    /// What it had sent was lost.
    Loss(Notice),
    /// Its session ends, and why.
    End(Notice),
}

impl Handover {
    /// Its fields, each with its value behind it.
    fn fields(&self) -> Vec<String> {
        let words = match self {
            Handover::Ticket { from, ticket, key } => {
                let key = key.map(|key| key.to_string()).unwrap_or_default();
                vec![
                    ("w", "ticket".to_owned()),
                    ("from", from.to_string()),
                    ("ticket", ticket.to_string()),
                    ("key", key),
                ]
            }
            Handover::Text { from, text, by_tls } => {
                let kind = if *by_tls { "secret" } else { "text" };
                vec![("w", kind.to_owned()), ("from", from.to_string()), ("text", text.clone())]
            }
            Handover::Apart(notice) => vec![("w", "apart".to_owned()), ("notice", notice.to_string())],
            Handover::Loss(notice) => vec![("w", "loss".to_owned()), ("notice", notice.to_string())],
            Handover::End(notice) => vec![("w", "end".to_owned()), ("notice", notice.to_string())],
        };
        words.into_iter().flat_map(|(field, value)| [field.to_owned(), value]).collect()
    }

    /// The mirror of [`Handover::fields`].
    fn read(fields: Fields<'_>) -> Option<Handover> {
        let from = || fields.parsed("from");
        let text = |by_tls| Some(Handover::Text { from: from()?, text: fields.one_line("text")?.to_owned(), by_tls });
        match fields.text("w")? {
            "ticket" => {
                let key = match fields.text("key")? {
                    "" => None,
                    key => Some(key.parse().ok()?),
                };
                Some(Handover::Ticket { from: from()?, ticket: fields.parsed("ticket")?, key })
            }
            "text" => text(false),
            "secret" => text(true),
            "apart" => fields.notice().map(Handover::Apart),
            "loss" => fields.notice().map(Handover::Loss),
            "end" => fields.notice().map(Handover::End),
            _ => None,
        }
    }
}

/// Which handover: as no generation is given twice, there is one of each in all the time of a house. `Display` is
/// `SERVER:GENERATION:N`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HandoverId {
    /// The server that hands over, and is answered.
    pub asker: Member,
    /// Differs from handover to handover of that generation.
    pub n: u64,
}

impl fmt::Display for HandoverId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.asker.server, self.asker.generation, self.n)
    }
}

impl FromStr for HandoverId {
    type Err = NotAPost;

    fn from_str(text: &str) -> Result<HandoverId, NotAPost> {
        let mut parts = text.split(':');
        let (Some(server), Some(generation), Some(n), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotAPost);
        };
        let server = server.parse().map_err(|_| NotAPost)?;
        let (generation, n) = (generation.parse().map_err(|_| NotAPost)?, n.parse().map_err(|_| NotAPost)?);
        Ok(HandoverId { asker: Member { server, generation }, n })
    }
}

/// Why something that arrived at a server was not delivered there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// Nothing was heard of the client for a while.
    NotThere,
    /// What came by TLS would leave in the clear.
    InTheClear,
    /// The session is ending, or has ended, or its dialect cannot say it.
    Leaving,
}

/// What the other server says about a handover.
pub type Delivery = Result<(), Undelivered>;

/// Each with its word.
const DELIVERIES: [(&str, Delivery); 4] = [
    ("ok", Ok(())),
    ("not-there", Err(Undelivered::NotThere)),
    ("in-the-clear", Err(Undelivered::InTheClear)),
    ("leaving", Err(Undelivered::Leaving)),
];

/// An entry of an inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Post {
    /// Something for a client of this server: to be claimed, delivered, answered.
    Handover {
        /// Which.
        id: HandoverId,
        /// The client's name, in any case.
        name: Username,
        /// Its session.
        session: u64,
        /// What.
        what: Handover,
    },
    /// A session is replaced by a newer one of its name: it is told so, and closed.
    Close {
        /// Its name, in any case.
        name: Username,
        /// The session.
        session: u64,
        /// What it is told.
        notice: Notice,
    },
    /// A session ends, as its account does or has another password; or a guest is out of the house: it is told so, and closed.
    End {
        /// Its name, in any case.
        name: Username,
        /// The session.
        session: u64,
        /// What it is told.
        notice: Notice,
    },
    /// What became of something that this server has handed over.
    Answer {
        /// Which.
        id: HandoverId,
        /// What became of it.
        delivery: Delivery,
    },
}

/// An entry that says nothing which is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAPost;

impl Post {
    /// Reads the fields of an entry.
    ///
    /// # Errors
    /// [`NotAPost`].
    pub fn parse(fields: &[(String, Vec<u8>)]) -> Result<Post, NotAPost> {
        Self::read(Fields(fields)).ok_or(NotAPost)
    }

    fn read(fields: Fields<'_>) -> Option<Post> {
        let name = || fields.parsed("name");
        let session = || fields.parsed("session");
        Some(match fields.text("k")? {
            "letter" => Post::Handover {
                id: fields.parsed("id")?,
                name: name()?,
                session: session()?,
                what: Handover::read(fields)?,
            },
            "close" => Post::Close { name: name()?, session: session()?, notice: fields.notice()? },
            "end" => Post::End { name: name()?, session: session()?, notice: fields.notice()? },
            "answer" => {
                let word = fields.text("what")?;
                let (_, delivery) = DELIVERIES.into_iter().find(|(known, _)| *known == word)?;
                Post::Answer { id: fields.parsed("id")?, delivery }
            }
            _ => return None,
        })
    }
}

/// What became of an attempt to hand something over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handed {
    /// It lies in the inbox of the client's server.
    Ok,
    /// The client has another session by now, or none, or its server is not there any more. Nothing was handed over.
    Gone,
}

/// Hands something to this session, which is on that other server. The asker is that of the id.
///
/// # Errors
/// [`NotDone`].
pub fn hand(
    link: &mut Link,
    deadline: Deadline,
    (name, session): (&Username, u64),
    at: &Member,
    id: &HandoverId,
    what: &Handover,
) -> Result<Handed, NotDone> {
    let Member { server, generation } = at;
    let (server, generation) = (server.to_string(), generation.to_string());
    let mut arguments = vec![lower(name), server, generation, session.to_string(), id.to_string()];
    arguments.extend(what.fields());
    let answer = HAND.call(link, &id.asker, deadline, &arguments)?;
    match answer.word.as_str() {
        "OK" => Ok(Handed::Ok),
        "GONE" => Ok(Handed::Gone),
        _ => Err(answer.not_understood()),
    }
}

/// Who decides about something that was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The caller.
    Won,
    /// The other side.
    Lost,
    /// It was handed over more than a minute ago, or never. Nobody can claim it any more, and whether somebody has is not
    /// known.
    Over,
}

/// Claims these ids, for one of the two servers: whoever reads them to deliver them, or the asker that has waited long
/// enough and says that nothing was handed over.
///
/// # Errors
/// [`NotDone`]; [`NotDone::Cannot`] also for more than [`MAX_CLAIMS`].
pub fn claim(link: &mut Link, who: &Member, deadline: Deadline, ids: &[HandoverId]) -> Result<Vec<Claim>, NotDone> {
    if ids.len() > MAX_CLAIMS {
        return Err(NotDone::Cannot(format!("{} ids at once", ids.len())));
    }
    let ids: Vec<String> = ids.iter().map(HandoverId::to_string).collect();
    let answer = CLAIM.call(link, who, deadline, &ids)?;
    if answer.word != "OK" || answer.parts.len() != ids.len() {
        return Err(answer.not_understood());
    }
    let read = |place| match answer.part::<String>(place)?.as_str() {
        "WON" => Ok(Claim::Won),
        "LOST" => Ok(Claim::Lost),
        "OVER" => Ok(Claim::Over),
        _ => Err(answer.not_understood()),
    };
    (0..ids.len()).map(read).collect()
}

/// Tells the asker what became of what it handed over; nobody where the asker is not there any more.
///
/// # Errors
/// [`NotDone`].
pub fn answer(
    link: &mut Link,
    who: &Member,
    deadline: Deadline,
    id: &HandoverId,
    delivery: Delivery,
) -> Result<(), NotDone> {
    let (word, _) = DELIVERIES.into_iter().find(|(_, known)| *known == delivery).unwrap_or(DELIVERIES[3]);
    let Member { server, generation } = &id.asker;
    let arguments = [server.to_string(), generation.to_string(), id.to_string(), word.to_owned()];
    let answer = ANSWER.call(link, who, deadline, &arguments)?;
    if answer.word == "OK" { Ok(()) } else { Err(answer.not_understood()) }
}

#[cfg(test)]
mod tests {
    use super::super::again::EntersBy;
    use super::super::lines::StreamId;
    use super::super::news::may_have_missed;
    use super::super::own_redis::OwnRedis;
    use super::super::own_servers::{inbox, member, open};
    use super::super::presence::{Falls, enter};
    use super::super::record::Record;
    use super::super::record::tests::record;
    use super::*;
    use proptest::prelude::*;
    use std::thread;
    use std::time::UNIX_EPOCH;

    fn id(n: u64) -> HandoverId {
        HandoverId { asker: member("s1"), n }
    }

    fn hello() -> Handover {
        Handover::Text { from: "bob".parse().expect("a name"), text: "hello, \"you\"".to_owned(), by_tls: true }
    }

    /// Ann is on s2.
    fn hand_to(
        link: &mut Link,
        deadline: Deadline,
        to: &Record,
        id: &HandoverId,
        what: &Handover,
    ) -> Result<Handed, NotDone> {
        hand(link, deadline, (&to.name, to.session), &to.at, id, what)
    }

    fn ann(redis: &OwnRedis) -> Record {
        let (_, s2) = open(redis);
        let ann = record("Ann", &s2, 3);
        let falls = Falls { under: &[], now: UNIX_EPOCH };
        enter(&mut redis.link(), 0, &ann, &Notice::Inactive, &EntersBy::default(), &falls).expect("done");
        ann
    }

    #[test]
    fn what_is_handed_over_lies_in_the_inbox_once() {
        let redis = OwnRedis::start();
        let ann = ann(&redis);
        let mut link = redis.link();
        for _ in 0..2 {
            assert_eq!(hand_to(&mut link, 0, &ann, &id(1), &hello()), Ok(Handed::Ok));
        }
        assert_eq!(hand_to(&mut link, 0, &ann, &id(2), &hello()), Ok(Handed::Ok));
        let post = |n| Post::Handover { id: id(n), name: "ann".parse().expect("a name"), session: 3, what: hello() };
        assert_eq!(inbox(&redis, "s2"), [post(1), post(2)]);
        for gone in [
            Record { session: 4, ..ann.clone() },
            Record { at: Member { generation: 2, ..member("s2") }, ..ann.clone() },
            Record { at: member("s1"), ..ann.clone() },
            record("nobody", &ann.at, 3),
        ] {
            assert_eq!(hand_to(&mut link, 0, &gone, &id(3), &hello()), Ok(Handed::Gone), "{gone:?}");
        }
        assert_eq!(hand_to(&mut link, 1, &ann, &id(3), &hello()), Err(NotDone::Late));
        redis.tell(&["ZADD", "{peerline}:servers", "1", "s2"]);
        assert_eq!(hand_to(&mut link, 0, &ann, &id(3), &hello()), Ok(Handed::Gone), "its lease is over");
        assert_eq!(hand_to(&mut link, 0, &ann, &id(2), &hello()), Ok(Handed::Ok), "as the first time");
        redis.tell(&["ZADD", "{peerline}:servers", "9000000000000", "s2"]);
        redis.tell(&["HDEL", "{peerline}:head", "g:s2"]);
        assert_eq!(hand_to(&mut link, 0, &ann, &id(3), &hello()), Ok(Handed::Gone), "it is buried");
        assert_eq!(inbox(&redis, "s2").len(), 2);
    }

    #[test]
    fn an_inbox_that_nobody_reads_does_not_grow_for_ever() {
        let redis = OwnRedis::start();
        let ann = ann(&redis);
        let mut link = redis.link();
        let mut many = redis::pipe();
        for _ in 0..11_000 {
            many.cmd("XADD").arg("{peerline}:in:s2:1").arg("*").arg("k").arg("close").ignore();
        }
        many.exec(&mut link).expect("done");
        assert_eq!(hand_to(&mut link, 0, &ann, &id(1), &hello()), Ok(Handed::Ok));
        let length: u64 = redis.ask(&["XLEN", "{peerline}:in:s2:1"]);
        assert!((10_000..10_500).contains(&length), "{length}");
        // So its server finds out that it has missed something.
        assert_eq!(may_have_missed(&mut link, "{peerline}:in:s2:1", StreamId::default()), Ok(true));
    }

    #[test]
    fn one_of_two_who_claim_wins() {
        let redis = OwnRedis::start();
        let ann = ann(&redis);
        let mut links = [redis.link(), redis.link()];
        let [one, two] = &mut links;
        let ids: Vec<HandoverId> = (0..200).map(id).collect();
        for id in &ids {
            hand_to(one, 0, &ann, id, &hello()).expect("done");
        }
        let claim_each = |link: &mut Link, who: &Member| -> Vec<Claim> {
            ids.iter().flat_map(|id| claim(link, who, 0, std::slice::from_ref(id)).expect("an answer")).collect()
        };
        let (by_asker, by_reader) = thread::scope(|scope| {
            let reader = scope.spawn(|| claim_each(two, &ann.at));
            (claim_each(one, &member("s1")), reader.join().expect("no panic"))
        });
        for (one, other) in by_asker.iter().zip(&by_reader) {
            assert!(matches!((one, other), (Claim::Won, Claim::Lost) | (Claim::Lost, Claim::Won)), "{one:?} {other:?}");
        }
        assert_eq!(claim(one, &member("s1"), 0, &ids), Ok(by_asker), "a repeat is answered as the first time");
        redis.tell(&["DEL", "{peerline}:claim:s1:1:0"]);
        assert_eq!(claim(one, &member("s1"), 0, &ids[..1]), Ok(vec![Claim::Over]));
        let left: i64 = redis.ask(&["PTTL", "{peerline}:claim:s1:1:1"]);
        assert!((1..=60_000).contains(&left), "{left}: claimed or not, it goes");
        let many = vec![id(0); MAX_CLAIMS + 1];
        assert!(matches!(claim(one, &member("s1"), 0, &many), Err(NotDone::Cannot(_))));
        redis.tell(&["HDEL", "{peerline}:head", "g:s2"]);
        assert_eq!(claim(two, &ann.at, 0, &ids[1..2]), Err(NotDone::Buried), "who has slept claims nothing");
    }

    #[test]
    fn the_asker_is_answered_while_it_is_there() {
        let redis = OwnRedis::start();
        let ann = ann(&redis);
        let mut link = redis.link();
        for (_, delivery) in DELIVERIES {
            answer(&mut link, &ann.at, 0, &id(1), delivery).expect("done");
        }
        let expected = DELIVERIES.map(|(_, delivery)| Post::Answer { id: id(1), delivery });
        assert_eq!(inbox(&redis, "s1"), expected);
        redis.tell(&["DEL", "{peerline}:in:s1:1"]);
        redis.tell(&["HSET", "{peerline}:head", "g:s1", "2"]);
        answer(&mut link, &ann.at, 0, &id(1), Ok(())).expect("done");
        assert_eq!(redis.ask::<u64>(&["EXISTS", "{peerline}:in:s1:1"]), 0);
    }

    fn line_text() -> impl Strategy<Value = String> {
        "(\t|[^\\p{C}]){0,30}"
    }

    fn handovers() -> impl Strategy<Value = Handover> {
        let from = "[a-zA-Z][a-zA-Z0-9.-]{0,14}".prop_map(|name| name.parse::<Username>().expect("a name"));
        let key = any::<Option<[u8; 32]>>().prop_map(|key| key.map(Fingerprint));
        let ticket = "[0-9a-f]{32}".prop_map(|ticket| ticket.parse::<Ticket>().expect("a ticket"));
        let notice = || line_text().prop_map(|text| Notice::parse(&text));
        prop_oneof![
            (from.clone(), ticket, key).prop_map(|(from, ticket, key)| Handover::Ticket { from, ticket, key }),
            (from, line_text(), any::<bool>()).prop_map(|(from, text, by_tls)| Handover::Text { from, text, by_tls }),
            notice().prop_map(Handover::Apart),
            notice().prop_map(Handover::Loss),
            notice().prop_map(Handover::End),
        ]
    }

    fn entry(what: &Handover, n: u64, session: u64) -> Vec<(String, Vec<u8>)> {
        let (id, session) = (id(n).to_string(), session.to_string());
        let mut flat: Vec<String> =
            ["k", "letter", "id", &id, "name", "ann", "session", &session].map(str::to_owned).to_vec();
        flat.extend(what.fields());
        flat.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone().into_bytes())).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_handed_over_is_read_as_it_is_written_and_nothing_less(
            what in handovers(),
            n in any::<u64>(),
            session in any::<u64>(),
            lost in any::<prop::sample::Index>(),
        ) {
            let mut entry = entry(&what, n, session);
            let name = "ann".parse().expect("a name");
            prop_assert_eq!(Post::parse(&entry), Ok(Post::Handover { id: id(n), name, session, what }));
            entry.remove(lost.index(entry.len()));
            prop_assert_eq!(Post::parse(&entry), Err(NotAPost));
        }

        #[test]
        fn any_bytes_are_a_post_or_none(
            what in handovers(),
            kind in prop::sample::select(vec!["letter", "close", "end", "answer"]),
            at in any::<prop::sample::Index>(),
            value in any::<Vec<u8>>(),
        ) {
            let mut entry = entry(&what, 1, 1);
            entry[0].1 = kind.into();
            let place = at.index(entry.len());
            entry[place].1 = value;
            let _ = Post::parse(&entry);
        }
    }

    #[test]
    fn no_text_begins_another_line() {
        let text =
            |text: &str| Handover::Text { from: "bob".parse().expect("a name"), text: text.to_owned(), by_tls: false };
        for wrong in [text("a\nb"), Handover::Loss(Notice::Other("a\nb".to_owned()))] {
            assert_eq!(Post::parse(&entry(&wrong, 1, 1)), Err(NotAPost));
        }
        for wrong in ["", "s1:1", "s1:1:2:3", "s.1:1:1", "s1:x:1", "s1:1:-1"] {
            assert_eq!(wrong.parse::<HandoverId>(), Err(NotAPost), "{wrong}");
        }
    }
}
