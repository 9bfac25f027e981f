//! What the kernel is told of a connection: when a peer that says nothing counts as gone, how long it goes on sending
//! what nobody acknowledges, and how large its segments are. It does not know what is said on it.

use nix::errno::Errno;
use nix::sys::socket::{getsockopt, setsockopt};
use nix::{getsockopt_impl, libc, setsockopt_impl, sockopt_impl};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

/// After how long without a word of the other side the kernel asks for one, and how often again.
const ASKS_AFTER: Duration = Duration::from_secs(10);
const ASKS_EACH: Duration = Duration::from_secs(5);

/// The longest pause before the kernel sends again what was not acknowledged, in milliseconds: the shortest limit that it
/// takes. By itself it doubles the pause each time, up to two minutes: what was said in a cut of a minute came fifty
/// seconds after it. And it begins with three seconds where the connection's first packets were lost.
const LONGEST_PAUSE: u32 = 1_000;

/// The same while the other side takes nothing and does not say so either: after 15 such questions (tcp_retries2) the kernel
/// ends a connection, whatever its patience is. Half of them are asked in the first seconds.
const LONGEST_PAUSE_OF_PROBES: u32 = 20_000;

/// What the pause is longer than the round trip at least, in microseconds. The kernel's own is 200 ms. It must be more than
/// the 40 ms by which the other side may delay its acknowledgement.
const LEAST_PAUSE: u32 = 100_000;

/// Bytes of a segment on the way to another machine. With the headers of IPv6 that makes 1,280, which every network
/// must carry: some ways, most of them through a VPN, drop longer ones and tell nobody. With IPv4 it makes 1,260.
/// It costs a hundredth of a slow line, and nothing that can be measured of a fast one, as the network card cuts.
const SEGMENT: u32 = 1_220;

sockopt_impl!(
    /// The longest pause before something is sent again. Linux has it since 6.15, `libc` not yet.
    RtoMax, SetOnly, libc::IPPROTO_TCP, TCP_RTO_MAX_MS, u32
);
const TCP_RTO_MAX_MS: libc::c_int = 44;

sockopt_impl!(
    /// What that pause is longer than the round trip at least. Linux has it since 6.15, `libc` not yet.
    RtoMin, SetOnly, libc::IPPROTO_TCP, TCP_RTO_MIN_US, u32
);
const TCP_RTO_MIN_US: libc::c_int = 45;

sockopt_impl!(
    /// What the kernel knows of a connection.
    TcpInfo, GetOnly, libc::IPPROTO_TCP, libc::TCP_INFO, libc::tcp_info
);

/// Whose connection it is, which decides how long nothing may be acknowledged before the kernel ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The server's, with a client: the dead leave the list within 30 s of the cut, or of the first write behind it. The
    /// kernel counts from there, and probed before: so one that never said a hello, and is written to in the last of
    /// these seconds, may stay for 50 s.
    Server,
    /// The same while nothing is heard of the client, by datagrams or lines. Probes of an idle connection stop when
    /// something is sent on it, and the time begins anew: so it is short then, and they are out within 30 s all the same.
    SilentServer,
    /// The client's, with its server: who only reads is told within 20 s.
    Client,
    /// One between two peers. No server watches over it, and a chat or a file outlasts a cut of two minutes.
    Peers,
}

impl Whose {
    /// How long nothing may be acknowledged.
    pub fn patience(self) -> Duration {
        match self {
            Whose::Server => Duration::from_secs(25),
            Whose::SilentServer => Duration::from_secs(10),
            Whose::Client => Duration::from_secs(18),
            Whose::Peers => Duration::from_secs(120),
        }
    }
}

/// Has small lines sent at once (Nagle's algorithm off), a dead peer noticed, and what was not acknowledged sent again
/// soon after the network is back. Of a listener Linux hands all of it on to each connection that it accepts.
///
/// # Errors
/// What the system says; a connection that is closed already says so here.
pub fn tune(socket: &impl AsFd, whose: Whose) -> io::Result<()> {
    let keepalive = TcpKeepalive::new().with_time(ASKS_AFTER).with_interval(ASKS_EACH);
    let tuned = SockRef::from(socket);
    tuned.set_tcp_keepalive(&keepalive)?;
    // The keepalive does not run while something is unacknowledged: then, and when it runs, this ends the wait,
    // instead of a number of tries.
    be_patient(socket, whose)?;
    // A kernel that does not know these says so, and has its own pauses. The last has them not double where a line or two
    // are under way: nothing behind these would tell that they are lost.
    let _ = setsockopt(socket, RtoMax, &LONGEST_PAUSE);
    let _ = setsockopt(socket, RtoMin, &LEAST_PAUSE);
    let _ = tuned.set_tcp_thin_linear_timeouts(true);
    tuned.set_tcp_nodelay(true)
}

/// How long nothing may be acknowledged from now on.
///
/// # Errors
/// As [`tune`].
pub fn be_patient(socket: &impl AsFd, whose: Whose) -> io::Result<()> {
    SockRef::from(socket).set_tcp_user_timeout(Some(whose.patience()))
}

