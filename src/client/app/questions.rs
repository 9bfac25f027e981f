//! What waits for the person's yes or no: a chat, a command, a gift. Each question has a number, and a yes names one
//! question: what was exchanged while somebody typed is not answered by it.

use crate::client::command::Which;
use crate::client::event::{CallId, Missed, Place};
use crate::value::plainly_within;
use crate::value::{Size, Username};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The most questions at a time of those whom the server has introduced.
const MAX: usize = 16;
/// The columns of a command or a name in the list of questions.
const SHORT: usize = 100;
/// The most of those at a time whose name nobody but themselves has told us. They take no place of the others.
const MAX_UNPROVEN: usize = 1;
/// In the line mode an answer without a number counts only when no other question has come or gone for so long.
const STEADY: Duration = Duration::from_secs(5);
/// The same for a command, which waits no longer itself: however slowly one types, an exchanged one takes its number.
const STEADY_COMMAND: Duration = Duration::from_secs(30);

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
    /// When the one of this name before it went.
    former: Option<Instant>,
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
    /// Those that went last, and when: one whose answer turns out to be impossible comes back.
    gone: VecDeque<(Question, Instant)>,
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
    /// Whether the server has told who asks.
    pub fn is_proven(&self) -> bool {
        !matches!(self, Wish::Chat { verified: false })
    }

    /// What it was when nobody has answered it.
    pub fn missed(&self) -> Missed {
        match self {
            Wish::Chat { .. } => Missed::Chat,
            Wish::Command { .. } => Missed::Command,
            Wish::Gift { .. } => Missed::Gift,
        }
    }

    /// What is asked for, where several stand in a line.
    fn in_short(&self) -> String {
        match self {
            Wish::Chat { verified: true } => "a chat".to_owned(),
            Wish::Chat { verified: false } => "an unverified chat".to_owned(),
            Wish::Command { command: what } | Wish::Gift { what, .. } => {
                let what = plainly_within(what, SHORT);
                // None can pass for the next question of the list.
                if what.contains(['(', ')']) { format!("{what:?}") } else { what }
            }
        }
    }

    fn steady(&self) -> Duration {
        if matches!(self, Wish::Command { .. }) { STEADY_COMMAND } else { STEADY }
    }

    /// The word that says yes to it.
    pub fn yes(&self) -> &'static str {
        if matches!(self, Wish::Command { .. }) { "allow" } else { "accept" }
    }
}

impl Question {
    /// Whether it is the one of this person that was meant when the answer was begun: it was there, and not just
    /// exchanged for another.
    fn is_the_one(&self, begun: Option<Instant>, now: Instant) -> bool {
        match begun {
            Some(begun) => self.since < begun,
            None => self.former.is_none_or(|gone| now >= gone + self.wish.steady()),
        }
    }

    /// The window where it is shown: whoever is not proven to be somebody does not get into that person's.
    pub fn place(&self) -> Place {
        if self.wish.is_proven() { Place::Person(self.from.clone()) } else { Place::Server }
    }
}

impl Questions {
    /// Whether a question can be put: not when too many wait, or another one of the same person. Whoever only calls
    /// themselves so does not take the place of the person.
    pub fn has_room(&self, from: &Username, wish: &Wish) -> bool {
        let proven = wish.is_proven();
        let stands_before = |question: &Question| question.wish.is_proven() || !proven;
        let asks_already = self.waiting.iter().any(|other| other.from == *from && stands_before(other));
        let of_its_kind = self.waiting.iter().filter(|other| other.wish.is_proven() == proven).count();
        let too_many = of_its_kind >= if proven { MAX } else { MAX_UNPROVEN };
        !too_many && !asks_already
    }

    /// Puts a question; `None` when there is no room for it.
    pub fn put(&mut self, call: CallId, from: Username, wish: Wish, limit: Duration, now: Instant) -> Option<u64> {
        if !self.has_room(&from, &wish) {
            return None;
        }
        let former = self.gone.iter().rev().find(|(gone, _)| gone.from == from).map(|(_, time)| *time);
        self.drawn += 1;
        let number = self.drawn;
        let others = self.changed;
        self.change(now);
        self.waiting.push(Question { number, call, from, wish, since: now, until: now + limit, others, former });
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
            ([meant], Which::Number(_)) => meant.number,
            ([meant], Which::Of(_)) if verdict == Verdict::Decline || meant.is_the_one(begun, now) => meant.number,
            ([only], Which::Only) if verdict == Verdict::Decline || self.is_steady(only, begun, now) => only.number,
            _ => return Err(self.ask_back(verdict, which)),
        };
        self.remove(|question| question.number == number, now).ok_or_else(|| self.none(which))
    }

    /// Whether no question came or went since the answer was begun.
    fn is_steady(&self, question: &Question, begun: Option<Instant>, now: Instant) -> bool {
        match begun {
            Some(begun) => self.changed.is_none_or(|changed| changed < begun),
            // A script is written before it knows who asks: one question that has come alone is the one it means.
            None => question.others.is_none_or(|changed| now >= changed + question.wish.steady()),
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

    fn ask_back(&self, verdict: Verdict, which: &Which) -> String {
        let named = self.fitting(verdict, which).map(|question| {
            format!("{} {} ({}: {})", verdict.word(), question.number, question.from, question.wish.in_short())
        });
        format!("Which? {}", named.collect::<Vec<_>>().join(", "))
    }

    /// Puts the question of a call back that was answered with what cannot be done; `None` when its time is over.
    pub fn again(&mut self, call: CallId, now: Instant) -> Option<&Question> {
        let at = self.gone.iter().position(|(question, _)| question.call == call && question.until > now)?;
        let (question, _) = self.gone.remove(at)?;
        self.change(now);
        self.waiting.push(question);
        self.waiting.last()
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
        self.gone.push_back((gone.clone(), now));
        if self.gone.len() > MAX {
            self.gone.pop_front();
        }
        Some(gone)
    }

    /// Takes out all of this person.
    pub fn take_of(&mut self, from: &Username, now: Instant) -> Vec<Question> {
        std::iter::from_fn(|| self.remove(|question| question.from == *from, now)).collect()
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
        assert!(questions.take(Verdict::Allow, &Which::Only, None, now + STEADY).is_err());
        assert!(questions.take(Verdict::Allow, &Which::Only, None, now + STEADY_COMMAND).is_ok());
        let later = now + 2 * STEADY_COMMAND;
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
