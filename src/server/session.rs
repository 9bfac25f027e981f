//! One conversation with a client, from greeting to goodbye, in each of the dialects: lines in, calls of the services,
//! words out.
//!
//! A session touches neither the stores nor the client map but through the services.

mod native_step;
mod native_welcome;
mod native;
mod native_loop;
mod native_tls;
mod menu_inbox;
mod menu_step;
mod menu;
mod menu_loop;
mod query;
mod packet;

use crate::value::text;
use std::fmt;

pub use menu_loop::Menus;
pub use native_loop::Native;
pub use native_tls::NativeTls;
pub use packet::Packets;
pub use query::{Queries, probe_guests};

/// The most bytes that a text from a client, or an answer, takes of a line of the log.
const LOGGED: usize = 200;

/// A text as the log shows it: on one line, nothing in it that a terminal obeys, shortened to [`LOGGED`] bytes. Nothing
/// is made of it where nothing is logged.
fn logged(said: &str) -> impl fmt::Display + '_ {
    Logged(said)
}

struct Logged<'a>(&'a str);

impl fmt::Display for Logged<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = self.0.len() <= LOGGED && self.0.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if is_plain { f.write_str(self.0) } else { f.write_str(&shorten(self.0)) }
    }
}

fn shorten(said: &str) -> String {
    const CUT: &str = "...";
    let shown = text::escape(text::cut(said, LOGGED));
    if said.len() <= LOGGED && shown.len() <= LOGGED {
        shown
    } else {
        text::cut(&shown, LOGGED - CUT.len()).to_owned() + CUT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_says_takes_little_of_the_log() {
        let logged = |said: &str| logged(said).to_string();
        assert_eq!(logged("bcast_hi \x1b"), "bcast_hi \\u{1b}");
        let whole = "x".repeat(LOGGED);
        assert_eq!(logged(&whole), whole);
        for long in [whole.clone() + "x", "\u{202e}".repeat(60), "\u{1}".repeat(5000), "ü".repeat(5000)] {
            let shown = logged(&long);
            assert!(shown.len() <= LOGGED && shown.len() > LOGGED - 12 && shown.ends_with("..."), "{shown}");
        }
    }
}
