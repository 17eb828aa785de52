//! A set of byte ranges that stays small whatever is damaged.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::ops::Range;

/// Most ranges kept. Beyond it neighbours are joined, so the set names too many bytes rather than
/// too few, and a hostile image cannot make it grow.
const MAX_RANGES: usize = 65_536;

/// Ranges in ascending order that neither touch nor overlap.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranges(Vec<Range<u64>>);

impl Ranges {
    /// Adds a range; one without bytes is none.
    pub(super) fn add(&mut self, mut range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let first = self.0.partition_point(|known| known.end < range.start);
        let last = self.0.partition_point(|known| known.start <= range.end);
        for known in self.0.get(first..last).unwrap_or_default() {
            range.start = range.start.min(known.start);
            range.end = range.end.max(known.end);
        }
        if first == last && self.0.len() >= MAX_RANGES {
            let before = first.saturating_sub(1);
            if let Some(known) = self.0.get_mut(before) {
                known.start = known.start.min(range.start);
                known.end = known.end.max(range.end);
                return;
            }
        }
        self.0.splice(first..last, [range]);
    }

    /// The parts of `range` that are in the set.
    pub(super) fn within(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let first = self.0.partition_point(|known| known.end <= range.start);
        let end = range.end;
        self.0
            .iter()
            .skip(first)
            .take_while(move |known| known.start < end)
            .map(move |known| known.start.max(range.start)..known.end.min(end))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of bytes.
    pub(super) fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, range| {
            sum.saturating_add(range.end.saturating_sub(range.start))
        })
    }

    pub(super) fn into_vec(self) -> Vec<Range<u64>> {
        self.0
    }
}

impl FromIterator<Range<u64>> for Ranges {
    fn from_iter<I: IntoIterator<Item = Range<u64>>>(ranges: I) -> Self {
        let mut set = Self::default();
        for range in ranges {
            set.add(range);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_join_where_they_touch() {
        let mut set: Ranges = [10..20, 40..50, 20..25, 0..3].into_iter().collect();
        assert_eq!(set.clone().into_vec(), [0..3, 10..25, 40..50]);
        assert_eq!(set.within(22..45).collect::<Vec<_>>(), [22..25, 40..45]);
        assert_eq!(set.within(25..40).count(), 0);
        set.add(2..45);
        assert_eq!(set.total(), 50);
        assert_eq!(set.into_vec().first(), Some(&(0..50)));
    }

    #[test]
    fn a_million_damaged_places_stay_a_short_list() {
        let set: Ranges = (0..1_000_000).map(|at| at * 10..at * 10 + 1).collect();
        assert_eq!(set.0.len(), MAX_RANGES);
        assert_eq!(set.within(9_999_990..9_999_991).count(), 1);
    }
}
