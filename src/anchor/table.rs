//! The compiled form of an anchor set, shared byte for byte by all engines.
//!
//! Of each literal one four-byte **window** is chosen, the one made of the rarest bytes. At every
//! position an engine folds the four bytes there (`| 0x20202020`, which also makes letters one
//! case), hashes them and looks at one bit of [`Table::bitmap`]. Almost every position fails that
//! test. The survivors look up the literals with that window in [`Table::entries`] and are compared
//! whole, with the case rule of each literal. Folding only ever adds survivors, never loses one.
//!
//! ```text
//!   word  = four bytes, little-endian, | 0x20202020
//!   hash  = word * 0x9E3779B1
//!   bit   = bitmap[hash >> (32 - 11)] >> (word & 31) & 1
//!   slot  = hash >> (32 - 13);   literals = entries[heads[slot] .. heads[slot + 1]]
//! ```
//!
//! A three-byte literal has a window of three bytes and whatever byte follows it: its bits are set
//! for every byte of its `follow` class, or for all.
//!
//! Runs have no window. Any run of at least 31 bytes covers a whole 16-byte block wherever it
//! lies, so engines test blocks, and [`Table::run_starts`] extends a block to the run around it.

use std::ops::Range;

use super::{AnchorId, AnchorSet, Hit};
use crate::rule::AnchorSpec;
use crate::unit::{ByteClass, ChunkOffset};

/// Makes letters one case in all four bytes of a word.
pub const FOLD: u32 = 0x2020_2020;
/// Multiplier of the window hash (2^32 divided by the golden ratio).
pub const HASH: u32 = 0x9E37_79B1;
/// log2 of the words of [`Table::bitmap`]: 8 KiB, which leaves a GPU its occupancy and stays in
/// a CPU's first-level cache.
pub const BITMAP_LOG2: u32 = 11;
/// log2 of the slots of [`Table::heads`].
pub const SLOTS_LOG2: u32 = 13;
/// Bytes in a window.
pub const WINDOW: usize = 4;
/// Bytes in a block that is tested for a run.
pub const BLOCK: usize = 16;

/// A literal anchor.
#[derive(Clone, Debug)]
pub struct Literal {
    /// Which anchor of the set.
    pub anchor: AnchorId,
    /// The bytes as they must occur; lower-case letters where `nocase`.
    pub bytes: Vec<u8>,
    /// ASCII letters match in either case.
    pub nocase: bool,
    /// Class of the byte after the literal, if it matters.
    pub follow: Option<ByteClass>,
    /// Where the window begins in `bytes`.
    pub window: usize,
}

impl Literal {
    /// Whether the literal lies at `start`: all its bytes, in its case rule, with a fitting byte
    /// after it.
    #[inline]
    #[must_use]
    pub fn is_at(&self, haystack: &[u8], start: usize) -> bool {
        let Some(there) = haystack
            .get(start..)
            .and_then(|rest| rest.get(..self.bytes.len()))
        else {
            return false;
        };
        let same = if self.nocase {
            there.eq_ignore_ascii_case(&self.bytes)
        } else {
            there == self.bytes
        };
        same && self.follow.is_none_or(|class| {
            haystack
                .get(start + self.bytes.len())
                .is_some_and(|byte| class.has(*byte))
        })
    }
}

impl Literal {
    /// The bytes that can stand at each place of the window at `offset`. The fourth place of a
    /// three-byte literal is whatever may follow it.
    pub(super) fn places(&self, offset: usize) -> [Vec<u8>; WINDOW] {
        std::array::from_fn(|place| match self.bytes.get(offset + place) {
            Some(byte) if self.nocase && byte.is_ascii_alphabetic() => {
                vec![byte.to_ascii_uppercase(), byte.to_ascii_lowercase()]
            }
            Some(byte) => vec![*byte],
            None => (0..=u8::MAX)
                .filter(|byte| self.follow.is_none_or(|class| class.has(*byte)))
                .collect(),
        })
    }

