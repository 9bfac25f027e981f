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

/// How long the first line may take, and the line behind it.
const OPENING: Duration = Duration::from_secs(10);

/// What all calls use.
pub struct Means {
    /// For commands that run here.
    pub run: RunMeans,
    /// For files.
    pub files: Box<dyn Files>,
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
pub fn serve(call: Call, stream: Arc<TcpStream>, from: SocketAddr, means: &Means) {
    let end = match PeerConnection::new(stream) {
        Ok(connection) => receive(&call, connection, from, means),
        Err(error) => {
            log::info!("peer {from}: {error}");
            CallEnd::Over
        }
    };
    call.end(end);
}

fn receive(call: &Call, mut connection: PeerConnection, from: SocketAddr, means: &Means) -> CallEnd {
    let opening = match connection.line_or_end(call, OPENING) {
        Ok(line) => line,
        Err(none) => return refuse_no_line(&connection, from, &none),
    };
    let since = Instant::now();
    let opening = match Opening::parse(&opening) {
        Ok(opening) => opening,
        Err(bad) => return refuse(&connection, PeerRefusal::other(bad.to_string())),
    };
    let knock = |text, room| call.tell(News::Knock(Knock { from, opening: opening.clone(), text, room }));
    match &opening {
        Opening::Run { name, command, .. } => {
            // Nobody is asked about what is no command.
            let words = match command.parse::<Words>() {
                Ok(words) => words,
                Err(bad) => return refuse(&connection, PeerRefusal::other(bad.to_string())),
            };
            knock(None, None);
            let asking = Asking { from: name.clone(), address: from, words };
            run::serve::serve(call, &connection, &asking, since, &means.run)
        }
        Opening::Message { .. } => match connection.line_or_end(call, OPENING) {
            Ok(text) => {
                knock(Some(text), None);
                message::serve(call, &connection)
            }
            Err(none) => refuse_no_line(&connection, from, &none),
        },
        Opening::Chat { .. } => {
            knock(None, None);
            talk::serve(call, connection, since)
        }
        Opening::File { name, filename, offset, .. } => {
            knock(None, None);
            means.files.send(call, connection, &Wanted { by: name, filename, offset: *offset })
        }
        Opening::Give { name, what, bytes, count, .. } => {
            let offered = Offered { from: name, what, bytes: *bytes, count: *count };
            knock(None, means.files.room(&offered));
            means.files.take(call, connection, &offered)
        }
        Opening::List { .. } => {
            knock(None, None);
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
