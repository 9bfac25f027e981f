//! A class: the servers of several people, one after the other, a report each, and a table of all.
//!
//! One at a time, since the limits are measured on a machine that has nothing else to do.

use crate::checks;
use crate::outcome::Graded;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What Python leaves beside its programs.
const CACHE: &str = "__pycache__";

/// What is to be graded: a folder, or a link to one.
pub struct Submission {
    /// As it is called in the class, whatever a link leads to.
    pub name: OsString,
    pub folder: PathBuf,
}

/// The folders in `class`, by name: without those that are hidden, what Python leaves, and that of the reports.
///
/// # Errors
/// A sentence.
pub fn submissions(class: &Path, reports: &Path) -> Result<Vec<Submission>, String> {
    let entries = fs::read_dir(class).map_err(|error| format!("{}: {error}", class.display()))?;
    let reports = reports.canonicalize().ok();
    let is_meant = |submission: &Submission| {
        let is_hidden = submission.name.as_bytes().starts_with(b".");
        let is_folder = submission.folder.is_dir() && Some(&submission.folder) != reports.as_ref();
        is_folder && !is_hidden && submission.name != CACHE
    };
    // A link that leads nowhere is no folder.
    let mut found: Vec<Submission> = entries
        .flatten()
        .filter_map(|entry| Some(Submission { name: entry.file_name(), folder: entry.path().canonicalize().ok()? }))
        .filter(is_meant)
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    if found.is_empty() { Err(format!("there are no folders in {}", class.display())) } else { Ok(found) }
}

/// The name of a report, whatever bytes the submission's has.
pub fn file_name(name: &OsStr, extension: &str) -> OsString {
    let mut file = name.to_owned();
    file.push(extension);
    file
}

/// All of them as a table: name, points, points of each level, the first check that is not passed, or why it did not start.
pub fn table(class: &[(OsString, Graded)]) -> String {
    let levels: String = (1..=checks::LEVELS.len()).map(|level| format!("level {level},")).collect();
    let mut table = format!("name,points,of,{levels}first not passed\n");
    for (name, graded) in class {
        let points: String =
            (1..=checks::LEVELS.len()).map(|level| format!("{},", graded.level(level).points)).collect();
        let wrong = || graded.first_wrong().map(|outcome| outcome.check.name);
        let first = graded.stopped.as_deref().filter(|_| graded.no_start.is_some()).or_else(wrong);
        let (name, sum, first) = (field(&name.to_string_lossy()), graded.all(), field(first.unwrap_or_default()));
        table += &format!("{name},{},{},{points}{first}\n", sum.points, sum.of);
    }
    table
}

/// A field of a CSV record. A sign in front would make a spreadsheet calculate.
fn field(text: &str) -> String {
    let plain = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() };
    if plain.contains([',', '"', '\n', '\r']) { format!("\"{}\"", plain.replace('"', "\"\"")) } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_table_has_a_row_for_whoever_does_not_start_too() {
        let graded = Graded::new("x".into(), 1, 7);
        let mut none = Graded::new("x".into(), 1, 7);
        none.did_not_start("no such file".into(), &["oh".to_owned()], checks::LEVELS[0].1.iter().collect());
        let table = table(&[("ann, bob".into(), graded), ("=eve".into(), none)]);
        let rows: Vec<&str> = table.lines().collect();
        assert_eq!(rows[1], "\"ann, bob\",0,0,0,0,0,0,0,0,0,0,0,0,");
        assert_eq!(rows[2], "'=eve,0,9,0,0,0,0,0,0,0,0,0,0,no such file");
        assert_eq!(rows[0].split(',').count(), rows[2].split(',').count());
        assert_eq!(field("a\rb"), "\"a\rb\"");
    }

    #[test]
    fn submissions_are_called_as_they_stand_there() {
        let class = tempfile::tempdir().expect("a folder");
        let at = |name: &str| class.path().join(name);
        for name in ["ann", ".git", "__pycache__", "out", "bob {draft}"] {
            fs::create_dir(at(name)).expect("a folder");
        }
        fs::create_dir_all(at(".old/latest")).expect("a folder");
        symlink(at(".old/latest"), at("zoe")).expect("a link");
        symlink(at("nowhere"), at("yan")).expect("a link");
        fs::write(at("notes"), "").expect("a file");
        let found = submissions(class.path(), &at("out")).expect("some");
        let names: Vec<&OsString> = found.iter().map(|submission| &submission.name).collect();
        assert_eq!(names, ["ann", "bob {draft}", "zoe"]);
        assert_eq!(found[2].folder, at(".old/latest").canonicalize().expect("there"));
    }
}
