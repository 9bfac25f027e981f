//! Rounds of kill -9: a server under a mixed load is killed, again and again, and clients with it. After each restart
//! all that was acknowledged must be there, once and in order, and no file may be torn.

mod ledger;
mod folders;
mod load;
mod fetching;

use crate::process::{Log, Server};
use crate::random::Xorshift;
use crate::wire::Wire;
use fetching::{ACCOUNTS, Programs};
use folders::{Folders, Found};
use ledger::{Ledger, View};
use load::{ANSWER, Load};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A short history, or a thousand rounds would be sent at each login.
const OPTIONS: [&str; 10] =
    ["--hash-rounds", "1000", "--rate", "off", "--signups", "off", "--history", "10s", "--max-clients", "200"];
/// What was acknowledged longer ago than this may have expired: half the time that the history has.
const SURELY_KEPT: Duration = Duration::from_secs(5);
/// How long a server lives under load, in milliseconds, from and to: most are killed so long after a fetch began, the
/// others so long after their load did.
const LIFE: (u64, u64) = (20, 300);
/// What a fetch that is not killed may still take after the server is gone.
const LAST_BYTES: Duration = Duration::from_millis(500);
/// What the log says of a thread that failed.
const PANIC: &[u8] = b"panicked";
/// Rounds from one line of progress, and one look at the owner's files, to the next.
const REPORT: u32 = 50;
/// How many ask at a time whether accounts are there.
const CHECKERS: usize = 4;
/// Accounts that take part in each round: the talkers of two threads, and who looks.
const PARTS: [&str; 6] = ["talker3", "talker4", "reader", "visitor", "watch", "finder"];

/// What all rounds have in common.
struct Run<'a> {
    server: &'a Path,
    folder: &'a Path,
    programs: Programs<'a>,
    ledger: Mutex<Ledger>,
    random: Xorshift,
    start: Instant,
    whole: usize,
    /// Rounds after which a part of a file was there.
    parts: usize,
}

/// Kills a server so many times; whether nothing was lost, doubled, out of order or torn. The evidence is kept
/// otherwise.
///
/// # Errors
/// A sentence, when the run cannot be set up.
pub fn run(server: &Path, client: &Path, parent: &Path, rounds: u32) -> Result<bool, String> {
    let folder = tempfile::Builder::new().prefix("peerline-kill.").tempdir_in(parent).map_err(|e| e.to_string())?;
    let folders =
        Folders::make(folder.path(), &folders::SIZES).map_err(|error| format!("the files to share: {error}"))?;
    let programs = Programs { client, folder: folder.path(), folders: &folders };
    let mut run = Run {
        server,
        folder: folder.path(),
        programs,
        ledger: Mutex::default(),
        random: Xorshift::new(9),
        start: Instant::now(),
        whole: 0,
        parts: 0,
    };
    run.make_accounts()?;
    let mut done = 0;
    while done < rounds && run.held() {
        done += 1;
        run.round(done)?;
        if done % REPORT == 0 && done < rounds {
            run.report(done);
        }
    }
    // After a fault all stays as it was found.
    if run.held() {
        run.check_all()?;
    }
    run.report(done);
    let held = run.held();
    if !held {
        let violations = run.books().violations().join("\n");
        println!("{violations}");
        let kept = folder.keep();
        // What cannot be written is on the screen.
        let _ = fs::write(kept.join("violations"), violations);
        println!("The evidence is in {}", kept.display());
    }
    Ok(held)
}

