//! A file's streams, put together from all its records.

use std::collections::HashSet;
use std::sync::Arc;

use super::Ntfs;
use super::boot::Boot;
use super::extent::{self, Extent};
use super::record::{Attribute, Body, Record, Reference};
use crate::volume::field::{le_u16, le_u32, text_utf16, u8_at};
use crate::volume::{Disk, NodeId, ReadAt};

pub(super) const STANDARD_INFORMATION: u32 = 0x10;
pub(super) const ATTRIBUTE_LIST: u32 = 0x20;
pub(super) const FILE_NAME: u32 = 0x30;
pub(super) const DATA: u32 = 0x80;
const INDEX_ALLOCATION: u32 = 0xa0;
pub(super) const REPARSE_POINT: u32 = 0xc0;
/// Types of attributes by their number divided by 16, as the system file `$AttrDef` names them.
const KINDS: [&str; 17] = [
    "",
    "$STANDARD_INFORMATION",
    "$ATTRIBUTE_LIST",
    "$FILE_NAME",
    "$OBJECT_ID",
    "$SECURITY_DESCRIPTOR",
    "$VOLUME_NAME",
    "$VOLUME_INFORMATION",
    "$DATA",
    "$INDEX_ROOT",
    "$INDEX_ALLOCATION",
    "$BITMAP",
    "$REPARSE_POINT",
    "$EA_INFORMATION",
    "$EA",
    "$PROPERTY_SET",
    "$LOGGED_UTILITY_STREAM",
];
/// Those whose resident values hold what a program put there.
const WRITTEN: [u32; 5] = [DATA, REPARSE_POINT, 0xe0, 0xf0, 0x100];
/// Longest list of attributes that is read; Windows allows 256 KiB.
const LONGEST_LIST: u64 = 1 << 20;

const COMPRESSED: u16 = 0x00ff;
const ENCRYPTED: u16 = 0x4000;
/// Widest compression unit, as an exponent of two, and the only one in use.
const WIDEST_UNIT: u16 = 4;

/// A file and its streams.
#[derive(Debug)]
pub(super) struct File {
    pub(super) node: NodeId,
    pub(super) deleted: bool,
    pub(super) is_directory: bool,
    /// In the order of type and name.
    pub(super) streams: Vec<Stream>,
    /// Other records that were put to use.
    pub(super) extensions: Vec<u64>,
    /// Every record and map was whole.
    pub(super) sound: bool,
}

/// One stream of a file.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) kind: u32,
    /// In UTF-16.
    name: Vec<u8>,
    flags: u16,
    /// Clusters that are compressed together; none if they are not.
    pub(super) unit: Option<u64>,
    /// Bytes that are the stream's, and of those, bytes that were ever written; not known if the
    /// part of its map that says so is missing.
    pub(super) size: Option<u64>,
    initialized: u64,
    pub(super) content: Content,
}

/// Where a stream's bytes are.
#[derive(Debug)]
pub(super) enum Content {
    /// In a record.
    Resident {
        record: u64,
        within: usize,
        value: Vec<u8>,
    },
    /// In clusters.
    Extents(Vec<Extent>),
}

impl Stream {
    /// How many bytes from its beginning on are worth reading.
    pub(super) fn valid(&self) -> u64 {
        self.size
            .map_or(u64::MAX, |size| size.min(self.initialized))
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.flags & ENCRYPTED != 0
    }

    /// Whether it holds the content of a file that Windows compressed in a way of its own.
    pub(super) fn is_overlay(&self) -> bool {
        self.kind == DATA && text_utf16(&self.name) == "WofCompressedData"
    }

    /// As it is appended to the path of its file.
    fn shown(&self) -> String {
        let name = text_utf16(&self.name);
        if self.kind == DATA {
            return name;
        }
        let index = usize::try_from(self.kind >> 4).ok();
        let kind = index.and_then(|index| KINDS.get(index));
        match kind.filter(|_| self.kind & 15 == 0) {
            Some(kind) => format!("{name}:{kind}"),
            None => format!("{name}:{:#x}", self.kind),
        }
    }
}

impl File {
    /// What is a file's content: the one without a name, or a directory's entries.
    fn is_main(&self, stream: &Stream) -> bool {
        if self.is_directory {
            stream.kind == INDEX_ALLOCATION && text_utf16(&stream.name) == "$I30"
        } else {
            stream.kind == DATA && stream.name.is_empty()
        }
    }

