//! What the words of the protocol mean, in a few words each: for who sees them in a trace or on the projector, and has not
//! read docs/PROTOCOL.md yet. The one table of both programs, as `tools/trace` is made of this file too.

/// Who says a word: some have two meanings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A client to the server.
    Client,
    /// The server to a client.
    Server,
    /// A client to another.
    Peer,
}

/// Who says it, the word as docs/PROTOCOL.md writes it, and what it means. More follows a word that ends with `_`.
static MEANINGS: [(By, &str, &str); 70] = [
    (By::Client, "signup", "make me an account"),
    (By::Client, "login", "let me in, under this name"),
    (By::Client, "AGAIN", "let me go on, by the token that I was given"),
    (By::Client, "list", "who is active, and where"),
    (By::Client, "GET_U", "the names of who is active"),
    (By::Client, "GET_P", "the address of one who is active"),
    (By::Client, "GET_UF", "the names of the files that one shares"),
    (By::Client, "GET_AF", "the names of the files that all share"),
    (By::Client, "who", "who is active, where, and since when"),
    (By::Client, "watch", "tell me who comes and who goes"),
    (By::Client, "unwatch", "tell me no more who comes and goes"),
    (By::Client, "whoami", "my own name and address"),
    (By::Client, "probe", "can others reach me? The server tries it"),
    (By::Client, "here", "I am there, though you hear little of me"),
    (By::Client, "help", "which commands are there?"),
    (By::Client, "bcast_", "a text for everybody"),
    (By::Client, "msg_", "a text for one: introduce us, or pass it on"),
    (By::Client, "connect_", "introduce me to this one"),
    (By::Client, "relay_", "pass this text on, as I cannot connect"),
    (By::Client, "INIT", "the port where I listen, and my files"),
    (By::Client, "REACH", "the port where I listen for other machines"),
    (By::Client, "SHARE", "more names of files that I share"),
    (By::Client, "active", "list me again"),
    (By::Client, "inactive", "do not list me"),
    (By::Client, "dnd_", "on: do not disturb me; off: do"),
    (By::Client, "passwd", "another password for me"),
    (By::Client, "quit", "goodbye"),
    (By::Client, "exit", "goodbye"),
    (By::Client, "hello_", "up to which number I have all, and what is missing"),
    (By::Client, "find_", "is there a server? To the whole network"),
    (By::Server, "OK", "all is well; the end of an answer"),
    (By::Server, "ERR", "no, and why; the end of an answer"),
    (By::Server, "UP", "done: it replaces what you have told before"),
    (By::Server, "udp_", "your session's token, for datagrams"),
    (By::Server, "ip_", "the address where others look for you"),
    (By::Server, "name_", "your name, as it was signed up"),
    (By::Server, "reach_", "other machines reach this server too"),
    (By::Server, "epoch_", "whose numbers the broadcasts have"),
    (By::Server, "again_", "by this token you go on at another server"),
    (By::Server, "servers_", "where you may go on, this one first"),
    (By::Server, "serverkey_", "the key of one of these servers"),
    (By::Server, "menu_", "a line of help, for people"),
    (By::Server, "client_", "one who is active, and where"),
    (By::Server, "person_", "one who is active, where, since when"),
    (By::Server, "joined_", "somebody has come, or is reached elsewhere now"),
    (By::Server, "left_", "somebody has gone"),
    (By::Server, "files_", "the names of the files that one shares"),
    (By::Server, "bcast_", "its number, the time, who, what"),
    (By::Server, "msg_", "a text that the server passes on"),
    (By::Server, "key_", "the key of who has the next ticket"),
    (By::Server, "ticket_", "the secret by which the two of you know each other"),
    (By::Server, "peer_", "where that one listens"),
    (By::Server, "notice_", "a word of the server, or of who runs it"),
    (By::Server, "head_", "up to this number there is nothing more for you"),
    (By::Server, "tail_", "up to this number all was sent: what is missing?"),
    (By::Server, "server_", "here is one: its name, ports, clients"),
    (By::Peer, "CHAT", "may I talk with you?"),
    (By::Peer, "MSG", "a single message"),
    (By::Peer, "FILE", "send me this file"),
    (By::Peer, "RUN", "run this command, if you agree"),
    (By::Peer, "LIST", "which files may be fetched?"),
    (By::Peer, "GIVE", "here are files for you, if you agree"),
    (By::Peer, "VERIFY", "let us compare the words of this connection by voice"),
    (By::Peer, "PROBE", "who listens here?"),
    (By::Peer, "ITEM", "the next file of a gift"),
    (By::Peer, "END", "that was the last file of the gift"),
    (By::Peer, "proof_", "I know the ticket, and do not show it"),
    (By::Peer, "file_", "a file that may be fetched, its size, its date"),
    (By::Peer, "sha256_", "the checksum of the whole file"),
    (By::Peer, "hashing_", "still reading the file"),
];

