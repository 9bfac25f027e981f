//! Single messages: delivered directly, or by the server where the other side cannot be reached.

use super::desk::Desk;
use super::event::Event;
use super::link::LinkError;
use super::peer::{self, Introduced, Introduction, PeerLines};
use crate::peer_protocol::Opening;
use crate::protocol::{MemberRequest, Reply, Request};
use crate::value::Address;
use crate::value::Ticket;
use crate::value::Username;

/// Takes `MSG,name,TICKET` and its one line, and shows it.
pub fn receive(desk: &Desk, mut lines: PeerLines, name: Username, ticket: Option<Ticket>) {
    let text = match lines.line() {
        Ok(text) => text,
        Err(why) => return lines.refuse(why),
    };
    let verified = desk.tickets.redeem(&name, ticket);
    desk.screen.show(Event::Message { from: name, text, verified, relayed: false });
    lines.answer(&Reply::Ok(String::new()));
}

/// Sends TEXT to somebody and shows how it went.
///
/// # Errors
/// Why the server gave no answer.
pub fn send(desk: &Desk, to: &Address, text: &str) -> Result<(), LinkError> {
    let request = Request::Member(MemberRequest::Message { text: text.to_owned(), to: to.clone() });
    match peer::introduce(desk, &request)? {
        Introduction::Refused(why) => desk.screen.refuse(why),
        Introduction::Relayed(done) => desk.screen.show(Event::Done { text: done }),
        Introduction::To(introduced) => match deliver(desk, &introduced, text) {
            Ok(()) => desk.screen.show(Event::Done { text: format!("Delivered to {}", introduced.name) }),
            Err(why) => {
                log::info!("{} at {}: {why}", introduced.name, introduced.address);
                relay(desk, &Address::Name(introduced.name), text)?;
            }
        },
    }
    Ok(())
}

/// Has the server hand TEXT over, and shows how it went.
///
/// # Errors
/// Why the server gave no answer.
pub fn relay(desk: &Desk, to: &Address, text: &str) -> Result<(), LinkError> {
    match desk.request(&Request::Member(MemberRequest::Relay { text: text.to_owned(), to: to.clone() }))?.end {
        Reply::Err(why) => desk.screen.refuse(why.to_string()),
        Reply::Ok(done) if !done.is_empty() => desk.screen.show(Event::Done { text: done }),
        _ => desk.screen.show(Event::Done { text: format!("Relayed to {to}") }),
    }
    Ok(())
}

fn deliver(desk: &Desk, to: &Introduced, text: &str) -> Result<(), String> {
    let me = desk.name().ok_or("not logged in")?;
    let opening = Opening::Message { name: me, ticket: Some(to.ticket) };
    let mut lines = peer::dial(to, &opening, &format!("{text}\n")).map_err(|error| error.to_string())?;
    match Reply::parse(&lines.line()?) {
        Reply::Ok(_) => Ok(()),
        other => Err(other.to_string()),
    }
}
