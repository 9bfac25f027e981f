//! Servers that are found. All of it happens in network namespaces, so that no question leaves this machine, and no
//! server of another test answers.

use crate::harness::LIMIT;
use crate::lan::{play, run_inside};

#[test]
fn several_servers_on_several_hosts() {
    play("found.sh", |said| said.contains("found: all of it"));
}

#[test]
fn a_storm_of_questions_costs_a_bounded_number_of_answers() {
    run_inside("found::inside::a_storm_of_questions");
}

#[test]
fn a_server_that_was_found_gets_no_password_of_the_environment() {
    run_inside("found::inside::a_false_server");
}

#[test]
fn a_server_does_without_where_it_cannot_be_found() {
    run_inside("found::inside::a_port_that_is_taken");
}

#[test]
fn a_server_that_is_found_is_a_server_to_log_in_at() {
    run_inside("found::inside::from_nothing_to_a_login");
}

#[cfg(feature = "tls")]
#[test]
fn a_server_that_offers_tls_is_used_by_tls_and_not_in_the_clear_afterwards() {
    run_inside("found::inside::from_tls_to_the_clear");
}

mod inside {
    use super::LIMIT;
    use crate::harness::terminal::{CLIENT, Person, ctrl};
    use crate::harness::{Lines, ServerProcess, config, read};
    use peerline::net::Shutdown;
    use peerline::protocol::{FIND_PORT, FIND_QUESTION_LENGTH, FindAnswer, FindQuestion, MAX_FIND_ANSWER};
    use peerline::server::Server;
    use peerline::server::config::Config;
    use peerline::value::Ticket;
    use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
    use std::net::{Ipv4Addr, TcpListener, UdpSocket};
    #[cfg(feature = "tls")]
    use std::path::Path;
    use std::process::{Command, Stdio};
    use std::sync::Arc;
    use std::thread;
    use std::time::{Duration, Instant};

    /// How long a question waits for its answer before it is sent again.
    const AGAIN: Duration = Duration::from_millis(100);

    /// Ends the server also when the test fails.
    struct Ends(Arc<Shutdown>);

    impl Drop for Ends {
        fn drop(&mut self) {
            self.0.trigger();
        }
    }

    /// Runs a server that is reached at every address while `play` plays.
    fn with_server(name: &str, play: impl FnOnce(&Server)) {
        with_server_and(name, &[], play);
    }

    fn with_server_and(name: &str, options: &[&str], play: impl FnOnce(&Server)) {
        let folder = tempfile::tempdir().expect("a folder");
        let config = config(folder.path(), &[&["--name", name], options].concat());
        let stop = Arc::new(Shutdown::new());
        let config = Config { bind: Ipv4Addr::UNSPECIFIED.into(), ..config };
        let server = Server::bind(config, Arc::clone(&stop)).expect("a free port");
        thread::scope(|scope| {
            let _ends = Ends(stop);
            scope.spawn(|| server.run());
            play(&server);
        });
    }

    fn question() -> FindQuestion {
        FindQuestion { nonce: Ticket::draw() }
    }

    /// Asks at loopback until there is an answer. Whatever was sent before has then been dealt with.
    fn ask_until_answered() -> FindAnswer {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("an address of loopback");
        socket.set_read_timeout(Some(AGAIN)).expect("a timeout");
        let (question, until, mut buffer) = (question(), Instant::now() + LIMIT, [0; 1500]);
        loop {
            socket.send_to(question.to_string().as_bytes(), ("127.0.0.1", FIND_PORT)).expect("sent");
            if let Ok(length) = socket.recv(&mut buffer) {
                let answer = FindAnswer::parse(&buffer[..length]).expect("an answer");
                assert_eq!(answer.nonce, question.nonce);
                return answer;
            }
            assert!(Instant::now() < until, "the server does not answer");
        }
    }

    /// The datagrams that wait at a socket, by their lengths.
    fn lengths(socket: &UdpSocket) -> Vec<usize> {
        let mut buffer = [0; 1500];
        std::iter::from_fn(|| socket.recv(&mut buffer).ok()).collect()
    }

