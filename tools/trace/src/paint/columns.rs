//! The story as columns of text: the time, the lifelines, and what it is.

use super::{NAMES_EVERY, gap, milliseconds};
use crate::lanes::Lane;
use crate::rows::{End, Line, Row, Story};
use crate::text::{cut, width as columns_of};
use std::collections::HashMap;

/// The columns of a time, which may be more after some hours.
const TIME: usize = 15;
/// The least columns from one lifeline to the next.
const STEP: usize = 10;

/// All rows, none longer than `width` columns.
pub fn columns(story: &Story, width: Option<usize>) -> String {
    let page = Page::new(story);
    let mut text = String::new();
    let mut add = |line: String| {
        let line = line.trim_end();
        text += &width.map_or_else(|| line.to_owned(), |width| cut(line, width));
        text.push('\n');
    };
    let mut before = None;
    for (at, row) in story.rows.iter().enumerate() {
        if at % NAMES_EVERY == 0 {
            add(page.names());
        }
        if let Some(gap) = gap(before, row.time) {
            add(page.gap(&gap));
        }
        before = Some(row.time);
        let line = page.row(at, row);
        match row.explained().map(|meaning| (meaning, format!("{line}   {meaning}"))) {
            Some((_, whole)) if width.is_none_or(|width| columns_of(&whole) <= width) => add(whole),
            Some((meaning, _)) => {
                add(line);
                add(format!("{:start$}({meaning})", "", start = page.start));
            }
            None => add(line),
        }
    }
    text
}

struct Page<'a> {
    names: &'a [String],
    /// Where the lifelines begin, behind the times.
    start: usize,
    step: usize,
    /// How many rows begin in a row, and which of those that end in one row is this one.
    begin_here: HashMap<usize, usize>,
    joins: HashMap<usize, (usize, usize)>,
}

