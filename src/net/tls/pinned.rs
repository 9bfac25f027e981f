//! A client's side: it knows the other side by its key, and asks for no name and no date; or by a name, and then they count.

use super::identity::Identity;
use super::keyed::{fingerprint_of, too_old};
use super::named;
use super::unfit;
use crate::net::handshake::{Accepts, Mistrust, NoTls};
use crate::value::Fingerprint;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
};
use std::fmt;
use std::io;
use std::sync::Arc;

/// What the library wants to be told, and nobody else is.
const NO_NAME: &str = "peerline";

/// A client that takes these keys, and shows its own if it has one.
///
/// # Errors
/// What it is to be known by is no name.
pub(super) fn client(own: Option<&Identity>, accepts: &Accepts) -> io::Result<ClientConnection> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let versions = builder.with_protocol_versions(&[&rustls::version::TLS13]).map_err(io::Error::other)?;
    let (takes, name) = match accepts {
        Accepts::Any => (Takes::Any, NO_NAME),
        Accepts::These(known) => (Takes::These(known.clone()), NO_NAME),
        Accepts::Named { name, roots } => (Takes::Named(named::store(roots)), name.as_str()),
    };
    // A server may have a certificate for each of its names. One that is known by its key is not told a made-up one.
    let tells_name = matches!(takes, Takes::Named(_));
    let verifier = Arc::new(Verifier { takes, provider });
    let verified = versions.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = match own {
        None => verified.with_no_client_auth(),
        Some(own) => {
            verified.with_client_auth_cert(own.chain.clone(), own.key.clone_key()).map_err(io::Error::other)?
        }
    };
    // No secret outlives its connection.
    config.resumption = Resumption::disabled();
    config.enable_sni = tells_name;
    let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
    ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)
}

/// See [`Accepts`].
#[derive(Debug)]
enum Takes {
    Any,
    These(Vec<Fingerprint>),
    Named(RootCertStore),
}

/// Looks at a certificate. Whoever shows one must have its key: the signature is checked.
#[derive(Debug)]
struct Verifier {
    takes: Takes,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let refused = |why| CertificateError::Other(OtherError(Arc::new(why))).into();
        let cannot_be_read = |error| refused(NotTaken::NotTrusted(Mistrust::Other(unfit::in_words(&error))));
        let shown = fingerprint_of(own).map_err(cannot_be_read)?;
        let taken = match &self.takes {
            Takes::Any => Ok(()),
            Takes::These(known) if known.contains(&shown) => Ok(()),
            Takes::These(_) => Err(NotTaken::OtherKey(shown)),
            Takes::Named(roots) => {
                named::check(own, others, name, roots, now, &self.provider).map_err(NotTaken::NotTrusted)
            }
        };
        taken.map(|()| ServerCertVerified::assertion()).map_err(refused)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(too_old())
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

/// Why a certificate is not taken, on its way through the library.
#[derive(Debug)]
enum NotTaken {
    OtherKey(Fingerprint),
    NotTrusted(Mistrust),
}

impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotTaken::OtherKey(shown) => write!(f, "another key: {shown}"),
            NotTaken::NotTrusted(why) => write!(f, "a certificate that is not trusted: {why:?}"),
        }
    }
}

impl std::error::Error for NotTaken {}

/// Why a handshake has failed.
pub(super) fn why(error: io::Error) -> NoTls {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    let Some(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(other)))) = inner else {
        return NoTls::Failed(error);
    };
    match other.downcast_ref() {
        Some(NotTaken::OtherKey(shown)) => NoTls::OtherKey(*shown),
        Some(NotTaken::NotTrusted(why)) => NoTls::NotTrusted(why.clone()),
        None => NoTls::Failed(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_cannot_be_read_is_told_in_words_however_its_server_is_known() {
        let own = CertificateDer::from(vec![0x30, 0]);
        let name = ServerName::try_from(NO_NAME).expect("a name");
        for takes in [Takes::Any, Takes::These(Vec::new()), Takes::Named(RootCertStore::empty())] {
            let verifier = Verifier { takes, provider: Arc::new(ring::default_provider()) };
            let refused = verifier.verify_server_cert(&own, &[], &name, &[], UnixTime::now());
            let NoTls::NotTrusted(told) = why(io::Error::other(refused.expect_err("it is none"))) else {
                panic!("it is not trusted");
            };
            assert_eq!(told, Mistrust::Other("it is damaged, or has a date before 1970".to_owned()));
        }
    }
}
