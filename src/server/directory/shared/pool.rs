//! Connections to the Redis for the sessions of a server, a few for all of them; and what is done where one is lost in the
//! middle: a change is sent again, as it is, until it is known what became of it.

use crate::server::shared::{DirectoryUrl, Link, NotDone};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The most connections at a time. Each call takes a fraction of a millisecond.
const MOST: usize = 8;

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// Connections that are lent.
pub struct Pool {
    url: DirectoryUrl,
    links: Mutex<Links>,
    given_back: Condvar,
}

#[derive(Default)]
struct Links {
    idle: Vec<Link>,
    lent: usize,
    /// Nobody is lent one any more.
    is_closed: bool,
}

impl Pool {
    /// None is open yet.
    pub fn new(url: DirectoryUrl) -> Pool {
        Pool { url, links: Mutex::default(), given_back: Condvar::new() }
    }

    /// Works with a connection, and does so again with another one when it is lost: until `until`, or until `settled` where
    /// something may have been done already.
    ///
    /// # Errors
    /// What `work` says last. [`NotDone::Lost`]: it is not known what became of it.
    pub fn work<T>(
        &self,
        until: Instant,
        settled: Instant,
        mut work: impl FnMut(&mut Link) -> Result<T, NotDone>,
    ) -> Result<T, NotDone> {
        // Whether it was perhaps done.
        let mut was_sent = false;
        loop {
            let until = if was_sent { settled } else { until };
            let done = match self.lend(until) {
                Ok(mut link) => {
                    let done = work(&mut link);
                    was_sent |= matches!(done, Err(NotDone::Lost(_)));
                    self.take_back(link);
                    done
                }
                Err(why) => Err(why),
            };
            let may_be_otherwise =
                matches!(done, Err(NotDone::Lost(_) | NotDone::Loss | NotDone::Cannot(_) | NotDone::Refused(_)));
            // What another run of Redis says of a change that was sent before is no answer to that.
            if !may_be_otherwise || Instant::now() + PAUSE >= until || !self.pause() {
                return done.map_err(|why| match why {
                    NotDone::Lost(why) if !was_sent => NotDone::Cannot(why),
                    // A change that is sent again looks first whether it was done: it was not, and never will be.
                    NotDone::Late => NotDone::Late,
                    why if was_sent => NotDone::Lost(why.to_string()),
                    why => why,
                });
            }
        }
    }

    /// Nobody is lent one any more.
    pub fn close(&self) {
        let mut links = self.lock();
        links.is_closed = true;
        links.idle.clear();
        self.given_back.notify_all();
    }

    fn lend(&self, until: Instant) -> Result<Link, NotDone> {
        let mut links = self.lock();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if links.is_closed || left.is_zero() {
                return Err(NotDone::Lost("no connection is free".to_owned()));
            }
            while let Some(link) = links.idle.pop() {
                if link.is_usable() {
                    links.lent += 1;
                    return Ok(link);
                }
            }
            if links.lent < MOST {
                links.lent += 1;
                drop(links);
                return Link::open(&self.url).inspect_err(|_| self.lose());
            }
            links = self.given_back.wait_timeout(links, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn take_back(&self, link: Link) {
        let mut links = self.lock();
        links.lent -= 1;
        if link.is_usable() && !links.is_closed {
            links.idle.push(link);
        }
        self.given_back.notify_one();
    }

    fn lose(&self) {
        self.lock().lent -= 1;
        self.given_back.notify_one();
    }

    /// Waits for a moment; false when it is over.
    fn pause(&self) -> bool {
        let until = Instant::now() + PAUSE;
        let mut links = self.lock();
        while !links.is_closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            links = self.given_back.wait_timeout(links, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    fn lock(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::shared::OwnRedis;
    use std::thread;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    /// What becomes of a change to which Redis says these, one after the other.
    fn becomes(pool: &Pool, said: &[Result<u8, NotDone>]) -> (Result<u8, NotDone>, usize) {
        let mut calls = 0;
        let done = pool.work(soon(), soon(), |_| {
            calls += 1;
            said[calls - 1].clone()
        });
        (done, calls)
    }

    #[test]
    fn what_was_perhaps_done_is_settled_or_not_known() {
        let redis = OwnRedis::start();
        let pool = Pool::new(redis.url());
        let lost = || Err(NotDone::Lost("cut".to_owned()));
        assert_eq!(becomes(&pool, &[Ok(1)]), (Ok(1), 1));
        assert_eq!(becomes(&pool, &[lost(), Err(NotDone::Loss), Ok(2)]), (Ok(2), 3), "it is asked again");
        assert_eq!(becomes(&pool, &[Err(NotDone::Late)]), (Err(NotDone::Late), 1), "surely not");
        let (done, calls) = becomes(&pool, &[lost(), Err(NotDone::Late)]);
        assert_eq!((done, calls), (Err(NotDone::Late), 2), "it has looked whether the first one was in time");
    }

    #[test]
    fn what_was_never_sent_was_not_done_and_the_end_ends_the_waiting() {
        let mut redis = OwnRedis::start();
        let pool = Pool::new(redis.url());
        assert_eq!(becomes(&pool, &[Ok(1)]).0, Ok(1));
        redis.kill();
        let until = Instant::now() + 4 * PAUSE;
        let done = pool.work(until, soon(), |_| Ok(1));
        assert!(matches!(done, Err(NotDone::Cannot(_))), "{done:?}");
        thread::scope(|scope| {
            let waiting = scope.spawn(|| pool.work(soon(), soon(), |_| Ok(1)));
            pool.close();
            assert!(waiting.join().expect("no panic").is_err());
        });
    }
}