impl<'a> Page<'a> {
    fn new(story: &'a Story) -> Page<'a> {
        let longest = story.names.iter().map(|name| columns_of(name)).max().unwrap_or_default();
        let times = story.rows.iter().map(|row| milliseconds(row.time).len() + 1).max().unwrap_or_default();
        let (mut begin_here, mut enders) = (HashMap::new(), HashMap::<usize, Vec<usize>>::new());
        for (at, row) in story.rows.iter().enumerate() {
            *begin_here.entry(row.begins).or_default() += 1;
            enders.entry(row.ends).or_default().push(at);
        }
        let joins = enders.values().flat_map(|rows| {
            let of = rows.len();
            rows.iter().enumerate().map(move |(place, at)| (*at, (place + 1, of)))
        });
        Page {
            names: &story.names,
            start: TIME.max(times),
            step: STEP.max(longest + 2),
            begin_here,
            joins: joins.collect(),
        }
    }

    fn x(&self, lane: Lane) -> usize {
        self.start + lane * self.step + self.step / 2
    }

    fn empty(&self, mark: char) -> Vec<char> {
        let mut line = vec![' '; self.start + self.names.len() * self.step];
        (0..self.names.len()).for_each(|lane| line[self.x(lane)] = mark);
        line
    }

    fn names(&self) -> String {
        let mut line = String::new();
        for (lane, name) in self.names.iter().enumerate() {
            let start = self.x(lane) - columns_of(name) / 2;
            line += &" ".repeat(start.saturating_sub(columns_of(&line)));
            line += name;
        }
        line
    }

    fn gap(&self, gap: &str) -> String {
        let line: String = self.empty('┊').into_iter().collect();
        format!("{}  {gap}", line.trim_end())
    }

    fn row(&self, at: usize, row: &Row) -> String {
        let mut line = self.empty('│');
        if row.line == Line::Note {
            line[self.x(row.from)] = '●';
        } else {
            self.arrow(&mut line, at, row);
        }
        let time = format!("{:>width$}", milliseconds(row.time), width = self.start - 1);
        let whose = if row.line == Line::Note { format!("{}: ", self.names[row.from]) } else { String::new() };
        let notes: String = row.notes.iter().map(|note| format!("   {note}")).collect();
        let drawn: String = line[self.start..=self.x(self.names.len() - 1)].iter().collect();
        format!("{time} {drawn}  {whose}{}{notes}", row.label)
    }

    fn arrow(&self, line: &mut [char], at: usize, row: &Row) {
        let (from, to) = (self.x(row.from), self.x(row.to));
        if from == to {
            line[from] = '●';
            return;
        }
        let is_right = to > from;
        let pick = |right, left| if is_right { right } else { left };
        // The places between the two lifelines, from the sender on.
        let path: Vec<usize> = if is_right { (from + 1..to).collect() } else { (to + 1..from).rev().collect() };
        let (fill, crossing) = match row.line {
            Line::Direct => ('═', '╪'),
            Line::Datagram => ('·', '│'),
            Line::Stream | Line::Note => ('─', '┼'),
        };
        let end = if row.end == End::Arrives { path.len() } else { path.len() * 3 / 4 };
        for place in &path[..end] {
            line[*place] = if line[*place] == '│' { crossing } else { fill };
        }
        line[from] = if row.line == Line::Direct { pick('╞', '╡') } else { pick('├', '┤') };
        let last = path.len() - 1;
        line[path[if row.end == End::Arrives { last } else { end }]] =
            if row.end == End::Arrives { pick('▶', '◀') } else { '×' };
        if row.begins < at {
            (line[from], line[path[0]]) = ('│', pick('└', '┘'));
        } else if self.begin_here.get(&at).is_some_and(|rows| *rows > 1) {
            line[path[0]] = '┬';
        }
        match self.joins.get(&at) {
            Some((_, 1)) | None => {}
            Some((place, of)) if place == of => line[path[last - 1]] = '┴',
            Some((place, _)) => {
                line[path[last - 1]] = if *place == 1 { pick('┐', '┌') } else { pick('┤', '├') };
                line[path[last]] = ' ';
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Recording;
    use crate::stories::{chat, file, login, loss, not_made, told};

    fn shown(files: &[Recording], width: Option<usize>) -> String {
        columns(&told(files), width)
    }

    #[test]
    fn a_write_in_two_reads_is_a_fork_and_three_in_one_a_bracket() {
        let picture = r#"
                  alice    server
      1.000 ms      ├────────▶│  connects
      1.400 ms      │◀────────┤  "OK,Welcome⏎"   OK: all is well; the end of an answer
      2.100 ms      ├┬───────▶│  "LOGIN,alic"   login: let me in, under this name
      2.300 ms      │└───────▶│  "e,***⏎"   one line from two reads
     91.500 ms      │◀────────┤  "udp_***⏎" +2 lines   LOGIN: OK, alice's session begins   udp_: your session's token, for datagrams
     94.100 ms      ├───────┐ │  "help⏎"   help: which commands are there?
     94.200 ms      ├───────┤ │  "list⏎"   list: who is active, and where
     95.000 ms      ├───────┴▶│  "quit⏎"   three writes in one read   three lines   quit: goodbye
     95.400 ms      │         ●  server: the connection with alice is closed: fin
"#;
        assert_eq!(shown(&login(), None), picture.trim_start_matches('\n'));
    }

    #[test]
    fn what_is_lost_ends_in_a_cross_and_comes_again() {
        let picture = r#"
                  alice      bob     server      eve
      0.900 ms      ├─────────┼────────▶│         │  connects
      0.900 ms      │         ├────────▶│         │  connects
      5.000 ms      │         │         │◀────────┤  connects
     10.000 ms      │         │         │◀────────┤  "bcast_<hi>⏎"   bcast_: a text for everybody
     11.000 ms      │         │         ●         │  server: bcast: OK, number 5, to 3 clients
     12.000 ms      │    ×····│·········┤         │  #16 bcast 5   dropped on purpose: --udp-loss
     12.100 ms      │         │  ×······┤         │  #17 bcast 5   lost: it left, and never came
     12.200 ms      │         │         ├········▶│  #18 bcast 5
                    ┊         ┊         ┊         ┊  ~ 2.2 s ~
   2199.500 ms      ├·········│········▶│         │  hello: up to 5 without 5   hello_: up to which number I have all, and what is missing
   2200.200 ms      │◀········│·········┤         │  #19 bcast 5 again   first tried as #16; hello_4 says: all up to 4
   2201.200 ms      │         │◀········┤         │  #20 bcast 5 again   first tried as #17; hello_4 says: all up to 4
   2300.000 ms      ●         │         │         │  alice: the program ends
   2300.000 ms      │         ●         │         │  bob: the program ends
"#;
        assert_eq!(shown(&loss(), None), picture.trim_start_matches('\n'));
    }

    #[test]
    fn peers_talk_past_the_server() {
        let picture = r#"
                  alice    server      bob
      0.500 ms      ├────────▶│         │  connects
      0.700 ms      │         │◀────────┤  connects
     10.100 ms      ├────────▶│         │  "connect_bob⏎"   connect_: introduce me to this one
     10.300 ms      │         ●         │  server: ticket 9f3c... for alice, to meet bob
     10.700 ms      │         ├────────▶│  "ticket_alice_9f3c...⏎"   not asked for   ticket_: the secret by which the two of you know each other
     10.800 ms      │◀────────┤         │  "ticket_bob_9f3c...⏎"   connect: OK, bob is at 127.0.0.3:4401
     11.000 ms      ╞═════════╪════════▶│  connects
     11.400 ms      ╞═════════╪════════▶│  "CHAT,alice,9f3c...⏎"   CHAT: may I talk with you?
     11.500 ms      │         │         ●  bob: alice has proven to have ticket 9f3c...
     11.700 ms      ╞═════════╪════════▶│  CHAT   each has proven who it is
     50.000 ms      │         ●         │  server: the connection with alice is closed: shut
     51.000 ms      │         ●         │  server: the program ends
     60.100 ms      ╞═════════╪════════▶│  "still there⏎"
"#;
        assert_eq!(shown(&chat(), None), picture.trim_start_matches('\n'));
    }

    #[test]
    fn a_connection_that_is_refused_does_not_arrive() {
        let picture = r#"
                     alice          server      127.0.0.3:4401
      1.000 ms         ├───────────×   │               │  tries to connect   refused: nobody listens there
      2.000 ms         ├───────────×   │               │  tries to connect   nobody has answered for 0.8 s
    900.000 ms         ├──────────────▶│               │  connects   not served: all places are taken
    901.000 ms         ●               │               │  alice: the connection with the server is closed: fin
    910.000 ms         ├──────────────▶│               │  connects
    915.000 ms         ╞═══════════════╪═══════×       │  tries to connect   refused: nobody listens there
"#;
        assert_eq!(shown(&not_made(), None), picture.trim_start_matches('\n'));
    }

    #[test]
    fn a_word_is_explained_below_its_row_where_it_has_no_room_beside_it() {
        let text = shown(&login(), Some(80));
        let rows: Vec<&str> = text.lines().collect();
        let at = rows.iter().position(|row| row.contains("\"quit⏎\"")).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(rows[at + 1], "               (quit: goodbye)");
        assert!(rows.iter().any(|row| row.ends_with("\"list⏎\"   list: who is active, and where")), "{text}");
    }

    #[test]
    fn a_time_of_hours_moves_no_lifeline() {
        let late = "1 \"ev\":\"refused\",\"from\":\"x\"\n86400000 \"ev\":\"stop\"";
        let text = shown(&[file("server", "server", late)], None);
        let places: Vec<usize> = text.lines().filter_map(|line| line.chars().position(|c| "●┊".contains(c))).collect();
        assert!(places.len() == 3 && places.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
    }

    #[test]
    fn a_name_may_have_more_characters_than_columns() {
        let marks = "e\u{301}".repeat(12);
        let text =
            shown(&[file("server", "server", &format!("1 \"ev\":\"accept\",\"c\":1,\"from\":\"{marks}\""))], None);
        assert!(text.lines().next().is_some_and(|names| names.ends_with("server") && names.contains(&marks)), "{text}");
    }

    #[test]
    fn wide_letters_are_counted() {
        let said = format!("1 \"ev\":\"refused\",\"from\":\"{}\"", "世界".repeat(40));
        let text = shown(&[file("server", "server", &said)], Some(80));
        assert!(text.lines().all(|line| columns_of(line) <= 80) && text.contains("世..."), "{text}");
    }

    #[test]
    fn a_row_is_as_wide_as_the_terminal_at_most() {
        let narrow = shown(&loss(), Some(80));
        assert!(narrow.lines().all(|line| line.chars().count() <= 80), "{narrow}");
        assert!(narrow.contains("..."), "{narrow}");
    }
}
