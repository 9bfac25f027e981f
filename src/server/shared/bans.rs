//! The bans of the house. They are few: each server has them in memory, and is told of changes by the news.
//!
//! A ban is found by `name:NAME`, in lower case, or `net:NETWORK`, and its row is `until,why`, as in `bans.csv`. One that is
//! over by the caller's clock is none, and goes when somebody comes upon it.

use super::link::{Link, NotDone};
use super::script::{Deadline, Member, Script};
use crate::protocol::Ban;
use crate::server::store::{Banned, MAX_BANS, bans_in_order, parse_ban};
use crate::value::{Moment, comma};
use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::SystemTime;

static BAN: LazyLock<Script> =
    LazyLock::new(|| Script::settling(concat!(include_str!("scripts/news.lua"), include_str!("scripts/ban.lua"))));
static LIFT: LazyLock<Script> = LazyLock::new(|| {
    Script::settling(concat!(
        include_str!("scripts/news.lua"),
        include_str!("scripts/expired.lua"),
        include_str!("scripts/lift.lua")
    ))
});
static BANS: LazyLock<Script> =
    LazyLock::new(|| Script::guarded(concat!(include_str!("scripts/expired.lua"), include_str!("scripts/bans.lua"))));

/// By what a ban is found: whoever enters is looked up by their name's and their network's.
pub fn ban_field(who: &Banned) -> String {
    match who {
        Banned::Name(name) => format!("name:{}", name.as_str().to_ascii_lowercase()),
        Banned::Network(_) => format!("net:{who}"),
    }
}

/// Its row, without the one who is banned.
pub fn ban_row(ban: &Ban) -> String {
    comma::join([ban.until.map(|until| until.to_string()).unwrap_or_default().as_str(), &ban.why])
}

/// Reads a field and its row: the mirror of [`ban_field`] and [`ban_row`]. Nothing where they are none.
pub fn read_ban(field: &str, row: &str) -> Option<(Banned, Ban)> {
    let who = field.strip_prefix("name:").or_else(|| field.strip_prefix("net:"))?;
    let mut record = csv::StringRecord::from(vec![who]);
    comma::split(row).iter().for_each(|part| record.push_field(part));
    let (who, ban) = parse_ban(&record).ok()?;
    (ban_field(&who) == field).then_some((who, ban))
}

/// What became of a ban.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Banning {
    /// It holds.
    Ok,
    /// There are 10,000 that hold.
    Full,
}

/// Bans, or changes a ban.
///
/// # Errors
/// [`NotDone`].
pub fn ban(
    link: &mut Link,
    who: &Member,
    deadline: Deadline,
    banned: &Banned,
    ban: &Ban,
    now: SystemTime,
) -> Result<Banning, NotDone> {
    ban_below(link, who, deadline, banned, ban, now, MAX_BANS)
}

fn ban_below(
    link: &mut Link,
    who: &Member,
    deadline: Deadline,
    banned: &Banned,
    ban: &Ban,
    now: SystemTime,
    most: usize,
) -> Result<Banning, NotDone> {
    let arguments = [ban_field(banned), ban_row(ban), most.to_string()];
    let mut answer = BAN.call(link, who, deadline, &arguments)?;
    if answer.word == "FULL" {
        // To look at all takes those away that are over.
        bans(link, who, now)?;
        answer = BAN.call(link, who, deadline, &arguments)?;
    }
    match answer.word.as_str() {
        "OK" => Ok(Banning::Ok),
        "FULL" => Ok(Banning::Full),
        _ => Err(answer.not_understood()),
    }
}

/// Lifts a ban; false when there was none that held. `id` is drawn by the caller for this: with the same one it is a repeat.
///
/// # Errors
/// [`NotDone`].
pub fn lift(
    link: &mut Link,
    who: &Member,
    deadline: Deadline,
    banned: &Banned,
    id: &str,
    now: SystemTime,
) -> Result<bool, NotDone> {
    let arguments = [&ban_field(banned), &Moment::of(now).to_string(), id];
    let answer = LIFT.call(link, who, deadline, &arguments)?;
    match answer.word.as_str() {
        "OK" => Ok(true),
        "NONE" => Ok(false),
        _ => Err(answer.not_understood()),
    }
}

