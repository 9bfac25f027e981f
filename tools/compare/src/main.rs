//! Measures peerline beside its peers, all in one run, and prints one table: options, order of the works, output.
//! `scripts/bench` builds the programs and calls this one.

mod rounds;
mod table;
mod plot;
mod page;
mod protocol;
mod echo;
mod setting;
mod house;
mod contender;
mod piped;
mod datagrams;
mod receiver;
mod audience;
mod askers;
mod newcomers;
mod returners;
mod bench;
mod work;

use bench::Bench;
use clap::{Parser, Subcommand};
use contender::Kind;
use setting::{Setting, make_accounts};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use table::Row;

/// Accounts beyond the clients that stay: those who speak, ask, come and go.
const MORE: usize = 20 + newcomers::NAMES;

/// Measures peerline beside its peers, in one run, each after the other in each round.
#[derive(Parser)]
#[command(name = "peerline-compare", max_term_width = 80)]
struct Options {
    /// The program `server`, as it is to be measured: a release build
    #[arg(long, value_name = "FILE", default_value = "server")]
    server: PathBuf,

    /// The program `client`, for round trips
    #[arg(long, value_name = "FILE", default_value = "client")]
    client: PathBuf,

    /// Where the folder of this run is made [default: that of temporary files]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,

    /// Measure less, in under 3 minutes: 3 rounds, shorter ones, and 1,000 clients at most
    #[arg(long)]
    quick: bool,

    /// How often everybody is measured [default: 5; 3 with --quick]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: Option<u16>,

    /// Measure this work only; may be given several times
    #[arg(long, value_name = "WORK")]
    only: Vec<Work>,

    /// Times of files: a folder with a file for each program, and how many MiB it has fetched
    #[arg(long, value_names = ["DIR", "MIB"], num_args = 2)]
    files: Option<Vec<String>>,

    /// Write pictures into this folder
    #[arg(long, value_name = "DIR")]
    plot: Option<PathBuf>,

    /// Write the tables into this page
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,

    /// What is said of the machine, above the tables
    #[arg(long, value_name = "TEXT")]
    machine: Option<String>,

