//! A time of the day in hours and minutes: `14:05`.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

/// Minutes since midnight, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOfDay(u16);

/// What is no time of the day: it is two digits, a colon, two digits.
#[derive(Debug, PartialEq, Eq)]
pub struct NoTimeOfDay;

impl TimeOfDay {
    /// The time of the day at this moment; 00:00 for what lies before 1970.
    pub fn of(moment: SystemTime) -> TimeOfDay {
        let seconds = moment.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        TimeOfDay((seconds / 60 % (24 * 60)) as u16)
    }
}

impl FromStr for TimeOfDay {
    type Err = NoTimeOfDay;

    fn from_str(text: &str) -> Result<TimeOfDay, NoTimeOfDay> {
        let number = |text: &str, below: u16| {
            let is_plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u16>().ok().filter(|number| is_plain && *number < below)
        };
        let (hours, minutes) = text.split_once(':').ok_or(NoTimeOfDay)?;
        match (number(hours, 24), number(minutes, 60)) {
            (Some(hours), Some(minutes)) => Ok(TimeOfDay(hours * 60 + minutes)),
            _ => Err(NoTimeOfDay),
        }
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn there_and_back() {
        for text in ["00:00", "09:05", "23:59"] {
            assert_eq!(text.parse::<TimeOfDay>().map(|time| time.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "9:05", "09:5", "24:00", "23:60", "+9:05", "09:05:00", "09.05", "1²:00"] {
            assert_eq!(text.parse::<TimeOfDay>(), Err(NoTimeOfDay), "{text}");
        }
    }

    #[test]
    fn of_a_moment() {
        // 2023-11-14 22:13:20
        let moment = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        assert_eq!(TimeOfDay::of(moment).to_string(), "22:13");
    }
}
