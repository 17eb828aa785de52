//! Maps of clusters, as they are noted and as they are used.

use std::ops::Range;

use crate::volume::{Disk, Part};

/// Neighbouring clusters of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// First cluster in the value.
    pub(super) file: u64,
    /// First cluster on the volume; none for a hole.
    pub(super) disk: Option<u64>,
    pub(super) count: u64,
}

impl Extent {
    pub(super) fn end(&self) -> u64 {
        self.file.saturating_add(self.count)
    }
}

/// Decodes a map that begins with cluster `first` of the value and ends with `last`, on a volume of
/// `clusters`. What is wrong ends it; whether all was right is the second result.
///
/// Each run is a byte with the widths of the two numbers that follow: its length, and where it
/// begins, counted from where the one before began, or nothing for a hole.
pub(super) fn decode(map: &[u8], first: u64, last: u64, clusters: u64) -> (Vec<Extent>, bool) {
    let mut extents = Vec::new();
    let mut file = first;
    let mut disk = 0_i64;
    let mut rest = map;
    // An empty value notes the cluster before its first as its last.
    let end = last.wrapping_add(1);
    while let Some((widths, after)) = rest.split_first().filter(|(widths, _)| **widths != 0) {
        let step = run(*widths, after);
        let Some((count, delta, after)) = step else {
            return (extents, false);
        };
        rest = after;
        let within = file.checked_add(count).filter(|next| *next <= end);
        let Some(next) = within.filter(|_| count > 0) else {
            return (extents, false);
        };
        let place = match delta {
            None => None,
            Some(delta) => {
                let moved = disk.checked_add(delta);
                let place = moved.and_then(|disk| u64::try_from(disk).ok());
                let fits =
                    |place: &u64| place.checked_add(count).is_some_and(|end| end <= clusters);
                let (Some(moved), Some(place)) = (moved, place.filter(fits)) else {
                    return (extents, false);
                };
                disk = moved;
                Some(place)
            }
        };
        extents.push(Extent {
            file,
            disk: place,
            count,
        });
        file = next;
    }
    let complete = file == end;
    (extents, complete)
}

/// The numbers of a run, and what follows it.
fn run(widths: u8, bytes: &[u8]) -> Option<(u64, Option<i64>, &[u8])> {
    let (len_width, place_width) = (usize::from(widths & 15), usize::from(widths >> 4));
    let (len, rest) = bytes.split_at_checked(len_width)?;
    let (place, rest) = rest.split_at_checked(place_width)?;
    let count = u64::try_from(signed(len)?).ok()?;
    let delta = if place_width == 0 {
        None
    } else {
        Some(signed(place)?)
    };
    Some((count, delta, rest))
}

/// A little-endian number of up to eight bytes.
fn signed(bytes: &[u8]) -> Option<i64> {
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut full = [if negative { 0xff } else { 0 }; 8];
    full.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i64::from_le_bytes(full))
}

/// The bytes of a value, as something to read from. Reading in a hole fails. `None` if the extents
/// are more than the volume has room for.
pub(super) fn content(volume: &Disk, extents: &[Extent], cluster_size: u64) -> Option<Part> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    let mut next = 0;
    let mut len = 0_u64;
    for extent in extents {
        let gap = extent.file.checked_sub(next)?;
        next = extent.end();
        let bytes = |clusters: u64| clusters.checked_mul(cluster_size);
        let beyond = |clusters| {
            let start = volume.len();
            Some(start..start.checked_add(bytes(clusters)?)?)
        };
        ranges.push(beyond(gap)?);
        match extent.disk {
            Some(disk) => {
                let start = bytes(disk)?;
                let count = bytes(extent.count)?;
                len = len.checked_add(count)?;
                ranges.push(start..start.checked_add(count)?);
            }
            None => ranges.push(beyond(extent.count)?),
        }
    }
    (len <= volume.len()).then(|| Part::new(volume.clone(), ranges))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::volume::ReadAt;

    fn extent(file: u64, disk: impl Into<Option<u64>>, count: u64) -> Extent {
        let disk = disk.into();
        Extent { file, disk, count }
    }

    #[test]
    fn runs_count_from_the_one_before() {
        // 16 at 0x1234; 3 of a hole; 2 at 0x1234 - 0x100; the end.
        let map = [0x21, 16, 0x34, 0x12, 0x01, 3, 0x21, 2, 0, 0xff, 0, 0xaa];
        let expected = vec![
            extent(5, 0x1234, 16),
            extent(21, None, 3),
            extent(24, 0x1134, 2),
        ];
        assert_eq!(decode(&map, 5, 25, 0x2000), (expected.clone(), true));
        // One cluster short of what the header says.
        assert_eq!(decode(&map, 5, 26, 0x2000), (expected, false));
        assert_eq!(decode(&[0], 0, u64::MAX, 10), (Vec::new(), true));
    }

    #[test]
    fn a_run_outside_ends_the_map() {
        for (map, good) in [
            (&[0x11, 4, 8, 0x11, 4, 200][..], 1),
            (&[0x11, 4, 8, 0x11, 4, 0xf0], 1),
            (&[0x11, 4, 8, 0x11, 99, 1], 1),
            (&[0x11, 0, 8], 0),
            (&[0x11, 0x80, 8], 0),
            (&[0x99, 1, 1], 0),
            (&[0x11, 4], 0),
            (
                &[0x81, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
                0,
            ),
        ] {
            let (extents, complete) = decode(map, 0, 40, 100);
            assert_eq!((extents.len(), complete), (good, false), "{map:x?}");
        }
    }

    #[test]
    fn reading_in_a_hole_fails() {
        let volume: Disk = Arc::new((0..200).collect::<Vec<u8>>());
        let extents = [extent(1, 3, 1), extent(2, None, 1), extent(3, 0, 1)];
        let content = content(&volume, &extents, 10).unwrap();
        assert_eq!(content.read_vec(12, 3).unwrap(), [32, 33, 34]);
        assert_eq!(content.read_vec(30, 2).unwrap(), [0, 1]);
        assert!(content.read_vec(5, 1).is_err());
        assert!(content.read_vec(19, 2).is_err());
        assert_eq!(content.from_disk(35), Some(15));
    }
}
