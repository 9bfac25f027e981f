//! What becomes of a request of whoever runs the server: answer lines, as in the protocol: any number of data lines, then
//! one that begins with `OK` or `ERR`. No socket is known here.

use super::request::{ControlRequest, HELP};
use crate::dialect::Dialect;
use crate::net::Shutdown;
use crate::server::service::{Closed, Ended, Rendezvous, Statistic, write};
use crate::value::sentence::counted;
use crate::value::{Moment, Username, comma};
use log::info;
use std::fmt::Display;
use std::net::SocketAddr;

/// What the next line is, and whether there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expects {
    /// A request.
    Request,
    /// The new password of this account.
    Password(Username),
    /// Nothing: the conversation is over.
    Nothing,
}

/// Carries requests out.
pub struct Desk<'a> {
    /// What there is to be done.
    pub services: &'a Rendezvous,
    /// The end of the server.
    pub stop: &'a Shutdown,
}

/// In the place of a number that is not known: what counts it is away.
const UNKNOWN: &str = "not known";

/// The line that ends an answer.
type Outcome = Result<String, String>;

impl Desk<'_> {
    /// Answers a line; what the next one is.
    pub fn answer(&self, line: &str, expects: Expects, answer: &mut String) -> Expects {
        let request = match expects {
            Expects::Password(name) => {
                let done = self.services.set_password(&name, line);
                let done = done.map(|closed| format!("{name} has another password{}", later(closed)));
                end(answer, &format!("passwd {name}"), done);
                return Expects::Request;
            }
            Expects::Request | Expects::Nothing => ControlRequest::parse(line),
        };
        let request = match request {
            Ok(request) => request,
            Err(why) => {
                // A password may have gone astray here: no log shows the line, or what is said of it.
                info!("control: (not a command)");
                write(answer, format_args!("ERR,{why}"));
                return Expects::Request;
            }
        };
        let masked = request.masked();
        if let ControlRequest::Password(name) = &request {
            // Before a password is asked for, and sent, that is of no use.
            if let Err(refusal) = self.services.account_of(name) {
                end(answer, &masked, Err::<String, _>(refusal));
                return Expects::Request;
            }
            write(answer, "OK,Password:");
            return Expects::Password(name.clone());
        }
        let next = match request {
            ControlRequest::Stop | ControlRequest::Quit => Expects::Nothing,
            _ => Expects::Request,
        };
        let done = self.carry_out(request, answer);
        end(answer, &masked, done);
        next
    }

    fn carry_out(&self, request: ControlRequest, answer: &mut String) -> Outcome {
        let services = self.services;
        match request {
            ControlRequest::Help => {
                HELP.iter().for_each(|line| write(answer, format_args!("menu_{line}")));
                Ok(format!("{} commands", HELP.len()))
            }
            ControlRequest::Stats => {
                let all = services.statistics();
                all.iter().for_each(|one| write(answer, statistic(one)));
                Ok(counted(all.len(), "number"))
            }
            ControlRequest::List => Ok(self.list(answer)),
            ControlRequest::Notice(text) => services.tell_everybody(&text).map(said),
            ControlRequest::Kick { name, why } => match services.kick(&name, &why) {
                Some(Ended::Told) => Ok(format!("{name} was told why, and the session is closed")),
                // Between two queries a guest has no connection.
                Some(Ended::NotTold) => Ok(format!("{name} is not listed any more, and could not be told why")),
                Some(Ended::Later) => Ok(format!("{name} is not closed yet{}", later(Closed { now: 0, later: 1 }))),
                Some(Ended::No(why)) => Err(why),
                None => Err(format!("{name} is not here")),
            },
            ControlRequest::Ban { who, time, why } => services.ban(&who, time, &why).map(|(ban, closed)| {
                let is_nobody = closed.now + closed.later == 0 && services.is_nobodys(&who);
                let nobody = if is_nobody { "; nobody has an account of that name" } else { "" };
                let now = counted(closed.now, "session");
                format!("{who} is banned until {}; {now} closed{}{nobody}", ban.end(), later(closed))
            }),
            ControlRequest::Unban(who) => match services.lift_ban(&who)? {
                true => Ok(format!("{who} is not banned any more")),
                false => Err(format!("{who} is not banned")),
            },
            ControlRequest::Bans => {
                let bans = services.list_bans();
                for (who, ban) in &bans {
                    write(answer, Row("ban_", [who.to_string().as_str(), &ban.end(), &ban.why]));
                }
                Ok(counted(bans.len(), "ban"))
            }
            // It was answered already, with a question.
            ControlRequest::Password(name) => Err(format!("The password of {name} is the next line")),
            ControlRequest::Remove(name) => {
                let closed = services.remove_account(&name).map_err(|refusal| refusal.to_string())?;
                Ok(format!("The account {name} is ended{}", later(closed)))
            }
            ControlRequest::Account(account) => {
                let name = account.name.clone();
                services.add_account(account).map_err(|refusal| refusal.to_string())?;
                Ok(format!("The account {name} is there"))
            }
            ControlRequest::Stop => {
                self.stop.trigger();
                Ok("The server stops".to_owned())
            }
            ControlRequest::Quit => Ok("Goodbye".to_owned()),
        }
    }

    fn list(&self, answer: &mut String) -> String {
        let clients = self.services.everybody();
        for client in &clients {
            let account = if client.is_encrypted() { "account-tls" } else { "account" };
            let kind = client.guest.map_or_else(|| account.to_owned(), Dialect::guest);
            let listens = client.port.map(|port| SocketAddr::new(client.address, port).to_string()).unwrap_or_default();
            let (source, since) = (client.source.to_string(), Moment::of(client.since).to_string());
            let state = match (client.active, client.dnd) {
                (false, _) => "inactive",
                (true, true) => "dnd",
                (true, false) => "active",
            };
            write(answer, Row("client_", [client.name.as_str(), &kind, &source, &listens, &since, state]));
        }
        counted(clients.len(), "client")
    }
}

fn said((told, later): (usize, usize)) -> String {
    let later = match later {
        0 => String::new(),
        guests => format!("; {} of the query port will see it in a list", counted(guests, "guest")),
    };
    format!("Said to {}{later}", counted(told, "client"))
}

/// What is said of sessions that are not known to be closed.
fn later(closed: Closed) -> String {
    match closed.later {
        0 => String::new(),
        1 => "; 1 session will be closed as soon as its server, which has not answered, reads of it".to_owned(),
        many => {
            format!("; {many} sessions will be closed as soon as their servers, which have not answered, read of it")
        }
    }
}

fn statistic((what, number, unit): &Statistic) -> impl Display {
    let number = number.map_or_else(|| UNKNOWN.to_owned(), |number| number.to_string());
    Row("stat_", [what.clone(), number, (*unit).to_owned()])
}

fn end(answer: &mut String, asked: &str, done: Result<impl Display, impl Display>) {
    let said = match done {
        Ok(said) => format!("OK,{said}"),
        Err(why) => format!("ERR,{why}"),
    };
    info!("control: {asked} -> {said}");
    write(answer, said);
}

/// A data line: a word, and fields.
struct Row<T, const N: usize>(&'static str, [T; N]);

impl<T: AsRef<str>, const N: usize> Display for Row<T, N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)?;
        comma::write(f, self.1.iter().map(AsRef::as_ref))
    }
}
