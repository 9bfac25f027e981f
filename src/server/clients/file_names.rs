//! The names of the files that one client shares, in one piece of memory: what thousands of small pieces leave behind
//! when they are given back, the allocator keeps.

use crate::protocol::{MAX_FILE_BYTES, MAX_FILES};

/// A list of names, in the order in which they were told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileNames {
    /// All names, one behind the other.
    text: String,
    /// Where each of them ends in the text, of which there is less than 4 GiB.
    ends: Vec<u32>,
}

impl FileNames {
    /// These names, but the empty ones; nothing when they are more, or have more bytes, than a client may announce.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<FileNames> {
        let mut all = FileNames::default();
        all.add(names).then_some(all)
    }

    /// Adds names, but the empty ones. False when all together are more, or have more bytes, than a client may
    /// announce; then some are missing.
    pub fn add<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) -> bool {
        for name in names.into_iter().filter(|name| !name.is_empty()) {
            if self.ends.len() >= MAX_FILES || self.text.len() + name.len() > MAX_FILE_BYTES {
                return false;
            }
            self.text.push_str(name);
            // At most [`MAX_FILE_BYTES`].
            self.ends.push(self.text.len() as u32);
        }
        true
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, &end)| &self.text[begin as usize..end as usize])
    }

    /// Each of them, on its own.
    pub fn to_vec(&self) -> Vec<String> {
        self.iter().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_they_were_told() {
        let mut names = FileNames::new(["a.txt", "", "grüße.txt"]).expect("few");
        assert!(names.add(["", "b"]));
        assert_eq!((names.to_vec(), names.len()), (["a.txt", "grüße.txt", "b"].map(str::to_owned).to_vec(), 3));
        assert_eq!(FileNames::default().to_vec(), Vec::<String>::new());
    }

    #[test]
    fn a_list_has_an_end() {
        assert!(FileNames::new(std::iter::repeat_n("x", MAX_FILES)).is_some());
        assert!(FileNames::new(std::iter::repeat_n("x", MAX_FILES + 1)).is_none());
        let long = "x".repeat(MAX_FILE_BYTES);
        let mut names = FileNames::new([long.as_str()]).expect("fits");
        assert!(names.add([""]) && !names.add(["x"]));
        assert_eq!(names.len(), 1);
    }
}
