//! Files: what `scripts/bench` has measured with real programs, as rows.

use crate::rounds::Rounds;
use crate::table::{Aim, Row, Unit};
use std::fs;
use std::path::Path;

/// The files of times, and how those who made them are called: in the clear, or what ours in the clear is compared with,
/// and encrypted.
const OTHERS: [(&str, &str); 5] =
    [("nc", "nc"), ("curl", "curl"), ("curl_verified", "curl and sha256sum"), ("scp", "scp"), ("rsync", "rsync")];
const ENCRYPTED: [(&str, &str); 3] =
    [("scp", "scp"), ("https", "curl over https"), ("https_verified", "https and sha256sum")];

/// From a folder with a file for each program: a line of seconds for each time that it has fetched so many MiB.
///
/// # Errors
/// A sentence, when a file holds something else.
pub fn files(folder: &Path, mebibytes: f64) -> Result<Vec<Row>, String> {
    let rates = |name: &str| -> Result<Rounds, String> {
        let path = folder.join(name);
        let Ok(text) = fs::read_to_string(&path) else { return Ok(Rounds::default()) };
        let seconds: Result<Vec<f64>, _> = text.lines().map(str::parse).collect();
        let seconds = seconds.map_err(|_| format!("{} does not hold seconds", path.display()))?;
        Ok(Rounds(seconds.into_iter().map(|seconds| mebibytes / seconds).collect()))
    };
    let all = |names: &[(&str, &str)]| -> Result<Vec<(String, Rounds)>, String> {
        let rounds = names.iter().map(|(file, name)| Ok(((*name).to_owned(), rates(file)?)));
        let rounds = rounds.collect::<Result<Vec<_>, String>>()?;
        Ok(rounds.into_iter().filter(|(_, rounds)| !rounds.0.is_empty()).collect())
    };
    let (others, encrypted) = (all(&OTHERS)?, all(&ENCRYPTED)?);
    let row = |file: &str, what: &str, others: &[(String, Rounds)], against, aim| -> Result<Row, String> {
        let (work, own) = (format!("a file of {mebibytes} MiB{what}"), rates(file)?);
        let aim = Some(Aim::AtLeast(aim));
        Ok(Row { work, unit: Unit::Mebibytes, own, others: others.to_vec(), against: Some(against), aim })
    };
    Ok(vec![
        row("peerline", ", verified, its hash known", &others, "nc", 1.2)?,
        row("peerline_first", ", verified, the first time", &others, "nc", 1.2)?,
        row("peerline_tls", " by TLS, verified, its hash known", &encrypted, "scp", 2.0)?,
        row("peerline_tls_first", " by TLS, verified, the first time", &encrypted, "scp", 2.0)?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_become_rates_and_who_is_missing_is_left_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
        write("peerline", "0.5\n0.25\n");
        write("nc", "1.0\n1.0\n");
        let rows = files(folder.path(), 1024.0).expect("rows");
        assert_eq!(rows[0].own, Rounds(vec![2048.0, 4096.0]));
        assert_eq!((rows[0].others.len(), rows[0].is_met()), (1, Some(true)));
        assert_eq!((rows[1].own.clone(), rows[1].is_met()), (Rounds::default(), None));
        write("peerline_tls", "0.5\n0.5\n");
        write("scp", "1.1\n1.1\n");
        let rows = files(folder.path(), 1024.0).expect("rows");
        assert_eq!((rows[2].others.len(), rows[2].is_met()), (1, Some(true)));
        write("nc", "soon\n");
        assert!(files(folder.path(), 1024.0).is_err());
    }
}
