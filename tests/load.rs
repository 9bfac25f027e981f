//! How many broadcasts a second the server delivers: `cargo test --release --test load -- --ignored --nocapture`.
//! A measurement, not a test: it prints figures and asserts only that all arrived.

#[allow(dead_code, reason = "it uses a part")]
#[path = "it/harness/mod.rs"]
mod harness;

use harness::{LIMIT, Lines, ServerProcess, udp_at};
use peerline::protocol::{FromServer, Hello};
use std::io::Read;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const BROADCASTS: u64 = 20_000;

/// The CPU time that a process has used, in seconds.
fn cpu_seconds(id: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).expect("running");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) / 100.0
}

fn count_lines(mut stream: &TcpStream, wanted: u64) {
    let mut buffer = vec![0; 1 << 16];
    let mut lines = 0;
    while lines < wanted {
        let length = stream.read(&mut buffer).expect("bytes within the limit");
        assert!(length > 0, "closed after {lines} of {wanted}");
        lines += buffer[..length].iter().filter(|&&byte| byte == b'\n').count() as u64;
    }
}

fn count_datagrams(socket: &UdpSocket, token: &str, server: SocketAddr, wanted: u64, datagrams: &AtomicU64) {
    let mut buffer = [0; 2048];
    let mut last = 0;
    let mut said = Instant::now() - LIMIT;
    let until = Instant::now() + 4 * LIMIT;
    socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
    while last < wanted {
        assert!(Instant::now() < until, "{last} of {wanted}");
        let mut gap = false;
        if let Ok(length) = socket.recv(&mut buffer) {
            datagrams.fetch_add(1, Ordering::Relaxed);
            let (told, lines) = FromServer::parse_datagram(&buffer[..length]).expect("a token");
            assert_eq!(told.to_string(), token);
            for line in lines {
                match line {
                    FromServer::Broadcast(broadcast) if broadcast.seq == last + 1 => last += 1,
                    FromServer::Broadcast(broadcast) => gap |= broadcast.seq > last,
                    FromServer::Head(seq) => last = last.max(seq),
                    FromServer::Tail(seq) => gap |= seq > last,
                }
            }
        }
        if said.elapsed() > Duration::from_secs(5) || (gap && said.elapsed() > Duration::from_millis(200)) {
            said = Instant::now();
            let hello = Hello { token: token.parse().expect("a token"), last_seq: last, received: None };
            socket.send_to(hello.to_string().as_bytes(), server).expect("sent");
        }
    }
}

fn measure(clients: usize, udp: bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let options = ["--rate", "off", "--max-clients", &(clients + 1).to_string()];
    let server = ServerProcess::start(folder.path(), &options);
    let join = |name: String| {
        let mut lines = Lines::connect(server.address);
        lines.line();
        lines.ask(&format!("SIGNUP,{name},password"));
        lines.log_in(&name);
        lines
    };
    let mut sender = join("sender".to_owned());
    let receivers: Vec<Lines> = (0..clients).map(|number| join(format!("user{number}"))).collect();
    let datagrams = AtomicU64::new(0);
    let (began, cpu) = (Instant::now(), cpu_seconds(server.id()));
    thread::scope(|scope| {
        for receiver in &receivers {
            let (datagrams, server) = (&datagrams, server.address);
            let count = move || match udp {
                true => count_datagrams(&udp_at(&receiver.ip), &receiver.token, server, BROADCASTS, datagrams),
                false => count_lines(receiver.stream(), BROADCASTS),
            };
            thread::Builder::new().stack_size(256 * 1024).spawn_scoped(scope, count).expect("a thread");
        }
        let text = format!("bcast_{}\n", "x".repeat(30)).repeat(100);
        for _ in 0..BROADCASTS / 100 {
            sender.send_raw(&text);
            (0..100).for_each(|_| assert!(sender.answer_line().starts_with("OK")));
        }
    });
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu_seconds(server.id()) - cpu);
    let deliveries = BROADCASTS as f64 * clients as f64;
    let way = if udp { "UDP" } else { "TCP" };
    println!(
        "{clients:5} clients by {way}: {:.2} M deliveries/s, {:.2} us of server CPU each, {} datagrams",
        deliveries / seconds / 1e6,
        cpu / deliveries * 1e6,
        datagrams.load(Ordering::Relaxed)
    );
}

#[test]
#[ignore = "a measurement of a minute"]
fn deliveries_a_second() {
    for (clients, udp) in [(50, true), (50, false), (1000, true), (1000, false)] {
        measure(clients, udp);
    }
}
