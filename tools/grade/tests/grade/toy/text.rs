//! Fields and names.

use super::has;

/// The fields of a CSV record.
pub fn split(line: &str) -> Vec<String> {
    if has("split-comma") {
        return line.split(',').map(str::to_owned).collect();
    }
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut letters = line.chars().peekable();
    while let Some(c) = letters.next() {
        match c {
            '"' if quoted && letters.peek() == Some(&'"') => field.extend(letters.next()),
            '"' if quoted || field.is_empty() => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            _ => field.push(c),
        }
    }
    fields.push(field);
    fields
}

/// A field with the quotes that it needs.
pub fn quoted(field: &str) -> String {
    if field.contains([',', '"']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.to_owned() }
}

pub fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    let is_plain = name.chars().all(allowed) && name.starts_with(|c: char| c.is_ascii_alphanumeric());
    has("any-name") || ((1..=15).contains(&name.len()) && is_plain && name.parse::<std::net::IpAddr>().is_err())
}

pub fn is_password(password: &str) -> bool {
    let length = if has("bytes-not-characters") { password.len() } else { password.chars().count() };
    (8..=128).contains(&length)
}

pub fn is_text(line: &str) -> bool {
    has("control-let-through") || line.chars().all(|c| c == '\t' || !c.is_control())
}
