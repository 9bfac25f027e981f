//! By what key the server is known, and which it does not take.

use crate::harness::ServerProcess;
use crate::harness::by_tls::{openssl, port, start};
use crate::harness::netcat::has_openssl;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

#[test]
fn the_port_for_tls_is_told_with_its_key_which_outlives_the_server() {
    if !has_openssl() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let listening = || {
        let mut server = ServerProcess::start(folder.path(), &["--tls-port", "0"]);
        let line = server.next_line();
        let (address, fingerprint) =
            line.strip_prefix("listening on ").and_then(|rest| rest.split_once(" tls ")).expect("its port");
        (server, address.parse::<SocketAddr>().expect("an address"), fingerprint.to_owned())
    };
    let (server, address, fingerprint) = listening();
    let (_, shown) = openssl(address, &["-showcerts"]);
    let pem = folder.path().join("shown.pem");
    fs::write(&pem, shown).expect("written");
    let digits = Command::new("bash")
        .arg("-c")
        .arg("openssl x509 -noout -pubkey -in \"$0\" | openssl pkey -pubin -outform der | sha256sum")
        .arg(&pem)
        .output()
        .expect("bash runs");
    assert_eq!(
        fingerprint,
        format!("sha256:{}", String::from_utf8_lossy(&digits.stdout).split(' ').next().expect("it"))
    );
    server.crash();
    let (server, _, again) = listening();
    assert_eq!(again, fingerprint);
    server.crash();
    // The key is what clients know: a certificate is made for it.
    fs::remove_file(folder.path().join("data/tls_cert.pem")).expect("there");
    let (server, _, again) = listening();
    assert_eq!(again, fingerprint);
    server.crash();
    fs::remove_file(folder.path().join("data/tls_key.pem")).expect("there");
    let refused = Command::new(env!("CARGO_BIN_EXE_server"))
        .args(["--port", "0", "--tls-port", "0", "--data"])
        .arg(folder.path().join("data"))
        .output()
        .expect("the server runs");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(2) && said.contains("tls_cert.pem is there without"), "{said}");
}

/// With what the server ends that is started with this pair.
fn refused(key: &Path, certificate: &Path) -> (Option<i32>, String) {
    let data = key.with_file_name("data");
    let done = Command::new(env!("CARGO_BIN_EXE_server"))
        .args(["--port", "0", "--tls-port", "0", "--data"])
        .arg(data)
        .arg("--tls-key")
        .arg(key)
        .arg("--tls-cert")
        .arg(certificate)
        .output()
        .expect("the server runs");
    (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
}

#[test]
fn a_key_or_a_certificate_that_cannot_be_served_is_named_at_the_start() {
    if !has_openssl() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    // Certificates of two keys, and keys that are no use; the files of openssl are their owner's alone.
    let made = Command::new("bash")
        .arg("-euc")
        .arg(
            "umask 077
            certificate() { openssl req -x509 -key $1.pem -out $1.crt -subj /CN=$1 -days 2; }
            openssl genrsa -out large.pem 2304
            certificate large
            for curve in prime256v1 secp521r1; do
                openssl ecparam -name $curve -genkey -noout -out $curve.pem
                certificate $curve
            done
            openssl genpkey -algorithm ed25519 -out other.pem
            certificate other
            openssl pkey -in other.pem -aes256 -passout pass:secret -out asks.pem
            openssl pkey -in other.pem -outform der -out other.der
            cat prime256v1.crt other.crt > turned.crt
            cp other.pem read.pem
            chmod 644 read.pem",
        )
        .current_dir(folder.path())
        .output()
        .expect("bash runs");
    assert!(made.status.success(), "{made:?}");
    for (key, certificate, why) in [
        ("asks.pem", "other.crt", "the key is encrypted"),
        ("other.der", "other.crt", "there is no private key in PEM"),
        ("other.crt", "other.crt", "there is no private key in PEM"),
        ("other.pem", "other.der", "there is no certificate in PEM"),
        ("secp521r1.pem", "secp521r1.crt", "the key has to be one of"),
        ("large.pem", "large.crt", "or RSA of 2,048, 3,072 or 4,096 bits"),
        ("prime256v1.pem", "other.crt", "the key is not that of the certificate"),
        ("other.pem", "turned.crt", "which has to be the first one in its file"),
        ("read.pem", "other.crt", "others may read or change it (mode 644)"),
        ("none.pem", "other.crt", "No such file"),
        ("other.pem", "none.crt", "No such file"),
    ] {
        let (code, said) = refused(&folder.path().join(key), &folder.path().join(certificate));
        let named = if certificate.starts_with("none") { certificate } else { key };
        assert!(code == Some(2) && said.contains(named) && said.contains(why), "{key} {certificate}: {code:?} {said}");
    }
}

/// A chain is shown as it was given: whoever knows its root alone knows the server.
#[test]
fn a_certificate_of_ones_own_is_shown_with_those_that_vouch_for_it() {
    if !has_openssl() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let made = Command::new("bash")
        .arg("-euc")
        .arg(
            "umask 077
            key() { openssl ecparam -name prime256v1 -genkey -out $1.pem; }
            vouched() { openssl req -new -key $1.pem -subj /CN=$1 |
                openssl x509 -req -CA $2.crt -CAkey $2.pem -CAcreateserial -days 2 -extfile <(echo $3) -out $1.crt; }
            key root
            openssl req -x509 -key root.pem -out root.crt -subj /CN=root -days 2
            key middle
            vouched middle root basicConstraints=critical,CA:true
            key school
            vouched school middle subjectAltName=DNS:school.example
            cat school.crt middle.crt > chain.crt",
        )
        .current_dir(folder.path())
        .output()
        .expect("bash runs");
    assert!(made.status.success(), "{made:?}");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let server = start(&["--tls-key", &path("school.pem"), "--tls-cert", &path("chain.crt")]);
    let options = ["-verify_return_error", "-verify_hostname", "school.example", "-CAfile", &path("root.crt")];
    let (gets_in, said) = openssl(port(&server), &options);
    assert!(gets_in && said.contains("Verify return code: 0 (ok)"), "{said}");
    let other = start(&[]);
    let (gets_in, said) = openssl(port(&other), &options);
    assert!(!gets_in && said.contains("self-signed certificate"), "{said}");
}
