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
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// So much more is kept at both ends of the time that is wanted, in microseconds: clocks may be compared no better.
const MARGIN: i64 = 1_000_000;
/// The most bytes of what can be read only once.
const MOST_COPIED: u64 = 4 << 30;

/// What was read.
pub struct Files {
    pub recordings: Vec<Recording>,
    /// How far their clocks are apart, where that is known before what is wanted was read.
    pub clocks: Option<Clocks>,
    /// How many could not be read.
    pub unread: usize,
}

/// A file that can be read as often as is needed.
struct Opened {
    name: String,
    file: File,
    /// Where it begins: of standard input somebody may have read a part before.
    start: u64,
    /// Whether it is a copy that does not go to the end.
    is_cut: bool,
}

/// What is to be kept of a file: between these times of its own clock, and of these people.
struct Choice {
    window: (i64, i64),
    part: Option<Part>,
}

/// Reads the files; says which cannot be read, unless they are all.
///
/// # Errors
/// What is wrong with them, where that is so of each.
pub fn read(sources: &Sources) -> Result<Files, String> {
    let mut wrong = Vec::new();
    let is_limited = sources.times().is_some() || !sources.who.is_empty();
    let mut opened: Vec<Opened> = Vec::new();
    for file in each_once(&sources.files) {
        match open(file, is_limited) {
            Ok(file) => opened.push(file),
            Err(error) => wrong.push(format!("{}: {error}", shown(file))),
        }
    }
    let mut clocks = None;
    let recordings = if is_limited {
        let outlines = read_all(&mut opened, &mut wrong, |_, Opened { name, file, .. }, budget| {
            Recording::read_some(name, BufReader::new(file), budget, filter::outline())
        });
        let (known, choices) = choose(outlines, sources);
        let recordings = read_all(&mut opened, &mut wrong, |at, Opened { name, file, start, is_cut }, budget| {
            let (mut file, Choice { window, part }) = (file, &choices[at]);
            file.seek(SeekFrom::Start(*start))?;
            let is_wanted = filter::wanted(*window, part.as_ref());
            let mut recording = Recording::read_some(name, BufReader::new(file), budget, is_wanted)?;
            recording.keeps_only(*window);
            if *is_cut {
                recording.remark("it is too long: what comes behind its first 4 GiB is left out");
            }
            Ok(recording)
        });
        clocks = Some(known).filter(|known| known.offsets.len() == recordings.len());
        recordings
    } else {
        read_all(&mut opened, &mut wrong, |_, Opened { name, file, .. }, budget| {
            Recording::read(name, BufReader::new(file), budget)
        })
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
    opened: &mut Vec<Opened>,
    wrong: &mut Vec<String>,
    read: impl Fn(usize, &Opened, Budget) -> io::Result<Recording>,
) -> Vec<Recording> {
    let length = |file: &File| file.metadata().ok().filter(fs::Metadata::is_file).map_or(u64::MAX, |known| known.len());
    let mut order: Vec<usize> = (0..opened.len()).collect();
    order.sort_by_key(|at| length(&opened[*at].file));
    let mut budget = Budget::whole();
    let mut results: Vec<Option<io::Result<Recording>>> = opened.iter().map(|_| None).collect();
    for (done, at) in order.iter().enumerate() {
        let result = read(*at, &opened[*at], budget.share(opened.len() - done));
        if let Ok(recording) = &result {
            budget = budget.without(recording);
        }
        results[*at] = Some(result);
    }
    let names: Vec<String> = opened.iter().map(|file| file.name.clone()).collect();
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

/// What is to be kept of each file, and how far their clocks are apart. The outlines end here: what is kept then needs their
/// room.
fn choose(outlines: Vec<Recording>, sources: &Sources) -> (Clocks, Vec<Choice>) {
    let connections = Connections::find(&outlines);
    let clocks = clocks::compare(&outlines, &connections, &streams::pieces(&outlines, &connections));
    let first = |(at, outline): (usize, &Recording)| {
        outline.events.iter().map(|event| event.time.saturating_add(clocks.offsets[at])).min()
    };
    let start = outlines.iter().enumerate().filter_map(first).min().unwrap_or_default();
    let window = |offset: i64| {
        let Some((from, until)) = sources.times() else { return (i64::MIN, i64::MAX) };
        let begin = start.saturating_sub(offset);
        (begin.saturating_add(from).saturating_sub(MARGIN), begin.saturating_add(until).saturating_add(MARGIN))
    };
    let choice = |(outline, offset): (&Recording, &i64)| Choice {
        window: window(*offset),
        part: Part::of(outline, &sources.who),
    };
    let choices = outlines.iter().zip(&clocks.offsets).map(choice).collect();
    (clocks, choices)
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
fn open(path: &Path, is_read_twice: bool) -> io::Result<Opened> {
    let name = shown(path);
    // Standard input as it is: by a name a socket cannot be opened, nor what is another user's.
    let is_input = path.as_os_str() == "-";
    let mut file = if is_input { io::stdin().as_fd().try_clone_to_owned().map(File::from)? } else { File::open(path)? };
    if file.metadata()?.is_file() {
        let start = file.stream_position()?;
        return Ok(Opened { name, file, start, is_cut: false });
    }
    let (file, is_cut) = if is_read_twice { copy(file, MOST_COPIED)? } else { (file, false) };
    Ok(Opened { name, file, start: 0, is_cut })
}

/// Copies so many bytes to a file that nobody else sees; and whether there are more.
fn copy(mut from: impl Read, most: u64) -> io::Result<(File, bool)> {
    let copy = std::env::temp_dir().join(format!("peerline-trace-{}", std::process::id()));
    let mut options = OpenOptions::new();
    let mut kept = options.read(true).write(true).create_new(true).mode(0o600).open(&copy)?;
    // It has no name any more while it is used.
    fs::remove_file(&copy)?;
    io::copy(&mut from.by_ref().take(most), &mut kept)?;
    kept.rewind()?;
    let more = io::copy(&mut from.take(1), &mut io::sink())?;
    Ok((kept, more > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_can_be_read_only_once_it_is_known_whether_all_was_copied() {
        for (most, copied, is_cut) in [(4, "hell", true), (5, "hello", false), (6, "hello", false)] {
            let (mut kept, is_less) = copy(&b"hello"[..], most).expect("it is copied");
            assert_eq!((io::read_to_string(&mut kept).expect("text").as_str(), is_less), (copied, is_cut));
        }
    }
}
