//! Level 10: the rules of the house, each of which the server's command line sets to milliseconds.

use super::inbox::{Inbox, play_until_all_are_there};
use crate::check::{Check, Kind, Rule, Value};
use crate::conversation::Client;
use crate::fault::{Because, Verdict};
use crate::limits::SILENCE;
use crate::stage::{PASSWORD, Stage};
use std::thread;
use std::time::{Duration, Instant};

/// Times of the rules in these checks, in milliseconds.
const IDLE: u64 = 1200;
const RELOGIN: u64 = 800;
const HISTORY: u64 = 600;
const LOGIN: u64 = 500;
/// What of a time must be over: clocks are read at different moments.
const NEARLY: f64 = 0.95;
/// Lines at once where 20 a second are allowed, and 40 in a burst.
const LINES: usize = 100;
const A_SECOND: usize = 20;
const FEWEST: usize = 30;
const MOST: usize = 60;
/// How long after them one more is sent.
const AFTER: Duration = Duration::from_millis(200);
/// Broadcasts while the server drops datagrams.
const BROADCASTS: u64 = 40;
const APART: Duration = Duration::from_millis(5);
const OLDEST: &str = "src/server/store/history.rs";

pub const CHECKS: [Check; 9] = [
    Check {
        level: 10,
        name: "full",
        points: 2,
        kind: Kind::House,
        sent: "three log in where three may, and a fourth connects; one leaves. Then three that have not logged in, and a fourth",
        accepted: "`ERR,...` and the end; then there is room. One of the three is told by a `notice_` and gives way, or the \
                   fourth is refused",
        why: "A refusal says why; and silent connections must not keep out whoever wants to log in.",
        section: "Rules of the house",
        source: "src/net/places.rs",
        house: &[(Rule::Max, Value::Number("3"))],
        play: full,
        ..Check::PLAIN
    },
    Check {
        level: 10,
        name: "takeover",
        points: 2,
        kind: Kind::Detail,
        sent: "alice is logged in, and logs in once more",
        accepted: "the older connection gets a `notice_...` and is closed, the new one works",
        why: "After a cut the old connection is a ghost. It must not keep its owner out.",
        section: "Rules of the house",
        source: "src/server/service/login.rs",
        play: takeover,
        ..Check::PLAIN
    },
    Check {
        level: 10,
        name: "guessing",
        points: 1,
        kind: Kind::Detail,
        sent: "two wrong passwords of alice's, one behind the other; then the right one on another connection",
        accepted: "the second answer a second later, or `ERR,Too many...`; the right one gets in, perhaps late",
        why: "Guessing must cost time, and must not shut out the owner of the name.",
        section: "Rules of the house",
        source: "src/server/auth/turns.rs",
        play: guessing,
        ..Check::PLAIN
    },
    Check {
        level: 10,
        name: "idle",
        points: 3,
        kind: Kind::House,
        sent: "A is silent after its login, B goes on asking",
        accepted: "A gets a `notice_...`, then `notice_Inactive...` after 1.2 s, and is closed; B stays",
        why: "A warning comes first. The clock is one that nobody sets: the time of day may jump.",
        section: "Rules of the house",
        source: "src/net/deadline.rs",
        house: &[(Rule::Idle, Value::Millis(IDLE))],
        play: idle,
        ..Check::PLAIN
    },
    Check {
        level: 10,
        name: "login-limit",
        points: 1,
        kind: Kind::House,
        sent: "nothing for 0.5 s",
        accepted: "a `notice_...` and the end, not before",
        why: "Who comes and says nothing takes the place of somebody else.",
        section: "Rules of the house",
        source: "src/server/service/login.rs",
        house: &[(Rule::Login, Value::Millis(LOGIN))],
        play: login_limit,
        ..Check::PLAIN
    },
    Check {
        level: 10,
        name: "relogin",
        points: 2,
        kind: Kind::House,
        sent: "nothing for 0.8 s; `list`; a login",
        accepted: "`notice_Session expired...`; `ERR,...`; `OK,...` on the same connection",
        why: "What ends must end for the state too: the session is over, and the connection is not.",
        section: "Rules of the house",
        source: "src/server/service/login.rs",
        house: &[(Rule::Relogin, Value::Millis(RELOGIN))],
        play: relogin,
        ..Check::PLAIN
    },
    Check {
        level: 10,
        name: "history-ends",
        points: 1,
        kind: Kind::House,
        sent: "a broadcast; B logs in when it is older than 0.6 s; another broadcast",
        accepted: "B does not get the first one, and the numbers go on",
        why: "What is kept for ever fills the memory in the end. And a number is never used twice.",
        section: "Rules of the house",
        source: OLDEST,
        house: &[(Rule::History, Value::Millis(HISTORY))],
        play: history_ends,
        ..Check::PLAIN
    },
    Check {
        level: 10,
        name: "rate",
        points: 2,
        kind: Kind::House,
        sent: "100 lines `whoami` in one write, where 20 a second are allowed and 40 in a burst; 200 ms later `help`",
        accepted: "100 answers, some 40 of them `OK`, the others `ERR,...`; `help` is answered, as 4 lines are allowed again",
        why: "A bucket of tokens refills; a counter that starts anew each second lets twice as much through.",
        section: "Rules of the house",
        source: "src/net/token_bucket.rs",
        house: &[(Rule::Rate, Value::Number("20"))],
        play: rate,
        ..Check::PLAIN
    },
    Check {
        level: 10,
        name: "udp-loss",
        points: 1,
        kind: Kind::House,
        sent: "40 broadcasts, and the server drops 30 % of its datagrams",
        accepted: "something was missing, and all is there in the end",
        why: "Repair that is never needed is never seen: here one can watch it.",
        section: "Broadcasts by UDP",
        source: "src/server/delivery/broadcaster.rs",
        house: &[(Rule::Loss, Value::Number("0.3"))],
        play: udp_loss,
        ..Check::PLAIN
    },
];

