//! What is wrong with a certificate, in words for people. The library has many of them for programmers alone.

use rustls::CertificateError;

/// What is wrong, as in "the certificate cannot be used: it is ...".
pub(super) fn in_words(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(error) = error else { return error.to_string() };
    match error {
        CertificateError::BadEncoding => "it is damaged, or has a date before 1970".to_owned(),
        // The library says so of dates that no time lies between.
        CertificateError::Expired => "it ends before it begins".to_owned(),
        CertificateError::BadSignature => "it was shown without its key: a signature is wrong".to_owned(),
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "it, or one that vouches for it, is signed in a way that is not known here".to_owned()
        }
        CertificateError::InvalidPurposeContext { .. } => {
            "it is for another purpose than to serve (extendedKeyUsage)".to_owned()
        }
        CertificateError::Other(other) => by_its_name(&other.to_string()),
        error => format!("it is not in order ({error})"),
    }
}

/// What the library has behind it tells its errors by their names alone.
fn by_its_name(name: &str) -> String {
    let words = match name {
        "UnsupportedCertVersion" => {
            "it is of version 1 of X.509, and has to be of version 3: `openssl req -x509` makes one, and so does `openssl \
             x509 -req` with -extfile"
        }
        "CaUsedAsEndEntity" => "it is that of an authority (CA:TRUE), and no server's",
        "EndEntityUsedAsCa" => "one that vouches for it is no authority's (CA:TRUE)",
        "UnsupportedCriticalExtension" => {
            "it has an extension that is not known here, and must not be passed over (critical)"
        }
        "NameConstraintViolation" => "an authority that vouches for it may do so for other names alone",
        "PathLenConstraintViolated" => "more authorities vouch for each other than one of them allows",
        name => return format!("it is not in order ({name})"),
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, CustomExtension, KeyPair};
    use rustls::pki_types::CertificateDer;
    use rustls::server::ParsedCertificate;

    fn why(der: Vec<u8>) -> String {
        let der = CertificateDer::from(der);
        in_words(&ParsedCertificate::try_from(&der).map(|_| ()).expect_err("it is no good"))
    }

    #[test]
    fn what_the_library_calls_by_a_name_is_told_in_words() {
        let made = |params: CertificateParams| {
            let key = KeyPair::generate().expect("random bytes");
            params.self_signed(&key).expect("a key").der().to_vec()
        };
        let mut der = made(CertificateParams::default());
        let version = [0xa0, 3, 2, 1, 2];
        let at = der.windows(version.len()).position(|bytes| bytes == version).expect("its version");
        der[at + 4] = 0;
        assert!(why(der.clone()).starts_with("it is of version 1 of X.509, and has to be of version 3: `openssl"));
        der.truncate(40);
        assert_eq!(why(der), "it is damaged, or has a date before 1970");
        let mut params = CertificateParams::default();
        let mut unknown = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 1], vec![5, 0]);
        unknown.set_criticality(true);
        params.custom_extensions.push(unknown);
        assert!(why(made(params)).starts_with("it has an extension that is not known here"));
        assert_eq!(by_its_name("Whatever"), "it is not in order (Whatever)");
    }
}
