//! Messages that were handed over and lost with a connection: their senders hear of it, now or at their next login.

use super::rendezvous::Rendezvous;
use crate::protocol::Notice;
use crate::server::clients::Letter;
use crate::server::delivery::Presence;
use crate::value::{TimeOfDay, Username};
use std::time::{Instant, SystemTime};

impl Rendezvous {
    /// What was handed over to a client since it was last heard is lost: its senders are told. What it was told itself of
    /// lost messages waits for its next login.
    pub fn was_lost(&self, lost: &Username, presence: &Presence) {
        let at = TimeOfDay::of(SystemTime::now());
        for notice in presence.take_notices() {
            self.owed.put(lost.clone(), notice, Instant::now());
        }
        for sender in presence.take_senders() {
            self.tell(sender, Notice::NotDelivered { name: lost.clone(), at });
        }
    }

    /// Tells a client of a message that was lost. A member who is not there is told at the next login: a session may end
    /// in the very seconds in which a message of it is lost.
    fn tell(&self, to: Username, notice: Notice) {
        let hand = |client| self.directory.hand(Letter::Loss(notice.clone()), &client).is_ok();
        let is_told = self.clients.find_any(&to).is_some_and(hand);
        // Where that is not to be had, it counts as a member's.
        if !is_told && self.directory.account(&to) != Ok(None) {
            self.owed.put(to, notice, Instant::now());
        }
    }

    /// Tells a member who is logged in what has waited for that.
    pub fn deliver_owed(&self, to: &Username) {
        for notice in self.owed.take(to, Instant::now()) {
            self.tell(to.clone(), notice);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rendezvous::tests::{account, enter, open};
    use super::*;
    use crate::net::Patience;
    use crate::protocol::Refusal;
    use crate::server::auth::Credentials;
    use crate::server::clients::Viewpoint;
    use crate::server::delivery::{Mailbox, Parcel};
    use crate::server::service::Login;
    use std::net::IpAddr;
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn who_had_a_text_handed_over_hears_that_it_was_lost() {
        let folder = tempfile::tempdir().expect("a folder");
        let services = open(&folder);
        let (alice, alice_reads) = enter(&services, "alice", 7);
        let (bob, _) = enter(&services, "bob", 8);
        let bob_is = "bob".parse().expect("an address");
        for _ in 0..2 {
            services.relay(&alice.key, "hello", &bob_is).expect("handed over");
        }
        services.leave(&bob);
        services.was_lost(&bob.key.name, &bob.presence);
        let told = alice_reads.take();
        assert!(told.starts_with("notice_Not delivered: bob was lost at ") && told.lines().count() == 1, "{told}");
        // A client that was cut off comes back before the network has given its connection up.
        let (bob, _) = enter(&services, "bob", 8);
        bob.presence.hello(Instant::now() - Duration::from_secs(12));
        services.relay(&alice.key, "hello", &bob_is).expect("handed over");
        let (bob, _) = enter(&services, "bob", 9);
        assert!(alice_reads.take().starts_with("notice_Not delivered: bob was lost at "));
        bob.presence.hello(Instant::now());
        services.relay(&alice.key, "hello", &bob_is).expect("handed over");
        enter(&services, "bob", 8);
        assert_eq!(alice_reads.take(), "", "it was there until it logged in elsewhere");
    }

    fn sign_alice_up(services: &Rendezvous) {
        let patient = Patience::lasting(Duration::from_secs(60));
        let credentials = Credentials { name: "alice".to_owned(), password: "password".to_owned() };
        services.sign_up(&credentials, IpAddr::from([127, 0, 0, 1]), &patient).expect("an account");
    }

    /// A session to which nothing gets any more.
    struct Gone;

    impl Mailbox for Gone {
        fn deliver(&self, _: &Parcel) -> bool {
            false
        }

        fn close(&self) {}
    }

    fn enter_gone(services: &Rendezvous, name: &str) -> Login {
        let ip = IpAddr::from([10, 0, 0, 7]);
        let view = Viewpoint::of(ip, [10, 0, 0, 1].into());
        services.enter(&account(services, name), (ip, 50_000).into(), view, Arc::new(Gone)).expect("welcome")
    }

    #[test]
    fn a_notice_that_could_not_be_told_is_told_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let services = open(&folder);
        sign_alice_up(&services);
        let gone = enter_gone(&services, "alice");
        services.tell(gone.key.name.clone(), Notice::Other("a text was lost".to_owned()));
        services.leave(&gone);
        let (alice, reads) = enter(&services, "alice", 7);
        services.deliver_owed(&alice.key.name);
        assert_eq!(reads.take(), "notice_a text was lost\n");
        // The network gives the older connection up.
        services.was_lost(&gone.key.name, &gone.presence);
        services.deliver_owed(&alice.key.name);
        assert_eq!(reads.take(), "");
    }

    #[test]
    fn who_was_refused_does_not_hear_of_the_loss_as_well() {
        let folder = tempfile::tempdir().expect("a folder");
        let services = open(&folder);
        let (alice, reads) = enter(&services, "alice", 7);
        let gone = enter_gone(&services, "bob");
        let refused = services.relay(&alice.key, "hello", &"bob".parse().expect("an address"));
        assert_eq!(refused, Err(Refusal::JustLeaving(gone.key.name.clone())));
        services.leave(&gone);
        services.was_lost(&gone.key.name, &gone.presence);
        assert_eq!(reads.take(), "");
    }

    #[test]
    fn who_is_not_logged_in_hears_at_the_next_login_what_was_lost() {
        let folder = tempfile::tempdir().expect("a folder");
        let services = open(&folder);
        sign_alice_up(&services);
        let (alice, _) = enter(&services, "alice", 7);
        let (bob, _) = enter(&services, "bob", 8);
        services.relay(&alice.key, "hello", &"bob".parse().expect("an address")).expect("handed over");
        services.leave(&alice);
        services.was_lost(&bob.key.name, &bob.presence);
        let back = || {
            let (alice, reads) = enter(&services, "alice", 7);
            services.deliver_owed(&alice.key.name);
            (alice, reads.take())
        };
        let (alice, told) = back();
        assert!(told.starts_with("notice_Not delivered: bob was lost at ") && told.lines().count() == 1, "{told}");
        // That was lost too, with her own connection.
        services.leave(&alice);
        services.was_lost(&alice.key.name, &alice.presence);
        let (alice, again) = back();
        assert_eq!(again, told);
        alice.presence.line(Instant::now());
        services.leave(&alice);
        services.was_lost(&alice.key.name, &alice.presence);
        assert_eq!(back().1, "", "she was heard since");
    }
}
