//! How a server comes into the house: what it asks of the Redis, whose house it is, and what it reads before it serves
//! anybody.

use super::life::Life;
use super::pool::Pool;
use super::records::{lines_of, record};
use super::state::{About, Shared, Wake, lock};
use crate::protocol::Notice;
use crate::server::clients::{ClientMap, Letter};
use crate::server::config::Config;
use crate::server::delivery::Broadcaster;
use crate::server::shared::{
    self, DirectoryUrl, Entered, EntersBy, Falls, GuestEntered, Join, Lease, Link, Meeting, Member, Mirror, NotDone,
    Standing, Start,
};
use crate::server::store::{self, History};
use crate::value::sentence::counted;
use crate::value::{Epoch, ServerName, Ticket, Username, duration};
use log::{info, warn};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// How long a start waits until a server of its name, which was killed, is out of the house, which takes 6 s; and until a house
/// is open, whose servers wait 5 s for each other.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(200);
/// How long it takes until every other server has beaten, and knows this one.
const KNOWN: Duration = Duration::from_secs(1);

/// Connects to the Redis at this address, and checks that it loses nothing but, perhaps, what `loss` accepts.
///
/// # Errors
/// One sentence that names what is wrong and what to change.
pub fn reach(url: &str, loss: Option<Duration>) -> Result<(DirectoryUrl, Link), String> {
    let url: DirectoryUrl = url.parse().map_err(|why| format!("--directory: {why}"))?;
    let not_there = |why: NotDone| format!("{url}: {why}; start it, or name another one with --directory");
    let mut link = Link::open(&url).map_err(not_there)?;
    shared::check(&mut link, loss)?;
    Ok((url, link))
}

/// Comes into the house that the options name, and fills `clients` and `history` with what there is.
///
/// # Errors
/// One sentence that names what is wrong and what to change.
pub fn open(
    config: &Config,
    url: &str,
    clients: ClientMap,
    history: &Arc<History>,
    broadcaster: Arc<Broadcaster>,
) -> Result<Shared, String> {
    let (url, mut link) = reach(url, config.directory_loss)?;
    let server = config.server_name();
    let folder = store::lock_folder(&config.data)?;
    tell_of_accounts(&config.data, &url);
    let epoch = house(&mut link, &server, &config.data).map_err(|why| format!("{url}: {why}"))?;
    // What a machine says of itself; where it does not, no other server counts as being on it.
    let machine = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned();
    let start = Ticket::draw().to_string();
    let (window, address, no_plain) = (config.history, config.advertise, config.no_plain);
    // It becomes one in the house below.
    let nobody = Life::new(Member { server: server.clone(), generation: 0 }, 0, window);
    let shared = Shared {
        clients,
        history: Arc::clone(history),
        broadcaster,
        pool: Pool::new(url.clone()),
        about: About { url: url.clone(), server, start, machine, window, address, no_plain, epoch },
        lease: Lease::new(Instant::now()),
        life: Mutex::new(Arc::new(nobody)),
        alive: Mutex::default(),
        changed: Wake::default(),
        ports: OnceLock::new(),
        bans: Mutex::default(),
        wake: Wake::default(),
        handovers: AtomicU64::new(1),
        _folder: folder,
    };
    let (end, mut left) = (Instant::now() + PATIENCE, None);
    while let Err(why) = shared.come_in() {
        let is_alive = left.is_some_and(|left| why.left > Some(left));
        if Instant::now() >= end || !why.may_pass || is_alive {
            return Err(format!("{url}: {why}"));
        }
        left = why.left;
        thread::park_timeout(LOOK);
    }
    Ok(shared)
}

