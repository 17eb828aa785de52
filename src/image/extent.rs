//! Which stretches of a sparse file were ever written.
//!
//! A terabyte image often holds a hundred gigabytes; the rest are holes, which read as zeros and
//! hold no secret. The file system knows them (`lseek` with `SEEK_DATA` and `SEEK_HOLE`, added to
//! POSIX in its 2024 edition), so they are skipped without being read.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::fs::File;
use std::sync::Arc;

use super::Map;
use crate::unit::ImageOffset;

/// A stretch of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Its first byte.
    pub start: ImageOffset,
    /// Its length in bytes, never zero.
    pub len: u64,
    /// Whether it has to be read.
    pub kind: ExtentKind,
}

/// What an extent holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtentKind {
    /// Bytes that may be anything.
    Data,
    /// Never written: zeros by the file system's word.
    Hole,
}

/// The extents of one image in ascending order; see [`Image::extents`](super::Image::extents).
#[derive(Debug)]
pub struct Extents {
    map: Arc<Map>,
    next: u64,
    len: u64,
}

impl Extents {
    pub(super) fn new(map: Arc<Map>, len: u64) -> Self {
        Self { map, next: 0, len }
    }
}

impl Iterator for Extents {
    type Item = Extent;

    fn next(&mut self) -> Option<Extent> {
        let start = self.next;
        if start >= self.len {
            return None;
        }
        let (end, kind) = match seek(self.map.file(), start, ExtentKind::Data) {
            Found::At(data) if data > start => (data, ExtentKind::Hole),
            Found::At(_) => match seek(self.map.file(), start, ExtentKind::Hole) {
                Found::At(hole) if hole > start => (hole, ExtentKind::Data),
                _ => (self.len, ExtentKind::Data),
            },
            Found::Nothing => (self.len, ExtentKind::Hole),
            Found::Unknown => (self.len, ExtentKind::Data),
        };
        // The file may have grown since it was opened; the image has not.
        let end = end.min(self.len);
        self.next = end;
        Some(Extent {
            start: ImageOffset(start),
            len: end.saturating_sub(start),
            kind,
        })
    }
}

/// The file system's answer.
enum Found {
    /// The next byte of the wanted kind, at or after the position asked about.
    At(u64),
    /// No such byte follows.
    Nothing,
    /// The file system cannot tell, or failed to: read everything.
    Unknown,
}

#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_vendor = "apple"
))]
fn seek(file: &File, start: u64, wanted: ExtentKind) -> Found {
    use rustix::fs::SeekFrom;
    use rustix::io::Errno;

    let from = match wanted {
        ExtentKind::Data => SeekFrom::Data(start),
        ExtentKind::Hole => SeekFrom::Hole(start),
    };
    match rustix::fs::seek(file, from) {
        Ok(at) => Found::At(at),
        // Also the answer where the file now ends before `start`. Calling that a hole would hide
        // bytes that were there, so it counts as data and is found unreadable.
        Err(Errno::NXIO) if super::source::end_of(file).is_ok_and(|end| end > start) => {
            Found::Nothing
        }
        Err(_) => Found::Unknown,
    }
}

#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_vendor = "apple"
)))]
fn seek(_: &File, _: u64, _: ExtentKind) -> Found {
    Found::Unknown
}
