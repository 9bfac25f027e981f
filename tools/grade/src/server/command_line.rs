//! The server's command line with its placeholders.

use crate::check::{Rule, Value};
use std::path::Path;

/// A command line that is still to be filled in.
#[derive(Clone, Debug)]
pub struct CommandLine(Vec<String>);

/// What is filled in.
pub struct Filling<'a> {
    pub port: u16,
    pub data: &'a Path,
    /// The rules that are not harmless.
    pub house: &'a [(Rule, Value)],
}

impl CommandLine {
    /// # Errors
    /// A sentence, when it is empty, has no `{port}`, or a placeholder that there is not.
    pub fn new(words: Vec<String>) -> Result<CommandLine, String> {
        let line = CommandLine(words);
        if line.0.is_empty() {
            return Err("say how the server is started, behind --: grade -- python3 server.py {port}".to_owned());
        }
        if !line.has("port") {
            return Err("the server's command line has no {port}: each start gets a port of its own".to_owned());
        }
        let known = |word: &str| {
            ["port", "data"].contains(&word) || Rule::ALL.iter().any(|rule| word.trim_end_matches(":s") == rule.word())
        };
        match line.0.iter().flat_map(|word| placeholders(word)).find(|word| !known(word)) {
            Some(unknown) => Err(format!("there is no placeholder {{{unknown}}}: see grade --help")),
            None => Ok(line),
        }
    }

    /// Whether it has this placeholder, also as `{word:s}`.
    pub fn has(&self, word: &str) -> bool {
        self.0.iter().flat_map(|text| placeholders(text)).any(|found| found.trim_end_matches(":s") == word)
    }

    /// The words of a command.
    pub fn fill(&self, filling: &Filling) -> Vec<String> {
        self.0.iter().map(|word| fill_word(word, filling)).collect()
    }

    /// With this folder for `{dir}`.
    pub fn in_folder(words: &[String], folder: &Path) -> Vec<String> {
        words.iter().map(|word| word.replace("{dir}", &folder.display().to_string())).collect()
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

/// The words in braces, but not those of a shell's `${word}`.
fn placeholders(text: &str) -> Vec<&str> {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b':');
    let mut found = Vec::new();
    for (at, _) in text.match_indices('{') {
        let Some(length) = text[at..].find('}') else { break };
        let word = &text[at + 1..at + length];
        if is_word(word) && !text[..at].ends_with('$') {
            found.push(word);
        }
    }
    found
}

fn fill_word(word: &str, filling: &Filling) -> String {
    let mut filled =
        word.replace("{port}", &filling.port.to_string()).replace("{data}", &filling.data.display().to_string());
    for rule in Rule::ALL {
        let set = filling.house.iter().find(|(set, _)| *set == rule).map(|(_, value)| *value);
        let (plain, seconds) = match set.unwrap_or(rule.harmless()) {
            Value::Millis(millis) if millis % 60_000 == 0 => {
                (format!("{}m", millis / 60_000), (millis / 1000).to_string())
            }
            Value::Millis(millis) => (format!("{millis}ms"), (millis as f64 / 1000.0).to_string()),
            Value::Number(number) => (number.to_owned(), number.to_owned()),
        };
        filled = filled.replace(&format!("{{{}}}", rule.word()), &plain);
        filled = filled.replace(&format!("{{{}:s}}", rule.word()), &seconds);
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Result<CommandLine, String> {
        CommandLine::new(text.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn placeholders_are_filled_in() {
        let line = line("./server --port={port} {data}/x {idle} {idle:s} {relogin} {relogin:s} {loss}").expect("right");
        let filling = Filling { port: 20000, data: Path::new("/t"), house: &[(Rule::Idle, Value::Millis(1200))] };
        assert_eq!(line.fill(&filling).join(" "), "./server --port=20000 /t/x 1200ms 1.2 30m 1800 0");
        assert!(line.has("idle") && line.has("relogin") && !line.has("rate"));
    }

    #[test]
    fn a_line_that_cannot_be_meant_is_refused() {
        assert!(line("").is_err() && line("./server").is_err() && line("./server {port} {prot}").is_err());
        assert!(line("sh -c exec${x}{port}").is_ok());
    }
}
