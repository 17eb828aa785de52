//! What a sweep came by before.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, RandomState};

/// How much is remembered. Beyond it, things are come by as if for the first time: told twice, but
/// never left out.
const KEPT: usize = 1 << 22;

/// A bounded memory of things, by their hashes.
#[derive(Debug, Default)]
pub(super) struct Seen {
    hasher: RandomState,
    kept: HashSet<u64>,
}

impl Seen {
    /// Whether this is the first time.
    pub(super) fn is_new(&mut self, thing: &impl Hash) -> bool {
        let hash = self.hasher.hash_one(thing);
        if self.kept.len() >= KEPT {
            return !self.kept.contains(&hash);
        }
        self.kept.insert(hash)
    }
}
