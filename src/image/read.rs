//! Reading a disk through its container, and what of it nobody could read.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use super::extent::Pieces;
use super::mapping::{Piece, Place};
use super::ranges::Ranges;
use super::{Cache, Format, Image, Map};
use crate::unit::ImageOffset;

/// Why some of the bytes asked for are zeros instead of what the disk holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path:?}: the byte at {at} of the disk could not be read: {why}")]
pub struct ReadError {
    /// The image.
    pub path: PathBuf,
    /// The first position of the disk that could not be read.
    pub at: ImageOffset,
    /// What stands in the way.
    pub why: &'static str,
}

impl Image {
    /// What lies at `at`, which must be below [`len`](Self::len): cut to the disk and to the file.
    pub(super) fn piece_at(&self, at: u64) -> Piece {
        let left = self.len().saturating_sub(at).max(1);
        let piece = self.opened.mapping.piece_at(&self.files, at).cut(left);
        let len = piece.len.max(1);
        let beyond = Piece::lost(len, "the container ends before it");
        match piece.place {
            Place::File { file, at } => match self.files.len(file).checked_sub(at) {
                Some(stored) if stored > 0 => piece.cut(stored),
                _ => beyond,
            },
            Place::Block(block) if block.at >= self.files.len(block.file) => beyond,
            _ => Piece { len, ..piece },
        }
    }

    /// Where a range of the disk lies, if it lies in one file as it is and in one piece.
    #[must_use]
    pub fn mapped(&self, range: Range<u64>) -> Option<(Arc<Map>, Range<usize>)> {
        let mut next = range.start;
        let mut found: Option<(usize, u64)> = None;
        while next < range.end && next < self.len() {
            let piece = self.piece_at(next);
            let Place::File { file, at } = piece.place else {
                return None;
            };
            match found {
                None => found = Some((file, at)),
                Some((known, start)) => {
                    let expected = start.saturating_add(next.saturating_sub(range.start));
                    if known != file || expected != at {
                        return None;
                    }
                }
            }
            next = next.saturating_add(piece.len);
        }
        let (file, at) = found.filter(|_| next >= range.end)?;
        let len = usize::try_from(range.end.saturating_sub(range.start)).ok()?;
        let start = usize::try_from(at).ok()?;
        let map = &self.files.get(file)?.map;
        Some((Arc::clone(map), start..start.checked_add(len)?))
    }

    /// Reads the bytes of the disk at `at`. For one read; see [`read_with`](Self::read_with) for
    /// many.
    ///
    /// # Errors
    /// As [`read_with`](Self::read_with).
    pub fn read_at(&self, at: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.read_with(&mut Cache::default(), at, buf)
    }

    /// Reads the bytes of the disk at `at`, keeping the block decoded last in `cache`.
    ///
    /// # Errors
    /// If some of the bytes cannot be read, or lie beyond the end of the disk. They are zeros in
    /// `buf` then, and all others are there.
    pub fn read_with(&self, cache: &mut Cache, at: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let mut failure = None;
        let mut next = at;
        let mut rest = buf;
        while !rest.is_empty() {
            let wanted = u64::try_from(rest.len()).unwrap_or(u64::MAX);
            let piece = match next < self.len() {
                true => self.piece_at(next).cut(wanted),
                false => Piece::lost(wanted, "the disk ends before it"),
            };
            let len = usize::try_from(piece.len).unwrap_or(rest.len());
            let (here, after) = std::mem::take(&mut rest).split_at_mut(len.min(wanted_len(wanted)));
            let why = self.fill(cache, next, piece, here);
            if let (Some(why), None) = (why, &failure) {
                failure = Some(ReadError {
                    path: self.path().to_owned(),
                    at: ImageOffset(next),
                    why,
                });
            }
            next = next.saturating_add(piece.len);
            rest = after;
        }
        failure.map_or(Ok(()), Err)
    }

