//! Giving files to a peer: what is offered, and the lines that follow the receiver's yes.
//!
//! The giver sends `ITEM,PATH,SIZE`, the bytes behind the receiver's OFFSET and `sha256_HEX`, file by file, then `END`.
//! The receiver answers each item, and each hash. Whoever reads a file for its hash says `hashing_BYTES` meanwhile.

use super::{FileHash, PeerRefusal};
use crate::value::sentence::{count_of, counted};
use crate::value::{FileName, comma};
use std::fmt;
use std::str::FromStr;

/// The most files of one gift.
pub const MAX_GIVEN: u32 = 10_000;
/// The most names of a [`GivePath`], one behind the other.
pub const MAX_PARTS: usize = 16;
/// The most bytes of a [`GivePath`], its slashes included.
pub const MAX_PATH: usize = 1024;

/// WHAT is offered; its meaning depends on COUNT, the number of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// One file: its name. COUNT is 1.
    File(FileName),
    /// A folder: its name and a `/`.
    Folder(FileName),
    /// `N files`: things that were named one by one, files or folders. N is COUNT, and 2 at the least.
    Files(u32),
}

/// The place of a file below what is offered: 1 to 16 file names with `/` between them, 1,024 bytes at most.
///
/// The type is the proof: joined to a folder it stays below it, as none of its parts is empty, `.`, `..` or hidden.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GivePath(Box<[FileName]>);

/// What the giver sends behind the receiver's yes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's line names its fields in order")]
pub enum GiverLine {
    /// `ITEM,PATH,SIZE`: the next file, and its bytes.
    Item { path: GivePath, size: u64 },
    /// `sha256_HEX`, behind the bytes: the hash of the whole file.
    Hash(FileHash),
    /// `ERR,...` in place of the hash: the file has changed, or cannot be read any more.
    Failed(PeerRefusal),
    /// `hashing_BYTES`: so many bytes of the file are hashed; the number grows.
    Hashing(u64),
    /// `END`: no further item.
    End,
}

/// What the receiver answers behind its yes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's line names its fields in order")]
pub enum ReceiverLine {
    /// `OK,OFFSET` to an item, `OK,name as kept` to a hash, `OK,N files` to `END`: what is asked says which.
    Ok(String),
    /// `ERR,skip: why`, `ERR,again: why` or `ERR,end: why`, to an item, its bytes or its hash.
    Refused { then: AfterRefusal, why: String },
    /// `hashing_BYTES`, as the giver's.
    Hashing(u64),
}

/// What follows a receiver's refusal. `Display` is the word on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterRefusal {
    /// `skip`: the next item.
    Skip,
    /// `again`: the same path once more, from byte 0, before any other.
    Again,
    /// `end`: nothing; the connection is closed.
    End,
}

/// Why a line of a gift is not understood; its `Display` is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadGive {
    /// WHAT and COUNT are nothing that can be offered.
    What,
    /// The path is none, or leads elsewhere.
    Path,
    /// None of the lines that can come here.
    Line,
}

impl What {
    /// Reads WHAT, as COUNT says what it means: `3 files` with a COUNT of 1 is a file of that name.
    ///
    /// # Errors
    /// [`BadGive::What`].
    pub fn parse(text: &str, count: u32) -> Result<What, BadGive> {
        if !(1..=MAX_GIVEN).contains(&count) {
            return Err(BadGive::What);
        }
        if let Some(folder) = text.strip_suffix('/') {
            return folder.parse().map(What::Folder).map_err(|_| BadGive::What);
        }
        if count == 1 {
            return text.parse().map(What::File).map_err(|_| BadGive::What);
        }
        // `02 files` is not what we write.
        let is_ours = count_of(text, "file") == Some(count) && text == counted(count, "file");
        if is_ours { Ok(What::Files(count)) } else { Err(BadGive::What) }
    }

    /// Whether a file at `path` belongs to it.
    pub fn holds(&self, path: &GivePath) -> bool {
        match self {
            What::File(name) => *path.0 == [name.clone()],
            What::Folder(name) => path.0.len() > 1 && path.0.first() == Some(name),
            What::Files(_) => true,
        }
    }
}

impl GivePath {
    /// A path of these parts, the outermost folder first.
    ///
    /// # Errors
    /// [`BadGive::Path`]: too many parts, or too long.
    pub fn new(parts: Vec<FileName>) -> Result<GivePath, BadGive> {
        let slashes = parts.len().saturating_sub(1);
        let bytes = parts.iter().map(|part| part.as_str().len()).sum::<usize>() + slashes;
        let fits = (1..=MAX_PARTS).contains(&parts.len()) && bytes <= MAX_PATH;
        if fits { Ok(GivePath(parts.into())) } else { Err(BadGive::Path) }
    }

    /// Its parts, the file's own name last.
    pub fn parts(&self) -> &[FileName] {
        &self.0
    }
}

impl FromStr for GivePath {
    type Err = BadGive;

