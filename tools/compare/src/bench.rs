//! What all works share: how much is measured, the turns in which everybody is measured, and what went wrong.

use crate::contender::{Contender, Kind};
use crate::rounds::Rounds;
use crate::setting::Setting;
use std::time::Duration;

/// A run.
pub struct Bench {
    /// Programs and folders.
    pub setting: Setting,
    /// How often everybody is measured.
    pub rounds: usize,
    /// How long one measurement of something that goes on lasts.
    pub time: Duration,
    /// The largest number of clients, where several are measured.
    pub most: usize,
    /// What could not be measured, and why.
    pub notes: Vec<String>,
}

/// A server with clients of it.
pub struct Stage<T> {
    /// The server. It outlives its clients.
    pub server: Contender,
    /// The clients.
    pub clients: T,
    failed: bool,
}

impl Bench {
    /// Starts a server and its clients; nothing when it is not installed, or cannot do that.
    pub fn stage<T>(&mut self, kind: Kind, gather: impl FnOnce(&Contender) -> Result<T, String>) -> Option<Stage<T>> {
        let staged = match kind.start(&self.setting) {
            Ok(Some(server)) => gather(&server).map(|clients| Some(Stage { server, clients, failed: false })),
            Ok(None) => Ok(None),
            Err(sentence) => Err(sentence),
        };
        staged.unwrap_or_else(|sentence| self.note(sentence))
    }

    /// Measures all in turn, again and again, so that each round has one measurement of each. Who fails is left out
    /// from then on, and has no figures: one that is right sometimes is not compared.
    pub fn in_turns<T, const N: usize>(
        &mut self,
        stages: &mut [Option<Stage<T>>],
        mut measure: impl FnMut(&mut Stage<T>) -> Result<[f64; N], String>,
    ) -> Vec<[Rounds; N]> {
        let mut figures = vec![[const { Rounds(Vec::new()) }; N]; stages.len()];
        for _round in 0..self.rounds {
            for (stage, figures) in stages.iter_mut().zip(&mut figures) {
                let Some(stage) = stage.as_mut().filter(|stage| !stage.failed) else { continue };
                match measure(stage) {
                    Ok(measured) => figures.iter_mut().zip(measured).for_each(|(rounds, value)| rounds.0.push(value)),
                    Err(sentence) => {
                        stage.failed = true;
                        *figures = [const { Rounds(Vec::new()) }; N];
                        let _: Option<()> = self.note(sentence);
                    }
                }
            }
        }
        figures
    }

    /// Writes down what went wrong.
    pub fn note<T>(&mut self, sentence: String) -> Option<T> {
        eprintln!("   {sentence}");
        self.notes.push(sentence);
        None
    }
}

/// The figures of those who were there, by their names.
pub fn named<T>(stages: &[Option<Stage<T>>], figures: &[Rounds]) -> Vec<(String, Rounds)> {
    let both = stages.iter().zip(figures);
    both.filter_map(|(stage, rounds)| Some((stage.as_ref()?.server.name.to_owned(), rounds.clone()))).collect()
}
