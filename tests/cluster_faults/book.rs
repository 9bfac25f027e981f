//! What everybody said and heard, and whether that may be: pure values. It knows no server, socket or clock but the times that
//! it is told.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

/// What became of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It has this number: everybody gets it.
    Confirmed(u64),
    /// Nobody ever gets it.
    Refused,
    /// The connection ended without an answer.
    Unknown,
}

/// A broadcast that somebody said.
#[derive(Clone, Debug)]
pub struct Said {
    /// It is said once only.
    pub text: String,
    /// When it was sent.
    pub at: Instant,
    /// How long the answer took, or the end of the connection.
    pub took: Duration,
    /// The answer.
    pub fate: Fate,
}

/// A broadcast that somebody was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Its number.
    pub seq: u64,
    /// Who said it, as it came.
    pub from: String,
    /// What was said.
    pub text: String,
}

/// What one person said and heard, in that person's order.
#[derive(Clone, Debug, Default)]
pub struct Diary {
    /// Whose it is.
    pub name: String,
    /// The person's own broadcasts.
    pub said: Vec<Said>,
    /// All that were shown, over all sessions.
    pub heard: Vec<Heard>,
    /// Texts that were to be relayed to somebody, of which an `ERR` says that they never arrive.
    pub not_relayed: Vec<String>,
    /// Texts that were relayed to this person.
    pub messages: Vec<String>,
    /// The sequences that servers said to have.
    pub epochs: BTreeSet<String>,
    /// What the person saw that may not be, at once.
    pub wrong: Vec<String>,
    /// How often the person has logged in.
    pub logins: usize,
}

/// All that may not be in what these people tell of one house, whose broadcasts are all younger than the window.
pub fn faults(diaries: &[Diary]) -> Vec<String> {
    let mut wrong: Vec<String> = diaries.iter().flat_map(|diary| diary.wrong.clone()).collect();
    let epochs: BTreeSet<&String> = diaries.iter().flat_map(|diary| &diary.epochs).collect();
    if epochs.len() > 1 {
        wrong.push(format!("there were several sequences: {epochs:?}"));
    }
    confirmed_once(diaries, &mut wrong);
    for diary in diaries {
        in_order(diary, &mut wrong);
    }
    one_sequence(diaries, &mut wrong);
    all_of_it(diaries, &mut wrong);
    relayed(diaries, &mut wrong);
    wrong
}

/// No number was confirmed for two lines, and each person's numbers grow: a line is said when the one before is answered.
fn confirmed_once(diaries: &[Diary], wrong: &mut Vec<String>) {
    let mut by_number: BTreeMap<u64, &str> = BTreeMap::new();
    for diary in diaries {
        let mut last = 0;
        for (text, seq) in confirmed(diary) {
            if let Some(other) = by_number.insert(seq, text) {
                wrong.push(format!("{seq} was confirmed for {other:?} and for {text:?}"));
            }
            if seq <= last {
                wrong.push(format!("{}: {text:?} was confirmed as {seq}, behind {last}", diary.name));
            }
            last = last.max(seq);
        }
    }
}

fn confirmed(diary: &Diary) -> impl Iterator<Item = (&str, u64)> {
    diary.said.iter().filter_map(|said| match said.fate {
        Fate::Confirmed(seq) => Some((said.text.as_str(), seq)),
        Fate::Refused | Fate::Unknown => None,
    })
}

/// What is shown has growing numbers, and no text comes twice.
fn in_order(diary: &Diary, wrong: &mut Vec<String>) {
    for pair in diary.heard.windows(2).filter(|pair| pair[0].seq >= pair[1].seq) {
        wrong.push(format!("{} heard {} and then {}", diary.name, pair[0].seq, pair[1].seq));
    }
    let mut numbers = HashMap::new();
    for heard in &diary.heard {
        if let Some(before) = numbers.insert(heard.text.as_str(), heard.seq) {
            wrong.push(format!("{} heard {:?} twice: {before} and {}", diary.name, heard.text, heard.seq));
        }
    }
}

