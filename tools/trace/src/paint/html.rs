//! The story as a page that needs nothing else: the picture, all events, and a script that shows them.

use super::milliseconds;
use super::svg::{MAX_ROWS, svg};
use crate::merge::Merged;
use crate::rows::{Row, Story};
use crate::text::{plain, raw};
use serde_json::{Value, json};

/// The page, with places for the picture and the story.
const PAGE: &str = include_str!("page.html");

/// The page; and how many rows are left out of it.
pub fn html(merged: &Merged, story: &Story) -> (String, usize) {
    let (picture, left) = svg(story);
    let rows: Vec<Value> = story.rows.iter().take(MAX_ROWS).map(|row| shown(merged, row)).collect();
    let servers: Vec<usize> = (0..story.names.len()).filter(|lane| story.is_server[*lane]).collect();
    let told = json!({ "names": story.names, "servers": servers, "rows": rows });
    // In a page `</` may end the script that the story stands in; in JSON `<` may be written so.
    let told = told.to_string().replace('<', "\\u003c");
    let (before, rest) = PAGE.split_once("{{picture}}").unwrap_or_default();
    let (between, after) = rest.split_once("{{story}}").unwrap_or_default();
    ([before, &picture, between, &told, after].concat(), left)
}

/// What the script shows of a row.
fn shown(merged: &Merged, row: &Row) -> Value {
    let hex = raw(&row.bytes, row.length).map(|raw| raw.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let meaning = Some(&row.meaning).filter(|meaning| !meaning.is_empty());
    let notes: Vec<&String> = row.notes.iter().chain(meaning).collect();
    let events: Vec<String> = row.events.iter().map(|id| event(merged, *id)).collect();
    json!({
        "time": milliseconds(row.time), "from": row.from, "to": row.to, "title": row.title, "notes": notes,
        "bytes": plain(&row.bytes), "length": row.length, "hex": hex, "events": events,
    })
}

/// An event as it was recorded, with its file.
fn event(merged: &Merged, id: crate::connections::EventId) -> String {
    let (path, event) = (&merged.recordings[id.file].file, merged.event(id));
    // Where the file lay is nobody's business who gets the page.
    let file = path.rsplit('/').next().unwrap_or_default();
    if event.raw.is_empty() {
        return format!("{file}: event {}, which is too long to stand here", event.number);
    }
    format!("{file}: {}", plain(&event.raw))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{Wanted, story};
    use crate::stories::{assert_well_formed, file, login, loss, merged};

    fn page(files: &[crate::recording::Recording]) -> (String, Value) {
        let merged = merged(files);
        let (page, left) = html(&merged, &story(&merged, &Wanted::default()));
        assert_eq!(left, 0);
        let told = page.split("id=\"story\">").nth(1).and_then(|rest| rest.split("</script>").next());
        let told = serde_json::from_str(told.expect("a story")).expect("JSON");
        (page, told)
    }

    #[test]
    fn the_page_has_the_picture_and_all_of_each_row() {
        let (page, told) = page(&login());
        let picture = page.find("<svg").zip(page.find("</svg>")).map(|(from, until)| &page[from..until + 6]);
        assert_well_formed(picture.expect("a picture"));
        let row = &told["rows"][2];
        assert_eq!((&row["bytes"], &row["hex"]), (&json!("LOGIN,alic"), &json!("4c4f47494e2c616c6963")));
        assert_eq!(row["events"].as_array().map(Vec::len), Some(2));
        // The password is hidden, so the bytes are not known.
        assert_eq!((&told["rows"][3]["hex"], &told["rows"][3]["length"]), (&Value::Null, &json!(10)));
        assert_eq!(
            told["rows"][4]["notes"],
            json!(["LOGIN: OK, alice's session begins", "udp_: your session's token, for datagrams"])
        );
        assert_eq!((&told["names"], &told["servers"]), (&json!(["alice", "server"]), &json!([1])));
    }

    #[test]
    fn each_part_of_a_row_is_chosen_and_hidden_with_it() {
        let (page, told) = page(&loss());
        let rows = told["rows"].as_array().map(Vec::len).expect("rows");
        let repeats = page.matches("<path class=\"again\" data-row=").count();
        // The row itself, and its words.
        assert_eq!((repeats, page.matches(" data-row=\"").count()), (2, 2 * rows + repeats));
        assert!(page.contains("querySelectorAll(\"[data-row]\")") && page.contains(".off{display:none}"));
        // What lies below a chosen row is seen through it.
        assert!(page.contains(".hit{mix-blend-mode:multiply}"));
    }

    #[test]
    fn nothing_that_is_said_becomes_a_part_of_the_page() {
        let evil = r#"
1 "ev":"accept","c":1,"from":"127.0.0.1:50","at":"127.0.0.1:44"
2 "ev":"read","c":1,"off":0,"len":9,"bytes":"bcast_</script><script>alert(1)</script>{{story}}<!--\u2028\u001b\n"
"#;
        let (page, told) = page(&[file("<script>", "server", evil)]);
        // Its own two, and no others.
        assert_eq!((page.matches("<script").count(), page.matches("</script").count()), (2, 2));
        assert_eq!(page.matches("<!--").count(), 1);
        let bytes = told["rows"][1]["bytes"].as_str().expect("text");
        assert!(bytes.contains("</script><script>alert(1)") && bytes.contains("\\u{1b}⏎"), "{bytes}");
    }

    #[test]
    fn the_page_asks_for_nothing() {
        let (page, _) = page(&login());
        let rest = page.replace("http://www.w3.org/2000/svg", "");
        for word in ["http:", "https:", "src=", "url(", "import", "fetch", "XMLHttp", "WebSocket", "<link", "//cdn"] {
            assert!(!rest.contains(word), "{word}");
        }
        assert!(page.contains("default-src 'none'"));
    }
}
