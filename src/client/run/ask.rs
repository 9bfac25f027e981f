//! Having a command run by a peer: the asking side of `RUN`.

use crate::client::call::Call;
use crate::client::event::{CallEnd, CallError, Introduced, News};
use crate::client::peer::{PeerConnection, dial};
use crate::peer_protocol::{BadOutcome, Opening, Outcome, Status};
use crate::protocol::MAX_LINE;
use crate::value::Address;
use crate::value::text::show_bytes;
use std::io::Read;
use std::time::Duration;

/// How long the output may take to arrive after the line that announces it.
const OUTPUT_ARRIVES: Duration = Duration::from_secs(10);

/// Asks `on` to run a command, and tells what it wrote. Its end may take `answer`.
pub fn ask(call: Call, on: Address, command: String, answer: Duration) {
    let ran = ask_and_read(&call, on, command, answer);
    call.end(CallEnd::Ran(ran));
}

fn ask_and_read(call: &Call, on: Address, command: String, answer: Duration) -> Result<Status, CallError> {
    let opening = |to: &Introduced| {
        let opening = Opening::Run { name: to.me.clone(), ticket: to.ticket_field(), command: command.clone() };
        if opening.to_string().len() >= MAX_LINE {
            return Err(CallError::Ours(format!("the command is too long for a line of {MAX_LINE} bytes")));
        }
        Ok(opening)
    };
    let (introduced, mut connection) = dial::open(call, on, opening, "")?;
    call.tell(News::Asked { name: introduced.name });
    let read = read(call, &mut connection, answer);
    if read == Err(CallError::Cancelled) {
        // The command is to end there too.
        connection.abort();
    }
    read
}

fn read(call: &Call, connection: &mut PeerConnection, answer: Duration) -> Result<Status, CallError> {
    let fields = dial::answer(call, connection, answer)?;
    let outcome: Outcome = fields.parse().map_err(|bad: BadOutcome| CallError::Perhaps(bad.to_string()))?;
    connection.set_limit(Some(OUTPUT_ARRIVES));
    let mut output = vec![0; outcome.length];
    connection.bytes().read_exact(&mut output).map_err(|error| {
        // The runner closes the stream when the call is given up.
        let why = format!("the output is cut off: {error}");
        if call.is_given_up() { CallError::Cancelled } else { CallError::Perhaps(why) }
    })?;
    let errors = output.split_off(outcome.length - outcome.errors);
    tell(call, &output, false);
    tell(call, &errors, true);
    Ok(outcome.status)
}

fn tell(call: &Call, bytes: &[u8], error: bool) {
    // What stands behind the last line end is a line too, if it is anything.
    let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    for line in text.split(|&byte| byte == b'\n').filter(|_| !bytes.is_empty()) {
        call.tell(News::Output { text: show_bytes(line), error });
    }
}
