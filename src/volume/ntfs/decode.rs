//! Content that does not lie on the volume as it is: compressed units, and values in records where
//! two bytes of every sector are kept elsewhere.

use std::ops::Range;

use super::Ntfs;
use super::lznt1;
use super::record::STRIDE;
use super::stream::{Content, File, Stream};
use super::unit::{Segment, segments};
use crate::volume::piece::Piece;
use crate::volume::{Encoded, ReadAt, Stretch};

/// Most bytes that are handed out at once.
const LONGEST: usize = 1 << 20;
/// How far what is handed out reaches into what was handed out before, and into what is stored as
/// it is: no secret is longer.
const REACH: u64 = 64 << 10;

/// What a sweep may still decode, in clusters. A cluster belongs to one live file.
pub(super) struct Budget {
    live: u64,
    deleted: u64,
}

impl Budget {
    pub(super) fn of(clusters: u64) -> Self {
        let share = clusters.saturating_mul(2).saturating_add(4096);
        Self {
            live: share,
            deleted: share,
        }
    }

    fn take(&mut self, deleted: bool, count: u64) -> bool {
        let share = if deleted {
            &mut self.deleted
        } else {
            &mut self.live
        };
        let rest = share.checked_sub(count);
        *share = rest.unwrap_or(0);
        rest.is_some()
    }
}

impl Ntfs {
    /// Visits what is encoded in a file, decoded.
    pub(super) fn decode(&self, file: &File, budget: &mut Budget, visit: &mut dyn FnMut(&Encoded)) {
        for (number, stream) in file.numbered() {
            match &stream.content {
                Content::Resident {
                    record,
                    within,
                    value,
                } if crosses(*within, value.len()) => {
                    let mut piece = Piece::new(file.node, number, file.deleted, 0, "fixup");
                    let mut done = 0_u64;
                    for volume in self.mft.places(*record, *within, value.len()) {
                        let end = done.saturating_add(span(&volume));
                        piece.stretches.push(Stretch {
                            decoded: done..end,
                            volume,
                            skip: 0,
                        });
                        done = end;
                    }
                    piece.bytes.clone_from(value);
                    visit(&piece.encoded());
                }
                Content::Extents(extents) if stream.unit.is_some() => {
                    let segments = segments(extents, stream.unit);
                    let mut unpacking = Unpacking {
                        ntfs: self,
                        file,
                        number,
                        stream,
                        open: None,
                        is_new: false,
                    };
                    for segment in segments {
                        if !unpacking.push(&segment, budget, visit) {
                            break;
                        }
                    }
                    unpacking.flush(visit);
                }
                _ => {}
            }
        }
    }
}

/// Whether a value has any of the last two bytes of a sector of its record.
fn crosses(within: usize, len: usize) -> bool {
    (within..within.saturating_add(len)).any(|at| at % STRIDE >= STRIDE - 2)
}

fn span(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}

/// Puts a compressed stream together. Neighbouring units share a piece, so that a secret that
/// crosses from one into the next is whole in it, and so does what is stored as it is beside them.
struct Unpacking<'a> {
    ntfs: &'a Ntfs,
    file: &'a File,
    number: u32,
    stream: &'a Stream,
    open: Option<Piece>,
    /// The open piece holds something that a raw scan does not see and that was not visited yet.
    is_new: bool,
}