    pub(super) fn main(&self) -> Option<&Stream> {
        self.streams.iter().find(|stream| self.is_main(stream))
    }

    /// The streams with their numbers.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (u32, &Stream)> {
        (1..).zip(&self.streams).map(|(number, stream)| {
            let number = if self.is_main(stream) { 0 } else { number };
            (number, stream)
        })
    }

    pub(super) fn stream_name(&self, number: u32) -> Option<String> {
        let mut streams = self.numbered();
        let found = streams.find(|(own, _)| *own == number);
        found.map(|(_, stream)| stream.shown())
    }

    /// Takes in the attributes of one record.
    fn add(&mut self, record: &Record, clusters: u64) {
        let (attributes, complete) = record.attributes();
        self.sound &= complete && record.whole;
        for attribute in attributes {
            let content = match &attribute.body {
                Body::Resident { within, value } if WRITTEN.contains(&attribute.kind) => {
                    Content::Resident {
                        record: record.number,
                        within: *within,
                        value: value.to_vec(),
                    }
                }
                Body::Resident { .. } => continue,
                Body::Runs(runs) => {
                    let (extents, complete) =
                        extent::decode(runs.map, runs.first, runs.last, clusters);
                    self.sound &= complete;
                    Content::Extents(extents)
                }
            };
            self.streams.push(Stream::new(&attribute, content));
        }
    }

    /// Joins the parts of each stream.
    fn join(&mut self) {
        let key = |stream: &Stream| (stream.kind, stream.name.clone(), stream.first());
        self.streams.sort_by_cached_key(key);
        let mut streams: Vec<Stream> = Vec::new();
        for mut stream in std::mem::take(&mut self.streams) {
            let same = streams
                .last_mut()
                .filter(|last| last.kind == stream.kind && last.name == stream.name);
            let Some(last) = same else {
                streams.push(stream);
                continue;
            };
            match (&mut last.content, &mut stream.content) {
                (Content::Extents(extents), Content::Extents(more))
                    if extents.last().map_or(0, Extent::end) <= stream_first(more) =>
                {
                    extents.append(more);
                }
                // One of them is wrong; the first is more likely to be right.
                _ => self.sound = false,
            }
        }
        self.streams = streams;
    }
}

fn stream_first(extents: &[Extent]) -> u64 {
    extents.first().map_or(0, |extent| extent.file)
}

impl Stream {
    fn new(attribute: &Attribute<'_>, content: Content) -> Self {
        let (unit, size, initialized) = match (&attribute.body, &content) {
            (Body::Runs(runs), _) => {
                let compressed = attribute.flags & COMPRESSED != 0;
                let unit = Some(runs.unit).filter(|unit| (1..=WIDEST_UNIT).contains(unit));
                let unit = unit.filter(|_| compressed);
                let unit = unit.and_then(|unit| 1_u64.checked_shl(u32::from(unit)));
                (
                    unit,
                    (runs.first == 0).then_some(runs.size),
                    runs.initialized,
                )
            }
            (Body::Resident { value, .. }, _) => {
                let len = u64::try_from(value.len()).unwrap_or(0);
                (None, Some(len), len)
            }
        };
        Self {
            kind: attribute.kind,
            name: attribute.name.to_vec(),
            flags: attribute.flags,
            unit,
            size,
            initialized,
            content,
        }
    }

    /// First cluster that its map names.
    fn first(&self) -> u64 {
        match &self.content {
            Content::Resident { .. } => 0,
            Content::Extents(extents) => stream_first(extents),
        }
    }
}

/// What a sweep may still spend on lists of attributes, in entries. A record extends one file, so a
/// sweep that comes by far more entries than there are records goes in circles.
pub(super) struct Budget(u64);

impl Budget {
    pub(super) fn of(records: u64) -> Self {
        Self(records.saturating_mul(2).saturating_add(4096))
    }

    fn take(&mut self, count: u64) {
        self.0 = self.0.saturating_sub(count);
    }
}

