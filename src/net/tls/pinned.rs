//! A client's side: it knows the other side by its key, and asks for no name and no date.

use super::identity::Identity;
use super::keyed::fingerprint_of;
use crate::net::handshake::{Accepts, NoTls};
use crate::value::Fingerprint;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, OtherError, SignatureScheme};
use std::fmt;
use std::io;
use std::sync::Arc;

/// What the library wants to be told, and nobody else is.
const NO_NAME: &str = "peerline";

/// A client that takes these keys, and shows its own if it has one.
///
/// # Errors
/// None that is known.
pub(super) fn client(own: Option<&Identity>, accepts: &Accepts) -> io::Result<ClientConnection> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let versions = builder.with_protocol_versions(&[&rustls::version::TLS13]).map_err(io::Error::other)?;
    let by_key = Arc::new(ByKey { accepts: accepts.clone(), provider });
    let verified = versions.dangerous().with_custom_certificate_verifier(by_key);
    let mut config = match own {
        None => verified.with_no_client_auth(),
        Some(own) => {
            verified.with_client_auth_cert(own.chain.clone(), own.key.clone_key()).map_err(io::Error::other)?
        }
    };
    // No secret outlives its connection.
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    let name = ServerName::try_from(NO_NAME).map_err(io::Error::other)?;
    ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)
}

/// Looks at the key alone. Whoever shows a certificate must have its key: the signature is checked.
#[derive(Debug)]
struct ByKey {
    accepts: Accepts,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for ByKey {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        _others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let shown = fingerprint_of(own)?;
        match self.accepts.takes(shown) {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(CertificateError::Other(OtherError(Arc::new(OtherKey(shown)))).into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 is not spoken here".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The other side has this key, which is not taken.
#[derive(Debug)]
struct OtherKey(Fingerprint);

impl fmt::Display for OtherKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "another key: {}", self.0)
    }
}

impl std::error::Error for OtherKey {}

/// Why a handshake has failed.
pub(super) fn why(error: io::Error) -> NoTls {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    let Some(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(other)))) = inner else {
        return NoTls::Failed(error);
    };
    match other.downcast_ref::<OtherKey>() {
        Some(OtherKey(shown)) => NoTls::OtherKey(*shown),
        None => NoTls::Failed(error),
    }
}
