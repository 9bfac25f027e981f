//! How a step of a file or gift on its way reads for people.

use crate::client::event::{Stage, Step, Way};
use crate::value::Size;
use crate::value::text::escape;
use std::time::Duration;

/// The line of a step. `rate` is in bytes a second. The number is told where it is good for `cancel`.
pub fn text(number: u64, step: &Step, rate: Option<u64>, left: Option<Duration>) -> String {
    let what = what(step);
    let verb = verb(step.way);
    match &step.stage {
        Stage::Waiting { before: 0 } if step.way == Way::Give => format!("[{number}] Offering {what}..."),
        Stage::Waiting { before: 0 } => format!("[{number}] {verb} {what}: waiting"),
        Stage::Waiting { before: 1 } => format!("[{number}] {verb} {what}: waiting for another"),
        Stage::Waiting { before } => format!("[{number}] {verb} {what}: waiting for {before} others"),
        Stage::Begun { size, offset: 0 } => format!("{verb} {what}: {}", Size(*size)),
        Stage::Begun { size, offset } => {
            format!("{verb} {what}: {}, of which {} are there", Size(*size), Size(*offset))
        }
        Stage::Progress { done, size, file, count } => {
            let file = if *count > 1 { format!(", file {file} of {count}") } else { String::new() };
            let rate = rate.map_or_else(String::new, |rate| format!(", {}/s", Size(rate)));
            let left = left.map_or_else(String::new, |left| format!(", {} left", clock(left)));
            format!("[{number}] {verb} {what}: {} % of {}{file}{rate}{left}", percent(*done, *size), Size(*size))
        }
        Stage::Stalled { done, size } => {
            format!("[{number}] {verb} {what}: {} % of {}, stalled", percent(*done, *size), Size(*size))
        }
        Stage::Again { why } => format!("{what}: {}; trying again", escape(why)),
        Stage::Away => format!("{what}: waiting until the server is back"),
        Stage::Whole { size, there, took, saved } => {
            let there = if *there > 0 { format!(", {} were there", Size(*there)) } else { String::new() };
            let saved = saved
                .as_ref()
                .map_or_else(String::new, |path| format!(", verified, saved as {}", escape(&path.to_string_lossy())));
            format!("{} {what}: {} in {:.1} s{there}{saved}", past(step.way), Size(*size), took.as_secs_f64())
        }
        Stage::There { saved } => {
            format!("{what}: the same file is there already: {}", escape(&saved.to_string_lossy()))
        }
        Stage::Cancelled { done } => format!("{what}: stopped at {}; {}", Size(*done), again(step.way)),
        Stage::Refused { why } => format!("{what}: not taken: {}", escape(why)),
        Stage::Failed { why, done } if *done == 0 || step.way == Way::Send => format!("{what}: {}", escape(why)),
        Stage::Failed { why, done } => {
            format!("{what}: {}; {} are kept, {}", escape(why), Size(*done), again(step.way))
        }
        Stage::LeftOut { file, why, .. } => format!("{what}: {} is left out: {}", escape(file), escape(why)),
    }
}

/// What, and from or to whom.
fn what(step: &Step) -> String {
    let direction = if step.way.is_inward() { "from" } else { "to" };
    format!("{} {direction} {}", escape(&step.what), step.with)
}

fn verb(way: Way) -> &'static str {
    match way {
        Way::Fetch => "Fetching",
        Way::Send => "Sending",
        Way::Give => "Giving",
        Way::Take => "Taking",
    }
}

fn past(way: Way) -> &'static str {
    match way {
        Way::Fetch => "Fetched",
        Way::Send => "Sent",
        Way::Give => "Gave",
        Way::Take => "Took",
    }
}

fn again(way: Way) -> &'static str {
    match way {
        Way::Fetch => "get it again to go on",
        Way::Give => "send it again to go on",
        Way::Send | Way::Take => "it goes on when it is asked for again",
    }
}

/// 100 only for all of it.
pub fn percent(done: u64, size: u64) -> u64 {
    if size == 0 { 100 } else { u64::try_from(u128::from(done) * 100 / u128::from(size)).unwrap_or(100) }
}

/// Minutes and seconds, or hours before them.
pub fn clock(left: Duration) -> String {
    let seconds = left.as_secs();
    match seconds / 3600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}
