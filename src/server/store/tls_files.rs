//! The files of the server's key and its certificate.

use super::whole_file::write_anew;
use crate::net::tls::{Identity, Pair};
use crate::server::config::Config;
use crate::value::Moment;
use log::{info, warn};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const KEY: &str = "tls_key.pem";
const CERTIFICATE: &str = "tls_cert.pem";
/// The bits of a file's mode by which others than its owner may read or change it.
const OTHERS: u32 = 0o077;
/// More is no key and no chain of certificates.
const MAX_FILE: u64 = 1 << 20;

/// How long before its end a certificate is told to end.
const SOON: Duration = Duration::from_secs(14 * 24 * 3600);

/// Reads the key by which the server is known: that of the options, or that of the data folder, which is made at the first
/// start and synced before this returns.
///
/// # Errors
/// One sentence that names the file and what to do.
pub fn open_identity(config: &Config) -> Result<Identity, String> {
    let given = config.tls_key.clone().zip(config.tls_cert.clone());
    let (key, certificate) = given.unwrap_or_else(|| (config.data.join(KEY), config.data.join(CERTIFICATE)));
    if config.tls_key.is_none() {
        make_first(&key, &certificate)?;
    }
    let pair = Pair { key: read_secret(&key)?, certificate: read(&certificate).map_err(in_words(&certificate))? };
    let identity =
        Identity::new(&pair).map_err(|error| format!("{} and {}: {error}", key.display(), certificate.display()))?;
    if let Some((what, since)) = identity.validity().and_then(|counts| when_it_counts(counts, SystemTime::now())) {
        warn!(
            "{}: the certificate {what}: it is served all the same, and refused by who looks at its dates (client --tls-name) \
             {since}",
            certificate.display()
        );
    }
    Ok(identity)
}

/// What there is to say of when a certificate counts, where it does not now, or soon will not, or not for everybody; and since
/// when it is refused.
fn when_it_counts((from, to): (SystemTime, SystemTime), now: SystemTime) -> Option<(String, &'static str)> {
    let what = match () {
        () if to < from => "ends before it begins, so that it never counts".to_owned(),
        () if now < from => format!("counts from {} on", Moment::of(from)),
        // A moment is none before 1970.
        () if to < SystemTime::UNIX_EPOCH => "ended before 1970".to_owned(),
        () if now > to => format!("ended at {}", Moment::of(to)),
        () if from < SystemTime::UNIX_EPOCH => "begins before 1970".to_owned(),
        () if now + SOON > to => return Some((format!("ends at {}", Moment::of(to)), "from then on")),
        () => return None,
    };
    Some((what, "now"))
}

/// Makes both files where neither is there, and the certificate where the key is alone: first the key, so that a start that
/// breaks off in between leaves one that the next start goes on with. A key that is there is never written over, as clients
/// may know it; the certificate is of no account to them, as they know the key alone.
fn make_first(key: &Path, certificate: &Path) -> Result<(), String> {
    // A link that leads nowhere, as to a disk that is not there yet, is no reason for a new key.
    let is_there = |path: &Path| match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        found => found.map(|_| true).map_err(in_words(path)),
    };
    let put_back = |there: &Path, missing: &Path, why: &str| {
        format!(
            "{} is there without {}{why}: put that back from your backup, or remove {} for a new key, which the clients then \
             have to accept",
            there.display(),
            missing.display(),
            Path::new(there.file_name().unwrap_or_default()).display()
        )
    };
    let pair = match (is_there(key)?, is_there(certificate)?) {
        (true, true) => return Ok(()),
        (false, true) => return Err(put_back(certificate, key, "")),
        (true, false) => Pair::of_key(read_secret(key)?)
            .map_err(|why| put_back(key, certificate, &format!(", and none can be made for it ({why})")))?,
        (false, false) => {
            let pair = Pair::generate()?;
            write_anew(key, &pair.key).map_err(in_words(key))?;
            info!("{}: a new key was made", key.display());
            pair
        }
    };
    // Its folder is synced with it, so the name of the key is safe by then as well.
    write_anew(certificate, &pair.certificate).map_err(in_words(certificate))?;
    info!("{}: a new certificate was made, which the key vouches for itself", certificate.display());
    Ok(())
}

