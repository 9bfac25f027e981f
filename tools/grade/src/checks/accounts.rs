//! Level 3: sign-ups and logins, several at once, and what is left of them on the disk.

use super::disk;
use crate::check::{Check, Kind, Need};
use crate::conversation::answer::is_32_digits;
use crate::conversation::{Answer, Client};
use crate::fault::{Because, Fault, Verdict};
use crate::stage::{PASSWORD, Stage};
use std::sync::Barrier;
use std::time::Instant;

/// Sign-ups of one name at the same moment, and how often.
const RACERS: usize = 6;
const ROUNDS: usize = 5;

const ACCOUNTS: &str = "src/server/store/accounts.rs";

pub const CHECKS: [Check; 10] = [
    Check {
        level: 3,
        name: "signup-dialogue",
        points: 2,
        sent: "`signup`, and name, password, password, each after its prompt; the same with another second password",
        accepted: "`OK,...` to each, and alice can log in; `ERR,...`, and there is no such account",
        why: "What a line means depends on what was asked before: each connection has a state of its own.",
        section: "signup",
        source: "src/server/auth/login_dialogue.rs",
        play: signup_dialogue,
        ..Check::PLAIN
    },
    Check {
        level: 3,
        name: "dialogue-in-one",
        points: 2,
        sent: "`signup`, three lines, `login`, two lines, all in one write",
        accepted: "the same answers",
        why: "People paste, and scripts do not wait for prompts.",
        section: "login",
        source: "src/server/auth/login_dialogue.rs",
        play: dialogue_in_one,
        ..Check::PLAIN
    },
    Check {
        level: 3,
        name: "names",
        points: 1,
        kind: Kind::Detail,
        sent: "`a`, `A.b-9`, `9lives`, one of 15 letters; none, one of 16, `a_b`, `-a`, `.a`, `ä`, `10.0.0.7`; `A` again",
        accepted: "`OK,...` to the first four, `ERR,...` to all others",
        why: "A name stands between `_`, `,` and `:` in other lines, so it must not hold what separates fields there.",
        section: "Lines",
        source: "src/value/name.rs",
        play: names,
        ..Check::PLAIN
    },
    Check {
        level: 3,
        name: "passwords",
        points: 1,
        kind: Kind::Detail,
        sent: "a password of 7 letters, of 129, of 128 times `ä`",
        accepted: "`ERR,...`, `ERR,...`, `OK,...`",
        why: "A character is not a byte: `ä` has two.",
        section: "Lines",
        source: "src/server/auth/password.rs",
        play: passwords,
        ..Check::PLAIN
    },
    Check {
        level: 3,
        name: "csv-fields",
        points: 2,
        sent: "`SIGNUP,alice,\"a, b \"\"c\"\"\"`; the login with it, and with `a`; `SIGNUP,carol`, `SIGNUP,`, `LOGIN,carol`",
        accepted: "`OK,...`, `OK,...`, `ERR,...` each",
        why: "Cut at every comma, a password ends at its first one, and anybody gets in with the beginning.",
        section: "Lines",
        source: "src/value/comma.rs",
        play: csv_fields,
        ..Check::PLAIN
    },
    Check {
        level: 3,
        name: "login-answer",
        points: 2,
        sent: "`list`, `GET_U`, `bcast_x`; then `LOGIN,...`",
        accepted: "`ERR,...` each; `udp_` with 32 hexadecimal digits in lower case (none without UDP), `ip_`, `name_`, `OK,...`",
        why: "Programs read the answer to the login; and before it nothing is anybody's business.",
        section: "login",
        source: "src/server/session/native.rs",
        play: login_answer,
        ..Check::PLAIN
    },
    Check {
        level: 3,
        name: "wrong-password",
        points: 1,
        sent: "a wrong password of alice's; one of nobody's; then alice's own",
        accepted: "twice the same `ERR,...`; `OK,...`, perhaps late",
        why: "Who has an account is nobody's business: two different answers tell.",
        section: "login",
        source: "src/server/auth/turns.rs",
        play: wrong_password,
        ..Check::PLAIN
    },
    Check {
        level: 3,
        name: "signup-race",
        points: 3,
        sent: "six clients sign up with one name at the same moment, five times",
        accepted: "`OK,...` for one of them each time, `ERR,...` for five",
        why: "Is it free? Then take it: between the two somebody else asks. Check and act under one lock.",
        section: "signup",
        source: ACCOUNTS,
        play: signup_race,
        ..Check::PLAIN
    },
    Check {
        level: 3,
        name: "kept-after-kill",
        points: 3,
        sent: "`SIGNUP,...`, SIGKILL as soon as the answer is there; a new start with the same `{data}`",
        accepted: "the login works, and the name is taken",
        why: "OK is a promise. What it promises must be on the disk before it is given.",
        section: "signup",
        source: ACCOUNTS,
        needs: &[Need::OwnServer, Need::Data],
        play: kept_after_kill,
        ..Check::PLAIN
    },
    Check {
        level: 3,
        name: "password-not-in-clear",
        points: 2,
        sent: "`SIGNUP,...`; then the files below `{data}` are read, without what links lead to, 16 MiB at most",
        accepted: "there is something, and neither the password nor its plain SHA-256, SHA-1 or MD5, each as it is, in \
                   hexadecimal or in base64: another disguise is not looked for",
        why: "Files get lost, and people have one password for many places. Plain hashes of it can be looked up.",
        section: "signup",
        source: "src/server/auth/password.rs",
        needs: &[Need::OwnServer, Need::Data],
        play: password_not_in_clear,
        ..Check::PLAIN
    },
];

