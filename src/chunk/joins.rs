//! Where the files of a disk go on elsewhere.
//!
//! A compressed stream that begins at the end of one run of a file ends in another. Whoever decodes
//! it knows only where it begins, so this table says for a position of the disk where the run around
//! it may end and where its file goes on. Which file that is does not matter: a stream of a file that
//! lies in one piece has ended before the next join comes, and one that has not is damaged.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::ops::Range;

/// Most joins that are kept, 64 MiB of them. What a disk has beyond is counted as left out.
const MOST: usize = 4 << 20;

/// Joins under construction: every one that a file system tells, in any order.
#[derive(Debug, Default)]
pub struct Joining {
    live: Vec<(u64, u64)>,
    deleted: Vec<(u64, u64)>,
    left: u64,
}

impl Joining {
    /// The run that ends at `end` is followed by what begins at `next`, in a file that is there or
    /// was deleted.
    pub fn add(&mut self, end: u64, next: u64, is_deleted: bool) {
        if end == next {
            return;
        }
        let kept = self.live.len().saturating_add(self.deleted.len());
        let all = match is_deleted {
            true => &mut self.deleted,
            false => &mut self.live,
        };
        // Seams of one file overlap: the same join comes several times in a row.
        if all.last() == Some(&(end, next)) {
            return;
        }
        if kept < MOST {
            all.push((end, next));
        } else {
            self.left = self.left.saturating_add(1);
        }
    }

    /// How many were left out.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left
    }

    /// The table. Where several files claim to go on from one place, one that is there wins, then
    /// the one that was told first.
    #[must_use]
    pub fn table(self) -> Joins {
        let mut all = self.live;
        all.extend(self.deleted);
        all.sort_by_key(|(end, _)| *end);
        all.dedup_by_key(|(end, _)| *end);
        Joins(all)
    }
}

/// Positions of a disk where a run ends, ascending, each with the position where its file goes on.
#[derive(Debug, Default)]
pub struct Joins(Vec<(u64, u64)>);

impl Joins {
    /// The bytes from a position on that may lie in one run, and where the file goes on after them.
    #[must_use]
    pub fn run(&self, at: u64) -> (Range<u64>, Option<u64>) {
        let first = self.0.partition_point(|(end, _)| *end <= at);
        match self.0.get(first) {
            Some((end, next)) => (at..*end, Some(*next)),
            None => (at..u64::MAX, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_led_to_the_end_of_its_run_and_on() {
        let mut joining = Joining::default();
        joining.add(4096, 9000, false);
        joining.add(4096, 9000, false);
        joining.add(100, 4000, true);
        // A file that is there wins over one that was deleted, whichever came first.
        joining.add(4096, 50, true);
        joining.add(70, 70, false);
        let joins = joining.table();
        assert_eq!(joins.0, [(100, 4000), (4096, 9000)]);
        assert_eq!(joins.run(99), (99..100, Some(4000)));
        assert_eq!(joins.run(100), (100..4096, Some(9000)));
        assert_eq!(joins.run(4096), (4096..u64::MAX, None));
        assert_eq!(Joins::default().run(5), (5..u64::MAX, None));
    }

    #[test]
    fn a_file_system_that_is_nothing_but_joins_is_kept_in_part() {
        let mut joining = Joining::default();
        for number in 0..5 << 20 {
            joining.add(number * 2, number * 2 + 1, number % 2 == 1);
        }
        assert_eq!(joining.left(), 1 << 20);
        assert_eq!(joining.table().0.len(), MOST);
    }
}
