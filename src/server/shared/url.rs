//! Where the Redis is that servers share.

use std::fmt;
use std::str::FromStr;

/// The port of a Redis whose address names none.
const PORT: u16 = 6379;

/// How an address is written.
const FORM: &str =
    "an address is redis://HOST:PORT, with :PASSWORD@ before HOST and /NUMBER of a database behind PORT if need be";

/// `redis://[[USER]:PASSWORD@]HOST[:PORT][/DB]`. Its `Display` and its `Debug` do not show the password.
#[derive(Clone, PartialEq, Eq)]
pub struct DirectoryUrl {
    /// A name, an IPv4 address, or an IPv6 address without its brackets.
    pub(super) host: String,
    /// The TCP port.
    pub(super) port: u16,
    /// The name of an ACL; without one it is Redis' default user.
    pub(super) user: Option<String>,
    /// What `AUTH` wants.
    pub(super) password: Option<String>,
    /// The number of the database.
    pub(super) db: u16,
}

impl FromStr for DirectoryUrl {
    type Err = String;

    /// # Errors
    /// A sentence that says what an address looks like, without what was typed: there may be a password in it.
    fn from_str(text: &str) -> Result<DirectoryUrl, String> {
        let rest = text.strip_prefix("redis://").ok_or(FORM)?;
        // A password may hold any of the characters that are looked for behind it.
        let (login, rest) = rest.rsplit_once('@').map_or((None, rest), |(login, rest)| (Some(login), rest));
        let (user, password) = match login.map(|login| login.split_once(':')) {
            None => (None, None),
            Some(None | Some((_, ""))) => return Err(FORM.to_owned()),
            Some(Some((user, password))) => (Some(user).filter(|user| !user.is_empty()), Some(password)),
        };
        let (place, db) = rest.split_once('/').unwrap_or((rest, ""));
        let db = if db.is_empty() { 0 } else { db.parse().map_err(|_| FORM)? };
        let (host, port) = match place.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or(FORM)?,
            None => place.find(':').map_or((place, ""), |colon| place.split_at(colon)),
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => PORT,
            Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or(FORM)?,
            None => return Err(FORM.to_owned()),
        };
        if host.is_empty() {
            return Err(FORM.to_owned());
        }
        let (user, password) = (user.map(str::to_owned), password.map(str::to_owned));
        Ok(DirectoryUrl { host: host.to_owned(), port, user, password, db })
    }
}

impl fmt::Display for DirectoryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DirectoryUrl { host, port, db, .. } = self;
        if host.contains(':') {
            write!(f, "redis://[{host}]:{port}")?
        } else {
            write!(f, "redis://{host}:{port}")?
        }
        if *db == 0 { Ok(()) } else { write!(f, "/{db}") }
    }
}

impl fmt::Debug for DirectoryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_and_shown_without_its_password() {
        let read = |text: &str| text.parse::<DirectoryUrl>();
        for (text, shown) in [
            ("redis://127.0.0.1:7000", "redis://127.0.0.1:7000"),
            ("redis://house.lan", "redis://house.lan:6379"),
            ("redis://[fd00::1]:7000/2", "redis://[fd00::1]:7000/2"),
            ("redis://[fd00::1]/", "redis://[fd00::1]:6379"),
            ("redis://:p@ss:w/rd@10.0.0.1:7000", "redis://10.0.0.1:7000"),
            ("redis://us:secret@10.0.0.1", "redis://10.0.0.1:6379"),
        ] {
            let url = read(text).expect(text);
            assert_eq!((url.to_string().as_str(), format!("{url:?}").as_str()), (shown, shown));
        }
        let url = read("redis://us:p@ss:w/rd@10.0.0.1").expect("an address");
        assert_eq!((url.user.as_deref(), url.password.as_deref()), (Some("us"), Some("p@ss:w/rd")));
        for wrong in [
            "127.0.0.1:7000",
            "rediss://127.0.0.1",
            "redis://",
            "redis://:7000",
            "redis://h:0",
            "redis://h:65536",
            "redis://h:x",
            "redis://h/x",
            "redis://[fd00::1",
            "redis://[fd00::1]7000",
            "redis://secret@h",
            "redis://us:@h",
        ] {
            assert_eq!(read(wrong), Err(FORM.to_owned()), "{wrong}");
        }
    }
}