    /// Fills `buf` with a piece, or with zeros, saying why.
    fn fill(
        &self,
        cache: &mut Cache,
        at: u64,
        piece: Piece,
        buf: &mut [u8],
    ) -> Option<&'static str> {
        let range = at..at.saturating_add(piece.len);
        match piece.place {
            Place::Zero => {
                buf.fill(0);
                None
            }
            Place::Lost(why) => {
                buf.fill(0);
                Some(why)
            }
            Place::File { file, at } => {
                let bytes = self.files.slice(file, at, piece.len);
                copy(bytes, buf);
                let stored = at..at.saturating_add(piece.len);
                let failed = self.files.get(file)?.lost(stored);
                failed.then_some("its sector cannot be read")
            }
            Place::Block(block) => match cache.decode(self.id, &self.files, &block) {
                Some(bytes) if bytes.len() >= buf.len() => {
                    copy(bytes, buf);
                    None
                }
                _ => {
                    buf.fill(0);
                    let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
                    lost.add(range);
                    Some("its compressed block is damaged")
                }
            },
        }
    }

    /// The ranges of the disk that could not be read, merged and in ascending order: sectors that
    /// failed under the map or lie beyond the present end of their file, compressed blocks that
    /// could not be decoded so far, and whatever the container promises but does not hold.
    #[must_use]
    pub fn unreadable(&self) -> Vec<Range<u64>> {
        if self.format() == Format::Raw {
            return self.map().unreadable();
        }
        let failed = self.failed();
        let lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ranges = lost.clone();
        drop(lost);
        for (at, piece) in Pieces::new(self) {
            let end = at.saturating_add(piece.len);
            match piece.place {
                Place::Zero => {}
                Place::Lost(_) => ranges.add(at..end),
                Place::File { file, at: stored } => {
                    let Some(failed) = failed.get(file).filter(|failed| !failed.is_empty()) else {
                        continue;
                    };
                    for part in failed.within(stored..stored.saturating_add(piece.len)) {
                        let start = at.saturating_add(part.start.saturating_sub(stored));
                        let len = part.end.saturating_sub(part.start);
                        ranges.add(start..start.saturating_add(len));
                    }
                }
                Place::Block(block) => {
                    let stored = block.at..block.at.saturating_add(block.stored);
                    let failed = failed.get(block.file);
                    if failed.is_some_and(|failed| failed.within(stored).next().is_some()) {
                        ranges.add(at..end);
                    }
                }
            }
        }
        ranges.into_vec()
    }

    /// Sentences on what the container holds beside the disk and what is not read: the snapshots of
    /// a qcow2 image.
    #[must_use]
    pub fn unread(&self) -> &[String] {
        &self.opened.unread
    }

    /// A sentence if the container's own structures could not be read: what they describe may have
    /// been taken for a hole. `None` if all was read. Asked at the end of a scan.
    #[must_use]
    pub fn damaged(&self) -> Option<String> {
        let faults = self.files.iter().any(|file| file.map.faults() > 0);
        if self.format() == Format::Raw || !faults {
            return None;
        }
        let failed = self.failed();
        let mut named = vec![Ranges::default(); failed.len()];
        for (_, piece) in Pieces::new(self) {
            let (file, stored) = match piece.place {
                Place::File { file, at } => (file, at..at.saturating_add(piece.len)),
                Place::Block(block) => {
                    (block.file, block.at..block.at.saturating_add(block.stored))
                }
                Place::Zero | Place::Lost(_) => continue,
            };
            if let (Some(failed), Some(named)) = (failed.get(file), named.get_mut(file)) {
                failed.within(stored).for_each(|range| named.add(range));
            }
        }
        let unnamed = failed
            .iter()
            .zip(&named)
            .map(|(failed, named)| failed.total().saturating_sub(named.total()));
        let unnamed = unnamed.fold(0_u64, u64::saturating_add);
        (unnamed > 0).then(|| {
            format!(
                "{:?}: {unnamed:#x} bytes that could not be read hold no sector of the disk; if \
                 they held tables of the container, what those describe was not searched",
                self.path()
            )
        })
    }

    /// For each file, what of it could not be read.
    fn failed(&self) -> Vec<Ranges> {
        let files = self.files.iter();
        files
            .map(|file| file.map.unreadable().into_iter().collect())
            .collect()
    }
}

fn wanted_len(wanted: u64) -> usize {
    usize::try_from(wanted).unwrap_or(usize::MAX)
}

/// Copies as much as there is and fills the rest with zeros.
fn copy(bytes: &[u8], buf: &mut [u8]) {
    let len = bytes.len().min(buf.len());
    let (here, rest) = buf.split_at_mut(len);
    here.copy_from_slice(bytes.get(..len).unwrap_or_default());
    rest.fill(0);
}
