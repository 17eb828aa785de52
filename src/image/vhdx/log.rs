//! The log of a VHDX: changes of its tables that were promised and not yet made when the machine
//! stopped. Evidence is not written to, so they are laid over what is read.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::collections::BTreeMap;

use super::checksum;
use crate::image::ImageError;
use crate::image::field::Region;
use crate::image::files::Files;

/// The log is written in sectors of this length, and so is what it changes (2.3).
const SECTOR: u64 = 4096;
/// Longest log read; Windows writes 1 MiB.
const MAX_LOG: u64 = 64 << 20;
/// Most changed sectors kept: 64 MiB.
const MAX_SECTORS: usize = 16_384;

/// The changed sectors of a file, by position.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    sectors: BTreeMap<u64, Box<[u8]>>,
}

/// An entry of the log (2.3.1.1), checked.
struct Entry {
    bytes: Vec<u8>,
    /// Where in the log it begins.
    at: u64,
    sequence: u64,
    /// Where in the log the oldest entry lies that is still needed.
    tail: u64,
}

impl Replayed {
    /// Reads the log that a header names; it is empty if the image was closed cleanly.
    pub(super) fn read(files: &Files, file: usize, header: &Region) -> Result<Self, ImageError> {
        let mut replayed = Self::default();
        let id: [u8; 16] = header.array(48).unwrap_or_default();
        if id == [0; 16] {
            return Ok(replayed);
        }
        let (len, at) = (u64::from(header.le32(68)), header.le64(72));
        if header.le16(64) != 0 || len == 0 || len > MAX_LOG || len % SECTOR != 0 {
            return Err(header.corrupt(
                64,
                format!("a log of {len:#x} bytes, expected a multiple of 4 KiB up to {MAX_LOG:#x}"),
            ));
        }
        let log = Region::read(files, file, at, len, "log")?;
        // The active sequence is the one whose last entry has the highest number (2.3.2).
        let mut entries = BTreeMap::new();
        let mut next = 0;
        while next < len {
            match Entry::at(log.bytes(), next, &id) {
                Some(entry) => {
                    next = next.saturating_add(u64::try_from(entry.bytes.len()).unwrap_or(SECTOR));
                    entries.insert(entry.sequence, entry);
                }
                None => next = next.saturating_add(SECTOR),
            }
        }
        let Some((newest, head)) = entries.last_key_value() else {
            return Err(log.corrupt(
                0,
                "the image was not closed cleanly and its log holds no whole entry; open it once \
                 with the program that wrote it, on a copy",
            ));
        };
        let (newest, tail) = (*newest, head.tail);
        let oldest = entries
            .values()
            .find(|entry| entry.at == tail)
            .map(|entry| entry.sequence);
        let expected = oldest.and_then(|oldest| newest.checked_sub(oldest)?.checked_add(1));
        let needed = entries.range(oldest.unwrap_or(newest)..=newest);
        let found = u64::try_from(needed.clone().count()).ok();
        if expected.is_none() || found != expected {
            return Err(log.corrupt(
                0,
                "the log misses entries between its oldest and its newest",
            ));
        }
        for (_, entry) in needed {
            replayed.apply(entry).ok_or_else(|| {
                log.corrupt(
                    usize::try_from(entry.at).unwrap_or(0),
                    "this entry of the log is damaged, or changes more than 64 MiB",
                )
            })?;
        }
        Ok(replayed)
    }

