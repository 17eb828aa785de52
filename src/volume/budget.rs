//! A sweep's guard against structures that lead in circles.

/// What a sweep may still spend, in allocation units. A unit belongs to one live file, so a sweep
/// that comes by far more of them than there are goes in circles; deleted files have their own
/// share, lest their stale pointers use up that of the live ones.
#[derive(Debug)]
pub(super) struct Budget {
    live: u64,
    deleted: u64,
}

impl Budget {
    /// For a file system of so many blocks.
    pub(super) fn of_blocks(blocks: u64) -> Self {
        Self::twice(blocks, 4096)
    }

    /// For a file system of so many clusters, which are larger.
    pub(super) fn of_clusters(clusters: u64) -> Self {
        Self::twice(clusters, 1024)
    }

    /// `spare` is for a file system that is all but empty.
    fn twice(units: u64, spare: u64) -> Self {
        let share = units.saturating_mul(2).saturating_add(spare);
        Self {
            live: share,
            deleted: share,
        }
    }

    /// Takes `count` from the share; false if there is not that much left.
    pub(super) fn take(&mut self, deleted: bool, count: u64) -> bool {
        let share = if deleted {
            &mut self.deleted
        } else {
            &mut self.live
        };
        match share.checked_sub(count) {
            Some(rest) => {
                *share = rest;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_deleted_files_spend_is_not_taken_from_live_ones() {
        let mut budget = Budget::twice(2, 1);
        assert!(budget.take(true, 5) && !budget.take(true, 1));
        assert!(!budget.take(false, 6) && budget.take(false, 5));
    }
}
