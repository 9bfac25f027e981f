//! The story as text for mermaid, which some places that show documents draw by themselves.

use super::gap;
use crate::rows::{End, Line, Row, Story};
use crate::text::{SHOWN, cut, plain};
use std::fmt::{self, Write};

/// The most arrows: names stand at the top and at the bottom alone, so nobody can follow more.
pub const MAX_ARROWS: usize = 60;

/// The text; and how many arrows are left out of it, which it says itself.
pub fn mermaid(story: &Story) -> (String, usize) {
    let mut text = String::new();
    // Writing to a text does not fail.
    let _ = draw(&mut text, story);
    let arrows = story.rows.iter().filter(|row| is_arrow(row)).count();
    (text, arrows.saturating_sub(MAX_ARROWS))
}

fn is_arrow(row: &Row) -> bool {
    row.line != Line::Note && row.from != row.to
}

fn draw(out: &mut String, story: &Story) -> fmt::Result {
    writeln!(out, "sequenceDiagram")?;
    for (lane, name) in story.names.iter().enumerate() {
        writeln!(out, "    participant p{lane} as {}", escape(name))?;
    }
    let everybody = if story.names.len() > 1 { format!("p0,p{}", story.names.len() - 1) } else { "p0".to_owned() };
    let (mut arrows, mut before) = (0, None);
    for (at, row) in story.rows.iter().enumerate() {
        if is_arrow(row) && arrows == MAX_ARROWS {
            let left = story.rows[at..].iter().filter(|row| is_arrow(row)).count();
            return writeln!(out, "    Note over {everybody}: {left} more arrows are not drawn");
        }
        if let Some(gap) = gap(before, row.time) {
            writeln!(out, "    Note over {everybody}: {}", escape(&gap))?;
        }
        before = Some(row.time);
        let label = escape(&cut(&row.label, SHOWN));
        if !is_arrow(row) {
            writeln!(out, "    Note over p{}: {label}", row.from)?;
            continue;
        }
        arrows += 1;
        let arrow = match (row.line, row.end) {
            (_, End::Dropped | End::Lost) => "--x",
            (_, End::NotMade) => "-x",
            (Line::Datagram, End::Arrives) => "--)",
            _ => "->>",
        };
        let past = if row.line == Line::Direct { "past the server: " } else { "" };
        let notes = escape(&cut(&row.notes.join(", "), SHOWN));
        let notes = if notes.is_empty() { String::new() } else { format!("<br/>{notes}") };
        writeln!(out, "    p{}{arrow}p{}: {past}{label}{notes}", row.from, row.to)?;
    }
    Ok(())
}

/// A text in which nothing means something to mermaid: what may is written by its number.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in plain(text).chars() {
        if c.is_alphanumeric() || " .,:_-+*/()=!?'\"~|@^[]⏎␍⇥".contains(c) {
            escaped.push(c);
        } else {
            escaped += &format!("#{};", u32::from(c));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stories::{chat, file, login, loss, not_made, told};

    #[test]
    fn a_login_for_a_document() {
        let text = r##"sequenceDiagram
    participant p0 as alice
    participant p1 as server
    p0->>p1: connects
    p1->>p0: "OK,Welcome⏎"
    p0->>p1: "LOGIN,alic"
    p0->>p1: "e,***⏎"<br/>one line from two reads
    p1->>p0: "udp_***⏎" +2 lines<br/>LOGIN: OK, alice's session begins
    p0->>p1: "help⏎"
    p0->>p1: "list⏎"
    p0->>p1: "quit⏎"<br/>three writes in one read, three lines
    Note over p1: the connection with alice is closed: fin
"##;
        assert_eq!(mermaid(&told(&login())).0, text);
    }

    #[test]
    fn what_is_lost_and_what_peers_say() {
        let text = r##"sequenceDiagram
    participant p0 as alice
    participant p1 as bob
    participant p2 as server
    participant p3 as eve
    p0->>p2: connects
    p1->>p2: connects
    p3->>p2: connects
    p3->>p2: "bcast_#60;hi#62;⏎"
    Note over p2: bcast: OK, number 5, to 3 clients
    p2--xp0: #35;16 bcast 5<br/>dropped on purpose: --udp-loss
    p2--xp1: #35;17 bcast 5<br/>lost: it left, and never came
    p2--)p3: #35;18 bcast 5
    Note over p0,p3: ~ 2.2 s ~
    p0--)p2: hello: up to 5 without 5
    p2--)p0: #35;19 bcast 5 again<br/>first tried as #35;16#59; hello_4 says: all up to 4
    p2--)p1: #35;20 bcast 5 again<br/>first tried as #35;17#59; hello_4 says: all up to 4
    Note over p0: the program ends
    Note over p1: the program ends
"##;
        assert_eq!(mermaid(&told(&loss())).0, text);
        let (drawn, _) = mermaid(&told(&chat()));
        assert!(drawn.contains("\n    p0->>p2: past the server: \"still there⏎\"\n"), "{drawn}");
    }

    #[test]
    fn a_connection_that_was_not_made_does_not_arrive() {
        let drawn = mermaid(&told(&not_made())).0;
        assert!(drawn.contains("\n    p0-xp1: tries to connect<br/>refused: nobody listens there\n"), "{drawn}");
    }

    #[test]
    fn nothing_that_is_said_means_something() {
        let evil = r#"
1 "ev":"accept","c":1,"from":"127.0.0.1:50","at":"127.0.0.1:44"
2 "ev":"read","c":1,"off":0,"len":9,"bytes":"a;b#35;<br>%%{init}\nend\n"
"#;
        let (drawn, _) = mermaid(&told(&[file("server", "server", evil)]));
        assert_eq!(drawn.lines().count(), 5, "{drawn}");
        assert!(drawn.contains(": \"a#59;b#35;35#59;#60;br#62;#37;#37;#123;init#125;⏎\" +1 line\n"), "{drawn}");
    }

    #[test]
    fn what_is_too_long_says_so() {
        let many: String = (0..65).map(|at| format!("{at} \"ev\":\"connect\",\"c\":{at},\"at\":\"x\"\n")).collect();
        let (drawn, left) = mermaid(&told(&[file("alice", "client", &many)]));
        assert_eq!((drawn.matches("->>").count(), left), (60, 5));
        assert!(drawn.ends_with("    Note over p0,p1: 5 more arrows are not drawn\n"), "{drawn}");
    }
}
