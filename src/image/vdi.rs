//! VDI, the format of `VirtualBox`: a table of blocks.
//!
//! Written after `VDICore.h` of `VirtualBox`.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::ImageError;
use super::field::Region;
use super::files::Files;
use super::format::{Format, Opened};
use super::mapping::{Cell, Mapping, Piece};

/// Length of the header of version 1.1.
const HEADER: u64 = 0x1d0;
/// Largest block; every tool writes 1 MiB.
const MAX_BLOCK: u32 = 256 << 20;
/// An entry from here on stands for no block: never written, or zeros.
const NO_BLOCK: u32 = 0xffff_fffe;

#[derive(Debug)]
struct Vdi {
    file: usize,
    len: u64,
    table_at: u64,
    entries: u64,
    data_at: u64,
    block: u64,
    /// Bytes before the data of each block.
    extra: u64,
}

pub(super) fn open(files: &Files, file: usize) -> Result<Opened, ImageError> {
    let header = Region::read(files, file, 0, HEADER, "VDI header")?;
    let version = header.le32(0x44);
    if version >> 16 != 1 {
        let (major, minor) = (version >> 16, version & 0xffff);
        return Err(header.unsupported(format!("it is VDI version {major}.{minor}, expected 1.1")));
    }
    let kind = match header.le32(0x4c) {
        1 => "dynamic",
        2 => "fixed",
        3 | 4 => {
            return Err(header.unsupported(
                "it is a VDI differencing image, whose parent is named only by its identity; \
                 merge it first: VBoxManage clonemedium",
            ));
        }
        other => {
            return Err(header.corrupt(0x4c, format!("an image of type {other}, expected 1 to 4")));
        }
    };
    let block = header.le32(0x178);
    if !block.is_power_of_two() || !(512..=MAX_BLOCK).contains(&block) {
        return Err(header.corrupt(
            0x178,
            format!(
                "blocks of {block:#x} bytes, expected a power of two from 0x200 to {MAX_BLOCK:#x}"
            ),
        ));
    }
    let len = header.le64(0x170);
    let entries = u64::from(header.le32(0x180));
    let mut opened = Opened::new(
        Format::Vdi,
        Vdi {
            file,
            len,
            table_at: header.le32(0x154).into(),
            entries,
            data_at: header.le32(0x158).into(),
            block: block.into(),
            extra: header.le32(0x17c).into(),
        },
    );
    opened.fact("kind", kind);
    opened.fact("block", format!("{block} bytes"));
    Ok(opened)
}

impl Mapping for Vdi {
    fn len(&self) -> u64 {
        self.len
    }

    fn piece_at(&self, files: &Files, at: u64) -> Piece {
        let cell = Cell::of(at, self.block);
        if cell.index >= self.entries {
            return Piece::lost(u64::MAX, "the block table of the container ends before it");
        }
        let entry_at = self.table_at.saturating_add(cell.index.saturating_mul(4));
        match files.array(self.file, entry_at).map(u32::from_le_bytes) {
            None => {
                let why = "the container ends within its block table";
                files.lost(self.file, entry_at, [cell.left, u64::MAX], why)
            }
            Some(NO_BLOCK..) => Piece::zero(cell.left),
            Some(entry) => {
                let stride = self.block.saturating_add(self.extra);
                let block_at = self
                    .data_at
                    .saturating_add(u64::from(entry).saturating_mul(stride));
                let data_at = block_at
                    .saturating_add(self.extra)
                    .saturating_add(cell.skip);
                Piece::file(cell.left, self.file, data_at)
            }
        }
    }
}
