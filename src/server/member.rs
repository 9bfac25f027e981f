//! What those who are logged in may ask of the server by the native protocol: a request in, answer lines out.

use super::probe;
use super::rendezvous::{Handled, Introduction, Rendezvous};
use super::roster::{Listed, Seat, files_fit};
use crate::protocol::{MAX_FILES, Refusal, Reply, Request};
use crate::value::Address;
use crate::value::Username;
use crate::value::comma;
use crate::value::sentence::counted;

/// Bytes of a `files_` line, as far as whole names allow.
const FILES_LINE: usize = 4000;

/// What `help` shows after the login.
pub const MENU: [&str; 10] = [
    "1. List of active clients: list",
    "2. Broadcast a message: bcast_TEXT",
    "3. Message a client directly: msg_TEXT_ADDR",
    "4. Connect to a client: connect_ADDR (ADDR is a username, IP:PORT or IP)",
    "5. Message a client through the server: relay_TEXT_ADDR",
    "6. Tell where you listen and what you share: INIT,name,port,file,file... and SHARE,file...",
    "7. Look somebody up: GET_U, GET_P,name, GET_UF,name, GET_AF",
    "8. Come and go: active, inactive",
    "9. Who am I: whoami",
    "0. Leave: quit",
];

/// What comes after the data lines.
pub enum Said {
    /// The line that ends the answer.
    Reply(Reply),
    /// The files of these clients, which may be too many to hold at once; see [`files_lines`].
    Files(Vec<Listed>),
}

/// Carries a request out. Data lines are added to `answer`.
pub fn answer(house: &Rendezvous, seat: &Seat, request: Request, answer: &mut String) -> Said {
    Said::Reply(match request {
        Request::List => list(house, answer),
        Request::Broadcast(text) => match house.broadcast(&seat.name, &text) {
            Ok((seq, clients)) => Reply::Ok(format!("Broadcast {seq} sent to {}", counted(clients, "client"))),
            Err(refusal) => Reply::Err(refusal),
        },
        Request::Message { text, to } => match house.message(seat, &text, &to) {
            Ok(Handled::Introduced(introduction)) => introduce(&introduction, "Deliver it to", answer),
            Ok(Handled::Relayed(name)) => Reply::Ok(format!("Relayed to {name}")),
            Err(refusal) => Reply::Err(refusal),
        },
        Request::Connect(to) => match house.introduce(seat, &to) {
            Ok(introduction) => introduce(&introduction, "Connect to", answer),
            Err(refusal) => Reply::Err(refusal),
        },
        Request::Relay { text, to } => match house.relay(seat, &text, &to) {
            Ok(name) => Reply::Ok(format!("Relayed to {name}")),
            Err(refusal) => Reply::Err(refusal),
        },
        Request::Init { name, port, files } => set_listening(house, seat, &name, &port, files),
        Request::Share(mut files) => {
            files.retain(|file| !file.is_empty());
            match house.roster.add_files(seat, files) {
                true => Reply::Up,
                false => too_many_files(),
            }
        }
        Request::GetUsers => {
            let clients = house.roster.active();
            Reply::Ok(comma::join(clients.iter().map(|client| client.name.as_str())))
        }
        Request::GetPeer(name) => match find_user(house, &name) {
            Some(client) => Reply::Ok(format!("{},{}", client.address, client.port.unwrap_or(0))),
            None => no_such_user(),
        },
        Request::GetUserFiles(name) => match find_user(house, &name) {
            Some(client) => return Said::Files(vec![client]),
            None => no_such_user(),
        },
        Request::GetAllFiles => return Said::Files(house.roster.active()),
        Request::Active => set_active(house, seat, true),
        Request::Inactive => set_active(house, seat, false),
        Request::Whoami => {
            let port = house.roster.port(seat).unwrap_or(0);
            Reply::Ok(format!("{},{},{port}", seat.name, seat.address))
        }
        Request::Probe => probe::reach(seat.address, house.roster.port(seat)),
        // The session answers these itself, whether logged in or not.
        Request::SignupDialogue
        | Request::LoginDialogue
        | Request::Signup { .. }
        | Request::Login { .. }
        | Request::BroadcastDialogue
        | Request::Help
        | Request::Quit(_) => Reply::Err(Refusal::other("Not now")),
    })
}

/// The lines that tell a client's files, each of a size that a person with netcat can read.
pub fn files_lines(client: &Listed) -> impl Iterator<Item = Reply> + '_ {
    let mut rest = client.files.as_slice();
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |file: &&String| {
            bytes += file.len() + 1;
            bytes <= FILES_LINE
        };
        let (some, others) = rest.split_at(rest.iter().take_while(fits).count().max(1).min(rest.len()));
        rest = others;
        (!some.is_empty()).then(|| Reply::Files { name: client.name.clone(), files: some.to_vec() })
    })
}

/// Adds a line to an answer.
pub fn say(answer: &mut String, reply: Reply) {
    answer.push_str(&reply.to_string());
    answer.push('\n');
}

/// Whether `text` is this username.
pub fn is(name: &Username, text: &str) -> bool {
    text.trim().parse() == Ok::<Username, _>(name.clone())
}

fn list(house: &Rendezvous, answer: &mut String) -> Reply {
    let clients = house.roster.active();
    for client in &clients {
        let guest = client.guest.map(|dialect| format!("guest-{dialect}"));
        say(answer, Reply::Client { name: client.name.clone(), address: client.socket(), guest });
    }
    Reply::Ok(counted(clients.len(), "active client"))
}

fn introduce(introduction: &Introduction, what: &str, answer: &mut String) -> Reply {
    let Introduction { name, address, ticket } = introduction;
    say(answer, Reply::Ticket { name: name.clone(), ticket: *ticket });
    say(answer, Reply::Peer(*address));
    Reply::Ok(format!("{what} {name} at {address}"))
}

fn set_listening(house: &Rendezvous, seat: &Seat, name: &str, port: &str, mut files: Vec<String>) -> Reply {
    if !is(&seat.name, name) {
        return Reply::Err(Refusal::Other(format!("You are {0}: send INIT,{0},port", seat.name)));
    }
    let Ok(port @ 1..) = port.trim().parse::<u16>() else {
        return Reply::Err(Refusal::other("The port is a number from 1 to 65535"));
    };
    files.retain(|file| !file.is_empty());
    if !files_fit(&files) {
        return too_many_files();
    }
    match house.roster.set_listening(seat, port, files) {
        true => Reply::Up,
        false => Reply::Ok(String::new()),
    }
}

fn set_active(house: &Rendezvous, seat: &Seat, active: bool) -> Reply {
    let word = if active { "active" } else { "inactive" };
    match house.roster.set_active(seat, active) {
        true => Reply::Ok(format!("You are {word} now")),
        false => Reply::Ok(format!("You were {word} already")),
    }
}

fn find_user(house: &Rendezvous, name: &str) -> Option<Listed> {
    let name = name.trim().parse().ok()?;
    house.roster.find(&Address::Name(name)).ok()
}

fn no_such_user() -> Reply {
    Reply::Err(Refusal::UserNotFound)
}

fn too_many_files() -> Reply {
    let most = format!("at most {MAX_FILES} names and 1 MiB of them");
    Reply::Err(Refusal::Other(format!("Too many files: {most}; none are listed now")))
}
