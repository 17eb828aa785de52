//! Random access to the bytes a guest saw.
//!
//! Structures are copied out before they are looked at: the bytes under a map may change between
//! two looks, and a container will have no bytes to point at until it has decoded them.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::image::{Cache, Image, Map};

/// Bytes that can be read at any place: a disk, a partition, a logical volume.
pub trait ReadAt: fmt::Debug + Send + Sync {
    /// Length in bytes.
    fn len(&self) -> u64;

    /// Whether there are no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `buf` with the bytes from `at` on.
    ///
    /// # Errors
    /// If not all of them exist or could be read; what `buf` holds then is of no use.
    fn read_at(&self, at: u64, buf: &mut [u8]) -> Result<(), ReadFault>;

    /// The `len` bytes from `at` on. The length is checked before memory is taken for it.
    ///
    /// # Errors
    /// As [`read_at`](Self::read_at).
    fn read_vec(&self, at: u64, len: usize) -> Result<Vec<u8>, ReadFault> {
        let end = u64::try_from(len).ok().and_then(|len| at.checked_add(len));
        if end.is_none_or(|end| end > self.len()) {
            return Err(ReadFault::Beyond {
                at,
                len,
                end: self.len(),
            });
        }
        let mut buf = vec![0; len];
        self.read_at(at, &mut buf)?;
        Ok(buf)
    }
}

/// A disk as everything here holds it.
pub type Disk = Arc<dyn ReadAt>;

/// Why bytes could not be had. Positions are relative to what was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadFault {
    /// They lie past the end: a truncated image, or a structure that points nowhere.
    #[error("{len:#x} bytes at {at:#x} reach beyond the end at {end:#x}")]
    Beyond {
        /// First byte asked for.
        at: u64,
        /// Number of bytes asked for.
        len: usize,
        /// Where the bytes end.
        end: u64,
    },
    /// The medium failed there.
    #[error("{len:#x} bytes at {at:#x} could not be read")]
    Unreadable {
        /// First byte asked for.
        at: u64,
        /// Number of bytes asked for.
        len: usize,
    },
}

impl ReadAt for [u8] {
    fn len(&self) -> u64 {
        u64::try_from(<[u8]>::len(self)).unwrap_or(u64::MAX)
    }

    fn read_at(&self, at: u64, buf: &mut [u8]) -> Result<(), ReadFault> {
        let len = buf.len();
        let from = usize::try_from(at).ok().and_then(|at| self.get(at..));
        let from = from.and_then(|from| from.get(..len));
        let end = ReadAt::len(self);
        buf.copy_from_slice(from.ok_or(ReadFault::Beyond { at, len, end })?);
        Ok(())
    }
}

impl ReadAt for Vec<u8> {
    fn len(&self) -> u64 {
        ReadAt::len(self.as_slice())
    }

    fn read_at(&self, at: u64, buf: &mut [u8]) -> Result<(), ReadFault> {
        self.as_slice().read_at(at, buf)
    }
}

impl ReadAt for Map {
    fn len(&self) -> u64 {
        ReadAt::len(self.bytes())
    }

    fn read_at(&self, at: u64, buf: &mut [u8]) -> Result<(), ReadFault> {
        let before = self.faults();
        self.bytes().read_at(at, buf)?;
        // Zeros in place of bytes that failed must not pass for an empty structure. Another thread
        // may have met the fault elsewhere, so where it was is asked too.
        if self.faults() != before {
            let len = buf.len();
            let end = at.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
            let meets = |bad: &Range<u64>| bad.start < end && at < bad.end;
            if self.unreadable().iter().any(meets) {
                return Err(ReadFault::Unreadable { at, len });
            }
        }
        Ok(())
    }
}

impl ReadAt for Image {
    fn len(&self) -> u64 {
        Image::len(self)
    }

    fn read_at(&self, at: u64, buf: &mut [u8]) -> Result<(), ReadFault> {
        read_image(self, &mut Cache::default(), at, buf)
    }
}

/// An image that is read at many places: blocks of a compressed container that were decoded are
/// kept for the next read.
pub struct Guest {
    image: Arc<Image>,
    cache: Mutex<Cache>,
}

impl Guest {
    /// The disk in an image.
    #[must_use]
    pub fn new(image: Arc<Image>) -> Self {
        Self {
            image,
            cache: Mutex::new(Cache::default()),
        }
    }
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.image.fmt(f)
    }
}

impl ReadAt for Guest {
    fn len(&self) -> u64 {
        self.image.len()
    }

    fn read_at(&self, at: u64, buf: &mut [u8]) -> Result<(), ReadFault> {
        // A cache whose last user panicked holds whole blocks all the same.
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        read_image(&self.image, &mut cache, at, buf)
    }
}

fn read_image(image: &Image, cache: &mut Cache, at: u64, buf: &mut [u8]) -> Result<(), ReadFault> {
    let (len, end) = (buf.len(), image.len());
    let last = u64::try_from(len).ok().and_then(|len| at.checked_add(len));
    if last.is_none_or(|last| last > end) {
        return Err(ReadFault::Beyond { at, len, end });
    }
    // Zeros in place of bytes that failed must not pass for an empty structure.
    let fault = |_| ReadFault::Unreadable { at, len };
    image.read_with(cache, at, buf).map_err(fault)
}

/// Ranges of a disk strung together: a partition is one, a logical volume may be several.
#[derive(Clone, Debug)]
pub struct Part {
    disk: Disk,
    pieces: Vec<Piece>,
    /// The same in the order of the disk.
    by_disk: Vec<Piece>,
    len: u64,
}

/// A range of the disk and where it begins in the part.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    start: u64,
    disk: Range<u64>,
}

