//! GUID partition tables (UEFI specification, chapter 5): a header with two checksums at the start
//! of the disk, and a copy at its end for when the first is damaged.

use super::{Entry, Scheme};
use crate::volume::field::{le_u32, le_u64, text_utf16};
use crate::volume::{Disk, VolumeError, Warnings};

const SIGNATURE: &[u8] = b"EFI PART";

/// Sizes of a sector, in which the table counts.
const SECTORS: [u64; 2] = [512, 4096];

/// Longest table that is read. The specification asks for 16 KiB; disks with more exist, disks with
/// a thousand times more do not.
const TABLE: u64 = 4 << 20;

/// The partitions, or `None` if the disk does not begin with such a table.
pub(super) fn entries(disk: &Disk, warnings: &Warnings) -> Option<Vec<Entry>> {
    for sector in SECTORS {
        let error = match table(disk, sector, 1) {
            None => continue,
            Some(Ok(entries)) => return Some(entries),
            Some(Err(error)) => error,
        };
        if let Some(entries) = copy_for(disk, sector) {
            warnings.add(format!("{error}; its copy was used instead"));
            return Some(entries);
        }
        // A wrong checksum is better than no table.
        warnings.add(format!(
            "{error}, and it has no sound copy: the partitions are taken as they stand"
        ));
        let header = disk.read_vec(sector, 92).ok()?;
        let raw = read_entries(disk, sector, &header).ok()?;
        return Some(parse(&raw, entry_size(&header)?, sector));
    }
    None
}

/// The partitions by the copy at the disk's end alone. It may be left over from an earlier use of
/// the disk, so it counts only where nothing else is found.
pub(super) fn copy(disk: &Disk, warnings: &Warnings) -> Option<Vec<Entry>> {
    let found = SECTORS
        .into_iter()
        .find_map(|sector| copy_for(disk, sector))?;
    warnings.add("the disk begins without a partition table; the copy at its end was used");
    Some(found)
}

/// The copy belongs in the last sector, but a disk that grew has it where the first header says.
fn copy_for(disk: &Disk, sector: u64) -> Option<Vec<Entry>> {
    let last = disk.len().checked_div(sector)?.checked_sub(1);
    let named = header_field(disk, sector, 32).filter(|copy| *copy != 1);
    let mut places = [last, named].into_iter().flatten();
    places.find_map(|at| table(disk, sector, at)?.ok())
}

fn signed(disk: &Disk, sector: u64, at: u64) -> bool {
    let header = disk.read_vec(at.saturating_mul(sector), SIGNATURE.len());
    header.is_ok_and(|header| header == SIGNATURE)
}

fn header_field(disk: &Disk, sector: u64, field: usize) -> Option<u64> {
    let header = disk.read_vec(sector, 92).ok()?;
    header
        .starts_with(SIGNATURE)
        .then(|| le_u64(&header, field))?
}

/// The table whose header lies in sector `at`; `None` if there is no header.
fn table(disk: &Disk, sector: u64, at: u64) -> Option<Result<Vec<Entry>, VolumeError>> {
    signed(disk, sector, at).then(|| checked(disk, sector, at))
}

fn checked(disk: &Disk, sector: u64, at: u64) -> Result<Vec<Entry>, VolumeError> {
    const WHAT: &str = "GUID partition table";
    let position = at.saturating_mul(sector);
    let damaged = |expected, found| VolumeError::damaged(WHAT, position, expected, found);
    let missing = || damaged("a whole header", "its end".to_owned());
    let mut header = disk
        .read_vec(position, usize::try_from(sector).unwrap_or(512))
        .map_err(VolumeError::read(WHAT))?;
    let len = le_u32(&header, 12).ok_or_else(missing)?;
    let wanted = le_u32(&header, 16).ok_or_else(missing)?;
    if len < 92 || u64::from(len) > sector {
        return Err(damaged(
            "a header of 92 bytes or a little more",
            format!("{len}"),
        ));
    }
    header.truncate(usize::try_from(len).unwrap_or(92));
    let fields = header.clone();
    if let Some(sum) = header.get_mut(16..20) {
        sum.fill(0);
    }
    let found = crc32fast::hash(&header);
    if found != wanted {
        return Err(damaged(
            "a header that fits its checksum",
            format!("{found:#010x} where {wanted:#010x} is noted"),
        ));
    }
    let raw = read_entries(disk, sector, &fields)?;
    let wanted = le_u32(&fields, 88).ok_or_else(missing)?;
    let found = crc32fast::hash(&raw);
    if found != wanted {
        return Err(damaged(
            "entries that fit their checksum",
            format!("{found:#010x} where {wanted:#010x} is noted"),
        ));
    }
    let size = entry_size(&fields).ok_or_else(missing)?;
    Ok(parse(&raw, size, sector))
}

