//! Attacks on the logins: a password costs the server a tenth of a second of a processor.

use super::herd::workers;
use super::scene::{ATTACKER, NEAR, Scene};
use super::{Attack, member_name};
use crate::wire::{Wire, hang_up, open};
use std::io::{self, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Lines that are sent in one piece.
const PIPED: usize = 40;
/// How long an answer may take before the connection is given up.
const ANSWER: Duration = Duration::from_secs(20);

/// These attacks.
pub const ALL: &[Attack] = &[
    Attack::new("wrong-hung-up", "50 connections a second send 40 wrong logins and hang up", wrong_hung_up),
    Attack::new("wrong-storm", "25 connections with one wrong login after the other", wrong_storm),
    Attack::new("wrong-piped", "25 connections with 40 wrong logins at a time", wrong_piped),
    Attack::new("right-storm", "25 members who log in, leave, and come again", right_storm),
    Attack::new("sign-up-storm", "25 connections with one sign-up after the other", sign_up_storm),
    Attack::new("sign-up-hung-up", "50 connections a second send 40 sign-ups and hang up", sign_up_hung_up),
    Attack::new("takeover", "8 connections that log in as the same member", takeover),
    Attack::new("one-name", "4 connections with wrong passwords for near, from its address", one_name),
];

/// Logins of people who are not there; each name is new, so that no delay of a name holds them up.
fn wrong_login(number: usize, round: usize, line: usize) -> String {
    format!("LOGIN,w{number}-{round}-{line},no password\n")
}

fn sign_up(number: usize, round: usize, line: usize) -> String {
    format!("SIGNUP,s{number}-{round}-{line},password\n")
}

/// What one connection sends at a time.
fn piped(number: usize, round: usize, line: fn(usize, usize, usize) -> String) -> String {
    (0..PIPED).map(|at| line(number, round, at)).collect()
}

/// Sends its lines, and is gone: every second time with a plain end, which may be that of netcat's input alone.
fn send_and_leave(scene: &Scene, round: usize, lines: &str) -> io::Result<()> {
    let due = Instant::now() + Duration::from_millis(100);
    let mut stream: TcpStream = open(ATTACKER, scene.main())?;
    stream.write_all(lines.as_bytes())?;
    if round % 2 == 0 {
        hang_up(stream)
    } else {
        drop(stream)
    }
    scene.pause_until(due);
    Ok(())
}

fn wrong_hung_up(scene: &Scene) -> Option<String> {
    workers(scene, 5, |number, round| send_and_leave(scene, round, &piped(number, round, wrong_login)));
    None
}

fn sign_up_hung_up(scene: &Scene) -> Option<String> {
    workers(scene, 5, |number, round| send_and_leave(scene, round, &piped(number, round, sign_up)));
    None
}

/// On one connection after the other: lines, and as many answers, until the server closes.
fn ask_on(scene: &Scene, lines: impl Fn(usize) -> String) -> io::Result<()> {
    let mut wire = Wire::connect(ATTACKER, scene.main(), Instant::now() + ANSWER)?;
    for asked in 0.. {
        let lines = lines(asked);
        wire.stream().write_all(lines.as_bytes())?;
        for _ in lines.lines() {
            if !scene.is_on() {
                return Ok(());
            }
            wire.answer(Instant::now() + ANSWER, |_| {})?;
        }
    }
    Ok(())
}

fn wrong_storm(scene: &Scene) -> Option<String> {
    workers(scene, 25, |number, round| ask_on(scene, |asked| wrong_login(number, round, asked)));
    None
}

fn wrong_piped(scene: &Scene) -> Option<String> {
    workers(scene, 25, |number, round| ask_on(scene, |asked| piped(number, 1000 * round + asked, wrong_login)));
    None
}

fn sign_up_storm(scene: &Scene) -> Option<String> {
    workers(scene, 25, |number, round| ask_on(scene, |asked| sign_up(number, round, asked)));
    None
}

fn log_in_as(scene: &Scene, name: &str) -> io::Result<Wire> {
    let until = Instant::now() + ANSWER;
    let mut wire = Wire::connect(ATTACKER, scene.main(), until)?;
    wire.log_in(name, until)?;
    Ok(wire)
}

fn right_storm(scene: &Scene) -> Option<String> {
    workers(scene, 25, |number, _| log_in_as(scene, &member_name(number)).map(|wire| hang_up(wire.into_stream())));
    None
}

/// Nobody waits until it is displaced: the next login does that.
fn takeover(scene: &Scene) -> Option<String> {
    workers(scene, 8, |_, _| {
        let _stays_a_moment = log_in_as(scene, &member_name(0))?;
        scene.pause(Duration::from_millis(50));
        Ok(())
    });
    None
}

fn one_name(scene: &Scene) -> Option<String> {
    workers(scene, 4, |_, _| {
        ask_on(scene, |asked| {
            // A refusal costs the server nothing: asked at once again it would be a flood of lines.
            scene.pause(Duration::from_millis(100));
            format!("LOGIN,{NEAR},wrong password {asked}\n")
        })
    });
    Some("near is how long the owner of the name waits with the right password".to_owned())
}
