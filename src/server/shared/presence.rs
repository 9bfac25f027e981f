//! Who is here, over all servers: `who`, in which each name stands once. Whoever writes there tells all by the news.
//!
//! Each call may be repeated with the same arguments until it is settled. A repeat that comes when the deadline has passed is
//! answered as the call before whose reply was lost; [`NotDone::Late`] says that there was none.

use super::again::EntersBy;
use super::lines::StreamId;
use super::link::{Link, NotDone};
use super::record::Record;
use super::script::{Answer, Deadline, Member, Script};
use crate::protocol::{MAX_FILE_BYTES, MAX_FILES, Notice};
use crate::value::{Moment, Username};
use log::warn;
use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

/// The most bytes of a client's files, with a line end for each.
const MAX_FILES_TEXT: usize = MAX_FILE_BYTES + MAX_FILES;
/// The most names among which one is chosen for a guest.
pub const MAX_CANDIDATES: usize = 500;

/// A script of those that read and write entries, `guarded` or `settling`.
macro_rules! seating {
    ($kind:ident $name:literal) => {
        LazyLock::new(|| {
            Script::$kind(concat!(
                include_str!("scripts/expired.lua"),
                include_str!("scripts/news.lua"),
                include_str!("scripts/post.lua"),
                include_str!("scripts/again.lua"),
                include_str!("scripts/seat.lua"),
                include_str!($name)
            ))
        })
    };
}

static ENTER: LazyLock<Script> = seating!(settling "scripts/enter.lua");
static ENTER_GUEST: LazyLock<Script> = seating!(settling "scripts/enter_guest.lua");
static LEAVE: LazyLock<Script> = seating!(settling "scripts/leave.lua");
static CHANGE: LazyLock<Script> = seating!(settling "scripts/change.lua");
static FORGET_TOKEN: LazyLock<Script> = seating!(settling "scripts/forget_token.lua");
static SET_FILES: LazyLock<Script> = seating!(settling "scripts/set_files.lua");
static FILES: LazyLock<Script> = LazyLock::new(|| Script::guarded(include_str!("scripts/files.lua")));
static SNAPSHOT: LazyLock<Script> = LazyLock::new(|| Script::guarded(include_str!("scripts/snapshot.lua")));

/// The bans that somebody may fall under.
pub struct Falls<'a> {
    /// Their fields in `bans`, of each name and of the network.
    pub under: &'a [&'a str],
    /// A ban that is over at this time is none.
    pub now: SystemTime,
}

impl Falls<'_> {
    fn add_to(&self, arguments: &mut Vec<String>) {
        arguments.extend([Moment::of(self.now).to_string(), self.under.len().to_string()]);
        arguments.extend(self.under.iter().map(|field| (*field).to_owned()));
    }
}

/// What became of a client that wants to come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entered {
    /// It is here. An older session of the name, on whatever server, is not: its server has been told to close it, unless it
    /// is that of the client itself.
    Ok {
        /// What stood there.
        older: Option<Box<Record>>,
        /// How long the login still lasts, if there is an end to it.
        lasts: Option<Duration>,
    },
    /// The account is no longer as it was checked.
    Changed,
    /// The token that it shows is none, or none any more, or one of TLS that was said in the clear.
    WrongToken,
    /// It is banned, and this is the row of the ban.
    Banned(String),
}

/// Enters a client on behalf of the server where its session is, if its account and its token are as `by` says. The token serves
/// once. An older session of the name is told `notice`, and its token serves nobody any more.
///
/// # Errors
/// [`NotDone`].
pub fn enter(
    link: &mut Link,
    deadline: Deadline,
    record: &Record,
    notice: &Notice,
    by: &EntersBy<'_>,
    bans: &Falls<'_>,
) -> Result<Entered, NotDone> {
    let session = record.session.to_string();
    let mut arguments = vec![lower(&record.name), session, record.to_string(), notice.to_string()];
    by.add_to(&mut arguments, record.encrypted);
    bans.add_to(&mut arguments);
    let answer = ENTER.call(link, &record.at, deadline, &arguments)?;
    match answer.word.as_str() {
        // A row that is none of a client is nobody whom anybody could tell anything.
        "OK" => {
            let lasts = answer.part::<String>(1)?.parse().ok().map(Duration::from_millis);
            Ok(Entered::Ok { older: answer.part::<String>(0)?.parse().ok().map(Box::new), lasts })
        }
        "CHANGED" => Ok(Entered::Changed),
        "WRONG" => Ok(Entered::WrongToken),
        "BANNED" => Ok(Entered::Banned(answer.part(0)?)),
        _ => Err(answer.not_understood()),
    }
}

