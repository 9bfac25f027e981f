//! What becomes of a call whose deadline has passed: carried out before, as its answer was lost, it has that answer; else
//! nothing is done.

use super::accounts::{Changed, SignedUp, end_account, set_password, sign_up};
use super::again::EntersBy;
use super::bans::{Banning, ban, lift};
use super::inbox::{Claim, Delivery, Handed, Handover, HandoverId, answer, claim, hand};
use super::lines::{Appended, append};
use super::link::{Link, NotDone};
use super::news::say as say_to_all;
use super::own_house::text;
use super::own_redis::OwnRedis;
use super::own_servers::{inbox, open};
use super::presence::{Entered, Falls, GuestEntered, change, enter, enter_guest, forget_token, leave, set_files};
use super::record::tests::record;
use super::script::Deadline;
use super::throttle::{checked, take_turn};
use crate::dialect::Dialect;
use crate::protocol::{Ban, Notice};
use crate::server::auth::{Try, Turn};
use crate::server::store::Account;
use crate::value::{Ticket, Username};
use std::fmt::Debug;
use std::time::{Duration, UNIX_EPOCH};

/// Long over.
const LATE: Deadline = 1;

/// All keys, each with what Redis keeps there.
fn all(redis: &OwnRedis) -> Vec<(String, Vec<u8>)> {
    let mut keys: Vec<String> = redis.ask(&["KEYS", "*"]);
    keys.sort();
    keys.into_iter().map(|key| (key.clone(), redis.ask::<Vec<u8>>(&["DUMP", &key]))).collect()
}

/// Says it late, in time, and late once more; `before` is the answer in time, and `again` that of its repeat.
fn say<T: Debug + PartialEq>(
    redis: &OwnRedis,
    first: T,
    again: T,
    call: impl Fn(&mut Link, Deadline) -> Result<T, NotDone>,
) {
    let (mut link, before) = (redis.link(), all(redis));
    assert_eq!(call(&mut link, LATE), Err(NotDone::Late), "instead of {first:?}");
    assert_eq!(all(redis), before, "nothing was done: {first:?}");
    assert_eq!(call(&mut link, 0), Ok(first));
    let after = all(redis);
    assert_ne!(after, before, "{again:?}");
    assert_eq!(call(&mut link, LATE), Ok(again));
    assert_eq!(all(redis), after, "nothing more was done");
}

/// The same where a repeat has the same answer.
fn settles<T: Clone + Debug + PartialEq>(
    redis: &OwnRedis,
    answer: T,
    call: impl Fn(&mut Link, Deadline) -> Result<T, NotDone>,
) {
    say(redis, answer.clone(), answer, call);
}

fn name(text: &str) -> Username {
    text.parse().expect("a name")
}

fn hash(letter: &str) -> String {
    format!("$pbkdf2-sha256$i=1000,l=32$c2FsdHNhbHRzYWx0c2FsdA${}A", letter.repeat(42))
}

#[test]
fn a_late_change_of_an_account_or_a_ban_is_as_it_was_answered_or_is_not_made() {
    let redis = OwnRedis::start();
    let (s1, _) = open(&redis);
    let alice = Account { name: name("alice"), password_hash: hash("a"), created_at: 7 };
    settles(&redis, SignedUp::Ok, |link, deadline| sign_up(link, &s1, deadline, &alice, ""));
    settles(&redis, Changed::Ok, |link, deadline| {
        set_password(link, &s1, deadline, &alice.name, Some(&alice.password_hash), &hash("b"), None)
    });
    let changed = Account { password_hash: hash("b"), ..alice };
    settles(&redis, Changed::Ok, |link, deadline| end_account(link, &s1, deadline, &changed, &Notice::Inactive));
    let (eve, why) = ("eve".parse().expect("a name"), Ban { until: None, why: "loud".to_owned() });
    settles(&redis, Banning::Ok, |link, deadline| ban(link, &s1, deadline, &eve, &why, UNIX_EPOCH));
    settles(&redis, true, |link, deadline| lift(link, &s1, deadline, &eve, "drawn", UNIX_EPOCH));
}

