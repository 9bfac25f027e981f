//! Numbers that look random, from a number that they begin with: Marsaglia's xorshift (2003). No secret comes from here.

/// Where in the sequence one is.
#[derive(Clone, Debug)]
pub struct Xorshift(u64);

impl Xorshift {
    /// The sequence that begins with this number; 0 begins none, and counts as 1.
    pub fn new(begin: u64) -> Xorshift {
        Xorshift(begin.max(1))
    }

    /// The next number: from 0 on, and below 1.
    pub fn fraction(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_lie_between_0_and_1_and_everywhere_there() {
        for begin in [0, 1, 7, u64::MAX] {
            let mut random = Xorshift::new(begin);
            // The first ones of a small beginning are small.
            let numbers: Vec<f64> = (0..1_100).map(|_| random.fraction()).skip(100).collect();
            assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
            let low = numbers.iter().filter(|number| **number < 0.25).count();
            assert!((200..300).contains(&low), "{low} of 1,000 are in the first quarter");
        }
    }
}
