//! What those who are logged in may ask of the server by the native protocol: a request in, answer lines out.

use super::probe::Probe;
use super::rendezvous::{Handled, Introduction, Rendezvous};
use crate::dialect::Dialect;
use crate::protocol::{BroadcastText, Done, MAX_FILES, MemberRequest, Refusal, Reply};
use crate::server::auth::PasswordChange;
use crate::server::clients::{Change, ClientSnapshot, FileNames, Listed, SessionKey};
use crate::server::directory::{Away, MAX_TOGETHER};
use crate::value::comma;
use crate::value::sentence::counted;
use crate::value::{Address, Ticket, Username};
use std::fmt::{Display, Write};
use std::net::SocketAddr;
use std::time::UNIX_EPOCH;

/// Bytes of a `files_` line, as far as whole names allow.
const FILES_LINE: usize = 4000;

/// What `help` shows after the login. It stands in the answer to a login too, all of which goes through a network that
/// swallows what is larger than 700 bytes: a longer menu would keep people out there.
pub const MENU: [&str; 10] = [
    "1. List of active clients: list",
    "2. Broadcast a message: bcast_TEXT",
    "3. Message a client directly: msg_TEXT_ADDR",
    "4. Connect to a client: connect_ADDR (ADDR is a username, IP:PORT or IP)",
    "5. Message a client through the server: relay_TEXT_ADDR",
    "6. Tell where you listen and what you share: INIT,name,port,file,file... and SHARE,file...",
    "7. Look somebody up: who, GET_U, GET_P,name, GET_UF,name, GET_AF",
    "8. Come and go: active, inactive, dnd_on, dnd_off, watch",
    "9. Yourself: whoami, passwd",
    "0. Leave: quit",
];

/// What comes after the data lines.
pub enum Answered {
    /// The line that ends the answer.
    Reply(Reply),
    /// That line is among the data lines.
    Written,
    /// The files of these clients, which may be too many to hold at once; see [`files_lines`].
    Files(Vec<ClientSnapshot>),
    /// Whether others reach the client, which takes up to 3 s to find out. The data lines leave before: the client
    /// learns the ticket by them.
    Probe(Probe),
    /// This is to be broadcast: nothing is answered before [`broadcast`] is called with it.
    Broadcast(BroadcastText),
    /// The next line is the text of a broadcast.
    AskForBroadcast,
    /// The list, and what follows it: events that are not to come before it.
    Watch,
    /// The next line is the password that there is.
    AskForPassword,
    /// Hash, and change the password.
    ChangePassword(PasswordChange),
}

/// Decides what is done about a request, and does what does not wait. Data lines are added to `answer`.
///
/// What it does is out of line, each on its own: the frame of one is not to lie on a session's stack under the others.
pub fn answer(services: &Rendezvous, key: &SessionKey, request: MemberRequest, answer: &mut String) -> Answered {
    Answered::Reply(match request {
        MemberRequest::List => list(services, key, answer),
        MemberRequest::BroadcastDialogue => return Answered::AskForBroadcast,
        MemberRequest::Broadcast(text) => return Answered::Broadcast(text),
        MemberRequest::Message { text, to } => message(services, key, &text, &to, answer),
        MemberRequest::Connect(to) => connect(services, key, &to, answer),
        MemberRequest::Relay { text, to } => relay(services, key, &text, &to),
        MemberRequest::Init { name, port, files } => set_listening(services, key, &name, &port, &files),
        MemberRequest::Reach(port) => set_reach(services, key, &port),
        MemberRequest::Share(files) => share(services, key, &files),
        MemberRequest::GetUsers => users(services),
        MemberRequest::GetPeer(name) => return peer(services, key, &name, answer),
        MemberRequest::GetUserFiles(name) => return user_files(services, &name),
        MemberRequest::GetAllFiles => return Answered::Files(services.active()),
        MemberRequest::Active => set_active(services, key, true),
        MemberRequest::Inactive => set_active(services, key, false),
        MemberRequest::Whoami => return whoami(services, key, answer),
        // That it came was counted already.
        MemberRequest::Here => Reply::Ok(String::new()),
        MemberRequest::Probe => return probe(services, key, answer),
        MemberRequest::Watch => return Answered::Watch,
        MemberRequest::Unwatch => {
            services.unwatch(key);
            Reply::Ok(String::new())
        }
        MemberRequest::Who => who(services, key, answer),
        MemberRequest::DoNotDisturb(dnd) => {
            services.directory.change(key, Change::Dnd(dnd)).map_or_else(not_now, |_| Reply::Ok(String::new()))
        }
        MemberRequest::PasswordDialogue => return Answered::AskForPassword,
        MemberRequest::ChangePassword { old, new } => return Answered::ChangePassword(PasswordChange { old, new }),
    })
}

