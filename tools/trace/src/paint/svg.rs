//! The story as a picture: lifelines, and an arrow a row.

use super::layout::{Layout, ROW, half_of_name, pixels, said, stays};
use super::milliseconds;
use crate::rows::{End, Line, Row, Story};
use crate::text::{cut, plain};
use std::fmt::{self, Write};

/// The most rows of a picture. What has more is no picture any more, and browsers become slow.
pub const MAX_ROWS: usize = 2_000;

/// How everything looks. All colours have a contrast of 4.5 at least on white; shape and text say the same as colour.
const STYLE: &str = "\
text{font:12px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;fill:#222;paint-order:stroke;stroke:#fff;\
stroke-width:4px;stroke-linejoin:round}\
.time,.gap{fill:#666}.gap{font-style:italic}.note{fill:#444;font-style:italic}.name{font-weight:bold;stroke:none}\
.life{stroke:#bbb}.box{fill:#eef2f7;stroke:#8a97a8}.hit{fill:none;pointer-events:all}\
.arrow{fill:none;stroke-width:1.5}.stream .arrow{stroke:#1f4e9e}.datagram .arrow{stroke:#8a5a00;stroke-dasharray:6 4}\
.direct .arrow{stroke:#8e2a8b}.gone .arrow{stroke:#b3261e}.cross{stroke:#b3261e;stroke-width:2;fill:none}\
.again{fill:none;stroke:#777;stroke-dasharray:2 3}.dot{fill:#444}.words{pointer-events:none}.back{fill:#fff}\
.head{stroke:none}.stream .head{fill:#1f4e9e}.datagram .head{fill:#8a5a00}.direct .head{fill:#8e2a8b}";

/// The picture; and how many rows are left out of it.
pub fn svg(story: &Story) -> (String, usize) {
    let (names, rows) = (&story.names, &story.rows);
    let shown = &rows[..rows.len().min(MAX_ROWS)];
    let mut text = String::new();
    // Writing to a text does not fail.
    let _ = Picture { names, rows: shown, layout: Layout::new(names, shown) }.draw(&mut text);
    (text, rows.len() - shown.len())
}

struct Picture<'a> {
    names: &'a [String],
    rows: &'a [Row],
    layout: Layout,
}

