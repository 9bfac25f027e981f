//! The house and the servers in it: who makes it, comes into it, stays in it, and is taken out of it.
//!
//! A server stays by a beat each second. Whoever beats buries those whose lease is over. When Redis itself was away, all
//! leases run on by that time, as nobody could beat. That cannot be told from a time in which no server was there: a house
//! that everybody left without a word keeps the last ones for up to 5 s more, and their names are free then.

use super::link::{Link, NotDone};
use super::script::{Answer, Member, Script};
use crate::value::{Epoch, Fingerprint, ServerName};
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

/// How many calls the names of a server that ends take at the most, 500 names each: more than any server has.
const SWEEPS: usize = 200;
/// How many parts the answer to a beat has for each server.
const PARTS: usize = 6;

/// A script that knows the servers, with what they share before it.
macro_rules! of_servers {
    ($($name:literal),+) => {
        concat!(
            include_str!("scripts/news.lua"),
            include_str!("scripts/again.lua"),
            include_str!("scripts/servers.lua"),
            $(include_str!($name)),+
        )
    };
}
pub(super) use of_servers;

static FOUND: LazyLock<Script> = LazyLock::new(|| Script::unguarded(include_str!("scripts/found.lua")));
static OPENED: LazyLock<Script> = LazyLock::new(|| Script::unguarded(include_str!("scripts/opened.lua")));
static JOIN: LazyLock<Script> = LazyLock::new(|| Script::unguarded(of_servers!("scripts/join.lua")));
static BEAT: LazyLock<Script> = LazyLock::new(|| Script::guarded(of_servers!("scripts/beat.lua")));
static QUIT: LazyLock<Script> = LazyLock::new(|| Script::guarded(of_servers!("scripts/quit.lua")));
static SWEEP: LazyLock<Script> = LazyLock::new(|| Script::unguarded(of_servers!("scripts/sweep.lua")));

/// What there is in a Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No house: it is new, or was emptied.
    None,
    /// A house that is open for this run.
    Open(Epoch),
    /// One that was open for another run: it has to meet before anything is done.
    Shut(Epoch),
}

/// How a server comes into the house.
#[derive(Clone, Debug)]
pub struct Start<'a> {
    /// Its name.
    pub server: &'a ServerName,
    /// Drawn once for this start: of two calls with the same the second one repeats the first.
    pub start: &'a str,
    /// Where clients reach it, if it is to be one address.
    pub address: Option<SocketAddr>,
    /// The same for TLS.
    pub tls: Option<SocketAddr>,
    /// The key that it shows under TLS.
    pub key: Option<Fingerprint>,
    /// How long it keeps broadcasts: as long as all others of the house.
    pub history: Duration,
    /// What it is already, where only the registration was lost: it comes back as the same.
    pub was: Option<(u64, u8)>,
}

/// A server that is in the house.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Its name and its generation.
    pub member: Member,
    /// Its loopback addresses are those of 127.NUMBER.0.0/16, and nobody else's.
    pub number: u8,
    /// The house.
    pub epoch: Epoch,
    /// When that was, by Redis' clock: its lease ends 5 s later.
    pub at: u64,
}

/// What became of a join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Join {
    /// It is in.
    In(Joined),
    /// There is a server of that name, or was a moment ago: until it is surely gone, unless it beats, so many milliseconds
    /// pass. They get more by its beats alone: where leases run on, as Redis was away, a second of that is left out.
    Running {
        /// Milliseconds.
        left: u64,
    },
    /// Another server keeps broadcasts for another time.
    Another {
        /// For how long.
        history: Duration,
        /// As above, of that server.
        left: u64,
    },
    /// There are 256 servers.
    Full,
    /// There is no house.
    NoHouse,
}

/// A server that is alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alive {
    /// Its name and its generation.
    pub member: Member,
    /// Its slice of 127.0.0.0/8.
    pub number: u8,
    /// Where clients reach it, if that is one address.
    pub address: Option<SocketAddr>,
    /// The same for TLS.
    pub tls: Option<SocketAddr>,
    /// The key that it shows under TLS.
    pub key: Option<Fingerprint>,
}

