//! Decoded content under construction.
//!
//! Compressed blocks that follow each other in a file are strung together, so that a secret that
//! crosses from one into the next is whole, and what is handed out next begins with the end of what
//! was handed out before.

use std::ops::Range;

use super::file_system::{Encoded, NodeId, Stretch};

/// Decoded bytes of a stream that follow each other.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    node: NodeId,
    stream: u32,
    deleted: bool,
    pub(super) codec: &'static str,
    file_offset: u64,
    pub(super) bytes: Vec<u8>,
    pub(super) stretches: Vec<Stretch>,
}

impl Piece {
    pub(super) fn new(
        node: NodeId,
        stream: u32,
        deleted: bool,
        file_offset: u64,
        codec: &'static str,
    ) -> Self {
        Self {
            node,
            stream,
            deleted,
            codec,
            file_offset,
            bytes: Vec::new(),
            stretches: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap_or(u64::MAX)
    }

    pub(super) fn end(&self) -> u64 {
        self.file_offset.saturating_add(self.len())
    }

    /// Adds bytes that lie on the volume as they are.
    pub(super) fn add_moved(&mut self, bytes: &[u8], volume: Range<u64>) {
        let stretch = self.extend(bytes, volume, 0);
        self.stretches.push(stretch);
    }

    /// Adds bytes of what a block gives, from byte `skip` of it on.
    pub(super) fn add_decoded(&mut self, bytes: &[u8], volume: Range<u64>, skip: u64) {
        let mut stretch = self.extend(bytes, volume, skip);
        // Equal lengths would say that bytes were moved one by one.
        if stretch.is_moved() {
            stretch.volume.end = stretch.volume.end.saturating_sub(1);
        }
        self.stretches.push(stretch);
    }

    fn extend(&mut self, bytes: &[u8], volume: Range<u64>, skip: u64) -> Stretch {
        let start = self.len();
        self.bytes.extend(bytes);
        Stretch {
            decoded: start..self.len(),
            volume,
            skip,
        }
    }

    pub(super) fn encoded(&self) -> Encoded {
        Encoded {
            node: self.node,
            stream: self.stream,
            file_offset: self.file_offset,
            codec: self.codec,
            bytes: self.bytes.clone(),
            stretches: self.stretches.clone(),
            deleted: self.deleted,
        }
    }

    /// The end of it, at least `len` bytes if there are as many, beginning with a whole stretch
    /// unless bytes were only moved there.
    pub(super) fn tail(&self, len: u64) -> Self {
        let mut cut = self.len().saturating_sub(len);
        let at_cut = |stretch: &&Stretch| stretch.decoded.contains(&cut);
        if let Some(stretch) = self.stretches.iter().find(at_cut)
            && !stretch.is_moved()
        {
            cut = stretch.decoded.start;
        }
        let kept = self.stretches.iter().filter(|s| s.decoded.end > cut);
        let stretches = kept.map(|stretch| {
            let skip = cut.saturating_sub(stretch.decoded.start);
            let shift = |at: u64| at.saturating_sub(cut);
            Stretch {
                decoded: shift(stretch.decoded.start)..shift(stretch.decoded.end),
                volume: stretch.volume.start.saturating_add(skip)..stretch.volume.end,
                skip: stretch.skip,
            }
        });
        let from = usize::try_from(cut).unwrap_or(usize::MAX);
        Self {
            file_offset: self.file_offset.saturating_add(cut),
            stretches: stretches.collect(),
            bytes: self.bytes.get(from..).unwrap_or(&[]).to_vec(),
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_begins_where_its_bytes_can_be_led_back_from() {
        let mut piece = Piece {
            node: NodeId(64),
            stream: 0,
            deleted: false,
            codec: "lznt1",
            file_offset: 1000,
            bytes: Vec::new(),
            stretches: Vec::new(),
        };
        piece.add_decoded(&[1; 50], 0..9, 0);
        piece.add_decoded(&[2; 50], 100..110, 0);
        piece.add_moved(&[3; 50], 500..550);
        let cut = piece.tail(70);
        assert_eq!((cut.file_offset, cut.bytes.len()), (1050, 100));
        assert_eq!(cut.encoded().origin(20), Some(100));
        assert_eq!(cut.encoded().origin(60), Some(510));
        let cut = piece.tail(20);
        assert_eq!((cut.file_offset, cut.bytes.len()), (1130, 20));
        assert_eq!(cut.encoded().origin(5), Some(535));
        assert_eq!(piece.tail(9999).bytes.len(), 150);
    }

    #[test]
    fn encoded_bytes_never_pass_for_moved_ones() {
        let mut piece = Piece {
            node: NodeId(64),
            stream: 0,
            deleted: false,
            codec: "lznt1",
            file_offset: 0,
            bytes: Vec::new(),
            stretches: Vec::new(),
        };
        piece.add_decoded(&[0; 10], 40..50, 0);
        assert_eq!(piece.encoded().origin(7), Some(40));
    }
}
