//! Allocation groups: each keeps its own inodes and its own free space ("XFS Filesystem
//! Structure", chapter Allocation Groups).

use super::Xfs;
use super::freed::Found;
use super::superblock::{Superblock, incompat};
use super::tree::{Kind, Tree};
use crate::volume::field::{be_u16, be_u32, be_u64};
use crate::volume::{Part, ReadAt, Warnings};

/// Inodes of a chunk.
pub(super) const CHUNK: u64 = 64;

/// What the headers of a group say; `None` for a header that is lost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) number: u64,
    pub(super) free_space: Option<Tree>,
    pub(super) inodes: Option<Tree>,
}

/// Sixty-four inodes in a row, one bit for each, the first in the lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Number of its first inode in the group.
    pub(super) first: u64,
    /// Those that are free.
    pub(super) free: u64,
    /// Those that exist.
    pub(super) present: u64,
}

impl Chunk {
    fn parse(record: &[u8], sparse: bool) -> Option<Self> {
        let first = u64::from(be_u32(record, 0)?);
        let holes = if sparse { be_u16(record, 4)? } else { 0 };
        // Each bit stands for four inodes.
        let present = (0..16_u32)
            .filter(|bit| holes.checked_shr(*bit).unwrap_or(0) & 1 == 0)
            .fold(0, |present, bit| {
                present | 0xf_u64.checked_shl(bit.saturating_mul(4)).unwrap_or(0)
            });
        Some(Self {
            first,
            free: be_u64(record, 8)?,
            present,
        })
    }

    /// The bit of the inode `index` of the chunk.
    pub(super) fn mask(index: u64) -> u64 {
        let index = u32::try_from(index).ok();
        index
            .and_then(|index| 1_u64.checked_shl(index))
            .unwrap_or(0)
    }

    /// Whether the inode `index` of the chunk is among those marked in `bits`.
    pub(super) fn bit(bits: u64, index: u64) -> bool {
        bits & Self::mask(index) != 0
    }
}

/// The groups that the volume is long enough for.
pub(super) fn groups(part: &Part, fs: &Superblock, warnings: &Warnings) -> Vec<Group> {
    let reached = part.len().checked_div(fs.group_bytes()).unwrap_or(0);
    // A truncated image has no groups behind its end, and a lying count no say in our memory.
    let count = fs.groups.min(reached.saturating_add(1));
    let group = |number| Group {
        number,
        free_space: header(part, fs, warnings, number, Kind::FreeSpace),
        inodes: header(part, fs, warnings, number, Kind::Inodes),
    };
    (0..count).map(group).collect()
}

/// Reads the header in the second or third sector of a group.
fn header(
    part: &Part,
    fs: &Superblock,
    warnings: &Warnings,
    number: u64,
    kind: Kind,
) -> Option<Tree> {
    let (sector, magic, root, checksum, what) = match kind {
        Kind::FreeSpace => (1, b"XAGF", (16, 28), 216, "free space"),
        Kind::Inodes => (2, b"XAGI", (20, 24), 312, "inodes"),
    };
    let start = fs.at(number, 0, 1)?;
    let at = start.checked_add(fs.sector_size.checked_mul(sector)?)?;
    let wrong = |found: &str| {
        warnings.add(format!(
            "the header of the {what} of allocation group {number} at {at:#x} {found}"
        ));
    };
    let raw = match part.read_vec(at, usize::try_from(fs.sector_size).ok()?) {
        Ok(raw) => raw,
        Err(fault) => {
            wrong(&format!("cannot be read: {fault}"));
            return None;
        }
    };
    if !raw.starts_with(magic) || be_u32(&raw, 8).map(u64::from) != Some(number) {
        wrong("is damaged: it has another mark or number");
        return None;
    }
    if fs.has_checksums && !super::crc::is_sound(&raw, checksum) {
        wrong("does not fit its checksum");
    }
    Some(Tree {
        group: number,
        root: be_u32(&raw, root.0)?,
        levels: be_u32(&raw, root.1)?,
        kind,
    })
}

