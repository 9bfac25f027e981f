//! A server that is known by a name: the authorities of the system decide, and dates count.

use super::certificate::Certificate;
use super::unfit;
use crate::net::handshake::{Accepts, Mistrust, Roots};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, UnixTime};
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
    checked.map_err(|error| mistrust(&error, Certificate::read(own).as_ref(), known))
}

fn mistrust(
    error: &rustls::Error,
    own: Option<&Certificate<'_>>,
    known: &[&dyn SignatureVerificationAlgorithm],
) -> Mistrust {
    let rustls::Error::InvalidCertificate(why) = error else { return Mistrust::Other(unfit::in_words(error)) };
    match why {
        CertificateError::ExpiredContext { not_after, .. } => Mistrust::Expired(time(*not_after)),
        CertificateError::NotValidYetContext { not_before, .. } => Mistrust::NotYetValid(time(*not_before)),
        CertificateError::NotValidForNameContext { .. } => {
            let names = own.map(Certificate::names).unwrap_or_default();
            Mistrust::OtherNames(names.into_iter().take(MAX_NAMES).collect())
        }
        // What `openssl req -x509` makes is an authority as well, which is no server.
        _ if own.is_some_and(|own| own.is_self_signed(known)) => Mistrust::SelfSigned,
        // An authority that was made anew under its old name has signed what the old one has not.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Mistrust::UnknownAuthority,
        _ => Mistrust::Other(unfit::in_words(error)),
    }
}

/// A time as std has it.
fn time(of: UnixTime) -> SystemTime {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(of.as_secs())).unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::string::Ia5String;
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType, date_time_ymd};
    use rustls::crypto::ring;

    const CA: IsCa = IsCa::Ca(BasicConstraints::Unconstrained);

    fn key() -> KeyPair {
        KeyPair::generate().expect("random bytes")
    }

    /// For a server of these names; who issues it is of the same name as its owner, as rcgen has one for all.
    fn params(names: &[&str]) -> CertificateParams {
        let text = |name: &&str| SanType::DnsName(Ia5String::try_from(*name).expect("ASCII"));
        let mut params = CertificateParams::default();
        params.subject_alt_names = names.iter().map(text).collect();
        params
    }

    /// What becomes of a certificate where `a.example` is asked for and this authority is trusted.
    fn checked(own: &rcgen::Certificate, root: &[u8]) -> Result<(), Mistrust> {
        let roots = store(&Roots([root.to_vec()].into()));
        let (name, now) = ("a.example".try_into().expect("a name"), UnixTime::now());
        check(own.der(), &[], &name, &roots, now, &ring::default_provider())
    }

    #[test]
    fn what_is_wrong_with_a_certificate_is_told_as_what_it_is() {
        let mut authority = CertificateParams::default();
        authority.is_ca = CA;
        let authority = CertifiedIssuer::self_signed(authority, key()).expect("a key");
        let vouched =
            |params: CertificateParams| checked(&params.signed_by(&key(), &authority).expect("a key"), authority.der());
        assert_eq!(vouched(params(&["a.example"])), Ok(()));
        assert_eq!(vouched(params(&["b.example"])), Err(Mistrust::OtherNames(vec!["b.example".to_owned()])));
        // The star has one word behind it: it stands for nobody.
        assert_eq!(vouched(params(&["*.example"])), Err(Mistrust::OtherNames(Vec::new())));
        let mut of_a_page = params(&[]);
        of_a_page.subject_alt_names =
            vec![SanType::URI(Ia5String::try_from("https://a.example".to_owned()).expect("ASCII"))];
        assert_eq!(vouched(of_a_page), Err(Mistrust::OtherNames(Vec::new())));
        let mut as_authority = params(&["a.example"]);
        as_authority.is_ca = CA;
        let is_authority = "it is that of an authority (CA:TRUE), and no server's".to_owned();
        assert_eq!(vouched(as_authority.clone()), Err(Mistrust::Other(is_authority)));
        let alone = as_authority.self_signed(&key()).expect("a key");
        assert_eq!(checked(&alone, authority.der()), Err(Mistrust::SelfSigned));
        let alone = params(&["a.example"]).self_signed(&key()).expect("a key");
        assert_eq!(checked(&alone, authority.der()), Err(Mistrust::SelfSigned));
        let mut other = CertificateParams::default();
        other.is_ca = CA;
        let other = CertifiedIssuer::self_signed(other, key()).expect("a key");
        let others = params(&["a.example"]).signed_by(&key(), &other).expect("a key");
        assert_eq!(checked(&others, authority.der()), Err(Mistrust::UnknownAuthority));
        for (from, to, why) in
            [(1950, 2999, "it is damaged, or has a date before 1970"), (2999, 2020, "it ends before it begins")]
        {
            let mut dated = params(&["a.example"]);
            (dated.not_before, dated.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
            assert_eq!(vouched(dated), Err(Mistrust::Other(why.to_owned())));
        }
    }
}
