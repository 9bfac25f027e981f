//! The options that have to do with TLS.

use super::known_servers;
use super::trust::TlsOptions;
use crate::value::Fingerprint;
use clap::Args;
use std::path::PathBuf;

/// As they are typed.
#[derive(Args, Clone, Debug)]
pub struct TlsArguments {
    /// Speak TLS with the server: PORT is its port for that
    #[arg(long, requires_all = ["host", "port"])]
    tls: bool,

    /// The key that the server must have, sha256: and 64 digits; then no question is asked, and no key is remembered
    #[arg(long, value_name = "KEY", requires = "tls")]
    fingerprint: Option<Fingerprint>,

    /// The name for which the server must have a certificate of an authority that this system trusts; its key is not asked
    /// about or remembered then
    #[arg(long, value_name = "NAME", requires = "tls", conflicts_with_all = ["fingerprint", "known_servers"])]
    tls_name: Option<String>,

    /// Where the keys of servers are remembered [default: peerline/known_servers in $XDG_STATE_HOME or ~/.local/state]
    #[arg(long, value_name = "FILE", requires = "tls", conflicts_with = "fingerprint")]
    known_servers: Option<PathBuf>,

    /// Let chats and messages go in the clear to people who do not use TLS; files and commands never do
    #[arg(long, requires = "tls")]
    clear_peers: bool,
}

impl TlsArguments {
    /// What they say of a server; `None` where it is spoken with in the clear.
    pub fn options(&self, host: Option<&str>, port: u16) -> Option<TlsOptions> {
        let place = known_servers::place(host.filter(|_| self.tls)?, port);
        let (fingerprint, name) = (self.fingerprint, self.tls_name.clone());
        Some(TlsOptions { place, fingerprint, name, known: self.known_servers.clone(), clear_peers: self.clear_peers })
    }
}
