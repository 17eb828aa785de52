//! Bytes of a file that lie nowhere on the disk in one piece, or not as they are: the ends of two
//! runs that belong together, the content of a compressed block, a value that its record cuts up.
//!
//! Positions in them are those of the file, so that alignment is the file's and a finding knows
//! its place there; where on the disk a byte comes from is kept beside.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::ops::Range;

use crate::volume::NodeId;

/// Whose bytes were put together, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assembly {
    /// Index of the volume among those of the disk.
    pub volume: usize,
    /// The file; none where the volume itself goes on elsewhere on the disk. Positions are then
    /// those of the volume.
    pub file: Option<InFile>,
    /// What was undone; none if bytes were only strung together.
    pub codec: Option<&'static str>,
    /// Where the bytes come from, ascending by `range`, without gaps.
    pub sources: Vec<Source>,
}

/// A stream of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InFile {
    /// The file was deleted.
    pub deleted: bool,
    /// The file.
    pub node: NodeId,
    /// Which of its streams.
    pub stream: u32,
}

/// Some of the bytes, and the bytes of the disk that they were made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Positions in the file.
    pub range: Range<u64>,
    /// Positions on the disk.
    pub disk: Range<u64>,
    /// Whether each byte has a place of its own on the disk; else the block as a whole was decoded.
    pub moved: bool,
    /// How many bytes of what the block gives are left out before these.
    pub skip: u64,
}

impl Source {
    /// The bytes of the disk under a range of the file.
    fn under(&self, range: &Range<u64>) -> Option<Range<u64>> {
        let start = range.start.max(self.range.start);
        let end = range.end.min(self.range.end);
        if start >= end {
            return None;
        }
        if !self.moved {
            return Some(self.disk.clone());
        }
        let at = |position: u64| {
            let into = position.saturating_sub(self.range.start);
            self.disk.start.saturating_add(into)
        };
        Some(at(start)..at(end))
    }
}

impl Assembly {
    /// The positions of its bytes in the file.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        let start = self.sources.first().map_or(0, |first| first.range.start);
        start..self.sources.last().map_or(start, |last| last.range.end)
    }

    /// The bytes of the disk that a range was made from, in the order of the file: each of its own,
    /// or the whole block where one was decoded.
    #[must_use]
    pub fn places(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        let mut places: Vec<Range<u64>> = Vec::new();
        for place in self.near(range).filter_map(|source| source.under(range)) {
            match places.last_mut() {
                Some(last) if last.end == place.start => last.end = place.end,
                _ => places.push(place),
            }
        }
        places
    }

    /// Whether a range lies nowhere on the disk as it is: what does, a raw scan sees.
    #[must_use]
    pub fn crosses(&self, range: &Range<u64>) -> bool {
        let encoded = |source: &Source| !source.moved && source.under(range).is_some();
        self.places(range).len() > 1 || self.near(range).any(encoded)
    }

    /// The position of a byte as a forensic path tells it: its place on the disk, or the block it
    /// was decoded from and its position in what that gives.
    #[must_use]
    pub fn forensic_path(&self, at: u64) -> String {
        let one = at..at.saturating_add(1);
        let Some(source) = self.near(&one).find(|source| source.range.contains(&at)) else {
            return at.to_string();
        };
        let into = at.saturating_sub(source.range.start);
        match self.codec.filter(|_| !source.moved) {
            Some(codec) => {
                let codec = codec.to_ascii_uppercase();
                let into = source.skip.saturating_add(into);
                format!("{}-{codec}-{into}", source.disk.start)
            }
            None => source.disk.start.saturating_add(into).to_string(),
        }
    }

    /// The sources from the first one that a range may touch to the last.
    fn near(&self, range: &Range<u64>) -> impl Iterator<Item = &Source> {
        let first = self
            .sources
            .partition_point(|source| source.range.end <= range.start);
        let end = range.end;
        let sources = self.sources.get(first..).unwrap_or(&[]).iter();
        sources.take_while(move |source| source.range.start < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(range: Range<u64>, disk: Range<u64>, moved: bool) -> Source {
        Source {
            range,
            disk,
            moved,
            skip: 0,
        }
    }

    fn assembly(sources: Vec<Source>) -> Assembly {
        Assembly {
            volume: 0,
            file: None,
            codec: Some("lznt1"),
            sources,
        }
    }

    #[test]
    fn what_lies_on_the_disk_as_it_is_does_not_cross() {
        let strung = assembly(vec![
            source(100..200, 1000..1100, true),
            source(200..260, 1100..1160, true),
            source(260..300, 500..540, true),
        ]);
        assert_eq!(strung.range(), 100..300);
        // Two descriptions of what lies in one piece are no join.
        assert!(!strung.crosses(&(150..250)));
        assert!(strung.crosses(&(250..270)));
        assert_eq!(strung.places(&(150..270)), [1050..1160, 500..510]);
        assert_eq!(strung.forensic_path(262), "502");
    }

    #[test]
    fn what_was_decoded_is_nowhere_as_it_is() {
        let mixed = assembly(vec![
            source(0..4096, 8192..9000, false),
            source(4096..5000, 100..1004, true),
        ]);
        assert!(mixed.crosses(&(10..20)));
        assert!(!mixed.crosses(&(4096..4100)));
        assert_eq!(mixed.places(&(4000..4100)), [8192..9000, 100..104]);
        assert_eq!(mixed.forensic_path(10), "8192-LZNT1-10");
        assert_eq!(mixed.forensic_path(4097), "101");
    }
}
