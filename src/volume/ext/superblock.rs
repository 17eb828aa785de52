//! The superblock: where everything else lies (kernel documentation, "ext4 Data Structures and
//! Algorithms", Super Block; the field names are its).

use crate::volume::crc::crc32c;
use crate::volume::field::{joined, le_u16, le_u32, text, u8_at};
use crate::volume::superblock::CopiedSuperblock;
use crate::volume::{Part, ReadAt, ReadFault, VolumeError};

const WHAT: &str = "ext superblock";
const MAGIC: u16 = 0xef53;
const LEN: usize = 1024;

/// Features that change how structures are read (`s_feature_incompat`).
pub(super) mod incompat {
    pub(crate) const FILE_TYPE: u32 = 0x2;
    pub(crate) const RECOVER: u32 = 0x4;
    pub(crate) const JOURNAL_DEVICE: u32 = 0x8;
    pub(crate) const META_BG: u32 = 0x10;
    pub(crate) const BITS_64: u32 = 0x80;
    pub(crate) const CHECKSUM_SEED: u32 = 0x2000;
    pub(crate) const INLINE_DATA: u32 = 0x8000;
    /// All that this reader knows: the above, extents, multi-mount protection, flexible groups,
    /// attributes in inodes, large directories, inline data, encryption and case folding.
    pub(crate) const KNOWN: u32 = 0x3_e7de;
    /// Of those, the ones that ext3 has too.
    pub(crate) const EXT3: u32 = 0x16;
}

/// Features that matter only to writers and to us (`s_feature_ro_compat`).
pub(super) mod ro_compat {
    pub(crate) const SPARSE_SUPER: u32 = 0x1;
    pub(crate) const GROUP_CHECKSUM: u32 = 0x10;
    pub(crate) const BIGALLOC: u32 = 0x200;
    pub(crate) const CHECKSUM: u32 = 0x400;
    /// Those that ext3 has too.
    pub(crate) const EXT3: u32 = 0x7;
}

const COMPAT_JOURNAL: u32 = 0x4;
const COMPAT_SPARSE_SUPER2: u32 = 0x200;

/// The superblock's fields, checked.
#[derive(Clone, Debug)]
pub(super) struct Superblock {
    pub(super) block_size: u64,
    /// Number of blocks; the first is number 0.
    pub(super) blocks: u64,
    /// 1 where blocks are 1 KiB: block 0 then holds only boot code.
    pub(super) first_data_block: u64,
    pub(super) blocks_per_group: u64,
    /// Blocks for each bit of a block bitmap; more than one only with `bigalloc`.
    pub(super) cluster: u64,
    pub(super) inodes: u64,
    pub(super) inodes_per_group: u64,
    pub(super) inode_size: u64,
    pub(super) descriptor_size: u64,
    pub(super) groups: u64,
    pub(super) compat: u32,
    pub(super) incompat: u32,
    pub(super) ro_compat: u32,
    pub(super) first_meta_group: u64,
    pub(super) reserved_descriptors: u64,
    pub(super) copies: [u64; 2],
    pub(super) journal: u64,
    pub(super) uuid: [u8; 16],
    pub(super) label: String,
    /// Start value of all other checksums, with `metadata_csum`.
    pub(super) seed: Option<u32>,
}

impl CopiedSuperblock for Superblock {
    const WHAT: &str = WHAT;
    /// Whatever the block size.
    const PRIMARY: u64 = 1024;

    fn signed(part: &Part, at: u64) -> bool {
        let magic = part.read_vec(at.saturating_add(56), 2);
        magic.is_ok_and(|magic| le_u16(&magic, 0) == Some(MAGIC))
            // Every file system has a block size; text with the two bytes in it has not.
            && part
                .read_vec(at.saturating_add(24), 1)
                .is_ok_and(|log| u8_at(&log, 0).is_some_and(|log| log <= 6))
    }

    /// The copy in the second group and where it lies, for a volume whose beginning is lost.
    fn copy(part: &Part) -> Option<(Self, u64)> {
        // A group has as many blocks as one block has bits, unless it was made otherwise on
        // purpose; the number of the first block is 1 for the smallest size only.
        [(1024_u64, 8193_u64), (2048, 16384), (4096, 32768)]
            .into_iter()
            .find_map(|(size, block)| {
                let at = size.checked_mul(block)?;
                let (found, sound) =
                    Self::signed(part, at).then(|| Self::read(part, at).ok())??;
                let home = found.first_block(1).checked_mul(found.block_size)?;
                (sound && found.block_size == size && home == at).then_some((found, at))
            })
    }

