//! What the doctor says of TLS: by what the way to the server is encrypted, how the server is known, and whether TLS reaches
//! this client.

use super::session::Session;
use super::state::App;
use super::under_way::Other;
use crate::client::event::{CallError, Effect, LinkId, NoProof, Secured, Work};
use jiff::Timestamp;
use std::net::SocketAddr;
use std::time::SystemTime;

impl App {
    /// The connection to the server is encrypted.
    pub fn secured(&mut self, link: LinkId, by: Secured) {
        if self.session == (Session::Connecting { link }) {
            self.life.secured = Some(by);
        }
    }

    /// Tells by what the way to the server is encrypted, and how the server is known.
    pub(super) fn found_encryption(&mut self) {
        let Some(Secured { suite, key, whence, counts }) = self.life.secured.clone() else { return };
        self.found(Ok(format!("Encryption: {suite}")));
        let counts = counts.map(|(from, to)| format!("; it counts from {} to {} (UTC)", day(from), day(to)));
        self.found(Ok(format!("Key: {key} is {whence}{}", counts.unwrap_or_default())));
    }

    /// Has TLS tried at the address that others are told of us. `None` where they are told of none.
    pub(super) fn try_ourselves(&mut self, at: Option<SocketAddr>) {
        let (Some(me), true) = (self.me().cloned(), self.rules.tls) else { return };
        let Some(at) = at else {
            return self
                .found(Err("Peers by TLS: not examined, as others are told of no port of this client".to_owned()));
        };
        let call = self.draw_call();
        self.out.push(Effect::Call { call, work: Work::ReachOurselves { me: me.clone(), at } });
        self.trying(call, Other { name: me, address: at, outcome: None });
    }
}

/// What it means for TLS between people how we have reached ourselves.
pub(super) fn ourselves(at: SocketAddr, outcome: &Result<(), CallError>) -> Result<String, String> {
    match outcome {
        Ok(()) => Ok(format!(
            "Peers by TLS: fine. By {at}, where others are told that you listen, a connection of this client's own met its own \
             key. It was made on this machine: whether a firewall lets others in, the line Peers tells"
        )),
        Err(CallError::NotProven { why: NoProof::OtherKey(shown), .. }) => Err(format!(
            "Peers by TLS: who listens at {at} has another key than this client ({shown}), so nobody who uses TLS speaks with it. \
             Something between takes that port: choose another with --listen"
        )),
        Err(CallError::NotProven { .. }) => Err(format!(
            "Peers by TLS: who listens at {at} does not speak TLS, so nobody who uses it speaks with you: it is another program, \
             or something between does not let TLS pass. Choose another port with --listen"
        )),
        Err(why) => Err(format!(
            "Peers by TLS: not examined, as this machine does not reach {at} itself ({why}). Behind a router (NAT) that may be so \
             and others reach it all the same: run the doctor on another machine"
        )),
    }
}

fn day(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| "a time too far".to_owned(), |time| time.strftime("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::event::NoConnection;
    use crate::value::Fingerprint;

    #[test]
    fn what_reached_us_is_told_with_what_it_does_not_show() {
        let address: SocketAddr = ([10, 0, 0, 7], 4401).into();
        let told = |outcome| ourselves(address, &outcome);
        let not_proven = |why| Err(CallError::NotProven { name: "bob".parse().expect("a name"), address, why });
        assert!(told(Ok(())).is_ok_and(|text| text.contains("fine. By 10.0.0.7:4401") && text.contains("a firewall")));
        let key = Fingerprint([7; 32]);
        for (outcome, part) in [
            (not_proven(NoProof::OtherKey(key)), key.to_string()),
            (not_proven(NoProof::NoTls), "does not speak TLS".to_owned()),
            (
                Err(CallError::Unreachable { address, why: NoConnection::Silent }),
                "does not reach 10.0.0.7:4401".to_owned(),
            ),
        ] {
            assert!(told(outcome).is_err_and(|text| text.contains(&part)), "{part}");
        }
    }
}
