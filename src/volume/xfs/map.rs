//! Where a file's blocks lie ("XFS Filesystem Structure", chapter Data Extents).

use super::Xfs;
use super::inode::{Fork, Format, Inode};
use crate::volume::budget::Budget;
use crate::volume::field::{be_u16, be_u32, be_u64};
use crate::volume::file_system::NodeKind;
use crate::volume::{ReadAt, Run, RunKind};

/// Stream of the extended attributes.
pub(super) const ATTRIBUTES: u32 = 1;
/// Where directories keep their hashes and lists of free space, behind all names.
pub(super) const DIRECTORY_INDEX: u64 = 32 << 30;
/// Size of a list's entry.
const RECORD: usize = 16;
/// Deepest tree of extents.
const DEPTH: u16 = 16;
/// Length of the header of each block of a remote link or attribute value, in version 5.
pub(super) const PIECE_HEADER: u64 = 56;

/// An extent as it is stored. Block numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    file: u64,
    disk: u64,
    count: u64,
    unwritten: bool,
}

impl Extent {
    fn parse(record: &[u8]) -> Option<Self> {
        let (high, low) = (be_u64(record, 0)?, be_u64(record, 8)?);
        Some(Self {
            unwritten: high >> 63 == 1,
            file: high << 1 >> 10,
            disk: (high & 0x1ff) << 43 | low >> 21,
            count: low & 0x1f_ffff,
        })
    }
}

/// Makes runs of a fork's extents.
struct Mapper<'a> {
    xfs: &'a Xfs,
    inode: &'a Inode,
    stream: u32,
    budget: &'a mut Budget,
    visit: &'a mut dyn FnMut(&Run),
    /// First block of the file that the next extent may speak of.
    next: u64,
}

impl Xfs {
    /// Visits the runs of one inode, all its streams.
    pub(super) fn map(&self, inode: &Inode, budget: &mut Budget, visit: &mut dyn FnMut(&Run)) {
        if inode.is_cleared() {
            // Freeing clears the mark of files on a realtime device, and a block of that device is
            // not the block of this one with the same number.
            if !self.fs.has_realtime {
                self.remains(inode, budget, visit);
            }
            return;
        }
        self.fork(inode, inode.data(), 0, budget, visit);
        if let Some(fork) = inode.attributes() {
            self.fork(inode, fork, ATTRIBUTES, budget, visit);
        }
    }

    fn fork(
        &self,
        inode: &Inode,
        fork: Fork<'_>,
        stream: u32,
        budget: &mut Budget,
        visit: &mut dyn FnMut(&Run),
    ) {
        let mut mapper = Mapper {
            xfs: self,
            inode,
            stream,
            budget,
            visit,
            next: 0,
        };
        match fork.format {
            Format::Local => mapper.local(fork),
            Format::Extents => mapper.list(fork),
            Format::Tree => mapper.root(fork.bytes),
            Format::Other => {}
        }
    }

    /// Freeing an inode sets the number of its extents to zero and leaves the extents themselves.
    /// Those up to the first that cannot be one are followed, or a tree if there are none.
    fn remains(&self, inode: &Inode, budget: &mut Budget, visit: &mut dyn FnMut(&Run)) {
        let fork = inode.data();
        let mut mapper = Mapper {
            xfs: self,
            inode,
            stream: 0,
            budget,
            visit,
            next: 0,
        };
        let mut any = false;
        for record in fork.bytes.chunks_exact(RECORD) {
            let Some(extent) = Extent::parse(record).filter(|extent| mapper.fits(extent)) else {
                break;
            };
            any = true;
            mapper.extent(extent);
        }
        if !any {
            mapper.root(fork.bytes);
        }
    }
}

