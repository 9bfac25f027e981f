//! Puts a client together from its options, and runs it to its end.

use super::app::{App, Face, Rules, Watching};
use super::call::Signals;
use super::dispatch::Means;
use super::event::{End, Line, Now};
use super::files::ClientFiles;
use super::find::{self, Ports, Target, Terms};
use super::known_servers::Remembered;
use super::lines::{Format, Input, Printer};
use super::log_lines;
use super::options::{Options, Output, ServerPlace, Task};
use super::pen::Pen;
use super::run::output::Limits;
use super::run::serve::RunMeans;
use super::run::{Cgroups, ConsentLog};
use super::runner::{self, Full, Interface, ROOM, Runner, Settings, Stop, Watch};
use super::screen;
use super::trust::{self, Asked, Trust, Trusted};
use crate::net::tls::{self, Identity};
use crate::trace::{self, Event, Sinks, Trace};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// Runs a client until the person leaves. False when anything that was asked for was refused.
///
/// # Errors
/// A sentence: no server is found, the server is not there, the login of the options is not possible, the port or a
/// folder is not to be had.
pub fn run(mut options: Options) -> Result<bool, String> {
    let Some(target) = target(&options)? else { return Ok(true) };
    let asked = match (options.output.is_typed(), options.task) {
        (true, _) => Asked::Person,
        (false, Task::Menu) => Asked::Nobody,
        (false, Task::Doctor) => Asked::NobodyExamines,
    };
    let Some((first, others)) = trust::trust(&options.tls, &target, &options.also, asked)? else { return Ok(true) };
    let is_found = matches!(options.server, ServerPlace::ToFind(_));
    if is_found && !matches!(first.1, Trust::Known(_)) {
        // It is for the server that the person meant when they gave it.
        options.credentials.iter_mut().for_each(|who| who.password = None);
    }
    let server = first.0;
    let file = options.trace.as_deref().map(trace::Output::create).transpose()?;
    let trace = Trace::start(Sinks { file, screen: None })?;
    trace.record(|| Event::Start { who: "client", at: Some(server) });
    let result = run_at(first, others, options, &trace);
    trace.finish();
    result
}

/// Runs it at the first of these servers, or at the others in its place: by TLS at all of them, or at none.
fn run_at(first: Trusted, others: Vec<Trusted>, options: Options, trace: &Trace) -> Result<bool, String> {
    let face = face(&options);
    let (signals, receiver) = Signals::new(ROOM);
    let signals = signals.recorded(trace);
    let covers_log = face == Face::Screen && io::stderr().is_terminal();
    // The screen is gone when this is dropped, as the last of all.
    let _cover = log_lines::start(covers_log.then(|| signals.clone()));
    let files = ClientFiles::new(options.files.clone())?;
    let pen = Pen::new(options.output.logs.as_deref(), TimeZone::system())?;
    let former_lines = pen.former_lines();
    let (server, pin) = (first.0, first.1.into_pin());
    let (blocked, also) = (pen.blocked()?, others.iter().map(|(other, _)| *other).collect());
    let rules = Rules { blocked, tls: pin.is_some(), also, ..rules(&options, server, &files, face)? };
    let stop = Stop::new(signals.clone());
    stop.on_signals()?;
    let no_thread = |error: io::Error| format!("no thread: {error}");
    let watch = files.watcher().map_err(no_thread)?.map(|(looker, watcher)| Watch {
        look: Box::new(move || looker.look()),
        run: Box::new(move |signals| watcher.run(signals)),
    });
    let interface = match face {
        Face::Screen => screen::open(&signals, &stop).map_err(|error| format!("the terminal: {error}"))?,
        Face::Lines { .. } => {
            Interface::Lines(Box::new(lines(&options.output, face, &signals, &stop).map_err(no_thread)?))
        }
    };
    let own = pin.as_ref().map(|_| Identity::for_a_run().map(Arc::new)).transpose()?;
    let settings = Settings {
        server,
        pin,
        others: others.into_iter().filter_map(|(other, trust)| Some((other, trust.into_pin()?))).collect(),
        listen: options.listen,
        means: Means { run: run_means(&options), files: Box::new(files), own },
        scribe: Box::new(pen),
        watch,
        interface,
    };
    let mut app = App::new(rules, Now { instant: Instant::now(), clock: SystemTime::now() });
    app.remember(&former_lines);
    let over = Runner::new(app, settings, stop, signals, receiver).map_err(no_thread)?.run();
    match over.end {
        End::Left => Ok(!over.app.was_refused()),
        End::Failed(why) => Err(why),
    }
}

