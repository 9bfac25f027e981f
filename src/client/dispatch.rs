//! The one dispatcher of calls: of those that we begin, by what they are for, and of those that a peer begins, by the
//! first line. It knows no App: what a call may do comes as its orders.

use super::call::Call;
use super::event::{CallEnd, Knock, News, Work};
use super::peer::{Files, NoLine, Offered, PeerConnection, Wanted, message, reach, talk};
use super::run::serve::{Asking, RunMeans};
use super::run::{self, Words};
use crate::peer_protocol::{Opening, PeerRefusal};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long what a peer comes for may take to say: the first line, and the text behind a `MSG`.
const OPENING: Duration = Duration::from_secs(10);
/// The same while many strangers are at the door.
const HURRIED: Duration = Duration::from_secs(1);

/// What all calls use.
pub struct Means {
    /// For commands that run here.
    pub run: RunMeans,
    /// For files.
    pub files: Box<dyn Files>,
}

/// The place of a connection that a peer has made to us. Who comes by it is a stranger until the App finds a ticket.
pub struct Doorway<'a> {
    /// Whether there is only a moment for the first line.
    pub is_hurried: bool,
    /// Told when the peer has said what it comes for. False: there is no room for another stranger.
    pub opens: &'a dyn Fn() -> bool,
}

/// Does what a call of ours is for, on this thread, and ends the call.
pub fn begin(call: Call, work: Work, means: &Means) {
    let files = &means.files;
    let end = match work {
        Work::Talk { to, answer } => return talk::ask(call, to, answer),
        Work::Message { to, text } => return message::send(call, to, &text),
        Work::Run { on, command, answer } => return run::ask::ask(call, on, command, answer),
        Work::Fetch { from, file } => files.fetch(&call, from, file),
        Work::Give { to, paths, answer } => files.give(&call, to, paths, answer),
        Work::Reach { at } => CallEnd::Reached(reach(&call, at)),
        Work::Files { of } => files.ask_list(&call, of),
    };
    call.end(end);
}

/// Serves a connection that a peer has made to us, on this thread, and ends the call. The stream is still open then:
/// who accepted it closes it gently.
pub fn serve(call: Call, stream: Arc<TcpStream>, from: SocketAddr, doorway: &Doorway<'_>, means: &Means) {
    let end = match PeerConnection::new(stream) {
        Ok(connection) => receive(&call, connection, from, doorway, means),
        Err(error) => {
            log::info!("peer {from}: {error}");
            CallEnd::Over
        }
    };
    call.end(end);
}

fn receive(
    call: &Call,
    mut connection: PeerConnection,
    from: SocketAddr,
    doorway: &Doorway<'_>,
    means: &Means,
) -> CallEnd {
    let until = Instant::now() + if doorway.is_hurried { HURRIED } else { OPENING };
    let left = || until.saturating_duration_since(Instant::now());
    let opening = match connection.line_or_end(call, left()) {
        Ok(line) => line,
        Err(none) => return refuse_no_line(&connection, from, &none),
    };
    let since = Instant::now();
    let opening = match Opening::parse(&opening) {
        Ok(opening) => opening,
        Err(bad) => return refuse(&connection, PeerRefusal::other(bad.to_string())),
    };
    let text = match &opening {
        Opening::Message { .. } => match connection.line_or_end(call, left()) {
            Ok(text) => Some(text),
            Err(none) => return refuse_no_line(&connection, from, &none),
        },
        _ => None,
    };
    // Who shows a ticket may be introduced in a moment.
    if !(doorway.opens)() && opening.ticket().is_none() {
        return refuse(&connection, PeerRefusal::TooManyConnections);
    }
    knock(call, connection, Knock { from, opening, text, room: None }, since, means)
}

/// Tells the App of a peer whose first line came at `since`, and serves it.
fn knock(call: &Call, connection: PeerConnection, mut knock: Knock, since: Instant, means: &Means) -> CallEnd {
    let (from, opening) = (knock.from, knock.opening.clone());
    match &opening {
        Opening::Run { name, command, .. } => {
            // Nobody is asked about what is no command.
            let words = match command.parse::<Words>() {
                Ok(words) => words,
                Err(bad) => return refuse(&connection, PeerRefusal::other(bad.to_string())),
            };
            call.tell(News::Knock(knock));
            let asking = Asking { from: name.clone(), address: from, words };
            run::serve::serve(call, &connection, &asking, since, &means.run)
        }
        Opening::Message { .. } => {
            call.tell(News::Knock(knock));
            message::serve(call, &connection)
        }
        Opening::Chat { .. } => {
            call.tell(News::Knock(knock));
            talk::serve(call, connection, since)
        }
        Opening::File { name, filename, offset, .. } => {
            call.tell(News::Knock(knock));
            means.files.send(call, connection, &Wanted { by: name, filename, offset: *offset })
        }
        Opening::Give { name, what, bytes, count, .. } => {
            let offered = Offered { from: name, what, bytes: *bytes, count: *count };
            knock.room = means.files.room(&offered);
            call.tell(News::Knock(knock));
            means.files.take(call, connection, &offered)
        }
        Opening::List { .. } => {
            call.tell(News::Knock(knock));
            means.files.list(call, connection)
        }
    }
}

fn refuse_no_line(connection: &PeerConnection, from: SocketAddr, none: &NoLine) -> CallEnd {
    if matches!(none, NoLine::GivenUp) {
        return CallEnd::Over;
    }
    log::info!("peer {from}: {none}");
    refuse(connection, PeerRefusal::other(none.to_string()))
}

fn refuse(connection: &PeerConnection, why: PeerRefusal) -> CallEnd {
    connection.refuse(why);
    CallEnd::Over
}
