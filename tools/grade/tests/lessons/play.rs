//! Plays a page: types what it says, and compares what comes with what it shows.

use crate::page::{Page, Step, What, is_shown, root};
use crate::terminal::{Event, Terminal};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How long a line, or the end of a command, is waited for.
const LIMIT: Duration = Duration::from_secs(60);
/// How often it is looked whether a server listens.
const LOOK: Duration = Duration::from_millis(10);
/// What makes a command one that starts a server.
const SERVERS: [&str; 3] = ["museum/server.py", "create_server", "nc -l"];
/// The port of a server that is told no other one.
const PORT: u16 = 4400;
/// A number below it is no port here.
const FIRST_PORT: u16 = 1024;
/// What stands for any lines.
const ANY: &str = "...";
/// How the last line of a grader begins that waits longer than usual, as that of the pages does.
const PATIENT: &str = "All waits were ";

/// A terminal, and whether the page says `...` of what comes there now.
struct Seat {
    terminal: Terminal,
    any: bool,
}

/// Plays it with this folder for its files, where `grade` is found too.
///
/// # Errors
/// The first line that is not as the page says.
pub fn play(page: &Page, folder: &Path) -> Result<(), String> {
    let steps = page.steps()?;
    let mut seats: BTreeMap<&str, Seat> = BTreeMap::new();
    for (step, next) in steps.iter().zip(steps.iter().skip(1).map(Some).chain([None])) {
        let at = |problem: String| format!("docs/lessons/{}:{}: {problem}", page.name, step.line);
        let seat = seats
            .entry(&step.terminal)
            .or_insert_with(|| Seat { terminal: Terminal::open(&step.terminal, folder, &root()), any: false });
        seat.take(step).map_err(at)?;
        let is_shown_on = next.is_some_and(|next| matches!(next.what, What::Shown(_)));
        if !is_shown_on && !step.goes_on {
            seat.see_end().map_err(at)?;
        }
    }
    Ok(())
}

impl Seat {
    fn take(&mut self, step: &Step) -> Result<(), String> {
        match &step.what {
            What::Command(text) => {
                self.any = false;
                self.terminal.run(text);
                if let Some(port) = port_of_server(text).filter(|_| step.goes_on) {
                    wait_for_server(port)?;
                }
            }
            What::Typed(line) => self.terminal.type_line(line),
            What::CtrlC => self.terminal.press_ctrl_c(),
            What::Look => {}
            What::Shown(line) if line == ANY => self.any = true,
            What::Shown(line) => self.see(line)?,
        }
        Ok(())
    }

    /// Waits for this line.
    fn see(&mut self, told: &str) -> Result<(), String> {
        let mut passed = Vec::new();
        loop {
            match self.terminal.next(LIMIT) {
                Event::Line(came) if is_shown(told, &came) => break,
                Event::Line(came) => {
                    passed.push(came);
                    if !self.any {
                        passed.extend(self.more());
                        return Err(format!("not {told:?}, but {passed:#?}"));
                    }
                }
                Event::End => return Err(format!("not {told:?}, but the end, behind {passed:#?}")),
                Event::Nothing => return Err(format!("{told:?} did not come, but {passed:#?}")),
            }
        }
        self.any = false;
        Ok(())
    }

    /// What else comes soon, for whoever reads the message.
    fn more(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Event::Line(line) = self.terminal.next(Duration::from_secs(1)) {
            lines.push(line);
        }
        lines
    }

    /// Waits for the end of the command, before which nothing else may come.
    fn see_end(&mut self) -> Result<(), String> {
        while self.terminal.is_running {
            match self.terminal.next(LIMIT) {
                Event::End => break,
                Event::Line(line) if self.any || line.starts_with(PATIENT) => {}
                Event::Line(line) => {
                    let lines = [vec![line], self.more()].concat();
                    return Err(format!("more came than the page shows: {lines:#?}"));
                }
                Event::Nothing => return Err("what runs does not end: say ^C".to_owned()),
            }
        }
        Ok(())
    }
}

/// The port of a server that this command starts: the number of a port that stands there, or the usual one.
fn port_of_server(command: &str) -> Option<u16> {
    if !SERVERS.iter().any(|server| command.contains(server)) {
        return None;
    }
    let mut numbers = command.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok());
    Some(numbers.rfind(|number| *number >= FIRST_PORT).unwrap_or(PORT))
}

/// A person types the next command when the server is there.
fn wait_for_server(port: u16) -> Result<(), String> {
    let until = Instant::now() + LIMIT;
    while !listens(port) {
        if Instant::now() > until {
            return Err(format!("nobody listens at port {port}"));
        }
        thread::sleep(LOOK);
    }
    Ok(())
}

/// Whether somebody accepts connections there: the state of such a socket is `0A`.
fn listens(port: u16) -> bool {
    let table = fs::read_to_string("/proc/net/tcp").expect("Linux");
    let sockets = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let end = format!(":{port:04X}");
    sockets.filter(|words| words.len() > 3).any(|words| words[1].ends_with(&end) && words[3] == "0A")
}

#[test]
fn the_port_of_a_server_is_known() {
    for (command, port) in [
        ("python3 museum/server.py --rate 100000 --idle 3", Some(PORT)),
        ("d=$(mktemp -d); python3 museum/server.py 4412 --data $d", Some(4412)),
        ("nc -l 127.0.0.2 4401", Some(4401)),
        ("nc 127.0.0.1 4400", None),
    ] {
        assert_eq!(port_of_server(command), port, "{command}");
    }
}
