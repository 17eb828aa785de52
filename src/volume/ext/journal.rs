//! The journal: which block each of its blocks is a copy of (kernel documentation, "ext4 Data
//! Structures and Algorithms", Journal (jbd2); all numbers are big-endian).

use std::sync::OnceLock;

use super::Ext;
use super::inode::Inode;
use crate::volume::RunKind;
use crate::volume::budget::Budget;
use crate::volume::field::{be_u16, be_u32, joined};

const MAGIC: u32 = 0xc03b_3998;
/// Block types.
const DESCRIPTOR: u32 = 1;
const SUPERBLOCKS: [u32; 2] = [3, 4];
/// Features of the journal that change its tags.
const BITS_64: u32 = 0x2;
const CHECKSUM_V2: u32 = 0x8;
const CHECKSUM_V3: u32 = 0x10;
/// Flags of a tag.
const SAME_UUID: u32 = 2;
const LAST: u32 = 8;
/// Size of the header of every journal block that is not a copy.
const HEADER: usize = 12;

/// Where the journal lies and what is in it.
#[derive(Debug)]
pub(super) struct Journal {
    /// In the order of the disk.
    by_disk: Vec<Stretch>,
    /// In the order of the journal.
    by_place: Vec<Stretch>,
    /// For each block of the journal, the disk block it is a copy of. Read when first asked for: a
    /// journal can be a gigabyte long.
    homes: OnceLock<Vec<Option<u64>>>,
}

/// Neighbouring blocks of the journal.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    disk: u64,
    place: u64,
    count: u64,
}

impl Journal {
    /// Finds out where the journal lies.
    pub(super) fn of(ext: &Ext) -> Self {
        let inode = ext.inode(ext.fs.journal).filter(|_| ext.fs.journal != 0);
        let mut by_place = inode.map_or(Vec::new(), |inode| stretches(ext, &inode));
        by_place.sort_by_key(|stretch| stretch.place);
        let mut by_disk = by_place.clone();
        by_disk.sort_by_key(|stretch| stretch.disk);
        Self {
            by_disk,
            by_place,
            homes: OnceLock::new(),
        }
    }

    /// Whether a disk block lies in the journal, and the block it is a copy of.
    pub(super) fn lookup(&self, ext: &Ext, block: u64) -> Option<Option<u64>> {
        let after = self
            .by_disk
            .partition_point(|stretch| stretch.disk <= block);
        let stretch = self.by_disk.get(after.checked_sub(1)?)?;
        let within = block.checked_sub(stretch.disk)?;
        if within >= stretch.count {
            return None;
        }
        let homes = self.homes.get_or_init(|| {
            self.homes(ext).unwrap_or_else(|| {
                ext.warnings.add(format!(
                    "the journal (inode {}) is damaged: it is not known what its blocks are \
                     copies of",
                    ext.fs.journal
                ));
                Vec::new()
            })
        });
        let place = usize::try_from(stretch.place.checked_add(within)?).ok()?;
        Some(homes.get(place).copied().flatten())
    }

    /// Reads the block at a place in the journal.
    fn block(&self, ext: &Ext, place: u64) -> Option<Vec<u8>> {
        let after = self
            .by_place
            .partition_point(|stretch| stretch.place <= place);
        let stretch = self.by_place.get(after.checked_sub(1)?)?;
        let within = place.checked_sub(stretch.place)?;
        let block = stretch.disk.checked_add(within)?;
        (within < stretch.count).then(|| ext.block(block))?
    }

