//! The superblock: sizes, and what they make of a block or inode number ("XFS Filesystem
//! Structure", chapter Superblocks; the field names are its). Numbers are big-endian; checksums
//! alone are little-endian.

use super::crc;
use crate::volume::field::{be_u16, be_u32, be_u64, text, u8_at};
use crate::volume::superblock::CopiedSuperblock;
use crate::volume::{Part, ReadAt, ReadFault, VolumeError};

const WHAT: &str = "XFS superblock";
const MAGIC: &[u8] = b"XFSB";
/// As much as has fields; the smallest sector holds it.
const LEN: usize = 512;
/// Longest allocation group in bytes.
const LONGEST_GROUP: u64 = 1 << 40;
/// How much of a volume is searched for a copy where no sum tells its place: groups of small or
/// grown file systems are short.
const SEARCHED: u64 = 256 << 20;
/// The same where nothing of the first group is left, so that it may be no XFS at all. No group is
/// shorter than 16 MiB.
const SEARCHED_BLINDLY: u64 = 64 << 20;
/// How much is read at once.
const STEP: u64 = 64 << 10;
/// How much of a volume's beginning is searched for what else the first group has there: with
/// blocks of 64 KiB, its trees and its first inodes begin within it.
const TRACED: u64 = 1 << 20;
/// Marks of a group's headers, of the roots of its trees, and of inodes.
const TRACES: [&[u8]; 13] = [
    MAGIC,
    b"XAGF",
    b"XAGI",
    b"XAFL",
    b"ABTB",
    b"AB3B",
    b"ABTC",
    b"AB3C",
    b"IABT",
    b"IAB3",
    b"FIB3",
    b"RMB3",
    b"IN\x41\xed",
];
/// How many groups `mkfs.xfs` makes of a volume below 4 TiB, the most usual first: four on one
/// disk, others on small volumes and on several disks (`calc_default_ag_geometry` of xfsprogs).
const USUAL_COUNTS: [u64; 5] = [4, 2, 8, 16, 32];
/// Block sizes that occur, the most usual first.
const BLOCK_SIZES: [u64; 8] = [4096, 1024, 2048, 512, 65536, 16384, 8192, 32768];

/// Features that change how structures are read (`sb_features_incompat`).
pub(super) mod incompat {
    pub(crate) const FILE_TYPE: u32 = 0x1;
    pub(crate) const SPARSE_INODES: u32 = 0x2;
    pub(crate) const META_UUID: u32 = 0x4;
    pub(crate) const NEEDS_REPAIR: u32 = 0x10;
    /// All that this reader knows: the above, times of 64 bits, extent counters of 64 bits,
    /// exchanged ranges and parent pointers.
    pub(crate) const KNOWN: u32 = 0xff;
}

/// Bits of `sb_versionnum`.
mod version {
    pub(super) const NUMBER: u16 = 0xf;
    pub(super) const ALIGNMENT: u16 = 0x80;
    pub(super) const DIRECTORY_2: u16 = 0x2000;
    pub(super) const MORE_BITS: u16 = 0x8000;
}

const FEATURES2_FILE_TYPE: u32 = 0x200;

/// The superblock's fields, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Superblock {
    pub(super) block_size: u64,
    pub(super) block_log: u32,
    /// Number of blocks.
    pub(super) blocks: u64,
    pub(super) sector_size: u64,
    pub(super) inode_size: u64,
    /// Inodes of a block, as a power of two.
    pub(super) inodes_log: u32,
    /// Allocation groups, and blocks of each but the last, which may be shorter.
    pub(super) groups: u64,
    pub(super) group_blocks: u64,
    /// Bits of a block number that count within its group; the group's number lies above them.
    pub(super) group_log: u32,
    pub(super) directory_block: u64,
    pub(super) root: u64,
    /// Inodes that hold the file system's own tables, with what they are.
    pub(super) internal: Vec<(u64, &'static str)>,
    /// Block number of the internal log; 0 if the log is elsewhere.
    pub(super) log_start: u64,
    pub(super) log_blocks: u64,
    /// Alignment of inode chunks in blocks; 1 if they may begin anywhere.
    pub(super) inode_alignment: u64,
    /// Alignment of what there is of a sparse chunk, in blocks.
    pub(super) sparse_alignment: u64,
    /// Some files may lie on a realtime device.
    pub(super) has_realtime: bool,
    pub(super) incompat: u32,
    /// Entries of directories tell what kind of file they name.
    pub(super) has_file_type: bool,
    /// Version 5: structures carry checksums and say where they lie.
    pub(super) has_checksums: bool,
    /// As structures carry it.
    pub(super) uuid: [u8; 16],
    pub(super) label: String,
}

