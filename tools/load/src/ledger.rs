//! What must be seen and what was: which session saw which broadcasts, and at the end what is missing. Pure.
//!
//! A session must see each broadcast that the server has acknowledged and that was sent after the session's login: all
//! of them when it stayed to the end, else those up to the last that it saw, as what was on its way when it left was
//! nobody's fault. What was sent before its login may come too, but need not.

use crate::mark::Mark;

/// A broadcast that the server has acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The class's own number of it.
    pub number: u64,
    /// The number that the server gave it, if the answer said so. Without it only who stays must see it.
    pub seq: Option<u64>,
    /// When it was sent, in microseconds from the start.
    pub at: u64,
}

/// Numbers, kept as ranges with both ends in them: those of a broadcast class follow each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// Adds a number; false when it was there.
    fn insert(&mut self, number: u64) -> bool {
        let at = self.0.partition_point(|range| range.1 < number);
        if self.0.get(at).is_some_and(|range| range.0 <= number) {
            return false;
        }
        let joins_last = at > 0 && self.0[at - 1].1 + 1 == number;
        let joins_next = self.0.get(at).is_some_and(|range| range.0 == number + 1);
        match (joins_last, joins_next) {
            (true, true) => self.0[at - 1].1 = self.0.remove(at).1,
            (true, false) => self.0[at - 1].1 = number,
            (false, true) => self.0[at].0 = number,
            (false, false) => self.0.insert(at, (number, number)),
        }
        true
    }

    fn contains(&self, number: u64) -> bool {
        self.0.get(self.0.partition_point(|range| range.1 < number)).is_some_and(|range| range.0 <= number)
    }
}

/// What one session has seen, from a login to the end of its connection.
#[derive(Clone, Debug)]
pub struct View {
    /// When it was logged in, in microseconds from the start.
    login_at: u64,
    /// Whether it was still there when all had had their time to arrive.
    pub stayed: bool,
    seen: Ranges,
    /// The highest number of the server that it saw.
    last: Option<u64>,
    doubled: u64,
    disordered: u64,
}

/// The number in the answer to a broadcast.
pub fn seq_of(answer: &str) -> Option<u64> {
    answer.strip_prefix("Broadcast ")?.split(' ').next()?.parse().ok()
}

impl View {
    /// A session begins; nothing must be seen before [`View::log_in`].
    pub fn new() -> View {
        View { login_at: u64::MAX, stayed: false, seen: Ranges::default(), last: None, doubled: 0, disordered: 0 }
    }

    /// The login has succeeded, so many microseconds from the start.
    pub fn log_in(&mut self, at: u64) {
        self.login_at = at;
    }

    /// A broadcast has come, with this number of the server's; with a mark when it is one of the run. True for one that
    /// was sent after the login and not seen before: how long it took is a delivery's time.
    pub fn see(&mut self, seq: u64, mark: Option<Mark>) -> bool {
        let is_new = mark.is_none_or(|mark| self.seen.insert(mark.number));
        match self.last {
            // The same number twice is one that came twice, whoever broadcast it.
            Some(last) if !is_new || seq == last => self.doubled += 1,
            Some(last) if seq < last => self.disordered += 1,
            _ if !is_new => self.doubled += 1,
            _ => {}
        }
        self.last = self.last.max(Some(seq));
        is_new && mark.is_some_and(|mark| mark.at >= self.login_at)
    }

    /// The highest number of the server that it saw.
    pub fn last(&self) -> Option<u64> {
        self.last
    }

    fn must_see(&self, sent: &Sent) -> bool {
        sent.at >= self.login_at && (self.stayed || sent.seq.is_some_and(|seq| Some(seq) <= self.last))
    }
}

/// What became of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Deliveries that had to be.
    pub expected: u64,
    /// Those of them that were.
    pub seen: u64,
    /// That came once more.
    pub doubled: u64,
    /// That came behind one with a higher number.
    pub disordered: u64,
    /// Acknowledged broadcasts that have the number of another.
    pub same_number: u64,
}

impl Balance {
    /// Deliveries that had to be and were not.
    pub fn lost(&self) -> u64 {
        self.expected - self.seen
    }

    /// Whether nothing was lost, doubled or out of order.
    pub fn is_clean(&self) -> bool {
        self.lost() + self.doubled + self.disordered + self.same_number == 0
    }
}