/// What became of a guest that wants to come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuestEntered {
    /// It is here, under this name.
    Ok(Username),
    /// Each of the names is an account's, or that of somebody who is here.
    Taken,
    /// It is banned, and this is the row of the ban.
    Banned(String),
}

/// Enters a guest on behalf of the server where its session is, under the first of `names` that nobody has; that of the
/// record does not count. `again` is its own entry of that server, with its session, if it has one: it keeps that name.
///
/// # Errors
/// [`NotDone`]; [`NotDone::Cannot`] also for more than [`MAX_CANDIDATES`] names.
pub fn enter_guest(
    link: &mut Link,
    deadline: Deadline,
    record: &Record,
    names: &[Username],
    again: Option<(&Username, u64)>,
    bans: &Falls<'_>,
) -> Result<GuestEntered, NotDone> {
    if names.len() > MAX_CANDIDATES {
        return Err(NotDone::Cannot(format!("{} names for one guest", names.len())));
    }
    let mut arguments = vec![record.session.to_string(), record.without_name()];
    arguments.extend(match again {
        Some((name, session)) => [lower(name), session.to_string(), name.to_string()],
        None => Default::default(),
    });
    bans.add_to(&mut arguments);
    arguments.extend(names.iter().map(Username::to_string));
    let answer = ENTER_GUEST.call(link, &record.at, deadline, &arguments)?;
    match answer.word.as_str() {
        "OK" => answer.part::<String>(0)?.parse().map(GuestEntered::Ok).map_err(|_| answer.not_understood()),
        "TAKEN" => Ok(GuestEntered::Taken),
        "BANNED" => Ok(GuestEntered::Banned(answer.part(0)?)),
        _ => Err(answer.not_understood()),
    }
}

/// Takes a session out, unless another one has taken its name over. By its token it goes on elsewhere for a minute more, unless
/// it was sent away.
///
/// # Errors
/// [`NotDone`].
pub fn leave(
    link: &mut Link,
    who: &Member,
    deadline: Deadline,
    (name, session): (&Username, u64),
    is_sent_away: bool,
) -> Result<(), NotDone> {
    let is_sent_away = if is_sent_away { "1" } else { "0" };
    let answer = LEAVE.call(link, who, deadline, &[&lower(name), &session.to_string(), is_sent_away])?;
    if answer.word == "OK" { Ok(()) } else { Err(answer.not_understood()) }
}

/// The token of this session, wherever it is, serves nobody any more.
///
/// # Errors
/// [`NotDone`].
pub fn forget_token(
    link: &mut Link,
    who: &Member,
    deadline: Deadline,
    (name, session): (&Username, u64),
    at: &Member,
) -> Result<(), NotDone> {
    let arguments = [lower(name), at.server.to_string(), at.generation.to_string(), session.to_string()];
    let answer = FORGET_TOKEN.call(link, who, deadline, &arguments)?;
    if answer.word == "OK" { Ok(()) } else { Err(answer.not_understood()) }
}

/// Puts this record in the place of that of the same session. False: another one has taken its name over, or it has left.
///
/// # Errors
/// [`NotDone`].
pub fn change(link: &mut Link, deadline: Deadline, record: &Record) -> Result<bool, NotDone> {
    let arguments = [lower(&record.name), record.session.to_string(), record.to_string()];
    is_own(&CHANGE.call(link, &record.at, deadline, &arguments)?)
}

/// Keeps the files of a session in the place of those that it had; they go with its entry. False as in [`change`].
///
/// # Errors
/// [`NotDone`]; [`NotDone::Cannot`] also for more than a client may announce.
pub fn set_files(
    link: &mut Link,
    who: &Member,
    deadline: Deadline,
    name: &Username,
    session: u64,
    files: &str,
) -> Result<bool, NotDone> {
    if files.len() > MAX_FILES_TEXT {
        return Err(NotDone::Cannot(format!("{} bytes of file names", files.len())));
    }
    let arguments = [lower(name), session.to_string(), files.to_owned()];
    is_own(&SET_FILES.call(link, who, deadline, &arguments)?)
}

/// The files of whoever has this name; empty where there are none.
///
/// # Errors
/// [`NotDone`].
pub fn files(link: &mut Link, who: &Member, deadline: Deadline, name: &Username) -> Result<String, NotDone> {
    let answer = FILES.call(link, who, deadline, &[lower(name)])?;
    answer.part(0)
}