/// The house at a beat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct House {
    /// Redis' clock, in milliseconds since 1970.
    pub now: u64,
    /// Which house it is.
    pub epoch: Epoch,
    /// Who is alive, this server with them, in the order of their names. A snapshot of who is here may have names on others:
    /// those are dead, and their names on the way out.
    pub servers: Vec<Alive>,
}

/// Makes the house, where there is none, and says which one there is now: another epoch is that of somebody else's.
///
/// # Errors
/// [`NotDone`].
pub fn found(link: &mut Link, server: &ServerName, epoch: Epoch) -> Result<Epoch, NotDone> {
    let answer = FOUND.call(link, &outside(server), 0, &[epoch.to_string()])?;
    epoch_in(&answer, 0)
}

/// Looks whether there is a house, and whether it is open for the run at the other end of `link`.
///
/// # Errors
/// [`NotDone`].
pub fn opened(link: &mut Link, server: &ServerName) -> Result<Standing, NotDone> {
    let answer = OPENED.call(link, &outside(server), 0, &[""; 0])?;
    match answer.word.as_str() {
        "NONE" => Ok(Standing::None),
        "OPEN" => Ok(Standing::Open(epoch_in(&answer, 0)?)),
        "SHUT" => Ok(Standing::Shut(epoch_in(&answer, 0)?)),
        _ => Err(answer.not_understood()),
    }
}

/// Comes into the house. A server of that name that is dead is buried first.
///
/// # Errors
/// [`NotDone::Loss`]: the house has to meet first. [`NotDone::Buried`]: it cannot come back as what it was, as others have
/// taken it for dead, or there is a later generation.
pub fn join(link: &mut Link, start: &Start<'_>) -> Result<Join, NotDone> {
    let (generation, number) = start.was.unzip();
    let who = Member { generation: generation.unwrap_or(0), ..outside(start.server) };
    let (address, tls) = (or_empty(start.address), or_empty(start.tls));
    let history = start.history.as_millis().to_string();
    let arguments = [start.start, &address, &tls, &or_empty(start.key), &or_empty(number), &history];
    let answer = JOIN.call(link, &who, 0, &arguments)?;
    match answer.word.as_str() {
        "OK" => Ok(Join::In(Joined {
            member: Member { generation: answer.part(0)?, ..who },
            number: answer.part(1)?,
            epoch: epoch_in(&answer, 2)?,
            at: answer.part(3)?,
        })),
        "RUNNING" => Ok(Join::Running { left: answer.part(0)? }),
        "HISTORY" => Ok(Join::Another { history: Duration::from_millis(answer.part(0)?), left: answer.part(1)? }),
        "FULL" => Ok(Join::Full),
        "NONE" => Ok(Join::NoHouse),
        _ => Err(answer.not_understood()),
    }
}

/// Says that this server is alive, each second; buries those that are not, 500 of their names a call.
///
/// # Errors
/// [`NotDone`].
pub fn beat(link: &mut Link, who: &Member) -> Result<House, NotDone> {
    let answer = BEAT.call(link, who, 0, &[""; 0])?;
    if answer.word != "OK" {
        return Err(answer.not_understood());
    }
    let servers = (2..answer.parts.len()).step_by(PARTS).filter_map(|place| alive(&answer, place).transpose());
    let mut servers = servers.collect::<Result<Vec<_>, NotDone>>()?;
    servers.sort_by(|one, other| one.member.server.cmp(&other.member.server));
    Ok(House { now: answer.part(0)?, epoch: epoch_in(&answer, 1)?, servers })
}

/// One that has no generation, or a name that is none, is not in the house, whoever wrote that: no beat fails by it.
fn alive(answer: &Answer, place: usize) -> Result<Option<Alive>, NotDone> {
    let part = |number: usize| answer.part::<String>(place + number);
    let (server, generation, number) = (part(0)?.parse(), part(1)?.parse(), part(2)?.parse());
    let (Ok(server), Ok(generation), Ok(number)) = (server, generation, number) else { return Ok(None) };
    let member = Member { server, generation };
    let (address, tls, key) = (part(3)?.parse().ok(), part(4)?.parse().ok(), part(5)?.parse().ok());
    Ok(Some(Alive { member, number, address, tls, key }))
}

