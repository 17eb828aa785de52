//! An extent made of grains, found through two levels of tables.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::SECTOR;
use super::descriptor::Descriptor;
use crate::image::ImageError;
use crate::image::block::{Block, Codec, MAX_BLOCK};
use crate::image::field::Region;
use crate::image::files::Files;
use crate::image::mapping::{Cell, Piece, Place};

/// The position of the table of a stream, which is only known at its end.
const AT_END: u64 = u64::MAX;
/// Flags of the header.
const ZERO_GRAINS: u32 = 1 << 2;
const COMPRESSED: u32 = 1 << 16;
/// Head of a compressed grain: its first sector and its length.
const GRAIN_HEAD: u64 = 12;
/// Most grains that are found again in a stream that lost its end: 1 TiB of the usual ones.
const MAX_RECOVERED: usize = 16 << 20;

#[derive(Debug)]
pub(super) struct Sparse {
    file: usize,
    len: u64,
    grain: u64,
    /// Entries of a second table.
    table_entries: u64,
    directory_at: u64,
    flags: u32,
    descriptor: (u64, u64),
    unclean: bool,
    /// First byte of the disk and position in the file of each grain of a stream that lost its
    /// end.
    recovered: Option<Vec<(u64, u64)>>,
}

/// What an extent says of a position.
pub(super) enum Grain {
    /// Its own bytes or zeros.
    Own(Piece),
    /// Nothing, for so many bytes: what the image below has.
    Below(u64),
}