    /// The superblock at `at`, and whether it fits its checksum.
    fn read(part: &Part, at: u64) -> Result<(Self, bool), VolumeError> {
        let raw = part.read_vec(at, LEN).map_err(VolumeError::read(WHAT))?;
        let found = Self::parse(&raw).ok_or(VolumeError::Read {
            what: WHAT,
            fault: ReadFault::Unreadable { at, len: LEN },
        })?;
        if found.incompat & incompat::JOURNAL_DEVICE != 0 {
            let feature = "an external journal: it holds no files".to_owned();
            return Err(VolumeError::Unsupported {
                what: WHAT,
                at,
                feature,
            });
        }
        found.check(at)?;
        let sound = found.ro_compat & ro_compat::CHECKSUM == 0
            || raw.get(..1020).map(|fields| crc32c(!0, fields)) == le_u32(&raw, 1020);
        Ok((found, sound))
    }
}

impl Superblock {
    fn parse(raw: &[u8]) -> Option<Self> {
        let incompat = le_u32(raw, 96)?;
        let ro_compat = le_u32(raw, 100)?;
        let wide = incompat & incompat::BITS_64 != 0;
        let block_size = 1024_u64.checked_shl(le_u32(raw, 24)?).unwrap_or(0);
        let cluster_size = 1024_u64.checked_shl(le_u32(raw, 28)?).unwrap_or(0);
        let cluster = match ro_compat & ro_compat::BIGALLOC {
            0 => 1,
            _ => cluster_size.checked_div(block_size).unwrap_or(0),
        };
        let high = if wide { le_u32(raw, 336)? } else { 0 };
        let blocks = joined(high, le_u32(raw, 4)?);
        let first_data_block = u64::from(le_u32(raw, 20)?);
        let blocks_per_group = u64::from(le_u32(raw, 32)?);
        let groups = blocks
            .saturating_sub(first_data_block)
            .checked_add(blocks_per_group.saturating_sub(1))?
            .checked_div(blocks_per_group)
            .unwrap_or(0);
        let uuid = *raw.get(104..)?.first_chunk()?;
        let seed = match (
            ro_compat & ro_compat::CHECKSUM,
            incompat & incompat::CHECKSUM_SEED,
        ) {
            (0, _) => None,
            (_, 0) => Some(crc32c(!0, &uuid)),
            _ => Some(le_u32(raw, 624)?),
        };
        // Revision 0 knows neither the inode size nor anything after it.
        let dynamic = le_u32(raw, 76)? > 0;
        Some(Self {
            block_size,
            blocks,
            first_data_block,
            blocks_per_group,
            cluster,
            inodes: u64::from(le_u32(raw, 0)?),
            inodes_per_group: u64::from(le_u32(raw, 40)?),
            inode_size: if dynamic {
                u64::from(le_u16(raw, 88)?)
            } else {
                128
            },
            descriptor_size: if wide {
                u64::from(le_u16(raw, 254)?)
            } else {
                32
            },
            groups,
            compat: le_u32(raw, 92)?,
            incompat,
            ro_compat,
            first_meta_group: u64::from(le_u32(raw, 260)?),
            reserved_descriptors: u64::from(le_u16(raw, 206)?),
            copies: [u64::from(le_u32(raw, 588)?), u64::from(le_u32(raw, 592)?)],
            journal: u64::from(le_u32(raw, 224)?),
            uuid,
            label: text(raw.get(120..136)?),
            seed,
        })
    }