    #[test]
    #[ignore = "is run in a network of its own"]
    fn a_storm_of_questions() {
        const SOURCES: u8 = 250;
        const EACH: usize = 40;
        with_server("storm", |_| {
            ask_until_answered();
            let begin = Instant::now();
            let bind = |number| UdpSocket::bind((Ipv4Addr::new(10, 9, 0, number), 0)).expect("an address of ours");
            let sources: Vec<UdpSocket> = (1..=SOURCES).map(bind).collect();
            for socket in &sources {
                socket.set_nonblocking(true).expect("not blocking");
                let ask = |datagram: &str| {
                    // A full queue is as good as a lost datagram.
                    let _ = socket.send_to(datagram.as_bytes(), ("10.9.1.1", FIND_PORT));
                };
                (0..EACH).for_each(|_| ask(&question().to_string()));
                (0..EACH).for_each(|_| ask(question().to_string().trim_end()));
            }
            ask_until_answered();
            let answers: Vec<Vec<usize>> = sources.iter().map(lengths).collect();
            // Begun seconds: as many periods as can have been used up.
            let seconds = usize::try_from(begin.elapsed().as_secs()).expect("a few") + 1;
            let total: usize = answers.iter().map(Vec::len).sum();
            assert!(total > 0 && total <= 200 * seconds, "{total} answers in {seconds} s");
            assert!(200 * seconds < usize::from(SOURCES) * EACH, "it was no storm: it took {seconds} s");
            let most = answers.iter().map(Vec::len).max().unwrap_or_default();
            assert!(most > 0 && most <= 10 * seconds, "{most} answers to one address in {seconds} s");
            let longest = answers.iter().flatten().max().expect("an answer");
            assert!(*longest <= MAX_FIND_ANSWER && MAX_FIND_ANSWER < FIND_QUESTION_LENGTH, "{longest} bytes");
        });
    }

