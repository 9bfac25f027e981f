//! The options that have to do with TLS.

use super::trust::TlsOptions;
use crate::value::Fingerprint;
use clap::Args;
use std::path::PathBuf;

/// As they are typed.
#[derive(Args, Clone, Debug)]
pub struct TlsArguments {
    /// Speak TLS with the server: PORT is its port for that. One that is found has to offer it
    #[arg(long)]
    tls: bool,

    /// The key that the server must have, sha256: and 64 digits, by TLS; then no question is asked, and no key is remembered
    #[arg(long, value_name = "KEY")]
    fingerprint: Option<Fingerprint>,

    /// The name for which the server must have a certificate of an authority that this system trusts, by TLS; its key is not
    /// asked about or remembered then
    #[arg(long, value_name = "NAME", conflicts_with_all = ["fingerprint", "known_servers"])]
    tls_name: Option<String>,

    /// Where the keys of servers are remembered [default: peerline/known_servers in $XDG_STATE_HOME or ~/.local/state]
    #[arg(long, value_name = "FILE", conflicts_with = "fingerprint")]
    known_servers: Option<PathBuf>,

    /// Let chats and messages go in the clear to people who do not use TLS; files and commands never do
    #[arg(long)]
    clear_peers: bool,
}

impl TlsArguments {
    /// What they say of a server. Whoever tells its key or the name of its certificate wants TLS.
    pub fn options(&self) -> TlsOptions {
        let (fingerprint, name) = (self.fingerprint, self.tls_name.clone());
        let only = self.tls || fingerprint.is_some() || name.is_some();
        TlsOptions { only, fingerprint, name, known: self.known_servers.clone(), clear_peers: self.clear_peers }
    }
}
