//! Blocks of trees: nodes that point to other blocks, and leaves that hold items (kernel,
//! `include/uapi/linux/btrfs_tree.h`, `struct btrfs_header`, `btrfs_item`, `btrfs_key_ptr`).

use sha2::{Digest, Sha256};

use super::superblock::Superblock;
use crate::volume::crc::crc32c;
use crate::volume::field::{le_u32, le_u64, u8_at};

/// Highest level of a tree; leaves have level 0.
pub(super) const DEEPEST: u8 = 7;
/// Length of the header of every block.
const HEADER: usize = 101;
/// Lengths of an item's entry in a leaf, and of a pointer in a node.
const ITEM: usize = 25;
const POINTER: usize = 33;

/// Kinds of items.
pub(super) mod kind {
    pub(crate) const INODE: u8 = 1;
    pub(crate) const INODE_REF: u8 = 12;
    pub(crate) const INODE_EXTREF: u8 = 13;
    pub(crate) const EXTENT_DATA: u8 = 108;
    pub(crate) const ROOT: u8 = 132;
    pub(crate) const ROOT_BACKREF: u8 = 144;
    pub(crate) const EXTENT: u8 = 168;
    pub(crate) const METADATA: u8 = 169;
    pub(crate) const CHUNK: u8 = 228;
}

/// What items are found and ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) object: u64,
    pub(super) kind: u8,
    pub(super) offset: u64,
}

impl Key {
    pub(super) const LEN: usize = 17;
    pub(super) const FIRST: Self = Self::new(0, 0, 0);
    pub(super) const LAST: Self = Self::new(u64::MAX, u8::MAX, u64::MAX);

    pub(super) const fn new(object: u64, kind: u8, offset: u64) -> Self {
        Self {
            object,
            kind,
            offset,
        }
    }

    pub(super) fn parse(bytes: &[u8], at: usize) -> Option<Self> {
        Some(Self {
            object: le_u64(bytes, at)?,
            kind: u8_at(bytes, at.checked_add(8)?)?,
            offset: le_u64(bytes, at.checked_add(9)?)?,
        })
    }
}

/// A block of a tree whose header was checked.
#[derive(Debug)]
pub(super) struct Node {
    bytes: Vec<u8>,
    pub(super) logical: u64,
    /// Where its copies lie on the volume.
    pub(super) places: Vec<u64>,
    pub(super) level: u8,
    pub(super) owner: u64,
    pub(super) generation: u64,
    count: usize,
}

/// An item of a leaf.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    pub(super) key: Key,
    /// Position of its data in the leaf.
    pub(super) within: usize,
    pub(super) data: &'a [u8],
}

/// A pointer to a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Child {
    pub(super) key: Key,
    pub(super) block: u64,
    pub(super) generation: u64,
}

impl Node {
    /// The block with the logical address `logical`, or what is wrong with it.
    pub(super) fn parse(
        bytes: Vec<u8>,
        logical: u64,
        places: Vec<u64>,
        fs: &Superblock,
    ) -> Result<Self, &'static str> {
        if bytes.get(0x20..0x30) != Some(&fs.fsid) {
            return Err("it does not carry the file system's number");
        }
        if le_u64(&bytes, 0x30) != Some(logical) {
            return Err("it belongs elsewhere");
        }
        let short = "it is too short";
        let level = u8_at(&bytes, 0x64).ok_or(short)?;
        let count = le_u32(&bytes, 0x60).and_then(|count| usize::try_from(count).ok());
        let node = Self {
            logical,
            places,
            level,
            owner: le_u64(&bytes, 0x58).ok_or(short)?,
            generation: le_u64(&bytes, 0x50).ok_or(short)?,
            count: count.ok_or(short)?,
            bytes,
        };
        let each = if level == 0 { ITEM } else { POINTER };
        let room = node.bytes.len().saturating_sub(HEADER);
        if node.count > room.checked_div(each).unwrap_or(0) {
            return Err("it has more entries than fit");
        }
        if level > DEEPEST {
            return Err("its level is higher than any tree");
        }
        Ok(node)
    }

    /// Whether it fits its checksum; `None` if that is of a kind not known here.
    pub(super) fn is_sound(&self, fs: &Superblock) -> Option<bool> {
        checksum_fits(&self.bytes, fs.checksum)
    }

    /// The items of a leaf; one that reaches out of the leaf is left out.
    pub(super) fn items(&self) -> impl Iterator<Item = Item<'_>> {
        let count = if self.level == 0 { self.count } else { 0 };
        (0..count).filter_map(|index| {
            let at = index.checked_mul(ITEM)?.checked_add(HEADER)?;
            let start = le_u32(&self.bytes, at.checked_add(17)?)?;
            let len = le_u32(&self.bytes, at.checked_add(21)?)?;
            let within = usize::try_from(start).ok()?.checked_add(HEADER)?;
            let end = within.checked_add(usize::try_from(len).ok()?)?;
            // Data lies behind the entries.
            let entries = self.count.checked_mul(ITEM)?.checked_add(HEADER)?;
            let data = self.bytes.get(within..end).filter(|_| within >= entries)?;
            Some(Item {
                key: Key::parse(&self.bytes, at)?,
                within,
                data,
            })
        })
    }

    /// Whether all entries of a leaf are within it and in order.
    pub(super) fn is_whole(&self) -> bool {
        if self.level > 0 {
            return self.children().is_sorted_by(|a, b| a.key < b.key);
        }
        self.items().count() == self.count && self.items().is_sorted_by(|a, b| a.key < b.key)
    }

    /// The pointers of a node.
    pub(super) fn children(&self) -> impl Iterator<Item = Child> {
        let count = if self.level == 0 { 0 } else { self.count };
        (0..count).filter_map(|index| {
            let at = index.checked_mul(POINTER)?.checked_add(HEADER)?;
            Some(Child {
                key: Key::parse(&self.bytes, at)?,
                block: le_u64(&self.bytes, at.checked_add(17)?)?,
                generation: le_u64(&self.bytes, at.checked_add(25)?)?,
            })
        })
    }
}

/// Whether a structure fits the checksum that it begins with; `None` if that is of a kind not known
/// here (`enum btrfs_csum_type`).
pub(super) fn checksum_fits(raw: &[u8], kind: u16) -> Option<bool> {
    let (noted, rest) = raw.split_at_checked(32)?;
    match kind {
        0 => Some(le_u32(noted, 0) == Some(!crc32c(!0, rest))),
        2 => Some(noted == Sha256::digest(rest).as_slice()),
        _ => None,
    }
}

/// Name of a checksum that is not known here.
pub(super) fn checksum_name(kind: u16) -> &'static str {
    match kind {
        1 => "xxhash64",
        3 => "blake2b",
        _ => "of an unknown kind",
    }
}
