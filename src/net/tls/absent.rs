//! What stands in the place of TLS in a build without the feature `tls`: there is no key, so there is no connection.

use crate::net::DeadlineReader;
use crate::net::handshake::{Accepts, NoTls};
use crate::trace::Wire;
use crate::value::Fingerprint;
use std::io::{self, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// Whether this build has TLS.
pub const IS_BUILT: bool = false;

const WITHOUT: &str = "is built without TLS: build it with the feature `tls`";

/// Takes nobody.
///
/// # Errors
/// Always, with what to do.
pub fn named(_name: &str) -> Result<Accepts, String> {
    Err(format!("this client {WITHOUT}"))
}

/// There is none.
#[derive(Debug)]
pub enum Identity {}

/// There is none.
#[derive(Debug)]
pub enum Channel {}

/// There is none.
pub enum Decrypting {}

/// A key and its certificate, as files hold them.
#[derive(Debug)]
pub struct Pair {
    /// The key, in PEM.
    pub key: Vec<u8>,
    /// Its certificate and those that it hangs on, in PEM.
    pub certificate: Vec<u8>,
}

impl Pair {
    /// Makes none.
    ///
    /// # Errors
    /// Always, with what to do.
    pub fn generate() -> Result<Pair, String> {
        Err(format!("this server {WITHOUT}"))
    }

    /// Makes none.
    ///
    /// # Errors
    /// Always, with what to do.
    pub fn of_key(_key: Vec<u8>) -> Result<Pair, String> {
        Pair::generate()
    }
}

impl Identity {
    /// Reads none.
    ///
    /// # Errors
    /// Always, with what to do.
    pub fn new(_pair: &Pair) -> Result<Identity, String> {
        Err(format!("this server {WITHOUT}"))
    }

    /// Makes none.
    ///
    /// # Errors
    /// Always, with what to do.
    pub fn for_a_run() -> Result<Identity, String> {
        Err(format!("this client {WITHOUT}"))
    }

    /// See the feature.
    pub fn fingerprint(&self) -> Fingerprint {
        match *self {}
    }

    /// See the feature.
    pub fn validity(&self) -> Option<(SystemTime, SystemTime)> {
        match *self {}
    }
}

impl Channel {
    /// See the feature.
    pub fn stream(&self) -> &Arc<TcpStream> {
        match *self {}
    }

    /// See the feature.
    pub fn key(&self) -> Option<Fingerprint> {
        match *self {}
    }

    /// See the feature.
    pub fn suite(&self) -> String {
        match *self {}
    }

    /// See the feature.
    pub fn validity(&self) -> Option<(SystemTime, SystemTime)> {
        match *self {}
    }

    /// See the feature.
    ///
    /// # Errors
    /// None.
    pub fn export<const N: usize>(&self, _label: &str) -> io::Result<[u8; N]> {
        match *self {}
    }

    /// See the feature.
    ///
    /// # Errors
    /// None.
    pub fn write(&self, _bytes: &[u8]) -> io::Result<usize> {
        match *self {}
    }

    /// See the feature.
    pub fn say_last(&self, _bytes: &[u8]) {
        match *self {}
    }

    /// See the feature.
    ///
    /// # Errors
    /// None.
    pub fn send_at_once(&self, _bytes: &[u8]) -> io::Result<()> {
        match *self {}
    }

    /// See the feature.
    pub fn leave(&self) {
        match *self {}
    }

    /// See the feature.
    pub fn close(&self) {
        match *self {}
    }
}

impl Decrypting {
    /// See the feature.
    ///
    /// # Errors
    /// None.
    pub fn accept(
        identity: &Identity,
        _stream: &Arc<TcpStream>,
        _input: DeadlineReader,
        _wire: &Wire,
    ) -> io::Result<Decrypting> {
        match *identity {}
    }

    /// Makes no connection.
    ///
    /// # Errors
    /// Always, with what to do.
    pub fn connect(
        _own: Option<&Identity>,
        _accepts: &Accepts,
        _stream: &Arc<TcpStream>,
        _until: Instant,
        _wire: &Wire,
    ) -> Result<Decrypting, NoTls> {
        Err(NoTls::Failed(io::Error::new(io::ErrorKind::Unsupported, format!("this client {WITHOUT}"))))
    }

    /// See the feature.
    pub fn channel(&self) -> &Arc<Channel> {
        match *self {}
    }

    /// See the feature.
    pub fn has_more(&self) -> bool {
        match *self {}
    }

    /// See the feature.
    pub fn expect_much(&mut self) {
        match *self {}
    }

    /// See the feature.
    pub fn record_no_more(&mut self) {
        match *self {}
    }

    /// See the feature.
    pub fn set_deadline(&mut self, _deadline: Option<Instant>) {
        match *self {}
    }

    /// See the feature.
    pub fn set_rate(&mut self, _rate: Option<u32>) {
        match *self {}
    }
}

impl Read for Decrypting {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_for_tls_hears_how_to_have_it() {
        let refused = Pair::generate().expect_err("there is none");
        assert_eq!(refused, "this server is built without TLS: build it with the feature `tls`");
        let pair = Pair { key: Vec::new(), certificate: Vec::new() };
        assert_eq!(Identity::new(&pair).expect_err("there is none"), refused);
    }
}
