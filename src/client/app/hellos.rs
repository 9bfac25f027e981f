//! When to say hello: a datagram every few seconds, and for all that comes, says what we have. So the server knows what is
//! missing, and how fast it may send. When nothing answers, the server may be gone, or only the datagrams: that is to be
//! asked on the connection.

use super::acks::Acks;
use super::inbox::{Inbox, Route};
use super::repairs::Repairs;
use crate::protocol::{Broadcast, FromServer, Hello};
use crate::value::Ticket;
use std::time::{Duration, Instant};

/// How often a hello is sent at least: the server gives UDP up after 15 s without one.
pub const HEARTBEAT: Duration = Duration::from_secs(5);
/// How often one is sent while a file stands still that we fetch: its answer tells that the way is free again.
const EAGER: Duration = Duration::from_secs(1);
/// How long hellos go unanswered, from the first of three to a second behind the last, until the connection is asked
/// whether the server is there. With the [`super::asks::PATIENCE`] of that question a cut is told within 20 s, as a hello
/// is at most 5 s old when it comes.
const SILENCE: Duration = Duration::from_secs(11);
/// How long hellos that ask for something missing go without any answer until it is given up. By then the server has had
/// 15 s to see that UDP does not work, and brings by TCP what no hello has acknowledged; in a cut the session ends.
const HOPELESS: Duration = Duration::from_secs(30);

/// The hellos of one session.
#[derive(Debug, Default)]
pub struct Hellos {
    /// What each must carry; nothing without a session.
    token: Option<Ticket>,
    last: Option<Instant>,
    /// When to ask for what is missing.
    repairs: Repairs,
    /// When to acknowledge what came. It begins with the first datagram of a session: then its server knows the hello that
    /// tells what came behind a gap.
    acks: Option<Acks>,
    /// When the first was sent of those that are to be answered, and after which no datagram has come.
    unheard: Option<Instant>,
    /// Whether something waits for the next answer.
    is_eager: bool,
    /// Whether the connection was asked because of that.
    asked: bool,
    /// Whether the system gave us no socket for them.
    broken: bool,
}

impl Hellos {
    /// A session begins, or ends.
    pub fn begin(&mut self, token: Option<Ticket>) {
        *self = Hellos { token, broken: self.broken, ..Hellos::default() };
    }

    /// What each must carry, while there is a session and a socket.
    pub fn token(&self) -> Option<Ticket> {
        self.token.filter(|_| !self.broken)
    }

    /// There is no socket to send them from.
    pub fn give_up(&mut self) {
        self.broken = true;
    }

    /// Takes the lines of a datagram of the server: what may be shown now and, for the first datagram after a hello that
    /// was to be answered, since when none had been.
    pub fn take(
        &mut self,
        lines: impl IntoIterator<Item = FromServer>,
        inbox: &mut Inbox,
        now: Instant,
    ) -> (Vec<Broadcast>, Option<Instant>) {
        let unheard = self.answered(now);
        let (mut shown, before, mut text, mut asks) = (Vec::new(), inbox.last(), None, false);
        for line in lines {
            match line {
                FromServer::Broadcast(broadcast) => {
                    *text.get_or_insert(0) += broadcast.text.len();
                    shown.append(&mut inbox.accept(broadcast, Route::Udp));
                }
                FromServer::Head(seq) => shown.append(&mut inbox.head(seq, unheard.is_some())),
                FromServer::Tail(seq) => {
                    asks = true;
                    inbox.tail(seq);
                }
            }
        }
        if asks {
            self.repairs.hurry(inbox, now);
        }
        if let Some(acks) = &mut self.acks {
            // An answer to who has everything is not acknowledged: that would be answered again.
            if text.is_some() || inbox.last() != before {
                acks.arrived(text.unwrap_or_default(), now);
            }
            if asks {
                acks.hurry(now);
            }
        }
        (shown, unheard)
    }

    fn answered(&mut self, now: Instant) -> Option<Instant> {
        // Any number that differs from client to client.
        let digits = self.token.into_iter().flat_map(Ticket::digits);
        let share = digits.fold(0u8, |share, digit| share.wrapping_mul(31).wrapping_add(digit));
        // Before the first hello of a session nothing comes: what comes then is the answer to it, if there was one only.
        if let Some(first) = self.unheard.filter(|first| self.acks.is_none() && self.last == Some(*first)) {
            self.repairs.answered(now.saturating_duration_since(first));
        }
        self.acks.get_or_insert_with(|| Acks::new(share));
        self.asked = false;
        self.unheard.take()
    }

    /// Whether something waits for the next answer.
    pub fn set_eager(&mut self, is_eager: bool) {
        self.is_eager = is_eager;
    }

