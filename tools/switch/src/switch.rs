//! A switch: links, who was heard on which, and the frames that are on their way. Pure: it knows no socket and no
//! clock.

use crate::command::{Change, Command};
use crate::frame::{self, Mac};
use crate::pipe::Pipe;
use crate::random::Xorshift;
use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};
use std::time::Instant;

/// How many addresses are remembered; beyond, all are learned anew.
const MOST_ADDRESSES: usize = 1000;

/// Which link, in the order in which they were added.
pub type LinkId = usize;

struct Link {
    name: String,
    /// Frames go to links of the same network only.
    network: String,
    /// From the host to the switch.
    up: Pipe,
    /// From the switch to the host.
    down: Pipe,
}

/// A frame on its way: through the pipe from `link` to the switch, or through that to it.
struct Transit {
    through: Instant,
    /// Of two that are through at one time the older is the first.
    number: u64,
    link: LinkId,
    is_up: bool,
    frame: Vec<u8>,
}

impl Ord for Transit {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.through, self.number).cmp(&(other.through, other.number))
    }
}
impl PartialOrd for Transit {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Transit {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Transit {}

/// A switch.
pub struct Switch {
    links: Vec<Link>,
    heard_on: HashMap<Mac, LinkId>,
    transits: BinaryHeap<Reverse<Transit>>,
    count: u64,
    random: Xorshift,
}

impl Switch {
    /// One without links. Its chances are those of the seed.
    pub fn new(seed: u64) -> Switch {
        let random = Xorshift::new(seed);
        Switch { links: Vec::new(), heard_on: HashMap::new(), transits: BinaryHeap::new(), count: 0, random }
    }

    /// The link of that name, which is made when there is none: all of them in one network, without faults.
    pub fn link(&mut self, name: &str) -> LinkId {
        self.links.iter().position(|link| link.name == name).unwrap_or_else(|| {
            let (name, network) = (name.to_owned(), String::new());
            self.links.push(Link { name, network, up: Pipe::default(), down: Pipe::default() });
            self.links.len() - 1
        })
    }

    /// Carries a command out, for what comes from now on.
    ///
    /// # Errors
    /// A sentence, when there is no such link.
    pub fn change(&mut self, command: &Command) -> Result<(), String> {
        let is_meant = |link: &Link| command.link.as_ref().is_none_or(|name| *name == link.name);
        if !self.links.iter().any(is_meant) {
            return Err(format!("no link {}", command.link.as_deref().unwrap_or("at all")));
        }
        for link in self.links.iter_mut().filter(|link| is_meant(link)) {
            for change in &command.changes {
                match change {
                    Change::Network(name) => link.network.clone_from(name),
                    Change::Quality(change) => {
                        let pipes = [(command.way.is_up(), &mut link.up), (command.way.is_down(), &mut link.down)];
                        pipes
                            .into_iter()
                            .filter(|(is_meant, _)| *is_meant)
                            .for_each(|(_, pipe)| change.apply(&mut pipe.quality));
                    }
                }
            }
        }
        Ok(())
    }

    /// A host has sent a frame.
    pub fn receive(&mut self, link: LinkId, frame: Vec<u8>, now: Instant) {
        self.send(link, true, frame, now);
    }

    /// The next frame that has reached a host, of those that have until now.
    pub fn next(&mut self, now: Instant) -> Option<(LinkId, Vec<u8>)> {
        while self.deadline().is_some_and(|deadline| deadline <= now) {
            let Reverse(Transit { through, link, is_up, frame, .. }) = self.transits.pop()?;
            if !is_up {
                self.links[link].down.through();
                return Some((link, frame));
            }
            self.links[link].up.through();
            // It goes on when it was there, however late this is called.
            self.forward(link, frame, through);
        }
        None
    }

    /// When [`Switch::next`] has something to do, if nothing comes before.
    pub fn deadline(&self) -> Option<Instant> {
        self.transits.peek().map(|Reverse(transit)| transit.through)
    }

    /// Sends a frame on to where its receiver was heard, or to all.
    fn forward(&mut self, from: LinkId, frame: Vec<u8>, now: Instant) {
        let Some((to, sender)) = frame::addresses(&frame) else { return };
        if self.heard_on.len() >= MOST_ADDRESSES {
            self.heard_on.clear();
        }
        self.heard_on.insert(sender, from);
        let known = self.heard_on.get(&to).copied().filter(|_| !frame::is_for_many(to));
        let is_meant = |link: LinkId| {
            link != from
                && known.is_none_or(|known| known == link)
                && self.links[link].network == self.links[from].network
        };
        let mut targets: Vec<LinkId> = (0..self.links.len()).filter(|link| is_meant(*link)).collect();
        // The last one gets the frame itself: mostly there is one.
        let Some(last) = targets.pop() else { return };
        targets.into_iter().for_each(|link| self.send(link, false, frame.clone(), now));
        self.send(last, false, frame, now);
    }

