//! Which stretches of an image hold bytes that were ever written.
//!
//! A terabyte image often holds a hundred gigabytes; the rest are holes, which read as zeros and
//! hold no secret. A container knows its holes from its tables, and the file system those of the
//! container's files, so they are skipped without being read.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::ops::Range;

use super::Image;
use super::mapping::{Piece, Place};
use super::written::written_at;
use crate::unit::ImageOffset;

/// Most pieces of a container that are joined to one extent, so that asking for the next extent is
/// a short step whatever the container.
const MAX_JOINED: usize = 4096;

/// How many times the length of its files an image may hold. Compression explains a factor of a
/// thousand; tables that name the same bytes again and again explain any.
const MAX_EXPANSION: u64 = 1 << 16;

/// A stretch of an image, in the guest's positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Its first byte.
    pub start: ImageOffset,
    /// Its length in bytes, never zero.
    pub len: u64,
    /// Whether it has to be read.
    pub kind: ExtentKind,
    /// Where its bytes are stored.
    pub stored: Stored,
}

/// What an extent holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtentKind {
    /// Bytes that may be anything.
    Data,
    /// Never written: zeros by the word of the container or the file system.
    Hole,
    /// Bytes that the container promises and does not hold: it is damaged or cut short.
    Unreadable,
}

/// Where an extent's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// In a file as they are, one after the other.
    Mapped {
        /// Which of the image's files, by its place in [`Image::files`].
        file: usize,
        /// Position in that file.
        at: u64,
    },
    /// In compressed blocks.
    Compressed,
    /// Nowhere.
    Nowhere,
}

/// How many table entries one byte of a file may stand for: the densest table, that of 32
/// subclusters in 16 bytes, has two.
const ENTRIES_PER_BYTE: u64 = 2;

/// The pieces of an image in ascending order, with their positions. Ends in a lost piece if the
/// tables turn out to be endless.
#[derive(Debug)]
pub(super) struct Pieces<'a> {
    image: &'a Image,
    next: u64,
    /// Bytes that may still follow.
    bytes: u64,
    /// Table entries that may still follow.
    entries: u64,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(image: &'a Image) -> Self {
        let files = image.files.count();
        let stored = (0..files).fold(0_u64, |sum, file| sum.saturating_add(image.files.len(file)));
        Self {
            image,
            next: 0,
            bytes: stored.saturating_mul(MAX_EXPANSION),
            entries: stored.saturating_mul(ENTRIES_PER_BYTE),
        }
    }
}

impl Iterator for Pieces<'_> {
    type Item = (u64, Piece);

    fn next(&mut self) -> Option<(u64, Piece)> {
        let at = self.next;
        let left = self.image.len().checked_sub(at).filter(|left| *left > 0)?;
        let mut piece = self.image.piece_at(at);
        let stored = match piece.place {
            Place::Zero | Place::Lost(_) => 0,
            Place::File { .. } | Place::Block(_) => piece.len,
        };
        match (self.bytes.checked_sub(stored), self.entries.checked_sub(1)) {
            (Some(bytes), Some(entries)) => (self.bytes, self.entries) = (bytes, entries),
            _ => piece = Piece::lost(left, "its tables name the same bytes again and again"),
        }
        self.next = at.saturating_add(piece.len);
        Some((at, piece))
    }
}

/// The extents of one image in ascending order; see [`Image::extents`](super::Image::extents).
#[derive(Debug)]
pub struct Extents<'a> {
    pieces: Pieces<'a>,
    /// What is left of the last piece.
    rest: Option<(u64, Piece)>,
    /// Found already, to be yielded next.
    ahead: Option<Extent>,
    /// For each file, what the file system said last.
    known: Vec<Option<(Range<u64>, bool)>>,
}

impl<'a> Extents<'a> {
    pub(super) fn new(image: &'a Image) -> Self {
        Self {
            pieces: Pieces::new(image),
            rest: None,
            ahead: None,
            known: vec![None; image.files.count()],
        }
    }

    /// The next stretch, no longer than one piece of the container and one of the file.
    fn part(&mut self) -> Option<Extent> {
        let (start, piece) = self.rest.take().or_else(|| self.pieces.next())?;
        let mut len = piece.len;
        let (kind, stored) = match piece.place {
            Place::Zero => (ExtentKind::Hole, Stored::Nowhere),
            Place::Lost(_) => (ExtentKind::Unreadable, Stored::Nowhere),
            Place::Block(_) => (ExtentKind::Data, Stored::Compressed),
            Place::File { file, at } => {
                let (end, written) = self.written(file, at);
                len = len.min(end.saturating_sub(at)).max(1);
                if len < piece.len {
                    let rest = piece.len.saturating_sub(len);
                    let rest = Piece::file(rest, file, at.saturating_add(len));
                    self.rest = Some((start.saturating_add(len), rest));
                }
                match written {
                    true => (ExtentKind::Data, Stored::Mapped { file, at }),
                    false => (ExtentKind::Hole, Stored::Nowhere),
                }
            }
        };
        Some(Extent {
            start: ImageOffset(start),
            len,
            kind,
            stored,
        })
    }

    /// Whether the file was written at `at`, and up to which position that answer holds.
    fn written(&mut self, file: usize, at: u64) -> (u64, bool) {
        if let Some(Some((range, written))) = self.known.get(file)
            && range.contains(&at)
        {
            return (range.end, *written);
        }
        let files = &self.pieces.image.files;
        let Some(member) = files.get(file) else {
            return (u64::MAX, true);
        };
        let (end, written) = written_at(member.map.file(), at, files.len(file));
        if let Some(known) = self.known.get_mut(file) {
            *known = Some((at..end, written));
        }
        (end, written)
    }
}

impl Iterator for Extents<'_> {
    type Item = Extent;

    fn next(&mut self) -> Option<Extent> {
        let mut extent = self.ahead.take().or_else(|| self.part())?;
        for _ in 0..MAX_JOINED {
            let Some(more) = self.part() else {
                break;
            };
            let follows = match (extent.stored, more.stored) {
                (
                    Stored::Mapped { file, at },
                    Stored::Mapped {
                        file: next_file,
                        at: next_at,
                    },
                ) => file == next_file && at.saturating_add(extent.len) == next_at,
                (one, other) => one == other,
            };
            if !follows || extent.kind != more.kind {
                self.ahead = Some(more);
                break;
            }
            extent.len = extent.len.saturating_add(more.len);
        }
        Some(extent)
    }
}
