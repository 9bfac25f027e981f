//! The options, and what cannot be meant by them.

use crate::mark::MAX_MARK;
use crate::schedule::Rate;
use clap::Parser;
use peerline::protocol::{BroadcastText, MAX_BROADCAST};
use peerline::value::{MAX_USERNAME, Username, duration};
use std::time::Duration;

/// The most clients: as many as one address has ports for.
const MAX_CLIENTS: u32 = 28_000;
/// The most broadcasts of a run, as each is kept in mind.
const MAX_BROADCASTS: f64 = 1e6;
/// The most sessions that churn makes in a run, for the same reason.
const MAX_RETURNS: f64 = 1e6;

/// A class of simulated clients for any server that speaks the protocol of docs/PROTOCOL.md: what arrives, how late,
/// and what does not.
///
/// Each client has a TCP connection and a login of its own. The exit code is 0 when all went well, 1 when something was
/// lost, doubled, out of order or refused, 2 when the options are wrong or the server cannot be reached.
#[derive(Clone, Debug, Parser)]
#[command(name = "load", version, max_term_width = 80)]
pub struct Options {
    /// The server's address or name
    #[arg(value_name = "HOST")]
    pub host: String,

    /// The server's port
    #[arg(default_value_t = 4400)]
    pub port: u16,

    /// How many clients
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_CLIENTS)))]
    pub clients: u32,

    /// Broadcasts of the whole class, such as 20/s or 6/m, or off
    #[arg(long, value_name = "RATE", default_value = "1/s", value_parser = parse_rate)]
    pub broadcast: Pace,

    /// What is broadcast; a mark with a number follows it
    #[arg(long, value_name = "TEXT", default_value = "hello, class", value_parser = parse_say)]
    pub say: String,

    /// Lookups of the whole class (GET_P of somebody in it), such as 100/s
    #[arg(long, value_name = "RATE", default_value = "off", value_parser = parse_rate)]
    pub queries: Pace,

    /// Clients that leave and come back at once, such as 5/s
    #[arg(long, value_name = "RATE", default_value = "off", value_parser = parse_rate)]
    pub churn: Pace,

    /// How many of the clients watch who comes and who goes: at the end the list that each has made of what it was told is
    /// held against the server's
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub watch: u32,

    /// Clients that become inactive, or active again, such as 1000/s; those who watch do not
    #[arg(long, value_name = "RATE", default_value = "off", value_parser = parse_rate)]
    pub flips: Pace,

    /// Say hello by UDP, and take broadcasts that way
    #[arg(long)]
    pub udp: bool,

    /// How long, from when all are in
    #[arg(long = "for", value_name = "DURATION", default_value = "30s", value_parser = parse_length)]
    pub length: Duration,

    /// How many sign up and log in at the same time
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub at_once: u32,

    /// What the names of the accounts begin with, so that a second run takes those of the first [default: another one
    /// in each run]
    #[arg(long, value_name = "NAME")]
    pub prefix: Option<String>,

    /// The password of the accounts
    #[arg(long, default_value = "password", value_parser = parse_password)]
    pub password: String,

    /// Print the table as one JSON object, and no progress
    #[arg(long)]
    pub json: bool,
}

/// How often the whole class does something; `None` for never.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace(pub Option<Rate>);

impl Pace {
    fn times_in(self, length: Duration) -> f64 {
        self.0.map_or(0.0, |rate| rate.0 * length.as_secs_f64())
    }
}

fn parse_rate(text: &str) -> Result<Pace, String> {
    if text == "off" {
        return Ok(Pace(None));
    }
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let seconds = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("{unit} is no unit: write 20/s, 6/m, 10/h, or off")),
    };
    match number.parse::<f64>() {
        Ok(number) if number > 0.0 && number / seconds <= 1e6 => Ok(Pace(Some(Rate(number / seconds)))),
        _ => Err("a rate is a number above 0, such as 20/s, 6/m or 10/h (at most 1000000/s), or off".to_owned()),
    }
}

fn parse_length(text: &str) -> Result<Duration, String> {
    let day = Duration::from_secs(24 * 3600);
    duration::parse(text).and_then(|length| if length <= day { Ok(length) } else { Err("at most 24h".to_owned()) })
}

fn parse_say(text: &str) -> Result<String, String> {
    text.parse::<BroadcastText>().map_err(|error| error.to_string())?;
    let most = MAX_BROADCAST - MAX_MARK;
    if text.len() > most {
        return Err(format!("{} bytes are too long: at most {most}, as a mark follows", text.len()));
    }
    Ok(text.to_owned())
}

