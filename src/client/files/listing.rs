//! Which files a peer shares, with their sizes: both sides of `LIST`.

use super::folder::Folder;
use crate::client::call::Call;
use crate::client::event::{CallError, Introduced, Order};
use crate::client::peer::{NoLine, PeerConnection, dial, knock};
use crate::peer_protocol::{Answer, Opening, PeerRefusal, SharedFile};
use crate::protocol::MAX_FILES;
use crate::value::sentence::counted;
use crate::value::{Address, Username};
use std::time::{Duration, Instant};

/// How long a line of the answer may take: the owner has to look at all its files first.
const ANSWER: Duration = Duration::from_secs(10);
/// How long all lines may take together.
const LISTING: Duration = Duration::from_secs(60);

/// Serves a request of which the App knows.
pub fn serve(call: &Call, connection: &PeerConnection, share: Option<&Folder>) {
    let Some(Order::List) = knock::accepted(call, connection, Instant::now()) else { return };
    let Some(share) = share else { return connection.refuse(PeerRefusal::SharesNothing) };
    let files = share.files();
    let mut lines: String = files.iter().map(|file| format!("{file}\n")).collect();
    lines += &format!("{}\n", Answer::Ok(counted(files.len(), "file")));
    // One that does not arrive is the asker's loss.
    let _ = connection.write_all(lines.as_bytes());
}

/// Asks a peer, and waits for all lines.
///
/// # Errors
/// [`CallError`].
pub fn ask(call: &Call, of: Username) -> Result<Vec<SharedFile>, CallError> {
    let opening = |to: &Introduced| Ok(Opening::List { name: to.me.clone(), ticket: to.ticket_field() });
    let (_, mut connection) = dial::open(call, Address::Name(of), opening, "")?;
    let until = Instant::now() + LISTING;
    let mut files = Vec::new();
    loop {
        let limit = ANSWER.min(until.saturating_duration_since(Instant::now()));
        let line = connection.line_or_end(call, limit).map_err(|none| match none {
            NoLine::GivenUp => CallError::Cancelled,
            other => CallError::Perhaps(other.to_string()),
        })?;
        match (line.parse(), Answer::parse(&line)) {
            (Ok(file), _) if files.len() < MAX_FILES => files.push(file),
            (Ok(_), _) => return Err(CallError::Perhaps(format!("more than {MAX_FILES} files are told"))),
            (Err(_), Answer::Ok(_)) => return Ok(files),
            (Err(_), Answer::Refused(why)) => return Err(CallError::Refused(why)),
            (Err(_), Answer::Unknown(line)) => return Err(CallError::Perhaps(format!("no answer but {line}"))),
        }
    }
}
