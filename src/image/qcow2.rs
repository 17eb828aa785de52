//! qcow2, versions 2 and 3: two levels of tables lead to clusters, which may be compressed, lie in
//! another file, or be left to a backing image.
//!
//! Written after QEMU's `docs/interop/qcow2.rst`.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::ImageError;
use super::block::{Block, Codec};
use super::field::Region;
use super::files::Files;
use super::format::{self, Format, Opened};
use super::mapping::{Cell, Mapping, Piece, Place, below};

/// Longest name of a backing file (section "Header").
const MAX_NAME: u32 = 1023;
/// Most header extensions read; there are five kinds.
const MAX_EXTENSIONS: usize = 64;
/// Most entries of the first table, as QEMU has it: 32 MiB.
const MAX_L1: u32 = (32 << 20) / 8;
/// Most entries of the first table that are passed over at once.
const MAX_STEP: u64 = 4096;

/// The bits of an entry that hold a position.
const POSITION: u64 = 0x00ff_ffff_ffff_fe00;
const COMPRESSED: u64 = 1 << 62;
const COPIED: u64 = 1 << 63;
const ZERO: u64 = 1;

/// Incompatible features (section "Header", byte 72).
const DIRTY: u64 = 1;
const CORRUPT: u64 = 1 << 1;
const EXTERNAL_DATA: u64 = 1 << 2;
const COMPRESSION_TYPE: u64 = 1 << 3;
const EXTENDED_L2: u64 = 1 << 4;
const KNOWN: u64 = DIRTY | CORRUPT | EXTERNAL_DATA | COMPRESSION_TYPE | EXTENDED_L2;

/// Header extensions.
const BACKING_FORMAT: u32 = 0xe279_2aca;
const DATA_FILE: u32 = 0x4441_5441;

#[derive(Debug)]
struct Qcow2 {
    /// The file with the tables and the compressed clusters.
    file: usize,
    /// The file with the other clusters.
    data: usize,
    len: u64,
    cluster_bits: u32,
    version: u32,
    extended: bool,
    codec: Codec,
    l1_at: u64,
    l1_entries: u64,
    backing: Option<Box<dyn Mapping>>,
}

pub(super) fn open(files: &mut Files, file: usize, depth: u32) -> Result<Opened, ImageError> {
    let short = Region::read(files, file, 0, 72, "qcow2 header")?;
    let version = short.be32(4);
    let header = match version {
        2 => short,
        3 => Region::read(files, file, 0, 104, "qcow2 header")?,
        _ => {
            return Err(
                short.unsupported(format!("it is qcow2 version {version}, expected 2 or 3"))
            );
        }
    };
    let features = if version == 2 { 0 } else { header.be64(72) };
    if features & !KNOWN != 0 {
        let unknown = features & !KNOWN;
        return Err(header.unsupported(format!("it has unknown qcow2 features ({unknown:#x})")));
    }
    match header.be32(32) {
        0 => {}
        1 => return Err(header.unsupported("its content is encrypted (AES)")),
        2 => return Err(header.unsupported("its content is encrypted (LUKS)")),
        other => {
            return Err(header.corrupt(32, format!("encryption method {other}, expected 0 to 2")));
        }
    }
    let extended = features & EXTENDED_L2 != 0;
    let cluster_bits = header.be32(20);
    let least = if extended { 14 } else { 9 };
    if !(least..=21).contains(&cluster_bits) {
        return Err(header.corrupt(
            20,
            format!("clusters of 2^{cluster_bits} bytes, expected 2^{least} to 2^21"),
        ));
    }
    let l1_entries = header.be32(36);
    if l1_entries > MAX_L1 {
        return Err(header.corrupt(
            36,
            format!("{l1_entries} entries in the first table, expected at most {MAX_L1}"),
        ));
    }
    let (codec, method) = match compression_type(files, file, features) {
        0 => (Codec::Deflate, "zlib"),
        1 => (Codec::Zstd, "zstd"),
        other => return Err(header.unsupported(format!("its compression type is {other}"))),
    };
    let extensions = Extensions::read(files, file, &header, version, cluster_bits)?;
    let data = match (features & EXTERNAL_DATA != 0, &extensions.data_file) {
        (false, _) => file,
        (true, Some(name)) => {
            let path = files.named_in(file, name, "data file")?;
            files.open(&path, "data file")?
        }
        (true, None) => {
            return Err(header.corrupt(72, "the clusters lie in a data file that is not named"));
        }
    };
    let backing = backing_name(files, file, &header)?;
    let below = match &backing {
        None => None,
        Some(name) => {
            let format =
                (extensions.backing_format.as_deref() == Some("raw")).then_some(Format::Raw);
            Some(format::open_named(files, file, name, format, depth)?)
        }
    };
    let (mut warnings, mut unread) = (Vec::new(), Vec::new());
    if features & DIRTY != 0 {
        warnings.push("the image was not closed cleanly".to_owned());
    }
    if features & CORRUPT != 0 {
        warnings.push("QEMU marked the image as corrupt".to_owned());
    }
    let len = header.be64(24);
    let mut opened = Opened::new(
        Format::Qcow2,
        Qcow2 {
            file,
            data,
            len,
            cluster_bits,
            version,
            extended,
            codec,
            l1_at: header.be64(40),
            l1_entries: l1_entries.into(),
            backing: below.map(|below| {
                warnings.extend(below.warnings);
                unread.extend(below.unread);
                below.mapping
            }),
        },
    );
    opened.warnings = warnings;
    opened.unread = unread;
    let snapshots = header.be32(60);
    if snapshots > 0 {
        opened.unread.push(format!(
            "{:?} holds {snapshots} internal snapshots; what only they hold was not read, copy \
             each out with qemu-img convert -l",
            files.path(file)
        ));
    }
    opened.fact("version", version);
    opened.fact("cluster", format!("2^{cluster_bits} bytes"));
    opened.fact("compression", method);
    opened.fact("extended L2 entries", if extended { "yes" } else { "no" });
    if let Some(name) = backing {
        opened.fact("backing file", format!("{name:?}"));
    }
    Ok(opened)
}

