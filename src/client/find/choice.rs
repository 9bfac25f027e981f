//! Asks the person which of the found servers it shall be. It comes before the screen, line by line.

use super::servers::Found;
use super::wording;
use std::io::{self, BufRead, Read, Write};

/// The most bytes of an answer.
const MAX_LINE: u64 = 4096;

/// What is said of a password that the options have.
const WITHHELD: &str = "\
The password of --password-file or PEERLINE_PASSWORD is not sent to a server
that was only found: type it, or give the server's address: client IP PORT";

/// Shows what was found, and asks; with one server Enter is enough. Gives which one; `None` when the person leaves.
///
/// # Errors
/// What the system says of the terminal.
pub fn choose(
    servers: &[Found],
    withheld: bool,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> io::Result<Option<usize>> {
    writeln!(output, "{}", wording::count(servers))?;
    for (number, row) in (1..).zip(wording::rows(servers)) {
        writeln!(output, "  {number}  {row}")?;
    }
    if withheld {
        writeln!(output, "{WITHHELD}")?;
    }
    let question = match servers {
        [_] => "Press Enter to connect, or Ctrl-C to leave: ",
        _ => "Which one? Type its number, or press Ctrl-C to leave: ",
    };
    let again = match servers {
        [_] => "There is one server: press Enter, or type 1.".to_owned(),
        _ => format!("Type a number from 1 to {}.", servers.len()),
    };
    loop {
        write!(output, "{question}")?;
        output.flush()?;
        let mut line = Vec::new();
        if input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            writeln!(output)?;
            return Ok(None);
        }
        // A terminal may have another encoding.
        let line = String::from_utf8_lossy(&line);
        let number = match (line.trim(), servers) {
            ("", [_]) => Some(1),
            ("quit" | "exit", _) => return Ok(None),
            (number, _) => number.parse().ok(),
        };
        let chosen = number.and_then(|number: usize| number.checked_sub(1)).filter(|index| *index < servers.len());
        if chosen.is_some() {
            return Ok(chosen);
        }
        writeln!(output, "{again}")?;
    }
}

#[cfg(test)]
mod tests {
    use super::super::servers::Ports;
    use super::*;
    use crate::protocol::ServerId;

    fn found(number: u8) -> Found {
        let name = format!("room-{number}").parse().expect("a name");
        let id = ServerId([number; 8]);
        let ip = [10, 0, 0, number].into();
        Found { name, ip, port: Some(4400), tls_port: None, clients: 3, max_clients: 50, id, here: false }
    }

    /// What comes of these lines, and what was shown.
    fn choose(servers: u8, withheld: bool, typed: &str) -> (Option<String>, String) {
        let servers: Vec<Found> = (1..=servers).map(found).collect();
        let mut shown = Vec::new();
        let chosen = super::choose(&servers, withheld, &mut typed.as_bytes(), &mut shown).expect("memory");
        (
            chosen.and_then(|index| Some(servers[index].target(Ports::Best)?.address.to_string())),
            String::from_utf8(shown).expect("text"),
        )
    }

    #[test]
    fn one_server_waits_for_enter() {
        let (chosen, shown) = choose(1, false, "\n");
        assert_eq!(chosen.as_deref(), Some("10.0.0.1:4400"));
        let expected = "1 server was found, not proven: anybody on the network can answer.\n  \
                        1  room-1  10.0.0.1 4400  3 of 50 clients\nPress Enter to connect, or Ctrl-C to leave: ";
        assert_eq!(shown, expected);
        let (chosen, shown) = choose(1, false, "yes\n2\n1\n");
        assert_eq!((chosen.as_deref(), shown.matches("Press Enter").count()), (Some("10.0.0.1:4400"), 3));
        assert_eq!(shown.matches("There is one server: press Enter, or type 1.\n").count(), 2, "{shown}");
    }

    #[test]
    fn of_several_one_is_chosen_by_its_number() {
        let (chosen, shown) = choose(3, true, "\n0\n4\n-1\nroom-1\n2\n");
        assert_eq!(chosen.as_deref(), Some("10.0.0.2:4400"));
        assert_eq!(shown.matches("Which one?").count(), 6);
        assert_eq!(shown.matches("Type a number from 1 to 3.\n").count(), 5, "{shown}");
        assert!(shown.contains("3 servers were found, not proven") && shown.contains(WITHHELD), "{shown}");
    }

    #[test]
    fn what_is_no_text_is_asked_again() {
        let mut shown = Vec::new();
        let chosen = super::choose(&[found(1)], false, &mut &b"\xe4\n1\n"[..], &mut shown).expect("no error");
        assert_eq!(chosen, Some(0));
    }

    #[test]
    fn who_types_nothing_more_or_quit_leaves() {
        for typed in ["", "quit\n", "x\nexit\n"] {
            assert_eq!(choose(2, false, typed).0, None, "{typed:?}");
            assert_eq!(choose(1, false, typed).0, None, "{typed:?}");
        }
    }
}
