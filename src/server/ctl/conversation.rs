//! A conversation on the control socket of the server that runs on a folder: a line there, an answer back.

use crate::net::LineReader;
use crate::protocol::MAX_SERVER_LINE;
use crate::server::control::address;
use crate::value::text;
use std::io::{self, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long an answer may take: that to a password is hashed, behind those who log in.
const LIMIT: Duration = Duration::from_secs(90);

/// The conversation.
pub struct Conversation(LineReader<UnixStream>);

/// An answer: data lines, and what stands behind `OK,` or `ERR,`.
pub struct Answer {
    /// Each without its line end.
    pub lines: Vec<String>,
    /// What was done, or why nothing was.
    pub end: Result<String, String>,
}

impl Conversation {
    /// Begins one with the server of `folder`.
    ///
    /// # Errors
    /// What the system says; [`no_server`] makes a sentence of it.
    pub fn begin(folder: &Path) -> io::Result<Conversation> {
        let (address, _folder) = address(folder)?;
        let stream = UnixStream::connect(address)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        Ok(Conversation(LineReader::new(stream, MAX_SERVER_LINE)))
    }

    /// Says a line, and waits for its answer.
    ///
    /// # Errors
    /// A sentence: a line that is none, or a server that has ended meanwhile.
    pub fn ask(&mut self, line: &str) -> Result<Answer, String> {
        // Two lines would be two requests.
        if let Some(c) = text::first_forbidden(line) {
            return Err(format!("control character {} in the line", c.escape_default()));
        }
        let ended = |why: &dyn std::fmt::Display| format!("the server has not answered: {why}; perhaps it was done");
        // Who is turned away is told so, and nothing is read of them: the line may come too late.
        let written = self.0.get_ref().write_all(format!("{line}\n").as_bytes());
        let mut lines = Vec::new();
        loop {
            let line = match self.0.next_line().map_err(|error| ended(&error))? {
                Some(line) => line.map_err(|bad| ended(&bad))?,
                None => return Err(written.err().map_or_else(|| ended(&"it has hung up"), |error| ended(&error))),
            };
            let end = match line.split_once(',').unwrap_or((line, "")) {
                ("OK", said) => Ok(said.to_owned()),
                ("ERR", why) => Err(why.to_owned()),
                _ => {
                    lines.push(line.to_owned());
                    continue;
                }
            };
            return Ok(Answer { lines, end });
        }
    }
}

/// Whether the system says that no server runs there.
pub fn is_nobody(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused)
}

/// Why there is no conversation.
pub fn no_server(folder: &Path, error: &io::Error) -> String {
    let why = match error.kind() {
        _ if is_nobody(error) => {
            "no server runs on this data folder, or none that has a control socket, which its log \
                                  says then; give another with --data"
                .to_owned()
        }
        ErrorKind::PermissionDenied => "only who owns this data folder runs its server".to_owned(),
        _ => error.to_string(),
    };
    format!("{}: {why}", folder.display())
}
