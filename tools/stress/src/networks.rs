//! What people wait for on a bad network. The network is there: this runs on the server's host, and there are hosts c1
//! to c5, each a network namespace of that name.

pub mod client;
mod repeats;

use crate::figures::{milliseconds, percentile};
use client::{Clients, LIMIT, field};
use repeats::Counter;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PEOPLE: usize = 5;
/// Of each.
const BROADCASTS: usize = 100;
/// From one broadcast of a person to the next.
const PACE: Duration = Duration::from_millis(200);
/// What may still come after the last broadcast was typed.
const LATE: Duration = Duration::from_secs(20);
/// How often the others are done. A chat has more round trips than there are messages, as it costs least.
const LISTS: usize = 50;
const MESSAGES: usize = 30;
const ROUND_TRIPS: usize = 50;
const RUNS: usize = 20;
const FILES: usize = 3;

/// What there is.
#[derive(clap::Args)]
pub struct Options {
    /// The server's address
    #[arg(long, value_name = "IP")]
    at: String,

    /// What the row is called
    #[arg(long, value_name = "TEXT")]
    label: String,

    /// The folder that c2 shares; the file `big` in it is fetched
    #[arg(long, value_name = "DIR")]
    share: PathBuf,

    /// Commands that fetch the same file on c1, each measured beside ours
    #[arg(long, value_name = "COMMAND")]
    beside: Vec<String>,
}

/// Measures, and prints a row of the table of docs/BUILDING.md.
///
/// # Errors
/// A sentence, when something is refused or does not come.
pub fn run(client: &Path, parent: &Path, options: &Options) -> Result<(), String> {
    let folder = tempfile::Builder::new().prefix("peerline-networks.").tempdir_in(parent).map_err(|e| e.to_string())?;
    let mut clients = Clients::new();
    let logins = enter(&mut clients, client, folder.path(), options)?;
    let lists = many(LISTS, || clients.ask(0, "list", "done"))?;
    let broadcasts = broadcast(&mut clients)?;
    let messages = many(MESSAGES, || clients.ask(0, "msg c2 a word", "done"))?;
    let chats = chat(&mut clients)?;
    let runs = many(RUNS, || clients.ask(0, "run c2 echo done", "run_ended"))?;
    let files = files(&mut clients, folder.path(), options)?;
    println!(
        "| {} | {} s | {} | {broadcasts} | {} | {} | {files} | {} |",
        options.label,
        seconds(&logins, 1.0),
        shares(&lists, &[0.5, 1.0]),
        shares(&messages, &[0.5, 1.0]),
        shares(&chats, &[0.5, 0.99]),
        shares(&runs, &[0.5, 1.0]),
    );
    Ok(())
}

fn many(count: usize, mut once: impl FnMut() -> Result<Duration, String>) -> Result<Vec<Duration>, String> {
    (0..count).map(|_| once()).collect()
}

/// These shares of all, in milliseconds.
fn shares(times: &[Duration], shares: &[f64]) -> String {
    let ms =
        |share: &f64| percentile(times, *share).map_or("-".to_owned(), |time| format!("{:.1}", milliseconds(time)));
    shares.iter().map(ms).collect::<Vec<String>>().join(" / ")
}

fn seconds(times: &[Duration], share: f64) -> String {
    percentile(times, share).map_or("-".to_owned(), |time| format!("{:.2}", time.as_secs_f64()))
}

/// Everybody signs up and logs in, one after the other.
fn enter(clients: &mut Clients, program: &Path, folder: &Path, options: &Options) -> Result<Vec<Duration>, String> {
    (1..=PEOPLE)
        .map(|number| {
            let consent = folder.join(format!("c{number}.consent"));
            let mut given =
                vec!["--consent-log".as_ref(), consent.as_os_str(), "--downloads".as_ref(), folder.as_os_str()];
            if number == 2 {
                given.extend([
                    "--share".as_ref(),
                    options.share.as_os_str(),
                    "--allow-run".as_ref(),
                    "echo done".as_ref(),
                ]);
            }
            clients.enter(program, &options.at, &given)
        })
        .collect()
}