/// Leaves the house in order, with all names that are still on this server. Done again it does nothing.
///
/// # Errors
/// [`NotDone`]. What is left is taken out by the beats of others.
pub fn quit(link: &mut Link, who: &Member) -> Result<(), NotDone> {
    let mut left = match QUIT.call(link, who, 0, &[""; 0]) {
        // It was in time, or somebody else was.
        Err(NotDone::Buried) => 1,
        answer => answer?.part::<usize>(0)?,
    };
    for _ in 0..SWEEPS {
        if left == 0 {
            break;
        }
        left = SWEEP.call(link, who, 0, &[""; 0])?.part(0)?;
    }
    Ok(())
}

/// The epoch at this place of an answer.
fn epoch_in(answer: &Answer, place: usize) -> Result<Epoch, NotDone> {
    let text: String = answer.part(place)?;
    text.parse().map_err(|_| NotDone::Lost(format!("{text:?} is no epoch")))
}

/// As what a server calls a script before it is in the house.
fn outside(server: &ServerName) -> Member {
    Member { server: server.clone(), generation: 0 }
}

fn or_empty(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::own_redis::OwnRedis;
    use super::*;
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    use std::time::Instant;

    /// Makes a house in a new Redis, with one server in it.
    pub fn open_house(redis: &OwnRedis) -> Member {
        let epoch = Epoch([7; 16]);
        assert_eq!(found(&mut redis.link(), &name("s1"), epoch), Ok(epoch));
        enter(redis, "s1").member
    }

    fn name(text: &str) -> ServerName {
        text.parse().expect("a name")
    }

    fn start<'a>(server: &'a ServerName, start: &'a str) -> Start<'a> {
        let address = Some("10.0.0.1:4400".parse().expect("an address"));
        Start {
            server,
            start,
            address,
            tls: None,
            key: Some(Fingerprint([3; 32])),
            history: Duration::from_secs(1800),
            was: None,
        }
    }

    fn try_enter(redis: &OwnRedis, server: &str, drawn: &str, was: Option<(u64, u8)>) -> Result<Join, NotDone> {
        join(&mut redis.link(), &Start { was, ..start(&name(server), drawn) })
    }

    fn enter(redis: &OwnRedis, server: &str) -> Joined {
        match try_enter(redis, server, &format!("start of {server}"), None) {
            Ok(Join::In(joined)) => joined,
            other => panic!("{server}: {other:?}"),
        }
    }

    fn names(house: &House) -> Vec<&str> {
        house.servers.iter().map(|alive| alive.member.server.as_str()).collect()
    }

    /// As if it had not beaten for long.
    fn end_lease(redis: &OwnRedis, server: &str) {
        redis.tell(&["ZADD", "{peerline}:servers", "1", server]);
    }

    fn told(redis: &OwnRedis) -> Vec<Vec<String>> {
        let entries: Vec<(String, Vec<String>)> = redis.ask(&["XRANGE", "{peerline}:news", "-", "+"]);
        entries.into_iter().map(|(_, fields)| fields.into_iter().skip(1).step_by(2).collect()).collect()
    }

    /// Puts names of this server into the house.
    fn put_names(redis: &OwnRedis, on: &Member, names: std::ops::Range<u32>) {
        let mut pipe = redis::pipe();
        for number in names {
            let (name, id) = (format!("n{number}"), format!("{}:{}", on.server, on.generation));
            let record = format!("N{number},{},{},{number},10.0.0.2", on.server, on.generation);
            pipe.cmd("HSET").arg("{peerline}:who").arg(&name).arg(record).ignore();
            pipe.cmd("SADD").arg(format!("{{peerline}}:of:{id}")).arg(&name).ignore();
            pipe.cmd("SET").arg(format!("{{peerline}}:files:{name}")).arg("a.txt").ignore();
        }
        pipe.exec(&mut redis.link()).expect("written");
    }

    #[test]
    fn a_house_is_made_once_and_is_open_for_one_run() {
        let mut redis = OwnRedis::start();
        let (s1, one, other) = (name("s1"), Epoch([1; 16]), Epoch([2; 16]));
        assert_eq!(opened(&mut redis.link(), &s1), Ok(Standing::None));
        assert_eq!(try_enter(&redis, "s1", "a", None), Ok(Join::NoHouse));
        for _ in 0..2 {
            assert_eq!(found(&mut redis.link(), &s1, one), Ok(one));
        }
        assert_eq!(found(&mut redis.link(), &s1, other), Ok(one), "it is not made anew");
        assert_eq!(opened(&mut redis.link(), &s1), Ok(Standing::Open(one)));
        let joined = enter(&redis, "s1");
        redis.kill();
        redis.restart();
        let mut link = redis.link();
        assert_eq!(opened(&mut link, &s1), Ok(Standing::Shut(one)));
        assert_eq!(found(&mut link, &s1, other), Ok(one));
        assert_eq!(opened(&mut link, &s1), Ok(Standing::Shut(one)), "to ask does not open it");
        assert_eq!(try_enter(&redis, "s2", "a", None), Err(NotDone::Loss));
        assert_eq!(beat(&mut link, &joined.member), Err(NotDone::Loss));
        assert_eq!(quit(&mut link, &joined.member), Err(NotDone::Loss));
    }

    #[test]
    fn each_server_has_a_number_of_its_own_and_a_name_is_one_server() {
        let redis = OwnRedis::start();
        let first = open_house(&redis);
        let (again, second) = (enter(&redis, "s1"), enter(&redis, "s2"));
        assert_eq!((again.member, again.number), (first.clone(), 0), "the same start");
        assert_eq!(second.number, 1);
        let refused = try_enter(&redis, "s1", "another start", None);
        assert!(matches!(refused, Ok(Join::Running { left: 1..=5000 })), "{refused:?}");
        let house = beat(&mut redis.link(), &first).expect("alive");
        assert_eq!((names(&house), house.epoch), (vec!["s1", "s2"], Epoch([7; 16])));
        let alive = &house.servers[1];
        assert_eq!((&alive.member, alive.number), (&second.member, 1));
        let s2 = name("s2");
        let said = start(&s2, "");
        assert_eq!((alive.address, alive.tls, alive.key), (said.address, said.tls, said.key));
        let kinds: Vec<String> = told(&redis).into_iter().map(|news| news.join(" ")).collect();
        let up = |member: &Member| format!("up {} {}", member.server, member.generation);
        assert_eq!(kinds, [up(&first), up(&second.member)], "each once");
        // A name of which the lease is over is taken; a number is free then.
        end_lease(&redis, "s1");
        let Ok(Join::In(later)) = try_enter(&redis, "s1", "another start", None) else { panic!("it is free") };
        assert!(later.member.generation > first.generation);
        assert_eq!(later.number, 0);
        assert_eq!(beat(&mut redis.link(), &first), Err(NotDone::Buried));
    }

    #[test]
    fn there_are_256_numbers() {
        let redis = OwnRedis::start();
        open_house(&redis);
        let mut pipe = redis::pipe();
        for number in 1..=255 {
            pipe.cmd("ZADD").arg("{peerline}:servers").arg("99999999999999").arg(format!("t{number}")).ignore();
            pipe.cmd("HSET").arg(format!("{{peerline}}:server:t{number}")).arg("number").arg(number).ignore();
        }
        pipe.exec(&mut redis.link()).expect("written");
        assert_eq!(try_enter(&redis, "s2", "a", None), Ok(Join::Full));
        redis.tell(&["ZREM", "{peerline}:servers", "t77"]);
        assert_eq!(enter(&redis, "s2").number, 77);
    }

    #[test]
    fn no_generation_is_drawn_twice_also_when_the_counter_was_lost() {
        let redis = OwnRedis::start();
        let mut drawn = vec![open_house(&redis).generation];
        for number in 0..20 {
            end_lease(&redis, "s1");
            redis.tell(&["HDEL", "{peerline}:head", "generation"]);
            let Ok(Join::In(joined)) = try_enter(&redis, "s1", &number.to_string(), None) else { panic!("it is free") };
            drawn.push(joined.member.generation);
        }
        // Far ahead of the clock, too.
        redis.tell(&["HSET", "{peerline}:head", "generation", "4000000000000000"]);
        drawn.push(enter(&redis, "s2").member.generation);
        assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]), "{drawn:?}");
        assert_eq!(drawn.last(), Some(&4_000_000_000_000_001));
    }

    #[test]
    fn a_registration_that_was_lost_comes_back_as_the_same_and_a_buried_one_does_not() {
        let redis = OwnRedis::start();
        let first = open_house(&redis);
        let second = enter(&redis, "s2");
        redis.tell(&["HSET", "{peerline}:head", "n:s2", "12"]);
        // What a tail of the file held.
        redis.tell(&["HDEL", "{peerline}:head", "g:s2", "generation"]);
        redis.tell(&["DEL", "{peerline}:server:s2"]);
        redis.tell(&["ZREM", "{peerline}:servers", "s2"]);
        assert_eq!(beat(&mut redis.link(), &second.member), Err(NotDone::Buried));
        let was = Some((second.member.generation, second.number));
        for _ in 0..2 {
            let Ok(Join::In(back)) = try_enter(&redis, "s2", "a", was) else { panic!("nobody took it for dead") };
            assert_eq!((back.member, back.number), (second.member.clone(), second.number));
        }
        assert_eq!(redis.ask::<u64>(&["HGET", "{peerline}:head", "n:s2"]), 12);
        assert!(redis.ask::<u64>(&["HGET", "{peerline}:head", "generation"]) >= second.member.generation);
        end_lease(&redis, "s2");
        assert_eq!(names(&beat(&mut redis.link(), &first).expect("alive")), ["s1"]);
        assert_eq!(try_enter(&redis, "s2", "a", was), Err(NotDone::Buried));
        let third = enter(&redis, "s2");
        assert_eq!(try_enter(&redis, "s2", "a", was), Err(NotDone::Buried), "there is a later one");
        // An older one that is there again, as the file lost its burial, is proved dead by a later one.
        redis.tell(&["HSET", "{peerline}:head", "g:s2", "5"]);
        redis.tell(&["HDEL", "{peerline}:head", "b:s2"]);
        let was = Some((third.member.generation, third.number));
        assert!(matches!(try_enter(&redis, "s2", "b", was), Ok(Join::In(back)) if back.member == third.member));
    }

    #[test]
    fn a_dead_server_is_fenced_at_once_and_its_names_go_500_a_beat_but_not_those_that_are_elsewhere() {
        let redis = OwnRedis::start();
        let (first, second) = (open_house(&redis), enter(&redis, "s2").member);
        put_names(&redis, &second, 0..1200);
        let inbox = format!("{{peerline}}:in:s2:{}", second.generation);
        redis.tell(&["XADD", &inbox, "*", "k", "close"]);
        let elsewhere = format!("N7,s1,{},1,10.0.0.9", first.generation);
        redis.tell(&["HSET", "{peerline}:who", "n7", &elsewhere]);
        end_lease(&redis, "s2");
        let mut link = redis.link();
        let mut left = Vec::new();
        for _ in 0..4 {
            assert_eq!(names(&beat(&mut link, &first).expect("alive")), ["s1"]);
            assert_eq!(beat(&mut redis.link(), &second), Err(NotDone::Buried));
            left.push(redis.ask::<u64>(&["SCARD", &format!("{{peerline}}:of:s2:{}", second.generation)]));
        }
        assert_eq!(left, [700, 200, 0, 0]);
        assert_eq!(redis.ask::<Vec<String>>(&["HGETALL", "{peerline}:who"]), ["n7", &elsewhere]);
        assert_eq!(redis.ask::<Vec<String>>(&["KEYS", "{peerline}:files:*"]), ["{peerline}:files:n7"]);
        assert_eq!(redis.ask::<u64>(&["EXISTS", &inbox, "{peerline}:graves", "{peerline}:server:s2"]), 0);
        let down = |news: &&Vec<String>| news[0] == "down";
        // At its burial, and when the last name had gone.
        let told = told(&redis);
        let told: Vec<_> = told.iter().filter(down).collect();
        assert_eq!(told, [&["down".to_owned(), "s2".to_owned(), second.generation.to_string()]; 2]);
    }

    #[test]
    fn a_server_that_ends_takes_its_names_with_it_and_once_more_does_nothing() {
        let redis = OwnRedis::start();
        let (first, second) = (open_house(&redis), enter(&redis, "s2").member);
        put_names(&redis, &second, 0..1100);
        put_names(&redis, &first, 2000..2003);
        for _ in 0..2 {
            assert_eq!(quit(&mut redis.link(), &second), Ok(()));
            assert_eq!(redis.ask::<u64>(&["HLEN", "{peerline}:who"]), 3);
        }
        assert_eq!(beat(&mut redis.link(), &second), Err(NotDone::Buried));
        assert_eq!(names(&beat(&mut redis.link(), &first).expect("alive")), ["s1"]);
        assert_eq!(enter(&redis, "s2").number, 1, "nobody waits for its lease");
    }

    /// Two servers, and a Redis that stands still: what they say meanwhile waits in its sockets.
    fn nobody_is_buried_by_a_pause_of(pause: Duration) {
        let redis = OwnRedis::start();
        let members = [open_house(&redis), enter(&redis, "s2").member];
        let pid = Pid::from_raw(i32::try_from(redis.id()).expect("a process"));
        let mut links = [redis.link(), redis.link()];
        for (link, member) in links.iter_mut().zip(&members) {
            beat(link, member).expect("alive");
        }
        let lease = || redis.ask::<u64>(&["ZSCORE", "{peerline}:servers", "s2"]);
        let before = lease();
        kill(pid, Signal::SIGSTOP).expect("it runs");
        let end = Instant::now() + pause;
        assert!(matches!(beat(&mut links[0], &members[0]), Err(NotDone::Lost(_))));
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            std::thread::park_timeout(left);
        }
        kill(pid, Signal::SIGCONT).expect("it is there");
        beat(&mut redis.link(), &members[0]).expect("alive");
        let moved = Duration::from_millis(lease() - before);
        assert!(moved + Duration::from_secs(1) >= pause, "{moved:?}");
        for _ in 0..2 {
            for member in &members {
                let house = beat(&mut redis.link(), member).expect("alive");
                assert_eq!(names(&house), ["s1", "s2"]);
            }
        }
        assert!(told(&redis).iter().all(|news| news[0] == "up"));
        // A lease is not endless by that.
        end_lease(&redis, "s2");
        assert_eq!(names(&beat(&mut redis.link(), &members[0]).expect("alive")), ["s1"]);
    }

    #[test]
    fn redis_away_for_3_seconds_buries_nobody() {
        nobody_is_buried_by_a_pause_of(Duration::from_secs(3));
    }

    #[test]
    fn redis_away_for_6_seconds_buries_nobody() {
        nobody_is_buried_by_a_pause_of(Duration::from_secs(6));
    }

    #[test]
    fn a_clock_set_back_takes_the_leases_with_it() {
        let redis = OwnRedis::start();
        let first = open_house(&redis);
        let ahead = beat(&mut redis.link(), &first).expect("alive").now + 3_600_000;
        // As an hour ago, by a clock that was an hour ahead.
        enter(&redis, "s2");
        redis.tell(&["HSET", "{peerline}:head", "beat", &ahead.to_string()]);
        redis.tell(&["ZADD", "{peerline}:servers", &(ahead + 5000).to_string(), "s2"]);
        let house = beat(&mut redis.link(), &first).expect("alive");
        let lease: u64 = redis.ask(&["ZSCORE", "{peerline}:servers", "s2"]);
        assert!((house.now..=house.now + 5000).contains(&lease), "{lease} at {}", house.now);
    }
}