/// Broadcasts these texts; the answers to them, in order, or none: see [`Rendezvous::broadcast`].
pub fn broadcast(services: &Rendezvous, key: &SessionKey, texts: &[BroadcastText]) -> impl Iterator<Item = Reply> {
    texts
        .chunks(MAX_TOGETHER)
        .map_while(|texts| {
            let taken = services.broadcast(key, texts).transpose()?;
            Some((0..texts.len() as u64).map(move |number| match &taken {
                Ok((first, clients)) => {
                    Reply::Ok(format!("Broadcast {} sent to {}", first + number, counted(*clients, "client")))
                }
                Err(refusal) => Reply::Err(refusal.clone()),
            }))
        })
        .flatten()
}

/// The lines that tell a client's files, each of a size that a person with netcat can read.
pub fn files_lines<'a>(name: &'a Username, files: &'a FileNames) -> impl Iterator<Item = Reply> + 'a {
    let mut rest = files.iter().peekable();
    std::iter::from_fn(move || {
        let mut files = vec![rest.next()?.to_owned()];
        let mut bytes = files[0].len() + 1;
        while let Some(file) = rest.next_if(|file| bytes + file.len() < FILES_LINE) {
            bytes += file.len() + 1;
            files.push(file.to_owned());
        }
        Some(Reply::Files { name: name.clone(), files })
    })
}

/// Adds a line to an answer.
pub fn write(answer: &mut String, line: impl Display) {
    // A String takes every write.
    let _ = writeln!(answer, "{line}");
}

/// Whether `text` is this username.
pub fn is(name: &Username, text: &str) -> bool {
    text.trim().parse() == Ok::<Username, _>(name.clone())
}

#[inline(never)]
fn list(services: &Rendezvous, key: &SessionKey, answer: &mut String) -> Reply {
    write_list(services.list(key.view), answer)
}

/// Adds the lines of a list to an answer; gives its last one.
pub fn write_list(clients: Vec<Listed>, answer: &mut String) -> Reply {
    let count = clients.len();
    for Listed { name, address, guest, .. } in clients {
        write(answer, Reply::Client { name, address, guest: guest.map(Dialect::guest) });
    }
    Reply::Ok(counted(count, "active client"))
}

#[inline(never)]
fn who(services: &Rendezvous, key: &SessionKey, answer: &mut String) -> Reply {
    let clients = services.list(key.view);
    let count = clients.len();
    for Listed { name, address, guest, since, dnd } in clients {
        let since = since.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        write(answer, Reply::Person { name, address, since, dnd, guest: guest.map(Dialect::guest) });
    }
    Reply::Ok(counted(count, "active client"))
}

#[inline(never)]
fn message(services: &Rendezvous, key: &SessionKey, text: &str, to: &Address, answer: &mut String) -> Reply {
    match services.message(key, text, to) {
        Ok(Handled::Introduced(introduction)) => introduce(&introduction, "Deliver it to", answer),
        Ok(Handled::Relayed(name)) => Reply::Ok(format!("Relayed to {name}")),
        Err(refusal) => Reply::Err(refusal),
    }
}

#[inline(never)]
fn connect(services: &Rendezvous, key: &SessionKey, to: &Address, answer: &mut String) -> Reply {
    match services.introduce(key, to) {
        Ok(introduction) => introduce(&introduction, "Connect to", answer),
        Err(refusal) => Reply::Err(refusal),
    }
}

#[inline(never)]
fn relay(services: &Rendezvous, key: &SessionKey, text: &str, to: &Address) -> Reply {
    match services.relay(key, text, to) {
        Ok(name) => Reply::Ok(format!("Relayed to {name}")),
        Err(refusal) => Reply::Err(refusal),
    }
}

#[inline(never)]
fn users(services: &Rendezvous) -> Reply {
    let names = services.active_names();
    Reply::Ok(comma::join(names.iter().map(Username::as_str)))
}

