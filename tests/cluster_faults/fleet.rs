//! A Redis, three servers as processes, and people on them; and what is done to them.

use crate::book::{Diary, Fate, faults};
use crate::by_hand::{ask, last_number, pass, tell};
use crate::figures::{self, Span};
use crate::harness::house::in_house;
use crate::harness::redis::Redis;
use crate::harness::{LIMIT, ServerProcess, send_signal};
use crate::orders::{Orders, Present};
use crate::person::{Person, name_of};
use crate::plain::Plain;
use crate::relay::{Manner, Relay};
use peerline::value::Xorshift;
use std::fs::{self, File, OpenOptions};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// How many servers there are.
pub const SERVERS: usize = 3;
/// How many people speak, and hear by UDP with loss.
const PEOPLE: usize = 30;
/// How long people speak before each fault.
const BEFORE: Duration = Duration::from_millis(1500);
/// Until a dead server's clients are out of the list: 6 s are promised, which is a figure, as machines are busy.
const OUT: Duration = Duration::from_secs(20);
/// How many faults are shown.
const MOST_SHOWN: usize = 40;

/// All of it ends with this value.
pub struct Fleet {
    orders: Arc<Orders>,
    people: Vec<JoinHandle<Diary>>,
    servers: Vec<Option<ServerProcess>>,
    /// Somebody on each server who does not go to another one.
    residents: Vec<(Diary, Option<Plain>)>,
    relays: Vec<Relay>,
    redis: Redis,
    folder: TempDir,
    random: Xorshift,
    spans: Vec<Span>,
    /// How long it took until a dead server's clients were out of the list.
    pub out_after: Vec<Duration>,
    /// How many lines a Redis had lost, at the least, that went on or took over.
    pub lost: Vec<u64>,
}

impl Fleet {
    /// One whose servers reach Redis each by a relay, or straight.
    pub fn begin(by_relays: bool) -> Fleet {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_nanos() as u64);
        let seed = std::env::var("PEERLINE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(clock);
        println!("PEERLINE_SEED={seed}");
        let redis = Redis::start(&[]);
        let relays: Vec<Relay> =
            (0..if by_relays { SERVERS } else { 0 }).map(|_| Relay::start(redis.address())).collect();
        let folder = TempDir::new().expect("a folder");
        let mut fleet = Fleet {
            orders: Arc::new(Orders::new(Vec::new(), 0)),
            people: Vec::new(),
            servers: Vec::new(),
            residents: Vec::new(),
            relays,
            redis,
            folder,
            random: Xorshift::new(seed),
            spans: Vec::new(),
            out_after: Vec::new(),
            lost: Vec::new(),
        };
        let started = Instant::now();
        for number in 0..SERVERS {
            let server = fleet.start_server(number);
            fleet.servers.push(Some(server));
            let diary = Diary { name: format!("r{number}"), ..Diary::default() };
            fleet.residents.push((diary, None));
        }
        let addresses = fleet.servers.iter().flatten().map(|server| Some(server.address)).collect();
        // Those behind the people only listen, on the connection.
        fleet.orders = Arc::new(Orders::new(addresses, PEOPLE + SERVERS));
        for number in 0..PEOPLE + SERVERS {
            let speaks = number < PEOPLE;
            let name = if speaks { name_of(number) } else { format!("n{}", number - PEOPLE) };
            let person = Person::new(number, &name, speaks, number % SERVERS, seed);
            let orders = Arc::clone(&fleet.orders);
            let thread = thread::Builder::new().name(name).spawn(move || person.live(&orders));
            fleet.people.push(thread.expect("a thread"));
        }
        fleet.await_health();
        println!("all are there after {:.1} s", started.elapsed().as_secs_f32());
        fleet
    }

