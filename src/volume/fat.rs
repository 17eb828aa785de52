//! FAT12, FAT16 and FAT32.
//!
//! The poorest of the formats: no owners, no zone to its times, and deletion takes a file's chain
//! of clusters with it. What it leaves is the entry, so that where a deleted file began, and
//! mostly its name, is still known.

mod boot;
pub(super) mod chain;
pub(super) mod entry;
mod walk;

use std::collections::HashSet;

use super::budget::Budget;
use super::file_system::NodeKind;
use super::path::{self, Directories};
use super::{
    Claim, Encoded, FileSystem, Name, Node, NodeId, Part, ReadAt, Run, RunKind, VolumeError,
    Warnings,
};
use boot::{Boot, Root, Width};
use chain::{Layout, Link, Table};
use entry::Entry;
use walk::ROOT;

/// A FAT file system.
#[derive(Debug)]
pub struct Fat {
    part: Part,
    boot: Boot,
    warnings: Warnings,
}

impl Fat {
    /// Opens the file system that a volume begins with; `None` if it is not one of these.
    pub fn open(part: &Part) -> Option<Result<Self, VolumeError>> {
        let boot = Boot::read(part)?;
        Some(boot.map(|boot| Self {
            part: part.clone(),
            boot,
            warnings: Warnings::default(),
        }))
    }

    fn table(&self) -> Table<'_> {
        Table::new(Layout {
            part: &self.part,
            warnings: &self.warnings,
            bits: self.boot.width.bits(),
            at: self.boot.table,
            len: self.boot.table_len,
            clusters: self.boot.clusters,
        })
    }

    /// The runs of the file or directory that an entry names.
    fn runs_of(
        &self,
        entry: &Entry,
        table: &mut Table<'_>,
        budget: &mut Budget,
        visit: &mut dyn FnMut(&Run),
    ) {
        if entry.first == 0 {
            return;
        }
        let size = (!entry.is_directory).then_some(entry.size);
        let mut joiner = Joiner {
            fat: self,
            run: None,
            node: self.number_at(entry.at),
            size,
            file_offset: 0,
            deleted: entry.deleted,
            visit,
        };
        if entry.deleted {
            // A directory's length is nowhere noted.
            let len = size.unwrap_or(1);
            let count = len.div_ceil(self.boot.cluster_size.max(1));
            table.guess(entry.first, count, budget, &mut |cluster| {
                joiner.push(cluster);
            });
        } else {
            table.chain(entry.first, budget, &mut |cluster| joiner.push(cluster));
        }
        joiner.flush();
    }

    fn root_runs(&self, table: &mut Table<'_>, budget: &mut Budget, visit: &mut dyn FnMut(&Run)) {
        match self.boot.root {
            Root::Fixed(start, len) => visit(&Run {
                node: ROOT,
                stream: 0,
                file_offset: 0,
                start,
                len,
                valid: len,
                kind: RunKind::Plain,
                deleted: false,
            }),
            Root::Cluster(first) => {
                let mut joiner = Joiner {
                    fat: self,
                    run: None,
                    node: ROOT,
                    size: None,
                    file_offset: 0,
                    deleted: false,
                    visit,
                };
                table.chain(first, budget, &mut |cluster| joiner.push(cluster));
                joiner.flush();
            }
        }
    }

    /// The entry of a number, without a long name.
    fn entry(&self, id: NodeId) -> Option<Entry> {
        let at = self.number_place(id)?;
        entry::single(&self.part.read_vec(at, entry::LEN).ok()?, at)
    }
}

/// Makes runs of clusters, joining neighbours.
struct Joiner<'a> {
    fat: &'a Fat,
    run: Option<Run>,
    node: NodeId,
    /// Where the file ends; a directory ends with its last cluster.
    size: Option<u64>,
    file_offset: u64,
    deleted: bool,
    visit: &'a mut dyn FnMut(&Run),
}

