//! Differencing disks and unfinished logs, made from what qemu-img wrote by changing the fields
//! that the specifications name: no free program writes them.

use std::fs;
use std::path::Path;

use keydredge::image::Image;

use crate::containers::{disk, guest, tool};
use crate::fixture::Desk;

const SECTOR: usize = 512;
const MIB: usize = 1 << 20;

fn get32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    bytes[at..at + field.len()].copy_from_slice(field);
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// An older state of the disk, which a sector differs from in every place.
fn older() -> Vec<u8> {
    disk().iter().map(|byte| !byte).collect()
}

/// Whether a sector is the child's: a pattern with short and long runs.
fn is_own(sector: usize) -> bool {
    sector % 7 < 3 || (sector / 64) % 5 == 1
}

/// What a machine sees: the child's sectors where it has them, and the parent's elsewhere.
fn mixed(child_has: impl Fn(usize) -> bool) -> Vec<u8> {
    let mut expected = older();
    for sector in 0..disk().len() / SECTOR {
        if child_has(sector) {
            let range = sector * SECTOR..(sector + 1) * SECTOR;
            expected[range.clone()].copy_from_slice(&disk()[range]);
        }
    }
    expected
}

#[test]
fn a_differencing_vhd_is_read_over_its_parent() {
    let desk = Desk::new();
    desk.file("disk.raw", disk());
    desk.file("older.raw", older());
    let folder = desk.path(".");
    for (from, to) in [("disk.raw", "child.vhd"), ("older.raw", "parent.vhd")] {
        let options = "subformat=dynamic,force_size=on";
        tool(
            "qemu-img",
            &folder,
            &["convert", "-O", "vpc", "-o", options, from, to],
        );
    }
    let parent = fs::read(desk.path("parent.vhd")).unwrap();
    let mut child = fs::read(desk.path("child.vhd")).unwrap();
    let header = 512;
    assert_eq!(&child[header..header + 8], b"cxsparse");
    let table = u64::from_be_bytes(child[header + 16..header + 24].try_into().unwrap());
    let (entries, block) = (
        get32(&child, header + 28),
        get32(&child, header + 32) as usize,
    );
    let per_block = block / SECTOR;
    let mut present = vec![false; entries as usize];
    for (index, present) in present.iter_mut().enumerate() {
        let entry = get32(&child, table as usize + index * 4);
        *present = entry != u32::MAX;
        if !*present {
            continue;
        }
        let bitmap = entry as usize * SECTOR;
        for sector in 0..per_block {
            let bit = 0x80 >> (sector % 8);
            if is_own(index * per_block + sector) {
                child[bitmap + sector / 8] |= bit;
            } else {
                child[bitmap + sector / 8] &= !bit;
            }
        }
    }
    // The parent's identity, and its name as a relative path.
    let id = parent[parent.len() - 512 + 68..][..16].to_vec();
    put(&mut child, header + 40, &id);
    let name = utf16(".\\parent.vhd");
    let end = child.len() - 512;
    let footer = child.split_off(end);
    let name_at = child.len() as u64;
    child.extend(&name);
    child.resize(child.len().next_multiple_of(SECTOR), 0);
    child.extend(footer);
    put(&mut child, header + 576, b"W2ru");
    put(&mut child, header + 576 + 4, &512_u32.to_be_bytes());
    put(
        &mut child,
        header + 576 + 8,
        &(name.len() as u32).to_be_bytes(),
    );
    put(&mut child, header + 576 + 16, &name_at.to_be_bytes());
    seal(&mut child, header, 1024, 36);
    let last = child.len() - 512;
    for footer in [0, last] {
        put(&mut child, footer + 60, &4_u32.to_be_bytes());
        seal(&mut child, footer, 512, 64);
    }
    let path = desk.file("child.vhd", &child);
    let image = Image::open(&path).unwrap();
    let expected = mixed(|sector| present[sector / per_block] && is_own(sector));
    assert!(guest(&image) == expected);
    assert_eq!(image.files().count(), 2);

    // Another disk under the parent's name is not taken for it.
    let mut other = parent;
    let last = other.len() - 512;
    for footer in [0, last] {
        other[footer + 68] ^= 1;
        seal(&mut other, footer, 512, 64);
    }
    desk.file("parent.vhd", &other);
    let error = Image::open(&path).unwrap_err().to_string();
    assert!(error.contains("another disk"), "{error}");
    fs::remove_file(desk.path("parent.vhd")).unwrap();
    let error = Image::open(&path).unwrap_err().to_string();
    assert!(error.contains("parent.vhd"), "{error}");
}

/// Puts the checksum of a VHD structure right.
fn seal(bytes: &mut [u8], at: usize, len: usize, checksum: usize) {
    put(bytes, at + checksum, &[0; 4]);
    let sum: u32 = bytes[at..at + len]
        .iter()
        .map(|byte| u32::from(*byte))
        .sum();
    put(bytes, at + checksum, &(!sum).to_be_bytes());
}