    /// Makes the changes of one entry (2.3.1.2, 2.3.1.3).
    fn apply(&mut self, entry: &Entry) -> Option<()> {
        let count = entry.word(24)?;
        let descriptors = u64::from(count).checked_mul(32)?.checked_add(64)?;
        let mut data_at = usize::try_from(descriptors.checked_next_multiple_of(SECTOR)?).ok()?;
        for index in 0..usize::try_from(count).ok()? {
            let at = index.checked_mul(32)?.checked_add(64)?;
            let descriptor = entry.bytes.get(at..at.checked_add(32)?)?;
            let long = |offset: usize| {
                let field = descriptor.get(offset..offset.checked_add(8)?)?;
                Some(u64::from_le_bytes(field.try_into().ok()?))
            };
            let position = long(16)?;
            if long(24)? != entry.sequence || position % SECTOR != 0 {
                return None;
            }
            match descriptor.get(..4)? {
                b"zero" => {
                    let end = position.checked_add(long(8)?)?;
                    let step = usize::try_from(SECTOR).ok()?;
                    for at in (position..end).step_by(step) {
                        self.put(at, vec![0; step].into())?;
                    }
                }
                b"desc" => {
                    let end = data_at.checked_add(usize::try_from(SECTOR).ok()?)?;
                    let sector = entry.bytes.get(data_at..end)?;
                    let whole = sector.starts_with(b"data")
                        && sector.get(4..8)? == entry.sequence.to_le_bytes().get(4..)?
                        && sector.get(4092..)? == entry.sequence.to_le_bytes().get(..4)?;
                    if !whole {
                        return None;
                    }
                    // The first 8 and the last 4 bytes are kept in the descriptor.
                    let parts = [
                        descriptor.get(8..16)?,
                        sector.get(8..4092)?,
                        descriptor.get(4..8)?,
                    ];
                    self.put(position, parts.concat().into())?;
                    data_at = end;
                }
                _ => return None,
            }
        }
        Some(())
    }

    fn put(&mut self, at: u64, sector: Box<[u8]>) -> Option<()> {
        self.sectors.insert(at, sector);
        (self.sectors.len() <= MAX_SECTORS).then_some(())
    }

    /// Whether the log holds changes.
    pub(super) fn is_used(&self) -> bool {
        !self.sectors.is_empty()
    }

    /// As [`Files::array`], with the changes.
    pub(super) fn array<const N: usize>(
        &self,
        files: &Files,
        file: usize,
        at: u64,
    ) -> Option<[u8; N]> {
        let stored = files.array(file, at);
        if self.sectors.is_empty() {
            return stored;
        }
        let mut bytes = stored?;
        self.lay_over(at, &mut bytes);
        Some(bytes)
    }

    /// As [`Region::read`], with the changes.
    pub(super) fn region(
        &self,
        files: &Files,
        file: usize,
        at: u64,
        len: u64,
        what: &str,
    ) -> Result<Region, ImageError> {
        let stored = Region::read(files, file, at, len, what)?;
        if self.sectors.is_empty() {
            return Ok(stored);
        }
        let mut bytes = stored.bytes().to_vec();
        self.lay_over(at, &mut bytes);
        Ok(Region::of(files, file, at, bytes))
    }

    fn lay_over(&self, at: u64, bytes: &mut [u8]) {
        let end = at.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let first = at.saturating_sub(at % SECTOR);
        for (position, sector) in self.sectors.range(first..end) {
            for (offset, byte) in (0_u64..).zip(sector.iter()) {
                let index = position.saturating_add(offset).checked_sub(at);
                let index = index.and_then(|index| usize::try_from(index).ok());
                if let Some(target) = index.and_then(|index| bytes.get_mut(index)) {
                    *target = *byte;
                }
            }
        }
    }
}

impl Entry {
    /// The entry at a position of the log, which is a ring, if a whole and sound one is there.
    fn at(log: &[u8], at: u64, id: &[u8; 16]) -> Option<Self> {
        let start = usize::try_from(at).ok()?;
        let head = log.get(start..start.checked_add(64)?)?;
        if !head.starts_with(b"loge") || head.get(32..48)? != id {
            return None;
        }
        let len = usize::try_from(u32::from_le_bytes(head.get(8..12)?.try_into().ok()?)).ok()?;
        let sector = usize::try_from(SECTOR).ok()?;
        if len == 0 || len > log.len() || len.checked_rem(sector)? != 0 {
            return None;
        }
        let bytes: Vec<u8> = log.iter().cycle().skip(start).take(len).copied().collect();
        let mut entry = Self {
            bytes,
            at,
            sequence: 0,
            tail: 0,
        };
        entry.sequence = u64::from_le_bytes(entry.bytes.get(16..24)?.try_into().ok()?);
        entry.tail = entry.word(12)?.into();
        (entry.word(4)? == checksum(&entry.bytes)).then_some(entry)
    }

    fn word(&self, at: usize) -> Option<u32> {
        let field = self.bytes.get(at..at.checked_add(4)?)?;
        Some(u32::from_le_bytes(field.try_into().ok()?))
    }
}