impl Run<'_> {
    fn books(&mut self) -> &mut Ledger {
        self.ledger.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn held(&mut self) -> bool {
        self.books().violations().is_empty()
    }

    fn start_server(&self) -> Result<Server, String> {
        Server::start(self.server, &self.folder.join("data"), Log::File(&self.folder.join("log")), &OPTIONS)
    }

    fn make_accounts(&mut self) -> Result<(), String> {
        let server = self.start_server()?;
        let until = Instant::now() + ANSWER;
        let made = Wire::connect(Ipv4Addr::LOCALHOST, server.address, until)
            .and_then(|mut wire| PARTS.iter().chain(&ACCOUNTS).try_for_each(|name| wire.sign_up(name, until)));
        made.map_err(|error| format!("the accounts could not be made: {error}"))
    }

    /// Starts the server, looks whether all is there, gives it a load, and kills it under that.
    fn round(&mut self, round: u32) -> Result<(), String> {
        let server = match self.start_server() {
            Ok(server) => server,
            Err(sentence) => {
                self.books().violation(format!("round {round}: {sentence}"));
                return Ok(());
            }
        };
        let new = self.books().new_accounts();
        self.check(server.address, &format!("check-{round}"), &new);
        if !self.held() {
            return Ok(());
        }
        self.crash_under_load(server, round);
        let found = self.programs.folders.look_at_fetched();
        self.note_files(found.map_err(|error| error.to_string())?);
        if round % REPORT == 0 {
            self.note_shared()?;
        }
        Ok(())
    }

    /// Whether what was acknowledged is there: these accounts, and all broadcasts.
    fn check(&mut self, server: SocketAddr, marker: &str, accounts: &[String]) {
        for name in missing(server, accounts) {
            self.books().violation(format!("the account {name} was acknowledged and cannot log in"));
        }
        let since = self.start.elapsed().saturating_sub(SURELY_KEPT);
        let mut view = View::default();
        let books = self.books();
        match load::look_back(server, marker, &mut |number, text| books.see(&mut view, number, text)) {
            Ok(newest) => {
                books.complete(&view, since, newest);
                books.acknowledge(newest, marker, since + SURELY_KEPT);
            }
            Err(error) => books.violation(format!("the history could not be read: {error}")),
        }
    }

    fn crash_under_load(&mut self, server: Server, round: u32) {
        let life = Duration::from_millis(self.random.between(LIFE.0, LIFE.1));
        let (kills_clients, waits_for_fetch) = (self.random.one_in(2), !self.random.one_in(4));
        let load = Load {
            server: server.address,
            round,
            ledger: &self.ledger,
            start: self.start,
            over: AtomicBool::new(false),
        };
        let (programs, random) = (&self.programs, &mut self.random);
        thread::scope(|scope| {
            // Each of these ends with an error, as its server is killed.
            let spawn = |act: fn(&Load) -> io::Result<()>| {
                let load = &load;
                scope.spawn(move || _ = act(load));
            };
            spawn(|load| load.sign_up(1));
            spawn(|load| load.sign_up(2));
            spawn(|load| load.broadcast(3));
            spawn(|load| load.broadcast(4));
            spawn(|load| load.look_on());
            spawn(|load| load.come_and_go());
            let clients = scope.spawn(|| programs.fetch(load.server, random));
            while waits_for_fetch && !clients.is_finished() {
                thread::sleep(Duration::from_millis(1));
            }
            thread::sleep(life);
            load.over.store(true, Ordering::Relaxed);
            server.kill();
            let Ok(Ok([owner, fetcher])) = clients.join() else { return };
            if kills_clients {
                fetcher.kill()
            } else {
                fetcher.kill_after(LAST_BYTES)
            }
            owner.kill();
        });
    }

    fn note_files(&mut self, found: Found) {
        self.whole += found.whole;
        self.parts += usize::from(found.parts > 0);
        found.wrong.into_iter().for_each(|wrong| self.books().violation(wrong));
    }

    fn note_shared(&mut self) -> Result<(), String> {
        let wrong = self.programs.folders.look_at_shared().map_err(|error| error.to_string())?;
        wrong.into_iter().for_each(|wrong| self.books().violation(wrong));
        Ok(())
    }

    /// After the last crash: every account of the run, all files, and whether a server has ever panicked.
    fn check_all(&mut self) -> Result<(), String> {
        if let Ok(server) = self.start_server() {
            let all = self.books().accounts().to_vec();
            self.check(server.address, "check-end", &all);
        }
        self.note_shared()?;
        let log = File::open(self.folder.join("log")).map_err(|error| format!("the log: {error}"))?;
        let mut lines = BufReader::new(log).split(b'\n').map_while(Result::ok);
        if lines.any(|line| line.windows(PANIC.len()).any(|part| part == PANIC)) {
            self.books().violation("a server panicked: its log says where".to_owned());
        }
        Ok(())
    }

    fn report(&mut self, round: u32) {
        let (seconds, whole, parts) = (self.start.elapsed().as_secs(), self.whole, self.parts);
        let books = self.books();
        let (accounts, broadcasts, violations) = (books.accounts().len(), books.broadcasts(), books.violations().len());
        println!(
            "{round} kills in {seconds} s: {accounts} sign-ups and {broadcasts} broadcasts acknowledged, {whole} files \
             fetched whole, after {parts} kills a part was there; {violations} violations"
        );
    }
}

/// The accounts that cannot log in.
fn missing(server: SocketAddr, accounts: &[String]) -> Vec<String> {
    let ask = |names: &[String]| -> Vec<String> {
        names.iter().filter(|name| load::visit(server, name).is_err()).cloned().collect()
    };
    thread::scope(|scope| {
        let parts = accounts.chunks(accounts.len().div_ceil(CHECKERS).max(1));
        let asked: Vec<_> = parts.map(|part| scope.spawn(move || ask(part))).collect();
        asked.into_iter().flat_map(|part| part.join().unwrap_or_else(|_| vec!["(not asked)".to_owned()])).collect()
    })
}
