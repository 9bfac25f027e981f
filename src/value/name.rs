//! Usernames: the identity of a person on the network.
//!
//! A username appears inside `msg_TEXT_ADDR` lines, comma records and `IP:PORT` lists, so its alphabet leaves out
//! every character that separates fields there: `_`, `,`, `:` and the space. Where a name may stand an address may, so
//! no name is one: what is meant for the one must not go to the other.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::Ipv4Addr;
use std::str::FromStr;

/// The most characters a username may have: the width of the name field in S4's packets.
pub const MAX_USERNAME: usize = 15;

/// A valid username. Two that differ only in case are equal, so that nobody can pose as `Alice` beside `alice`;
/// the spelling of the sign-up is the one that is shown.
///
/// It holds its letters itself, as it is copied with each request, and is always ASCII.
#[derive(Clone)]
pub struct Username {
    letters: [u8; MAX_USERNAME],
    length: u8,
}

/// Why a text is not a username; its `Display` is a sentence for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidUsername;

impl Username {
    /// The name as its owner spelled it.
    pub fn as_str(&self) -> &str {
        // There is nothing in it but ASCII.
        std::str::from_utf8(&self.letters[..usize::from(self.length)]).unwrap_or_default()
    }

    /// A name of these letters, as far as there is room.
    fn of(text: &str) -> Username {
        let mut letters = [0; MAX_USERNAME];
        let length = letters.iter_mut().zip(text.bytes()).map(|(to, byte)| *to = byte).count();
        Username { letters, length: length as u8 }
    }

    /// The username that comes nearest to a name that is none: what is not allowed becomes a dash, and what is too long
    /// is cut. Number 1 is the nearest, each further one the next best: it stands behind, as in `my-user-2`.
    pub fn nearest(text: &str, number: usize) -> Username {
        let allowed = text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' });
        let mut name: String = allowed.skip_while(|c| !c.is_ascii_alphanumeric()).collect();
        if name.is_empty() {
            name.push_str("guest");
        }
        let behind = if number > 1 { format!("-{number}") } else { String::new() };
        name.truncate(MAX_USERNAME.saturating_sub(behind.len()).max(1));
        name.push_str(&behind);
        Username::of(&if is_address(&name) { name.replace('.', "-") } else { name })
    }

    /// A number that orders names as their letters do: two numbers are compared at once. What is behind a shorter name is
    /// less than any letter.
    fn rank(&self) -> u128 {
        let mut bytes = [0; MAX_USERNAME + 1];
        bytes[..MAX_USERNAME].copy_from_slice(&self.letters);
        u128::from_be_bytes(bytes.map(|byte| byte.to_ascii_lowercase()))
    }

    /// What is the same for all spellings.
    fn folded(&self) -> [u8; MAX_USERNAME] {
        self.letters.map(|letter| letter.to_ascii_lowercase())
    }
}

/// Those of IPv6 have colons.
fn is_address(text: &str) -> bool {
    text.parse::<Ipv4Addr>().is_ok()
}

impl FromStr for Username {
    type Err = InvalidUsername;

    fn from_str(text: &str) -> Result<Self, InvalidUsername> {
        let starts_well = text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
        if starts_well && text.len() <= MAX_USERNAME && text.bytes().all(allowed) && !is_address(text) {
            Ok(Username::of(text))
        } else {
            Err(InvalidUsername)
        }
    }
}

impl fmt::Debug for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Username").field(&self.as_str()).finish()
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for InvalidUsername {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("A username has 1 to 15 letters, digits, dots or dashes, starts with a letter or digit and is no IP address")
    }
}

impl std::error::Error for InvalidUsername {}

impl PartialEq for Username {
    fn eq(&self, other: &Self) -> bool {
        self.letters.eq_ignore_ascii_case(&other.letters)
    }
}

impl Eq for Username {}

impl Hash for Username {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // In one call: byte by byte takes ten times as long.
        state.write(&self.folded());
    }
}

impl Ord for Username {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for Username {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_letters_digits_dots_and_dashes() {
        for good in ["a", "Alice", "7of9", "ann.lee-2", "fifteen-letters", "10.0.0", "10.0.0.256"] {
            assert_eq!(good.parse::<Username>().map(|name| name.to_string()), Ok(good.to_owned()));
        }
    }

    #[test]
    fn refuses_separators_and_the_wrong_lengths() {
        for bad in ["", "sixteen-letters-", ".dot", "-dash", "a_b", "a,b", "a:b", "a b", "zoë", "a\n", "10.0.0.7"] {
            assert_eq!(bad.parse::<Username>(), Err(InvalidUsername), "{bad:?}");
        }
    }

    #[test]
    fn the_nearest_name_is_one() {
        for (text, nearest, next) in [
            ("my_user", "my-user", "my-user-2"),
            ("a name of more than 15", "a-name-of-more-", "a-name-of-mor-2"),
            ("__zo\u{eb}", "zo-", "zo--2"),
            ("\u{96ea}", "guest", "guest-2"),
            ("", "guest", "guest-2"),
            ("10.0.0.7", "10-0-0-7", "10.0.0.7-2"),
            ("100.100.100.1001", "100-100-100-100", "100.100.100.1-2"),
        ] {
            for (number, expected) in [(1, nearest), (2, next)] {
                let name = Username::nearest(text, number);
                assert_eq!(name.as_str(), expected);
                assert_eq!(expected.parse::<Username>(), Ok(name));
            }
        }
        let long = Username::nearest("fifteen-letters", 1000);
        assert_eq!(long.as_str(), "fifteen-le-1000");
    }

    #[test]
    fn case_does_not_make_another_person() {
        let lower: Username = "alice".parse().expect("valid");
        let upper: Username = "ALICE".parse().expect("valid");
        assert_eq!(lower, upper);
        assert_eq!(lower.cmp(&upper), Ordering::Equal);
        assert!(std::collections::HashSet::from([lower]).contains(&upper));
    }
}