fn parse_password(text: &str) -> Result<String, String> {
    let is_plain = text.chars().all(|c| c.is_ascii_graphic() && c != '"' && c != ',');
    if is_plain && (8..=128).contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        Err("8 to 128 visible ASCII characters, without commas and quotes".to_owned())
    }
}

impl Options {
    /// What the names begin with; `run` makes one when none is given.
    pub fn prefix(&self, run: u32) -> String {
        self.prefix.clone().unwrap_or_else(|| format!("l{:05x}", run & 0xf_ffff))
    }

    /// Checks what no single option shows.
    ///
    /// # Errors
    /// A sentence that says which options do not fit, and what to do.
    pub fn check(&self) -> Result<(), String> {
        let longest = name(&self.prefix(0), self.clients as usize - 1);
        if longest.len() > MAX_USERNAME || longest.parse::<Username>().is_err() {
            return Err(format!(
                "--prefix makes names such as {longest}, and a name has at most {MAX_USERNAME} ASCII letters, digits, dots \
                 or dashes, and begins with a letter or digit: choose another one"
            ));
        }
        if self.watch > self.clients || (self.flips.0.is_some() && self.watch == self.clients) {
            return Err("--watch is a part of --clients, and --flips is for the others: take more --clients".to_owned());
        }
        if self.broadcast.times_in(self.length) > MAX_BROADCASTS {
            return Err(format!("--broadcast and --for make more than {MAX_BROADCASTS} broadcasts: lower one of them"));
        }
        if self.churn.times_in(self.length) > MAX_RETURNS {
            return Err(format!("--churn and --for make more than {MAX_RETURNS} sessions: lower one of them"));
        }
        Ok(())
    }
}

/// The name of an account.
pub fn name(prefix: &str, number: usize) -> String {
    format!("{prefix}-{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options, String> {
        let options = Options::try_parse_from(["load"].into_iter().chain(text.split_whitespace()));
        options.map_err(|error| error.to_string()).and_then(|options| options.check().map(|()| options))
    }

    #[test]
    fn rates_have_units() {
        let rate = |text| parse_rate(text).map(|pace| pace.0.map(|rate| rate.0));
        assert_eq!(rate("20/s"), Ok(Some(20.0)));
        assert_eq!(rate("0.5"), Ok(Some(0.5)));
        assert_eq!(rate("6/m"), Ok(Some(0.1)));
        assert_eq!(rate("off"), Ok(None));
        for bad in ["", "0/s", "-1/s", "NaN", "inf/s", "5/d", "x/s", "2000000/s"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_line_of_the_page_is_understood() {
        let line =
            "127.0.0.1 4400 --clients 1000 --broadcast 20/s --say hi --churn 5/s --queries 100/s --udp --for 30s";
        let options = parse(line).expect("valid");
        assert_eq!((options.clients, options.udp, options.length), (1000, true, Duration::from_secs(30)));
        assert_eq!(options.churn, Pace(Some(Rate(5.0))));
        assert_eq!(parse("localhost").expect("valid").port, 4400);
    }

    #[test]
    fn what_does_not_fit_is_said() {
        for (line, why) in [
            ("h --clients 0", "--clients"),
            ("h --prefix far-too-long-a-name", "--prefix"),
            ("h --prefix _", "--prefix"),
            ("h --broadcast 1000/s --for 1h", "--broadcast"),
            ("h --churn 1000/s --for 1h", "--churn"),
            ("h --for 25h", "24h"),
            ("h --clients 2 --watch 3", "--watch"),
            ("h --clients 2 --watch 2 --flips 1/s", "--flips"),
            ("h --password short", "8 to 128"),
            ("--clients 2", "HOST"),
        ] {
            let said = parse(line).expect_err(line);
            assert!(said.contains(why), "{line}: {said}");
        }
        assert!(parse_say(&"x".repeat(MAX_BROADCAST)).is_err());
        assert!(parse_say("two\nlines").is_err());
    }

    #[test]
    fn another_run_has_other_names_unless_they_are_asked_for() {
        let options = parse("h").expect("valid");
        assert_ne!(options.prefix(1), options.prefix(2));
        let named = parse("h --prefix class").expect("valid");
        assert_eq!(name(&named.prefix(1), 7), "class-7");
    }
}
