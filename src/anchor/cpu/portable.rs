//! The tier of plain integer code.

use super::lookup::Lookup;
use super::membership::Membership;
use super::survivors::Survivors;
use super::tile::{Piece, STEP};
use crate::anchor::table::{BLOCK, FOLD, WINDOW};

/// Lists the positions at which a window may lie, of every `STRIDE`th one. Without vectors a byte
/// filter would cost more than the look-up it saves.
#[inline(always)]
pub(super) fn pass<const WORDS: usize, const STRIDE: usize>(
    windows: &Lookup<WORDS>,
    piece: Piece<'_>,
    survivors: &mut Survivors,
) {
    let mut at = 0;
    while let Some(step) = piece.step(at) {
        let mut mask = 0;
        for start in (0..STEP).step_by(WINDOW) {
            // Eight bytes hold four windows and the first byte of a fifth.
            let Some(bytes) = step[start..].first_chunk() else {
                break;
            };
            let bytes = u64::from_le_bytes(*bytes) | FOLDS;
            for place in (0..WINDOW).step_by(STRIDE) {
                let word = (bytes >> (8 * place)) as u32;
                mask |= u64::from(windows.may_begin(word)) << (start + place);
            }
        }
        if piece.count - at < STEP {
            mask &= (1 << (piece.count - at)) - 1;
        }
        survivors.mark(mask, piece.first + at);
        at += STEP;
    }
    survivors.list_marks();
}

/// Folds eight bytes at once.
const FOLDS: u64 = (FOLD as u64) << 32 | FOLD as u64;

/// Lists 16-byte blocks that lie wholly in the class, one or more of each run.
pub(super) fn full_blocks(class: &Membership, piece: Piece<'_>, survivors: &mut Survivors) {
    let blocks = piece.bytes.chunks_exact(BLOCK);
    let blocks = blocks.zip((0..piece.count).step_by(BLOCK));
    for (block, index) in blocks.step_by(if class.every_other { 2 } else { 1 }) {
        // The last byte first: in almost every block it settles the matter.
        let keep = block.iter().rev().all(|byte| class.has(*byte));
        survivors.push_if((piece.first + index) as u16, keep);
    }
}