fn sign_up(name: &str, password: &str) -> String {
    format!("SIGNUP,{name},{password}")
}

fn log_in(name: &str, password: &str) -> String {
    format!("LOGIN,{name},{password}")
}

/// One account, made by answers to prompts.
fn dialogue(client: &mut Client, name: &str, again: &str) -> Verdict<Answer> {
    client.ok("signup")?;
    client.ok(name)?;
    client.ok(PASSWORD)?;
    client.ask(again)
}

fn signup_dialogue(stage: &mut Stage) -> Verdict {
    let (alice, bob) = (stage.name("alice"), stage.name("bob"));
    let mut a = stage.visitor()?;
    let answer = dialogue(&mut a, &alice, PASSWORD)?;
    a.want(answer.is_ok(), "OK,Signup successful, ...", "The dialogue is over, and there is no account.")?;
    let answer = dialogue(&mut a, &bob, "battery staple")?;
    a.want(answer.is_err(), "ERR,Passwords do not match", "Two different passwords were taken for one.")?;
    a.ok("login")?;
    a.ok(&alice)?;
    a.ok(PASSWORD).because("The account of the dialogue cannot log in.")?;
    let mut b = stage.visitor()?;
    b.err(&log_in(&bob, PASSWORD)).because("Two different passwords made an account all the same.").map(drop)
}

fn dialogue_in_one(stage: &mut Stage) -> Verdict {
    let name = stage.name("alice");
    let mut a = stage.visitor()?;
    a.send(format!("signup\n{name}\n{PASSWORD}\n{PASSWORD}\nlogin\n{name}\n{PASSWORD}\n"))?;
    for prompt in ["signup", "the name", "the password", "the password again", "login", "the name", "the password"] {
        a.takes_ok(prompt)?;
    }
    a.ok("whoami").because("All was answered with OK, and nobody is logged in.").map(drop)
}

fn names(stage: &mut Stage) -> Verdict {
    let mut a = stage.visitor()?;
    stage.sign_up(&mut a, "dora")?;
    let longest = format!("{:n<15}", stage.name("z"));
    for name in [stage.name("a"), stage.name("A.b-9"), stage.name("9lives"), longest.clone()] {
        a.ok(&sign_up(&name, PASSWORD)).because("A name that is allowed was refused.")?;
    }
    for name in ["", &format!("{longest}n"), "a_b", "-a", ".a", "ä", "10.0.0.7"] {
        a.err(&sign_up(name, PASSWORD)).because("A name that is not allowed was taken.")?;
    }
    a.err(&sign_up(&stage.name("A"), PASSWORD)).because("a and A are one user, and both have an account now.")?;
    a.barrier()
}

fn passwords(stage: &mut Stage) -> Verdict {
    let name = stage.name("alice");
    let mut a = stage.visitor()?;
    stage.sign_up(&mut a, "bob")?;
    let longest = "ä".repeat(128);
    a.err(&sign_up(&name, "seven77")).because("A password of 7 characters was taken.")?;
    a.err(&sign_up(&name, &"x".repeat(129))).because("A password of 129 characters was taken.")?;
    a.ok(&sign_up(&name, &longest)).because("A password of 128 characters, 256 bytes, was refused.")?;
    a.ok(&log_in(&name, &longest)).map(drop)
}

fn csv_fields(stage: &mut Stage) -> Verdict {
    let name = stage.name("alice");
    let quoted = "\"a, b \"\"c\"\"\"";
    let mut a = stage.visitor()?;
    stage.sign_up(&mut a, "bob")?;
    a.ok(&sign_up(&name, quoted))?;
    a.ok(&log_in(&name, quoted))?;
    let mut b = stage.visitor()?;
    b.err(&log_in(&name, "a")).because("The password was cut at its comma: the beginning is enough.")?;
    let mut c = stage.visitor()?;
    c.err(&log_in(&name, "\"a\""))?;
    let (mut d, carol) = (stage.visitor()?, stage.name("carol"));
    for line in [format!("SIGNUP,{carol}"), "SIGNUP,".to_owned(), format!("LOGIN,{carol}")] {
        d.err(&line).when_missing("A line with fewer fields than belong to its word is not answered.")?;
    }
    d.barrier()
}

