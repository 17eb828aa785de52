//! Inodes, one by one and all in a row ("XFS Filesystem Structure", chapter On-disk Inode).

use super::Xfs;
use super::group::{CHUNK, Chunk, Group, chunk_of};
use crate::volume::field::{be_u16, be_u32, be_u64, u8_at};
use crate::volume::file_system::NodeKind;
use crate::volume::{Node, NodeId, ReadAt};

const MAGIC: &[u8] = b"IN";
/// Where the forks begin, without and with the fields of version 3.
const LITERAL: usize = 100;
const LITERAL_3: usize = 176;
/// The content lies on the realtime device.
const REALTIME: u16 = 0x1;
/// Bits of `di_flags2`: times count nanoseconds, extents are counted in 64 bits.
const BIG_TIME: u64 = 0x8;
const MANY_EXTENTS: u64 = 0x10;
/// Where times begin that count nanoseconds: 2^31 seconds before 1970.
const BIG_TIME_EPOCH: i64 = 1 << 31;

/// How a fork keeps what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// The content itself.
    Local,
    /// A list of extents.
    Extents,
    /// The root of a tree of extents.
    Tree,
    /// A device number, or nothing.
    Other,
}

impl Format {
    fn of(number: u8) -> Self {
        match number {
            1 => Self::Local,
            2 => Self::Extents,
            3 => Self::Tree,
            _ => Self::Other,
        }
    }
}

/// One of the two forks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fork<'a> {
    pub(super) format: Format,
    /// Where it begins in the inode.
    pub(super) within: usize,
    pub(super) bytes: &'a [u8],
    /// Number of its extents.
    pub(super) extents: u64,
}

/// An inode that is or was in use.
#[derive(Clone, Debug)]
pub(super) struct Inode {
    pub(super) number: u64,
    /// Where it lies on the volume.
    pub(super) at: u64,
    pub(super) raw: Vec<u8>,
    pub(super) size: u64,
    pub(super) deleted: bool,
    mode: u16,
    version: u8,
    flags2: u64,
}

impl Inode {
    /// `None` if it was never in use, or is none. `free`: the group's inode tree says that it is.
    pub(super) fn parse(raw: &[u8], number: u64, at: u64, free: bool) -> Option<Self> {
        if !raw.starts_with(MAGIC) {
            return None;
        }
        let mode = be_u16(raw, 2)?;
        let version = u8_at(raw, 4)?;
        let links = match version {
            1 => u32::from(be_u16(raw, 6)?),
            _ => be_u32(raw, 16)?,
        };
        let found = Self {
            number,
            at,
            size: be_u64(raw, 56)?,
            deleted: free || mode == 0 || links == 0,
            mode,
            version,
            flags2: if version >= 3 { be_u64(raw, 120)? } else { 0 },
            raw: raw.to_owned(),
        };
        // Freeing clears type and size; the times stay.
        let times = raw.get(32..56)?;
        let used = mode != 0 || times.iter().any(|byte| *byte != 0);
        used.then_some(found)
    }

    pub(super) fn id(&self) -> NodeId {
        NodeId(self.number)
    }

    pub(super) fn kind(&self) -> NodeKind {
        match self.mode & 0xf000 {
            // A freed inode does not say; most were files.
            0 | 0x8000 => NodeKind::File,
            0x4000 => NodeKind::Directory,
            0xa000 => NodeKind::Link,
            _ => NodeKind::Other,
        }
    }

    pub(super) fn is_directory(&self) -> bool {
        self.kind() == NodeKind::Directory
    }

    /// Whether it was freed, so that no field says any more what its forks hold.
    pub(super) fn is_cleared(&self) -> bool {
        self.mode == 0
    }

    /// Whether its content lies on another device.
    pub(super) fn is_realtime(&self) -> bool {
        let flags = be_u16(&self.raw, 90).unwrap_or(0);
        self.kind() == NodeKind::File && !self.is_cleared() && flags & REALTIME != 0
    }

    fn literal(&self) -> usize {
        match self.version {
            3.. => LITERAL_3,
            _ => LITERAL,
        }
    }

    /// Where the fork of attributes begins, if there is one.
    fn attributes_at(&self) -> Option<usize> {
        let offset = usize::from(u8_at(&self.raw, 82)?);
        let at = self.literal().checked_add(offset.checked_mul(8)?)?;
        (offset != 0 && at < self.raw.len()).then_some(at)
    }

