//! The one dispatcher of the connections that others make to us.

use super::conversation;
use super::desk::Desk;
use super::message;
use super::peer::{PeerLines, WRITE};
use super::remote;
use super::upload::{self, Wanted};
use crate::net::listener::Service;
use crate::peer_protocol::{Opening, PeerRefusal};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

/// What is done with the connections of others.
pub struct Door(pub Arc<Desk>);

impl Service for Door {
    const NAME: &'static str = "peer";

    fn serve(&self, stream: &Arc<TcpStream>, peer: SocketAddr) {
        let desk = &*self.0;
        if stream.set_write_timeout(Some(WRITE)).is_err() {
            return;
        }
        let mut lines = PeerLines::new(Arc::clone(stream));
        let opening = match lines.line().map(|line| Opening::parse(&line)) {
            Ok(Ok(opening)) => opening,
            Ok(Err(bad)) => return lines.refuse(bad.to_string()),
            Err(why) => {
                log::info!("peer {peer}: {why}");
                return lines.refuse(why);
            }
        };
        match opening {
            Opening::List { .. } | Opening::Give { .. } => lines.refuse(PeerRefusal::NotTakenHere.to_string()),
            Opening::Chat { name, ticket } => conversation::receive(desk, lines, name, ticket),
            Opening::Message { name, ticket } => message::receive(desk, lines, name, ticket),
            Opening::Run { name, ticket, command } => remote::receive(desk, &lines, peer, (name, ticket, command)),
            Opening::File { filename, name, ticket, offset } => {
                upload::serve(desk, &lines, Wanted { filename, name, ticket, offset });
            }
        }
    }

    fn refuse(&self, stream: &TcpStream) {
        let _ = stream.set_nonblocking(true);
        let _ = (&*stream).write_all(b"ERR,Too many connections, try again later\n");
    }
}
