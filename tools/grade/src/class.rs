//! A class: the servers of several people, one after the other, a report each, and a table of all.
//!
//! One at a time, since the limits are measured on a machine that has nothing else to do.

use crate::checks;
use crate::outcome::Graded;
use std::fs;
use std::path::{Path, PathBuf};

/// What has come of one submission.
pub struct Submission {
    pub name: String,
    /// The sentence that says why there are no points, when it did not start.
    pub graded: Result<Graded, String>,
}

/// The folders in `folder`, by name.
///
/// # Errors
/// A sentence.
pub fn submissions(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    if folders.is_empty() { Err(format!("there are no folders in {}", folder.display())) } else { Ok(folders) }
}

/// How reports call what is in this folder.
pub fn name(folder: &Path) -> String {
    folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// All of them as a table: name, points, points of each level, the first check that is not passed.
pub fn table(class: &[Submission]) -> String {
    let levels: String = (1..=checks::LEVELS.len()).map(|level| format!("level {level},")).collect();
    let mut table = format!("name,points,of,{levels}first not passed\n");
    for Submission { name, graded } in class {
        let name = field(name);
        match graded {
            Ok(graded) => {
                let points = (1..=checks::LEVELS.len()).map(|level| format!("{},", graded.level(level).points));
                let first = graded.first_wrong().map_or("", |outcome| outcome.check.name);
                let sum = graded.all();
                table += &format!("{name},{},{},{}{first}\n", sum.points, sum.of, points.collect::<String>());
            }
            Err(sentence) => {
                let levels = ",".repeat(checks::LEVELS.len());
                table += &format!("{name},0,,{levels}{}\n", field(sentence.lines().next().unwrap_or_default()));
            }
        }
    }
    table
}

/// A field of a CSV record. A sign in front would make a spreadsheet calculate.
fn field(text: &str) -> String {
    let plain = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.to_owned() };
    if plain.contains([',', '"', '\n']) { format!("\"{}\"", plain.replace('"', "\"\"")) } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_row_for_whoever_does_not_start_too() {
        let graded = Graded::new("x".into(), 1);
        let class = [
            Submission { name: "ann, bob".into(), graded: Ok(graded) },
            Submission { name: "=eve".into(), graded: Err("no such file\nor folder".into()) },
        ];
        let table = table(&class);
        let rows: Vec<&str> = table.lines().collect();
        assert_eq!(rows[1], "\"ann, bob\",0,0,0,0,0,0,0,0,0,0,0,0,");
        assert_eq!(rows[2], "'=eve,0,,,,,,,,,,,,no such file");
        assert_eq!(rows[0].split(',').count(), rows[2].split(',').count());
    }
}
