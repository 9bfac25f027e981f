//! What a client asks, and what it is told: answers, and the events that come meanwhile.

use super::answer::{self, Answer, Broadcast, LineKind};
use super::client::{Client, Filled};
use crate::fault::{Because, Verdict};
use std::time::{Duration, Instant};

impl Client {
    /// The next answer. Events that come meanwhile are kept for [`Client::event`].
    pub fn answer(&mut self, expected: &str) -> Verdict<Answer> {
        self.answer_within(self.limits.wait, expected)
    }

    /// The same with a limit of its own.
    pub fn answer_within(&mut self, limit: Duration, expected: &str) -> Verdict<Answer> {
        let mut data = Vec::new();
        let is_of_answer = |line: &str| !matches!(answer::kind(line), LineKind::Event | LineKind::Ticket);
        loop {
            let line = self.line_within(limit, expected, &is_of_answer)?;
            match answer::kind(&line) {
                LineKind::End => return Ok(Answer { data, last: line }),
                LineKind::Data => data.push(line),
                LineKind::Event => self.events.push_back(line),
                LineKind::Ticket => {
                    let next = self.line_within(limit, expected, &is_of_answer)?;
                    let is_own = next.starts_with("peer_");
                    self.ahead = Some(next);
                    if is_own { data.push(line) } else { self.events.push_back(line) }
                }
                LineKind::Strange => {
                    let sentence = "That is neither an answer (OK, OK,... ERR,... UP) nor a data line or an event, \
                                    which begin with a word in lower case and an underscore.";
                    return Err(self.wrong(expected, sentence));
                }
            }
        }
    }

    /// Sends a line and reads its answer, whatever it is.
    pub fn ask(&mut self, line: &str) -> Verdict<Answer> {
        self.send(format!("{line}\n"))?;
        self.answer(&format!("the answer to {}", short(line)))
    }

    /// The next answer, which must be `OK` or `OK,...`.
    pub fn takes_ok(&mut self, what: &str) -> Verdict<Answer> {
        let expected = format!("the answer to {what}: OK or OK,...");
        let answer = self.answer(&expected)?;
        let sentence = format!("The answer to {what} is not OK.");
        self.want(answer.is_ok(), &expected, &sentence).map(|()| answer)
    }

    /// The next answer, which must be `ERR,...`.
    pub fn takes_err(&mut self, what: &str) -> Verdict<Answer> {
        let expected = format!("the answer to {what}: ERR,...");
        let answer = self.answer(&expected)?;
        let sentence = format!("The answer to {what} is not ERR,...");
        self.want(answer.is_err(), &expected, &sentence).map(|()| answer)
    }

    /// Sends a line whose answer must be `OK`.
    pub fn ok(&mut self, line: &str) -> Verdict<Answer> {
        self.send(format!("{line}\n"))?;
        self.takes_ok(&short(line))
    }

    /// Sends a line whose answer must be `ERR,`.
    pub fn err(&mut self, line: &str) -> Verdict<Answer> {
        self.send(format!("{line}\n"))?;
        self.takes_err(&short(line))
    }

    /// The next answer, which must be `OK` and come at once: what holds up this client holds up everybody.
    pub fn takes_ok_soon(&mut self, what: &str) -> Verdict<Answer> {
        let expected = format!("the answer to {what}, OK or OK,..., within {} s", self.limits.soon.as_secs());
        let answer = self.answer_within(self.limits.soon, &expected)?;
        self.want(answer.is_ok(), &expected, &format!("The answer to {what} is not OK.")).map(|()| answer)
    }

    /// Sends a line whose answer must be `OK` and come at once.
    pub fn ok_soon(&mut self, line: &str) -> Verdict<Answer> {
        self.send(format!("{line}\n"))?;
        self.takes_ok_soon(&short(line))
    }

    /// Everything that was sent before is answered: what has not come now does not come any more.
    pub fn barrier(&mut self) -> Verdict {
        self.barrier_because("An answer too many, or none to help: this is not the one to help.")
    }

    /// The same; the sentence says why the answer may not be `OK`.
    pub fn barrier_because(&mut self, refused: &str) -> Verdict {
        let answer = self.ok("help").because(refused)?;
        let is_help = answer.data.iter().all(|line| line.starts_with("menu_"));
        self.want(is_help, "the answer to help, and nothing else", "A line came that belongs to no answer.")
    }

    /// The next event that begins so; others that come before stay.
    pub fn event(&mut self, start: &str, expected: &str) -> Verdict<String> {
        self.event_within(self.limits.wait, start, expected)
    }

    /// The same with a limit of its own.
    pub fn event_within(&mut self, limit: Duration, start: &str, expected: &str) -> Verdict<String> {
        let until = self.limits.after(limit);
        loop {
            if let Some(event) = self.take_event(start) {
                return Ok(event);
            }
            let left = until.saturating_duration_since(Instant::now());
            let line = self.line_within(left, expected, &|line| line.starts_with(start))?;
            match answer::kind(&line) {
                LineKind::Event | LineKind::Ticket => self.events.push_back(line),
                _ => return Err(self.wrong(expected, "The server says something that nobody has asked for.")),
            }
        }
    }

    /// The oldest event that begins so, of those that have come already.
    pub fn take_event(&mut self, start: &str) -> Option<String> {
        let at = self.events.iter().position(|event| event.starts_with(start))?;
        self.events.remove(at)
    }

    /// The next broadcast.
    pub fn broadcast(&mut self, expected: &str) -> Verdict<Broadcast> {
        loop {
            let event = self.event("bcast_", expected)?;
            let form = "bcast_SEQ_UNIXTIME_FROM_TEXT";
            let broadcast = Broadcast::parse(&event)
                .ok_or_else(|| self.wrong(form, "A broadcast has a number, a time, a name and a text."))?;
            if broadcast.from.ends_with(&self.own) {
                return Ok(broadcast);
            }
        }
    }

    /// No broadcast may have come that was not taken yet.
    pub fn no_more_broadcasts(&mut self, sentence: &str) -> Verdict {
        self.barrier()?;
        let is_own = |event: &&String| Broadcast::parse(event).is_none_or(|one| one.from.ends_with(&self.own));
        let is_more = self.events.iter().filter(|event| event.starts_with("bcast_")).any(|event| is_own(&event));
        self.want(!is_more, "no further bcast_", sentence)
    }

    /// Reads what has arrived already, without a wait, and keeps the events of it.
    pub fn look_for_events(&mut self) -> Verdict {
        while let Filled::Bytes = self.look()? {}
        while let Some(line) = self.take_line()? {
            if matches!(answer::kind(&line), LineKind::Event | LineKind::Ticket) {
                self.events.push_back(line);
            } else {
                return Err(self.wrong("an event", "The server says something that nobody has asked for."));
            }
        }
        Ok(())
    }
}

/// A line as a sentence may quote it.
fn short(line: &str) -> String {
    let cut: String = line.chars().take(40).collect();
    let rest = if cut.len() < line.len() { "..." } else { "" };
    format!("\"{cut}{rest}\"")
}