impl CopiedSuperblock for Superblock {
    const WHAT: &str = WHAT;
    const PRIMARY: u64 = 0;

    fn signed(part: &Part, at: u64) -> bool {
        part.read_vec(at, 4).is_ok_and(|magic| magic == MAGIC)
    }

    /// The copy at the start of another allocation group and where it lies. Where that is, only
    /// the superblock itself says; so the usual places are tried, then some of the volume is
    /// searched. Most of it is only where something else of XFS is left: for most volumes that
    /// nothing else claims this is the wrong question, and each place may cost the decoding of a
    /// compressed block.
    fn copy(part: &Part) -> Option<(Self, u64)> {
        let at_home = |at: u64| {
            let (found, sound) = Self::signed(part, at).then(|| Self::read(part, at).ok())??;
            let group = at.checked_div(found.group_bytes())?;
            let home = group.checked_mul(found.group_bytes())?;
            (sound && home == at && (1..found.groups).contains(&group)).then_some((found, at))
        };
        let likely = copies_by_length(part.len(), USUAL_COUNTS);
        if let Some(found) = likely.into_iter().find_map(at_home) {
            return Some(found);
        }
        if !is_traced(part) {
            return search(part, SEARCHED_BLINDLY, at_home);
        }
        let mut by_headers = copies_by_free_space(part).chain(copies_by_length(part.len(), 2..=64));
        let by_headers = by_headers.find_map(at_home);
        by_headers.or_else(|| search(part, SEARCHED, at_home))
    }

    /// The superblock at `at`, and whether it fits its checksum.
    fn read(part: &Part, at: u64) -> Result<(Self, bool), VolumeError> {
        let raw = part.read_vec(at, LEN).map_err(VolumeError::read(WHAT))?;
        let found = Self::parse(&raw).ok_or(VolumeError::Read {
            what: WHAT,
            fault: ReadFault::Unreadable { at, len: LEN },
        })?;
        found.check(&raw, at)?;
        // The checksum covers the whole sector, most of which is zero.
        let sector = usize::try_from(found.sector_size).unwrap_or(LEN);
        let sound = !found.has_checksums
            || part
                .read_vec(at, sector)
                .is_ok_and(|raw| crc::is_sound(&raw, 224));
        Ok((found, sound))
    }
}

