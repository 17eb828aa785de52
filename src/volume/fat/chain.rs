//! The allocation table: which cluster follows which. exFAT has the same, one kind wider.

use crate::volume::budget::Budget;
use crate::volume::field::{le_u16, le_u32};
use crate::volume::{Part, ReadAt, Warnings};

/// How much of the table is kept at hand; chains mostly go forwards in small steps.
const WINDOW: u64 = 64 << 10;

/// What the table says of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::volume) enum Link {
    Free,
    Next(u64),
    Last,
    Bad,
    /// A number that no cluster has, or a table that cannot be read.
    Broken,
}

/// Where a table lies and how it is to be read.
#[derive(Clone, Copy)]
pub(in crate::volume) struct Layout<'a> {
    pub(in crate::volume) part: &'a Part,
    pub(in crate::volume) warnings: &'a Warnings,
    /// Bits of an entry that count: 12, 16, 28 or 32.
    pub(in crate::volume) bits: u32,
    /// First byte of the table, and its length.
    pub(in crate::volume) at: u64,
    pub(in crate::volume) len: u64,
    /// Number of clusters; they are numbered from 2.
    pub(in crate::volume) clusters: u64,
}

impl Layout<'_> {
    /// Whether a cluster of this number exists.
    pub(in crate::volume) fn has(&self, cluster: u64) -> bool {
        cluster >= 2 && cluster.saturating_sub(2) < self.clusters
    }
}

/// A reader of the table with a piece of it at hand.
pub(in crate::volume) struct Table<'a> {
    layout: Layout<'a>,
    window: Vec<u8>,
    start: u64,
}

impl<'a> Table<'a> {
    pub(in crate::volume) fn new(layout: Layout<'a>) -> Self {
        Self {
            layout,
            window: Vec::new(),
            start: 0,
        }
    }

    pub(in crate::volume) fn has(&self, cluster: u64) -> bool {
        self.layout.has(cluster)
    }

    pub(in crate::volume) fn link(&mut self, cluster: u64) -> Link {
        self.entry(cluster)
            .map_or(Link::Broken, |entry| self.meaning(entry))
    }

    fn meaning(&self, entry: u64) -> Link {
        // The last eight values of each width mean the end, the one before them a bad cluster.
        let values = 1_u64.checked_shl(self.layout.bits).unwrap_or(0);
        let end = values.saturating_sub(8);
        match entry {
            0 => Link::Free,
            _ if entry >= end => Link::Last,
            _ if entry.saturating_add(1) == end => Link::Bad,
            _ if self.layout.has(entry) => Link::Next(entry),
            _ => Link::Broken,
        }
    }

    fn entry(&mut self, cluster: u64) -> Option<u64> {
        let bits = self.layout.bits;
        let (at, len) = match bits {
            12 => (cluster.checked_add(cluster / 2)?, 2),
            16 => (cluster.checked_mul(2)?, 2),
            _ => (cluster.checked_mul(4)?, 4),
        };
        let bytes = self.bytes(at, len)?;
        Some(match bits {
            12 if cluster % 2 == 1 => u64::from(le_u16(bytes, 0)? >> 4),
            12 => u64::from(le_u16(bytes, 0)? & 0xfff),
            16 => u64::from(le_u16(bytes, 0)?),
            28 => u64::from(le_u32(bytes, 0)? & 0x0fff_ffff),
            _ => u64::from(le_u32(bytes, 0)?),
        })
    }

    /// A few bytes of the table.
    fn bytes(&mut self, at: u64, len: u64) -> Option<&[u8]> {
        let layout = self.layout;
        let end = at.checked_add(len).filter(|end| *end <= layout.len)?;
        let held = u64::try_from(self.window.len()).ok()?;
        if at < self.start || end > self.start.checked_add(held)? {
            // Two bytes more, so that no entry lies across two windows.
            let start = (at / WINDOW).saturating_mul(WINDOW);
            let take = layout.len.checked_sub(start)?.min(WINDOW.saturating_add(2));
            let from = layout.at.checked_add(start)?;
            self.window = match layout.part.read_vec(from, usize::try_from(take).ok()?) {
                Ok(window) => window,
                Err(fault) => {
                    let what = "the file allocation table cannot be read";
                    layout.warnings.add(format!("{what}: {fault}"));
                    return None;
                }
            };
            self.start = start;
        }
        let within = usize::try_from(at.checked_sub(self.start)?).ok()?;
        self.window.get(within..)
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
    pub(in crate::volume) fn chain(
        &mut self,
        first: u64,
        budget: &mut Budget,
        visit: &mut dyn FnMut(u64),
    ) {
        let mut cluster = first;
        let mut circle = Loop {
            kept: 0,
            steps: 0,
            limit: 1,
        };
        loop {
            if !self.layout.has(cluster) || circle.closes(cluster) || !budget.take(false, 1) {
                self.layout.warnings.add(format!(
                    "the chain of clusters from {first:#x} on is damaged at cluster {cluster:#x}"
                ));
                return;
            }
            visit(cluster);
            match self.link(cluster) {
                Link::Next(next) => cluster = next,
                Link::Last => return,
                Link::Free | Link::Bad | Link::Broken => {
                    self.layout.warnings.add(format!(
                        "the chain of clusters from {first:#x} on breaks off behind {cluster:#x}"
                    ));
                    return;
                }
            }
        }
    }

    /// The clusters that a deleted file of `count` clusters had, if it lay in one piece but for
    /// clusters that others had already: its chain is gone, so this is a guess, and the usual one.
    pub(in crate::volume) fn guess(
        &mut self,
        first: u64,
        count: u64,
        budget: &mut Budget,
        visit: &mut dyn FnMut(u64),
    ) {
        let mut left = count;
        let mut cluster = first;
        // In use again: that it began here is certain, but the rest cannot be guessed from it.
        if self.layout.has(first) && self.link(first) != Link::Free && count > 0 {
            visit(first);
            return;
        }
        while left > 0 && self.layout.has(cluster) && budget.take(true, 1) {
            if self.link(cluster) == Link::Free {
                visit(cluster);
                left = left.saturating_sub(1);
            }
            cluster = cluster.saturating_add(1);
        }
    }
}
