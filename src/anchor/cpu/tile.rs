//! A stretch of the window that every pass goes over before the next stretch is touched.

use std::ops::Range;

/// Bytes in a tile: few enough to stay in the first-level cache together with the tables while
/// several passes go over them, and to be counted in 16 bits.
pub(super) const TILE: usize = 1 << 14;
/// Bytes past the positions of a step that a tier may read: the rest of the last window, and one
/// more so that integer code can read eight at a time.
pub(super) const LOOK_AHEAD: usize = 4;
/// Positions that a vector tier treats in one step.
pub(super) const STEP: usize = 64;

/// A stretch of the window of a chunk.
pub(super) struct Tile<'a> {
    pub(super) haystack: &'a [u8],
    /// What the chunk answers for.
    pub(super) body: &'a Range<usize>,
    /// The stretch.
    pub(super) range: Range<usize>,
}

/// A part of a tile whose bytes go on past its positions as far as a vector step may read.
#[derive(Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) bytes: &'a [u8],
    /// Positions to look at, from the first byte on.
    pub(super) count: usize,
    /// Where the piece begins in its tile.
    pub(super) first: usize,
}

impl<'a> Piece<'a> {
    /// The bytes of the step at a position; `None` once all positions were looked at.
    #[inline(always)]
    pub(super) fn step(&self, at: usize) -> Option<&'a [u8; STEP + LOOK_AHEAD]> {
        if at >= self.count {
            return None;
        }
        self.bytes.get(at..)?.first_chunk()
    }
}

impl Tile<'_> {
    /// Hands out the tile as one piece, or, where the window ends too soon after it for whole
    /// steps, as a piece of whole steps and one that is continued with zeros.
    #[inline(always)]
    pub(super) fn pieces(&self, mut scan: impl FnMut(Piece<'_>)) {
        let count = self.range.len();
        let bytes = &self.haystack[self.range.start..];
        if count.next_multiple_of(STEP) + LOOK_AHEAD <= bytes.len() {
            scan(Piece {
                bytes,
                count,
                first: 0,
            });
            return;
        }
        let first = bytes.len().saturating_sub(LOOK_AHEAD) / STEP * STEP;
        scan(Piece {
            bytes,
            count: first,
            first: 0,
        });
        let rest = &bytes[first..];
        let mut padded = [0; 3 * STEP];
        padded[..rest.len()].copy_from_slice(rest);
        scan(Piece {
            bytes: &padded,
            count: count - first,
            first,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_tile_a_tile_and_every_step_finds_the_bytes_it_reads() {
        for len in 1..300_usize {
            let haystack: Vec<u8> = (0..len).map(|index| index as u8 | 1).collect();
            for start in (0..len).step_by(16) {
                for end in start + 1..=len {
                    let tile = Tile {
                        haystack: &haystack,
                        body: &(0..len),
                        range: start..end,
                    };
                    let mut next = 0;
                    tile.pieces(|piece| {
                        assert_eq!(piece.first, next);
                        next += piece.count;
                        let needed = piece.count.next_multiple_of(STEP);
                        assert!(piece.count == 0 || piece.bytes.len() >= needed + LOOK_AHEAD);
                        for index in 0..piece.count {
                            assert_eq!(piece.bytes[index], haystack[start + piece.first + index]);
                        }
                    });
                    assert_eq!(next, end - start);
                }
            }
        }
    }
}
