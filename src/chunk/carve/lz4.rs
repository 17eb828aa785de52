//! An LZ4 frame (LZ4 Frame Format Description 1.6.4 and LZ4 Block Format Description).
//!
//! Decoded here rather than by a library, so that a block of up to 4 MiB that breaks off gives what
//! precedes the break.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::input::Input;
use super::output::Output;
use super::{Ending, Limit};

/// Bits of the first descriptor byte.
const VERSION: u8 = 0b1100_0000;
const VERSION_1: u8 = 0b0100_0000;
const BLOCK_CHECKSUM: u8 = 1 << 4;
const CONTENT_SIZE: u8 = 1 << 3;
const CONTENT_CHECKSUM: u8 = 1 << 2;
const RESERVED: u8 = 1 << 1;
const DICTIONARY: u8 = 1;

/// Bit of a block's size that says that it is not compressed.
const STORED: u32 = 1 << 31;

/// Shortest match: what a match length of zero means.
const MIN_MATCH: usize = 4;

pub(super) fn decode(input: &mut Input<'_>, output: &mut Output<'_>) -> Option<Ending> {
    let _magic: [u8; 4] = input.array()?;
    let [flags, size] = input.array()?;
    // Block sizes 4 to 7 stand for 64 KiB, 256 KiB, 1 MiB and 4 MiB; all other bits are zero.
    let largest = match size {
        0x40 => 64 << 10,
        0x50 => 256 << 10,
        0x60 => 1 << 20,
        0x70 => 4 << 20,
        _ => return None,
    };
    if flags & VERSION != VERSION_1 || flags & RESERVED != 0 {
        return None;
    }
    if flags & CONTENT_SIZE != 0 {
        input.skip(8)?;
    }
    if flags & DICTIONARY != 0 {
        return Some(Ending::Limited(Limit::Unsupported));
    }
    let _header_checksum = input.byte()?;
    loop {
        if let Some(limit) = output.limit(input.consumed()) {
            return Some(Ending::Limited(limit));
        }
        let Some(word) = input.array().map(u32::from_le_bytes) else {
            return Some(Ending::Broken);
        };
        if word == 0 {
            if flags & CONTENT_CHECKSUM != 0 {
                // A missing checksum takes nothing from what was decoded.
                let _cut = input.skip(4);
            }
            return Some(Ending::Whole);
        }
        let len = usize::try_from(word & !STORED).ok()?;
        if len > largest {
            return Some(Ending::Broken);
        }
        let mut block = Block {
            input: &mut *input,
            bytes: output.bytes(),
            left: len,
        };
        let read = match word & STORED {
            0 => block.sequences(largest),
            _ => block.literals(len),
        };
        let checksum = usize::from(flags & BLOCK_CHECKSUM != 0).saturating_mul(4);
        if read.and_then(|()| input.skip(checksum)).is_none() {
            return Some(Ending::Broken);
        }
    }
}

/// A block while it is decoded.
struct Block<'b, 's> {
    input: &'b mut Input<'s>,
    bytes: &'b mut Vec<u8>,
    /// How many bytes of the block were not taken yet.
    left: usize,
}

impl Block<'_, '_> {
    /// Decodes a compressed block, to at most `largest` bytes. `None` at damage.
    fn sequences(&mut self, largest: usize) -> Option<()> {
        let end = self.bytes.len().checked_add(largest)?;
        while self.left > 0 {
            let token = usize::from(self.byte()?);
            let literals = self.length(token >> 4)?;
            self.literals(literals)?;
            // The last sequence of a block has no match.
            if self.left == 0 {
                break;
            }
            let offset = u16::from_le_bytes([self.byte()?, self.byte()?]);
            let match_len = self.length(token & 15)?.checked_add(MIN_MATCH)?;
            if self.bytes.len().checked_add(match_len)? > end {
                return None;
            }
            self.repeat(usize::from(offset), match_len)?;
        }
        Some(())
    }

    fn byte(&mut self) -> Option<u8> {
        self.left = self.left.checked_sub(1)?;
        self.input.byte()
    }

    /// A length of which the token told the first 15.
    fn length(&mut self, first: usize) -> Option<usize> {
        let mut len = first;
        if first == 15 {
            loop {
                let more = self.byte()?;
                len = len.checked_add(usize::from(more))?;
                if more != u8::MAX {
                    break;
                }
            }
        }
        Some(len)
    }

    /// Copies bytes as they are.
    fn literals(&mut self, len: usize) -> Option<()> {
        self.left = self.left.checked_sub(len)?;
        let mut rest = len;
        while rest > 0 {
            let here = self.input.peek();
            let here = here.get(..rest).unwrap_or(here);
            if here.is_empty() {
                return None;
            }
            self.bytes.extend_from_slice(here);
            let taken = here.len();
            self.input.consume(taken);
            rest = rest.saturating_sub(taken);
        }
        Some(())
    }

    /// Copies bytes that were decoded `offset` bytes ago; where they overlap with the copy, they
    /// repeat.
    fn repeat(&mut self, offset: usize, len: usize) -> Option<()> {
        let start = self.bytes.len().checked_sub(offset)?;
        let mut rest = len;
        while rest > 0 {
            let here = self.bytes.len().checked_sub(start)?.min(rest);
            if here == 0 {
                return None;
            }
            self.bytes
                .extend_from_within(start..start.checked_add(here)?);
            rest = rest.checked_sub(here)?;
        }
        Some(())
    }
}