/// Who is here.
#[derive(Debug)]
pub struct Snapshot {
    /// Each once.
    pub records: Vec<Record>,
    /// The id of the entry of the news behind which a reader goes on.
    pub news: StreamId,
}

/// All of who is here. It is read in pieces, as of 15,000 at once Redis would do nothing else for 19 ms. So some of what
/// has happened since [`Snapshot::news`] is in it already: each of the news says how it is afterwards, so whoever takes them
/// all in has what is so. A row that is none of a client is left out, with one warning.
///
/// # Errors
/// [`NotDone`].
pub fn snapshot(link: &mut Link, who: &Member) -> Result<Snapshot, NotDone> {
    let (mut found, mut cursor, mut news, mut has_warned) = (HashMap::new(), "0".to_owned(), None, false);
    loop {
        let answer = SNAPSHOT.call(link, who, 0, &[&cursor])?;
        cursor = answer.part(0)?;
        let last: StreamId = answer.part::<String>(1)?.parse()?;
        // From the first piece on: later ones may lack what has happened since.
        let news = news.get_or_insert(last);
        for place in 2..answer.parts.len() {
            let row: String = answer.part(place)?;
            match row.parse::<Record>() {
                Ok(record) => drop(found.insert(record.name.clone(), record)),
                Err(_) if has_warned => {}
                Err(_) => {
                    warn!("An entry of {{peerline}}:who is none of a client: it and others like it are passed over");
                    has_warned = true;
                }
            }
        }
        if cursor == "0" {
            return Ok(Snapshot { records: found.into_values().collect(), news: *news });
        }
    }
}

fn is_own(answer: &Answer) -> Result<bool, NotDone> {
    match answer.word.as_str() {
        "OK" => Ok(true),
        "GONE" => Ok(false),
        _ => Err(answer.not_understood()),
    }
}

