//! The ends of a call: what a thread that deals with one peer has in hand, and what the runner keeps of it.
//!
//! A call must wait for two things at once: for its peer, and for what the App decides. So its orders come through a
//! channel with a socket pair beside it, which a `poll` sees: a byte for each order, and the end when the runner gives
//! the call up.

use super::event::{CallEnd, CallId, Event, MAX_ORDERS, News, Order};
use crate::net::tls::Identity;
use crate::trace::Trace;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, TrySendError, channel, sync_channel};
use std::time::{Duration, Instant};

/// What arrives at the runner.
pub enum Signal {
    /// Something for the App.
    Event(Event),
    /// This call has a connection now, which ends when the call is given up.
    Socket(CallId, Arc<TcpStream>),
    /// A peer has connected to us: a call that the App does not know yet.
    Incoming(CallId, OrderSender, Arc<TcpStream>),
    /// Nothing; the runner looks whether the client is to stop.
    Wake,
    /// Nothing: whoever has the other end waits until this has been taken, with all that came before it.
    Mark(Sender<()>),
}

/// The way to the runner, of which every thread has one.
#[derive(Clone)]
pub struct Signals {
    to: SyncSender<Signal>,
    /// What each thread records with.
    trace: Trace,
}

/// The runner's end of a call.
pub struct OrderSender {
    orders: SyncSender<Order>,
    bell: UnixStream,
}

/// The call's own end.
pub struct Call {
    /// Its name.
    pub id: CallId,
    signals: Signals,
    orders: Receiver<Order>,
    bell: UnixStream,
    own: Option<Arc<Identity>>,
}

/// What a call was woken by.
#[derive(Debug, PartialEq, Eq)]
pub enum Woken {
    /// An order.
    Order(Order),
    /// What was watched for at the socket.
    Socket,
    /// Nothing in time.
    Late,
    /// The runner has given the call up: nothing more is to be done.
    GivenUp,
}

/// What to watch a socket for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Bytes to read, or any end.
    Readable,
    /// Bytes to read, any end, or room to write.
    Writable,
    /// The end of the whole connection. A peer that has only closed its sending side, as `nc -N` does at the end of
    /// its input, still waits for our answer.
    HangUp,
    /// That the peer has closed its sending side, or more.
    HalfClose,
}

impl Signals {
    /// A way to the runner, and its end there, with room for so many.
    pub fn new(room: usize) -> (Signals, Receiver<Signal>) {
        let (sender, receiver) = sync_channel(room);
        (Signals { to: sender, trace: Trace::default() }, receiver)
    }

    /// The same, with what happens recorded.
    pub fn recorded(self, trace: &Trace) -> Signals {
        Signals { trace: trace.clone(), ..self }
    }

    /// What records.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Tells the runner, and waits while it has no room; false when the client is over.
    pub fn send(&self, signal: Signal) -> bool {
        self.to.send(signal).is_ok()
    }

    /// Tells the App, and waits while there is no room; false when the client is over.
    pub fn event(&self, event: Event) -> bool {
        self.send(Signal::Event(event))
    }

    /// Waits until the runner has taken all that this thread has told; false when the client is over.
    pub fn catch_up(&self) -> bool {
        let (mark, taken) = channel();
        // The runner drops the mark, and so does the end of the client.
        self.send(Signal::Mark(mark)) && taken.recv().is_err()
    }

    /// Tells the App something that may be left out when there is no room; false when it was. What is dropped here is
    /// repaired or repeated by who sends it.
    pub fn event_if_room(&self, event: Event) -> bool {
        self.to.try_send(Signal::Event(event)).is_ok()
    }

    /// Tells the App something that may be lost when there is no room; false when the client is over.
    pub fn offer(&self, event: Event) -> bool {
        !matches!(self.to.try_send(Signal::Event(event)), Err(TrySendError::Disconnected(_)))
    }

    /// Wakes the runner, and never waits: one for whom there is no room finds the runner awake.
    pub fn wake(&self) {
        let _ = self.to.try_send(Signal::Wake);
    }
}