#[inline(never)]
fn peer(services: &Rendezvous, key: &SessionKey, name: &str, answer: &mut String) -> Answered {
    let Some(at) = services.find_address(name, key.view) else {
        return Answered::Reply(Reply::Err(Refusal::UserNotFound));
    };
    write(answer, Done(format_args!("{},{}", at.ip(), at.port())));
    Answered::Written
}

#[inline(never)]
fn user_files(services: &Rendezvous, name: &str) -> Answered {
    match services.find_user(name) {
        Some(client) => Answered::Files(vec![client]),
        None => Answered::Reply(Reply::Err(Refusal::UserNotFound)),
    }
}

#[inline(never)]
fn whoami(services: &Rendezvous, key: &SessionKey, answer: &mut String) -> Answered {
    let port = services.clients.port(key).unwrap_or(0);
    write(answer, Done(format_args!("{},{},{port}", key.name, key.address)));
    Answered::Written
}

#[inline(never)]
fn probe(services: &Rendezvous, key: &SessionKey, answer: &mut String) -> Answered {
    let Some(port) = services.clients.port(key) else {
        return Answered::Reply(Reply::Err(Refusal::other("You do not listen: send INIT,name,port")));
    };
    let (name, ticket) = (key.name.clone(), Ticket::draw());
    write(answer, Reply::Ticket { name: name.clone(), ticket });
    Answered::Probe(Probe { name, ticket, address: SocketAddr::new(key.address, port) })
}

#[inline(never)]
fn introduce(introduction: &Introduction, what: &str, answer: &mut String) -> Reply {
    let Introduction { name, address, ticket, key } = introduction;
    if let Some(key) = key {
        write(answer, Reply::Key { name: name.clone(), key: *key });
    }
    write(answer, Reply::Ticket { name: name.clone(), ticket: *ticket });
    write(answer, Reply::Peer(*address));
    Reply::Ok(format!("{what} {name} at {address}"))
}

#[inline(never)]
fn set_listening(services: &Rendezvous, key: &SessionKey, name: &str, port: &str, files: &[String]) -> Reply {
    if !is(&key.name, name) {
        return Reply::Err(Refusal::Other(format!("You are {0}: send INIT,{0},port", key.name)));
    }
    let Ok(port @ 1..) = port.trim().parse::<u16>() else {
        return Reply::Err(Refusal::other("The port is a number from 1 to 65535"));
    };
    let Some(files) = FileNames::new(files.iter().map(String::as_str)) else { return too_many_files() };
    match services.directory.change(key, Change::Listens { port, files }) {
        Ok(true) => Reply::Up,
        Ok(false) => Reply::Ok(String::new()),
        Err(away) => not_now(away),
    }
}

#[inline(never)]
fn set_reach(services: &Rendezvous, key: &SessionKey, port: &str) -> Reply {
    if !key.address.is_loopback() {
        let sentence = format!("REACH is for clients on the server's own machine: you are reached at {}", key.address);
        return Reply::Err(Refusal::Other(sentence));
    }
    let Ok(port) = port.trim().parse() else {
        return Reply::Err(Refusal::other("The port is a number from 0 to 65535; 0 takes it back"));
    };
    match services.directory.change(key, Change::Reach(port)) {
        Ok(true) => Reply::Up,
        Ok(false) => Reply::Err(Refusal::other("You do not listen: send INIT,name,port first")),
        Err(away) => not_now(away),
    }
}

#[inline(never)]
fn share(services: &Rendezvous, key: &SessionKey, files: &[String]) -> Reply {
    match services.directory.change(key, Change::Shares(files)) {
        Ok(true) => Reply::Up,
        Ok(false) => too_many_files(),
        Err(away) => not_now(away),
    }
}

#[inline(never)]
fn set_active(services: &Rendezvous, key: &SessionKey, active: bool) -> Reply {
    let word = if active { "active" } else { "inactive" };
    match services.directory.change(key, Change::Active(active)) {
        Ok(true) => Reply::Ok(format!("You are {word} now")),
        Ok(false) => Reply::Ok(format!("You were {word} already")),
        Err(away) => not_now(away),
    }
}

fn not_now(away: Away) -> Reply {
    Reply::Err(away.into())
}

fn too_many_files() -> Reply {
    let most = format!("at most {MAX_FILES} names and 1 MiB of them");
    Reply::Err(Refusal::Other(format!("Too many files: {most}; none are listed now")))
}
