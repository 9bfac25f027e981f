//! One chat, from the request to its end, on a thread of its own: whichever side asked.

use super::chat::{Chat, ChatId};
use super::desk::Desk;
use super::event::Event;
use super::peer::{self, Heard, Introduced, Introduction, PeerLines};
use super::question::{Verdict, Wish};
use crate::net::listener;
use crate::peer_protocol::Opening;
use crate::protocol::{MemberRequest, Reply, Request};
use crate::value::Address;
use crate::value::Ticket;
use crate::value::Username;
use std::time::Duration;

/// How much longer than a person has to answer we wait for the answer of the other side: the way to us.
const ON_THE_WAY: Duration = Duration::from_secs(5);

/// Takes `CHAT,name,TICKET`: asks the person, waits for the answer, talks.
pub fn receive(desk: &Desk, lines: PeerLines, name: Username, ticket: Option<Ticket>) {
    let verified = desk.tickets.redeem(&name, ticket);
    let Some(chat) = desk.chats.offer(name.clone(), verified, lines.stream.clone()) else {
        return lines.refuse("busy");
    };
    let talk_with = Talk { id: chat.id(), name: name.clone(), verified };
    let Some(question) = desk.questions.put(name.clone(), Wish::Chat(chat)) else {
        return lines.refuse("busy");
    };
    desk.screen.show(Event::ChatRequest { from: name.clone(), verified });
    desk.waker.nudge();
    match question.wait(&lines.stream, desk.answer_limit) {
        // What they have said already is still to be read.
        Verdict::Yes => return talk(desk, lines, talk_with, Heard::Nothing),
        Verdict::No => return lines.refuse("declined"),
        Verdict::NoAnswer => lines.refuse("no answer"),
        Verdict::HungUp => {}
    }
    desk.screen.show(Event::ChatMissed { from: name });
}

/// Takes a chat that was asked for.
///
/// # Errors
/// A sentence: they are gone.
pub fn accept(desk: &Desk, chat: Chat) -> Result<(), String> {
    let (with, verified) = (chat.name.clone(), chat.verified);
    desk.chats.accept(chat).map_err(|_| format!("{with} has hung up"))?;
    desk.screen.show(Event::ChatOpened { with, verified });
    Ok(())
}

/// Asks somebody for a chat, and talks when they accept. `id` is the request's, from [`super::chat::Chats::call`].
pub fn call(desk: &Desk, id: ChatId, to: &Address) {
    let refused = |reason: String| {
        if desk.chats.give_up(id) {
            desk.screen.show(Event::ChatRefused { by: to.to_string(), reason });
            desk.waker.wake();
        }
    };
    let introduced = match peer::introduce(desk, &Request::Member(MemberRequest::Connect(to.clone()))) {
        Ok(Introduction::To(introduced)) => introduced,
        Ok(Introduction::Refused(why) | Introduction::Relayed(why)) => return refused(why),
        Err(error) => return refused(error.to_string()),
    };
    match ask(desk, id, &introduced) {
        Ok(Some(lines)) => {
            let name = introduced.name;
            desk.screen.show(Event::ChatOpened { with: name.clone(), verified: true });
            desk.waker.wake();
            let stream = lines.stream.clone();
            talk(desk, lines, Talk { id, name, verified: true }, Heard::Nothing);
            listener::close_gently(&stream);
        }
        Ok(None) => {}
        Err(why) => refused(why),
    }
}

/// `None` when the request was cancelled.
fn ask(desk: &Desk, id: ChatId, to: &Introduced) -> Result<Option<PeerLines>, String> {
    let me = desk.name().ok_or("not logged in")?;
    let opening = Opening::Chat { name: me, ticket: Some(to.ticket) };
    let mut lines =
        peer::dial(to, &opening, "").map_err(|error| format!("not reachable at {}: {error}", to.address))?;
    if !desk.chats.connected(id, &lines.stream) {
        return Ok(None);
    }
    lines.set_limit(Some(desk.answer_limit + ON_THE_WAY));
    match Reply::parse(&lines.line()?) {
        Reply::Ok(_) => {}
        Reply::Err(why) => return Err(why.to_string()),
        other => return Err(format!("no answer but {other}")),
    }
    Ok(desk.chats.accepted(id, to.name.clone(), &lines.stream).then_some(lines))
}

/// With whom.
struct Talk {
    id: ChatId,
    name: Username,
    verified: bool,
}

/// Shows every line of the other side, from `heard` on, until one side ends the chat.
fn talk(desk: &Desk, mut lines: PeerLines, talk: Talk, mut heard: Heard) {
    lines.set_limit(None);
    let why = loop {
        match heard {
            Heard::Line(text) => {
                let foreground = desk.chats.is_foreground(talk.id);
                let (from, verified) = (talk.name.clone(), talk.verified);
                desk.screen.show(Event::ChatLine { from, verified, text, foreground });
            }
            Heard::NoLine(bad) => desk.screen.info(format!("{} sent something that is not shown: {bad}", talk.name)),
            Heard::Nothing => {}
            Heard::End => break "the other side left".to_owned(),
            Heard::Lost(error) => break error.to_string(),
        }
        heard = lines.hear();
    };
    if desk.chats.ended(talk.id) {
        desk.screen.show(Event::ChatClosed { with: talk.name, why });
        desk.waker.wake();
    }
}
