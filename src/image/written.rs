//! Which stretches of a sparse file were ever written.
//!
//! The file system knows its holes (`lseek` with `SEEK_DATA` and `SEEK_HOLE`, added to POSIX in its
//! 2024 edition), so they are skipped without being read.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::fs::File;

/// What is sought.
#[derive(Clone, Copy)]
enum Wanted {
    Data,
    Hole,
}

/// Up to which position a file of `len` bytes is alike from `start` on, and whether it was written
/// there. Where the file system cannot tell, all is written.
pub(super) fn written_at(file: &File, start: u64, len: u64) -> (u64, bool) {
    let (end, written) = match seek(file, start, Wanted::Data) {
        Found::At(data) if data > start => (data, false),
        Found::At(_) => match seek(file, start, Wanted::Hole) {
            Found::At(hole) if hole > start => (hole, true),
            _ => (len, true),
        },
        Found::Unknown => (len, true),
    };
    // The file may have grown since it was opened; the image has not.
    (end.min(len), written)
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
fn seek(file: &File, start: u64, wanted: Wanted) -> Found {
    use rustix::fs::SeekFrom;
    use rustix::io::Errno;

    let from = match wanted {
        Wanted::Data => SeekFrom::Data(start),
        Wanted::Hole => SeekFrom::Hole(start),
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
fn seek(_: &File, _: u64, _: Wanted) -> Found {
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
    use crate::image::Map;

    /// Start, end and whether it was written.
    type Stretch = (u64, u64, bool);

    fn stretches_of(file: &File, len: u64) -> Vec<Stretch> {
        let mut found = Vec::new();
        let mut next = 0;
        while next < len {
            let (end, written) = written_at(file, next, len);
            found.push((next, end, written));
            assert!(end > next, "{found:?}");
            next = end;
        }
        found
    }

    fn assert_tiled(stretches: &[Stretch], len: u64) {
        assert_eq!(stretches.last().unwrap().1, len);
        assert!(stretches.windows(2).all(|pair| pair[0].2 != pair[1].2));
    }

    #[test]
    fn holes_between_written_blocks_are_found() {
        let file = tempfile::tempfile().unwrap();
        let block = 1 << 20;
        for at in [4, 5, 9] {
            file.write_all_at(&[1; 1 << 20], at * block).unwrap();
        }
        file.set_len(16 * block + 100).unwrap();
        assert_eq!(
            stretches_of(&file, 16 * block + 100),
            [
                (0, 4 * block, false),
                (4 * block, 6 * block, true),
                (6 * block, 9 * block, false),
                (9 * block, 10 * block, true),
                (10 * block, 16 * block + 100, false),
            ]
        );
    }

    #[test]
    fn a_file_of_nothing_but_a_hole_and_one_of_nothing_at_all() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(stretches_of(&file, 0), []);
        file.set_len(1 << 30).unwrap();
        assert_eq!(stretches_of(&file, 1 << 30), [(0, 1 << 30, false)]);
    }

    #[test]
    fn thousands_of_holes_are_all_there() {
        let file = tempfile::tempfile().unwrap();
        let step = 1 << 17;
        for at in 0..5000 {
            file.write_all_at(&[1; 16], at * step).unwrap();
        }
        file.set_len(5000 * step).unwrap();
        let stretches = stretches_of(&file, 5000 * step);
        assert_tiled(&stretches, 5000 * step);
        assert_eq!(stretches.len(), 10_000);
    }

    #[test]
    fn what_a_truncation_took_away_is_no_hole() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 23).unwrap();
        let stretches = stretches_of(&file, 1 << 24);
        assert_tiled(&stretches, 1 << 24);
        assert_eq!(stretches.last(), Some(&(1 << 23, 1 << 24, true)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50))]
        #[test]
        fn stretches_tile_the_file_and_no_written_byte_lies_in_a_hole(
            writes in prop::collection::vec((0_u64..4 << 20, 1_usize..100_000), 0..12),
            len in 1_u64..4 << 20,
        ) {
            let file = tempfile::tempfile().unwrap();
            for (at, count) in writes {
                file.write_all_at(&vec![1; count], at).unwrap();
            }
            file.set_len(len).unwrap();
            let stretches = stretches_of(&file, len);
            assert_tiled(&stretches, len);
            let map = Map::new(file, len).unwrap();
            for (start, end, _) in stretches.iter().filter(|(_, _, written)| !written) {
                let hole = usize::try_from(*start).unwrap()..usize::try_from(*end).unwrap();
                prop_assert!(map.bytes()[hole].iter().all(|byte| *byte == 0));
            }
        }
    }
}