    fn from_str(text: &str) -> Result<Self, BadGive> {
        if text.len() > MAX_PATH {
            return Err(BadGive::Path);
        }
        let parts: Result<Vec<FileName>, _> = text.split('/').map(str::parse).collect();
        GivePath::new(parts.map_err(|_| BadGive::Path)?)
    }
}

impl GiverLine {
    /// Reads a line, without its line end.
    ///
    /// # Errors
    /// [`BadGive`]; the connection is of no further use then.
    pub fn parse(line: &str) -> Result<GiverLine, BadGive> {
        if line == "END" {
            return Ok(GiverLine::End);
        }
        if let Some(why) = line.strip_prefix("ERR,") {
            return Ok(GiverLine::Failed(PeerRefusal::parse(why)));
        }
        if let Some(bytes) = line.strip_prefix("hashing_") {
            return bytes.parse().map(GiverLine::Hashing).map_err(|_| BadGive::Line);
        }
        if line.starts_with("sha256_") {
            return line.parse().map(GiverLine::Hash).map_err(|_| BadGive::Line);
        }
        let fields = comma::split(line);
        let [word, path, size] = fields.as_slice() else { return Err(BadGive::Line) };
        if word != "ITEM" {
            return Err(BadGive::Line);
        }
        Ok(GiverLine::Item { path: path.parse()?, size: size.parse().map_err(|_| BadGive::Line)? })
    }
}

impl ReceiverLine {
    /// Reads a line, without its line end.
    ///
    /// # Errors
    /// [`BadGive::Line`]; the connection is of no further use then.
    pub fn parse(line: &str) -> Result<ReceiverLine, BadGive> {
        if let Some(bytes) = line.strip_prefix("hashing_") {
            return bytes.parse().map(ReceiverLine::Hashing).map_err(|_| BadGive::Line);
        }
        if let Some(fields) = line.strip_prefix("OK,") {
            return Ok(ReceiverLine::Ok(fields.to_owned()));
        }
        let (word, why) = line.strip_prefix("ERR,").and_then(|rest| rest.split_once(": ")).ok_or(BadGive::Line)?;
        Ok(ReceiverLine::Refused { then: word.parse()?, why: why.to_owned() })
    }
}

impl FromStr for AfterRefusal {
    type Err = BadGive;

    fn from_str(word: &str) -> Result<Self, BadGive> {
        match word {
            "skip" => Ok(AfterRefusal::Skip),
            "again" => Ok(AfterRefusal::Again),
            "end" => Ok(AfterRefusal::End),
            _ => Err(BadGive::Line),
        }
    }
}

/// WHAT: the mirror of [`What::parse`].
impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::File(name) => name.fmt(f),
            What::Folder(name) => write!(f, "{name}/"),
            What::Files(count) => f.write_str(&counted(*count, "file")),
        }
    }
}

/// The mirror of [`GivePath::from_str`].
impl fmt::Display for GivePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, part) in self.0.iter().enumerate() {
            f.write_str(if number == 0 { "" } else { "/" })?;
            part.fmt(f)?;
        }
        Ok(())
    }
}

/// The line, without its line end: the mirror of [`GiverLine::parse`].
impl fmt::Display for GiverLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GiverLine::Item { path, size } => f.write_str(&comma::join(["ITEM", &path.to_string(), &size.to_string()])),
            GiverLine::Hash(hash) => hash.fmt(f),
            GiverLine::Failed(refusal) => write!(f, "ERR,{refusal}"),
            GiverLine::Hashing(bytes) => write!(f, "hashing_{bytes}"),
            GiverLine::End => f.write_str("END"),
        }
    }
}

/// The line, without its line end: the mirror of [`ReceiverLine::parse`].
impl fmt::Display for ReceiverLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReceiverLine::Ok(fields) => write!(f, "OK,{fields}"),
            ReceiverLine::Refused { then, why } => write!(f, "ERR,{then}: {why}"),
            ReceiverLine::Hashing(bytes) => write!(f, "hashing_{bytes}"),
        }
    }
}

impl fmt::Display for AfterRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AfterRefusal::Skip => "skip",
            AfterRefusal::Again => "again",
            AfterRefusal::End => "end",
        })
    }
}

