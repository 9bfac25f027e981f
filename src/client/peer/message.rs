//! Single messages, both ways. Whether the server carries one that did not arrive is decided elsewhere.

use super::connection::PeerConnection;
use super::dial;
use super::knock::note_ticket;
use crate::client::call::{Call, Woken};
use crate::client::event::{CallEnd, CallError, Introduced, Order};
use crate::peer_protocol::{Answer, Opening};
use crate::protocol::MAX_LINE;
use crate::value::{Address, Username};
use std::time::Duration;

/// How long the answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// Delivers one line.
pub fn send(call: Call, to: Address, text: &str) {
    let end = CallEnd::Message(deliver(&call, to, text));
    call.end(end);
}

fn deliver(call: &Call, to: Address, text: &str) -> Result<Username, CallError> {
    if text.len() >= MAX_LINE {
        return Err(CallError::Ours(format!("the text is too long for a line of {MAX_LINE} bytes")));
    }
    let opening = |to: &Introduced| Ok(Opening::Message { name: to.me.clone(), ticket: to.ticket_field() });
    let (introduced, ..) = dial::call(call, to, opening, &format!("{text}\n"), ANSWER)?;
    Ok(introduced.name)
}

/// Serves a message, or a probe, of which the App knows: it answers at once, so nothing is watched meanwhile.
pub fn serve(call: &Call, connection: &PeerConnection) -> CallEnd {
    let Woken::Order(order) = call.wait(None, None) else { return CallEnd::Over };
    note_ticket(connection, &order);
    match order {
        Order::Accept => connection.answer(&Answer::Ok(String::new())),
        Order::Refuse(why) => connection.refuse(why),
        _ => {}
    }
    CallEnd::Over
}
