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
    /// The next byte of the wanted kind, at or after the position asked about, or the end of the
    /// file if none follows.
    At(u64),
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
        // Nothing of the kind follows. Where the file now ends before `start`, that says nothing:
        // calling it a hole would hide bytes that were there, as data they are found unreadable.
        Err(Errno::NXIO) => match super::source::end_of(file) {
            Ok(end) if end > start => Found::At(end),
            _ => Found::Unknown,
        },
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

#[cfg(test)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "tests write plain numbers and lists"
)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::FileExt;

    use proptest::prelude::*;

    use super::*;

    fn extents_of(file: &File, len: u64) -> Vec<Extent> {
        let map = Map::new(file.try_clone().unwrap(), len).unwrap();
        Extents::new(Arc::new(map), len).collect()
    }

    fn assert_tiled(extents: &[Extent], len: u64) {
        let mut next = 0;
        for extent in extents {
            assert_eq!(extent.start.0, next);
            assert_ne!(extent.len, 0);
            next += extent.len;
        }
        assert_eq!(next, len);
        assert!(extents.windows(2).all(|pair| pair[0].kind != pair[1].kind));
    }

    #[test]
    fn holes_between_written_blocks_are_found() {
        let file = tempfile::tempfile().unwrap();
        let block = 1 << 20;
        for at in [4, 5, 9] {
            file.write_all_at(&[1; 1 << 20], at * block).unwrap();
        }
        file.set_len(16 * block + 100).unwrap();
        let found: Vec<_> = extents_of(&file, 16 * block + 100)
            .iter()
            .map(|extent| (extent.start.0, extent.len, extent.kind))
            .collect();
        let hole = ExtentKind::Hole;
        let data = ExtentKind::Data;
        assert_eq!(
            found,
            [
                (0, 4 * block, hole),
                (4 * block, 2 * block, data),
                (6 * block, 3 * block, hole),
                (9 * block, block, data),
                (10 * block, 6 * block + 100, hole),
            ]
        );
    }

    #[test]
    fn a_file_of_nothing_but_a_hole_and_one_of_nothing_at_all() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(extents_of(&file, 0), []);
        file.set_len(1 << 30).unwrap();
        assert_eq!(
            extents_of(&file, 1 << 30),
            [Extent {
                start: ImageOffset(0),
                len: 1 << 30,
                kind: ExtentKind::Hole
            }]
        );
    }

    #[test]
    fn thousands_of_extents_are_all_there() {
        let file = tempfile::tempfile().unwrap();
        let step = 1 << 17;
        for at in 0..5000 {
            file.write_all_at(&[1; 16], at * step).unwrap();
        }
        file.set_len(5000 * step).unwrap();
        let extents = extents_of(&file, 5000 * step);
        assert_tiled(&extents, 5000 * step);
        assert_eq!(extents.len(), 10_000);
    }

    #[test]
    fn what_a_truncation_took_away_is_no_hole() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 24).unwrap();
        let map = Arc::new(Map::new(file.try_clone().unwrap(), 1 << 24).unwrap());
        file.set_len(1 << 23).unwrap();
        let extents: Vec<_> = Extents::new(map, 1 << 24).collect();
        assert_tiled(&extents, 1 << 24);
        assert_eq!(extents.last().unwrap().kind, ExtentKind::Data);
        assert_eq!(extents.last().unwrap().start, ImageOffset(1 << 23));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50))]
        #[test]
        fn extents_tile_the_file_and_no_written_byte_lies_in_a_hole(
            writes in prop::collection::vec((0_u64..4 << 20, 1_usize..100_000), 0..12),
            len in 1_u64..4 << 20,
        ) {
            let file = tempfile::tempfile().unwrap();
            for (at, count) in writes {
                file.write_all_at(&vec![1; count], at).unwrap();
            }
            file.set_len(len).unwrap();
            let extents = extents_of(&file, len);
            assert_tiled(&extents, len);
            let map = Map::new(file, len).unwrap();
            for extent in extents.iter().filter(|extent| extent.kind == ExtentKind::Hole) {
                let start = usize::try_from(extent.start.0).unwrap();
                let hole = &map.bytes()[start..start + usize::try_from(extent.len).unwrap()];
                prop_assert!(hole.iter().all(|byte| *byte == 0));
            }
        }
    }
}
