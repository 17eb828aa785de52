//! EWF version 1, the format of EnCase (`.E01`): chunks of the disk, mostly compressed, in one
//! or several files.
//!
//! Written after Joachim Metz, "Expert Witness Compression Format specification", which describes
//! what EnCase, FTK Imager and libewf write.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::path::{Path, PathBuf};

use super::ImageError;
use super::block::{Block, Codec, MAX_BLOCK};
use super::field::Region;
use super::files::Files;
use super::format::{Format, Opened};
use super::mapping::{Cell, Mapping, Piece, Place};

const SIGNATURE: &[u8] = b"EVF\x09\x0d\x0a\xff\x00";
/// Length of a file's header.
const FILE_HEADER: u64 = 13;
/// Length of the head of a section.
const SECTION: u64 = 76;
/// Most sections of one file; a table has up to 16,375 chunks of 32 KiB, so this is 512 TiB.
const MAX_SECTIONS: usize = 1 << 20;
/// Most entries of one table.
const MAX_ENTRIES: u32 = 1 << 26;
/// Entries whose position no longer fits 31 bits follow each other without the compression flag.
const FAR: u64 = 1 << 31;

#[derive(Debug)]
struct Ewf {
    len: u64,
    chunk: u64,
    tables: Vec<Table>,
}

/// A table of the positions of consecutive chunks.
#[derive(Debug)]
struct Table {
    file: usize,
    /// Number of the first chunk.
    first: u64,
    entries: u64,
    /// Position of the first entry.
    at: u64,
    /// What the positions are counted from.
    base: u64,
    /// Where the last chunk ends at the latest.
    end: u64,
    /// The first entry that uses all 32 bits as a position.
    far: u64,
}

/// What the walk over the sections has found so far.
#[derive(Default)]
struct Walk {
    volume: Option<Region>,
    tables: Vec<Table>,
    chunks: u64,
    /// End of the last section with chunks.
    end: u64,
    /// A table that is damaged and whose copy was not seen yet.
    damaged: bool,
    /// A table and its copy are damaged, so the numbers of later chunks are not known.
    broken: bool,
    /// Whether the next table section repeats one that was taken.
    taken: bool,
    read_errors: u32,
    warnings: Vec<String>,
}

pub(super) fn open(files: &mut Files, file: usize) -> Result<Opened, ImageError> {
    let first = files.path(file).to_owned();
    let mut walk = Walk::default();
    let mut names = successors(&first);
    let mut segment = file;
    let mut number = 1;
    while walk.file(files, segment, number)? {
        let Some(name) = names.next().filter(|name| name.exists()) else {
            walk.warnings
                .push(format!("the segment after number {number} is missing"));
            break;
        };
        segment = files.open(&name, "segment")?;
        number = number.saturating_add(1);
    }
    let Some(volume) = walk.volume else {
        return Err(ImageError::Unsupported {
            path: first,
            what: "it has no volume section, which every EWF image of a disk has".to_owned(),
        });
    };
    // The volume section of EnCase is 1052 bytes long, that of the older SMART 94.
    let sectors = match volume.bytes().len() {
        94 => volume.le32(16).into(),
        _ => volume.le64(16),
    };
    let (per_chunk, sector) = (volume.le32(8), volume.le32(12));
    let chunk = per_chunk
        .checked_mul(sector)
        .filter(|chunk| (1..=MAX_BLOCK).contains(chunk));
    let Some(chunk) = chunk else {
        return Err(volume.corrupt(
            8,
            format!(
                "chunks of {per_chunk} sectors of {sector} bytes, expected at most {MAX_BLOCK:#x} \
                 bytes"
            ),
        ));
    };
    let len = match sectors {
        0 => u64::from(volume.le32(4)).checked_mul(chunk.into()),
        _ => sectors.checked_mul(sector.into()),
    };
    let Some(len) = len else {
        return Err(volume.corrupt(16, format!("{sectors:#x} sectors, more than any disk has")));
    };
    let mut opened = Opened::new(
        Format::Ewf,
        Ewf {
            len,
            chunk: chunk.into(),
            tables: walk.tables,
        },
    );
    opened.warnings = walk.warnings;
    if walk.read_errors > 0 {
        opened.warnings.push(format!(
            "{} ranges of the disk could not be read when the image was made; they are zeros in it",
            walk.read_errors
        ));
    }
    opened.fact("segments", number);
    opened.fact("chunk", format!("{chunk} bytes"));
    Ok(opened)
}

