//! A row: one work, done by us and by others; and the table of all rows, as Markdown. Pure.

use crate::rounds::Rounds;

/// What figures count. More of a rate is better, less of all else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A second.
    Rate,
    /// MiB a second.
    Mebibytes,
    /// Milliseconds.
    Milliseconds,
    /// KiB.
    Kibibytes,
}

/// What is to be reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aim {
    /// So many times the other's figure, or more.
    AtLeast(f64),
    /// So many times the other's figure, or less.
    AtMost(f64),
    /// So much, or less, whatever others need.
    Value(f64),
}

/// One work.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its name; rows of one work stand together.
    pub work: String,
    /// Of all figures.
    pub unit: Unit,
    /// Ours.
    pub own: Rounds,
    /// Of the others, by their names.
    pub others: Vec<(String, Rounds)>,
    /// The one of the others that counts; the best of them when it is not named.
    pub against: Option<&'static str>,
    /// Of the ratio.
    pub aim: Option<Aim>,
}

impl Unit {
    /// A figure with its unit.
    pub fn show(self, value: f64) -> String {
        match self {
            Unit::Rate if value >= 1e6 => format!("{:.2} M/s", value / 1e6),
            Unit::Rate if value >= 1e3 => format!("{:.1} k/s", value / 1e3),
            Unit::Rate => format!("{value:.0}/s"),
            Unit::Mebibytes => format!("{value:.0} MiB/s"),
            Unit::Milliseconds if value < 1.0 => format!("{:.0} us", value * 1e3),
            Unit::Milliseconds => format!("{value:.1} ms"),
            Unit::Kibibytes => format!("{value:.1} KiB"),
        }
    }

    /// Of these figures; of the others less is.
    pub fn more_is_better(self) -> bool {
        matches!(self, Unit::Rate | Unit::Mebibytes)
    }

    fn is_better(self, one: f64, other: f64) -> bool {
        if self.more_is_better() { one > other } else { one < other }
    }
}

impl Aim {
    fn show(self, unit: Unit) -> String {
        match self {
            Aim::AtLeast(ratio) => format!("{ratio} or more"),
            Aim::AtMost(ratio) => format!("{ratio} or less"),
            Aim::Value(value) => unit.show(value),
        }
    }
}

impl Row {
    /// The other that counts, with its figures.
    pub fn rival(&self) -> Option<&(String, Rounds)> {
        let better = |one: &(f64, _), other: &(f64, _)| self.unit.is_better(one.0, other.0);
        let named = self.others.iter().filter(|(name, _)| self.against.is_none_or(|against| name == against));
        let measured = named.filter_map(|other| Some((other.1.median()?, other)));
        measured.reduce(|best, next| if better(&next, &best) { next } else { best }).map(|(_, other)| other)
    }

    /// How many times the rival's figure ours is.
    pub fn ratio(&self) -> Rounds {
        self.rival().map(|(_, rival)| self.own.over(rival)).unwrap_or_default()
    }

    /// Whether the aim is reached; `None` without an aim, or without the figures to say.
    pub fn is_met(&self) -> Option<bool> {
        let ratio = self.ratio().median();
        match self.aim? {
            Aim::AtLeast(aim) => Some(ratio? >= aim),
            Aim::AtMost(aim) => Some(ratio? <= aim),
            Aim::Value(aim) => Some(self.own.median()? <= aim),
        }
    }

    fn markdown(&self) -> String {
        let aim = self.aim.map_or(String::new(), |aim| aim.show(self.unit));
        let met = self.is_met().map_or("", |met| if met { "met" } else { "**short**" });
        format!("{} {aim} | {met} |\n", self.without_aim())
    }

