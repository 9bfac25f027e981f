//! The question of the login, which stands in the place of the line that is typed, and its answer. It knows no window.

use super::input_line::InputLine;

/// The question that is asked, if any, and the one that waits until half an answer to another is dropped.
#[derive(Debug, Default)]
pub(super) struct Questions {
    asked: Option<Asked>,
    next: Option<(String, bool)>,
}

/// A question.
#[derive(Debug)]
pub(super) struct Asked {
    /// What stands before the answer.
    pub(super) text: String,
    /// The answer so far.
    pub(super) answer: InputLine,
    /// Whether it went away with half an answer typed: what follows is no answer, and no line either.
    pub(super) is_over: bool,
}

impl Questions {
    /// What is asked now, and whether the answer is a secret. A half answer to another question stays, so that its rest
    /// goes nowhere; it is dropped by Enter.
    pub(super) fn set(&mut self, question: Option<(String, bool)>) {
        self.next = None;
        match &mut self.asked {
            Some(asked) if asked.is_asking(question.as_ref()) => {}
            Some(asked) if !asked.answer.is_empty() => {
                asked.is_over = true;
                self.next = question;
            }
            _ => self.asked = question.map(Asked::new),
        }
    }

    /// The question that is shown.
    pub(super) fn asked(&self) -> Option<&Asked> {
        self.asked.as_ref()
    }

    /// The line of the answer.
    pub(super) fn answer(&mut self) -> Option<&mut InputLine> {
        self.asked.as_mut().map(|asked| &mut asked.answer)
    }

    /// Takes the answer. The question stays until the owner sets another; `None` when it was over already.
    pub(super) fn take(&mut self) -> Option<String> {
        let asked = self.asked.as_mut()?;
        let answer = asked.answer.take();
        if !asked.is_over {
            return Some(answer);
        }
        self.asked = self.next.take().map(Asked::new);
        None
    }
}

impl Asked {
    fn new((text, hidden): (String, bool)) -> Asked {
        let mut answer = InputLine::default();
        answer.hidden = hidden;
        Asked { text, answer, is_over: false }
    }

    fn is_asking(&self, question: Option<&(String, bool)>) -> bool {
        let is_same = |(text, hidden): &(String, bool)| *text == self.text && *hidden == self.answer.hidden;
        !self.is_over && question.is_some_and(is_same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::event::Key;

    fn type_in(questions: &mut Questions, text: &str) {
        let line = questions.answer().expect("a question");
        text.chars().for_each(|c| assert!(line.key(&Key::Char(c))));
    }

    fn password() -> Option<(String, bool)> {
        Some(("Password of alice: ".to_owned(), true))
    }

    #[test]
    fn the_rest_of_an_answer_goes_nowhere_when_its_question_is_over() {
        let mut questions = Questions::default();
        questions.set(password());
        type_in(&mut questions, "sec");
        questions.set(None);
        type_in(&mut questions, "ret");
        let asked = questions.asked().expect("it stays");
        assert!(asked.is_over && asked.answer.hidden);
        assert_eq!(questions.take(), None);
        assert!(questions.asked().is_none());
    }

    #[test]
    fn the_next_question_waits_for_the_end_of_a_half_answer() {
        let mut questions = Questions::default();
        questions.set(password());
        questions.set(password());
        type_in(&mut questions, "sec");
        questions.set(Some(("Name: ".to_owned(), false)));
        assert!(questions.asked().is_some_and(|asked| asked.is_over));
        assert_eq!(questions.take(), None);
        type_in(&mut questions, "bob");
        assert_eq!(questions.asked().map(|asked| asked.text.as_str()), Some("Name: "));
        assert_eq!(questions.take().as_deref(), Some("bob"));
        questions.set(None);
        assert!(questions.asked().is_none());
    }
}
