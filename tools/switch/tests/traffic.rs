//! The switch between two hosts: what was asked for is what TCP and UDP see.

use std::process::{Command, Stdio};

/// The hosts a and b with a link each to the namespace of the switch, as tests/hosts.sh has it; then the programs on a.
const SETUP: &str = "
set -e
mount -t tmpfs none /run
ip netns add switch
ip netns exec switch sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6' || true
for host in a b; do
    ip netns add $host
    ip -n switch link add name $host type veth peer name eth0 netns $host
    ip -n switch link set dev $host up
    ip -n $host link set eth0 up gso_max_segs 1
done
ip -n a address add 10.77.0.1/24 dev eth0
ip -n b address add 10.77.0.2/24 dev eth0
exec ip netns exec a \"$@\"
";

/// What a test has for itself: all that it began ends with it.
const NAMESPACES: [&str; 6] = ["--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child"];

#[test]
fn traffic_has_the_delay_the_loss_and_the_rate_that_were_asked_for() {
    let probe = ["sh", "-c", "mount -t tmpfs none /run && ip netns add probe"];
    let tried = Command::new("unshare").args(NAMESPACES).args(probe).stderr(Stdio::null()).status();
    if !tried.is_ok_and(|status| status.success()) {
        println!("skipped: no network namespaces here (needs unshare, ip, and the right to use them)");
        return;
    }
    let output = Command::new("timeout")
        .args(["60", "unshare"])
        .args(NAMESPACES)
        .args(["sh", "-c", SETUP, "sh"])
        .arg(std::env::current_exe().expect("this program"))
        .args(["--ignored", "--exact", "inside::measured", "--nocapture"])
        .stdin(Stdio::null())
        .output()
        .expect("unshare runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

mod inside {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
    use std::thread;
    use std::time::{Duration, Instant};

    const B: &str = "10.77.0.2:7000";
    /// What anything may take.
    const LIMIT: Duration = Duration::from_secs(10);
    /// Bytes that go over TCP.
    const BULK: usize = 6_000_000;

    struct Switch {
        child: Child,
        commands: ChildStdin,
        answers: BufReader<ChildStdout>,
    }

    impl Switch {
        fn start() -> Switch {
            let mut command = Command::new("ip");
            command.args(["netns", "exec", "switch", env!("CARGO_BIN_EXE_peerline-switch"), "--seed", "7"]);
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("ip runs");
            let commands = child.stdin.take().expect("a pipe");
            let answers = BufReader::new(child.stdout.take().expect("a pipe"));
            Switch { child, commands, answers }
        }

        fn answer(&mut self, command: &str) -> String {
            writeln!(self.commands, "{command}").expect("the switch reads");
            let mut answer = String::new();
            self.answers.read_line(&mut answer).expect("text");
            answer.trim_end().to_owned()
        }

        fn set(&mut self, command: &str) {
            assert_eq!(self.answer(command), "ok", "{command}");
        }

        /// It ends with its input.
        fn end(mut self) {
            drop(self.commands);
            assert!(self.child.wait().expect("it ended").success());
        }
    }

    /// Host b: sends back each datagram, and counts what comes by TCP until its sender ends.
    #[test]
    #[ignore = "run by the other test, on host b"]
    fn echoes() {
        let socket = UdpSocket::bind(B).expect("free");
        let listener = TcpListener::bind(B).expect("free");
        println!("ready");
        thread::spawn(move || {
            let mut buffer = [0; 2000];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                socket.send_to(&buffer[..length], from).expect("sent");
            }
        });
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let count = std::io::copy(&mut stream, &mut std::io::sink()).expect("read");
            // Who was cut off does not wait for it.
            _ = stream.write_all(&count.to_be_bytes());
        }
    }

    /// Sends so many datagrams, 50 at once, and tells how many came back, and after how long half of them had.
    fn echo(count: usize, size: usize) -> (usize, Duration) {
        let socket = UdpSocket::bind("10.77.0.1:0").expect("free");
        socket.connect(B).expect("an address");
        // After such a silence what is missing is lost.
        socket.set_read_timeout(Some(Duration::from_millis(250))).expect("set");
        let (begin, mut times, mut buffer) = (Instant::now(), Vec::new(), [0; 2000]);
        for sent in (0..count).step_by(50) {
            let together = 50.min(count - sent);
            for _ in 0..together {
                let mut datagram = vec![0; size];
                datagram[..8].copy_from_slice(&(begin.elapsed().as_nanos() as u64).to_be_bytes());
                socket.send(&datagram).expect("sent");
            }
            let came = (0..together).map_while(|_| {
                assert_eq!(socket.recv(&mut buffer).ok()?, size);
                let (sent, _) = buffer.split_first_chunk()?;
                Some(begin.elapsed() - Duration::from_nanos(u64::from_be_bytes(*sent)))
            });
            times.extend(came);
        }
        times.sort_unstable();
        (times.len(), times.get(times.len() / 2).copied().unwrap_or_default())
    }

    /// How long that many bytes take by TCP, until b has counted them.
    fn bulk() -> Duration {
        let begin = Instant::now();
        let mut stream = TcpStream::connect_timeout(&B.parse().expect("an address"), LIMIT).expect("connected");
        stream.set_read_timeout(Some(LIMIT)).expect("set");
        stream.write_all(&vec![7; BULK]).expect("sent");
        stream.shutdown(std::net::Shutdown::Write).expect("half closed");
        let mut count = [0; 8];
        stream.read_exact(&mut count).expect("counted");
        assert_eq!(u64::from_be_bytes(count), BULK as u64);
        begin.elapsed()
    }

    #[test]
    #[ignore = "run by the other test, on host a"]
    fn measured() {
        let mut switch = Switch::start();
        assert!(switch.answer("c delay=1ms").contains("no link c"));
        let mut command = Command::new("ip");
        command.args(["netns", "exec", "b"]).arg(std::env::current_exe().expect("this program"));
        command.args(["--ignored", "--exact", "inside::echoes", "--nocapture"]);
        let mut echoes = command.stdout(Stdio::piped()).spawn().expect("ip runs");
        let mut said = BufReader::new(echoes.stdout.take().expect("a pipe")).lines();
        assert!(said.any(|line| line.expect("text").contains("ready")));

        let quick = bulk();
        switch.set("all delay=5ms");
        let (came, half) = echo(100, 100);
        println!("{BULK} B in {quick:?}; with 4 x 5 ms, {came} of 100 in {half:?}");
        assert_eq!(came, 100);
        assert!(half >= Duration::from_millis(20), "{half:?}");

        switch.set("all delay=0ms");
        switch.set("b loss=20%");
        let (came, _) = echo(500, 100);
        println!("with 20 % each way, {came} of 500");
        assert!((260..380).contains(&came), "{came}");
        switch.set("b loss=0%");

        switch.set("a rate=50mbit delay=1ms");
        let slow = bulk();
        println!("at 50 Mbit/s, {BULK} B in {slow:?}");
        assert!(slow >= Duration::from_millis(950), "{slow:?}");
        switch.set("a rate=off delay=0ms");

        switch.set("b mtu=1280");
        assert_eq!((echo(10, 1252).0, echo(10, 1253).0), (10, 0));
        switch.set("b mtu=off drop=udp");
        assert_eq!(echo(10, 100).0, 0);
        bulk();
        switch.set("b drop=none");
        switch.set("b/down drop=syn");
        let refused = TcpStream::connect_timeout(&B.parse().expect("an address"), Duration::from_millis(300));
        assert!(refused.is_err());
        assert_eq!(echo(10, 100).0, 10);
        switch.set("all drop=none");
        bulk();
        switch.end();
        echoes.kill().expect("it runs");
        echoes.wait().expect("it ended");
    }
}
