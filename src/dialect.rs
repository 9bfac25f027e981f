//! What the original clients say and understand: codecs of pure values, one file a dialect.

pub mod menu;
pub mod query;
pub mod packet;

use std::fmt;

/// Which dialect a client of the originals speaks. `Display` is its name, as in `guest-query` and at the server's
/// start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The C++ originals' prompts; quiet for S2's client, which takes one answer a line. Its users have accounts.
    Menu {
        /// Silent until the first line, then one write for each.
        quiet: bool,
    },
    /// S3's comma queries. Its users are guests.
    Query,
    /// S4's packets. Its users are guests.
    Packet,
}

impl Dialect {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Dialect::Menu { quiet: false } => "menu",
            Dialect::Menu { quiet: true } => "menu:quiet",
            Dialect::Query => "query",
            Dialect::Packet => "packet",
        }
    }

    /// What a guest that speaks it is called beside its address.
    pub fn guest(self) -> String {
        format!("guest-{self}")
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
