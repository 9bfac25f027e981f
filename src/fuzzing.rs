//! What must hold for any bytes: one function for each parser, for a fuzzer and for the tests below, which give all of
//! them the same kind of bytes. Compiled only for these.
//!
//! A target panics when a promise is broken. The first promise of each is that it does not panic: whatever comes from
//! outside is read or refused. Where a value can be written again, the second is that it is then the same value.

use crate::dialect::packet::{Assembler, Packet};
use crate::dialect::{menu, query};
use crate::net::BurstReader;
use crate::peer_protocol::{
    Answer, FileHash, GivePath, GiverLine, Opening, Outcome, Proof, ReceiverLine, SharedFile, TicketField,
};
use crate::protocol::{Broadcast, FindAnswer, FindQuestion, FromServer, Hello, Reply, Request, ServerList};
use crate::server::store::{Account, Accounts, BroadcastLog, History};
use crate::value::{Address, Epoch, FileName, ServerName, Ticket, TicketStart, Username};
use crate::value::{comma, duration, line, text};
use std::fmt::{Debug, Display};
use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// A parser and what must hold for it.
pub type Target = fn(&[u8]);

/// All of them, by the names of the fuzzer's programs.
pub const TARGETS: [(&str, Target); 12] = [
    ("request", request),
    ("reply", reply),
    ("datagram", datagram),
    ("opening", opening),
    ("give", give),
    ("packet", packet),
    ("query", query),
    ("menu", menu),
    ("accounts", accounts),
    ("history", history),
    ("names", names),
    ("shown", shown),
];

/// How long an account or a broadcast lives in these tests.
const WINDOW: Duration = Duration::from_secs(1800);

/// The bytes as a line, if the wire lets them pass.
fn as_line(data: &[u8]) -> Option<&str> {
    let end = data.iter().position(|&byte| byte == b'\n').unwrap_or(data.len());
    line::check(&data[..end]).ok()
}

/// What is read, and written, is read as the same.
fn mirrors<T: Debug + Display + PartialEq, E: Debug + PartialEq>(text: &str, parse: impl Fn(&str) -> Result<T, E>) {
    if let Ok(value) = parse(text) {
        assert_eq!(parse(&value.to_string()).as_ref(), Ok(&value), "read from {text:?}");
    }
}

fn is_mirrored<T: FromStr<Err: Debug + PartialEq> + Debug + Display + PartialEq>(text: &str) {
    mirrors(text, str::parse::<T>);
}

/// What a client asks of the server.
pub fn request(data: &[u8]) {
    let Some(line) = as_line(data) else { return };
    mirrors(line, Request::parse);
    if let Ok(request) = Request::parse(line) {
        assert!(!request.masked().to_string().contains('\n'), "one line in the log");
    }
}

/// What the server says.
pub fn reply(data: &[u8]) {
    let Some(line) = as_line(data) else { return };
    mirrors(line, |line| Ok::<_, ()>(Reply::parse(line)));
}

/// What travels by UDP: hellos, broadcasts, and questions for a server.
pub fn datagram(data: &[u8]) {
    let hello = |text: &str| Hello::parse(text.as_bytes()).ok_or(());
    let question = |text: &str| FindQuestion::parse(text.as_bytes()).ok_or(());
    let answer = |text: &str| FindAnswer::parse(text.as_bytes()).ok_or(());
    if let Ok(text) = std::str::from_utf8(data) {
        mirrors(text, hello);
        mirrors(text, question);
        mirrors(text, answer);
    }
    if let Some((token, lines)) = FromServer::parse_datagram(data) {
        for line in lines {
            let again = [FromServer::token_line(token).as_slice(), line.to_string().as_bytes()].concat();
            let (told, mut rest) = FromServer::parse_datagram(&again).expect("a token");
            assert_eq!((told, rest.next(), rest.next()), (token, Some(line), None));
        }
    }
}

