//! The allocation table: which cluster follows which.

use super::Fat;
use super::boot::Width;
use crate::volume::ReadAt;
use crate::volume::field::{le_u16, le_u32};

/// How much of the table is kept at hand; chains mostly go forwards in small steps.
const WINDOW: u64 = 64 << 10;

/// What the table says of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Free,
    Next(u64),
    Last,
    Bad,
    /// A number that no cluster has, or a table that cannot be read.
    Broken,
}

/// A reader of the table with a piece of it at hand.
pub(super) struct Table<'a> {
    fat: &'a Fat,
    window: Vec<u8>,
    start: u64,
}

impl<'a> Table<'a> {
    pub(super) fn new(fat: &'a Fat) -> Self {
        Self {
            fat,
            window: Vec::new(),
            start: 0,
        }
    }

    pub(super) fn link(&mut self, cluster: u64) -> Link {
        self.entry(cluster)
            .map_or(Link::Broken, |entry| self.meaning(entry))
    }

    fn meaning(&self, entry: u64) -> Link {
        let boot = &self.fat.boot;
        // The last eight values of each width mean the end, the one before them a bad cluster.
        let end = match boot.width {
            Width::Fat12 => 0xff8,
            Width::Fat16 => 0xfff8,
            Width::Fat32 => 0x0fff_fff8,
        };
        match entry {
            0 => Link::Free,
            _ if entry >= end => Link::Last,
            _ if entry.saturating_add(1) == end => Link::Bad,
            _ if boot.has(entry) => Link::Next(entry),
            _ => Link::Broken,
        }
    }

    fn entry(&mut self, cluster: u64) -> Option<u64> {
        let width = self.fat.boot.width;
        let (at, len) = match width {
            Width::Fat12 => (cluster.checked_add(cluster / 2)?, 2),
            Width::Fat16 => (cluster.checked_mul(2)?, 2),
            Width::Fat32 => (cluster.checked_mul(4)?, 4),
        };
        let bytes = self.bytes(at, len)?;
        Some(match width {
            Width::Fat12 if cluster % 2 == 1 => u64::from(le_u16(bytes, 0)? >> 4),
            Width::Fat12 => u64::from(le_u16(bytes, 0)? & 0xfff),
            Width::Fat16 => u64::from(le_u16(bytes, 0)?),
            Width::Fat32 => u64::from(le_u32(bytes, 0)? & 0x0fff_ffff),
        })
    }

    /// A few bytes of the table.
    fn bytes(&mut self, at: u64, len: u64) -> Option<&[u8]> {
        let boot = &self.fat.boot;
        let end = at.checked_add(len).filter(|end| *end <= boot.table_len)?;
        let held = u64::try_from(self.window.len()).ok()?;
        if at < self.start || end > self.start.checked_add(held)? {
            // Two bytes more, so that no entry lies across two windows.
            let start = (at / WINDOW).saturating_mul(WINDOW);
            let take = boot
                .table_len
                .checked_sub(start)?
                .min(WINDOW.saturating_add(2));
            let from = boot.table.checked_add(start)?;
            self.window = match self.fat.part.read_vec(from, usize::try_from(take).ok()?) {
                Ok(window) => window,
                Err(fault) => {
                    let what = "the file allocation table cannot be read";
                    self.fat.warnings.add(format!("{what}: {fault}"));
                    return None;
                }
            };
            self.start = start;
        }
        let within = usize::try_from(at.checked_sub(self.start)?).ok()?;
        self.window.get(within..)
    }
}

/// What a sweep may still spend, in clusters. A cluster belongs to one live file, so a sweep that
/// comes by far more goes in circles.
pub(super) struct Budget {
    live: u64,
    deleted: u64,
}

impl Budget {
    pub(super) fn of(clusters: u64) -> Self {
        let share = clusters.saturating_mul(2).saturating_add(1024);
        Self {
            live: share,
            deleted: share,
        }
    }

    fn take(&mut self, deleted: bool) -> bool {
        let share = if deleted {
            &mut self.deleted
        } else {
            &mut self.live
        };
        match share.checked_sub(1) {
            Some(rest) => {
                *share = rest;
                true
            }
            None => false,
        }
    }
}

/// Notices a chain that comes back to itself, by remembering ever later clusters (Brent).
struct Loop {
    kept: u64,
    steps: u64,
    limit: u64,
}

impl Loop {
    fn closes(&mut self, cluster: u64) -> bool {
        if cluster == self.kept {
            return true;
        }
        self.steps = self.steps.saturating_add(1);
        if self.steps == self.limit {
            self.kept = cluster;
            self.steps = 0;
            self.limit = self.limit.saturating_mul(2);
        }
        false
    }
}

impl Table<'_> {
    /// The clusters of a live file from `first` on, to the end of the chain.
    pub(super) fn chain(&mut self, first: u64, budget: &mut Budget, visit: &mut dyn FnMut(u64)) {
        let mut cluster = first;
        let mut circle = Loop {
            kept: 0,
            steps: 0,
            limit: 1,
        };
        loop {
            if !self.fat.boot.has(cluster) || circle.closes(cluster) || !budget.take(false) {
                self.fat.warnings.add(format!(
                    "the chain of clusters from {first:#x} on is damaged at cluster {cluster:#x}"
                ));
                return;
            }
            visit(cluster);
            match self.link(cluster) {
                Link::Next(next) => cluster = next,
                Link::Last => return,
                Link::Free | Link::Bad | Link::Broken => {
                    self.fat.warnings.add(format!(
                        "the chain of clusters from {first:#x} on breaks off behind {cluster:#x}"
                    ));
                    return;
                }
            }
        }
    }

    /// The clusters that a deleted file of `count` clusters had, if it lay in one piece but for
    /// clusters that others had already: its chain is gone, so this is a guess, and the usual one.
    pub(super) fn guess(
        &mut self,
        first: u64,
        count: u64,
        budget: &mut Budget,
        visit: &mut dyn FnMut(u64),
    ) {
        let mut left = count;
        let mut cluster = first;
        // In use again: that it began here is certain, but the rest cannot be guessed from it.
        if self.fat.boot.has(first) && self.link(first) != Link::Free && count > 0 {
            visit(first);
            return;
        }
        while left > 0 && self.fat.boot.has(cluster) && budget.take(true) {
            if self.link(cluster) == Link::Free {
                visit(cluster);
                left = left.saturating_sub(1);
            }
            cluster = cluster.saturating_add(1);
        }
    }
}
