//! Questions to the server whose answers are shown as they come: who is active, where, and who am I.

use super::desk::Desk;
use super::event::Event;
use super::link::LinkError;
use crate::protocol::{MemberRequest, Reply, Request};
use crate::value::comma;

/// Asks the server and shows the data of its answer, a line each, and its end.
///
/// # Errors
/// When there is no answer.
pub fn show(desk: &Desk, request: &Request) -> Result<(), LinkError> {
    let answer = desk.request(request)?;
    for reply in answer.data {
        desk.screen.show(match reply {
            Reply::Client { name, address, guest } => Event::Client { name, address, guest },
            other => Event::Notice { text: other.to_string() },
        });
    }
    show_end(desk, answer.end);
    Ok(())
}

/// The last line of an answer, which says how it went.
fn show_end(desk: &Desk, end: Reply) {
    desk.screen.show(match end {
        Reply::Err(why) => Event::Refused { text: why.to_string() },
        Reply::Ok(text) if !text.is_empty() => Event::Done { text },
        _ => Event::Done { text: "Done".to_owned() },
    });
}

/// Shows the names of the active users.
///
/// # Errors
/// As [`show`].
pub fn show_users(desk: &Desk) -> Result<(), LinkError> {
    match desk.request(&Request::Member(MemberRequest::GetUsers))?.end {
        Reply::Ok(names) => {
            comma::split(&names).into_iter().for_each(|name| desk.screen.show(Event::User { name }));
        }
        end => show_end(desk, end),
    }
    Ok(())
}

/// Shows an answer whose fields read better with spaces than with commas.
///
/// # Errors
/// As [`show`].
pub fn show_fields(desk: &Desk, request: &Request) -> Result<(), LinkError> {
    show_end(
        desk,
        match desk.request(request)?.end {
            Reply::Ok(fields) => Reply::Ok(comma::split(&fields).join(" ")),
            end => end,
        },
    );
    Ok(())
}
