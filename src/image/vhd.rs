//! VHD: fixed, which is the disk with a footer behind it, and dynamic or differencing, which is a
//! table of blocks.
//!
//! Written after Microsoft's "Virtual Hard Disk Image Format Specification", version 1.0.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::ImageError;
use super::field::{Region, utf16};
use super::files::Files;
use super::format::{self, Format, Opened};
use super::mapping::{Cell, Concat, Mapping, Piece, below};

const SECTOR: u64 = 512;
/// Length of the footer.
const FOOTER: u64 = 512;
/// Length of the header of a dynamic disk.
const HEADER: u64 = 1024;
/// Largest block; every tool writes 2 MiB or 512 KiB.
const MAX_BLOCK: u32 = 256 << 20;
/// Longest name of a parent, in bytes.
const MAX_NAME: u32 = 4096;
const FREE: u32 = u32::MAX;

#[derive(Debug)]
struct Vhd {
    file: usize,
    len: u64,
    table_at: u64,
    entries: u64,
    block: u64,
    /// Length of the bitmap before each block, in bytes.
    bitmap: u64,
    /// Whether the bitmap says which sectors are this file's.
    differencing: bool,
    parent: Option<Box<dyn Mapping>>,
}

/// Whether these last bytes of a file are the footer of a fixed disk.
pub(super) fn is_fixed(tail: &[u8]) -> bool {
    is_sound(tail, 64, b"conectix") && tail.get(60..64) == Some(&[0, 0, 0, 2])
}

pub(super) fn open(files: &mut Files, file: usize, depth: u32) -> Result<Opened, ImageError> {
    let footer = footer(files, file)?;
    let len = footer.be64(48);
    let mut opened = match footer.be32(60) {
        2 => fixed(files, file, &footer, len)?,
        3 => dynamic(files, file, &footer, len, None)?,
        4 => {
            let parent = parent(files, file, &footer, depth)?;
            let mut opened = dynamic(files, file, &footer, len, Some(parent.mapping))?;
            opened.warnings.extend(parent.warnings);
            opened.unread.extend(parent.unread);
            opened
        }
        other => {
            return Err(footer.corrupt(
                60,
                format!(
                    "a disk of type {other}, expected 2 (fixed), 3 (dynamic) or 4 (differencing)"
                ),
            ));
        }
    };
    let creator = String::from_utf8_lossy(footer.part(28, 4)).into_owned();
    opened.fact("creator", format!("{creator:?}"));
    if footer.byte(84) != 0 {
        opened
            .warnings
            .push("the machine was suspended when the image was taken".to_owned());
    }
    Ok(opened)
}

/// The footer, or its copy at the beginning if only that is left of a file that was cut short.
fn footer(files: &Files, file: usize) -> Result<Region, ImageError> {
    let end = files.len(file).saturating_sub(FOOTER);
    let at_end = Region::read(files, file, end, FOOTER, "footer")?;
    if is_sound(at_end.bytes(), 64, b"conectix") {
        return Ok(at_end);
    }
    let at_start = Region::read(files, file, 0, FOOTER, "copy of the footer")?;
    if is_sound(at_start.bytes(), 64, b"conectix") {
        return Ok(at_start);
    }
    Err(at_start.corrupt(64, "the checksums of the footer and of its copy are wrong"))
}

/// Whether a structure has its cookie and its checksum, the complement of the sum of all bytes
/// except the checksum's own.
fn is_sound(bytes: &[u8], checksum_at: usize, cookie: &[u8]) -> bool {
    let sum = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0_u32, |sum, byte| sum.wrapping_add((*byte).into()))
    };
    let own = bytes.get(checksum_at..).and_then(<[u8]>::first_chunk::<4>);
    bytes.starts_with(cookie)
        && own.is_some_and(|own| u32::from_be_bytes(*own) == !sum(bytes).wrapping_sub(sum(own)))
}

fn fixed(files: &Files, file: usize, footer: &Region, len: u64) -> Result<Opened, ImageError> {
    let stored = files.len(file).saturating_sub(FOOTER);
    if len > stored {
        return Err(footer.corrupt(
            48,
            format!("a disk of {len:#x} bytes, but only {stored:#x} lie before the footer"),
        ));
    }
    let mut disk = Concat::default();
    // One part cannot be too long.
    let _fits = disk.push(len, file, 0);
    let mut opened = Opened::new(Format::Vhd, disk);
    opened.fact("kind", "fixed");
    Ok(opened)
}

fn dynamic(
    files: &Files,
    file: usize,
    footer: &Region,
    len: u64,
    parent: Option<Box<dyn Mapping>>,
) -> Result<Opened, ImageError> {
    let header = header(files, file, footer)?;
    let block = header.be32(32);
    if !block.is_power_of_two() || !(512..=MAX_BLOCK).contains(&block) {
        return Err(header.corrupt(
            32,
            format!(
                "blocks of {block:#x} bytes, expected a power of two from 512 to {MAX_BLOCK:#x}"
            ),
        ));
    }
    let bits = u64::from(block) / SECTOR;
    let differencing = footer.be32(60) == 4;
    let mut opened = Opened::new(
        Format::Vhd,
        Vhd {
            file,
            len,
            table_at: header.be64(16),
            entries: header.be32(28).into(),
            block: block.into(),
            bitmap: bits.div_ceil(8).next_multiple_of(SECTOR),
            differencing,
            parent,
        },
    );
    opened.fact(
        "kind",
        if differencing {
            "differencing"
        } else {
            "dynamic"
        },
    );
    opened.fact("block", format!("{block} bytes"));
    Ok(opened)
}