/// CRC-32C, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let low = crc & 1;
            crc >>= 1;
            if low == 1 {
                crc ^= 0x82f6_3b78;
            }
        }
    }
    !crc
}

fn convert_to_vhdx(folder: &Path, from: &str, to: &str) {
    let options = "subformat=dynamic,block_size=1M";
    tool(
        "qemu-img",
        folder,
        &["convert", "-O", "vhdx", "-o", options, from, to],
    );
}

/// Position of a region of a VHDX, by the first bytes of its GUID.
fn region(bytes: &[u8], id: [u8; 4]) -> usize {
    let table = 192 << 10;
    let count = u32::from_le_bytes(bytes[table + 8..table + 12].try_into().unwrap());
    let mut entries = (0..count as usize).map(|index| table + 16 + index * 32);
    let entry = entries.find(|at| bytes[*at..at + 4] == id).unwrap();
    u64::from_le_bytes(bytes[entry + 16..entry + 24].try_into().unwrap()) as usize
}

const BAT: [u8; 4] = 0x2dc2_7766_u32.to_le_bytes();
const METADATA: [u8; 4] = 0x8b7c_a206_u32.to_le_bytes();

#[test]
fn a_differencing_vhdx_is_read_over_its_parent() {
    let desk = Desk::new();
    desk.file("disk.raw", disk());
    desk.file("older.raw", older());
    let folder = desk.path(".");
    convert_to_vhdx(&folder, "disk.raw", "child.vhdx");
    convert_to_vhdx(&folder, "older.raw", "parent.vhdx");
    let mut child = fs::read(desk.path("child.vhdx")).unwrap();
    child.resize(child.len().next_multiple_of(MIB), 0);
    let bitmap = child.len();
    child.resize(bitmap + MIB, 0);
    let per_block = MIB / SECTOR;
    let bat = region(&child, BAT);
    // As many blocks as two million sectors, then the bitmap of these sectors.
    put(
        &mut child,
        bat + (8 << 20) * SECTOR / MIB * 8,
        &(bitmap as u64 | 6).to_le_bytes(),
    );
    let blocks = disk().len() / MIB;
    let mut states = Vec::new();
    for block in 0..blocks {
        let at = bat + block * 8;
        // Of the blocks that are zeros, every second one becomes the parent's.
        match (child[at] & 7, block % 2) {
            (6, _) => child[at] |= 7,
            (2, 0) => child[at] = 0,
            other => assert_eq!(other, (2, 1)),
        }
        states.push(child[at] & 7);
    }
    for sector in (0..blocks * per_block).filter(|sector| is_own(*sector)) {
        child[bitmap + sector / 8] |= 1 << (sector % 8);
    }
    // The file parameters say that there is a parent, and a locator says which.
    let metadata = region(&child, METADATA);
    let count = u16::from_le_bytes([child[metadata + 10], child[metadata + 11]]);
    let mut free = 128 << 10;
    for index in 0..usize::from(count) {
        let entry = metadata + 32 + index * 32;
        if child[entry..entry + 4] == 0xcaa1_6737_u32.to_le_bytes() {
            let offset = u32::from_le_bytes(child[entry + 16..entry + 20].try_into().unwrap());
            child[metadata + offset as usize + 4] |= 2;
        }
    }
    let (key, value) = (utf16("relative_path"), utf16(".\\parent.vhdx"));
    let mut locator = vec![0; 20];
    locator[18] = 1;
    for field in [32, 32 + key.len() as u32] {
        locator.extend(field.to_le_bytes());
    }
    for field in [key.len() as u16, value.len() as u16] {
        locator.extend(field.to_le_bytes());
    }
    locator.extend(key.iter().chain(&value));
    let entry = metadata + 32 + usize::from(count) * 32;
    let id = [0x2d, 0x5f, 0xd3, 0xa8, 0x0b, 0xb3, 0x4d, 0x45];
    put(&mut child, entry, &id);
    put(
        &mut child,
        entry + 8,
        &[0xab, 0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab, 0x0c],
    );
    put(&mut child, entry + 16, &(free as u32).to_le_bytes());
    put(
        &mut child,
        entry + 20,
        &(locator.len() as u32).to_le_bytes(),
    );
    put(&mut child, metadata + 10, &(count + 1).to_le_bytes());
    free += metadata;
    put(&mut child, free, &locator);
    let path = desk.file("child.vhdx", &child);
    let image = Image::open(&path).unwrap();
    assert!([0, 2, 7].iter().all(|state| states.contains(state)));
    let mut expected = mixed(|sector| states[sector / per_block] == 7 && is_own(sector));
    for (block, _) in states.iter().enumerate().filter(|(_, state)| **state == 2) {
        expected[block * MIB..(block + 1) * MIB].fill(0);
    }
    assert!(guest(&image) == expected);
}