/// Reads the key, which is no secret where others can read it.
fn read_secret(path: &Path) -> Result<Vec<u8>, String> {
    let mode = fs::metadata(path).map_err(in_words(path))?.mode();
    if mode & OTHERS != 0 {
        return Err(format!(
            "{}: others may read or change it (mode {:o}): chmod 600, and a new key where they are not trusted",
            path.display(),
            mode & 0o777
        ));
    }
    read(path).map_err(in_words(path))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe would be waited for, with no signal that ends the start, and a device may have no end.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("this is no regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(io::Error::new(ErrorKind::InvalidData, "too large for a key or a certificate"));
    }
    Ok(bytes)
}

fn in_words(path: &Path) -> impl Fn(io::Error) -> String {
    let path: PathBuf = path.to_owned();
    move |error| format!("{}: {error}", path.display())
}

#[cfg(feature = "tls")]
#[cfg(test)]
mod tests {
    use super::super::fault;
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn a_certificate_that_does_not_count_or_ends_soon_is_told() {
        let at = |day: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(day * 24 * 3600);
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(20 * 24 * 3600);
        for (from, to, day, told) in [
            (at(20), at(100), 19, Some(("counts from 1970-01-21 00:00 UTC on", "now"))),
            (at(20), at(100), 20, None),
            (at(20), at(100), 86, None),
            (at(20), at(100), 87, Some(("ends at 1970-04-11 00:00 UTC", "from then on"))),
            (at(20), at(100), 101, Some(("ended at 1970-04-11 00:00 UTC", "now"))),
            (before - SOON, before, 50, Some(("ended before 1970", "now"))),
            (before, at(100), 50, Some(("begins before 1970", "now"))),
            (at(100), at(20), 50, Some(("ends before it begins, so that it never counts", "now"))),
        ] {
            let when = when_it_counts((from, to), at(day));
            assert_eq!(when.as_ref().map(|(what, since)| (what.as_str(), *since)), told, "{day}");
        }
    }

    #[test]
    fn the_key_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config { data: folder.path().to_owned(), ..Config::defaults() };
        let [key, certificate] = [KEY, CERTIFICATE].map(|name| folder.path().join(name));
        let first = open_identity(&config).expect("made").fingerprint();
        for path in [&key, &certificate] {
            assert_eq!(fs::metadata(path).expect("there").mode() & 0o777, 0o600, "{}", path.display());
        }
        assert_eq!(open_identity(&config).expect("read").fingerprint(), first);
        let own = Config {
            data: "nowhere".into(),
            tls_key: Some(key.clone()),
            tls_cert: Some(certificate.clone()),
            ..config.clone()
        };
        assert_eq!(open_identity(&own).expect("read").fingerprint(), first);

        fs::set_permissions(&key, Permissions::from_mode(0o640)).expect("ours");
        let refused = open_identity(&config).expect_err("others read it");
        assert!(refused.contains("tls_key.pem: others may read or change it (mode 640): chmod 600"), "{refused}");
        fs::set_permissions(&key, Permissions::from_mode(0o600)).expect("ours");

