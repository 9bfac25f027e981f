//! The lines of the house: how they get into the one sequence, and how it is found out whether they did.
//!
//! A line's id is `MS-SEQ`. MS is Redis' clock, never set back; SEQ is the number that people see, drawn by the script and
//! by nobody else. Beside it each server numbers its own lines by `n`, so a line that was sent is never taken twice.

use super::link::{Link, NotDone};
use super::script::{Deadline, Member, Script};
use crate::protocol::BroadcastText;
use crate::value::Username;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

/// The most lines of one [`append`].
pub const MAX_LINES: usize = 128;

static APPEND: LazyLock<Script> =
    LazyLock::new(|| Script::settling(concat!(include_str!("scripts/trim.lua"), include_str!("scripts/append.lua"))));
static SETTLE: LazyLock<Script> = LazyLock::new(|| Script::guarded(include_str!("scripts/settle.lua")));

/// Where an entry of a stream stands. The first of all is behind [`StreamId::default`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// When Redis took it, in milliseconds since 1970 by its clock; not less than that of the entry before it.
    pub ms: u64,
    /// Of a line its number in the sequence of the house.
    pub seq: u64,
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

impl FromStr for StreamId {
    type Err = NotDone;

    /// # Errors
    /// [`NotDone::Lost`]: it is no id, so the answer that it stood in was not understood.
    fn from_str(text: &str) -> Result<StreamId, NotDone> {
        let parts = text.split_once('-').and_then(|(ms, seq)| Some((ms.parse().ok()?, seq.parse().ok()?)));
        let (ms, seq) = parts.ok_or_else(|| NotDone::Lost(format!("{text:?} is no id of an entry")))?;
        Ok(StreamId { ms, seq })
    }
}

/// A line of the sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number, and when it was taken.
    pub id: StreamId,
    /// The server that it was said to.
    pub by: Member,
    /// Its number among that server's lines.
    pub n: u64,
    /// Who said it.
    pub from: Username,
    /// What was said.
    pub text: BroadcastText,
}

impl Line {
    /// What tells it from any other line: `SERVER:GENERATION:N`.
    pub fn key(&self) -> String {
        format!("{}:{}:{}", self.by.server, self.by.generation, self.n)
    }

    /// Reads an entry of the stream; nothing where it is no line.
    pub fn parse(id: StreamId, fields: &[(String, Vec<u8>)]) -> Option<Line> {
        let field = |name: &str| {
            let value = fields.iter().find(|(field, _)| field == name).map(|(_, value)| value)?;
            std::str::from_utf8(value).ok()
        };
        let mut key = field("k")?.splitn(3, ':');
        let by = Member { server: key.next()?.parse().ok()?, generation: key.next()?.parse().ok()? };
        let n = key.next()?.parse().ok()?;
        Some(Line { id, by, n, from: field("f")?.parse().ok()?, text: field("t")?.parse().ok()? })
    }
}

/// What became of lines that were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// They are in the sequence, one behind the other; this is the number of the first.
    First(u64),
    /// Nothing was done, as the first one's n had been taken, or a floor set above it. Those up to `taken` are in the
    /// sequence, by an earlier call, and the tail brings their numbers; those above it are not.
    Duplicate {
        /// The last n of this server that is in the sequence.
        taken: u64,
    },
}

/// Takes lines of this server, at most [`MAX_LINES`], numbered from `first` on: all of them or none. What is older than
/// `window_ms` milliseconds goes.
///
/// # Errors
/// [`NotDone`]. After [`NotDone::Lost`] and [`NotDone::Cannot`] only [`settle`] knows; after [`NotDone::Refused`] nothing was
/// done. [`NotDone::Late`]: no call with
/// these lines was carried out.
pub fn append(
    link: &mut Link,
    who: &Member,
    deadline: Deadline,
    window_ms: u64,
    first: u64,
    lines: &[(&Username, &BroadcastText)],
) -> Result<Appended, NotDone> {
    debug_assert!((1..=MAX_LINES).contains(&lines.len()), "{} lines", lines.len());
    let (first, window_ms) = (first.to_string(), window_ms.to_string());
    let mut arguments = vec![first.as_str(), window_ms.as_str()];
    arguments.extend(lines.iter().flat_map(|(from, text)| [from.as_str(), text.as_str()]));
    let answer = APPEND.call(link, who, deadline, &arguments)?;
    match answer.word.as_str() {
        "OK" => Ok(Appended::First(answer.part(0)?)),
        "DUP" => Ok(Appended::Duplicate { taken: answer.part(0)? }),
        _ => Err(answer.not_understood()),
    }
}

/// How far this server's lines came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The last n that is in the sequence. Those behind it that were sent are not, and never will be.
    pub taken: u64,
    /// Up to this n nothing is taken any more.
    pub floor: u64,
}

