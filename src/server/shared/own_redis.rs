//! A Redis of a test's own, and what is said to it.

use super::link::Link;
use super::redis_process::Redis;
use super::url::DirectoryUrl;
use std::ops::{Deref, DerefMut};

/// It ends with this value.
pub struct OwnRedis(Redis);

impl OwnRedis {
    /// One that writes and syncs all that it says yes to.
    pub fn start() -> OwnRedis {
        Self::start_with(&[])
    }

    /// The same with further options.
    pub fn start_with(options: &[&str]) -> OwnRedis {
        OwnRedis(Redis::start(options))
    }

    /// The same as servers are told it.
    pub fn url(&self) -> DirectoryUrl {
        format!("redis://{}", self.address()).parse().expect("an address")
    }

    /// A new connection.
    pub fn link(&self) -> Link {
        Link::open(&self.url()).expect("it answers")
    }

    /// What it answers to a command: for what a test looks at or breaks behind the servers' backs.
    pub fn ask<T: redis::FromRedisValue>(&self, command: &[&str]) -> T {
        let mut cmd = redis::Cmd::new();
        for word in command {
            cmd.arg(word);
        }
        cmd.query(&mut self.link()).expect("an answer")
    }

    /// The same where the answer does not matter.
    pub fn tell(&self, command: &[&str]) {
        self.ask::<redis::Value>(command);
    }
}

impl Deref for OwnRedis {
    type Target = Redis;

    fn deref(&self) -> &Redis {
        &self.0
    }
}

impl DerefMut for OwnRedis {
    fn deref_mut(&mut self) -> &mut Redis {
        &mut self.0
    }
}