impl Sparse {
    pub(super) fn read(files: &Files, file: usize) -> Result<Self, ImageError> {
        let first = Region::read(files, file, 0, SECTOR, "VMDK header")?;
        if !first.bytes().starts_with(b"KDMV") {
            return Err(first.corrupt(0, "not a sparse extent, which begins with KDMV"));
        }
        let version = first.le32(4);
        if !(1..=3).contains(&version) {
            return Err(first.unsupported(format!("it is VMDK version {version}, expected 1 to 3")));
        }
        // A stream has its header again at its end, with the position of the table.
        let end = files.len(file).saturating_sub(2 * SECTOR);
        let last = Region::read(files, file, end, SECTOR, "VMDK footer")?;
        let stream = first.le64(56) == AT_END;
        let footer = stream && last.bytes().starts_with(b"KDMV") && last.le64(56) != AT_END;
        let header = if footer { &last } else { &first };
        let sectors = |offset: usize, what: &str| {
            header.le64(offset).checked_mul(SECTOR).ok_or_else(|| {
                header.corrupt(
                    offset,
                    format!("{:#x} sectors as {what}", header.le64(offset)),
                )
            })
        };
        let grain = sectors(20, "length of a grain")?;
        if !grain.is_power_of_two() || grain > MAX_BLOCK.into() {
            return Err(header.corrupt(
                20,
                format!("grains of {grain:#x} bytes, expected a power of two up to {MAX_BLOCK:#x}"),
            ));
        }
        let table_entries = header.le32(44);
        if !(1..=1 << 16).contains(&table_entries) {
            return Err(header.corrupt(
                44,
                format!("{table_entries} entries in a grain table, expected 512"),
            ));
        }
        let flags = header.le32(8);
        if flags & COMPRESSED != 0 && header.le16(77) != 1 {
            let method = header.le16(77);
            return Err(header.corrupt(77, format!("compression method {method}, expected 1")));
        }
        let lost_end = stream && !footer;
        let recovered = match lost_end {
            true => Some(recover(
                files,
                file,
                first.le64(64).saturating_mul(SECTOR),
                flags,
            )),
            false => None,
        };
        Ok(Self {
            file,
            len: sectors(12, "length of the disk")?,
            grain,
            table_entries: table_entries.into(),
            directory_at: if lost_end {
                0
            } else {
                sectors(56, "position of the table")?
            },
            flags,
            descriptor: (
                sectors(28, "position of the descriptor")?,
                sectors(36, "length of the descriptor")?,
            ),
            unclean: header.byte(72) != 0,
            recovered,
        })
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn is_compressed(&self) -> bool {
        self.flags & COMPRESSED != 0
    }

    pub(super) fn warning(&self) -> Option<String> {
        if self.recovered.is_some() {
            let what = "the end of the stream is missing; its grains were found one by one";
            return Some(what.to_owned());
        }
        self.unclean
            .then(|| "the image was not closed cleanly".to_owned())
    }

    /// The descriptor inside the extent, if it has one.
    pub(super) fn descriptor(&self, files: &Files) -> Result<Option<Descriptor>, ImageError> {
        match self.descriptor {
            (0, _) | (_, 0) => Ok(None),
            (at, len) => Descriptor::read(files, self.file, at, len).map(Some),
        }
    }

    fn entry(&self, files: &Files, table_at: u64, index: u64) -> Option<u64> {
        files
            .array(self.file, entry_at(table_at, index))
            .map(u32::from_le_bytes)
            .map(u64::from)
    }

    pub(super) fn grain(&self, files: &Files, at: u64) -> Grain {
        if at >= self.len {
            return Grain::Own(Piece::lost(u64::MAX, "the extent ends before it"));
        }
        let cell = Cell::of(at, self.grain);
        if let Some(recovered) = &self.recovered {
            return self.recovered_grain(files, recovered, at, cell);
        }
        let table = Cell::of(at, self.grain.saturating_mul(self.table_entries));
        let Some(table_at) = self.entry(files, self.directory_at, table.index) else {
            let why = "the container ends within its grain directory";
            let at = entry_at(self.directory_at, table.index);
            return Grain::Own(files.lost(self.file, at, [table.left, u64::MAX], why));
        };
        if table_at == 0 {
            return Grain::Below(table.left);
        }
        let table_at = table_at.saturating_mul(SECTOR);
        let index = cell.index.checked_rem(self.table_entries).unwrap_or(0);
        match self.entry(files, table_at, index) {
            None => {
                let why = "the container ends before a grain table";
                let at = entry_at(table_at, index);
                Grain::Own(files.lost(self.file, at, [cell.left, table.left], why))
            }
            Some(0) => Grain::Below(cell.left),
            Some(1) if self.flags & ZERO_GRAINS != 0 => Grain::Own(Piece::zero(cell.left)),
            Some(sector) => Grain::Own(self.stored(files, sector.saturating_mul(SECTOR), at, cell)),
        }
    }

    /// The grain at a position of the file.
    fn stored(&self, files: &Files, position: u64, at: u64, cell: Cell) -> Piece {
        if !self.is_compressed() {
            return Piece::file(cell.left, self.file, position.saturating_add(cell.skip));
        }
        let Some(stored) = files.array(self.file, position.saturating_add(8)) else {
            return Piece::lost(cell.left, "the container ends before a grain");
        };
        // The last grain is as short as the extent is.
        let start = at.saturating_sub(cell.skip);
        let len = self.grain.min(self.len.saturating_sub(start));
        Piece {
            len: cell.left,
            place: Place::Block(Block {
                file: self.file,
                at: position.saturating_add(GRAIN_HEAD),
                stored: u32::from_le_bytes(stored).into(),
                codec: Codec::Zlib,
                len: u32::try_from(len).unwrap_or(MAX_BLOCK),
                skip: cell.skip,
            }),
        }
    }

    fn recovered_grain(
        &self,
        files: &Files,
        recovered: &[(u64, u64)],
        at: u64,
        cell: Cell,
    ) -> Grain {
        let start = at.saturating_sub(cell.skip);
        let after = recovered.partition_point(|(first, _)| *first < start);
        match recovered.get(after) {
            Some((first, position)) if *first == start => {
                Grain::Own(self.stored(files, *position, at, cell))
            }
            // A stream is written in the order of the disk, so what it passed over is empty.
            Some((first, _)) => Grain::Below(first.saturating_sub(at)),
            None => Grain::Own(Piece::lost(u64::MAX, "the stream was cut off before it")),
        }
    }
}

/// Position of an entry of a table; one that no file has if there is none.
fn entry_at(table_at: u64, index: u64) -> u64 {
    table_at.saturating_add(index.saturating_mul(4))
}

/// Walks over the markers of a stream and collects its grains.
fn recover(files: &Files, file: usize, mut at: u64, flags: u32) -> Vec<(u64, u64)> {
    let mut grains: Vec<(u64, u64)> = Vec::new();
    while flags & COMPRESSED != 0 && grains.len() < MAX_RECOVERED {
        let Some(head) = files.array::<16>(file, at) else {
            break;
        };
        let [a, b, c, d, e, f, g, h, s0, s1, s2, s3, k0, k1, k2, k3] = head;
        let value = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let stored = u64::from(u32::from_le_bytes([s0, s1, s2, s3]));
        let kind = u32::from_le_bytes([k0, k1, k2, k3]);
        let len = match (stored, kind) {
            // Without a length it is a marker: of tables of so many sectors, or of the end.
            (0, 0) => break,
            (0, _) => value.saturating_add(1).saturating_mul(SECTOR),
            _ => GRAIN_HEAD.saturating_add(stored).next_multiple_of(SECTOR),
        };
        let end = at.saturating_add(len);
        if end > files.len(file) {
            break;
        }
        if stored != 0 {
            grains.push((value.saturating_mul(SECTOR), at));
        }
        at = end;
    }
    grains.sort_unstable();
    grains
}
