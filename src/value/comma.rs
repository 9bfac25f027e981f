//! Comma commands are CSV records (RFC 4180), so a password or a file name may hold a comma or a quote.
//!
//! The `csv` crate does the quoting; this file only fits it to one record in one line.

/// Splits one record into its fields. An empty line has no fields.
pub fn split(record: &str) -> Vec<String> {
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

/// Writes fields as one record, quoted where needed, without a line end: the mirror of [`split`].
pub fn join<'a>(fields: impl IntoIterator<Item = &'a str>) -> String {
    let mut fields = fields.into_iter().peekable();
    if fields.peek().is_none() {
        return String::new();
    }
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(Vec::new());
    let written = writer.write_record(fields).is_ok();
    let bytes = writer.into_inner().unwrap_or_default();
    let mut record = String::from_utf8(bytes).unwrap_or_default();
    debug_assert!(written, "a Vec takes every write");
    record.truncate(record.trim_end_matches('\n').len());
    record
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
    }
}
