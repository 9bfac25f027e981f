//! Level 4: who is there, and what they share; and that whoever has left is gone.

use crate::check::{Check, Kind};
use crate::conversation::Client;
use crate::fault::{Because, Fault, Verdict};
use crate::stage::Stage;
use std::thread;
use std::time::{Duration, Instant};

/// How long somebody who has left may be in the list.
const GONE: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(50);

const CLIENTS: &str = "src/server/clients/client_map.rs";

pub const CHECKS: [Check; 5] = [
    Check {
        level: 4,
        name: "list",
        points: 2,
        sent: "alice, Bob and carol are logged in; `list`, `GET_U`",
        accepted: "three lines `client_NAME_IP:PORT` and `OK,3 ...`; `OK,` with the three names",
        why: "It is what a rendezvous server is for.",
        section: "Looking",
        source: CLIENTS,
        play: list,
        ..Check::PLAIN
    },
    Check {
        level: 4,
        name: "departed",
        points: 2,
        sent: "Bob's connection is broken off by RST, carol closes hers by FIN; `GET_U`",
        accepted: "both are gone within 2 s",
        why: "The end of a connection is news: a `read` of 0 bytes, or an error, says that somebody has left.",
        section: "Leaving",
        source: CLIENTS,
        play: departed,
        ..Check::PLAIN
    },
    Check {
        level: 4,
        name: "init-up",
        points: 2,
        kind: Kind::Detail,
        sent: "`INIT,alice,4401,x,\"a, b\"` twice, `SHARE,c`; `GET_P,alice`, `GET_UF,alice`, `GET_P,nobody`",
        accepted: "`OK`, `UP`, `UP`; `OK,IP,4401`; `files_alice,x,\"a, b\",c` and `OK,3 files`; `ERR,...`",
        why: "Told twice is not two; and a name with a comma in it is still one name.",
        section: "Being found",
        source: CLIENTS,
        play: init_up,
        ..Check::PLAIN
    },
    Check {
        level: 4,
        name: "inactive",
        points: 1,
        kind: Kind::Detail,
        sent: "`inactive`; a broadcast of another; `active`",
        accepted: "not listed, gets the broadcast; listed again",
        why: "Not to be found is not the same as not to be there.",
        section: "active and inactive",
        source: "src/server/service/member.rs",
        play: inactive,
        ..Check::PLAIN
    },
    Check {
        level: 4,
        name: "bad-port",
        points: 2,
        sent: "`INIT,alice,4401`; `INIT,alice,` with 0, 70000, -1, x, 20 digits, nothing; `INIT`, `INIT,`, `GET_P,`, \
               `connect_`, `msg_`, `msg_x`, `relay_`",
        accepted: "`OK`; `ERR,...` each, and the session goes on",
        why: "A line from outside is a text. Whoever takes a number or a field of it without a look ends the thread, or the \
              server.",
        section: "Being found",
        source: "src/server/service/member.rs",
        play: bad_port,
        ..Check::PLAIN
    },
];

/// The names that `GET_U` gives.
fn names(client: &mut Client) -> Verdict<Vec<String>> {
    let answer = client.ok("GET_U")?;
    Ok(answer.last.split(',').skip(1).map(str::to_owned).collect())
}

fn list(stage: &mut Stage) -> Verdict {
    let mut clients = stage.members(&["alice", "Bob", "carol"])?;
    let own: Vec<String> = clients.iter().map(|client| client.name.clone()).collect();
    let a = &mut clients[0];
    let answer = a.ok("list")?;
    for name in &own {
        let is_there = answer.count(&format!("client_{name}_")) == 1;
        a.want(
            is_there,
            &format!("before it one line client_{name}_IP:PORT"),
            "Somebody who is logged in is not listed.",
        )?;
        let place = answer.after(&format!("client_{name}_")).unwrap_or_default();
        let has_port = place.rsplit_once(':').is_some_and(|(ip, port)| !ip.is_empty() && port.parse::<u16>().is_ok());
        a.want(has_port, "before it lines client_NAME_IP:PORT", "A line of the list has no address.")?;
    }
    let count = answer.count("client_");
    let is_counted = answer.last.starts_with(&format!("OK,{count} "));
    a.want(is_counted, &format!("OK,{count} active clients"), "The number is not that of the lines.")?;
    let names = names(a)?;
    let all_there = own.iter().all(|name| names.iter().filter(|other| *other == name).count() == 1);
    a.want(all_there, "OK,name,name... with each of the three once", "GET_U does not name everybody who is there.")
}

