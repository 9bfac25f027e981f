//! What a house does when its Redis has begun a new run, which may have lost the last lines: every server gives back what
//! Redis lacks, and only then is anything said again.
//!
//! When somebody is missing, numbers jump: that one's clients may have seen some that nobody else knows, and no number is
//! ever to mean two lines.

use super::house::of_servers;
use super::lines::StreamId;
use super::link::{Link, NotDone};
use super::mirror::Mirror;
use super::script::{Answer, Member, Script};
use std::sync::LazyLock;

/// The most lines that are given back in one call.
const PIECE: usize = 500;

static MEET: LazyLock<Script> =
    LazyLock::new(|| Script::unguarded(of_servers!("scripts/meeting.lua", "scripts/meet.lua")));
static GAVE: LazyLock<Script> =
    LazyLock::new(|| Script::unguarded(of_servers!("scripts/meeting.lua", "scripts/gave.lua")));

/// How far a meeting is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meeting {
    /// The house is open for this run, and the mirror for its lines. What this server has under way is settled now.
    Opened,
    /// So many have not given back yet. To be called again soon: whoever calls when 5 s are over opens the house.
    Waits {
        /// Their number.
        missing: u64,
    },
    /// Redis has another sequence than the mirror, or went on without it. The server closes its clients, clears the mirror,
    /// and calls again.
    Diverged,
    /// There is no house in this Redis: it was emptied, or is another one.
    Empty,
}

/// Comes to the meeting of the run that is at the other end of `link`, gives back what Redis lacks of the mirror, which is
/// closed until the house is open, and says how far it is. `expected` are the servers that this one knows. It is called
/// again and again by every server. One that is not in the house yet comes with generation 0 and an empty mirror: so a
/// house opens of which no server is left.
///
/// Where the house is open already it only finds out whether the mirror agrees. A server whose registration was lost, too,
/// is told so by the next guarded script ([`NotDone::Buried`]), and joins again with the same generation.
///
/// # Errors
/// [`NotDone`]: the mirror stays closed.
pub fn meet(link: &mut Link, who: &Member, mirror: &Mirror, expected: &[Member]) -> Result<Meeting, NotDone> {
    // What is read from now on was seen by no client of this server.
    mirror.close();
    let mut answer = come(link, who, mirror, expected)?;
    if answer.word == "GIVE" {
        answer = give(link, who, mirror, answer.part::<String>(0)?.parse()?)?;
        // Perhaps without the last ones, as nobody waited any longer: that is found out by coming once more.
        if answer.word == "OPENED" {
            answer = come(link, who, mirror, expected)?;
        }
    }
    match answer.word.as_str() {
        "OPENED" => {
            mirror.open_for(link.run());
            Ok(Meeting::Opened)
        }
        "WAIT" => Ok(Meeting::Waits { missing: answer.part(0)? }),
        // The meeting is another one than a moment ago.
        "ANEW" | "GIVE" => Ok(Meeting::Waits { missing: 1 }),
        "DIVERGED" => Ok(Meeting::Diverged),
        "EMPTY" => Ok(Meeting::Empty),
        _ => Err(answer.not_understood()),
    }
}

fn come(link: &mut Link, who: &Member, mirror: &Mirror, expected: &[Member]) -> Result<Answer, NotDone> {
    let last = mirror.last();
    let mut arguments = vec![last.id.to_string(), last.key];
    for member in expected {
        arguments.extend([member.server.to_string(), member.generation.to_string()]);
    }
    MEET.call(link, who, 0, &arguments)
}

