//! The report as JUnit XML, which the web pages of CI systems show.

use super::people;
use crate::checks;
use crate::outcome::{Graded, Outcome, Status};

/// The whole report.
pub fn report(graded: &Graded) -> String {
    let suites: String = graded.levels().into_iter().map(|level| suite(graded, level)).collect();
    let start = graded.no_start.as_deref().map(|sentence| start(graded, sentence)).unwrap_or_default();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"grade\">\n{start}{suites}</testsuites>\n")
}

/// A suite for a server that was not there: without one a page would show nothing that is wrong.
fn start(graded: &Graded, sentence: &str) -> String {
    let (message, details) = (escape(graded.stopped.as_deref().unwrap_or_default()), escape(sentence));
    format!(
        "  <testsuite name=\"start\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\" time=\"0.000\">\n    \
         <testcase name=\"start\" classname=\"start\" time=\"0.000\">\n      \
         <error type=\"NO START\" message=\"{message}\">{details}</error>\n    </testcase>\n  </testsuite>\n"
    )
}

fn suite(graded: &Graded, level: usize) -> String {
    let of_level = || graded.outcomes.iter().filter(|outcome| outcome.check.level == level);
    let count = |is: &dyn Fn(Status) -> bool| of_level().filter(|outcome| is(outcome.status)).count();
    let is_error = |status| matches!(status, Status::Crash | Status::Error);
    let took: f64 = of_level().map(|outcome| outcome.took.as_secs_f64()).sum();
    let cases: String = of_level().map(case).collect();
    format!(
        "  <testsuite name=\"level {level} {}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{took:.3}\">\n\
         {cases}  </testsuite>\n",
        checks::title(level),
        of_level().count(),
        count(&|status| matches!(status, Status::Fail | Status::Late | Status::Open)),
        count(&is_error),
        count(&|status| status == Status::Skip),
    )
}

fn case(outcome: &Outcome) -> String {
    let class = format!("{}-{}", outcome.check.level, checks::title(outcome.check.level));
    let took = outcome.took.as_secs_f64();
    let start = format!("    <testcase name=\"{}\" classname=\"{class}\" time=\"{took:.3}\"", outcome.check.name);
    let (sentence, word) = (escape(&outcome.sentence), outcome.status.word());
    let element = match outcome.status {
        Status::Pass => return format!("{start}/>\n"),
        Status::Skip => return format!("{start}>\n      <skipped message=\"{sentence}\"/>\n    </testcase>\n"),
        Status::Fail | Status::Late | Status::Open => "failure",
        Status::Crash | Status::Error => "error",
    };
    let details = escape(&people::details(outcome));
    format!(
        "{start}>\n      <{element} type=\"{word}\" message=\"{sentence}\">{details}</{element}>\n    </testcase>\n"
    )
}

/// Text within XML, where some control characters may not even stand as a number.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('?'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_server_says_ends_an_element() {
        assert_eq!(escape("</failure> \"&\u{1b}\u{0}\n"), "&lt;/failure&gt; &quot;&amp;??\n");
    }
}
