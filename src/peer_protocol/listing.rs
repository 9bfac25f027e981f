//! The answer to `LIST`: a line for each shared file, then `OK,N files`.

use crate::value::FileName;
use crate::value::comma;
use std::fmt;
use std::str::FromStr;

/// `file_NAME,SIZE,UNIXTIME`: a file that a peer shares. What follows `file_` is a CSV record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedFile {
    /// Its name.
    pub name: FileName,
    /// Its size, in bytes.
    pub size: u64,
    /// When it was last written to, in seconds since 1970.
    pub modified: u64,
}

/// A line that is not `file_NAME,SIZE,UNIXTIME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotASharedFile;

impl FromStr for SharedFile {
    type Err = NotASharedFile;

    fn from_str(line: &str) -> Result<Self, NotASharedFile> {
        let fields = comma::split(line.strip_prefix("file_").ok_or(NotASharedFile)?);
        let [name, size, modified] = fields.as_slice() else { return Err(NotASharedFile) };
        Ok(SharedFile {
            name: name.parse().map_err(|_| NotASharedFile)?,
            size: size.parse().map_err(|_| NotASharedFile)?,
            modified: modified.parse().map_err(|_| NotASharedFile)?,
        })
    }
}

/// The line, without its line end: the mirror of [`SharedFile::from_str`].
impl fmt::Display for SharedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (size, modified) = (self.size.to_string(), self.modified.to_string());
        write!(f, "file_{}", comma::join([self.name.as_str(), &size, &modified]))
    }
}

impl fmt::Display for NotASharedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the line is not file_NAME,SIZE,UNIXTIME")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_file_there_and_back() {
        for line in
            ["file_notes.txt,6,1700000000", "file_\"a, b.txt\",0,0", "file_snake_case.txt,18446744073709551615,1"]
        {
            assert_eq!(line.parse::<SharedFile>().map(|file| file.to_string()), Ok(line.to_owned()));
        }
        for bad in
            ["", "file_", "file_a,1", "file_a,1,2,3", "file_a,-1,2", "file_.a,1,2", "file_a/b,1,2", "files_a,1,2"]
        {
            assert_eq!(bad.parse::<SharedFile>(), Err(NotASharedFile), "{bad}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_name_travels(name in "[ -.0-~ü🎉]{1,40}", size: u64, modified: u64) {
            let Ok(name) = name.parse::<FileName>() else { return Ok(()) };
            let file = SharedFile { name, size, modified };
            prop_assert_eq!(file.to_string().parse(), Ok(file));
        }
    }
}
