//! The server's command line with its placeholders.

use crate::check::{Rule, Value};
use std::ffi::OsString;
use std::path::Path;

/// A command line that is still to be filled in.
#[derive(Clone, Debug)]
pub struct CommandLine(Vec<String>);

/// What is filled in.
pub struct Filling<'a> {
    pub port: u16,
    pub data: &'a Path,
    /// The submission's folder, in a class.
    pub folder: Option<&'a Path>,
    /// The rules that are not harmless.
    pub house: &'a [(Rule, Value)],
}

/// A part of a word.
enum Part<'a> {
    Text(&'a str),
    /// What stands between the braces.
    Placeholder(&'a str),
}

impl CommandLine {
    /// # Errors
    /// A sentence, when it is empty, has no `{port}`, or a placeholder that there is not. `{dir}` is one in a class.
    pub fn new(words: Vec<String>, is_of_class: bool) -> Result<CommandLine, String> {
        let line = CommandLine(words);
        if line.0.is_empty() {
            return Err("say how the server is started, behind --: grade -- python3 server.py {port}".to_owned());
        }
        if !line.has("port") {
            return Err("the server's command line has no {port}: each start gets a port of its own".to_owned());
        }
        let is_known = |word: &&str| ["port", "data"].contains(word) || rule(word).is_some();
        let is_meant = |word: &&str| is_known(word) || (is_of_class && *word == "dir");
        let unknown = line.placeholders().find(|word| !is_meant(word)).map(str::to_owned);
        match unknown.as_deref() {
            Some("dir") => Err("{dir} is a folder of a class: it needs --class".to_owned()),
            Some(unknown) => Err(format!(
                "there is no placeholder {{{unknown}}}: see grade --help. Where the server is to get just that, \
                 write {{{{{unknown}}}}}"
            )),
            None => Ok(line),
        }
    }

    /// Whether it has this placeholder, also as `{word:s}`.
    pub fn has(&self, word: &str) -> bool {
        self.placeholders().any(|found| found == word || rule(found).is_some_and(|(rule, _)| rule.word() == word))
    }

    /// The words of a command.
    pub fn fill(&self, filling: &Filling) -> Vec<OsString> {
        let fill = |part| match part {
            Part::Text(text) => OsString::from(text),
            Part::Placeholder(word) => filling.of(word),
        };
        self.0.iter().map(|word| parts(word).into_iter().map(fill).collect()).collect()
    }

    fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|word| parts(word)).filter_map(|part| match part {
            Part::Placeholder(word) => Some(word),
            Part::Text(_) => None,
        })
    }
}

impl Filling<'_> {
    fn of(&self, word: &str) -> OsString {
        match word {
            "port" => self.port.to_string().into(),
            "data" => self.data.into(),
            "dir" => self.folder.map_or_else(OsString::new, OsString::from),
            _ => rule(word).map_or_else(OsString::new, |(rule, in_seconds)| {
                let set = self.house.iter().find(|(set, _)| *set == rule).map(|(_, value)| *value);
                written(set.unwrap_or(rule.harmless()), in_seconds).into()
            }),
        }
    }
}

/// The rule that a placeholder stands for, and whether in seconds.
fn rule(word: &str) -> Option<(Rule, bool)> {
    let (plain, in_seconds) = word.strip_suffix(":s").map_or((word, false), |plain| (plain, true));
    Rule::ALL.into_iter().find(|rule| rule.word() == plain).map(|rule| (rule, in_seconds))
}

fn written(value: Value, in_seconds: bool) -> String {
    match value {
        Value::Number(number) => number.to_owned(),
        Value::Millis(millis) if in_seconds => (millis as f64 / 1000.0).to_string(),
        Value::Millis(millis) if millis % 60_000 == 0 => format!("{}m", millis / 60_000),
        Value::Millis(millis) => format!("{millis}ms"),
    }
}