    /// Every folded word that the window at `offset` can show, ascending.
    pub(super) fn words(&self, offset: usize) -> Vec<u32> {
        let mut word = FOLD;
        for place in 0..WINDOW {
            let Some(byte) = self.bytes.get(offset + place) else {
                let mut words: Vec<u32> = self.places(offset)[place]
                    .iter()
                    .map(|byte| word | u32::from(*byte) << (8 * place))
                    .collect();
                words.sort_unstable();
                words.dedup();
                return words;
            };
            // Folded, a letter is the same in either case.
            word |= u32::from(*byte) << (8 * place);
        }
        vec![word]
    }
}

/// A class-run anchor: a maximal run of at least `min` and at most `max` bytes of `class`.
#[derive(Clone, Debug)]
pub struct Run {
    /// Which anchor of the set.
    pub anchor: AnchorId,
    /// The bytes of the run.
    pub class: ByteClass,
    /// Shortest run, in bytes.
    pub min: usize,
    /// Longest run, in bytes.
    pub max: usize,
}

impl Run {
    /// The stretch of the class around a block that lies wholly in it, looking back no further
    /// than `floor` and on no further than one byte beyond the longest run that counts: that is
    /// enough to know that a run is longer.
    pub(super) fn around(&self, haystack: &[u8], floor: usize, block: usize) -> Range<usize> {
        let lead = haystack[floor..block].iter().rev();
        let start = block - lead.take_while(|byte| self.class.has(**byte)).count();
        let seen = haystack[block..].iter().take(self.max + 1 + block - start);
        start..block + seen.take_while(|byte| self.class.has(**byte)).count()
    }

    /// The hit of a maximal stretch of the class, if it begins in the body and its length counts.
    pub(super) fn hit(&self, stretch: &Range<usize>, body: &Range<usize>) -> Option<Hit> {
        let counts =
            body.contains(&stretch.start) && (self.min..=self.max).contains(&stretch.len());
        counts.then_some(Hit {
            at: ChunkOffset(stretch.start as u32),
            anchor: self.anchor,
        })
    }
}

/// A compiled anchor set.
#[derive(Clone, Debug)]
pub struct Table {
    /// The literals, in anchor order.
    pub literals: Vec<Literal>,
    /// The runs, in anchor order.
    pub runs: Vec<Run>,
    /// One bit per (hash, low bits) of a window; see the head of this module.
    pub bitmap: Vec<u32>,
    /// `heads[slot]..heads[slot + 1]` are the entries of a slot.
    pub heads: Vec<u32>,
    /// Indices into [`Table::literals`].
    pub entries: Vec<u32>,
    /// Longest anchor in bytes, a `follow` byte included: what an engine must see after a body.
    pub longest: usize,
}

impl Table {
    /// Compiles a set.
    #[must_use]
    pub fn compile(set: &AnchorSet) -> Self {
        let mut literals = Vec::new();
        let mut runs = Vec::new();
        for (index, spec) in set.anchors().iter().enumerate() {
            // A set holds far fewer than 2^32 anchors: each is several bytes of a rule file.
            let anchor = AnchorId(index as u32);
            match spec {
                AnchorSpec::Literal {
                    bytes,
                    nocase,
                    follow,
                } => {
                    let bytes = if *nocase {
                        bytes.to_ascii_lowercase()
                    } else {
                        bytes.clone()
                    };
                    let window = rarest_window(&bytes);
                    literals.push(Literal {
                        anchor,
                        bytes,
                        nocase: *nocase,
                        follow: *follow,
                        window,
                    });
                }
                AnchorSpec::Run { class, min, max } => runs.push(Run {
                    anchor,
                    class: *class,
                    min: *min as usize,
                    max: *max as usize,
                }),
            }
        }
        let longest = literals
            .iter()
            .map(|literal| literal.bytes.len() + usize::from(literal.follow.is_some()))
            .chain(runs.iter().map(|run| run.max + 1))
            .max()
            .unwrap_or(0);
        let mut bitmap = vec![0; 1 << BITMAP_LOG2];
        let mut slots = vec![Vec::new(); 1 << SLOTS_LOG2];
        for (index, literal) in literals.iter().enumerate() {
            for word in literal.words(literal.window) {
                bitmap[bitmap_index(word)] |= 1 << (word & 31);
                let slot: &mut Vec<u32> = &mut slots[slot_index(word)];
                if slot.last() != Some(&(index as u32)) {
                    slot.push(index as u32);
                }
            }
        }
        let mut heads = Vec::with_capacity(slots.len() + 1);
        let mut entries = Vec::new();
        for slot in slots {
            heads.push(entries.len() as u32);
            entries.extend(slot);
        }
        heads.push(entries.len() as u32);
        Self {
            literals,
            runs,
            bitmap,
            heads,
            entries,
            longest,
        }
    }