    fn without_aim(&self) -> String {
        let show = |rounds: &Rounds| rounds.median().map_or("-".to_owned(), |value| self.unit.show(value));
        let rival = self.rival().map(|(name, _)| name.as_str());
        let mark = |name: &str| if rival == Some(name) && self.others.len() > 1 { "**" } else { "" };
        let others = self.others.iter().map(|(name, rounds)| format!("{0}{name}{0} {1}", mark(name), show(rounds)));
        let others = others.collect::<Vec<_>>().join(", ");
        let ratio = self.ratio();
        let ratio = match (ratio.median(), ratio.range()) {
            (Some(median), Some((least, most))) => format!("{median:.2} ({least:.2}-{most:.2})"),
            _ => "-".to_owned(),
        };
        format!("| {} | {} | {others} | {ratio} |", self.work, show(&self.own))
    }
}

/// Rows that have no aims, ours under this heading.
pub fn without_aims(own: &str, rows: &[Row]) -> String {
    let head = format!("| work | {own} | beside it | ratio (range) |\n| --- | --- | --- | --- |\n");
    rows.iter().fold(head, |table, row| table + &row.without_aim() + "\n")
}

/// All rows.
pub fn markdown(rows: &[Row]) -> String {
    let head = "| work | peerline | beside it | ratio (range) | aim | |\n| --- | --- | --- | --- | --- | --- |\n";
    rows.iter().fold(head.to_owned(), |table, row| table + &row.markdown())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(unit: Unit, against: Option<&'static str>, aim: Aim) -> Row {
        let others = [("a", 10.0), ("b", 20.0)].map(|(name, value)| (name.to_owned(), Rounds(vec![value])));
        let own = Rounds(vec![15.0]);
        Row { work: "w".to_owned(), unit, own, others: others.into(), against, aim: Some(aim) }
    }

    #[test]
    fn the_best_of_the_others_counts_unless_one_is_named() {
        let rival = |unit, against| row(unit, against, Aim::AtLeast(1.0)).rival().map(|(name, _)| name.clone());
        assert_eq!(rival(Unit::Rate, None).as_deref(), Some("b"));
        assert_eq!(rival(Unit::Milliseconds, None).as_deref(), Some("a"));
        assert_eq!(rival(Unit::Rate, Some("a")).as_deref(), Some("a"));
        assert_eq!(rival(Unit::Rate, Some("c")), None);
    }

    #[test]
    fn aims_are_reached_or_not() {
        let met = |unit, against, aim| row(unit, against, aim).is_met();
        assert_eq!(met(Unit::Rate, Some("a"), Aim::AtLeast(1.5)), Some(true));
        assert_eq!(met(Unit::Rate, Some("b"), Aim::AtLeast(0.8)), Some(false));
        assert_eq!(met(Unit::Milliseconds, Some("a"), Aim::AtMost(1.4)), Some(false));
        assert_eq!(met(Unit::Kibibytes, None, Aim::Value(15.0)), Some(true));
        assert_eq!(met(Unit::Rate, Some("c"), Aim::AtLeast(0.1)), None);
    }

    #[test]
    fn a_row_says_what_was_compared_and_what_came_out() {
        let line = row(Unit::Rate, None, Aim::AtLeast(1.5)).markdown();
        assert_eq!(line, "| w | 15/s | a 10/s, **b** 20/s | 0.75 (0.75-0.75) | 1.5 or more | **short** |\n");
        let alone = Row { others: Vec::new(), ..row(Unit::Milliseconds, None, Aim::AtMost(1.0)) };
        assert_eq!(alone.markdown(), "| w | 15.0 ms |  | - | 1 or less |  |\n");
        let table = without_aims("a house", &[alone]);
        assert_eq!(table.lines().nth(2), Some("| w | 15.0 ms |  | - |"));
        assert!(table.starts_with("| work | a house | beside it |"), "{table}");
    }

    #[test]
    fn figures_have_units_that_fit() {
        assert_eq!([6_310_000.0, 6310.0, 631.4].map(|rate| Unit::Rate.show(rate)), ["6.31 M/s", "6.3 k/s", "631/s"]);
        assert_eq!(Unit::Milliseconds.show(0.064), "64 us");
        assert_eq!(Unit::Mebibytes.show(1023.6), "1024 MiB/s");
    }
}
