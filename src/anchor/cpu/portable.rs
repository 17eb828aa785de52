//! The tier of plain integer code.

use super::lookup::{Lookup, word_in};
use super::membership::Membership;
use super::survivors::Survivors;
use super::tile::Piece;
use crate::anchor::table::BLOCK;

/// Lists the positions at which a window may lie. Without vectors a byte filter would cost more
/// than the look-up it saves.
pub(super) fn pass<const WORDS: usize>(
    windows: &Lookup<WORDS>,
    piece: Piece<'_>,
    survivors: &mut Survivors,
) {
    for index in 0..piece.count {
        let keep = windows.may_begin(word_in(piece.bytes, index));
        survivors.push_if((piece.first + index) as u16, keep);
    }
}

/// Lists the 16-byte blocks that lie wholly in the class.
pub(super) fn full_blocks(class: &Membership, piece: Piece<'_>, survivors: &mut Survivors) {
    let blocks = piece.bytes.chunks_exact(BLOCK);
    for (block, index) in blocks.zip((0..piece.count).step_by(BLOCK)) {
        // The last byte first: in almost every block it settles the matter.
        let keep = block.iter().rev().all(|byte| class.has(*byte));
        survivors.push_if((piece.first + index) as u16, keep);
    }
}