    /// Whether a window with these folded bytes may exist: the first test of every engine.
    #[inline]
    #[must_use]
    pub fn may_begin(&self, word: u32) -> bool {
        self.bitmap[bitmap_index(word)] >> (word & 31) & 1 == 1
    }

    /// Appends the literals whose window lies at `position` and which begin inside `body`. The
    /// order of what is appended is not defined: callers sort once per chunk.
    #[inline]
    pub fn verify(
        &self,
        haystack: &[u8],
        position: usize,
        body: &Range<usize>,
        hits: &mut Vec<Hit>,
    ) {
        let slot = slot_index(word_at(haystack, position));
        let range = self.heads[slot] as usize..self.heads[slot + 1] as usize;
        for &index in &self.entries[range] {
            let literal = &self.literals[index as usize];
            let Some(start) = position.checked_sub(literal.window) else {
                continue;
            };
            if body.contains(&start) && literal.is_at(haystack, start) {
                hits.push(Hit {
                    at: ChunkOffset(start as u32),
                    anchor: literal.anchor,
                });
            }
        }
    }

    /// Appends the maximal runs that begin inside `body`, given the first bytes of 16-byte blocks
    /// that lie wholly inside runs of class `run`, in ascending order. Blocks may be given for all
    /// of a run or only for some, as long as every run that begins in the body and is long enough
    /// has one.
    pub fn run_starts(
        run: &Run,
        haystack: &[u8],
        body: &Range<usize>,
        blocks: impl IntoIterator<Item = usize>,
        hits: &mut Vec<Hit>,
    ) {
        let mut covered = 0;
        for block in blocks {
            if block < covered {
                continue;
            }
            let Range { start, end } = run.around(haystack, covered, block);
            covered = end;
            hits.extend(run.hit(&(start..end), body));
            if end - start > run.max {
                // Skip the rest of an over-long run, or its tail would look like one of its own.
                let rest = haystack[end..]
                    .iter()
                    .take_while(|byte| run.class.has(**byte));
                covered = end + rest.count();
            }
        }
    }

    /// The positions at which an engine must look for windows so that every literal beginning in
    /// the body is seen.
    #[must_use]
    pub fn window_positions(&self, haystack_len: usize, body: &Range<usize>) -> Range<usize> {
        let reach = self
            .literals
            .iter()
            .map(|literal| literal.window)
            .max()
            .unwrap_or(0);
        body.start..(body.end + reach).min(haystack_len)
    }
}

/// The four bytes at a position as a folded little-endian word; bytes past the end count as zero.
#[inline]
#[must_use]
pub fn word_at(haystack: &[u8], position: usize) -> u32 {
    let mut bytes = [0; WINDOW];
    let rest = haystack.get(position..).unwrap_or(&[]);
    let len = rest.len().min(WINDOW);
    bytes[..len].copy_from_slice(&rest[..len]);
    u32::from_le_bytes(bytes) | FOLD
}

/// The bitmap word of a folded window.
#[inline]
#[must_use]
pub fn bitmap_index(word: u32) -> usize {
    (word.wrapping_mul(HASH) >> (32 - BITMAP_LOG2)) as usize
}

/// The slot of a folded window.
#[inline]
#[must_use]
pub fn slot_index(word: u32) -> usize {
    (word.wrapping_mul(HASH) >> (32 - SLOTS_LOG2)) as usize
}

/// How rare bytes are together, taken as independent and in any case: -8 * log2 of their share.
#[must_use]
pub(crate) fn rarity(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .map(|byte| u32::from(RARITY[usize::from(byte | 0x20)]))
        .sum()
}

