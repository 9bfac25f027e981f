//! Being reached from other machines, and the doctor.

use super::*;

/// A login on the server's own machine, at a server that others reach too.
fn log_in_beside(play: &mut Play, more: &[&str]) {
    play.event(Event::Connected { link: LinkId(play.link), from: SocketAddr::from((HERE, 9)) });
    play.server(&["udp_00112233445566778899aabbccddeeff", "ip_127.0.0.2"]);
    play.server(more);
    play.server(&["OK,Login successful!"]);
    if play.done.contains(&Effect::Listen(HERE)) {
        play.event(Event::Listening { at: HERE, port: Ok(4401) });
    }
    play.server(&["OK,"]);
}

#[test]
fn who_is_on_the_servers_machine_listens_for_others_too() {
    let any = IpAddr::from([0, 0, 0, 0]);
    let mut play = Play::new(rules(SCRIPT));
    log_in_beside(&mut play, &["reach_all"]);
    let done = play.look();
    assert!(done.contains(&Effect::ListenWide(Some(any))), "{done:?}");
    play.event(Event::ListeningWide { at: any, port: Ok(5000) });
    assert_eq!(play.sent(), ["REACH,5000"]);
    play.server(&["UP"]);
    let told = play.shown();
    assert!(told.iter().any(|line| line.contains("port 5000") && line.contains("--local")), "{told:?}");
    // The next session: the same port, and the person knows it.
    play.event(Event::LinkLost { link: LinkId(1) });
    play.after(Duration::from_secs(1));
    play.link = 2;
    play.look();
    log_in_beside(&mut play, &["reach_all"]);
    assert_eq!(play.sent().last().map(String::as_str), Some("REACH,5000"));
    play.server(&["UP"]);
    assert!(play.shown().iter().all(|line| !line.contains("5000")));
    // A server that takes nobody from elsewhere any more.
    play.event(Event::LinkLost { link: LinkId(2) });
    play.after(Duration::from_secs(1));
    play.link = 3;
    play.look();
    log_in_beside(&mut play, &[]);
    assert!(play.look().contains(&Effect::ListenWide(None)));
}

#[test]
fn the_guest_of_the_servers_machine_is_not_on_it() {
    let mut play = Play::new(rules(SCRIPT));
    play.event(Event::Connected { link: LinkId(1), from: "10.0.2.15:9".parse().expect("an address") });
    play.server(&["ip_127.0.0.2", "reach_all", "OK,Login successful!"]);
    play.event(Event::Listening { at: HERE, port: Ok(4401) });
    play.server(&["OK,"]);
    assert!(!play.look().iter().any(|effect| matches!(effect, Effect::ListenWide(_))));
}

#[test]
fn a_port_that_the_server_does_not_take_is_closed() {
    let mut play = Play::new(rules(SCRIPT));
    log_in_beside(&mut play, &["reach_all"]);
    play.event(Event::ListeningWide { at: [0, 0, 0, 0].into(), port: Ok(5000) });
    play.server(&["ERR,Not now: something"]);
    assert!(play.look().contains(&Effect::ListenWide(None)));
}

#[test]
fn a_doctor_who_is_stopped_has_failed() {
    let mut play = doctor("10.0.2.15");
    play.event(Event::Stop);
    assert_eq!(play.shown(), ["refused: Stopped before the examination was at its end"]);
    assert!(play.app.was_refused());
}

#[test]
fn a_doctor_says_that_a_server_is_too_old_to_probe() {
    let mut play = doctor("10.0.2.15");
    play.server(&["ERR,Unknown command: send help for the commands"]);
    assert_eq!(play.shown(), ["refused: Peers: not examined, as the server is older than this client"]);
}

#[test]
fn a_doctor_who_is_not_told_who_is_there_says_so() {
    let mut play = doctor("10.0.2.15");
    play.server(&["OK,Others can reach you at 10.0.2.15:4401"]);
    play.look();
    play.server(&["ERR,Not now: something"]);
    assert_eq!(play.shown(), ["refused: Others: Not now: something"]);
}