/// The first line of a connection between peers, and the answers to it.
pub fn opening(data: &[u8]) {
    let Some(line) = as_line(data) else { return };
    mirrors(line, |line| Opening::parse(line).map_err(|_| ()));
    mirrors(line, |line| Ok::<_, ()>(Answer::parse(line)));
    is_mirrored::<Outcome>(line);
    is_mirrored::<FileHash>(line);
    is_mirrored::<Proof>(line);
    is_mirrored::<SharedFile>(line);
}

/// What is said while files are given.
pub fn give(data: &[u8]) {
    let Some(line) = as_line(data) else { return };
    mirrors(line, |line| GiverLine::parse(line).map_err(|_| ()));
    mirrors(line, |line| ReceiverLine::parse(line).map_err(|_| ()));
    mirrors(line, |line| line.parse::<GivePath>().map_err(|_| ()));
    if let Ok(path) = line.parse::<GivePath>() {
        assert!(path.parts().iter().all(|part| !matches!(part.as_str(), "" | "." | "..")), "within the folder");
    }
}

/// S4's packets, however they are cut. The first byte says where.
pub fn packet(data: &[u8]) {
    let (&[size, ref bytes @ ..], mut assembler) = (data, Assembler::default()) else { return };
    let mut whole: usize = 0;
    for mut piece in bytes.chunks(usize::from(size) * 8 + 1) {
        while !piece.is_empty() {
            let count = piece.len().min(assembler.room().len());
            assembler.room()[..count].copy_from_slice(&piece[..count]);
            piece = &piece[count..];
            let Some(packet) = assembler.advance(count) else { continue };
            whole += 1;
            if let Ok(bytes) = packet.encode().try_into() {
                let again = Packet::decode(&bytes);
                assert_eq!(Packet::decode(&again.encode().try_into().expect("as long")), again);
            }
        }
    }
    assert_eq!(whole, bytes.len() / crate::dialect::packet::PACKET_SIZE);
}

/// S3's queries.
pub fn query(data: &[u8]) {
    let Ok(text) = line::check(data) else { return };
    if let Some(query::Query::Init { port, files, .. }) = query::Query::parse(text) {
        assert!(port > 0 && files.iter().all(|file| !file.is_empty() && !file.contains(',')));
    }
    let fields: Vec<String> = text.split(',').map(str::to_owned).collect();
    let users = fields.iter().map(|name| (name.clone(), fields.clone())).take(3).collect();
    for reply in [query::QueryReply::Names(fields), query::QueryReply::Files(users)] {
        assert!((1..=query::MAX_ANSWER).contains(&reply.to_string().len()), "what one recv of the original takes");
    }
}

/// Menu bursts: what one connection brings, up to its end.
pub fn menu(data: &[u8]) {
    const CAP: usize = 512;
    let Ok(listener) = TcpListener::bind("127.0.0.1:0") else { return };
    let Ok(mut sender) = listener.local_addr().and_then(TcpStream::connect) else { return };
    let Ok((stream, _)) = listener.accept() else { return };
    // More does not fit the buffers of a connection that nobody reads meanwhile.
    let sent = &data[..data.len().min(16 * 1024)];
    if sender.write_all(sent).is_err() {
        return;
    }
    drop(sender);
    let mut reader = BurstReader::new(Arc::new(stream), CAP);
    let mut bytes = 0;
    while let Ok(Some(message)) = reader.next_message(Some(Instant::now() + WINDOW)) {
        let Ok(message) = message else { continue };
        bytes += message.len();
        assert!(message.len() <= CAP && !message.contains('\n'));
        // Whatever it is, it is a choice.
        let _ = menu::Choice::parse(&message);
    }
    assert!(bytes <= sent.len());
}

