//! XFS, versions 4 and 5.
//!
//! A volume is divided into allocation groups that each keep their inodes in chunks of 64, listed
//! in a tree, so one sweep over the trees and chunks sees every file there is. Facts are from "XFS
//! Filesystem Structure" (the disk format book of xfsprogs) and `xfs_format.h` of Linux; the
//! submodules name its chapters.

mod claim;
mod crc;
mod directory;
mod freed;
mod group;
mod inode;
mod log;
mod map;
mod superblock;
mod tree;

use std::collections::HashSet;
use std::sync::OnceLock;

use super::budget::Budget;
use super::superblock::{CopiedSuperblock, warn_of_journal};
use super::{
    Claim, Encoded, FileSystem, Name, Node, NodeId, Part, ReadAt, Run, RunKind, VolumeError,
    Warnings,
};
use claim::Tables;
use group::{Chunk, Group};
use inode::Counts;
use map::ATTRIBUTES;
use superblock::{Superblock, incompat};

/// An XFS file system.
#[derive(Debug)]
pub struct Xfs {
    part: Part,
    fs: Superblock,
    groups: Vec<Group>,
    warnings: Warnings,
    /// The inode chunks of each group, read when first asked for; a quarter of a byte for an inode.
    chunks: OnceLock<Vec<Vec<Chunk>>>,
    tables: OnceLock<Tables>,
}

impl Xfs {
    /// Opens the file system that a volume begins with; `None` if it is not one of these.
    pub fn open(part: &Part) -> Option<Result<Self, VolumeError>> {
        Superblock::open(part, Self::with)
    }

    /// Opens a file system whose beginning is lost by the superblock of another group.
    pub fn open_copy(part: &Part) -> Option<Result<Self, VolumeError>> {
        Superblock::open_copy(part, Self::with).map(Ok)
    }

    fn with(part: &Part, fs: Superblock, warnings: Warnings) -> Self {
        Superblock::warn_of_unknown(u64::from(fs.incompat & !incompat::KNOWN), &warnings);
        if fs.has(incompat::NEEDS_REPAIR) {
            warnings.add("the file system is marked as in need of repair");
        }
        if log::is_dirty(part, &fs) == Some(true) {
            warn_of_journal(&warnings);
        }
        if fs.has_realtime {
            warnings.add(
                "the file system has a realtime device, which is not part of this volume: where \
                 deleted files lay is not told if their inodes do not say on which of the two",
            );
        }
        let groups = group::groups(part, &fs, &warnings);
        Self {
            part: part.clone(),
            fs,
            groups,
            warnings,
            chunks: OnceLock::new(),
            tables: OnceLock::new(),
        }
    }

    /// The block that begins at `at`, if it can be read.
    fn block_at(&self, at: u64) -> Option<Vec<u8>> {
        let len = usize::try_from(self.fs.block_size).ok()?;
        match self.part.read_vec(at, len) {
            Ok(bytes) => Some(bytes),
            Err(fault) => {
                self.warnings
                    .add(format!("the block at {at:#x} cannot be read: {fault}"));
                None
            }
        }
    }
}

impl FileSystem for Xfs {
    fn name(&self) -> &'static str {
        "xfs"
    }

    fn label(&self) -> Option<&str> {
        Some(self.fs.label.as_str()).filter(|label| !label.is_empty())
    }

    fn block_size(&self) -> u64 {
        self.fs.block_size
    }

    fn end(&self) -> Option<u64> {
        Some(self.fs.blocks.saturating_mul(self.fs.block_size))
    }

    fn runs(&self, visit: &mut dyn FnMut(&Run)) {
        let mut budget = Budget::of_blocks(self.fs.blocks);
        let mut counts = Counts::default();
        self.inodes(&mut counts, &mut |inode| {
            if !self.is_internal(&inode) {
                self.map(&inode, &mut budget, visit);
            }
        });
        if let Some((number, at)) = counts.first {
            self.warnings.add(format!(
                "{} inodes are damaged or do not fit their checksums, the first is inode {number} \
                 at {at:#x}",
                counts.unsound
            ));
        }
        if counts.realtime > 0 {
            self.warnings.add(format!(
                "{} files lie on a realtime device, which is not part of this volume: their \
                 content is not known",
                counts.realtime
            ));
        }
    }

    fn names(&self, wanted: &HashSet<NodeId>) -> Vec<Name> {
        self.names_of(wanted)
    }

    fn node(&self, id: NodeId) -> Option<Node> {
        let inode = self.inode(id.0)?;
        let mut node = inode.node()?;
        if inode.is_cleared() {
            // Its length is gone; what is left of its map says how long it was at most.
            let mut budget = Budget::of_blocks(self.fs.blocks);
            self.map(&inode, &mut budget, &mut |run| {
                if run.stream == 0 && run.kind != RunKind::Map {
                    node.size = run.file_offset.saturating_add(run.len);
                }
            });
        }
        Some(node)
    }

    fn stream_name(&self, _: NodeId, stream: u32) -> Option<String> {
        (stream == ATTRIBUTES).then(|| "xattr".to_owned())
    }

    fn claim(&self, at: u64) -> Claim {
        self.claim_of(at)
    }

    /// Nothing: what lies in an inode lies there in one piece, and what headers cut into pieces is
    /// joined by the seams.
    fn encoded(&self, _: &mut dyn FnMut(&Encoded)) {}

    fn warnings(&self) -> Vec<String> {
        self.warnings.list()
    }
}
