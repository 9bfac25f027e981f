//! Scripts: what Redis does in one moment. Each answers a list whose first part is a word.
//!
//! They are sent by their sum, and whole where Redis does not know them, as after its start: nothing has to be installed.

use super::link::{Link, NotDone};
use crate::value::ServerName;
use redis::{FromRedisValue, ToRedisArgs, Value};

/// A server in the house. Its generation is another one each time that it joins.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    /// The name of the server.
    pub server: ServerName,
    /// Its generation.
    pub generation: u64,
}

/// Until when something may be done: milliseconds of Redis' clock. 0 is whenever.
pub type Deadline = u64;

/// A script.
pub struct Script(redis::Script);

impl Script {
    /// One of a server that may not be in the house.
    pub fn unguarded(text: &str) -> Script {
        Script(redis::Script::new(&[include_str!("scripts/prelude.lua"), text].concat()))
    }

    /// One that is refused unless the house was opened for this run of Redis, the server is in the house, and the deadline
    /// has not passed. It is not for a change that is sent again when a reply is lost: that is to be a [`Script::settling`] one.
    pub fn guarded(text: &str) -> Script {
        Script::settling(&[include_str!("scripts/late.lua"), text].concat())
    }

    /// The same, but that it sees to the deadline by itself: where `late` is set it answers as the first one of several
    /// equal calls did, should that have been carried out, and else `LATE`, with nothing done.
    pub fn settling(text: &str) -> Script {
        let parts = [include_str!("scripts/prelude.lua"), include_str!("scripts/guard.lua"), text];
        Script(redis::Script::new(&parts.concat()))
    }

    /// Has it carried out for a server.
    ///
    /// # Errors
    /// [`NotDone`].
    pub fn call(
        &self,
        link: &mut Link,
        who: &Member,
        deadline: Deadline,
        arguments: &[impl ToRedisArgs],
    ) -> Result<Answer, NotDone> {
        let mut call = self.0.prepare_invoke();
        call.arg(link.run()).arg(who.server.as_str()).arg(who.generation).arg(deadline);
        for argument in arguments {
            call.arg(argument);
        }
        let parts: Vec<Value> = call.invoke(link)?;
        let mut parts = parts.into_iter();
        let word = parts.next().map(String::from_redis_value);
        let word = word.transpose().map_err(redis::RedisError::from)?.unwrap_or_default();
        match word.as_str() {
            "LOSS" => Err(NotDone::Loss),
            "BURIED" => Err(NotDone::Buried),
            "LATE" => Err(NotDone::Late),
            _ => Ok(Answer { word, parts: parts.collect() }),
        }
    }
}

/// What a script says.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What became of it: `OK`, or what the script has for it.
    pub word: String,
    /// What stands behind the word.
    pub parts: Vec<Value>,
}

impl Answer {
    /// The part with this number, as what it is to be.
    ///
    /// # Errors
    /// [`NotDone::Lost`]: there is none, or it is something else; so it is not known what was done.
    pub fn part<T: FromRedisValue>(&self, number: usize) -> Result<T, NotDone> {
        let part = self.parts.get(number).cloned().unwrap_or_default();
        T::from_redis_value(part).map_err(|error| NotDone::Lost(error.to_string()))
    }

    /// The same for an answer that was not expected.
    pub fn not_understood(&self) -> NotDone {
        NotDone::Lost(format!("it answers {:?}", self.word))
    }
}

#[cfg(test)]
mod tests {
    use super::super::own_redis::OwnRedis;
    use super::*;

    #[test]
    fn a_guarded_script_is_refused_by_run_generation_and_deadline() {
        let redis = OwnRedis::start();
        let mut link = redis.link();
        let who = Member { server: "s1".parse().expect("a name"), generation: 7 };
        let script = Script::guarded("return {'OK', text(2 ^ 52), ARGV[5]}");
        let mut call = |deadline| script.call(&mut link, &who, deadline, &["hello"]);
        assert_eq!(call(0), Err(NotDone::Loss));
        redis.tell(&["HSET", "{peerline}:head", "run", redis.link().run()]);
        assert_eq!(call(0), Err(NotDone::Buried));
        redis.tell(&["HSET", "{peerline}:head", "g:s1", "7"]);
        assert_eq!(call(1), Err(NotDone::Late));
        let answer = call(u64::MAX >> 12).expect("done");
        assert_eq!(
            (answer.word.as_str(), answer.part(0), answer.part(1)),
            ("OK", Ok(1_u64 << 52), Ok("hello".to_owned()))
        );
        assert!(matches!(answer.part::<u64>(1), Err(NotDone::Lost(_))));
        // Also after a restart, which forgets what scripts there are.
        redis.tell(&["SCRIPT", "FLUSH"]);
        assert!(call(0).is_ok());
    }
}