/// The file of the accounts: it is read, or refused with a sentence that names it; and who signs up then is in it.
pub fn accounts(data: &[u8]) {
    let Ok(folder) = tempfile::tempdir() else { return };
    let path = folder.path().join("users.csv");
    fs::write(&path, data).expect("written");
    let accounts = match Accounts::open(folder.path()) {
        Ok(accounts) => accounts,
        Err(sentence) => {
            assert!(sentence.contains("users.csv"), "{sentence}");
            let mut kept = fs::read(&path).expect("there");
            // An unfinished last line is set aside with an end.
            kept.extend(fs::read(path.with_extension("csv.torn")).unwrap_or_default());
            assert_eq!(kept.get(..data.len()), Some(data), "nothing is lost");
            return;
        }
    };
    let name: Username = "fuzz-er.1".parse().expect("valid");
    let hash = "$pbkdf2-sha256$i=1000,l=32$c2FsdHNhbHRzYWx0c2E$YQYkTZ2dGWpXRxUGb5YHnmn4pGPzIxfbkdOmnbCCX4E";
    let account = Account { name: name.clone(), password_hash: hash.to_owned(), created_at: 1_700_000_000 };
    let known = accounts.find(&name);
    if known.is_none() {
        accounts.add(account.clone()).expect("added");
    }
    drop(accounts);
    let found = Accounts::open(folder.path()).expect("what we have written").find(&name);
    assert_eq!(found, Some(known.unwrap_or(account)));
}

/// The file of the broadcasts: whatever stands in it, the numbers go on, and what is broadcast then is there.
pub fn history(data: &[u8]) {
    let Ok(folder) = tempfile::tempdir() else { return };
    fs::write(folder.path().join("broadcasts.log"), data).expect("written");
    let (from, said) = ("alice".parse().expect("valid"), "hello".parse().expect("a text"));
    let open = || {
        let history = Arc::new(History::new(WINDOW));
        (BroadcastLog::open(folder.path(), &history).expect("opens"), history)
    };
    let (log, history) = open();
    let head = history.head();
    let seq = log.append(&from, &[said], SystemTime::now(), Instant::now()).expect("written");
    assert!(seq > head);
    drop(log);
    let (_log, history) = open();
    assert_eq!(history.head(), seq);
    let (broadcasts, _) = history.read(1, usize::MAX, Instant::now());
    assert!(broadcasts.is_sorted_by(|one, next| one.seq < next.seq));
    let last = broadcasts.last().expect("the new one");
    assert_eq!((last.seq, last.text.as_str()), (seq, "hello"));
}

/// Names, addresses, numbers and sizes, of people and of files.
pub fn names(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    is_mirrored::<Username>(text);
    is_mirrored::<ServerName>(text);
    is_mirrored::<Address>(text);
    is_mirrored::<Ticket>(text);
    is_mirrored::<TicketStart>(text);
    is_mirrored::<Epoch>(text);
    is_mirrored::<ServerList>(text);
    mirrors(text, |text| Ok::<_, ()>(TicketField::parse(text)));
    is_mirrored::<FileName>(text);
    if let Some(broadcast) = Broadcast::parse(text) {
        assert_eq!(Broadcast::parse(&broadcast.to_string()), Some(broadcast));
    }
    if let Ok(name) = text.parse::<FileName>() {
        let part = name.part(1);
        assert!(part.len() <= 255 && !name.as_str().starts_with('.') && !name.as_str().contains(['/', '\n', '\t']));
        assert_eq!(FileName::from_typed(&crate::value::file_name::typed(name.as_str())), Ok(name));
    }
    if let Ok(time) = duration::parse(text) {
        assert_eq!(duration::parse(&duration::show(time)), Ok(time));
    }
    let fields = comma::split(text);
    if !fields.is_empty() && !text.contains(['\r', '\n']) {
        assert_eq!(comma::split(&comma::join(fields.iter().map(String::as_str))), fields);
    }
}

