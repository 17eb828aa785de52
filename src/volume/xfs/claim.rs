//! What a block is that no file holds.

use std::ops::Range;

use super::Xfs;
use super::group::{Chunk, chunk_of};
use super::inode::Inode;
use crate::volume::budget::Budget;
use crate::volume::field::{be_u32, be_u64};
use crate::volume::{Claim, ReadAt, RunKind};

/// A block that no file's map leads to and that says itself what it is.
struct Marked {
    /// Its mark without and with checksums.
    marks: [&'static [u8]; 2],
    /// Where the newer kind says where on the volume it lies, in units of 512 bytes.
    place: usize,
    what: &'static str,
}

const fn marked(
    old: &'static [u8],
    new: &'static [u8],
    place: usize,
    what: &'static str,
) -> Marked {
    let marks = [old, new];
    Marked { marks, place, what }
}

const MARKED: &[Marked] = &[
    marked(b"ABTB", b"AB3B", 16, "free space tree by place"),
    marked(b"ABTC", b"AB3C", 16, "free space tree by length"),
    marked(b"IABT", b"IAB3", 16, "inode tree"),
    marked(b"FIBT", b"FIB3", 16, "free inode tree"),
    marked(b"RMB3", b"RMB3", 16, "owner tree"),
    marked(b"R3FC", b"R3FC", 16, "tree of shared blocks"),
    // Their content is a file's; only the header is left to be claimed.
    marked(b"XARM", b"XARM", 40, "header of an attribute value"),
    marked(b"XSLM", b"XSLM", 40, "header of a symbolic link"),
];

/// Where the file system's own tables lie that are kept like files.
pub(super) type Tables = Vec<(Range<u64>, &'static str)>;

impl Xfs {
    pub(super) fn claim_of(&self, at: u64) -> Claim {
        let Some((number, block)) = self.fs.locate(at) else {
            return Claim::Beyond;
        };
        let metadata = |what: String| Claim::Metadata(what);
        let start = number.saturating_mul(self.fs.group_bytes());
        let sector = at.saturating_sub(start).checked_div(self.fs.sector_size);
        match sector {
            Some(0) => return metadata(format!("superblock of group {number}")),
            Some(1) => return metadata(format!("header of the free space of group {number}")),
            Some(2) => return metadata(format!("header of the inodes of group {number}")),
            Some(3) => return metadata(format!("reserve of free blocks of group {number}")),
            // The blocks of the headers hold nothing else.
            Some(4..) if block < self.fs.header_blocks() => {
                return metadata(format!("behind the headers of group {number}"));
            }
            _ => {}
        }
        if self.log().contains(&at) {
            return Claim::Journal { of: None };
        }
        let group = usize::try_from(number).ok();
        let Some(group) = group.and_then(|group| self.groups.get(group)) else {
            return Claim::Unclaimed;
        };
        let inode = at
            .saturating_sub(start)
            .checked_div(self.fs.inode_size)
            .unwrap_or(0);
        let is_free = self.is_free(group, block) == Some(true);
        let chunk = chunk_of(self.chunks(group), inode);
        // A free inode in a free block is one of a chunk that was given back.
        let is_given_back =
            |chunk: &&Chunk| is_free && Chunk::bit(chunk.free, inode.saturating_sub(chunk.first));
        if chunk.is_some_and(|chunk| !is_given_back(&chunk)) {
            let inode = self.fs.inode_number(number, inode);
            return metadata(format!("inode {inode}"));
        }
        if is_free || self.is_reserved(number, block) {
            return Claim::Unallocated;
        }
        if let Some(what) = self.marked(at) {
            return metadata(what.to_owned());
        }
        let tables = self.tables.get_or_init(|| self.find_tables());
        let table = tables.iter().find(|(range, _)| range.contains(&at));
        match table {
            Some((_, what)) => metadata((*what).to_owned()),
            None => Claim::Unclaimed,
        }
    }

    /// Where the internal log lies; empty if there is none.
    pub(super) fn log(&self) -> Range<u64> {
        let fs = &self.fs;
        let start = fs.position(fs.log_start, fs.log_blocks);
        match start.filter(|_| fs.log_start != 0) {
            Some(start) => {
                let len = fs.log_blocks.saturating_mul(fs.block_size);
                start..start.saturating_add(len)
            }
            None => 0..0,
        }
    }

    /// Whether a group keeps this block back for its own trees: in no use, but not free for others.
    fn is_reserved(&self, group: u64, block: u64) -> bool {
        let fs = &self.fs;
        let listed = || {
            let start = fs.at(group, 0, 1)?;
            let sector = usize::try_from(fs.sector_size).ok()?;
            let header = self
                .part
                .read_vec(start.checked_add(fs.sector_size)?, sector)
                .ok()?;
            let list_at = start.checked_add(fs.sector_size.checked_mul(3)?)?;
            let list = self.part.read_vec(list_at, sector).ok()?;
            let slots = list.get(if fs.has_checksums { 36 } else { 0 }..)?;
            let slots = slots.as_chunks::<4>().0;
            let first = usize::try_from(be_u32(&header, 40)?).ok()?;
            let count = usize::try_from(be_u32(&header, 48)?).ok()?;
            // The list goes round.
            let mut used = slots
                .iter()
                .cycle()
                .skip(first)
                .take(count.min(slots.len()));
            let number = u32::try_from(block).ok()?.to_be_bytes();
            (first < slots.len() && used.any(|slot| *slot == number)).then_some(())
        };
        listed().is_some()
    }

    /// What the block's own mark says that it is.
    fn marked(&self, at: u64) -> Option<&'static str> {
        let start = at.checked_sub(at.checked_rem(self.fs.block_size)?)?;
        let head = self.part.read_vec(start, 64).ok()?;
        let known = MARKED.iter().find(|known| {
            let [old, new] = known.marks;
            head.starts_with(if self.fs.has_checksums { new } else { old })
        })?;
        let sectors = start.checked_div(512)?;
        let own = be_u64(&head, known.place) == Some(sectors);
        (own || !self.fs.has_checksums).then_some(known.what)
    }

    fn find_tables(&self) -> Tables {
        let mut tables = Tables::new();
        let mut budget = Budget::of_blocks(self.fs.blocks);
        for (number, what) in &self.fs.internal {
            let Some(inode) = self.inode(*number) else {
                continue;
            };
            self.map(&inode, &mut budget, &mut |run| {
                if run.kind != RunKind::Resident {
                    tables.push((run.start..run.end(), what));
                }
            });
        }
        tables
    }

    /// Whether what the inode holds is the file system's own and no file.
    pub(super) fn is_internal(&self, inode: &Inode) -> bool {
        let mut internal = self.fs.internal.iter();
        internal.any(|(number, _)| *number == inode.number)
    }
}