fn compression_type(files: &Files, file: usize, features: u64) -> u8 {
    let field = files
        .array(file, 104)
        .filter(|_| features & COMPRESSION_TYPE != 0);
    field.map_or(0, |[method]: [u8; 1]| method)
}

/// What the header extensions say.
#[derive(Default)]
struct Extensions {
    backing_format: Option<String>,
    data_file: Option<String>,
}

impl Extensions {
    fn read(
        files: &Files,
        file: usize,
        header: &Region,
        version: u32,
        cluster_bits: u32,
    ) -> Result<Self, ImageError> {
        let mut found = Self::default();
        let mut at = if version == 2 {
            72
        } else {
            u64::from(header.be32(100))
        };
        let end = 1_u64.checked_shl(cluster_bits).unwrap_or(0);
        for _ in 0..MAX_EXTENSIONS {
            if at.saturating_add(8) > end {
                break;
            }
            let head = Region::read(files, file, at, 8, "header extension")?;
            let (kind, len) = (head.be32(0), u64::from(head.be32(4)));
            if kind == 0 {
                break;
            }
            let start = at.saturating_add(8);
            if len > end.saturating_sub(start) {
                return Err(head.corrupt(
                    4,
                    format!("a header extension of {len:#x} bytes, which does not fit its cluster"),
                ));
            }
            if kind == BACKING_FORMAT || kind == DATA_FILE {
                let text = Region::read(files, file, start, len, "header extension")?;
                let text = String::from_utf8_lossy(text.bytes()).into_owned();
                match kind {
                    BACKING_FORMAT => found.backing_format = Some(text),
                    _ => found.data_file = Some(text),
                }
            }
            at = start.saturating_add(len.next_multiple_of(8));
        }
        Ok(found)
    }
}

fn backing_name(files: &Files, file: usize, header: &Region) -> Result<Option<String>, ImageError> {
    let (at, len) = (header.be64(8), header.be32(16));
    if at == 0 || len == 0 {
        return Ok(None);
    }
    if len > MAX_NAME {
        return Err(header.corrupt(
            16,
            format!("a backing file name of {len} bytes, expected at most {MAX_NAME}"),
        ));
    }
    let name = Region::read(files, file, at, len.into(), "name of the backing file")?;
    let text = String::from_utf8_lossy(name.bytes()).into_owned();
    if text.starts_with("json:") || text.contains("://") {
        return Err(header.unsupported(format!(
            "its backing file is {text:?}, which is not the name of a file"
        )));
    }
    Ok(Some(text.strip_prefix("file:").unwrap_or(&text).to_owned()))
}

