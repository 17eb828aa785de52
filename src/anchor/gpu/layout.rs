//! What host and shader exchange, as it lies in memory: the twins of the structs and constants in
//! `shaders/shared`. `tests/integration/shaders.rs` parses the shaders and compares every offset,
//! size and constant, so neither side can drift.

use bytemuck::{Pod, Zeroable};

use crate::anchor::table::{BLOCK, Literal, Run, Table};
use crate::unit::ByteClass;

/// Set in the anchor of a result that is the first whole block of a run, not the start of a
/// literal.
pub const BLOCK_FLAG: u32 = 0x8000_0000;
/// Bytes of a literal that the shader compares; the host compares the rest.
pub const COMPARED: usize = 16;
/// Ranges with which the shader first tests a class.
const RANGES: usize = 4;

/// The uniform of one dispatch; lengths in bytes, blocks of 16 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct ScanParams {
    /// First block to look at.
    pub first_block: u32,
    /// How many blocks to look at.
    pub block_count: u32,
    /// Bytes of the chunk that were uploaded.
    pub len: u32,
    /// Anchors count if they begin before this position.
    pub body_len: u32,
    /// Entries of the hit buffer.
    pub hit_capacity: u32,
    /// Runs in the table.
    pub run_count: u32,
}

/// The head of the hit buffer; the hits follow it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct HitHeader {
    /// How many hits there were, also those that found no room.
    pub demand: u32,
    /// Keeps the hits on a 16-byte boundary.
    pub reserved: [u32; 3],
}

/// A literal as the shader compares it: `(bytes | fold) & mask == pattern`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct LiteralRecord {
    /// The first sixteen bytes, zero beyond the end.
    pub pattern: [u8; COMPARED],
    /// `0xFF` where there is a byte to compare.
    pub mask: [u8; COMPARED],
    /// `0x20` where a letter may have either case.
    pub fold: [u8; COMPARED],
    /// Length of the whole literal in bytes.
    pub len: u32,
    /// Where its window begins.
    pub window: u32,
    /// Its anchor.
    pub anchor: u32,
    /// Fills the record to a multiple of 16 bytes.
    pub reserved: u32,
}

impl LiteralRecord {
    /// The record of a literal.
    #[must_use]
    pub fn of(literal: &Literal) -> Self {
        let mut record = Self {
            pattern: [0; COMPARED],
            mask: [0; COMPARED],
            fold: [0; COMPARED],
            len: literal.bytes.len() as u32,
            window: literal.window as u32,
            anchor: literal.anchor.0,
            reserved: 0,
        };
        for (index, &byte) in literal.bytes.iter().take(COMPARED).enumerate() {
            record.pattern[index] = byte;
            record.mask[index] = 0xFF;
            if literal.nocase && byte.is_ascii_alphabetic() {
                record.fold[index] = 0x20;
            }
        }
        record
    }
}

/// A class of bytes that makes runs.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct RunRecord {
    /// 0x80 less the first byte of a range, in all four bytes.
    pub starts: [u32; RANGES],
    /// 0x7F less the last byte of a range, in all four bytes.
    pub ends: [u32; RANGES],
    /// The class, one bit for each byte value.
    pub members: [u32; 8],
    /// Ranges in use.
    pub range_count: u32,
    /// All ones if a byte of 0x80 or more is in the class.
    pub high: u32,
    /// The anchor of the run.
    pub anchor: u32,
    /// Fills the record to a multiple of 16 bytes.
    pub reserved: u32,
}

impl RunRecord {
    /// The record of a run.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        let mut record = Self {
            starts: [0; RANGES],
            ends: [0; RANGES],
            members: [0; 8],
            range_count: 0,
            high: 0,
            anchor: run.anchor.0,
            reserved: 0,
        };
        for byte in run.class.members() {
            record.members[usize::from(byte >> 5)] |= 1 << (byte & 31);
            if byte >= 0x80 {
                record.high = u32::MAX;
            }
        }
        let ranges = covering_ranges(&run.class);
        record.range_count = ranges.len() as u32;
        for (index, (first, last)) in ranges.into_iter().enumerate() {
            record.starts[index] = u32::from_ne_bytes([0x80 - first; 4]);
            record.ends[index] = u32::from_ne_bytes([0x7F - last; 4]);
        }
        record
    }
}

