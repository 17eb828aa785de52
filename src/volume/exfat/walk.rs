//! From directory to directory, and from a file's entry to its clusters.

use std::collections::HashSet;

use super::ExFat;
use super::entry::{Content, Entry, LEN, Reader, Special, Step};
use crate::volume::budget::Budget;
use crate::volume::fat::chain::{Link, Table};
use crate::volume::{NodeId, ReadAt};

/// Number of the root directory.
pub(super) const ROOT: NodeId = NodeId(2);
/// Numbers below belong to the root and to the file system itself.
const FIRST: u64 = 3;

/// A directory still to be read.
struct Pending {
    id: NodeId,
    content: Content,
    deleted: bool,
}

impl ExFat {
    /// Number of the entry at `at`: The Sleuth Kit counts every 32 bytes behind the allocation
    /// tables, so that its numbers can be looked up there.
    pub(super) fn number_at(&self, at: u64) -> NodeId {
        let index = at.saturating_sub(self.boot.heap) / 32;
        NodeId(index.saturating_add(FIRST))
    }

    /// Visits the clusters of some content in order, as first cluster and number of clusters.
    pub(super) fn clusters(
        &self,
        content: Content,
        deleted: bool,
        table: &mut Table<'_>,
        budget: &mut Budget,
        visit: &mut dyn FnMut(u64, u64),
    ) {
        let count = content.size.div_ceil(self.boot.cluster_size.max(1));
        let first = content.first;
        let wrong = |cluster: u64| {
            if !deleted {
                self.warnings.add(format!(
                    "the clusters from {first:#x} on are fewer than their file takes: they end at \
                     {cluster:#x}"
                ));
            }
        };
        if content.is_contiguous {
            let last = self.boot.clusters.saturating_add(2);
            let exist = last.saturating_sub(first).min(count);
            if first >= 2 && exist > 0 {
                visit(first, exist);
            }
            if exist < count {
                wrong(first.saturating_add(exist));
            }
            return;
        }
        let mut cluster = first;
        let mut left = count;
        while left > 0 {
            if !table.has(cluster) || !budget.take(deleted, 1) {
                return wrong(cluster);
            }
            visit(cluster, 1);
            left = left.saturating_sub(1);
            cluster = match table.link(cluster) {
                Link::Next(next) => next,
                _ if left == 0 => return,
                _ if !deleted => return wrong(cluster),
                // The chain of a deleted file may be gone; most often the next free cluster was
                // its next.
                _ => match self.next_free(cluster, budget) {
                    Some(next) => next,
                    None => return,
                },
            };
        }
    }

    fn next_free(&self, cluster: u64, budget: &mut Budget) -> Option<u64> {
        let mut next = cluster.checked_add(1)?;
        while self.is_allocated(next)? {
            next = next.checked_add(1).filter(|_| budget.take(true, 1))?;
        }
        Some(next)
    }

    /// Visits every entry of the tree, with the directory it is in. `deleted` is set in those below
    /// a deleted directory too.
    pub(super) fn walk(&self, visit: &mut dyn FnMut(&Entry, NodeId)) {
        let mut budget = Budget::of_clusters(self.boot.clusters);
        let mut table = self.table();
        // A deleted directory may have had the clusters that a live one has now.
        let mut seen = HashSet::new();
        let mut pending = Vec::new();
        let mut found = |entry: Entry, parent: NodeId, pending: &mut Vec<Pending>| {
            if entry.is_directory && seen.insert((entry.content.first, entry.deleted)) {
                pending.push(Pending {
                    id: self.number_at(entry.at),
                    content: entry.content,
                    deleted: entry.deleted,
                });
            }
            visit(&entry, parent);
        };
        let root = self.root_clusters(&mut table, &mut budget);
        let mut unsound = None;
        self.read(&root, &mut |entry| {
            note(&entry, &mut unsound);
            found(entry, ROOT, &mut pending);
        });
        while let Some(directory) = pending.pop() {
            let mut clusters = Vec::new();
            self.clusters(
                directory.content,
                directory.deleted,
                &mut table,
                &mut budget,
                &mut |first, count| clusters.push((first, count)),
            );
            let total = clusters
                .iter()
                .fold(0, |sum: u64, (_, count)| sum.saturating_add(*count));
            if !budget.take(directory.deleted, total) {
                continue;
            }
            if directory.deleted {
                // What is in use again holds something else.
                clusters.retain(|(first, count)| {
                    let mut all = *first..first.saturating_add(*count);
                    all.all(|cluster| self.is_allocated(cluster) == Some(false))
                });
            }
            self.read(&clusters, &mut |mut entry| {
                if directory.deleted && !entry.sound {
                    return;
                }
                note(&entry, &mut unsound);
                entry.deleted |= directory.deleted;
                found(entry, directory.id, &mut pending);
            });
        }
        if let Some((count, first)) = unsound {
            self.warnings.add(format!(
                "{count} directory entries do not fit their checksums, the first is at {first:#x}"
            ));
        }
    }

