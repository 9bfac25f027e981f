//! How many file descriptors this process may have: each client needs one, with datagrams two.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// What the process needs beside its clients.
const SPARE: u64 = 64;

/// Makes room for so many clients, as far as the system allows it.
///
/// # Errors
/// A sentence that says what to do.
pub fn make_room(clients: u32, with_datagrams: bool) -> Result<(), String> {
    let needed = u64::from(clients) * (1 + u64::from(with_datagrams)) + SPARE;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)
        .map_err(|error| format!("the limit of file descriptors cannot be read: {error}"))?;
    if soft >= needed {
        return Ok(());
    }
    if hard < needed || setrlimit(Resource::RLIMIT_NOFILE, needed, hard).is_err() {
        return Err(format!(
            "{clients} clients need {needed} file descriptors, and this process may have {hard}: raise it (`ulimit -Hn`, \
             LimitNOFILE=, /etc/security/limits.conf), or take fewer --clients"
        ));
    }
    Ok(())
}
