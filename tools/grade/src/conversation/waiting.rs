//! Waiting for the end of a connection, and for what has not come in time: is it late, or missing?

use super::answer::{self, LineKind};
use super::client::{Client, End, Filled};
use super::record::shown;
use crate::fault::{Fault, Verdict};
use std::time::{Duration, Instant};

/// What a client waits for.
pub(super) enum Awaited<'a> {
    /// A line of which this says so.
    Line(&'a dyn Fn(&str) -> bool),
    End,
}

impl Client {
    /// Reads on to the end of the connection, and gives the lines before it.
    pub fn end(&mut self, expected: &str) -> Verdict<(Vec<String>, End)> {
        self.end_within(self.limits.wait, expected)
    }

    /// The same with a limit of its own.
    pub fn end_within(&mut self, limit: Duration, expected: &str) -> Verdict<(Vec<String>, End)> {
        let mut lines = Vec::new();
        let end = self.end_with(limit, expected, |_, line| {
            lines.push(line);
            Ok(())
        })?;
        Ok((lines, end))
    }

    /// Reads on to the end of the connection, before which no answer may come. An event may.
    pub fn end_without_answer(&mut self, expected: &str, sentence: &str) -> Verdict<End> {
        self.end_with(self.limits.wait, expected, |client, line| {
            client.want(answer::kind(&line) == LineKind::Event, expected, sentence)
        })
    }

    /// Reads on to the end of the connection, and has each line before it looked at.
    fn end_with(
        &mut self,
        limit: Duration,
        expected: &str,
        mut look: impl FnMut(&Client, String) -> Verdict,
    ) -> Verdict<End> {
        let (began, until) = (Instant::now(), self.limits.after(limit));
        loop {
            while let Some(line) = self.take_line()? {
                look(self, line)?;
            }
            match self.fill(until)? {
                Filled::Bytes => {}
                Filled::End(end) => {
                    let how = if end == End::Fin { "(closed)" } else { "(broken off: RST)" };
                    self.record.happened(&self.who, how);
                    return Ok(end);
                }
                Filled::Nothing => return Err(self.overdue(began, expected, Awaited::End)),
            }
        }
    }

    /// What must come has not come in time. Whether it comes at all tells what is late from what is missing.
    pub(super) fn overdue(&mut self, began: Instant, expected: &str, awaited: Awaited) -> Fault {
        let allowed = began.elapsed();
        let is_over = if Instant::now() >= self.limits.end { ", and the time of the check is over" } else { "" };
        let within = format!("within {:.1} s{is_over}", allowed.as_secs_f64());
        let (text, sentence) = match awaited {
            Awaited::End => (format!("(no end {within})"), "The server does not end the connection."),
            Awaited::Line(_) if !self.arrived.is_empty() => {
                let begun = shown(&self.arrived);
                (format!("{begun}  (and no line end {within})"), "A line began, and its end did not come.")
            }
            Awaited::Line(_) if self.record.bytes() == 0 => {
                (format!("(nothing {within})"), "The server has sent nothing at all.")
            }
            Awaited::Line(_) => (format!("(nothing {within})"), "Nothing came."),
        };
        self.record.happened(&self.who, text);
        self.record.mark(&self.who, expected);
        match self.comes(&awaited) {
            Ok(true) => Fault::late(began.elapsed(), allowed),
            Ok(false) => Fault::missing(sentence),
            Err(fault) => fault,
        }
    }

    /// Whether it comes all the same, before the grace is over.
    fn comes(&mut self, awaited: &Awaited) -> Verdict<bool> {
        let until = Instant::now() + self.limits.grace;
        loop {
            while let Some(line) = self.take_line()? {
                if matches!(awaited, Awaited::Line(is_awaited) if is_awaited(&line)) {
                    return Ok(true);
                }
            }
            match self.fill(until)? {
                Filled::Bytes if Instant::now() < until => {}
                Filled::End(_) => return Ok(matches!(awaited, Awaited::End)),
                Filled::Bytes | Filled::Nothing => return Ok(false),
            }
        }
    }
}