impl Picture<'_> {
    fn draw(&self, out: &mut String) -> fmt::Result {
        let (width, height) = (self.layout.width, self.layout.height);
        write!(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" ")?;
        writeln!(out, "viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"A sequence diagram\">")?;
        writeln!(out, "<style>{STYLE}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>")?;
        self.draw_lifelines(out)?;
        self.draw_repeats(out)?;
        for at in 0..self.rows.len() {
            self.draw_row(out, at)?;
        }
        // No line goes through what is said, whichever row it belongs to.
        for at in 0..self.rows.len() {
            self.draw_words(out, at)?;
        }
        self.draw_gaps(out)?;
        self.draw_key(out)?;
        // The first names come last: a page moves them over the rest, where somebody scrolls.
        writeln!(out, "<g class=\"names\"><rect width=\"{width}\" height=\"44\" fill=\"#fff\"/>")?;
        self.draw_names(out, self.layout.top)?;
        writeln!(out, "</g>\n</svg>")
    }

    fn draw_lifelines(&self, out: &mut String) -> fmt::Result {
        let layout = &self.layout;
        for lane in 0..self.names.len() {
            let x = layout.x(lane);
            writeln!(out, "<path class=\"life\" d=\"M{x} {}V{}\"/>", layout.top, layout.bottom)?;
        }
        for y in layout.names_at.iter().skip(1) {
            self.draw_names(out, *y)?;
        }
        for (y, _) in &layout.gaps {
            let (left, width) = (layout.x(0) - 10, layout.x(self.names.len() - 1) - layout.x(0) + 20);
            writeln!(out, "<rect x=\"{left}\" y=\"{}\" width=\"{width}\" height=\"18\" fill=\"#fff\"/>", y - 13)?;
        }
        Ok(())
    }

    fn draw_gaps(&self, out: &mut String) -> fmt::Result {
        let middle = (self.layout.x(0) + self.layout.x(self.names.len() - 1)) / 2;
        for (y, gap) in &self.layout.gaps {
            let (text, width) = (escape(gap), pixels(gap));
            let (left, top) = (middle - width / 2, y - 10);
            write!(out, "<rect class=\"back\" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"13\"/>")?;
            writeln!(out, "<text class=\"gap\" x=\"{middle}\" y=\"{y}\" text-anchor=\"middle\">{text}</text>")?;
        }
        Ok(())
    }

    /// A line from what comes again to its first try, below everything else.
    fn draw_repeats(&self, out: &mut String) -> fmt::Result {
        let repeats = self.rows.iter().enumerate().filter_map(|(at, row)| Some((at, row, row.first_try?)));
        for (nth, (at, row, first)) in repeats.enumerate() {
            let (from, y) = (self.layout.x(row.from), &self.layout.y);
            let way = (self.layout.x(row.to) - from).signum();
            // Beside the lifeline, on the side where the arrows do not go; neighbours not on top of each other.
            let beside = -way * (8 + 5 * (nth as i32 % 4));
            let path = format!("M{from} {}h{beside}V{}h{}", y[row.ends], y[first], -beside);
            writeln!(out, "<path class=\"again\" data-row=\"{at}\" d=\"{path}\"/>")?;
        }
        Ok(())
    }

    fn draw_names(&self, out: &mut String, y: i32) -> fmt::Result {
        for (lane, name) in self.names.iter().enumerate() {
            let (x, half) = (self.layout.x(lane), half_of_name(name));
            let (left, top) = (x - half, y - 17);
            write!(
                out,
                "<rect class=\"box\" x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"25\" rx=\"4\"/>",
                2 * half
            )?;
            writeln!(out, "<text class=\"name\" x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{}</text>", escape(name))?;
        }
        Ok(())
    }

    fn draw_row(&self, out: &mut String, at: usize) -> fmt::Result {
        let (row, y) = (&self.rows[at], self.layout.y[at]);
        let kind = match row.line {
            Line::Stream => "stream",
            Line::Datagram => "datagram",
            Line::Direct => "direct",
            Line::Note => "event",
        };
        let gone = if row.end == End::Arrives { "" } else { " gone" };
        write!(out, "<g class=\"row {kind}{gone}\" data-row=\"{at}\" data-lanes=\"{} {}\">", row.from, row.to)?;
        let title: String = row.notes.iter().map(|note| format!("; {note}")).collect();
        // Those of a datagram have them already.
        let title = if row.line == Line::Datagram { row.title.clone() } else { row.title.clone() + &title };
        write!(out, "<title>{}</title>", escape(&cut(&title, 2000)))?;
        let (width, top) = (self.layout.width, y - ROW + 10);
        write!(out, "<rect class=\"hit\" x=\"0\" y=\"{top}\" width=\"{width}\" height=\"{ROW}\"/>")?;
        write!(
            out,
            "<text class=\"time\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            self.layout.times_x,
            y + 4,
            milliseconds(row.time)
        )?;
        if stays(row) {
            write!(out, "<circle class=\"dot\" cx=\"{}\" cy=\"{y}\" r=\"4\"/>", self.layout.x(row.from))?;
        } else {
            self.draw_arrow(out, at)?;
        }
        writeln!(out, "</g>")
    }

    fn draw_words(&self, out: &mut String, at: usize) -> fmt::Result {
        let (row, y) = (&self.rows[at], self.layout.y[at] + 4);
        write!(out, "<g class=\"words\" data-row=\"{at}\">")?;
        let x = if stays(row) {
            self.layout.x(row.from) + 10
        } else {
            self.draw_label(out, at)?;
            self.layout.notes_x
        };
        let text = escape(&said(row));
        if !text.is_empty() {
            write!(out, "<text class=\"note\" x=\"{x}\" y=\"{y}\">{text}</text>")?;
        }
        writeln!(out, "</g>")
    }

    /// Where an arrow begins and ends, and how far it comes.
    fn reach(&self, row: &Row) -> (i32, i32, i32) {
        let (from, to) = (self.layout.x(row.from), self.layout.x(row.to));
        let arrives = row.end == End::Arrives;
        (from, to, if arrives { to - (to - from).signum() } else { from + (to - from) * 3 / 4 })
    }

    fn draw_arrow(&self, out: &mut String, at: usize) -> fmt::Result {
        let row = &self.rows[at];
        let (from, to, reach) = self.reach(row);
        let way = (to - from).signum();
        let (start, end) = (self.layout.y[row.begins], self.layout.y[row.ends]);
        if row.line == Line::Direct {
            for shift in [-2, 2] {
                write!(
                    out,
                    "<path class=\"arrow\" d=\"M{from} {}L{} {}\"/>",
                    start + shift,
                    reach - 8 * way,
                    end + shift
                )?;
            }
        } else {
            write!(out, "<path class=\"arrow\" d=\"M{from} {start}L{reach} {end}\"/>")?;
        }
        if row.end == End::Arrives {
            let turn = f64::from(end - start).atan2(f64::from(to - from)).to_degrees();
            let half = if row.line == Line::Direct { 6 } else { 4 };
            write!(out, "<path class=\"head\" transform=\"translate({reach} {end}) rotate({turn:.1})\" ")?;
            write!(out, "d=\"M0 0L-10 {half}V-{half}Z\"/>")
        } else {
            write!(out, "<path class=\"cross\" d=\"M{} {}l12 12m0-12l-12 12\"/>", reach - 6, end - 6)
        }
    }

    /// What stands at an arrow.
    fn draw_label(&self, out: &mut String, at: usize) -> fmt::Result {
        let row = &self.rows[at];
        let (from, to, reach) = self.reach(row);
        let room = usize::try_from((to - from).abs() - 28).unwrap_or_default() * 10 / 72;
        let label = cut(&row.label, room);
        let is_joined = at > 0 && self.rows[at - 1].ends == at;
        let is_level = self.layout.y[row.begins] == self.layout.y[row.ends];
        let y = self.layout.y[at] - if row.line == Line::Direct { 8 } else { 6 };
        let width = pixels(&label);
        // Where lines slant, a text stands where they are far apart: at its sender. What meets it ends there.
        let (x, anchor, left) = match (is_level && !is_joined, to > from) {
            (true, _) => ((from + reach) / 2, "middle", (from + reach - width) / 2),
            (false, true) => (from + 12, "start", from + 12),
            (false, false) => (from - 12, "end", from - 12 - width),
        };
        write!(out, "<rect class=\"back\" x=\"{left}\" y=\"{}\" width=\"{width}\" height=\"13\"/>", y - 10)?;
        write!(out, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{}</text>", escape(&label))
    }

    /// What the lines mean: those that are there.
    fn draw_key(&self, out: &mut String) -> fmt::Result {
        let has = |test: fn(&Row) -> bool| self.rows.iter().any(test);
        let keys = [
            (has(|row| row.line == Line::Stream), "stream", "with the server, by TCP"),
            (has(|row| row.line == Line::Datagram), "datagram", "a datagram"),
            (has(|row| matches!(row.end, End::Dropped | End::Lost)), "datagram gone", "dropped or lost"),
            (has(|row| row.line == Line::Direct), "direct", "between peers, past the server"),
            (has(|row| row.end == End::NotMade), "stream gone", "not connected"),
        ];
        let y = self.layout.bottom + 24;
        let mut x = 20;
        for (_, class, text) in keys.iter().filter(|(is_there, ..)| *is_there) {
            write!(out, "<g class=\"{class}\"><path class=\"arrow\" d=\"M{x} {y}h34\"/>")?;
            if *class == "direct" {
                write!(out, "<path class=\"arrow\" d=\"M{x} {}h34\"/>", y - 4)?;
            }
            writeln!(out, "<text x=\"{}\" y=\"{}\">{text}</text></g>", x + 42, y + 4)?;
            x += 42 + text.len() as i32 * 75 / 10 + 24;
        }
        Ok(())
    }
}

