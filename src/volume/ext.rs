//! ext2, ext3 and ext4.
//!
//! The inode tables lie at places that can be computed, so one sweep over them, group by group,
//! sees every file there is or was. Facts are from the kernel documentation, "ext4 Data Structures
//! and Algorithms"; the submodules name its chapters.

mod checksum;
mod claim;
mod directory;
mod extent;
mod group;
mod indirect;
mod inline;
mod inode;
mod journal;
mod map;
mod superblock;

use std::collections::HashSet;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::budget::Budget;
use super::superblock::{CopiedSuperblock, warn_of_journal};
use super::{
    Claim, Encoded, FileSystem, Name, Node, NodeId, Part, ReadAt, Run, RunKind, VolumeError,
    Warnings,
};
use claim::Structure;
use group::Group;
use inode::{Inode, RESIZE};
use journal::Journal;
use map::ATTRIBUTES;
use superblock::{Superblock, incompat, ro_compat};

/// An ext file system.
#[derive(Debug)]
pub struct Ext {
    part: Part,
    fs: Superblock,
    groups: Vec<Option<Group>>,
    warnings: Warnings,
    /// Read when first asked for: most places have nothing to do with them.
    journal: OnceLock<Journal>,
    structures: OnceLock<Vec<Structure>>,
    /// Whether a sweep has told what is wrong with inodes.
    noted: AtomicBool,
}

impl Ext {
    /// Opens the file system that a volume begins with; `None` if it is not one of these.
    pub fn open(part: &Part) -> Option<Result<Self, VolumeError>> {
        Superblock::open(part, Self::with)
    }

    /// Opens a file system whose beginning is lost by the copy of its superblock.
    pub fn open_copy(part: &Part) -> Option<Result<Self, VolumeError>> {
        Superblock::open_copy(part, Self::with).map(Ok)
    }

    fn with(part: &Part, fs: Superblock, warnings: Warnings) -> Self {
        Superblock::warn_of_unknown(u64::from(fs.incompat & !incompat::KNOWN), &warnings);
        if fs.has(incompat::RECOVER) {
            warn_of_journal(&warnings);
        }
        if fs.ro_compat & ro_compat::BIGALLOC != 0 {
            warnings.add(format!(
                "the file system allocates clusters of {} blocks (bigalloc)",
                fs.cluster
            ));
        }
        let groups = group::groups(part, &fs, &warnings);
        Self {
            part: part.clone(),
            fs,
            groups,
            warnings,
            journal: OnceLock::new(),
            structures: OnceLock::new(),
            noted: AtomicBool::new(false),
        }
    }

    /// A block, if it exists and can be read.
    fn block(&self, number: u64) -> Option<Vec<u8>> {
        if number >= self.fs.blocks {
            return None;
        }
        let at = number.checked_mul(self.fs.block_size)?;
        let len = usize::try_from(self.fs.block_size).ok()?;
        match self.part.read_vec(at, len) {
            Ok(bytes) => Some(bytes),
            Err(fault) => {
                self.warnings
                    .add(format!("block {number:#x} cannot be read: {fault}"));
                None
            }
        }
    }

    /// The runs of one inode, all its streams.
    fn runs_of(&self, inode: &Inode<'_>, budget: &mut Budget, visit: &mut dyn FnMut(&Run)) {
        if inode.is_inline() || inode.is_short_link() {
            inline::runs(inode, visit);
        } else {
            self.map(inode, budget, visit);
        }
        let exists = |block: &u64| (self.fs.first_data_block..self.fs.blocks).contains(block);
        if let Some(block) = inode.attribute_block().filter(exists) {
            visit(&Run {
                node: inode.id(),
                stream: ATTRIBUTES,
                file_offset: 0,
                start: block.saturating_mul(self.fs.block_size),
                len: self.fs.block_size,
                valid: self.fs.block_size,
                kind: RunKind::Plain,
                deleted: inode.deleted,
            });
        }
    }

    /// Counts what a sweep comes by, to say so once.
    fn note(&self, inode: &Inode<'_>, counts: &mut Counts) {
        if inode.deleted {
            return;
        }
        if !inode.is_sound(&self.fs) {
            counts.unsound = counts.unsound.saturating_add(1);
            counts.first.get_or_insert((inode.number, inode.at));
        }
        if inode.is_encrypted() && !inode.is_directory() {
            counts.encrypted = counts.encrypted.saturating_add(1);
        }
    }
}

/// What a sweep counts.
#[derive(Default)]
struct Counts {
    unsound: u64,
    first: Option<(u64, u64)>,
    encrypted: u64,
}

impl FileSystem for Ext {
    fn name(&self) -> &'static str {
        self.fs.name()
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
        // The second sweep of a scan would find the same again.
        let is_first = !self.noted.swap(true, Ordering::Relaxed);
        self.inodes(&mut |inode| {
            if is_first {
                self.note(&inode, &mut counts);
            }
            if inode.number == RESIZE || inode.number == self.fs.journal {
                // What these map is no file's; only the map itself is theirs.
                self.map(&inode, &mut budget, &mut |run| {
                    if run.kind == RunKind::Map {
                        visit(run);
                    }
                });
            } else {
                self.runs_of(&inode, &mut budget, visit);
            }
        });
        if let Some((number, at)) = counts.first {
            self.warnings.add(format!(
                "{} inodes do not fit their checksums, the first is inode {number} at {at:#x}",
                counts.unsound
            ));
        }
        if counts.encrypted > 0 {
            self.warnings.add(format!(
                "{} files are encrypted: their content cannot be searched",
                counts.encrypted
            ));
        }
    }

    fn names(&self, wanted: &HashSet<NodeId>) -> Vec<Name> {
        self.names_of(wanted)
    }

    fn node(&self, id: NodeId) -> Option<Node> {
        self.inode(id.0)?.node()
    }

    fn stream_name(&self, _: NodeId, stream: u32) -> Option<String> {
        (stream == ATTRIBUTES).then(|| "xattr".to_owned())
    }

    fn claim(&self, at: u64) -> Claim {
        self.claim_of(at)
    }

    fn encoded(&self, visit: &mut dyn FnMut(&Encoded)) {
        // Most have none, and a sweep for nothing is half the cost of the second pass.
        if !self.fs.has(incompat::INLINE_DATA) {
            return;
        }
        self.inodes(&mut |inode| {
            if inode.is_inline() && !inode.is_directory() {
                inline::whole(&inode).iter().for_each(&mut *visit);
            }
        });
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings.list()
    }
}
