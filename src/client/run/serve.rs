//! Running a command for a peer: the serving side of `RUN`. What is decided comes as an order, and is recorded in any
//! case.

use super::consent_log::{ConsentLog, NotRecorded, Row};
use super::output::{self, End, Limits, Ran};
use super::words::Words;
use crate::client::call::{Call, Woken};
use crate::client::event::{CallEnd, Decision, News, Order};
use crate::client::peer::PeerConnection;
use crate::client::peer::knock::{self, Decided};
use crate::peer_protocol::{Answer, Outcome, PeerRefusal};
use crate::value::Username;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What every command has in common.
pub struct RunMeans {
    /// Where it is recorded.
    pub log: ConsentLog,
    /// How long it may run, and where.
    pub limits: Limits,
}

/// A request whose words are a command.
pub struct Asking {
    /// Who asks.
    pub from: Username,
    /// From where.
    pub address: SocketAddr,
    /// What is to run.
    pub words: Words,
}

/// How long the App may take to say what becomes of a request whose peer has hung up.
const DECISION: Duration = Duration::from_secs(10);

/// A request that has been decided.
struct Decree<'a> {
    asking: &'a Asking,
    decision: Decision,
    me: Username,
}

/// Serves a request that came at `since`, and of which the App knows. A peer that hangs up before the decision is
/// recorded too: the App then decides [`Decision::HungUp`].
pub fn serve(call: &Call, connection: &PeerConnection, asking: &Asking, since: Instant, means: &RunMeans) -> CallEnd {
    let order = match knock::wait(call, connection, since) {
        Decided::Order(order) => order,
        // The App answers at once.
        Decided::HungUp => match call.wait(None, Some(Instant::now() + DECISION)) {
            Woken::Order(order) => order,
            _ => return CallEnd::Over,
        },
        Decided::GivenUp => return CallEnd::Over,
    };
    match order {
        Order::Decide { decision, me } => carry_out(call, connection, &Decree { asking, decision, me }, means),
        Order::Refuse(why) => {
            let Asking { from, address, words } = asking;
            log::info!("{address} says to be {from}, wants to run {words}, and is refused: {why}");
            let recorded = means.log.refuse_stranger(*address, &words.to_string(), Instant::now());
            tell_failed(call, asking, recorded);
            connection.refuse(why);
            CallEnd::Over
        }
        _ => CallEnd::Over,
    }
}

fn carry_out(call: &Call, connection: &PeerConnection, decree: &Decree<'_>, means: &RunMeans) -> CallEnd {
    let command = decree.asking.words.to_string();
    let row = decree.row(&command);
    let refusal = match decree.decision {
        Decision::Listed | Decision::Allowed => match means.log.begin(&row, Instant::now()) {
            Ok(()) => return run(call, connection, decree, means),
            Err(NotRecorded::TooMany(most)) => PeerRefusal::Busy(format!("{most} commands of yours within an hour")),
            failed => {
                tell_failed(call, decree.asking, failed);
                PeerRefusal::other("not run, as it cannot be recorded here")
            }
        },
        decision => {
            tell_failed(call, decree.asking, means.log.refuse(&row, Instant::now()));
            match decision {
                Decision::Declined => PeerRefusal::Declined,
                Decision::NoAnswer => PeerRefusal::NoAnswer,
                Decision::DoNotDisturb => PeerRefusal::DoNotDisturb,
                Decision::Busy => PeerRefusal::busy(),
                Decision::HungUp => return CallEnd::Over,
                Decision::Never | Decision::Listed | Decision::Allowed => PeerRefusal::NotAllowed,
            }
        }
    };
    connection.refuse(refusal);
    CallEnd::Over
}

/// Tells the owner of what could not be recorded.
fn tell_failed(call: &Call, asking: &Asking, recorded: Result<(), NotRecorded>) {
    let Asking { from, words, .. } = asking;
    if let Err(NotRecorded::Failed(why)) = recorded {
        call.tell(News::Trouble(format!("{from}'s request to run {words} is not recorded: {why}")));
    }
}

impl Decree<'_> {
    fn row<'a>(&'a self, command: &'a str) -> Row<'a> {
        let Decree { asking: Asking { from, address, .. }, decision, me } = self;
        Row { us: me, from, address: *address, decision: *decision, command }
    }
}

fn run(call: &Call, connection: &PeerConnection, decree: &Decree<'_>, means: &RunMeans) -> CallEnd {
    call.tell(News::Begun);
    let ran = output::run(&decree.asking.words, &means.limits, call, connection);
    let end = match &ran {
        Ok(End::Ran(ran)) => ran.status.describe(),
        Ok(End::HungUp) => "hung up".to_owned(),
        Ok(End::GivenUp) => "stopped".to_owned(),
        Err(error) => format!("not run: {}", not_run(error)),
    };
    // Before the answer: who has it may look for the record.
    let recorded = means.log.end(&decree.row(&decree.asking.words.to_string()), &end);
    tell_failed(call, decree.asking, recorded);
    let end = CallEnd::Served(match ran {
        Ok(End::Ran(ran)) => {
            answer(connection, &ran);
            Ok(Some(ran.status))
        }
        Ok(End::HungUp) => Ok(None),
        Ok(End::GivenUp) => {
            connection.refuse(PeerRefusal::Stopped);
            Ok(None)
        }
        Err(error) => {
            let why = not_run(&error);
            connection.refuse(why.clone());
            Err(why.to_string())
        }
    });
    // Nobody waits for this: who has the whole answer sees the end of the connection.
    connection.finish();
    output::end_left(call);
    end
}

fn not_run(error: &io::Error) -> PeerRefusal {
    match error.kind() {
        io::ErrorKind::NotFound => PeerRefusal::NoSuchProgram,
        _ => PeerRefusal::other(error.to_string()),
    }
}

fn answer(connection: &PeerConnection, ran: &Ran) {
    let length = ran.output.len() + ran.errors.len();
    let outcome = Outcome { status: ran.status, length, errors: ran.errors.len() };
    let mut bytes = format!("{}\n", Answer::Ok(outcome.to_string())).into_bytes();
    bytes.extend(&ran.output);
    bytes.extend(&ran.errors);
    // One that does not arrive is the asker's loss.
    let _ = connection.write_all(&bytes);
}
