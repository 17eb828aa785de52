//! Inodes of deleted files in space that was given back. When none of a chunk's inodes is in use
//! any more, Linux frees its blocks (`xfs_difree_inobt`, unless mounted with `ikeep`) and drops what
//! it had not yet written of them (`xfs_ifree_cluster`). So they lie in free space, in no tree, and
//! often as they were before the deletion: with type, length and extents.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Xfs;
use super::group::{CHUNK, Chunk, Group, chunk_of};
use super::superblock::incompat;
use crate::volume::ReadAt;
use crate::volume::field::{be_u32, be_u64, u8_at};

/// Most free places of a file system that are looked at, in equal shares for its groups. Chunks
/// begin at every eighth block or so: these are 32 to 64 GiB of free space.
const PLACES: u64 = 1 << 21;

/// Chunks that no tree lists, by their first inodes.
#[derive(Default)]
pub(super) struct Found(BTreeMap<u64, Chunk>);

impl Found {
    /// Takes the inodes of a block. `free`: they are those of deleted files, whatever they say of
    /// themselves.
    pub(super) fn add(&mut self, inodes: Range<u64>, free: bool) {
        for inode in inodes {
            let first = start_of(inode);
            let chunk = self.0.entry(first).or_insert(Chunk {
                first,
                free: 0,
                present: 0,
            });
            let bit = Chunk::mask(inode.saturating_sub(first));
            chunk.present |= bit;
            if free {
                chunk.free |= bit;
            }
        }
    }

    /// Puts them between those of the tree. Where both speak of an inode, the tree is right.
    pub(super) fn merge(mut self, chunks: &mut Vec<Chunk>) {
        for chunk in self.0.values_mut() {
            for index in 0..CHUNK {
                if chunk_of(chunks, chunk.first.saturating_add(index)).is_some() {
                    chunk.present &= !Chunk::mask(index);
                }
            }
        }
        chunks.extend(self.0.into_values().filter(|chunk| chunk.present != 0));
        chunks.sort_by_key(|chunk| chunk.first);
    }
}

impl Xfs {
    /// Looks for inodes in the free space of a group.
    pub(super) fn freed(&self, group: &Group, chunks: &mut Vec<Chunk>) {
        let Some(tree) = group.free_space else {
            return;
        };
        let blocks = self.fs.blocks_of(group.number);
        let step = self.step();
        let mut left = PLACES.checked_div(self.fs.groups).unwrap_or(0);
        let mut found = Found::default();
        let mut is_cut = false;
        self.walk(tree, &mut |record| {
            let field = |at| be_u32(record, at).map(u64::from);
            let (Some(start), Some(count)) = (field(0), field(4)) else {
                return;
            };
            let end = start.saturating_add(count).min(blocks);
            let first = start.checked_next_multiple_of(step);
            let mut next = first.filter(|first| *first < end);
            while let Some(block) = next {
                let Some(rest) = left.checked_sub(1) else {
                    is_cut = true;
                    return;
                };
                left = rest;
                if self.holds_inodes(group.number, block) {
                    self.chunk_at(group, block, &(start..end), &mut found);
                }
                next = block.checked_add(step).filter(|block| *block < end);
            }
        });
        if is_cut {
            self.warnings.add(format!(
                "allocation group {} has more free space than is searched for inodes of deleted \
                 files: of some of them names and places are not known",
                group.number
            ));
        }
        found.merge(chunks);
    }

    /// Takes what is left of the chunk, or chunks, that a free block belongs to.
    fn chunk_at(&self, group: &Group, block: u64, free: &Range<u64>, found: &mut Found) {
        let per_block = self.fs.inodes_per_block();
        let inode = start_of(block.saturating_mul(per_block));
        let first = inode.checked_div(per_block).unwrap_or(0);
        let count = CHUNK.div_ceil(per_block.max(1));
        for block in first.max(free.start)..first.saturating_add(count).min(free.end) {
            if self.holds_inodes(group.number, block) {
                let inode = block.saturating_mul(per_block);
                found.add(inode..inode.saturating_add(per_block), true);
            }
        }
    }

    /// How many blocks apart chunks of inodes may begin, or what is there of a sparse one.
    fn step(&self) -> u64 {
        let fs = &self.fs;
        let sparse = fs.has(incompat::SPARSE_INODES) && fs.sparse_alignment > 0;
        let step = match sparse {
            true => fs.sparse_alignment.min(fs.inode_alignment),
            false => fs.inode_alignment,
        };
        step.max(1)
    }

    /// Whether a block begins with an inode that is at home there. Without checksums inodes do not
    /// say where they are at home: then all of them must look like some.
    pub(super) fn holds_inodes(&self, group: u64, block: u64) -> bool {
        let look = || {
            let at = self.fs.at(group, block, 1)?;
            let head = self.part.read_vec(at, 6).ok()?;
            if !is_inode(&head) {
                return Some(false);
            }
            if !self.fs.has_checksums {
                let bytes = self.block_at(at)?;
                let size = usize::try_from(self.fs.inode_size).ok()?;
                return Some(bytes.chunks(size).all(is_inode));
            }
            let own = self.part.read_vec(at.checked_add(152)?, 24).ok()?;
            let within = block.checked_mul(self.fs.inodes_per_block())?;
            let number = self.fs.inode_number(group, within);
            Some(be_u64(&own, 0)? == number && own.get(8..24)? == self.fs.uuid)
        };
        look().unwrap_or(false)
    }
}

/// The first inode of the chunk that would hold this one.
fn start_of(inode: u64) -> u64 {
    inode & !(CHUNK.saturating_sub(1))
}

/// Whether it has the mark and a version that there is.
fn is_inode(bytes: &[u8]) -> bool {
    bytes.starts_with(b"IN") && matches!(u8_at(bytes, 4), Some(1..=3))
}
