//! Where a file's content lies (kernel, `include/uapi/linux/btrfs_tree.h`,
//! `struct btrfs_file_extent_item`).

use super::codec::Codec;
use super::node::{Item, Node};
use crate::volume::field::{le_u16, le_u64, u8_at};

/// Where the fields end that every item has; content within the item begins there.
const INLINE: usize = 21;
/// Most bytes that one compressed extent stands for (`BTRFS_MAX_UNCOMPRESSED`).
pub(super) const LONGEST: u64 = 128 << 10;

/// A piece of a file.
#[derive(Clone, Debug)]
pub(super) struct Extent {
    /// First byte in the file.
    pub(super) file: u64,
    /// Bytes of the file.
    pub(super) len: u64,
    pub(super) codec: Codec,
    pub(super) stored: Stored,
}

/// What is stored of it.
#[derive(Clone, Debug)]
pub(super) enum Stored {
    /// Within the item: the places of its copies, and the bytes.
    Inline { places: Vec<u64>, bytes: Vec<u8> },
    /// In blocks; a file may use only a part of what they hold.
    Blocks {
        /// Logical address of the first.
        logical: u64,
        /// Bytes that are stored.
        stored: u64,
        /// Bytes of the content that are left out before the file's.
        skip: u64,
        /// They were reserved and never written.
        unwritten: bool,
    },
}

/// What an item says.
pub(super) enum Parsed {
    Extent(Extent),
    Hole,
    /// It makes no sense.
    Damaged,
}

impl Extent {
    pub(super) fn end(&self) -> u64 {
        self.file.saturating_add(self.len)
    }

    /// Where in the file what its blocks hold would begin, and which blocks they are: the same for
    /// all parts of it that a file uses in one place.
    pub(super) fn base(&self) -> Option<(u64, u64)> {
        match self.stored {
            Stored::Blocks { logical, skip, .. } => Some((logical, self.file.wrapping_sub(skip))),
            Stored::Inline { .. } => None,
        }
    }

    pub(super) fn parse(leaf: &Node, item: &Item<'_>, sector: u64) -> Parsed {
        match Self::read(leaf, item) {
            Some(Some(extent)) if extent.is_sane(sector) => Parsed::Extent(extent),
            Some(None) => Parsed::Hole,
            _ => Parsed::Damaged,
        }
    }

    fn read(leaf: &Node, item: &Item<'_>) -> Option<Option<Self>> {
        let data = item.data;
        let decoded = le_u64(data, 8)?;
        let codec = match (u8_at(data, 16)?, u8_at(data, 17)?, le_u16(data, 18)?) {
            (codec, 0, 0) => Codec::of(codec),
            _ => Codec::Unknown,
        };
        let kind = u8_at(data, 20)?;
        let file = item.key.offset;
        if kind == 0 {
            let bytes = data.get(INLINE..)?.to_vec();
            let places = leaf.places.iter().map(|place| {
                let within = u64::try_from(item.within.checked_add(INLINE)?).ok()?;
                place.checked_add(within)
            });
            let stored = Stored::Inline {
                places: places.collect::<Option<_>>()?,
                bytes,
            };
            return Some(Some(Self {
                file,
                len: decoded,
                codec,
                stored,
            }));
        }
        let logical = le_u64(data, 21)?;
        let len = le_u64(data, 45)?;
        if kind > 2 || len == 0 || file.checked_add(len).is_none() {
            return None;
        }
        if logical == 0 {
            return Some(None);
        }
        let stored = Stored::Blocks {
            logical,
            stored: le_u64(data, 29)?,
            skip: le_u64(data, 37)?,
            unwritten: kind == 2,
        };
        Some(Some(Self {
            file,
            len,
            codec,
            stored,
        }))
    }

    fn is_sane(&self, sector: u64) -> bool {
        let is_aligned = |number: u64| number.checked_rem(sector) == Some(0);
        match &self.stored {
            Stored::Inline { bytes, .. } => match self.codec {
                Codec::None => u64::try_from(bytes.len()).is_ok_and(|len| len >= self.len),
                _ => self.len <= LONGEST,
            },
            Stored::Blocks {
                logical,
                stored,
                skip,
                ..
            } => {
                let end = skip.checked_add(self.len);
                let fits = match self.codec {
                    Codec::None => end.is_some_and(|end| end <= *stored),
                    _ => *stored <= LONGEST && end.is_some_and(|end| end <= LONGEST),
                };
                let numbers = [*logical, *stored, *skip, self.file, self.len];
                *stored > 0 && fits && numbers.into_iter().all(is_aligned)
            }
        }
    }
}