    #[command(subcommand)]
    part: Option<Part>,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Work {
    /// What one says, all get, as fast as it goes
    FanOut,
    /// The same 20 times a second: how long it takes
    Paced,
    /// Questions of one line
    Queries,
    /// Logins a second
    Logins,
    /// 1,000 connects at once
    Connects,
    /// Memory of a client
    Memory,
    /// A line to a peer and one back
    Talk,
    /// Lookups beside a fan-out
    Lookups,
    /// What things cost with ever more clients
    Growth,
}

/// What is no work of the table of all, or no work at all.
#[derive(Subcommand)]
enum Part {
    /// Servers that share one house, beside one that has none; it needs redis-server and a server with the feature cluster
    Cluster,
    /// A server with a thread a connection, which sends back what comes
    #[command(hide = true)]
    Echo,
    /// Standard input into a connection, and back
    #[command(hide = true)]
    Relay {
        /// Whom to call; without it, who calls is waited for
        address: Option<SocketAddr>,
    },
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match options.part {
        Some(Part::Echo) => echo::serve().map_err(|error| error.to_string()),
        Some(Part::Relay { address }) => echo::relay(address).map_err(|error| error.to_string()),
        Some(Part::Cluster) => compare_houses(&options),
        None => compare(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("peerline-compare: {sentence}");
            ExitCode::from(2)
        }
    }
}

/// One table, without aims and pictures.
fn compare_houses(options: &Options) -> Result<(), String> {
    house::redis_server()?;
    let folder = own_folder(options)?;
    let clients = work::houses::CLIENTS;
    let mut bench = begin(options, folder.path(), Extent { rounds: 3, time: 500, most: clients, names: clients })?;
    let rows = work::houses::houses(&mut bench);
    println!("{}\n{}{}", machine(options), table::without_aims("a house", &rows), not_measured(&bench));
    if rows.is_empty() { Err("nothing could be measured".to_owned()) } else { Ok(()) }
}

fn own_folder(options: &Options) -> Result<tempfile::TempDir, String> {
    let parent = options.folder.clone().unwrap_or_else(std::env::temp_dir);
    tempfile::tempdir_in(&parent).map_err(|error| format!("{}: {error}", parent.display()))
}

fn machine(options: &Options) -> String {
    options.machine.as_ref().map_or(String::new(), |machine| format!("{machine}\n"))
}

fn not_measured(bench: &Bench) -> String {
    let notes = bench.notes.iter().map(|note| format!("- {note}\n")).collect::<String>();
    if notes.is_empty() { notes } else { format!("\nNot measured:\n\n{notes}") }
}

fn compare(options: &Options) -> Result<(), String> {
    let missing = [Kind::Redis, Kind::Nats, Kind::Ngircd, Kind::Mosquitto].into_iter().filter_map(Kind::missing);
    let missing: Vec<&str> = missing.collect();
    let left_out = match missing.as_slice() {
        [] => String::new(),
        missing => format!("Left out, as not installed: {}.\n", missing.join(", ")),
    };
    let folder = own_folder(options)?;
    let (rounds, time, most) = if options.quick { (3, 200, 1000) } else { (5, 1000, 10_000) };
    let mut bench = begin(options, folder.path(), Extent { rounds, time, most, names: most + MORE })?;
    let (mut rows, growth) = measure(options, &mut bench);
    if let Some([times, mebibytes]) = options.files.as_deref() {
        let mebibytes = mebibytes.parse().map_err(|_| format!("{mebibytes} MiB is no number"))?;
        rows.extend(work::files::files(Path::new(times), mebibytes)?);
    }
    let (machine, notes) = (machine(options), not_measured(&bench));
    let growth = if growth.is_empty() { String::new() } else { format!("\n{}", work::growth::markdown(&growth)) };
    let text = format!("{machine}{left_out}\n{}{growth}{notes}", table::markdown(&rows));
    println!("{text}");
    let pictures = options.plot.as_ref().map_or(Ok(Vec::new()), |folder| draw(folder, &rows))?;
    options.page.as_ref().map_or(Ok(()), |file| write_page(file, &text, &pictures))
}

/// How much is measured where no option says so.
struct Extent {
    rounds: u16,
    /// In milliseconds.
    time: u64,
    /// The largest number of clients.
    most: usize,
    /// Accounts.
    names: usize,
}

fn begin(options: &Options, folder: &Path, extent: Extent) -> Result<Bench, String> {
    let Extent { rounds, time, most, names } = extent;
    eprintln!("== {names} accounts");
    let accounts = make_accounts(&options.server, folder, names)?;
    let (server, client, folder) = (options.server.clone(), options.client.clone(), folder.to_owned());
    Ok(Bench {
        setting: Setting { server, client, folder, accounts, names },
        rounds: options.rounds.unwrap_or(rounds).into(),
        time: Duration::from_millis(time),
        most,
        notes: Vec::new(),
    })
}

/// Gives the rows of a work.
type Act = fn(&mut Bench) -> Vec<Row>;

/// All rows, and what things cost with ever more clients.
fn measure(options: &Options, bench: &mut Bench) -> (Vec<Row>, Vec<work::growth::Costs>) {
    let works: [(Work, Act); 8] = [
        (Work::FanOut, work::fan_out::saturated),
        (Work::Paced, work::fan_out::paced),
        (Work::Queries, work::queries::queries),
        (Work::Logins, work::arrivals::logins),
        (Work::Connects, work::arrivals::connects),
        (Work::Memory, work::arrivals::memory),
        (Work::Talk, work::talk::talk),
        (Work::Lookups, work::lookups::lookups),
    ];
    let is_wanted = |work| options.only.is_empty() || options.only.contains(&work);
    let mut rows = Vec::new();
    for (work, act) in works.into_iter().filter(|(work, _)| is_wanted(*work)) {
        eprintln!("== {work:?}");
        rows.extend(act(bench));
    }
    if !is_wanted(Work::Growth) {
        return (rows, Vec::new());
    }
    eprintln!("== {:?}", Work::Growth);
    (rows, work::growth::growth(bench))
}

/// A picture for each kind of figures; their files, with what they show.
fn draw(folder: &Path, rows: &[Row]) -> Result<Vec<(PathBuf, &'static str)>, String> {
    let wrong = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(wrong)?;
    let (more, less): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.unit.more_is_better());
    let kinds = [
        ("more.svg", "How many times as much as beside it: more is better", more),
        ("less.svg", "How many times as long, or as large: less is better", less),
    ];
    let mut pictures = Vec::new();
    for (name, title, rows) in kinds {
        if let Some(picture) = plot::picture(title, &rows) {
            let file = folder.join(name);
            fs::write(&file, picture).map_err(wrong)?;
            pictures.push((file, title));
        }
    }
    Ok(pictures)
}

/// Writes the text into its part of a page, and below it the pictures, which are in folders beside or below the page.
fn write_page(file: &Path, text: &str, pictures: &[(PathBuf, &str)]) -> Result<(), String> {
    let wrong = |error: std::io::Error| format!("{}: {error}", file.display());
    let page = fs::read_to_string(file).map_err(wrong)?;
    let beside = file.parent().unwrap_or(Path::new(""));
    let link = |(picture, title): &(PathBuf, &str)| {
        format!("\n![{title}]({})\n", picture.strip_prefix(beside).unwrap_or(picture).display())
    };
    let text = text.to_owned() + &pictures.iter().map(link).collect::<String>();
    let filled = page::filled(&page, &text).ok_or_else(|| format!("{} has no part for tables", file.display()))?;
    fs::write(file, filled).map_err(wrong)
}
