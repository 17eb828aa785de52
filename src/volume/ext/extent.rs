//! Extent trees (kernel documentation, "ext4 Data Structures and Algorithms", Extent Tree).

use super::map::Mapper;
use crate::volume::RunKind;
use crate::volume::crc::crc32c;
use crate::volume::field::{joined, le_u16, le_u32};

const MAGIC: u16 = 0xf30a;
/// Size of the header and of each entry.
const ENTRY: usize = 12;
/// Deepest tree that 32-bit block numbers need.
const DEPTH: u16 = 5;
/// Lengths above this mark extents that were reserved but never written.
const WRITTEN: u16 = 32768;

/// Follows the tree whose root lies in the inode.
pub(super) fn root(mapper: &mut Mapper<'_>) {
    let root = mapper.inode.block_area().to_vec();
    let depth = le_u16(&root, 6).unwrap_or(0);
    if le_u16(&root, 0) != Some(MAGIC) || depth > DEPTH {
        mapper.wrong(0, "no extent tree");
        return;
    }
    node(mapper, &root, depth);
}

/// Follows one node; false if the mapper has no more to spend.
fn node(mapper: &mut Mapper<'_>, bytes: &[u8], depth: u16) -> bool {
    let count = usize::from(le_u16(bytes, 2).unwrap_or(0));
    let entries = bytes.get(ENTRY..).unwrap_or(&[]).chunks_exact(ENTRY);
    for entry in entries.take(count) {
        let more = if depth == 0 {
            leaf(mapper, entry)
        } else {
            branch(mapper, entry, depth)
        };
        if more != Some(true) {
            return false;
        }
    }
    true
}

fn leaf(mapper: &mut Mapper<'_>, entry: &[u8]) -> Option<bool> {
    let file = u64::from(le_u32(entry, 0)?);
    let len = le_u16(entry, 4)?;
    let disk = joined(u32::from(le_u16(entry, 6)?), le_u32(entry, 8)?);
    let (count, kind) = match len.checked_sub(WRITTEN) {
        Some(unwritten) if unwritten > 0 => (unwritten, RunKind::Unwritten),
        _ => (len, RunKind::Plain),
    };
    if count == 0 {
        return Some(true);
    }
    Some(mapper.blocks(file, disk, u64::from(count), kind))
}

fn branch(mapper: &mut Mapper<'_>, entry: &[u8], depth: u16) -> Option<bool> {
    let block = joined(u32::from(le_u16(entry, 8)?), le_u32(entry, 4)?);
    // Damage ends this branch, not the file; an empty purse shows at the next step.
    let Some(bytes) = mapper.map_block(block) else {
        return Some(true);
    };
    let below = depth.checked_sub(1)?;
    if le_u16(&bytes, 0) != Some(MAGIC) || le_u16(&bytes, 6) != Some(below) {
        mapper.wrong(block, "an extent block without its mark");
        return Some(true);
    }
    if !is_sound(mapper, &bytes) {
        mapper.wrong(block, "an extent block that does not fit its checksum");
        // Of a deleted file it is another file's by now.
        if mapper.inode.deleted {
            return Some(true);
        }
    }
    Some(node(mapper, &bytes, below))
}

/// The checksum stands behind the last entry that there is room for.
fn is_sound(mapper: &Mapper<'_>, bytes: &[u8]) -> bool {
    let Some(seed) = mapper.ext.fs.seed.and_then(|seed| mapper.inode.seed(seed)) else {
        return true;
    };
    let room = usize::from(le_u16(bytes, 4).unwrap_or(0));
    let Some(end) = room.checked_add(1).and_then(|all| all.checked_mul(ENTRY)) else {
        return false;
    };
    let sum = bytes.get(..end).map(|covered| crc32c(seed, covered));
    sum.is_some() && sum == le_u32(bytes, end)
}
