//! Numbers that look random, from a seed that can be said: xorshift, good enough for a load. No secret comes from here.

/// A row of numbers.
pub struct Xorshift(u64);

impl Xorshift {
    /// The row of a seed.
    pub fn new(seed: u64) -> Xorshift {
        // Zero is the one state that does not move, and neighbours begin alike.
        let mut row = Xorshift(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        (0..8).for_each(|_| _ = row.next());
        row
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number from `least` on, below `beyond`, which is more.
    pub fn between(&mut self, least: u64, beyond: u64) -> u64 {
        least + self.next() % (beyond - least)
    }

    /// Whether one of `n` chances came.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.next() % n == 0
    }

    /// Bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_in_their_range_and_seeds_differ() {
        let mut row = Xorshift::new(0);
        let numbers: Vec<u64> = (0..1000).map(|_| row.between(5, 8)).collect();
        assert!((5..8).all(|number| numbers.contains(&number)) && numbers.iter().all(|number| (5..8).contains(number)));
        assert_ne!(Xorshift::new(1).next(), Xorshift::new(2).next());
        assert_eq!(Xorshift::new(3).bytes(11).len(), 11);
    }
}
