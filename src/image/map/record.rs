//! Which pages of a map could not be read.
//!
//! Written by a signal handler on any thread, so: no locks, no allocation, no panic. Two bits per
//! page in memory that the system hands out only where it is written makes the record exact for
//! every pattern of damage, without a capacity that could run out: 64 MiB of address space for a
//! terabyte, and next to nothing resident until pages fail.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};

/// Bits in one word of the record.
#[allow(clippy::as_conversions, reason = "a constant has no other way")]
const WORD: usize = usize::BITS as usize;

/// The failures of one map. Pages and lengths are counted from the start of the map.
#[derive(Debug)]
pub(super) struct Record {
    /// Length of the map in bytes.
    len: usize,
    /// Length of a page in bytes, a power of two.
    page: usize,
    /// One bit per page.
    failed: Box<[AtomicUsize]>,
    /// One bit per page that was given a second chance.
    tried: Box<[AtomicUsize]>,
    /// The words from `first` to `last` may have bits set; none if `first > last`.
    first: AtomicUsize,
    last: AtomicUsize,
    /// Lowest end of the file ever seen below `len`, or `len`.
    end: AtomicUsize,
    faults: AtomicU64,
}

impl Record {
    /// Of a map of `len` bytes, nothing failed. `page` must be a power of two.
    pub(super) fn new(len: usize, page: usize) -> Self {
        let words = len.div_ceil(page.max(1)).div_ceil(WORD);
        Self {
            len,
            page: page.max(1),
            failed: zeroed(words),
            tried: zeroed(words),
            first: AtomicUsize::new(usize::MAX),
            last: AtomicUsize::new(0),
            end: AtomicUsize::new(len),
            faults: AtomicU64::new(0),
        }
    }

    /// Number of pages, the last one possibly partial.
    pub(super) fn pages(&self) -> usize {
        self.len.div_ceil(self.page)
    }

    /// Length of a page in bytes.
    pub(super) fn page(&self) -> usize {
        self.page
    }

    /// Counts one failed read.
    pub(super) fn count(&self) {
        self.faults.fetch_add(1, SeqCst);
    }

    /// Number of failed reads counted.
    pub(super) fn faults(&self) -> u64 {
        self.faults.load(SeqCst)
    }

    /// Whether a page that failed may be read once more: true the first time it is asked, so that
    /// no read is repeated for ever.
    pub(super) fn try_again(&self, page: usize) -> bool {
        self.tried
            .get(page / WORD)
            .is_some_and(|word| word.fetch_or(bit(page), SeqCst) & bit(page) == 0)
    }

    /// Marks pages as failed; those outside the map are ignored.
    pub(super) fn mark(&self, pages: Range<usize>) {
        let end = pages.end.min(self.pages());
        let mut page = pages.start;
        while page < end {
            let word = page / WORD;
            let bit = page % WORD;
            let count = (WORD.saturating_sub(bit)).min(end.saturating_sub(page));
            let ones = usize::MAX
                .checked_shr(u32::try_from(WORD.saturating_sub(count)).unwrap_or(0))
                .unwrap_or(usize::MAX);
            let mask = ones
                .checked_shl(u32::try_from(bit).unwrap_or(0))
                .unwrap_or(0);
            if let Some(failed) = self.failed.get(word) {
                failed.fetch_or(mask, SeqCst);
            }
            self.first.fetch_min(word, SeqCst);
            self.last.fetch_max(word, SeqCst);
            page = page.saturating_add(count);
        }
    }

    /// Whether a page failed.
    pub(super) fn has(&self, page: usize) -> bool {
        self.failed
            .get(page / WORD)
            .is_some_and(|word| word.load(SeqCst) & bit(page) != 0)
    }

    /// Notes that the file ended at byte `end`; an end at or beyond the map's is no failure.
    pub(super) fn cut(&self, end: u64) {
        if let Ok(end) = usize::try_from(end) {
            self.end.fetch_min(end, SeqCst);
        }
    }