#[test]
fn who_wants_to_stay_local_and_who_is_elsewhere_listens_once() {
    let mut play = Play::new(Rules { local: true, ..rules(SCRIPT) });
    log_in_beside(&mut play, &["reach_all"]);
    assert!(!play.look().iter().any(|effect| matches!(effect, Effect::ListenWide(_))));
    let mut play = Play::new(rules(SCRIPT));
    log_in_beside(&mut play, &["reach_all", "reach_ipv6"]);
    assert!(play.look().contains(&Effect::ListenWide(Some(IpAddr::from([0u16; 8])))));
    play.event(Event::ListeningWide { at: IpAddr::from([0u16; 8]), port: Err("no port".to_owned()) });
    assert!(play.shown().iter().any(|line| line.contains("cannot connect to this one: no port")));
}

#[test]
fn a_doctor_checks_tcp_udp_and_the_way_back_and_leaves() {
    let mut play = Play::online(Rules { doctor: true, ..rules(SCRIPT) });
    assert_eq!(play.shown(), ["TCP to 127.0.0.1:4400: fine, logged in"]);
    assert!(!play.is_asked());
    play.after(Duration::from_secs(1));
    play.event(Event::Datagram(vec![FromServer::Head(0)]));
    assert_eq!(play.shown(), ["UDP both ways: fine"]);
    all_sizes(&mut play);
    assert_eq!(play.shown(), ["Long lines: fine, one of 4000 bytes gets through"]);
    assert_eq!(play.sent().last().map(String::as_str), Some("probe"));
    play.server(&["OK,Others can reach you at 127.0.0.2:4401"]);
    let shown = play.shown();
    assert_eq!(shown[0], "Peers: fine. Others can reach you at 127.0.0.2:4401");
    assert!(shown[1].contains("the server listens on loopback alone"), "{shown:?}");
    play.server(&["client_alice_127.0.0.2:4401", "client_eve_127.0.0.3:0", "OK,2 active clients"]);
    assert_eq!(play.shown(), ["Others: nobody else is there who listens. Run this again when somebody is"]);
    play.server(&["OK,Goodbye"]);
    assert!(play.look().contains(&Effect::End(End::Left)) && !play.app.was_refused());
}

#[test]
fn a_doctor_names_the_servers_that_it_was_told_and_waits_for_those_that_it_tries() {
    let mut play = Play::new(Rules { doctor: true, ..rules(SCRIPT) });
    log_in_beside(&mut play, &["servers_127.0.0.1:4400,127.0.0.1:4500,127.0.0.1:4600"]);
    let shown = play.shown();
    assert_eq!(shown[1], "Servers: 127.0.0.1:4400 is this one; the others are 127.0.0.1:4500, 127.0.0.1:4600");
    let tried = play.pick(|effect| if let Effect::TryServer { link, .. } = effect { Some(*link) } else { None });
    assert_eq!(tried, [LinkId(2), LinkId(3)]);
    play.event(Event::Connected { link: tried[0], from: SocketAddr::from((HERE, 9)) });
    assert!(play.look().contains(&Effect::Disconnect(tried[0])));
    play.event(Event::Datagram(vec![FromServer::Head(0)]));
    all_sizes(&mut play);
    play.server(&["OK,Others can reach you at 127.0.0.2:4401"]);
    play.server(&["client_alice_127.0.0.2:4401", "OK,1 active client"]);
    assert!(!play.sent().contains(&"quit".to_owned()), "one is not known yet");
    play.shown();
    play.event(Event::NotConnected { link: tried[1], why: LinkError::NoGreeting });
    let shown = play.shown();
    assert_eq!(shown[1], "Server 127.0.0.1:4500: fine, it greets");
    assert!(
        shown[2].starts_with("refused: Server 127.0.0.1:4600: something listens there but does not greet"),
        "{shown:?}"
    );
    assert_eq!(play.sent().last().map(String::as_str), Some("quit"));
}

/// Answers each of the lines by which a doctor finds out which size gets through; the last is as long as most can be.
fn all_sizes(play: &mut Play) {
    let mut last = 0;
    for _ in 0..5 {
        let sent = play.sent().pop().expect("a line");
        assert!(sent.starts_with("GET_P,x") && sent.len() >= last, "{sent}");
        last = sent.len() + 1;
        play.server(&["ERR,User not found!"]);
    }
    assert_eq!(last, 4_000);
}