impl fmt::Display for BadGive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadGive::What => write!(
                f,
                "WHAT is a file's name with COUNT 1, a folder's name and a /, or N files with COUNT N; \
                 COUNT is 1 to {MAX_GIVEN}"
            ),
            BadGive::Path => write!(
                f,
                "A path has 1 to {MAX_PARTS} file names with / between them and at most {MAX_PATH} bytes; \
                 none is hidden or ends with .part"
            ),
            BadGive::Line => f.write_str("The line is none of those that can come in a gift"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::{Component, Path};

    fn path(text: &str) -> GivePath {
        text.parse().expect("a path")
    }

    #[test]
    fn what_depends_on_the_count() {
        assert_eq!(What::parse("3 files", 1), Ok(What::File("3 files".parse().expect("a name"))));
        assert_eq!(What::parse("3 files", 3), Ok(What::Files(3)));
        assert_eq!(What::parse("photos/", 3), Ok(What::Folder("photos".parse().expect("a name"))));
        let bad = [
            ("", 1),
            ("/", 1),
            ("a/b", 1),
            ("a//", 1),
            ("../", 1),
            (".x", 1),
            ("3 files", 2),
            ("03 files", 3),
            ("3 file", 3),
            ("a.txt", 2),
            ("a.txt", 0),
            ("photos/", 10_001),
        ];
        for (text, count) in bad {
            assert_eq!(What::parse(text, count), Err(BadGive::What), "{text} {count}");
        }
    }

    #[test]
    fn a_path_lies_under_what_is_offered() {
        let held = |what: &str, count, file: &str| What::parse(what, count).expect("valid").holds(&path(file));
        assert!(held("a.txt", 1, "a.txt"));
        assert!(!held("a.txt", 1, "b.txt") && !held("a.txt", 1, "a.txt/b"));
        assert!(held("photos/", 2, "photos/1.jpg") && held("photos/", 1, "photos/2020/1.jpg"));
        assert!(!held("photos/", 2, "photos") && !held("photos/", 2, "photos2/1.jpg"));
        assert!(held("2 files", 2, "a.txt") && held("2 files", 2, "photos/1.jpg"));
    }

    #[test]
    fn paths_that_lead_elsewhere_are_none() {
        let long = "x".repeat(255);
        let four = [long.as_str(); 4].join("/");
        assert_eq!(four.len(), 1023);
        assert_eq!(path(&four).parts().len(), 4);
        let bad = [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            "..",
            "a/../b",
            "./a",
            ".ssh/id",
            "a/.b",
            "a.part",
            "a\0b",
            &format!("{four}/x"),
        ];
        for text in bad {
            assert_eq!(text.parse::<GivePath>(), Err(BadGive::Path), "{text}");
        }
        assert_eq!(path(&["a"; 16].join("/")).parts().len(), MAX_PARTS);
        assert_eq!(["a"; 17].join("/").parse::<GivePath>(), Err(BadGive::Path));
    }

    #[test]
    fn every_line_there_and_back() {
        let hash = format!("sha256_{}", "0123456789abcdef".repeat(4));
        for line in [
            "ITEM,photos/1.jpg,0",
            "ITEM,\"a, b.txt\",6",
            &hash,
            "hashing_7",
            "END",
            "ERR,a has changed while it was sent",
        ] {
            assert_eq!(GiverLine::parse(line).map(|parsed| parsed.to_string()), Ok(line.to_owned()));
        }
        for line in [
            "OK,0",
            "OK,notes (1).txt",
            "OK,3 files",
            "hashing_7",
            "ERR,skip: it is there: as a folder",
            "ERR,again: the hash differs",
            "ERR,end: no room",
        ] {
            assert_eq!(ReceiverLine::parse(line).map(|parsed| parsed.to_string()), Ok(line.to_owned()));
        }
    }

    #[test]
    fn other_lines_are_refused() {
        for line in
            ["", "ITEM", "ITEM,a", "ITEM,a,-1", "ITEM,a,1,2", "item,a,1", "END,", "hashing_", "sha256_12", "OK,0"]
        {
            assert_eq!(GiverLine::parse(line), Err(BadGive::Line), "{line}");
        }
        assert_eq!(GiverLine::parse("ITEM,../a,1"), Err(BadGive::Path));
        for line in ["", "OK", "ERR,busy", "ERR,later: no", "ERR,skip", "hashing_-1", "END", "ITEM,a,1"] {
            assert_eq!(ReceiverLine::parse(line), Err(BadGive::Line), "{line}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_path_stays_below_and_travels(text in "([a-z.]|\\.\\.|/|ü|,|\"){0,40}", size: u64) {
            let Ok(path) = text.parse::<GivePath>() else { return Ok(()) };
            prop_assert_eq!(path.to_string(), text.clone());
            prop_assert!(Path::new(&text).components().all(|part| matches!(part, Component::Normal(_))));
            prop_assert_eq!(Path::new(&text).components().count(), path.parts().len());
            let item = GiverLine::Item { path, size };
            prop_assert_eq!(GiverLine::parse(&item.to_string()), Ok(item));
        }

        #[test]
        fn what_is_read_is_written_back(text in "([0-9]{1,5} files?|[a-z.]{1,8}/?)", count in 0..20_000u32) {
            let Ok(what) = What::parse(&text, count) else { return Ok(()) };
            prop_assert_eq!(what.to_string(), text);
        }

        #[test]
        fn whatever_the_other_side_sends_is_read_or_refused(line in "(OK,|ERR,|ITEM,|hashing_|sha256_|END|)[ -~]{0,20}") {
            if let Ok(said) = ReceiverLine::parse(&line) {
                prop_assert_eq!(ReceiverLine::parse(&said.to_string()), Ok(said));
            }
            if let Ok(said) = GiverLine::parse(&line) {
                prop_assert_eq!(GiverLine::parse(&said.to_string()), Ok(said));
            }
        }
    }
}