impl Superblock {
    fn parse(raw: &[u8]) -> Option<Self> {
        let block_log = u32::from(u8_at(raw, 120)?);
        let version = be_u16(raw, 100)?;
        let has_checksums = version & version::NUMBER == 5;
        let more = version & version::MORE_BITS != 0;
        let features2 = if more { be_u32(raw, 200)? } else { 0 };
        let incompat = if has_checksums { be_u32(raw, 216)? } else { 0 };
        let aligned = version & version::ALIGNMENT != 0;
        // What structures carry stays the same when the visible one is changed.
        let uuid_at = if incompat & incompat::META_UUID != 0 {
            248
        } else {
            32
        };
        let mut internal = vec![
            (be_u64(raw, 64)?, "realtime bitmap"),
            (be_u64(raw, 72)?, "realtime summary"),
            (be_u64(raw, 160)?, "user quota"),
            (be_u64(raw, 168)?, "group quota"),
        ];
        if has_checksums {
            internal.push((be_u64(raw, 232)?, "project quota"));
        }
        internal.retain(|(inode, _)| !matches!(*inode, 0 | u64::MAX));
        let block_size = u64::from(be_u32(raw, 4)?);
        Some(Self {
            block_size,
            block_log,
            blocks: be_u64(raw, 8)?,
            sector_size: u64::from(be_u16(raw, 102)?),
            inode_size: u64::from(be_u16(raw, 104)?),
            inodes_log: u32::from(u8_at(raw, 123)?),
            groups: u64::from(be_u32(raw, 88)?),
            group_blocks: u64::from(be_u32(raw, 84)?),
            group_log: u32::from(u8_at(raw, 124)?),
            directory_block: block_size
                .checked_shl(u32::from(u8_at(raw, 192)?))
                .unwrap_or(0),
            root: be_u64(raw, 56)?,
            internal,
            log_start: be_u64(raw, 48)?,
            log_blocks: u64::from(be_u32(raw, 96)?),
            inode_alignment: match aligned {
                true => u64::from(be_u32(raw, 180)?).max(1),
                false => 1,
            },
            sparse_alignment: u64::from(be_u32(raw, 228)?),
            has_realtime: be_u64(raw, 16)? != 0,
            incompat,
            has_file_type: incompat & incompat::FILE_TYPE != 0
                || !has_checksums && features2 & FEATURES2_FILE_TYPE != 0,
            has_checksums,
            uuid: *raw.get(uuid_at..)?.first_chunk()?,
            label: text(raw.get(108..120)?),
        })
    }

    /// Whether the numbers are such that sums made of them stay in bounds.
    fn check(&self, raw: &[u8], at: u64) -> Result<(), VolumeError> {
        let damaged = |expected, found: u64| {
            Err(VolumeError::damaged(
                WHAT,
                at,
                expected,
                format!("{found:#x}"),
            ))
        };
        let version = be_u16(raw, 100).unwrap_or(0);
        match version & version::NUMBER {
            5 => {}
            4 if version & version::DIRECTORY_2 != 0 => {}
            number @ 1..=4 => {
                return Err(VolumeError::Unsupported {
                    what: WHAT,
                    at,
                    feature: format!("version {number} with directories of before 2001"),
                });
            }
            number => return damaged("version 4 or 5", u64::from(number)),
        }
        let power = |log: u32| 1_u64.checked_shl(log).unwrap_or(0);
        let size = self.block_size;
        if !(512..=65536).contains(&size) || power(self.block_log) != size {
            return damaged("a block size of 512 bytes to 64 KiB", size);
        }
        let sector = self.sector_size;
        if !sector.is_power_of_two() || !(512..=32768).contains(&sector) || sector > size {
            return damaged("sectors of 512 bytes to a block", sector);
        }
        let inode = self.inode_size;
        if !inode.is_power_of_two() || !(256..=2048).contains(&inode) || inode > size {
            return damaged("inodes of 256 to 2,048 bytes", inode);
        }
        if inode.checked_mul(power(self.inodes_log)) != Some(size) {
            return damaged("as many inodes as a block holds", self.inodes_log.into());
        }
        let bytes = self.group_blocks.saturating_mul(size);
        if self.group_blocks <= self.header_blocks() || bytes > LONGEST_GROUP {
            return damaged("allocation groups of up to 1 TiB", self.group_blocks);
        }
        if power(self.group_log) != self.group_blocks.next_power_of_two() {
            return damaged("bits for a group's blocks", self.group_log.into());
        }
        let before_last = self.groups.checked_sub(1);
        let least = before_last.and_then(|groups| groups.checked_mul(self.group_blocks));
        let most = self.groups.checked_mul(self.group_blocks);
        if least.is_none_or(|least| self.blocks <= least)
            || most.is_none_or(|most| self.blocks > most)
            || self.blocks.checked_mul(size).is_none()
        {
            return damaged("as many blocks as the groups have", self.blocks);
        }
        if !(size..=65536).contains(&self.directory_block) {
            return damaged("directory blocks of up to 64 KiB", self.directory_block);
        }
        Ok(())
    }

    pub(super) fn has(&self, incompat: u32) -> bool {
        self.incompat & incompat != 0
    }

    /// Bytes of an allocation group.
    pub(super) fn group_bytes(&self) -> u64 {
        self.group_blocks.saturating_mul(self.block_size)
    }

