//! What happens in the house, read as it happens: lines, news, and what is in this server's inbox.

use super::lines::{Line, StreamId};
use super::link::{Link, NotDone};
use super::script::Member;
use log::warn;
use redis::{FromRedisValue, Value};
use std::time::Duration;

/// How long a read waits for something to happen. Less than a link with that much more time has: a read that finds nothing
/// is an answer, not a lost connection.
pub const BLOCK: Duration = Duration::from_secs(1);
/// The most entries of one stream that one read brings.
pub const COUNT: usize = 512;

/// The streams, in the order in which they are asked for.
const LINES: &str = "{peerline}:lines";
/// What all servers are told.
pub const NEWS: &str = "{peerline}:news";

/// An entry of a stream that is not one of lines: its id, and its fields in order.
pub type Entry = (StreamId, Vec<(String, Vec<u8>)>);

/// How far a server has read.
pub struct Tail {
    lines: StreamId,
    news: StreamId,
    inbox: StreamId,
    inbox_key: String,
    /// Somebody has been told of an entry that is no line.
    has_warned: bool,
}

/// What one read brought, each in its order. Nothing at all where nothing happened for [`BLOCK`].
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// New lines.
    pub lines: Vec<Line>,
    /// New entries of `news`.
    pub news: Vec<Entry>,
    /// New entries of the inbox.
    pub inbox: Vec<Entry>,
}

impl Tail {
    /// A server that begins: with all lines that there are, all of its inbox, and what is news behind this entry.
    pub fn begin(who: &Member, news: StreamId) -> Tail {
        let inbox_key = format!("{{peerline}}:in:{}:{}", who.server, who.generation);
        Tail { lines: StreamId::default(), news, inbox: StreamId::default(), inbox_key, has_warned: false }
    }

    /// Goes on behind this line: a mirror that was closed did not take what came.
    pub fn lines_from(&mut self, last: StreamId) {
        self.lines = last;
    }

    /// The last entry of the news that was read.
    pub fn news(&self) -> StreamId {
        self.news
    }

    /// Goes on with the news behind this entry: a snapshot was taken.
    pub fn news_from(&mut self, last: StreamId) {
        self.news = last;
    }

    /// The same, and gives what is passed over: no snapshot has what was only said.
    ///
    /// # Errors
    /// [`NotDone`]; then nothing is passed over.
    pub fn pass_over(&mut self, link: &mut Link, last: StreamId) -> Result<Vec<Entry>, NotDone> {
        let mut command = redis::cmd("XRANGE");
        command.arg(NEWS).arg(format!("({}", self.news)).arg(last.to_string());
        let passed = list(command.query(link)?)?.into_iter().map(entry).collect::<Result<_, _>>()?;
        self.news = last;
        Ok(passed)
    }

    /// The next [`COUNT`] lines that are there already; none at the end. So a server that starts reads the whole window
    /// before it serves anybody.
    ///
    /// # Errors
    /// [`NotDone`]; then nothing counts as read.
    pub fn catch_up(&mut self, link: &mut Link) -> Result<Vec<Line>, NotDone> {
        loop {
            let mut command = redis::cmd("XREAD");
            command.arg("COUNT").arg(COUNT).arg("STREAMS").arg(LINES).arg(self.lines.to_string());
            let [entries, _, _] = streams(command.query(link)?, [LINES, NEWS, &self.inbox_key])?;
            let is_end = entries.is_empty();
            let lines = self.take_lines(entries);
            // A piece in which nothing is a line is not the end.
            if is_end || !lines.is_empty() {
                return Ok(lines);
            }
        }
    }

    /// Waits until something happens, for [`BLOCK`] at the most, and says what.
    ///
    /// # Errors
    /// [`NotDone`]; then nothing counts as read.
    pub fn read(&mut self, link: &mut Link) -> Result<Read, NotDone> {
        link.wait_longer(BLOCK);
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(COUNT).arg("BLOCK").arg(BLOCK.as_millis() as u64).arg("STREAMS");
        command.arg(LINES).arg(NEWS).arg(&self.inbox_key);
        for position in [self.lines, self.news, self.inbox] {
            command.arg(position.to_string());
        }
        let [lines, news, inbox] = streams(command.query(link)?, [LINES, NEWS, &self.inbox_key])?;
        self.news = news.last().map_or(self.news, |(id, _)| *id);
        self.inbox = inbox.last().map_or(self.inbox, |(id, _)| *id);
        Ok(Read { lines: self.take_lines(lines), news, inbox })
    }