    fn homes(&self, ext: &Ext) -> Option<Vec<Option<u64>>> {
        let head = self.block(ext, 0)?;
        let kind = be_u32(&head, 4)?;
        let sized = be_u32(&head, 12).map(u64::from) == Some(ext.fs.block_size);
        if be_u32(&head, 0)? != MAGIC || !SUPERBLOCKS.contains(&kind) || !sized {
            return None;
        }
        let blocks = self
            .by_place
            .iter()
            .fold(0_u64, |sum, stretch| sum.saturating_add(stretch.count));
        let len = u64::from(be_u32(&head, 16)?).min(blocks);
        let first = u64::from(be_u32(&head, 20)?).max(1);
        let features = if kind == 4 { be_u32(&head, 40)? } else { 0 };
        let mut homes = vec![None; usize::try_from(len).ok()?];
        // The sequence number of the transaction that a block was last seen in: the log is a ring,
        // and an old descriptor may have lost its blocks to a newer transaction.
        let mut newest = vec![0_u32; homes.len()];
        let mut own = Vec::new();
        for place in first..len {
            let Some(block) = self.block(ext, place) else {
                continue;
            };
            if be_u32(&block, 0) != Some(MAGIC) {
                continue;
            }
            own.push(place);
            let (kind, sequence) = (be_u32(&block, 4)?, be_u32(&block, 8)?);
            if kind != DESCRIPTOR {
                continue;
            }
            let mut copy = place;
            for home in tags(&block, features) {
                copy = copy
                    .checked_add(1)
                    .filter(|next| *next < len)
                    .unwrap_or(first);
                let at = usize::try_from(copy).ok()?;
                if let (Some(slot), Some(seen)) = (homes.get_mut(at), newest.get_mut(at))
                    && sequence >= *seen
                    && home < ext.fs.blocks
                {
                    *slot = Some(home);
                    *seen = sequence;
                }
            }
        }
        // A block with a header is no copy: copies that begin like one are changed to be told apart.
        for place in own {
            if let Some(slot) = homes.get_mut(usize::try_from(place).ok()?) {
                *slot = None;
            }
        }
        Some(homes)
    }
}

/// Where the journal's blocks lie.
fn stretches(ext: &Ext, inode: &Inode<'_>) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    let size = ext.fs.block_size;
    ext.map(inode, &mut Budget::of_blocks(ext.fs.blocks), &mut |run| {
        if run.kind == RunKind::Plain {
            let number = |bytes: u64| bytes.checked_div(size).unwrap_or(0);
            stretches.push(Stretch {
                disk: number(run.start),
                place: number(run.file_offset),
                count: number(run.len),
            });
        }
    });
    stretches
}

/// The disk blocks that a descriptor block lists.
fn tags(block: &[u8], features: u32) -> Vec<u64> {
    let wide = features & BITS_64 != 0;
    let v3 = features & CHECKSUM_V3 != 0;
    let len = match (v3, features & CHECKSUM_V2 != 0, wide) {
        (true, ..) => 16,
        (_, true, true) => 14,
        (_, true, false) => 10,
        (_, _, true) => 12,
        _ => 8,
    };
    let mut homes = Vec::new();
    let mut at = HEADER;
    loop {
        let tag = block.get(at..).unwrap_or(&[]);
        let flags = if v3 {
            be_u32(tag, 4)
        } else {
            be_u16(tag, 6).map(u32::from)
        };
        let (Some(low), Some(flags)) = (be_u32(tag, 0), flags) else {
            return homes;
        };
        let high = if wide { be_u32(tag, 8).unwrap_or(0) } else { 0 };
        homes.push(joined(high, low));
        if flags & LAST != 0 {
            return homes;
        }
        // The first tag is followed by the file system's UUID.
        let uuid = if flags & SAME_UUID == 0 { 16 } else { 0 };
        at = at.saturating_add(len).saturating_add(uuid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_in_all_their_forms() {
        let forms: [(u32, &[usize]); 3] =
            [(0, &[8]), (BITS_64, &[12]), (BITS_64 | CHECKSUM_V3, &[16])];
        for (features, lens) in forms {
            let mut block = vec![0; 1024];
            let mut at = HEADER;
            for (number, flags) in [(7_u32, 0_u32), (9, SAME_UUID), (11, SAME_UUID | LAST)] {
                block[at..at + 4].copy_from_slice(&number.to_be_bytes());
                let flags = flags.to_be_bytes();
                if features & CHECKSUM_V3 == 0 {
                    block[at + 6..at + 8].copy_from_slice(&flags[2..]);
                } else {
                    block[at + 4..at + 8].copy_from_slice(&flags);
                }
                at += lens[0] + if number == 7 { 16 } else { 0 };
            }
            assert_eq!(tags(&block, features), [7, 9, 11]);
        }
        assert!(tags(&vec![0; 1024], 0).len() < 1024);
    }
}
