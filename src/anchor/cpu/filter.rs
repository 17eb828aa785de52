//! The byte filter: which bytes may stand at each of the four places of a window.
//!
//! Windows are put into buckets. Of each bucket the filter knows the set of bytes that occur at
//! the first place, at the second, and so on; a position survives if some bucket has all four
//! bytes there. As one bit a bucket, that is four table look-ups by byte and three ANDs, which
//! vector units do for many positions at once. A bucket accepts every combination of its bytes,
//! so windows share a bucket with windows like them.

use crate::anchor::table::{Literal, WINDOW, rarity};

use super::lookup::Window;

/// Buckets that one byte of a table entry holds.
pub(super) const GROUP: usize = 8;

/// How precisely a vector unit can look a byte up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precision {
    /// By the whole byte.
    Byte,
    /// By its two halves: a set grows to all combinations of the halves in it.
    Nibbles,
}

/// `tables[place][byte]` has a bit for each bucket that accepts the byte at the place.
pub(super) struct Filter {
    pub(super) tables: [[u16; 256]; WINDOW],
    /// Groups of eight buckets in use: 1 or 2.
    pub(super) groups: usize,
}

impl Filter {
    pub(super) fn new(literals: &[Literal], windows: &[Window], precision: Precision) -> Self {
        let groups = if windows.len() > MANY { 2 } else { 1 };
        let mut sets: Vec<[Vec<u8>; WINDOW]> = windows
            .iter()
            .map(|window| literals[window.literal as usize].places(window.offset as usize))
            .collect();
        // Neighbours in this order look alike, so the greedy choice below keeps them together.
        sets.sort();
        let share: Vec<f32> = (0..=u8::MAX).map(share).collect();
        let mut buckets = vec![Bucket::EMPTY; groups * GROUP];
        let mut tables = [[0; 256]; WINDOW];
        for set in &sets {
            let mut best = (0, Bucket::EMPTY, f32::INFINITY);
            for (index, bucket) in buckets.iter().enumerate() {
                let grown = bucket.with(set, precision, &share);
                let growth = grown.survival() - bucket.survival();
                if growth < best.2 {
                    best = (index, grown, growth);
                }
            }
            let (index, grown, _) = best;
            buckets[index] = grown;
            for (table, bytes) in tables.iter_mut().zip(set) {
                for byte in bytes {
                    table[usize::from(*byte)] |= 1 << index;
                }
            }
        }
        Self { tables, groups }
    }

    /// The look-up tables of one group of buckets.
    pub(super) fn group(&self, group: usize) -> [[u8; 256]; WINDOW] {
        self.tables
            .map(|table| table.map(|bits| (bits >> (group * GROUP)) as u8))
    }
}

/// Windows above which sixteen buckets are worth twice the look-ups of eight.
const MANY: usize = 64;

#[derive(Clone)]
struct Bucket {
    accepts: [[bool; 256]; WINDOW],
    /// Share of all bytes that each place accepts.
    shares: [f32; WINDOW],
}

impl Bucket {
    const EMPTY: Self = Self {
        accepts: [[false; 256]; WINDOW],
        shares: [0.0; WINDOW],
    };

    /// The bucket with a window added.
    fn with(&self, set: &[Vec<u8>; WINDOW], precision: Precision, share: &[f32]) -> Self {
        let mut grown = self.clone();
        for (place, bytes) in set.iter().enumerate() {
            let accepts = &mut grown.accepts[place];
            if bytes.iter().all(|byte| accepts[usize::from(*byte)]) {
                continue;
            }
            for byte in bytes {
                accepts[usize::from(*byte)] = true;
            }
            if precision == Precision::Nibbles {
                close(accepts);
            }
            let accepted = accepts.iter().zip(share).filter(|(accepts, _)| **accepts);
            grown.shares[place] = accepted.map(|(_, share)| share).sum();
        }
        grown
    }

    /// Share of all positions that survive because of this bucket.
    fn survival(&self) -> f32 {
        self.shares.iter().product()
    }
}

/// Grows a set to all combinations of the halves of its bytes.
fn close(accepts: &mut [bool; 256]) {
    let (mut low, mut high) = ([false; 16], [false; 16]);
    for byte in (0..256).filter(|byte| accepts[*byte]) {
        low[byte % 16] = true;
        high[byte / 16] = true;
    }
    for byte in 0..256 {
        accepts[byte] = low[byte % 16] && high[byte / 16];
    }
}

/// Share of a byte among all bytes, as far as the rarity of its folded form tells.
fn share(byte: u8) -> f32 {
    (rarity(&[byte]) as f32 / -8.0).exp2()
}
