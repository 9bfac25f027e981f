//! What the class writes behind the text of each broadcast: whose run it is of, its number, and when it was sent. So
//! whoever reads it knows which one it is and how old, also at a server that gives it a wrong number. Pure.

use std::fmt;

/// The most bytes of a mark with the blank before it.
pub const MAX_MARK: usize = 56;

/// The mark of a broadcast. `Display` is what stands behind the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Which run: others may broadcast at the same server.
    pub run: u32,
    /// From 0 on, in the run.
    pub number: u64,
    /// When it was sent, in microseconds from the start of the run.
    pub at: u64,
}

impl Mark {
    /// Reads the end of a text; `None` when there is no mark.
    pub fn parse(text: &str) -> Option<Mark> {
        let mut fields = text.rsplit_once(" #")?.1.split('-');
        let run = u32::from_str_radix(fields.next()?, 16).ok()?;
        let (number, at) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        fields.next().is_none().then_some(Mark { run, number, at })
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " #{:08x}-{}-{}", self.run, self.number, self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_there_and_back() {
        for mark in [Mark { run: 0xab, number: 7, at: 123 }, Mark { run: u32::MAX, number: u64::MAX, at: u64::MAX }] {
            let text = format!("hi #1 all{mark}");
            assert_eq!(Mark::parse(&text), Some(mark), "{text}");
            assert!(mark.to_string().len() <= MAX_MARK);
        }
        for text in ["", "hi", "hi #", "hi #1", "hi #zz-1-2", "hi #1-2-3-4", "hi #1-2-x"] {
            assert_eq!(Mark::parse(text), None, "{text}");
        }
    }
}
