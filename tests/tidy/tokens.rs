//! Rust source as the rules read it: its words and signs without comments, literals and tests, and the paths in it.
//! It knows no module tree.

/// A path as it stands in the source, its segments in order.
pub type Path = Vec<String>;

/// What a file names and declares, its tests left out.
#[derive(Debug, Default, PartialEq)]
pub struct Source {
    /// The modules that it declares, in their order.
    pub modules: Vec<String>,
    /// Each path of a `use`, braces resolved, and each path in the code; a glob ends in `*`.
    pub paths: Vec<Path>,
    /// What a `pub use` hands on: the name, and the path behind it.
    pub handed_on: Vec<(String, Path)>,
    /// Method calls and macros, as `.name(` and `name!`.
    pub calls: Vec<String>,
}

/// Reads a file's text.
pub fn read(text: &str) -> Source {
    let tokens = without_tests(&tokens(text));
    let mut source = Source::default();
    let mut at = 0;
    while at < tokens.len() {
        at += match tokens[at].as_str() {
            "use" => read_use(&tokens, at, &mut source),
            "mod" if tokens.get(at + 2).is_some_and(|sign| sign == ";") => {
                source.modules.push(tokens[at + 1].clone());
                3
            }
            "mod" => panic!("a module with a body, which these rules do not read: {:?}", tokens.get(at + 1)),
            word if is_word(word) => read_word(&tokens, at, &mut source),
            _ => 1,
        };
    }
    source
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Reads what begins with a word in the code; gives how many tokens it has.
fn read_word(tokens: &[String], at: usize, source: &mut Source) -> usize {
    let sign = |at: usize| tokens.get(at).map(String::as_str).unwrap_or_default();
    let mut path = vec![tokens[at].clone()];
    let mut end = at + 1;
    while sign(end) == "::" && is_word(sign(end + 1)) {
        path.push(tokens[end + 1].clone());
        end += 2;
    }
    match path.as_slice() {
        [name] if at > 0 && sign(at - 1) == "." && sign(end) == "(" => source.calls.push(format!(".{name}(")),
        [name] if sign(end) == "!" => source.calls.push(format!("{name}!")),
        [_] => {}
        // What follows `Type::<T>` or `<T as Trait>` belongs to a type that is named elsewhere.
        _ if at > 0 && sign(at - 1) == "::" => {}
        _ => source.paths.push(path),
    }
    end - at
}

/// Reads a `use`; gives how many tokens it has.
fn read_use(tokens: &[String], at: usize, source: &mut Source) -> usize {
    let length = tokens[at..].iter().position(|token| token == ";").expect("a use ends");
    let mut tree = tokens[at + 1..at + length].iter();
    // A leading `::` says that a crate follows.
    let mut found = Vec::new();
    read_tree(&mut tree, &mut Vec::new(), &mut found);
    let is_public = at > 0 && ["pub", ")"].contains(&tokens[at - 1].as_str());
    for (name, path) in found {
        if is_public {
            source.handed_on.push((name, path.clone()));
        }
        source.paths.push(path);
    }
    length + 1
}

/// Reads one level of braces: `a::{b, c as d}` after `a`.
fn read_tree(tokens: &mut std::slice::Iter<String>, before: &mut Path, found: &mut Vec<(String, Path)>) {
    let mut path = before.clone();
    let mut name = None;
    let mut finish = |path: &mut Path, name: &mut Option<String>| {
        if path.len() > before.len() {
            let last = path.last().cloned().unwrap_or_default();
            if last == "self" && path.len() > 1 {
                path.pop();
            }
            let last = path.last().cloned().unwrap_or_default();
            found.push((name.take().unwrap_or(last), path.clone()));
        }
        path.truncate(before.len());
    };
    let mut inner = Vec::new();
    while let Some(token) = tokens.next() {
        match token.as_str() {
            "," => finish(&mut path, &mut name),
            "}" => break,
            "{" => {
                read_tree(tokens, &mut path.clone(), &mut inner);
                path.truncate(before.len());
            }
            "as" => name = tokens.next().cloned(),
            "::" => {}
            word => path.push(word.to_owned()),
        }
    }
    finish(&mut path, &mut name);
    found.append(&mut inner);
}

/// The tokens without the items under `#[cfg(test)]`.
fn without_tests(tokens: &[String]) -> Vec<String> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at..].iter().map(String::as_str).take(MARK.len()).eq(MARK) {
            at += MARK.len() + item_length(&tokens[at + MARK.len()..]);
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// How many tokens an item has: up to a semicolon, or the brace that closes its body.
fn item_length(tokens: &[String]) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "{" => depth += 1,
            "}" if depth == 1 => return at + 1,
            "}" => depth -= 1,
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// Words, `::` and single signs; comments, strings, characters and lifetimes are left out.
fn tokens(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            _ if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            _ if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '"' => string_length(rest),
            'r' | 'b' if literal_length(rest).is_some() => literal_length(rest).unwrap_or_default(),
            '\'' => quote_length(rest),
            _ if first.is_alphanumeric() || first == '_' => {
                let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                found.push(rest[..length].to_owned());
                length
            }
            _ if first.is_whitespace() => first.len_utf8(),
            _ => {
                let length = if rest.starts_with("::") { 2 } else { first.len_utf8() };
                found.push(rest[..length].to_owned());
                length
            }
        };
        rest = &rest[length..];
    }
    found
}