impl Qcow2 {
    /// What the image below has, for a stretch this one says nothing of.
    fn unallocated(&self, files: &Files, at: u64, len: u64) -> Piece {
        below(self.backing.as_deref(), files, at, len)
    }

    fn word(&self, files: &Files, at: u64) -> Option<u64> {
        files.array(self.file, at).map(u64::from_be_bytes)
    }

    fn l1(&self, files: &Files, index: u64) -> Option<u64> {
        let entry = self.word(files, self.l1_at.checked_add(index.checked_mul(8)?)?)?;
        Some(entry & POSITION)
    }

    /// Part of a cluster, by its entry in the second table.
    fn cluster(&self, files: &Files, at: u64, cell: Cell, entry: u64, bitmap: u64) -> Piece {
        if entry & COMPRESSED != 0 {
            return self.compressed(cell, entry);
        }
        let position = entry & POSITION;
        // In a data file of its own, position 0 is as good as any other.
        let present = position != 0 || (self.data != self.file && entry & COPIED != 0);
        let place = |len| Piece::file(len, self.data, position.saturating_add(cell.skip));
        if self.extended {
            // 32 subclusters, each with a bit for "allocated" and one for "reads as zeros".
            let sub = Cell::of(
                cell.skip,
                1_u64.checked_shl(self.cluster_bits).unwrap_or(0) / 32,
            );
            let bits = bitmap
                .checked_shr(u32::try_from(sub.index).unwrap_or(0))
                .unwrap_or(0);
            return match (bits & (1 << 32) != 0, bits & 1 != 0 && present) {
                (true, _) => Piece::zero(sub.left),
                (false, true) => place(sub.left),
                (false, false) => self.unallocated(files, at, sub.left),
            };
        }
        if self.version >= 3 && entry & ZERO != 0 {
            return Piece::zero(cell.left);
        }
        match present {
            true => place(cell.left),
            false => self.unallocated(files, at, cell.left),
        }
    }

    fn compressed(&self, cell: Cell, entry: u64) -> Piece {
        let (position_bits, sector_bits) = (
            70_u32.saturating_sub(self.cluster_bits),
            self.cluster_bits.saturating_sub(8),
        );
        let ones = |bits: u32| 1_u64.checked_shl(bits).unwrap_or(0).saturating_sub(1);
        let position = entry & ones(position_bits);
        let sectors = entry.checked_shr(position_bits).unwrap_or(0) & ones(sector_bits);
        let stored = sectors
            .saturating_add(1)
            .saturating_mul(512)
            .saturating_sub(position & 511);
        Piece {
            len: cell.left,
            place: Place::Block(Block {
                file: self.file,
                at: position,
                stored,
                codec: self.codec,
                len: 1_u32.checked_shl(self.cluster_bits).unwrap_or(0),
                skip: cell.skip,
            }),
        }
    }
}

impl Mapping for Qcow2 {
    fn len(&self) -> u64 {
        self.len
    }

    fn piece_at(&self, files: &Files, at: u64) -> Piece {
        let cluster = 1_u64.checked_shl(self.cluster_bits).unwrap_or(1);
        let (entry_len, entries) = match self.extended {
            true => (16, cluster / 16),
            false => (8, cluster / 8),
        };
        let table_span = cluster.saturating_mul(entries);
        let table = Cell::of(at, table_span);
        if table.index >= self.l1_entries {
            return Piece::lost(u64::MAX, "the first table of the container ends before it");
        }
        let Some(l2_at) = self.l1(files, table.index) else {
            return Piece::lost(table.left, "the container ends within its first table");
        };
        if l2_at == 0 {
            let mut len = table.left;
            for step in 1..MAX_STEP {
                let index = table.index.saturating_add(step);
                if index >= self.l1_entries || self.l1(files, index) != Some(0) {
                    break;
                }
                len = len.saturating_add(table_span);
            }
            return self.unallocated(files, at, len);
        }
        let cell = Cell::of(table.skip, cluster);
        let entry_at = l2_at.saturating_add(cell.index.saturating_mul(entry_len));
        let bitmap = match self.extended {
            true => self.word(files, entry_at.saturating_add(8)),
            false => Some(0),
        };
        match (self.word(files, entry_at), bitmap) {
            (Some(entry), Some(bitmap)) => self.cluster(files, at, cell, entry, bitmap),
            _ => {
                let why = "the container ends before its second table";
                files.lost(self.file, entry_at, [cell.left, table.left], why)
            }
        }
    }
}
