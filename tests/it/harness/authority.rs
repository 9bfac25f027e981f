//! An authority of a test's own, and the certificates for which it vouches, as files.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use std::cell::Cell;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The authority, whose files end with it.
pub struct Authority {
    folder: TempDir,
    /// How many certificates it has made.
    made: Cell<u32>,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// From which year to which a certificate counts, from New Year's Day to New Year's Day.
pub type Years = (i32, i32);

/// Those in which tests are run.
pub const NOW: Years = (2020, 2999);

impl Authority {
    /// One that nobody trusts yet.
    pub fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("no name");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("random bytes")).expect("a key");
        let folder = tempfile::tempdir().expect("a folder");
        write_pem("x509", issuer.der(), &folder.path().join("authority.pem"));
        Authority { folder, made: Cell::new(0), issuer }
    }

    /// Its certificate, for who trusts it.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// The options of a server that has a certificate for these names.
    pub fn server(&self, names: &[&str], years: Years) -> Vec<String> {
        let (params, key) = (params(names, years), KeyPair::generate().expect("random bytes"));
        let certificate = params.signed_by(&key, &self.issuer).expect("a key");
        self.write(certificate.der(), &key)
    }

    /// The same, with a certificate that hangs on itself.
    pub fn nobodys(&self, names: &[&str]) -> Vec<String> {
        let key = KeyPair::generate().expect("random bytes");
        let certificate = params(names, NOW).self_signed(&key).expect("a key");
        self.write(certificate.der(), &key)
    }

    fn write(&self, certificate: &[u8], key: &KeyPair) -> Vec<String> {
        let number = self.made.replace(self.made.get() + 1);
        let file = |kind| self.folder.path().join(format!("{kind}-{number}.pem"));
        let (certificate_file, key_file) = (file("server"), file("key"));
        write_pem("x509", certificate, &certificate_file);
        write_pem("pkey", key.serialized_der(), &key_file);
        fs::set_permissions(&key_file, Permissions::from_mode(0o600)).expect("ours");
        let text = |path: PathBuf| path.to_str().expect("UTF-8").to_owned();
        vec!["--tls-cert".to_owned(), text(certificate_file), "--tls-key".to_owned(), text(key_file)]
    }
}

fn params(names: &[&str], (from, to): Years) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
    params
}

fn write_pem(kind: &str, der: &[u8], file: &Path) {
    let binary = file.with_extension("der");
    fs::write(&binary, der).expect("written");
    let done =
        Command::new("openssl").args([kind, "-inform", "der", "-in"]).arg(&binary).arg("-out").arg(file).output();
    assert!(done.expect("openssl runs").status.success(), "{}", file.display());
}