/// As it is typed, for reports.
impl std::fmt::Display for CommandLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "{}/._-:=,+@%".contains(c);
        for (number, word) in self.0.iter().enumerate() {
            let blank = if number > 0 { " " } else { "" };
            if !word.is_empty() && word.chars().all(is_plain) {
                write!(f, "{blank}{word}")?;
            } else {
                write!(f, "{blank}'{}'", word.replace('\'', "'\\''"))?;
            }
        }
        Ok(())
    }
}

/// Text and placeholders in turn. `{{word}}` is the text `{word}`, and a shell's `${word}` is its own.
fn parts(text: &str) -> Vec<Part<'_>> {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b':');
    let (mut parts, mut rest, mut from) = (Vec::new(), text, 0);
    while let Some(at) = rest[from..].find('{').map(|at| from + at) {
        let is_doubled = rest[at..].starts_with("{{");
        let begin = at + 1 + usize::from(is_doubled);
        let word = rest[begin..].split_once('}').map(|(word, _)| word).filter(|word| is_word(word));
        let end = begin + word.map_or(0, str::len) + 1;
        match word {
            Some(_) if is_doubled && rest[end..].starts_with('}') => {
                parts.extend([Part::Text(&rest[..at]), Part::Text(&rest[at + 1..end])]);
                (rest, from) = (&rest[end + 1..], 0);
            }
            Some(word) if !is_doubled && !rest[..at].ends_with('$') => {
                parts.extend([Part::Text(&rest[..at]), Part::Placeholder(word)]);
                (rest, from) = (&rest[end..], 0);
            }
            _ => from = at + 1,
        }
    }
    parts.push(Part::Text(rest));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    fn line(text: &str) -> Result<CommandLine, String> {
        CommandLine::new(text.split_whitespace().map(str::to_owned).collect(), false)
    }

    fn filled(line: &CommandLine, folder: Option<&Path>) -> OsString {
        let house = &[(Rule::Idle, Value::Millis(1200))];
        line.fill(&Filling { port: 20000, data: Path::new("/t"), folder, house }).join(OsStr::new(" "))
    }

    #[test]
    fn placeholders_are_filled_in() {
        let line = line("./server --port={port} {data}/x {idle} {idle:s} {relogin} {relogin:s} {loss}").expect("right");
        assert_eq!(filled(&line, None), "./server --port=20000 /t/x 1200ms 1.2 30m 1800 0");
        assert!(line.has("idle") && line.has("relogin") && !line.has("rate"));
    }

    #[test]
    fn a_line_that_cannot_be_meant_is_refused() {
        for wrong in ["", "./server", "./server {port} {prot}", "./server ${port}", "{port:s}", "{port} {idle:s:s}"] {
            assert!(line(wrong).is_err(), "{wrong}");
        }
        assert!(line("{port} {dir}").is_err_and(|sentence| sentence.contains("--class")));
        assert!(line("{port} {print}").is_err_and(|sentence| sentence.ends_with("write {{print}}")));
    }

    #[test]
    fn braces_of_others_stay() {
        let text = "${port} {port} {{port}} {{print}} {$1} {} ${x}{port} {{{port}}} {\"a\":{\"b\":1}} {";
        let line = line(text).expect("right");
        let expected = "${port} 20000 {port} {print} {$1} {} ${x}20000 {{port}} {\"a\":{\"b\":1}} {";
        assert_eq!(filled(&line, None), expected);
    }

    #[test]
    fn the_folder_of_a_submission_may_have_any_name() {
        let line = CommandLine::new(["{dir}/s", "{port}"].map(str::to_owned).into(), true).expect("right");
        for name in [&b"bob {draft}"[..], b"{port}", b"M\xfcller"] {
            let words = filled(&line, Some(Path::new(OsStr::from_bytes(name))));
            assert_eq!(words.as_bytes(), [name, b"/s 20000"].concat());
        }
        assert_eq!(line.to_string(), "{dir}/s {port}");
    }
}