/// A number means one line, whoever hears it, and it was said by whom it names.
fn one_sequence(diaries: &[Diary], wrong: &mut Vec<String>) {
    let said: HashSet<(&str, &str)> = diaries
        .iter()
        .flat_map(|diary| diary.said.iter().map(|said| (diary.name.as_str(), said.text.as_str())))
        .collect();
    let mut lines: BTreeMap<u64, (&Heard, &str)> = BTreeMap::new();
    for diary in diaries {
        for heard in &diary.heard {
            let (first, by) = *lines.entry(heard.seq).or_insert((heard, &diary.name));
            if first != heard {
                wrong.push(format!(
                    "{} is {:?} for {by} and {:?} for {}",
                    heard.seq, first.text, heard.text, diary.name
                ));
            }
        }
    }
    for (heard, by) in lines.values() {
        if !said.contains(&(heard.from.as_str(), heard.text.as_str())) {
            wrong.push(format!("{by} heard {:?} of {}, who has not said it", heard.text, heard.from));
        }
    }
}

/// Everybody hears what was confirmed, under its number, and what anybody hears; nobody hears what was refused.
fn all_of_it(diaries: &[Diary], wrong: &mut Vec<String>) {
    let anywhere: BTreeSet<(u64, &str)> =
        diaries.iter().flat_map(|diary| &diary.heard).map(|heard| (heard.seq, heard.text.as_str())).collect();
    let confirmed: BTreeSet<(u64, &str)> = diaries.iter().flat_map(confirmed).map(|(text, seq)| (seq, text)).collect();
    let refused: HashMap<&str, &str> = diaries
        .iter()
        .flat_map(|diary| diary.said.iter().map(move |said| (said, diary.name.as_str())))
        .filter(|(said, _)| said.fate == Fate::Refused)
        .map(|(said, name)| (said.text.as_str(), name))
        .collect();
    for (seq, text) in &anywhere {
        if let Some(name) = refused.get(text) {
            wrong.push(format!("{text:?} of {name} was refused, and is heard as {seq}"));
        }
    }
    for diary in diaries {
        let own: BTreeSet<(u64, &str)> = diary.heard.iter().map(|heard| (heard.seq, heard.text.as_str())).collect();
        for (seq, text) in confirmed.difference(&own) {
            wrong.push(format!("{} has not heard {text:?}, which was confirmed as {seq}", diary.name));
        }
        for (seq, text) in anywhere.difference(&own).filter(|line| !confirmed.contains(line)) {
            wrong.push(format!("{} has not heard {text:?}, which others heard as {seq}", diary.name));
        }
    }
}

