//! Passwords: PBKDF2-HMAC-SHA-256 with a 16-byte salt, kept as PHC strings (`$pbkdf2-sha256$i=...$salt$hash`).
//!
//! A hash takes a tenth of a second on purpose, so only as many run at a time as there are cores, and never under a
//! lock: the others wait in line, first come, first served, and the rest of the server does not notice. The work is done
//! on threads of its own, as it goes deep into the stack.

use crate::net::{FairQueue, NotServed, Patience, Workers};
use pbkdf2::password_hash::{PasswordHasher, PasswordVerifier};
use pbkdf2::phc::PasswordHash;
use pbkdf2::{Algorithm, Params, Pbkdf2};
use std::sync::Arc;

/// Whose turn it is for each core: one whose password is hashed, and the next one, so that a core has work while the thread
/// of the one before wakes.
const TURNS: usize = 2;
/// The most who wait for a turn; each is a connection, of which there are fewer.
const MAX_WAITING: usize = 100_000;

/// Hashes and verifies passwords, a bounded number at a time, on threads of its own.
pub struct Hasher {
    scheme: Arc<Scheme>,
    turns: FairQueue,
    threads: Workers,
}

/// How passwords are hashed.
struct Scheme {
    pbkdf2: Pbkdf2,
    /// A hash of nothing anybody knows, verified when the name is unknown, so that both take the same time.
    decoy: String,
}

impl Hasher {
    /// A hasher with that many rounds for new passwords; an old one keeps the rounds it was made with.
    ///
    /// # Errors
    /// A sentence when the library refuses the rounds, or the system the threads.
    pub fn new(rounds: u32) -> Result<Hasher, String> {
        let params = Params::new(rounds).map_err(|error| format!("--hash-rounds {rounds}: {error}"))?;
        let pbkdf2 = Pbkdf2::new(Algorithm::Pbkdf2Sha256, params);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = Workers::start("hash", cores).map_err(|error| format!("no threads for passwords: {error}"))?;
        let decoy = hash_with(&pbkdf2, &crate::value::Ticket::draw().to_string());
        Ok(Hasher {
            scheme: Arc::new(Scheme { pbkdf2, decoy }),
            turns: FairQueue::new(TURNS * cores, MAX_WAITING),
            threads,
        })
    }

    /// Sends away all that wait in line, and all that come: the end of the server does not wait for their hashes.
    pub fn stop(&self) {
        self.turns.close();
        self.threads.close();
    }

    /// How many wait in line.
    pub fn waiting(&self) -> usize {
        self.turns.waiting()
    }

    /// The PHC string of a new password.
    ///
    /// # Errors
    /// [`NotServed`]: nothing was hashed.
    pub fn hash(&self, password: &str, patience: &Patience<'_>) -> Result<String, NotServed> {
        let (scheme, password) = (Arc::clone(&self.scheme), password.to_owned());
        self.run(patience, move || hash_with(&scheme.pbkdf2, &password))
    }

    /// Whether `password` is the one behind `stored`, a PHC string. `None`, an unknown name, takes as long and says no.
    ///
    /// # Errors
    /// [`NotServed`]: nothing was hashed.
    pub fn verify(&self, password: &str, stored: Option<&str>, patience: &Patience<'_>) -> Result<bool, NotServed> {
        let (scheme, password) = (Arc::clone(&self.scheme), password.to_owned());
        let stored = stored.map(str::to_owned);
        self.run(patience, move || scheme.verify(&password, stored.as_deref()))
    }

    /// Waits for a turn in line, then for what a thread does with it.
    fn run<T: Send + 'static>(
        &self,
        patience: &Patience<'_>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NotServed> {
        let _turn = self.turns.take(patience)?;
        self.threads.run(work).ok_or(NotServed::TimeUp)
    }
}

impl Scheme {
    fn verify(&self, password: &str, stored: Option<&str>) -> bool {
        let parsed = PasswordHash::new(stored.unwrap_or(&self.decoy));
        let matches = parsed.is_ok_and(|hash| self.pbkdf2.verify_password(password.as_bytes(), &hash).is_ok());
        matches && stored.is_some()
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
    use std::time::Duration;

    fn patient() -> Patience<'static> {
        Patience::lasting(Duration::from_secs(60))
    }

    #[test]
    fn only_the_right_password_fits() {
        let hasher = Hasher::new(1000).expect("valid rounds");
        let stored = hasher.hash("correct horse", &patient()).expect("a free core");
        let verify = |password, stored| hasher.verify(password, stored, &patient());
        assert!(stored.starts_with("$pbkdf2-sha256$i=1000"), "{stored}");
        assert!(is_hash(&stored));
        assert_eq!(verify("correct horse", Some(&stored)), Ok(true));
        assert_eq!(verify("battery staple", Some(&stored)), Ok(false));
        assert_eq!(verify("correct horse", None), Ok(false));
        assert_eq!(verify("correct horse", Some("not a hash")), Ok(false));
        assert_ne!(hasher.hash("correct horse", &patient()), Ok(stored), "two salts");
    }

    #[test]
    fn nothing_is_hashed_for_a_client_that_has_gone_or_when_the_server_ends() {
        let hasher = Hasher::new(1000).expect("valid rounds");
        let has_gone = || true;
        let ghost = Patience { has_gone: &has_gone, ..patient() };
        assert_eq!(hasher.hash("correct horse", &ghost), Err(NotServed::Gone));
        assert_eq!(hasher.verify("correct horse", None, &ghost), Err(NotServed::Gone));
        hasher.stop();
        assert_eq!(hasher.verify("correct horse", None, &patient()), Err(NotServed::Closed));
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
