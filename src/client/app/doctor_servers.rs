//! What the doctor says of other servers: which there are, and which of them this machine reaches.

use super::no_server::in_one_line;
use super::state::App;
use crate::client::event::{Effect, LinkError, LinkId};

impl App {
    /// Names the servers, and begins to try the others: each greets, or it is known why not, within ten seconds.
    pub(super) fn try_servers(&mut self) {
        let others = self.servers.others();
        if others.is_empty() {
            return;
        }
        let names: Vec<String> = others.iter().map(|server| server.address.to_string()).collect();
        self.found(Ok(format!("Servers: {} is this one; the others are {}", self.servers.present(), names.join(", "))));
        for server in others {
            self.life.links += 1;
            let link = LinkId(self.life.links);
            self.trials.insert(link, (server.address, None));
            self.out.push(Effect::TryServer { link, server });
        }
    }

    /// Whether a server is tried by this link.
    pub(super) fn tries_server(&self, link: LinkId) -> bool {
        self.trials.contains_key(&link)
    }

    /// A server has greeted, or could not be connected to.
    pub(super) fn server_tried(&mut self, link: LinkId, outcome: Result<(), LinkError>) {
        if let Some((_, trial)) = self.trials.get_mut(&link) {
            *trial = Some(outcome);
            self.out.push(Effect::Disconnect(link));
            self.tried_all();
        }
    }

    /// Whether it is known of all of them.
    pub(super) fn servers_are_tried(&self) -> bool {
        self.trials.values().all(|(_, outcome)| outcome.is_some())
    }

    /// Tells how it went.
    pub(super) fn found_servers(&mut self) {
        for (server, outcome) in std::mem::take(&mut self.trials).into_values() {
            match outcome {
                Some(Ok(())) => self.found(Ok(format!("Server {server}: fine, it greets"))),
                Some(Err(why @ LinkError::Full(_))) => self.found(Ok(format!("Server {server}: it is there: {why}"))),
                Some(Err(why)) => self.found(Err(format!(
                    "Server {server}: {}. If this one fails you cannot go on there: see that it runs, and that no firewall \
                     is between",
                    in_one_line(&why.to_string())
                ))),
                None => {}
            }
        }
    }
}
