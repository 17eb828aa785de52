//! Which clusters of a stream are stored as they are, and which are compressed together.

use super::extent::Extent;

/// A stretch of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// As it is: first cluster in the stream, on the volume, number of clusters.
    Plain(u64, u64, u64),
    /// A unit that is compressed: its first cluster in the stream, and the places and numbers of
    /// clusters that hold it, fewer than it stands for.
    Packed(u64, Vec<(u64, u64)>),
}

/// Cuts a map into segments. A unit that is mapped in full is stored as it is; one that is not
/// mapped at all is a hole; any other is compressed.
pub(super) fn segments(extents: &[Extent], unit: Option<u64>) -> Vec<Segment> {
    let mut segments = Vec::new();
    let Some(unit) = unit.filter(|unit| *unit > 0) else {
        let mapped = extents.iter().filter_map(|extent| {
            let disk = extent.disk?;
            Some(Segment::Plain(extent.file, disk, extent.count))
        });
        return mapped.collect();
    };
    let mut rest = extents.iter().copied();
    let mut next = rest.next();
    // The pieces of the unit that is being put together, and how far it got.
    let mut pieces: Vec<Extent> = Vec::new();
    while let Some(extent) = next {
        let past = extent.file.checked_rem(unit).unwrap_or(0);
        let left = unit.saturating_sub(past);
        let whole = extent
            .count
            .checked_div(unit)
            .unwrap_or(0)
            .saturating_mul(unit);
        let take = if past == 0 && whole > 0 {
            whole
        } else {
            extent.count.min(left)
        };
        let (piece, after) = split(extent, take);
        if past == 0 {
            close(&mut pieces, &mut segments);
        }
        pieces.push(piece);
        next = after.or_else(|| rest.next());
        // A gap in the map, where a part of it is lost, ends the unit too.
        let unit_of = |at: u64| at.checked_div(unit);
        let ends = piece.end().checked_rem(unit) == Some(0);
        if ends || next.is_none_or(|next| unit_of(next.file) != unit_of(piece.file)) {
            close(&mut pieces, &mut segments);
        }
    }
    segments
}

fn split(extent: Extent, count: u64) -> (Extent, Option<Extent>) {
    let first = Extent { count, ..extent };
    let left = extent.count.saturating_sub(count);
    let after = Extent {
        file: first.end(),
        disk: extent.disk.map(|disk| disk.saturating_add(count)),
        count: left,
    };
    (first, (left > 0).then_some(after))
}

fn close(pieces: &mut Vec<Extent>, segments: &mut Vec<Segment>) {
    let pieces = std::mem::take(pieces);
    let Some(first) = pieces.first() else {
        return;
    };
    let has_hole = pieces.iter().any(|piece| piece.disk.is_none());
    let mapped = pieces
        .iter()
        .filter_map(|piece| Some((piece.file, piece.disk?, piece.count)));
    if has_hole {
        let places: Vec<_> = mapped.map(|(_, disk, count)| (disk, count)).collect();
        if !places.is_empty() {
            segments.push(Segment::Packed(first.file, places));
        }
        return;
    }
    for (file, disk, count) in mapped {
        match segments.last_mut() {
            Some(Segment::Plain(first, start, len))
                if first.checked_add(*len) == Some(file)
                    && start.checked_add(*len) == Some(disk) =>
            {
                *len = len.saturating_add(count);
            }
            _ => segments.push(Segment::Plain(file, disk, count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extents(map: &[(Option<u64>, u64)]) -> Vec<Extent> {
        let mut file = 0;
        let mut extents = Vec::new();
        for (disk, count) in map {
            extents.push(Extent {
                file,
                disk: *disk,
                count: *count,
            });
            file += count;
        }
        extents
    }

    #[test]
    fn full_units_are_plain_and_partial_ones_packed() {
        let map = extents(&[
            (Some(100), 40),
            (None, 8),
            (None, 16),
            (Some(300), 2),
            (Some(200), 3),
            (None, 11),
            (Some(500), 10),
            (Some(700), 6),
            (None, 1 << 40),
        ]);
        let expected = [
            Segment::Plain(0, 100, 32),
            Segment::Packed(32, vec![(132, 8)]),
            Segment::Packed(64, vec![(300, 2), (200, 3)]),
            Segment::Plain(80, 500, 10),
            Segment::Plain(90, 700, 6),
        ];
        assert_eq!(segments(&map, Some(16)), expected);
    }

    #[test]
    fn long_extents_cost_no_more_than_short_ones() {
        let map = extents(&[(Some(5), 1 << 60), (None, 1 << 60), (Some(9), 7), (None, 9)]);
        let expected = [
            Segment::Plain(0, 5, 1 << 60),
            Segment::Packed(1 << 61, vec![(9, 7)]),
        ];
        assert_eq!(segments(&map, Some(16)), expected);
    }

    #[test]
    fn without_units_holes_are_left_out() {
        let map = extents(&[(Some(100), 40), (None, 8), (Some(300), 2)]);
        let expected = [Segment::Plain(0, 100, 40), Segment::Plain(48, 300, 2)];
        assert_eq!(segments(&map, None), expected);
    }

    #[test]
    fn a_lost_part_of_the_map_ends_a_unit() {
        let mut map = extents(&[(Some(100), 4), (Some(200), 32)]);
        map[1].file = 64;
        let expected = [Segment::Plain(0, 100, 4), Segment::Plain(64, 200, 32)];
        assert_eq!(segments(&map, Some(16)), expected);
    }
}
