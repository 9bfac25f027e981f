//! Single messages, both ways. Whether the server carries one that did not arrive is decided elsewhere.

use super::connection::PeerConnection;
use super::dial;
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
    match call.wait(None, None) {
        Woken::Order(Order::Accept) => connection.answer(&Answer::Ok(String::new())),
        Woken::Order(Order::Refuse(why)) => connection.refuse(why),
        Woken::Order(_) | Woken::Socket | Woken::Late | Woken::GivenUp => {}
    }
    CallEnd::Over
}