    fn start_server(&self, number: usize) -> ServerProcess {
        let folder = self.folder.path().join(format!("s{number}"));
        fs::create_dir_all(&folder).expect("a folder");
        // What the one before has said.
        let older = (0..).map(|count| folder.join(format!("log.{count}"))).find(|path| !path.exists());
        let _ = fs::rename(folder.join("log"), older.expect("a number"));
        let address = self.relays.get(number).map_or(self.redis.address(), |relay| relay.address);
        let (url, name) = (format!("redis://{address}"), format!("s{number}"));
        ServerProcess::start(&folder, &[&in_house(&url, &name)[..], &["--no-find"]].concat())
    }

    fn server(&self, number: usize) -> &ServerProcess {
        self.servers[number].as_ref().expect("it runs")
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.random.fraction() * end as f64) as usize
    }

    /// Has people speak for a while, does something, and waits until all is well again.
    pub fn play(&mut self, what: &str, fault: impl FnOnce(&mut Fleet)) {
        pass(BEFORE);
        let from = Instant::now();
        fault(self);
        self.await_health();
        self.spans.push(Span { what: what.to_owned(), from, to: Instant::now() });
    }

    /// The same with what is to close nobody.
    pub fn play_for_all(&mut self, what: &str, fault: impl FnOnce(&mut Fleet)) {
        let logins = |fleet: &Fleet| fleet.residents.iter().map(|(diary, _)| diary.logins).collect::<Vec<_>>();
        let before = logins(self);
        self.play(what, fault);
        assert_eq!(logins(self), before, "{what} has closed somebody; {}", self.evidence());
    }

    /// Kills a server, waits until its clients are in no list any more, and starts it again.
    pub fn kill_server(&mut self, number: usize) {
        self.orders.servers.lock().expect("no panic")[number] = None;
        let killed = Instant::now();
        self.servers[number].take().expect("it runs").crash();
        let out = self.await_out(number, killed);
        self.out_after.push(out);
        let server = self.start_server(number);
        self.orders.servers.lock().expect("no panic")[number] = Some(server.address);
        self.servers[number] = Some(server);
        self.residents[number].1 = None;
    }

    /// Kills servers and Redis, waits until nobody of the dead is in a list of the others, and starts all of them again.
    pub fn kill_with_redis(&mut self, servers: &[usize]) {
        let killed = Instant::now();
        for number in servers {
            self.orders.servers.lock().expect("no panic")[*number] = None;
            self.servers[*number].take().expect("it runs").crash();
            self.residents[*number].1 = None;
        }
        self.kill_redis(0, Duration::ZERO);
        for number in servers {
            if servers.len() < SERVERS {
                let out = self.await_out(*number, killed);
                println!("a server that was killed with Redis is out of the list after {:.2} s", out.as_secs_f32());
            }
            let started = Instant::now();
            let server = self.start_server(*number);
            println!("a server that was killed with Redis is back after {:.2} s", started.elapsed().as_secs_f32());
            self.orders.servers.lock().expect("no panic")[*number] = Some(server.address);
            self.servers[*number] = Some(server);
        }
    }

    /// Stops a server for so long, and waits until it has sent away whoever was there.
    pub fn stop_server(&mut self, number: usize, time: Duration) {
        let stopped = Instant::now();
        send_signal(self.server(number).id(), "STOP");
        let out = self.await_out(number, stopped);
        println!("a server that was stopped is out of the list after {:.2} s", out.as_secs_f32());
        pass(time.saturating_sub(stopped.elapsed()));
        send_signal(self.server(number).id(), "CONT");
        let (diary, resident) = &mut self.residents[number];
        let mut plain = resident.take().expect("logged in");
        let until = Instant::now() + LIMIT;
        while plain.ask(diary, "whoami").is_ok() {
            assert!(Instant::now() < until, "a server that was taken for dead serves on");
        }
    }

    /// How long it takes until a server's resident is in no list of another one.
    fn await_out(&mut self, number: usize, since: Instant) -> Duration {
        let name = format!("client_{}_", self.residents[number].0.name);
        for other in (0..SERVERS).filter(|other| *other != number) {
            let (diary, resident) = &mut self.residents[other];
            let resident = resident.as_mut().expect("logged in");
            loop {
                let list = resident.ask(diary, "list").expect("an answer");
                // It may be refused, as long as the house meets.
                let is_told = list.last().is_some_and(|line| line.starts_with("OK"));
                if is_told && !list.iter().any(|line| line.starts_with(&name)) {
                    break;
                }
                assert!(since.elapsed() < OUT, "{name} is still there");
                // Within the rate of lines.
                pass(Duration::from_millis(60));
            }
        }
        since.elapsed()
    }

    /// Kills Redis, cuts so many bytes off its file, and starts it again after so long.
    pub fn kill_redis(&mut self, cut: u64, time: Duration) {
        let before = last_number(&mut ask(self.redis.address()));
        self.redis.kill();
        let file = self.written();
        file.set_len(length(&file).saturating_sub(cut)).expect("cut");
        pass(time);
        self.redis.restart();
        if cut > 0 {
            // Servers may have begun to give back.
            self.lost.push(before.saturating_sub(last_number(&mut ask(self.redis.address()))));
        }
    }

    /// What Redis has written.
    fn written(&self) -> File {
        let files = fs::read_dir(self.redis.folder().join("appendonlydir")).expect("a folder");
        let mut paths = files.map(|file| file.expect("readable").path());
        let path = paths.find(|path| path.to_string_lossy().ends_with(".incr.aof")).expect("a file that grows");
        OpenOptions::new().write(true).open(path).expect("there")
    }

    /// Stops Redis for so long.
    pub fn stop_redis(&self, time: Duration) {
        send_signal(self.redis.id(), "STOP");
        pass(time);
        send_signal(self.redis.id(), "CONT");
    }

    /// Gives Redis a replica, which falls behind for a while; then Redis dies, and the replica takes over.
    pub fn promote_a_stale_replica(&mut self) {
        let mut master = ask(self.redis.address());
        let link = Relay::start(self.redis.address());
        let (ip, port) = (link.address.ip().to_string(), link.address.port().to_string());
        let replica = Redis::start(&["--replicaof", &ip, &port]);
        let mut other = ask(replica.address());
        let until = Instant::now() + LIMIT;
        while !tell(&mut other, &["INFO", "replication"]).contains("master_link_status:up") {
            assert!(Instant::now() < until, "the replica does not begin");
            pass(Duration::from_millis(20));
        }
        for (setting, value) in [("min-replicas-to-write", "1"), ("min-replicas-max-lag", "10")] {
            tell(&mut master, &["CONFIG", "SET", setting, value]);
        }
        pass(BEFORE);
        link.be(Manner::Hold, false);
        pass(BEFORE);
        let ahead = last_number(&mut master);
        self.redis.kill();
        drop(link);
        tell(&mut other, &["REPLICAOF", "NO", "ONE"]);
        self.lost.push(ahead - last_number(&mut other));
        self.relays.iter().for_each(|relay| relay.turn_to(replica.address()));
        self.redis = replica;
    }

    /// What becomes of the bytes between a server, or all, and Redis for so long; of the connections that there are, or of
    /// all.
    pub fn meddle(&self, servers: &[usize], manner: Manner, old: bool, time: Duration) {
        let be = |manner, old| servers.iter().for_each(|number| self.relays[*number].be(manner, old));
        be(manner, old);
        pass(time);
        if !old {
            be(Manner::Pass, false);
        }
    }

    /// Has Redis lose what people said for a while, and the house believe that it has not: nobody meets.
    pub fn lose_without_meeting(&mut self) {
        let before = length(&self.written());
        pass(BEFORE);
        let last = last_number(&mut ask(self.redis.address()));
        self.relays.iter().for_each(|relay| relay.be(Manner::Refuse, false));
        self.redis.kill();
        self.written().set_len(before).expect("cut");
        self.redis.restart();
        let mut redis = ask(self.redis.address());
        let lost = last - last_number(&mut redis);
        println!("{lost} lines are lost");
        assert!(lost > 0, "nobody said anything");
        let about = tell(&mut redis, &["INFO", "server"]);
        let run = about.lines().find_map(|line| line.strip_prefix("run_id:")).expect("it says so");
        tell(&mut redis, &["HSET", "{peerline}:head", "run", run]);
        self.relays.iter().for_each(|relay| relay.be(Manner::Pass, false));
    }

    /// Waits until everybody is logged in, and each server confirms what its resident says.
    pub fn await_health(&mut self) {
        let until = Instant::now() + 2 * LIMIT;
        for number in 0..SERVERS {
            while self.say(number).is_none() {
                assert!(Instant::now() < until, "server {number} confirms nothing; {}", self.evidence());
                pass(Duration::from_millis(100));
            }
        }
        let missing = self.await_people(until, |present| present.is_there.load(Ordering::SeqCst));
        assert_eq!(missing, 0, "so many are not logged in; {}", self.evidence());
    }

    /// Has a resident broadcast something, and gives the number where it was confirmed.
    fn say(&mut self, number: usize) -> Option<u64> {
        let address = self.server(number).address;
        let (diary, resident) = &mut self.residents[number];
        if resident.is_none() {
            *resident = Plain::log_in(address, diary).ok();
        }
        let text = format!("{} {}", diary.name, diary.said.len());
        match resident.as_mut()?.broadcast(diary, &text) {
            Ok(Fate::Confirmed(seq)) => Some(seq),
            Ok(_) => None,
            Err(_) => {
                *resident = None;
                None
            }
        }
    }

    /// How many people are not so by then.
    fn await_people(&self, until: Instant, is_so: impl Fn(&Present) -> bool) -> usize {
        loop {
            let missing = self.orders.people.iter().filter(|present| !is_so(present)).count();
            if missing == 0 || Instant::now() >= until {
                return missing;
            }
            pass(Duration::from_millis(20));
        }
    }

    fn evidence(&self) -> String {
        format!("the logs are in {}", self.folder.path().display())
    }

    /// Has everybody hear all that there is, says the figures, and gives all that was wrong. Where that is not meant, it says
    /// it, and the logs are kept.
    pub fn end(mut self, is_meant: bool) -> Vec<String> {
        pass(BEFORE);
        self.orders.speak.store(false, Ordering::SeqCst);
        let until = Instant::now() + 2 * LIMIT;
        self.await_people(until, |present| !present.waits.load(Ordering::SeqCst));
        let last = loop {
            if let Some(last) = self.say(0) {
                break last;
            }
            assert!(Instant::now() < until, "nothing is confirmed at the end; {}", self.evidence());
            pass(Duration::from_millis(100));
        };
        // Who has not heard it is found below.
        self.await_people(Instant::now() + 2 * LIMIT, |present| present.heard.load(Ordering::SeqCst) >= last);
        for (number, (diary, resident)) in self.residents.iter_mut().enumerate() {
            let address = self.servers[number].as_ref().expect("it runs").address;
            if resident.is_none() {
                *resident = Plain::log_in(address, diary).ok();
            }
            if let Some(plain) = resident {
                let _ = plain.hear_up_to(diary, last);
            }
        }
        let diaries = self.take_diaries();
        figures::print(&diaries, &self.spans, &self.out_after);
        if !self.lost.is_empty() {
            println!("lines that Redis had lost: {:?}", self.lost);
        }
        let wrong = faults(&diaries);
        if !wrong.is_empty() && !is_meant {
            self.folder.disable_cleanup(true);
            println!("{} faults; {}", wrong.len(), self.evidence());
            wrong.iter().take(MOST_SHOWN).for_each(|line| println!("{line}"));
        }
        wrong
    }

    fn take_diaries(&mut self) -> Vec<Diary> {
        self.orders.end.store(true, Ordering::SeqCst);
        let people = self.people.drain(..).map(|person| person.join().expect("no panic"));
        people.chain(self.residents.drain(..).map(|(diary, _)| diary)).collect()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.orders.end.store(true, Ordering::SeqCst);
        if thread::panicking() {
            self.folder.disable_cleanup(true);
        }
        for person in self.people.drain(..) {
            // What it has found does not matter any more.
            let _ = person.join();
        }
    }
}

fn length(file: &File) -> u64 {
    file.metadata().expect("readable").len()
}
