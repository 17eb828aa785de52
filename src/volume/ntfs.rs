//! NTFS.
//!
//! Everything is a file with a record in the master file table, and a deleted file's record keeps
//! its names and its map until it is used again. So one sweep over the table sees every file there
//! is and many that there were. Facts are from the Linux kernel's `fs/ntfs3/ntfs.h`, which describes
//! the format in its comments, and, for the compression, from Microsoft's specification.

mod boot;
mod claim;
mod decode;
mod extent;
mod lznt1;
mod mft;
mod name;
mod record;
mod stream;
mod unit;

use std::collections::HashSet;
use std::sync::OnceLock;

use super::field::{le_u16, le_u32, le_u64, text_utf16};
use super::file_system::NodeKind;
use super::{
    Claim, Encoded, FileSystem, Name, Node, NodeId, Part, Run, RunKind, VolumeError, Warnings,
};
use boot::Boot;
use claim::{Structures, VOLUME, is_structure};
use mft::Mft;
use record::Record;
use stream::{ATTRIBUTE_LIST, Budget, Content, File, REPARSE_POINT, STANDARD_INFORMATION, Stream};
use unit::{Segment, segments};

const VOLUME_NAME: u32 = 0x60;
const VOLUME_INFORMATION: u32 = 0x70;
/// Flag of a volume that was not unmounted.
const DIRTY: u16 = 1;
/// Tags of reparse points that are links: to a directory's volume, and to any path.
const LINKS: [u32; 2] = [0xa000_0003, 0xa000_000c];
/// Seconds between 1601 and 1970, where the two ways of telling time begin.
const EPOCH: i64 = 11_644_473_600;

/// An NTFS file system.
#[derive(Debug)]
pub struct Ntfs {
    part: Part,
    boot: Boot,
    mft: Mft,
    label: String,
    warnings: Warnings,
    /// Read when first asked for.
    structures: OnceLock<Structures>,
}

impl Ntfs {
    /// Opens the file system that a volume begins with; `None` if it is not one of these.
    pub fn open(part: &Part) -> Option<Result<Self, VolumeError>> {
        let boot = Boot::read(part)?;
        Some(boot.and_then(|boot| Self::with(part, boot, Warnings::default())))
    }

    /// Opens a file system whose beginning is lost by the copy of its boot sector.
    pub fn open_copy(part: &Part) -> Option<Result<Self, VolumeError>> {
        let (boot, at) = Boot::copy(part)?;
        let warnings = Warnings::default();
        warnings.add(format!(
            "the NTFS boot sector at 0x0 is lost; its copy at {at:#x} was used instead"
        ));
        Some(Self::with(part, boot, warnings))
    }

    fn with(part: &Part, boot: Boot, warnings: Warnings) -> Result<Self, VolumeError> {
        let mft = Mft::open(part, &boot, &warnings)?;
        let mut ntfs = Self {
            part: part.clone(),
            boot,
            mft,
            label: String::new(),
            warnings,
            structures: OnceLock::new(),
        };
        ntfs.label = ntfs.volume().unwrap_or_default();
        Ok(ntfs)
    }

    /// What the volume's own record says; its label.
    fn volume(&self) -> Option<String> {
        let record = self.mft.record(VOLUME)?;
        let (attributes, _) = record.attributes();
        let value = |kind| {
            let mut all = attributes.iter();
            all.find(|attribute| attribute.kind == kind)?.value()
        };
        let flags = value(VOLUME_INFORMATION).and_then(|value| le_u16(value, 10));
        if flags.is_some_and(|flags| flags & DIRTY != 0) {
            self.warnings.add(
                "the file system was not unmounted: its newest changes may be only in its journal, \
                 which is searched but not replayed",
            );
        }
        value(VOLUME_NAME).map(text_utf16)
    }