/// The length of a string that begins with a quote.
fn string_length(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return at + 1,
            '\\' => drop(characters.next()),
            _ => {}
        }
    }
    text.len()
}

/// The length of a literal with a letter before it: `b"x"`, `r"x"`, `br#"x"#`, `b'x'`.
fn literal_length(text: &str) -> Option<usize> {
    let letters = text.find(|c| c != 'r' && c != 'b')?;
    let is_raw = text[..letters].contains('r');
    let after = &text[letters..];
    let hashes = after.find(|c| c != '#')?;
    match after[hashes..].chars().next()? {
        '"' if is_raw => {
            let end = format!("\"{}", "#".repeat(hashes));
            let body = letters + hashes + 1;
            Some(text[body..].find(&end).map_or(text.len(), |at| body + at + end.len()))
        }
        '"' if hashes == 0 => Some(letters + string_length(after)),
        '\'' if hashes == 0 && !is_raw => Some(letters + quote_length(after)),
        _ => None,
    }
}

/// The length of a character literal or a lifetime.
fn quote_length(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), Some((at, escaped))) => {
            let from = at + escaped.len_utf8();
            text[from..].find('\'').map_or(text.len(), |end| from + end + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => text[1..].find(|c: char| !c.is_alphanumeric() && c != '_').map_or(text.len(), |end| end + 1),
    }
}

#[test]
fn a_source_is_read_as_the_compiler_reads_it() {
    let text = r###"
        //! use crate::comment;
        pub mod first;
        mod second;
        #[cfg(test)]
        mod pictures;
        use crate::a::{self, b::{C, D as E}};
        pub use second::{Name, Other as Alias};
        use super::*;
        fn f<'a>(x: &'a str) -> char {
            let _ = ("use crate::text; \" ::", r#"crate::raw " "#, b"crate::bytes", '"', b'\'', '\u{7f}', '\\');
            println!("{}", std::mem::take(x).elapsed());
            super::g::<u8>(self::h)
        }
        #[cfg(test)]
        mod tests { use crate::tests; fn g() { crate::more(); } }
    "###;
    let paths = ["crate::a", "crate::a::b::C", "crate::a::b::D", "second::Name", "second::Other", "super::*"];
    let code = ["std::mem::take", "super::g", "self::h"];
    let source = read(text);
    assert_eq!(source.modules, ["first", "second"]);
    let found: Vec<String> = source.paths.iter().map(|path| path.join("::")).collect();
    assert_eq!(found, [&paths[..], &code].concat());
    let names: Vec<&str> = source.handed_on.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Name", "Alias"]);
    assert_eq!(source.calls, ["println!", ".elapsed("]);
}
