//! Compressed content, decoded.
//!
//! What snapshots and clones share is decoded once: its place leads to all that own it. But where a
//! file goes on with something else than the file it was cloned from, that join is new, and what
//! lies around it is decoded again.

use std::collections::VecDeque;

use super::Btrfs;
use super::codec::{Codec, Decoded};
use super::extent::{Extent, LONGEST, Stored};
use super::file::File;
use super::seen::Seen;
use crate::volume::piece::Piece;
use crate::volume::{Encoded, ReadAt};

/// Most bytes that are handed out at once, more or less.
const FULL: usize = 1 << 20;
/// How far what is handed out reaches into what was handed out before, and into what is stored as
/// it is: no secret is longer.
const REACH: u64 = 64 << 10;
/// Extents that are sure to hold the reach: none is shorter than a sector.
pub(super) const CARRY: usize = 16;

/// What a sweep may still decode, in encoded bytes.
struct Budget {
    live: u64,
    deleted: u64,
}

impl Budget {
    fn take(&mut self, deleted: bool, bytes: u64) -> bool {
        let share = if deleted {
            &mut self.deleted
        } else {
            &mut self.live
        };
        let rest = share.checked_sub(bytes);
        *share = rest.unwrap_or(0);
        rest.is_some()
    }
}

/// A part of an extent, or all of one that is compressed.
#[derive(Clone)]
struct Segment {
    extent: Extent,
    /// Bytes of its file that are left out before this part.
    within: u64,
    len: u64,
}

impl Segment {
    fn start(&self) -> u64 {
        self.extent.file.saturating_add(self.within)
    }

    fn end(&self) -> u64 {
        self.start().saturating_add(self.len)
    }
}

impl Btrfs {
    /// Visits all that is compressed.
    pub(super) fn decode(&self, visit: &mut dyn FnMut(&Encoded)) {
        // A byte has one live owner, but clones and snapshots may have joins of their own.
        let share = self.store.part.len().saturating_mul(4);
        let share = share.saturating_add(64 << 20);
        let mut budget = Budget {
            live: share,
            deleted: share,
        };
        let mut seen = Seen::default();
        self.files(CARRY, &mut |file| {
            let is_encoded = |extent: &Extent| extent.codec != Codec::None;
            if !file.extents.iter().any(is_encoded) {
                return;
            }
            let mut unpacking = Unpacking {
                btrfs: self,
                file,
                open: None,
                is_new: false,
                behind: 0,
                before: VecDeque::new(),
            };
            let mut last: Option<&Extent> = None;
            for extent in &file.extents {
                let joined = last.filter(|last| last.end() == extent.file);
                let is_new = unpacking.is_new_content(extent, joined, &mut seen);
                if !unpacking.push(extent, is_new, &mut budget, visit) {
                    break;
                }
                last = Some(extent);
            }
            unpacking.close(visit);
        });
        if budget.live == 0 {
            self.store.warnings.add(
                "compressed files claim far more bytes than the file system has: not all of them \
                 were decoded",
            );
        }
    }
}

/// Puts a file together. Neighbouring extents share a piece, so that a secret that crosses from one
/// into the next is whole in it, and so does what is stored as it is beside them.
struct Unpacking<'a> {
    btrfs: &'a Btrfs,
    file: &'a File,
    open: Option<Piece>,
    /// The open piece holds something that was not visited yet.
    is_new: bool,
    /// Bytes in it that follow the last of what is new.
    behind: u64,
    /// What lies before the next extent and is not in the open piece: decoded only if needed.
    before: VecDeque<Segment>,
}