/// Both ends of a new call.
///
/// # Errors
/// What the system says: too many open files, most likely.
pub fn new(id: CallId, signals: Signals) -> io::Result<(OrderSender, Call)> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    theirs.set_nonblocking(true)?;
    let (sender, orders) = sync_channel(MAX_ORDERS);
    Ok((OrderSender { orders: sender, bell: ours }, Call { id, signals, orders, bell: theirs, own: None }))
}

impl OrderSender {
    /// Gives an order; false when the call has ended, or has too many that it did not take.
    pub fn send(&self, order: Order) -> bool {
        let sent = self.orders.try_send(order).is_ok();
        // A full pair rings all the same.
        let _ = (&self.bell).write(&[1]);
        sent
    }
}

impl Call {
    /// The same, with the key that peers are shown, if there is one.
    pub fn with_key(self, own: Option<Arc<Identity>>) -> Call {
        Call { own, ..self }
    }

    /// The key that peers are shown.
    pub fn key(&self) -> Option<&Identity> {
        self.own.as_deref()
    }

    /// What records.
    pub fn trace(&self) -> &Trace {
        self.signals.trace()
    }

    /// Tells the App something; false when the client is over.
    pub fn tell(&self, news: News) -> bool {
        self.signals.event(Event::News { call: self.id, news })
    }

    /// Tells the App something that may be left out when there is no room, such as progress.
    pub fn tell_if_room(&self, news: News) {
        self.signals.event_if_room(Event::News { call: self.id, news });
    }

    /// The last that is heard of the call.
    pub fn end(self, end: CallEnd) {
        self.signals.event(Event::CallEnded { call: self.id, end });
    }

    /// Has this connection closed when the call is given up.
    pub fn attach(&self, stream: &Arc<TcpStream>) {
        self.signals.send(Signal::Socket(self.id, Arc::clone(stream)));
    }

    /// Waits for an order alone.
    pub fn order(&self, until: Instant) -> Woken {
        self.wait(None, Some(until))
    }

    /// Whether the runner has given the call up. Orders stay where they are.
    pub fn is_given_up(&self) -> bool {
        let mut ends = [self.end_of_bell()];
        let raised = poll(&mut ends, PollTimeout::ZERO).unwrap_or(0) > 0;
        raised && ends[0].revents().is_some_and(|events| events.contains(PollFlags::POLLHUP))
    }

    /// Pauses, or until the way is free again; false when the call was given up meanwhile.
    pub fn pause(&self, span: Duration) -> bool {
        let until = Instant::now() + span;
        loop {
            match self.order(until) {
                Woken::Late | Woken::Order(Order::Redial) => return true,
                Woken::GivenUp => return false,
                // Nothing else is ordered of a call that pauses.
                Woken::Order(_) | Woken::Socket => {}
            }
        }
    }

