//! Which files and folders begin as somebody has typed, for completion. It looks at the disk, and may wait for it.

use super::files::{expand, home};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// The most paths that are found, and the most entries of a folder that are looked at.
const MAX: usize = 1_000;
const MAX_ENTRIES: usize = 100_000;

/// What the beginning of a word may become: paths, sorted, quoted as a command reads them; a folder ends with `/`.
/// `begin` is what was typed of the word, with its quotes. A `~` at its beginning is the home folder, and stays.
/// Hidden files are found by a dot alone. What is no UTF-8, or what quotes cannot hold, is left out.
pub fn paths(begin: &str) -> Vec<String> {
    found(begin, home().as_deref())
}

fn found(begin: &str, home: Option<&Path>) -> Vec<String> {
    let Some(typed) = unquoted(begin) else { return Vec::new() };
    if typed == "~" {
        return vec!["~/".to_owned()];
    }
    let (folder, start) = typed.rsplit_once('/').map_or(("", typed.as_str()), |(folder, start)| (folder, start));
    let shown = if typed.contains('/') { format!("{folder}/") } else { String::new() };
    let folder = match shown.as_str() {
        "" => PathBuf::from("."),
        shown => expand(Path::new(shown), home),
    };
    let Ok(entries) = fs::read_dir(&folder) else { return Vec::new() };
    let names = entries.take(MAX_ENTRIES).flatten().filter_map(|entry| fitting(&entry.file_name(), start));
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names.truncate(MAX);
    // Of a link, what it leads to counts.
    let path = |name: &String| {
        let end = if folder.join(name).is_dir() { "/" } else { "" };
        quoted(&shown, &format!("{name}{end}"))
    };
    names.iter().filter_map(path).collect()
}

/// The name, if it begins like this.
fn fitting(name: &OsStr, start: &str) -> Option<String> {
    let name = name.to_str()?;
    let is_shown = !name.starts_with('.') || start.starts_with('.');
    (is_shown && name.starts_with(start) && !name.contains(char::is_control)).then(|| name.to_owned())
}

/// The text of a word whose last quote may be open still; `None` where it is several words. A `#` would begin a
/// comment, so what stands behind one is no word yet: it counts as it was typed.
fn unquoted(begin: &str) -> Option<String> {
    // A backslash at the end is the beginning of one character.
    let begin = begin.strip_suffix('\\').filter(|rest| !rest.ends_with('\\')).unwrap_or(begin);
    let words = ["", "'", "\""].iter().find_map(|end| shlex::split(&format!("{begin}{end}")))?;
    match words.as_slice() {
        [] => Some(begin.to_owned()),
        [word] => Some(word.clone()),
        _ => None,
    }
}

/// A path in quotes, where it needs some. A `~` at its beginning stands before them.
fn quoted(folder: &str, name: &str) -> Option<String> {
    let path = format!("{folder}{name}");
    match path.strip_prefix("~/") {
        Some("") => Some("~/".to_owned()),
        Some(rest) => shlex::try_quote(rest).ok().map(|rest| format!("~/{rest}")),
        None => shlex::try_quote(&path).ok().map(|path| path.into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    fn write(folder: &Path, names: &[&str]) {
        for name in names {
            fs::write(folder.join(name), "").expect("a file");
        }
    }

    #[test]
    fn what_begins_so_is_found_and_can_be_typed() {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), &["two words.txt", "two.txt", "it's", ".hidden", "line\nbreak"]);
        fs::create_dir(folder.path().join("two folders")).expect("a folder");
        fs::write(folder.path().join(OsStr::from_bytes(b"two\xff")), "").expect("a file");
        let home = folder.path();
        for (begin, expected) in [
            ("~/tw", vec!["~/'two folders/'", "~/'two words.txt'", "~/two.txt"]),
            ("~/'two w", vec!["~/'two words.txt'"]),
            ("~/two\\ w", vec!["~/'two words.txt'"]),
            ("~/two\\", vec!["~/'two folders/'", "~/'two words.txt'", "~/two.txt"]),
            ("~/i", vec!["~/\"it's\""]),
            ("~/.", vec!["~/.hidden"]),
            ("~", vec!["~/"]),
            ("#no", vec![]),
            ("~/none", vec![]),
            ("two words", vec![]),
            ("/nowhere/at/all", vec![]),
        ] {
            assert_eq!(found(begin, Some(home)), expected, "{begin}");
        }
        for path in found("~/", Some(home)) {
            let words = shlex::split(&path).expect("one word");
            assert!(expand(Path::new(&words[0]), Some(home)).exists(), "{path}");
        }
    }

    #[test]
    fn a_name_that_would_be_a_comment_is_quoted() {
        assert_eq!(unquoted("").as_deref(), Some(""));
        assert_eq!(unquoted("#no").as_deref(), Some("#no"));
        let candidate = quoted("", "#notes").expect("it can be quoted");
        assert_eq!(shlex::split(&candidate), Some(vec!["#notes".to_owned()]));
        assert_eq!(unquoted(&candidate).as_deref(), Some("#notes"));
    }

    #[test]
    fn not_more_than_a_person_can_read() {
        let folder = tempfile::tempdir().expect("a folder");
        for number in 0..MAX + 5 {
            fs::write(folder.path().join(format!("{number:05}")), "").expect("a file");
        }
        let begin = format!("{}/", folder.path().display());
        let found = found(&begin, None);
        assert_eq!(found.len(), MAX);
        assert_eq!(found[0], format!("{begin}00000"));
    }
}
