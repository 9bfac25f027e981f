//! What a gift consists of: the files that a person named, and those in the folders that a person named. Links, devices,
//! sockets and hidden files are left out, and it is said which.

use crate::peer_protocol::{GivePath, MAX_GIVEN, MAX_PARTS, What};
use crate::value::FileName;
use crate::value::text::show_bytes;
use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::fs::{self, FileType};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// So many that are left out are named; the others are counted.
const MAX_NAMED: usize = 20;

/// What is offered.
#[derive(Debug)]
pub struct Gift {
    /// As it is offered.
    pub what: What,
    /// Its files, folder by folder and by name.
    pub items: Vec<Item>,
    /// The bytes of all of them.
    pub bytes: u64,
    /// What is not given, and why.
    pub left_out: LeftOut,
}

/// One file of a gift.
#[derive(Debug)]
pub struct Item {
    /// Its place in the gift.
    pub path: GivePath,
    /// Where it is here.
    pub source: PathBuf,
}

/// What is left out of a gift.
#[derive(Debug, Default)]
pub struct LeftOut {
    /// The first of them.
    pub named: Vec<Left>,
    /// How many there are beside those.
    pub more: usize,
    /// Whether any of those should have gone.
    pub more_missed: bool,
}

/// Something that is left out of a gift.
#[derive(Debug)]
pub struct Left {
    /// Where it is, ready to be shown.
    pub path: String,
    /// Why it is left out.
    pub why: String,
    /// Whether it should have gone. A link or a hidden file in a folder never does.
    pub is_missed: bool,
}

/// A walk through what was named.
struct Walk<'a> {
    is_given_up: &'a dyn Fn() -> bool,
    items: Vec<Item>,
    bytes: u64,
    left_out: LeftOut,
}

/// Why nothing can be given.
type Sentence = String;

impl Gift {
    /// All that can be given of `paths`, as a person typed them; a `~` at the beginning is `home`. The walk ends early
    /// when `is_given_up` says so.
    ///
    /// # Errors
    /// A sentence: a path that cannot be read, nothing that can be given, or too much.
    pub fn collect(paths: &[PathBuf], home: Option<&Path>, is_given_up: &dyn Fn() -> bool) -> Result<Gift, Sentence> {
        let mut walk = Walk { is_given_up, items: Vec::new(), bytes: 0, left_out: LeftOut::default() };
        let mut tops = BTreeSet::new();
        for typed in paths {
            let path = expand(typed, home);
            let name = top_name(&path)?;
            if !tops.insert(name.clone()) {
                walk.leave_out(&path, "another one of that name is given too");
                continue;
            }
            walk.top(&path, name)?;
        }
        let Walk { items, bytes, left_out, .. } = walk;
        let what = what(&items, paths.len()).ok_or_else(|| nothing(&left_out))?;
        Ok(Gift { what, items, bytes, left_out })
    }
}

/// As it is offered: one file, one folder, or so many files.
fn what(items: &[Item], named: usize) -> Option<What> {
    let top = items.first()?.path.parts().first()?.clone();
    let is_file = items.first()?.path.parts().len() == 1;
    match items.len() {
        1 if is_file => Some(What::File(top)),
        count if count > 1 && named > 1 => u32::try_from(count).ok().map(What::Files),
        _ => Some(What::Folder(top)),
    }
}

fn nothing(left_out: &LeftOut) -> Sentence {
    match left_out.named.first() {
        Some(Left { path, why, .. }) => format!("nothing to give: {path}: {why}"),
        None => "nothing to give: there is no file in it".to_owned(),
    }
}

/// A path as a person typed it: `~` and `~/x` are in the home folder.
pub fn typed(path: &Path) -> PathBuf {
    expand(path, home().as_deref())
}

/// The home folder, where there is one.
pub fn home() -> Option<PathBuf> {
    env::var_os("HOME").map(PathBuf::from)
}

/// The same, with this home folder.
pub fn expand(typed: &Path, home: Option<&Path>) -> PathBuf {
    match (typed.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) if rest.as_os_str().is_empty() => home.to_owned(),
        (Ok(rest), Some(home)) => home.join(rest),
        _ => typed.to_owned(),
    }
}

/// The name under which a path is given.
fn top_name(path: &Path) -> Result<FileName, Sentence> {
    let shown = path.display();
    // `.` has a name too.
    let resolved = match path.file_name() {
        Some(_) => path.to_owned(),
        None => path.canonicalize().map_err(|error| format!("{shown}: {error}"))?,
    };
    let name = resolved.file_name().ok_or_else(|| format!("{shown}: has no name to be given under"))?;
    file_name(name).map_err(|why| format!("{}: {why}", show(path.as_os_str())))
}