impl Piece {
    fn end(&self) -> u64 {
        self.start.saturating_add(span(&self.disk))
    }
}

fn span(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}

impl Part {
    /// All of a disk.
    #[must_use]
    pub fn whole(disk: Disk) -> Self {
        let range = 0..disk.len();
        Self::new(disk, std::iter::once(range))
    }

    /// These ranges of a disk, in this order. Empty ones are left out; one that reaches beyond the
    /// disk keeps its length, and reading there fails.
    #[must_use]
    pub fn new(disk: Disk, ranges: impl IntoIterator<Item = Range<u64>>) -> Self {
        let mut part = Self {
            disk,
            pieces: Vec::new(),
            by_disk: Vec::new(),
            len: 0,
        };
        for range in ranges.into_iter().filter(|range| range.start < range.end) {
            let start = part.len;
            // The sum must stay representable; a disk of 2^64 bytes does not exist.
            let Some(len) = start.checked_add(span(&range)) else {
                break;
            };
            part.len = len;
            part.pieces.push(Piece { start, disk: range });
        }
        part.by_disk = part.pieces.clone();
        part.by_disk.sort_by_key(|piece| piece.disk.start);
        part
    }

    /// The disk it is a part of.
    #[must_use]
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Its ranges of the disk, in the part's order.
    pub fn ranges(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.pieces.iter().map(|piece| piece.disk.clone())
    }

    /// Where on the disk a byte of the part lies.
    #[must_use]
    pub fn to_disk(&self, at: u64) -> Option<u64> {
        let piece = self.pieces.get(self.piece_of(at)?)?;
        at.checked_sub(piece.start)?.checked_add(piece.disk.start)
    }

    /// Where in the part a byte of the disk lies, if it belongs to the part. Pieces of a sound part
    /// do not overlap.
    #[must_use]
    pub fn from_disk(&self, at: u64) -> Option<u64> {
        let after = self.by_disk.partition_point(|piece| piece.disk.start <= at);
        let piece = self.by_disk.get(after.checked_sub(1)?)?;
        let piece = Some(piece).filter(|piece| piece.disk.contains(&at))?;
        at.checked_sub(piece.disk.start)?.checked_add(piece.start)
    }

    /// The ranges of the disk under a range of the part, cut to what the part has.
    #[must_use]
    pub fn disk_ranges(&self, range: Range<u64>) -> Vec<Range<u64>> {
        let mut found = Vec::new();
        let first = self.piece_of(range.start).unwrap_or(self.pieces.len());
        for piece in self.pieces.get(first..).unwrap_or(&[]) {
            if piece.start >= range.end {
                break;
            }
            let from = range.start.max(piece.start).saturating_sub(piece.start);
            let to = range.end.min(piece.end()).saturating_sub(piece.start);
            let base = piece.disk.start;
            found.push(base.saturating_add(from)..base.saturating_add(to));
        }
        found
    }

    fn piece_of(&self, at: u64) -> Option<usize> {
        if at >= self.len {
            return None;
        }
        let after = self.pieces.partition_point(|piece| piece.start <= at);
        after.checked_sub(1)
    }
}

impl ReadAt for Part {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, at: u64, buf: &mut [u8]) -> Result<(), ReadFault> {
        let len = buf.len();
        let beyond = ReadFault::Beyond {
            at,
            len,
            end: self.len,
        };
        let wanted = u64::try_from(len).map_err(|_| beyond)?;
        let end = at.checked_add(wanted).ok_or(beyond)?;
        if end > self.len {
            return Err(beyond);
        }
        let mut rest = buf;
        for range in self.disk_ranges(at..end) {
            let take = usize::try_from(span(&range)).map_err(|_| beyond)?;
            let (piece, after) = rest.split_at_mut_checked(take).ok_or(beyond)?;
            // The fault is told in the part's own positions.
            self.disk
                .read_at(range.start, piece)
                .map_err(|fault| match fault {
                    ReadFault::Unreadable { .. } => ReadFault::Unreadable { at, len },
                    ReadFault::Beyond { end, .. } => ReadFault::Beyond {
                        at,
                        len,
                        end: self
                            .from_disk(end.saturating_sub(1))
                            .map_or(0, |last| last.saturating_add(1)),
                    },
                })?;
            rest = after;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk() -> Disk {
        Arc::new((0..=255).collect::<Vec<u8>>())
    }

    #[test]
    fn a_part_in_pieces_reads_as_one() {
        let part = Part::new(disk(), [200..210, 7..7, 10..20]);
        assert_eq!(part.len(), 20);
        assert_eq!(part.read_vec(8, 4).unwrap(), [208, 209, 10, 11]);
        assert_eq!(part.to_disk(9), Some(209));
        assert_eq!(part.to_disk(10), Some(10));
        assert_eq!(part.to_disk(20), None);
        assert_eq!(part.from_disk(19), Some(19));
        assert_eq!(part.from_disk(20), None);
        assert_eq!(part.disk_ranges(5..12), [205..210, 10..12]);
        assert_eq!(part.disk_ranges(25..30), []);
    }

    #[test]
    fn a_part_beyond_the_disk_fails_only_there() {
        let part = Part::new(disk(), std::iter::once(250..300));
        assert_eq!(part.read_vec(0, 6).unwrap().len(), 6);
        let fault = part.read_vec(5, 2).unwrap_err();
        let end = 6;
        assert_eq!(fault, ReadFault::Beyond { at: 5, len: 2, end });
        assert!(part.read_vec(49, 2).is_err());
        assert!(part.read_vec(u64::MAX, 2).is_err());
    }
}
