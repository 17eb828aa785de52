//! The decoded bytes of a stream, and when they are enough.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::input::to_u64;
use super::{FREE, Limit, MAX_RATIO, MAX_STORED};

/// How many bytes a decoder may write before it is asked to stop: few at first, because many a
/// stream is a small file, and the memory is cleared before it is written to.
const FIRST: usize = 4 << 10;
const MOST: usize = 64 << 10;

/// What a decoder writes to.
pub(super) struct Output<'o> {
    bytes: &'o mut Vec<u8>,
    room: usize,
    /// How many bytes may be written next.
    step: usize,
}

impl<'o> Output<'o> {
    pub(super) fn new(bytes: &'o mut Vec<u8>, room: usize) -> Self {
        bytes.clear();
        Self {
            bytes,
            room,
            step: FIRST,
        }
    }

    /// The limit that a stream has reached that took `consumed` bytes so far.
    pub(super) fn limit(&self, consumed: u64) -> Option<Limit> {
        let len = self.bytes.len();
        let most = consumed.saturating_mul(MAX_RATIO);
        if len >= self.room || consumed > MAX_STORED {
            Some(Limit::Size)
        } else if len > FREE && to_u64(len) > most {
            Some(Limit::Ratio)
        } else {
            None
        }
    }

    /// Lets `write` fill the beginning of a piece of memory; it says how many bytes it wrote, and
    /// something of its own. How long the piece is depends on nothing but how many came before it.
    pub(super) fn write<T>(&mut self, write: impl FnOnce(&mut [u8]) -> (usize, T)) -> T {
        let len = self.bytes.len();
        self.bytes.resize(len.saturating_add(self.step), 0);
        self.step = self.step.saturating_mul(4).min(MOST);
        let (written, answer) = write(self.bytes.get_mut(len..).unwrap_or_default());
        self.bytes.truncate(len.saturating_add(written));
        answer
    }

    /// What was decoded so far, to be added to.
    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        self.bytes
    }

    /// Cuts what was decoded to what was asked for, and says how much that is.
    pub(super) fn finish(self) -> usize {
        self.bytes.truncate(self.room);
        self.bytes.len()
    }
}
