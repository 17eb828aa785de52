//! DOS partition tables: four primary entries, and a chain of logical ones inside the extended
//! partition.

use std::collections::HashSet;
use std::ops::Range;

use super::{Entry, Scheme};
use crate::volume::field::{le_u32, u8_at};
use crate::volume::{Disk, Warnings};

/// Longest chain of logical partitions. Linux names at most 60; a longer chain is a mistake.
const LOGICAL: u32 = 256;

/// Kind of an entry that keeps old programs off a GUID partition table.
pub(super) const PROTECTIVE: &str = "GPT protective";

/// A slot of a table as it lies there; positions in sectors.
#[derive(Clone, Copy)]
struct Slot {
    kind: u8,
    start: u32,
    len: u32,
}

impl Slot {
    fn is_used(self) -> bool {
        self.kind != 0 && self.len != 0
    }

    fn is_extended(self) -> bool {
        matches!(self.kind, 0x05 | 0x0f | 0x85)
    }
}

/// The partitions of a disk whose table counts in sectors of `sector` bytes; extended ones are
/// followed, not listed. Empty if the first sector holds no sound table.
pub(super) fn entries(disk: &Disk, sector: u64, warnings: &Warnings) -> Vec<Entry> {
    let mut entries = Vec::new();
    let Some(slots) = slots(disk, 0) else {
        return entries;
    };
    for (number, slot) in (1..).zip(slots) {
        if slot.is_used() && !slot.is_extended() {
            let range = range(0, slot, sector);
            entries.push(entry(number, slot, range));
        }
    }
    let mut number = 5;
    for slot in slots.into_iter().filter(|slot| slot.is_used()) {
        if slot.is_extended() {
            logical(
                disk,
                sector,
                slot.start,
                &mut number,
                &mut entries,
                warnings,
            );
        }
    }
    entries
}

/// Follows the chain of extended boot records: the first entry of each is a partition relative to
/// the record, the second the next record relative to the first one.
fn logical(
    disk: &Disk,
    sector: u64,
    extended: u32,
    number: &mut u32,
    entries: &mut Vec<Entry>,
    warnings: &Warnings,
) {
    let base = u64::from(extended);
    let mut record = base;
    let mut seen = HashSet::new();
    loop {
        let at = record.saturating_mul(sector);
        if !seen.insert(record) || *number > LOGICAL {
            warnings.add(format!(
                "the chain of logical partitions comes back to its record at {at:#x}: the \
                 partitions after it are not known"
            ));
            return;
        }
        let Some([partition, next, ..]) = slots(disk, at) else {
            warnings.add(format!(
                "the record of a logical partition at {at:#x} is damaged: the partitions after it \
                 are not known"
            ));
            return;
        };
        if partition.is_used() && !partition.is_extended() {
            entries.push(entry(*number, partition, range(record, partition, sector)));
            *number = number.saturating_add(1);
        }
        if !next.is_used() || !next.is_extended() {
            return;
        }
        record = base.saturating_add(u64::from(next.start));
    }
}

fn entry(number: u32, slot: Slot, range: Range<u64>) -> Entry {
    Entry {
        number,
        scheme: Scheme::Mbr,
        kind: kind(slot.kind),
        label: None,
        range,
    }
}

fn range(base: u64, slot: Slot, sector: u64) -> Range<u64> {
    let start = base.saturating_add(u64::from(slot.start));
    let end = start.saturating_add(u64::from(slot.len));
    start.saturating_mul(sector)..end.saturating_mul(sector)
}

/// The table in the sector at `at`, if it has the signature and every entry is sane: any boot
/// sector has the signature, and code in place of the entries rarely looks like entries.
fn slots(disk: &Disk, at: u64) -> Option<[Slot; 4]> {
    let bytes = disk.read_vec(at, 512).ok()?;
    if bytes.get(510..) != Some(&[0x55, 0xaa]) {
        return None;
    }
    let mut slots = [Slot {
        kind: 0,
        start: 0,
        len: 0,
    }; 4];
    for (slot, raw) in slots.iter_mut().zip(bytes.get(446..510)?.chunks_exact(16)) {
        let status = u8_at(raw, 0)?;
        *slot = Slot {
            kind: u8_at(raw, 4)?,
            start: le_u32(raw, 8)?,
            len: le_u32(raw, 12)?,
        };
        if status & 0x7f != 0 || (slot.is_used() && at == 0 && slot.start == 0) {
            return None;
        }
    }
    Some(slots)
}

fn kind(number: u8) -> String {
    let name = match number {
        0x01 | 0x04 | 0x06 | 0x0e => "FAT16",
        0x0b | 0x0c => "FAT32",
        0x07 => "NTFS or exFAT",
        0x27 => "Windows recovery",
        0x42 => "Windows dynamic disk",
        0x82 => "Linux swap",
        0x83 => "Linux",
        0x8e => "Linux LVM",
        0xa5 => "FreeBSD",
        0xaf => "Apple HFS+",
        0xee => PROTECTIVE,
        0xef => "EFI system",
        0xfd => "Linux RAID",
        _ => return format!("type {number:#04x}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn put(disk: &mut [u8], at: usize, slot: usize, kind: u8, start: u32, len: u32) {
        let raw = &mut disk[at + 446 + 16 * slot..][..16];
        raw[4] = kind;
        raw[8..12].copy_from_slice(&start.to_le_bytes());
        raw[12..].copy_from_slice(&len.to_le_bytes());
        disk[at + 510..at + 512].copy_from_slice(&[0x55, 0xaa]);
    }

    #[test]
    fn a_chain_that_bites_its_tail_ends() {
        let mut bytes = vec![0; 512 * 64];
        put(&mut bytes, 0, 0, 0x05, 16, 40);
        put(&mut bytes, 16 * 512, 0, 0x83, 1, 4);
        put(&mut bytes, 16 * 512, 1, 0x05, 8, 8);
        put(&mut bytes, 24 * 512, 0, 0x83, 1, 4);
        put(&mut bytes, 24 * 512, 1, 0x05, 8, 8);
        let disk: Disk = Arc::new(bytes);
        let warnings = Warnings::default();
        let found = entries(&disk, 512, &warnings);
        let found: Vec<_> = found.into_iter().map(|e| (e.number, e.range)).collect();
        let expected = [(5, 17 * 512..21 * 512), (6, 25 * 512..29 * 512)];
        assert_eq!(found, expected);
        assert!(warnings.list()[0].contains("comes back to its record at 0x3000"));
    }

    #[test]
    fn boot_code_is_no_table() {
        let mut bytes = vec![0x90; 512];
        bytes[510..].copy_from_slice(&[0x55, 0xaa]);
        let disk: Disk = Arc::new(bytes);
        assert!(entries(&disk, 512, &Warnings::default()).is_empty());
    }
}