    /// Refuses numbers that no file system has: everything later is bounded by these.
    fn check(&self, at: u64) -> Result<(), VolumeError> {
        let damaged = |expected, found: u64| {
            Err(VolumeError::damaged(
                WHAT,
                at,
                expected,
                format!("{found:#x}"),
            ))
        };
        if !(1024..=65536).contains(&self.block_size) {
            return damaged("a block size of 1 to 64 KiB", self.block_size);
        }
        if self.blocks <= self.first_data_block || self.blocks >> 48 != 0 {
            return damaged("a number of blocks that a disk can have", self.blocks);
        }
        let bits = self.block_size.saturating_mul(8);
        if !self.cluster.is_power_of_two() {
            return damaged("clusters of one or more blocks", self.cluster);
        }
        let most = bits.saturating_mul(self.cluster);
        if !(256..=most).contains(&self.blocks_per_group) || self.groups > 1 << 22 {
            return damaged(
                "groups of 256 blocks to one block of bits",
                self.blocks_per_group,
            );
        }
        if !(1..=bits).contains(&self.inodes_per_group) {
            return damaged(
                "groups of at most one block of bits of inodes",
                self.inodes_per_group,
            );
        }
        if !self.inode_size.is_power_of_two() || !(128..=self.block_size).contains(&self.inode_size)
        {
            return damaged("inodes of 128 bytes to a block", self.inode_size);
        }
        let size = self.descriptor_size;
        if !size.is_power_of_two() || !(32..=1024).contains(&size) {
            return damaged("group descriptors of 32 to 1,024 bytes", size);
        }
        if self.inodes == 0 || self.inodes > self.groups.saturating_mul(self.inodes_per_group) {
            return damaged("as many inodes as the groups have", self.inodes);
        }
        Ok(())
    }

    pub(super) fn has(&self, incompat: u32) -> bool {
        self.incompat & incompat != 0
    }

    /// Whether group descriptors carry checksums, which makes their counts trustworthy.
    pub(super) fn has_group_checksums(&self) -> bool {
        self.ro_compat & (ro_compat::GROUP_CHECKSUM | ro_compat::CHECKSUM) != 0
    }

    /// What its features make it, by the rule of `blkid`.
    pub(super) fn name(&self) -> &'static str {
        let newer = self.incompat & !incompat::EXT3 != 0 || self.ro_compat & !ro_compat::EXT3 != 0;
        match (newer, self.compat & COMPAT_JOURNAL) {
            (true, _) => "ext4",
            (false, 0) => "ext2",
            (false, _) => "ext3",
        }
    }

    /// Number of the first block of a group.
    pub(super) fn first_block(&self, group: u64) -> u64 {
        group
            .saturating_mul(self.blocks_per_group)
            .saturating_add(self.first_data_block)
    }

    /// Number of the block that a group's own structures begin with: the first, except that the
    /// superblock lies 1 KiB into the volume even where group 0 begins at block 0 of 1 KiB.
    pub(super) fn start_of(&self, group: u64) -> u64 {
        let primary = Self::PRIMARY.checked_div(self.block_size).unwrap_or(0);
        self.first_block(group).max(primary)
    }

    /// Whether a group begins with a copy of the superblock.
    pub(super) fn has_copy(&self, group: u64) -> bool {
        if group == 0 {
            return true;
        }
        if self.compat & COMPAT_SPARSE_SUPER2 != 0 {
            return self.copies.contains(&group);
        }
        self.ro_compat & ro_compat::SPARSE_SUPER == 0
            || group == 1
            || [3, 5, 7].into_iter().any(|base| is_power(group, base))
    }

    /// Where the descriptor of a group lies, in bytes.
    pub(super) fn descriptor_at(&self, group: u64) -> Option<u64> {
        let per_block = self.block_size.checked_div(self.descriptor_size)?;
        let index = group.checked_div(per_block)?;
        let within = group
            .checked_rem(per_block)?
            .checked_mul(self.descriptor_size)?;
        let block = if self.has(incompat::META_BG) && index >= self.first_meta_group {
            // The first group of as many as one block describes holds their descriptors.
            let home = index.checked_mul(per_block)?;
            let copy = u64::from(self.has_copy(home));
            self.start_of(home).checked_add(copy)?
        } else {
            self.start_of(0).checked_add(1)?.checked_add(index)?
        };
        block.checked_mul(self.block_size)?.checked_add(within)
    }
}

fn is_power(number: u64, base: u64) -> bool {
    let mut power = base;
    while power < number {
        power = power.saturating_mul(base);
    }
    power == number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_lie_in_powers_of_three_five_and_seven() {
        let powers: Vec<u64> = (2..60)
            .filter(|group| [3, 5, 7].into_iter().any(|base| is_power(*group, base)))
            .collect();
        assert_eq!(powers, [3, 5, 7, 9, 25, 27, 49]);
    }
}
