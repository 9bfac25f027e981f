//! The loop around a session of the menu dialect: it reads, writes, and carries out what the session decided.

use super::menu::MenuSession;
use super::menu_step::Step;
use crate::dialect::Dialect;
use crate::dialect::menu::{self, GREETING, PIECE};
use crate::net::listener::{Service, reached_address};
use crate::net::{BurstReader, Pieces, Place, Refused, has_hung_up};
use crate::protocol::MAX_LINE;
use crate::server::delivery::Outbox;
use crate::server::service::Rendezvous;
use log::info;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

/// Serves a menu port.
pub struct Menus<'a> {
    /// The services.
    pub services: &'a Rendezvous,
    /// Whether the port is for clients that take one answer a line.
    pub quiet: bool,
}

impl Service for Menus<'_> {
    const NAME: &'static str = "menu client";

    fn serve(&self, stream: &Arc<TcpStream>, peer: SocketAddr, place: &Place<'_>) {
        let Ok(outbox) =
            Outbox::in_pieces(Arc::clone(stream), place.wire(), &self.services.counters, menu::write_length)
        else {
            return;
        };
        let _counted = self.services.counters.connected(Some(Dialect::Menu { quiet: self.quiet }));
        let mut session = MenuSession::new((self.services, self.quiet), peer, reached_address(stream), place, outbox);
        let pieces = Pieces { size: PIECE, pause: self.services.config.piece_pause };
        let mut reader = BurstReader::of_pieces(Arc::clone(stream), MAX_LINE, pieces).recorded(place.wire());
        let mut step = if self.quiet { Step::Wait } else { Step::Say(GREETING.to_owned()) };
        info!("{peer}: connected (menu)");
        loop {
            step = match step {
                Step::SignUp(credentials) => session.sign_up(&credentials, &|| has_hung_up(stream)),
                Step::LogIn(credentials) => session.log_in(&credentials, &|| has_hung_up(stream)),
                written => match session.write(written) {
                    true => match session.read(&mut reader) {
                        Some(step) => step,
                        None => break,
                    },
                    false => break,
                },
            };
        }
        let who = session.login.who().to_string();
        session.finish();
        info!("{who}: disconnected");
    }

    fn turn_away(&self, peer: SocketAddr) -> Option<Vec<u8>> {
        self.services.turn_away(peer.ip()).map(|refusal| menu::refuse(&refusal).into_bytes())
    }

    fn refuse(&self, mut stream: &TcpStream, why: Refused) {
        let refusal = self.services.not_served(why);
        // A client that has left already need not be told.
        let _ = stream.write_all(menu::refuse(&refusal).as_bytes());
    }
}