        let away = folder.path().join("away");
        fs::rename(&key, &away).expect("ours");
        let refused = open_identity(&config).expect_err("a certificate whose key is lost");
        let start = format!("{} is there without {}: put that back", certificate.display(), key.display());
        assert!(refused.starts_with(&start), "{refused}");
        fs::rename(&away, &key).expect("ours");
        let linked = tempfile::tempdir().expect("a folder");
        for name in [KEY, CERTIFICATE] {
            symlink(folder.path().join("not mounted"), linked.path().join(name)).expect("a link");
        }
        let refused = open_identity(&Config { data: linked.path().to_owned(), ..config.clone() });
        assert!(refused.expect_err("no key").contains("tls_key.pem: No such file"), "it makes no new one");

        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).expect("ours");
        for (tls_key, tls_cert) in [(&pipe, &certificate), (&key, &pipe)] {
            let (tls_key, tls_cert) = (Some(tls_key.clone()), Some(tls_cert.clone()));
            let refused = open_identity(&Config { tls_key, tls_cert, ..config.clone() }).expect_err("a pipe");
            assert_eq!(refused, format!("{}: this is no regular file", pipe.display()));
        }
        fs::write(&certificate, "no certificate").expect("ours");
        let refused = open_identity(&config).expect_err("no certificate");
        assert!(refused.contains("tls_cert.pem: there is no certificate in PEM"), "{refused}");
    }

    #[test]
    fn a_key_alone_is_kept_and_gets_a_certificate() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config { data: folder.path().to_owned(), ..Config::defaults() };
        let [key, certificate] = [KEY, CERTIFICATE].map(|name| folder.path().join(name));
        for file in [&key, &certificate] {
            // A disk that has no room, for a while.
            let no_room = file.with_extension("pem.new");
            fs::create_dir(&no_room).expect("in the way");
            let refused = open_identity(&config).expect_err("it cannot be written");
            assert!(refused.starts_with(&file.display().to_string()), "{refused}");
            fs::remove_dir(&no_room).expect("ours");
            assert!(!certificate.exists() && key.exists() == (file == &certificate), "the key comes first");
        }
        let kept = fs::read(&key).expect("there");
        let first = open_identity(&config).expect("the certificate alone is made").fingerprint();
        fs::remove_file(&certificate).expect("ours");
        assert_eq!(open_identity(&config).expect("made anew").fingerprint(), first);
        assert_eq!(fs::read(&key).expect("there"), kept);

        fs::remove_file(&certificate).expect("ours");
        fs::set_permissions(&key, Permissions::from_mode(0o644)).expect("ours");
        assert!(open_identity(&config).expect_err("others read it").contains("(mode 644)"));
        fs::write(&key, "no key").expect("ours");
        fs::set_permissions(&key, Permissions::from_mode(0o600)).expect("ours");
        let refused = open_identity(&config).expect_err("no key");
        let says =
            format!("{} is there without {}, and none can be made for it (", key.display(), certificate.display());
        assert!(refused.starts_with(&says) && !certificate.exists(), "{refused}");
        assert_eq!(fs::read(&key).expect("there"), b"no key");
    }

    /// The folder for the process that is ended.
    const FOLDER: &str = "PEERLINE_TEST_FOLDER";

    /// It is run by the test below, as a process of its own, which ends at a point of that test's choice.
    #[test]
    #[ignore = "it is a part of the test below"]
    fn starts_until_it_is_killed() {
        let data = PathBuf::from(std::env::var_os(FOLDER).expect("the test below sets it"));
        let identity = open_identity(&Config { data: data.clone(), ..Config::defaults() }).expect("made");
        fs::write(data.join("told"), identity.fingerprint().to_string()).expect("written");
    }

    #[test]
    fn a_first_start_that_is_killed_at_any_point_bars_no_later_one_and_no_key_is_lost() {
        let mut killed = 0;
        loop {
            let folder = tempfile::tempdir().expect("a folder");
            let status = std::process::Command::new(std::env::current_exe().expect("this test"))
                .args(["--exact", "--ignored", "server::store::tls_files::tests::starts_until_it_is_killed"])
                .env(FOLDER, folder.path())
                .env(fault::VARIABLE, killed.to_string())
                .output()
                .expect("it runs")
                .status;
            let path = |name| folder.path().join(name);
            let kept = fs::read(path(KEY)).ok();
            let config = Config { data: folder.path().to_owned(), ..Config::defaults() };
            let identity = open_identity(&config).unwrap_or_else(|error| panic!("point {killed}: {error}"));
            let key = fs::read(path(KEY)).expect("there");
            assert!(kept.is_none_or(|kept| kept == key), "point {killed}");
            // What was left half-way is gone, as it may hold a secret.
            assert!(!path("tls_key.pem.new").exists() && !path("tls_cert.pem.new").exists(), "point {killed}");
            if status.success() {
                assert_eq!(fs::read_to_string(path("told")).expect("told"), identity.fingerprint().to_string());
                break;
            }
            assert_eq!(status.signal(), Some(9), "point {killed}");
            killed += 1;
        }
        // Two files with six points each.
        assert_eq!(killed, 12);
    }
}
