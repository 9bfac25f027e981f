//! The end of a program, made visible to every thread: a flag, a wait that it cuts short, and a knock on the door
//! of each socket in which a thread is blocked.
//!
//! `accept` and `recv_from` have no way to be told that it is over, so whoever blocks in one leaves its address
//! here, and the end connects (or sends an empty datagram) to it.

use crate::value::any_like;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a knock may take: it stays on this machine.
const KNOCK_LIMIT: Duration = Duration::from_secs(1);

/// One for a program; shared by reference or `Arc`.
#[derive(Default)]
pub struct Shutdown {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    triggered: bool,
    doors: Vec<Door>,
}

/// A socket in which a thread waits.
#[derive(Clone, Copy)]
enum Door {
    Tcp(SocketAddr),
    Udp(SocketAddr),
}

impl Shutdown {
    /// A program that goes on.
    pub fn new() -> Shutdown {
        Shutdown::default()
    }

    /// Has the end connect to `listener`, whose `accept` then returns.
    pub fn wake_listener(&self, listener: SocketAddr) {
        self.add(Door::Tcp(listener));
    }

    /// Has the end send an empty datagram to `socket`, whose `recv_from` then returns. Sockets that share a port are
    /// woken by the broadcast address of loopback: one that is sent to a single address comes to one of them.
    pub fn wake_receiver(&self, socket: SocketAddr) {
        self.add(Door::Udp(socket));
    }

    fn add(&self, door: Door) {
        self.lock().doors.push(door);
    }

    /// Ends the program: sets the flag, ends every [`Shutdown::wait`], knocks on every door. Further calls knock
    /// again, which harms nobody.
    pub fn trigger(&self) {
        let doors = {
            let mut state = self.lock();
            state.triggered = true;
            state.doors.clone()
        };
        self.changed.notify_all();
        for door in doors {
            // A door that cannot be reached belongs to a socket that is closed already.
            match door {
                Door::Tcp(listener) => drop(TcpStream::connect_timeout(&reachable(listener), KNOCK_LIMIT)),
                Door::Udp(socket) => drop(knock_udp(reachable(socket))),
            }
        }
    }

    /// Whether the end has come.
    pub fn is_triggered(&self) -> bool {
        self.lock().triggered
    }

    /// Waits for the end, `limit` at the longest; true when it has come.
    pub fn wait(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        let mut state = self.lock();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if state.triggered || left.is_zero() {
                return state.triggered;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Nothing in here can panic while the lock is held, so a poisoned lock holds good data.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes a receiver with an empty datagram; at a broadcast address, all who share the port.
///
/// # Errors
/// What the system says.
pub fn knock_udp(socket: SocketAddr) -> std::io::Result<usize> {
    let knock = UdpSocket::bind((any_like(socket), 0))?;
    knock.set_broadcast(true)?;
    knock.send_to(&[], socket)
}

/// Where a socket that is bound to "any address" can be reached from this machine.
pub fn reachable(mut bound: SocketAddr) -> SocketAddr {
    if bound.ip().is_unspecified() {
        bound.set_ip(if bound.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    bound
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    const LIMIT: Duration = Duration::from_secs(10);

    #[test]
    fn the_end_wakes_everything_that_blocks() {
        let end = Shutdown::new();
        let listener = TcpListener::bind("0.0.0.0:0").expect("a free port");
        let receiver = UdpSocket::bind("0.0.0.0:0").expect("a free port");
        receiver.set_read_timeout(Some(LIMIT)).expect("a timeout");
        end.wake_listener(listener.local_addr().expect("bound"));
        end.wake_receiver(receiver.local_addr().expect("bound"));
        thread::scope(|scope| {
            let accept = scope.spawn(|| listener.accept().is_ok());
            let receive = scope.spawn(|| receiver.recv_from(&mut [0; 8]).map(|(length, _)| length));
            let wait = scope.spawn(|| end.wait(LIMIT));
            end.trigger();
            assert!(accept.join().expect("no panic"));
            assert_eq!(receive.join().expect("no panic").expect("a datagram"), 0);
            assert!(wait.join().expect("no panic"));
        });
        assert!(end.is_triggered());
    }

    #[test]
    fn a_wait_has_a_limit() {
        assert!(!Shutdown::new().wait(Duration::from_millis(1)));
    }
}