    #[test]
    #[ignore = "is run in a network of its own"]
    fn a_false_server() {
        const SECRET: &str = "secret-of-the-environment";
        let finds = UdpSocket::bind(("0.0.0.0", FIND_PORT)).expect("a free port");
        finds.set_read_timeout(Some(LIMIT)).expect("a timeout");
        let listener = TcpListener::bind("0.0.0.0:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        // A program with a password: it leaves, and has not even connected.
        let mut client = Command::new(CLIENT)
            .args(["--user", "alice", "--signup", "--exec", "list"])
            .env("PEERLINE_PASSWORD", SECRET)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the client runs");
        let mut datagrams = answer_three(&finds, port);
        let mut said = String::new();
        client.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        assert_eq!(client.wait().expect("it ends").code(), Some(2), "{said}");
        assert!(said.contains("trap") && said.contains("give its address"), "{said}");
        listener.set_nonblocking(true).expect("not blocking");
        assert_eq!(listener.accept().expect_err("nobody came").kind(), ErrorKind::WouldBlock);
        listener.set_nonblocking(false).expect("blocking");
        // A person with the same variable: they are shown what was found, and asked for a password.
        let asking = thread::spawn(move || answer_three(&finds, port));
        let mut alice = Person::without_address(&["--user", "alice"], &[("PEERLINE_PASSWORD", SECRET)]);
        alice.see("Press Enter to connect");
        alice.see("1 server was found, not proven");
        alice.see("PEERLINE_PASSWORD is not sent to a server");
        alice.press("\r");
        let (stream, _) = listener.accept().expect("she comes");
        stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
        (&stream).write_all(b"OK,Welcome to peerline: login or signup\n").expect("taken");
        alice.see("Password of alice");
        alice.press("typed-by-hand\r");
        let mut line = String::new();
        let mut reader = BufReader::new(&stream);
        while !line.contains("typed-by-hand") {
            assert_ne!(reader.read_line(&mut line).expect("a line within the limit"), 0, "{line}");
        }
        assert_eq!(line.matches("LOGIN").count(), 1, "{line}");
        drop(alice);
        let mut bytes = line.into_bytes();
        reader.read_to_end(&mut bytes).expect("she hangs up");
        datagrams.extend(asking.join().expect("no panic"));
        datagrams.push(bytes);
        for bytes in datagrams {
            assert!(!String::from_utf8_lossy(&bytes).contains(SECRET), "{:?}", String::from_utf8_lossy(&bytes));
        }
    }

    /// A client of a script, which has a password: its exit code, and what it says.
    #[cfg(feature = "tls")]
    fn script(home: &Path, options: &[&str]) -> (Option<i32>, String) {
        let done = Command::new(CLIENT)
            .args(options)
            .args(["--user", "alice", "--exec", "list"])
            .env("PEERLINE_PASSWORD", "correct horse")
            .env("XDG_STATE_HOME", home)
            .stdin(Stdio::null())
            .output()
            .expect("the client runs");
        (done.status.code(), String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
    }

    #[cfg(feature = "tls")]
    #[test]
    #[ignore = "is run in a network of its own"]
    fn from_tls_to_the_clear() {
        let home = tempfile::tempdir().expect("a folder");
        let known = home.path().join("known");
        let known_option = ["--known-servers", known.to_str().expect("UTF-8")];
        with_server_and("lab", &["--tls-port", "0"], |lab| {
            let (tls, key) = lab.tls().expect("it has the port");
            let key = key.to_string();
            // Nobody is asked, and nothing proves it.
            let (code, said) = script(home.path(), &known_option);
            assert!(
                code == Some(2) && said.contains(&format!("as in: client --tls 127.0.0.1 {}", tls.port())),
                "{said}"
            );
            let options = [&["--user", "alice", "--signup", "--plain"][..], &known_option].concat();
            let mut alice = Person::without_address(&options, &[("TERM", "dumb"), ("PEERLINE_PASSWORD", "of no use")]);
            alice.see(&format!("lab  127.0.0.1 {}, TLS {}", lab.address().port(), tls.port()));
            alice.see("PEERLINE_PASSWORD is not sent to a server");
            alice.press("\r");
            alice.see(&key);
            alice.see("the key that you were told:");
            alice.press("yes\r");
            alice.see("New password of alice");
            alice.press("correct horse\r");
            alice.see("The password again");
            alice.press("correct horse\r");
            alice.see("Logged in as alice.");
            alice.press(ctrl('d'));
            alice.finish();
            // A known one proves which one it is, and so does a key that was given.
            for options in [&known_option[..], &["--fingerprint", &key]] {
                let (code, said) = script(home.path(), options);
                assert!(code == Some(0) && said.contains("1 active client"), "{options:?}: {said}");
            }
            let other = format!("sha256:{}", "ab".repeat(32));
            let (code, said) = script(home.path(), &["--fingerprint", &other]);
            assert!(code == Some(2) && said.contains("Nothing was sent there"), "{said}");
        });
        // It has come back without TLS, or somebody else has.
        with_server("lab", |lab| {
            let (code, said) = script(home.path(), &["--tls"]);
            assert!(code == Some(2) && said.contains("None of them offers TLS"), "{said}");
            let port = lab.address().port().to_string();
            let (code, said) = script(home.path(), &[&["127.0.0.1", &port], &known_option[..]].concat());
            assert!(code == Some(2) && said.contains("127.0.0.1 was encrypted before"), "{said}");
            let options = [&["--plain"][..], &known_option].concat();
            let mut alice = Person::without_address(&options, &[("TERM", "dumb")]);
            alice.see("Press Enter to connect");
            alice.press("\r");
            alice.see("go on in the clear? yes/no");
            alice.press("y\r");
            alice.press("yes\r");
            alice.see("login or signup");
            alice.press(ctrl('d'));
            alice.finish();
        });
    }

    /// Answers the three questions of a client as a server would; the questions.
    fn answer_three(socket: &UdpSocket, port: u16) -> Vec<Vec<u8>> {
        let (mut asked, mut buffer) = (Vec::new(), [0; 1500]);
        let mut nonces = Vec::new();
        while nonces.len() < 3 {
            let (length, from) = socket.recv_from(&mut buffer).expect("a question");
            asked.push(buffer[..length].to_vec());
            let question = FindQuestion::parse(&buffer[..length]).expect("a question");
            nonces.push(question.nonce);
            let answer = format!("server_trap_{port}_0_1_50_0123456789abcdef_{}", question.nonce);
            socket.send_to(answer.as_bytes(), from).expect("sent");
        }
        asked
    }

    #[test]
    #[ignore = "is run in a network of its own"]
    fn a_port_that_is_taken() {
        let _other = UdpSocket::bind(("0.0.0.0", FIND_PORT)).expect("a free port");
        let folder = tempfile::tempdir().expect("a folder");
        let server = ServerProcess::start(folder.path(), &[]);
        assert!(read(&server.log).contains(&format!("UDP port {FIND_PORT}: Address already in use")));
        Lines::connect(server.address).ask("help");
        assert_eq!(server.end("TERM"), Some(0));
    }

    #[test]
    #[ignore = "is run in a network of its own"]
    fn from_nothing_to_a_login() {
        with_server("one", |one| {
            let mut alice = Person::without_address(&["--user", "alice", "--signup"], &[]);
            alice.see(&format!("one  127.0.0.1 {}", one.address().port()));
            alice.see("Press Enter to connect");
            alice.press("\r");
            alice.see("New password of alice");
            alice.press("correct horse\r");
            alice.see("The password again");
            alice.press("correct horse\r");
            alice.see("Logged in as alice.");
            with_server("two", |two| {
                let mut bob = Person::without_address(&[], &[]);
                bob.see("2 servers were found, not proven");
                bob.see(&format!("2  two  127.0.0.1 {}", two.address().port()));
                bob.press("3\r2\r");
                bob.see("login or signup");
                bob.press(ctrl('d'));
                bob.finish();
            });
            // Their server has gone, and hers is there.
            alice.press("list\r");
            alice.see("1 active client");
        });
    }
}
