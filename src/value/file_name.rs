//! The name of a shared file: one that both sides can use as it stands, and that leads nowhere else.
//!
//! It names a file directly in a folder, so it holds no `/`; it travels in a line, so it is UTF-8 without control
//! characters; and it is not hidden, which excludes `.` and `..` too. The type is the proof: whoever joins a
//! [`FileName`] to a folder stays in it, however hostile the one who sent the name.

use crate::value::comma;
use crate::value::text;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The most bytes of a name: what Linux's file systems take.
pub const MAX_FILE_NAME: usize = 255;

/// Ends the name of a file that has not arrived as a whole; one that ends so is not shared.
pub const PART: &str = ".part";
/// Ends the name of the note beside it that says where it comes from.
pub const NOTE: &str = ".part.from";

/// A name that may be shared and fetched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(Box<str>);

/// Why a text is no such name; its `Display` is a sentence for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidFileName {
    /// Nothing, or more than [`MAX_FILE_NAME`] bytes.
    Length,
    /// It holds a `/`, or a control character.
    Character,
    /// It begins with a dot.
    Hidden,
    /// It ends as one that has not arrived as a whole.
    Part,
}

impl FileName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of an entry of a folder; `None` where it cannot be told to others: it is not UTF-8.
    pub fn of_entry(name: &OsStr) -> Option<Result<FileName, InvalidFileName>> {
        name.to_str().map(str::parse)
    }

    /// The file of this name in `folder`.
    pub fn in_folder(&self, folder: &Path) -> PathBuf {
        folder.join(&*self.0)
    }

    /// The name under which it is kept when `number` files of that name are there: `notes (1).txt`.
    pub fn numbered(&self, number: usize) -> String {
        if number == 0 {
            return self.0.to_string();
        }
        let (stem, extension) = match self.0.rfind('.') {
            Some(dot) if dot > 0 && self.0.len() - dot <= 32 => self.0.split_at(dot),
            _ => (&*self.0, ""),
        };
        let end = format!(" ({number}){extension}");
        format!("{}{end}", text::cut(stem, MAX_FILE_NAME - end.len()))
    }

    /// The name of the `number`th file that holds what has arrived so far. A long name is cut, to leave room for
    /// the ending.
    pub fn part(&self, number: usize) -> String {
        format!("{}{PART}", self.cut_and_numbered(number))
    }

    /// The name of the note beside [`FileName::part`].
    pub fn note(&self, number: usize) -> String {
        format!("{}{NOTE}", self.cut_and_numbered(number))
    }

    /// Reads a name as people type it, the mirror of [`typed`]: as it is, or in quotes.
    ///
    /// # Errors
    /// [`InvalidFileName`].
    pub fn from_typed(text: &str) -> Result<FileName, InvalidFileName> {
        match comma::split(text).as_slice() {
            [quoted] if text.starts_with('"') => quoted.parse(),
            _ => text.parse(),
        }
    }

    fn cut_and_numbered(&self, number: usize) -> String {
        let number = if number == 0 { String::new() } else { format!(" ({number})") };
        format!("{}{number}", text::cut(&self.0, MAX_FILE_NAME - NOTE.len() - number.len()))
    }
}

/// A name as people can type it: in quotes where it begins with one, or where spaces at its ends would be lost.
pub fn typed(name: &str) -> String {
    if name.starts_with('"') || name.trim() != name {
        format!("\"{}\"", name.replace('"', "\"\""))
    } else {
        name.to_owned()
    }
}

impl FromStr for FileName {
    type Err = InvalidFileName;

    fn from_str(name: &str) -> Result<Self, InvalidFileName> {
        if name.is_empty() || name.len() > MAX_FILE_NAME {
            Err(InvalidFileName::Length)
        } else if name.contains(['/', '\t']) || text::first_forbidden(name).is_some() {
            Err(InvalidFileName::Character)
        } else if name.starts_with('.') {
            Err(InvalidFileName::Hidden)
        } else if name.ends_with(PART) || name.ends_with(NOTE) {
            Err(InvalidFileName::Part)
        } else {
            Ok(FileName(name.into()))
        }
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for InvalidFileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidFileName::Length => write!(f, "A file name has 1 to {MAX_FILE_NAME} bytes"),
            InvalidFileName::Character => f.write_str("A file name holds no / and no control characters"),
            InvalidFileName::Hidden => f.write_str("Hidden files are not shared"),
            InvalidFileName::Part => write!(f, "A name that ends with {PART} or {NOTE} is that of an unfinished fetch"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(text: &str) -> FileName {
        text.parse().expect("valid")
    }

    #[test]
    fn what_leads_elsewhere_is_no_name() {
        for bad in ["", ".", "..", "../x", "/etc/passwd", "a/b", ".ssh", "a\0", "a\nb", "a\tb", "x.part", "x.part.from"]
        {
            assert!(bad.parse::<FileName>().is_err(), "{bad:?}");
        }
        assert_eq!("x".repeat(256).parse::<FileName>(), Err(InvalidFileName::Length));
        for good in ["a, b.txt", "\"x\"", "grüße 🎉.pdf", "-rf", "C:\\x", " ", "a..b", &"ü".repeat(127)] {
            assert_eq!(name(good).as_str(), good);
        }
    }

    #[test]
    fn a_further_file_of_that_name_gets_a_number() {
        assert_eq!(name("notes.txt").numbered(0), "notes.txt");
        assert_eq!(name("notes.txt").numbered(1), "notes (1).txt");
        assert_eq!(name("Makefile").numbered(12), "Makefile (12)");
    }

    proptest! {
        #[test]
        fn every_name_made_of_it_stays_in_the_folder(text in "(\\PC|[./\\x00-\\x1f]|\\.\\.|🎉){0,300}", number in 0..10_000usize) {
            let Ok(name) = text.parse::<FileName>() else { return Ok(()) };
            let folder = Path::new("/shared");
            for made in [name.to_string(), name.numbered(number), name.part(number), name.note(number)] {
                let path = folder.join(&made);
                prop_assert!(made.len() <= MAX_FILE_NAME);
                prop_assert_eq!(path.parent(), Some(folder));
                prop_assert_eq!(path.file_name(), Some(OsStr::new(&made)));
            }
        }

        #[test]
        fn what_is_shown_can_be_typed(text in "[ -.0-~ü🎉]{1,20}") {
            let Ok(name) = text.parse::<FileName>() else { return Ok(()) };
            let shown = typed(&text);
            prop_assert_eq!(shown.trim(), &shown);
            prop_assert_eq!(FileName::from_typed(&shown), Ok(name));
        }

        #[test]
        fn long_names_keep_their_numbers_apart(text in "[a-zü]{100,255}(\\.[a-z]{1,40})?") {
            let Ok(name) = text.parse::<FileName>() else { return Ok(()) };
            prop_assert_ne!(name.part(1), name.part(2));
            prop_assert_ne!(name.numbered(1), name.numbered(2));
        }
    }
}
