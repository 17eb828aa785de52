//! Block numbers as ext2 keeps them: twelve in the inode, the rest in blocks of numbers, up to
//! three deep.

use super::map::Mapper;
use crate::volume::RunKind;
use crate::volume::field::le_u32;

/// Numbers of content blocks in the inode itself.
const DIRECT: u64 = 12;

/// Follows all numbers of an inode.
pub(super) fn all(mapper: &mut Mapper<'_>) {
    let area = mapper.inode.block_area().to_vec();
    let mut numbers = area.as_chunks::<4>().0.iter();
    let mut file = 0_u64;
    for number in numbers.by_ref().take(12) {
        let block = u64::from(u32::from_le_bytes(*number));
        if block != 0 && !mapper.blocks(file, block, 1, RunKind::Plain) {
            return;
        }
        file = file.saturating_add(1);
    }
    let per_block = mapper.ext.fs.block_size / 4;
    let mut base = DIRECT;
    let mut span = per_block;
    for (level, number) in (1..=3).zip(numbers) {
        let block = u64::from(u32::from_le_bytes(*number));
        if block != 0 && !follow(mapper, block, base, level) {
            return;
        }
        base = base.saturating_add(span);
        span = span.saturating_mul(per_block);
    }
}

/// Follows a block of numbers, whose first is that of the file's block `base` or of a block of
/// numbers one level further down. False if the mapper has no more to spend.
fn follow(mapper: &mut Mapper<'_>, block: u64, base: u64, level: u32) -> bool {
    let Some(bytes) = mapper.map_block(block) else {
        // Damage ends this branch; an empty purse shows at the next step.
        return true;
    };
    let (first, end) = (mapper.ext.fs.first_data_block, mapper.ext.fs.blocks);
    let numbers = (0..bytes.len())
        .step_by(4)
        .map(|at| le_u32(&bytes, at).unwrap_or(0));
    let exists = |number: u32| number == 0 || (first..end).contains(&u64::from(number));
    if mapper.inode.deleted && !numbers.clone().all(exists) {
        // Reused: these are no block numbers any more.
        return true;
    }
    let per_block = mapper.ext.fs.block_size / 4;
    let span = per_block.saturating_pow(level.saturating_sub(1));
    let mut file = base;
    for number in numbers.map(u64::from) {
        let more = match (number, level) {
            (0, _) => true,
            (_, 1) => mapper.blocks(file, number, 1, RunKind::Plain),
            _ => follow(mapper, number, file, level.saturating_sub(1)),
        };
        if !more {
            return false;
        }
        file = file.saturating_add(span);
    }
    true
}
