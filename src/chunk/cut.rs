//! Cuts extents into chunks.

use std::ops::Range;
use std::sync::Arc;

use super::{Beyond, Bytes, Chunk, Origin};
use crate::unit::ImageOffset;

/// How chunks are cut: all in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Length of a body; the last one of an extent may be shorter.
    pub body: u64,
    /// Margin before the body.
    pub before: u64,
    /// Margin after the body.
    pub after: u64,
}

/// A chunk's place: absolute positions of its body and its window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What the chunk answers for.
    pub body: Range<u64>,
    /// What it may look at.
    pub window: Range<u64>,
}

impl Piece {
    /// The chunk at this place of bytes that lie in memory as a whole and begin at `first`.
    #[must_use]
    pub fn of(&self, origin: &Arc<Origin>, whole: &Bytes, first: u64) -> Chunk {
        let index = |at: u64| (at - first) as usize;
        let window = index(self.window.start)..index(self.window.end);
        Chunk {
            sequence: 0,
            origin: Arc::clone(origin),
            at: ImageOffset(self.window.start),
            body: index(self.body.start) - window.start..index(self.body.end) - window.start,
            window: whole.slice(window),
            beyond: Beyond::Nothing,
        }
    }
}

impl Cut {
    /// The pieces of one extent, in order. `wanted` limits the bodies (`--range`), not the
    /// margins: a secret that begins inside the range is still read to its end.
    pub fn pieces(self, extent: Range<u64>, wanted: Range<u64>) -> impl Iterator<Item = Piece> {
        self.pieces_of_run(extent.start, move |to| to.min(extent.end), wanted)
    }

    /// The pieces of a run that begins at `start` and whose end is not known yet: `reach` tells
    /// how far it goes, at most up to the position it is given. So a run of a million extents is
    /// cut without looking at all of them first, and no window ends where two of them meet.
    pub fn pieces_of_run(
        self,
        start: u64,
        mut reach: impl FnMut(u64) -> u64,
        wanted: Range<u64>,
    ) -> impl Iterator<Item = Piece> {
        let step = self.body.max(1);
        let mut next = start.max(wanted.start);
        std::iter::from_fn(move || {
            if next >= wanted.end {
                return None;
            }
            // Cut at multiples of the body length, so that a range changes only the first piece.
            let stop = (next / step)
                .saturating_add(1)
                .saturating_mul(step)
                .min(wanted.end);
            let window_end = reach(stop.saturating_add(self.after));
            let body = next..stop.min(window_end);
            if body.is_empty() {
                return None;
            }
            next = body.end;
            let window_start = body.start.saturating_sub(self.before).max(start);
            let after = body.end.saturating_add(self.after);
            Some(Piece {
                window: window_start..after.min(window_end),
                body,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_tile_the_extent_and_margins_stop_at_its_ends() {
        let cut = Cut {
            body: 100,
            before: 10,
            after: 20,
        };
        let pieces: Vec<Piece> = cut.pieces(50..330, 0..u64::MAX).collect();
        let bodies: Vec<_> = pieces.iter().map(|piece| piece.body.clone()).collect();
        assert_eq!(bodies, [50..100, 100..200, 200..300, 300..330]);
        let windows: Vec<_> = pieces.iter().map(|piece| piece.window.clone()).collect();
        assert_eq!(windows, [50..120, 90..220, 190..320, 290..330]);
    }

    #[test]
    fn a_wanted_range_limits_bodies_but_not_margins() {
        let cut = Cut {
            body: 100,
            before: 10,
            after: 20,
        };
        let pieces: Vec<Piece> = cut.pieces(0..1000, 150..160).collect();
        assert_eq!(
            pieces,
            [Piece {
                body: 150..160,
                window: 140..180
            }]
        );
        assert_eq!(cut.pieces(0..1000, 2000..3000).count(), 0);
    }
}
