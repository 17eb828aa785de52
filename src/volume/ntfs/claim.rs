//! What a cluster is that no file holds.

use std::ops::Range;
use std::sync::Arc;

use super::Ntfs;
use super::extent;
use super::stream::{Budget, Content, Stream};
use crate::volume::field::u8_at;
use crate::volume::{Claim, Disk, Part, ReadAt};

/// Records of the files that the file system keeps for itself.
pub(super) const MFT: u64 = 0;
const MIRROR: u64 = 1;
const JOURNAL: u64 = 2;
pub(super) const VOLUME: u64 = 3;
const BITMAP: u64 = 6;
const BOOT: u64 = 7;

/// Where the structures lie that are files only by name.
#[derive(Debug)]
pub(super) struct Structures {
    /// By where they begin.
    places: Vec<(Range<u64>, u64)>,
    bitmap: Option<Part>,
}

/// Whether the content of this record's file is a structure, to be named by its place.
pub(super) fn is_structure(record: u64) -> bool {
    matches!(record, MFT | MIRROR | JOURNAL | BITMAP | BOOT)
}

impl Ntfs {
    pub(super) fn claim_of(&self, at: u64) -> Claim {
        let metadata = |what: &str| Claim::Metadata(what.to_owned());
        if at >= self.boot.end {
            // The copy of the boot sector takes the first sector behind.
            let past = at.saturating_sub(self.boot.end);
            return if past < 512 {
                metadata("copy of the boot sector")
            } else {
                Claim::Beyond
            };
        }
        if let Some(number) = self.mft.number_at(at) {
            return Claim::Metadata(format!("MFT record {number}"));
        }
        let structures = self.structures.get_or_init(|| self.structures());
        let after = structures
            .places
            .partition_point(|(range, _)| range.start <= at);
        let before = structures.places.get(..after).unwrap_or(&[]);
        // Structures of a damaged file system may overlap; a few of the nearest are enough.
        let mut near = before.iter().rev().take(4);
        if let Some((_, record)) = near.find(|(range, _)| range.contains(&at)) {
            return match *record {
                JOURNAL => Claim::Journal { of: None },
                MIRROR => metadata("copy of the first MFT records"),
                BITMAP => metadata("allocation bitmap"),
                _ => metadata("boot sector and boot code"),
            };
        }
        let cluster = at.checked_div(self.boot.cluster_size).unwrap_or(0);
        match bit(structures.bitmap.as_ref(), cluster) {
            Some(false) => Claim::Unallocated,
            // The last sectors may be too few for a cluster.
            None if cluster >= self.boot.clusters => Claim::Unallocated,
            _ => Claim::Unclaimed,
        }
    }

    fn structures(&self) -> Structures {
        let size = self.boot.cluster_size;
        let mut places = Vec::new();
        let mut bitmap = None;
        for number in [MIRROR, JOURNAL, BITMAP, BOOT] {
            let Some(record) = self.mft.record(number) else {
                continue;
            };
            let file = self.file(&record, &mut Budget::of(self.mft.count));
            let Some(Stream {
                content: Content::Extents(extents),
                ..
            }) = file.main()
            else {
                continue;
            };
            for extent in extents {
                let Some(disk) = extent.disk else {
                    continue;
                };
                let start = disk.saturating_mul(size);
                let len = extent.count.saturating_mul(size);
                places.push((start..start.saturating_add(len), number));
            }
            if number == BITMAP {
                let volume: Disk = Arc::new(self.part.clone());
                bitmap = extent::content(&volume, extents, size);
            }
        }
        places.sort_by_key(|(range, _)| range.start);
        Structures { places, bitmap }
    }
}

/// A bit of the bitmap, if it can be read.
fn bit(bitmap: Option<&Part>, cluster: u64) -> Option<bool> {
    let byte = u8_at(&bitmap?.read_vec(cluster / 8, 1).ok()?, 0)?;
    Some(byte >> (cluster % 8) & 1 == 1)
}
