//! Who a peer is that has connected to us, by the ticket and the key that they show.

use super::state::App;
use crate::client::event::{CallId, Effect, Knock, Order, Place};
use crate::peer_protocol::{PeerRefusal, TicketField};
use crate::value::Ticket;

/// Who a peer is.
pub enum Visitor {
    /// Somebody who says nothing of an introduction.
    Stranger,
    /// Somebody with a ticket that is not known, or not yet.
    Unknown,
    /// Somebody who shows the start of this ticket, and is still to prove that they have it all.
    ShowsStart(Ticket),
    /// Somebody with a ticket that is for whoever has another key than they.
    OtherKey,
    /// The one whom the server has introduced.
    Introduced(Trust),
}

/// What a peer may who is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Nobody knows who it is.
    Stranger,
    /// It is who it says, unless somebody is on the way: it comes in the clear, and we speak TLS.
    InTheClear,
    /// It is who it says.
    Verified,
}

impl App {
    /// Who this is, by the ticket. One that is shown or proven is used up by this.
    pub fn recognize(&mut self, knock: &Knock) -> Visitor {
        let (name, now) = (knock.opening.name(), self.now.instant);
        let ticket = match (knock.opening.ticket(), knock.proven) {
            (TicketField::Empty, _) => return Visitor::Stranger,
            (TicketField::Other(_), _) => return Visitor::Unknown,
            (TicketField::Start(start), None) => {
                return match self.tickets.find(name, *start, now) {
                    None => Visitor::Unknown,
                    Some((_, Some(key))) if knock.key != Some(key) => Visitor::OtherKey,
                    Some((ticket, _)) => Visitor::ShowsStart(ticket),
                };
            }
            (TicketField::Start(_), Some(proven)) => proven,
            (TicketField::Whole(ticket), _) => *ticket,
        };
        let Some(key) = self.tickets.key_of(name, ticket, now) else { return Visitor::Unknown };
        // Before the ticket is taken: it is not used up by who has another key.
        if key.is_some_and(|key| knock.key != Some(key)) {
            return Visitor::OtherKey;
        }
        match self.tickets.redeem(name, ticket, now) {
            true if key.is_none() && self.rules.tls => Visitor::Introduced(Trust::InTheClear),
            true => Visitor::Introduced(Trust::Verified),
            false => Visitor::Unknown,
        }
    }

    /// Somebody shows the ticket of who has another key. Only who reads what was encrypted has it, or an old session of that
    /// person.
    pub fn refuse_other_key(&mut self, call: CallId, knock: &Knock) {
        let order = Order::Refuse(PeerRefusal::AnotherKey);
        self.out.push(Effect::Order { call, order });
        if !self.keys.is_told(knock.opening.name(), self.now.instant) {
            return;
        }
        let (name, how) = (knock.opening.name(), if knock.key.is_some() { "with another key" } else { "in the clear" });
        let text = format!(
            "Somebody at {} shows a ticket of {name} {how}: refused, as it is not {name}, or somebody stands between",
            knock.from.ip()
        );
        self.info(Place::Person(name.clone()), text);
    }
}
