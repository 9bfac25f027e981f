//! Two servers that share a Redis of their own.

use super::TestServer;
use super::redis::Redis;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What stands beside the first server.
pub struct House {
    /// The second one. It ends before its Redis.
    other: Box<TestServer>,
    connections: AtomicUsize,
    redis: Redis,
}

/// Whether the tests are to play with two servers.
pub fn is_asked_for() -> bool {
    std::env::var("PEERLINE_TEST_HOUSE").is_ok_and(|value| value == "1")
}

/// Starts a Redis and two servers with these options.
pub fn start(options: &[&str]) -> TestServer {
    let redis = Redis::start(&[]);
    let first = join(&redis, "s1", options);
    let other = Box::new(join(&redis, "s2", options));
    House { other, connections: AtomicUsize::new(0), redis }.begin_with(|_| first)
}

/// A server in the house of this Redis.
pub fn join(redis: &Redis, name: &str, options: &[&str]) -> TestServer {
    TestServer::start_alone(&[&in_house(&url(redis), name), options].concat())
}

/// The address of this Redis for servers.
pub fn url(redis: &Redis) -> String {
    format!("redis://{}", redis.address())
}

/// The options of a server in the house at this address.
pub fn in_house<'a>(url: &'a str, name: &'a str) -> [&'a str; 4] {
    ["--directory", url, "--name", name]
}

impl House {
    /// With another first server, which is started with these options.
    pub fn begin_with(self, first: impl FnOnce(&[&str]) -> TestServer) -> TestServer {
        let mut first = first(&in_house(&url(&self.redis), "s1"));
        first.house = Some(self);
        first
    }

    /// With which server the next connection is.
    pub fn next(&self, first: SocketAddr) -> SocketAddr {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        if number % 2 == 0 { first } else { self.other.address }
    }
}