/// All bans that hold now: names first, in order. What is no ban is left out.
///
/// # Errors
/// [`NotDone`].
pub fn bans(link: &mut Link, who: &Member, now: SystemTime) -> Result<Vec<(Banned, Ban)>, NotDone> {
    let (mut found, mut cursor, minute) = (HashMap::new(), "0".to_owned(), Moment::of(now).to_string());
    loop {
        let answer = BANS.call(link, who, 0, &[&cursor, &minute])?;
        cursor = answer.part(0)?;
        for place in (1..answer.parts.len()).step_by(2) {
            let (field, row): (String, String) = (answer.part(place)?, answer.part(place + 1)?);
            found.extend(read_ban(&field, &row));
        }
        if cursor == "0" {
            return Ok(bans_in_order(&found, now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::house::tests::open_house;
    use super::super::own_redis::OwnRedis;
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    const HOUR: Duration = Duration::from_secs(3600);

    fn start() -> SystemTime {
        UNIX_EPOCH + 500_000 * HOUR
    }

    fn who(text: &str) -> Banned {
        text.parse().expect("a name or an address")
    }

    fn until(end: Option<SystemTime>) -> Ban {
        Ban { until: end.map(Moment::at_or_after), why: "too loud, \"again\"".to_owned() }
    }

    #[test]
    fn a_ban_is_read_as_it_was_written() {
        for text in ["Bob", "192.0.2.7", "2001:db8:1:2::7"] {
            for ban in [until(None), until(Some(start()))] {
                let (field, row) = (ban_field(&who(text)), ban_row(&ban));
                assert_eq!(read_ban(&field, &row), Some((who(text), ban)), "{field} {row}");
            }
        }
        assert_eq!(ban_field(&who("Bob")), "name:bob");
        assert_eq!(ban_field(&who("2001:db8:1:2::7")), "net:2001:db8:1:2::/64");
        for (field, row) in [
            ("bob", ",x"),
            ("net:bob", ",x"),
            ("name:192.0.2.7", ",x"),
            ("net:127.0.0.1", ",x"),
            ("name:bob", ""),
            ("name:bob", "x"),
            ("name:bob", "noon,x"),
            ("name:bob", ",x,y"),
        ] {
            assert_eq!(read_ban(field, row), None, "{field} {row}");
        }
    }

    #[test]
    fn a_ban_holds_until_its_end_or_until_it_is_lifted_and_all_are_told() {
        let redis = OwnRedis::start();
        let (member, mut link, now) = (open_house(&redis), redis.link(), start());
        for _ in 0..2 {
            assert_eq!(ban(&mut link, &member, 0, &who("bob"), &until(Some(now + HOUR)), now), Ok(Banning::Ok));
            assert_eq!(ban(&mut link, &member, 0, &who("192.0.2.7"), &until(None), now), Ok(Banning::Ok));
        }
        assert_eq!(ban(&mut link, &member, 1, &who("eve"), &until(None), now), Err(NotDone::Late));
        let both = vec![(who("bob"), until(Some(now + HOUR))), (who("192.0.2.7"), until(None))];
        assert_eq!(bans(&mut link, &member, now), Ok(both.clone()));
        assert_eq!(lift(&mut link, &member, 0, &who("eve"), "a", now), Ok(false));
        for _ in 0..2 {
            assert_eq!(lift(&mut link, &member, 0, &who("192.0.2.7"), "b", now), Ok(true));
        }
        assert_eq!(lift(&mut link, &member, 0, &who("192.0.2.7"), "c", now), Ok(false));
        let almost = now + HOUR - Duration::from_secs(1);
        assert_eq!(bans(&mut link, &member, almost), Ok(both[..1].to_vec()));
        assert_eq!(bans(&mut link, &member, now + HOUR), Ok(Vec::new()));
        assert_eq!(redis.ask::<u64>(&["HLEN", "{peerline}:bans"]), 0, "it goes when somebody comes upon it");
        let news: Vec<(String, Vec<String>)> = redis.ask(&["XRANGE", "{peerline}:news", "-", "+"]);
        let told: Vec<String> = news.into_iter().skip(1).map(|(_, fields)| fields[1..].join(" ")).collect();
        let row = ban_row(&until(Some(now + HOUR)));
        let row_without = ban_row(&until(None));
        assert_eq!(
            told,
            [
                format!("ban who name:bob row {row}"),
                format!("ban who net:192.0.2.7 row {row_without}"),
                "unban who net:192.0.2.7".to_owned(),
            ]
        );
        assert_eq!(ban(&mut link, &member, 0, &who("bob"), &until(Some(now + HOUR)), now), Ok(Banning::Ok));
        assert_eq!(lift(&mut link, &member, 0, &who("bob"), "d", now + HOUR), Ok(false), "it is over");
        assert_eq!(redis.ask::<u64>(&["HLEN", "{peerline}:bans"]), 0);
    }

    #[test]
    fn so_many_bans_are_the_most_and_those_that_are_over_do_not_count() {
        let redis = OwnRedis::start();
        let (member, mut link, now) = (open_house(&redis), redis.link(), start());
        let mut try_ban = |text: &str, end, now| {
            ban_below(&mut link, &member, 0, &who(text), &until(end), now, 2).expect("an answer")
        };
        assert_eq!(try_ban("a", None, now), Banning::Ok);
        assert_eq!(try_ban("b", Some(now + HOUR), now), Banning::Ok);
        assert_eq!(try_ban("c", None, now), Banning::Full);
        assert_eq!(try_ban("a", Some(now + HOUR + HOUR), now), Banning::Ok, "it is there");
        assert_eq!(try_ban("c", None, now + HOUR), Banning::Ok);
        assert_eq!(try_ban("d", None, now + HOUR), Banning::Full);
    }

    #[test]
    fn many_bans_come_in_pieces() {
        let redis = OwnRedis::start();
        let (member, mut link, now) = (open_house(&redis), redis.link(), start());
        let mut pipe = redis::pipe();
        for number in 0..2000 {
            let end = if number % 2 == 0 { None } else { Some(now) };
            pipe.cmd("HSET")
                .arg("{peerline}:bans")
                .arg(format!("name:n{number:04}"))
                .arg(ban_row(&until(end)))
                .ignore();
        }
        pipe.cmd("HSET").arg("{peerline}:bans").arg("rubbish").arg("rubbish").ignore();
        pipe.exec(&mut link).expect("written");
        let found = bans(&mut link, &member, now).expect("an answer");
        let names: Vec<String> = found.iter().map(|(who, _)| who.to_string()).collect();
        assert!(names.iter().eq((0..2000).step_by(2).map(|number| format!("n{number:04}")).collect::<Vec<_>>().iter()));
        assert_eq!(redis.ask::<u64>(&["HLEN", "{peerline}:bans"]), 1001);
    }
}
