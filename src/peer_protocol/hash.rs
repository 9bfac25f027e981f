//! The line behind the bytes of a file, by which their receiver knows that they are all there and unchanged.

use crate::value::hex;
use std::fmt;
use std::str::FromStr;

/// `sha256_HEX`, the line behind the bytes of a file: the SHA-256 of the whole file, from its first byte also when
/// the bytes began at an OFFSET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileHash(pub [u8; 32]);

/// A line that is not `sha256_` and 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAHash;

impl FromStr for FileHash {
    type Err = NotAHash;

    fn from_str(line: &str) -> Result<Self, NotAHash> {
        line.strip_prefix("sha256_").and_then(hex::parse).map(FileHash).ok_or(NotAHash)
    }
}

impl fmt::Display for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256_")?;
        hex::write(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_there_and_back() {
        let line = format!("sha256_{}", "0123456789abcdef".repeat(4));
        assert_eq!(line.parse::<FileHash>().map(|hash| hash.to_string()), Ok(line.clone()));
        for bad in ["", "sha256_", &line[..70], &format!("{line}0"), &line.replace('_', "-")] {
            assert_eq!(bad.parse::<FileHash>(), Err(NotAHash));
        }
    }
}