    /// Blocks that each group's headers take: four sectors.
    pub(super) fn header_blocks(&self) -> u64 {
        let bytes = self.sector_size.saturating_mul(4);
        bytes.div_ceil(self.block_size.max(1))
    }

    /// Blocks of this allocation group.
    pub(super) fn blocks_of(&self, group: u64) -> u64 {
        let before = group.saturating_mul(self.group_blocks);
        self.blocks.saturating_sub(before).min(self.group_blocks)
    }

    /// Inodes of a block.
    pub(super) fn inodes_per_block(&self) -> u64 {
        1_u64.checked_shl(self.inodes_log).unwrap_or(1)
    }

    /// Where a group's block lies, if `count` blocks from it on exist.
    pub(super) fn at(&self, group: u64, block: u64, count: u64) -> Option<u64> {
        let end = block.checked_add(count)?;
        if group >= self.groups || end > self.blocks_of(group) {
            return None;
        }
        let index = group.checked_mul(self.group_blocks)?.checked_add(block)?;
        index.checked_mul(self.block_size)
    }

    /// Where a block lies whose number has its group's in the upper bits, if `count` blocks from
    /// it on exist. Groups are seldom as long as a power of two: such a number is no position.
    pub(super) fn position(&self, number: u64, count: u64) -> Option<u64> {
        let (group, block) = split(number, self.group_log);
        self.at(group, block, count)
    }

    /// The group of a position and the block in it.
    pub(super) fn locate(&self, at: u64) -> Option<(u64, u64)> {
        let index = at.checked_div(self.block_size)?;
        let group = index.checked_div(self.group_blocks)?;
        (index < self.blocks).then_some((group, index.checked_rem(self.group_blocks)?))
    }

    /// An inode's number out of its group and its number in the group.
    pub(super) fn inode_number(&self, group: u64, within: u64) -> u64 {
        let bits = self.group_log.saturating_add(self.inodes_log);
        group.checked_shl(bits).unwrap_or(0) | within
    }

    /// The group of an inode and its number there.
    pub(super) fn split_inode(&self, number: u64) -> (u64, u64) {
        split(number, self.group_log.saturating_add(self.inodes_log))
    }
}

/// A number's bits from `bits` on, and those below.
fn split(number: u64, bits: u32) -> (u64, u64) {
    let high = number.checked_shr(bits).unwrap_or(0);
    let low = number ^ high.checked_shl(bits).unwrap_or(0);
    (high, low)
}

/// The header of the first group's free space lies in the second sector and says how long the
/// group is; if only the first sector is lost, it leads to the second group.
fn copies_by_free_space(part: &Part) -> impl Iterator<Item = u64> + '_ {
    let headers = [512_u64, 4096, 1024, 2048]
        .into_iter()
        .filter_map(|sector| {
            let raw = part.read_vec(sector, 16).ok()?;
            let signed = raw.starts_with(b"XAGF") && be_u32(&raw, 8)? == 0;
            signed.then(|| be_u32(&raw, 12))?
        });
    headers.flat_map(|blocks| BLOCK_SIZES.map(|size| u64::from(blocks).saturating_mul(size)))
}

/// Whether something that only XFS has is left at the beginning of a volume.
fn is_traced(part: &Part) -> bool {
    let is_trace = |sector: &[u8]| TRACES.iter().any(|mark| sector.starts_with(mark));
    steps(part, TRACED).any(|(_, bytes)| bytes.chunks(LEN).any(is_trace))
}

/// The first sector below `end` that looks like a superblock and is what is wanted.
fn search<T>(part: &Part, end: u64, wanted: impl Fn(u64) -> Option<T>) -> Option<T> {
    steps(part, end).find_map(|(start, bytes)| {
        let sectors = (start..).step_by(LEN).zip(bytes.chunks(LEN));
        let mut signed = sectors.filter(|(_, sector)| sector.starts_with(MAGIC));
        signed.find_map(|(at, _)| wanted(at))
    })
}

