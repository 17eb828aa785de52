//! Anchors: the fixed byte strings that every secret must contain, and the engines that find them.
//!
//! Other tools call an anchor an atom (YARA), a required literal (regex crates), a fast pattern
//! (Snort) or simply a literal (Hyperscan). Everything that matters on a disk begins with one, so
//! the whole image is read once for anchors only, and the expensive questions are asked at the few
//! places where one was found.
//!
//! # The engine contract
//!
//! Given a chunk, an engine returns every [`Hit`] whose first byte lies in the chunk's **body**,
//! in ascending order of position and then anchor, each once. The three engines return the same
//! hits, bit for bit: [`reference`](mod@reference) is the oracle and is never optimised, [`cpu`]
//! uses the vector units, [`gpu`] a compute shader. They share one compiled [`table::Table`].
//!
//! Work is handed over with [`Engine::submit`] and taken back, oldest first, with
//! [`Engine::collect`], so that a GPU can have several chunks in flight; engines on the CPU do the
//! work when it is collected. A chunk stays the engine's until it was collected: after an error
//! [`Engine::abandon`] gives back whatever was in flight, so nothing is lost.

pub mod cpu;
pub mod encode;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod reference;
pub mod table;

use std::collections::HashMap;
use std::time::Duration;

use self::encode::Encoding;
use crate::chunk::Chunk;
use crate::chunk::carve::Codec;
use crate::rule::{AnchorSpec, RuleSet};
use crate::unit::ChunkOffset;

/// Index of an anchor in its [`AnchorSet`].
#[repr(transparent)]
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, bytemuck::Pod, bytemuck::Zeroable,
)]
pub struct AnchorId(pub u32);

impl AnchorId {
    /// As an index into the set.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where an anchor begins. Eight bytes, so the GPU writes it as two words and a million of them
/// are 8 MB; nothing here owns memory or knows of rules.
#[repr(C)]
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, bytemuck::Pod, bytemuck::Zeroable,
)]
pub struct Hit {
    /// Position of the anchor's first byte in the chunk's window.
    pub at: ChunkOffset,
    /// Which anchor.
    pub anchor: AnchorId,
}

/// A rule that an anchor may begin, and how the anchor is encoded if it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// Index of the variant in the rule set.
    pub variant: usize,
    /// What must be undone before the variant's pattern applies.
    pub encoding: Encoding,
}

/// The distinct anchors of a rule set, and who asked for them.
#[derive(Clone, Debug, Default)]
pub struct AnchorSet {
    anchors: Vec<AnchorSpec>,
    users: Vec<Vec<User>>,
    /// For each anchor, the compressed stream whose magic number it is.
    codecs: Vec<Option<Codec>>,
}

impl AnchorSet {
    /// Collects the anchors of all variants in all forms; one that several variants name is kept
    /// once.
    #[must_use]
    pub fn of_rules(rules: &RuleSet) -> Self {
        let named = rules
            .variants
            .iter()
            .enumerate()
            .flat_map(|(variant, rule)| {
                let forms = rule.anchors.iter().flat_map(encode::forms);
                forms.map(move |(anchor, encoding)| (anchor, User { variant, encoding }))
            });
        Self::collect(named)
    }

    /// Builds a set of plain anchors, each with the index of the variant that asked for it.
    #[must_use]
    pub fn new(named: impl IntoIterator<Item = (AnchorSpec, usize)>) -> Self {
        let plain = |variant| User {
            variant,
            encoding: Encoding::Plain,
        };
        Self::collect(
            named
                .into_iter()
                .map(|(anchor, variant)| (anchor, plain(variant))),
        )
    }

    fn collect(named: impl IntoIterator<Item = (AnchorSpec, User)>) -> Self {
        let mut set = Self::default();
        let mut known: HashMap<AnchorSpec, usize> = HashMap::new();
        for (anchor, user) in named {
            let index = *known.entry(anchor.clone()).or_insert_with(|| {
                set.anchors.push(anchor);
                set.users.push(Vec::new());
                set.codecs.push(None);
                set.anchors.len() - 1
            });
            if !set.users[index].contains(&user) {
                set.users[index].push(user);
            }
        }
        set
    }

