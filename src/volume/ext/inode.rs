//! Inodes, one by one and all in a row.

use std::borrow::Cow;

use super::Ext;
use super::superblock::Superblock;
use crate::volume::crc::crc32c;
use crate::volume::field::{joined, le_u16, le_u32};
use crate::volume::file_system::NodeKind;
use crate::volume::{Node, NodeId, ReadAt};

/// How much of a table is read at once: enough to make the reads sequential, little enough to stay
/// in the cache.
const PIECE: u64 = 256 << 10;

pub(super) const ROOT: u64 = 2;
/// Keeps the blocks that the descriptor table may grow into.
pub(super) const RESIZE: u64 = 7;

/// Positions of the two halves of the checksum.
const LOW_SUM: usize = 124;
const HIGH_SUM: usize = 130;

const EXTENTS: u32 = 0x8_0000;
const INLINE: u32 = 0x1000_0000;
const INDEXED: u32 = 0x1000;
const ENCRYPTED: u32 = 0x800;

/// An inode that is or was in use. A sweep sees millions of them, so they are looked at where they
/// were read.
#[derive(Clone, Debug)]
pub(super) struct Inode<'r> {
    pub(super) number: u64,
    /// Where it lies on the volume.
    pub(super) at: u64,
    pub(super) raw: Cow<'r, [u8]>,
    pub(super) size: u64,
    pub(super) deleted: bool,
    mode: u16,
    flags: u32,
}

impl<'r> Inode<'r> {
    /// `None` if it was never in use.
    pub(super) fn parse(raw: impl Into<Cow<'r, [u8]>>, number: u64, at: u64) -> Option<Self> {
        let raw = raw.into();
        let mode = le_u16(&raw, 0)?;
        if mode == 0 {
            return None;
        }
        let links = le_u16(&raw, 26)?;
        Some(Self {
            number,
            at,
            size: joined(le_u32(&raw, 108)?, le_u32(&raw, 4)?),
            deleted: links == 0,
            mode,
            flags: le_u32(&raw, 32)?,
            raw,
        })
        .map(|mut inode| {
            // Only files have the upper half; older directories keep something else there.
            if inode.kind() != NodeKind::File && inode.kind() != NodeKind::Directory {
                inode.size &= 0xffff_ffff;
            }
            inode
        })
    }

    pub(super) fn id(&self) -> NodeId {
        NodeId(self.number)
    }

    pub(super) fn kind(&self) -> NodeKind {
        match self.mode & 0xf000 {
            0x8000 => NodeKind::File,
            0x4000 => NodeKind::Directory,
            0xa000 => NodeKind::Link,
            _ => NodeKind::Other,
        }
    }

    pub(super) fn is_directory(&self) -> bool {
        self.kind() == NodeKind::Directory
    }

    /// Whether its map is a tree of extents.
    pub(super) fn has_extents(&self) -> bool {
        self.flags & EXTENTS != 0
    }

    /// Whether its content lies in the inode itself.
    pub(super) fn is_inline(&self) -> bool {
        self.flags & INLINE != 0
    }

    /// Whether its directory has an index.
    pub(super) fn is_indexed(&self) -> bool {
        self.flags & INDEXED != 0
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.flags & ENCRYPTED != 0
    }

    /// `i_block`: block numbers, the root of an extent tree, or content.
    pub(super) fn block_area(&self) -> &[u8] {
        self.raw.get(40..100).unwrap_or(&[])
    }

    /// Whether it is a link short enough to keep its target in place of its block numbers.
    pub(super) fn is_short_link(&self) -> bool {
        self.kind() == NodeKind::Link && self.size < 60 && !self.has_extents() && !self.is_inline()
    }

    /// Number of the block with its extended attributes, if it has one.
    pub(super) fn attribute_block(&self) -> Option<u64> {
        let high = le_u16(&self.raw, 118)?;
        let block = joined(u32::from(high), le_u32(&self.raw, 104)?);
        (block != 0).then_some(block)
    }

    /// Start value of the checksums of its extent blocks.
    pub(super) fn seed(&self, seed: u32) -> Option<u32> {
        let number = u32::try_from(self.number).ok()?;
        let seed = crc32c(seed, &number.to_le_bytes());
        Some(crc32c(seed, self.raw.get(100..104)?))
    }

    /// Whether it fits its checksum, if the file system has them.
    pub(super) fn is_sound(&self, fs: &Superblock) -> bool {
        self.checksum(fs)
            .is_none_or(|(noted, found)| noted == found)
    }