impl Xfs {
    /// The inode chunks of a group, ascending.
    pub(super) fn chunks(&self, group: &Group) -> &[Chunk] {
        let all = self.chunks.get_or_init(|| {
            let groups = self.groups.iter();
            groups.map(|group| self.chunks_of(group)).collect()
        });
        let index = usize::try_from(group.number).ok();
        index
            .and_then(|index| all.get(index))
            .map_or(&[], Vec::as_slice)
    }

    fn chunks_of(&self, group: &Group) -> Vec<Chunk> {
        let sparse = self.fs.has(incompat::SPARSE_INODES);
        let limit = self
            .fs
            .blocks_of(group.number)
            .saturating_mul(self.fs.inodes_per_block());
        let mut chunks: Vec<Chunk> = Vec::new();
        let mut next = 0;
        let whole = group.inodes.is_some_and(|tree| {
            let mut fits = true;
            let whole = self.walk(tree, &mut |record| {
                match Chunk::parse(record, sparse) {
                    // Chunks do not overlap, so there are no more than the group has room for.
                    Some(chunk) if chunk.first >= next && chunk.first < limit => {
                        next = chunk.first.saturating_add(CHUNK);
                        chunks.push(chunk);
                    }
                    _ => fits = false,
                }
            });
            whole && fits
        });
        if !whole {
            self.warnings.add(format!(
                "the inode tree of allocation group {} is damaged: its inodes were searched for \
                 block by block",
                group.number
            ));
            self.search(group, &mut chunks);
        } else {
            self.freed(group, &mut chunks);
        }
        chunks
    }

    /// Looks for inodes in every block of a group that no known chunk holds.
    fn search(&self, group: &Group, chunks: &mut Vec<Chunk>) {
        let per_block = self.fs.inodes_per_block();
        let mut found = Found::default();
        for block in 0..self.fs.blocks_of(group.number) {
            let first = block.saturating_mul(per_block);
            if chunk_of(chunks, first).is_none() && self.holds_inodes(group.number, block) {
                let free = self.is_free(group, block) == Some(true);
                found.add(first..first.saturating_add(per_block), free);
            }
        }
        found.merge(chunks);
    }

    /// Whether a block is free; `None` if that cannot be told.
    pub(super) fn is_free(&self, group: &Group, block: u64) -> Option<bool> {
        let wanted = u32::try_from(block).ok()?;
        let record = self.floor(group.free_space?, wanted).ok()?;
        let Some(record) = record else {
            return Some(false);
        };
        let start = u64::from(be_u32(&record, 0)?);
        let count = u64::from(be_u32(&record, 4)?);
        Some(block.checked_sub(start)? < count)
    }
}

/// The chunk that holds this inode of its group.
pub(super) fn chunk_of(chunks: &[Chunk], inode: u64) -> Option<&Chunk> {
    let after = chunks.partition_point(|chunk| chunk.first <= inode);
    // Chunks that were searched for may lie between those of the tree without alignment.
    let near = chunks.get(after.saturating_sub(2)..after)?;
    near.iter().rev().find(|chunk| {
        let index = inode.saturating_sub(chunk.first);
        index < CHUNK && Chunk::bit(chunk.present, index)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparse_chunk_lacks_four_inodes_for_each_hole() {
        let mut record = [0_u8; 16];
        record[3] = 64;
        record[4..6].copy_from_slice(&0xfffe_u16.to_be_bytes());
        record[15] = 6;
        let chunk = Chunk::parse(&record, true).unwrap();
        assert_eq!((chunk.first, chunk.present, chunk.free), (64, 0xf, 6));
        let dense = Chunk::parse(&record, false).unwrap();
        assert_eq!(dense.present, u64::MAX);
        let chunks = [chunk];
        assert_eq!(chunk_of(&chunks, 67), Some(&chunk));
        assert_eq!(chunk_of(&chunks, 68), None);
        assert_eq!(chunk_of(&chunks, 63), None);
    }
}