impl Walk {
    /// Walks over the sections of one file; true if another file follows.
    fn file(&mut self, files: &Files, file: usize, number: u16) -> Result<bool, ImageError> {
        let header = Region::read(files, file, 0, FILE_HEADER, "EWF header")?;
        let found = header.le16(9);
        if !header.bytes().starts_with(SIGNATURE) || found != number {
            return Err(header.corrupt(
                9,
                format!(
                    "this is segment {found}, expected {number}; name the first file (.E01) to read \
                     the image"
                ),
            ));
        }
        let mut at = FILE_HEADER;
        for _ in 0..MAX_SECTIONS {
            let section = match Region::read(files, file, at, SECTION, "section") {
                Ok(section) if is_sound(&section, 72) => section,
                _ => {
                    self.warnings.push(format!(
                        "{:?}: the section at {at:#x} is damaged or cut off; what follows is not \
                         known",
                        files.path(file)
                    ));
                    return Ok(true);
                }
            };
            let next = section.le64(16);
            let body = at.saturating_add(SECTION);
            let end = match section.le64(24) {
                // Some writers leave the length of a section out.
                0 => next.max(body),
                len => at.saturating_add(len).max(body),
            };
            let kind = section.part(0, 16);
            match kind.split(|byte| *byte == 0).next().unwrap_or_default() {
                b"volume" | b"disk" => self.volume(files, file, body, end)?,
                b"data" if self.volume.is_none() => self.volume(files, file, body, end)?,
                b"sectors" => self.end = end,
                b"table" => self.table(files, file, body, false),
                b"table2" => self.table(files, file, body, true),
                b"error2" => {
                    let head = Region::read(files, file, body, 4, "list of read errors")?;
                    self.read_errors = self.read_errors.saturating_add(head.le32(0));
                }
                b"next" => return Ok(true),
                b"done" => return Ok(false),
                _ => {}
            }
            // A section that leads back, or to itself, would be walked for ever.
            if next <= at {
                return Ok(true);
            }
            at = next;
        }
        Ok(false)
    }

    fn volume(&mut self, files: &Files, file: usize, at: u64, end: u64) -> Result<(), ImageError> {
        let len = if end.saturating_sub(at) < 1052 {
            94
        } else {
            1052
        };
        let volume = Region::read(files, file, at, len, "volume section")?;
        let checksum_at = volume.bytes().len().saturating_sub(4);
        if !is_sound(&volume, checksum_at) {
            return Err(volume.corrupt(checksum_at, "the checksum of the volume section is wrong"));
        }
        self.volume = Some(volume);
        Ok(())
    }

    /// A table, or its copy, of which the first sound one counts.
    fn table(&mut self, files: &Files, file: usize, at: u64, copy: bool) {
        if copy && std::mem::take(&mut self.taken) {
            return;
        }
        if !copy {
            // The table before had no copy.
            self.broken |= std::mem::take(&mut self.damaged);
            self.taken = false;
        }
        if self.broken {
            return;
        }
        match Table::read(files, file, at, self.chunks, self.end) {
            Some(table) => {
                self.chunks = self.chunks.saturating_add(table.entries);
                self.tables.push(table);
                (self.taken, self.damaged) = (!copy, false);
            }
            None if copy => {
                self.broken = true;
                self.warnings.push(format!(
                    "{:?}: the table of chunks at {at:#x} and its copy are damaged; what follows \
                     is not known",
                    files.path(file)
                ));
            }
            None => self.damaged = true,
        }
    }
}

impl Table {
    fn read(files: &Files, file: usize, at: u64, first: u64, end: u64) -> Option<Self> {
        let head = Region::read(files, file, at, 24, "table of chunks").ok()?;
        let count = head.le32(0);
        if count == 0 || count > MAX_ENTRIES || !is_sound(&head, 20) {
            return None;
        }
        let entries_at = at.checked_add(24)?;
        let len = u64::from(count).checked_mul(4)?;
        let entries = files.slice(file, entries_at, len);
        let checksum = files.array(file, entries_at.checked_add(len)?);
        if checksum.map(u32::from_le_bytes) != Some(adler32(entries)) {
            return None;
        }
        let positions = entries.chunks_exact(4).map(|entry| {
            let entry = entry.try_into().map_or(0, u32::from_le_bytes);
            u64::from(entry) & !FAR
        });
        // Positions ascend, so one that does not has outgrown its 31 bits.
        let far = positions
            .clone()
            .zip(positions.skip(1))
            .position(|(one, next)| next < one);
        let far = far.and_then(|at| u64::try_from(at.checked_add(1)?).ok());
        Some(Self {
            file,
            first,
            entries: count.into(),
            at: entries_at,
            base: head.le64(8),
            end,
            far: far.unwrap_or(u64::MAX),
        })
    }

    /// Position of a chunk, and whether it is compressed.
    fn entry(&self, files: &Files, index: u64) -> Option<(u64, bool)> {
        let at = self.at.checked_add(index.checked_mul(4)?)?;
        let entry = u64::from(u32::from_le_bytes(files.array(self.file, at)?));
        let (position, compressed) = match index < self.far {
            true => (entry & !FAR, entry & FAR != 0),
            false => (entry, false),
        };
        Some((self.base.checked_add(position)?, compressed))
    }
}

impl Mapping for Ewf {
    fn len(&self) -> u64 {
        self.len
    }

