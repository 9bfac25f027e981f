//! What the answer to a login begins with. No socket is known here.

use crate::protocol::{Event, Reply};
use crate::server::service::{Login, LoginState, MENU, Rendezvous, write};

/// The commands of who is not logged in.
pub const MENU_OUTSIDE: [&str; 4] = [
    "login: log in (then name and password, a line each)",
    "signup: make an account (then name, password and password again, a line each)",
    "LOGIN,name,password and SIGNUP,name,password: the same in one line",
    "quit: leave",
];

/// Room for the answer to a login, which every client gets. It is taken at once, and is more than the 1,032 bytes up to
/// which glibc keeps a piece that is given back for the same thread alone: with a thread for each client, the pieces of
/// an answer that grows as it is written would stay with all of them.
const LONG_ANSWER: usize = 1500;

/// Writes what a client is told that has logged in, up to the end of the answer; `servers` is where the servers of the house are.
#[inline(never)]
pub fn write_welcome(
    services: &Rendezvous,
    state: &LoginState<'_>,
    login: &Login,
    servers: &[Event],
    answer: &mut String,
) {
    answer.reserve(LONG_ANSWER);
    // Whose broadcasts nobody else is to read has them on this connection.
    if !state.is_encrypted() {
        write(answer, Reply::Udp(login.token));
    }
    if let Some(epoch) = services.epoch() {
        write(answer, Reply::Epoch(epoch));
    }
    if let Some(token) = login.again {
        write(answer, Reply::Again(token));
    }
    servers.iter().for_each(|line| write(answer, line));
    write(answer, Reply::Ip(login.key.address));
    write(answer, Reply::Name(login.key.name.clone()));
    if state.may_reach_all() {
        write(answer, Reply::ReachAll);
        if services.config.bind.is_ipv6() {
            write(answer, Reply::ReachIpv6);
        }
    }
    write_menu(&MENU, answer);
}

/// Writes a menu.
pub fn write_menu(menu: &[&str], answer: &mut String) {
    menu.iter().for_each(|line| write(answer, Reply::Menu((*line).to_owned())));
}