    fn runs_of(&self, file: &File, budget: &mut u64, visit: &mut dyn FnMut(&Run)) {
        for (number, stream) in file.numbered() {
            if number == 0 && is_structure(file.node.0) {
                continue;
            }
            let run = Run {
                node: file.node,
                stream: number,
                file_offset: 0,
                start: 0,
                len: 0,
                valid: 0,
                kind: RunKind::Resident,
                deleted: file.deleted,
            };
            match &stream.content {
                Content::Resident {
                    record,
                    within,
                    value,
                } => {
                    let mut file_offset = 0_u64;
                    for place in self.mft.places(*record, *within, value.len()) {
                        let len = place.end.saturating_sub(place.start);
                        visit(&Run {
                            file_offset,
                            start: place.start,
                            len,
                            valid: len,
                            ..run
                        });
                        file_offset = file_offset.saturating_add(len);
                    }
                }
                Content::Extents(extents) => {
                    for segment in segments(extents, stream.unit) {
                        let Some(rest) = budget.checked_sub(1) else {
                            return;
                        };
                        *budget = rest;
                        self.segment(&segment, stream, run, visit);
                    }
                }
            }
        }
    }

    fn segment(&self, segment: &Segment, stream: &Stream, run: Run, visit: &mut dyn FnMut(&Run)) {
        let size = self.boot.cluster_size;
        let mut give = |file: u64, disk: u64, count: u64, kind| {
            let file_offset = file.saturating_mul(size);
            let len = count.saturating_mul(size);
            let left = stream.valid().saturating_sub(file_offset);
            let valid = match kind {
                // How long its encoded bytes are is seen only when they are decoded.
                RunKind::Encoded { .. } if left > 0 => len,
                _ => left.min(len),
            };
            visit(&Run {
                file_offset,
                start: disk.saturating_mul(size),
                len,
                valid,
                kind,
                ..run
            });
        };
        match segment {
            Segment::Plain(file, disk, count) if stream.kind == ATTRIBUTE_LIST => {
                give(*file, *disk, *count, RunKind::Map);
            }
            Segment::Plain(file, disk, count) => give(*file, *disk, *count, RunKind::Plain),
            Segment::Packed(file, places) => {
                let kind = RunKind::Encoded {
                    skip: 0,
                    len: stream.unit.unwrap_or(0).saturating_mul(size),
                };
                for (disk, count) in places {
                    give(*file, *disk, *count, kind);
                }
            }
        }
    }

    /// Counts what a sweep comes by, to say so once.
    fn note(record: &Record, file: &File, counts: &mut Counts) {
        if file.deleted {
            return;
        }
        if !file.sound {
            counts.unsound = counts.unsound.saturating_add(1);
            counts.first.get_or_insert(record.number);
        }
        let has = |what: fn(&Stream) -> bool| u64::from(file.streams.iter().any(what));
        counts.encrypted = counts.encrypted.saturating_add(has(Stream::is_encrypted));
        counts.overlay = counts.overlay.saturating_add(has(Stream::is_overlay));
    }

    fn tell(&self, counts: &Counts) {
        if let Some(number) = counts.first {
            let at = self.mft.places(number, 0, 1);
            self.warnings.add(format!(
                "{} records of the master file table are damaged, the first is record {number} at \
                 {:#x}",
                counts.unsound,
                at.first().map_or(0, |place| place.start)
            ));
        }
        if counts.encrypted > 0 {
            self.warnings.add(format!(
                "{} files are encrypted: their content cannot be searched",
                counts.encrypted
            ));
        }
        if counts.overlay > 0 {
            self.warnings.add(format!(
                "{} files are compressed by the system (WofCompressedData), which keydredge does \
                 not decode: their content cannot be searched",
                counts.overlay
            ));
        }
    }
}

/// What a sweep counts.
#[derive(Default)]
struct Counts {
    unsound: u64,
    first: Option<u64>,
    encrypted: u64,
    overlay: u64,
}

