//! A connection by hand, of somebody who says a line and waits for its answer. Its end is a value, not a panic.

use crate::book::{Diary, Fate, Heard, Said};
use crate::harness::LIMIT;
use peerline::protocol::Broadcast;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

/// A connection.
pub struct Plain(BufReader<TcpStream>);

impl Plain {
    /// Somebody who is not logged in, and was greeted.
    ///
    /// # Errors
    /// What the system says.
    pub fn connect(server: SocketAddr, diary: &mut Diary) -> io::Result<(Plain, Vec<String>)> {
        let stream = TcpStream::connect_timeout(&server, LIMIT)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_nodelay(true)?;
        let mut plain = Plain(BufReader::new(stream));
        let greeting = plain.answer(diary)?;
        Ok((plain, greeting))
    }

    /// Signs up, if need be, and logs in.
    ///
    /// # Errors
    /// What the system says, or what was refused.
    pub fn log_in(server: SocketAddr, diary: &mut Diary) -> io::Result<Plain> {
        let (mut plain, greeting) = Plain::connect(server, diary)?;
        let name = diary.name.clone();
        if diary.logins == 0 {
            plain.ask(diary, &format!("SIGNUP,{name},password"))?;
        }
        let answer = plain.ask(diary, &format!("LOGIN,{name},password"))?;
        if answer.last().map(String::as_str) != Some("OK,Login successful!") {
            return Err(io::Error::other(format!("{greeting:?} {answer:?}")));
        }
        diary.epochs.extend(answer.iter().filter_map(|line| line.strip_prefix("epoch_")).map(str::to_owned));
        diary.logins += 1;
        Ok(plain)
    }

    /// Says a line, and gives the lines of its answer.
    ///
    /// # Errors
    /// The connection has ended, or there is no answer within the limit.
    pub fn ask(&mut self, diary: &mut Diary, line: &str) -> io::Result<Vec<String>> {
        self.0.get_mut().write_all(format!("{line}\n").as_bytes())?;
        self.answer(diary)
    }

    fn answer(&mut self, diary: &mut Diary) -> io::Result<Vec<String>> {
        let mut lines = Vec::new();
        loop {
            let line = self.line(diary)?;
            let is_last = line == "OK" || line == "UP" || line.starts_with("OK,") || line.starts_with("ERR,");
            lines.push(line);
            if is_last {
                return Ok(lines);
            }
        }
    }

    /// The next line that is neither a broadcast nor a message: those go into the diary.
    fn line(&mut self, diary: &mut Diary) -> io::Result<String> {
        loop {
            if let Some(line) = self.take_line(diary)? {
                return Ok(line);
            }
        }
    }

    fn take_line(&mut self, diary: &mut Diary) -> io::Result<Option<String>> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end();
        if let Some(broadcast) = Broadcast::parse(line) {
            hear(diary, broadcast);
        } else if let Some((_, text)) = line.strip_prefix("msg_").and_then(|rest| rest.split_once('_')) {
            diary.messages.push(text.to_owned());
        } else {
            return Ok(Some(line.to_owned()));
        }
        Ok(None)
    }

    /// Reads broadcasts into the diary until this one is there.
    ///
    /// # Errors
    /// As [`Plain::ask`].
    pub fn hear_up_to(&mut self, diary: &mut Diary, seq: u64) -> io::Result<()> {
        while diary.heard.last().is_none_or(|heard| heard.seq < seq) {
            self.take_line(diary)?;
        }
        Ok(())
    }

    /// Broadcasts, and notes in the diary what became of it.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn broadcast(&mut self, diary: &mut Diary, text: &str) -> io::Result<Fate> {
        let at = Instant::now();
        let answer = self.ask(diary, &format!("bcast_{text}"));
        let last = answer.as_ref().ok().and_then(|lines| lines.last()).map_or("", String::as_str);
        let number = last.strip_prefix("OK,Broadcast ").and_then(|rest| rest.split(' ').next()?.parse().ok());
        let fate = match number {
            Some(seq) => Fate::Confirmed(seq),
            None if last.starts_with("ERR,") => Fate::Refused,
            None => Fate::Unknown,
        };
        if answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
            diary.wrong.push(format!("{} had no answer to {text:?} for {LIMIT:?}", diary.name));
        }
        diary.said.push(Said { text: text.to_owned(), at, took: at.elapsed(), fate: fate.clone() });
        answer.map(|_| fate)
    }

    /// Has something relayed: whether that is confirmed, or nothing where nobody knows.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn relay(&mut self, diary: &mut Diary, text: &str, to: &str) -> io::Result<Option<bool>> {
        let answer = self.ask(diary, &format!("relay_{text}_{to}"))?.pop().unwrap_or_default();
        if answer.contains("not known") {
            return Ok(None);
        }
        let is_confirmed = answer.starts_with("OK");
        if !is_confirmed {
            diary.not_relayed.push(text.to_owned());
        }
        Ok(Some(is_confirmed))
    }
}

/// A new connection begins with all that there is: what was heard before is passed over.
fn hear(diary: &mut Diary, Broadcast { seq, from, text, .. }: Broadcast) {
    if diary.heard.last().is_none_or(|last| last.seq < seq) {
        diary.heard.push(Heard { seq, from: from.to_string(), text });
    }
}
