//! The report in the Test Anything Protocol, version 13.

use super::people;
use crate::outcome::{Graded, Status};

/// The whole report.
pub fn report(graded: &Graded) -> String {
    let count = graded.outcomes.len() + graded.not_played.len();
    let mut text = format!("TAP version 13\n1..{count}\n");
    for (number, outcome) in graded.outcomes.iter().enumerate() {
        // A hash would begin a directive, and there is none in names.
        let title = format!("{} - {} ({} points)", number + 1, outcome.title(), outcome.check.points);
        match outcome.status {
            Status::Pass => text += &format!("ok {title}\n"),
            Status::Skip => text += &format!("ok {title} # SKIP {}\n", outcome.sentence),
            _ => {
                let details: String =
                    people::details(outcome).lines().map(|line| format!("    {}\n", plain(line))).collect();
                // The first row may be indented more than others: so it is told by how much all are.
                text += &format!("not ok {title}\n  ---\n  status: {}\n  details: |2\n", outcome.status.word());
                text += &format!("{details}  ...\n");
            }
        }
    }
    for (number, check) in graded.not_played.iter().enumerate() {
        let why = graded.stopped.as_deref().unwrap_or("not played");
        text += &format!("not ok {} - {} # {why}\n", graded.outcomes.len() + number + 1, check.name);
    }
    text
}

/// A row of YAML: what must not stand there becomes an escape.
fn plain(line: &str) -> String {
    let is_one_byte = |c: char| matches!(c, '\t' | ' '..='~');
    let is_longer = |c: char| matches!(c, '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}');
    let is_plain = |c: char| is_one_byte(c) || is_longer(c) || c > '\u{ffff}';
    line.chars().map(|c| if is_plain(c) { c.to_string() } else { c.escape_unicode().to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::{Record, Way};
    use crate::outcome::Outcome;

    #[test]
    fn all_rows_of_a_failed_check_have_the_indentation_that_is_told() {
        let check = crate::checks::all().next().expect("a check");
        let mut outcome = Outcome::new(check, Status::Fail, "Nothing came.".to_owned());
        let record = Record::new();
        record.add("A", Way::Seen, "OK,\u{ffff}".as_bytes());
        record.mark("A", "another");
        outcome.entries = record.entries();
        outcome.last_words = ["  ...".to_owned(), "oh \u{2028}\u{feff}\u{1b}!".to_owned()].into();
        let mut graded = Graded::new("x".into(), 1, 0);
        graded.outcomes = vec![outcome];
        let told = report(&graded);
        let block =
            told.split_once("  details: |2\n").and_then(|(_, rest)| rest.split_once("\n  ...\n")).expect("a block");
        // Two, and two more as the block says.
        assert!(block.0.lines().all(|row| row.starts_with("    ")), "{told}");
        assert!(block.0.lines().any(|row| row.starts_with("    !! A")), "{told}");
        assert!(block.0.contains("OK,\\u{ffff}") && block.0.contains("oh \\u{2028}\\u{feff}\\u{1b}!"), "{told}");
        assert!(block.1.is_empty(), "{told}");
    }
}