fn file_name(name: &OsStr) -> Result<FileName, String> {
    match FileName::of_entry(name) {
        Some(Ok(name)) => Ok(name),
        Some(Err(why)) => Err(why.to_string()),
        None => Err("the name is not UTF-8".to_owned()),
    }
}

fn show(path: &OsStr) -> String {
    show_bytes(path.as_bytes())
}

/// Why something of this kind is not given; `None` for files and folders.
fn unfit(kind: FileType) -> Option<&'static str> {
    if kind.is_file() || kind.is_dir() {
        None
    } else if kind.is_symlink() {
        Some("a link")
    } else {
        Some("neither a file nor a folder")
    }
}

impl Walk<'_> {
    /// Something that a person named.
    fn top(&mut self, path: &Path, name: FileName) -> Result<(), Sentence> {
        let sentence = |error: io::Error| format!("{}: {error}", path.display());
        // Without a slash at its end, which would follow a link.
        let path = &path.components().collect::<PathBuf>();
        let kind = path.symlink_metadata().map_err(sentence)?.file_type();
        match unfit(kind) {
            Some(why) => self.leave_out(path, why),
            None if kind.is_dir() => self.folder(path, vec![name])?,
            None => self.file(path, vec![name])?,
        }
        Ok(())
    }

    /// All that is in a folder, whose own names from the top are `parts`.
    fn folder(&mut self, folder: &Path, parts: Vec<FileName>) -> Result<(), Sentence> {
        let mut open = vec![(folder.to_owned(), parts)];
        // The folders of a folder come behind its files, in the order of their names.
        while let Some((folder, parts)) = open.pop() {
            if (self.is_given_up)() {
                return Err("cancelled".to_owned());
            }
            let mut entries = match fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
                Ok(entries) => entries,
                Err(error) => {
                    self.leave_out(&folder, &error.to_string());
                    continue;
                }
            };
            entries.sort_by_key(fs::DirEntry::file_name);
            let mut folders = Vec::new();
            for entry in entries {
                let path = entry.path();
                let is_hidden = entry.file_name().as_bytes().starts_with(b".");
                let fit =
                    entry.file_type().map_err(|error| (error.to_string(), true)).and_then(|kind| match unfit(kind) {
                        Some(why) => Err((why.to_owned(), false)),
                        None => file_name(&entry.file_name()).map(|name| (kind, name)).map_err(|why| (why, !is_hidden)),
                    });
                let below = |name| parts.iter().cloned().chain([name]).collect::<Vec<_>>();
                match fit {
                    Err((why, is_missed)) => self.leave_out_one(&path, &why, is_missed),
                    Ok((kind, name)) if kind.is_dir() && parts.len() < MAX_PARTS => folders.push((path, below(name))),
                    Ok((_, name)) => self.file(&path, below(name))?,
                }
            }
            open.extend(folders.into_iter().rev());
        }
        Ok(())
    }

    fn file(&mut self, source: &Path, parts: Vec<FileName>) -> Result<(), Sentence> {
        match (GivePath::new(parts), source.symlink_metadata()) {
            (Err(_), _) => self.leave_out(source, "too many folders above it, or too long a path"),
            (_, Err(error)) => self.leave_out(source, &error.to_string()),
            (Ok(path), Ok(data)) => {
                self.bytes = self.bytes.saturating_add(data.len());
                self.items.push(Item { path, source: source.to_owned() });
            }
        }
        if self.items.len() > MAX_GIVEN as usize {
            return Err(format!("more than {MAX_GIVEN} files: give them in several parts, or as an archive"));
        }
        Ok(())
    }

    fn leave_out(&mut self, path: &Path, why: &str) {
        self.leave_out_one(path, why, true);
    }

    fn leave_out_one(&mut self, path: &Path, why: &str, is_missed: bool) {
        if self.left_out.named.len() < MAX_NAMED {
            self.left_out.named.push(Left { path: show(path.as_os_str()), why: why.to_owned(), is_missed });
        } else {
            self.left_out.more += 1;
            self.left_out.more_missed |= is_missed;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use tempfile::TempDir;

    /// Files with what they are called as their content.
    fn tree(files: &[&str]) -> TempDir {
        let root = tempfile::tempdir().expect("a folder");
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().expect("inside")).expect("made");
            fs::write(path, file).expect("written");
        }
        root
    }

    fn collect(root: &TempDir, names: &[&str]) -> Result<Gift, String> {
        let paths: Vec<PathBuf> = names.iter().map(|name| root.path().join(name)).collect();
        Gift::collect(&paths, None, &|| false)
    }

    fn items(gift: &Gift) -> Vec<String> {
        gift.items.iter().map(|item| item.path.to_string()).collect()
    }

    #[test]
    fn one_file_one_folder_or_several() {
        let root = tree(&["a.txt", "d/b", "d/e/c", "d/f", "one/x", "empty/.x"]);
        let offered = |names: &[&str]| collect(&root, names).map(|gift| (gift.what.to_string(), items(&gift)));
        let texts = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(offered(&["a.txt"]), Ok(("a.txt".to_owned(), texts(&["a.txt"]))));
        assert_eq!(offered(&["d/"]), Ok(("d/".to_owned(), texts(&["d/b", "d/f", "d/e/c"]))));
        assert_eq!(offered(&["one"]), Ok(("one/".to_owned(), texts(&["one/x"]))));
        assert_eq!(offered(&["a.txt", "one"]), Ok(("2 files".to_owned(), texts(&["a.txt", "one/x"]))));
        assert_eq!(offered(&["one", "empty"]), Ok(("one/".to_owned(), texts(&["one/x"]))));
        assert_eq!(offered(&["a.txt", "d/../a.txt"]), Ok(("a.txt".to_owned(), texts(&["a.txt"]))));
        assert_eq!(collect(&root, &["a.txt", "d"]).expect("a gift").bytes, 5 + 3 + 3 + 5);
        let why = offered(&["empty"]).expect_err("nothing");
        assert!(why.starts_with("nothing to give: ") && why.contains("empty/.x"), "{why}");
        assert!(offered(&["nothing"]).expect_err("not there").contains("nothing: No such file"));
    }

    #[test]
    fn what_cannot_be_given_is_left_out_and_said() {
        let root = tree(&["d/a", "d/.git/config", "d/x.part", "secret"]);
        let folder = root.path().join("d");
        symlink("../secret", folder.join("link")).expect("linked");
        symlink("..", folder.join("up")).expect("linked");
        let _socket = UnixListener::bind(folder.join("socket")).expect("bound");
        fs::write(folder.join(OsString::from_vec(b"caf\xe9".to_vec())), "odd").expect("written");
        symlink("d", root.path().join("top")).expect("linked");
        let gift = collect(&root, &["d", "top/"]).expect("a gift");
        assert_eq!(items(&gift), ["d/a"]);
        let base = format!("{}/", root.path().display());
        let named: Vec<_> = gift.left_out.named.iter().map(|left| left.path.replace(&base, "")).collect();
        assert_eq!(named, ["d/.git", r"d/caf\xe9", "d/link", "d/socket", "d/up", "d/x.part", "top"]);
        let missed = gift.left_out.named.iter().filter(|left| left.is_missed).map(|left| left.path.replace(&base, ""));
        assert_eq!(missed.collect::<Vec<_>>(), [r"d/caf\xe9", "d/x.part", "top"], "those of a folder that never go");
        assert!(collect(&root, &["top/"]).expect_err("a link").ends_with("a link"));
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let deep = format!("{}/f", vec!["d"; 15].join("/"));
        let too_deep = format!("{}/f", vec!["d"; 16].join("/"));
        let root = tree(&[&deep, &too_deep]);
        let gift = collect(&root, &["d"]).expect("a gift");
        assert_eq!(items(&gift), [deep]);
        assert_eq!(gift.left_out.named.len(), 1);
        for number in 0..=MAX_GIVEN {
            fs::write(root.path().join("d").join(number.to_string()), "").expect("written");
        }
        let why = collect(&root, &["d"]).expect_err("too many");
        assert!(why.starts_with("more than 10000 files"), "{why}");
    }

    #[test]
    fn the_home_folder_is_known_by_its_sign() {
        let home = Path::new("/home/alice");
        for (typed, path) in
            [("~", "/home/alice"), ("~/a b", "/home/alice/a b"), ("~bob/a", "~bob/a"), ("a/~", "a/~"), ("./~", "./~")]
        {
            assert_eq!(expand(Path::new(typed), Some(home)), Path::new(path), "{typed}");
        }
        assert_eq!(expand(Path::new("~/a"), None), Path::new("~/a"));
    }
}
