//! Btrfs.
//!
//! Everything is an item in a tree, and every tree is found through the tree of trees. Addresses in
//! trees are logical; chunks say where on the devices they lie, once or more often. Files of
//! different subvolumes share extents, and subvolumes share whole branches, so a byte has as many
//! owners as lead to it. Facts are from the kernel, `include/uapi/linux/btrfs_tree.h`, which
//! describes the format in its comments; the submodules name its structures.

mod chunk;
mod claim;
mod codec;
mod decode;
mod extent;
mod file;
mod inode;
mod lzo;
mod name;
mod node;
mod root;
mod seen;
mod stale;
mod superblock;
mod tree;

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, OnceLock};

use super::seam::{Seam, Seams};
use super::superblock::CopiedSuperblock;
use super::{Claim, Encoded, FileSystem, Name, Node, NodeId, Part, Run, VolumeError, Warnings};
use claim::Survey;
use inode::Inode;
use root::Roots;
use seen::Seen;
use superblock::Superblock;
use tree::Store;

/// A Btrfs file system, or the part of one that lies on one device.
#[derive(Debug)]
pub struct Btrfs {
    store: Store,
    roots: Roots,
    /// Made when first asked for.
    survey: OnceLock<Survey>,
    /// Inodes of deleted files that were asked about: finding one takes a sweep.
    old: Mutex<HashMap<NodeId, Option<Inode>>>,
}

impl Btrfs {
    /// Opens the file system that a volume begins with; `None` if it is not one of these.
    pub fn open(part: &Part) -> Option<Result<Self, VolumeError>> {
        Superblock::open(part, Self::with)
    }

    /// Opens a file system whose beginning is lost by a copy of its superblock.
    pub fn open_copy(part: &Part) -> Option<Result<Self, VolumeError>> {
        Superblock::open_copy(part, Self::with).map(Ok)
    }

    fn with(part: &Part, fs: Superblock, warnings: Warnings) -> Self {
        let store = Store::open(part, fs, warnings);
        store.tell();
        let roots = Roots::read(&store);
        Self {
            store,
            roots,
            survey: OnceLock::new(),
            old: Mutex::default(),
        }
    }
}

impl FileSystem for Btrfs {
    fn name(&self) -> &'static str {
        "btrfs"
    }

    fn label(&self) -> Option<&str> {
        Some(self.store.fs.label.as_str()).filter(|label| !label.is_empty())
    }

    fn block_size(&self) -> u64 {
        self.store.fs.sector
    }

    fn end(&self) -> Option<u64> {
        Some(self.store.fs.end)
    }

    /// Where content is kept twice, the runs of the second copy follow those of the first.
    fn runs(&self, visit: &mut dyn FnMut(&Run)) {
        self.files(1, &mut |file| self.runs_of(file, visit));
    }

    fn names(&self, wanted: &HashSet<NodeId>) -> Vec<Name> {
        self.names_of(wanted)
    }

    fn node(&self, id: NodeId) -> Option<Node> {
        match self.inode(id) {
            Some((inode, deleted)) => Some(inode.node(deleted)),
            None => Some(self.old_inode(id)?.node(true)),
        }
    }

    fn claim(&self, at: u64) -> Claim {
        self.claim_of(at)
    }

    fn seams(&self, reach: u64, visit: &mut dyn FnMut(&Seam)) {
        let mut seams = Seams::new(reach);
        let mut seen = Seen::default();
        // Snapshots have most joins in common.
        let mut once = |seam: &Seam| {
            if seen.is_new(&(&seam.pieces, seam.file_offset)) {
                visit(seam);
            }
        };
        self.runs(&mut |run| seams.push(run, &mut once));
        seams.finish(&mut once);
    }

    fn encoded(&self, visit: &mut dyn FnMut(&Encoded)) {
        self.decode(visit);
    }

    fn warnings(&self) -> Vec<String> {
        self.store.warnings.list()
    }
}