/// A TCP socket that is to connect to `at`, or to listen there. It keeps the segments of a connection with another
/// machine small, both ways, as both sides agree on it at the first packet. Loopback keeps its own: 64 KiB at a time are
/// a third faster there. A listener on all addresses takes connections of this machine too, with small segments: but it
/// is the server's, and lines gain nothing from large ones.
///
/// # Errors
/// What the system says.
pub fn socket(at: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP))?;
    if !at.ip().to_canonical().is_loopback() {
        socket.set_tcp_mss(SEGMENT)?;
    }
    Ok(socket)
}

/// Begins to connect, and does not wait: once the stream can be written to, [`TcpStream::take_error`] tells how it went.
/// The stream does not block until it is told to.
///
/// # Errors
/// What the system says at once.
pub fn begin_to_connect(to: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket(to)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&to.into()) {
        Err(error) if error.raw_os_error() != Some(Errno::EINPROGRESS as i32) => Err(error),
        _ => Ok(socket.into()),
    }
}

/// How long ago the other side's kernel has acknowledged anything, where it was asked for that in vain at least twice
/// since; `None` while there is nothing to wonder about, and where the system does not tell.
pub fn silence(stream: &impl AsFd) -> Option<Duration> {
    let info = getsockopt(stream, TcpInfo).ok()?;
    let tries = info.tcpi_retransmits.max(info.tcpi_probes);
    (tries >= 2).then(|| Duration::from_millis(info.tcpi_last_ack_recv.into()))
}

/// Whether the other side took nothing any more when it fell silent: then the kernel asks it for room again and again.
fn asks_for_room(stream: &impl AsFd) -> bool {
    getsockopt(stream, TcpInfo).is_ok_and(|info| info.tcpi_retransmits == 0 && info.tcpi_probes >= 2)
}

/// Has a connection that writes, and whose other side is silent, last as long as it is to, as it is asked for room seldom
/// from now on; whether it had to. It is asked for in the first seconds of the silence.
pub fn outlast(stream: &impl AsFd) -> bool {
    asks_for_room(stream) && setsockopt(stream, RtoMax, &LONGEST_PAUSE_OF_PROBES).is_ok()
}

/// Ends that.
pub fn hurry(stream: &impl AsFd) {
    // A connection that has ended is found out by the next write.
    let _ = setsockopt(stream, RtoMax, &LONGEST_PAUSE);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::listener;
    use std::net::{Ipv4Addr, TcpListener};

    #[test]
    fn a_connection_is_tuned_by_whose_it_is() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let stream = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        for (whose, seconds) in
            [(Whose::Server, 25), (Whose::SilentServer, 10), (Whose::Client, 18), (Whose::Peers, 120)]
        {
            tune(&stream, whose).expect("open");
            let socket = SockRef::from(&stream);
            assert_eq!(socket.tcp_user_timeout().expect("open"), Some(Duration::from_secs(seconds)));
            assert_eq!(socket.tcp_keepalive_time().expect("open"), ASKS_AFTER);
            assert_eq!(socket.tcp_keepalive_interval().expect("open"), ASKS_EACH);
            assert!(socket.tcp_thin_linear_timeouts().expect("open"));
            // Nothing where the kernel does not know it.
            assert!([None, Some((LONGEST_PAUSE, LEAST_PAUSE))].contains(&pauses(&stream)));
        }
        assert_eq!(silence(&stream), None, "nothing was asked in vain");
    }

    #[test]
    fn a_listener_hands_its_settings_on_also_to_who_comes_before_anybody_accepts() {
        let listener = listener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), Whose::Server).expect("a free port");
        let _caller = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        let (accepted, _) = listener.accept().expect("accepts");
        let socket = SockRef::from(&accepted);
        assert_eq!(socket.tcp_user_timeout().expect("open"), Some(Whose::Server.patience()));
        assert!(socket.keepalive().expect("open") && accepted.nodelay().expect("open"));
        assert_eq!(socket.tcp_keepalive_time().expect("open"), ASKS_AFTER);
        assert_eq!(socket.tcp_keepalive_interval().expect("open"), ASKS_EACH);
        assert_eq!(pauses(&accepted), pauses(&listener));
        assert!(socket.tcp_thin_linear_timeouts().expect("open"));
    }

    fn pauses(socket: &impl AsFd) -> Option<(u32, u32)> {
        getsockopt(socket, RtoMaxOf).ok().zip(getsockopt(socket, RtoMinOf).ok())
    }

    sockopt_impl!(RtoMaxOf, GetOnly, libc::IPPROTO_TCP, TCP_RTO_MAX_MS, u32);
    sockopt_impl!(RtoMinOf, GetOnly, libc::IPPROTO_TCP, TCP_RTO_MIN_US, u32);

    #[test]
    fn segments_are_small_but_on_loopback() {
        let segment = |at: Ipv4Addr| {
            let at = SocketAddr::from((at, 0));
            let socket = socket(at).expect("a socket");
            socket.bind(&at.into()).expect("a free port");
            socket.listen(1).expect("bound");
            let port = socket.local_addr().expect("bound").as_socket().expect("an address").port();
            let caller = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connects");
            SockRef::from(&caller).tcp_mss().expect("open")
        };
        // Less by what stands in the header: the time.
        assert!((SEGMENT - 40..=SEGMENT).contains(&segment(Ipv4Addr::UNSPECIFIED)));
        assert!(segment(Ipv4Addr::LOCALHOST) > 10 * SEGMENT);
    }
}
