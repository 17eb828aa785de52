//! The superblock: where the trees of trees and of chunks begin, and which devices there are
//! (kernel, `include/uapi/linux/btrfs_tree.h`, `struct btrfs_super_block`).

use super::node::{Key, checksum_fits};
use crate::volume::field::{le_u16, le_u32, le_u64, text, u8_at};
use crate::volume::superblock::CopiedSuperblock;
use crate::volume::{Part, ReadAt, ReadFault, VolumeError};

const WHAT: &str = "Btrfs superblock";
const MAGIC: &[u8] = b"_BHRfS_M";
pub(super) const LEN: u64 = 4096;
/// Where it and its copies lie; a device has those that fit.
pub(super) const PLACES: [u64; 3] = [64 << 10, 64 << 20, 256 << 30];
/// Bytes of the superblock that hold the chunks of the chunk tree itself.
const CHUNKS: usize = 2048;
/// Length of one of the four notes on earlier roots.
const BACKUP: usize = 168;

/// Features that change how structures are read.
pub(super) mod incompat {
    pub(crate) const METADATA_UUID: u64 = 0x400;
    /// All that this reader knows: every one up to RAID1 with four copies, and simple quotas. Not
    /// among them are zones, the second form of the extent tree and the stripe tree.
    pub(crate) const KNOWN: u64 = 0x1_0fff;
}

/// A root of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Root {
    pub(super) block: u64,
    pub(super) level: u8,
    /// Of the change that wrote it; none if that was not noted.
    pub(super) generation: Option<u64>,
}

/// The superblock's fields, checked.
#[derive(Clone, Debug)]
pub(super) struct Superblock {
    /// What blocks of trees carry as the file system's number.
    pub(super) fsid: [u8; 16],
    pub(super) generation: u64,
    pub(super) root: Root,
    pub(super) chunk_root: Root,
    pub(super) log_root: Option<Root>,
    /// Roots of the trees of trees and of chunks after earlier changes, the latest first.
    pub(super) earlier: Vec<(Root, Root)>,
    pub(super) devices: u64,
    pub(super) device: u64,
    /// Bytes of this device that the file system uses.
    pub(super) end: u64,
    pub(super) sector: u64,
    pub(super) node: u64,
    pub(super) incompat: u64,
    pub(super) checksum: u16,
    pub(super) label: String,
    /// The chunks that hold the chunk tree.
    pub(super) chunks: Vec<u8>,
}

impl CopiedSuperblock for Superblock {
    const WHAT: &str = WHAT;
    const PRIMARY: u64 = PLACES[0];

    fn signed(part: &Part, at: u64) -> bool {
        at.checked_add(0x40)
            .and_then(|at| part.read_vec(at, MAGIC.len()).ok())
            .is_some_and(|magic| magic == MAGIC)
    }

    /// A copy of the superblock and where it lies, for a volume whose beginning is lost.
    fn copy(part: &Part) -> Option<(Self, u64)> {
        let [_, copies @ ..] = PLACES;
        let sound = |at: &u64| {
            let read = Self::signed(part, *at).then(|| Self::read(part, *at).ok())?;
            read.and_then(|(found, sound)| sound.then_some((found, *at)))
        };
        copies.iter().find_map(sound)
    }

    /// The superblock at `at`, and whether it fits its checksum.
    fn read(part: &Part, at: u64) -> Result<(Self, bool), VolumeError> {
        let len = usize::try_from(LEN).unwrap_or(0);
        let raw = part.read_vec(at, len).map_err(VolumeError::read(WHAT))?;
        let found = Self::parse(&raw).ok_or(VolumeError::Read {
            what: WHAT,
            fault: ReadFault::Unreadable { at, len },
        })?;
        found.check(at)?;
        // A copy that says it lies elsewhere is something else: an image of a disk in a file.
        let home = le_u64(&raw, 0x30) == Some(at);
        let sound = home && checksum_fits(&raw, found.checksum).unwrap_or(true);
        Ok((found, sound))
    }
}

