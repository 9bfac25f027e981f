//! Comma commands are CSV records (RFC 4180), so a password or a file name may hold a comma or a quote.
//!
//! The `csv` crate reads what is quoted. Nearly no line is, and those are split here: they pass at every request.

use std::fmt;

/// Splits one record into its fields. An empty line has no fields.
pub fn split(record: &str) -> Vec<String> {
    match record {
        "" => Vec::new(),
        _ if is_plain(record) => record.split(',').map(str::to_owned).collect(),
        _ => split_quoted(record),
    }
}

/// Whether a record is what stands between its commas. The reader of the `csv` crate passes over a byte order mark too.
fn is_plain(record: &str) -> bool {
    !record.bytes().any(|byte| matches!(byte, b'"' | b'\r' | b'\n')) && !record.starts_with('\u{feff}')
}

/// Never inlined: to build a reader costs as much as the rest of a request, and its frame is large, which the stack of
/// whoever only might call it would have to hold.
#[inline(never)]
fn split_quoted(record: &str) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(record.len().max(1))
        .from_reader(record.as_bytes());
    let mut fields = csv::StringRecord::new();
    // A byte slice of valid UTF-8 gives the reader nothing to fail on; were it otherwise, no fields is the safe reading.
    match reader.read_record(&mut fields) {
        Ok(true) => fields.iter().map(str::to_owned).collect(),
        Ok(false) | Err(_) => Vec::new(),
    }
}

/// Gives fields as one record, quoted where needed, without a line end: the mirror of [`split`].
pub fn join<'a>(fields: impl IntoIterator<Item = &'a str>) -> String {
    let mut record = String::new();
    // A String takes every write.
    let _ = write(&mut record, fields);
    record
}

/// Writes what [`join`] gives.
///
/// # Errors
/// What `out` says.
pub fn write<'a>(out: &mut impl fmt::Write, fields: impl IntoIterator<Item = &'a str>) -> fmt::Result {
    let mut fields = fields.into_iter().peekable();
    let Some(first) = fields.next() else { return Ok(()) };
    if first.is_empty() && fields.peek().is_none() {
        // An empty line has no fields.
        return out.write_str("\"\"");
    }
    write_field(out, first)?;
    fields.try_for_each(|field| {
        out.write_char(',')?;
        write_field(out, field)
    })
}

fn write_field(out: &mut impl fmt::Write, field: &str) -> fmt::Result {
    if !field.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n')) {
        return out.write_str(field);
    }
    out.write_char('"')?;
    for (number, piece) in field.split('"').enumerate() {
        out.write_str(if number > 0 { "\"\"" } else { "" })?;
        out.write_str(piece)?;
    }
    out.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn commas_and_quotes_survive() {
        assert_eq!(split("LOGIN,alice,\"one, two \"\"three\"\"\""), ["LOGIN", "alice", "one, two \"three\""]);
        assert_eq!(join(["LOGIN", "alice", "one, two"]), "LOGIN,alice,\"one, two\"");
        assert_eq!(split("GET_U"), ["GET_U"]);
        assert_eq!(split("OK,"), ["OK", ""]);
        assert!(split("").is_empty());
        assert_eq!(join([]), "");
        assert_eq!((join([""]), split("\"\"")), ("\"\"".to_owned(), vec![String::new()]));
    }

    /// What the `csv` crate writes.
    fn joined_by_csv(fields: &[String]) -> String {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(Vec::new());
        writer.write_record(fields).expect("a Vec takes every write");
        let record = String::from_utf8(writer.into_inner().expect("flushed")).expect("text");
        record.strip_suffix('\n').expect("a line").to_owned()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn join_then_split_is_the_identity(
            word in "[A-Z_]{1,8}",
            mut fields in prop::collection::vec("[^\r\n\\x00]{0,20}", 0..8),
        ) {
            fields.insert(0, word);
            prop_assert_eq!(split(&join(fields.iter().map(String::as_str))), fields);
        }

        #[test]
        fn any_text_is_split_as_by_the_csv_crate(record in "(\u{feff}?[,\"\r\na ]|\\PC){0,12}") {
            prop_assert_eq!(split(&record), split_quoted(&record));
        }

        #[test]
        fn any_fields_are_joined_as_by_the_csv_crate(
            fields in prop::collection::vec("([,\"\r\na #]|\\PC){0,6}", 1..5),
        ) {
            prop_assert_eq!(join(fields.iter().map(String::as_str)), joined_by_csv(&fields));
        }
    }
}