fn full(stage: &mut Stage) -> Verdict {
    let mut members = stage.members(&["alice", "bob", "carol"])?;
    let mut fourth = stage.connect()?;
    fourth.takes_err("the fourth connection").because("More clients came in than may.")?;
    fourth.end("the end of the connection")?;
    drop(fourth);
    members.pop().into_iter().for_each(Client::leave);
    comes_in(stage)?;
    members.into_iter().for_each(Client::leave);
    comes_in(stage)?;
    let mut silent = (0..3).map(|_| comes_in(stage)).collect::<Verdict<Vec<_>>>()?;
    let mut next = stage.connect()?;
    let answer = next.answer("OK,... or ERR,...")?;
    if answer.is_err() {
        return next.end("the end of the connection").map(drop);
    }
    // One of them was told so, and is closed: the oldest, most likely.
    let until = Instant::now() + stage.limits.soon;
    let mut is_told = false;
    while !is_told && Instant::now() < until {
        thread::sleep(Duration::from_millis(50));
        for client in &mut silent {
            client.look_for_events()?;
            is_told |= client.take_event("notice_").is_some();
        }
    }
    next.want(is_told, "ERR,..., or a notice_ to one of the three", "More clients came in than may.")
}

/// Somebody for whom there is room as soon as the server has seen that others have left.
fn comes_in(stage: &mut Stage) -> Verdict<Client> {
    let until = Instant::now() + stage.limits.soon * 2;
    loop {
        let mut client = stage.connect()?;
        let answer = client.answer("OK,..., as there is room")?;
        if answer.is_ok() {
            return Ok(client);
        }
        if Instant::now() > until {
            return Err(client.wrong("OK,..., as there is room", "The places of those who have left stay taken."));
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn takeover(stage: &mut Stage) -> Verdict {
    let mut old = stage.member("alice")?;
    let mut new = stage.visitor()?;
    stage.log_in(&mut new, "alice")?;
    old.event("notice_", "notice_..., as there is a new login")?;
    old.end("the end of the older connection")?;
    new.ok("whoami").map(drop)
}

fn guessing(stage: &mut Stage) -> Verdict {
    let mut owner = stage.visitor()?;
    let name = stage.name("alice");
    stage.sign_up(&mut owner, "alice")?;
    let mut guesser = stage.visitor()?;
    let wrong = format!("LOGIN,{name},battery staple");
    guesser.err(&wrong)?;
    let first = Instant::now();
    let second = guesser.err(&wrong)?;
    let costs = first.elapsed() >= Duration::from_secs(1).mul_f64(NEARLY) || second.last.starts_with("ERR,Too many");
    let sentence = "Passwords can be tried as fast as the server answers.";
    guesser.want(costs, "the answer a second after the first one", sentence)?;
    owner
        .ok(&format!("LOGIN,{name},{PASSWORD}"))
        .because("The owner of the name is shut out because of what others tried.")
        .map(drop)
}

fn idle(stage: &mut Stage) -> Verdict {
    let (bob, mut alice) = (stage.member("bob")?, stage.visitor()?);
    stage.sign_up(&mut alice, "alice")?;
    // Before the login is sent: the server's clock begins later, and never seems to be fast.
    let logged_in = Instant::now();
    stage.log_in(&mut alice, "alice")?;
    let mut clients = [bob, alice];
    let (warned, closed) = thread::scope(|scope| {
        let (b, a) = clients.split_at_mut(1);
        let silent = scope.spawn(move || -> Verdict<(String, Instant)> {
            let warning = a[0].event("notice_", "notice_..., a warning")?;
            let is_last = warning.starts_with("notice_Inactive for too long");
            if !is_last {
                a[0].event("notice_Inactive for too long", "notice_Inactive for too long, terminating connection")?;
            }
            let closed = Instant::now();
            a[0].want(!is_last, "a warning first", "The connection is ended without a warning.")?;
            a[0].end("the end of the connection").map(|_| (warning, closed))
        });
        let mut asked = Ok(());
        while !silent.is_finished() && asked.is_ok() {
            asked = b[0].ok("whoami").because("Who says something is closed as inactive too.").map(drop);
            thread::sleep(Duration::from_millis(100));
        }
        let told = silent.join().unwrap_or_else(|_| Err(crate::fault::Fault::grader("wait", "a thread failed")));
        asked.and(told)
    })?;
    let after = closed.duration_since(logged_in);
    let seen = format!("{warned}; closed after {} ms", after.as_millis());
    stage.want(is_over(after, IDLE), &seen, "1140 ms at least", "The client was closed too early.")?;
    clients[0].ok("whoami").map(drop)
}

fn is_over(time: Duration, millis: u64) -> bool {
    time >= Duration::from_millis(millis).mul_f64(NEARLY)
}

fn login_limit(stage: &mut Stage) -> Verdict {
    // The server knows the first connection for longer: it was there to see whether the server listens.
    stage.visitor()?.leave();
    let came = Instant::now();
    let mut a = stage.visitor()?;
    a.event("notice_", "notice_..., as nobody has logged in")?;
    let after = came.elapsed();
    a.end("the end of the connection")?;
    let seen = format!("closed after {} ms", after.as_millis());
    stage.want(is_over(after, LOGIN), &seen, "475 ms at least", "The connection was closed too early.")
}

fn relogin(stage: &mut Stage) -> Verdict {
    let mut a = stage.visitor()?;
    stage.sign_up(&mut a, "alice")?;
    let logged_in = Instant::now();
    stage.log_in(&mut a, "alice")?;
    a.event("notice_Session expired", "notice_Session expired, please log in again")?;
    let after = logged_in.elapsed();
    a.err("list").because("The session has expired, and goes on all the same.")?;
    stage.log_in(&mut a, "alice").because("After the end of the session nobody can log in on its connection.")?;
    let seen = format!("expired after {} ms", after.as_millis());
    stage.want(is_over(after, RELOGIN), &seen, "760 ms at least", "The session expired too early.")
}

fn history_ends(stage: &mut Stage) -> Verdict {
    let mut a = stage.member("alice")?;
    a.ok("bcast_old")?;
    let first = a.broadcast("the broadcast")?.seq;
    thread::sleep(Duration::from_millis(HISTORY) + SILENCE);
    let mut b = stage.member("bob")?;
    a.ok("bcast_new")?;
    let second = b.broadcast("the new broadcast")?;
    let sentence = "A broadcast that is too old was sent to somebody who came later.";
    b.want(second.text == "new", "the new broadcast alone", sentence)?;
    b.want(second.seq == first + 1, &format!("bcast_{}_..._new", first + 1), "The numbers do not go on.")
}

fn rate(stage: &mut Stage) -> Verdict {
    let mut a = stage.member("alice")?;
    let began = Instant::now();
    a.send_at_once("whoami\n".repeat(LINES))?;
    let answers =
        (0..LINES).map(|_| a.answer("an answer to each line, OK,... or ERR,...")).collect::<Verdict<Vec<_>>>()?;
    let right = answers.iter().filter(|answer| answer.is_ok()).count();
    // A slow server has refilled the bucket meanwhile.
    let most = MOST + began.elapsed().as_secs() as usize * A_SECOND;
    let expected = format!("{FEWEST} to {most} of 100 with OK");
    a.want((FEWEST..=most).contains(&right), &expected, &format!("{right} of 100 lines at once were carried out."))?;
    // The others are not carried out later on.
    thread::sleep(AFTER);
    a.barrier_because(&format!(
        "help, {} ms later, was refused: at {A_SECOND} lines a second {} are allowed again by then. (Or an answer too many \
         came before.)",
        AFTER.as_millis(),
        AFTER.as_millis() as usize * A_SECOND / 1000,
    ))
}

fn udp_loss(stage: &mut Stage) -> Verdict {
    let mut clients = stage.members(&["alice", "bob"])?;
    let socket = stage.datagrams(&clients[0])?;
    let token = clients[0].token.clone();
    socket.send(format!("hello_{token}_0"))?;
    let (a, b) = clients.split_at_mut(1);
    let limits = stage.limits;
    let gaps = thread::scope(|scope| {
        let talk = scope.spawn(|| {
            (1..=BROADCASTS).try_for_each(|number| {
                // Those that come together go in one datagram.
                thread::sleep(APART);
                b[0].ok(&format!("bcast_{number}")).map(drop)
            })
        });
        let heard = play_until_all_are_there(&a[0], &socket, Inbox::new(0, 0.0), BROADCASTS, limits);
        let talked = talk.join().unwrap_or_else(|_| Err(crate::fault::Fault::grader("talk", "a thread failed")));
        talked.and(heard)
    })?;
    socket.want(gaps > 0, "something that comes late", "Nothing was missing at any time: no datagram was dropped.")
}
