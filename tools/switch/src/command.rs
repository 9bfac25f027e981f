//! Commands: `LINK[/up|/down] SETTING...`. Pure.

use crate::pipe::{Drops, MILLION, Quality};
use std::str::FromStr;
use std::time::Duration;

/// How a command is written.
pub const USAGE: &str = "\
LINK SETTING...         both directions of a link, which is called as its interface; `all` is each of them
LINK/up SETTING...      from the host alone
LINK/down SETTING...    to the host alone

  delay=TIME            what each frame takes: 1.5ms, 2s
  jitter=TIME           what it takes longer at the most, by chance; frames stay in order
  loss=SHARE            what is lost, by chance: 0.5%
  reorder=SHARE         what takes the delay twice, and is passed by others: 2%
  rate=BITS             a second: 50mbit, 64kbit, off; 150 ms of it wait, what comes then is lost
  mtu=BYTES             longer packets vanish, nobody is told: 1280, off
  drop=KIND[,KIND]      what vanishes: udp, syn (what asks for a connection), all, none
  network=NAME          frames go to links of the same network only";

/// A command.
#[derive(Debug, PartialEq)]
pub struct Command {
    /// Which link; `None` is each.
    pub link: Option<String>,
    /// Which direction.
    pub way: Way,
    /// What becomes of it.
    pub changes: Vec<Change>,
}

/// A direction of a link, or both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    /// From the host and to it.
    Both,
    /// From the host.
    Up,
    /// To the host.
    Down,
}

impl Way {
    /// Whether frames from the host are meant.
    pub fn is_up(self) -> bool {
        self != Way::Down
    }

    /// Whether frames to the host are meant.
    pub fn is_down(self) -> bool {
        self != Way::Up
    }
}

/// A change of a link.
#[derive(Debug, PartialEq)]
pub enum Change {
    /// It is in this network.
    Network(String),
    /// It is of this quality.
    Quality(Setting),
}

/// A change of one property.
#[derive(Debug, PartialEq)]
pub enum Setting {
    /// Of the delay.
    Delay(Duration),
    /// Of the jitter.
    Jitter(Duration),
    /// Of the loss, in parts of a million.
    Loss(u64),
    /// Of what is reordered, in parts of a million.
    Reorder(u64),
    /// Of the rate, in bits a second.
    Rate(Option<u64>),
    /// Of the longest packet, in bytes.
    Mtu(Option<usize>),
    /// Of what vanishes.
    Drop(Drops),
}

impl Setting {
    /// Changes it.
    pub fn apply(&self, quality: &mut Quality) {
        match *self {
            Setting::Delay(delay) => quality.delay = delay,
            Setting::Jitter(jitter) => quality.jitter = jitter,
            Setting::Loss(loss) => quality.loss = loss,
            Setting::Reorder(reorder) => quality.reorder = reorder,
            Setting::Rate(rate) => quality.rate = rate,
            Setting::Mtu(mtu) => quality.mtu = mtu,
            Setting::Drop(drops) => quality.drops = drops,
        }
    }
}

impl FromStr for Command {
    type Err = String;

    fn from_str(line: &str) -> Result<Command, String> {
        let mut words = line.split_whitespace();
        let link = words.next().ok_or("a command is LINK SETTING...")?;
        let (link, way) = match link.split_once('/') {
            None => (link, Way::Both),
            Some((link, "up")) => (link, Way::Up),
            Some((link, "down")) => (link, Way::Down),
            Some((_, other)) => return Err(format!("{other} is no direction: up, down")),
        };
        let changes = words.map(change).collect::<Result<Vec<Change>, String>>()?;
        if changes.is_empty() {
            return Err(format!("nothing is said of {link}: LINK SETTING..."));
        }
        Ok(Command { link: (link != "all").then(|| link.to_owned()), way, changes })
    }
}

fn change(word: &str) -> Result<Change, String> {
    let (name, value) = word.split_once('=').ok_or_else(|| format!("{word} is no setting: NAME=VALUE"))?;
    let setting = match name {
        "network" => return Ok(Change::Network(value.to_owned())),
        "delay" => time(value).map(Setting::Delay),
        "jitter" => time(value).map(Setting::Jitter),
        "loss" => share(value).map(Setting::Loss),
        "reorder" => share(value).map(Setting::Reorder),
        "rate" => rate(value).map(Setting::Rate),
        "mtu" if value == "off" => Some(Setting::Mtu(None)),
        "mtu" => value.parse().ok().map(|mtu| Setting::Mtu(Some(mtu))),
        "drop" => drops(value).map(Setting::Drop),
        _ => return Err(format!("{name} is none of delay, jitter, loss, reorder, rate, mtu, drop, network")),
    };
    setting.map(Change::Quality).ok_or_else(|| format!("{value} is no value of {name}"))
}

