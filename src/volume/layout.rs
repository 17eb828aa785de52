//! What the first bytes of an input say it is.
//!
//! Asked before anything is opened, to decide whether an input is a disk; so it looks at nothing
//! but fixed strings at fixed places, and believes them.

use std::fmt;

use crate::image::Format;

/// What the first bytes of an input say it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// A table of partitions.
    PartitionTable(&'static str),
    /// One file system without a partition table.
    FileSystem(&'static str),
    /// A format that wraps a disk and may compress or encrypt it.
    Container(&'static str),
    /// An encrypted volume: its content cannot be read.
    Encrypted(&'static str),
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PartitionTable(name) => write!(f, "{name} partition table"),
            Self::FileSystem(name) => write!(f, "{name} file system"),
            Self::Container(name) => write!(f, "{name} container"),
            Self::Encrypted(name) => write!(f, "{name} encrypted volume"),
        }
    }
}

/// A fixed byte string at a fixed place.
struct Magic {
    at: usize,
    bytes: &'static [u8],
    layout: Layout,
}

const fn magic(at: usize, bytes: &'static [u8], layout: Layout) -> Magic {
    Magic { at, bytes, layout }
}

/// Signatures of what is no container that can be opened, in the order they are tried.
const MAGICS: &[Magic] = &[
    magic(0, b"EVF2\x0d\x0a\x81\x00", Layout::Container("EWF2")),
    magic(0, b"LUKS\xba\xbe", Layout::Encrypted("LUKS")),
    magic(3, b"-FVE-FS-", Layout::Encrypted("BitLocker")),
    magic(512, b"EFI PART", Layout::PartitionTable("GPT")),
    magic(4096, b"EFI PART", Layout::PartitionTable("GPT")),
    magic(1024 + 56, b"\x53\xef", Layout::FileSystem("ext")),
    magic(0, b"XFSB", Layout::FileSystem("XFS")),
    magic(65536 + 64, b"_BHRfS_M", Layout::FileSystem("Btrfs")),
    magic(3, b"NTFS    ", Layout::FileSystem("NTFS")),
    magic(3, b"EXFAT   ", Layout::FileSystem("exFAT")),
    magic(54, b"FAT1", Layout::FileSystem("FAT")),
    magic(82, b"FAT32   ", Layout::FileSystem("FAT")),
];

/// Recognises a disk by its first bytes (at least 68 KiB of them, if there are as many) and its
/// last 512 (the footer of a fixed VHD). `None`: an ordinary file, as far as can be told.
#[must_use]
pub fn recognise(head: &[u8], tail: &[u8]) -> Option<Layout> {
    let starts = |magic: &Magic| {
        head.get(magic.at..)
            .is_some_and(|rest| rest.starts_with(magic.bytes))
    };
    // Wrappers first: what they wrap may show through.
    if let Some(format) = Format::recognise(head, tail) {
        return Some(Layout::Container(format.name()));
    }
    if let Some(found) = MAGICS.iter().find(|magic| starts(magic)) {
        return Some(found.layout);
    }
    is_mbr(head).then_some(Layout::PartitionTable("MBR"))
}

/// The boot signature alone is too weak (every boot sector has it): at least one of the four
/// entries must describe a partition, and all of them must be sane (status 0x00 or 0x80).
fn is_mbr(head: &[u8]) -> bool {
    let Some([table @ .., 0x55, 0xaa]) = head.get(446..512) else {
        return false;
    };
    let mut used = false;
    for entry in table.chunks_exact(16) {
        let [status, _, _, _, kind, _, _, _, lba @ ..] = entry else {
            return false;
        };
        let empty = entry.iter().all(|byte| *byte == 0);
        let sane = matches!(status, 0 | 0x80) && lba.iter().any(|byte| *byte != 0);
        if !empty && (!sane || *kind == 0) {
            return false;
        }
        used |= !empty;
    }
    used
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_mbr_needs_a_partition_not_just_the_signature() {
        let mut sector = vec![0; 512];
        sector[510..].copy_from_slice(&[0x55, 0xaa]);
        assert_eq!(recognise(&sector, &[]), None);
        sector[446 + 4] = 0x83;
        sector[446 + 8..446 + 16].copy_from_slice(&[0, 8, 0, 0, 0, 0, 2, 0]);
        assert_eq!(recognise(&sector, &[]), Some(Layout::PartitionTable("MBR")));
        sector[446] = 7;
        assert_eq!(recognise(&sector, &[]), None);
    }

    #[test]
    fn a_fixed_vhd_is_known_by_its_footer() {
        let mut footer = b"conectix".to_vec();
        footer.resize(512, 0);
        footer[63] = 2;
        let sum: u32 = footer.iter().map(|byte| u32::from(*byte)).sum();
        footer[64..68].copy_from_slice(&(!sum).to_be_bytes());
        let layout = recognise(b"plain", &footer);
        assert_eq!(layout.unwrap().to_string(), "VHD container");
        footer[400] ^= 1;
        assert_eq!(recognise(b"plain", &footer), None);
        assert_eq!(recognise(b"", b""), None);
    }

    #[test]
    fn text_is_no_disk() {
        assert_eq!(
            recognise("key=value\n".repeat(10_000).as_bytes(), b"value\n"),
            None
        );
    }
}
