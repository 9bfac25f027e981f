//! The key by which a server or a client is known, and what it allows on connections.

use super::keyed::{AnyKey, fingerprint_of, validity_of};
use crate::value::Fingerprint;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A certificate without an end ends so: RFC 5280, 4.1.2.5. In seconds behind the beginning of that day.
const LAST_SECOND: Duration = Duration::from_secs(24 * 3600 - 1);

/// What stands in the first line of a key that wants a password, by itself or in the lines below.
const ENCRYPTED: &[u8] = b"ENCRYPTED";
const WANTS_PASSWORD: &str =
    "the key is encrypted, and nobody is asked for its password: `openssl pkey` writes it without";
const NOT_ITS_KEY: &str = "the key is not that of the certificate, which has to be the first one in its file";
const ANOTHER_KIND: &str = "the key has to be one of P-256, P-384 or Ed25519, or RSA of 2,048 bits or more";

/// A key and its certificate, as files hold them.
pub struct Pair {
    /// The key, in PEM.
    pub key: Vec<u8>,
    /// Its certificate, and behind it those that vouch for it, in PEM.
    pub certificate: Vec<u8>,
}

impl Pair {
    /// Makes a key of the curve P-256, and a certificate that it signs itself and that has no end.
    ///
    /// # Errors
    /// When the system has no random bytes to give.
    pub fn generate() -> Result<Pair, String> {
        let made = || {
            let key = KeyPair::generate()?;
            let mut params = CertificateParams::new(Vec::new())?;
            params.distinguished_name = DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, "peerline");
            params.not_after = date_time_ymd(9999, 12, 31) + LAST_SECOND;
            let certificate = params.self_signed(&key)?;
            let (key, certificate) = (pem("PRIVATE KEY", key.serialized_der()), pem("CERTIFICATE", certificate.der()));
            Ok(Pair { key, certificate })
        };
        made().map_err(|error: rcgen::Error| format!("no key can be made: {error}"))
    }
}

/// A key, ready for connections.
pub struct Identity {
    pub(super) config: Arc<ServerConfig>,
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    fingerprint: Fingerprint,
}

impl Identity {
    /// Reads a pair.
    ///
    /// # Errors
    /// What is wrong, in words that say of which of the two: no PEM, a key with a password or of another kind, or one that
    /// is not that of the certificate.
    pub fn new(pair: &Pair) -> Result<Identity, String> {
        let key = read_key(&pair.key)?;
        let chain = CertificateDer::pem_slice_iter(&pair.certificate).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|error| format!("the certificate is no PEM: {error}"))?;
        let own = chain.first().ok_or("there is no certificate in PEM")?;
        let fingerprint = fingerprint_of(own).map_err(|error| format!("the certificate is none: {error}"))?;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let versions = builder.with_protocol_versions(&[&rustls::version::TLS13]).map_err(|error| error.to_string())?;
        let asking = versions.with_client_cert_verifier(Arc::new(AnyKey { provider }));
        let config = asking.with_single_cert(chain.clone(), key.clone_key());
        let mut config = config.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => NOT_ITS_KEY.to_owned(),
            error => format!("{ANOTHER_KIND}: {error}"),
        })?;
        // Nobody comes back by a ticket: no secret outlives its connection.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Identity { config: Arc::new(config), chain, key, fingerprint })
    }

    /// Makes one that lasts as long as the program, and is in no file.
    ///
    /// # Errors
    /// When the system has no random bytes to give.
    pub fn for_a_run() -> Result<Identity, String> {
        Identity::new(&Pair::generate()?)
    }

    /// By what it is known.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// From when to when its certificate counts, for who looks at that; `None` where that cannot be read.
    pub fn validity(&self) -> Option<(SystemTime, SystemTime)> {
        self.chain.first().and_then(validity_of)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.fingerprint)
    }
}

fn read_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| {
        match pem.windows(ENCRYPTED.len()).any(|word| word == ENCRYPTED) {
            true => WANTS_PASSWORD.to_owned(),
            false => format!("there is no private key in PEM: {error}"),
        }
    })
}

/// Bytes as PEM: RFC 7468.
fn pem(kind: &str, bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    /// Of a line of 64 digits.
    const BYTES: usize = 48;
    let mut text = format!("-----BEGIN {kind}-----\n").into_bytes();
    for line in bytes.chunks(BYTES) {
        for three in line.chunks(3) {
            let [a, b, c] = [0, 1, 2].map(|at| u32::from(three.get(at).copied().unwrap_or_default()));
            let bits = a << 16 | b << 8 | c;
            let digits = [18, 12, 6, 0].map(|shift| DIGITS[(bits >> shift & 63) as usize]);
            text.extend_from_slice(&digits[..three.len() + 1]);
            text.extend_from_slice(&b"=="[..3 - three.len()]);
        }
        text.push(b'\n');
    }
    text.extend_from_slice(format!("-----END {kind}-----\n").as_bytes());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_read_and_known_by_the_same_key() {
        let pair = Pair::generate().expect("random bytes");
        let (one, again) = (Identity::new(&pair).expect("read"), Identity::new(&pair).expect("read"));
        assert_eq!(one.fingerprint(), again.fingerprint());
        let (from, to) = one.validity().expect("times");
        let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).expect("later").as_secs();
        // 9999-12-31T23:59:59Z; what rcgen begins with is 1975-01-01.
        assert_eq!((seconds(from), seconds(to)), (157_766_400, 253_402_300_799));
        let other = Pair::generate().expect("random bytes");
        assert_ne!(Identity::new(&other).expect("read").fingerprint(), one.fingerprint());
        let mixed = Pair { key: other.key, certificate: pair.certificate };
        assert_eq!(Identity::new(&mixed).expect_err("two keys"), NOT_ITS_KEY);
        let none = Identity::new(&Pair { certificate: Vec::new(), ..pair }).expect_err("no certificate");
        assert_eq!(none, "there is no certificate in PEM");
        let swapped = Identity::new(&Pair { key: mixed.certificate, certificate: mixed.key }).expect_err("swapped");
        assert!(swapped.starts_with("there is no private key in PEM: "), "{swapped}");
    }

    #[test]
    fn pem_is_base64_in_lines_of_64() {
        let text = |bytes: &[u8]| String::from_utf8(pem("X", bytes)).expect("ASCII");
        for (bytes, digits) in [("", ""), ("f", "Zg==\n"), ("fo", "Zm8=\n"), ("foo", "Zm9v\n"), ("foob", "Zm9vYg==\n")]
        {
            assert_eq!(text(bytes.as_bytes()), format!("-----BEGIN X-----\n{digits}-----END X-----\n"));
        }
        assert_eq!(text(&[0xff; 49]).lines().nth(1), Some("/".repeat(64).as_str()));
    }
}
