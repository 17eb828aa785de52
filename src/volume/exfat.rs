//! exFAT.
//!
//! Like FAT in that the tree has to be walked, but richer: deletion only clears a bit in each
//! entry, so that names, places and lengths of deleted files stay, and a bitmap says what is in
//! use. Facts are from Microsoft's "exFAT file system specification".

mod boot;
mod entry;
mod walk;

use std::collections::HashSet;
use std::sync::OnceLock;

use super::budget::Budget;
use super::fat::chain::{Layout, Table};
use super::field::u8_at;
use super::file_system::NodeKind;
use super::path::{self, Directories};
use super::{
    Claim, Encoded, FileSystem, Name, Node, NodeId, Part, ReadAt, Run, RunKind, VolumeError,
    Warnings,
};
use boot::Boot;
use entry::{Content, Special};
use walk::ROOT;

/// An exFAT file system.
#[derive(Debug)]
pub struct ExFat {
    part: Part,
    boot: Boot,
    warnings: Warnings,
    special: Special,
    /// Where the bitmap and the table of capital letters lie, in clusters. Read when first asked
    /// for.
    structures: OnceLock<Structures>,
}

/// Clusters, as first cluster and number of clusters.
type Clusters = Vec<(u64, u64)>;

#[derive(Debug)]
struct Structures {
    bitmap: Clusters,
    up_case: Clusters,
    /// The bitmap as one piece.
    bits: Part,
}

impl ExFat {
    /// Opens the file system that a volume begins with; `None` if it is not one of these.
    pub fn open(part: &Part) -> Option<Result<Self, VolumeError>> {
        let boot = Boot::read(part)?;
        Some(boot.map(|boot| Self::with(part, boot, Warnings::default())))
    }

    /// Opens a file system whose beginning is lost by the copy of its boot sector.
    pub fn open_copy(part: &Part) -> Option<Result<Self, VolumeError>> {
        let (boot, at) = Boot::copy(part)?;
        let warnings = Warnings::default();
        warnings.add(format!(
            "the exFAT boot sector at 0x0 is lost; its copy at {at:#x} was used instead"
        ));
        Some(Ok(Self::with(part, boot, warnings)))
    }

    fn with(part: &Part, boot: Boot, warnings: Warnings) -> Self {
        let mut opened = Self {
            part: part.clone(),
            boot,
            warnings,
            special: Special::default(),
            structures: OnceLock::new(),
        };
        opened.special = opened.special();
        if opened.special.bitmap.is_none() {
            opened
                .warnings
                .add("the root directory names no allocation bitmap");
        }
        opened
    }