fn entry_size(header: &[u8]) -> Option<usize> {
    let size = usize::try_from(le_u32(header, 84)?).ok()?;
    (128..=4096).contains(&size).then_some(size)
}

fn read_entries(disk: &Disk, sector: u64, header: &[u8]) -> Result<Vec<u8>, VolumeError> {
    const WHAT: &str = "list of GUID partitions";
    let at = le_u64(header, 72).unwrap_or(0).saturating_mul(sector);
    let count = u64::from(le_u32(header, 80).unwrap_or(0));
    let size = u64::from(le_u32(header, 84).unwrap_or(0));
    let len = count.saturating_mul(size);
    if entry_size(header).is_none() || len > TABLE {
        let found = format!("{count} entries of {size} bytes");
        let expected = "entries of 128 bytes, at most 4 MiB of them";
        return Err(VolumeError::damaged(WHAT, at, expected, found));
    }
    let len = usize::try_from(len).unwrap_or(0);
    disk.read_vec(at, len).map_err(VolumeError::read(WHAT))
}

fn parse(raw: &[u8], size: usize, sector: u64) -> Vec<Entry> {
    let entry = |(number, raw): (u32, &[u8])| {
        let guid = raw.get(..16)?;
        let (first, last) = (le_u64(raw, 32)?, le_u64(raw, 40)?);
        if guid.iter().all(|byte| *byte == 0) || last < first {
            return None;
        }
        let label = text_utf16(raw.get(56..128)?);
        Some(Entry {
            number,
            scheme: Scheme::Gpt,
            kind: kind(guid),
            label: Some(label).filter(|label| !label.is_empty()),
            range: first.saturating_mul(sector)..last.saturating_add(1).saturating_mul(sector),
        })
    };
    (1..)
        .zip(raw.chunks_exact(size))
        .filter_map(entry)
        .collect()
}

/// The type by the first field of its GUID, which is unique among the known ones.
fn kind(guid: &[u8]) -> String {
    let first = le_u32(guid, 0).unwrap_or(0);
    let name = match first {
        0xc12a_7328 => "EFI system",
        0x2168_6148 => "BIOS boot",
        0xe3c9_e316 => "Microsoft reserved",
        0xebd0_a0a2 => "Microsoft basic data",
        0xde94_bba4 => "Windows recovery",
        0xaf9b_60a0 | 0x5808_c8aa => "Windows dynamic disk",
        0x0fc6_3daf => "Linux filesystem",
        0x0657_fd6d => "Linux swap",
        0xe6d6_d379 => "Linux LVM",
        0xa19d_880f => "Linux RAID",
        0xbc13_c2ff => "Linux extended boot",
        0x4f68_bce3 => "Linux root (x86-64)",
        0xb921_b045 => "Linux root (ARM64)",
        0x933a_c7e1 => "Linux home",
        0xca7d_7ccb => "Linux LUKS",
        0x7c34_57ef => "Apple APFS",
        0x4846_5300 => "Apple HFS+",
        _ => return format!("type {}", guid_text(guid)),
    };
    name.to_owned()
}

/// The usual notation, whose first three fields are little-endian.
fn guid_text(guid: &[u8]) -> String {
    let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let mut text = String::new();
    for (place, from) in order.into_iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{:02X}", guid.get(from).unwrap_or(&0)));
    }
    text
}
