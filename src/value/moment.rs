//! A minute of the calendar: `2026-11-28 19:00 UTC`. A name of a month is a word of some language, and a number of a month
//! alone may be that of a day.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

/// How it is written.
const FORM: &str = "%Y-%m-%d %H:%M UTC";
/// The last one, which is far enough: the end of the year 9998.
const LAST: u64 = 253_370_764_800 / 60 - 1;

/// Minutes since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

/// What is no moment.
#[derive(Debug, PartialEq, Eq)]
pub struct NoMoment;

impl Moment {
    /// The first full minute that is not before this time; one before 1970 is 1970, and one beyond 9998 its end.
    pub fn at_or_after(time: SystemTime) -> Moment {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = since.as_secs() + u64::from(since.subsec_nanos() > 0);
        Moment(seconds.div_ceil(60).min(LAST))
    }

    /// The minute in which this time lies; one before 1970 is 1970, and one beyond 9998 its end.
    pub fn of(time: SystemTime) -> Moment {
        Moment((time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 60).min(LAST))
    }

    /// Whether it lies in the past, or is now.
    pub fn is_over(self, now: SystemTime) -> bool {
        now.duration_since(UNIX_EPOCH).is_ok_and(|since| since.as_secs() >= self.0 * 60)
    }
}

impl FromStr for Moment {
    type Err = NoMoment;

    fn from_str(text: &str) -> Result<Moment, NoMoment> {
        let date = DateTime::strptime(FORM, text).map_err(|_| NoMoment)?;
        let seconds = date.to_zoned(TimeZone::UTC).map_err(|_| NoMoment)?.timestamp().as_second();
        let moment = Moment(u64::try_from(seconds).map_err(|_| NoMoment)? / 60);
        // Another way to write the same would be written back differently.
        if moment.to_string() == text { Ok(moment) } else { Err(NoMoment) }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = i64::try_from(self.0 * 60).map_err(|_| fmt::Error)?;
        let time = Timestamp::from_second(seconds).map_err(|_| fmt::Error)?;
        write!(f, "{}", time.strftime(FORM))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn there_and_back() {
        for text in ["1970-01-01 00:00 UTC", "2026-11-28 19:05 UTC", "2028-02-29 23:59 UTC", "9998-12-31 23:59 UTC"] {
            assert_eq!(text.parse::<Moment>().map(|moment| moment.to_string()), Ok(text.to_owned()));
        }
        let bad = [
            "",
            "2026-11-28",
            "2026-11-28 19:05",
            "2026-02-29 00:00 UTC",
            "2026-1-28 19:05 UTC",
            "1969-12-31 23:59 UTC",
        ];
        for text in bad.into_iter().chain(["2026-11-28 24:00 UTC", "2026-11-28 19:05 UTC ", "2026-11-28  19:05 UTC"]) {
            assert_eq!(text.parse::<Moment>(), Err(NoMoment), "{text}");
        }
    }

    #[test]
    fn of_a_time_and_over_when_that_has_come() {
        let time = UNIX_EPOCH + Duration::from_millis(1_700_000_000_001);
        let moment = Moment::at_or_after(time);
        assert_eq!(moment.to_string(), "2023-11-14 22:14 UTC");
        assert_eq!(Moment::of(time).to_string(), "2023-11-14 22:13 UTC");
        assert!(!moment.is_over(time) && !moment.is_over(time + Duration::from_secs(39)));
        assert!(moment.is_over(time + Duration::from_secs(40)));
        let last = Moment::at_or_after(UNIX_EPOCH + Duration::from_secs(1 << 50));
        assert_eq!(last.to_string(), "9998-12-31 23:59 UTC");
    }
}
