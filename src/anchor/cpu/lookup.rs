//! Windows by their bytes: the step between a filter's guess and a hit.
//!
//! The same scheme as [`Table`](crate::anchor::table::Table) (fold, hash, one bit, a slot of
//! entries), but a literal may have several windows here, and an entry holds what is needed to
//! refuse almost every wrong guess without touching the literal.

use super::tile::Tile;
use crate::anchor::Hit;
use crate::anchor::table::{FOLD, HASH, Literal, WINDOW, word_at};
use crate::unit::ChunkOffset;

/// Four consecutive bytes of a literal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// Index of the literal.
    pub(super) literal: u32,
    /// Where the window begins in the literal.
    pub(super) offset: u32,
}

struct Entry {
    word: u32,
    window: Window,
}

/// A literal's first 16 bytes for comparison in one piece: `(there | fold) & mask == bytes`.
struct Shape {
    bytes: u128,
    mask: u128,
    fold: u128,
}

/// Windows, findable by their folded bytes. `WORDS` is the size of the bit table in 32-bit words,
/// a power of two.
pub(super) struct Lookup<const WORDS: usize> {
    bits: Box<[u32; WORDS]>,
    heads: Vec<u32>,
    slot_shift: u32,
    entries: Vec<Entry>,
    shapes: Vec<Shape>,
}

impl<const WORDS: usize> Lookup<WORDS> {
    const SHIFT: u32 = 32 - WORDS.trailing_zeros();

    pub(super) fn new(literals: &[Literal], windows: &[Window]) -> Self {
        let mut entries = Vec::new();
        for window in windows {
            let literal = &literals[window.literal as usize];
            let words = literal.words(window.offset as usize);
            entries.extend(words.into_iter().map(|word| Entry {
                word,
                window: *window,
            }));
        }
        // About one slot an entry; more would only cost cache.
        let slots = entries.len().next_power_of_two().clamp(2, 1 << 20);
        let slot_shift = 32 - slots.trailing_zeros();
        let slot = |entry: &Entry| (entry.word.wrapping_mul(HASH) >> slot_shift) as usize;
        entries.sort_by_key(slot);
        let mut bits = Box::new([0; WORDS]);
        let mut heads = vec![0_u32; slots + 1];
        for entry in &entries {
            bits[Self::index(entry.word)] |= 1 << (entry.word & 31);
            heads[slot(entry) + 1] += 1;
        }
        for index in 0..slots {
            heads[index + 1] += heads[index];
        }
        Self {
            bits,
            heads,
            slot_shift,
            entries,
            shapes: literals.iter().map(Shape::new).collect(),
        }
    }

    #[inline(always)]
    fn index(word: u32) -> usize {
        (word.wrapping_mul(HASH) >> Self::SHIFT) as usize
    }

    /// Whether a window with these folded bytes may exist.
    #[inline(always)]
    pub(super) fn may_begin(&self, word: u32) -> bool {
        (self.bits[Self::index(word)] >> (word & 31)) & 1 == 1
    }

    /// Appends the literals of which a window lies at a position of the tile and which begin inside
    /// the body.
    #[inline]
    pub(super) fn verify(
        &self,
        literals: &[Literal],
        tile: &Tile<'_>,
        position: usize,
        hits: &mut Vec<Hit>,
    ) {
        let haystack = tile.haystack;
        let position = tile.range.start + position;
        let word = word_at(haystack, position);
        let slot = (word.wrapping_mul(HASH) >> self.slot_shift) as usize;
        let range = self.heads[slot] as usize..self.heads[slot + 1] as usize;
        for entry in &self.entries[range] {
            if entry.word != word {
                continue;
            }
            let Some(start) = position.checked_sub(entry.window.offset as usize) else {
                continue;
            };
            let index = entry.window.literal as usize;
            let literal = &literals[index];
            if tile.body.contains(&start)
                && self.shapes[index].may_be_at(haystack, start)
                && literal.is_at(haystack, start)
            {
                hits.push(Hit {
                    at: ChunkOffset(start as u32),
                    anchor: literal.anchor,
                });
            }
        }
    }
}

impl Shape {
    fn new(literal: &Literal) -> Self {
        let (mut bytes, mut mask, mut fold) = ([0; 16], [0; 16], [0; 16]);
        for (index, byte) in literal.bytes.iter().take(16).enumerate() {
            bytes[index] = *byte;
            mask[index] = 0xFF;
            fold[index] = if literal.nocase && byte.is_ascii_alphabetic() {
                0x20
            } else {
                0
            };
        }
        Self {
            bytes: u128::from_le_bytes(bytes),
            mask: u128::from_le_bytes(mask),
            fold: u128::from_le_bytes(fold),
        }
    }

    /// Compares in one piece; true where the haystack ends too soon for that.
    #[inline]
    fn may_be_at(&self, haystack: &[u8], start: usize) -> bool {
        let there = haystack.get(start..).and_then(<[u8]>::first_chunk);
        there
            .is_none_or(|there| (u128::from_le_bytes(*there) | self.fold) & self.mask == self.bytes)
    }
}

/// The folded word at a position inside a tile, fast where four bytes are left.
#[inline(always)]
pub(super) fn word_in(tile: &[u8], position: usize) -> u32 {
    match tile.get(position..).and_then(<[u8]>::first_chunk::<WINDOW>) {
        Some(bytes) => u32::from_le_bytes(*bytes) | FOLD,
        None => word_at(tile, position),
    }
}
