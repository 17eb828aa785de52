//! The master file table: a record for every file, the table itself included.

use std::ops::Range;
use std::sync::Arc;

use super::boot::Boot;
use super::extent::{self, Extent};
use super::record::{Body, Record};
use super::stream::{ATTRIBUTE_LIST, Budget, DATA, listed};
use crate::volume::{Disk, Part, ReadAt, VolumeError, Warnings};

/// How much of the table is read at once.
const PIECE: u64 = 256 << 10;
const WHAT: &str = "first record of the master file table";

/// Where the records lie.
#[derive(Debug)]
pub(super) struct Mft {
    /// The table as one piece, of the volume.
    content: Part,
    record_size: u64,
    /// Records behind it were never written.
    pub(super) count: u64,
}

impl Mft {
    /// Finds the table by its first record, or by the copy of that.
    pub(super) fn open(part: &Part, boot: &Boot, warnings: &Warnings) -> Result<Self, VolumeError> {
        let volume: Disk = Arc::new(part.clone());
        let at = |start| Self::at(&volume, boot, start, warnings);
        at(boot.mft).or_else(|error| {
            let mft = at(boot.mirror).map_err(|_| error.clone())?;
            warnings.add(format!(
                "{error}; its copy at {:#x} was used instead",
                boot.mirror
            ));
            Ok(mft)
        })
    }

    fn at(
        volume: &Disk,
        boot: &Boot,
        start: u64,
        warnings: &Warnings,
    ) -> Result<Self, VolumeError> {
        let raw = volume
            .read_vec(start, boot.record_size)
            .map_err(VolumeError::read(WHAT))?;
        let damaged = |expected, found: &dyn ToString| {
            VolumeError::damaged(WHAT, start, expected, found.to_string())
        };
        let first = raw.get(..4).unwrap_or(&[]).escape_ascii().to_string();
        let record = Record::parse(raw, 0).ok_or_else(|| damaged("the signature FILE", &first))?;
        let (attributes, _) = record.attributes();
        let main = attributes
            .iter()
            .find_map(|attribute| match &attribute.body {
                Body::Runs(runs) if attribute.kind == DATA && attribute.name.is_empty() => {
                    Some(runs)
                }
                _ => None,
            });
        let Some(main) = main else {
            return Err(damaged("where the table lies", &"nothing"));
        };
        let (mut extents, complete) =
            extent::decode(main.map, main.first, main.last, boot.clusters);
        if main.first != 0 || extents.is_empty() {
            return Err(damaged("a table that begins somewhere", &main.first));
        }
        if !complete {
            warnings.add(format!(
                "the {WHAT} is damaged: it maps only a part of the table"
            ));
        }
        let written = match main.initialized {
            0 => main.size,
            initialized => initialized.min(main.size),
        };
        let record_size = u64::try_from(boot.record_size).unwrap_or(1024);
        let table = |extents: &[Extent]| {
            let content = extent::content(volume, extents, boot.cluster_size)?;
            let len = content.len().min(written);
            Some(Self {
                content,
                record_size,
                count: len.checked_div(record_size)?,
            })
        };
        let too_long = || damaged("a table that fits the volume", &"a longer one");
        let mut mft = table(&extents).ok_or_else(too_long)?;
        // Further parts of the map are in records that the known part of the table holds.
        let list = attributes
            .iter()
            .find(|attribute| attribute.kind == ATTRIBUTE_LIST);
        let Some(list) = list else {
            return Ok(mft);
        };
        for (entry, kind) in listed(list, volume, boot, &mut Budget::of(boot.clusters)) {
            let record = mft.record(entry).filter(|_| kind == DATA && entry != 0);
            let Some(record) = record.filter(|record| record.base.is_some_and(|b| b.record == 0))
            else {
                continue;
            };
            for attribute in record.attributes().0 {
                let Body::Runs(runs) = &attribute.body else {
                    continue;
                };
                let next = extents.last().map_or(0, Extent::end);
                if attribute.kind != DATA || !attribute.name.is_empty() || runs.first != next {
                    continue;
                }
                extents.extend(extent::decode(runs.map, next, runs.last, boot.clusters).0);
                mft = table(&extents).ok_or_else(too_long)?;
            }
        }
        Ok(mft)
    }

    /// The record of this number, if it is or was in use.
    pub(super) fn record(&self, number: u64) -> Option<Record> {
        if number >= self.count {
            return None;
        }
        let at = number.checked_mul(self.record_size)?;
        let len = usize::try_from(self.record_size).ok()?;
        Record::parse(self.content.read_vec(at, len).ok()?, number)
    }

    /// Visits every record that is or was in use, in the order of the table.
    pub(super) fn sweep(&self, warnings: &Warnings, visit: &mut dyn FnMut(Record)) {
        let size = usize::try_from(self.record_size).unwrap_or(1024);
        let len = self.count.saturating_mul(self.record_size);
        let mut number = 0_u64;
        let mut buf = Vec::new();
        for at in (0..len).step_by(usize::try_from(PIECE).unwrap_or(1 << 18)) {
            let take = PIECE.min(len.saturating_sub(at));
            buf.resize(usize::try_from(take).unwrap_or(0), 0);
            let whole = self.content.read_at(at, &mut buf);
            if let Err(fault) = whole {
                warnings.add(format!(
                    "a part of the master file table cannot be read: {fault}"
                ));
            }
            for raw in buf.chunks_exact(size) {
                let record = match whole {
                    Ok(()) => Record::parse(raw.to_vec(), number),
                    Err(_) => self.record(number),
                };
                if let Some(record) = record {
                    visit(record);
                }
                number = number.saturating_add(1);
            }
        }
    }

