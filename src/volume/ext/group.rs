//! Group descriptors: where each group's inodes and bitmaps lie.

use super::checksum::crc16;
use super::superblock::{Superblock, ro_compat};
use crate::volume::crc::crc32c;
use crate::volume::field::{joined, le_u16, le_u32};
use crate::volume::{Part, ReadAt, Warnings};

/// The inode table was never written.
const INODES_UNUSED: u16 = 1;
/// The block bitmap was never written: only the group's own structures are in use.
const BLOCKS_UNUSED: u16 = 2;

/// What a group's descriptor says. Block numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) block_bitmap: u64,
    pub(super) inode_bitmap: u64,
    pub(super) inode_table: u64,
    /// How many of its inodes were ever used.
    pub(super) inodes: u64,
    /// Whether its block bitmap was ever written.
    pub(super) has_bitmap: bool,
}

/// The groups of a file system. One that cannot be read is `None`, and its files are not known.
pub(super) fn groups(part: &Part, fs: &Superblock, warnings: &Warnings) -> Vec<Option<Group>> {
    let mut groups = Vec::new();
    let per_group = fs.blocks_per_group.saturating_mul(fs.block_size);
    let reached = part.len().checked_div(per_group).unwrap_or(0);
    // A truncated image has no groups behind its end, and a lying count no say in our memory.
    for number in 0..fs.groups.min(reached.saturating_add(1)) {
        let first = fs
            .descriptor_at(number)
            .map(|at| (at, read(part, fs, number, at)));
        let group = match first {
            Some((_, Some(group))) => Some(group),
            Some((at, None)) => {
                let copy = copy_at(fs, at).and_then(|at| read(part, fs, number, at));
                warnings.add(format!(
                    "the descriptor of block group {number} at {at:#x} is damaged: {}",
                    match copy {
                        Some(_) => "its copy in group 1 was used instead",
                        None => "its files are not known",
                    }
                ));
                copy
            }
            None => None,
        };
        groups.push(group);
    }
    groups
}

/// Where group 1 keeps its copy of what lies at `at` behind the first superblock.
fn copy_at(fs: &Superblock, at: u64) -> Option<u64> {
    let distance = fs.blocks_per_group.checked_mul(fs.block_size)?;
    (fs.groups > 1).then(|| at.checked_add(distance))?
}

/// The descriptor at `at`, if it fits its checksum and points into the file system.
fn read(part: &Part, fs: &Superblock, number: u64, at: u64) -> Option<Group> {
    let len = usize::try_from(fs.descriptor_size).ok()?;
    let raw = part.read_vec(at, len).ok()?;
    let noted = le_u16(&raw, 30)?;
    if checksum(fs, number, &raw)?.is_some_and(|sum| sum != noted) {
        return None;
    }
    let wide = len >= 64;
    let high = |at| if wide { le_u32(&raw, at) } else { Some(0) };
    let flags = if fs.has_group_checksums() {
        le_u16(&raw, 18)?
    } else {
        0
    };
    let unused_high = if wide { le_u16(&raw, 50)? } else { 0 };
    let unused = u32::from(unused_high) << 16 | u32::from(le_u16(&raw, 28)?);
    let inodes = match flags & INODES_UNUSED {
        0 if fs.has_group_checksums() => fs.inodes_per_group.checked_sub(u64::from(unused))?,
        0 => fs.inodes_per_group,
        _ => 0,
    };
    let group = Group {
        block_bitmap: joined(high(32)?, le_u32(&raw, 0)?),
        inode_bitmap: joined(high(36)?, le_u32(&raw, 4)?),
        inode_table: joined(high(40)?, le_u32(&raw, 8)?),
        inodes,
        has_bitmap: flags & BLOCKS_UNUSED == 0,
    };
    let inside = |block: u64| (fs.first_data_block..fs.blocks).contains(&block);
    (inside(group.inode_table) && inside(group.block_bitmap)).then_some(group)
}

/// `Some(None)` if the file system has no checksums.
fn checksum(fs: &Superblock, number: u64, raw: &[u8]) -> Option<Option<u16>> {
    let number = u32::try_from(number).ok()?.to_le_bytes();
    let (before, after) = (raw.get(..30)?, raw.get(32..)?);
    if let Some(seed) = fs.seed {
        let sum = crc32c(crc32c(seed, &number), before);
        let sum = crc32c(crc32c(sum, &[0, 0]), after);
        return Some(u16::try_from(sum & 0xffff).ok());
    }
    if fs.ro_compat & ro_compat::GROUP_CHECKSUM == 0 {
        return Some(None);
    }
    let sum = crc16(crc16(0xffff, &fs.uuid), &number);
    Some(Some(crc16(crc16(sum, before), after)))
}