    fn take_lines(&mut self, entries: Vec<Entry>) -> Vec<Line> {
        self.lines = entries.last().map_or(self.lines, |(id, _)| *id);
        let mut lines = Vec::with_capacity(entries.len());
        for (id, fields) in &entries {
            match Line::parse(*id, fields) {
                Some(line) => lines.push(line),
                None if !self.has_warned => {
                    warn!("The entry {id} of {LINES} is no line: it and others like it are passed over");
                    self.has_warned = true;
                }
                None => {}
            }
        }
        lines
    }
}

/// The entries of these streams. Redis leaves out a stream without new ones, and says nil where all are.
fn streams(answer: Value, keys: [&str; 3]) -> Result<[Vec<Entry>; 3], NotDone> {
    let mut found = [Vec::new(), Vec::new(), Vec::new()];
    if answer == Value::Nil {
        return Ok(found);
    }
    for stream in list(answer)? {
        let [key, entries] = pair(stream)?;
        let key: String = read(key)?;
        let place = keys.iter().position(|known| *known == key).ok_or_else(not_understood)?;
        found[place] = list(entries)?.into_iter().map(entry).collect::<Result<_, _>>()?;
    }
    Ok(found)
}

fn entry(value: Value) -> Result<Entry, NotDone> {
    let [id, fields] = pair(value)?;
    let mut flat = list(fields)?.into_iter();
    let mut fields = Vec::with_capacity(flat.len() / 2);
    while let (Some(name), Some(value)) = (flat.next(), flat.next()) {
        // A name that is no text is one that nobody looks for.
        let name = String::from_utf8_lossy(&read::<Vec<u8>>(name)?).into_owned();
        fields.push((name, read(value)?));
    }
    Ok((read::<String>(id)?.parse()?, fields))
}

fn list(value: Value) -> Result<Vec<Value>, NotDone> {
    match value {
        Value::Array(values) => Ok(values),
        _ => Err(not_understood()),
    }
}

fn pair(value: Value) -> Result<[Value; 2], NotDone> {
    list(value)?.try_into().map_err(|_| not_understood())
}

fn read<T: FromRedisValue>(value: Value) -> Result<T, NotDone> {
    T::from_redis_value(value).map_err(|_| not_understood())
}