impl Joiner<'_> {
    fn push(&mut self, cluster: u64) {
        let len = self.fat.boot.cluster_size;
        let Some(start) = self.fat.boot.cluster_at(cluster) else {
            return;
        };
        let file_offset = self.file_offset;
        self.file_offset = file_offset.saturating_add(len);
        match &mut self.run {
            Some(run) if run.end() == start => run.len = run.len.saturating_add(len),
            _ => {
                self.flush();
                self.run = Some(Run {
                    node: self.node,
                    stream: 0,
                    file_offset,
                    start,
                    len,
                    valid: 0,
                    kind: RunKind::Plain,
                    deleted: self.deleted,
                });
            }
        }
    }

    fn flush(&mut self) {
        if let Some(mut run) = self.run.take() {
            let left = self.size.map(|size| size.saturating_sub(run.file_offset));
            run.valid = left.unwrap_or(run.len).min(run.len);
            (self.visit)(&run);
        }
    }
}

impl FileSystem for Fat {
    fn name(&self) -> &'static str {
        match self.boot.width {
            Width::Fat12 => "fat12",
            Width::Fat16 => "fat16",
            Width::Fat32 => "fat32",
        }
    }

    fn label(&self) -> Option<&str> {
        Some(self.boot.label.as_str()).filter(|label| !label.is_empty())
    }

    fn block_size(&self) -> u64 {
        self.boot.cluster_size
    }

    fn end(&self) -> Option<u64> {
        let len = self.boot.clusters.saturating_mul(self.boot.cluster_size);
        Some(self.boot.data.saturating_add(len))
    }

    fn runs(&self, visit: &mut dyn FnMut(&Run)) {
        let mut table = self.table();
        let mut budget = Budget::of_clusters(self.boot.clusters);
        self.root_runs(&mut table, &mut budget, visit);
        self.walk(&mut |entry, _| self.runs_of(entry, &mut table, &mut budget, visit));
    }

    fn names(&self, wanted: &HashSet<NodeId>) -> Vec<Name> {
        let mut directories = Directories::new(ROOT);
        let mut found = Vec::new();
        self.walk(&mut |entry, parent| {
            let node = self.number_at(entry.at);
            let is_wanted = wanted.contains(&node);
            if !entry.is_directory && !is_wanted {
                return;
            }
            let named = path::Entry {
                node,
                parent,
                name: entry.name.clone(),
                deleted: entry.deleted,
            };
            directories.take(named, entry.is_directory, is_wanted, &mut found);
        });
        // A number is a place, which a deleted entry has to itself.
        directories.names(wanted, found, |_| false)
    }

    fn node(&self, id: NodeId) -> Option<Node> {
        if id == ROOT {
            let kind = NodeKind::Directory;
            return Some(Node {
                kind,
                ..Node::default()
            });
        }
        let entry = self.entry(id)?;
        let mut size = entry.size;
        if entry.is_directory {
            // Its entry says 0.
            let (mut table, mut budget) = (self.table(), Budget::of_clusters(self.boot.clusters));
            size = 0;
            self.runs_of(&entry, &mut table, &mut budget, &mut |run| {
                size = size.saturating_add(run.len);
            });
        }
        Some(Node {
            size,
            kind: if entry.is_directory {
                NodeKind::Directory
            } else {
                NodeKind::File
            },
            owner: None,
            mode: None,
            modified: entry.modified.map(|seconds| (seconds, 0)),
            deleted: entry.deleted,
        })
    }

    fn claim(&self, at: u64) -> Claim {
        let boot = &self.boot;
        let what = if at < boot.table {
            "boot sector and reserved sectors"
        } else if at < boot.tables_end {
            "file allocation table"
        } else if at < boot.data {
            "root directory"
        } else {
            let Some(cluster) = boot.cluster_of(at) else {
                return Claim::Beyond;
            };
            return match self.table().link(cluster) {
                Link::Free => Claim::Unallocated,
                Link::Bad => Claim::Metadata("cluster marked as bad".to_owned()),
                Link::Next(_) | Link::Last | Link::Broken => Claim::Unclaimed,
            };
        };
        Claim::Metadata(what.to_owned())
    }

    fn encoded(&self, _: &mut dyn FnMut(&Encoded)) {}

    fn warnings(&self) -> Vec<String> {
        self.warnings.list()
    }
}