impl Unpacking<'_> {
    /// False if there is no more to be spent.
    fn push(
        &mut self,
        segment: &Segment,
        budget: &mut Budget,
        visit: &mut dyn FnMut(&Encoded),
    ) -> bool {
        let size = self.ntfs.boot.cluster_size;
        let (file, packed) = match segment {
            Segment::Plain(file, ..) => (file, None),
            Segment::Packed(file, places) => (file, Some(places)),
        };
        let offset = file.saturating_mul(size);
        if self.open.as_ref().is_some_and(|open| open.end() != offset) {
            self.flush(visit);
        }
        if offset >= self.stream.valid() {
            return true;
        }
        let spent = match (segment, packed) {
            (_, Some(places)) => places
                .iter()
                .fold(0, |sum: u64, (_, count)| sum.saturating_add(*count)),
            (Segment::Plain(.., count), _) => self.reach().saturating_mul(2).min(*count),
            _ => 0,
        };
        if !budget.take(self.file.deleted, spent) {
            return false;
        }
        match (segment, packed) {
            (_, Some(places)) => self.unpack(offset, places),
            (Segment::Plain(_, disk, count), _) => self.plain(offset, *disk, *count, visit),
            _ => {}
        }
        let full = self
            .open
            .as_ref()
            .is_some_and(|open| open.bytes.len() >= LONGEST);
        if full {
            self.visit(visit);
            self.open = self.open.take().map(|open| open.tail(REACH));
        }
        true
    }

    fn unit(&self) -> u64 {
        self.stream.unit.unwrap_or(1)
    }

    /// Clusters that hold the reach.
    fn reach(&self) -> u64 {
        REACH.div_ceil(self.ntfs.boot.cluster_size.max(1))
    }

    /// What is stored as it is matters only beside what is not, before it and behind.
    fn plain(&mut self, offset: u64, disk: u64, count: u64, visit: &mut dyn FnMut(&Encoded)) {
        let reach = self.reach();
        if count <= reach.saturating_mul(2) {
            self.copy(offset, disk, count);
            return;
        }
        if self.is_new {
            self.copy(offset, disk, reach);
            self.flush(visit);
        }
        let skip = count.saturating_sub(reach);
        let bytes = skip.saturating_mul(self.ntfs.boot.cluster_size);
        self.open = None;
        self.copy(
            offset.saturating_add(bytes),
            disk.saturating_add(skip),
            reach,
        );
    }

    fn copy(&mut self, offset: u64, disk: u64, count: u64) {
        let size = self.ntfs.boot.cluster_size;
        let start = disk.saturating_mul(size);
        let len = count
            .saturating_mul(size)
            .min(self.stream.valid().saturating_sub(offset));
        let bytes = usize::try_from(len).ok();
        let bytes = bytes.and_then(|len| self.ntfs.part.read_vec(start, len).ok());
        let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else {
            return;
        };
        let piece = self.piece(offset);
        piece.add_moved(&bytes, start..start.saturating_add(len));
    }

    fn unpack(&mut self, offset: u64, places: &[(u64, u64)]) {
        let size = self.ntfs.boot.cluster_size;
        let mut encoded = Vec::new();
        let mut origins = Vec::new();
        for (disk, count) in places {
            let start = disk.saturating_mul(size);
            let len = usize::try_from(count.saturating_mul(size)).ok();
            let bytes = len.map(|len| self.ntfs.part.read_vec(start, len));
            let Some(Ok(bytes)) = bytes else {
                break;
            };
            origins.push((encoded.len(), start));
            encoded.extend(bytes);
        }
        let limit = self.unit().saturating_mul(size);
        let decoded = lznt1::decode(&encoded, usize::try_from(limit).unwrap_or(0));
        if !decoded.sound && !self.file.deleted {
            self.ntfs.warnings.add(format!(
                "record {} is damaged: what is compressed at {:#x} cannot be decoded in full",
                self.file.node,
                origins.first().map_or(0, |(_, start)| *start)
            ));
        }
        // A byte of the encoded unit on the volume.
        let origin = |at: usize| {
            let after = origins.partition_point(|(first, _)| *first <= at);
            let (first, start) = origins.get(after.checked_sub(1)?)?;
            start.checked_add(u64::try_from(at.checked_sub(*first)?).ok()?)
        };
        let left = self.stream.valid().saturating_sub(offset);
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        self.is_new |= !decoded.chunks.is_empty();
        let valid = self.stream.valid();
        let piece = self.piece(offset);
        for (to, from) in decoded.chunks {
            let Some(start) = origin(from.start) else {
                continue;
            };
            let len = u64::try_from(from.len()).unwrap_or(0);
            let already = usize::try_from(piece.end().saturating_sub(offset)).unwrap_or(0);
            let to = already..to.end.min(left);
            if let Some(bytes) = decoded.bytes.get(to).filter(|bytes| !bytes.is_empty()) {
                piece.add_decoded(bytes, start..start.saturating_add(len), 0);
            }
        }
        // What a unit leaves out at its end is zeros.
        let end = offset.saturating_add(limit).min(valid);
        let zeros = usize::try_from(end.saturating_sub(piece.end())).unwrap_or(0);
        if let Some(last) = piece.stretches.last_mut().filter(|_| zeros > 0) {
            piece
                .bytes
                .resize(piece.bytes.len().saturating_add(zeros), 0);
            last.decoded.end = u64::try_from(piece.bytes.len()).unwrap_or(0);
        }
    }

    fn piece(&mut self, offset: u64) -> &mut Piece {
        let file = self.file;
        let new = || Piece::new(file.node, self.number, file.deleted, offset, "lznt1");
        self.open.get_or_insert_with(new)
    }

    fn visit(&mut self, visit: &mut dyn FnMut(&Encoded)) {
        // A damaged unit may give no byte whose place is known.
        let open = self.open.as_ref();
        if let Some(open) = open.filter(|open| self.is_new && !open.stretches.is_empty()) {
            visit(&open.encoded());
        }
        self.is_new = false;
    }

    fn flush(&mut self, visit: &mut dyn FnMut(&Encoded)) {
        self.visit(visit);
        self.open = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_two_bytes_of_a_sector_are_kept_elsewhere() {
        for (within, len, expected) in [
            (400, 110, false),
            (400, 111, true),
            (511, 1, true),
            (512, 510, false),
            (510, 0, false),
        ] {
            assert_eq!(crosses(within, len), expected, "{within}, {len}");
        }
    }
}
