//! Commands that a peer runs on the machine of another, with the owner's consent: both sides of `RUN`.

use super::consent::Words;
use super::consent_log::Row;
use super::desk::Desk;
use super::event::Event;
use super::jobs::{JobId, Listed};
use super::peer::{self, Introduced, Introduction, PeerLines};
use super::question::{Verdict, Wish};
use super::runner::{self, Ran};
use crate::peer_protocol::Opening;
use crate::peer_protocol::{BadOutcome, Outcome};
use crate::protocol::{MAX_LINE, MemberRequest, Reply, Request};
use crate::value::Address;
use crate::value::Ticket;
use crate::value::Username;
use crate::value::text::show_bytes;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long we wait for the answer of the other side: 30 s for its question, 10 s for the command, and the way.
const ANSWER_ARRIVES: Duration = Duration::from_secs(50);
/// How long the output may take to arrive after the line that announces it.
const OUTPUT_ARRIVES: Duration = Duration::from_secs(10);

/// A request whose sender the server introduced.
struct Asking<'a> {
    us: Username,
    from: Username,
    address: SocketAddr,
    words: &'a Words,
}

/// What is decided about a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Decision {
    /// It is on the list.
    Listed,
    /// The owner says yes.
    Allowed,
    /// The owner says no.
    Declined,
    /// The owner says nothing.
    NoAnswer,
    /// The asker did not wait for the decision.
    HungUp,
    /// Another question waits, or too many commands run.
    Busy,
    /// Nothing may run here.
    Never,
}

impl Decision {
    fn is_yes(self) -> bool {
        matches!(self, Decision::Listed | Decision::Allowed)
    }

    /// In the record, and for the asker.
    fn word(self) -> &'static str {
        match self {
            Decision::Listed => "on the list",
            Decision::Allowed => "allowed",
            Decision::Declined => "declined",
            Decision::NoAnswer => "no answer",
            Decision::HungUp => "hung up",
            Decision::Busy => "busy",
            Decision::Never => "not allowed",
        }
    }
}

/// Takes `RUN,name,TICKET,command`: decides, records, runs, answers.
pub fn receive(desk: &Desk, lines: &PeerLines, address: SocketAddr, opening: (Username, Option<Ticket>, String)) {
    let (from, ticket, command) = opening;
    if !desk.tickets.redeem(&from, ticket) {
        log::info!("{address} says to be {from} and wants to run {command:?}, without a valid ticket");
        return lines.refuse("Not introduced: send connect_NAME to the server, and the ticket that it gives");
    }
    let words: Words = match command.parse() {
        Ok(words) => words,
        Err(bad) => return lines.refuse(format!("{bad}")),
    };
    let Some(us) = desk.name() else { return lines.refuse("not allowed") };
    let asking = Asking { us, from, address, words: &words };
    let mut decision = decide(desk, lines, &asking);
    let listed = Listed { with: asking.from.to_string(), here: true, command: words.to_string() };
    let job = decision.is_yes().then(|| desk.jobs.begin(listed, Some(lines.stream.clone())));
    if job == Some(None) {
        decision = Decision::Busy;
    }
    let recorded = record(desk, &asking, decision, "");
    match job.flatten() {
        Some(job) if recorded => run(desk, lines, &asking, decision, job),
        Some(job) => {
            desk.jobs.end(job);
            lines.refuse("not allowed");
        }
        None => lines.refuse(decision.word()),
    }
}

fn decide(desk: &Desk, lines: &PeerLines, asking: &Asking) -> Decision {
    let options = &desk.run;
    if options.never {
        return Decision::Never;
    }
    if options.allowed.allows(asking.words) {
        return Decision::Listed;
    }
    let from = asking.from.clone();
    // While we call somebody ourselves, nothing can be typed that would answer.
    let question = if desk.chats.is_calling() { None } else { desk.questions.put(from.clone(), Wish::Command) };
    let Some(question) = question else { return Decision::Busy };
    desk.screen.show(Event::RunRequest { from: from.clone(), command: asking.words.to_string() });
    desk.waker.nudge();
    let decision = match question.wait(&lines.stream, options.question) {
        Verdict::Yes => return Decision::Allowed,
        Verdict::No => return Decision::Declined,
        Verdict::HungUp if !desk.end.is_triggered() => Decision::HungUp,
        // The owner's own end shuts the connection down too.
        Verdict::NoAnswer | Verdict::HungUp => Decision::NoAnswer,
    };
    desk.screen.show(Event::ChatMissed { from });
    decision
}

/// Adds to the consent log; what cannot be recorded is not to be run, and the owner is told why.
fn record(desk: &Desk, asking: &Asking, decision: Decision, status: &str) -> bool {
    let Asking { us, from, address, words } = asking;
    let command = words.to_string();
    let row = Row { us, from, address: *address, decision: decision.word(), status, command: &command };
    let recorded = desk.consent_log.append(&row);
    if let Err(why) = &recorded {
        desk.screen.info(format!("{from}'s request to run {command} is not recorded: {why}"));
    }
    recorded.is_ok()
}