/// A log entry that gives sectors of the file their content.
fn log_entry(id: [u8; 16], sequence: u64, tail: u32, sectors: &[(u64, Option<&[u8]>)]) -> Vec<u8> {
    let data = sectors
        .iter()
        .filter(|(_, content)| content.is_some())
        .count();
    let len = 4096 * (1 + data);
    let mut entry = vec![0; len];
    put(&mut entry, 0, b"loge");
    put(&mut entry, 8, &(len as u32).to_le_bytes());
    put(&mut entry, 12, &tail.to_le_bytes());
    put(&mut entry, 16, &sequence.to_le_bytes());
    put(&mut entry, 24, &(sectors.len() as u32).to_le_bytes());
    put(&mut entry, 32, &id);
    let mut next = 4096;
    for (index, (at, content)) in sectors.iter().enumerate() {
        let descriptor = 64 + index * 32;
        put(&mut entry, descriptor + 16, &at.to_le_bytes());
        put(&mut entry, descriptor + 24, &sequence.to_le_bytes());
        let Some(content) = content else {
            put(&mut entry, descriptor, b"zero");
            put(&mut entry, descriptor + 8, &4096_u64.to_le_bytes());
            continue;
        };
        put(&mut entry, descriptor, b"desc");
        put(&mut entry, descriptor + 4, &content[4092..]);
        put(&mut entry, descriptor + 8, &content[..8]);
        put(&mut entry, next, b"data");
        put(&mut entry, next + 4, &sequence.to_le_bytes()[4..]);
        put(&mut entry, next + 8, &content[8..4092]);
        put(&mut entry, next + 4092, &sequence.to_le_bytes()[..4]);
        next += 4096;
    }
    let sum = crc(&entry);
    put(&mut entry, 4, &sum.to_le_bytes());
    entry
}

#[test]
fn a_vhdx_that_was_not_closed_is_read_with_its_log() {
    let desk = Desk::new();
    desk.file("disk.raw", disk());
    let folder = desk.path(".");
    convert_to_vhdx(&folder, "disk.raw", "disk.vhdx");
    let mut bytes = fs::read(desk.path("disk.vhdx")).unwrap();
    let bat = region(&bytes, BAT);
    let table = bytes[bat..bat + 4096].to_vec();
    let mut stale = table.clone();
    stale[..64].fill(0);
    // The file has no table; the log first has a stale one, then zeros, then the right one.
    bytes[bat..bat + 4096].fill(0);
    let id = *b"sixteen byte id!";
    let at = bat as u64;
    // A header's length and position of the log.
    let header = 64 << 10;
    let log_at = u64::from_le_bytes(bytes[header + 72..header + 80].try_into().unwrap()) as usize;
    let tail = 0x3000;
    let mut log = Vec::new();
    log.extend(log_entry(id, 7, tail, &[(at, Some(&stale))]));
    log.extend(log_entry(id, 8, tail, &[(at, None), (at, Some(&stale))]));
    log.extend(log_entry(id, 9, tail, &[(at, None), (at, Some(&table))]));
    // An older sequence, which no longer counts.
    put(
        &mut bytes,
        log_at,
        &log_entry(id, 3, 0, &[(at, Some(&stale))]),
    );
    put(&mut bytes, log_at + tail as usize, &log);
    for header in [64 << 10, 128 << 10] {
        put(&mut bytes, header + 48, &id);
        put(&mut bytes, header + 4, &[0; 4]);
        let sum = crc(&bytes[header..header + 4096]);
        put(&mut bytes, header + 4, &sum.to_le_bytes());
    }
    let path = desk.file("dirty.vhdx", &bytes);
    let image = Image::open(&path).unwrap();
    assert!(guest(&image) == disk());
    let warnings = image.describe().warnings;
    assert!(
        warnings[0].contains("its log was taken into account"),
        "{warnings:?}"
    );
    assert!(fs::read(&path).unwrap() == bytes, "evidence was written to");

    // The oracle: QEMU writes the same log into the file before it reads it.
    tool(
        "qemu-img",
        &folder,
        &["check", "-q", "-r", "all", "dirty.vhdx"],
    );
    tool(
        "qemu-img",
        &folder,
        &["convert", "-O", "raw", "dirty.vhdx", "replayed.raw"],
    );
    assert!(fs::read(desk.path("replayed.raw")).unwrap() == disk());

    // A log with a gap is not guessed at.
    bytes[log_at + tail as usize + 0x2000] ^= 1;
    let path = desk.file("gap.vhdx", &bytes);
    let error = Image::open(&path).unwrap_err().to_string();
    assert!(error.contains("misses entries"), "{error}");
}
