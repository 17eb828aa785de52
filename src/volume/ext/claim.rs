//! What a block is that no file holds.

use super::Ext;
use super::journal::Journal;
use super::superblock::incompat;
use crate::volume::field::u8_at;
use crate::volume::{Claim, ReadAt};

/// A structure of the file system: first block, number of blocks, what it is.
#[derive(Debug)]
pub(super) struct Structure {
    start: u64,
    count: u64,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Superblock,
    Descriptors,
    BlockBitmap(u64),
    InodeBitmap(u64),
    /// With the number of its first inode.
    InodeTable(u64),
}

impl Ext {
    pub(super) fn claim_of(&self, at: u64) -> Claim {
        let fs = &self.fs;
        let Some(block) = at
            .checked_div(fs.block_size)
            .filter(|block| *block < fs.blocks)
        else {
            return Claim::Beyond;
        };
        let structures = self.structures.get_or_init(|| self.structures());
        let after = structures.partition_point(|structure| structure.start <= block);
        let before = structures.get(..after).unwrap_or(&[]);
        // Tables of a damaged file system may overlap; a few of the nearest are enough.
        let holds = |structure: &&Structure| {
            block
                .checked_sub(structure.start)
                .is_some_and(|within| within < structure.count)
        };
        if let Some(structure) = before.iter().rev().take(4).find(holds) {
            return Claim::Metadata(self.describe(structure, at));
        }
        let journal = self.journal.get_or_init(|| Journal::of(self));
        if let Some(home) = journal.lookup(self, block) {
            let within = at.checked_rem(fs.block_size).unwrap_or(0);
            let of = home.and_then(|home| home.checked_mul(fs.block_size)?.checked_add(within));
            return Claim::Journal { of };
        }
        if block < fs.first_data_block {
            return Claim::Metadata("boot code".to_owned());
        }
        match self.is_allocated(block) {
            Some(false) => Claim::Unallocated,
            _ => Claim::Unclaimed,
        }
    }

    fn describe(&self, structure: &Structure, at: u64) -> String {
        match structure.what {
            What::Superblock if at < 1024 => "boot code".to_owned(),
            What::Superblock => "superblock".to_owned(),
            What::Descriptors => "group descriptors".to_owned(),
            What::BlockBitmap(group) => format!("block bitmap of group {group}"),
            What::InodeBitmap(group) => format!("inode bitmap of group {group}"),
            What::InodeTable(first) => {
                let start = structure.start.saturating_mul(self.fs.block_size);
                let within = at.saturating_sub(start);
                let index = within.checked_div(self.fs.inode_size).unwrap_or(0);
                format!("inode {}", first.saturating_add(index))
            }
        }
    }

    /// Where the structures lie that every group has, sorted.
    fn structures(&self) -> Vec<Structure> {
        let fs = &self.fs;
        let mut all = Vec::new();
        let mut add = |start, count, what| all.push(Structure { start, count, what });
        let blocks_of = |bytes: u64| bytes.div_ceil(fs.block_size.max(1));
        let descriptors = fs.groups.saturating_mul(fs.descriptor_size);
        // With meta groups the table before them ends, and so does its reserve.
        let table = if fs.has(incompat::META_BG) {
            fs.first_meta_group
        } else {
            blocks_of(descriptors).saturating_add(fs.reserved_descriptors)
        };
        let table_bytes = blocks_of(fs.inodes_per_group.saturating_mul(fs.inode_size));
        for (number, group) in (0_u64..).zip(&self.groups) {
            let first = fs.start_of(number);
            let has_copy = fs.has_copy(number);
            if has_copy {
                add(first, 1, What::Superblock);
                add(first.saturating_add(1), table, What::Descriptors);
            }
            let per_block = fs.block_size.checked_div(fs.descriptor_size).unwrap_or(0);
            let meta = number.checked_div(per_block).unwrap_or(0);
            // The first, second and last group of a meta group carry its one descriptor block.
            let place = number.checked_rem(per_block).unwrap_or(0);
            let carries = place < 2 || place.saturating_add(1) == per_block;
            if fs.has(incompat::META_BG) && meta >= fs.first_meta_group && carries {
                let at = first.saturating_add(u64::from(has_copy));
                add(at, 1, What::Descriptors);
            }
            if let Some(group) = group {
                let inode = number.saturating_mul(fs.inodes_per_group).saturating_add(1);
                add(group.block_bitmap, 1, What::BlockBitmap(number));
                add(group.inode_bitmap, 1, What::InodeBitmap(number));
                add(group.inode_table, table_bytes, What::InodeTable(inode));
            }
        }
        all.sort_by_key(|structure| structure.start);
        all
    }

    /// What the bitmap says of a block; `None` if it cannot be read.
    fn is_allocated(&self, block: u64) -> Option<bool> {
        let fs = &self.fs;
        let index = block.checked_sub(fs.first_data_block)?;
        let number = index.checked_div(fs.blocks_per_group)?;
        let group = self.groups.get(usize::try_from(number).ok()?)?.as_ref()?;
        if !group.has_bitmap {
            // Its structures were ruled out already.
            return Some(false);
        }
        let bit = index
            .checked_rem(fs.blocks_per_group)?
            .checked_div(fs.cluster)?;
        let at = group
            .block_bitmap
            .checked_mul(fs.block_size)?
            .checked_add(bit / 8)?;
        let byte = u8_at(&self.part.read_vec(at, 1).ok()?, 0)?;
        Some(byte.checked_shr(u32::try_from(bit % 8).ok()?)? & 1 == 1)
    }
}
