//! The boot sector: sizes and places (Microsoft, "FAT: General Overview of On-Disk Format", 1.03;
//! the names in the tests are its).

use crate::volume::field::{le_u16, le_u32, text, u8_at};
use crate::volume::{Part, ReadAt, VolumeError};

const WHAT: &str = "FAT boot sector";

/// Width of an entry of the allocation table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Fat12,
    Fat16,
    Fat32,
}

impl Width {
    /// Bits of an entry that count.
    pub(super) fn bits(self) -> u32 {
        match self {
            Self::Fat12 => 12,
            Self::Fat16 => 16,
            Self::Fat32 => 28,
        }
    }
}

/// Where the root directory lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    /// In a place of its own before the clusters: first byte and length.
    Fixed(u64, u64),
    /// In clusters like any other, from this one on.
    Cluster(u64),
}

/// The layout of a FAT volume. Positions and lengths in bytes.
#[derive(Clone, Debug)]
pub(super) struct Boot {
    pub(super) width: Width,
    pub(super) cluster_size: u64,
    /// Number of clusters; they are numbered from 2.
    pub(super) clusters: u64,
    /// The first allocation table.
    pub(super) table: u64,
    pub(super) table_len: u64,
    /// Behind the last allocation table: the root directory or the first cluster.
    pub(super) tables_end: u64,
    pub(super) root: Root,
    /// The first cluster.
    pub(super) data: u64,
    pub(super) label: String,
}

impl Boot {
    /// `None` if the volume does not begin with such a boot sector. There is no signature that all
    /// of them have, so the numbers decide.
    pub(super) fn read(part: &Part) -> Option<Result<Self, VolumeError>> {
        let raw = part.read_vec(0, 512).ok()?;
        let jump = matches!(raw.first(), Some(0xeb | 0xe9));
        let signed = raw.get(510..) == Some(&[0x55, 0xaa]);
        let media = u8_at(&raw, 21)?;
        let tables = u8_at(&raw, 16)?;
        if !jump || !signed || !(media == 0xf0 || media >= 0xf8) || !(1..=4).contains(&tables) {
            return None;
        }
        let sector = u64::from(le_u16(&raw, 11)?);
        let per_cluster = u64::from(u8_at(&raw, 13)?);
        if !sector.is_power_of_two()
            || !(512..=4096).contains(&sector)
            || !per_cluster.is_power_of_two()
        {
            return None;
        }
        Some(Self::parse(&raw, sector, per_cluster, u64::from(tables)))
    }

    fn parse(raw: &[u8], sector: u64, per_cluster: u64, tables: u64) -> Result<Self, VolumeError> {
        let short = |at| u64::from(le_u16(raw, at).unwrap_or(0));
        let long = |at| u64::from(le_u32(raw, at).unwrap_or(0));
        let either = |short: u64, long: u64| if short == 0 { long } else { short };
        let sectors = either(short(19), long(32));
        let per_table = either(short(22), long(36));
        let bytes = |sectors: u64| sectors.saturating_mul(sector);
        let table = bytes(short(14));
        let table_len = bytes(per_table);
        let tables_end = table.saturating_add(table_len.saturating_mul(tables));
        let root_len = bytes(short(17).saturating_mul(32).div_ceil(sector.max(1)));
        let data = tables_end.saturating_add(root_len);
        let cluster_size = bytes(per_cluster);
        let space = bytes(sectors).saturating_sub(data);
        let clusters = space.checked_div(cluster_size).unwrap_or(0);
        let damaged = |expected, found: u64| {
            Err(VolumeError::damaged(
                WHAT,
                0,
                expected,
                format!("{found:#x}"),
            ))
        };
        if table == 0 || table_len == 0 {
            return damaged("allocation tables behind reserved sectors", table_len);
        }
        if clusters == 0 {
            return damaged("more sectors than its structures take", sectors);
        }
        let is_32 = short(22) == 0;
        let width = match (is_32, clusters) {
            (true, _) => Width::Fat32,
            (_, 0..4085) => Width::Fat12,
            _ => Width::Fat16,
        };
        let root = if is_32 {
            Root::Cluster(long(44) & 0x0fff_ffff)
        } else {
            Root::Fixed(tables_end, root_len)
        };
        let label = if is_32 { 71 } else { 43 };
        let label = text(
            raw.get(label..)
                .and_then(|rest| rest.get(..11))
                .unwrap_or(&[]),
        );
        let label = match label.trim_end() {
            "NO NAME" => String::new(),
            label => label.to_owned(),
        };
        // Entries that the table has no room for do not exist.
        let entries = match width {
            Width::Fat12 => table_len.saturating_mul(2) / 3,
            Width::Fat16 => table_len / 2,
            Width::Fat32 => table_len / 4,
        };
        Ok(Self {
            width,
            cluster_size,
            clusters: clusters.min(entries.saturating_sub(2)),
            table,
            table_len,
            tables_end,
            root,
            data,
            label,
        })
    }

    /// Whether a cluster of this number exists.
    pub(super) fn has(&self, cluster: u64) -> bool {
        cluster >= 2 && cluster.saturating_sub(2) < self.clusters
    }

    /// Where a cluster lies.
    pub(super) fn cluster_at(&self, cluster: u64) -> Option<u64> {
        let index = cluster.checked_sub(2)?;
        self.data.checked_add(index.checked_mul(self.cluster_size)?)
    }

    /// The cluster that a byte lies in.
    pub(super) fn cluster_of(&self, at: u64) -> Option<u64> {
        let index = at.checked_sub(self.data)?.checked_div(self.cluster_size)?;
        index.checked_add(2).filter(|cluster| self.has(*cluster))
    }
}
