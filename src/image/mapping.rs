//! The guest's disk as a container lays it out: which bytes of which file stand for which bytes of
//! the disk.
//!
//! Nothing is indexed when an image is opened. A mapping answers one question, "what lies at this
//! position of the disk", from the container's own tables, which are mapped like everything else;
//! so a container of a hundred terabytes costs no memory, and a damaged table spoils only what it
//! describes.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::fmt;

use super::block::Block;
use super::files::Files;

/// A container's tables, read on demand.
pub(super) trait Mapping: fmt::Debug + Send + Sync {
    /// Length of the guest's disk in bytes.
    fn len(&self) -> u64;

    /// The stretch of the disk that begins at `at`. It may end before what follows is different,
    /// so that a mapping need not look farther than one table entry, and it may reach beyond the
    /// disk or the file, which the caller cuts.
    fn piece_at(&self, files: &Files, at: u64) -> Piece;
}

/// A stretch of the guest's disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// In bytes, never zero.
    pub(super) len: u64,
    pub(super) place: Place,
}

/// Where the bytes of a piece are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere: they are zeros.
    Zero,
    /// In a file, as they are.
    File {
        /// Which of the image's files.
        file: usize,
        /// Position in that file.
        at: u64,
    },
    /// In a file, compressed.
    Block(Block),
    /// The container promises them, but does not hold them: why.
    Lost(&'static str),
}

impl Piece {
    pub(super) fn zero(len: u64) -> Self {
        Self {
            len,
            place: Place::Zero,
        }
    }

    pub(super) fn file(len: u64, file: usize, at: u64) -> Self {
        Self {
            len,
            place: Place::File { file, at },
        }
    }

    pub(super) fn lost(len: u64, why: &'static str) -> Self {
        Self {
            len,
            place: Place::Lost(why),
        }
    }

    /// At most `len` bytes of it.
    pub(super) fn cut(self, len: u64) -> Self {
        Self {
            len: self.len.min(len),
            ..self
        }
    }
}

/// A position on a grid of equal blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// Number of the block.
    pub(super) index: u64,
    /// Bytes of it before the position.
    pub(super) skip: u64,
    /// Bytes of it from the position on, never zero.
    pub(super) left: u64,
}

impl Cell {
    /// Where `at` lies on a grid of `size`; a size of zero counts as one.
    pub(super) fn of(at: u64, size: u64) -> Self {
        let size = size.max(1);
        let index = at.checked_div(size).unwrap_or(0);
        let skip = at.checked_rem(size).unwrap_or(0);
        Self {
            index,
            skip,
            left: size.saturating_sub(skip),
        }
    }
}

/// What lies at `at` in the image below an overlay: zeros where there is none, or where the overlay
/// is longer.
pub(super) fn below(parent: Option<&dyn Mapping>, files: &Files, at: u64, len: u64) -> Piece {
    match parent {
        Some(parent) if at < parent.len() => {
            let left = parent.len().saturating_sub(at);
            parent.piece_at(files, at).cut(len.min(left))
        }
        _ => Piece::zero(len),
    }
}

/// Parts one after the other: a raw image is one part, a split one several.
#[derive(Debug, Default)]
pub(super) struct Concat {
    parts: Vec<Part>,
    len: u64,
}

#[derive(Debug)]
struct Part {
    start: u64,
    len: u64,
    file: usize,
    at: u64,
}

impl Concat {
    /// Appends `len` bytes of a file, from `at` on; a part without bytes is left out. False if the
    /// disk would be longer than any.
    #[must_use]
    pub(super) fn push(&mut self, len: u64, file: usize, at: u64) -> bool {
        let Some(end) = self.len.checked_add(len) else {
            return false;
        };
        if len > 0 {
            let start = self.len;
            self.parts.push(Part {
                start,
                len,
                file,
                at,
            });
            self.len = end;
        }
        true
    }
}

impl Mapping for Concat {
    fn len(&self) -> u64 {
        self.len
    }

    fn piece_at(&self, _: &Files, at: u64) -> Piece {
        let after = self.parts.partition_point(|part| part.start <= at);
        let Some(part) = after.checked_sub(1).and_then(|last| self.parts.get(last)) else {
            return Piece::zero(1);
        };
        let inside = at.saturating_sub(part.start);
        let left = part.len.saturating_sub(inside).max(1);
        Piece::file(left, part.file, part.at.saturating_add(inside))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_each_other() {
        let files = Files::none();
        let mut disk = Concat::default();
        assert!(disk.push(100, 0, 7));
        assert!(disk.push(0, 1, 0));
        assert!(disk.push(10, 2, 0));
        assert_eq!(disk.len(), 110);
        assert_eq!(disk.piece_at(&files, 0), Piece::file(100, 0, 7));
        assert_eq!(disk.piece_at(&files, 99), Piece::file(1, 0, 106));
        assert_eq!(disk.piece_at(&files, 105), Piece::file(5, 2, 5));
        assert!(!disk.push(u64::MAX, 0, 0));
    }

    #[test]
    fn a_cell_is_never_without_bytes() {
        let cell = Cell::of(130, 64);
        assert_eq!((cell.index, cell.skip, cell.left), (2, 2, 62));
        assert_eq!(Cell::of(5, 0).left, 1);
    }
}
