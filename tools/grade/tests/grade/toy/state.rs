//! What all connections share: accounts, sessions, broadcasts.

use super::has;
use super::udp::Way;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Lines that wait for one client.
const QUEUE: usize = 256;

pub struct Shared {
    pub state: Mutex<State>,
    pub socket: Option<UdpSocket>,
}

pub struct State {
    data: PathBuf,
    /// The name as it was signed up, and a hash.
    accounts: HashMap<String, (String, String)>,
    pub sessions: BTreeMap<String, Session>,
    /// `SEQ_TIME_FROM_TEXT`
    pub history: Vec<String>,
}

pub struct Session {
    pub name: String,
    pub outbox: Outbox,
    pub port: u16,
    pub files: Option<Vec<String>>,
    pub is_active: bool,
    pub token: String,
    pub way: Way,
}

/// Where lines for a client go: a thread of its own writes them.
#[derive(Clone)]
pub struct Outbox {
    queue: SyncSender<String>,
    stream: Arc<TcpStream>,
    /// Lines that are not written yet.
    waiting: Arc<AtomicUsize>,
}

impl Outbox {
    pub fn new(stream: &Arc<TcpStream>) -> Outbox {
        let (queue, lines) = sync_channel(QUEUE);
        let (to, waiting) = (Arc::clone(stream), Arc::new(AtomicUsize::new(0)));
        let left = Arc::clone(&waiting);
        thread::spawn(move || write_all(&lines, &to, &left));
        Outbox { queue, stream: Arc::clone(stream), waiting }
    }

    /// Waits until all that was handed over is on its way.
    pub fn wait_until_written(&self) {
        while self.waiting.load(Ordering::SeqCst) > 0 {
            thread::yield_now();
        }
    }

    /// Hands over a line.
    pub fn say(&self, line: &str) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        if has("two-writes") {
            let mut stream = &*self.stream;
            let _ = stream.write_all(line.as_bytes());
            thread::yield_now();
            let _ = stream.write_all(b"\n");
        } else if has("waits-for-the-slow") {
            let _ = self.queue.send(format!("{line}\n"));
        } else if self.queue.try_send(format!("{line}\n")).is_err() {
            let _ = self.stream.shutdown(Shutdown::Both);
        }
    }

    /// The same, and waits: for the client's own thread.
    pub fn answer(&self, line: &str) {
        if has("two-writes") {
            return self.say(line);
        }
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let _ = self.queue.send(format!("{line}\n"));
    }

    pub fn close(&self) {
        let _ = self.queue.send(String::new());
    }
}

fn write_all(lines: &Receiver<String>, mut stream: &TcpStream, waiting: &AtomicUsize) {
    while let Ok(line) = lines.recv() {
        if line.is_empty() {
            let _ = stream.shutdown(Shutdown::Write);
            return;
        }
        if stream.write_all(line.as_bytes()).is_err() {
            if has("dies-with-a-client") {
                std::process::abort();
            }
            // Nobody is to wait for what goes nowhere.
            waiting.store(0, Ordering::SeqCst);
            return;
        }
        waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    pub fn read(data: PathBuf) -> State {
        let text = |name: &str| fs::read_to_string(data.join(name)).unwrap_or_default();
        let accounts = text("accounts");
        let fields = accounts.lines().filter_map(|line| line.split_once(' '));
        let accounts = fields.map(|(name, hash)| (name.to_lowercase(), (name.to_owned(), hash.to_owned()))).collect();
        let history = if has("numbers-from-one") { String::new() } else { text("history") };
        let history = history.lines().map(str::to_owned).collect();
        State { data, accounts, sessions: BTreeMap::new(), history }
    }

    fn append(&self, name: &str, line: &str) {
        let file = fs::File::options().create(true).append(true).open(self.data.join(name));
        file.and_then(|mut file| writeln!(file, "{line}")).expect("the folder is there");
    }

    pub fn is_free(&self, name: &str) -> bool {
        !self.accounts.contains_key(&name.to_lowercase())
    }

    pub fn add(&mut self, name: &str, password: &str) {
        let hash = match () {
            () if has("password-in-clear") => password.to_owned(),
            () if has("password-in-base64") => "Y29ycmVjdCBob3JzZQ==".to_owned(),
            () => hash(name, password),
        };
        self.accounts.insert(name.to_lowercase(), (name.to_owned(), hash.clone()));
        if !has("ok-before-disk") {
            self.append("accounts", &format!("{name} {hash}"));
        }
    }

    /// The name as it was signed up, when the password is right.
    pub fn check(&self, name: &str, password: &str) -> Result<String, &'static str> {
        let Some((name, known)) = self.accounts.get(&name.to_lowercase()) else {
            return Err(if has("tells-who") { "There is no such account" } else { "Invalid credentials" });
        };
        let is_right = *known == hash(name, password) || *known == password;
        if is_right { Ok(name.clone()) } else { Err("Invalid credentials") }
    }

    pub fn log_in(&mut self, name: &str, outbox: &Outbox) -> String {
        let token = format!("{:016x}{:016x}", random(), random());
        if let Some(old) = self.sessions.remove(&name.to_lowercase()).filter(|_| !has("ghost-stays")) {
            old.outbox.say("notice_You have logged in elsewhere");
            old.outbox.close();
        }
        let (name, outbox) = (name.to_owned(), outbox.clone());
        let key = name.to_lowercase();
        let session =
            Session { name, outbox, port: 0, files: None, is_active: true, token: token.clone(), way: Way::Tcp };
        self.sessions.insert(key, session);
        token
    }

    /// The session of this name has ended, if it is this one.
    pub fn leave(&mut self, name: &str, token: &str) {
        let key = name.to_lowercase();
        if self.sessions.get(&key).is_some_and(|session| session.token == token) && !has("departed-stay") {
            self.sessions.remove(&key);
        }
    }

    pub fn broadcast(&mut self, from: &str, text: &str, socket: Option<&UdpSocket>) -> (usize, usize) {
        let seq = self.history.len() + if has("numbers-from-101") { 101 } else { 1 };
        let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
        let line = format!("{seq}_{time}_{from}_{text}");
        self.append("history", &line);
        self.history.push(line.clone());
        for session in self.sessions.values_mut() {
            let is_left_out =
                (has("not-to-sender") && session.name == from) || (has("inactive-gets-nothing") && !session.is_active);
            if !is_left_out {
                session.send(seq as u64, &line, socket);
            }
        }
        (seq, self.sessions.len())
    }

    /// By name, or by IP:PORT, which is the same IP for all.
    pub fn find(&self, address: &str) -> Option<&Session> {
        let by_place = || self.sessions.values().find(|one| format!("127.0.0.1:{}", one.port) == address);
        self.sessions.get(&address.to_lowercase()).or_else(by_place).filter(|session| session.is_active)
    }

    pub fn say_goodbye(&self, notice: Option<&str>) {
        for session in self.sessions.values() {
            notice.into_iter().for_each(|notice| session.outbox.say(notice));
            session.outbox.close();
        }
    }
}

/// Enough for a toy.
fn hash(name: &str, password: &str) -> String {
    let mut hasher = DefaultHasher::new();
    (name, password).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

pub fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().build_hasher().finish()
}

/// What another thread may do between two steps.
pub fn let_others_in() {
    thread::sleep(Duration::from_millis(20));
}
