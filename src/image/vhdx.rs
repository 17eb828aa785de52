//! VHDX: regions, found through checksummed headers, hold a table of blocks and the metadata.
//!
//! Written after Microsoft's "[MS-VHDX]: Virtual Hard Disk v2 (VHDX) File Format".

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

mod log;

use super::ImageError;
use super::field::{Region, guid, utf16};
use super::files::Files;
use super::format::{self, Format, Opened};
use super::mapping::{Cell, Mapping, Piece, below};
use log::Replayed;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
/// Most entries of a region table or of the metadata table (2.2.3, 2.6.1).
const MAX_ENTRIES: u32 = 2047;
/// Longest metadata item read; the largest is the list of parents.
const MAX_ITEM: u32 = 1 << 20;
/// Most names and values in the list of parents.
const MAX_LOCATORS: u16 = 64;

const BAT: &str = "2dc27766-f623-4200-9d64-115e9bfd4a08";
const METADATA: &str = "8b7ca206-4790-4b9a-b8fe-575f050f886e";
const FILE_PARAMETERS: &str = "caa16737-fa36-4d43-b3b6-33f0aa44e76b";
const DISK_SIZE: &str = "2fa54224-cd1b-4876-b211-5dbed83bf4b8";
const SECTOR_SIZE: &str = "8141bf1d-a96f-4709-ba47-f233a8faab5f";
const PARENT_LOCATOR: &str = "a8d35f2d-b30b-454d-abf7-d3d84834ab0c";

#[derive(Debug)]
struct Vhdx {
    file: usize,
    len: u64,
    block: u64,
    /// Blocks between two sector bitmaps in the table.
    ratio: u64,
    sector: u64,
    bat_at: u64,
    bat_entries: u64,
    log: Replayed,
    parent: Option<Box<dyn Mapping>>,
    differencing: bool,
}

pub(super) fn open(files: &mut Files, file: usize, depth: u32) -> Result<Opened, ImageError> {
    let header = header(files, file)?;
    let log = Replayed::read(files, file, &header)?;
    let (bat, metadata) = regions(files, file, &log)?;
    let items = Metadata::read(files, file, &log, metadata.0)?;
    let parameters = items.required(files, FILE_PARAMETERS, 8, "file parameters")?;
    let block = u64::from(parameters.le32(0));
    if !block.is_power_of_two() || !(MIB..=256 * MIB).contains(&block) {
        return Err(parameters.corrupt(
            0,
            format!("blocks of {block:#x} bytes, expected a power of two from 1 MiB to 256 MiB"),
        ));
    }
    let differencing = parameters.le32(4) & 2 != 0;
    let len = items
        .required(files, DISK_SIZE, 8, "size of the disk")?
        .le64(0);
    let sector_item = items.required(files, SECTOR_SIZE, 4, "sector size")?;
    let sector = u64::from(sector_item.le32(0));
    if sector != 512 && sector != 4096 {
        return Err(sector_item.corrupt(
            0,
            format!("sectors of {sector} bytes, expected 512 or 4096"),
        ));
    }
    let (mut warnings, mut unread) = (Vec::new(), Vec::new());
    if log.is_used() {
        warnings
            .push("the image was not closed cleanly; its log was taken into account".to_owned());
    }
    let parent = match differencing {
        false => None,
        true => {
            let parent = parent(files, file, &items, depth)?;
            warnings.extend(parent.warnings);
            unread.extend(parent.unread);
            Some(parent.mapping)
        }
    };
    let ratio = (1_u64 << 23)
        .saturating_mul(sector)
        .checked_div(block)
        .unwrap_or(1);
    let mut opened = Opened::new(
        Format::Vhdx,
        Vhdx {
            file,
            len,
            block,
            ratio,
            sector,
            bat_at: bat.0,
            bat_entries: bat.1 / 8,
            log,
            parent,
            differencing,
        },
    );
    (opened.warnings, opened.unread) = (warnings, unread);
    opened.fact(
        "kind",
        if differencing {
            "differencing"
        } else {
            "dynamic or fixed"
        },
    );
    opened.fact("block", format!("{block} bytes"));
    opened.fact("sector", format!("{sector} bytes"));
    Ok(opened)
}

/// The current one of the two headers (2.2.2): the sound one with the higher number.
fn header(files: &Files, file: usize) -> Result<Region, ImageError> {
    let mut best: Option<Region> = None;
    let mut failure = None;
    for at in [64 * KIB, 128 * KIB] {
        let header = Region::read(files, file, at, 4 * KIB, "VHDX header")?;
        if !header.bytes().starts_with(b"head") || header.le32(4) != checksum(header.bytes()) {
            failure = Some(header.corrupt(4, "neither header has its signature and checksum"));
        } else if best
            .as_ref()
            .is_none_or(|best| best.le64(8) < header.le64(8))
        {
            best = Some(header);
        }
    }
    match (best, failure) {
        (Some(header), _) if header.le16(66) == 1 => Ok(header),
        (Some(header), _) => {
            let version = header.le16(66);
            Err(header.unsupported(format!("it is VHDX version {version}, expected 1")))
        }
        (None, Some(error)) => Err(error),
        (None, None) => Err(ImageError::Unsupported {
            path: files.path(file).to_owned(),
            what: "it has no VHDX header".to_owned(),
        }),
    }
}

