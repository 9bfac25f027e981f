//! The words that two people compare, both ways: each side makes them of the connection, and they are not sent.

use super::connection::PeerConnection;
use super::dial;
use crate::client::call::{Call, Woken};
use crate::client::event::{CallEnd, CallError, Introduced, News, Order};
use crate::peer_protocol::{Answer, Opening};
use crate::value::{Address, Spoken, Username};
use std::time::Duration;

/// How long the answer may take. Nobody is asked.
const ANSWER: Duration = Duration::from_secs(10);

/// Has both sides show the words of a connection that is made for that.
///
/// # Errors
/// As [`dial::call`].
pub fn ask(call: &Call, with: Username) -> Result<(Username, Spoken), CallError> {
    let opening = |to: &Introduced| match to.key {
        Some(_) => Ok(Opening::Verify { name: to.me.clone(), ticket: to.ticket_field() }),
        // The App sends nobody here of whom it knows no key.
        None => Err(CallError::Ours("there is no key to verify".to_owned())),
    };
    let (introduced, connection, _) = dial::call(call, Address::Name(with), opening, "", ANSWER)?;
    let words = connection.words().ok_or_else(|| CallError::Perhaps("the connection has no words".to_owned()))?;
    Ok((introduced.name, words))
}

/// Serves a `VERIFY`, of which the App knows. The words are told first: whoever hears the answer may begin anew at once,
/// and what is told last is what counts on both sides.
pub fn serve(call: &Call, connection: &PeerConnection) -> CallEnd {
    match (call.wait(None, None), connection.words()) {
        (Woken::Order(Order::Accept), Some(words)) => {
            call.tell(News::Words(words));
            connection.answer(&Answer::Ok(String::new()));
        }
        (Woken::Order(Order::Refuse(why)), _) => connection.refuse(why),
        _ => {}
    }
    CallEnd::Over
}
