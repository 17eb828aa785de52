//! The stored bytes of a stream, in order, as far as they go.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::io::{self, Read};
use std::ops::Range;

/// Where the bytes of a stream come from.
pub trait Supply {
    /// Fills the beginning of `buf` with the bytes `at` bytes after the stream's first one, and
    /// says how many there were: fewer than `buf` holds only at the end of all bytes.
    fn read_at(&mut self, at: u64, buf: &mut [u8]) -> usize;

    /// Where the first `len` bytes come from, if they do not lie in one piece: ranges of the image in
    /// the order of the stream.
    fn pieces(&self, _len: u64) -> Vec<Range<u64>> {
        Vec::new()
    }
}

impl Supply for &[u8] {
    fn read_at(&mut self, at: u64, buf: &mut [u8]) -> usize {
        let start = usize::try_from(at).unwrap_or(usize::MAX);
        let rest = self.get(start..).unwrap_or_default();
        let len = rest.len().min(buf.len());
        let (filled, _) = buf.split_at_mut(len);
        filled.copy_from_slice(rest.get(..len).unwrap_or_default());
        len
    }
}

/// How many bytes are fetched first: most hits of a magic number are no stream, which shows within
/// these.
const FIRST: usize = 256;

/// How many bytes are fetched at once in the end.
const MOST: usize = 64 << 10;

/// A reader over a supply. What a decoder sees does not depend on how the supply is cut.
pub(super) struct Input<'s> {
    supply: &'s mut dyn Supply,
    /// What was fetched, and which part of it was not taken yet.
    memory: Vec<u8>,
    start: usize,
    end: usize,
    /// How many bytes were fetched in all.
    fetched: u64,
    /// How many to fetch next.
    step: usize,
    /// How many bytes the header took.
    header: u64,
}

impl<'s> Input<'s> {
    pub(super) fn new(supply: &'s mut dyn Supply, mut memory: Vec<u8>) -> Self {
        memory.resize(MOST, 0);
        Self {
            supply,
            memory,
            start: 0,
            end: 0,
            fetched: 0,
            step: FIRST,
            header: 1,
        }
    }

    /// The next bytes, at least one unless there are no more.
    pub(super) fn peek(&mut self) -> &[u8] {
        if self.start == self.end {
            let step = self.memory.get_mut(..self.step).unwrap_or_default();
            let len = self.supply.read_at(self.fetched, step);
            self.fetched = self.fetched.saturating_add(to_u64(len));
            (self.start, self.end) = (0, len.min(self.step));
            self.step = self.step.saturating_mul(4).min(MOST);
        }
        self.memory.get(self.start..self.end).unwrap_or_default()
    }

    /// Takes bytes that were peeked at.
    pub(super) fn consume(&mut self, len: usize) {
        self.start = self.start.saturating_add(len).min(self.end);
    }

    /// How many bytes were taken.
    pub(super) fn consumed(&self) -> u64 {
        let left = to_u64(self.end.saturating_sub(self.start));
        self.fetched.saturating_sub(left)
    }

    /// Says that the header ends here.
    pub(super) fn end_header(&mut self) {
        self.header = self.consumed();
    }

    /// How many bytes the header took, at least one.
    pub(super) fn header(&self) -> u64 {
        self.header
    }

    /// Takes a byte.
    pub(super) fn byte(&mut self) -> Option<u8> {
        let byte = *self.peek().first()?;
        self.consume(1);
        Some(byte)
    }

    /// Takes as many bytes as the array has.
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    /// Takes `len` bytes and forgets them.
    pub(super) fn skip(&mut self, len: usize) -> Option<()> {
        let mut left = len;
        while left > 0 {
            let here = self.peek().len().min(left);
            if here == 0 {
                return None;
            }
            self.consume(here);
            left = left.saturating_sub(here);
        }
        Some(())
    }

    pub(super) fn into_memory(self) -> Vec<u8> {
        self.memory
    }
}

impl Read for Input<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.peek().read(buf).inspect(|len| self.consume(*len))
    }
}

/// A length in memory as a number of bytes on a disk.
pub(super) fn to_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_come_once_and_in_order() {
        let bytes: Vec<u8> = (0..=250_u8).cycle().take(200_000).collect();
        let mut supply = bytes.as_slice();
        let mut input = Input::new(&mut supply, Vec::new());
        assert_eq!(input.array(), Some([0, 1, 2]));
        assert_eq!(input.skip(1000), Some(()));
        assert_eq!(input.byte(), Some(bytes[1003]));
        let mut rest = Vec::new();
        input.read_to_end(&mut rest).unwrap();
        assert!(rest == bytes[1004..]);
        assert_eq!(input.consumed(), 200_000);
        assert_eq!((input.byte(), input.skip(1)), (None, None));
    }
}
