//! Long literals, looked for at every fourth position only.
//!
//! A literal of seven bytes or more has a whole window of four at some multiple of four, wherever
//! it begins: one of each remainder is enough to see all of its beginnings, each exactly once. The
//! forms of encoded text make most anchors long, and a byte filter for thousands of windows lets
//! too much through; looked up by hash at every fourth position they cost the same whatever the
//! data.

use super::REACH;
use super::lookup::{Lookup, Window, word_in};
use super::survivors::Survivors;
use super::tile::{Piece, Tile};
use crate::anchor::Hit;
use crate::anchor::table::{Literal, WINDOW, rarity};

/// Distance of the positions that are looked at.
pub(super) const STRIDE: usize = 4;

/// Words of the first bit table: 32 KiB, as much as the first-level cache of most machines. What
/// passes it by chance is a fifteenth with 17,000 windows.
pub(super) const FIRST: usize = 8192;
/// Words of the second one, which is asked about what passed the first.
const SECOND: usize = 16384;
/// Another odd multiplier than that of the first table, so that chance is independent.
const HASH: u32 = 0x85EB_CA6B;

/// What is looked for at every fourth position.
pub(super) struct Sampled {
    windows: Lookup<FIRST>,
    second: Box<[u32; SECOND]>,
}

impl Sampled {
    /// Whether a literal can be looked for like this.
    pub(super) fn takes(literal: &Literal) -> bool {
        literal.bytes.len() >= WINDOW + STRIDE - 1
    }

    /// For the literals of these indices; none if there are none.
    pub(super) fn new(literals: &[Literal], indices: &[u32]) -> Option<Self> {
        let mut windows = Vec::new();
        for index in indices {
            let bytes = &literals[*index as usize].bytes;
            // A tile goes on for so many positions past the body.
            let end = (bytes.len() + 1).saturating_sub(WINDOW).min(REACH);
            windows.extend((0..STRIDE).filter_map(|remainder| {
                let offsets = (remainder..end).step_by(STRIDE);
                let rarest = offsets.max_by_key(|offset| rarity(&bytes[*offset..offset + WINDOW]));
                rarest.map(|offset| Window {
                    literal: *index,
                    offset: offset as u32,
                })
            }));
        }
        if windows.is_empty() {
            return None;
        }
        let mut second = Box::new([0; SECOND]);
        for window in &windows {
            for word in literals[window.literal as usize].words(window.offset as usize) {
                second[index(word)] |= bit(word);
            }
        }
        Some(Self {
            windows: Lookup::new(literals, &windows),
            second,
        })
    }

    /// Appends the literals that begin in the body and have a window in the tile.
    #[inline]
    pub(super) fn literals(
        &self,
        literals: &[Literal],
        tile: &Tile<'_>,
        pass: impl Fn(&Lookup<FIRST>, Piece<'_>, &mut Survivors),
        survivors: &mut Survivors,
        hits: &mut Vec<Hit>,
    ) {
        survivors.clear();
        tile.pieces(|piece| pass(&self.windows, piece, survivors));
        let bytes = &tile.haystack[tile.range.start..];
        survivors.retain(|position| {
            let word = word_in(bytes, usize::from(position));
            self.second[index(word)] & bit(word) != 0
        });
        for position in survivors.as_slice() {
            self.windows
                .verify(literals, tile, usize::from(*position), hits);
        }
    }
}

#[inline(always)]
fn index(word: u32) -> usize {
    (word.wrapping_mul(HASH) >> (32 - SECOND.trailing_zeros())) as usize
}

/// The upper bits of the product tell the place, bits below them the bit.
#[inline(always)]
fn bit(word: u32) -> u32 {
    1 << (word.wrapping_mul(HASH) >> 8 & 31)
}