fn login_answer(stage: &mut Stage) -> Verdict {
    let mut a = stage.visitor()?;
    for line in ["list", "GET_U", "bcast_x"] {
        a.err(line).because("It was carried out before the login.")?;
    }
    let name = stage.name("alice");
    stage.sign_up(&mut a, "alice")?;
    let answer = stage.log_in(&mut a, "alice")?;
    // A server without UDP has none.
    let is_token = answer.after("udp_").is_none_or(is_32_digits);
    let form = "before it a line udp_ with 32 hexadecimal digits in lower case";
    a.want(is_token, form, "With a token of another form a client says no hello.")?;
    let ip = answer.after("ip_").is_some_and(|ip| ip.parse::<std::net::IpAddr>().is_ok());
    a.want(ip, "before it a line ip_ADDRESS", "The answer to the login has no address.")?;
    let is_named = answer.after("name_").is_some_and(|told| told == name);
    a.want(is_named, &format!("before it the line name_{name}"), "The answer to the login has not the name.")?;
    a.barrier()
}

fn wrong_password(stage: &mut Stage) -> Verdict {
    let (alice, nobody) = (stage.name("alice"), stage.name("nobody"));
    let mut a = stage.visitor()?;
    stage.sign_up(&mut a, "alice")?;
    let first = a.err(&log_in(&alice, "battery staple")).because("Somebody logs in with a wrong password.")?;
    let mut b = stage.visitor()?;
    let second = b.err(&log_in(&nobody, "battery staple"))?;
    b.want(first.last == second.last, &first.last, "The answer tells who has an account.")?;
    let mut c = stage.visitor()?;
    c.ok(&log_in(&alice, PASSWORD)).map(drop)
}

fn signup_race(stage: &mut Stage) -> Verdict {
    let mut racers = (0..RACERS).map(|_| stage.visitor()).collect::<Verdict<Vec<_>>>()?;
    stage.sign_up(&mut racers[0], "bob")?;
    for round in 1..=ROUNDS {
        let line = sign_up(&stage.name(&format!("racer{round}")), PASSWORD);
        let line = format!("{line}\n");
        let start = Barrier::new(RACERS);
        let answers = std::thread::scope(|scope| {
            let race = |racer: &mut Client| -> Verdict<Answer> {
                start.wait();
                racer.send(&line)?;
                racer.answer("OK,... for one, ERR,... for five")
            };
            let threads: Vec<_> = racers.iter_mut().map(|racer| scope.spawn(move || race(racer))).collect();
            let joined = threads.into_iter().map(|thread| thread.join());
            joined
                .map(|result| result.unwrap_or_else(|_| Err(Fault::grader("race", "a thread failed"))))
                .collect::<Vec<_>>()
        });
        let answers = answers.into_iter().collect::<Verdict<Vec<_>>>()?;
        let winners = answers.iter().filter(|answer| answer.is_ok()).count();
        let last = answers.iter().rposition(Answer::is_ok).unwrap_or(0);
        let sentence = format!("{winners} sign-ups of one name, at the same moment, were answered with OK.");
        racers[last].want(winners == 1, "OK for one of the six, and ERR,Username not available", &sentence)?;
    }
    Ok(())
}

fn kept_after_kill(stage: &mut Stage) -> Verdict {
    let name = stage.name("alice");
    let mut a = stage.visitor()?;
    stage.sign_up(&mut a, "alice")?;
    stage.kill();
    stage.start()?;
    let mut b = stage.visitor()?;
    let kept = b.ok(&log_in(&name, PASSWORD));
    if kept.is_err() {
        // Is it gone, or can nobody log in?
        stage.sign_up(&mut b, "bob")?;
        stage.log_in(&mut b, "bob")?;
    }
    kept.because("The sign-up was answered with OK, and after a crash it is gone.")?;
    let mut c = stage.visitor()?;
    c.err(&sign_up(&name, PASSWORD)).because("After a crash somebody else can take the name.").map(drop)
}

fn password_not_in_clear(stage: &mut Stage) -> Verdict {
    let mut a = stage.visitor()?;
    stage.sign_up(&mut a, "alice")?;
    let files = disk::files(&stage.data);
    stage.want(
        !files.is_empty(),
        "no file below {data}",
        "a file with the account",
        "OK, and nothing is on the disk.",
    )?;
    let mut left = disk::BYTES;
    for path in files {
        if left == 0 || Instant::now() >= stage.limits.end {
            stage.record.note("", "(the rest of what is below {data} is not looked at: it is too much)");
            break;
        }
        let bytes = disk::read(&path, left);
        left -= bytes.len() as u64;
        let found = disk::telltale(&bytes);
        let name = path.strip_prefix(&stage.data).unwrap_or(&path).display();
        let seen = format!("{{data}}/{name} holds {}", found.as_deref().unwrap_or_default());
        stage.want(found.is_none(), &seen, "a salted, slow hash", "Whoever reads the file has the password.")?;
    }
    Ok(())
}