    pub(super) fn root_clusters(
        &self,
        table: &mut Table<'_>,
        budget: &mut Budget,
    ) -> Vec<(u64, u64)> {
        let mut clusters = Vec::new();
        table.chain(self.boot.root, budget, &mut |cluster| {
            clusters.push((cluster, 1));
        });
        clusters
    }

    /// Reads a directory that lies in these clusters.
    fn read(&self, clusters: &[(u64, u64)], visit: &mut dyn FnMut(Entry)) {
        let mut reader = Reader::default();
        self.raw(clusters, &mut |raw, at| match reader.next(raw, at) {
            Step::End => false,
            Step::Entry(entry) => {
                visit(entry);
                true
            }
            Step::Other => true,
        });
    }

    /// What the root directory says of the volume.
    pub(super) fn special(&self) -> Special {
        let mut special = Special::default();
        let mut budget = Budget::of_clusters(self.boot.clusters);
        let root = self.root_clusters(&mut self.table(), &mut budget);
        self.raw(&root, &mut |raw, _| {
            special.add(raw);
            raw.first() != Some(&0)
        });
        special
    }

    /// Visits the entries of these clusters one by one, until `visit` says that it is enough.
    fn raw(&self, clusters: &[(u64, u64)], visit: &mut dyn FnMut(&[u8], u64) -> bool) {
        let len = usize::try_from(self.boot.cluster_size).unwrap_or(0);
        for (first, count) in clusters {
            for cluster in *first..first.saturating_add(*count) {
                let Some(start) = self.boot.cluster_at(cluster) else {
                    continue;
                };
                let bytes = match self.part.read_vec(start, len) {
                    Ok(bytes) => bytes,
                    Err(fault) => {
                        self.warnings
                            .add(format!("a directory cannot be read: {fault}"));
                        continue;
                    }
                };
                for (raw, at) in bytes.chunks_exact(LEN).zip((start..).step_by(LEN)) {
                    if !visit(raw, at) {
                        return;
                    }
                }
            }
        }
    }

    /// The entry of a number.
    pub(super) fn entry(&self, id: NodeId) -> Option<Entry> {
        let index = id.0.checked_sub(FIRST)?;
        let mut at = self.boot.heap.checked_add(index.checked_mul(32)?)?;
        let mut table = self.table();
        let mut reader = Reader::default();
        // No set has more.
        for _ in 0..20 {
            match reader.next(&self.part.read_vec(at, LEN).ok()?, at) {
                Step::Entry(entry) => return Some(entry),
                Step::End => return None,
                Step::Other => {}
            }
            let cluster = self.boot.cluster_of(at)?;
            at = at.checked_add(32)?;
            if self.boot.cluster_of(at) != Some(cluster) {
                // A directory in one piece has no chain.
                at = match table.link(cluster) {
                    Link::Next(next) => self.boot.cluster_at(next)?,
                    _ => at,
                };
            }
        }
        None
    }
}

/// Counts live entries that do not fit their sums, and keeps the place of the first.
fn note(entry: &Entry, unsound: &mut Option<(u64, u64)>) {
    if !entry.deleted && !entry.sound {
        let (count, _) = unsound.get_or_insert((0, entry.at));
        *count = count.saturating_add(1);
    }
}
