//! An address at which another one's client answers, with whole programs: what a router does that runs a client itself.

use crate::harness::TestServer;
use crate::harness::client::ClientProcess;
use crate::harness::meddler::Listening;
use peerline::net::listener::Service;
use peerline::net::{Place, Refused};
use std::io::copy;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// Passes all connections on to one address.
struct Forward(SocketAddr);

impl Service for Forward {
    const NAME: &'static str = "forward";

    fn serve(&self, caller: &Arc<TcpStream>, _: SocketAddr, _: &Place<'_>) {
        let callee = TcpStream::connect(self.0).expect("somebody is there");
        thread::scope(|scope| {
            scope.spawn(|| {
                let _ = copy(&mut &**caller, &mut &callee);
                let _ = callee.shutdown(Shutdown::Write);
            });
            let _ = copy(&mut &callee, &mut &**caller);
            let _ = caller.shutdown(Shutdown::Both);
        });
    }

    fn refuse(&self, _: &TcpStream, _: Refused) {}
}

#[test]
fn what_is_meant_for_who_is_behind_a_router_is_not_told_to_the_routers_client() {
    let server = TestServer::start(&[]);
    let mut alice = ClientProcess::join(server.address, "alice");
    let mut mallory = ClientProcess::join(server.address, "mallory");
    let mut carol = server.join("carol");
    let answer = carol.ask("GET_P,mallory");
    let at = answer.strip_prefix("OK,").expect("is there").replace(',', ":").parse().expect("an address");
    let listener = TcpListener::bind((carol.ip.as_str(), 0)).expect("an address of loopback");
    let router = listener.local_addr().expect("bound");
    assert_eq!(carol.ask(&format!("INIT,carol,{}", router.port())), "OK");
    let _forward = Listening::on(listener, Forward(at));
    assert_eq!(carol.ask("probe"), format!("ERR,{router} is another client's, or a port forward"));

    alice.say("msg carol for carol alone");
    alice.see("that is not carol, or one whom the server has not told that we come; for a minute messages to carol go");
    alice.see("Relayed to carol");
    assert_eq!(carol.event(), "msg_alice_for carol alone");
    alice.say("msg carol and this");
    alice.see("Relayed to carol");
    assert_eq!(carol.event(), "msg_alice_and this");
    alice.say("chat carol");
    alice.see("that is not carol");
    // What comes next shows that nothing has come before.
    alice.say("msg mallory hello");
    mallory.see("[message] alice: hello");
    assert!(mallory.seen.iter().all(|line| !line.contains("carol") && !line.contains("wants to chat")));
    assert_eq!((alice.finish(), mallory.finish()), (Some(1), Some(0)));
}