    /// Waits for what is watched for at `socket` alone, at most until `until`. Orders stay where they are.
    pub fn wait_socket(&self, socket: &impl AsFd, watch: Watch, until: Instant) -> Woken {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            // Nothing is asked of the bell, so only its end is told.
            let mut ends = [self.end_of_bell(), PollFd::new(socket.as_fd(), watch.flags())];
            let raised = poll(&mut ends, timeout(left)).unwrap_or(0) > 0;
            if raised && ends[0].any().unwrap_or(true) {
                return Woken::GivenUp;
            }
            if raised && ends[1].any().unwrap_or(true) {
                return Woken::Socket;
            }
            if left.is_zero() {
                return Woken::Late;
            }
        }
    }

    /// An entry for `poll` that is raised when the call is given up, and by nothing else.
    pub fn end_of_bell(&self) -> PollFd<'_> {
        PollFd::new(self.bell.as_fd(), PollFlags::empty())
    }

    /// Waits for an order, for what is watched for at `socket`, or until `until`. Orders come before the socket.
    pub fn wait(&self, socket: Option<(&dyn AsFd, Watch)>, until: Option<Instant>) -> Woken {
        loop {
            match self.orders.try_recv() {
                Ok(order) => return Woken::Order(order),
                Err(TryRecvError::Disconnected) => return Woken::GivenUp,
                Err(TryRecvError::Empty) => {}
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let mut ends = vec![PollFd::new(self.bell.as_fd(), PollFlags::POLLIN)];
            ends.extend(socket.map(|(socket, watch)| PollFd::new(socket.as_fd(), watch.flags())));
            // An error can only be a signal: then nothing is raised, and the wait goes on.
            let raised = poll(&mut ends, left.map_or(PollTimeout::NONE, timeout)).unwrap_or(0) > 0;
            let rung = raised && ends[0].any().unwrap_or(true);
            let socket_raised = raised && ends.len() > 1 && ends[1].any().unwrap_or(true);
            if rung {
                // Several rings are taken at once; the orders are all in the channel.
                let _ = (&self.bell).read(&mut [0; 128]);
                continue;
            }
            if socket_raised {
                return Woken::Socket;
            }
            if left.is_some_and(|left| left.is_zero()) {
                return Woken::Late;
            }
        }
    }
}

/// Rounded up: with less than a millisecond left we would turn in circles.
fn timeout(left: Duration) -> PollTimeout {
    PollTimeout::try_from(left.as_micros().div_ceil(1000)).unwrap_or(PollTimeout::MAX)
}

impl Watch {
    /// The flags for `poll`.
    pub fn flags(self) -> PollFlags {
        match self {
            Watch::Readable => PollFlags::POLLIN,
            Watch::Writable => PollFlags::POLLIN | PollFlags::POLLOUT,
            // The end of the whole connection is told without being asked for.
            Watch::HangUp => PollFlags::empty(),
            Watch::HalfClose => PollFlags::from_bits_retain(nix::libc::POLLRDHUP),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn call() -> (OrderSender, Call, Receiver<Signal>) {
        let (signals, receiver) = Signals::new(4);
        let (sender, call) = new(CallId::Out(1), signals).expect("a pair");
        (sender, call, receiver)
    }

    #[test]
    fn orders_come_in_order_and_then_the_end() {
        let (sender, call, _signals) = call();
        assert!(sender.send(Order::Accept) && sender.send(Order::List));
        assert!(!call.is_given_up());
        assert_eq!(call.order(Instant::now()), Woken::Order(Order::Accept));
        assert_eq!(call.order(Instant::now()), Woken::Order(Order::List));
        assert_eq!(call.order(Instant::now()), Woken::Late);
        drop(sender);
        assert_eq!(call.order(Instant::now() + LIMIT), Woken::GivenUp);
        assert!(call.is_given_up());
        assert!(!call.pause(LIMIT));
        let (sender, call, _signals) = super::tests::call();
        assert!(sender.send(Order::Redial));
        assert!(call.pause(Duration::from_secs(3600)), "it ends at once");
    }

    #[test]
    fn a_call_that_takes_nothing_is_given_only_so_much() {
        let (sender, _call, _signals) = call();
        assert!((0..MAX_ORDERS).all(|_| sender.send(Order::Accept)));
        assert!(!sender.send(Order::Accept));
    }

    #[test]
    fn half_of_a_connection_that_ends_is_no_hang_up() {
        let (_sender, call, _signals) = call();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let peer = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        let (ours, _) = listener.accept().expect("accepts");
        peer.shutdown(std::net::Shutdown::Write).expect("open");
        let until = Some(Instant::now() + LIMIT);
        assert_eq!(call.wait(Some((&ours, Watch::HalfClose)), until), Woken::Socket);
        assert_eq!(call.wait(Some((&ours, Watch::HangUp)), Some(Instant::now())), Woken::Late);
        ours.shutdown(std::net::Shutdown::Both).expect("open");
        assert_eq!(call.wait(Some((&ours, Watch::HangUp)), until), Woken::Socket);
    }
}