/// The word that a line begins with, and what it means.
pub fn of_line(by: By, line: &str) -> Option<(&'static str, &'static str)> {
    let is_it = |word: &str| {
        line.split_at_checked(word.len()).is_some_and(|(begin, rest)| {
            // Command words compare without regard to case.
            let is_whole = word.ends_with('_') || rest.is_empty() || rest.starts_with([',', '\r', '\n']);
            is_whole && begin.eq_ignore_ascii_case(word)
        })
    };
    MEANINGS.iter().find(|(who, word, _)| *who == by && is_it(word)).map(|(_, word, means)| (*word, *means))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const PROTOCOL: &str = include_str!("../../docs/PROTOCOL.md");
    /// What stands in the names of commands there and is no word of the protocol.
    const PLACES: [&str; 7] = ["addr", "exporter", "ip", "name", "text", "so_reuseaddr", "port"];
    /// What stands between them in the titles there.
    const BETWEEN: [&str; 14] =
        ["or", "and", "then", "on", "the", "next", "line", "alone", "password", "old", "new", "file", "file...", ""];

    /// The word that a piece of the document begins with, if it is one of a protocol: `hello_`, `GET_P`.
    fn word(text: &str) -> Option<String> {
        let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        let word = &text[..end];
        let is_command = word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        let (begin, _) = word.split_once('_').unwrap_or_default();
        let is_event =
            !begin.is_empty() && begin.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        match (is_command, is_event) {
            (true, _) => Some(word.to_lowercase()),
            (_, true) => Some(format!("{begin}_")),
            _ => None,
        }
    }

    #[test]
    fn each_word_of_the_protocol_has_a_meaning_and_no_other() {
        let code = PROTOCOL.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).filter_map(word);
        let titles =
            PROTOCOL.lines().filter_map(|line| line.strip_prefix("#### ")).filter(|title| !title.starts_with("Who "));
        let words = titles.flat_map(|title| title.split([' ', ',', '(', ')']));
        let words = words.filter(|text| !BETWEEN.contains(text) && text.parse::<u8>().is_err());
        let words = words.map(|text| word(text).unwrap_or_else(|| text.to_owned()));
        let documented: BTreeSet<String> = code.chain(words).filter(|word| !PLACES.contains(&word.as_str())).collect();
        let explained: BTreeSet<String> = MEANINGS.iter().map(|(_, word, _)| word.to_lowercase()).collect();
        assert_eq!(documented, explained, "docs/PROTOCOL.md, and this table");
    }

    #[test]
    fn a_word_with_its_meaning_fits_a_row_of_the_projector() {
        for (_, word, means) in &MEANINGS {
            assert!(word.len() + means.len() <= 66, "{word}: {means}");
        }
    }

    #[test]
    fn a_word_is_found_at_the_beginning_of_a_line() {
        let of = |by, line| of_line(by, line).map(|(word, _)| word);
        assert_eq!(of(By::Client, "LOGIN,alice,***\n"), Some("login"));
        assert_eq!(of(By::Client, "list\r\n"), Some("list"));
        assert_eq!(of(By::Client, "listen"), None);
        assert_eq!(of(By::Client, "GET_UF,bob\n"), Some("GET_UF"));
        assert_eq!(of(By::Server, "tail_9"), Some("tail_"));
        assert_eq!(of(By::Server, "grüße"), None);
        assert_eq!((of(By::Peer, "LIST,bob,1"), of(By::Peer, "list of all")), (Some("LIST"), None));
    }
}
