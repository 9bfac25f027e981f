//! Golden conversations, from `tests/transcripts` and from the examples in `docs/PROTOCOL.md`, played against a
//! real server: as they stand, and with every byte in a write of its own.
//!
//! A line `alice> text` is sent on the connection of that name, which is opened at its first line; `alice< text` is
//! what comes next there, of the events for an event, of the answers else; `alice* text` is the next such line, whatever comes before it; `alice.` says that the server
//! closes it. `#` begins a comment, `! --option value` sets an
//! option of the server. In what comes, `{hex}`, `{n}` and `{ip}` stand for a ticket, a number and an address. Lines that
//! begin with `udp_` are of the port in the clear alone.

use crate::harness::netcat::Tool;
use crate::harness::{LIMIT, Lines, TestServer, is_event};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Pieces {
    Lines,
    Bytes,
}

fn play(title: &str, script: &str, pieces: Pieces) {
    play_by(title, script, pieces, &[], &|server| Lines::connect(server.address));
}

/// Plays with a server that has these options too, on connections that `connect` makes.
fn play_by(title: &str, script: &str, pieces: Pieces, more: &[&str], connect: &dyn Fn(&TestServer) -> Lines) {
    let options: Vec<&str> =
        script.lines().filter_map(|line| line.strip_prefix("! ")).flat_map(str::split_whitespace).collect();
    let server = TestServer::start(&[&["--rate", "off"], more, options.as_slice()].concat());
    let mut connections: HashMap<&str, Lines> = HashMap::new();
    for (number, line) in script.lines().enumerate() {
        let at = format!("{title}:{} {line:?} ({pieces:?})", number + 1);
        let Some(mark) = line.find(['<', '>', '*', '.']).filter(|_| !line.starts_with(['#', '!'])) else { continue };
        let (name, text) = (&line[..mark], line[mark + 1..].trim_start_matches(' '));
        let connection = connections.entry(name).or_insert_with(|| connect(&server));
        match line.as_bytes()[mark] {
            b'>' if pieces == Pieces::Lines => connection.send(text),
            b'>' => format!("{text}\r\n").bytes().for_each(|byte| connection.send_raw([byte])),
            b'<' if text.starts_with("udp_") && server.tls.is_some() => {}
            b'<' => {
                let came = if is_event(text) { connection.event() } else { connection.answer_line() };
                assert!(matches(text, &came), "{at}: came {came:?}");
            }
            b'*' => while !matches(text, &connection.answer_line()) {},
            _ => connection.wait_for_end(),
        }
    }
}

/// Whether a line is what the pattern says.
fn matches(pattern: &str, line: &str) -> bool {
    let Some((before, rest)) = pattern.split_once('{') else { return pattern == line };
    let Some(line) = line.strip_prefix(before) else { return false };
    let Some((kind, after)) = rest.split_once('}') else { return false };
    let belongs = |c: char| match kind {
        "hex" => c.is_ascii_hexdigit(),
        "n" => c.is_ascii_digit(),
        "ip" => c.is_ascii_digit() || c == '.',
        _ => panic!("{{{kind}}} is no pattern"),
    };
    let end = line.find(|c| !belongs(c)).unwrap_or(line.len());
    let length_fits = if kind == "hex" { end == 32 } else { end > 0 };
    length_fits && matches(after, &line[end..])
}

fn transcripts() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found: Vec<(String, String)> = fs::read_dir(root.join("tests/transcripts"))
        .expect("the folder is there")
        .map(|entry| entry.expect("readable").path())
        .map(|path| (path.display().to_string(), fs::read_to_string(path).expect("text")))
        .collect();
    found.extend(examples());
    assert!(found.len() > 5, "only {} transcripts", found.len());
    found
}

/// The conversations in the document.
fn examples() -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/PROTOCOL.md");
    let docs = fs::read_to_string(path).expect("the document is there");
    let blocks = docs.split("```transcript\n").skip(1).enumerate();
    let script = |block: &str| block.split("```").next().unwrap_or_default().to_owned();
    blocks.map(|(number, block)| (format!("docs/PROTOCOL.md, example {}", number + 1), script(block))).collect()
}

#[test]
fn every_transcript_line_by_line() {
    transcripts().iter().for_each(|(title, script)| play(title, script, Pieces::Lines));
}

#[test]
fn every_transcript_byte_by_byte() {
    transcripts().iter().for_each(|(title, script)| play(title, script, Pieces::Bytes));
}

/// As people do who have no client: every one of them talks through the tool.
#[test]
fn every_example_by_every_tool() {
    for tool in Tool::all() {
        for (title, script) in examples() {
            let running = RefCell::new(Vec::new());
            play_by(&format!("{title} by {}", tool.command), &script, Pieces::Lines, &[], &|server| {
                let (lines, at_work) = tool.connect(server.address);
                running.borrow_mut().push(at_work);
                lines
            });
        }
    }
}

/// The same protocol where nobody can read it on the way: whole lines, and each byte in a record of its own.
#[cfg(feature = "tls")]
#[test]
fn every_transcript_by_tls() {
    if !crate::harness::netcat::has_openssl() {
        return;
    }
    let tool = Tool::tls();
    for (pieces, (title, script)) in [Pieces::Lines, Pieces::Bytes]
        .into_iter()
        .flat_map(|pieces| transcripts().into_iter().map(move |one| (pieces, one)))
    {
        let running = RefCell::new(Vec::new());
        play_by(&format!("{title} by TLS"), &script, pieces, &["--tls-port", "0"], &|server| {
            let (address, _) = server.tls.expect("it has the port");
            let (lines, at_work) = tool.connect(address);
            running.borrow_mut().push(at_work);
            lines
        });
    }
}

/// The same bytes, however they are cut, give the same answers.
#[test]
fn split_and_merged_writes_give_the_same_answers() {
    let talk =
        b"login\r\nnobody\r\nwrong-password\r\nsignup\r\nalice\r\npassword\r\npassword\r\n\r\nLOGIN,alice,password\r\n\
        whoami\r\nlist\r\nmsg_hi_alice\r\n2\r\nsnake_case_rocks\r\nGET_P,alice\r\n\xff\r\nhelp\r\nquit\r\n";
    let answers = |size: usize| {
        let server = TestServer::start(&["--rate", "off"]);
        let mut lines = Lines::connect(server.address);
        lines.stream().set_read_timeout(Some(LIMIT)).expect("a timeout");
        talk.chunks(size).for_each(|piece| lines.send_raw(piece));
        let mut answers = Vec::new();
        loop {
            let line = lines.line();
            let end = line == "OK,Goodbye";
            // A broadcast is an event, whose place among the answers is free.
            let kind = line.split('_').next().unwrap_or_default();
            if !["udp", "bcast"].contains(&kind) {
                answers.push(line);
            }
            if end {
                return answers;
            }
        }
    };
    let whole = answers(talk.len());
    assert_eq!(whole.iter().filter(|line| line.starts_with("OK") || line.starts_with("ERR")).count(), 19);
    for size in [1, 2, 3, 7, 100] {
        assert_eq!(answers(size), whole, "in pieces of {size}");
    }
}
