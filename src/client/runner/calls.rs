//! The calls under way: the runner's end of each. It knows what a call is for only to say that it cannot begin.

use super::panic_told::PanicTold;
use super::threads::Threads;
use crate::client::call::{self, OrderSender, Signals};
use crate::client::dispatch::{self, Means};
use crate::client::event::{CallEnd, CallError, CallId, Event, News, Order, Stage, Step, Way, Work};
use socket2::SockRef;
use std::collections::BTreeMap;
use std::net::{Shutdown as Direction, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a call that was given up may still write its last line, before its connection is cut. A command is ended before
/// it, which takes two seconds at most, and its record is synced.
pub const LAST_WORD: Duration = Duration::from_secs(4);

/// The runner's ends of all calls.
#[derive(Default)]
pub struct Calls(BTreeMap<CallId, HeldCall>);

/// One call, until it has ended.
struct HeldCall {
    /// `None` once it was given up, which the call sees at once.
    orders: Option<OrderSender>,
    stream: Option<Arc<TcpStream>>,
    /// When the connection of a call that was given up is cut.
    cut: Option<Instant>,
}

impl Calls {
    /// Begins a call on a thread of its own; what is given back are the events of one that cannot begin.
    pub fn begin(
        &mut self,
        id: CallId,
        work: Work,
        signals: &Signals,
        means: &Arc<Means>,
        threads: &mut Threads,
    ) -> Vec<Event> {
        let (tell, means, done) = (signals.clone(), Arc::clone(means), work.clone());
        let started = call::new(id, signals.clone()).and_then(|(orders, call)| {
            threads.start("call", move || {
                let end = Event::CallEnded { call: id, end: CallEnd::Over };
                let _told = PanicTold { event: end, signals: tell };
                dispatch::begin(call, done, &means);
            })?;
            Ok(orders)
        });
        match started {
            Ok(orders) => {
                self.0.insert(id, HeldCall { orders: Some(orders), stream: None, cut: None });
                Vec::new()
            }
            Err(error) => not_begun(id, work, format!("no thread for it: {error}")),
        }
    }

    /// A peer has begun a call.
    pub fn add(&mut self, id: CallId, orders: OrderSender, stream: Arc<TcpStream>) {
        self.0.insert(id, HeldCall { orders: Some(orders), stream: Some(stream), cut: None });
    }

    /// A call has a connection now. That of one which was given up, or has ended, is closed.
    pub fn attach(&mut self, id: CallId, stream: Arc<TcpStream>) {
        match self.0.get_mut(&id) {
            Some(held) if held.orders.is_some() => held.stream = Some(stream),
            _ => cut(&stream),
        }
    }

    /// Gives an order. A call that has ended, or takes none, does not get it: the App counts what it gives.
    pub fn order(&self, id: CallId, order: Order) {
        let orders = self.0.get(&id).and_then(|held| held.orders.as_ref());
        if orders.is_some_and(|orders| !orders.send(order)) {
            log::debug!("{id:?} takes no order");
        }
    }

    /// Has a call make its connection anew. The peer notices it at once, and keeps no place for the old one.
    pub fn redial(&mut self, id: CallId) {
        if let Some(stream) = self.0.get_mut(&id).and_then(|held| held.stream.take()) {
            // An error says that it has ended already.
            let _ = SockRef::from(&*stream).set_linger(Some(Duration::ZERO));
            cut(&stream);
        }
        self.order(id, Order::Redial);
    }

    /// Gives a call up. What it was ordered before, such as a last line, still has a moment to leave.
    pub fn hang_up(&mut self, id: CallId, now: Instant) {
        if let Some(held) = self.0.get_mut(&id).filter(|held| held.orders.is_some()) {
            held.orders = None;
            held.cut = Some(now + LAST_WORD);
        }
    }

    /// A call has ended. Its thread closes the connection, gently.
    pub fn ended(&mut self, id: CallId) {
        self.0.remove(&id);
    }

    /// When a connection is to be cut next.
    pub fn deadline(&self) -> Option<Instant> {
        self.0.values().filter_map(|held| held.cut).min()
    }

    /// Cuts the connections whose moment has come.
    pub fn cut_due(&mut self, now: Instant) {
        for held in self.0.values_mut().filter(|held| held.cut.is_some_and(|cut| cut <= now)) {
            held.cut = None;
            if let Some(stream) = held.stream.take() {
                cut(&stream);
            }
        }
    }

    /// Gives all up, for the end of the client.
    pub fn give_up_all(&mut self) {
        self.0.values_mut().for_each(|held| held.orders = None);
    }

    /// Cuts all, for the end of the client.
    pub fn cut_all(&mut self) {
        self.0.values_mut().filter_map(|held| held.stream.take()).for_each(|stream| cut(&stream));
    }
}

fn cut(stream: &TcpStream) {
    // An error says that it has ended already.
    let _ = stream.shutdown(Direction::Both);
}

/// What is told of a call that cannot begin.
fn not_begun(call: CallId, work: Work, why: String) -> Vec<Event> {
    let failed = |way, with, what| {
        let stage = Stage::Failed { why: why.clone(), done: 0 };
        (vec![Event::News { call, news: News::Transfer(Step { way, with, what, stage }) }], CallEnd::Over)
    };
    let error = CallError::Ours(why.clone());
    let (mut events, end) = match work {
        Work::Talk { .. } => (Vec::new(), CallEnd::Talk(Err(error))),
        Work::Message { .. } => (Vec::new(), CallEnd::Message(Err(error))),
        Work::Run { .. } => (Vec::new(), CallEnd::Ran(Err(error))),
        Work::Verify { .. } => (Vec::new(), CallEnd::Words(Err(error))),
        Work::Reach { .. } | Work::ReachOurselves { .. } => (Vec::new(), CallEnd::Reached(Err(error))),
        Work::Files { .. } => (Vec::new(), CallEnd::Files(Err(error))),
        Work::Fetch { from, file } => failed(Way::Fetch, from, file.to_string()),
        Work::Give { to, paths, .. } => {
            let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
            failed(Way::Give, to, paths.join(" "))
        }
    };
    events.push(Event::CallEnded { call, end });
    events
}
