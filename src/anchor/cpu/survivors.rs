//! The positions of one tile that a filter could not rule out.

use super::tile::{STEP, TILE};

/// Twice a tile, so that a vector store of up to 32 positions may spill past the last one, and a
/// power of two, so that a mask replaces the bounds check.
const CAPACITY: usize = 2 * TILE;
/// Steps in a tile; a power of two as well.
const STEPS: usize = TILE / STEP;

/// Positions relative to the first byte of a tile, in ascending order.
///
/// A filter first marks the steps in which anything survived and lists their positions in a
/// second loop. Both loops are free of branches that depend on the data; where one step in ten has
/// a survivor, a branch for it would be mispredicted so often that it costs more than the filter.
pub(super) struct Survivors {
    positions: Box<[u16; CAPACITY]>,
    len: usize,
    marks: [Mark; STEPS],
    marked: usize,
}

/// The survivors of one step.
#[derive(Clone, Copy, Default)]
pub(super) struct Mark {
    /// A bit for each position.
    pub(super) mask: u64,
    /// The first position.
    pub(super) first: u16,
}

impl Survivors {
    pub(super) fn new() -> Self {
        Self {
            positions: Box::new([0; CAPACITY]),
            len: 0,
            marks: [Mark::default(); STEPS],
            marked: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    pub(super) fn as_slice(&self) -> &[u16] {
        &self.positions[..self.len]
    }

    /// Appends a position if `keep`, without a branch.
    #[inline(always)]
    pub(super) fn push_if(&mut self, position: u16, keep: bool) {
        self.positions[self.len % CAPACITY] = position;
        self.len = self.len.wrapping_add(usize::from(keep));
    }

    /// Appends by storing a whole vector: `store` writes any number of the 32 positions it is
    /// given and says how many of them count.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(super) fn append(&mut self, store: impl FnOnce(&mut [u16; 32]) -> usize) {
        if let Some(room) = self.positions[self.len..].first_chunk_mut() {
            self.len += store(room);
        }
    }

    /// Remembers a step if anything survived in it, without a branch.
    #[inline(always)]
    pub(super) fn mark(&mut self, mask: u64, first: usize) {
        self.marks[self.marked % STEPS] = Mark {
            mask,
            first: first as u16,
        };
        self.marked = self.marked.wrapping_add(usize::from(mask != 0));
    }

    /// Forgets the marks and says how many there were; [`Self::marked`] still reads them.
    pub(super) fn take_marks(&mut self) -> usize {
        std::mem::take(&mut self.marked).min(STEPS)
    }

    /// A mark.
    #[inline(always)]
    pub(super) fn marked(&self, index: usize) -> Mark {
        self.marks[index % STEPS]
    }

    /// Lists the positions of the marks.
    #[inline(always)]
    pub(super) fn list_marks(&mut self) {
        for index in 0..self.take_marks() {
            let Mark { mask, first } = self.marked(index);
            let len = mask.count_ones() as usize;
            let Some(room) = self.positions[self.len..].first_chunk_mut::<STEP>() else {
                return;
            };
            let mut rest = mask;
            // Eight at a time whether there are eight or not: a loop that stops where the bits end
            // is mispredicted at every step.
            for eight in room.chunks_exact_mut(8).take(len.div_ceil(8)) {
                for position in eight {
                    *position = first.wrapping_add(rest.trailing_zeros() as u16);
                    rest &= rest.wrapping_sub(1);
                }
            }
            self.len += len;
        }
    }

    /// Drops the positions for which `keep` is false.
    #[inline(always)]
    pub(super) fn retain(&mut self, mut keep: impl FnMut(u16) -> bool) {
        let len = self.len;
        self.len = 0;
        for index in 0..len {
            let position = self.positions[index % CAPACITY];
            self.push_if(position, keep(position));
        }
    }
}