/// At most [`RANGES`] ranges that hold all bytes of a class below 0x80. A class of more ranges is
/// covered by joining the nearest: the shader then tests the class itself where these say yes.
fn covering_ranges(class: &ByteClass) -> Vec<(u8, u8)> {
    let mut ranges: Vec<(u8, u8)> = Vec::new();
    for byte in class.members().take_while(|byte| *byte < 0x80) {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == byte => *last = byte,
            _ => ranges.push((byte, byte)),
        }
    }
    while ranges.len() > RANGES {
        let gap = |index: &usize| ranges[*index].0 - ranges[*index - 1].1;
        let Some(nearest) = (1..ranges.len()).min_by_key(gap) else {
            break;
        };
        ranges[nearest - 1].1 = ranges[nearest].1;
        ranges.remove(nearest);
    }
    ranges
}

/// How many bytes after a body the shader must see: a literal to its end with the byte that
/// follows it, and the one whole block that every run covers.
#[must_use]
pub fn tail(table: &Table) -> usize {
    let literal = table
        .literals
        .iter()
        .map(|literal| literal.bytes.len() + 1)
        .max();
    let run = (!table.runs.is_empty()).then_some(2 * BLOCK);
    literal.max(run).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anchor::AnchorId;

    fn run(class: &str) -> Run {
        Run {
            anchor: AnchorId(7),
            class: ByteClass::parse(class).unwrap(),
            min: 31,
            max: 99,
        }
    }

    /// The shader's test of one byte against the ranges, in its own arithmetic.
    fn in_ranges(record: &RunRecord, byte: u8) -> bool {
        let low = u32::from(byte & 0x7F);
        let inside = (0..record.range_count as usize).fold(0, |inside, range| {
            inside | ((low + (record.starts[range] & 0xFF)) & !(low + (record.ends[range] & 0xFF)))
        });
        let byte = u32::from(byte);
        ((inside & !byte) | (byte & record.high)) & 0x80 != 0
    }

    #[test]
    fn four_ranges_are_the_class_and_more_cover_it() {
        for (class, exact) in [
            ("a-z2-7", true),
            ("A-Za-z0-9+/", false),
            ("acegikmoq", false),
        ] {
            let run = run(class);
            let record = RunRecord::of(&run);
            for byte in 0..=u8::MAX {
                let told = in_ranges(&record, byte);
                assert!(told || !run.class.has(byte), "{class}: {byte}");
                assert!(!exact || told == run.class.has(byte), "{class}: {byte}");
                let member = record.members[usize::from(byte >> 5)] >> (byte & 31) & 1 == 1;
                assert_eq!(member, run.class.has(byte), "{class}: {byte}");
            }
        }
    }

    #[test]
    fn a_class_with_high_bytes_lets_all_of_them_pass_the_first_test() {
        let mut run = run("a-z");
        run.class = ByteClass::from_fn(|byte| byte == 0xE9 || byte.is_ascii_lowercase());
        let record = RunRecord::of(&run);
        assert!(in_ranges(&record, 0xE9) && in_ranges(&record, 0x80) && !in_ranges(&record, b'A'));
    }

    #[test]
    fn only_letters_of_a_caseless_literal_are_folded() {
        let literal = Literal {
            anchor: AnchorId(3),
            bytes: b"key_=".to_vec(),
            nocase: true,
            follow: None,
            window: 1,
        };
        let record = LiteralRecord::of(&literal);
        assert_eq!(record.fold[..6], [0x20, 0x20, 0x20, 0, 0, 0]);
        assert_eq!(record.mask[..6], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0]);
        assert_eq!((record.len, record.window, record.anchor), (5, 1, 3));
    }
}
