//! The order of the events of one file, as they are read: the clock that nobody sets, and what is missing.

use crate::event::Event;

/// How far a clock may drift from the steady one before somebody must have set it, in microseconds.
const DRIFT: i64 = 100_000;
/// So many holes are told apart.
const MAX_HOLES: usize = 1_000_000;

/// What is known of the events so far.
#[derive(Debug, Default)]
pub struct Order {
    /// How far the clock was from the steady one at first.
    difference: Option<i64>,
    was_set: i64,
    /// The number and the time of the last event.
    before: Option<(u64, i64)>,
    /// The least and the greatest number, and how many there are.
    numbers: Option<(u64, u64)>,
    seen: u64,
    missing: u64,
    holes: Vec<(i64, i64)>,
    /// A number follows that is not greater.
    is_mixed: bool,
}

impl Order {
    /// Takes the next event, and gives it the time of the clock that nobody sets: where somebody sets the other one, this goes
    /// on.
    pub fn take(&mut self, mut event: Event) -> Event {
        if let Some(steady) = event.steady {
            let time = steady + *self.difference.get_or_insert(event.time - steady);
            self.was_set = if (event.time - time).abs() > DRIFT { event.time - time } else { self.was_set };
            event.time = time;
        }
        if event.number > 0 {
            self.count(event.number, event.time);
        }
        event
    }

    fn count(&mut self, number: u64, time: i64) {
        self.seen += 1;
        let (least, greatest) = self.numbers.unwrap_or((number, number));
        self.numbers = Some((least.min(number), greatest.max(number)));
        let Some((last, then)) = self.before.replace((number, time)) else { return };
        self.is_mixed |= number <= last;
        let hole = number.saturating_sub(last.saturating_add(1));
        if hole == 0 {
            return;
        }
        self.missing = self.missing.saturating_add(hole);
        let (from, until) = (time.min(then), time.max(then));
        // More of them are one.
        let is_full = self.holes.len() >= MAX_HOLES;
        match self.holes.last_mut().filter(|hole| is_full || (hole.0 <= from && from <= hole.1)) {
            Some(hole) => *hole = (hole.0.min(from), hole.1.max(until)),
            None => self.holes.push((from, until)),
        }
    }

    /// What whoever looks at the file should know.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.was_set != 0 {
            let seconds = self.was_set as f64 / 1e6;
            remarks.push(format!("its clock was set by {seconds:.1} s meanwhile: times go on by the steady one"));
        }
        let (least, greatest) = self.numbers.unwrap_or_default();
        let missing = match self.is_mixed {
            true => (greatest - least).saturating_add(1).saturating_sub(self.seen),
            false => self.missing,
        };
        if self.is_mixed {
            remarks.push(
                "its lines are not in the order of their numbers, so nobody knows what is missing where".to_owned(),
            );
        }
        if missing > 0 {
            remarks.push(format!("{missing} events are missing in it: they were never written, or taken out"));
        }
        remarks
    }

    /// From when to when events are missing: in order, and apart from each other. Where lines are mixed nobody knows.
    pub fn holes(self) -> Vec<(i64, i64)> {
        if self.is_mixed {
            return vec![(i64::MIN, i64::MAX)];
        }
        let (mut sorted, mut holes) = (self.holes, Vec::<(i64, i64)>::new());
        sorted.sort_unstable();
        for (from, until) in sorted {
            match holes.last_mut().filter(|before| from <= before.1) {
                Some(before) => before.1 = before.1.max(until),
                None => holes.push((from, until)),
            }
        }
        holes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of events with these numbers.
    fn remarks(numbers: &[u64]) -> Vec<String> {
        let mut order = Order::default();
        for (time, number) in (0..).zip(numbers) {
            order.take(Event { time, number: *number, ..Event::default() });
        }
        order.remarks()
    }

    #[test]
    fn what_is_missing_and_what_is_mixed_is_told_as_far_as_it_is_known() {
        let mixed = "its lines are not in the order of their numbers, so nobody knows what is missing where";
        let missing = "2 events are missing in it: they were never written, or taken out";
        assert_eq!(remarks(&[1, 2, 3]), [""; 0]);
        assert_eq!(remarks(&[1, 2, 5, 6]), [missing]);
        assert_eq!(remarks(&[3, 1, 2, 5, 4]), [mixed]);
        assert_eq!(remarks(&[3, 1, 7, 5, 4]), [mixed, missing]);
        assert_eq!(remarks(&[0, 0, 0]), [""; 0]);
    }
}
