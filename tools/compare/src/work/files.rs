//! Files: what `scripts/bench` has measured with real programs, as rows.

use crate::rounds::Rounds;
use crate::table::{Aim, Row, Unit};
use std::fs;
use std::path::Path;

/// The files of times, and how those who made them are called.
const OTHERS: [(&str, &str); 5] =
    [("nc", "nc"), ("curl", "curl"), ("curl_verified", "curl and sha256sum"), ("scp", "scp"), ("rsync", "rsync")];

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
    let mut others = Vec::new();
    for (file, name) in OTHERS {
        let rounds = rates(file)?;
        if !rounds.0.is_empty() {
            others.push((name.to_owned(), rounds));
        }
    }
    let row = |own, what: &str| Row {
        work: format!("a file of {mebibytes} MiB, verified, {what}"),
        unit: Unit::Mebibytes,
        own,
        others: others.clone(),
        against: Some("nc"),
        aim: Some(Aim::AtLeast(1.2)),
    };
    Ok(vec![row(rates("peerline")?, "its hash known"), row(rates("peerline_first")?, "the first time")])
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
        write("nc", "soon\n");
        assert!(files(folder.path(), 1024.0).is_err());
    }
}
