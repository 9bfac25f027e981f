//! Where the folders of a gift are: each has a note beside it, `dir.from`, of who gave it and as what. The same offer
//! goes on there; any other one gets a folder of its own, so that two gifts never mix.

use super::part::{FileError, MAX_GAP, MAX_NUMBER, read_record};
use super::place::Place;
use crate::peer_protocol::{GivePath, What};
use crate::value::file_name::MAX_FILE_NAME;
use crate::value::{FileName, Username, comma, text};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

/// Ends the name of the note.
const NOTE: &str = ".from";
/// The most bytes of a character: a name that is cut to fit has fewer than so many left.
const MAX_CHARACTER: usize = 4;

/// The folders of one gift, in the folder into which it is taken.
pub struct GiftFolders {
    place: Arc<Place>,
    /// Who gives, and WHAT.
    whose: [String; 2],
    /// The names that the given folders have here.
    names: HashMap<FileName, String>,
}

impl GiftFolders {
    /// Those of a gift that is taken into `place`.
    pub fn new(place: Arc<Place>, from: &Username, what: &What) -> GiftFolders {
        GiftFolders { place, whose: [from.to_string(), what.to_string()], names: HashMap::new() }
    }

    /// The folder into which the gift is taken.
    pub fn place(&self) -> &Arc<Place> {
        &self.place
    }

    /// The folder of a file, made where it is missing, its name from the top (empty, or with a slash at its end), and
    /// the file's own name. No link is followed.
    ///
    /// # Errors
    /// What the system says, such as that a file has the name of a folder.
    pub fn of(&mut self, path: &GivePath) -> Result<(Arc<Place>, String, FileName), FileError> {
        let (top, between, file) = match path.parts() {
            [top, between @ .., file] => (top, between, file.clone()),
            [file] => return Ok((Arc::clone(&self.place), String::new(), file.clone())),
            [] => return Err(FileError::new(self.place.path(), io::ErrorKind::InvalidInput.into())),
        };
        let (mut place, name) = self.top(top)?;
        let mut from_top = format!("{name}/");
        for part in between {
            let part = part.as_str();
            place = match place.enter(part) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => place.make(part),
                entered => entered,
            }
            .map_err(|error| FileError::new(place.shown(part), error))?;
            from_top += &format!("{part}/");
        }
        Ok((Arc::new(place), from_top, file))
    }

    fn top(&mut self, name: &FileName) -> Result<(Place, String), FileError> {
        let at = |name: &str, error| FileError::new(self.place.shown(name), error);
        if let Some(known) = self.names.get(name) {
            return Ok((self.place.enter(known).map_err(|error| at(known, error))?, known.clone()));
        }
        let found = match self.ours(name) {
            Some(found) => found,
            None => self.free(name).map_err(|error| at(name.as_str(), error))?,
        };
        self.names.insert(name.clone(), found.1.clone());
        Ok(found)
    }

    /// The folder of an earlier try, whatever number it has.
    fn ours(&self, name: &FileName) -> Option<(Place, String)> {
        let mut gap = 0;
        for number in 0..MAX_NUMBER {
            let (here, note) = (name.numbered(number), note_name(name, number));
            let record = self.place.open_file(&note).ok().and_then(|file| read_record(&file));
            gap = if record.is_some() || self.place.has(&here) { 0 } else { gap + 1 };
            if gap == MAX_GAP {
                return None;
            }
            let Some([from, what, inode]) = record.as_deref() else { continue };
            if [from, what] != [&self.whose[0], &self.whose[1]] {
                continue;
            }
            match self.place.enter(&here) {
                // A file that a peer sent could be called like a note; it cannot know this number.
                Ok(place) if place.inode().is_ok_and(|number| number.to_string() == *inode) => {
                    return Some((place, here));
                }
                _ => {}
            }
        }
        None
    }

    /// A new folder, under a name that neither a file nor a note has.
    fn free(&self, name: &FileName) -> io::Result<(Place, String)> {
        for number in 0..MAX_NUMBER {
            let (here, note) = (name.numbered(number), note_name(name, number));
            if self.place.has(&here) {
                continue;
            }
            let mut file = match File::create_new(self.place.at(&note)) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            };
            let made = self.place.make(&here).and_then(|place| {
                let inode = place.inode()?.to_string();
                let record = comma::join([self.whose[0].as_str(), self.whose[1].as_str(), &inode]);
                file.write_all(format!("{record}\n").as_bytes())?;
                Ok(place)
            });
            match made {
                Ok(place) => return Ok((place, here)),
                Err(error) => {
                    // It is ours, and of no folder.
                    let _ = fs::remove_file(self.place.at(&note));
                    if error.kind() != io::ErrorKind::AlreadyExists {
                        return Err(error);
                    }
                }
            }
        }
        Err(io::Error::other(format!("there are {MAX_NUMBER} folders of that name")))
    }
}

/// Whether the entry of this name in `folder` is such a note, beside its folder. What a person has under such a name is none.
pub fn is_note(folder: &Path, name: &FileName) -> bool {
    let Some(given) = name.as_str().strip_suffix(NOTE) else { return false };
    let Ok(place) = Place::open(folder) else { return false };
    let record = place.open_file(name.as_str()).ok().and_then(|file| read_record(&file));
    let Some([from, _, inode]) = record.as_deref() else { return false };
    // The folder of a note whose name was cut has a longer name, which the note does not say.
    let is_cut = name.as_str().len() + MAX_CHARACTER > MAX_FILE_NAME && inode.parse::<u64>().is_ok();
    let is_beside = || place.enter(given).and_then(|given| given.inode()).is_ok_and(|it| it.to_string() == *inode);
    from.parse::<Username>().is_ok() && (is_cut || is_beside())
}