impl Mapper<'_> {
    fn local(&mut self, fork: Fork<'_>) {
        let within = u64::try_from(fork.within).unwrap_or(0);
        let len = u64::try_from(fork.bytes.len()).unwrap_or(0);
        let valid = if self.stream == 0 {
            self.inode.size.min(len)
        } else {
            len
        };
        (self.visit)(&Run {
            node: self.inode.id(),
            stream: self.stream,
            file_offset: 0,
            start: self.inode.at.saturating_add(within),
            len,
            valid,
            kind: RunKind::Resident,
            deleted: self.inode.deleted,
        });
    }

    fn list(&mut self, fork: Fork<'_>) {
        let room = fork.bytes.len().checked_div(RECORD).unwrap_or(0);
        let count = usize::try_from(fork.extents).unwrap_or(usize::MAX);
        if count > room {
            self.wrong("more extents than it has room for", fork.extents);
        }
        for record in fork.bytes.chunks_exact(RECORD).take(count) {
            self.record(record);
        }
    }

    fn record(&mut self, record: &[u8]) {
        let Some(extent) = Extent::parse(record) else {
            return;
        };
        if self.fits(&extent) {
            self.extent(extent);
        } else {
            self.wrong("an extent that cannot be", extent.disk);
        }
    }

    /// Follows the tree whose root lies in the inode.
    fn root(&mut self, bytes: &[u8]) {
        let level = be_u16(bytes, 0).unwrap_or(0);
        let entries = bytes.get(4..).unwrap_or(&[]);
        let count = usize::from(be_u16(bytes, 2).unwrap_or(0));
        if !(1..=DEPTH).contains(&level) {
            self.wrong("no tree of extents", level.into());
            return;
        }
        self.branches(entries, count, level);
    }

    /// Follows the pointers of a node, which lie behind the room for all its keys.
    fn branches(&mut self, entries: &[u8], count: usize, level: u16) -> bool {
        let room = entries.len().checked_div(RECORD).unwrap_or(0);
        if count > room {
            self.wrong("a map block with more entries than room", level.into());
            return true;
        }
        let keys = room.saturating_mul(8);
        let pointers = entries.get(keys..).unwrap_or(&[]).chunks_exact(8);
        for pointer in pointers.take(count) {
            let block = be_u64(pointer, 0).unwrap_or(0);
            if !self.block(block, level.saturating_sub(1)) {
                return false;
            }
        }
        true
    }

    /// Follows one block of the tree; false if there is no more to be spent.
    fn block(&mut self, block: u64, level: u16) -> bool {
        if !self.budget.take(self.inode.deleted, 1) {
            if !self.inode.deleted {
                self.xfs.warnings.add(
                    "files claim more map blocks than the file system has: not all of them were \
                     followed",
                );
            }
            return false;
        }
        let fs = &self.xfs.fs;
        let Some(at) = fs.position(block, 1) else {
            self.wrong("a map block that does not exist", block);
            return true;
        };
        // Damage ends this branch, not the file.
        let Some(bytes) = self.xfs.block_at(at) else {
            return true;
        };
        let (magic, header): (&[u8], usize) = if fs.has_checksums {
            (b"BMA3", 72)
        } else {
            (b"BMAP", 24)
        };
        if !bytes.starts_with(magic) || be_u16(&bytes, 4) != Some(level) {
            self.wrong("a map block without its mark", block);
            return true;
        }
        let owner = be_u64(&bytes, 56);
        if fs.has_checksums && owner != Some(self.inode.number) {
            self.wrong("the map block of another inode", block);
            return true;
        }
        if fs.has_checksums && !super::crc::is_sound(&bytes, 64) {
            self.wrong("a map block that does not fit its checksum", block);
            // Of a deleted file it is another file's by now.
            if self.inode.deleted {
                return true;
            }
        }
        self.give(Run {
            len: fs.block_size,
            valid: fs.block_size,
            ..self.run(0, at, RunKind::Map)
        });
        let count = usize::from(be_u16(&bytes, 6).unwrap_or(0));
        let entries = bytes.get(header..).unwrap_or(&[]);
        if level > 0 {
            return self.branches(entries, count, level);
        }
        for record in entries.chunks_exact(RECORD).take(count) {
            self.record(record);
        }
        true
    }

    /// Whether an extent follows the last, and its blocks exist and can hold content.
    fn fits(&self, extent: &Extent) -> bool {
        let fs = &self.xfs.fs;
        let end = extent.file.checked_add(extent.count);
        let bytes = end.and_then(|end| end.checked_mul(fs.block_size));
        let position = fs.position(extent.disk, extent.count);
        let headers = fs.header_blocks().saturating_mul(fs.block_size);
        extent.count > 0
            && extent.file >= self.next
            && bytes.is_some_and(|bytes| bytes <= i64::MAX.unsigned_abs())
            && position.is_some_and(|at| {
                // Each group begins with its headers.
                at.checked_rem(fs.group_bytes()).unwrap_or(0) >= headers
            })
    }

    fn extent(&mut self, extent: Extent) {
        self.next = extent.file.saturating_add(extent.count);
        let fs = &self.xfs.fs;
        if self.stream == 0 && self.inode.is_realtime() {
            return;
        }
        let Some(start) = fs.position(extent.disk, extent.count) else {
            return;
        };
        let file_offset = extent.file.saturating_mul(fs.block_size);
        let len = extent.count.saturating_mul(fs.block_size);
        let link = self.stream == 0 && self.inode.kind() == NodeKind::Link;
        if fs.has_checksums && (link || self.stream == ATTRIBUTES) {
            self.pieces(file_offset, start, extent.count);
            return;
        }
        let index = self.inode.is_directory() && file_offset >= DIRECTORY_INDEX;
        let kind = match (extent.unwritten, self.stream) {
            (_, 0) if index => RunKind::Map,
            (true, _) => RunKind::Unwritten,
            (false, _) => RunKind::Plain,
        };
        // What is left of a freed inode no longer says how long it was.
        let cut = self.stream == 0 && kind != RunKind::Map && !self.inode.is_cleared();
        let valid = match cut {
            true => self.inode.size.saturating_sub(file_offset).min(len),
            false => len,
        };
        self.give(Run {
            len,
            valid,
            ..self.run(file_offset, start, kind)
        });
    }

    /// Blocks that may each begin with a header, behind which a link's target or an attribute's
    /// value goes on. The value's bytes are numbered as if the headers were not there, so that
    /// where one block ends the next goes on.
    fn pieces(&mut self, file_offset: u64, start: u64, count: u64) {
        if !self.budget.take(self.inode.deleted, count) {
            return;
        }
        let size = self.xfs.fs.block_size;
        let room = size.saturating_sub(PIECE_HEADER);
        for number in 0..count {
            let skip = number.saturating_mul(size);
            let at = start.saturating_add(skip);
            let place = file_offset.saturating_add(skip);
            let run = match self.piece(at) {
                Some((offset, valid)) => {
                    let before = offset.checked_div(room).unwrap_or(0).saturating_mul(size);
                    let base = place.saturating_sub(before);
                    Run {
                        len: room,
                        valid: valid.min(room),
                        ..self.run(
                            base.saturating_add(offset),
                            at.saturating_add(PIECE_HEADER),
                            RunKind::Plain,
                        )
                    }
                }
                None => Run {
                    len: size,
                    valid: size,
                    ..self.run(place, at, RunKind::Plain)
                },
            };
            self.give(run);
        }
    }

    /// First byte within the value and number of bytes of the piece at `at`.
    fn piece(&self, at: u64) -> Option<(u64, u64)> {
        let header = self.xfs.part.read_vec(at, 56).ok()?;
        let signed = header.starts_with(b"XARM") || header.starts_with(b"XSLM");
        let own = be_u64(&header, 32)? == self.inode.number;
        let offset = u64::from(be_u32(&header, 4)?);
        // No value is longer than 64 KiB.
        (signed && own && offset < 65536).then_some((offset, u64::from(be_u32(&header, 8)?)))
    }

    fn run(&self, file_offset: u64, start: u64, kind: RunKind) -> Run {
        Run {
            node: self.inode.id(),
            stream: self.stream,
            file_offset,
            start,
            len: 0,
            valid: 0,
            kind,
            deleted: self.inode.deleted,
        }
    }

    fn give(&mut self, run: Run) {
        (self.visit)(&run);
    }

    /// What deleted inodes point to may be anything by now; only live ones are worth a word.
    fn wrong(&self, what: &str, number: u64) {
        if !self.inode.deleted {
            let Inode {
                number: inode, at, ..
            } = self.inode;
            self.xfs.warnings.add(format!(
                "inode {inode} at {at:#x} is damaged: it has {what} ({number:#x})"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extent_is_packed_into_sixteen_bytes() {
        let mut record = [0_u8; 16];
        let high = 1_u64 << 63 | 0x2a_bcde << 9 | 0x1ff;
        let low = 5_u64 << 21 | 7;
        record[..8].copy_from_slice(&high.to_be_bytes());
        record[8..].copy_from_slice(&low.to_be_bytes());
        let expected = Extent {
            file: 0x2a_bcde,
            disk: 0x1ff << 43 | 5,
            count: 7,
            unwritten: true,
        };
        assert_eq!(Extent::parse(&record), Some(expected));
    }
}