/// Gives back what the mirror has behind that line. It is closed, so there is an end.
fn give(link: &mut Link, who: &Member, mirror: &Mirror, mut last: StreamId) -> Result<Answer, NotDone> {
    loop {
        let piece = mirror.after(last, PIECE);
        let is_all = piece.len() < PIECE;
        let mut arguments = vec![if is_all { "all" } else { "more" }.to_owned(), mirror.own().to_string()];
        for line in &piece {
            arguments.extend([line.id.to_string(), line.key(), line.from.to_string(), line.text.to_string()]);
        }
        let answer = GAVE.call(link, who, 0, &arguments)?;
        if answer.word != "OK" {
            return Ok(answer);
        }
        last = piece.last().map_or(last, |line| line.id);
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines::{Appended, Line, Settled, append, settle};
    use super::super::mirror::Taken;
    use super::super::own_house::{Seen, cut, member, open, stream, text};
    use super::super::own_redis::OwnRedis;
    use super::super::tail::Tail;
    use super::*;
    use crate::protocol::BroadcastText;
    use crate::value::Username;
    use std::time::Duration;

    const WINDOW: u64 = 1_800_000;

    /// A server with its mirror, and nothing else.
    struct Server {
        who: Member,
        mirror: Mirror,
    }

    impl Server {
        fn new(name: &str) -> Server {
            let who = member(name);
            Server { mirror: Mirror::new(who.clone(), Duration::from_millis(WINDOW)), who }
        }

        /// Says lines, numbered by n from `first` on, whose texts are the numbers.
        fn say(&self, redis: &OwnRedis, first: u64, count: u64) -> Result<Appended, NotDone> {
            let from: Username = "ann".parse().expect("a name");
            let texts: Vec<BroadcastText> =
                (first..first + count).map(|n| text(&format!("{} {n}", self.who.server))).collect();
            let lines: Vec<_> = texts.iter().map(|text| (&from, text)).collect();
            append(&mut redis.link(), &self.who, 0, WINDOW, first, &lines)
        }

        /// Reads what Redis has, but for so many of the last lines.
        fn read(&self, redis: &OwnRedis, but: usize) {
            let (mut link, lines) = (redis.link(), stream(redis));
            let mut tail = Tail::begin(&self.who, StreamId::default());
            tail.lines_from(self.mirror.last().id);
            for line in tail.catch_up(&mut link).expect("an answer") {
                if lines[..lines.len() - but].contains(&line) {
                    assert_eq!(self.mirror.take(link.run(), &line, line.id.ms), Taken::New);
                }
            }
        }

        fn meet(&self, redis: &OwnRedis, expected: &[&Server]) -> Result<Meeting, NotDone> {
            let expected: Vec<Member> = expected.iter().map(|server| server.who.clone()).collect();
            meet(&mut redis.link(), &self.who, &self.mirror, &expected)
        }

        fn lines(&self) -> Vec<Line> {
            self.mirror.after(StreamId::default(), usize::MAX)
        }
    }

    /// A house whose servers have agreed to be open.
    fn house(redis: &OwnRedis, servers: &[&Server]) {
        let members: Vec<Member> = servers.iter().map(|server| server.who.clone()).collect();
        open(redis, &members);
        for server in servers {
            assert_eq!(server.meet(redis, &[]), Ok(Meeting::Opened));
        }
    }

    /// Has the 5 s be over.
    fn let_time_pass(redis: &OwnRedis) {
        redis.tell(&["HSET", "{peerline}:meet", "since", "1"]);
    }

    fn restart(redis: &mut OwnRedis, bytes: u64) {
        redis.kill();
        cut(redis, bytes);
        redis.restart();
    }

    #[test]
    fn a_run_that_lost_nothing_opens_when_all_have_come() {
        let mut redis = OwnRedis::start();
        let (one, two) = (Server::new("s1"), Server::new("s2"));
        house(&redis, &[&one, &two]);
        assert_eq!(one.say(&redis, 1, 3), Ok(Appended::First(1)));
        one.read(&redis, 0);
        two.read(&redis, 1);
        let (before, third) = (redis.link().run().to_owned(), stream(&redis).swap_remove(2));
        restart(&mut redis, 0);
        assert_eq!(one.say(&redis, 4, 1), Err(NotDone::Loss));
        // Redis knows whom to expect.
        assert_eq!(one.meet(&redis, &[]), Ok(Meeting::Waits { missing: 1 }));
        let run = redis.link().run().to_owned();
        assert!(!one.mirror.is_open_for(&run));
        assert_eq!(one.meet(&redis, &[]), Ok(Meeting::Waits { missing: 1 }));
        assert_eq!(two.meet(&redis, &[]), Ok(Meeting::Opened));
        // What it has not given back it tells nobody: it was read of a Redis that the house has left.
        assert_eq!(two.mirror.take(&before, &third, third.id.ms), Taken::Closed);
        assert_eq!(one.meet(&redis, &[]), Ok(Meeting::Opened));
        assert!(one.mirror.is_open_for(&run) && two.mirror.is_open_for(&run));
        assert_eq!(one.say(&redis, 4, 1), Ok(Appended::First(4)), "nobody was missing: no jump");
    }

    #[test]
    fn what_the_file_has_lost_is_given_back_by_whoever_has_it() {
        for longer_first in [false, true] {
            let mut redis = OwnRedis::start();
            let (one, two) = (Server::new("s1"), Server::new("s2"));
            house(&redis, &[&one, &two]);
            for first in [1, 101, 201, 301, 401, 501, 601, 701, 801, 901, 1_001, 1_101] {
                one.say(&redis, first, 100).expect("taken");
                one.read(&redis, 50);
                two.read(&redis, 0);
            }
            two.say(&redis, 7, 1).expect("taken");
            two.read(&redis, 0);
            let whole = stream(&redis);
            restart(&mut redis, 80_000);
            let left = stream(&redis).len();
            assert!(left + 500 < whole.len(), "more than one piece was lost: {left} lines are left");
            let mut servers = [&one, &two];
            if longer_first {
                servers.reverse();
            }
            assert_eq!(servers[0].meet(&redis, &servers), Ok(Meeting::Waits { missing: 1 }));
            assert_eq!(servers[1].meet(&redis, &servers), Ok(Meeting::Opened));
            assert_eq!(servers[0].meet(&redis, &servers), Ok(Meeting::Opened));
            assert_eq!(stream(&redis), whole);
            // Also what only another server's mirror had counts as taken.
            assert_eq!(settle(&mut redis.link(), &one.who, 1_200), Ok(Settled { taken: 1_200, floor: 1_200 }));
            assert_eq!(settle(&mut redis.link(), &two.who, 9), Ok(Settled { taken: 7, floor: 9 }));
            one.read(&redis, 0);
            assert_eq!(one.lines(), whole);
            assert_eq!(one.say(&redis, 1_201, 1), Ok(Appended::First(1_202)));
        }
    }

    #[test]
    fn without_a_meeting_a_number_means_two_lines_and_the_checker_sees_it() {
        let mut redis = OwnRedis::start();
        let one = Server::new("s1");
        house(&redis, &[&one]);
        let mut seen = Seen::default();
        let mut say = |redis: &OwnRedis, n: u64| match one.say(redis, n, 1) {
            Ok(Appended::First(seq)) => seen.confirmed.push((seq, format!("s1 {n}"))),
            other => panic!("{other:?}"),
        };
        (1..=20).for_each(|n| say(&redis, n));
        restart(&mut redis, 2_000);
        redis.tell(&["HSET", "{peerline}:head", "run", redis.link().run()]);
        (21..=40).for_each(|n| say(&redis, n));
        let wrong = seen.against(&stream(&redis));
        assert!(wrong.iter().any(|wrong| wrong.contains("was confirmed twice")), "{wrong:?}");
        assert!(wrong.iter().any(|wrong| wrong.ends_with("is there as []")), "{wrong:?}");
    }

    #[test]
    fn who_is_missing_is_waited_for_and_buried_and_then_numbers_jump() {
        let mut redis = OwnRedis::start();
        let (one, two) = (Server::new("s1"), Server::new("s2"));
        house(&redis, &[&one, &two]);
        one.say(&redis, 1, 40).expect("taken");
        one.read(&redis, 20);
        two.read(&redis, 0);
        restart(&mut redis, 4_000);
        assert_eq!(one.meet(&redis, &[]), Ok(Meeting::Waits { missing: 1 }));
        // While Redis stood still nobody could come.
        redis.tell(&["HSET", "{peerline}:meet", "looked", "1", "since", "1"]);
        assert_eq!(one.meet(&redis, &[]), Ok(Meeting::Waits { missing: 1 }));
        let_time_pass(&redis);
        assert_eq!(one.meet(&redis, &[]), Ok(Meeting::Opened));
        // Nobody has given back lines 21 to 40: their writer is told so.
        assert_eq!(settle(&mut redis.link(), &one.who, 40), Ok(Settled { taken: 20, floor: 40 }));
        assert_eq!(one.say(&redis, 41, 1), Ok(Appended::First(1_000_021)));
        // Who slept has to come in anew, and nobody who was there is.
        assert_eq!(two.meet(&redis, &[]), Err(NotDone::Buried));
        let news: Vec<(String, Vec<String>)> = redis.ask(&["XRANGE", "{peerline}:news", "-", "+"]);
        assert_eq!(news.last().expect("news").1, ["k", "down", "server", "s2", "generation", "1"]);
    }

    /// One that nobody could bury, as Redis had lost its registration, too.
    #[test]
    fn a_late_one_that_lacks_nothing_is_welcome_and_one_that_is_ahead_is_not() {
        for ahead in [false, true] {
            let mut redis = OwnRedis::start();
            let (one, two) = (Server::new("s1"), Server::new("s2"));
            house(&redis, &[&one, &two]);
            one.say(&redis, 1, 40).expect("taken");
            if ahead {
                two.read(&redis, 0);
            }
            restart(&mut redis, 4_000);
            if !ahead {
                two.mirror.open_for(redis.link().run());
                two.read(&redis, 0);
            }
            redis.tell(&["HDEL", "{peerline}:head", "g:s2"]);
            one.meet(&redis, &[&two]).expect("an answer");
            let_time_pass(&redis);
            assert_eq!(one.meet(&redis, &[]), Ok(Meeting::Opened));
            let expected = if ahead { Meeting::Diverged } else { Meeting::Opened };
            assert_eq!(two.meet(&redis, &[]), Ok(expected), "nobody has said anything since");
            two.mirror.clear();
            assert_eq!(two.meet(&redis, &[]), Ok(Meeting::Opened));
            two.read(&redis, 0);
            assert_eq!(two.lines(), stream(&redis));
        }
    }

    #[test]
    fn another_line_under_the_same_number_is_found_out_during_the_meeting() {
        let mut redis = OwnRedis::start();
        let (one, two) = (Server::new("s1"), Server::new("s2"));
        house(&redis, &[&one, &two]);
        one.say(&redis, 1, 5).expect("taken");
        one.read(&redis, 0);
        let run = redis.link().run().to_owned();
        for line in one.lines() {
            two.mirror.take(&run, &Line { n: line.n + 1, ..line.clone() }, line.id.ms);
        }
        restart(&mut redis, 0);
        assert_eq!(two.meet(&redis, &[]), Ok(Meeting::Diverged));
        two.mirror.clear();
        assert_eq!(two.meet(&redis, &[]), Ok(Meeting::Waits { missing: 1 }));
        assert_eq!(one.meet(&redis, &[]), Ok(Meeting::Opened));
        assert_eq!(one.say(&redis, 6, 1), Ok(Appended::First(1_000_006)), "somebody has seen other numbers");
    }

    #[test]
    fn lines_that_come_before_the_last_are_another_sequence() {
        let mut redis = OwnRedis::start();
        let (one, two) = (Server::new("s1"), Server::new("s2"));
        house(&redis, &[&one, &two]);
        one.say(&redis, 1, 5).expect("taken");
        one.read(&redis, 3);
        let run = redis.link().run().to_owned();
        // It has seen 4 behind 2, much later.
        let mut line = stream(&redis).swap_remove(3);
        line.id.ms += 10;
        one.mirror.take(&run, &line, line.id.ms);
        two.read(&redis, 0);
        restart(&mut redis, 0);
        assert_eq!(one.meet(&redis, &[]), Ok(Meeting::Diverged));
        assert_eq!(stream(&redis).len(), 5);
    }

    #[test]
    fn a_newer_generation_proves_that_the_older_one_is_gone() {
        let mut redis = OwnRedis::start();
        let (one, two) = (Server::new("s1"), Server::new("s2"));
        house(&redis, &[&one, &two]);
        restart(&mut redis, 0);
        let mut newer = Server::new("s2");
        newer.who.generation = 2;
        assert_eq!(one.meet(&redis, &[&newer]), Ok(Meeting::Waits { missing: 1 }));
        assert_eq!(newer.meet(&redis, &[]), Ok(Meeting::Opened));
        redis.tell(&["HSET", "{peerline}:head", "g:s2", "2"]);
        assert_eq!(two.meet(&redis, &[]), Err(NotDone::Buried));
        assert_eq!(one.say(&redis, 1, 1), Ok(Appended::First(1_000_001)), "it may have seen more than anybody");
        // One that was buried is not waited for, whoever still expects it.
        redis.tell(&["HDEL", "{peerline}:head", "g:s2"]);
        redis.tell(&["HSET", "{peerline}:head", "b:s2", "2"]);
        restart(&mut redis, 0);
        assert_eq!(newer.meet(&redis, &[]), Err(NotDone::Buried));
        assert_eq!(one.meet(&redis, &[&newer]), Ok(Meeting::Opened));
    }

    #[test]
    fn an_older_generations_lines_do_not_count_for_the_present_one() {
        let mut redis = OwnRedis::start();
        let (one, two) = (Server::new("s1"), Server::new("s2"));
        house(&redis, &[&one, &two]);
        redis.tell(&["HSET", "{peerline}:head", "n:s1", "3"]);
        one.say(&redis, 100, 1).expect("taken");
        two.read(&redis, 0);
        redis.tell(&["HSET", "{peerline}:head", "g:s1", "2", "n:s1", "4"]);
        restart(&mut redis, 0);
        redis.tell(&["DEL", "{peerline}:lines"]);
        redis.tell(&["HSET", "{peerline}:head", "seq", "0"]);
        two.meet(&redis, &[]).expect("an answer");
        assert_eq!(stream(&redis).len(), 1, "it is given back");
        assert_eq!(redis.ask::<u64>(&["HGET", "{peerline}:head", "n:s1"]), 4);
    }

    #[test]
    fn a_run_that_ends_during_its_meeting_is_met_anew() {
        let mut redis = OwnRedis::start();
        let (one, two) = (Server::new("s1"), Server::new("s2"));
        house(&redis, &[&one, &two]);
        one.say(&redis, 1, 40).expect("taken");
        one.read(&redis, 0);
        let whole = stream(&redis);
        restart(&mut redis, 4_000);
        assert_eq!(one.meet(&redis, &[]), Ok(Meeting::Waits { missing: 1 }));
        restart(&mut redis, 4_000);
        assert_eq!(two.meet(&redis, &[]), Ok(Meeting::Waits { missing: 1 }));
        assert_eq!(one.meet(&redis, &[]), Ok(Meeting::Opened));
        assert_eq!(stream(&redis), whole);
    }

    #[test]
    fn a_house_of_which_nobody_is_left_is_opened_by_a_newcomer() {
        let mut redis = OwnRedis::start();
        let newcomer = Server { who: Member { generation: 0, ..member("s9") }, ..Server::new("s9") };
        assert_eq!(newcomer.meet(&redis, &[]), Ok(Meeting::Empty));
        let one = Server::new("s1");
        house(&redis, &[&one]);
        one.say(&redis, 1, 3).expect("taken");
        restart(&mut redis, 0);
        assert_eq!(newcomer.meet(&redis, &[]), Ok(Meeting::Waits { missing: 1 }));
        let_time_pass(&redis);
        assert_eq!(newcomer.meet(&redis, &[]), Ok(Meeting::Opened));
        assert_eq!(redis.ask::<u64>(&["HGET", "{peerline}:head", "seq"]), 1_000_003);
    }
}