/// Everybody broadcasts at that pace: how many were shown, how late, and how many the server said again.
fn broadcast(clients: &mut Clients) -> Result<String, String> {
    let counter = Counter::start(4400).map_err(|error| format!("frames cannot be counted: {error}"))?;
    let (begin, filling) = (Instant::now(), "x".repeat(190));
    let people = clients.count();
    let due = |number: usize| begin + PACE * number as u32 / people as u32;
    let (mut sent, mut shown) = (Vec::new(), HashSet::new());
    let (mut times, mut twice) = (Vec::new(), 0);
    let all = people * BROADCASTS;
    while times.len() < all * people {
        let until = if sent.len() < all { due(sent.len()) } else { due(all) + LATE };
        if let Some(said) = clients.next(until) {
            let text = field(&said.line, "text").filter(|_| said.is("broadcast"));
            let number = text.and_then(|text| text.split_once('.')?.0.parse::<usize>().ok());
            let Some(typed) = number.and_then(|number| sent.get(number)) else { continue };
            match shown.insert((said.who, number)) {
                true => times.push(said.at - *typed),
                false => twice += 1,
            }
        } else if sent.len() < all {
            let number = sent.len();
            sent.push(Instant::now());
            clients.type_line(number % people, &format!("broadcast {number}.{filling}"))?;
        } else {
            break;
        }
    }
    let repeats = counter.end().repeats() * 100.0;
    let wrong = if twice > 0 { format!(", {twice} TWICE") } else { String::new() };
    Ok(format!("{}{wrong}; {}; {repeats:.0} %", times.len(), shares(&times, &[0.5, 0.99, 1.0])))
}

/// A line there and one back.
fn chat(clients: &mut Clients) -> Result<Vec<Duration>, String> {
    clients.type_line(0, "chat c2")?;
    clients.wait(1, |said| said.is("chat_request"))?;
    clients.type_line(1, "accept")?;
    clients.wait_for_all(vec![0, 1], "chat_opened")?;
    let mut number = 0;
    let times = many(ROUND_TRIPS, || {
        let begin = Instant::now();
        number += 1;
        for (from, to) in [(0, 1), (1, 0)] {
            let text = format!("line {number} of {from}");
            clients.type_line(from, &text)?;
            clients.wait(to, |said| said.is("chat_line") && field(&said.line, "text") == Some(&text))?;
        }
        Ok(begin.elapsed())
    })?;
    clients.type_line(0, "!exit")?;
    clients.wait_for_all(vec![0, 1], "chat_closed")?;
    Ok(times)
}

/// The median of fetching the file by us, and by each of the others, one after the other.
fn files(clients: &mut Clients, folder: &Path, options: &Options) -> Result<String, String> {
    let mut all = vec![Vec::new(); 1 + options.beside.len()];
    for _ in 0..FILES {
        let begin = Instant::now();
        let number = clients.type_line(0, "get c2 big")?.to_string();
        let is_over = |line: &str| matches!(field(line, "stage"), Some("whole" | "failed" | "refused"));
        let said = clients.wait(0, |said| field(&said.line, "id") == Some(&number) && is_over(&said.line))?;
        if field(&said.line, "stage") != Some("whole") {
            return Err(said.line);
        }
        all[0].push(said.at - begin);
        // Else it would be there already.
        fs::remove_file(folder.join("big")).map_err(|error| format!("big: {error}"))?;
        for (number, command) in options.beside.iter().enumerate() {
            all[1 + number].push(beside(command)?);
        }
    }
    let size = fs::metadata(options.share.join("big")).map_or(0, |found| found.len());
    let medians: Vec<String> = all.iter().map(|times| seconds(times, 0.5)).collect();
    Ok(format!("{} MB: {}", size / 1_000_000, medians.join(" / ")))
}

/// Runs it on c1.
fn beside(command: &str) -> Result<Duration, String> {
    let begin = Instant::now();
    let mut run = Command::new("ip");
    run.args(["netns", "exec", "c1", "timeout", &LIMIT.as_secs().to_string(), "sh", "-c", command]);
    let status = run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(begin.elapsed()),
        _ => Err(format!("it failed: {command}")),
    }
}
