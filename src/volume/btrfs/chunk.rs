//! Chunks: which logical addresses lie where on the devices (kernel,
//! `include/uapi/linux/btrfs_tree.h`, `struct btrfs_chunk`, `btrfs_stripe`).

use super::node::Key;
use crate::volume::Warnings;
use crate::volume::field::{le_u16, le_u64};

/// Length of an item without its stripes, and of each stripe.
const FIXED: usize = 48;
const STRIPE: usize = 32;
/// Most stripes that a chunk has; the kernel allows fewer.
const STRIPES: u16 = 1024;

/// Bits of a chunk's type.
const METADATA: u64 = 0x2 | 0x4;
/// Every stripe holds all of it.
const MIRRORED: u64 = 0x10 | 0x20 | 0x200 | 0x400;
/// Stripes hold parts of it.
const STRIPED: u64 = 0x8 | 0x40 | 0x80 | 0x100;

/// A range of logical addresses.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub(super) logical: u64,
    pub(super) len: u64,
    pub(super) is_metadata: bool,
    /// Where its copies lie on this device.
    pub(super) places: Vec<u64>,
}

/// All chunks, in the order of their logical addresses.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    all: Vec<Chunk>,
    /// Place, length, logical address, in the order of places.
    stripes: Vec<(u64, u64, u64)>,
}

/// Length of the item that `bytes` begin with.
pub(super) fn item_len(bytes: &[u8]) -> Option<usize> {
    let stripes = usize::from(le_u16(bytes, 44)?);
    stripes.checked_mul(STRIPE)?.checked_add(FIXED)
}

impl Chunk {
    /// `None` if the item makes no sense.
    fn parse(key: Key, item: &[u8], device: u64, warnings: &Warnings) -> Option<Self> {
        let len = le_u64(item, 0)?;
        let kind = le_u64(item, 24)?;
        let count = le_u16(item, 44)?;
        if len == 0 || key.offset.checked_add(len).is_none() || !(1..=STRIPES).contains(&count) {
            return None;
        }
        let mut places = Vec::new();
        for number in 0..usize::from(count) {
            let at = number.checked_mul(STRIPE)?.checked_add(FIXED)?;
            let place = le_u64(item, at.checked_add(8)?)?;
            if le_u64(item, at)? == device && place.checked_add(len).is_some() {
                places.push(place);
            }
        }
        // One stripe alone is whole whatever the kind.
        if kind & STRIPED != 0 && count > 1 {
            warnings.add(format!(
                "the chunk at the logical address {:#x} is striped over {count} places \
                 ({}): files in it cannot be found on one device alone",
                key.offset,
                profile(kind)
            ));
            places.clear();
        } else if places.is_empty() {
            warnings.add(format!(
                "the chunk at the logical address {:#x} lies on another device: files in it \
                 cannot be found here",
                key.offset
            ));
        } else if kind & MIRRORED == 0 {
            places.truncate(1);
        }
        Some(Self {
            logical: key.offset,
            len,
            is_metadata: kind & METADATA != 0,
            places,
        })
    }
}

fn profile(kind: u64) -> &'static str {
    match kind & STRIPED {
        0x8 => "RAID0",
        0x40 => "RAID10",
        0x80 => "RAID5",
        0x100 => "RAID6",
        _ => "several profiles at once",
    }
}

impl Chunks {
    /// Adds the chunk that an item describes; one that is known by its address already is kept.
    pub(super) fn add(&mut self, key: Key, item: &[u8], device: u64, warnings: &Warnings) {
        let before = self.all.partition_point(|own| own.logical < key.offset);
        if self
            .all
            .get(before)
            .is_some_and(|own| own.logical == key.offset)
        {
            return;
        }
        match Chunk::parse(key, item, device, warnings) {
            Some(chunk) => {
                for place in &chunk.places {
                    let stripe = (*place, chunk.len, chunk.logical);
                    let at = self.stripes.partition_point(|own| *own < stripe);
                    self.stripes.insert(at, stripe);
                }
                self.all.insert(before, chunk);
            }
            None => warnings.add(format!(
                "the chunk at the logical address {:#x} is damaged: files in it cannot be found",
                key.offset
            )),
        }
    }