/// CRC-32C of a structure whose own checksum, in its second four bytes, counts as zero.
fn checksum(bytes: &[u8]) -> u32 {
    let (head, rest) = bytes.split_at_checked(8).unwrap_or((bytes, &[]));
    let signature = head.get(..4).unwrap_or(head);
    let all = signature.iter().chain(&[0; 4]).chain(rest);
    !all.fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| match crc & 1 {
            0 => crc >> 1,
            _ => crc >> 1 ^ 0x82f6_3b78,
        })
    })
}

/// Position and length of a region.
type Place = (u64, u64);

/// Where the block table and the metadata are (2.2.3).
fn regions(files: &Files, file: usize, log: &Replayed) -> Result<(Place, Place), ImageError> {
    let mut failure = None;
    for at in [192 * KIB, 256 * KIB] {
        let table = log.region(files, file, at, 64 * KIB, "region table")?;
        let count = table.le32(8);
        if !table.bytes().starts_with(b"regi")
            || table.le32(4) != checksum(table.bytes())
            || count > MAX_ENTRIES
        {
            failure = Some(table.corrupt(4, "neither region table has its signature and checksum"));
            continue;
        }
        let (mut bat, mut metadata) = (None, None);
        for index in 0..usize::try_from(count).unwrap_or(0) {
            let entry = index.saturating_mul(32).saturating_add(16);
            let place = (
                table.le64(entry.saturating_add(16)),
                u64::from(table.le32(entry.saturating_add(24))),
            );
            let required = table.le32(entry.saturating_add(28)) & 1 != 0;
            match table.array(entry).map(guid).as_deref() {
                Some(BAT) => bat = Some(place),
                Some(METADATA) => metadata = Some(place),
                _ if required => {
                    return Err(table.unsupported("it has a required region of an unknown kind"));
                }
                _ => {}
            }
        }
        return match (bat, metadata) {
            (Some(bat), Some(metadata)) => Ok((bat, metadata)),
            _ => Err(table.corrupt(16, "the region table does not name the two regions needed")),
        };
    }
    Err(failure.unwrap_or_else(|| ImageError::Unsupported {
        path: files.path(file).to_owned(),
        what: "it has no VHDX region table".to_owned(),
    }))
}

/// The metadata table (2.6.1).
struct Metadata<'a> {
    file: usize,
    log: &'a Replayed,
    at: u64,
    table: Region,
}

impl<'a> Metadata<'a> {
    fn read(files: &Files, file: usize, log: &'a Replayed, at: u64) -> Result<Self, ImageError> {
        let table = log.region(files, file, at, 64 * KIB, "metadata table")?;
        let count = table.le16(10);
        if !table.bytes().starts_with(b"metadata") || u32::from(count) > MAX_ENTRIES {
            return Err(table.corrupt(0, "not a metadata table, or it is damaged"));
        }
        Ok(Self {
            file,
            log,
            at,
            table,
        })
    }

    fn item(&self, files: &Files, id: &str, what: &str) -> Result<Option<Region>, ImageError> {
        for index in 0..usize::from(self.table.le16(10)) {
            let entry = index.saturating_mul(32).saturating_add(32);
            if self.table.array(entry).map(guid).as_deref() != Some(id) {
                continue;
            }
            let offset = u64::from(self.table.le32(entry.saturating_add(16)));
            let len = self.table.le32(entry.saturating_add(20));
            if len > MAX_ITEM {
                return Err(self.table.corrupt(
                    entry.saturating_add(20),
                    format!("the {what} has {len:#x} bytes, expected at most {MAX_ITEM:#x}"),
                ));
            }
            let at = self.at.saturating_add(offset);
            return self
                .log
                .region(files, self.file, at, len.into(), what)
                .map(Some);
        }
        Ok(None)
    }

    fn required(
        &self,
        files: &Files,
        id: &str,
        len: usize,
        what: &str,
    ) -> Result<Region, ImageError> {
        match self.item(files, id, what)? {
            Some(item) if item.bytes().len() >= len => Ok(item),
            _ => Err(self
                .table
                .corrupt(32, format!("the metadata does not hold the {what}"))),
        }
    }
}