/// The end: all that was acknowledged, which is sorted, held against what each session has seen.
pub fn settle(sent: &mut [Sent], views: &[View]) -> Balance {
    sent.sort_unstable_by_key(|sent| sent.seq);
    let same_number = sent.windows(2).filter(|two| two[0].seq.is_some() && two[0].seq == two[1].seq).count() as u64;
    let mut balance = Balance { same_number, ..Balance::default() };
    sent.sort_unstable_by_key(|sent| sent.at);
    for view in views {
        let after_login = &sent[sent.partition_point(|sent| sent.at < view.login_at)..];
        for sent in after_login.iter().filter(|sent| view.must_see(sent)) {
            balance.expected += 1;
            balance.seen += u64::from(view.seen.contains(sent.number));
        }
        balance.doubled += view.doubled;
        balance.disordered += view.disordered;
    }
    balance
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Broadcast `number` was sent at 10 times its number, and the server's number is 100 higher.
    fn sent(numbers: std::ops::Range<u64>) -> Vec<Sent> {
        numbers.map(|number| Sent { number, seq: Some(number + 100), at: 10 * number }).collect()
    }

    fn logged_in(at: u64) -> View {
        let mut view = View::new();
        view.log_in(at);
        view
    }

    fn view(login_at: u64, stayed: bool, numbers: &[u64]) -> View {
        let mut view = logged_in(login_at);
        for &number in numbers {
            view.see(number + 100, Some(Mark { run: 1, number, at: 10 * number }));
        }
        View { stayed, ..view }
    }

    fn balance(view: View) -> (u64, u64, u64, u64) {
        let balance = settle(&mut sent(0..5), &[view]);
        (balance.expected, balance.lost(), balance.doubled, balance.disordered)
    }

    #[test]
    fn who_stays_must_see_all_that_was_sent_after_the_login() {
        assert_eq!(balance(view(0, true, &[0, 1, 2, 3, 4])), (5, 0, 0, 0));
        assert_eq!(balance(view(15, true, &[2, 3, 4])), (3, 0, 0, 0));
        assert_eq!(balance(view(15, true, &[0, 1, 2, 3, 4])), (3, 0, 0, 0), "the history, too");
        assert_eq!(balance(view(0, true, &[0, 1, 3])), (5, 2, 0, 0));
        assert_eq!(balance(view(0, true, &[])), (5, 5, 0, 0));
    }

    #[test]
    fn who_leaves_must_see_all_before_the_last_that_was_seen() {
        assert_eq!(balance(view(0, false, &[0, 1, 2])), (3, 0, 0, 0));
        assert_eq!(balance(view(0, false, &[0, 2])), (3, 1, 0, 0));
        assert_eq!(balance(view(0, false, &[])), (0, 0, 0, 0));
    }

    #[test]
    fn what_comes_twice_or_late_is_counted_once() {
        assert_eq!(balance(view(0, true, &[0, 1, 1, 2, 3, 4])), (5, 0, 1, 0));
        assert_eq!(balance(view(0, true, &[0, 1, 2, 0, 3, 4])), (5, 0, 1, 0));
        assert_eq!(balance(view(0, true, &[0, 2, 1, 3, 4])), (5, 0, 0, 1));
    }

    #[test]
    fn what_others_broadcast_has_an_order_too() {
        let mut view = logged_in(0);
        assert!(!view.see(5, None));
        view.see(5, None);
        view.see(4, None);
        assert_eq!((view.doubled, view.disordered, view.last()), (1, 1, Some(5)));
    }

    #[test]
    fn a_text_that_comes_under_two_numbers_is_doubled() {
        let mut view = logged_in(0);
        let mark = Mark { run: 1, number: 0, at: 5 };
        assert!(view.see(1, Some(mark)));
        assert!(!view.see(2, Some(mark)));
        assert_eq!(view.doubled, 1);
        assert!(!logged_in(6).see(1, Some(mark)), "it was sent before the login");
    }

    #[test]
    fn without_a_number_only_who_stays_must_see_it() {
        let mut sent = [Sent { number: 0, seq: None, at: 5 }, Sent { number: 1, seq: None, at: 6 }];
        let balance = settle(&mut sent, &[view(0, true, &[0, 1]), view(0, false, &[1])]);
        assert_eq!((balance.expected, balance.is_clean()), (2, true));
        assert_eq!(seq_of("Broadcast 12 sent to 2 clients"), Some(12));
        assert_eq!(seq_of("done"), None);
    }

    #[test]
    fn a_number_that_is_given_twice_is_found() {
        let mut twice = [Sent { number: 0, seq: Some(1), at: 0 }, Sent { number: 1, seq: Some(1), at: 1 }];
        let balance = settle(&mut twice, &[]);
        assert_eq!(balance.same_number, 1);
        assert!(!balance.is_clean());
    }

    #[test]
    fn ranges_grow_together() {
        let mut ranges = Ranges::default();
        for number in [5, 3, 9, 4, 8] {
            assert!(ranges.insert(number));
        }
        assert_eq!(ranges.0, [(3, 5), (8, 9)]);
        assert!(!ranges.insert(4) && !ranges.insert(9));
        assert!(ranges.contains(3) && ranges.contains(5) && !ranges.contains(6) && !ranges.contains(10));
    }
}