    pub(super) fn all(&self) -> &[Chunk] {
        &self.all
    }

    /// Where each copy of a range lies on the volume. `None` if it is not all in one chunk; empty
    /// if that lies on other devices.
    pub(super) fn places(&self, logical: u64, len: u64) -> Option<Vec<u64>> {
        let after = self.all.partition_point(|chunk| chunk.logical <= logical);
        let chunk = self.all.get(after.checked_sub(1)?)?;
        let within = logical.checked_sub(chunk.logical)?;
        if within.checked_add(len)? > chunk.len {
            return None;
        }
        let places = chunk.places.iter().map(|place| place.checked_add(within));
        places.collect()
    }

    /// The logical address of a place on the volume.
    pub(super) fn logical(&self, place: u64) -> Option<u64> {
        let after = self.stripes.partition_point(|(start, ..)| *start <= place);
        // Those of a damaged file system may overlap; a few of the nearest are enough.
        let before = self.stripes.get(..after)?.iter().rev().take(4);
        before
            .filter_map(|(start, len, logical)| {
                let within = place.checked_sub(*start)?;
                (within < *len).then(|| logical.checked_add(within))?
            })
            .next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(len: u64, kind: u64, stripes: &[(u64, u64)]) -> Vec<u8> {
        let mut item = vec![0; FIXED];
        item[..8].copy_from_slice(&len.to_le_bytes());
        item[24..32].copy_from_slice(&kind.to_le_bytes());
        let count = u16::try_from(stripes.len()).unwrap();
        item[44..46].copy_from_slice(&count.to_le_bytes());
        for (device, place) in stripes {
            item.extend(device.to_le_bytes());
            item.extend(place.to_le_bytes());
            item.extend([0; 16]);
        }
        item
    }

    #[test]
    fn an_address_is_led_to_each_of_its_copies_and_back() {
        let warnings = Warnings::default();
        let mut chunks = Chunks::default();
        let mut add = |logical, item: &[u8]| {
            chunks.add(Key::new(256, 228, logical), item, 7, &warnings);
        };
        add(1 << 20, &item(4096, 0x22, &[(7, 65536), (7, 131_072)]));
        add(2 << 20, &item(4096, 1, &[(7, 1000)]));
        // A mirror of which one half lies here, and one that lies elsewhere.
        add(3 << 20, &item(4096, 0x11, &[(8, 5), (7, 9000)]));
        add(4 << 20, &item(4096, 1, &[(8, 5)]));
        add(5 << 20, &item(4096, 0x9, &[(7, 5), (8, 5)]));
        add(6 << 20, &item(0, 1, &[(7, 5)]));
        let place = |at, len| chunks.places(at, len);
        assert_eq!(place((1 << 20) + 5, 4091), Some(vec![65541, 131_077]));
        assert_eq!(place((1 << 20) + 5, 4092), None);
        assert_eq!(place(2 << 20, 1), Some(vec![1000]));
        assert_eq!(place(3 << 20, 1), Some(vec![9000]));
        assert_eq!(place(4 << 20, 1), Some(vec![]));
        assert_eq!(place(5 << 20, 1), Some(vec![]));
        assert_eq!(place(6 << 20, 1), None);
        assert_eq!(place(0, 1), None);
        assert_eq!(place(u64::MAX, u64::MAX), None);
        assert_eq!(chunks.logical(131_080), Some((1 << 20) + 8));
        assert_eq!(chunks.logical(9000 + 4096), None);
        let told = warnings.list();
        let has = |at: usize, words: &str| assert!(told[at].contains(words), "{told:?}");
        has(0, "0x400000 lies on another device");
        has(1, "0x500000 is striped over 2 places (RAID0)");
        has(2, "0x600000 is damaged");
    }
}
