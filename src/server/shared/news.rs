//! What all servers are told of one another, and of whoever comes and goes: the entries of `news`.
//!
//! The stream keeps the last 10,000 or so. A reader that has missed some takes a new snapshot.

use super::fields::Fields;
use super::lines::StreamId;
use super::link::{Link, NotDone};
use super::record::Record;
use super::script::{Deadline, Member, Script};
use crate::protocol::Notice;
use crate::value::Username;
use redis::{FromRedisValue, Value};
use std::collections::HashMap;
use std::sync::LazyLock;

static SAY: LazyLock<Script> =
    LazyLock::new(|| Script::settling(concat!(include_str!("scripts/news.lua"), include_str!("scripts/say.lua"))));
static LAST_NEWS: LazyLock<Script> = LazyLock::new(|| Script::unguarded(include_str!("scripts/last_news.lua")));

/// Something that happened in the house.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HouseNews {
    /// A client is here, or is seen otherwise from now on. Whoever had the name before is not.
    In(Box<Record>),
    /// A session has left. Another one of the name stays.
    Out {
        /// Its name, in any case.
        name: Username,
        /// Its session.
        session: u64,
        /// The server where it was.
        at: Member,
    },
    /// A server came in.
    Up(Member),
    /// A server is no longer there, and so is nobody who was on it.
    Down(Member),
    /// Somebody is banned, or the ban is another one.
    Ban {
        /// The field in `bans`.
        who: String,
        /// The row: until when, and why.
        row: String,
    },
    /// A ban was lifted.
    Unban {
        /// The field in `bans`.
        who: String,
    },
    /// Whoever runs the house says this to everybody.
    Said(Notice),
}

/// An entry that says nothing which is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotNews;

impl HouseNews {
    /// Reads the fields of an entry.
    ///
    /// # Errors
    /// [`NotNews`].
    pub fn parse(fields: &[(String, Vec<u8>)]) -> Result<HouseNews, NotNews> {
        Self::read(Fields(fields)).ok_or(NotNews)
    }

    fn read(fields: Fields<'_>) -> Option<HouseNews> {
        let member = || Some(Member { server: fields.parsed("server")?, generation: fields.parsed("generation")? });
        Some(match fields.text("k")? {
            "in" => HouseNews::In(Box::new(fields.parsed("row")?)),
            "out" => HouseNews::Out { name: fields.parsed("name")?, session: fields.parsed("session")?, at: member()? },
            "up" => HouseNews::Up(member()?),
            "down" => HouseNews::Down(member()?),
            "ban" => HouseNews::Ban { who: fields.text("who")?.to_owned(), row: fields.text("row")?.to_owned() },
            "unban" => HouseNews::Unban { who: fields.text("who")?.to_owned() },
            "said" => HouseNews::Said(fields.notice()?),
            _ => return None,
        })
    }
}

/// Says something to everybody in the house. `id` is drawn by the caller for this: with the same one it is a repeat.
///
/// # Errors
/// [`NotDone`].
pub fn say(link: &mut Link, who: &Member, deadline: Deadline, notice: &Notice, id: &str) -> Result<(), NotDone> {
    let answer = SAY.call(link, who, deadline, &[notice.to_string().as_str(), id])?;
    if answer.word == "OK" { Ok(()) } else { Err(answer.not_understood()) }
}

/// The last entry of the news that there is.
///
/// # Errors
/// [`NotDone`].
pub fn last_news(link: &mut Link, who: &Member) -> Result<StreamId, NotDone> {
    LAST_NEWS.call(link, who, 0, &[""; 0])?.part::<String>(0)?.parse()
}

/// Whether a reader of a stream (its whole key) that has read up to this entry may have missed something: entries behind it
/// were trimmed, or the stream is another one than it has read. It may say so once too often, never too seldom.
///
/// # Errors
/// [`NotDone`].
pub fn may_have_missed(link: &mut Link, stream: &str, position: StreamId) -> Result<bool, NotDone> {
    // Of a stream that there is not, XINFO makes an error: so it is asked only where there is one.
    if !redis::cmd("EXISTS").arg(stream).query::<bool>(link)? {
        return Ok(position != StreamId::default());
    }
    let about: HashMap<String, Value> = redis::cmd("XINFO").arg("STREAM").arg(stream).query(link)?;
    if field::<String>(&about, "last-generated-id")?.parse::<StreamId>()? < position {
        return Ok(true);
    }
    let was_trimmed = field::<u64>(&about, "entries-added")? > field::<u64>(&about, "length")?;
    let first: Option<(String, Value)> = field(&about, "first-entry")?;
    match first {
        Some((first, _)) => Ok(was_trimmed && position < first.parse()?),
        None => Ok(was_trimmed),
    }
}

