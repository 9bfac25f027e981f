//! What is told at the end: a table for people, or the same as one JSON object. Pure.

use crate::book::{Book, Troubles};
use crate::histogram::Histogram;
use crate::ledger::Balance;
use crate::rules;
use peerline::value::text::escape;
use serde_json::{Value, json};
use std::fmt;
use std::time::Duration;

/// The most sentences of each kind that the table shows.
const MAX_SHOWN: usize = 5;

/// A run that is over.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How many clients there were to be.
    pub clients: u32,
    /// How long it took until all were in.
    pub entering: Duration,
    /// How long broadcasts and the like went on.
    pub length: Duration,
    /// Whether it was ended before its time, and by what.
    pub ended_early: Option<&'static str>,
    /// Whether broadcasts came by UDP.
    pub udp: bool,
    /// What all clients had to tell.
    pub book: Book,
    /// What was to be seen, and what was.
    pub balance: Balance,
}

impl Outcome {
    /// Whether nothing was lost, doubled, out of order or refused, and nobody kept or thrown out.
    pub fn is_clean(&self) -> bool {
        let Book { kept_out, refused, closed, .. } = &self.book;
        self.balance.is_clean()
            && self.book.lists == self.book.right_lists
            && kept_out.count() + refused.count() + closed.count() == 0
    }

    fn kinds(&self) -> [(&'static str, &Histogram); 3] {
        let Book { logins, deliveries, queries, .. } = &self.book;
        [("logins", logins), ("deliveries", deliveries), ("queries", queries)]
    }

    fn troubles(&self) -> [(&'static str, &Troubles); 3] {
        let Book { kept_out, refused, closed, .. } = &self.book;
        [("kept out", kept_out), ("refused", refused), ("closed", closed)]
    }

    /// The same as one JSON object. Times are in milliseconds, `null` where there is none.
    pub fn json(&self) -> Value {
        let Outcome { balance, book, .. } = self;
        let times = |of: &Histogram| {
            let [p50, p99, max] = percentiles(of).map(|time| time.map(milliseconds));
            json!({ "count": of.count(), "p50_ms": p50, "p99_ms": p99, "max_ms": max })
        };
        let troubles = |of: &Troubles| {
            let sentences = of.sentences();
            let sentences = sentences.iter().map(|(sentence, times)| json!({ "times": times, "why": sentence }));
            json!({ "count": of.count(), "reasons": sentences.collect::<Vec<_>>() })
        };
        json!({
            "ok": self.is_clean(),
            "clients": self.clients,
            "entering_s": self.entering.as_secs_f64(),
            "length_s": self.length.as_secs_f64(),
            "ended_early": self.ended_early,
            "logins": times(&book.logins),
            "deliveries": times(&book.deliveries),
            "queries": times(&book.queries),
            "broadcasts": book.sent.len(),
            "expected": balance.expected,
            "seen": balance.seen,
            "lost": balance.lost(),
            "doubled": balance.doubled,
            "out_of_order": balance.disordered,
            "same_number": balance.same_number,
            "left_out": book.left_out,
            "watch": {
                "lists": book.lists, "right": book.right_lists, "joined": book.told.joined, "left": book.told.left,
            },
            "udp": self.udp.then(|| json!({
                "hellos": book.udp.hellos,
                "datagrams": book.udp.datagrams,
                "broadcasts": book.udp.broadcasts,
                "again": book.udp.again,
            })),
            "kept_out": troubles(&book.kept_out),
            "refused": troubles(&book.refused),
            "closed": troubles(&book.closed),
        })
    }

    /// What stands below the figures.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for (kind, troubles) in self.troubles() {
            for (sentence, times) in troubles.sentences().into_iter().take(MAX_SHOWN) {
                // The server's words may hold anything; our own line end in them is one.
                let lines: Vec<String> = sentence.split('\n').map(escape).collect();
                notes.push(format!("{kind}, {times} times: {}", lines.join("\n")));
            }
        }
        if self.book.left_out > 0 {
            let left_out = self.book.left_out;
            notes.push(format!(
                "{left_out} lines were not sent, as 64 of one client waited for answers: the server is late"
            ));
        }
        notes.extend(self.book.logins.percentile(0.5).and_then(rules::of_logins));
        notes.extend(self.ended_early.map(|why| format!("It was ended before its time: {why}.")));
        notes
    }
}