    /// Adds the magic numbers of compressed streams, for a scan that looks into them.
    #[must_use]
    pub fn with_magics(mut self) -> Self {
        for codec in Codec::ALL {
            let magic = codec.magic();
            let known = self.anchors.iter().position(|anchor| *anchor == magic);
            let index = known.unwrap_or_else(|| {
                self.anchors.push(magic);
                self.users.push(Vec::new());
                self.codecs.push(None);
                self.anchors.len() - 1
            });
            self.codecs[index] = Some(codec);
        }
        self
    }

    /// The compressed stream whose magic number the anchor is.
    #[must_use]
    pub fn codec(&self, anchor: AnchorId) -> Option<Codec> {
        self.codecs.get(anchor.index()).copied().flatten()
    }

    /// The anchors; an anchor's index is its [`AnchorId`].
    #[must_use]
    pub fn anchors(&self) -> &[AnchorSpec] {
        &self.anchors
    }

    /// The rules that an anchor may begin.
    #[must_use]
    pub fn users(&self, anchor: AnchorId) -> &[User] {
        self.users.get(anchor.index()).map_or(&[], Vec::as_slice)
    }
}

/// Why an engine stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// There is nothing to run the engine on.
    #[error("no usable GPU: {0}")]
    Unavailable(String),
    /// The device went away, ran out of memory or did not answer in time.
    #[error("the GPU failed: {0}")]
    Lost(String),
}

/// Where the time of an engine went that works beside its caller. Feeding and reading back keep the
/// caller busy, the kernel does not: so they may add up to twice the time that passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Copying chunks to where the device reads them, and handing them over.
    pub feed: Duration,
    /// Searching.
    pub kernel: Duration,
    /// Whether the device itself timed the kernel; if not, it is the time spent waiting for it.
    pub by_device: bool,
    /// Turning results into hits.
    pub read_back: Duration,
}

/// Finds anchors in chunks. See the contract at the head of this module.
pub trait Engine: Send {
    /// `reference`, `cpu` or `gpu`.
    fn name(&self) -> &'static str;

    /// What the engine runs on: an instruction set or an adapter.
    fn device(&self) -> String;

    /// How many chunks may be in flight at once.
    fn depth(&self) -> usize;

    /// Hands a chunk over. The caller collects before it has more than [`Engine::depth`] in flight.
    ///
    /// # Errors
    /// When the device failed; the chunk is then among those that [`Engine::abandon`] returns.
    fn submit(&mut self, chunk: Chunk) -> Result<(), EngineError>;

    /// Takes back the oldest chunk with its hits, which replace the content of `hits`; `None` when
    /// nothing is in flight. Waits where it must.
    ///
    /// # Errors
    /// When the device failed; the chunk stays in flight until [`Engine::abandon`].
    fn collect(&mut self, hits: &mut Vec<Hit>) -> Result<Option<Chunk>, EngineError>;

    /// Gives back every chunk in flight, oldest first, without hits. The engine is empty after.
    fn abandon(&mut self) -> Vec<Chunk>;

    /// Where the time went since the engine was made; `None` for one that does all its work while
    /// the caller waits, who can then time it from outside.
    fn parts(&self) -> Option<Parts> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_named_twice_is_kept_once_with_both_users() {
        let literal = |text: &str| AnchorSpec::Literal {
            bytes: text.as_bytes().to_vec(),
            nocase: false,
            follow: None,
        };
        let set = AnchorSet::new([
            (literal("ghp_"), 3),
            (literal("npm_"), 4),
            (literal("ghp_"), 5),
        ]);
        assert_eq!(set.anchors().len(), 2);
        let variants =
            |anchor| -> Vec<usize> { set.users(anchor).iter().map(|user| user.variant).collect() };
        assert_eq!(variants(AnchorId(0)), [3, 5]);
        assert!(variants(AnchorId(9)).is_empty());
    }

    #[test]
    fn a_magic_number_that_a_rule_names_too_is_both() {
        let set = AnchorSet::new([(Codec::Zip.magic(), 3)]).with_magics();
        assert_eq!(set.anchors().len(), Codec::ALL.len());
        assert_eq!(set.codec(AnchorId(0)), Some(Codec::Zip));
        assert_eq!(set.users(AnchorId(0)).len(), 1);
        let others = (1..set.anchors().len()).map(|index| AnchorId(index as u32));
        assert!(
            others
                .into_iter()
                .all(|anchor| set.users(anchor).is_empty())
        );
    }
}
