//! `--tls-name`: the authorities of the system decide, names and dates count, and nobody is asked.

use crate::harness::TestServer;
use crate::harness::authority::{Authority, NOW};
use crate::harness::by_tls::{port, start};
use crate::harness::client::ClientProcess;
use crate::harness::netcat::has_openssl;
use std::path::Path;

fn serve(options: &[String]) -> TestServer {
    start(&options.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A client that trusts this file of authorities, and keeps what it remembers in this folder.
fn client(trusts: &Path, home: &Path, server: &TestServer, name: &str, user: &str) -> ClientProcess {
    let options = ["--tls", "--tls-name", name, "--user", user, "--signup"];
    let variables = [("SSL_CERT_FILE", trusts), ("SSL_CERT_DIR", Path::new("")), ("XDG_STATE_HOME", home)];
    ClientProcess::start_in(&variables, port(server), &options)
}

#[test]
fn a_name_for_which_an_authority_vouches_needs_no_question() {
    if !has_openssl() {
        return;
    }
    let (authority, home) = (Authority::new(), tempfile::tempdir().expect("a folder"));
    let server = serve(&authority.server(&["chat.example", "127.0.0.1"], NOW));
    for (name, user) in [("chat.example", "alice"), ("127.0.0.1", "bob")] {
        let mut person = client(&authority.file(), home.path(), &server, name, user);
        person.see(&format!("Logged in as {user}."));
        person.say("quit");
        assert_eq!(person.finish(), Some(0), "{:?}", person.seen);
    }
    let trusts = authority.file();
    let options = ["--tls-name", "chat.example"];
    let mut doctor = ClientProcess::doctor_in(&[("SSL_CERT_FILE", &trusts)], port(&server), "alice", &options);
    doctor.see("that of a certificate for chat.example, for which an authority of this system vouches; it counts from 2020-01-01");
    doctor.finish();
    assert!(!home.path().join("peerline/known_servers").exists(), "nothing is remembered");
}

#[test]
fn a_certificate_that_is_not_trusted_is_refused_with_what_to_do() {
    if !has_openssl() {
        return;
    }
    let (authority, other, home) = (Authority::new(), Authority::new(), tempfile::tempdir().expect("a folder"));
    let nobody = Path::new("/dev/null").to_owned();
    let name = "chat.example";
    for (options, trusts, says) in [
        (authority.server(&["other.example"], NOW), authority.file(), "is for other.example: give a name of these"),
        (authority.server(&["*.b.example"], NOW), authority.file(), "with its own word for the *"),
        (authority.server(&["*.example"], NOW), authority.file(), "bears no name that counts"),
        (authority.server(&[], NOW), authority.file(), "bears no name that counts"),
        (authority.server(&[name], (2020, 2021)), authority.file(), "ended at 2021-01-01 00:00 UTC"),
        (authority.server(&[name], (2998, 2999)), authority.file(), "counts from 2998-01-01 00:00 UTC on"),
        (authority.nobodys(&[name]), authority.file(), "hangs on itself alone"),
        (authority.server(&[name], NOW), other.file(), "hangs on an authority that this system does not trust"),
        (authority.server(&[name], NOW), nobody, "this system trusts no authority"),
    ] {
        let server = serve(&options);
        let mut alice = client(&trusts, home.path(), &server, name, "alice");
        assert_eq!(alice.finish(), Some(2), "{says}: {:?}", alice.seen);
        let said = alice.seen.join("\n");
        assert!(said.contains(says), "{says}: {said}");
        if !says.contains("no authority") {
            assert!(said.contains(&format!("the certificate of {} ", port(&server))), "{said}");
            assert!(said.contains("Nothing was sent there"), "{said}");
        }
    }
    let server = serve(&authority.server(&[name], NOW));
    let mut alice = client(&authority.file(), home.path(), &server, "no name", "alice");
    assert_eq!(alice.finish(), Some(2));
    assert!(alice.seen.join("\n").contains("no name is no name of a server"), "{:?}", alice.seen);
}
