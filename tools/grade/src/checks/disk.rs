//! What a server has left on the disk, and whether a password can be read there. Regular files alone are read, and not
//! without a limit: a pipe or a device has no end, and a link leads elsewhere, or round in circles.

use crate::stage::PASSWORD;
use nix::fcntl::OFlag;
use std::fs::{self, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The most files and folders that are looked at.
const ENTRIES: usize = 10_000;
/// The most bytes that are read of all files together.
pub const BYTES: u64 = 16 << 20;
/// What a file must not hold of [`PASSWORD`], "correct horse", besides itself: the hashes that anybody can look up, as
/// `printf %s 'correct horse' | sha256sum` prints them.
const HASHES: [(&str, &str); 3] = [
    ("its plain SHA-256", "4104d36f8da2c254349f85836793ebe029e0c957063a34c91c2e9203187b5631"),
    ("its plain SHA-1", "2f9e53523b62abc141a2b4d6019d23cba835dbd0"),
    ("its plain MD5", "3cb4e732631f47e6eb961f34554b7cde"),
];
/// The last two digits of base64, as files and as addresses of the web have them.
const LAST_DIGITS: [[char; 2]; 2] = [['+', '/'], ['-', '_']];

/// The regular files below a folder, the smallest first: where not all can be read the accounts are.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut folders, mut files, mut left) = (vec![folder.to_owned()], Vec::new(), ENTRIES);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten().take(left) {
            left -= 1;
            // This does not follow a link.
            match entry.metadata() {
                Ok(known) if known.is_dir() => folders.push(entry.path()),
                Ok(known) if known.is_file() => files.push((known.len(), entry.path())),
                _ => {}
            }
        }
    }
    files.sort();
    files.into_iter().map(|(_, path)| path).collect()
}

/// The bytes of a file, but no more than this. One that is gone meanwhile was a temporary one, and has none.
pub fn read(path: &Path, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    // It may have become a link or a pipe since it was looked at.
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
    if let Ok(file) = file.and_then(|file| file.metadata().map(|known| (file, known.is_file()))) {
        // What cannot be read has no more bytes.
        let _ = if file.1 { file.0.take(most).read_to_end(&mut bytes) } else { Ok(0) };
    }
    bytes
}

/// What these bytes tell of [`PASSWORD`]: itself or a plain hash, as it is, in hexadecimal or in base64.
pub fn telltale(bytes: &[u8]) -> Option<String> {
    let hashes = HASHES.iter().map(|(what, digits)| (*what, from_hex(digits)));
    let secrets = [("the password itself", PASSWORD.as_bytes().to_vec())].into_iter().chain(hashes);
    for (what, secret) in secrets {
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let base64 = LAST_DIGITS.map(|last| base64(&secret, last).into_bytes());
        for (part, how) in [(&secret, ""), (&hex.into_bytes(), " in hexadecimal")] {
            if bytes.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part)) {
                return Some(format!("{what}{how}"));
            }
        }
        if base64.iter().any(|part| bytes.windows(part.len()).any(|window| window == part)) {
            return Some(format!("{what} in base64"));
        }
    }
    None
}

fn from_hex(digits: &str) -> Vec<u8> {
    let pairs = (0..digits.len()).step_by(2).filter_map(|at| digits.get(at..at + 2));
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

/// Base64 without what may stand behind it to fill it up.
fn base64(bytes: &[u8], last: [char; 2]) -> String {
    let digits: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(last).collect();
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |place: usize| u32::from(chunk.get(place).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        text.extend((0..=chunk.len()).map(|place| digits[(bits >> (18 - 6 * place) & 63) as usize]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_password_is_found_in_every_dress() {
        for (held, is) in [
            ("alice,correct horse\n", "the password itself"),
            ("alice,636f727265637420686F727365\n", "the password itself in hexadecimal"),
            ("alice,Y29ycmVjdCBob3JzZQ==\n", "the password itself in base64"),
            ("x4104D36F8DA2C254349F85836793EBE029E0C957063A34C91C2E9203187B5631", "its plain SHA-256 in hexadecimal"),
            ("QQTTb42iwlQ0n4WDZ5Pr4CngyVcGOjTJHC6SAxh7VjE=", "its plain SHA-256 in base64"),
        ] {
            assert_eq!(telltale(held.as_bytes()).as_deref(), Some(is), "{held}");
        }
        let md5 = [0, 0x3c, 0xb4, 0xe7, 0x32, 0x63, 0x1f, 0x47, 0xe6, 0xeb, 0x96, 0x1f, 0x34, 0x55, 0x4b, 0x7c, 0xde];
        assert_eq!(telltale(&md5).as_deref(), Some("its plain MD5"));
        assert_eq!(telltale(b"alice,$pbkdf2-sha256$..."), None);
    }

    #[test]
    fn base64_is_as_others_write_it() {
        for (bytes, text) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg")] {
            assert_eq!(base64(bytes.as_bytes(), LAST_DIGITS[0]), text);
        }
        let high = [0xfb, 0xff, 0xfe];
        assert_eq!(LAST_DIGITS.map(|last| base64(&high, last)), ["+//+", "-__-"]);
    }

    #[test]
    fn links_pipes_and_devices_are_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        for (name, to) in [("round", "."), ("and-round", "."), ("zero", "/dev/zero"), ("out", "/etc")] {
            symlink(to, at(name)).expect("a link");
        }
        fs::create_dir(at("below")).expect("a folder");
        fs::write(at("below/long"), "12345").expect("a file");
        fs::write(at("short"), "1").expect("a file");
        assert_eq!(files(folder.path()), [at("short"), at("below/long")]);
        assert_eq!((read(&at("below/long"), 3), read(&at("below/long"), 9)), (b"123".to_vec(), b"12345".to_vec()));
        for none in ["pipe", "zero", "round", "gone"] {
            assert!(read(&at(none), 9).is_empty(), "{none}");
        }
    }
}