    fn piece_at(&self, files: &Files, at: u64) -> Piece {
        let cell = Cell::of(at, self.chunk);
        let after = self
            .tables
            .partition_point(|table| table.first <= cell.index);
        let table = after.checked_sub(1).and_then(|last| self.tables.get(last));
        let index = |table: &Table| cell.index.saturating_sub(table.first);
        let Some(table) = table.filter(|table| index(table) < table.entries) else {
            return Piece::lost(u64::MAX, "no table of the container names its chunk");
        };
        let index = index(table);
        let Some((position, compressed)) = table.entry(files, index) else {
            return Piece::lost(cell.left, "the container ends within a table of chunks");
        };
        if !compressed {
            return Piece::file(cell.left, table.file, position.saturating_add(cell.skip));
        }
        let next = index.saturating_add(1);
        let end = match next < table.entries {
            true => table
                .entry(files, next)
                .map_or(table.end, |(position, _)| position),
            false => table.end,
        };
        // The last chunk is as short as the disk is.
        let start = at.saturating_sub(cell.skip);
        let len = self.chunk.min(self.len.saturating_sub(start));
        Piece {
            len: cell.left,
            place: Place::Block(Block {
                file: table.file,
                at: position,
                stored: end.saturating_sub(position),
                codec: Codec::Zlib,
                len: u32::try_from(len).unwrap_or(MAX_BLOCK),
                skip: cell.skip,
            }),
        }
    }
}

/// Whether the checksum at a position of a structure is that of the bytes before it.
fn is_sound(region: &Region, checksum_at: usize) -> bool {
    region.le32(checksum_at) == adler32(region.part(0, checksum_at))
}

/// Adler-32 (RFC 1950, section 8.2).
fn adler32(bytes: &[u8]) -> u32 {
    /// As many bytes as cannot overflow 32 bits before the remainder is taken.
    const RUN: usize = 5552;
    const BASE: u32 = 65_521;
    let (mut low, mut high) = (1_u32, 0_u32);
    for run in bytes.chunks(RUN) {
        for byte in run {
            low = low.wrapping_add((*byte).into());
            high = high.wrapping_add(low);
        }
        (low, high) = (low % BASE, high % BASE);
    }
    high << 16 | low
}

/// The names of the files that follow: `E02` to `E99`, then `EAA` to `ZZZ`, in the case of the
/// first.
fn successors(path: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let path = path.to_owned();
    let suffix = path
        .extension()
        .and_then(|suffix| suffix.to_str())
        .unwrap_or_default();
    let lower = suffix.bytes().all(|byte| !byte.is_ascii_uppercase());
    let letter = suffix
        .bytes()
        .next()
        .map_or(b'E', |byte| byte.to_ascii_uppercase());
    let digits = (2..=99).map(move |number| format!("{}{number:02}", char::from(letter)));
    let letters = (letter..=b'Z').flat_map(|first| {
        (b'A'..=b'Z').flat_map(move |second| {
            (b'A'..=b'Z').map(move |third| [first, second, third].map(char::from).iter().collect())
        })
    });
    digits.chain(letters).map(move |suffix: String| {
        let suffix = if lower {
            suffix.to_ascii_lowercase()
        } else {
            suffix
        };
        path.with_extension(suffix)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_numbered_like_the_tools_do() {
        let names: Vec<String> = successors(Path::new("disk.E01"))
            .map(|name| name.to_str().unwrap().to_owned())
            .collect();
        assert_eq!(names[0], "disk.E02");
        assert_eq!(names[97..100], ["disk.E99", "disk.EAA", "disk.EAB"]);
        assert_eq!(names.last().unwrap(), "disk.ZZZ");
        assert_eq!(names.len(), 98 + 22 * 676);
        assert_eq!(
            successors(Path::new("x.e01")).next(),
            Some(PathBuf::from("x.e02"))
        );
    }

    #[test]
    fn positions_beyond_31_bits_are_followed() {
        let mut table = vec![0; 24];
        table[..4].copy_from_slice(&4_u32.to_le_bytes());
        table[8..16].copy_from_slice(&0x100_u64.to_le_bytes());
        let sum = adler32(&table[..20]);
        table[20..24].copy_from_slice(&sum.to_le_bytes());
        // The last two positions are 0x8000_0010 and 0xffff_fff0: no flag, but a 32nd bit.
        for entry in [0xffff_0000_u32, 0x7fff_8000, 0x8000_0010, 0xffff_fff0] {
            table.extend(entry.to_le_bytes());
        }
        let sum = adler32(&table[24..]);
        table.extend(sum.to_le_bytes());
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &table).unwrap();
        let files = Files::new(file.path(), super::super::Options::default()).unwrap();
        let table = Table::read(&files, 0, 0, 7, u64::MAX).unwrap();
        let entries: Vec<_> = (0..4)
            .map(|index| table.entry(&files, index).unwrap())
            .collect();
        assert_eq!(
            entries,
            [
                (0x7fff_0100, true),
                (0x7fff_8100, false),
                (0x8000_0110, false),
                (0x1_0000_00f0, false),
            ]
        );
    }

    #[test]
    fn adler_is_that_of_the_standard() {
        assert_eq!(adler32(b""), 1);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    }
}