impl FileSystem for Ntfs {
    fn name(&self) -> &'static str {
        "ntfs"
    }

    fn label(&self) -> Option<&str> {
        Some(self.label.as_str()).filter(|label| !label.is_empty())
    }

    fn block_size(&self) -> u64 {
        self.boot.cluster_size
    }

    fn end(&self) -> Option<u64> {
        Some(self.boot.end)
    }

    fn runs(&self, visit: &mut dyn FnMut(&Run)) {
        // Live files have at most as many runs as there are clusters; deleted ones have a share of
        // their own.
        let share = self.boot.clusters.saturating_mul(2).saturating_add(4096);
        let (mut live, mut deleted) = (share, share);
        let mut counts = Counts::default();
        self.files(&mut |record, file| {
            Self::note(record, file, &mut counts);
            let budget = if file.deleted {
                &mut deleted
            } else {
                &mut live
            };
            self.runs_of(file, budget, visit);
        });
        if live == 0 {
            self.warnings.add(
                "files claim more clusters than the file system has: not all of them were followed",
            );
        }
        self.tell(&counts);
    }

    fn names(&self, wanted: &HashSet<NodeId>) -> Vec<Name> {
        self.names_of(wanted)
    }

    fn node(&self, id: NodeId) -> Option<Node> {
        let record = self.mft.record(id.0)?;
        if record.base.is_some() {
            return None;
        }
        let file = self.file(&record, &mut Budget::of(self.mft.count));
        let (attributes, _) = record.attributes();
        let times = attributes
            .iter()
            .find(|attribute| attribute.kind == STANDARD_INFORMATION);
        let times = times.and_then(|attribute| attribute.value());
        Some(Node {
            size: file.main().and_then(|stream| stream.size).unwrap_or(0),
            kind: kind(&file),
            owner: None,
            mode: None,
            modified: times.and_then(|value| time(le_u64(value, 8)?)),
            deleted: record.deleted,
        })
    }

    fn stream_name(&self, node: NodeId, stream: u32) -> Option<String> {
        if stream == 0 {
            return None;
        }
        let record = self.mft.record(node.0)?;
        let file = self.file(&record, &mut Budget::of(self.mft.count));
        // A stream that only a record says it has of which the file knows nothing.
        Some(file.stream_name(stream).unwrap_or_else(|| "?".to_owned()))
    }

    fn claim(&self, at: u64) -> Claim {
        self.claim_of(at)
    }

    fn encoded(&self, visit: &mut dyn FnMut(&Encoded)) {
        let mut budget = decode::Budget::of(self.boot.clusters);
        self.files(&mut |_, file| self.decode(file, &mut budget, visit));
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings.list()
    }
}

fn kind(file: &File) -> NodeKind {
    let tag = file
        .streams
        .iter()
        .find_map(|stream| match &stream.content {
            Content::Resident { value, .. } if stream.kind == REPARSE_POINT => le_u32(value, 0),
            _ => None,
        });
    match tag {
        Some(tag) if LINKS.contains(&tag) => NodeKind::Link,
        _ if file.is_directory => NodeKind::Directory,
        _ => NodeKind::File,
    }
}

/// Seconds since 1970 and nanoseconds, of tenths of microseconds since 1601.
fn time(ticks: u64) -> Option<(i64, u32)> {
    const SECOND: u64 = 10_000_000;
    let seconds = i64::try_from(ticks / SECOND).ok()?.checked_sub(EPOCH)?;
    let rest = u32::try_from(ticks % SECOND).ok()?.checked_mul(100)?;
    Some((seconds, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_counted_from_1970() {
        assert_eq!(time(116_444_736_000_000_000), Some((0, 0)));
        assert_eq!(time(116_444_736_000_000_001), Some((0, 100)));
        assert_eq!(time(0), Some((-EPOCH, 0)));
        assert!(time(u64::MAX).is_some());
    }
}
