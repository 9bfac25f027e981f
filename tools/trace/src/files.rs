//! The files as they are named: each once, and of long ones what is wanted.

use crate::connections::Connections;
use crate::filter::{self, Part};
use crate::options::Sources;
use crate::recording::{Budget, Recording};
use crate::text::plain;
use crate::{clocks, streams};
use clocks::Clocks;
use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// So much more is kept at both ends of the time that is wanted, in microseconds: clocks may be compared no better.
const MARGIN: i64 = 1_000_000;

/// What was read.
pub struct Files {
    pub recordings: Vec<Recording>,
    /// How far their clocks are apart, where that is known before what is wanted was read.
    pub clocks: Option<Clocks>,
    /// How many could not be read.
    pub unread: usize,
}

/// Reads the files; says which cannot be read, unless they are all.
///
/// # Errors
/// What is wrong with them, where that is so of each.
pub fn read(sources: &Sources) -> Result<Files, String> {
    let mut wrong = Vec::new();
    let is_limited = sources.times().is_some() || !sources.who.is_empty();
    let mut opened: Vec<(String, File)> = Vec::new();
    for file in each_once(&sources.files) {
        let name = shown(file);
        match open(file, is_limited) {
            Ok(file) => opened.push((name, file)),
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    let mut clocks = None;
    let recordings = if is_limited {
        let outlines = read_all(&mut opened, &mut wrong, |_, file, name, budget| {
            Recording::read_some(name, BufReader::new(file), budget, filter::outline())
        });
        let (known, windows) = windows(&outlines, sources.times());
        let recordings = read_all(&mut opened, &mut wrong, |at, mut file, name, budget| {
            file.rewind()?;
            let part = Part::of(&outlines[at], &sources.who);
            let is_wanted = filter::wanted(windows[at], part);
            let mut recording = Recording::read_some(name, BufReader::new(file), budget, is_wanted)?;
            recording.keeps_only(windows[at]);
            Ok(recording)
        });
        clocks = Some(known).filter(|known| known.offsets.len() == recordings.len());
        recordings
    } else {
        read_all(&mut opened, &mut wrong, |_, file, name, budget| Recording::read(name, BufReader::new(file), budget))
    };
    let recordings = without_copies(recordings, &mut clocks);
    if recordings.is_empty() {
        return Err(wrong.join("\ntrace: "));
    }
    wrong.iter().for_each(|sentence| eprintln!("trace: {sentence}; the others are shown without it"));
    Ok(Files { recordings, clocks, unread: wrong.len() })
}

/// Reads each, the short ones first: what they leave is for the others. Those that cannot be read are taken out.
fn read_all(
    opened: &mut Vec<(String, File)>,
    wrong: &mut Vec<String>,
    read: impl Fn(usize, &File, &str, Budget) -> io::Result<Recording>,
) -> Vec<Recording> {
    let length = |file: &File| file.metadata().ok().filter(fs::Metadata::is_file).map_or(u64::MAX, |known| known.len());
    let mut order: Vec<usize> = (0..opened.len()).collect();
    order.sort_by_key(|at| length(&opened[*at].1));
    let mut budget = Budget::whole();
    let mut results: Vec<Option<io::Result<Recording>>> = opened.iter().map(|_| None).collect();
    for (done, at) in order.iter().enumerate() {
        let (name, file) = &opened[*at];
        let result = read(*at, file, name, budget.share(opened.len() - done));
        if let Ok(recording) = &result {
            budget = budget.without(recording);
        }
        results[*at] = Some(result);
    }
    let names: Vec<String> = opened.iter().map(|(name, _)| name.clone()).collect();
    let mut is_read = results.iter().map(|result| matches!(result, Some(Ok(_)))).collect::<Vec<_>>().into_iter();
    opened.retain(|_| is_read.next().unwrap_or_default());
    let mut recordings = Vec::new();
    for (name, result) in names.iter().zip(results.into_iter().flatten()) {
        match result {
            Ok(recording) => recordings.push(recording),
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    recordings
}

/// What is to be kept of each file, by its own clock, and how far that is from the others.
fn windows(outlines: &[Recording], times: Option<(i64, i64)>) -> (Clocks, Vec<(i64, i64)>) {
    let connections = Connections::find(outlines);
    let clocks = clocks::compare(outlines, &connections, &streams::pieces(outlines, &connections));
    let first = |(at, outline): (usize, &Recording)| {
        outline.events.iter().map(|event| event.time.saturating_add(clocks.offsets[at])).min()
    };
    let start = outlines.iter().enumerate().filter_map(first).min().unwrap_or_default();
    let Some((from, until)) = times else { return (clocks, vec![(i64::MIN, i64::MAX); outlines.len()]) };
    let own = |offset: &i64| {
        let begin = start.saturating_sub(*offset);
        (begin.saturating_add(from).saturating_sub(MARGIN), begin.saturating_add(until).saturating_add(MARGIN))
    };
    let windows = clocks.offsets.iter().map(own).collect();
    (clocks, windows)
}

/// Each file once, however often and by whichever way it is named.
fn each_once(files: &[PathBuf]) -> Vec<&PathBuf> {
    let mut seen = HashSet::new();
    let real = |file: &PathBuf| fs::canonicalize(file).ok().filter(|_| file.as_os_str() != "-");
    let (once, again): (Vec<_>, Vec<_>) =
        files.iter().partition(|file| seen.insert(real(file).unwrap_or_else(|| (*file).clone())));
    again.iter().for_each(|file| eprintln!("trace: {} is named twice, and taken once", shown(file)));
    once
}

/// Of copies of one recording, such as its end beside the whole, the first one.
fn without_copies(recordings: Vec<Recording>, clocks: &mut Option<Clocks>) -> Vec<Recording> {
    let mut kept: Vec<Recording> = Vec::new();
    let mut at = 0;
    for recording in recordings {
        match kept.iter().find(|other| recording.is_of_the_run_of(other)) {
            Some(other) => {
                eprintln!("trace: {}: it is of the same run as {}, and left out", recording.file, other.file);
                if let Some(clocks) = clocks {
                    clocks.offsets.remove(at);
                }
            }
            None => {
                kept.push(recording);
                at += 1;
            }
        }
    }
    kept
}

/// A path, as it may stand at a terminal.
pub fn shown(path: &Path) -> String {
    plain(&path.display().to_string())
}

/// Opens a file; what can be read only once is copied where it is to be read twice.
fn open(path: &Path, is_read_twice: bool) -> io::Result<File> {
    let file = if path.as_os_str() == "-" { File::open("/dev/stdin")? } else { File::open(path)? };
    if file.metadata()?.is_file() || !is_read_twice {
        return Ok(file);
    }
    let copy = std::env::temp_dir().join(format!("peerline-trace-{}", std::process::id()));
    let mut options = OpenOptions::new();
    let mut kept = options.read(true).write(true).create_new(true).mode(0o600).open(&copy)?;
    // It has no name any more while it is used.
    fs::remove_file(&copy)?;
    io::copy(&mut file.take(MOST_COPIED), &mut kept)?;
    kept.rewind()?;
    Ok(kept)
}

/// The most bytes of what can be read only once.
const MOST_COPIED: u64 = 4 << 30;