/// The name of the note beside the `number`th folder of a name.
fn note_name(name: &FileName, number: usize) -> String {
    let folder = name.numbered(number);
    if folder.len() + NOTE.len() <= MAX_FILE_NAME {
        return format!("{folder}{NOTE}");
    }
    // The number must stay.
    let end = if number == 0 { NOTE.to_owned() } else { format!(" ({number}){NOTE}") };
    format!("{}{end}", text::cut(name.as_str(), MAX_FILE_NAME - end.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::symlink;

    fn folders(root: &Path, from: &str, what: &str) -> GiftFolders {
        let place = Arc::new(Place::open(root).expect("a folder"));
        GiftFolders::new(place, &from.parse().expect("a name"), &What::parse(what, 2).expect("valid"))
    }

    fn of(root: &Path, from: &str, what: &str, path: &str) -> Result<String, FileError> {
        folders(root, from, what).of(&path.parse().expect("a path")).map(|(_, from_top, _)| from_top)
    }

    #[test]
    fn two_gifts_never_mix_and_the_same_one_goes_on() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        assert_eq!(of(root, "alice", "d/", "d/e/a").expect("made"), "d/e/");
        assert_eq!(of(root, "bob", "d/", "d/a").expect("made"), "d (1)/");
        assert_eq!(of(root, "alice", "2 files", "d/a").expect("made"), "d (2)/");
        assert_eq!(of(root, "alice", "2 files", "a").expect("made"), "");
        fs::remove_dir_all(root.join("d")).expect("removed");
        for _ in 0..2 {
            assert_eq!(of(root, "bob", "d/", "d/a").expect("there"), "d (1)/");
            assert_eq!(of(root, "alice", "2 files", "d/a").expect("there"), "d (2)/");
        }
        assert_eq!(of(root, "alice", "d/", "d/a").expect("made"), "d (3)/", "its note is still there");
    }

    #[test]
    fn what_is_there_already_is_left_alone() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        fs::create_dir(root.join("d")).expect("made");
        symlink("/tmp", root.join("d (1)")).expect("linked");
        // A file that a peer sent, which looks like the note of our own folder.
        fs::write(root.join("d.from"), "eve,d/,1\n").expect("written");
        fs::write(root.join("d (1).from"), "eve,d/\n").expect("written");
        assert_eq!(of(root, "eve", "d/", "d/a").expect("made"), "d (2)/");
        symlink("/tmp", root.join("d (2)/e")).expect("linked");
        assert!(of(root, "eve", "d/", "d/e/a").is_err() && of(root, "eve", "d/", "d/f/a").is_ok());
        assert_eq!(fs::read_dir(root.join("d")).expect("readable").count(), 0);
    }

    #[test]
    fn a_note_is_one_beside_its_folder_alone() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        let (is, long) = (|name: &str| is_note(root, &name.parse().expect("valid")), "x".repeat(253));
        assert_eq!(of(root, "alice", "d/", "d/a").expect("made"), "d/");
        assert_eq!(of(root, "bob", "d/", "d/a").expect("made"), "d (1)/");
        assert_eq!(of(root, "bob", &format!("{long}/"), &format!("{long}/a")).expect("made"), format!("{long}/"));
        assert!(is("d.from") && is("d (1).from") && is(&note_name(&long.parse().expect("valid"), 0)));
        // A person's own: of no folder, of another one, and of no form.
        fs::create_dir(root.join("e")).expect("made");
        for (name, text) in [("x.from", "alice,x/,1\n"), ("e.from", "alice,e/,1\n"), ("d (1)", ""), ("e (1).from", "")]
        {
            let _ = fs::write(root.join(name), text);
            assert!(!is(name), "{name}");
        }
        fs::rename(root.join("d"), root.join("away")).expect("moved");
        assert!(!is("d.from") && !is("nothing.from"));
    }

    #[test]
    fn long_names_have_notes_of_their_own() {
        let name: FileName = "x".repeat(255).parse().expect("valid");
        let notes: Vec<String> = (0..20).map(|number| note_name(&name, number)).collect();
        assert!(notes.iter().all(|note| note.len() <= MAX_FILE_NAME && note.ends_with(NOTE)));
        assert_eq!(notes.iter().collect::<std::collections::BTreeSet<_>>().len(), 20);
        assert_eq!(note_name(&"d".parse().expect("valid"), 1), "d (1).from");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

        #[test]
        fn nothing_is_made_outside(paths in prop::collection::vec(prop::collection::vec(prop::sample::select(vec![
            "..", ".", "", "out", "secret", "d", "d (1)", "d.from", "a", ".ssh", "\\", "%2e%2e", "x.part", "\u{202e}",
        ]), 1..5), 1..6)) {
            let root = tempfile::tempdir().expect("a folder");
            for made in ["secret", "into", "into/d", "into/a"] {
                fs::create_dir(root.path().join(made)).expect("made");
            }
            let into = root.path().join("into");
            symlink("../secret", into.join("out")).expect("linked");
            symlink("../../secret", into.join("d/out")).expect("linked");
            let mut folders = folders(&into, "eve", "2 files");
            for path in paths {
                let Ok(path) = path.join("/").parse::<GivePath>() else { continue };
                if let Ok((place, _, file)) = folders.of(&path) {
                    // What the parts and files that arrive there are called does not matter here.
                    let _ = File::create_new(place.at(&file.part(0)));
                }
            }
            let count = |folder: &str| fs::read_dir(root.path().join(folder)).expect("readable").count();
            prop_assert_eq!([count("."), count("secret"), count("into/d"), count("into/a")], [2, 0, 1, 0]);
        }
    }
}
