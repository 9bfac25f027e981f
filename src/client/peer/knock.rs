//! What becomes of a peer's request: the order that answers it, unless the peer hangs up before. It does not know what
//! is asked for.

use super::connection::PeerConnection;
use crate::client::call::{Call, Watch, Woken};
use crate::client::event::{News, Order};
use crate::peer_protocol::PeerRefusal;
use std::time::{Duration, Instant};

/// The end of a peer's sending side within this span after its first line is the end of a script's input, as with
/// `nc -N`, and its answer is still waited for. Later it is a person who does not wait any longer.
const END_OF_INPUT: Duration = Duration::from_secs(1);

/// How a wait for the answer to a request ended.
pub enum Decided {
    /// By this order.
    Order(Order),
    /// The peer did not wait; the App is told so.
    HungUp,
    /// The runner has given the call up.
    GivenUp,
}

/// Waits for the answer to a request whose first line came at `since`, however long the App lets it be: that has the
/// deadline. What the peer sends meanwhile stays unread.
pub fn wait(call: &Call, connection: &PeerConnection, since: Instant) -> Decided {
    let grace = since + END_OF_INPUT;
    let woken = match call.wait(Some((connection, Watch::HangUp)), Some(grace)) {
        Woken::Late => {
            let has_ended_input = call.wait_socket(connection, Watch::HalfClose, Instant::now()) == Woken::Socket;
            wait_on(call, connection, has_ended_input)
        }
        woken => woken,
    };
    match woken {
        Woken::Order(order) => {
            note_ticket(connection, &order);
            Decided::Order(order)
        }
        Woken::GivenUp => Decided::GivenUp,
        // The runner may have closed the stream before it rang.
        Woken::Socket | Woken::Late if call.is_given_up() => Decided::GivenUp,
        Woken::Socket | Woken::Late => {
            call.tell(News::HungUp);
            Decided::HungUp
        }
    }
}

/// Waits as [`wait`] does, for the order that lets the request go on. `None` when the call is over: the App has refused
/// the request, and the peer was told why, or either side has ended it.
pub fn accepted(call: &Call, connection: &PeerConnection, since: Instant) -> Option<Order> {
    match wait(call, connection, since) {
        Decided::Order(Order::Refuse(why)) => {
            connection.refuse(why);
            None
        }
        Decided::Order(order) => Some(order),
        Decided::HungUp | Decided::GivenUp => None,
    }
}

/// Records that the ticket that the peer has shown as a whole was theirs: only one that is not has these refusals.
pub fn note_ticket(connection: &PeerConnection, order: &Order) {
    if !matches!(order, Order::Refuse(PeerRefusal::NotIntroduced | PeerRefusal::AnotherKey)) {
        connection.wire().redeemed();
    }
}

/// The wait after [`END_OF_INPUT`].
fn wait_on(call: &Call, connection: &PeerConnection, has_ended_input: bool) -> Woken {
    let watch = if has_ended_input { Watch::HangUp } else { Watch::HalfClose };
    call.wait(Some((connection, watch)), None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::call::{self, OrderSender, Signal, Signals};
    use crate::client::event::{CallId, Event};
    use crate::trace::Wire;
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::sync::Arc;
    use std::sync::mpsc::Receiver;

    const LIMIT: Duration = Duration::from_secs(10);

    fn asked() -> (TcpStream, PeerConnection, OrderSender, Call, Receiver<Signal>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let peer = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        let connection =
            PeerConnection::new(Arc::new(listener.accept().expect("accepts").0), Wire::default()).expect("open");
        let (signals, receiver) = Signals::new(4);
        let (sender, call) = call::new(CallId::In(1), signals).expect("a pair");
        (peer, connection, sender, call, receiver)
    }

    fn long_ago() -> Instant {
        Instant::now().checked_sub(END_OF_INPUT * 2).expect("the machine runs for longer")
    }

    #[test]
    fn a_script_at_the_end_of_its_input_still_waits() {
        let (peer, connection, sender, call, _signals) = asked();
        peer.shutdown(Shutdown::Write).expect("open");
        assert_eq!(call.wait_socket(&connection, Watch::HalfClose, Instant::now() + LIMIT), Woken::Socket);
        assert!(sender.send(Order::List));
        assert!(matches!(wait(&call, &connection, long_ago()), Decided::Order(Order::List)));
    }

    #[test]
    fn a_reset_is_a_hang_up_at_once() {
        let (peer, connection, _sender, call, signals) = asked();
        socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).expect("open");
        drop(peer);
        assert!(matches!(wait(&call, &connection, Instant::now() + LIMIT), Decided::HungUp));
        let told = signals.recv_timeout(LIMIT).expect("told");
        assert!(matches!(told, Signal::Event(Event::News { news: News::HungUp, .. })));
    }

    #[test]
    fn who_closes_later_has_hung_up() {
        let (peer, connection, _sender, call, _signals) = asked();
        peer.shutdown(Shutdown::Write).expect("open");
        assert_eq!(wait_on(&call, &connection, false), Woken::Socket);
    }
}
