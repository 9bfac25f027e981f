//! What several rounds gave: median and range, and the ratio of two. Pure.

/// One figure a round.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rounds(pub Vec<f64>);

impl Rounds {
    /// The middle one; of an even number the lower of both. `None` of none.
    pub fn median(&self) -> Option<f64> {
        let sorted = self.sorted();
        sorted.get(sorted.len().saturating_sub(1) / 2).copied()
    }

    /// The least and the most.
    pub fn range(&self) -> Option<(f64, f64)> {
        let sorted = self.sorted();
        Some((*sorted.first()?, *sorted.last()?))
    }

    /// Round by round how many times the other one it is: what both had to bear in a round falls out.
    pub fn over(&self, other: &Rounds) -> Rounds {
        Rounds(self.0.iter().zip(&other.0).filter(|(_, other)| **other > 0.0).map(|(own, other)| own / other).collect())
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_range() {
        let rounds = Rounds(vec![5.0, 1.0, 9.0, 3.0, 4.0]);
        assert_eq!((rounds.median(), rounds.range()), (Some(4.0), Some((1.0, 9.0))));
        assert_eq!(Rounds(vec![2.0, 1.0]).median(), Some(1.0));
        assert_eq!((Rounds::default().median(), Rounds::default().range()), (None, None));
    }

    #[test]
    fn ratios_are_of_one_round() {
        let own = Rounds(vec![10.0, 30.0, 5.0]);
        assert_eq!(own.over(&Rounds(vec![5.0, 10.0])), Rounds(vec![2.0, 3.0]));
        assert_eq!(own.over(&Rounds(vec![0.0, 10.0])), Rounds(vec![3.0]));
    }
}
