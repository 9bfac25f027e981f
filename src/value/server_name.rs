//! The name of a server, by which people tell several servers of one network apart. It proves nothing: anybody may
//! give a server any name.
//!
//! It is spelled as a username without dots, as it stands between the underscores of an answer.

use crate::value::{MAX_USERNAME, Username};
use std::fmt;
use std::str::FromStr;

/// The name of a server whose host has none that is left after cleaning.
const NAMELESS: &str = "peerline";

/// 1 to 15 ASCII letters, digits and dashes, with a letter or digit first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerName(Box<str>);

/// A text that is no name of a server; its `Display` is a sentence for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidServerName;

impl ServerName {
    /// The name of a server on a host of this name: the part before the first dot, without what may not stand in it.
    pub fn of_host(host: &str) -> ServerName {
        let first = host.split('.').next().unwrap_or_default();
        let allowed = first.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-');
        let name: String = allowed.skip_while(|c| *c == '-').take(MAX_USERNAME).collect();
        ServerName(if name.is_empty() { NAMELESS.into() } else { name.into() })
    }

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServerName {
    type Err = InvalidServerName;

    fn from_str(text: &str) -> Result<Self, InvalidServerName> {
        let is_name = text.parse::<Username>().is_ok() && !text.contains('.');
        if is_name { Ok(ServerName(text.into())) } else { Err(InvalidServerName) }
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for InvalidServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("The name of a server has 1 to 15 letters, digits or dashes and starts with a letter or digit")
    }
}

impl std::error::Error for InvalidServerName {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_has_neither_dots_nor_what_divides_fields() {
        for good in ["a", "Room-12", "7", "fifteen-letters"] {
            assert_eq!(good.parse::<ServerName>().map(|name| name.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "a.b", "-a", "a_b", "a b", "a\u{1b}", "sixteen-letters-", "zoë"] {
            assert_eq!(bad.parse::<ServerName>(), Err(InvalidServerName), "{bad:?}");
        }
    }

    #[test]
    fn a_host_lends_its_name() {
        for (host, name) in [
            ("debian", "debian"),
            ("lab_pc.example.org", "labpc"),
            ("--odd--", "odd--"),
            ("a-very-long-name-of-a-host", "a-very-long-nam"),
            ("", "peerline"),
            ("___", "peerline"),
            (".example", "peerline"),
        ] {
            assert_eq!(ServerName::of_host(host).as_str(), name, "{host:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_host_is_called_the_name_is_one(host in ".{0,40}") {
            let name = ServerName::of_host(&host);
            prop_assert_eq!(name.as_str().parse(), Ok(name.clone()));
        }
    }
}