fn run(desk: &Desk, lines: &PeerLines, asking: &Asking, decision: Decision, job: JobId) {
    let (with, command) = (asking.from.clone(), asking.words.to_string());
    desk.screen.show(Event::RunBegun { from: with.clone(), command: command.clone() });
    let ran = runner::run(asking.words, desk.run.time, &lines.stream).map_err(not_run);
    let stopped = !desk.jobs.end(job);
    let end = match &ran {
        Ok(Some(ran)) => ran.status.describe(),
        Ok(None) if stopped => "stopped".to_owned(),
        Ok(None) => "hung up".to_owned(),
        Err(why) => format!("not run: {why}"),
    };
    // Before the answer: who has it may look for the record.
    record(desk, asking, decision, &end);
    match ran {
        Ok(Some(ran)) => answer(lines, &ran),
        Ok(None) => lines.refuse("stopped"),
        Err(why) => lines.refuse(why),
    }
    desk.screen.show(Event::RunEnded { with, here: true, command, end, limit: false });
}

fn not_run(error: io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such program here".to_owned(),
        _ => error.to_string(),
    }
}

fn answer(lines: &PeerLines, ran: &Ran) {
    let length = ran.output.len() + ran.errors.len();
    let outcome = Outcome { status: ran.status, length, errors: ran.errors.len() };
    let mut bytes = format!("{}\n", Reply::Ok(outcome.to_string())).into_bytes();
    bytes.extend(&ran.output);
    bytes.extend(&ran.errors);
    // One that does not arrive is the asker's loss.
    let _ = (&*lines.stream).write_all(&bytes);
}

/// Asks somebody to run a command, on a thread of its own, which shows what comes of it.
///
/// # Errors
/// A sentence: too many are under way, or there is no thread.
pub fn start(desk: &Arc<Desk>, to: Address, command: String) -> Result<JobId, String> {
    let listed = Listed { with: to.to_string(), here: false, command: command.clone() };
    let id = desk.jobs.begin(listed, None).ok_or("Too many commands are under way: wait, or press Ctrl-C")?;
    let asker = Arc::clone(desk);
    let started = desk.crew.start("run", move || call(&asker, id, &to, &command));
    started.map(|()| id).map_err(|error| {
        desk.jobs.end(id);
        format!("Not run: {error}")
    })
}

fn call(desk: &Desk, id: JobId, to: &Address, command: &str) {
    let asked = ask(desk, id, to, command);
    // Nothing is said of what was cancelled.
    if desk.jobs.end(id) {
        match asked {
            Ok((by, ran)) => show(desk, by, command, ran),
            Err(why) => desk.screen.refuse(format!("{to} does not run {command}: {why}")),
        }
    }
    desk.waker.nudge();
}

fn ask(desk: &Desk, id: JobId, to: &Address, command: &str) -> Result<(Username, Ran), String> {
    let introduced = match peer::introduce(desk, &Request::Member(MemberRequest::Connect(to.clone()))) {
        Ok(Introduction::To(introduced)) => introduced,
        Ok(Introduction::Refused(why) | Introduction::Relayed(why)) => return Err(why),
        Err(error) => return Err(error.to_string()),
    };
    let Introduced { name, ticket, address } = &introduced;
    let me = desk.name().ok_or("not logged in")?;
    let opening = Opening::Run { name: me, ticket: Some(*ticket), command: command.to_owned() };
    if opening.to_string().len() >= MAX_LINE {
        return Err(format!("the command is too long for a line of {MAX_LINE} bytes"));
    }
    let mut lines =
        peer::dial(&introduced, &opening, "").map_err(|error| format!("not reachable at {address}: {error}"))?;
    if !desk.jobs.connected(id, name, &lines.stream) {
        return Err("cancelled".to_owned());
    }
    lines.set_limit(Some(ANSWER_ARRIVES));
    let outcome: Outcome = match Reply::parse(&lines.line()?) {
        Reply::Ok(fields) => fields.parse().map_err(|bad: BadOutcome| bad.to_string())?,
        Reply::Err(why) => return Err(why.to_string()),
        other => return Err(format!("no answer but {other}")),
    };
    lines.set_limit(Some(OUTPUT_ARRIVES));
    let mut output = vec![0; outcome.length];
    lines.reader.bytes().read_exact(&mut output).map_err(|error| format!("the output is cut off: {error}"))?;
    let errors = output.split_off(outcome.length - outcome.errors);
    Ok((introduced.name, Ran { status: outcome.status, output, errors }))
}

fn show(desk: &Desk, by: Username, command: &str, ran: Ran) {
    for (bytes, error) in [(&ran.output, false), (&ran.errors, true)] {
        // What stands behind the last line end is a line too, if it is anything.
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let lines = bytes.split(|&byte| byte == b'\n').filter(|_| !bytes.is_empty());
        for line in lines {
            desk.screen.show(Event::RunLine { by: by.clone(), text: show_bytes(line), error });
        }
    }
    let (end, limit) = (ran.status.describe(), ran.status.is_limit());
    desk.screen.show(Event::RunEnded { with: by, here: false, command: command.to_owned(), end, limit });
}
