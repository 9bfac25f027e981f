//! Whom this person does not want to hear, kept between runs: a file with a name a line. It is no comfort: what cannot be
//! read is told, and nobody is let through for that.

use super::app::MAX_BLOCKED;
use super::history::state_file;
use crate::value::Username;
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The most bytes of the file: so many names, and what a person may write beside them.
const MAX_BYTES: u64 = 1 << 20;

/// The file in which names are kept.
pub struct Blocked {
    path: Option<PathBuf>,
}

impl Blocked {
    /// The file in its usual place; nothing is kept where there is none.
    pub fn new() -> Blocked {
        Blocked { path: state_file("blocked") }
    }

    /// Who is blocked.
    ///
    /// # Errors
    /// A sentence that names the file, and the line that is no name.
    pub fn read(&self) -> Result<BTreeSet<Username>, String> {
        self.path.as_deref().map_or(Ok(BTreeSet::new()), read)
    }

    /// Has this person be blocked from now on, or no more. The file is read again first, as another client may have
    /// written it, and replaced at once; what a person has written beside the names stays.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn set(&mut self, name: &Username, is_blocked: bool) -> Result<(), String> {
        let Some(path) = self.path.as_deref() else {
            return Err("there is no folder for it: HOME is not set".to_owned());
        };
        let text = read_text(path)?;
        if names_in(&text, path)?.contains(name) == is_blocked {
            return Ok(());
        }
        let is_other = |line: &&str| line.trim().parse::<Username>().ok().is_none_or(|other| other != *name);
        let others = text.lines().filter(is_other).map(|line| format!("{line}\n"));
        let new: String = others.chain(is_blocked.then(|| format!("{name}\n"))).collect();
        write(path, &new).map_err(|error| format!("{}: {error}", path.display()))
    }
}

impl Default for Blocked {
    fn default() -> Blocked {
        Blocked::new()
    }
}

fn read(path: &Path) -> Result<BTreeSet<Username>, String> {
    names_in(&read_text(path)?, path)
}

/// Nothing where there is no file.
fn read_text(path: &Path) -> Result<String, String> {
    let told = |error: io::Error| format!("{}: {error}", path.display());
    let file = match fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        opened => opened.map_err(told)?,
    };
    let mut text = String::new();
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(told)?;
    match text.len() as u64 {
        ..=MAX_BYTES => Ok(text),
        _ => Err(format!("{}: it has more than {MAX_BYTES} bytes", path.display())),
    }
}

fn names_in(text: &str, path: &Path) -> Result<BTreeSet<Username>, String> {
    let mut names = BTreeSet::new();
    // Lines that begin with # are notes.
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
    {
        let name = line.trim().parse().map_err(|invalid| format!("{}:{number}: {invalid}", path.display()))?;
        names.insert(name);
    }
    if names.len() > MAX_BLOCKED {
        Err(format!("{}: more than {MAX_BLOCKED} names", path.display()))
    } else {
        Ok(names)
    }
}

/// Puts this text in the place of the file at once, and on the disk.
fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let new = path.with_extension(format!("new-{}", std::process::id()));
    let written =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, path)
        });
    if written.is_err() {
        // Perhaps it was never made.
        let _ = fs::remove_file(&new);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn name(text: &str) -> Username {
        text.parse().expect("a name")
    }

    fn blocked() -> (tempfile::TempDir, PathBuf, Blocked) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("peerline/blocked");
        (folder, path.clone(), Blocked { path: Some(path) })
    }

    #[test]
    fn who_is_blocked_is_so_at_the_next_run() {
        let (_folder, path, mut blocked) = blocked();
        assert_eq!(blocked.read(), Ok(BTreeSet::new()));
        for who in ["bob", "eve", "BOB"] {
            assert_eq!(blocked.set(&name(who), true), Ok(()));
        }
        assert_eq!(blocked.read(), Ok([name("bob"), name("eve")].into()));
        // Another client adds one.
        fs::write(&path, "# since yesterday\nbob\n\n carol \n").expect("written");
        assert_eq!(blocked.set(&name("Bob"), false), Ok(()));
        assert_eq!(fs::read_to_string(&path).expect("there"), "# since yesterday\n\n carol \n");
        assert_eq!(blocked.set(&name("dan"), true), Ok(()));
        assert_eq!(blocked.read(), Ok([name("carol"), name("dan")].into()));
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        let files = fs::read_dir(path.parent().expect("a folder")).expect("there").count();
        assert_eq!(files, 1, "nothing is left beside it");
    }

    #[test]
    fn what_cannot_be_read_is_told_and_stays_as_it_is() {
        let (_folder, path, mut blocked) = blocked();
        assert_eq!(blocked.set(&name("bob"), true), Ok(()));
        fs::write(&path, "bob\nnot a name\n").expect("written");
        let why = blocked.read().expect_err("a line is wrong");
        assert!(why.starts_with(&format!("{}:2: A username has", path.display())), "{why}");
        assert_eq!(blocked.set(&name("eve"), true), Err(why));
        assert_eq!(fs::read_to_string(&path).expect("there"), "bob\nnot a name\n");
        for bytes in [b"\xff\n".to_vec(), vec![b'#'; MAX_BYTES as usize + 1]] {
            fs::write(&path, bytes).expect("written");
            assert!(blocked.read().is_err());
        }
        let mut nowhere = Blocked { path: None };
        assert_eq!(nowhere.read(), Ok(BTreeSet::new()));
        assert!(nowhere.set(&name("bob"), true).is_err());
    }
}