fn field<T: FromRedisValue>(about: &HashMap<String, Value>, name: &str) -> Result<T, NotDone> {
    let value = about.get(name).cloned().unwrap_or_default();
    T::from_redis_value(value).map_err(|error| NotDone::Lost(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::own_redis::OwnRedis;
    use super::super::own_servers::member;
    use super::super::record::tests::records;
    use super::super::tail::NEWS;
    use super::*;
    use proptest::prelude::*;

    /// What the scripts write, in Rust.
    fn fields(news: &HouseNews) -> Vec<(String, Vec<u8>)> {
        let member = |at: &Member| [("server", at.server.to_string()), ("generation", at.generation.to_string())];
        let words: Vec<(&str, String)> = match news {
            HouseNews::In(record) => vec![("k", "in".to_owned()), ("row", record.to_string())],
            HouseNews::Out { name, session, at } => {
                let words = [("k", "out".to_owned()), ("name", name.to_string()), ("session", session.to_string())];
                words.into_iter().chain(member(at)).collect()
            }
            HouseNews::Up(at) => [("k", "up".to_owned())].into_iter().chain(member(at)).collect(),
            HouseNews::Down(at) => [("k", "down".to_owned())].into_iter().chain(member(at)).collect(),
            HouseNews::Ban { who, row } => {
                vec![("k", "ban".to_owned()), ("who", who.clone()), ("row", row.clone())]
            }
            HouseNews::Unban { who } => vec![("k", "unban".to_owned()), ("who", who.clone())],
            HouseNews::Said(notice) => vec![("k", "said".to_owned()), ("notice", notice.to_string())],
        };
        words.into_iter().map(|(field, value)| (field.to_owned(), value.into_bytes())).collect()
    }

    fn any_news() -> impl Strategy<Value = HouseNews> {
        records().prop_flat_map(|record| {
            let Record { name, session, at, .. } = record.clone();
            let who = format!("name:{name}");
            prop::sample::select(vec![
                HouseNews::In(Box::new(record)),
                HouseNews::Out { name, session, at: at.clone() },
                HouseNews::Up(at.clone()),
                HouseNews::Down(at),
                HouseNews::Ban { who: who.clone(), row: ",\"a, b\"".to_owned() },
                HouseNews::Unban { who },
                HouseNews::Said(Notice::House("save your work, \"all\"".to_owned())),
            ])
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn news_are_read_as_they_are_written_and_nothing_less(
            news in any_news(),
            lost in any::<prop::sample::Index>(),
            later in any::<Vec<u8>>(),
        ) {
            let mut whole = fields(&news);
            whole.push(("later".to_owned(), later));
            prop_assert_eq!(HouseNews::parse(&whole), Ok(news));
            whole.remove(lost.index(whole.len() - 1));
            prop_assert_eq!(HouseNews::parse(&whole), Err(NotNews));
        }

        #[test]
        fn any_bytes_are_news_or_none(news in any_news(), at in any::<prop::sample::Index>(), value in any::<Vec<u8>>()) {
            let mut fields = fields(&news);
            let place = at.index(fields.len());
            fields[place].1 = value;
            let _ = HouseNews::parse(&fields);
        }
    }

    #[test]
    fn a_reader_finds_out_that_it_has_missed_something() {
        let redis = OwnRedis::start();
        let s1 = member("s1");
        let mut link = redis.link();
        let mut missed = |position: &str| may_have_missed(&mut link, NEWS, position.parse()?);
        assert_eq!((missed("0-0"), missed("5-0")), (Ok(false), Ok(true)), "a stream that there is not");
        assert_eq!(last_news(&mut redis.link(), &s1), Ok(StreamId::default()));
        for id in ["1-0", "2-0", "3-0", "4-0"] {
            redis.tell(&["XADD", NEWS, id, "k", "up"]);
        }
        assert_eq!(last_news(&mut redis.link(), &s1), Ok(StreamId { ms: 4, seq: 0 }));
        assert_eq!(["0-0", "1-0", "4-0", "4-1"].map(&mut missed), [Ok(false), Ok(false), Ok(false), Ok(true)]);
        redis.tell(&["XTRIM", NEWS, "MAXLEN", "2"]);
        assert_eq!(["0-0", "1-0", "3-0", "4-0"].map(&mut missed), [Ok(true), Ok(true), Ok(false), Ok(false)]);
        assert!(matches!(missed("x"), Err(NotDone::Lost(_))));
    }
}
