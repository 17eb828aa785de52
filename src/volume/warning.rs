//! Sentences about what is wrong with a disk, kept while the reading goes on.

use std::sync::{Mutex, PoisonError};

/// How many sentences are kept. A damaged table can have a million bad entries; the first ones
/// tell the story and the rest are counted.
const KEPT: usize = 64;

/// Collects warnings; shared by reference, because readers only ever have `&self`.
#[derive(Debug, Default)]
pub struct Warnings(Mutex<Collected>);

#[derive(Debug, Default)]
struct Collected {
    kept: Vec<String>,
    more: u64,
}

impl Warnings {
    /// Adds a sentence, unless it was said before: a volume is swept more than once.
    pub fn add(&self, sentence: impl Into<String>) {
        let sentence = sentence.into();
        let mut collected = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if collected.kept.contains(&sentence) {
            return;
        }
        if collected.kept.len() < KEPT {
            collected.kept.push(sentence);
        } else {
            collected.more = collected.more.saturating_add(1);
        }
    }

    /// Adds what another collector holds.
    pub fn extend(&self, other: &Self) {
        for sentence in other.list() {
            self.add(sentence);
        }
    }

    /// What was said so far, in order; the last sentence counts those that were left out.
    #[must_use]
    pub fn list(&self) -> Vec<String> {
        let collected = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut list = collected.kept.clone();
        if collected.more > 0 {
            list.push(format!("{} more warnings were left out", collected.more));
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_warnings_is_counted() {
        let warnings = Warnings::default();
        for number in 0..100 {
            warnings.add(format!("entry {number} is wrong"));
            warnings.add("entry 0 is wrong");
        }
        let list = warnings.list();
        assert_eq!(list.len(), KEPT + 1);
        assert_eq!(list[0], "entry 0 is wrong");
        assert_eq!(list[KEPT], "36 more warnings were left out");
    }
}
