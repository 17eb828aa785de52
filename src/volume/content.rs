//! What a volume's own bytes say it is.
//!
//! A new reader is one line in [`READERS`]. What no reader handles is still named where a signature
//! tells it, so that an encrypted or foreign volume never passes for an empty one.

use super::btrfs::Btrfs;
use super::exfat::ExFat;
use super::ext::Ext;
use super::fat::Fat;
use super::field::{le_u32, le_u64};
use super::ntfs::Ntfs;
use super::xfs::Xfs;
use super::{FileSystem, Part, ReadAt, VolumeError, Warnings};

/// The content of a volume.
#[derive(Debug)]
pub enum Content {
    /// A file system that can be read.
    FileSystem(Box<dyn FileSystem>),
    /// An LVM2 physical volume; its logical volumes are listed after it.
    PhysicalVolume,
    /// Swap space.
    Swap,
    /// It was recognised but its files cannot be named.
    Unread {
        /// What it is.
        name: &'static str,
        /// Its bytes are encrypted, so that searching them finds nothing.
        encrypted: bool,
    },
    /// Nothing known.
    Unknown,
}

/// A file-system reader: `None` if the volume is not one of its kind.
type Open = fn(&Part) -> Option<Result<Box<dyn FileSystem>, VolumeError>>;

/// In the order they are asked. Each looks for its own signature.
const READERS: &[(&str, Open)] = &[
    ("ext", |part| Some(boxed(Ext::open(part)?))),
    ("Btrfs", |part| Some(boxed(Btrfs::open(part)?))),
    ("NTFS", |part| Some(boxed(Ntfs::open(part)?))),
    ("XFS", |part| Some(boxed(Xfs::open(part)?))),
    ("exFAT", |part| Some(boxed(ExFat::open(part)?))),
    ("FAT", |part| Some(boxed(Fat::open(part)?))),
    // By what is left of a file system, after all that are whole.
    ("ext", |part| Some(boxed(Ext::open_copy(part)?))),
    ("NTFS", |part| Some(boxed(Ntfs::open_copy(part)?))),
    ("exFAT", |part| Some(boxed(ExFat::open_copy(part)?))),
    ("XFS", |part| Some(boxed(Xfs::open_copy(part)?))),
    ("Btrfs", |part| Some(boxed(Btrfs::open_copy(part)?))),
];

fn boxed<F: FileSystem + 'static>(
    opened: Result<F, VolumeError>,
) -> Result<Box<dyn FileSystem>, VolumeError> {
    Ok(Box::new(opened?))
}

impl Content {
    /// Recognises and opens a volume. What is wrong with it is added to `warnings`.
    pub(super) fn of(part: &Part, warnings: &Warnings) -> Self {
        let signed = signature(part);
        if let Some(Self::Unread {
            name,
            encrypted: true,
        }) = signed
        {
            warnings.add(format!(
                "the volume at {:#x} is encrypted ({name}): its content cannot be searched",
                part.to_disk(0).unwrap_or(0)
            ));
        }
        if let Some(content) = signed {
            return content;
        }
        for (name, open) in READERS {
            match open(part) {
                None => {}
                Some(Ok(file_system)) => return Self::FileSystem(file_system),
                Some(Err(error)) => {
                    warnings.add(format!(
                        "the volume at {:#x} looks like {name}, but {error}",
                        part.to_disk(0).unwrap_or(0)
                    ));
                    let encrypted = false;
                    return Self::Unread { name, encrypted };
                }
            }
        }
        if is_raid_member(part) {
            return Self::Unread {
                name: "Linux RAID member",
                encrypted: false,
            };
        }
        Self::Unknown
    }
}

/// A fixed byte string at a fixed place.
struct Magic {
    at: u64,
    bytes: &'static [u8],
    name: &'static str,
    encrypted: bool,
}

const fn magic(at: u64, bytes: &'static [u8], name: &'static str) -> Magic {
    let encrypted = false;
    Magic {
        at,
        bytes,
        name,
        encrypted,
    }
}