    fn checksum(&self, fs: &Superblock) -> Option<(u32, u32)> {
        let seed = self.seed(fs.seed?)?;
        let raw = &*self.raw;
        let low = le_u16(raw, LOW_SUM)?;
        // The sum's own two halves count as zero. The upper one exists only where the inode is long
        // enough and says that it is.
        let sum = crc32c(crc32c(seed, raw.get(..LOW_SUM)?), &[0; 2]);
        let wide = raw.len() > 128 && le_u16(raw, 128)? >= 4;
        if !wide {
            let sum = crc32c(sum, raw.get(LOW_SUM + 2..)?);
            return Some((u32::from(low), sum & 0xffff));
        }
        let high = le_u16(raw, HIGH_SUM)?;
        let sum = crc32c(crc32c(sum, raw.get(LOW_SUM + 2..HIGH_SUM)?), &[0; 2]);
        let sum = crc32c(sum, raw.get(HIGH_SUM + 2..)?);
        Some((u32::from(high) << 16 | u32::from(low), sum))
    }

    pub(super) fn node(&self) -> Option<Node> {
        let raw = &*self.raw;
        let id =
            |low, high| Some(u32::from(le_u16(raw, high)?) << 16 | u32::from(le_u16(raw, low)?));
        Some(Node {
            size: self.size,
            kind: self.kind(),
            owner: Some((id(2, 120)?, id(24, 122)?)),
            mode: Some(self.mode & 0xfff),
            modified: self.modified(),
            deleted: self.deleted,
        })
    }

    fn modified(&self) -> Option<(i64, u32)> {
        let seconds = i64::from(le_u32(&self.raw, 16)?.cast_signed());
        let has_extra = le_u16(&self.raw, 128).is_some_and(|extra| extra >= 12);
        let extra = has_extra.then(|| le_u32(&self.raw, 136)).flatten();
        let extra = extra.unwrap_or(0);
        // Two more bits of seconds, then nanoseconds.
        let epoch = i64::from(extra & 3) << 32;
        Some((seconds.checked_add(epoch)?, extra >> 2))
    }
}

impl Ext {
    /// Visits every inode that is or was in use, in disk order within each group.
    pub(super) fn inodes(&self, visit: &mut dyn FnMut(Inode<'_>)) {
        // Tables of a sound file system do not overlap, so they are no longer than the volume.
        let mut left = self.part.len();
        for (number, group) in (0_u64..).zip(&self.groups) {
            let Some(group) = group else {
                continue;
            };
            let first = number.saturating_mul(self.fs.inodes_per_group);
            let count = group.inodes.min(self.fs.inodes.saturating_sub(first));
            let len = count.saturating_mul(self.fs.inode_size);
            let Some(rest) = left.checked_sub(len) else {
                self.warnings
                    .add("the inode tables overlap: not all files are known");
                return;
            };
            left = rest;
            let start = group.inode_table.saturating_mul(self.fs.block_size);
            self.table(start, len, first.saturating_add(1), visit);
        }
    }

    /// Visits the inodes of one table; `first` is the number of its first one.
    fn table(&self, start: u64, len: u64, first: u64, visit: &mut dyn FnMut(Inode<'_>)) {
        let mut number = first;
        let mut done = 0;
        let size = usize::try_from(self.fs.inode_size).unwrap_or(128);
        let mut buf = Vec::new();
        while done < len {
            let at = start.saturating_add(done);
            let take = PIECE.min(len.saturating_sub(done));
            self.read_or_zero(at, take, &mut buf);
            for (raw, at) in buf.chunks_exact(size).zip((at..).step_by(size)) {
                if let Some(inode) = Inode::parse(raw, number, at) {
                    visit(inode);
                }
                number = number.saturating_add(1);
            }
            done = done.saturating_add(take);
        }
    }

    /// Reads a piece of an inode table block by block if it cannot be read whole; what cannot be
    /// read is zeros, which are no inodes.
    fn read_or_zero(&self, at: u64, len: u64, buf: &mut Vec<u8>) {
        buf.clear();
        buf.resize(usize::try_from(len).unwrap_or(0), 0);
        let Err(fault) = self.part.read_at(at, buf) else {
            return;
        };
        self.warnings
            .add(format!("an inode table cannot be read: {fault}"));
        let step = usize::try_from(self.fs.block_size).unwrap_or(1024);
        for (block, at) in buf.chunks_mut(step).zip((at..).step_by(step)) {
            if self.part.read_at(at, block).is_err() {
                block.fill(0);
            }
        }
    }

    /// The inode of this number, if it is or was in use.
    pub(super) fn inode(&self, number: u64) -> Option<Inode<'static>> {
        let at = self.inode_at(number)?;
        let len = usize::try_from(self.fs.inode_size).ok()?;
        Inode::parse(self.part.read_vec(at, len).ok()?, number, at)
    }

    fn inode_at(&self, number: u64) -> Option<u64> {
        let index = number.checked_sub(1)?;
        if index >= self.fs.inodes {
            return None;
        }
        let group = usize::try_from(index.checked_div(self.fs.inodes_per_group)?).ok()?;
        let table = self.groups.get(group)?.as_ref()?.inode_table;
        let within = index.checked_rem(self.fs.inodes_per_group)?;
        let start = table.checked_mul(self.fs.block_size)?;
        start.checked_add(within.checked_mul(self.fs.inode_size)?)
    }
}
