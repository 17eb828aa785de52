//! The boot sector: sizes and places (Microsoft, "exFAT file system specification", 3.1; the names
//! of the fields in the tests are its).

use crate::volume::field::{le_u32, le_u64, u8_at};
use crate::volume::{Part, ReadAt, VolumeError};

const WHAT: &str = "exFAT boot sector";
const MAGIC: &[u8] = b"EXFAT   ";
/// The sector that a copy begins with.
const COPY: u64 = 12;

/// The layout of an exFAT volume. Positions and lengths in bytes.
#[derive(Clone, Debug)]
pub(super) struct Boot {
    pub(super) cluster_size: u64,
    /// Number of clusters; they are numbered from 2.
    pub(super) clusters: u64,
    /// The first allocation table.
    pub(super) table: u64,
    pub(super) table_len: u64,
    /// The first cluster.
    pub(super) heap: u64,
    /// Number of the root directory's first cluster.
    pub(super) root: u64,
}

impl Boot {
    /// `None` if the volume does not begin with such a boot sector.
    pub(super) fn read(part: &Part) -> Option<Result<Self, VolumeError>> {
        Self::at(part, 0)
    }

    /// The copy, whose place depends on the size of the sectors.
    pub(super) fn copy(part: &Part) -> Option<(Self, u64)> {
        [512, 1024, 2048, 4096].iter().find_map(|sector: &u64| {
            let at = sector.checked_mul(COPY)?;
            Some((Self::at(part, at)?.ok()?, at))
        })
    }

    fn at(part: &Part, at: u64) -> Option<Result<Self, VolumeError>> {
        let raw = part.read_vec(at, 512).ok()?;
        if !raw.get(3..)?.starts_with(MAGIC) {
            return None;
        }
        Some(Self::parse(&raw, at))
    }

    fn parse(raw: &[u8], at: u64) -> Result<Self, VolumeError> {
        let damaged = |expected, found: u64| {
            let found = format!("{found:#x}");
            VolumeError::damaged(WHAT, at, expected, found)
        };
        let number = |at| u64::from(le_u32(raw, at).unwrap_or(0));
        let sector_shift = u8_at(raw, 108).unwrap_or(0);
        let cluster_shift = u8_at(raw, 109).unwrap_or(0);
        if !(9..=12).contains(&sector_shift) {
            return Err(damaged("sectors of 512 to 4096 bytes", sector_shift.into()));
        }
        let shift = u32::from(sector_shift).saturating_add(u32::from(cluster_shift));
        if shift > 25 {
            return Err(damaged("clusters of up to 32 MiB", cluster_shift.into()));
        }
        let bytes = |sectors: u64| {
            let sector = 1_u64.checked_shl(sector_shift.into()).unwrap_or(512);
            sectors.saturating_mul(sector)
        };
        let boot = Self {
            cluster_size: 1_u64.checked_shl(shift).unwrap_or(512),
            // Entries that the table has no room for do not exist.
            clusters: number(92).min((bytes(number(84)) / 4).saturating_sub(2)),
            table: bytes(number(80)),
            table_len: bytes(number(84)),
            heap: bytes(number(88)),
            root: number(96),
        };
        let volume = bytes(le_u64(raw, 72).unwrap_or(0));
        if boot.table == 0 || boot.heap < boot.table.saturating_add(boot.table_len) {
            return Err(damaged("clusters behind the allocation table", boot.heap));
        }
        if boot.heap >= volume || boot.clusters == 0 {
            return Err(damaged("clusters inside the volume", boot.heap));
        }
        Ok(boot)
    }

    /// Where its last cluster ends.
    pub(super) fn end(&self) -> u64 {
        let len = self.clusters.saturating_mul(self.cluster_size);
        self.heap.saturating_add(len)
    }

    /// Where a cluster lies.
    pub(super) fn cluster_at(&self, cluster: u64) -> Option<u64> {
        let index = cluster.checked_sub(2)?;
        self.heap.checked_add(index.checked_mul(self.cluster_size)?)
    }

    /// The cluster that a byte lies in.
    pub(super) fn cluster_of(&self, at: u64) -> Option<u64> {
        let index = at.checked_sub(self.heap)?.checked_div(self.cluster_size)?;
        let exists = index < self.clusters;
        index.checked_add(2).filter(|_| exists)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sector() -> Vec<u8> {
        let mut raw = vec![0; 512];
        raw[3..11].copy_from_slice(MAGIC);
        raw[72..80].copy_from_slice(&8192_u64.to_le_bytes());
        for (at, value) in [(80, 128_u32), (84, 64), (88, 256), (92, 900), (96, 5)] {
            raw[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        raw[108..110].copy_from_slice(&[9, 3]);
        raw
    }

    #[test]
    fn places_are_counted_in_sectors_and_clusters() {
        let boot = Boot::parse(&sector(), 0).unwrap();
        assert_eq!((boot.cluster_size, boot.clusters), (4096, 900));
        assert_eq!((boot.table, boot.heap), (64 << 10, 128 << 10));
        assert_eq!(boot.cluster_at(3), Some((128 << 10) + 4096));
        assert_eq!(boot.cluster_of((128 << 10) + 4096), Some(3));
        assert_eq!(boot.cluster_of(boot.end()), None);
    }

    #[test]
    fn impossible_sizes_are_an_error() {
        for (at, value) in [(108, 8), (108, 13), (109, 17), (89, 0), (80, 255), (73, 0)] {
            let mut raw = sector();
            raw[at] = value;
            let error = Boot::parse(&raw, 0).unwrap_err().to_string();
            assert!(error.contains("exFAT boot sector at 0x0"), "{at}: {error}");
        }
    }
}
