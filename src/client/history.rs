//! The lines that somebody typed, remembered between runs. It is a comfort: whatever goes wrong is logged, and no
//! client fails by it.

use crate::value::text::first_forbidden;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The lines that are kept.
pub const MAX_LINES: usize = 1_000;
/// The most bytes of the file that are read. It is written anew at the beginning of a run when it has more.
const MAX_BYTES: u64 = 1 << 20;

/// The file in which lines are remembered.
pub struct History {
    path: Option<PathBuf>,
    /// Whether it is logged that nothing can be written.
    told: bool,
}

impl History {
    /// The file in its usual place; nothing is remembered where there is none.
    pub fn new() -> History {
        History { path: state_file("history"), told: false }
    }

    /// The lines of former runs, oldest first, at most [`MAX_LINES`]. Older ones are thrown away.
    pub fn read(&self) -> Vec<String> {
        let Some(path) = &self.path else { return Vec::new() };
        match read(path) {
            Ok((lines, is_whole)) => {
                if !is_whole {
                    logged(path, rewrite(path, &lines));
                }
                lines
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                logged(path, Err(error));
                Vec::new()
            }
        }
    }

    /// Remembers a line, in one write, so that several clients can share the file. What cannot be written is logged,
    /// once.
    pub fn add(&mut self, line: &str) {
        let is_line = !line.trim().is_empty() && first_forbidden(line).is_none();
        let Some(path) = self.path.as_ref().filter(|_| is_line) else { return };
        let written = open(path).and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
        let failed = written.is_err();
        if !self.told {
            logged(path, written);
        }
        self.told = failed;
    }
}

impl Default for History {
    fn default() -> History {
        History::new()
    }
}

/// The lines, and whether they are all that is in the file.
fn read(path: &Path) -> io::Result<(Vec<String>, bool)> {
    let mut file = File::open(path)?;
    let too_many = file.metadata()?.len().saturating_sub(MAX_BYTES);
    file.seek(SeekFrom::Start(too_many))?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    // The first line may be cut, the last one is not written yet.
    let whole = text.split_inclusive('\n').skip(usize::from(too_many > 0)).filter_map(|line| line.strip_suffix('\n'));
    let all: Vec<&str> = whole.filter(|line| first_forbidden(line).is_none()).collect();
    let left_out = all.len().saturating_sub(MAX_LINES);
    let lines = all[left_out..].iter().map(|line| (*line).to_owned()).collect();
    Ok((lines, too_many == 0 && left_out == 0))
}

/// Puts these lines in the place of the file at once, so that none is lost when the disk is full.
fn rewrite(path: &Path, lines: &[String]) -> io::Result<()> {
    let new = path.with_extension(format!("new-{}", std::process::id()));
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        fs::rename(&new, path)
    });
    if written.is_err() {
        // Perhaps it was never made.
        let _ = fs::remove_file(&new);
    }
    written
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

fn logged(path: &Path, done: io::Result<()>) {
    if let Err(error) = done {
        log::info!("{}: {error}", path.display());
    }
}

/// Where a file of this name is kept between runs. As the XDG base directories have it: a relative path in the variable
/// counts as none.
pub(super) fn state_file(name: &str) -> Option<PathBuf> {
    let folder = |variable| std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = folder("XDG_STATE_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/state")));
    state.map(|state| state.join("peerline").join(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn history() -> (tempfile::TempDir, PathBuf, History) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("peerline/history");
        let history = History { path: Some(path.clone()), told: false };
        (folder, path, history)
    }

    #[test]
    fn lines_are_there_at_the_next_run_and_nobody_else_reads_them() {
        let (_folder, path, mut history) = history();
        assert!(history.read().is_empty());
        for line in ["list", "msg bob hi", "  ", "a\nb", "\x1b[2J", "quit"] {
            history.add(line);
        }
        assert_eq!(history.read(), ["list", "msg bob hi", "quit"]);
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().expect("a folder"))), (0o600, 0o700));
        fs::write(&path, b"list\n\xff\nhalf").expect("written");
        assert_eq!(history.read(), ["list", "\u{fffd}"]);
    }

    #[test]
    fn old_lines_are_thrown_away() {
        let (_folder, path, mut history) = history();
        history.add("first");
        let many: String = (0..3 * MAX_LINES).map(|number| format!("{number:0>1000}\n")).collect();
        fs::write(&path, many).expect("written");
        let lines = history.read();
        assert_eq!(lines.len(), MAX_LINES);
        assert_eq!(lines.last().map(|line| line.trim_start_matches('0')), Some("2999"));
        let length = fs::metadata(&path).expect("there").len();
        assert_eq!(length, MAX_LINES as u64 * 1001);
        assert_eq!(history.read(), lines);
    }

    #[test]
    fn no_place_and_a_folder_in_its_place_are_borne() {
        let (_folder, path, mut history) = history();
        fs::create_dir_all(&path).expect("a folder");
        history.add("list");
        assert!(history.told && history.read().is_empty());
        fs::remove_dir(&path).expect("there");
        history.add("list");
        assert!(!history.told && history.read() == ["list"]);
        let mut nowhere = History { path: None, told: false };
        nowhere.add("list");
        assert!(nowhere.read().is_empty());
    }
}