/// A text as it may stand in XML, with no sign that XML does not have.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stories::{assert_well_formed, chat, file, login, loss, not_made, told};

    /// Where the lines of a kind of row begin, and where they end.
    fn lines(drawn: &str, kind: &str) -> Vec<(String, String)> {
        let rows = drawn.lines().filter(|line| line.contains(&format!("class=\"row {kind}\"")));
        let path = |row: &str| {
            let path = row.split("class=\"arrow\" d=\"M").nth(1)?.split('"').next()?;
            path.split_once('L').map(|(from, to)| (from.to_owned(), to.to_owned()))
        };
        rows.filter_map(path).collect()
    }

    #[test]
    fn a_fork_begins_once_and_a_bracket_ends_once() {
        let (drawn, left) = svg(&told(&login()));
        assert_well_formed(&drawn);
        assert_eq!(left, 0);
        let lines = lines(&drawn, "stream");
        // The line that came in two reads is the third and the fourth, the three that came in one are the last.
        assert_eq!(lines.len(), 8);
        assert!(lines[2].0 == lines[3].0 && lines[2].1 != lines[3].1, "{lines:?}");
        assert!(lines[5..].windows(2).all(|pair| pair[0].0 != pair[1].0 && pair[0].1 == pair[1].1), "{lines:?}");
    }

    #[test]
    fn what_is_gone_has_a_cross_and_its_repeat_a_line_to_it() {
        let (drawn, _) = svg(&told(&loss()));
        assert_well_formed(&drawn);
        assert_eq!(drawn.matches("class=\"row datagram gone\"").count(), 2);
        assert_eq!((drawn.matches("class=\"cross\"").count(), drawn.matches("class=\"again\"").count()), (2, 2));
        assert!(drawn.contains(">#16: broadcast 5, 74 bytes, dropped on purpose: --udp-loss</title>"), "{drawn}");
        assert!(drawn.contains(">~ 2.2 s ~</text>"), "{drawn}");
    }

    #[test]
    fn no_line_goes_through_words() {
        for files in [login().to_vec(), loss().to_vec(), chat().to_vec()] {
            let (drawn, _) = svg(&told(&files));
            let (lines, words) = drawn.split_once("<g class=\"words\"").expect("words");
            let (words, _) = words.split_once("<g class=\"names\"").expect("names");
            let is_line = |text: &str| text.contains(" data-row=") && text.contains("<path");
            assert!(words.lines().all(|line| !is_line(line)), "{words}");
            assert!(!lines.contains("class=\"note\"") && !lines.contains("class=\"gap\""), "{lines}");
            // Lines to a first try are below the arrows, too.
            let (below, above) = lines.split_once("<g class=\"row").expect("rows");
            assert_eq!(below.matches("class=\"again\"").count(), drawn.matches("class=\"again\"").count());
            assert!(!above.contains("class=\"again\""), "{above}");
        }
        // Behind what stands at an arrow nothing is seen.
        let (drawn, _) = svg(&told(&login()));
        assert_eq!(drawn.matches("<rect class=\"back\"").count(), drawn.matches("class=\"row stream\"").count());
    }

    #[test]
    fn two_repeats_of_a_datagram_have_lines_of_their_own() {
        let lost = r#"
1 "ev":"accept","c":1,"from":"127.0.0.1:50","at":"127.0.0.1:44"
2 "ev":"name","c":1,"name":"alice"
3 "ev":"dropped","d":1,"to":"alice","port":60,"seq":[5,5],"len":74,"why":"--udp-loss"
4 "ev":"dropped","d":2,"of":1,"to":"alice","port":60,"seq":[5,5],"len":74,"why":"--udp-loss"
5 "ev":"datagram","d":3,"to":"alice","port":60,"len":44,"bytes":"tail_5"
6 "ev":"datagram","d":4,"to":"alice","port":60,"len":44,"bytes":"tail_5"
7 "ev":"datagram","d":5,"to":"alice","port":60,"len":44,"bytes":"tail_5"
8 "ev":"again","d":6,"of":1,"to":"alice","port":60,"seq":[5,5],"why":"hello_4"
"#;
        let (drawn, _) = svg(&told(&[file("server", "server", lost)]));
        let beside = |path: &str| path.split(['h', 'V']).nth(1).map(str::to_owned);
        let beside: Vec<_> = drawn.split("<path class=\"again\"").skip(1).map(beside).collect();
        assert!(beside.len() == 2 && beside[0] != beside[1], "{beside:?}");
    }

    #[test]
    fn what_peers_say_passes_the_server() {
        let (drawn, _) = svg(&told(&chat()));
        assert_well_formed(&drawn);
        // Each is two lines.
        assert_eq!(drawn.matches("class=\"row direct\"").count(), 4);
    }

    #[test]
    fn a_connection_that_was_not_made_has_a_cross_and_its_key() {
        let (drawn, _) = svg(&told(&not_made()));
        assert_well_formed(&drawn);
        assert!(drawn.matches("class=\"cross\"").count() == 3 && drawn.contains(">not connected</text>"), "{drawn}");
        assert!(!drawn.contains("dropped or lost"), "{drawn}");
    }

    #[test]
    fn nothing_that_is_said_gets_out_of_its_text() {
        let evil = r#"
1 "ev":"accept","c":1,"from":"<b>\u0007","at":"127.0.0.1:44"
2 "ev":"read","c":1,"off":0,"len":9,"bytes":"bcast_</text><script>alert(1)</script>&\"'\u001b\uffff\n"
3 "ev":"decide","c":1,"verb":"</g>","says":"OK","why":"]]>--><!--"
"#;
        let (drawn, _) = svg(&told(&[file("server", "server", evil)]));
        assert_well_formed(&drawn);
        assert!(!drawn.contains("<script") && drawn.contains("&lt;script&gt;alert(1)"), "{drawn}");
    }

    /// The number behind a word in a text.
    fn number_behind(text: &str, word: &str) -> i32 {
        let digits = text.split(word).nth(1).and_then(|rest| rest.split('"').next());
        digits.and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("{word}: {text}"))
    }

    #[test]
    fn nothing_covers_anything_else() {
        let names = ["a", "b", "c", "d", "e"].map(|name| name.repeat(23) + "x");
        let accepts =
            (0..5).map(|c| format!("1 \"ev\":\"accept\",\"c\":{c},\"from\":\"{}\",\"at\":\"x:44\"\n", names[c]));
        // A day, and a client that calls itself.
        let late = "86400000 \"ev\":\"stop\"";
        let own = "\"from\":\"127.0.0.1:5\",\"at\":\"127.0.0.1:6\"";
        let itself = format!(
            "2 \"ev\":\"connect\",\"c\":8,{own}\n3 \"ev\":\"accept\",\"c\":9,{own}\n4 \"ev\":\"write\",\"c\":8,\"off\":0,\"len\":1,\"bytes\":\"x\""
        );
        let (drawn, _) =
            svg(&told(&[file("server", "server", &(accepts.collect::<String>() + &itself + "\n" + late))]));
        assert_well_formed(&drawn);
        let boxes: Vec<&str> = drawn.split("<rect class=\"box\"").skip(1).collect();
        let mut sides: Vec<(i32, i32)> =
            boxes.iter().map(|text| (number_behind(text, " x=\""), number_behind(text, " width=\""))).collect();
        sides.sort();
        assert!(sides.len() == 6 && sides.windows(2).all(|pair| pair[0].0 + pair[0].1 < pair[1].0), "{sides:?}");
        // A character is 7.3 wide.
        let day = drawn.split("<text class=\"time\"").last().expect("a time");
        assert!(day.contains(">86400000.000 ms<") && number_behind(day, " x=\"") >= 109, "{day}");
        assert!(drawn.contains("class=\"note\"") && drawn.contains("&quot;x&quot;; not read</text>"), "{drawn}");
    }

    #[test]
    fn a_picture_has_an_end() {
        let many: String = (0..2100).map(|at| format!("{at} \"ev\":\"refused\",\"from\":\"x\"\n")).collect();
        let (drawn, left) = svg(&told(&[file("server", "server", &many)]));
        assert_eq!((drawn.matches("class=\"row ").count(), left), (MAX_ROWS, 100));
        assert_eq!(drawn.matches("class=\"name\"").count(), MAX_ROWS / 40);
    }
}