impl Shared {
    /// Begins a life: comes into the house, and reads who is there and what was said.
    ///
    /// # Errors
    /// [`NotIn`].
    pub(super) fn come_in(&self) -> Result<(), NotIn> {
        let mut link = Link::open(&self.about.url)?;
        let link = &mut link;
        self.meet_as_nobody(link)?;
        let sent = Instant::now();
        let joined = match shared::join(link, &self.start(None))? {
            Join::In(joined) => joined,
            Join::Running { left } => {
                let sentence =
                    format!("there is a server {} already: choose another name with --name", self.about.server);
                return Err(NotIn { left: Some(left), ..NotIn::now(sentence) });
            }
            Join::Another { history, left } => {
                let [theirs, own] = [history, self.about.window].map(duration::show);
                let sentence = format!(
                    "the servers of this house keep broadcasts for {theirs}, and this one would for {own}: give it \
                     --history {theirs}, or stop all of them first"
                );
                return Err(NotIn { left: Some(left), ..NotIn::now(sentence) });
            }
            Join::Full => return Err(NotIn::ever("there are 256 servers, which is the most".to_owned())),
            Join::NoHouse => {
                return Err(NotIn::now("it is empty: this server waits until its house is back".to_owned()));
            }
        };
        self.lease.renewed(sent, Instant::now(), joined.at);
        let life = Arc::new(Life::new(joined.member, joined.number, self.about.window));
        match shared::meet(link, &life.who, &life.mirror, &[])? {
            Meeting::Opened => {}
            _ => return Err(NotDone::Loss.into()),
        }
        self.clients.draw_from(life.number);
        // Another life has read some of it, or another sequence.
        self.history.clear();
        let sent = Instant::now();
        let house = shared::beat(link, &life.who)?;
        self.lease.renewed(sent, Instant::now(), house.now);
        self.set_alive(house.servers);
        {
            let mut tail = life.tail.lock().unwrap_or_else(PoisonError::into_inner);
            tail.news_from(self.look_around(&life, link)?);
            loop {
                let lines = tail.catch_up(link)?;
                if lines.is_empty() {
                    break;
                }
                self.take_lines(&life, link.run(), &lines);
            }
        }
        info!("{} is in the house {} with {} others", life.who.server, self.about.epoch, self.others().len() - 1);
        // What it confirms before that could be lost with this server and the end of Redis' file, and nobody would wait.
        if self.others().len() > 1 {
            thread::park_timeout(KNOWN);
        }
        *lock(&self.life) = life;
        Ok(())
    }

    /// A house of which nobody is left is opened by whoever comes first; another house than this server's is left alone.
    fn meet_as_nobody(&self, link: &mut Link) -> Result<(), NotIn> {
        match shared::opened(link, &self.about.server)? {
            Standing::Open(epoch) | Standing::Shut(epoch) if epoch != self.about.epoch => {
                return Err(NotIn::ever(format!("it is the house {epoch}, not {}", self.about.epoch)));
            }
            Standing::Open(_) | Standing::None => return Ok(()),
            Standing::Shut(_) => {}
        }
        let nobody = Member { server: self.about.server.clone(), generation: 0 };
        match shared::meet(link, &nobody, &Mirror::new(nobody.clone(), self.about.window), &[])? {
            Meeting::Opened => Ok(()),
            _ => Err(NotDone::Loss.into()),
        }
    }

    /// The house that is at the other end of `link`, if it is not this server's.
    pub(super) fn other_house(&self, link: &mut Link) -> Result<Option<Epoch>, NotDone> {
        match shared::opened(link, &self.about.server)? {
            Standing::Open(epoch) | Standing::Shut(epoch) => Ok(Some(epoch).filter(|epoch| *epoch != self.about.epoch)),
            Standing::None => Ok(None),
        }
    }

    /// How it comes in: as somebody new, or as what it was. Others are told where it is once it can be reached.
    pub(super) fn start(&self, was: Option<(u64, u8)>) -> Start<'_> {
        let (tls, key) = self.by_tls().unzip();
        let (server, start, history) = (&self.about.server, &self.about.start, self.about.window);
        Start { server, start, address: self.in_the_clear(), tls, key, history, was }
    }

    /// Tells a house that has lost something of these sessions, as far as it comes until then; the others stay in `lost`.
    pub(super) fn enter_again(
        &self,
        life: &Life,
        link: &mut Link,
        lost: &mut Vec<(Username, u64)>,
        until: Instant,
    ) -> Result<(), NotDone> {
        let now = SystemTime::now();
        while let Some((name, session)) = lost.last().cloned().filter(|_| Instant::now() < until) {
            self.enter_one_again(life, link, (name, session), now)?;
            lost.pop();
        }
        Ok(())
    }

    fn enter_one_again(
        &self,
        life: &Life,
        link: &mut Link,
        (name, session): (Username, u64),
        now: SystemTime,
    ) -> Result<(), NotDone> {
        let Some(client) = self.clients.session(&name, session) else { return Ok(()) };
        let record = record(&client, &life.who, &self.about.machine);
        let deadline = self.lease.deadline(Instant::now(), shared::LIMIT);
        let falls = Falls { under: &[], now };
        if !shared::change(link, deadline, &record)? {
            let is_in = if client.guest.is_some() {
                let entered = shared::enter_guest(link, deadline, &record, &[name], None, &falls)?;
                matches!(entered, GuestEntered::Ok(_))
            } else {
                let notice = Notice::TakenOver { name, from: client.source.ip(), in_the_clear: false };
                let by = EntersBy::default();
                matches!(shared::enter(link, deadline, &record, &notice, &by, &falls)?, Entered::Ok { .. })
            };
            if !is_in {
                // Somebody else has the name by now. It is over, told or not.
                let why = "Your name is somebody else's now: choose another".to_owned();
                let _ = self.clients.hand(Letter::End(Notice::Other(why)), &client);
                return Ok(());
            }
        }
        if client.files.len() != 0 {
            let files = lines_of(&client.files);
            shared::set_files(link, &life.who, deadline, &record.name, session, &files)?;
        }
        Ok(())
    }

    /// Who is in the house.
    pub(super) fn others(&self) -> Vec<Member> {
        lock(&self.alive).iter().map(|alive| alive.member.clone()).collect()
    }
}

