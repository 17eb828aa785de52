//! From directory to directory: FAT has no list of files, so its tree has to be walked.

use std::collections::HashSet;

use super::Fat;
use super::boot::Root;
use super::chain::{Link, Table};
use super::entry::{Entry, LEN, Reader, Step};
use crate::volume::budget::Budget;
use crate::volume::{NodeId, ReadAt};

/// Number of the root directory.
pub(super) const ROOT: NodeId = NodeId(2);
/// Numbers below belong to the root and to the file system itself.
const FIRST: u64 = 3;

/// A directory still to be read.
struct Pending {
    id: NodeId,
    first: u64,
    deleted: bool,
}

impl Fat {
    /// Number of the entry at `at`: The Sleuth Kit counts every 32 bytes behind the allocation
    /// tables, so that its numbers can be looked up there.
    pub(super) fn number_at(&self, at: u64) -> NodeId {
        let index = at.saturating_sub(self.boot.tables_end) / 32;
        NodeId(index.saturating_add(FIRST))
    }

    pub(super) fn number_place(&self, id: NodeId) -> Option<u64> {
        let index = id.0.checked_sub(FIRST)?;
        self.boot.tables_end.checked_add(index.checked_mul(32)?)
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
            if entry.is_directory && seen.insert((entry.first, entry.deleted)) {
                pending.push(Pending {
                    id: self.number_at(entry.at),
                    first: entry.first,
                    deleted: entry.deleted,
                });
            }
            visit(&entry, parent);
        };
        let mut places = Vec::new();
        match self.boot.root {
            Root::Fixed(start, len) => places.push((start, len)),
            Root::Cluster(first) => self.places(&mut table, first, &mut budget, &mut places),
        }
        self.read(&places, &mut |entry| found(entry, ROOT, &mut pending));
        while let Some(directory) = pending.pop() {
            places.clear();
            if directory.deleted {
                if table.link(directory.first) != Link::Free {
                    continue;
                }
                // How long it was is not known; its first cluster begins with its own number.
                let mut first = |cluster| places.extend(self.place(cluster));
                table.guess(directory.first, 1, &mut budget, &mut first);
                if !self.begins(&places, directory.first) {
                    continue;
                }
            } else {
                self.places(&mut table, directory.first, &mut budget, &mut places);
            }
            self.read(&places, &mut |mut entry| {
                entry.deleted |= directory.deleted;
                found(entry, directory.id, &mut pending);
            });
        }
    }

    fn place(&self, cluster: u64) -> Option<(u64, u64)> {
        Some((self.boot.cluster_at(cluster)?, self.boot.cluster_size))
    }

    fn places(
        &self,
        table: &mut Table<'_>,
        first: u64,
        budget: &mut Budget,
        places: &mut Vec<(u64, u64)>,
    ) {
        table.chain(first, budget, &mut |cluster| {
            places.extend(self.place(cluster));
        });
    }

    /// Whether a directory's first entry is `.` and leads to itself.
    fn begins(&self, places: &[(u64, u64)], first: u64) -> bool {
        let Some((at, _)) = places.first() else {
            return false;
        };
        let raw = self.part.read_vec(*at, LEN).ok();
        let own = raw.and_then(|raw| super::entry::single(&raw, *at));
        own.is_some_and(|own| own.name == "." && own.first == first)
    }

    /// Reads a directory that lies in these places.
    fn read(&self, places: &[(u64, u64)], visit: &mut dyn FnMut(Entry)) {
        let mut reader = Reader::default();
        for (start, len) in places {
            let bytes = usize::try_from(*len).ok();
            let bytes = bytes.map(|len| self.part.read_vec(*start, len));
            let bytes = match bytes {
                Some(Ok(bytes)) => bytes,
                Some(Err(fault)) => {
                    self.warnings
                        .add(format!("a directory cannot be read: {fault}"));
                    continue;
                }
                None => continue,
            };
            for (raw, at) in bytes.chunks_exact(LEN).zip((*start..).step_by(LEN)) {
                match reader.next(raw, at) {
                    Step::End => return,
                    Step::Entry(entry) if matches!(&*entry.name, "." | "..") => {}
                    Step::Entry(entry) => visit(entry),
                    Step::Other => {}
                }
            }
        }
    }
}
