//! What is said with each person, in a file of their name: `--logs DIR`. It decides nothing of what is said.

use super::event::Line;
use super::shown::look;
use crate::value::Username;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Who says what we say.
const OURSELVES: &str = "you";

/// The folder with the files.
pub struct Logs {
    folder: PathBuf,
    zone: TimeZone,
    /// Whether somebody was told that nothing can be written.
    told: bool,
}

impl Logs {
    /// The files in `folder`, which is made if it is not there, for its owner alone.
    ///
    /// # Errors
    /// A sentence that names the folder and what is wrong with it.
    pub fn open(folder: &Path, zone: TimeZone) -> Result<Logs, String> {
        let named = |error: io::Error| format!("the folder for logs, {}: {error}", folder.display());
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(named)?;
        Ok(Logs { folder: folder.to_owned(), zone, told: false })
    }

    /// Adds lines of talks, with date and time, in one write a file. What cannot be written is logged, once.
    pub fn add(&mut self, lines: &[(Username, Line)]) {
        let mut texts: BTreeMap<String, String> = BTreeMap::new();
        for (with, line) in lines {
            let look = look(&line.shown, OURSELVES, &self.zone, |_| true);
            let text = format!("{} {}: {}\n", date(line.time, &self.zone), look.name, look.text);
            texts.entry(file_name(with)).or_default().push_str(&text);
        }
        let told = self.told;
        self.told = false;
        for (name, text) in texts {
            let path = self.folder.join(name);
            let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
            if let Err(error) = opened.and_then(|mut file| file.write_all(text.as_bytes())) {
                if !told && !self.told {
                    log::warn!("{}: {error}: what is said is not written down", path.display());
                }
                self.told = true;
            }
        }
    }
}

/// One person has one file, however they spell their name. A name begins with a letter or a digit and holds no `/`.
fn file_name(with: &Username) -> String {
    format!("{}.log", with.as_str().to_ascii_lowercase())
}

fn date(time: SystemTime, zone: &TimeZone) -> String {
    match Timestamp::try_from(time) {
        Ok(time) => time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => "some time".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::event::{Place, Shown};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    fn named(spelled: &str) -> Username {
        spelled.parse().expect("valid")
    }

    fn line(shown: Shown) -> Line {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(61);
        Line { home: Place::Person(named("bob")), time, shown, request: None }
    }

    fn said(to: &str, text: &str) -> (Username, Line) {
        (named(to), line(Shown::Said { to: named(to), text: text.to_owned() }))
    }

    #[test]
    fn a_talk_is_one_file_with_its_times() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("deep/logs");
        let mut logs = Logs::open(&place, TimeZone::UTC).expect("a folder");
        let (text, verified) = ("hi\n\x1b".to_owned(), true);
        let theirs = line(Shown::ChatLine { from: named("Bob"), verified, text, foreground: true });
        logs.add(&[(named("Bob"), theirs), said("eve", "who?"), said("bob", "hello")]);
        logs.add(&[said("bob", "again")]);
        let path = place.join("bob.log");
        let written = fs::read_to_string(&path).expect("there");
        assert_eq!(
            written,
            "1970-01-01 00:01:01 Bob: hi\\n\\u{1b}\n1970-01-01 00:01:01 you: hello\n1970-01-01 00:01:01 you: again\n"
        );
        let written = fs::read_to_string(place.join("eve.log")).expect("there");
        assert_eq!(written, "1970-01-01 00:01:01 you: who?\n");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_folder_that_cannot_be_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "").expect("written");
        let why = Logs::open(&file, TimeZone::UTC).err().expect("it is a file");
        assert!(why.starts_with(&format!("the folder for logs, {}: ", file.display())), "{why}");
    }

    #[test]
    fn what_cannot_be_written_is_borne() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut logs = Logs::open(folder.path(), TimeZone::UTC).expect("a folder");
        fs::create_dir(folder.path().join("bob.log")).expect("a folder");
        logs.add(&[said("bob", "hello"), said("eve", "who?")]);
        assert!(logs.told && folder.path().join("eve.log").exists());
        fs::remove_dir(folder.path().join("bob.log")).expect("there");
        logs.add(&[said("bob", "hello")]);
        assert!(!logs.told);
    }
}