/// Why a server is not in the house.
#[derive(Debug, PartialEq, Eq)]
pub struct NotIn {
    sentence: String,
    /// It may be otherwise soon.
    may_pass: bool,
    /// What is left of the lease of another server of its name, in milliseconds: more than before only where that one beats.
    left: Option<u64>,
}

impl NotIn {
    fn now(sentence: String) -> NotIn {
        NotIn { sentence, may_pass: true, left: None }
    }

    fn ever(sentence: String) -> NotIn {
        NotIn { sentence, may_pass: false, left: None }
    }
}

impl fmt::Display for NotIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl From<NotDone> for NotIn {
    fn from(why: NotDone) -> NotIn {
        NotIn::now(why.to_string())
    }
}

/// A folder that a server alone had is taken for accounts that everybody has, though the house does not know them.
fn tell_of_accounts(folder: &Path, url: &DirectoryUrl) {
    let file = folder.join("users.csv");
    // A pipe would be read for ever.
    if !file.is_file() {
        return;
    }
    let own = store::read_accounts(folder).map(|(_, count)| count);
    if let Ok(own @ 1..) = own {
        warn!(
            "{} has {}, which the house does not use: `server accounts --directory {url} import {}` brings them there",
            file.display(),
            counted(own, "account"),
            file.display()
        );
    } else if let Err(why) = own {
        warn!("{why}; the house does not use the file");
    }
}

/// Its digits are those of a ticket.
fn draw_epoch() -> Epoch {
    Ticket::draw().to_string().parse().expect("32 hexadecimal digits")
}

/// Which house there is; it is made where there is none, unless this folder belongs to one: an emptied Redis is not to
/// become a house without accounts.
fn house(link: &mut Link, server: &ServerName, folder: &Path) -> Result<Epoch, String> {
    let path = store::house_file(folder);
    let in_file = |error: std::io::Error| format!("{}: {error}", path.display());
    let own = match fs::read_to_string(&path) {
        Ok(text) => Some(text.trim().parse::<Epoch>().map_err(|_| format!("{}: it is no house", path.display()))?),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(in_file(error)),
    };
    let told = |why: NotDone| why.to_string();
    let epoch = match shared::opened(link, server).map_err(told)? {
        Standing::Open(epoch) | Standing::Shut(epoch) => epoch,
        Standing::None if own.is_some() => {
            return Err(format!(
                "the directory is empty, but {} says that there was a house: bring its files back, or remove that file to \
                 begin a house without accounts",
                path.display()
            ));
        }
        Standing::None => shared::found(link, server, draw_epoch()).map_err(told)?,
    };
    match own {
        Some(own) if own == epoch => Ok(epoch),
        Some(own) => Err(format!(
            "it is the house {epoch}, but this data folder belongs to the house {own}: name its directory, or remove {}",
            path.display()
        )),
        None => {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(in_file)?;
            let written = writeln!(file, "{epoch}").and_then(|()| file.sync_all());
            written.and_then(|()| File::open(folder)?.sync_all()).map_err(in_file)?;
            Ok(epoch)
        }
    }
}
