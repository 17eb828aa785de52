//! Compressed blocks of a container.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::fmt;
use std::io::Read;

use flate2::{Decompress, FlushDecompress};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use super::files::Files;

/// Largest block any container may have: a VMDK grain or EWF chunk of this length would already be
/// unheard of, and one block is decoded at a time.
pub(super) const MAX_BLOCK: u32 = 32 << 20;

/// Longest stretch of its own output that a Zstandard frame may refer back to. The default level
/// needs 2 MiB; the format would allow terabytes.
const MAX_ZSTD_WINDOW: u64 = 8 << 20;

/// A compressed block, and which part of it is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Which of the image's files.
    pub(super) file: usize,
    /// Position of the compressed bytes.
    pub(super) at: u64,
    /// Number of compressed bytes, at most: what follows the end of the stream is ignored.
    pub(super) stored: u64,
    pub(super) codec: Codec,
    /// Number of bytes it decodes to.
    pub(super) len: u32,
    /// Number of decoded bytes before the part that is meant.
    pub(super) skip: u64,
}

/// How a block is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    /// A bare DEFLATE stream (RFC 1951).
    Deflate,
    /// A zlib stream with its checksum (RFC 1950).
    Zlib,
    /// A Zstandard frame (RFC 8878).
    Zstd,
}

/// The block decoded last, and the decoders' memory. Whoever reads an image keeps one, so that
/// neighbouring reads do not decode a block twice.
pub struct Cache {
    /// Image, file, position, decoded length.
    key: Option<(u64, usize, u64, u32)>,
    bytes: Vec<u8>,
    failed: bool,
    inflate: Decompress,
    zstd: Option<FrameDecoder>,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            key: None,
            bytes: Vec::new(),
            failed: false,
            inflate: Decompress::new(true),
            zstd: None,
        }
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Cache {
    /// The decoded bytes from the block's `skip` on, or `None` if it cannot be decoded. `image`
    /// tells images apart.
    pub(super) fn decode(&mut self, image: u64, files: &Files, block: &Block) -> Option<&[u8]> {
        let key = (image, block.file, block.at, block.len);
        if self.key != Some(key) {
            self.key = Some(key);
            self.failed = self.fill(files, block).is_none();
        }
        if self.failed {
            return None;
        }
        self.bytes.get(usize::try_from(block.skip).ok()?..)
    }

    fn fill(&mut self, files: &Files, block: &Block) -> Option<()> {
        let len = usize::try_from(block.len.min(MAX_BLOCK)).ok()?;
        self.bytes.resize(len, 0);
        let stored = files.slice(block.file, block.at, block.stored);
        match block.codec {
            Codec::Deflate => self.inflate(stored, false),
            Codec::Zlib => self.inflate(stored, true),
            Codec::Zstd => {
                let mut decoder = self.zstd.take().unwrap_or_default();
                decoder.set_max_window_size(MAX_ZSTD_WINDOW);
                let frame = StreamingDecoder::new_with_decoder(stored, decoder);
                // A decoder that failed is in no known state and is not used again.
                let mut frame = frame.ok()?;
                frame.read_exact(&mut self.bytes).ok()?;
                self.zstd = Some(frame.into_frame_decoder());
                Some(())
            }
        }
    }

    fn inflate(&mut self, stored: &[u8], zlib: bool) -> Option<()> {
        self.inflate.reset(zlib);
        let finish = FlushDecompress::Finish;
        self.inflate
            .decompress(stored, &mut self.bytes, finish)
            .ok()?;
        let len = u64::try_from(self.bytes.len()).ok()?;
        (self.inflate.total_out() == len).then_some(())
    }
}