fn header(files: &Files, file: usize, footer: &Region) -> Result<Region, ImageError> {
    let header = Region::read(
        files,
        file,
        footer.be64(16),
        HEADER,
        "header of the dynamic disk",
    )?;
    if !is_sound(header.bytes(), 36, b"cxsparse") {
        return Err(header.corrupt(
            0,
            "not the header of a dynamic disk, or its checksum is wrong",
        ));
    }
    Ok(header)
}

/// The image a differencing disk was made over.
fn parent(
    files: &mut Files,
    file: usize,
    footer: &Region,
    depth: u32,
) -> Result<Opened, ImageError> {
    let header = header(files, file, footer)?;
    let mut names = Vec::new();
    for index in 0..8_usize {
        let at = index.saturating_mul(24).saturating_add(576);
        let (code, len, name_at) = (
            header.part(at, 4),
            header.be32(at.saturating_add(8)),
            header.be64(at.saturating_add(16)),
        );
        if (code == b"W2ru" || code == b"W2ku") && (1..=MAX_NAME).contains(&len) {
            let name = Region::read(files, file, name_at, len.into(), "name of the parent")?;
            names.push((code != b"W2ru", utf16(name.bytes(), u16::from_le_bytes)));
        }
    }
    // A relative name first: the absolute one is of the machine the disk was made on.
    names.sort();
    let own = utf16(header.part(64, 512), u16::from_be_bytes);
    names.push((true, own));
    let mut failure = None;
    for (absolute, name) in names {
        let name = name.replace('\\', "/");
        let name = match absolute {
            true => name.rsplit('/').next().unwrap_or(&name),
            false => &name,
        };
        let known = files.count();
        match format::open_named(files, file, name, None, depth) {
            Ok(parent) => {
                let id = self_id(files, known);
                if id.is_some_and(|id| header.array(40) != Some(id)) {
                    return Err(header.corrupt(
                        40,
                        format!(
                            "the parent {name:?} is another disk than the one this was made over"
                        ),
                    ));
                }
                return Ok(parent);
            }
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    Err(failure.unwrap_or_else(|| header.corrupt(64, "the parent of this disk is not named")))
}

/// The identity of a VHD.
fn self_id(files: &Files, file: usize) -> Option<[u8; 16]> {
    footer(files, file).ok()?.array(68)
}

impl Vhd {
    fn below(&self, files: &Files, at: u64, len: u64) -> Piece {
        below(self.parent.as_deref(), files, at, len)
    }
}

impl Mapping for Vhd {
    fn len(&self) -> u64 {
        self.len
    }

    fn piece_at(&self, files: &Files, at: u64) -> Piece {
        let cell = Cell::of(at, self.block);
        if cell.index >= self.entries {
            return Piece::lost(u64::MAX, "the block table of the container ends before it");
        }
        let entry_at = self.table_at.saturating_add(cell.index.saturating_mul(4));
        let Some(entry) = files.array(self.file, entry_at).map(u32::from_be_bytes) else {
            let why = "the container ends within its block table";
            return files.lost(self.file, entry_at, [cell.left, u64::MAX], why);
        };
        if entry == FREE {
            return self.below(files, at, cell.left);
        }
        let block_at = u64::from(entry).saturating_mul(SECTOR);
        let data_at = block_at.saturating_add(self.bitmap);
        let own = |len| Piece::file(len, self.file, data_at.saturating_add(cell.skip));
        if !self.differencing {
            return own(cell.left);
        }
        let bitmap = files.slice(self.file, block_at, self.bitmap);
        let sector = Cell::of(cell.skip, SECTOR);
        let set = |sector: u64| {
            let byte = usize::try_from(sector / 8)
                .ok()
                .and_then(|byte| bitmap.get(byte));
            let mask = 0x80_u8
                .checked_shr(u32::try_from(sector % 8).unwrap_or(0))
                .unwrap_or(0);
            byte.map(|byte| byte & mask != 0)
        };
        let whole = block_at..block_at.saturating_add(self.bitmap);
        let sound = files.get(self.file).is_some_and(|file| !file.lost(whole));
        let Some(here) = set(sector.index).filter(|_| sound) else {
            return Piece::lost(cell.left, "the container ends within a sector bitmap");
        };
        let mut len = sector.left;
        let mut next = sector.index.saturating_add(1);
        while len < cell.left && set(next) == Some(here) {
            len = len.saturating_add(SECTOR);
            next = next.saturating_add(1);
        }
        match here {
            true => own(len),
            false => self.below(files, at, len),
        }
    }
}