/// By what a name is found.
pub(super) fn lower(name: &Username) -> String {
    name.as_str().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::super::inbox::Post;
    use super::super::news::HouseNews;
    use super::super::own_house::Relay;
    use super::super::own_redis::OwnRedis;
    use super::super::own_servers::{inbox, member, news, open};
    use super::super::record::tests::record;
    use super::*;
    use crate::dialect::Dialect;
    use std::slice;
    use std::thread;
    use std::time::{Duration, UNIX_EPOCH};

    const NO_BANS: Falls<'_> = Falls { under: &[], now: UNIX_EPOCH };

    fn taken_over() -> Notice {
        Notice::TakenOver {
            name: "ann".parse().expect("a name"),
            from: "10.0.0.7".parse().expect("an address"),
            in_the_clear: false,
        }
    }

    fn come(link: &mut Link, record: &Record) -> Entered {
        enter(link, 0, record, &taken_over(), &EntersBy::default(), &NO_BANS).expect("an answer")
    }

    fn alone() -> Entered {
        Entered::Ok { older: None, lasts: None }
    }

    fn instead_of(record: &Record) -> Entered {
        Entered::Ok { older: Some(Box::new(record.clone())), lasts: None }
    }

    fn here(redis: &OwnRedis) -> Vec<Record> {
        let mut records = snapshot(&mut redis.link(), &member("s1")).expect("an answer").records;
        records.sort_by(|one, other| one.name.cmp(&other.name));
        records
    }

    fn name(name: &str) -> Username {
        name.parse().expect("a name")
    }

    #[test]
    fn the_later_session_of_a_name_stays_and_a_repeat_changes_nothing() {
        let redis = OwnRedis::start();
        let (s1, s2) = open(&redis);
        let mut link = redis.link();
        let (first, second, third) = (record("Ann", &s1, 1), record("ann", &s2, 1), record("ANN", &s2, 2));
        assert_eq!(come(&mut link, &first), alone());
        assert_eq!(come(&mut link, &first), alone());
        assert!(set_files(&mut link, &s1, 0, &first.name, 1, "a\nb\n").expect("an answer"));
        assert_eq!(come(&mut link, &second), instead_of(&first));
        // The answer was lost, and the one whom it replaced says so too: neither throws the present one out.
        assert_eq!((come(&mut link, &first), come(&mut link, &second)), (alone(), instead_of(&first)));
        assert_eq!(files(&mut link, &s1, 0, &first.name), Ok(String::new()), "they went with the entry");
        let close = Post::Close { name: name("ann"), session: 1, notice: taken_over() };
        assert_eq!((inbox(&redis, "s1"), inbox(&redis, "s2")), (vec![close.clone()], vec![]));
        assert_eq!(come(&mut link, &third), instead_of(&second));
        assert_eq!((inbox(&redis, "s1"), inbox(&redis, "s2")), (vec![close], vec![]), "s2 tells its own by itself");
        assert_eq!(here(&redis), slice::from_ref(&third));
        assert_eq!(news(&redis), [first, second, third].map(|record| HouseNews::In(Box::new(record))));
        assert_eq!(redis.ask::<Vec<String>>(&["SMEMBERS", "{peerline}:of:s1:1"]), [""; 0]);
        assert_eq!(redis.ask::<Vec<String>>(&["SMEMBERS", "{peerline}:of:s2:1"]), ["ann"]);
    }

    #[test]
    fn nobody_enters_by_an_account_that_has_changed_or_under_a_ban() {
        let redis = OwnRedis::start();
        let (s1, _) = open(&redis);
        let mut link = redis.link();
        redis.tell(&["HSET", "{peerline}:accounts", "ann", "Ann,hash,1"]);
        let row = "1970-01-02 00:00 UTC,why";
        redis.tell(&["HSET", "{peerline}:bans", "name:bob", row, "net:10.0.0.7", ",\"a, b\""]);
        let ann = record("ann", &s1, 1);
        let mut call = |checked: &str, under: &[&str], days: u64| {
            let falls = Falls { under, now: UNIX_EPOCH + Duration::from_secs(days * 86_400) };
            enter(
                &mut link,
                0,
                &ann,
                &taken_over(),
                &EntersBy { checked: Some(checked), ..EntersBy::default() },
                &falls,
            )
            .expect("an answer")
        };
        assert_eq!(call("Ann,other,1", &[], 0), Entered::Changed);
        assert_eq!(call("Ann,hash,1", &["net:10.0.0.8", "name:bob"], 0), Entered::Banned(row.to_owned()));
        assert_eq!(call("Ann,hash,1", &["net:10.0.0.7"], 0), Entered::Banned(",\"a, b\"".to_owned()));
        assert_eq!((here(&redis), news(&redis)), (vec![], vec![]));
        assert_eq!(call("Ann,hash,1", &["net:10.0.0.8", "name:bob"], 1), alone(), "it is over");
        assert_eq!(call("Ann,hash,1", &["net:10.0.0.7"], 0), alone(), "as the first time");
        redis.tell(&["HSET", "{peerline}:head", "g:s1", "2"]);
        assert_eq!(
            enter(&mut redis.link(), 0, &ann, &taken_over(), &EntersBy::default(), &NO_BANS),
            Err(NotDone::Buried)
        );
    }

    #[test]
    fn an_older_session_of_a_server_that_is_buried_is_replaced_and_nobody_told() {
        let redis = OwnRedis::start();
        let (s1, s2) = open(&redis);
        let mut link = redis.link();
        let older = record("ann", &s1, 1);
        come(&mut link, &older);
        redis.tell(&["HDEL", "{peerline}:head", "g:s1"]);
        assert_eq!(come(&mut link, &record("ann", &s2, 1)), instead_of(&older));
        assert_eq!(redis.ask::<u64>(&["EXISTS", "{peerline}:in:s1:1"]), 0);
    }

    #[test]
    fn of_two_who_log_in_at_once_the_later_one_stays_and_the_other_is_told() {
        let redis = OwnRedis::start();
        let (s1, s2) = open(&redis);
        let mut links = [redis.link(), redis.link()];
        let [one, two] = &mut links;
        for turn in 0..200 {
            let (at_one, at_two) = (record("ann", &s1, turn), record("ann", &s2, turn));
            let answers = thread::scope(|scope| {
                let other = scope.spawn(|| come(two, &at_two));
                (come(one, &at_one), other.join().expect("no panic"))
            });
            let [present]: [Record; 1] = here(&redis).try_into().expect("one of that name");
            let (stayed, gone) = if present == at_one { (answers.0, &at_two) } else { (answers.1, &at_one) };
            assert_eq!(stayed, instead_of(gone), "{turn}");
            let inbox = inbox(&redis, gone.at.server.as_str());
            let close = Post::Close { name: name("ann"), session: turn, notice: taken_over() };
            assert_eq!(inbox.iter().filter(|post| **post == close).count(), 1, "{turn}: told once");
            leave(one, &present.at, 0, (&present.name, turn), false).expect("done");
        }
    }

    #[test]
    fn a_reply_that_is_lost_comes_at_the_repeat() {
        let redis = OwnRedis::start();
        let (s1, s2) = open(&redis);
        let mut link = redis.link();
        let (older, ann) = (record("ann", &s2, 1), record("ann", &s1, 1));
        come(&mut link, &older);
        // Redis is told, and is not heard.
        let relay = Relay::start(&redis);
        let mut deaf = relay.link();
        relay.cut_after([usize::MAX, 0]);
        let lost = enter(&mut deaf, 0, &ann, &taken_over(), &EntersBy::default(), &NO_BANS);
        assert!(matches!(lost, Err(NotDone::Lost(_))), "{lost:?}");
        assert_eq!(come(&mut link, &ann), instead_of(&older));
        assert_eq!((inbox(&redis, "s2").len(), news(&redis).len()), (1, 2), "once, whichever came first");
    }

    #[test]
    fn a_session_leaves_and_changes_itself_alone() {
        let redis = OwnRedis::start();
        let (s1, s2) = open(&redis);
        let mut link = redis.link();
        let ann = record("Ann", &s1, 5);
        let dnd = Record { dnd: true, ..ann.clone() };
        assert_eq!(change(&mut link, 0, &dnd), Ok(false), "it is not here");
        come(&mut link, &ann);
        for other in [record("ann", &s1, 4), record("ann", &s2, 5)] {
            assert_eq!(change(&mut link, 0, &other), Ok(false));
            assert_eq!(set_files(&mut link, &other.at, 0, &other.name, other.session, "a\n"), Ok(false));
            leave(&mut link, &other.at, 0, (&other.name, other.session), false).expect("done");
        }
        assert_eq!(here(&redis), slice::from_ref(&ann));
        for _ in 0..2 {
            assert_eq!(change(&mut link, 0, &dnd), Ok(true));
        }
        assert_eq!(here(&redis), slice::from_ref(&dnd));
        assert_eq!(set_files(&mut link, &s1, 0, &ann.name, 5, "a\n"), Ok(true));
        assert_eq!(files(&mut link, &s2, 0, &name("ANN")), Ok("a\n".to_owned()));
        let most = "x".repeat(MAX_FILES_TEXT);
        assert_eq!(set_files(&mut link, &s1, 0, &ann.name, 5, &most), Ok(true));
        assert_eq!(files(&mut link, &s2, 0, &name("ann")).map(|files| files.len()), Ok(MAX_FILES_TEXT));
        let more = set_files(&mut link, &s1, 0, &ann.name, 5, &(most + "x"));
        assert!(matches!(more, Err(NotDone::Cannot(_))), "{more:?}");
        for _ in 0..2 {
            leave(&mut link, &s1, 0, (&ann.name, 5), false).expect("done");
        }
        assert_eq!((here(&redis), files(&mut link, &s2, 0, &ann.name)), (vec![], Ok(String::new())));
        let out = HouseNews::Out { name: ann.name.clone(), session: 5, at: s1 };
        assert_eq!(news(&redis), [HouseNews::In(Box::new(ann)), HouseNews::In(Box::new(dnd)), out]);
        assert_eq!(redis.ask::<u64>(&["EXISTS", "{peerline}:of:s1:1"]), 0);
    }

    fn guest(at: &Member, session: u64) -> Record {
        Record { guest: Some(Dialect::Query), spelling: Some("b_o,b".to_owned()), ..record("none", at, session) }
    }

    #[test]
    fn a_guest_replaces_nobody_but_itself() {
        let redis = OwnRedis::start();
        let (s1, s2) = open(&redis);
        let mut link = redis.link();
        redis.tell(&["HSET", "{peerline}:accounts", "bob", "Bob,hash,1"]);
        come(&mut link, &record("Ann", &s2, 1));
        let names = ["Bob", "ann", "Bob-2", "Bob-3"].map(name);
        let mut call = |guest: &Record, names: &[Username], again: Option<(&Username, u64)>, bans: &[&str]| {
            let falls = Falls { under: bans, now: UNIX_EPOCH };
            enter_guest(&mut link, 0, guest, names, again, &falls).expect("an answer")
        };
        let first = guest(&s1, 7);
        assert_eq!(call(&first, &names[..2], None, &[]), GuestEntered::Taken);
        redis.tell(&["HSET", "{peerline}:bans", "name:bob-2", ",why"]);
        assert_eq!(call(&first, &names, None, &["name:bob-2"]), GuestEntered::Banned(",why".to_owned()));
        assert_eq!(news(&redis).len(), 1);
        let second = GuestEntered::Ok(name("Bob-2"));
        for _ in 0..2 {
            assert_eq!(call(&first, &names, None, &[]), second, "also as a repeat");
        }
        assert_eq!(call(&guest(&s1, 8), &names, Some((&name("ann"), 1)), &[]), GuestEntered::Ok(name("Bob-3")));
        // It comes again, and keeps its name.
        assert_eq!(call(&guest(&s1, 9), &names[3..], Some((&name("bob-2"), 7)), &["name:x"]), second);
        // What is not its own entry does not count: another server's, another session's.
        assert_eq!(call(&guest(&s2, 10), &names[2..3], Some((&name("bob-2"), 9)), &[]), GuestEntered::Taken);
        assert_eq!(call(&guest(&s1, 10), &names[2..3], Some((&name("bob-2"), 7)), &[]), GuestEntered::Taken);
        let named = |guest: Record, name: Username| Record { name, ..guest };
        let [ann, two, three] =
            [record("Ann", &s2, 1), named(guest(&s1, 9), name("bob-2")), named(guest(&s1, 8), name("Bob-3"))];
        assert_eq!(here(&redis), [ann, two, three]);
        let many = vec![name("x"); MAX_CANDIDATES + 1];
        let refused = enter_guest(&mut redis.link(), 0, &first, &many, None, &NO_BANS);
        assert!(matches!(refused, Err(NotDone::Cannot(_))), "{refused:?}");
    }

    #[test]
    fn who_signs_up_a_guests_name_takes_the_guest_out_and_its_server_is_told() {
        let redis = OwnRedis::start();
        let (s1, s2) = open(&redis);
        let mut link = redis.link();
        enter_guest(&mut link, 0, &guest(&s1, 7), &[name("Zoe")], None, &NO_BANS).expect("an answer");
        set_files(&mut link, &s1, 0, &name("zoe"), 7, "a\n").expect("an answer");
        let evict = Script::guarded(concat!(
            include_str!("scripts/news.lua"),
            include_str!("scripts/evict.lua"),
            "evict(ARGV[5], ARGV[6])\nreturn {'OK'}"
        ));
        for _ in 0..2 {
            evict.call(&mut link, &s2, 0, &["zoe", "The name is taken"]).expect("done");
        }
        let notice = Notice::Other("The name is taken".to_owned());
        assert_eq!(inbox(&redis, "s1"), [Post::End { name: name("zoe"), session: 7, notice }]);
        assert_eq!(news(&redis)[1..], [HouseNews::Out { name: name("zoe"), session: 7, at: s1 }]);
        assert_eq!(here(&redis), []);
        assert_eq!(redis.ask::<u64>(&["EXISTS", "{peerline}:of:s1:1", "{peerline}:files:zoe"]), 0);
    }

    #[test]
    fn a_snapshot_has_all_and_says_where_the_news_go_on() {
        let redis = OwnRedis::start();
        let (s1, _) = open(&redis);
        let mut link = redis.link();
        assert_eq!(
            snapshot(&mut link, &s1).map(|empty| (empty.records.len(), empty.news)),
            Ok((0, StreamId::default()))
        );
        let mut all = redis::pipe();
        for n in 0..3000_u64 {
            let record = record(&format!("n{n}"), &s1, n);
            all.cmd("HSET").arg("{peerline}:who").arg(lower(&record.name)).arg(record.to_string()).ignore();
        }
        all.exec(&mut link).expect("done");
        redis.tell(&["HSET", "{peerline}:who", "wrong", "wrong"]);
        come(&mut link, &record("ann", &s1, 9000));
        let taken = snapshot(&mut link, &s1).expect("an answer");
        assert_eq!(taken.records.len(), 3001, "but the one that is none");
        let behind: redis::Value = redis.ask(&["XREAD", "STREAMS", "{peerline}:news", &taken.news.to_string()]);
        assert_eq!(behind, redis::Value::Nil);
        come(&mut link, &record("bob", &s1, 9001));
        let behind: redis::Value = redis.ask(&["XREAD", "STREAMS", "{peerline}:news", &taken.news.to_string()]);
        assert_ne!(behind, redis::Value::Nil);
    }
}