#[test]
fn who_comes_in_late_changes_or_leaves_late_has_done_so_before_or_does_not() {
    let redis = OwnRedis::start();
    let (s1, s2) = open(&redis);
    let (falls, notice) = (Falls { under: &[], now: UNIX_EPOCH }, Notice::Inactive);
    let (older, ann, by) = (record("ann", &s2, 1), record("ann", &s1, 7), EntersBy::default());
    let come = |link: &mut Link, deadline, record| enter(link, deadline, record, &notice, &by, &falls);
    settles(&redis, Entered::Ok { older: None, lasts: None }, |link, deadline| come(link, deadline, &older));
    let instead = Entered::Ok { older: Some(Box::new(older.clone())), lasts: None };
    settles(&redis, instead, |link, deadline| come(link, deadline, &ann));
    assert_eq!(inbox(&redis, "s2").len(), 1, "it was told once");
    let mut guest = record("guest", &s1, 8);
    guest.guest = Some(Dialect::Query);
    let names = [name("ann"), name("guest-1")];
    settles(&redis, GuestEntered::Ok(name("guest-1")), |link, deadline| {
        enter_guest(link, deadline, &guest, &names, None, &falls)
    });
    let mut moved = ann.clone();
    moved.port = None;
    settles(&redis, true, |link, deadline| change(link, deadline, &moved));
    settles(&redis, true, |link, deadline| set_files(link, &s1, deadline, &ann.name, 7, "a.txt\n"));
    settles(&redis, true, |link, deadline| set_files(link, &s1, deadline, &ann.name, 7, ""));
    settles(&redis, (), |link, deadline| leave(link, &s1, deadline, (&ann.name, 7), false));
    let (bob, later) = (record("bob", &s1, 9), record("bob", &s1, 10));
    let given = EntersBy { given: Some(Ticket::draw()), ..EntersBy::default() };
    enter(&mut redis.link(), 0, &bob, &notice, &given, &falls).expect("done");
    settles(&redis, (), |link, deadline| forget_token(link, &s1, deadline, (&bob.name, 9), &s1));
    enter(&mut redis.link(), 0, &later, &notice, &given, &falls).expect("done");
    settles(&redis, (), |link, deadline| leave(link, &s1, deadline, (&bob.name, 10), true));
    // Of who is not there nothing is changed, whenever it is said.
    for late in [change(&mut redis.link(), LATE, &ann), set_files(&mut redis.link(), &s1, LATE, &ann.name, 7, "")] {
        assert_eq!(late, Err(NotDone::Late));
    }
}

#[test]
fn what_is_said_or_handed_over_late_was_so_before_or_never_is() {
    let redis = OwnRedis::start();
    let (s1, s2) = open(&redis);
    let (ann, hello) = (name("ann"), text("hello"));
    let (said, again) = (Appended::First(1), Appended::Duplicate { taken: 1 });
    say(&redis, said, again, |link, deadline| append(link, &s1, deadline, 1_800_000, 1, &[(&ann, &hello)]));
    let falls = Falls { under: &[], now: UNIX_EPOCH };
    let (ann_there, by) = (record("ann", &s2, 3), EntersBy::default());
    enter(&mut redis.link(), 0, &ann_there, &Notice::Inactive, &by, &falls).expect("done");
    let id = HandoverId { asker: s1.clone(), n: 1 };
    let what = Handover::Text { from: name("bob"), text: "hello".to_owned(), by_tls: false };
    settles(&redis, Handed::Ok, |link, deadline| hand(link, deadline, (&ann, 3), &s2, &id, &what));
    let ids = [id.clone()];
    let notice = Notice::House("hello".to_owned());
    settles(&redis, (), |link, deadline| say_to_all(link, &s1, deadline, &notice, "drawn"));
    settles(&redis, vec![Claim::Won], |link, deadline| claim(link, &s2, deadline, &ids));
    assert_eq!(claim(&mut redis.link(), &s1, LATE, &ids), Ok(vec![Claim::Lost]), "it is decided");
    // Whoever was told it once more passes over it, so nobody looks whether it was told.
    let tell = |deadline| answer(&mut redis.link(), &s2, deadline, &id, Delivery::Ok(()));
    assert_eq!((tell(0), tell(LATE)), (Ok(()), Err(NotDone::Late)));
}

#[test]
fn a_turn_that_is_taken_or_ended_late_was_so_before_or_is_not() {
    let redis = OwnRedis::start();
    let (s1, s2) = open(&redis);
    let alice = name("alice");
    let one = |id| Try { name: &alice, from: [10, 0, 0, 1].into(), id };
    let rests = Duration::from_secs(3600);
    settles(&redis, Turn::Yours, |link, deadline| take_turn(link, &s1, deadline, &one("a")));
    assert_eq!(take_turn(&mut redis.link(), &s2, LATE, &one("b")), Err(NotDone::Late));
    settles(&redis, (), |link, deadline| checked(link, &s1, deadline, &one("a"), Duration::ZERO));
    settles(&redis, Turn::Yours, |link, deadline| take_turn(link, &s2, deadline, &one("b")));
    settles(&redis, (), |link, deadline| checked(link, &s2, deadline, &one("b"), rests));
    // Of one that is gone nobody can tell whether it was ended, and the pair has rested.
    redis.tell(&["DEL", "{peerline}:turn:alice 10.0.0.1"]);
    assert_eq!(checked(&mut redis.link(), &s2, LATE, &one("b"), rests), Err(NotDone::Late));
}