impl Unpacking<'_> {
    /// Whether an extent is compressed and was not come by after the same other one.
    fn is_new_content(&self, extent: &Extent, last: Option<&Extent>, seen: &mut Seen) -> bool {
        match &extent.stored {
            _ if extent.codec == Codec::None => false,
            _ if extent.codec == Codec::Unknown => {
                self.btrfs.store.warnings.add(
                    "some files are encrypted or encoded in a way that is not known here: their \
                     content cannot be searched",
                );
                false
            }
            Stored::Inline { places, .. } => seen.is_new(places),
            Stored::Blocks { .. } => {
                let last = last.map(Extent::base);
                seen.is_new(&(extent.base(), extent.len, last))
            }
        }
    }

    /// False if there is no more to be spent.
    fn push(
        &mut self,
        extent: &Extent,
        is_new: bool,
        budget: &mut Budget,
        visit: &mut dyn FnMut(&Encoded),
    ) -> bool {
        let end = match (&self.open, self.before.back()) {
            (Some(open), _) => Some(open.end()),
            (None, before) => before.map(Segment::end),
        };
        let unwritten = matches!(
            extent.stored,
            Stored::Blocks {
                unwritten: true,
                ..
            }
        );
        if end != Some(extent.file) || unwritten {
            self.close(visit);
        }
        let len = self.file.valid(extent.file, extent.len);
        if len == 0 || unwritten || extent.codec == Codec::Unknown {
            return true;
        }
        let segment = Segment {
            extent: extent.clone(),
            within: 0,
            len,
        };
        if is_new {
            for segment in std::mem::take(&mut self.before) {
                if self.open.is_none() && !self.add(&segment, budget) {
                    return false;
                }
                if self.open.is_some() && !self.follows(&segment, budget) {
                    return false;
                }
            }
            self.is_new = true;
            self.behind = 0;
            if !self.follows(&segment, budget) {
                return false;
            }
            let full = |open: &Piece| open.bytes.len() >= FULL;
            if self.open.as_ref().is_some_and(full) {
                self.visit(visit);
                self.open = self.open.take().map(|open| open.tail(REACH));
            }
            self.before.clear();
            // If nothing goes on, the next extent may need this one.
            if self.open.is_none() {
                self.before.push_back(segment);
            }
            return true;
        }
        self.old(segment, budget, visit)
    }

    /// What was visited before, or is stored as it is, matters only beside what is new.
    fn old(
        &mut self,
        segment: Segment,
        budget: &mut Budget,
        visit: &mut dyn FnMut(&Encoded),
    ) -> bool {
        let is_plain = segment.extent.codec == Codec::None;
        if self.open.is_some() {
            let mut head = segment.clone();
            if is_plain {
                head.len = head.len.min(REACH);
            }
            self.behind = self.behind.saturating_add(head.len);
            if !self.follows(&head, budget) {
                return false;
            }
            if self.behind >= REACH || head.len < segment.len {
                self.visit(visit);
                self.open = None;
            }
        }
        let mut tail = segment;
        if is_plain && tail.len > REACH {
            tail.within = tail.within.saturating_add(tail.len.saturating_sub(REACH));
            tail.len = REACH;
            self.before.clear();
        }
        self.before.push_back(tail);
        let mut held: u64 = self.before.iter().map(|segment| segment.len).sum();
        while let Some(first) = self.before.front()
            && held.saturating_sub(first.len) >= REACH
        {
            held = held.saturating_sub(first.len);
            self.before.pop_front();
        }
        true
    }

    /// Adds a segment to the open piece, if that does not hold it yet.
    fn follows(&mut self, segment: &Segment, budget: &mut Budget) -> bool {
        let end = self.open.as_ref().map(Piece::end);
        match end {
            Some(end) if end >= segment.end() => true,
            Some(end) if end != segment.start() => true,
            _ => self.add(segment, budget),
        }
    }

    fn add(&mut self, segment: &Segment, budget: &mut Budget) -> bool {
        let extent = &segment.extent;
        let cost = match (&extent.stored, extent.codec) {
            (Stored::Inline { bytes, .. }, _) => u64::try_from(bytes.len()).unwrap_or(0),
            (_, Codec::None) => segment.len,
            (Stored::Blocks { stored, .. }, _) => *stored,
        };
        if !budget.take(self.file.deleted, cost) {
            return false;
        }
        if extent.codec == Codec::None {
            self.copy(segment);
        } else {
            self.unpack(segment);
        }
        true
    }

    fn piece(&mut self, segment: &Segment) -> &mut Piece {
        let codec = segment.extent.codec.name();
        let File { node, deleted, .. } = *self.file;
        let new = || Piece::new(node, 0, deleted, segment.start(), codec);
        let piece = self.open.get_or_insert_with(new);
        if segment.extent.codec != Codec::None {
            piece.codec = codec;
        }
        piece
    }

    /// What is stored as it is.
    fn copy(&mut self, segment: &Segment) {
        let (places, within) = match &segment.extent.stored {
            Stored::Inline { places, .. } => (places.clone(), segment.within),
            Stored::Blocks { logical, skip, .. } => {
                let first = logical.saturating_add(*skip).saturating_add(segment.within);
                let places = self.btrfs.store.chunks.places(first, segment.len);
                (places.unwrap_or_default(), 0)
            }
        };
        let Ok(len) = usize::try_from(segment.len) else {
            return;
        };
        let read = |place: &u64| {
            let at = place.checked_add(within)?;
            Some((at, self.btrfs.store.part.read_vec(at, len).ok()?))
        };
        if let Some((at, bytes)) = places.iter().find_map(read) {
            let volume = at..at.saturating_add(segment.len);
            self.piece(segment).add_moved(&bytes, volume);
        }
    }

    fn unpack(&mut self, segment: &Segment) {
        let extent = &segment.extent;
        let (skip, len) = match extent.stored {
            Stored::Inline { .. } => (0, segment.len),
            Stored::Blocks { skip, .. } => (skip, segment.len),
        };
        // Parsed extents stand for no more than that.
        let wanted = skip.saturating_add(len).min(LONGEST);
        let Some((place, decoded)) = self.decoded(extent, wanted) else {
            return;
        };
        if !decoded.sound && !self.file.deleted {
            self.btrfs.store.warnings.add(format!(
                "file {} is damaged: what is compressed ({}) at {place:#x} cannot be decoded in \
                 full",
                self.file.node,
                extent.codec.name()
            ));
        }
        let (Ok(skip), Ok(wanted)) = (usize::try_from(skip), usize::try_from(wanted)) else {
            return;
        };
        let piece = self.piece(segment);
        let mut added = false;
        for (to, from) in decoded.parts {
            let before = u64::try_from(skip.saturating_sub(to.start)).unwrap_or(0);
            let to = to.start.max(skip)..to.end.min(wanted);
            let offset = |at: usize| place.checked_add(u64::try_from(at).ok()?);
            let volume = offset(from.start).zip(offset(from.end));
            if let Some((start, end)) = volume
                && let Some(bytes) = decoded.bytes.get(to).filter(|bytes| !bytes.is_empty())
            {
                piece.add_decoded(bytes, start..end, before);
                added = true;
            }
        }
        // What an extent leaves out at its end is zeros.
        let end = segment.end();
        let zeros = usize::try_from(end.saturating_sub(piece.end())).unwrap_or(0);
        if decoded.sound
            && let Some(last) = piece
                .stretches
                .last_mut()
                .filter(|_| zeros > 0 && (added || wanted > decoded.bytes.len()))
        {
            let full = piece.bytes.len().saturating_add(zeros);
            piece.bytes.resize(full, 0);
            last.decoded.end = u64::try_from(full).unwrap_or(0);
        }
        if piece.bytes.is_empty() {
            self.open = None;
        }
    }

    /// The content of the first copy that decodes in full, else of the one that gave most, and
    /// where the copy lies.
    fn decoded(&self, extent: &Extent, limit: u64) -> Option<(u64, Decoded)> {
        let store = &self.btrfs.store;
        let limit = usize::try_from(limit).ok()?;
        let sector = usize::try_from(store.fs.sector).ok()?;
        let decode = |bytes: &[u8]| extent.codec.decode(bytes, limit, sector);
        let (logical, stored) = match &extent.stored {
            Stored::Inline { places, bytes } => {
                return Some((*places.first()?, decode(bytes)));
            }
            Stored::Blocks {
                logical, stored, ..
            } => (*logical, *stored),
        };
        let len = usize::try_from(stored).ok()?;
        let mut best: Option<(u64, Decoded)> = None;
        for place in store.chunks.places(logical, stored)? {
            let Ok(bytes) = store.part.read_vec(place, len) else {
                continue;
            };
            let decoded = decode(&bytes);
            if decoded.sound {
                return Some((place, decoded));
            }
            let longer = |(_, best): &(u64, Decoded)| decoded.bytes.len() > best.bytes.len();
            if best.as_ref().is_none_or(longer) {
                best = Some((place, decoded));
            }
        }
        best
    }

    fn visit(&mut self, visit: &mut dyn FnMut(&Encoded)) {
        if let Some(open) = self.open.as_ref().filter(|_| self.is_new) {
            visit(&open.encoded());
        }
        self.is_new = false;
        self.behind = 0;
    }

    fn close(&mut self, visit: &mut dyn FnMut(&Encoded)) {
        self.visit(visit);
        self.open = None;
        self.before.clear();
    }
}
