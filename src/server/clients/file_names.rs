//! The names of the files that one client shares, in blocks of memory: what is left of thousands of small pieces, and of
//! very large ones, the allocator keeps when they are given back.

use crate::protocol::{MAX_FILE_BYTES, MAX_FILES};
use std::sync::Arc;

/// The bytes of a block: glibc gives back what is smaller than 128 KiB, and keeps more and more once it was given larger
/// pieces (mallopt(3), M_MMAP_THRESHOLD).
const BLOCK: usize = 64 * 1024;

/// A list of names, in the order in which they were told. Copies share their blocks: many are being sent while a list
/// grows, each as it was when it was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileNames {
    blocks: Vec<Arc<Block>>,
    len: usize,
    bytes: usize,
}

/// Some names, one behind the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Block {
    text: String,
    /// Where each of them ends in the text.
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
            if self.len >= MAX_FILES || self.bytes + name.len() > MAX_FILE_BYTES {
                return false;
            }
            self.len += 1;
            self.bytes += name.len();
            match self.blocks.last_mut().filter(|last| last.text.len() + name.len() <= BLOCK) {
                Some(last) => Arc::make_mut(last).add(name),
                None => {
                    let mut block = Block::default();
                    block.add(name);
                    self.blocks.push(Arc::new(block));
                }
            }
        }
        true
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.blocks.iter().flat_map(|block| block.iter())
    }

    /// Each of them, on its own.
    pub fn to_vec(&self) -> Vec<String> {
        self.iter().map(str::to_owned).collect()
    }
}

impl Block {
    fn add(&mut self, name: &str) {
        self.text.push_str(name);
        // At most [`MAX_FILE_BYTES`].
        self.ends.push(self.text.len() as u32);
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, &end)| &self.text[begin as usize..end as usize])
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
        let many: Vec<String> =
            (0..9_000).map(|number| format!("a rather long file name, number {number}.txt")).collect();
        let names = FileNames::new(many.iter().map(String::as_str)).expect("not too many");
        assert!(names.blocks.len() > 3);
        assert_eq!((names.to_vec(), names.len()), (many.clone(), many.len()));
        let (mut longer, blocks) = (names.clone(), names.blocks.len());
        assert!(longer.add(["one more"]));
        assert_eq!((longer.len(), names.len()), (many.len() + 1, many.len()));
        let shared = names.blocks.iter().zip(&longer.blocks).filter(|(one, other)| Arc::ptr_eq(one, other)).count();
        assert_eq!(shared, blocks - 1, "only the last one was copied");
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