/// Finds out which lines were taken when `sent` was the last n that was ever sent, and sees to it that the others never
/// are. It may be said again and again, and harms nobody who says it late.
///
/// # Errors
/// [`NotDone`].
pub fn settle(link: &mut Link, who: &Member, sent: u64) -> Result<Settled, NotDone> {
    let answer = SETTLE.call(link, who, 0, &[sent])?;
    match answer.word.as_str() {
        "OK" => Ok(Settled { taken: answer.part(0)?, floor: answer.part(1)? }),
        _ => Err(answer.not_understood()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::own_house::{Relay, Seen, member, open, stream, text};
    use super::super::own_redis::OwnRedis;
    use super::*;
    use std::slice;

    /// Half an hour.
    const WINDOW: u64 = 1_800_000;

    fn say(link: &mut Link, who: &Member, first: u64, texts: &[&str]) -> Result<Appended, NotDone> {
        let from = "ann".parse().expect("a name");
        let texts: Vec<BroadcastText> = texts.iter().map(|said| text(said)).collect();
        let lines: Vec<(&Username, &BroadcastText)> = texts.iter().map(|text| (&from, text)).collect();
        append(link, who, 0, WINDOW, first, &lines)
    }

    fn said(redis: &OwnRedis) -> Vec<(u64, u64, String)> {
        stream(redis).iter().map(|line| (line.id.seq, line.n, line.text.to_string())).collect()
    }

    #[test]
    fn lines_of_all_servers_get_numbers_of_one_sequence_and_none_is_taken_twice() {
        let redis = OwnRedis::start();
        let (one, two) = (member("s1"), member("s2"));
        let mut link = redis.link();
        assert_eq!(say(&mut link, &one, 1, &["a"]), Err(NotDone::Loss));
        open(&redis, &[one.clone(), two.clone()]);
        assert_eq!(say(&mut link, &one, 1, &["a", "b_ü,"]), Ok(Appended::First(1)));
        assert_eq!(say(&mut link, &two, 5, &["c"]), Ok(Appended::First(3)));
        assert_eq!(say(&mut link, &one, 3, &["d"]), Ok(Appended::First(4)));
        for first in [1, 3] {
            assert_eq!(say(&mut link, &one, first, &["again"]), Ok(Appended::Duplicate { taken: 3 }));
        }
        let all = [(1, 1, "a"), (2, 2, "b_ü,"), (3, 5, "c"), (4, 3, "d")];
        assert_eq!(said(&redis), all.map(|(seq, n, text)| (seq, n, text.to_owned())));
        let line = &stream(&redis)[2];
        assert_eq!((line.by.clone(), line.from.as_str(), line.key().as_str()), (two, "ann", "s2:1:5"));
        let other = Member { generation: 2, ..one };
        assert_eq!(say(&mut link, &other, 4, &["e"]), Err(NotDone::Buried));
    }

    #[test]
    fn what_is_settled_as_not_taken_never_will_be() {
        let redis = OwnRedis::start();
        let who = member("s1");
        open(&redis, slice::from_ref(&who));
        let mut link = redis.link();
        assert_eq!(settle(&mut link, &who, 0), Ok(Settled { taken: 0, floor: 0 }));
        assert_eq!(say(&mut link, &who, 1, &["a", "b"]), Ok(Appended::First(1)));
        assert_eq!(settle(&mut link, &who, 4), Ok(Settled { taken: 2, floor: 4 }));
        assert_eq!(say(&mut link, &who, 3, &["c", "d"]), Ok(Appended::Duplicate { taken: 2 }));
        // Said late, it takes nothing back.
        assert_eq!(settle(&mut link, &who, 1), Ok(Settled { taken: 2, floor: 4 }));
        assert_eq!(say(&mut link, &who, 5, &["e"]), Ok(Appended::First(3)));
        assert_eq!(settle(&mut link, &who, 5), Ok(Settled { taken: 5, floor: 5 }));
        assert_eq!(said(&redis).len(), 3);
    }

    #[test]
    fn after_the_deadline_nothing_is_taken() {
        let redis = OwnRedis::start();
        let who = member("s1");
        open(&redis, slice::from_ref(&who));
        let (from, said) = ("ann".parse().expect("a name"), text("a"));
        let say = |deadline| append(&mut redis.link(), &who, deadline, WINDOW, 1, &[(&from, &said)]);
        assert_eq!(say(1), Err(NotDone::Late));
        assert_eq!(stream(&redis), []);
        assert_eq!(say(u64::MAX >> 12), Ok(Appended::First(1)));
    }

    #[test]
    fn what_is_older_than_the_window_goes_and_ids_never_go_back() {
        let redis = OwnRedis::start();
        let who = member("s1");
        open(&redis, slice::from_ref(&who));
        let (seconds, _): (u64, u64) = redis.ask(&["TIME"]);
        let put = |ms: u64, seq: &str| {
            let id = format!("{ms}-{seq}");
            redis.tell(&["XADD", "{peerline}:lines", &id, "k", &format!("s1:1:{seq}"), "f", "ann", "t", "x"]);
            redis.tell(&["HSET", "{peerline}:head", "seq", seq, "ms", &ms.to_string(), "n:s1", seq]);
        };
        let now = seconds * 1000;
        put(now - WINDOW - 1_000, "1");
        put(now - WINDOW + 60_000, "2");
        assert_eq!(say(&mut redis.link(), &who, 3, &["a"]), Ok(Appended::First(3)));
        assert_eq!(said(&redis).iter().map(|(seq, ..)| *seq).collect::<Vec<_>>(), [2, 3]);
        // A clock that was set back.
        put(now + 3_600_000, "4");
        assert_eq!(say(&mut redis.link(), &who, 5, &["b"]), Ok(Appended::First(5)));
        let last = stream(&redis).pop().map(|line| line.id);
        assert_eq!(last, Some(StreamId { ms: now + 3_600_000, seq: 5 }));
    }

    #[test]
    fn an_entry_that_is_no_line_is_none() {
        let fields = |k: &str, f: &str, t: &[u8]| {
            [("k", k.as_bytes()), ("f", f.as_bytes()), ("t", t)].map(|(name, value)| (name.to_owned(), value.to_vec()))
        };
        let parse = |fields: &[(String, Vec<u8>)]| Line::parse(StreamId::default(), fields);
        let line = parse(&fields("s1:7:3", "ann", b"hello")).expect("a line");
        assert_eq!((line.by.generation, line.n, line.key().as_str()), (7, 3, "s1:7:3"));
        assert_eq!(parse(&fields("s1:7:3", "ann", b"hello")[..2]), None);
        for (k, f, t) in [("", "ann", "a"), ("s1:7", "ann", "a"), ("s1:7:x", "ann", "a"), ("s1:7:3:4", "ann", "a")] {
            assert_eq!(parse(&fields(k, f, t.as_bytes())), None, "{k}");
        }
        for (f, t) in [("a n", b"a".as_slice()), ("ann", b"a\nb"), ("ann", b" "), ("ann", b"\xff")] {
            assert_eq!(parse(&fields("s1:7:3", f, t)), None);
        }
        assert!("1".parse::<StreamId>().is_err() && "1-x".parse::<StreamId>().is_err());
        assert_eq!("12-3".parse::<StreamId>().map(|id| id.to_string()), Ok("12-3".to_owned()));
    }

    /// Wherever the connection ends, what settling says is what the sequence holds.
    #[test]
    fn an_append_that_is_cut_at_any_byte_is_settled_rightly() {
        let redis = OwnRedis::start();
        let who = member("s1");
        open(&redis, slice::from_ref(&who));
        let mut direct = redis.link();
        assert!(say(&mut direct, &who, 1, &["whole"]).is_ok());
        let measure = Relay::start(&redis);
        let mut link = measure.link();
        measure.cut_after([9_999; 2]);
        // Numbers of the same length as those that follow.
        assert!(say(&mut link, &who, 1_000, &["cut 1000", "more 1000"]).is_ok());
        let [requests, replies] = measure.left().map(|left| 9_999 - left);
        let mut seen = Seen::default();
        let cuts = (0..requests).map(|bytes| [bytes, 9_999]).chain((0..=replies + 9).map(|bytes| [9_999, bytes]));
        let mut outcomes = [0, 0];
        for (n, cut) in (1_002..).step_by(2).zip(cuts) {
            let texts = [format!("cut {n}"), format!("more {n}")];
            let relay = Relay::start(&redis);
            let mut link = relay.link();
            relay.cut_after(cut);
            let answer = say(&mut link, &who, n, &texts.each_ref().map(String::as_str));
            let settled = settle(&mut direct, &who, n + 1).expect("it answers");
            let is_taken = settled.taken > n;
            assert!(settled.taken == n + 1 || settled.taken < n, "all or none: {settled:?}");
            match &answer {
                Ok(Appended::First(seq)) => assert_eq!(stream(&redis).last().map(|line| line.id.seq), Some(seq + 1)),
                Err(NotDone::Lost(_)) => assert!(!link.is_usable()),
                other => panic!("{other:?}"),
            }
            assert!(is_taken || answer.is_err());
            outcomes[usize::from(is_taken)] += 1;
            if is_taken {
                let first = stream(&redis).iter().find(|line| line.n == n).map(|line| line.id.seq).unwrap_or_default();
                seen.confirmed.extend((first..).zip(texts));
            } else {
                seen.refused.extend(texts);
            }
        }
        assert_eq!(seen.against(&stream(&redis)), Vec::<String>::new());
        // What was cut in the request, but for what came late, and what was cut in the reply.
        assert!(outcomes[0] >= 100 && outcomes[1] > 5, "{outcomes:?}");
    }
}
