//! Tokens by which a session goes on at another server of the house. Redis has a sum of each, and nobody has the token but the
//! client: who reads the house cannot log in with what stands there.

use crate::value::{Ticket, hex};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// By what a client comes in, and goes on elsewhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct EntersBy<'a> {
    /// The row of its account as it was checked; none: nothing is looked at, and no token serves.
    pub checked: Option<&'a str>,
    /// The token that it shows in the place of the password.
    pub shows: Option<Ticket>,
    /// The token that it is given.
    pub given: Option<Ticket>,
    /// How long a login lasts, if there is an end to it. One by a token lasts no longer than that which the token is of.
    pub lasts: Option<Duration>,
}

impl EntersBy<'_> {
    pub(super) fn add_to(&self, arguments: &mut Vec<String>, by_tls: bool) {
        let lasts = self.lasts.map_or(0, |lasts| lasts.as_millis());
        let by_tls = if by_tls { "1" } else { "0" };
        arguments.push(self.checked.unwrap_or_default().to_owned());
        arguments.extend([self.shows, self.given].map(|token| token.map(sum).unwrap_or_default()));
        arguments.extend([lasts.to_string(), by_tls.to_owned()]);
    }
}

/// What the house keeps of a token: its SHA-256.
fn sum(token: Ticket) -> String {
    let sum = Sha256::digest(token.to_string());
    sum.iter().flat_map(|byte| hex::digits(*byte)).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::super::accounts::{account, end_account, set_password};
    use super::super::bans::{Banning, ban, lift};
    use super::super::house::{beat, quit};
    use super::super::link::Link;
    use super::super::own_redis::OwnRedis;
    use super::super::own_servers::{inbox, open};
    use super::super::presence::{Entered, Falls, enter, forget_token, leave, snapshot};
    use super::super::record::Record;
    use super::super::record::tests::record;
    use super::super::script::Member;
    use super::*;
    use crate::protocol::{Ban, Notice};
    use crate::server::store::Banned;
    use crate::value::Username;
    use std::thread;
    use std::time::UNIX_EPOCH;

    const KEY: &str = "{peerline}:again:ann";
    const ROW: &str = "Ann,$pbkdf2-sha256$i=1000,1700000000";

    fn token(number: u64) -> Ticket {
        format!("{number:032x}").parse().expect("a token")
    }

    fn name(name: &str) -> Username {
        name.parse().expect("a name")
    }

    /// A house with two servers, and ann's account.
    fn house() -> (OwnRedis, Member, Member) {
        let redis = OwnRedis::start();
        let (s1, s2) = open(&redis);
        redis.tell(&["HSET", "{peerline}:accounts", "ann", ROW]);
        (redis, s1, s2)
    }

    /// By this token, or by the password; and what it is given.
    fn by(shows: Option<u64>, given: u64) -> EntersBy<'static> {
        EntersBy { checked: Some(ROW), shows: shows.map(token), given: Some(token(given)), lasts: None }
    }

    fn try_come(link: &mut Link, record: &Record, by: &EntersBy<'_>, bans: &[&str]) -> Entered {
        let (name, from) = (record.name.clone(), [10, 0, 0, 7].into());
        let notice = Notice::TakenOver { name, from, in_the_clear: false };
        enter(link, 0, record, &notice, by, &Falls { under: bans, now: UNIX_EPOCH }).expect("an answer")
    }

    fn come(redis: &OwnRedis, record: &Record, by: &EntersBy<'_>) -> Entered {
        try_come(&mut redis.link(), record, by, &[])
    }

    fn is_in(entered: &Entered) -> bool {
        matches!(entered, Entered::Ok { .. })
    }

    fn here(redis: &OwnRedis, looker: &Member) -> Vec<Record> {
        snapshot(&mut redis.link(), looker).expect("an answer").records
    }

    /// Redis' clock, in milliseconds.
    fn time(redis: &OwnRedis) -> i64 {
        let time: Vec<i64> = redis.ask(&["TIME"]);
        time[0] * 1000 + time[1] / 1000
    }

    /// When the token ends: -1 for never, -2 where there is none.
    fn ends(redis: &OwnRedis) -> i64 {
        redis.ask(&["PEXPIRETIME", KEY])
    }

    /// Whether the token ends 60 s after what `end` does, by Redis' clock.
    fn ends_after(redis: &OwnRedis, end: impl FnOnce()) {
        let before = time(redis);
        end();
        let (ends, after) = (ends(redis), time(redis));
        assert!((before + 60_000..=after + 60_000).contains(&ends), "{before} {ends} {after}");
    }

    #[test]
    fn the_house_has_a_sum_and_no_token() {
        let (redis, s1, _) = house();
        let given = "0123456789abcdef0123456789abcdef";
        let by = EntersBy { given: given.parse().ok(), ..by(None, 0) };
        assert!(is_in(&come(&redis, &record("Ann", &s1, 1), &by)));
        let kept: String = redis.ask(&["HGET", KEY, "sum"]);
        assert_eq!(kept, "3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9");
        let all: Vec<String> = redis.ask(&["HGETALL", KEY]);
        assert!(!all.iter().any(|field| field.contains(&given[..12])), "{all:?}");
    }

    #[test]
    fn a_token_serves_once_and_a_repeat_is_answered_as_the_first() {
        let (redis, s1, s2) = house();
        let (first, second) = (record("Ann", &s1, 1), record("Ann", &s2, 1));
        assert!(is_in(&come(&redis, &first, &by(None, 1))));
        let instead = Entered::Ok { older: Some(Box::new(first.clone())), lasts: None };
        for _ in 0..2 {
            assert_eq!(come(&redis, &second, &by(Some(1), 2)), instead);
        }
        assert_eq!(inbox(&redis, "s1").len(), 1, "it is told once");
        for wrong in [1, 3] {
            assert_eq!(come(&redis, &record("Ann", &s1, 2), &by(Some(wrong), 4)), Entered::WrongToken);
        }
        assert_eq!(here(&redis, &s1), [second], "that has changed nothing");
        assert!(is_in(&come(&redis, &record("Ann", &s1, 3), &by(Some(2), 5))));
    }

    #[test]
    fn of_two_who_show_one_token_at_once_one_comes_in() {
        let (redis, s1, s2) = house();
        assert!(is_in(&come(&redis, &record("Ann", &s1, 0), &by(None, 0))));
        let (mut one, mut two) = (redis.link(), redis.link());
        for turn in 0..200 {
            let next = by(Some(turn), turn + 1);
            let (at_one, at_two) = (record("Ann", &s1, turn + 1), record("Ann", &s2, turn + 1));
            let came = thread::scope(|scope| {
                let other = scope.spawn(|| try_come(&mut two, &at_two, &next, &[]));
                [try_come(&mut one, &at_one, &next, &[]), other.join().expect("no panic")]
            });
            assert_eq!(came.iter().filter(|came| is_in(came)).count(), 1, "{turn}: {came:?}");
            let present = if is_in(&came[0]) { at_one } else { at_two };
            assert_eq!(here(&redis, &s1), [present], "{turn}");
        }
    }

    #[test]
    fn a_token_of_tls_is_taken_by_tls_alone() {
        let (redis, s1, s2) = house();
        let by_tls = |at: &Member, session| Record { encrypted: true, ..record("Ann", at, session) };
        let in_the_clear = |at: &Member, session| Record { encrypted: false, ..record("Ann", at, session) };
        assert!(is_in(&come(&redis, &in_the_clear(&s1, 1), &by(None, 1))));
        assert!(is_in(&come(&redis, &by_tls(&s2, 1), &by(Some(1), 2))), "nobody else reads it there");
        assert_eq!(come(&redis, &in_the_clear(&s1, 2), &by(Some(2), 3)), Entered::WrongToken);
        assert!(is_in(&come(&redis, &by_tls(&s1, 3), &by(Some(2), 3))));
    }

    #[test]
    fn another_password_and_another_account_end_it() {
        let (redis, s1, s2) = house();
        let mut link = redis.link();
        let again = |checked: &str, session| {
            let by = EntersBy { checked: Some(checked), ..by(Some(1), 2) };
            come(&redis, &record("Ann", &s2, session), &by)
        };
        assert!(is_in(&come(&redis, &record("Ann", &s1, 1), &by(None, 1))));
        redis.tell(&["HSET", "{peerline}:accounts", "ann", "Ann,another,1700000000"]);
        assert_eq!(again(ROW, 1), Entered::Changed);
        assert_eq!(again("Ann,another,1700000000", 2), Entered::WrongToken);
        redis.tell(&["HDEL", "{peerline}:accounts", "ann"]);
        assert_eq!(again(ROW, 3), Entered::Changed);
        // As they are made.
        let hash = |salt| format!("$pbkdf2-sha256$i=1000,l=32${salt}$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g");
        let row = |hash: &str| format!("Ann,\"{hash}\",1700000000");
        let (old, new) = (hash("c2FsdHNhbHRzYWx0MTIzNA"), hash("c2FsdHNhbHRzYWx0NTY3OA"));
        redis.tell(&["HSET", "{peerline}:accounts", "ann", &row(&old)]);
        let ann = record("Ann", &s1, 4);
        let given = EntersBy { checked: Some(&row(&old)), ..by(None, 1) };
        assert!(is_in(&come(&redis, &ann, &given)));
        set_password(&mut link, &s1, 0, &ann.name, None, &new, None).expect("done");
        assert_eq!(again(&row(&new), 5), Entered::WrongToken);
        set_password(&mut link, &s1, 0, &ann.name, None, &old, None).expect("done");
        let there = account(&mut link, &s1, &ann.name).expect("an answer").expect("there");
        end_account(&mut link, &s1, 0, &there, &Notice::Inactive).expect("done");
        assert_eq!(again(&row(&old), 6), Entered::Changed);
    }

    #[test]
    fn who_is_banned_hears_so_with_the_right_token_alone() {
        let (redis, s1, s2) = house();
        let mut link = redis.link();
        let ban_now = Ban { until: None, why: "why".to_owned() };
        let (ann, net) = (Banned::Name(name("ann")), "10.0.0.7".parse::<Banned>().expect("an address"));
        let fields = ["name:ann", "net:10.0.0.7"];
        assert!(is_in(&come(&redis, &record("Ann", &s1, 1), &by(None, 1))));
        assert_eq!(ban(&mut link, &s1, 0, &net, &ban_now, UNIX_EPOCH), Ok(Banning::Ok));
        let mut again =
            |token, session| try_come(&mut link, &record("Ann", &s2, session), &by(Some(token), 2), &fields);
        assert_eq!(again(7, 1), Entered::WrongToken);
        assert!(matches!(again(1, 2), Entered::Banned(_)));
        assert_eq!(lift(&mut redis.link(), &s1, 0, &net, "x", UNIX_EPOCH), Ok(true));
        assert!(is_in(&again(1, 3)));
        // That of a name ends the token of who is nowhere at this moment, too.
        leave(&mut redis.link(), &s2, 0, (&name("ann"), 3), false).expect("done");
        assert_eq!(ban(&mut redis.link(), &s1, 0, &ann, &ban_now, UNIX_EPOCH), Ok(Banning::Ok));
        assert_eq!(lift(&mut redis.link(), &s1, 0, &ann, "y", UNIX_EPOCH), Ok(true));
        assert_eq!(again(2, 4), Entered::WrongToken);
    }

    #[test]
    fn a_token_serves_for_a_minute_behind_its_session_and_no_longer() {
        let (redis, s1, s2) = house();
        let mut link = redis.link();
        let ann = name("ann");
        assert!(is_in(&come(&redis, &record("Ann", &s1, 1), &by(None, 1))));
        assert_eq!(ends(&redis), -1, "as long as the session");
        leave(&mut link, &s1, 0, (&ann, 7), false).expect("done");
        assert_eq!(ends(&redis), -1, "that was another session");
        ends_after(&redis, || leave(&mut redis.link(), &s1, 0, (&ann, 1), false).expect("done"));
        assert!(is_in(&come(&redis, &record("Ann", &s2, 1), &by(Some(1), 2))));
        assert_eq!(ends(&redis), -1, "a new one");
        leave(&mut link, &s2, 0, (&ann, 1), false).expect("done");
        // The minute is over.
        redis.tell(&["PEXPIREAT", KEY, "1"]);
        assert_eq!(come(&redis, &record("Ann", &s1, 2), &by(Some(2), 3)), Entered::WrongToken);
    }

    #[test]
    fn a_login_by_a_token_ends_when_the_first_one_would_have() {
        let (redis, s1, s2) = house();
        let lasting = |by: EntersBy<'static>, ms| EntersBy { lasts: Some(Duration::from_millis(ms)), ..by };
        let lasts = |entered: Entered| match entered {
            Entered::Ok { lasts, .. } => lasts.expect("an end").as_millis() as i64,
            other => panic!("{other:?}"),
        };
        let before = time(&redis);
        assert_eq!(lasts(come(&redis, &record("Ann", &s1, 1), &lasting(by(None, 1), 50_000))), 50_000);
        let first = ends(&redis);
        assert!((before + 50_000..=time(&redis) + 50_000).contains(&first));
        // The end of the session makes it no longer.
        leave(&mut redis.link(), &s1, 0, (&name("ann"), 1), false).expect("done");
        assert_eq!(ends(&redis), first);
        let longer = lasting(by(Some(1), 2), 90_000);
        assert!(lasts(come(&redis, &record("Ann", &s2, 1), &longer)) <= first - before);
        assert_eq!(ends(&redis), first);
        // Nor does a server with another rule, unless its own is stricter.
        assert!(lasts(come(&redis, &record("Ann", &s1, 2), &by(Some(2), 3))) <= first - before);
        assert_eq!(ends(&redis), first);
        assert_eq!(lasts(come(&redis, &record("Ann", &s2, 2), &lasting(by(Some(3), 4), 5_000))), 5_000);
        assert!(ends(&redis) < first);
        // Without a token, as another dialect has none, it lasts as long as is said.
        let no_token = EntersBy { given: None, ..lasting(by(None, 0), 7_000) };
        assert_eq!(lasts(come(&redis, &record("Ann", &s1, 3), &no_token)), 7_000);
    }

    #[test]
    fn a_server_that_is_buried_leaves_its_people_a_minute() {
        let (redis, s1, s2) = house();
        redis.tell(&["HSET", "{peerline}:head", "epoch", &"0".repeat(32)]);
        let ann = record("Ann", &s1, 1);
        assert!(is_in(&come(&redis, &ann, &by(None, 1))));
        ends_after(&redis, || quit(&mut redis.link(), &s1).expect("done"));
        assert!(is_in(&come(&redis, &record("Ann", &s2, 1), &by(Some(1), 2))));
        // One that has moved is not concerned by the death of the server where it was.
        redis.tell(&["HSET", "{peerline}:head", "g:s1", "1"]);
        redis.tell(&["SADD", "{peerline}:of:s1:1", "ann"]);
        redis.tell(&["ZADD", "{peerline}:servers", "1", "s1"]);
        beat(&mut redis.link(), &s2).expect("done");
        assert_eq!(ends(&redis), -1);
        redis.tell(&["HSET", "{peerline}:head", "g:s1", "1"]);
        assert!(is_in(&come(&redis, &record("Ann", &s1, 2), &by(Some(2), 3))));
        redis.tell(&["ZADD", "{peerline}:servers", "1", "s1"]);
        ends_after(&redis, || drop(beat(&mut redis.link(), &s2).expect("done")));
    }

    #[test]
    fn who_is_sent_away_or_logs_in_elsewhere_has_no_token_any_more() {
        let (redis, s1, s2) = house();
        let mut link = redis.link();
        let ann = name("Ann");
        let again = |shown, session| come(&redis, &record("Ann", &s2, session), &by(Some(shown), 9));
        assert!(is_in(&come(&redis, &record("Ann", &s1, 1), &by(None, 1))));
        // Of another session, or one of another server with the same number.
        forget_token(&mut link, &s2, 0, (&ann, 2), &s1).expect("done");
        forget_token(&mut link, &s2, 0, (&ann, 1), &s2).expect("done");
        assert_eq!(ends(&redis), -1);
        for _ in 0..2 {
            forget_token(&mut link, &s2, 0, (&ann, 1), &s1).expect("done");
        }
        assert_eq!(again(1, 1), Entered::WrongToken);
        assert!(is_in(&come(&redis, &record("Ann", &s1, 2), &by(None, 2))));
        leave(&mut link, &s1, 0, (&ann, 2), true).expect("done");
        assert_eq!(again(2, 2), Entered::WrongToken);
        assert!(is_in(&come(&redis, &record("Ann", &s1, 3), &by(None, 3))));
        assert!(is_in(&come(&redis, &record("Ann", &s2, 3), &by(None, 4))));
        leave(&mut link, &s1, 0, (&ann, 3), true).expect("done");
        assert_eq!(again(3, 4), Entered::WrongToken);
        let menu = EntersBy { given: None, ..by(None, 0) };
        assert!(is_in(&come(&redis, &record("Ann", &s1, 5), &menu)));
        assert_eq!((again(4, 5), ends(&redis)), (Entered::WrongToken, -2));
    }

    #[test]
    fn who_is_entered_again_after_a_loss_keeps_the_token() {
        let (redis, s1, s2) = house();
        let ann = record("Ann", &s1, 1);
        assert!(is_in(&come(&redis, &ann, &by(None, 1))));
        redis.tell(&["DEL", "{peerline}:who", "{peerline}:entered:s1:1:1"]);
        assert!(is_in(&come(&redis, &ann, &EntersBy::default())));
        assert!(is_in(&come(&redis, &record("Ann", &s2, 1), &by(Some(1), 2))));
        // One without an account to be looked at has no use of a token.
        let unchecked = EntersBy { checked: None, ..by(Some(2), 3) };
        assert_eq!(come(&redis, &record("Ann", &s1, 2), &unchecked), Entered::WrongToken);
    }
}
