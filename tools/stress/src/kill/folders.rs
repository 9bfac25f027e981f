//! The folders that clients share in a run of crashes: what is in them is whole, or says by its name that it is not.

use crate::random::Xorshift;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The sizes of the files: one goes in a moment, one takes as long as a round.
pub const SIZES: [usize; 4] = [100_000, 4 << 20, 24 << 20, 80 << 20];
/// The ends of the names of what is not whole.
const UNFINISHED: [&str; 2] = [".part", ".part.from"];

/// The SHA-256 of a file.
type Hash = [u8; 32];

/// The folder of the files' owner, and that of who fetches them.
pub struct Folders {
    /// The owner's.
    pub shared: PathBuf,
    /// Where fetched files go; it is shared as well.
    pub fetched: PathBuf,
    sources: HashMap<String, Hash>,
}

/// What a look into the folder of fetched files found.
#[derive(Debug, Default, PartialEq)]
pub struct Found {
    /// Whole files; they are taken away.
    pub whole: usize,
    /// Beginnings, which stay.
    pub parts: usize,
    /// Files that are neither.
    pub wrong: Vec<String>,
}

impl Folders {
    /// Makes both, and files of these sizes in the first.
    pub fn make(folder: &Path, sizes: &[usize]) -> io::Result<Folders> {
        let (shared, fetched) = (folder.join("shared"), folder.join("fetched"));
        fs::create_dir(&shared)?;
        fs::create_dir(&fetched)?;
        let mut random = Xorshift::new(7);
        let mut sources = HashMap::new();
        for (number, &size) in sizes.iter().enumerate() {
            let (name, bytes) = (format!("f{number}"), random.bytes(size));
            fs::write(shared.join(&name), &bytes)?;
            sources.insert(name, Sha256::digest(&bytes).into());
        }
        Ok(Folders { shared, fetched, sources })
    }

    /// One of the files.
    pub fn any(&self, random: &mut Xorshift) -> String {
        format!("f{}", random.between(0, self.sources.len() as u64))
    }

    /// Looks at all that was fetched. Nobody may be writing.
    pub fn look_at_fetched(&self) -> io::Result<Found> {
        let mut found = Found::default();
        for (name, path) in entries(&self.fetched)? {
            if UNFINISHED.iter().any(|end| name.ends_with(end)) {
                found.parts += usize::from(name.ends_with(UNFINISHED[0]));
            } else if self.is_whole(&name, &path)? {
                found.whole += 1;
                fs::remove_file(path)?;
            } else {
                found.wrong.push(format!("{} is not what its owner shares", path.display()));
            }
        }
        Ok(found)
    }

    /// What is not as it was in the owner's folder.
    pub fn look_at_shared(&self) -> io::Result<Vec<String>> {
        let entries = entries(&self.shared)?;
        let mut wrong = Vec::new();
        for (name, path) in &entries {
            if self.sources.get(name) != Some(&hash(path)?) {
                wrong.push(format!("{} is not what it was", path.display()));
            }
        }
        if entries.len() != self.sources.len() {
            wrong.push(format!(
                "{} holds {} files instead of {}",
                self.shared.display(),
                entries.len(),
                self.sources.len()
            ));
        }
        Ok(wrong)
    }

    /// A second fetch of `f1` is kept as `f1 (1)`.
    fn is_whole(&self, name: &str, path: &Path) -> io::Result<bool> {
        let source = name.split(' ').next().and_then(|name| self.sources.get(name));
        Ok(source == Some(&hash(path)?))
    }
}

fn entries(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let named = |entry: fs::DirEntry| (entry.file_name().to_string_lossy().into_owned(), entry.path());
    fs::read_dir(folder)?.map(|entry| entry.map(named)).collect()
}

fn hash(path: &Path) -> io::Result<Hash> {
    let mut file = File::open(path)?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().into()),
            length => hasher.update(&buffer[..length]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_files_and_parts_are_told_from_torn_ones() {
        let folder = tempfile::tempdir().expect("a folder");
        let folders = Folders::make(folder.path(), &[1000, 3000]).expect("made");
        let whole = fs::read(folders.shared.join("f0")).expect("made");
        let put = |name: &str, bytes: &[u8]| fs::write(folders.fetched.join(name), bytes).expect("written");
        put("f0", &whole);
        put("f0 (1)", &whole);
        put("f0.part", &whole[..10]);
        put("f0.part.from", b"bob");
        put("f1", &whole);
        put("f0 (2)", &whole[..999]);
        let found = folders.look_at_fetched().expect("readable");
        assert_eq!((found.whole, found.parts, found.wrong.len()), (2, 1, 2), "{found:?}");
        assert!(!folders.fetched.join("f0").exists() && folders.fetched.join("f1").exists());
        assert!(folders.look_at_shared().expect("readable").is_empty());
        fs::write(folders.shared.join("f0"), b"torn").expect("written");
        fs::write(folders.shared.join("new"), b"").expect("written");
        assert_eq!(folders.look_at_shared().expect("readable").len(), 3);
    }
}
