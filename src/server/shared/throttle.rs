//! The turns of a name at a network over all servers: else three servers would give three times the tries.
//!
//! The rule stands in `auth`: for such a pair passwords are checked one after the other, and after a wrong one the pair
//! rests. Here is only what that needs: whose turn it is, and until when nobody's. A server first lets its own line move,
//! then asks for the turn here.

use super::link::{Link, NotDone};
use super::script::{Deadline, Member, Script};
use crate::server::auth::{Try, Turn};
use crate::value::network_of;
use std::sync::LazyLock;
use std::time::Duration;

/// How long a turn lasts that nobody ends, as a server does that fails while it hashes: longer than a hash takes. Where the
/// password waits longer for a core, the turn is perhaps another server's by then: each has one such password at the most.
const HELD: Duration = Duration::from_secs(10);

static TURN: LazyLock<Script> = LazyLock::new(|| Script::settling(include_str!("scripts/turn.lua")));
static CHECKED: LazyLock<Script> = LazyLock::new(|| Script::settling(include_str!("scripts/checked.lua")));

/// What a pair is called.
fn pair(one: &Try<'_>) -> String {
    format!("{} {}", one.name.as_str().to_ascii_lowercase(), network_of(one.from))
}

/// Takes the turn of a pair, if it is free.
///
/// # Errors
/// [`NotDone`].
pub fn take_turn(link: &mut Link, who: &Member, deadline: Deadline, one: &Try<'_>) -> Result<Turn, NotDone> {
    let arguments = [&pair(one), one.id, &HELD.as_millis().to_string()];
    let answer = TURN.call(link, who, deadline, &arguments)?;
    match answer.word.as_str() {
        "OK" => Ok(Turn::Yours),
        "WAIT" => Ok(Turn::In(Duration::from_millis(answer.part(0)?))),
        _ => Err(answer.not_understood()),
    }
}

/// The password was checked. From now on the pair rests for this time: none after a right one.
///
/// # Errors
/// [`NotDone`].
pub fn checked(
    link: &mut Link,
    who: &Member,
    deadline: Deadline,
    one: &Try<'_>,
    rests: Duration,
) -> Result<(), NotDone> {
    let arguments = [&pair(one), one.id, &rests.as_millis().to_string()];
    let answer = CHECKED.call(link, who, deadline, &arguments)?;
    if answer.word == "OK" { Ok(()) } else { Err(answer.not_understood()) }
}

#[cfg(test)]
mod tests {
    use super::super::house::tests::open_house;
    use super::super::own_redis::OwnRedis;
    use super::*;
    use crate::value::Username;

    const REST: Duration = Duration::from_secs(3600);

    #[test]
    fn a_pair_has_one_turn_at_a_time_over_all_servers_and_rests_after_a_wrong_password() {
        let redis = OwnRedis::start();
        let (who, mut link) = (open_house(&redis), redis.link());
        let (alice, loud, bob): (Username, Username, Username) =
            ("alice".parse().expect("a name"), "ALICE".parse().expect("a name"), "bob".parse().expect("a name"));
        let one = |name, from: &str, id| Try { name, from: from.parse().expect("an address"), id };
        let (first, second) = (one(&alice, "2001:db8::1", "a"), one(&loud, "2001:db8::2", "b"));
        let mut take = |one: &Try<'_>| take_turn(&mut link, &who, 0, one).expect("an answer");
        let waits = |turn| matches!(turn, Turn::In(time) if time <= HELD);
        // Once more, as its answer may have been lost.
        assert_eq!((take(&first), take(&first)), (Turn::Yours, Turn::Yours));
        assert!(waits(take(&second)));
        assert_eq!(take(&one(&bob, "2001:db8::1", "c")), Turn::Yours);
        assert_eq!(take(&one(&alice, "2001:db8:0:1::1", "d")), Turn::Yours);
        let mut other = redis.link();
        let mut end = |one: &Try<'_>, rests| checked(&mut other, &who, 0, one, rests).expect("an answer");
        end(&second, Duration::ZERO);
        assert!(waits(take(&second)), "it was not its turn");
        end(&first, Duration::ZERO);
        assert_eq!(take(&second), Turn::Yours);
        for _ in 0..2 {
            end(&second, REST);
            let (by_other, by_same) = (take(&first), take(&second));
            assert!(matches!((by_other, by_same), (Turn::In(one), Turn::In(other)) if one > HELD && other > HELD));
        }
        end(&first, Duration::ZERO);
        assert!(matches!(take(&first), Turn::In(time) if time > HELD), "nobody ends the rest");
        redis.tell(&["DEL", "{peerline}:turn:alice 2001:db8::"]);
        assert_eq!(take(&first), Turn::Yours, "its time is over");
        assert_eq!(take_turn(&mut redis.link(), &who, 1, &second), Err(NotDone::Late));
    }

    #[test]
    fn of_two_servers_that_ask_at_once_one_has_the_turn() {
        let redis = OwnRedis::start();
        let who = open_house(&redis);
        let ask = |id: &'static str| {
            let (who, mut link) = (who.clone(), redis.link());
            move || {
                let turns = (0..200).map(|number| {
                    let name = format!("n{number}").parse().expect("a name");
                    let one = Try { name: &name, from: [10, 0, 0, 1].into(), id };
                    take_turn(&mut link, &who, 0, &one).expect("an answer") == Turn::Yours
                });
                turns.collect::<Vec<_>>()
            }
        };
        let (one, other) = (std::thread::spawn(ask("a")), std::thread::spawn(ask("b")));
        let (one, other) = (one.join().expect("no panic"), other.join().expect("no panic"));
        assert!(one.into_iter().zip(other).all(|(one, other)| one != other));
    }
}