/// What a terminal gets to see of what others write: nothing that it obeys, nothing that is not seen.
pub fn shown(data: &[u8]) {
    let Ok(written) = std::str::from_utf8(data) else { return };
    let shown = text::escape(written);
    assert!(!shown.chars().any(text::is_obeyed), "{shown:?}");
    assert_eq!(text::escape(&shown).len(), shown.len(), "what is shown is shown as it is: {shown:?}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};
    use proptest::test_runner::{Config, TestRunner};
    use std::collections::BTreeSet;

    const PAGES: [&str; 4] = [
        include_str!("../docs/PROTOCOL.md"),
        include_str!("../docs/DIALECTS.md"),
        include_str!("../docs/CLIENT.md"),
        include_str!("../README.md"),
    ];

    /// The lines of the documents' examples, whichever way they go, and the words of their tables.
    fn examples() -> Vec<Vec<u8>> {
        let mut examples = BTreeSet::new();
        for page in PAGES {
            for line in page.lines().filter_map(|line| line.strip_prefix("    ")) {
                examples.insert(line.trim_start_matches(['>', '<', ' ']));
            }
            examples.extend(page.split('`').skip(1).step_by(2).filter(|word| !word.contains('\n')));
        }
        let examples: Vec<_> = examples.into_iter().map(|line| line.as_bytes().to_vec()).collect();
        assert!(examples.len() > 200, "the documents have examples");
        examples
    }

    /// Bytes of any kind; examples, whole, cut, joined, and with some bytes changed.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let example = || select(examples());
        let joined = (example(), any::<Index>(), example(), any::<Index>()).prop_map(|(one, cut, other, from)| {
            [&one[..cut.index(one.len() + 1)], &other[from.index(other.len() + 1)..]].concat()
        });
        let lines = vec(example(), 0..6).prop_map(|lines| lines.join(&b'\n'));
        let changed = |bytes: Vec<u8>, changes: Vec<(Index, u8)>| {
            let mut bytes = bytes;
            for (at, byte) in changes.into_iter().filter(|_| !bytes.is_empty()).collect::<Vec<_>>() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes
        };
        prop_oneof![
            1 => vec(any::<u8>(), 0..300),
            1 => any::<String>().prop_map(String::into_bytes),
            2 => example(),
            3 => joined,
            2 => lines,
            3 => (example(), vec((any::<Index>(), any::<u8>()), 0..4)).prop_map(move |(bytes, changes)| changed(bytes, changes)),
        ]
    }

    /// How long each target is tried: `FUZZ_SECONDS` in all, else some hundred times.
    fn seconds() -> Option<u64> {
        std::env::var("FUZZ_SECONDS").ok().map(|seconds| seconds.parse().expect("FUZZ_SECONDS is a whole number"))
    }

    fn try_out(target: Target) {
        let until = seconds().map(|all| Instant::now() + Duration::from_secs(all) / TARGETS.len() as u32);
        loop {
            let mut runner = TestRunner::new(Config { cases: 256, failure_persistence: None, ..Config::default() });
            let result = runner.run(&bytes(), |bytes| {
                target(&bytes);
                Ok(())
            });
            result.unwrap_or_else(|failure| panic!("{failure}"));
            if until.is_none_or(|until| Instant::now() >= until) {
                return;
            }
        }
    }

    macro_rules! each_target {
        ($($name:ident)*) => {
            $(#[test]
            fn $name() {
                try_out(super::$name);
            })*

            #[test]
            fn every_target_is_tried_and_has_its_program() {
                let tried = [$(stringify!($name)),*];
                assert_eq!(TARGETS.map(|(name, _)| name), tried);
                let programs = include_str!("../tools/fuzz/Cargo.toml");
                for name in tried {
                    assert!(programs.contains(&format!("name = \"{name}\"")), "{name}");
                }
                assert_eq!(programs.matches("[[bin]]").count(), tried.len());
            }
        };
    }

    each_target!(request reply datagram opening give packet query menu accounts history names shown);
}
