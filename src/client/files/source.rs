//! A file of ours that is sent: its bytes, and the hash of all of them.

use super::hashes::{self, Hashes, Version};
use super::part::FileError;
use super::wire::{Cut, Wire};
use crate::peer_protocol::FileHash;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::SystemTime;

/// Bytes that are read at a time, and those that are sent.
const BUFFER: usize = 128 * 1024;
const PIECE: usize = 64 * 1024;

/// An open file, as it was when it was opened.
pub struct Source {
    file: File,
    path: PathBuf,
    version: Version,
    opened: SystemTime,
    /// Its hash, where it is known already.
    known: Option<FileHash>,
    /// All of the file went through it; `None` when some bytes were not sent.
    hasher: Option<Sha256>,
}

impl Source {
    /// A file that is open, and how it is named to people.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(file: File, path: impl Into<PathBuf>, hashes: &Hashes) -> Result<Source, FileError> {
        let path = path.into();
        let opened = SystemTime::now();
        let version = Version::of(&file).map_err(|error| FileError::new(path.clone(), error))?;
        Ok(Source { file, path, version, opened, known: hashes.get(&version), hasher: None })
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.version.size
    }

    /// Sends the bytes from `offset` up to its size; after each part `sent` hears how many are sent, and may stop it.
    ///
    /// # Errors
    /// [`Cut`]; a file that has become shorter is our own failure.
    pub fn send(
        &mut self,
        wire: &mut Wire<'_>,
        offset: u64,
        sent: &mut dyn FnMut(&mut Wire<'_>, u64) -> Result<(), Cut>,
    ) -> Result<(), Cut> {
        // From the first byte on, the hash costs no second reading.
        self.hasher = (self.known.is_none() && offset == 0).then(Sha256::new);
        self.file.seek(SeekFrom::Start(offset)).map_err(|error| self.error(error))?;
        let mut buffer = vec![0; BUFFER];
        let mut done = offset;
        while done < self.version.size {
            let left = usize::try_from(self.version.size - done).unwrap_or(BUFFER).min(BUFFER);
            let read = self.file.read(&mut buffer[..left]).map_err(|error| self.error(error))?;
            if read == 0 {
                return Err(self.error(io::Error::other("has become shorter while it was sent")).into());
            }
            if let Some(hasher) = &mut self.hasher {
                hasher.update(&buffer[..read]);
            }
            // In pieces, so that a slow link is seen to move.
            for piece in buffer[..read].chunks(PIECE) {
                wire.write(piece)?;
                done += piece.len() as u64;
                sent(wire, done)?;
            }
        }
        Ok(())
    }

    /// Whether the file is still to be read for its hash, once its bytes are sent.
    pub fn is_unread(&self) -> bool {
        self.known.is_none() && self.hasher.is_none()
    }

    /// The hash of the whole file; `None` when it has changed since it was opened. `says` tells the peer when that
    /// takes a while.
    ///
    /// # Errors
    /// [`Cut`].
    pub fn hash(&mut self, wire: &Wire<'_>, hashes: &Hashes, says: bool) -> Result<Option<FileHash>, Cut> {
        let hash = match (self.known, self.hasher.take()) {
            (Some(known), _) => known,
            (None, Some(hasher)) => hashes::finish(hasher),
            (None, None) => match hashes.of(&self.file, &mut wire.go_on(says)) {
                Ok(Some(hash)) => hash,
                Ok(None) => return Err(wire.left()),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(error) => return Err(self.error(error).into()),
            },
        };
        if !Version::of(&self.file).is_ok_and(|now| now.same_content(&self.version)) {
            return Ok(None);
        }
        hashes.put(self.version, hash, self.opened);
        Ok(Some(hash))
    }

    fn error(&self, error: io::Error) -> FileError {
        FileError::new(self.path.clone(), error)
    }
}