/// The records that a list of attributes names, with the type of what they hold.
pub(super) fn listed(
    list: &Attribute<'_>,
    volume: &Disk,
    boot: &Boot,
    budget: &mut Budget,
) -> Vec<(u64, u32)> {
    if budget.0 == 0 {
        return Vec::new();
    }
    let bytes = match &list.body {
        Body::Resident { value, .. } => value.to_vec(),
        Body::Runs(runs) => {
            let (extents, _) = extent::decode(runs.map, runs.first, runs.last, boot.clusters);
            let content = extent::content(volume, &extents, boot.cluster_size);
            content
                .and_then(|content| {
                    let len = runs.size.min(LONGEST_LIST).min(content.len());
                    content.read_vec(0, usize::try_from(len).ok()?).ok()
                })
                .unwrap_or_default()
        }
    };
    // By length, because damaged entries cost their reading too.
    budget.take(
        u64::try_from(bytes.len() / 32)
            .unwrap_or(0)
            .saturating_add(1),
    );
    let mut records = Vec::new();
    let mut rest = bytes.as_slice();
    while let Some((record, kind, after)) = entry(rest) {
        records.push((record, kind));
        rest = after;
    }
    records
}

/// The first entry of a list, and what follows it.
fn entry(list: &[u8]) -> Option<(u64, u32, &[u8])> {
    let len = usize::from(le_u16(list, 4)?);
    // A name, whose length is noted too, may follow the fixed fields.
    let name = usize::from(u8_at(list, 6)?).checked_mul(2)?;
    if len < name.checked_add(26)? {
        return None;
    }
    let reference = Reference::parse(list, 16)?;
    Some((reference.record, le_u32(list, 0)?, list.get(len..)?))
}

impl Ntfs {
    /// The file that a base record stands for. Records that it lists but that do not name it as
    /// their base are left out.
    pub(super) fn file(&self, base: &Record, budget: &mut Budget) -> File {
        let mut file = File {
            node: NodeId(base.number),
            deleted: base.deleted,
            is_directory: base.is_directory,
            streams: Vec::new(),
            extensions: Vec::new(),
            sound: true,
        };
        file.add(base, self.boot.clusters);
        let (attributes, _) = base.attributes();
        let list = attributes
            .iter()
            .find(|attribute| attribute.kind == ATTRIBUTE_LIST);
        if let Some(list) = list {
            let volume: Disk = Arc::new(self.part.clone());
            let mut seen = HashSet::from([base.number]);
            for (number, _) in listed(list, &volume, &self.boot, budget) {
                if !seen.insert(number) {
                    continue;
                }
                let record = self.mft.record(number);
                let own = |record: &Record| {
                    record.deleted == base.deleted && record.base.is_some_and(|own| base.is(own))
                };
                match record.filter(own) {
                    Some(record) => {
                        file.add(&record, self.boot.clusters);
                        file.extensions.push(number);
                    }
                    None => file.sound = false,
                }
            }
        }
        file.join();
        file
    }

    /// What records without a base that knows them still say of it.
    fn orphans(&self, base: Reference, records: &[Record]) -> File {
        let deleted = records.iter().all(|record| record.deleted);
        let mut file = File {
            node: NodeId(base.record),
            deleted,
            is_directory: false,
            streams: Vec::new(),
            extensions: Vec::new(),
            // A live file would know them.
            sound: deleted,
        };
        for record in records {
            file.add(record, self.boot.clusters);
        }
        file.join();
        file
    }

    /// Visits every file that is or was there, in the order of their records.
    pub(super) fn files(&self, visit: &mut dyn FnMut(&Record, &File)) {
        let mut used: HashSet<u64> = HashSet::new();
        let mut extensions = Vec::new();
        let mut budget = Budget::of(self.mft.count);
        self.mft.sweep(&self.warnings, &mut |record| {
            if let Some(base) = record.base {
                if !used.contains(&record.number) {
                    extensions.push((base.record, base.sequence, record.number));
                }
                return;
            }
            let file = self.file(&record, &mut budget);
            used.extend(&file.extensions);
            visit(&record, &file);
        });
        extensions.retain(|(.., number)| !used.contains(number));
        extensions.sort_unstable();
        for group in extensions.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let records = group
                .iter()
                .filter_map(|(.., number)| self.mft.record(*number));
            let records: Vec<_> = records.collect();
            if let (Some((record, sequence, _)), Some(first)) = (group.first(), records.first()) {
                let base = Reference {
                    record: *record,
                    sequence: *sequence,
                };
                visit(first, &self.orphans(base, &records));
            }
        }
    }
}
