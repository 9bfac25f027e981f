//! What stands in the place of a shared directory in a build without the feature `cluster`.

use crate::server::clients::ClientMap;
use crate::server::config::Config;
use crate::server::delivery::Broadcaster;
use crate::server::directory::embedded::Embedded;
use crate::server::store::History;
use std::sync::Arc;

/// Opens nothing.
///
/// # Errors
/// Always, with what to do.
pub fn open(
    _config: &Config,
    _url: &str,
    _clients: ClientMap,
    _history: &Arc<History>,
    _broadcaster: Arc<Broadcaster>,
) -> Result<Embedded, String> {
    Err("--directory: this server is built without it: build it with `cargo build --features cluster`".to_owned())
}
