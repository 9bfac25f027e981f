//! What stands in the place of the screen in a build without the feature `screen`: a terminal shows lines, as `--plain`
//! has it. It knows nothing of terminals.

use super::call::Signals;
use super::runner::{Interface, Stop};
use std::io;

/// Whether the terminal of the process can be a screen: never.
pub fn is_supported() -> bool {
    false
}

/// Takes no terminal.
///
/// # Errors
/// Always, with what to do.
pub fn open(_signals: &Signals, _stop: &Stop) -> io::Result<Interface> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this client is built without a screen: use --plain"))
}
