//! The key by which a server or a client is known, and what it allows on connections.

use super::keyed::{AnyKey, fingerprint_of, validity_of};
use super::unfit;
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
const NO_CERTIFICATE: &str = "the key has to be of PKCS #8, as `openssl pkey` writes it, and of a kind that is served";
/// Of RSA the provider wants halves of a multiple of 512 bits, and 4,096 at most in all.
const ANOTHER_KIND: &str = "the key has to be one of P-256, P-384 or Ed25519, or RSA of 2,048, 3,072 or 4,096 bits";

/// The most bytes of a chain with its frame (RFC 8446, 4.4.2). The other side takes 64 KiB of a handshake at once, records
/// and all: beside the chain there are a signature, which has 512 bytes at most, and what a handshake needs anyway.
const MAX_CHAIN: usize = 64_000;
/// What stands before each certificate of a chain, and behind it.
const FRAME: usize = 5;

/// What some editors write before a text in UTF-8.
const MARK: &[u8] = "\u{feff}".as_bytes();

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
            Ok(Pair { key: pem("PRIVATE KEY", key.serialized_der()), certificate: certify(&key)? })
        };
        made().map_err(|error: rcgen::Error| format!("no key can be made: {error}"))
    }

    /// This key, which is kept as it is, with a new certificate of the same kind.
    ///
    /// # Errors
    /// What is wrong with the key, in words.
    pub fn of_key(key: Vec<u8>) -> Result<Pair, String> {
        let read = KeyPair::try_from(&read_key(&key)?);
        let made = read.and_then(|key| certify(&key));
        let certificate = made.map_err(|_| NO_CERTIFICATE)?;
        Ok(Pair { key, certificate })
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
        let chain = read_chain(&pair.certificate)?;
        let own = chain.first().ok_or("there is no certificate in PEM")?;
        let fingerprint = fingerprint_of(own)
            .map_err(|error| format!("the certificate cannot be served: {}", unfit::in_words(&error)))?;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let versions = builder.with_protocol_versions(&[&rustls::version::TLS13]).map_err(|error| error.to_string())?;
        let asking = versions.with_client_cert_verifier(Arc::new(AnyKey { provider }));
        let config = asking.with_single_cert(chain.clone(), key.clone_key());
        // What else is wrong with a key the library does not tell apart.
        let mut config = config.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => NOT_ITS_KEY,
            _ => ANOTHER_KIND,
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

/// A certificate that a key signs itself, and that has no end; in PEM.
fn certify(key: &KeyPair) -> Result<Vec<u8>, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "peerline");
    params.not_after = date_time_ymd(9999, 12, 31) + LAST_SECOND;
    Ok(pem("CERTIFICATE", params.self_signed(key)?.der()))
}

fn read_chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_slice_iter(&without_marks(pem)).collect::<Result<Vec<_>, _>>();
    let chain = read.map_err(|error| format!("the certificate is no PEM: {error}"))?;
    let bytes: usize = chain.iter().map(|one| one.len() + FRAME).sum();
    if bytes > MAX_CHAIN {
        return Err(format!(
            "the certificate and those behind it have {bytes} bytes, and a handshake has room for {MAX_CHAIN}: leave those out \
             that do not vouch for it"
        ));
    }
    Ok(chain)
}

/// PEM as it is read: a line that begins with a mark would begin nothing, wherever it stands in a file that was put together.
fn without_marks(pem: &[u8]) -> Vec<u8> {
    let (mut text, mut rest) = (Vec::with_capacity(pem.len()), pem);
    while let Some(at) = rest.windows(MARK.len()).position(|bytes| bytes == MARK) {
        text.extend_from_slice(&rest[..at]);
        rest = &rest[at + MARK.len()..];
    }
    text.extend_from_slice(rest);
    text
}

fn read_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(&without_marks(pem)).map_err(|error| {
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
    use super::super::pinned;
    use super::*;
    use crate::net::handshake::Accepts;
    use rustls::ServerConnection;

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
    fn a_key_alone_gets_a_certificate_and_stays_known() {
        let pair = Pair::generate().expect("random bytes");
        let again = Pair::of_key(pair.key.clone()).expect("a key");
        assert_eq!(again.key, pair.key);
        let [one, two] = [&pair, &again].map(|pair| Identity::new(pair).expect("read").fingerprint());
        assert_eq!(one, two);
        let refused = Pair::of_key(pair.certificate).map(|_| ()).expect_err("no key");
        assert!(refused.starts_with("there is no private key in PEM: "), "{refused}");
        let other = pem("EC PRIVATE KEY", &[0x30, 0]);
        assert!(Pair::of_key(other).map(|_| ()).expect_err("not so").contains("PKCS #8"));
    }

    #[test]
    fn a_mark_before_a_text_is_no_part_of_it() {
        let pair = Pair::generate().expect("random bytes");
        let one = Identity::new(&pair).expect("read");
        let marked = |text: &[u8]| [MARK, text].concat();
        let chain = [marked(&pair.certificate), marked(&pair.certificate)].concat();
        let read = Identity::new(&Pair { key: marked(&pair.key), certificate: chain }).expect("read");
        assert_eq!((read.fingerprint(), read.chain.len()), (one.fingerprint(), 2));
    }

    #[test]
    fn a_chain_that_no_handshake_has_room_for_is_refused_and_the_longest_one_gets_through() {
        let pair = Pair::generate().expect("random bytes");
        let own = read_chain(&pair.certificate).expect("read")[0].len();
        let with = |bytes: usize| {
            let certificate = [&pair.certificate[..], &pem("CERTIFICATE", &vec![7; bytes])].concat();
            Identity::new(&Pair { key: pair.key.clone(), certificate })
        };
        let room = MAX_CHAIN - own - 2 * FRAME;
        let why = with(room + 1).expect_err("too long");
        assert!(
            why.starts_with("the certificate and those behind it have 64001 bytes, and a handshake has room"),
            "{why}"
        );
        let identity = with(room).expect("the longest one");
        let mut server = ServerConnection::new(Arc::clone(&identity.config)).expect("a server");
        let mut client = pinned::client(None, &Accepts::Any).expect("a client");
        let mut records = Vec::new();
        while server.is_handshaking() || client.is_handshaking() {
            client.write_tls(&mut records).expect("memory");
            let mut sent = &records[..];
            while !sent.is_empty() {
                server.read_tls(&mut sent).expect("room");
                server.process_new_packets().expect("a handshake");
            }
            records.clear();
            while server.wants_write() {
                server.write_tls(&mut records).expect("memory");
            }
            // The largest signature has room as well.
            assert!(records.len() + 512 <= 0xffff, "{}", records.len());
            let mut sent = &records[..];
            while !sent.is_empty() {
                client.read_tls(&mut sent).expect("room");
                client.process_new_packets().expect("a handshake");
            }
            records.clear();
        }
    }

    #[test]
    fn a_certificate_of_version_1_is_told_with_what_to_do() {
        let pair = Pair::generate().expect("random bytes");
        let mut own = read_chain(&pair.certificate).expect("read")[0].to_vec();
        let version = [0xa0, 3, 2, 1, 2];
        let at = own.windows(version.len()).position(|bytes| bytes == version).expect("its version");
        own[at + 4] = 0;
        let why = Identity::new(&Pair { key: pair.key, certificate: pem("CERTIFICATE", &own) }).expect_err("version 1");
        assert!(why.starts_with("the certificate cannot be served: it is of version 1 of X.509"), "{why}");
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
