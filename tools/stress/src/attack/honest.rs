//! An honest client: it asks five times a second and reads all that comes.

use super::scene::{Phase, Scene};
use crate::wire::Wire;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, Instant};

/// From one request to the next.
const EVERY: Duration = Duration::from_millis(200);
/// Who waits longer for an answer has none.
const NO_ANSWER: Duration = Duration::from_secs(10);
/// How long a login may take before the attack.
const LOGIN: Duration = Duration::from_secs(60);

/// What an honest client has seen.
#[derive(Debug, Default)]
pub struct Stay {
    /// How long answers took that were asked for before, during and after the attack.
    pub answers: [Vec<Duration>; 3],
    /// Whether the server closed the connection, or never answered.
    pub closed: bool,
}

/// The `number`-th request.
fn request(number: usize) -> &'static str {
    match number % 10 {
        9 => "bcast_something that people say to each other",
        n if n % 2 == 0 => "whoami",
        _ => "GET_U",
    }
}

/// Logs in and stays until the scene is over.
pub fn stay(scene: &Scene, number: usize, name: &str) -> Stay {
    let mut stay = Stay::default();
    let from = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 1, 0, 1)) + number as u32);
    let until = Instant::now() + LOGIN;
    let Ok(mut wire) = Wire::connect(from, scene.main(), until) else { return stay };
    if wire.log_in(name, until).is_err() {
        return stay;
    }
    scene.arrive();
    // Not all at the same moment.
    let mut due = Instant::now() + EVERY.mul_f64(number as f64 * 0.37 % 1.0);
    for asked in number.. {
        if !read_until(&mut wire, due) {
            stay.closed = true;
            break;
        }
        let (phase, began) = (scene.phase(), Instant::now());
        if phase == Phase::Over {
            break;
        }
        let answer = wire.ask(request(asked), began + NO_ANSWER);
        let counted = [Phase::Before, Phase::During, Phase::After].into_iter().zip(&mut stay.answers);
        counted.filter(|(when, _)| *when == phase).for_each(|(_, times)| times.push(began.elapsed()));
        if answer.is_err() {
            stay.closed = true;
            break;
        }
        due = (due + EVERY).max(Instant::now());
    }
    while stay.closed && scene.phase() != Phase::Over {
        thread::sleep(Duration::from_millis(50));
    }
    stay
}

/// Reads events until then; whether the connection is still there.
fn read_until(wire: &mut Wire, then: Instant) -> bool {
    loop {
        match wire.line(then) {
            Ok(_event) => {}
            Err(error) => return error.kind() == ErrorKind::TimedOut,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_of_ten_is_a_broadcast() {
        let broadcasts = (0..100).filter(|number| request(*number).starts_with("bcast_")).count();
        assert_eq!(broadcasts, 10);
        assert!((0..10).any(|number| request(number) == "whoami") && (0..10).any(|number| request(number) == "GET_U"));
    }
}