/// A number that is not negative, before this unit.
fn number(value: &str, unit: &str) -> Option<f64> {
    value.strip_suffix(unit)?.parse().ok().filter(|number: &f64| (0.0..=1e12).contains(number))
}

/// `1.5ms`, `2s`, up to an hour.
fn time(value: &str) -> Option<Duration> {
    let seconds = number(value, "ms").map(|ms| ms / 1e3).or_else(|| number(value, "s"))?;
    (seconds <= 3600.0).then(|| Duration::from_secs_f64(seconds))
}

/// `0.5%`.
fn share(value: &str) -> Option<u64> {
    let percent = number(value, "%").filter(|percent| *percent <= 100.0)?;
    Some((percent / 100.0 * MILLION as f64).round() as u64)
}

/// `50mbit`, `64kbit`, `off`; at least one bit a second.
fn rate(value: &str) -> Option<Option<u64>> {
    if value == "off" {
        return Some(None);
    }
    let bits = number(value, "mbit").map(|rate| rate * 1e6).or_else(|| number(value, "kbit").map(|rate| rate * 1e3))?;
    (bits >= 1.0).then_some(Some(bits as u64))
}

/// `udp,syn`, `all`, `none`.
fn drops(value: &str) -> Option<Drops> {
    value.split(',').try_fold(Drops::default(), |mut drops, kind| {
        match kind {
            "udp" => drops.udp = true,
            "syn" => drops.syn = true,
            "all" => drops.all = true,
            "none" if value == "none" => (),
            _ => return None,
        }
        Some(drops)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quality(line: &str) -> Quality {
        let mut quality = Quality::default();
        let command: Command = line.parse().expect(line);
        for change in command.changes {
            if let Change::Quality(setting) = change {
                setting.apply(&mut quality);
            }
        }
        quality
    }

    #[test]
    fn a_line_says_all_of_a_link() {
        let line = "alice delay=1.5ms jitter=30ms loss=0.5% reorder=2% rate=50mbit mtu=1280 drop=udp,syn";
        assert_eq!(
            quality(line),
            Quality {
                delay: Duration::from_micros(1500),
                jitter: Duration::from_millis(30),
                loss: 5_000,
                reorder: 20_000,
                rate: Some(50_000_000),
                mtu: Some(1280),
                drops: Drops { udp: true, syn: true, all: false },
            }
        );
        let back = "alice delay=0s jitter=0ms loss=0% reorder=0% rate=off mtu=off drop=none";
        assert_eq!(quality(&format!("{line}{}", back.trim_start_matches("alice"))), Quality::default());
        assert!(quality("all drop=all").drops.all);
        assert_eq!(quality("x rate=0.5kbit").rate, Some(500));
    }

    #[test]
    fn a_link_has_two_directions_and_a_network() {
        let command: Command = "router/down network=inside".parse().expect("a command");
        assert_eq!((command.link.as_deref(), command.way), (Some("router"), Way::Down));
        assert_eq!(command.changes, [Change::Network("inside".to_owned())]);
        let command: Command = " all/up  delay=1s ".parse().expect("a command");
        assert_eq!((command.link, command.way), (None, Way::Up));
        assert!(Way::Both.is_up() && Way::Both.is_down() && !Way::Up.is_down() && !Way::Down.is_up());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, word) in [
            ("", "LINK"),
            ("alice", "alice"),
            ("alice/left delay=1s", "left"),
            ("alice slow", "slow"),
            ("alice speed=1", "speed"),
            ("alice delay=1", "1"),
            ("alice delay=-1ms", "-1ms"),
            ("alice delay=2000000s", "2000000s"),
            ("alice delay=NaNs", "NaNs"),
            ("alice loss=101%", "101%"),
            ("alice loss=1", "loss"),
            ("alice rate=0mbit", "0mbit"),
            ("alice rate=fast", "fast"),
            ("alice mtu=-1", "-1"),
            ("alice drop=tcp", "tcp"),
            ("alice drop=none,udp", "none,udp"),
        ] {
            let error = line.parse::<Command>().expect_err(line);
            assert!(error.contains(word), "{line}: {error}");
        }
    }

    #[test]
    fn the_usage_names_each_setting() {
        for name in ["delay=", "jitter=", "loss=", "reorder=", "rate=", "mtu=", "drop=", "network="] {
            assert!(USAGE.contains(name), "{name}");
        }
    }
}
