//! The positions of one tile that a filter could not rule out.

use super::tile::TILE;

/// Twice a tile, so that a vector store of up to 32 positions may spill past the last one, and a
/// power of two, so that a mask replaces the bounds check.
const CAPACITY: usize = 2 * TILE;

/// Positions relative to the first byte of a tile, in ascending order.
pub(super) struct Survivors {
    positions: Box<[u16; CAPACITY]>,
    len: usize,
}

impl Survivors {
    pub(super) fn new() -> Self {
        Self {
            positions: Box::new([0; CAPACITY]),
            len: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    pub(super) fn as_slice(&self) -> &[u16] {
        &self.positions[..self.len]
    }

    /// Appends a position if `keep`, without a branch: what survives cannot be predicted.
    #[inline(always)]
    pub(super) fn push_if(&mut self, position: u16, keep: bool) {
        self.positions[self.len % CAPACITY] = position;
        self.len = self.len.wrapping_add(usize::from(keep));
    }

    /// Appends by storing a whole vector: `store` writes any number of the 32 positions it is
    /// given and says how many of them count.
    #[inline(always)]
    pub(super) fn append(&mut self, store: impl FnOnce(&mut [u16; 32]) -> usize) {
        if let Some(room) = self.positions[self.len..].first_chunk_mut() {
            self.len += store(room);
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