/// Asks until these are gone.
pub fn wait_until_gone(client: &mut Client, gone: &[String], limit: Duration) -> Verdict {
    let until = Instant::now() + limit;
    loop {
        let names = names(client)?;
        let Some(ghost) = gone.iter().find(|name| names.contains(name)) else { return Ok(()) };
        if Instant::now() > until {
            return Err(
                client.wrong(&format!("the names without {ghost}"), "Somebody who has left is still in the list.")
            );
        }
        thread::sleep(POLL);
    }
}

fn departed(stage: &mut Stage) -> Verdict {
    let (mut a, bob, carol) = three(stage.members(&["alice", "Bob", "carol"])?)?;
    let gone = [bob.name.clone(), carol.name.clone()];
    bob.reset();
    carol.leave();
    wait_until_gone(&mut a, &gone, GONE.max(stage.limits.soon * 2))
}

/// Three clients, each by itself.
fn three(clients: Vec<Client>) -> Verdict<(Client, Client, Client)> {
    let mut clients = clients.into_iter();
    match (clients.next(), clients.next(), clients.next()) {
        (Some(a), Some(b), Some(c)) => Ok((a, b, c)),
        _ => Err(Fault::grader("make three clients", "there are fewer")),
    }
}

fn init_up(stage: &mut Stage) -> Verdict {
    let mut a = stage.member("alice")?;
    let name = a.name.clone();
    let init = format!("INIT,{name},4401,x,\"a, b\"");
    let first = a.ask(&init)?;
    a.want(first.last == "OK", "OK", "The first INIT is answered with OK.")?;
    for line in [init.as_str(), "SHARE,c"] {
        let again = a.ask(line)?;
        a.want(again.last == "UP", "UP", "What replaces or adds to what was told before is answered with UP.")?;
    }
    let found = a.ok(&format!("GET_P,{name}"))?;
    let is_found = found.last.starts_with("OK,") && found.last.ends_with(",4401");
    a.want(is_found, "OK,IP,4401", "GET_P does not tell the port of INIT.")?;
    let files = a.ok(&format!("GET_UF,{name}"))?;
    let told: Vec<&str> = files.data.iter().filter_map(|line| line.strip_prefix(&format!("files_{name},"))).collect();
    let expected = format!("files_{name},x,\"a, b\",c");
    a.want(
        told.join(",") == "x,\"a, b\",c",
        &format!("before it {expected}"),
        "The names of files are not those of INIT and SHARE.",
    )?;
    a.want(files.last.starts_with("OK,3 "), "OK,3 files", "The number of files is wrong: told twice is not two.")?;
    a.err(&format!("GET_P,{}", stage.name("nobody"))).map(drop)
}

fn inactive(stage: &mut Stage) -> Verdict {
    let mut clients = stage.members(&["alice", "bob"])?;
    let alice = clients[0].name.clone();
    clients[0].ok("inactive")?;
    let hidden = !names(&mut clients[1])?.contains(&alice);
    clients[1].want(hidden, "the names without hers", "Who is inactive is listed all the same.")?;
    clients[1].ok("bcast_are you there?")?;
    clients[0].broadcast("the broadcast").because("Who is inactive gets no broadcasts.")?;
    clients[0].ok("active")?;
    let listed = names(&mut clients[1])?.contains(&alice);
    clients[1].want(listed, "the names with hers", "Who is active again is not listed.")
}

fn bad_port(stage: &mut Stage) -> Verdict {
    let mut a = stage.member("alice")?;
    stage.init(&mut a)?;
    for port in ["0", "70000", "-1", "x", "12345678901234567890", ""] {
        a.err(&format!("INIT,{},{port}", a.name)).because("A port that is none was taken.")?;
    }
    for line in ["INIT", "INIT,", "GET_P,", "connect_", "msg_", "msg_x", "relay_"] {
        a.err(line).when_missing("A line that lacks what belongs behind its word is not answered.")?;
    }
    a.barrier()
}
