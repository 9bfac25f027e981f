//! What a test says to a Redis by hand, and how it lets time pass.

use redis::FromRedisValue;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

/// A connection to a Redis.
pub fn ask(redis: SocketAddr) -> redis::Connection {
    let client = redis::Client::open(format!("redis://{redis}")).expect("an address");
    client.get_connection().expect("it answers")
}

/// Says something, and gives what is answered as text.
pub fn tell(redis: &mut redis::Connection, words: &[&str]) -> String {
    let mut command = redis::Cmd::new();
    for word in words {
        command.arg(*word);
    }
    let value: redis::Value = command.query(redis).expect("an answer");
    String::from_redis_value(value).unwrap_or_default()
}

/// The number of the last line that Redis has.
pub fn last_number(redis: &mut redis::Connection) -> u64 {
    tell(redis, &["HGET", "{peerline}:head", "seq"]).parse().expect("a number")
}

/// Lets time pass.
pub fn pass(time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        thread::park_timeout(until.saturating_duration_since(Instant::now()));
    }
}