fn run_means(options: &Options) -> RunMeans {
    let limits = Limits { time: options.run.time, cgroups: Cgroups::find() };
    RunMeans { log: ConsentLog::new(options.run.log.clone()), limits }
}

/// Where the server is, once it is found; `None` when the person leaves instead.
fn target(options: &Options) -> Result<Option<Target>, String> {
    match &options.server {
        ServerPlace::At(target) => Ok(Some(target.clone())),
        ServerPlace::ToFind(search) => {
            let terms = Terms {
                ports: match options.tls.only {
                    true => Ports::Tls,
                    false if tls::IS_BUILT => Ports::Best,
                    false => Ports::Clear,
                },
                command: options.task.command(),
                has_password: options.credentials.as_ref().is_some_and(|who| who.password.is_some()),
                proves: &|target| options.tls.proves(target),
            };
            find::server(search, options.output.is_typed(), &terms)
        }
    }
}

/// A screen where a person sits at a terminal that can be one; lines otherwise.
fn face(options: &Options) -> Face {
    let is_typed = options.output.is_typed();
    let is_menu = options.task == Task::Menu;
    if is_typed && !options.output.plain && is_menu && screen::is_supported() {
        return Face::Screen;
    }
    Face::Lines { typed: is_typed, terminal: File::open("/dev/tty").is_ok() }
}

fn rules(options: &Options, server: SocketAddr, files: &ClientFiles, face: Face) -> Result<Rules, String> {
    let Remembered { keys, encrypted } = trust::known(&options.tls)?;
    Ok(Rules {
        server,
        also: Vec::new(),
        known: keys,
        encrypted,
        seed: seed(),
        tls: false,
        has_tls: tls::IS_BUILT,
        clear_peers: options.tls.clear_peers,
        face,
        credentials: options.credentials.clone(),
        answer_limit: options.answer_limit,
        run: options.run.clone(),
        share: files.share().map(ToOwned::to_owned),
        downloads: files.downloads().to_owned(),
        upload_slots: options.upload_slots,
        take: options.take.clone(),
        gifts: options.gifts,
        relay: options.relay,
        local: options.local,
        watching: watching(options, face),
        blocked: BTreeSet::new(),
        zone: TimeZone::system(),
        logs: options.output.logs.is_some(),
        doctor: options.task == Task::Doctor,
        // A doctor is asked about the network.
        quiet: options.output.quiet || options.task == Task::Doctor,
    })
}

/// Another number for each client. Without random bytes its process id has to do: it is no secret.
fn seed() -> u64 {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes),
        Err(_) => u64::from(std::process::id()),
    }
}

/// A script is told of nobody: its output is what it asked for.
fn watching(options: &Options, face: Face) -> Watching {
    match face {
        _ if options.task != Task::Menu => Watching::Never,
        _ if options.output.json => Watching::ForPrograms,
        face if face.is_person() => Watching::ForPeople,
        _ => Watching::Never,
    }
}

/// The line mode: what is typed, and what is shown.
struct Lines {
    input: Input,
    printer: Printer,
    /// Whether a person sees prompts.
    prompts: bool,
}

fn lines(output: &Output, face: Face, signals: &Signals, stop: &Stop) -> io::Result<Lines> {
    let format = if output.json { Format::Json } else { Format::Plain { progress: output.progress } };
    let stop = stop.clone();
    let prompts = face.is_person();
    let printer = Printer::start(format, TimeZone::system(), prompts, move || stop.stop())?;
    let answered = printer.answered();
    let answered = move || {
        if prompts {
            answered();
        }
    };
    Ok(Lines { input: Input::start(output.exec.as_deref(), answered, signals.clone())?, printer, prompts })
}

impl runner::Output for Lines {
    fn show(&mut self, line: &Line) -> Result<(), Full> {
        if self.printer.print(line) { Ok(()) } else { Err(Full) }
    }

    fn flush(&mut self) -> Result<(), Full> {
        if self.printer.flush() { Ok(()) } else { Err(Full) }
    }

    fn next_line(&mut self, prompt: String, hidden: bool) {
        // A hidden question is asked at the terminal itself.
        if self.prompts && !hidden {
            self.printer.prompt(prompt.clone());
        }
        self.input.want(prompt, hidden);
    }

    fn prompt(&mut self, prompt: String) {
        if self.prompts {
            self.printer.prompt(prompt);
        }
    }

    fn end(self: Box<Self>) {
        self.input.end();
        self.printer.end();
    }
}
