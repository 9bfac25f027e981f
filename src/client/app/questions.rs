//! What waits for the person's yes or no: a chat, a command, a gift. Each question has a number, and a yes names one
//! question: what was exchanged while somebody typed is not answered by it.

use crate::client::command::Which;
use crate::client::event::{CallId, Place};
use crate::value::{Size, Username};
use std::fmt;
use std::time::{Duration, Instant};

/// The most questions at a time.
const MAX: usize = 16;
/// In the line mode an answer without a number counts only when no other question has come or gone for so long.
const STEADY: Duration = Duration::from_secs(5);

/// What a peer asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's sentence names its fields")]
pub enum Wish {
    /// To talk.
    Chat { verified: bool },
    /// To run a command here; as it will be shown.
    Command { command: String },
    /// To give us files.
    Gift { what: String, count: usize, size: Size },
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its number.
    pub number: u64,
    /// The connection that waits for the answer.
    pub call: CallId,
    /// Who asks.
    pub from: Username,
    /// For what.
    pub wish: Wish,
    /// When it came.
    pub since: Instant,
    /// How long it waits.
    pub until: Instant,
    /// When another one last came or went.
    others: Option<Instant>,
}

/// The answers that can be given. A yes to a chat is never one to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes to a chat or a gift.
    Accept,
    /// Yes to a command.
    Allow,
    /// No to any.
    Decline,
}

/// The questions that wait.
#[derive(Debug, Default)]
pub struct Questions {
    drawn: u64,
    waiting: Vec<Question>,
    /// When the last one came or went.
    changed: Option<Instant>,
}

impl Verdict {
    fn fits(self, wish: &Wish) -> bool {
        match self {
            Verdict::Accept => !matches!(wish, Wish::Command { .. }),
            Verdict::Allow => matches!(wish, Wish::Command { .. }),
            Verdict::Decline => true,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Verdict::Accept => "accept",
            Verdict::Allow => "allow",
            Verdict::Decline => "decline",
        }
    }
}

impl Wish {
    /// The word that says yes to it.
    pub fn yes(&self) -> &'static str {
        if matches!(self, Wish::Command { .. }) { "allow" } else { "accept" }
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wish::Chat { .. } => f.write_str("a chat"),
            Wish::Command { command } => f.write_str(command),
            Wish::Gift { what, .. } => f.write_str(what),
        }
    }
}

impl Question {
    /// The window where it is shown: whoever is not proven to be somebody does not get into that person's.
    pub fn place(&self) -> Place {
        match self.wish {
            Wish::Chat { verified: false } => Place::Server,
            _ => Place::Person(self.from.clone()),
        }
    }
}

impl Questions {
    /// Puts a question; `None` when too many wait, or another one of the same person.
    pub fn put(&mut self, call: CallId, from: Username, wish: Wish, limit: Duration, now: Instant) -> Option<u64> {
        let asks_already = self.waiting.iter().any(|question| question.from == from);
        if self.waiting.len() >= MAX || asks_already {
            return None;
        }
        self.drawn += 1;
        let number = self.drawn;
        let others = self.changed;
        self.change(now);
        self.waiting.push(Question { number, call, from, wish, since: now, until: now + limit, others });
        Some(number)
    }

    /// Whether a question waits that this answer fits.
    pub fn waits_for(&self, verdict: Verdict, which: &Which) -> bool {
        self.fitting(verdict, which).next().is_some()
    }

    /// The questions that wait, oldest first.
    pub fn list(&self) -> &[Question] {
        &self.waiting
    }

    /// Takes up the question that is meant. `begun`: when the person began to type the answer; nothing in the line
    /// mode, where one cannot know.
    ///
    /// # Errors
    /// A sentence: there is no such question, what to type instead, or which ones there are.
    pub fn take(
        &mut self,
        verdict: Verdict,
        which: &Which,
        begun: Option<Instant>,
        now: Instant,
    ) -> Result<Question, String> {
        let found: Vec<&Question> = self.fitting(verdict, which).collect();
        let number = match (found.as_slice(), which) {
            ([], _) => return Err(self.none(which)),
            ([meant], Which::Number(_) | Which::Of(_)) => meant.number,
            ([only], Which::Only) if verdict == Verdict::Decline || self.is_steady(only, begun, now) => only.number,
            _ => return Err(self.ask_back(verdict)),
        };
        self.remove(|question| question.number == number, now).ok_or_else(|| self.none(which))
    }

    /// Whether no question came or went since the answer was begun.
    fn is_steady(&self, question: &Question, begun: Option<Instant>, now: Instant) -> bool {
        match begun {
            Some(begun) => self.changed.is_none_or(|changed| changed <= begun),
            // A script is written before it knows who asks: one question that has come alone is the one it means.
            None => question.others.is_none_or(|changed| now >= changed + STEADY),
        }
    }

    fn change(&mut self, now: Instant) {
        self.changed = Some(now);
        self.waiting.iter_mut().for_each(|other| other.others = Some(now));
    }

    fn fitting<'a>(&'a self, verdict: Verdict, which: &'a Which) -> impl Iterator<Item = &'a Question> {
        self.waiting.iter().filter(move |question| {
            let meant = match which {
                Which::Only => true,
                Which::Number(number) => question.number == *number,
                Which::Of(name) => question.from == *name,
            };
            meant && verdict.fits(&question.wish)
        })
    }

