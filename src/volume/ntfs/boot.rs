//! The boot sector: sizes and places (Linux kernel, `fs/ntfs3/ntfs.h`, `struct NTFS_BOOT`).

use crate::volume::field::{le_u16, le_u64, u8_at};
use crate::volume::{Part, ReadAt, VolumeError};

const WHAT: &str = "NTFS boot sector";
const MAGIC: &[u8] = b"NTFS    ";
const LEN: usize = 512;
/// Longest MFT record that is believed; 1 KiB and 4 KiB are usual.
const LONGEST_RECORD: u64 = 64 << 10;

/// The layout of an NTFS volume. Positions and lengths in bytes.
#[derive(Clone, Debug)]
pub(super) struct Boot {
    pub(super) cluster_size: u64,
    /// Number of whole clusters.
    pub(super) clusters: u64,
    /// Behind the last sector; the copy of the boot sector lies there.
    pub(super) end: u64,
    pub(super) record_size: usize,
    /// Where the master file table begins, and where the copy of its first records does.
    pub(super) mft: u64,
    pub(super) mirror: u64,
}

impl Boot {
    /// `None` if the volume does not begin with such a boot sector.
    pub(super) fn read(part: &Part) -> Option<Result<Self, VolumeError>> {
        Self::at(part, 0)
    }

    /// The copy behind the last sector, which says that it lies there.
    pub(super) fn copy(part: &Part) -> Option<(Self, u64)> {
        [512, 4096].iter().find_map(|sector| {
            let whole = part.len().checked_div(*sector)?.checked_mul(*sector)?;
            let at = whole.checked_sub(*sector)?;
            let boot = Self::at(part, at)?.ok()?;
            (boot.end == at).then_some((boot, at))
        })
    }

    fn at(part: &Part, at: u64) -> Option<Result<Self, VolumeError>> {
        let raw = part.read_vec(at, LEN).ok()?;
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
        let long = |at| le_u64(raw, at).unwrap_or(0);
        let sector = u64::from(le_u16(raw, 11).unwrap_or(0));
        if !sector.is_power_of_two() || !(256..=4096).contains(&sector) {
            return Err(damaged("a sector size of 256 to 4096", sector));
        }
        let per_cluster = u8_at(raw, 13).unwrap_or(0);
        let cluster_size = match per_cluster {
            // Beyond 64 KiB: a power of two, noted as its negative exponent.
            0xf4..=0xff => 1_u64
                .checked_shl(u32::from(per_cluster.wrapping_neg()))
                .unwrap_or(0),
            _ => u64::from(per_cluster),
        }
        .saturating_mul(sector);
        if !cluster_size.is_power_of_two() || cluster_size > 2 << 20 {
            return Err(damaged("clusters of up to 2 MiB", u64::from(per_cluster)));
        }
        let per_record = u8_at(raw, 64).unwrap_or(0);
        let record_size = match per_record {
            0x80.. => 1_u64
                .checked_shl(u32::from(per_record.wrapping_neg()))
                .unwrap_or(0),
            _ => u64::from(per_record).saturating_mul(cluster_size),
        };
        let sane = record_size.is_power_of_two() && (512..=LONGEST_RECORD).contains(&record_size);
        let record_size = usize::try_from(record_size)
            .ok()
            .filter(|_| sane)
            .ok_or_else(|| damaged("records of 512 bytes to 64 KiB", u64::from(per_record)))?;
        let end = long(40).saturating_mul(sector);
        let clusters = end.checked_div(cluster_size).unwrap_or(0);
        let (mft, mirror) = (long(48), long(56));
        if mft >= clusters && mirror >= clusters {
            return Err(damaged("a master file table inside the volume", mft));
        }
        Ok(Self {
            cluster_size,
            clusters,
            end,
            record_size,
            mft: mft.saturating_mul(cluster_size),
            mirror: mirror.saturating_mul(cluster_size),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sector(per_cluster: u8, per_record: u8) -> Vec<u8> {
        let mut raw = vec![0; LEN];
        raw[3..11].copy_from_slice(MAGIC);
        raw[11..13].copy_from_slice(&512_u16.to_le_bytes());
        raw[13] = per_cluster;
        raw[40..48].copy_from_slice(&100_000_u64.to_le_bytes());
        raw[48..56].copy_from_slice(&4_u64.to_le_bytes());
        raw[64] = per_record;
        raw
    }

    #[test]
    fn sizes_may_be_noted_as_exponents() {
        let boot = Boot::parse(&sector(8, 0xf6), 0).unwrap();
        assert_eq!((boot.cluster_size, boot.record_size), (4096, 1024));
        assert_eq!(boot.mft, 4 * 4096);
        let boot = Boot::parse(&sector(0xf8, 0xf4), 0).unwrap();
        assert_eq!((boot.cluster_size, boot.record_size), (128 << 10, 4096));
        let boot = Boot::parse(&sector(2, 1), 0).unwrap();
        assert_eq!((boot.cluster_size, boot.record_size), (1024, 1024));
    }

    #[test]
    fn impossible_sizes_are_an_error() {
        for (per_cluster, per_record) in [(0, 0xf6), (3, 0xf6), (8, 0), (8, 0x80), (0xf0, 0xf6)] {
            let error = Boot::parse(&sector(per_cluster, per_record), 0).unwrap_err();
            assert!(error.to_string().contains("NTFS boot sector at 0x0"));
        }
    }
}