    /// Everything that failed, as merged byte ranges in ascending order.
    pub(super) fn unreadable(&self) -> Vec<Range<u64>> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        let mut add = |range: Range<usize>| {
            let (Ok(start), Ok(end)) = (u64::try_from(range.start), u64::try_from(range.end))
            else {
                return;
            };
            match ranges.last_mut() {
                Some(last) if start <= last.end => last.end = last.end.max(end),
                _ => ranges.push(start..end),
            }
        };
        let cut = self.end.load(SeqCst);
        let (first, last) = (self.first.load(SeqCst), self.last.load(SeqCst));
        let words = self.failed.iter().enumerate();
        for (word, failed) in words
            .take(last.saturating_add(1))
            .skip(first)
            .map(|(word, failed)| (word, failed.load(SeqCst)))
            .filter(|(_, failed)| *failed != 0)
        {
            let page = word.saturating_mul(WORD);
            for page in (page..page.saturating_add(WORD)).filter(|page| failed & bit(*page) != 0) {
                let start = page.saturating_mul(self.page);
                // What the cut takes in anyway is added once, below.
                if start < cut {
                    add(start..start.saturating_add(self.page).min(self.len));
                }
            }
        }
        if cut < self.len {
            add(cut..self.len);
        }
        ranges
    }
}

fn bit(page: usize) -> usize {
    u32::try_from(page % WORD)
        .ok()
        .and_then(|bit| 1_usize.checked_shl(bit))
        .unwrap_or(0)
}

/// Zeros straight from the system: only words that are written become resident.
fn zeroed(words: usize) -> Box<[AtomicUsize]> {
    let plain: Box<[usize]> = vec![0; words].into_boxed_slice();
    let plain = Box::into_raw(plain);
    #[allow(
        unsafe_code,
        clippy::as_conversions,
        reason = "no safe way makes zeroed atomics without writing each of them"
    )]
    // SAFETY: the pointer comes from `Box::into_raw` just above, and an `AtomicUsize` has the same
    // size, alignment and bit validity as a `usize`.
    unsafe {
        Box::from_raw(plain as *mut [AtomicUsize])
    }
}

#[cfg(test)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::single_range_in_vec_init,
    reason = "tests write plain numbers and lists"
)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_untouched_record_lists_nothing() {
        for len in [1, 4095, 4096, 4097, 1 << 20] {
            assert_eq!(Record::new(len, 4096).unreadable(), []);
        }
    }

    #[test]
    fn a_page_is_tried_again_once() {
        let record = Record::new(100 * 4096, 4096);
        assert_eq!(
            [70, 71, 70, 71].map(|page| record.try_again(page)),
            [true, true, false, false]
        );
        assert_eq!(record.unreadable(), []);
    }

    #[test]
    fn the_last_page_ends_where_the_map_ends() {
        let record = Record::new(10_000, 4096);
        record.mark(2..3);
        assert_eq!(record.unreadable(), [8192..10_000]);
    }

    #[test]
    fn a_cut_takes_in_the_failed_pages_behind_it() {
        let record = Record::new(100 * 4096, 4096);
        record.mark(1..2);
        record.mark(50..51);
        record.cut(10_000);
        record.cut(20_000);
        record.cut(u64::MAX);
        assert_eq!(record.unreadable(), [4096..8192, 10_000..409_600]);
    }

    #[test]
    fn a_terabyte_map_needs_no_memory_until_pages_fail() {
        let record = Record::new(1 << 40, 4096);
        record.mark((1 << 28) - 1..1 << 28);
        assert_eq!(record.unreadable(), [(1 << 40) - 4096..1 << 40]);
    }

    proptest! {
        #[test]
        fn marked_pages_are_listed_exactly(
            marks in prop::collection::vec((0_usize..700, 0_usize..150), 0..20),
            len in 1_usize..600 * 512,
            cut in 0_u64..900 * 512,
        ) {
            let record = Record::new(len, 512);
            let mut bad = vec![false; len];
            for (start, count) in &marks {
                record.mark(*start..start + count);
                let end = ((start + count) * 512).min(len);
                bad[(start * 512).min(end)..end].fill(true);
            }
            record.cut(cut);
            bad[(cut as usize).min(len)..].fill(true);
            let ranges = record.unreadable();
            let mut listed = vec![false; len];
            for range in &ranges {
                prop_assert!(range.start < range.end);
                listed[range.start as usize..range.end as usize].fill(true);
            }
            prop_assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
            prop_assert_eq!(listed, bad);
        }
    }
}