    /// Where on the volume `len` bytes of a record lie: a record may be longer than a cluster.
    pub(super) fn places(&self, number: u64, within: usize, len: usize) -> Vec<Range<u64>> {
        let place = |number: u64| {
            let start = number.checked_mul(self.record_size)?;
            let start = start.checked_add(u64::try_from(within).ok()?)?;
            Some(start..start.checked_add(u64::try_from(len).ok()?)?)
        };
        place(number).map_or(Vec::new(), |range| self.content.disk_ranges(range))
    }

    /// Number of the record that a byte of the volume lies in.
    pub(super) fn number_at(&self, at: u64) -> Option<u64> {
        self.content.from_disk(at)?.checked_div(self.record_size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTER: usize = 1024;

    /// A part of the map of the table: clusters `first` to `last` of it, from `disk` on.
    fn map(first: u64, last: u64, disk: u8) -> Vec<u8> {
        let mut raw = vec![0; 72];
        raw[0] = 0x80;
        raw[4] = 72;
        raw[8] = 1;
        raw[16..24].copy_from_slice(&first.to_le_bytes());
        raw[24..32].copy_from_slice(&last.to_le_bytes());
        raw[32] = 64;
        raw[49] = 6 * 4;
        raw[57] = 6 * 4;
        let count = u8::try_from(last - first + 1).unwrap();
        raw[64..67].copy_from_slice(&[0x11, count, disk]);
        raw
    }

    /// A list of the records that hold such parts.
    fn list(records: &[u8]) -> Vec<u8> {
        let mut raw = vec![0; 24];
        raw[0] = 0x20;
        for record in records {
            let mut entry = [0; 32];
            entry[0] = 0x80;
            entry[4] = 32;
            entry[16] = *record;
            raw.extend(entry);
        }
        raw[4] = u8::try_from(raw.len()).unwrap();
        raw[16] = raw[4] - 24;
        raw[20] = 24;
        raw
    }

    fn put(volume: &mut [u8], cluster: usize, base: u8, attributes: &[Vec<u8>]) {
        let raw = &mut volume[cluster * CLUSTER..][..CLUSTER];
        raw[..8].copy_from_slice(b"FILE\x30\0\x03\0");
        raw[16] = 1;
        raw[20] = 56;
        raw[22] = 1;
        raw[32] = 0;
        raw[38] = base;
        let mut at = 56;
        for attribute in attributes {
            raw[at..at + attribute.len()].copy_from_slice(attribute);
            at += attribute.len();
        }
        raw[at..at + 4].fill(0xff);
        raw[24..26].copy_from_slice(&u16::try_from(at + 8).unwrap().to_le_bytes());
    }

    fn open(volume: Vec<u8>) -> Result<(Mft, Vec<String>), VolumeError> {
        let boot = Boot {
            cluster_size: 1024,
            clusters: 64,
            end: 64 << 10,
            record_size: CLUSTER,
            mft: 4 << 10,
            mirror: 50 << 10,
        };
        let warnings = Warnings::default();
        let mft = Mft::open(&Part::whole(Arc::new(volume)), &boot, &warnings)?;
        Ok((mft, warnings.list()))
    }

    #[test]
    fn the_table_may_be_mapped_by_records_of_its_own() {
        let mut volume = vec![0; 64 << 10];
        put(&mut volume, 4, 0, &[list(&[0, 1, 2]), map(0, 1, 4)]);
        // The third part is in a record that the second part maps.
        put(&mut volume, 5, 1, &[map(2, 3, 20)]);
        put(&mut volume, 20, 1, &[map(4, 5, 10)]);
        put(&mut volume, 11, 0, &[]);
        let (mft, warnings) = open(volume).unwrap();
        assert_eq!(warnings, [""; 0]);
        assert_eq!(mft.count, 6);
        let place = mft.places(5, 8, 4).pop();
        assert_eq!(place, Some((11 << 10) + 8..(11 << 10) + 12));
        assert_eq!(mft.number_at((21 << 10) + 5), Some(3));
        let mut seen = Vec::new();
        mft.sweep(&Warnings::default(), &mut |record| seen.push(record.number));
        assert_eq!(seen, [0, 1, 2, 5]);
    }

    #[test]
    fn the_copy_of_the_first_record_is_used() {
        let mut volume = vec![0; 64 << 10];
        put(&mut volume, 50, 0, &[map(0, 5, 4)]);
        let (mft, warnings) = open(volume.clone()).unwrap();
        assert_eq!(mft.count, 6);
        assert!(warnings[0].contains("expected the signature FILE"));
        volume.fill(0);
        assert!(open(volume).is_err());
    }
}
