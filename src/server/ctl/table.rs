//! What the server tells in data lines, as a table for people or as JSON. It knows no socket.

use crate::value::{comma, text};
use serde_json::{Map, Value, json};
use unicode_width::UnicodeWidthStr;

/// The columns of a kind of data lines.
pub struct Columns {
    /// How the lines begin.
    pub word: &'static str,
    /// What the fields are.
    pub names: &'static [&'static str],
}

/// Numbers since the start.
pub const STATISTICS: Columns = Columns { word: "stat_", names: &["what", "number", "unit"] };
/// Who is here.
pub const CLIENTS: Columns = Columns { word: "client_", names: &["name", "kind", "from", "listens", "since", "state"] };
/// Who is banned.
pub const BANS: Columns = Columns { word: "ban_", names: &["banned", "until", "why"] };

impl Columns {
    /// The fields of the lines that are of this kind; a newer server may say more.
    pub fn rows(&self, lines: &[String]) -> Vec<Vec<String>> {
        let fields = lines.iter().filter_map(|line| line.strip_prefix(self.word)).map(comma::split);
        fields.filter(|fields| fields.len() >= self.names.len()).collect()
    }

    /// A table: what a terminal would obey is escaped, as names and reasons are others' words.
    pub fn table(&self, rows: &[Vec<String>]) -> String {
        let header: Vec<String> = self.names.iter().map(|name| name.to_uppercase()).collect();
        let shown =
            |fields: &Vec<String>| fields.iter().take(self.names.len()).map(|field| text::escape(field)).collect();
        let rows: Vec<Vec<String>> = std::iter::once(header).chain(rows.iter().map(shown)).collect();
        let widths: Vec<usize> = (0..self.names.len())
            .map(|column| rows.iter().map(|row| row[column].width()).max().unwrap_or_default())
            .collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| {
                // Numbers stand under each other.
                let room = " ".repeat(width - cell.width());
                if cell.parse::<u64>().is_ok() { room + cell } else { cell.clone() + &room }
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
        };
        rows.iter().map(line).collect()
    }

    /// An array of objects; null where there is nothing.
    pub fn json(&self, rows: &[Vec<String>]) -> Value {
        let value = |field: &String| if field.is_empty() { Value::Null } else { json!(field) };
        let object = |row: &Vec<String>| {
            let fields = self.names.iter().zip(row).map(|(name, field)| ((*name).to_owned(), value(field)));
            Value::Object(fields.collect())
        };
        Value::Array(rows.iter().map(object).collect())
    }
}

/// Numbers as one object: `{"logins": {"value": 3, "unit": "logins"}, ...}`; null where one is not known.
pub fn json_of_numbers(rows: &[Vec<String>]) -> Value {
    let entries =
        rows.iter().map(|row| (row[0].clone(), json!({ "value": row[1].parse::<u64>().ok(), "unit": row[2] })));
    Value::Object(entries.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn a_table_for_people_and_json_for_programs() {
        let lines =
            lines(&["ban_bob,2026-11-28 19:05 UTC,\"too loud, again\"", "ban_eve,further notice,\u{1b}[2J", "new_x"]);
        let rows = BANS.rows(&lines);
        let table = "BANNED  UNTIL                 WHY\n\
                     bob     2026-11-28 19:05 UTC  too loud, again\n\
                     eve     further notice        \\u{1b}[2J\n";
        assert_eq!(BANS.table(&rows), table);
        assert_eq!(BANS.json(&rows)[0]["why"], "too loud, again");
        let clients =
            CLIENTS.json(&CLIENTS.rows(&self::lines(&["client_bob,account,127.0.0.1:5,,2026-11-28 19:05 UTC,dnd"])));
        assert_eq!((&clients[0]["listens"], &clients[0]["state"]), (&Value::Null, &json!("dnd")));
    }

    #[test]
    fn numbers_stand_under_each_other_and_have_units() {
        let rows = STATISTICS.rows(&lines(&["stat_read,1234,lines", "stat_since start,5,s", "stat_short"]));
        assert_eq!(
            STATISTICS.table(&rows),
            "WHAT         NUMBER  UNIT\nread           1234  lines\nsince start       5  s\n"
        );
        assert_eq!(json_of_numbers(&rows)["read"], json!({ "value": 1234, "unit": "lines" }));
        let rows = STATISTICS.rows(&lines(&["stat_accounts,not known,accounts"]));
        assert_eq!(json_of_numbers(&rows)["accounts"], json!({ "value": null, "unit": "accounts" }));
    }
}