/// A message comes once, or where it was refused not at all.
fn relayed(diaries: &[Diary], wrong: &mut Vec<String>) {
    let mut arrived = HashSet::new();
    for (diary, text) in diaries.iter().flat_map(|diary| diary.messages.iter().map(move |text| (diary, text))) {
        if !arrived.insert(text.as_str()) {
            wrong.push(format!("{} got the message {text:?} twice", diary.name));
        }
    }
    for (diary, text) in diaries.iter().flat_map(|diary| diary.not_relayed.iter().map(move |text| (diary, text))) {
        if arrived.contains(text.as_str()) {
            wrong.push(format!("the message {text:?} of {} was refused, and arrived", diary.name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str, fate: Fate) -> Said {
        Said { text: text.to_owned(), at: Instant::now(), took: Duration::ZERO, fate }
    }

    fn heard(seq: u64, text: &str) -> Heard {
        Heard { seq, from: text[..3].to_owned(), text: text.to_owned() }
    }

    /// Two people, of whom each hears all that there is: two lines that were confirmed and one of which nobody knows.
    fn good() -> [Diary; 2] {
        let lines = vec![heard(1, "ann one"), heard(2, "bob two"), heard(5, "ann three")];
        let ann = vec![
            said("ann one", Fate::Confirmed(1)),
            said("ann no", Fate::Refused),
            said("ann three", Fate::Unknown),
            said("ann lost", Fate::Unknown),
        ];
        let diary = |name: &str, said| Diary { name: name.to_owned(), said, heard: lines.clone(), ..Diary::default() };
        [diary("ann", ann), diary("bob", vec![said("bob two", Fate::Confirmed(2))])]
    }

    /// What is wrong with it when it is changed so.
    fn changed(change: impl FnOnce(&mut [Diary; 2])) -> String {
        let mut diaries = good();
        change(&mut diaries);
        faults(&diaries).join("\n")
    }

    #[test]
    fn what_is_as_it_should_be_has_no_faults() {
        assert_eq!(changed(|_| {}), "");
    }

    #[test]
    fn a_confirmed_line_that_is_missing_is_a_fault() {
        let wrong = changed(|[_, bob]| drop(bob.heard.remove(0)));
        assert_eq!(wrong, "bob has not heard \"ann one\", which was confirmed as 1");
        let wrong = changed(|[_, bob]| drop(bob.heard.pop()));
        assert_eq!(wrong, "bob has not heard \"ann three\", which others heard as 5");
        let wrong = changed(|both| both.iter_mut().for_each(|diary| drop(diary.heard.remove(1))));
        assert_eq!(wrong.lines().count(), 2, "{wrong}");
    }

    #[test]
    fn a_line_that_comes_twice_is_a_fault() {
        let wrong = changed(|both| both.iter_mut().for_each(|diary| diary.heard.push(heard(6, "ann one"))));
        assert!(wrong.contains("bob heard \"ann one\" twice: 1 and 6"), "{wrong}");
        let wrong = changed(|[ann, _]| ann.heard.insert(1, heard(1, "ann one")));
        assert!(wrong.contains("ann heard 1 and then 1"), "{wrong}");
    }

    #[test]
    fn another_order_is_a_fault() {
        let wrong = changed(|[ann, _]| ann.heard.swap(0, 1));
        assert_eq!(wrong, "ann heard 2 and then 1");
        let wrong = changed(|[ann, _]| ann.said.push(said("ann late", Fate::Confirmed(1))));
        assert!(wrong.contains("\"ann late\" was confirmed as 1, behind 1"), "{wrong}");
    }

    #[test]
    fn a_refused_line_that_is_heard_is_a_fault() {
        let wrong = changed(|both| both.iter_mut().for_each(|diary| diary.heard.push(heard(6, "ann no"))));
        assert_eq!(wrong, "\"ann no\" of ann was refused, and is heard as 6");
    }

    #[test]
    fn a_number_that_means_two_lines_is_a_fault() {
        let wrong = changed(|[ann, _]| ann.heard[1] = heard(2, "ann lost"));
        assert!(wrong.contains("2 is \"ann lost\" for ann and \"bob two\" for bob"), "{wrong}");
        let wrong = changed(|[ann, _]| ann.said[3].fate = Fate::Confirmed(2));
        assert!(wrong.contains("2 was confirmed for"), "{wrong}");
        let wrong = changed(|[ann, _]| ann.said[0].fate = Fate::Confirmed(3));
        assert!(wrong.contains("bob has not heard \"ann one\", which was confirmed as 3"), "{wrong}");
    }

    #[test]
    fn what_nobody_said_is_a_fault() {
        let wrong = changed(|both| both.iter_mut().for_each(|diary| diary.heard.push(heard(6, "bob never"))));
        assert_eq!(wrong, "ann heard \"bob never\" of bob, who has not said it");
    }

    #[test]
    fn two_sequences_a_doubled_message_and_one_that_was_refused_are_faults() {
        let epochs = |both: &mut [Diary; 2]| {
            both.iter_mut().zip(["a", "b"]).for_each(|(diary, epoch)| diary.epochs = [epoch.to_owned()].into());
        };
        assert_eq!(changed(epochs), "there were several sequences: {\"a\", \"b\"}");
        let wrong = changed(|[ann, _]| ann.messages = vec!["x".to_owned(), "x".to_owned()]);
        assert_eq!(wrong, "ann got the message \"x\" twice");
        let wrong = changed(|[ann, bob]| {
            ann.messages.push("x".to_owned());
            bob.not_relayed.push("x".to_owned());
        });
        assert_eq!(wrong, "the message \"x\" of bob was refused, and arrived");
        assert_eq!(changed(|[ann, _]| ann.wrong.push("hm".to_owned())), "hm");
    }
}