    /// The fork with the content.
    pub(super) fn data(&self) -> Fork<'_> {
        let within = self.literal();
        let end = self.attributes_at().unwrap_or(self.raw.len());
        let narrow = || be_u32(&self.raw, 76).map(u64::from);
        let wide = || be_u64(&self.raw, 24);
        let extents = if self.flags2 & MANY_EXTENTS != 0 {
            wide()
        } else {
            narrow()
        };
        Fork {
            format: Format::of(u8_at(&self.raw, 5).unwrap_or(0)),
            within,
            bytes: self.raw.get(within..end).unwrap_or(&[]),
            extents: extents.unwrap_or(0),
        }
    }

    /// The fork with extended attributes.
    pub(super) fn attributes(&self) -> Option<Fork<'_>> {
        let within = self.attributes_at()?;
        let extents = if self.flags2 & MANY_EXTENTS != 0 {
            u64::from(be_u32(&self.raw, 76)?)
        } else {
            u64::from(be_u16(&self.raw, 80)?)
        };
        Some(Fork {
            format: Format::of(u8_at(&self.raw, 83)?),
            within,
            bytes: self.raw.get(within..)?,
            extents,
        })
    }

    /// Whether it fits its checksum and says the number that it has, if inodes do.
    pub(super) fn is_sound(&self) -> bool {
        self.version < 3
            || be_u64(&self.raw, 152) == Some(self.number) && super::crc::is_sound(&self.raw, 100)
    }

    pub(super) fn node(&self) -> Option<Node> {
        let raw = &self.raw;
        Some(Node {
            size: self.size,
            kind: self.kind(),
            owner: Some((be_u32(raw, 8)?, be_u32(raw, 12)?)),
            mode: (!self.is_cleared()).then_some(self.mode & 0xfff),
            modified: self.modified(),
            deleted: self.deleted,
        })
    }

    fn modified(&self) -> Option<(i64, u32)> {
        if self.flags2 & BIG_TIME == 0 {
            let seconds = be_u32(&self.raw, 40)?.cast_signed();
            return Some((i64::from(seconds), be_u32(&self.raw, 44)?));
        }
        let time = be_u64(&self.raw, 40)?;
        let seconds = i64::try_from(time.checked_div(1_000_000_000)?).ok()?;
        let nanoseconds = u32::try_from(time.checked_rem(1_000_000_000)?).ok()?;
        Some((seconds.checked_sub(BIG_TIME_EPOCH)?, nanoseconds))
    }
}

/// What a sweep comes by, to be said once.
#[derive(Default)]
pub(super) struct Counts {
    /// Inodes that are in use and are none, or do not fit their checksums; the first of them.
    pub(super) unsound: u64,
    pub(super) first: Option<(u64, u64)>,
    pub(super) realtime: u64,
}

impl Counts {
    fn unsound(&mut self, number: u64, at: u64) {
        self.unsound = self.unsound.saturating_add(1);
        self.first.get_or_insert((number, at));
    }
}

impl Xfs {
    /// Visits every inode that is or was in use, in disk order.
    pub(super) fn inodes(&self, counts: &mut Counts, visit: &mut dyn FnMut(Inode)) {
        for group in &self.groups {
            for chunk in self.chunks(group) {
                self.chunk(group, chunk, counts, visit);
            }
        }
    }

    fn chunk(
        &self,
        group: &Group,
        chunk: &Chunk,
        counts: &mut Counts,
        visit: &mut dyn FnMut(Inode),
    ) {
        let per_block = self.fs.inodes_per_block();
        let last = chunk.first.saturating_add(CHUNK);
        let mut within = chunk.first;
        while within < last {
            // All of one block at once; a chunk need not begin where a block does.
            let block = within.checked_div(per_block).unwrap_or(0);
            let next = block.saturating_add(1).saturating_mul(per_block).min(last);
            let present = (within..next)
                .any(|inode| Chunk::bit(chunk.present, inode.saturating_sub(chunk.first)));
            if present {
                let bytes = self.fs.at(group.number, block, 1).and_then(|at| {
                    let bytes = self.block_at(at)?;
                    Some((at, bytes))
                });
                for inode in within..next {
                    let index = inode.saturating_sub(chunk.first);
                    if let Some((at, bytes)) = &bytes
                        && Chunk::bit(chunk.present, index)
                    {
                        let free = Chunk::bit(chunk.free, index);
                        let number = self.fs.inode_number(group.number, inode);
                        let skip = inode
                            .saturating_sub(block.saturating_mul(per_block))
                            .saturating_mul(self.fs.inode_size);
                        let place = (number, at.saturating_add(skip));
                        self.one(bytes, skip, place, free, counts, visit);
                    }
                }
            }
            within = next;
        }
    }

    /// Visits the inode `skip` bytes into a block.
    fn one(
        &self,
        block: &[u8],
        skip: u64,
        (number, at): (u64, u64),
        free: bool,
        counts: &mut Counts,
        visit: &mut dyn FnMut(Inode),
    ) {
        let cut = || {
            let from = usize::try_from(skip).ok()?;
            let len = usize::try_from(self.fs.inode_size).ok()?;
            block.get(from..)?.get(..len)
        };
        let Some(raw) = cut() else {
            return;
        };
        match Inode::parse(raw, number, at, free) {
            Some(inode) => {
                if !inode.deleted && !inode.is_sound() {
                    counts.unsound(number, at);
                }
                if !inode.deleted && inode.is_realtime() {
                    counts.realtime = counts.realtime.saturating_add(1);
                }
                visit(inode);
            }
            None if !free => counts.unsound(number, at),
            None => {}
        }
    }

    /// The inode of this number, if it is or was in use.
    pub(super) fn inode(&self, number: u64) -> Option<Inode> {
        let (group, within) = self.fs.split_inode(number);
        let group = self.groups.get(usize::try_from(group).ok()?)?;
        let chunk = chunk_of(self.chunks(group), within)?;
        let free = Chunk::bit(chunk.free, within.checked_sub(chunk.first)?);
        let per_block = self.fs.inodes_per_block();
        let block = within.checked_div(per_block)?;
        let skip = within
            .checked_rem(per_block)?
            .checked_mul(self.fs.inode_size)?;
        let at = self.fs.at(group.number, block, 1)?.checked_add(skip)?;
        let len = usize::try_from(self.fs.inode_size).ok()?;
        Inode::parse(&self.part.read_vec(at, len).ok()?, number, at, free)
    }
}