const fn locked(at: u64, bytes: &'static [u8], name: &'static str) -> Magic {
    let encrypted = true;
    Magic {
        at,
        bytes,
        name,
        encrypted,
    }
}

/// Signatures of what is named but not read.
const MAGICS: &[Magic] = &[
    locked(0, b"LUKS\xba\xbe", "LUKS"),
    locked(3, b"-FVE-FS-", "BitLocker"),
    magic(32, b"NXSB", "APFS"),
    magic(3, b"ReFS\0\0\0\0", "ReFS"),
    magic(1024, b"H+\0\x04", "HFS+"),
    magic(1024, b"HX\0\x05", "HFS+"),
    magic(1024, b"\x10\x20\xf5\xf2", "F2FS"),
    magic(1024, b"\xe2\xe1\xf5\xe0", "EROFS"),
    magic(0, b"hsqs", "SquashFS"),
    magic(32769, b"CD001", "ISO 9660"),
    magic(65536 + 52, b"ReIsEr", "ReiserFS"),
    magic(32768, b"JFS1", "JFS"),
    // Versions 1.1 and 1.2, whose superblock lies before the data.
    magic(0, b"\xfc\x4e\x2b\xa9\x01\0\0\0", "Linux RAID member"),
    magic(4096, b"\xfc\x4e\x2b\xa9\x01\0\0\0", "Linux RAID member"),
];

fn signature(part: &Part) -> Option<Content> {
    let has = |magic: &&Magic| {
        part.read_vec(magic.at, magic.bytes.len())
            .is_ok_and(|bytes| bytes == magic.bytes)
    };
    if let Some(magic) = MAGICS.iter().find(has) {
        return Some(Content::Unread {
            name: magic.name,
            encrypted: magic.encrypted,
        });
    }
    if is_swap(part) {
        return Some(Content::Swap);
    }
    if is_physical_volume(part) {
        return Some(Content::PhysicalVolume);
    }
    if is_zfs(part) {
        return Some(Content::Unread {
            name: "ZFS",
            encrypted: false,
        });
    }
    None
}

/// The signature ends the first page, whose size is the machine's.
fn is_swap(part: &Part) -> bool {
    [4096_u64, 8192, 16384, 65536].iter().any(|page| {
        part.read_vec(page.saturating_sub(10), 10)
            .is_ok_and(|bytes| bytes == b"SWAPSPACE2" || bytes == b"SWAP-SPACE")
    })
}

/// The label lies in one of the first four sectors.
pub(super) fn is_physical_volume(part: &Part) -> bool {
    (0..4_u64).any(|sector| {
        part.read_vec(sector.saturating_mul(512), 32)
            .is_ok_and(|label| label.starts_with(b"LABELONE") && label.ends_with(b"LVM2 001"))
    })
}

/// An uberblock in the ring of the first label, at 128 KiB, in either byte order.
fn is_zfs(part: &Part) -> bool {
    const UBERBLOCK: u64 = 0x00ba_b10c;
    (0..128_u64).any(|slot| {
        let at = slot.saturating_mul(1024).saturating_add(128 << 10);
        part.read_vec(at, 8)
            .ok()
            .and_then(|bytes| le_u64(&bytes, 0))
            .is_some_and(|magic| magic == UBERBLOCK || magic.swap_bytes() == UBERBLOCK)
    })
}

/// Versions 0.90 and 1.0 of the Linux RAID superblock lie at the end of the volume: its beginning
/// can still be a file system that is worth reading, so they are looked for last.
fn is_raid_member(part: &Part) -> bool {
    const MAGIC: u32 = 0xa92b_4efc;
    let old = (part.len() & !0xffff).checked_sub(64 << 10);
    let new = part.len().checked_sub(8 << 10).map(|at| at & !0xfff);
    [old, new].into_iter().flatten().any(|at| {
        part.read_vec(at, 4)
            .ok()
            .and_then(|bytes| le_u32(&bytes, 0))
            == Some(MAGIC)
    })
}
