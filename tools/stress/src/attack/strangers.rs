//! Attacks of who has no account: connections that say nothing, little, or far too much.

use super::Attack;
use super::herd::{Bytes, Flood, Herd, flood, keep, nothing, one_address, workers};
use super::scene::{ATTACKER, Scene, attacker};
use crate::wire::{hang_up, open};
use std::time::{Duration, Instant};

/// Connections of a flood: as many as there are places.
const FLOOD: usize = 50;

/// These attacks.
pub const ALL: &[Attack] = &[
    Attack::new("silent", "50 connections of one address that say nothing", silent),
    Attack::new("silent-many", "50 connections that say nothing, each from an address of its own", silent_many),
    Attack::new("half-login", "50 connections that name a user and never a password", half_login),
    Attack::new("drip", "50 connections that send a byte each half second", drip),
    Attack::new("churn", "500 connections a second that are closed at once", churn),
    Attack::new("huge-lines", "10 connections that send lines of more than 1 MiB", huge_lines),
];

fn closed(count: usize) -> Option<String> {
    Some(format!("the server closed {count} of these connections"))
}

fn silent(scene: &Scene) -> Option<String> {
    let herd = Herd { to: scene.main(), count: FLOOD, from: one_address, opening: nothing, again: None };
    closed(keep(scene, &herd))
}

fn silent_many(scene: &Scene) -> Option<String> {
    let herd = Herd { to: scene.main(), count: FLOOD, from: attacker, opening: nothing, again: None };
    closed(keep(scene, &herd))
}

fn half_login(scene: &Scene) -> Option<String> {
    let opening = |_| b"login\nm0\n".to_vec();
    let herd = Herd { to: scene.main(), count: FLOOD, from: one_address, opening, again: None };
    closed(keep(scene, &herd))
}

fn drip(scene: &Scene) -> Option<String> {
    let again = Some((Duration::from_millis(500), (|_| b"x".to_vec()) as Bytes));
    let herd = Herd { to: scene.main(), count: FLOOD, from: one_address, opening: nothing, again };
    closed(keep(scene, &herd))
}

fn churn(scene: &Scene) -> Option<String> {
    workers(scene, 5, |_, _| {
        let due = Instant::now() + Duration::from_millis(10);
        hang_up(open(ATTACKER, scene.main())?);
        scene.pause_until(due);
        Ok(())
    });
    None
}

fn huge_lines(scene: &Scene) -> Option<String> {
    workers(scene, 10, |_, _| {
        let stream = open(ATTACKER, scene.main())?;
        flood(scene, &stream, &Flood { every: Duration::ZERO, reads: true }, |_| vec![b'x'; 1 << 16]);
        Ok(())
    });
    None
}
