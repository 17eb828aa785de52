//! Where a file's blocks lie.

use super::Ext;
use super::inode::Inode;
use super::{extent, indirect};
use crate::volume::budget::Budget;
use crate::volume::{NodeId, Run, RunKind};

/// Stream of the block with extended attributes.
pub(super) const ATTRIBUTES: u32 = 1;

/// Makes runs of an inode's blocks, joining what follows on.
pub(super) struct Mapper<'a> {
    pub(super) ext: &'a Ext,
    pub(super) inode: &'a Inode<'a>,
    budget: &'a mut Budget,
    visit: &'a mut dyn FnMut(&Run),
    /// Blocks not yet visited.
    open: Option<Blocks>,
}

/// Neighbouring blocks of a file.
#[derive(Clone, Copy)]
struct Blocks {
    file: u64,
    disk: u64,
    count: u64,
    kind: RunKind,
}

impl Ext {
    /// Visits the runs of one inode.
    pub(super) fn map(&self, inode: &Inode<'_>, budget: &mut Budget, visit: &mut dyn FnMut(&Run)) {
        let mut mapper = Mapper {
            ext: self,
            inode,
            budget,
            visit,
            open: None,
        };
        if inode.has_extents() {
            extent::root(&mut mapper);
        } else {
            indirect::all(&mut mapper);
        }
        mapper.flush();
    }
}

impl Mapper<'_> {
    /// `count` blocks of the file from its block `file` on lie at block `disk`. False if there is
    /// no more to be spent.
    pub(super) fn blocks(&mut self, file: u64, disk: u64, count: u64, kind: RunKind) -> bool {
        if !self.spend(1) {
            return false;
        }
        let end = disk.checked_add(count);
        if disk < self.ext.fs.first_data_block || end.is_none_or(|end| end > self.ext.fs.blocks) {
            self.wrong(disk, "a block number that does not exist");
            return true;
        }
        if let Some(open) = &mut self.open
            && open.kind == kind
            && open.file.checked_add(open.count) == Some(file)
            && open.disk.checked_add(open.count) == Some(disk)
        {
            open.count = open.count.saturating_add(count);
            return true;
        }
        self.flush();
        self.open = Some(Blocks {
            file,
            disk,
            count,
            kind,
        });
        true
    }

    /// Reads a block that holds a part of the map and visits it as such. `None` if it cannot be
    /// read or if there is no more to be spent.
    pub(super) fn map_block(&mut self, block: u64) -> Option<Vec<u8>> {
        if !self.spend(1) {
            return None;
        }
        let bytes = self.ext.block(block);
        if bytes.is_none() {
            self.wrong(block, "a map block that does not exist");
        }
        let bytes = bytes?;
        let size = self.ext.fs.block_size;
        (self.visit)(&Run {
            node: self.inode.id(),
            stream: 0,
            file_offset: 0,
            start: block.checked_mul(size)?,
            len: size,
            valid: size,
            kind: RunKind::Map,
            deleted: self.inode.deleted,
        });
        Some(bytes)
    }

    fn spend(&mut self, count: u64) -> bool {
        let enough = self.budget.take(self.inode.deleted, count);
        if !enough && !self.inode.deleted {
            self.ext.warnings.add(
                "files claim more blocks than the file system has: not all of them were followed",
            );
        }
        enough
    }

    /// Deleted inodes point to whatever is there now; only live ones are worth a word.
    pub(super) fn wrong(&self, block: u64, what: &str) {
        if !self.inode.deleted {
            let Inode { number, at, .. } = self.inode;
            self.ext.warnings.add(format!(
                "inode {number} at {at:#x} is damaged: it has {what} (block {block:#x})"
            ));
        }
    }

    fn flush(&mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        let size = self.ext.fs.block_size;
        let file_offset = open.file.saturating_mul(size);
        let len = open.count.saturating_mul(size);
        (self.visit)(&Run {
            node: NodeId(self.inode.number),
            stream: 0,
            file_offset,
            start: open.disk.saturating_mul(size),
            len,
            valid: self.inode.size.saturating_sub(file_offset).min(len),
            kind: open.kind,
            deleted: self.inode.deleted,
        });
    }
}