    fn send(&mut self, link: LinkId, is_up: bool, frame: Vec<u8>, now: Instant) {
        let pipe = if is_up { &mut self.links[link].up } else { &mut self.links[link].down };
        let size = frame.len().saturating_sub(frame::HEADER);
        if let Some(through) = pipe.take(frame::kind(&frame), size, now, &mut self.random) {
            self.count += 1;
            self.transits.push(Reverse(Transit { through, number: self.count, link, is_up, frame }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::tests::{ipv4, udp};
    use std::time::Duration;

    const MS: Duration = Duration::from_millis(1);

    fn switch(links: &[&str]) -> (Switch, Instant) {
        let mut switch = Switch::new(1);
        for (id, name) in links.iter().enumerate() {
            assert_eq!((switch.link(name), switch.link(name)), (id, id));
        }
        (switch, Instant::now())
    }

    fn frame(from: u8, to: u8) -> Vec<u8> {
        let mut frame = ipv4(17, &udp(b"hello"));
        (frame[11], frame[5]) = (from, to);
        frame
    }

    fn to_all(from: u8) -> Vec<u8> {
        let mut frame = frame(from, 0);
        frame[..6].fill(0xff);
        frame
    }

    fn command(switch: &mut Switch, line: &str) {
        switch.change(&line.parse().expect(line)).expect(line);
    }

    /// The links where frames come out until `now`.
    fn reached(switch: &mut Switch, now: Instant) -> Vec<LinkId> {
        std::iter::from_fn(|| switch.next(now)).map(|(link, _)| link).collect()
    }

    #[test]
    fn frames_go_where_their_receiver_was_heard() {
        let (mut switch, now) = switch(&["one", "two", "three"]);
        switch.receive(0, frame(1, 2), now);
        assert_eq!(reached(&mut switch, now), [1, 2]);
        switch.receive(1, frame(2, 1), now);
        switch.receive(0, frame(1, 2), now);
        assert_eq!(reached(&mut switch, now), [0, 1]);
        switch.receive(2, to_all(3), now);
        assert_eq!(reached(&mut switch, now), [0, 1]);
        // A host that moves is found where it was heard last.
        switch.receive(2, frame(1, 2), now);
        switch.receive(1, frame(2, 1), now);
        assert_eq!(reached(&mut switch, now), [1, 2]);
        switch.receive(0, b"no frame".to_vec(), now);
        assert_eq!(reached(&mut switch, now), []);
        assert_eq!(switch.deadline(), None);
    }

    #[test]
    fn both_links_are_crossed() {
        let (mut switch, now) = switch(&["one", "two"]);
        command(&mut switch, "all delay=2ms");
        command(&mut switch, "two/down delay=5ms");
        switch.receive(0, frame(1, 2), now);
        assert_eq!(switch.deadline(), Some(now + 2 * MS));
        assert_eq!(reached(&mut switch, now + 6 * MS), []);
        assert_eq!(switch.deadline(), Some(now + 7 * MS));
        assert_eq!(reached(&mut switch, now + 7 * MS), [1]);
        switch.receive(1, frame(2, 1), now);
        assert_eq!(reached(&mut switch, now + 4 * MS), [0]);
    }

    #[test]
    fn networks_are_apart() {
        let (mut switch, now) = switch(&["one", "two", "three"]);
        command(&mut switch, "three network=outside");
        switch.receive(0, to_all(1), now);
        assert_eq!(reached(&mut switch, now), [1]);
        switch.receive(2, to_all(3), now);
        assert_eq!(reached(&mut switch, now), []);
        assert!(switch.change(&"four drop=all".parse().expect("a command")).is_err());
    }

    #[test]
    fn a_direction_alone_is_dropped() {
        let (mut switch, now) = switch(&["server", "alice"]);
        command(&mut switch, "server/up drop=udp");
        switch.receive(0, frame(1, 2), now);
        switch.receive(1, frame(2, 1), now);
        assert_eq!(reached(&mut switch, now), [0]);
    }
}