#[test]
fn a_doctor_says_which_size_gets_through() {
    let mut play = Play::online(Rules { doctor: true, ..rules(SCRIPT) });
    play.event(Event::Datagram(vec![FromServer::Head(0)]));
    play.server(&["ERR,User not found!"]);
    play.server(&["ERR,User not found!"]);
    play.shown();
    play.after(Duration::from_secs(5));
    let shown = play.shown();
    assert!(shown[0].starts_with("refused: Long lines: one of 500 bytes gets through, and one of 800"), "{shown:?}");
    assert!(shown[0].contains("mtu 572"), "{shown:?}");
    assert!(play.app.was_refused());
}

/// A doctor whose UDP works, and whom the server sees at `seen`.
fn doctor(seen: &str) -> Play {
    let mut play = Play::new(Rules { doctor: true, ..rules(SCRIPT) });
    play.event(Event::Connected { link: LinkId(1), from: "10.0.2.15:9".parse().expect("an address") });
    play.server(&["udp_00112233445566778899aabbccddeeff", &format!("ip_{seen}"), "OK,Login successful!"]);
    play.event(Event::Listening { at: [0, 0, 0, 0].into(), port: Ok(4401) });
    play.server(&["OK,"]);
    play.event(Event::Datagram(vec![FromServer::Head(0)]));
    all_sizes(&mut play);
    play.look();
    play
}

#[test]
fn a_doctor_knows_a_nat_when_its_two_addresses_differ() {
    let mut play = doctor("192.168.1.5");
    play.server(&["ERR,You cannot be reached at 192.168.1.5:4401: connection refused"]);
    let shown = play.shown();
    assert!(shown[0].contains("this machine is 10.0.2.15, and 192.168.1.5 for the server"), "{shown:?}");
    assert!(shown[0].contains("bridged"), "{shown:?}");
    let mut play = doctor("192.168.1.5");
    play.server(&["OK,Others can reach you at 192.168.1.5:4401"]);
    assert!(play.shown()[0].contains("fine only if it passes that port on"));
    // The host of the virtual machine runs the server, and connects to it for its guest.
    for (reply, words) in [("ERR,You cannot be reached", "bridged"), ("OK,Others can reach you", "fine only if")] {
        let mut play = doctor("127.0.0.2");
        play.server(&[reply]);
        let shown = play.shown();
        assert!(shown[0].contains("10.0.2.15") && shown[0].contains(words), "{shown:?}");
        assert_eq!(shown.len(), 1, "what listens on all addresses listens in the guest");
    }
    let mut play = doctor("10.0.2.15");
    play.server(&["ERR,You cannot be reached at 10.0.2.15:4401: connection timed out"]);
    assert!(play.shown()[0].contains("Open that TCP port in this machine's firewall"));
}

#[test]
fn a_doctor_tries_to_reach_the_others_and_says_why_not() {
    let mut play = doctor("10.0.2.15");
    play.server(&["OK,Others can reach you at 10.0.2.15:4401"]);
    let mut list: Vec<String> = (1..7).map(|number| format!("client_b{number}_10.0.2.{number}:4401")).collect();
    list.push("client_eve_10.0.2.9:80_guest-query".to_owned());
    list.push("OK,7 active clients".to_owned());
    play.look();
    list.iter().for_each(|line| play.server(&[line]));
    let mut calls = Vec::new();
    for effect in play.look() {
        if let Effect::Call { call, work: Work::Reach { to } } = effect {
            calls.push((call, to));
        }
    }
    assert_eq!(calls.len(), 6, "the guest is not tried");
    let failures = [NoConnection::Refused, NoConnection::Silent, NoConnection::NoHost, NoConnection::NoNetwork];
    let address = SocketAddr::from(([10, 0, 2, 9], 4401));
    let unreachable = failures.map(|why| Err(CallError::Unreachable { address, why }));
    let somebody_else = |name| Err(CallError::NotProven { name, address, why: NoProof::Stranger });
    let mut outcomes = unreachable.into_iter().chain([Ok(())]);
    for (call, name) in calls {
        assert!(play.shown().is_empty(), "told when all are known");
        let outcome = outcomes.next().unwrap_or_else(|| somebody_else(name));
        play.event(Event::CallEnded { call, end: CallEnd::Reached(outcome) });
    }
    let shown = play.shown();
    assert_eq!(shown[0], "Others: fine, reached b5, who proved who they are");
    let causes = ["host-only", "a firewall there", "wireless", "no way to that network", "10.0.2.9:4401 is not b6"];
    assert_eq!(shown.len(), 1 + causes.len());
    for (line, words) in shown[1..].iter().zip(causes) {
        assert!(line.contains(words), "{line}");
    }
    assert_eq!(play.sent().last().map(String::as_str), Some("quit"));
}

