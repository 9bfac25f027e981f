//! A server that is known by a name: the authorities of the system decide, and dates count.

use crate::net::handshake::{Accepts, Mistrust, Roots};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, RootCertStore};
use rustls_native_certs::load_native_certs;
use std::time::{Duration, SystemTime};

/// The most names of a certificate that are told.
const MAX_NAMES: usize = 8;

/// What a client takes that knows a server by this name, and trusts whom the system trusts.
///
/// # Errors
/// A sentence: it is no name, or the system trusts nobody.
pub fn named(name: &str) -> Result<Accepts, String> {
    ServerName::try_from(name)
        .map_err(|_| format!("{name} is no name of a server: give a host name, or an address"))?;
    let found = load_native_certs();
    // One that cannot be read vouches for nobody; the others do.
    for error in &found.errors {
        log::debug!("an authority of the system: {error}");
    }
    if found.certs.is_empty() {
        let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
        return Err(format!(
            "this system trusts no authority, so none vouches for {name}{why}: install its package ca-certificates, or name a \
             file of authorities in SSL_CERT_FILE"
        ));
    }
    let roots = Roots(found.certs.iter().map(|root| root.to_vec()).collect());
    Ok(Accepts::Named { name: name.to_owned(), roots })
}

/// The authorities, as the library wants them. One that it does not understand vouches for nobody.
pub(super) fn store(roots: &Roots) -> RootCertStore {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots.0.iter().map(|root| CertificateDer::from(root.as_slice())));
    store
}

/// Whether this certificate is taken for `name`; `others` may vouch for it on the way to one of `roots`.
pub(super) fn check(
    own: &CertificateDer<'_>,
    others: &[CertificateDer<'_>],
    name: &ServerName<'_>,
    roots: &RootCertStore,
    now: UnixTime,
    provider: &CryptoProvider,
) -> Result<(), Mistrust> {
    let known = provider.signature_verification_algorithms.all;
    let checked = ParsedCertificate::try_from(own).and_then(|parsed| {
        verify_server_cert_signed_by_trust_anchor(&parsed, roots, others, now, known)?;
        verify_server_name(&parsed, name)
    });
    checked.map_err(|error| mistrust(error, || vouches_for_itself(own, now, provider)))
}

fn mistrust(error: rustls::Error, is_alone: impl Fn() -> bool) -> Mistrust {
    let rustls::Error::InvalidCertificate(error) = error else { return Mistrust::Other(error.to_string()) };
    match error {
        CertificateError::ExpiredContext { not_after, .. } => Mistrust::Expired(time(not_after)),
        CertificateError::NotValidYetContext { not_before, .. } => Mistrust::NotYetValid(time(not_before)),
        CertificateError::NotValidForNameContext { presented, .. } => Mistrust::OtherNames(bare(&presented)),
        // What `openssl req -x509` makes is an authority as well, which is no server.
        _ if is_alone() => Mistrust::SelfSigned,
        // An authority that was made anew under its old name has signed what the old one has not.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Mistrust::UnknownAuthority,
        error => Mistrust::Other(error.to_string()),
    }
}

/// The names alone, a few of them: the library says of each of which kind it is.
fn bare(presented: &[String]) -> Vec<String> {
    let inner = |name: &String| {
        let (_, inner) = name.strip_suffix(')')?.split_once('(')?;
        Some(inner.trim_matches('"').to_owned())
    };
    presented.iter().map(|name| inner(name).unwrap_or_else(|| name.clone())).take(MAX_NAMES).collect()
}

/// Whether it hangs on itself: whoever trusts it as an authority would take it, or it is one and no certificate of a server.
fn vouches_for_itself(own: &CertificateDer<'_>, now: UnixTime, provider: &CryptoProvider) -> bool {
    let mut itself = RootCertStore::empty();
    if itself.add(own.clone().into_owned()).is_err() {
        return false;
    }
    // Its name as issuer and as subject are the same, and its key has made its signature.
    let known = provider.signature_verification_algorithms.all;
    let checked = ParsedCertificate::try_from(own)
        .and_then(|parsed| verify_server_cert_signed_by_trust_anchor(&parsed, &itself, &[], now, known));
    match checked {
        Ok(()) => true,
        Err(rustls::Error::InvalidCertificate(CertificateError::Other(_))) => true,
        Err(_) => false,
    }
}

/// A time as std has it.
pub(super) fn time(of: UnixTime) -> SystemTime {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(of.as_secs())).unwrap_or(SystemTime::UNIX_EPOCH)
}