    /// Whether nothing has answered for so long that the connection is to be asked. True once for each silence.
    pub fn falls_silent(&mut self, now: Instant) -> bool {
        let is_silent = self.silent_at().is_some_and(|at| at <= now);
        self.asked |= is_silent;
        is_silent
    }

    fn silent_at(&self) -> Option<Instant> {
        self.token()?;
        self.unheard.filter(|_| !self.asked).map(|first| first + SILENCE)
    }

    /// When the next one is due, or the silence is to be told. The first of a session is sent with the login, so this
    /// waits for none.
    pub fn deadline(&self, inbox: &Inbox) -> Option<Instant> {
        self.token()?;
        let next = self.last.and_then(|last| self.next(inbox, last));
        next.into_iter().chain(self.silent_at()).min()
    }

    /// The hello that is due now.
    pub fn due(&mut self, inbox: &Inbox, now: Instant) -> Option<Hello> {
        let token = self.token()?;
        self.repairs.look(inbox, now);
        if self.last.and_then(|last| self.next(inbox, last)).is_some_and(|next| now < next) {
            return None;
        }
        let is_ack = self.acks.as_ref().is_some_and(|acks| acks.due().is_some());
        let (received, tells_loss) = self.repairs.tell(inbox, now);
        self.last = Some(now);
        // Who acknowledges something is not answered, unless something is missing.
        if !is_ack || inbox.has_gap() {
            self.unheard.get_or_insert(now);
        }
        // The short one is answered with `head_` again: so often until we believe it.
        let received = Some(received).filter(|_| self.acks.is_some() && !inbox.doubts_a_head());
        self.acks.iter_mut().for_each(|acks| acks.said(tells_loss));
        Some(Hello { token, last_seq: inbox.last(), received })
    }

    /// Whether what is missing will never come by UDP here.
    pub fn is_hopeless(&self, inbox: &Inbox, now: Instant) -> bool {
        inbox.has_gap() && self.unheard.is_some_and(|first| now >= first + HOPELESS)
    }

    /// When the one after the last is due.
    fn next(&self, inbox: &Inbox, last: Instant) -> Option<Instant> {
        let pause = if self.is_eager { EAGER } else { HEARTBEAT };
        let ack = self.acks.as_ref().and_then(Acks::due);
        let repair = self.repairs.deadline().filter(|_| inbox.has_gap());
        ack.into_iter().chain(repair).chain([last + pause]).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Ticket {
        "00112233445566778899aabbccddeeff".parse().expect("a ticket")
    }

    #[test]
    fn at_once_then_each_five_seconds_and_sooner_while_something_is_missing() {
        let (mut hellos, mut inbox, now) = (Hellos::default(), Inbox::default(), Instant::now());
        assert!(hellos.due(&inbox, now).is_none(), "no session");
        hellos.begin(Some(token()));
        assert!(hellos.due(&inbox, now).is_some());
        assert!(hellos.due(&inbox, now + Duration::from_secs(4)).is_none());
        hellos.set_eager(true);
        assert_eq!(hellos.deadline(&inbox), Some(now + EAGER));
        hellos.set_eager(false);
        assert_eq!(hellos.deadline(&inbox), Some(now + HEARTBEAT));
        let text = String::new();
        let later = Broadcast { seq: 9, unix_time: 1, from: "bob".parse().expect("valid"), text };
        inbox.accept(later, Route::Udp);
        assert!(hellos.due(&inbox, now).is_none(), "it may only have been overtaken");
        let mut last = now;
        while last < now + HOPELESS {
            assert!(!hellos.is_hopeless(&inbox, last));
            last = hellos.deadline(&inbox).expect("something is missing");
            let (is_silent, hello) = (hellos.falls_silent(last), hellos.due(&inbox, last));
            assert!(is_silent || hello.is_some_and(|hello| hello.received.is_none()), "an older server");
        }
        assert!(hellos.is_hopeless(&inbox, last));
        hellos.answered(last);
        assert!(!hellos.is_hopeless(&inbox, last));
        hellos.begin(None);
        assert_eq!(hellos.deadline(&inbox), None);
    }

    #[test]
    fn three_hellos_without_an_answer_are_a_silence_and_it_is_told_once() {
        let (mut hellos, inbox, now) = (Hellos::default(), Inbox::default(), Instant::now());
        let second = |seconds| now + Duration::from_secs(seconds);
        hellos.begin(Some(token()));
        let mut silent = Vec::new();
        for time in 0..=60 {
            hellos.due(&inbox, second(time));
            if hellos.falls_silent(second(time)) {
                silent.push(time);
            }
            if time == 30 {
                hellos.answered(second(time));
            }
        }
        assert_eq!(silent, [11, 46], "hellos at 35, 40 and 45 s are unanswered again");
        hellos.begin(Some(token()));
        hellos.due(&inbox, now);
        hellos.give_up();
        assert!(!hellos.falls_silent(second(60)), "there is no socket");
    }
}
