//! The names of the files that one client shares, in blocks of memory that the system has back when they are let go.

use crate::protocol::{MAX_FILE_BYTES, MAX_FILES};
use crate::server::allocator::MAPPED;
use std::sync::Arc;

/// The bytes of a block that is no small list. The allocator maps pieces of this size on their own, and unmaps them when
/// they are let go: see [`crate::server::allocator`]. Of a block that is mapped, only what was written to is resident.
const BLOCK: usize = MAPPED;
/// The bytes of names that lie where all that is small does: of nearly every client.
const SMALL: usize = 4096;

/// A list of names, in the order in which they were told. Copies share their blocks: many are being sent while a list
/// grows, each as it was when it was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileNames {
    blocks: Vec<Arc<Block>>,
    len: usize,
    bytes: usize,
}

/// Some names, each with an LF behind it, which no line of a client has within it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Block(String);

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
            match self.blocks.last_mut().filter(|last| last.has_room(name)) {
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
    fn has_room(&self, name: &str) -> bool {
        self.0.len() + name.len() < BLOCK
    }

    fn add(&mut self, name: &str) {
        let needed = self.0.len() + name.len() + 1;
        // Not by and by: each size on the way would be a piece that is kept.
        if needed > SMALL && needed > self.0.capacity() {
            self.0.reserve_exact(BLOCK.max(needed) - self.0.len());
        }
        self.0.push_str(name);
        self.0.push('\n');
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split_terminator('\n')
    }
}

/// With the same room: what is copied is about to grow.
impl Clone for Block {
    fn clone(&self) -> Block {
        let mut text = String::with_capacity(self.0.capacity());
        text.push_str(&self.0);
        Block(text)
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
        let room = |names: &FileNames| names.blocks.iter().map(|block| block.0.capacity()).collect::<Vec<_>>();
        assert!(room(&names).iter().all(|room| *room < SMALL), "a short list takes little");
        let many: Vec<String> =
            (0..9_000).map(|number| format!("a rather long file name, number {number}.txt")).collect();
        let names = FileNames::new(many.iter().map(String::as_str)).expect("not too many");
        assert!(names.blocks.len() > 2);
        assert!(room(&names).iter().all(|room| *room >= MAPPED), "a long one only pieces that are given back whole");
        assert_eq!((names.to_vec(), names.len()), (many.clone(), many.len()));
        let (mut longer, blocks) = (names.clone(), names.blocks.len());
        assert!(longer.add(["one more"]));
        assert_eq!((longer.len(), names.len(), room(&longer)), (many.len() + 1, many.len(), room(&names)));
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