impl Superblock {
    fn parse(raw: &[u8]) -> Option<Self> {
        let array = |at: usize| Some(*raw.get(at..)?.first_chunk::<16>()?);
        let incompat = le_u64(raw, 0xbc)?;
        let fsid = match incompat & incompat::METADATA_UUID {
            0 => array(0x20)?,
            _ => array(0x23b)?,
        };
        let root = |block, generation, level| {
            Some(Root {
                block: le_u64(raw, block)?,
                level: u8_at(raw, level)?,
                generation,
            })
        };
        let generation = le_u64(raw, 0x48)?;
        let used = usize::try_from(le_u32(raw, 0xa0)?).ok()?.min(CHUNKS);
        let chunks = raw.get(0x32b..0x32b_usize.checked_add(used)?)?.to_vec();
        Some(Self {
            fsid,
            generation,
            root: root(0x50, Some(generation), 0xc6)?,
            chunk_root: root(0x58, le_u64(raw, 0xa4), 0xc7)?,
            log_root: root(0x60, None, 0xc8).filter(|root| root.block != 0),
            earlier: earlier(raw, generation),
            devices: le_u64(raw, 0x88)?,
            device: le_u64(raw, 0xc9)?,
            end: le_u64(raw, 0xd1)?,
            sector: u64::from(le_u32(raw, 0x90)?),
            node: u64::from(le_u32(raw, 0x94)?),
            incompat,
            checksum: le_u16(raw, 0xc4)?,
            label: text(raw.get(0x12b..0x22b)?),
            chunks,
        })
    }

    /// The limits are the kernel's (`btrfs_validate_super`).
    fn check(&self, at: u64) -> Result<(), VolumeError> {
        let wrong = |expected, found: u64| Err(VolumeError::damaged(WHAT, at, expected, found));
        let is_size = |size: u64| size.is_power_of_two() && (4096..=65536).contains(&size);
        if !is_size(self.sector) {
            return wrong("a sector size from 4096 to 65536", self.sector);
        }
        if !is_size(self.node) || self.node < self.sector {
            return wrong("a node size from a sector to 65536", self.node);
        }
        if self.root.level.max(self.chunk_root.level) > super::node::DEEPEST {
            return wrong("trees of at most 8 levels", u64::from(self.root.level));
        }
        Ok(())
    }

    /// Whether there is a copy of the superblock at this position.
    pub(super) fn is_at(&self, at: u64) -> bool {
        PLACES.iter().any(|place| {
            at.checked_sub(*place)
                .is_some_and(|within| within < LEN && *place < self.end)
        })
    }

    /// The chunks of the chunk tree: their keys and items, strung together.
    pub(super) fn system_chunks(&self) -> Vec<(Key, &[u8])> {
        let mut found = Vec::new();
        let mut rest = self.chunks.as_slice();
        while let Some(key) = Key::parse(rest, 0) {
            let Some(item) = rest.get(Key::LEN..) else {
                break;
            };
            let Some(len) = super::chunk::item_len(item) else {
                break;
            };
            let Some((item, after)) = item.split_at_checked(len) else {
                break;
            };
            found.push((key, item));
            rest = after;
        }
        found
    }
}

/// The notes on earlier roots (`struct btrfs_root_backup`), the latest first.
fn earlier(raw: &[u8], generation: u64) -> Vec<(Root, Root)> {
    let mut found: Vec<(Root, Root)> = Vec::new();
    for number in 0..4_usize {
        let at = number.saturating_mul(BACKUP).saturating_add(0xb2b);
        let note = at.checked_add(BACKUP).and_then(|end| raw.get(at..end));
        let root = |place: usize, level: usize| {
            let note = note?;
            Some(Root {
                block: le_u64(note, place)?,
                level: u8_at(note, level)?,
                generation: le_u64(note, place.checked_add(8)?),
            })
        };
        let roots = root(0, 152).zip(root(16, 153));
        let sane = |root: &Root| {
            root.block != 0
                && root.level <= super::node::DEEPEST
                && root.generation.is_some_and(|own| own <= generation)
        };
        found.extend(roots.filter(|(root, chunks)| sane(root) && sane(chunks)));
    }
    found.sort_by_key(|(root, _)| std::cmp::Reverse(root.generation));
    found
}