fn not_understood() -> NotDone {
    NotDone::Lost("it answers XREAD with something else".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::lines::append;
    use super::super::own_house::{member, open, text};
    use super::super::own_redis::OwnRedis;
    use super::*;
    use std::slice;
    use std::thread;

    const WINDOW: u64 = 1_800_000;

    fn say(redis: &OwnRedis, who: &Member, first: u64, said: &str) {
        let (from, said) = ("ann".parse().expect("a name"), text(said));
        append(&mut redis.link(), who, 0, WINDOW, first, &[(&from, &said)]).expect("taken");
    }

    fn texts(lines: &[Line]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn all_three_streams_are_read_on_in_one_call() {
        let redis = OwnRedis::start();
        let who = member("s1");
        open(&redis, slice::from_ref(&who));
        redis.tell(&["XADD", "{peerline}:news", "5-1", "k", "up"]);
        redis.tell(&["XADD", "{peerline}:news", "5-2", "k", "in", "record", "a,b"]);
        redis.tell(&["XADD", "{peerline}:in:s1:1", "7-1", "k", "end", "b\u{fc}", "x"]);
        redis.tell(&["XADD", "{peerline}:in:s1:2", "7-1", "k", "not for this one"]);
        say(&redis, &who, 1, "a");
        let (mut tail, mut link) = (Tail::begin(&who, StreamId { ms: 5, seq: 1 }), redis.link());
        let read = tail.read(&mut link).expect("an answer");
        assert_eq!(texts(&read.lines), ["a"]);
        let field = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        assert_eq!(read.news, [(StreamId { ms: 5, seq: 2 }, vec![field("k", "in"), field("record", "a,b")])]);
        assert_eq!(read.inbox, [(StreamId { ms: 7, seq: 1 }, vec![field("k", "end"), field("b\u{fc}", "x")])]);
        say(&redis, &who, 2, "b");
        let read = tail.read(&mut link).expect("an answer");
        assert_eq!((texts(&read.lines), read.news.len(), read.inbox.len()), (vec!["b"], 0, 0));
        tail.lines_from(StreamId::default());
        assert_eq!(texts(&tail.read(&mut link).expect("an answer").lines), ["a", "b"]);
    }

    #[test]
    fn what_a_snapshot_passes_over_can_be_looked_through() {
        let redis = OwnRedis::start();
        let who = member("s1");
        for id in ["5-1", "5-2", "5-3", "6-0"] {
            redis.tell(&["XADD", NEWS, id, "k", "said"]);
        }
        let (mut tail, mut link) = (Tail::begin(&who, StreamId { ms: 5, seq: 1 }), redis.link());
        let ids = |passed: Vec<Entry>| passed.into_iter().map(|(id, _)| id).collect::<Vec<_>>();
        let mut to = |ms, seq| tail.pass_over(&mut link, StreamId { ms, seq }).map(ids);
        assert_eq!(to(5, 3), Ok(vec![StreamId { ms: 5, seq: 2 }, StreamId { ms: 5, seq: 3 }]));
        // Redis has lost some.
        assert_eq!((to(5, 2), to(0, 0)), (Ok(Vec::new()), Ok(Vec::new())));
        assert_eq!(to(9, 0).map(|passed| passed.len()), Ok(4));
    }

    #[test]
    fn a_read_waits_for_what_comes_and_says_when_nothing_does() {
        let redis = OwnRedis::start();
        let who = member("s1");
        open(&redis, slice::from_ref(&who));
        let (mut tail, mut link) = (Tail::begin(&who, StreamId::default()), redis.link());
        assert_eq!(tail.read(&mut link), Ok(Read::default()), "a second without anything is no error");
        thread::scope(|scope| {
            scope.spawn(|| {
                let blocked = || redis.ask::<String>(&["INFO", "clients"]).contains("blocked_clients:1");
                // The other one waits for a second, and again.
                let mut looks = 0..100_000;
                assert!(looks.any(|_| blocked()), "nobody waits");
                say(&redis, &who, 1, "a");
            });
            let mut reads = (0..20).map(|_| tail.read(&mut link).expect("an answer"));
            assert!(reads.any(|read| texts(&read.lines) == ["a"]));
        });
        link.socket().shutdown(std::net::Shutdown::Both).expect("open");
        assert!(matches!(tail.read(&mut link), Err(NotDone::Lost(_))));
    }

    #[test]
    fn a_server_that_begins_reads_the_whole_window_and_passes_over_what_is_no_line() {
        let redis = OwnRedis::start();
        let mut link = redis.link();
        let mut pipe = redis::pipe();
        for seq in 1..=2_000_u64 {
            // A whole piece of them in the middle.
            let k = if (513..=1_100).contains(&seq) { "none".to_owned() } else { format!("s1:1:{seq}") };
            let fields = [("k", k.as_str()), ("f", "ann"), ("t", "x")];
            pipe.cmd("XADD").arg("{peerline}:lines").arg(format!("9-{seq}")).arg(&fields).ignore();
        }
        pipe.exec(&mut link).expect("written");
        let (mut tail, mut seqs) = (Tail::begin(&member("s1"), StreamId::default()), Vec::new());
        loop {
            let piece = tail.catch_up(&mut link).expect("an answer");
            assert!(piece.len() <= COUNT);
            if piece.is_empty() {
                break;
            }
            seqs.extend(piece.iter().map(|line| line.id.seq));
        }
        assert!(seqs.iter().copied().eq((1..=512).chain(1_101..=2_000)), "{seqs:?}");
    }

    #[test]
    fn an_answer_that_is_something_else_is_not_understood() {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let entry = |id: &str, fields: Vec<Value>| Value::Array(vec![text(id), Value::Array(fields)]);
        let of =
            |key: &str, entries: Vec<Value>| Value::Array(vec![Value::Array(vec![text(key), Value::Array(entries)])]);
        let read = |answer| streams(answer, ["a", "b", "c"]);
        assert_eq!(read(Value::Nil), Ok([vec![], vec![], vec![]]));
        let found = read(of("b", vec![entry("1-1", vec![text("x"), text("y"), text("odd")])])).expect("entries");
        assert_eq!(found[1], [(StreamId { ms: 1, seq: 1 }, vec![("x".to_owned(), b"y".to_vec())])]);
        for wrong in [
            Value::Okay,
            Value::Array(vec![Value::Okay]),
            of("d", vec![]),
            of("a", vec![text("1-1")]),
            of("a", vec![entry("x", vec![])]),
            of("a", vec![Value::Array(vec![text("1-1"), Value::Nil])]),
        ] {
            assert!(matches!(read(wrong.clone()), Err(NotDone::Lost(_))), "{wrong:?}");
        }
    }
}