#[test]
fn a_doctor_by_tls_tells_what_it_is_made_of_and_whether_it_is_reached_so() {
    let mut play = Play::new(Rules { doctor: true, tls: true, ..rules(SCRIPT) });
    let (key, time) = (Fingerprint([7; 32]), |day: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(day * 24 * 3600));
    let by = Secured {
        suite: "TLS 1.3, TLS_AES_256_GCM_SHA384".to_owned(),
        key,
        whence: "that of known_servers, line 3".to_owned(),
        counts: Some((time(0), time(31))),
    };
    play.event(Event::Secured { link: LinkId(1), by: Box::new(by) });
    play.event(Event::Connected { link: LinkId(1), from: "10.0.2.15:9".parse().expect("an address") });
    play.server(&["ip_10.0.2.15", "OK,Login successful!"]);
    play.event(Event::Listening { at: [0, 0, 0, 0].into(), port: Ok(4401) });
    play.server(&["OK,"]);
    all_sizes(&mut play);
    let shown = play.shown();
    assert_eq!(shown[1], "Encryption: TLS 1.3, TLS_AES_256_GCM_SHA384");
    let counts = "it counts from 1970-01-01 to 1970-02-01 (UTC)";
    assert_eq!(shown[2], format!("Key: {key} is that of known_servers, line 3; {counts}"));
    play.server(&["OK,Others can reach you at 10.0.2.15:4401"]);
    play.look();
    play.server(&["client_alice_10.0.2.15:4401", "OK,1 active client"]);
    let called = play.look().into_iter().find_map(|effect| match effect {
        Effect::Call { call, work: Work::ReachOurselves { at, .. } } => Some((call, at)),
        _ => None,
    });
    let (call, at) = called.expect("it is tried");
    assert_eq!(at, "10.0.2.15:4401".parse().expect("an address"));
    play.shown();
    play.event(Event::CallEnded { call, end: CallEnd::Reached(Ok(())) });
    let shown = play.shown();
    assert!(shown[0].starts_with("Peers by TLS: fine. By 10.0.2.15:4401"), "{shown:?}");
    assert!(shown[1].starts_with("Others: nobody else is there"), "{shown:?}");
    assert_eq!(play.sent().last().map(String::as_str), Some("quit"));
}

#[test]
fn a_doctor_without_udp_says_which_port_to_open() {
    let mut play = Play::online(Rules { doctor: true, ..rules(SCRIPT) });
    play.look();
    play.after(Duration::from_secs(4));
    let shown = play.shown();
    assert!(shown[0].starts_with("refused: UDP: no answer from 127.0.0.1:4400 to 10 datagrams"), "{shown:?}");
    let hellos = play.look().into_iter().filter(|effect| matches!(effect, Effect::Hello(_))).count();
    assert_eq!(hellos, 9, "the first was seen before");
}

#[test]
fn a_doctor_whom_nobody_tells_the_name_has_checked_nothing() {
    let mut play = Play::new(Rules { doctor: true, credentials: None, ..rules(SCRIPT) });
    play.event(Event::Connected { link: LinkId(1), from: SocketAddr::from((HERE, 9)) });
    play.event(Event::InputEnded);
    assert!(matches!(play.look().last(), Some(Effect::End(End::Failed(why))) if why.contains("--user")));
}
