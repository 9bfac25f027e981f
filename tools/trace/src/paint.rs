//! The painters. Each makes a text of the same rows; none knows files or options.

mod columns;
mod layout;
mod svg;
mod html;
mod mermaid;

pub use columns::columns;
pub use html::html;
pub use mermaid::mermaid;
pub use svg::svg;

/// After so many rows the names stand there again.
const NAMES_EVERY: usize = 40;
/// A longer time in which nothing happens is told, in microseconds.
const GAP: i64 = 1_000_000;

/// A time in which nothing happened, in words.
fn gap(before: Option<i64>, time: i64) -> Option<String> {
    let length = before.map(|before| time - before).filter(|length| *length > GAP)?;
    Some(format!("~ {:.1} s ~", length as f64 / 1e6))
}

/// Microseconds as milliseconds, with the unit: the projector of a server has seconds.
pub fn milliseconds(time: i64) -> String {
    format!("{:.3} ms", time as f64 / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::Merged;
    use crate::recording::{Budget, Recording};
    use crate::rows::{Wanted, story};
    use proptest::prelude::*;

    /// Any event, with fields that are right, wrong or missing.
    fn event() -> impl Strategy<Value = String> {
        let names = "accept connect close thread+ read write line decide notice datagram dropped lost again acked hello \
            ticket redeem peer name left refused stop moon";
        let names: Vec<&str> = names.split_whitespace().collect();
        let number = || prop_oneof![4 => 0_u64..9, 1 => any::<u64>()];
        let text = || prop_oneof!["(alice|bob|127.0.0.1:5|OK)", "\\PC{0,9}", any::<String>()];
        let fields = (prop::sample::select(names), number(), number(), number(), text(), text(), any::<i32>());
        fields.prop_map(|(ev, c, off, len, one, other, time)| {
            let seq = [off, len];
            let event = serde_json::json!({
                "t": f64::from(time) / 1e6, "n": off, "ev": ev, "c": c, "off": off, "len": len, "bytes": one, "from": other,
                "at": one, "to": other, "name": one, "with": other, "verb": one, "says": other, "why": one, "d": c,
                "of": len, "seq": seq, "acked": c, "top": off, "missing": [seq], "took": seq, "line": one, "how": one,
            });
            event.to_string()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever stands in the files, each painter comes to an end, and its picture is whole.
        #[test]
        fn any_trace_is_painted(
            server in prop::collection::vec(event(), 0..30),
            client in prop::collection::vec(event(), 0..30),
            all in any::<bool>(),
        ) {
            let first = |who: &str| format!("{{\"t\":0,\"ev\":\"start\",\"who\":\"{who}\"}}");
            let files = [("server", server), ("client", client)].map(|(who, events)| {
                let text = [vec![first(who)], events].concat().join("\n");
                Recording::read(who, text.as_bytes(), Budget::whole()).expect("memory can be read")
            });
            let merged = Merged::new(files.to_vec(), None);
            let story = story(&merged, &Wanted { all, ..Wanted::default() });
            if !story.rows.is_empty() {
                crate::stories::assert_well_formed(&svg(&story).0);
                let lines = columns(&story, Some(100)).lines().count();
                prop_assert!(lines > story.rows.len());
                prop_assert!(html(&merged, &story).0.ends_with("</html>\n"));
                prop_assert!(mermaid(&story).0.lines().count() > 1);
            }
        }
    }
}
