//! Passwords: PBKDF2-HMAC-SHA-256 with a 16-byte salt, kept as PHC strings (`$pbkdf2-sha256$i=...$salt$hash`).
//!
//! A hash takes a tenth of a second on purpose, so only as many run at a time as there are cores, and never under a
//! lock: the others wait in line, and the rest of the server does not notice.

use pbkdf2::password_hash::{PasswordHasher, PasswordVerifier};
use pbkdf2::phc::PasswordHash;
use pbkdf2::{Algorithm, Params, Pbkdf2};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a hash may wait for a core. A class of 1,000 that logs in at once on two cores needs about a minute.
const QUEUE_LIMIT: Duration = Duration::from_secs(60);

/// Hashes and verifies passwords, a bounded number at a time.
pub struct Hasher {
    scheme: Pbkdf2,
    /// A hash of nothing anybody knows, verified when the name is unknown, so that both take the same time.
    decoy: String,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    free_cores: usize,
    stopped: bool,
}

/// Every core was taken for too long, or the server stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

impl Hasher {
    /// A hasher with that many rounds for new passwords; an old one keeps the rounds it was made with.
    ///
    /// # Errors
    /// A sentence when the library refuses the rounds.
    pub fn new(rounds: u32) -> Result<Hasher, String> {
        let params = Params::new(rounds).map_err(|error| format!("--hash-rounds {rounds}: {error}"))?;
        let scheme = Pbkdf2::new(Algorithm::Pbkdf2Sha256, params);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let decoy = hash_with(&scheme, &crate::value::Ticket::draw().to_string());
        Ok(Hasher {
            scheme,
            decoy,
            state: Mutex::new(State { free_cores: cores, stopped: false }),
            changed: Condvar::new(),
        })
    }

    /// Sends away all who wait in line, and whoever comes: the end of the server is not to wait for their hashes.
    pub fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    /// The PHC string of a new password.
    ///
    /// # Errors
    /// [`Busy`] after a minute in line, or when the server stops.
    pub fn hash(&self, password: &str) -> Result<String, Busy> {
        let _core = self.take_core()?;
        Ok(hash_with(&self.scheme, password))
    }

    /// Whether `password` is the one behind `stored`, a PHC string. `None`, an unknown name, takes as long and says no.
    ///
    /// # Errors
    /// [`Busy`] after a minute in line, or when the server stops.
    pub fn verify(&self, password: &str, stored: Option<&str>) -> Result<bool, Busy> {
        let _core = self.take_core()?;
        let parsed = PasswordHash::new(stored.unwrap_or(&self.decoy));
        let matches = parsed.is_ok_and(|hash| self.scheme.verify_password(password.as_bytes(), &hash).is_ok());
        Ok(matches && stored.is_some())
    }

    fn take_core(&self) -> Result<Core<'_>, Busy> {
        let until = Instant::now() + QUEUE_LIMIT;
        let mut state = self.lock();
        while state.free_cores == 0 && !state.stopped {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Busy);
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.stopped {
            return Err(Busy);
        }
        state.free_cores -= 1;
        Ok(Core(self))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A core that is taken, until it is dropped.
struct Core<'a>(&'a Hasher);

impl Drop for Core<'_> {
    fn drop(&mut self) {
        self.0.lock().free_cores += 1;
        self.0.changed.notify_one();
    }
}

/// Whether `text` is a PHC string that this server can verify.
pub fn is_hash(text: &str) -> bool {
    PasswordHash::new(text).is_ok_and(|hash| {
        hash.algorithm.as_str() == "pbkdf2-sha256"
            && Params::try_from(&hash).is_ok()
            && hash.salt.is_some()
            && hash.hash.is_some()
    })
}

fn hash_with(scheme: &Pbkdf2, password: &str) -> String {
    // 16 random bytes, the salt that RFC 8018 section 4 asks for at least.
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).expect("the operating system provides random bytes");
    let hash = scheme.hash_password_with_salt(password.as_bytes(), &salt);
    hash.expect("a 16-byte salt and the parameters were accepted before").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_fits() {
        let hasher = Hasher::new(1000).expect("valid rounds");
        let stored = hasher.hash("correct horse").expect("a free core");
        assert!(stored.starts_with("$pbkdf2-sha256$i=1000"), "{stored}");
        assert!(is_hash(&stored));
        assert_eq!(hasher.verify("correct horse", Some(&stored)), Ok(true));
        assert_eq!(hasher.verify("battery staple", Some(&stored)), Ok(false));
        assert_eq!(hasher.verify("correct horse", None), Ok(false));
        assert_eq!(hasher.verify("correct horse", Some("not a hash")), Ok(false));
        assert_ne!(hasher.hash("correct horse"), Ok(stored), "two salts");
    }

    #[test]
    fn the_end_sends_away_who_waits_in_line() {
        let hasher = Hasher::new(1000).expect("valid rounds");
        hasher.lock().free_cores = 0;
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| hasher.hash("correct horse"));
            hasher.stop();
            assert_eq!(waiting.join().expect("no panic"), Err(Busy));
        });
        hasher.lock().free_cores = 1;
        assert_eq!(hasher.verify("correct horse", None), Err(Busy), "nobody begins any more");
    }

    #[test]
    fn other_texts_are_no_hashes() {
        for bad in [
            "",
            "secret",
            "$pbkdf2-sha256$i=1000",
            "$pbkdf2-sha512$i=1000$c2FsdHNhbHQ$aGFzaGhhc2g",
            "$argon2id$v=19$m=65536$x$y",
        ] {
            assert!(!is_hash(bad), "{bad}");
        }
    }
}