    fn none(&self, which: &Which) -> String {
        match (self.waiting.first(), which) {
            (Some(other), Which::Only) => match other.wish {
                Wish::Chat { .. } => format!("{} asks for a chat: accept or decline", other.from),
                Wish::Command { .. } => format!("{} asks to run a command: allow or decline", other.from),
                Wish::Gift { .. } => format!("{} offers files: accept or decline", other.from),
            },
            (_, Which::Number(number)) => format!("There is no question {number} now"),
            (_, Which::Of(name)) => format!("{name} asks you nothing of that kind now"),
            (None, Which::Only) => "Nobody asks you anything now".to_owned(),
        }
    }

    fn ask_back(&self, verdict: Verdict) -> String {
        let named = self
            .fitting(verdict, &Which::Only)
            .map(|question| format!("{} {} ({}: {})", verdict.word(), question.number, question.from, question.wish));
        format!("Which? {}", named.collect::<Vec<_>>().join(", "))
    }

    /// Withdraws the question of a call that has ended.
    pub fn withdraw(&mut self, call: CallId, now: Instant) -> Option<Question> {
        self.remove(|question| question.call == call, now)
    }

    /// Takes out a question that has waited for too long.
    pub fn expired(&mut self, now: Instant) -> Option<Question> {
        self.remove(|question| question.until <= now, now)
    }

    /// Takes out all of them: nobody will answer.
    pub fn take_all(&mut self) -> Vec<Question> {
        std::mem::take(&mut self.waiting)
    }

    fn remove(&mut self, test: impl Fn(&Question) -> bool, now: Instant) -> Option<Question> {
        let at = self.waiting.iter().position(test)?;
        let gone = self.waiting.remove(at);
        self.change(now);
        Some(gone)
    }

    /// When the next one has waited for too long.
    pub fn deadline(&self) -> Option<Instant> {
        self.waiting.iter().map(|question| question.until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);
    const SECOND: Duration = Duration::from_secs(1);

    fn name(text: &str) -> Username {
        text.parse().expect("valid")
    }

    fn command(text: &str) -> Wish {
        Wish::Command { command: text.to_owned() }
    }

    fn put(questions: &mut Questions, call: u64, from: &str, wish: Wish, now: Instant) -> Option<u64> {
        questions.put(CallId::In(call), name(from), wish, LIMIT, now)
    }

    #[test]
    fn several_at_once_one_a_person_and_each_answer_to_its_kind() {
        let (mut questions, now) = (Questions::default(), Instant::now());
        assert_eq!(put(&mut questions, 1, "alice", command("id"), now), Some(1));
        assert_eq!(put(&mut questions, 2, "Alice", Wish::Chat { verified: true }, now), None);
        assert_eq!(put(&mut questions, 3, "bob", Wish::Chat { verified: true }, now), Some(2));
        let later = Some(now + SECOND);
        let accepted = questions.take(Verdict::Accept, &Which::Only, later, now + SECOND).expect("bob's");
        assert_eq!(accepted.call, CallId::In(3));
        let why = questions.take(Verdict::Accept, &Which::Only, later, now).expect_err("none");
        assert_eq!(why, "alice asks to run a command: allow or decline");
        assert!(questions.take(Verdict::Allow, &Which::Of(name("bob")), later, now).is_err());
        assert!(questions.take(Verdict::Allow, &Which::Number(1), later, now).is_ok());
    }

    #[test]
    fn a_yes_without_a_number_is_not_for_what_came_while_it_was_typed() {
        let (mut questions, now) = (Questions::default(), Instant::now());
        put(&mut questions, 1, "eve", command("uptime"), now);
        let begun = now + SECOND;
        questions.withdraw(CallId::In(1), begun + SECOND).expect("there");
        put(&mut questions, 2, "eve", command("touch X"), begun + SECOND);
        let why = questions.take(Verdict::Allow, &Which::Only, Some(begun), begun + SECOND).expect_err("exchanged");
        assert_eq!(why, "Which? allow 2 (eve: touch X)");
        assert!(questions.take(Verdict::Allow, &Which::Number(1), Some(begun), begun).is_err());
        assert!(questions.take(Verdict::Allow, &Which::Only, Some(begun + 2 * SECOND), begun + 2 * SECOND).is_ok());
    }

    #[test]
    fn a_script_may_answer_a_question_that_has_come_alone() {
        let (mut questions, now) = (Questions::default(), Instant::now());
        put(&mut questions, 1, "alice", command("id"), now);
        assert!(questions.take(Verdict::Allow, &Which::Only, None, now).is_ok());
        put(&mut questions, 2, "alice", command("id"), now);
        assert!(questions.take(Verdict::Allow, &Which::Only, None, now).is_err());
        assert!(questions.take(Verdict::Allow, &Which::Only, None, now + STEADY).is_ok());
        let later = now + 2 * STEADY;
        put(&mut questions, 3, "alice", command("id"), later);
        assert!(questions.take(Verdict::Allow, &Which::Only, None, later).is_ok());
    }

    #[test]
    fn a_question_has_an_end_and_there_are_only_so_many() {
        let (mut questions, now) = (Questions::default(), Instant::now());
        for number in 0..MAX as u64 {
            put(&mut questions, number, &format!("u{number}"), command("id"), now).expect("room");
        }
        assert_eq!(put(&mut questions, 99, "other", command("id"), now), None);
        assert_eq!(questions.deadline(), Some(now + LIMIT));
        assert!(questions.expired(now).is_none());
        assert_eq!((0..).map_while(|_: u32| questions.expired(now + LIMIT)).count(), MAX);
    }
}