    fn table(&self) -> Table<'_> {
        Table::new(Layout {
            part: &self.part,
            warnings: &self.warnings,
            bits: 32,
            at: self.boot.table,
            len: self.boot.table_len,
            clusters: self.boot.clusters,
        })
    }

    fn structures(&self) -> &Structures {
        self.structures.get_or_init(|| {
            let (mut table, mut budget) = (self.table(), Budget::of_clusters(self.boot.clusters));
            let mut of = |content: Option<Content>| {
                let mut clusters = Vec::new();
                if let Some(content) = content {
                    let mut add = |first, count| clusters.push((first, count));
                    self.clusters(content, false, &mut table, &mut budget, &mut add);
                }
                clusters
            };
            let (bitmap, up_case) = (of(self.special.bitmap), of(self.special.up_case));
            let ranges = bitmap.iter().filter_map(|(first, count)| {
                let start = self.boot.cluster_at(*first)?;
                let len = count.checked_mul(self.boot.cluster_size)?;
                Some(start..start.checked_add(len)?)
            });
            let disk = std::sync::Arc::new(self.part.clone());
            let bits = Part::new(disk, ranges);
            Structures {
                bitmap,
                up_case,
                bits,
            }
        })
    }

    /// What the bitmap says of a cluster; `None` if it cannot be read.
    fn is_allocated(&self, cluster: u64) -> Option<bool> {
        let index = cluster.checked_sub(2)?;
        if index >= self.boot.clusters {
            return None;
        }
        let byte = self.structures().bits.read_vec(index / 8, 1).ok()?;
        Some(u8_at(&byte, 0)? >> (index % 8) & 1 == 1)
    }

    /// Makes runs of some content's clusters, joining neighbours.
    fn runs_of(
        &self,
        content: Content,
        node: NodeId,
        deleted: bool,
        clusters: &[(u64, u64)],
        visit: &mut dyn FnMut(&Run),
    ) {
        let mut open: Option<Run> = None;
        let mut file_offset = 0_u64;
        let mut give = |run: Option<Run>| {
            if let Some(mut run) = run {
                run.valid = content.valid.saturating_sub(run.file_offset).min(run.len);
                visit(&run);
            }
        };
        for (first, count) in clusters {
            let Some(start) = self.boot.cluster_at(*first) else {
                continue;
            };
            let len = count.saturating_mul(self.boot.cluster_size);
            match &mut open {
                Some(run) if run.end() == start => run.len = run.len.saturating_add(len),
                _ => give(open.replace(Run {
                    node,
                    stream: 0,
                    file_offset,
                    start,
                    len,
                    valid: 0,
                    kind: RunKind::Plain,
                    deleted,
                })),
            }
            file_offset = file_offset.saturating_add(len);
        }
        give(open);
    }
}

impl FileSystem for ExFat {
    fn name(&self) -> &'static str {
        "exfat"
    }

    fn label(&self) -> Option<&str> {
        Some(self.special.label.as_str()).filter(|label| !label.is_empty())
    }

    fn block_size(&self) -> u64 {
        self.boot.cluster_size
    }

    fn end(&self) -> Option<u64> {
        Some(self.boot.end())
    }

    fn runs(&self, visit: &mut dyn FnMut(&Run)) {
        let mut table = self.table();
        let mut budget = Budget::of_clusters(self.boot.clusters);
        let root = self.root_clusters(&mut table, &mut budget);
        let whole = Content {
            valid: u64::MAX,
            ..Content::default()
        };
        self.runs_of(whole, ROOT, false, &root, visit);
        let mut clusters = Vec::new();
        self.walk(&mut |entry, _| {
            clusters.clear();
            let mut add = |first, count| clusters.push((first, count));
            self.clusters(
                entry.content,
                entry.deleted,
                &mut table,
                &mut budget,
                &mut add,
            );
            let node = self.number_at(entry.at);
            self.runs_of(entry.content, node, entry.deleted, &clusters, visit);
        });
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
        Some(Node {
            size: entry.content.size,
            kind: if entry.is_directory {
                NodeKind::Directory
            } else {
                NodeKind::File
            },
            owner: None,
            mode: None,
            modified: entry.modified,
            deleted: entry.deleted,
        })
    }

    fn claim(&self, at: u64) -> Claim {
        let boot = &self.boot;
        let metadata = |what: &str| Claim::Metadata(what.to_owned());
        if at < boot.table {
            return metadata("boot sectors");
        }
        if at < boot.heap {
            return metadata("file allocation table");
        }
        let Some(cluster) = boot.cluster_of(at) else {
            return Claim::Beyond;
        };
        let structures = self.structures();
        let holds = |clusters: &Clusters| {
            clusters.iter().any(|(first, count)| {
                cluster
                    .checked_sub(*first)
                    .is_some_and(|within| within < *count)
            })
        };
        if holds(&structures.bitmap) {
            return metadata("allocation bitmap");
        }
        if holds(&structures.up_case) {
            return metadata("table of capital letters");
        }
        match self.is_allocated(cluster) {
            Some(false) => Claim::Unallocated,
            _ => Claim::Unclaimed,
        }
    }

    fn encoded(&self, _: &mut dyn FnMut(&Encoded)) {}

    fn warnings(&self) -> Vec<String> {
        self.warnings.list()
    }
}