/// What can be read of a volume below `end`, and where it lies.
fn steps(part: &Part, end: u64) -> impl Iterator<Item = (u64, Vec<u8>)> + '_ {
    let end = end.min(part.len());
    (0..end.div_ceil(STEP)).filter_map(move |index| {
        let at = index.saturating_mul(STEP);
        let len = usize::try_from(STEP.min(end.saturating_sub(at))).ok()?;
        Some((at, part.read_vec(at, len).ok()?))
    })
}

/// Where the second group would begin if `mkfs.xfs` had made one of these numbers of equal groups
/// of a volume of this length.
fn copies_by_length(len: u64, counts: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let mut found = Vec::new();
    let mut note = |blocks: u64, size: u64| {
        let at = blocks.saturating_mul(size);
        if at > 0 && !found.contains(&at) {
            found.push(at);
        }
    };
    for groups in counts {
        for size in BLOCK_SIZES {
            let blocks = len.checked_div(size).unwrap_or(0);
            note(blocks.checked_div(groups).unwrap_or(0), size);
            note(blocks.div_ceil(groups.max(1)), size);
        }
    }
    // The longest group is a block short of 1 TiB.
    for size in BLOCK_SIZES.into_iter().filter(|_| len > LONGEST_GROUP) {
        let longest = LONGEST_GROUP.checked_div(size).unwrap_or(1);
        note(longest.saturating_sub(1), size);
        note(longest, size);
    }
    found
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_group_length_that_is_no_power_of_two_leaves_gaps_in_the_numbers() {
        let fs = Superblock {
            block_size: 4096,
            block_log: 12,
            blocks: 20480 * 3 - 10,
            sector_size: 512,
            inode_size: 512,
            inodes_log: 3,
            groups: 3,
            group_blocks: 20480,
            group_log: 15,
            directory_block: 4096,
            root: 128,
            internal: Vec::new(),
            log_start: 0,
            log_blocks: 0,
            inode_alignment: 8,
            sparse_alignment: 0,
            has_realtime: false,
            incompat: 0,
            has_file_type: true,
            has_checksums: true,
            uuid: [0; 16],
            label: String::new(),
        };
        assert_eq!(fs.position(32768 + 5, 1), Some((20480 + 5) * 4096));
        assert_eq!(fs.position(20480, 1), None);
        assert_eq!(fs.position(20479, 1), Some(20479 * 4096));
        assert_eq!(fs.position(20479, 2), None);
        assert_eq!(fs.position(65536 + 20469, 1), Some((20480 * 3 - 11) * 4096));
        assert_eq!(fs.position(65536 + 20470, 1), None);
        assert_eq!(fs.position(u64::MAX, 1), None);
        assert_eq!(fs.locate((20480 + 5) * 4096 + 17), Some((1, 5)));
        assert_eq!(fs.locate((20480 * 3 - 10) * 4096), None);
        assert_eq!(fs.split_inode(fs.inode_number(2, 131)), (2, 131));
    }

    /// Zeros that count how often they are read.
    #[derive(Debug, Default)]
    struct Counted(AtomicUsize);

    impl ReadAt for Counted {
        fn len(&self) -> u64 {
            (1 << 30) + 512
        }

        fn read_at(&self, _: u64, buf: &mut [u8]) -> Result<(), ReadFault> {
            self.0.fetch_add(1, Ordering::Relaxed);
            buf.fill(0);
            Ok(())
        }
    }

    #[test]
    fn a_volume_without_a_trace_is_asked_at_few_places() {
        let disk = Arc::new(Counted::default());
        assert_eq!(Superblock::copy(&Part::whole(disk.clone())), None);
        let reads = disk.0.load(Ordering::Relaxed);
        assert!(reads < 1200, "{reads}");
    }

    #[test]
    fn the_usual_places_of_a_copy_are_tried_first() {
        let usual = copies_by_length(400 << 20, USUAL_COUNTS);
        assert_eq!(
            usual,
            [100 << 20, 200 << 20, 50 << 20, 25 << 20, 13_107_200]
        );
        assert!(copies_by_length(8 << 40, USUAL_COUNTS).contains(&((1 << 40) - 4096)));
    }
}
