//! Whether the journal still holds changes that the file system does not ("XFS Filesystem
//! Structure", chapter Journaling Log; how its end is found is Linux's `xfs_log_recover.c`).

use super::superblock::Superblock;
use crate::volume::field::{be_u32, u8_at};
use crate::volume::{Part, ReadAt};

/// Unit of the log, whatever the sector size.
const BLOCK: u64 = 512;
/// Begins the header of a record. Other blocks begin with their cycle.
const MAGIC: u32 = 0xfeed_babe;
/// Data for which a record has one block of header.
const COVERED: u64 = 32 << 10;
/// How far before the end the last record may begin: eight buffers of 256 KiB.
const LONGEST: u64 = 4096;
/// Flag of the operation that an unmount writes last.
const UNMOUNT: u8 = 0x20;

/// The log as a row of blocks.
struct Log<'a> {
    part: &'a Part,
    start: u64,
    count: u64,
}

/// Whether the last record is something else than that of an unmount. `None` if that cannot be
/// told: the log is elsewhere or damaged.
pub(super) fn is_dirty(part: &Part, fs: &Superblock) -> Option<bool> {
    if fs.log_start == 0 {
        return None;
    }
    let start = fs.position(fs.log_start, fs.log_blocks)?;
    let count = fs
        .log_blocks
        .checked_mul(fs.block_size)?
        .checked_div(BLOCK)?;
    let log = Log { part, start, count };
    let head = log.head()?;
    if head == 0 {
        return Some(false);
    }
    let (at, header) = log.last_record(head)?;
    let size = u64::from(be_u32(&header, 320)?);
    let headers = size.div_ceil(COVERED).clamp(1, 8);
    let length = u64::from(be_u32(&header, 12)?).div_ceil(BLOCK);
    let operation = log.block(at.checked_add(headers)?)?;
    let is_unmount = be_u32(&header, 40)? == 1 && u8_at(&operation, 9)? & UNMOUNT != 0;
    let end = at.checked_add(headers)?.checked_add(length)?;
    let ends_there = end.checked_rem(count)? == head.checked_rem(count)?;
    Some(!(is_unmount && ends_there))
}

impl Log<'_> {
    /// Block `number`, counted round the log.
    fn block(&self, number: u64) -> Option<Vec<u8>> {
        let within = number.checked_rem(self.count)?.checked_mul(BLOCK)?;
        self.part
            .read_vec(self.start.checked_add(within)?, 512)
            .ok()
    }

    /// In which pass over the log a block was written; 0 if never.
    fn cycle(&self, number: u64) -> Option<u32> {
        let block = self.block(number)?;
        let first = be_u32(&block, 0)?;
        if first == MAGIC {
            be_u32(&block, 4)
        } else {
            Some(first)
        }
    }

    /// The block that would be written next; 0 if none was ever written.
    fn head(&self) -> Option<u64> {
        let first = self.cycle(0)?;
        if first == 0 {
            return Some(0);
        }
        // The first block of another cycle than the first's, or the end.
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            if self.cycle(middle)? == first {
                low = middle.checked_add(1)?;
            } else {
                high = middle;
            }
        }
        Some(low)
    }

    /// The last record that begins before `head`.
    fn last_record(&self, head: u64) -> Option<(u64, Vec<u8>)> {
        // Round the log's start if need be.
        let end = head.checked_add(self.count)?;
        let reach = LONGEST.min(self.count);
        (1..=reach).find_map(|back| {
            let number = end.checked_sub(back)?;
            let block = self.block(number)?;
            (be_u32(&block, 0)? == MAGIC).then_some((number, block))
        })
    }
}
