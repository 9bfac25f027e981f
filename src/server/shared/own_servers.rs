//! Two servers in a house of a test's own, and what has become known there.

use super::inbox::Post;
use super::news::HouseNews;
use super::own_redis::OwnRedis;
use super::script::Member;

/// A server of this name.
pub fn member(name: &str) -> Member {
    Member { server: name.parse().expect("a name"), generation: 1 }
}

/// Opens a house with the servers s1 and s2, whose leases run for a long time.
pub fn open(redis: &OwnRedis) -> (Member, Member) {
    redis.tell(&["HSET", "{peerline}:head", "epoch", "e", "run", redis.link().run(), "g:s1", "1", "g:s2", "1"]);
    redis.tell(&["ZADD", "{peerline}:servers", "9000000000000", "s1", "9000000000000", "s2"]);
    (member("s1"), member("s2"))
}

type Fieldset = Vec<(String, Vec<u8>)>;

/// The entries of a stream.
pub fn entries(redis: &OwnRedis, stream: &str) -> Vec<Fieldset> {
    let found: Vec<(String, Fieldset)> = redis.ask(&["XRANGE", &format!("{{peerline}}:{stream}"), "-", "+"]);
    found.into_iter().map(|(_, fields)| fields).collect()
}

/// All news.
pub fn news(redis: &OwnRedis) -> Vec<HouseNews> {
    entries(redis, "news").iter().map(|fields| HouseNews::parse(fields).expect("news")).collect()
}

/// All that lies in the inbox of a server in its first generation.
pub fn inbox(redis: &OwnRedis, server: &str) -> Vec<Post> {
    let entries = entries(redis, &format!("in:{server}:1"));
    entries.iter().map(|fields| Post::parse(fields).expect("a post")).collect()
}