/// Where the rarest four bytes begin; the first of equals, and 0 for a three-byte literal.
pub(super) fn rarest_window(bytes: &[u8]) -> usize {
    let mut best = (0, 0);
    for (start, window) in bytes.windows(WINDOW).enumerate() {
        let value = rarity(window);
        if value > best.1 {
            best = (start, value);
        }
    }
    best.0
}

/// Rarity of each folded byte, -8 * log2 of its share, the commoner of two corpora counting:
/// 60 MiB of programs and 60 MiB of text from /usr of a Debian 12 machine.
#[rustfmt::skip]
const RARITY: [u8; 256] = [
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    15, 49, 50, 58, 50, 57, 62, 57, 52, 53, 41, 65, 49, 60, 53, 53,
    52, 57, 60, 65, 62, 64, 66, 66, 60, 64, 54, 67, 62, 62, 60, 64,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    62, 37, 53, 42, 44, 30, 48, 50, 44, 37, 64, 61, 42, 47, 37, 37,
    44, 69, 37, 36, 34, 45, 58, 61, 59, 56, 62, 64, 63, 64, 71, 47,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    61, 68, 70, 61, 61, 63, 70, 70, 66, 53, 72, 56, 69, 61, 73, 71,
    64, 70, 71, 71, 69, 70, 70, 70, 66, 71, 69, 70, 70, 71, 69, 70,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    59, 66, 69, 64, 68, 70, 69, 67, 59, 66, 71, 70, 71, 72, 69, 68,
    56, 63, 68, 67, 70, 72, 70, 67, 63, 70, 64, 70, 68, 69, 66, 47,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str, nocase: bool, follow: Option<&str>) -> AnchorSpec {
        AnchorSpec::Literal {
            bytes: text.as_bytes().to_vec(),
            nocase,
            follow: follow.map(|class| ByteClass::parse(class).unwrap()),
        }
    }

    fn table(specs: &[AnchorSpec]) -> Table {
        Table::compile(&AnchorSet::new(specs.iter().cloned().map(|spec| (spec, 0))))
    }

    #[test]
    fn a_window_in_any_case_survives_and_is_compared_in_its_own() {
        let table = table(&[
            literal("AccountKey", true, None),
            literal("AKIA", false, None),
        ]);
        for (text, expected) in [("accountKEY", 1), ("akia", 0), ("AKIA", 1)] {
            let bytes = text.as_bytes();
            let body = 0..bytes.len();
            let mut hits = Vec::new();
            for position in table.window_positions(bytes.len(), &body) {
                if table.may_begin(word_at(bytes, position)) {
                    table.verify(bytes, position, &body, &mut hits);
                }
            }
            assert_eq!(hits.len(), expected, "{text}");
        }
    }

    #[test]
    fn a_three_byte_literal_needs_its_follower_if_it_names_one() {
        let table = table(&[
            literal("8Q~", false, Some("a-z")),
            literal("7Q~", false, None),
        ]);
        let is_at = |index: usize, text: &str| table.literals[index].is_at(text.as_bytes(), 0);
        assert!(is_at(0, "8Q~x") && !is_at(0, "8Q~ ") && !is_at(0, "8Q~") && is_at(1, "7Q~"));
        assert!(
            table.may_begin(word_at(b"7Q~", 0)),
            "zero padding after the last byte counts"
        );
    }

    #[test]
    fn runs_are_maximal_and_over_long_ones_leave_no_tail() {
        let spec = AnchorSpec::Run {
            class: ByteClass::parse("a-z").unwrap(),
            min: 31,
            max: 40,
        };
        let table = table(&[spec]);
        let run = &table.runs[0];
        for (len, expected) in [(30, 0), (31, 1), (40, 1), (41, 0), (500, 0)] {
            let text = format!("..{}..", "a".repeat(len));
            let blocks: Vec<usize> = (0..text.len() / BLOCK)
                .map(|block| block * BLOCK)
                .filter(|at| {
                    text.as_bytes()[*at..*at + BLOCK]
                        .iter()
                        .all(|b| run.class.has(*b))
                })
                .collect();
            let mut hits = Vec::new();
            Table::run_starts(run, text.as_bytes(), &(0..text.len()), blocks, &mut hits);
            assert_eq!(hits.len(), expected, "{len}");
            assert!(hits.iter().all(|hit| hit.at.index() == 2));
        }
    }
}