fn percentiles(of: &Histogram) -> [Option<Duration>; 3] {
    [of.percentile(0.5), of.percentile(0.99), of.longest()]
}

fn milliseconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1e3
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outcome { balance, book, .. } = self;
        writeln!(f, "{:<12} {:>12} {:>12} {:>12} {:>12}", "", "count", "p50, ms", "p99, ms", "max, ms")?;
        for (name, histogram) in self.kinds() {
            write!(f, "{name:<12} {:>12}", histogram.count())?;
            for time in percentiles(histogram) {
                let time = time.map_or("-".to_owned(), |time| format!("{:.2}", milliseconds(time)));
                write!(f, " {time:>12}")?;
            }
            writeln!(f)?;
        }
        writeln!(f)?;
        let Balance { expected, seen, doubled, disordered, same_number } = *balance;
        writeln!(
            f,
            "{} clients, in after {:.1} s; then {:.1} s",
            self.clients,
            self.entering.as_secs_f64(),
            self.length.as_secs_f64()
        )?;
        writeln!(f, "{} broadcasts, {expected} deliveries expected, {seen} seen", book.sent.len())?;
        writeln!(f, "lost {}, doubled {doubled}, out of order {disordered}", balance.lost())?;
        if same_number > 0 {
            writeln!(f, "{same_number} broadcasts were acknowledged with the number of another")?;
        }
        if book.lists > 0 {
            let Book { lists, right_lists, told, .. } = book;
            let wrong = lists - right_lists;
            writeln!(
                f,
                "{lists} watched: {} joined, {} left; at the end {wrong} lists were wrong",
                told.joined, told.left
            )?;
        }
        if self.udp {
            let udp = book.udp;
            let share = 100.0 * udp.again as f64 / udp.broadcasts.max(1) as f64;
            let (hellos, datagrams, broadcasts) = (udp.hellos, udp.datagrams, udp.broadcasts);
            writeln!(
                f,
                "UDP: {broadcasts} broadcasts in {datagrams} datagrams, {share:.2} % of them again; {hellos} hellos"
            )?;
        }
        writeln!(
            f,
            "kept out {}, refused {}, closed {}",
            book.kept_out.count(),
            book.refused.count(),
            book.closed.count()
        )?;
        self.notes().iter().try_for_each(|note| writeln!(f, "  {note}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Sent;

    fn outcome() -> Outcome {
        let mut book = Book { sent: vec![Sent { number: 0, seq: Some(1), at: 0 }; 3], ..Book::default() };
        (1..=6).for_each(|millis| book.deliveries.add(Duration::from_millis(millis)));
        let balance = Balance { expected: 6, seen: 6, ..Balance::default() };
        Outcome { clients: 2, length: Duration::from_secs(3), book, balance, ..Outcome::default() }
    }

    #[test]
    fn a_table_has_the_figures() {
        let table = outcome().to_string();
        let words: Vec<&str> = table.lines().nth(2).expect("deliveries").split_whitespace().collect();
        assert_eq!(words[..2], ["deliveries", "6"]);
        assert_eq!(words[4], "6.00");
        assert!(
            table.contains("3 broadcasts, 6 deliveries expected, 6 seen\nlost 0, doubled 0, out of order 0\n"),
            "{table}"
        );
        assert!(!table.contains("UDP"), "{table}");
    }

    #[test]
    fn json_says_the_same() {
        let mut outcome = outcome();
        assert_eq!(outcome.json()["ok"], true);
        outcome.balance.seen = 5;
        outcome.udp = true;
        let told = outcome.json();
        assert_eq!(
            (&told["ok"], &told["lost"], &told["deliveries"]["max_ms"]),
            (&json!(false), &json!(1), &json!(6.0))
        );
        assert_eq!(told["queries"]["p50_ms"], Value::Null);
        assert_eq!(told["udp"]["datagrams"], 0);
    }

    #[test]
    fn whatever_went_wrong_is_said_and_escaped() {
        let mut outcome = outcome();
        assert!(outcome.is_clean());
        outcome.book.refused.add("Too \u{1b}[2Jfast\n    advice");
        outcome.ended_early = Some("Ctrl-C");
        assert!(!outcome.is_clean());
        let table = outcome.to_string();
        assert!(table.contains("refused, 1 times: Too \\u{1b}[2Jfast\n    advice"), "{table}");
        assert!(table.contains("Ctrl-C"), "{table}");
    }
}
