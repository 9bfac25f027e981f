//! The fields of an entry of a stream, to be read: whatever stands there, it is a value or none.

use crate::protocol::Notice;
use crate::value::line;
use std::str::{self, FromStr};

/// Fields with their values, in order.
#[derive(Clone, Copy)]
pub struct Fields<'a>(pub &'a [(String, Vec<u8>)]);

impl<'a> Fields<'a> {
    /// The first field of this name, where it is text.
    pub fn text(self, name: &str) -> Option<&'a str> {
        let (_, value) = self.0.iter().find(|(field, _)| field == name)?;
        str::from_utf8(value).ok()
    }

    /// The same as what it is to be.
    pub fn parsed<T: FromStr>(self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    /// What goes into a line of the protocol: a line end in it would begin another one.
    pub fn one_line(self, name: &str) -> Option<&'a str> {
        line::check(self.text(name)?.as_bytes()).ok()
    }

    /// What somebody is told.
    pub fn notice(self) -> Option<Notice> {
        self.one_line("notice").map(Notice::parse)
    }
}