/// The image a differencing disk was made over (2.6.2.6).
fn parent(
    files: &mut Files,
    file: usize,
    items: &Metadata<'_>,
    depth: u32,
) -> Result<Opened, ImageError> {
    let locator = items.required(files, PARENT_LOCATOR, 20, "name of the parent")?;
    let text = |at: u32, len: u16| {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        utf16(locator.part(at, len.into()), u16::from_le_bytes)
    };
    let mut names = Vec::new();
    for index in 0..usize::from(locator.le16(18).min(MAX_LOCATORS)) {
        let entry = index.saturating_mul(12).saturating_add(20);
        let field = |offset: usize| entry.saturating_add(offset);
        let key = text(locator.le32(entry), locator.le16(field(8)));
        let value = text(locator.le32(field(4)), locator.le16(field(10))).replace('\\', "/");
        match key.as_str() {
            // The name on this machine comes first; of a path on another, its last part may help.
            "relative_path" => names.insert(0, value),
            "absolute_win32_path" | "volume_path" => {
                names.push(value.rsplit('/').next().unwrap_or(&value).to_owned());
            }
            _ => {}
        }
    }
    let mut failure = None;
    for name in names {
        match format::open_named(files, file, &name, None, depth) {
            Ok(parent) => return Ok(parent),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    Err(failure.unwrap_or_else(|| locator.corrupt(0, "the parent of this disk is not named")))
}

/// The states of a block (2.5.1.1).
const FULLY_PRESENT: u64 = 6;
const PARTIALLY_PRESENT: u64 = 7;
const NOT_PRESENT: u64 = 0;

impl Vhdx {
    /// State and position of an entry of the block table.
    fn entry(&self, files: &Files, index: u64) -> Option<(u64, u64)> {
        if index >= self.bat_entries {
            return None;
        }
        let at = self.bat_at.checked_add(index.checked_mul(8)?)?;
        let entry = u64::from_le_bytes(self.log.array(files, self.file, at)?);
        Some((entry & 7, entry & !(MIB.wrapping_sub(1))))
    }

    /// A stretch of a block of which some sectors are the parent's.
    fn partial(&self, files: &Files, at: u64, cell: Cell, block_at: u64) -> Option<Piece> {
        let ratio = self.ratio.max(1);
        let group = cell.index.checked_div(ratio)?;
        let bitmap_index = group
            .checked_add(1)?
            .checked_mul(ratio)?
            .checked_add(group)?;
        let (_, bitmap_at) = self
            .entry(files, bitmap_index)
            .filter(|entry| entry.0 == FULLY_PRESENT)?;
        let first = cell
            .index
            .checked_rem(ratio)?
            .checked_mul(self.block.checked_div(self.sector)?)?;
        let set = |sector: u64| -> Option<bool> {
            let bit = first.checked_add(sector)?;
            let [byte] = self
                .log
                .array(files, self.file, bitmap_at.checked_add(bit / 8)?)?;
            let mask = 1_u8.checked_shl(u32::try_from(bit % 8).ok()?)?;
            Some(byte & mask != 0)
        };
        let sector = Cell::of(cell.skip, self.sector);
        let here = set(sector.index)?;
        let mut len = sector.left;
        let mut next = sector.index.checked_add(1)?;
        while len < cell.left && set(next) == Some(here) {
            len = len.saturating_add(self.sector);
            next = next.saturating_add(1);
        }
        Some(match here {
            true => Piece::file(len, self.file, block_at.saturating_add(cell.skip)),
            false => below(self.parent.as_deref(), files, at, len),
        })
    }
}

impl Mapping for Vhdx {
    fn len(&self) -> u64 {
        self.len
    }

    fn piece_at(&self, files: &Files, at: u64) -> Piece {
        let cell = Cell::of(at, self.block);
        let bitmaps = cell.index.checked_div(self.ratio).unwrap_or(0);
        let index = cell.index.saturating_add(bitmaps);
        if index >= self.bat_entries {
            return Piece::lost(u64::MAX, "the block table of the container ends before it");
        }
        let Some((state, block_at)) = self.entry(files, index) else {
            let why = "the container ends within its block table";
            let entry_at = self.bat_at.saturating_add(index.saturating_mul(8));
            return files.lost(self.file, entry_at, [cell.left, u64::MAX], why);
        };
        match state {
            FULLY_PRESENT => Piece::file(cell.left, self.file, block_at.saturating_add(cell.skip)),
            PARTIALLY_PRESENT if self.differencing => self
                .partial(files, at, cell, block_at)
                .unwrap_or_else(|| Piece::lost(cell.left, "its sector bitmap is missing")),
            NOT_PRESENT => below(self.parent.as_deref(), files, at, cell.left),
            // Undefined, zero, unmapped: nothing that the machine would have read there is left.
            _ => Piece::zero(cell.left),
        }
    }
}
