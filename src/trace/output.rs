//! The file of a trace: for its owner alone, as what people say to each other is in it.

use log::warn;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Bytes that are gathered before they are written.
const BUFFER: usize = 64 * 1024;
/// Nobody else reads or writes it.
const MODE: u32 = 0o600;
/// What each line of a trace begins with. A file that does not begin so is none, and is not overwritten.
const BEGINNING: &[u8] = b"{\"t\":";

/// The file of a trace.
pub struct Output {
    path: PathBuf,
    /// Nothing after an error.
    file: Option<BufWriter<File>>,
    /// No other program records there meanwhile. Nothing for a pipe or a terminal.
    _lock: Option<Flock<File>>,
}

impl Output {
    /// Makes the file, with mode 0600, or empties one that was a trace before.
    ///
    /// # Errors
    /// One sentence that names the file.
    pub fn create(path: &Path) -> Result<Output, String> {
        if path.as_os_str() == "-" {
            // Standard output has other lines. Who wants a file of that name says so.
            return Err(
                "a trace goes to a file, and - is none: name one with --trace, such as trace.json or ./-".to_owned()
            );
        }
        let named = |error: io::Error| format!("{}: {error}; choose another file with --trace", path.display());
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(MODE).open(path);
        let mut file = file.map_err(named)?;
        let mut lock = None;
        if file.metadata().map_err(named)?.is_file() {
            let mut beginning = Vec::new();
            // Before it is looked at, and emptied.
            let locked = Flock::lock(file.try_clone().map_err(named)?, FlockArg::LockExclusiveNonblock);
            lock = Some(locked.map_err(|(_, error)| match error {
                Errno::EWOULDBLOCK => {
                    format!("another program records to {}: choose another file with --trace", path.display())
                }
                error => named(error.into()),
            })?);
            Read::by_ref(&mut file).take(BEGINNING.len() as u64).read_to_end(&mut beginning).map_err(named)?;
            if !beginning.is_empty() && beginning != BEGINNING {
                return Err(format!("{} is there and is no trace: choose another file with --trace", path.display()));
            }
            file.set_permissions(Permissions::from_mode(MODE)).map_err(named)?;
            file.set_len(0).map_err(named)?;
            io::Seek::rewind(&mut file).map_err(named)?;
        }
        Ok(Output { path: path.to_owned(), file: Some(BufWriter::with_capacity(BUFFER, file)), _lock: lock })
    }

    /// Writes a line. After an error, which is told once, nothing more is written.
    pub fn write(&mut self, line: &str) {
        self.try_to(|file| file.write_all(line.as_bytes()));
    }

    /// Writes out what was gathered.
    pub fn flush(&mut self) {
        self.try_to(Write::flush);
    }

    fn try_to(&mut self, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) {
        let Some(Err(error)) = self.file.as_mut().map(write) else { return };
        warn!("{}: {error}; the trace ends here", self.path.display());
        // What it holds cannot be written either.
        self.file.take().map(BufWriter::into_parts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("there").permissions().mode() & 0o777
    }

    #[test]
    fn a_trace_is_for_its_owner_and_takes_the_place_of_traces_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("trace.json");
        let mut output = Output::create(&path).expect("a new file");
        output.write("{\"t\":1}\n");
        output.flush();
        assert_eq!(mode(&path), MODE);
        drop(output);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("ours");
        Output::create(&path).expect("a trace").write("{\"t\":2}\n");
        assert_eq!((mode(&path), fs::read_to_string(&path).expect("text").as_str()), (MODE, "{\"t\":2}\n"));
        let other = folder.path().join("users.csv");
        fs::write(&other, "alice,hash\n").expect("room");
        let Err(sentence) = Output::create(&other) else { panic!("it was overwritten") };
        assert_eq!(sentence, format!("{} is there and is no trace: choose another file with --trace", other.display()));
        assert_eq!(fs::read_to_string(&other).expect("text"), "alice,hash\n");
        let Err(sentence) = Output::create(folder.path()) else { panic!("a folder") };
        assert!(sentence.starts_with(&folder.path().display().to_string()), "{sentence}");
    }

    #[test]
    fn no_file_is_made_that_is_called_as_standard_output() {
        let Err(sentence) = Output::create(Path::new("-")) else { panic!("it was made") };
        assert_eq!(sentence, "a trace goes to a file, and - is none: name one with --trace, such as trace.json or ./-");
        assert!(!Path::new("-").exists());
    }

    #[test]
    fn two_programs_do_not_record_to_one_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("trace.json");
        let mut output = Output::create(&path).expect("a new file");
        output.write("{\"t\":1}\n");
        output.flush();
        let Err(sentence) = Output::create(&path) else { panic!("two record there") };
        let expected = format!("another program records to {}: choose another file with --trace", path.display());
        assert_eq!(sentence, expected);
        assert_eq!(fs::read_to_string(&path).expect("text"), "{\"t\":1}\n", "it is as it was");
        drop(output);
        Output::create(&path).expect("nobody records there any more");
    }

    #[test]
    fn nothing_more_is_written_after_an_error() {
        let mut output = Output::create(Path::new("/dev/full")).expect("it can be opened");
        output.write("{\"t\":1}\n");
        assert!(output.file.is_some());
        output.flush();
        assert!(output.file.is_none());
        output.write("{\"t\":2}\n");
        output.flush();
    }
}
