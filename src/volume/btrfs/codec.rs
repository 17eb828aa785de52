//! The compressions of Btrfs (kernel, `fs/btrfs/zlib.c`, `lzo.c`, `zstd.c`): one zlib stream, one
//! Zstandard frame, or LZO in segments of a sector each.

use std::io::Read;
use std::ops::Range;

use flate2::{Decompress, FlushDecompress};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use super::lzo;
use crate::volume::field::le_u32;

/// Longest stretch of its own output that a Zstandard frame may refer back to
/// (`ZSTD_BTRFS_MAX_WINDOWLOG`).
const MAX_ZSTD_WINDOW: u64 = 128 << 10;

/// How an extent is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Codec {
    None,
    Zlib,
    Lzo,
    Zstd,
    /// Or encrypted, or encoded in another way for which the format has a field but no meaning.
    Unknown,
}

/// What was decoded.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) bytes: Vec<u8>,
    /// For each part that was decoded by itself, its bytes and what they were made from.
    pub(super) parts: Vec<(Range<usize>, Range<usize>)>,
    /// Nothing was wrong.
    pub(super) sound: bool,
}

impl Codec {
    pub(super) fn of(number: u8) -> Self {
        match number {
            0 => Self::None,
            1 => Self::Zlib,
            2 => Self::Lzo,
            3 => Self::Zstd,
            _ => Self::Unknown,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Zlib => "zlib",
            Self::Lzo => "lzo",
            Self::Zstd => "zstd",
            Self::Unknown => "unknown",
        }
    }

    /// Decodes up to `limit` bytes; what was decoded before something was wrong is kept.
    pub(super) fn decode(self, encoded: &[u8], limit: usize, sector: usize) -> Decoded {
        match self {
            Self::Lzo => segments(encoded, limit, sector),
            Self::Zlib => whole(encoded, zlib(encoded, limit)),
            Self::Zstd => whole(encoded, zstd(encoded, limit)),
            Self::None | Self::Unknown => Decoded::default(),
        }
    }
}

fn whole(encoded: &[u8], (bytes, sound): (Vec<u8>, bool)) -> Decoded {
    let mut parts = Vec::new();
    if !bytes.is_empty() {
        parts.push((0..bytes.len(), 0..encoded.len()));
    }
    Decoded {
        bytes,
        parts,
        sound,
    }
}

fn zlib(encoded: &[u8], limit: usize) -> (Vec<u8>, bool) {
    let mut bytes = vec![0; limit];
    let mut inflate = Decompress::new(true);
    // What follows the stream fills up its last sector.
    let result = inflate.decompress(encoded, &mut bytes, FlushDecompress::Finish);
    let len = usize::try_from(inflate.total_out()).unwrap_or(0);
    bytes.truncate(len);
    (bytes, result.is_ok() && len > 0)
}

fn zstd(encoded: &[u8], limit: usize) -> (Vec<u8>, bool) {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(MAX_ZSTD_WINDOW);
    let mut bytes = Vec::new();
    let Ok(frame) = StreamingDecoder::new_with_decoder(encoded, decoder) else {
        return (bytes, false);
    };
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    let result = frame.take(limit).read_to_end(&mut bytes);
    (bytes, result.is_ok())
}

/// A length of all, then segments: each a length and what it is of, for a sector of the file. A
/// length never lies across the end of a sector.
fn segments(encoded: &[u8], limit: usize, sector: usize) -> Decoded {
    let mut decoded = Decoded::default();
    let number = |at| le_u32(encoded, at).and_then(|number| usize::try_from(number).ok());
    let Some(end) = number(0).filter(|end| (4..=encoded.len()).contains(end)) else {
        return decoded;
    };
    let mut at = 4_usize;
    while at < end && decoded.bytes.len() < limit {
        let start = at.saturating_add(4);
        let Some(body) = number(at).and_then(|len| {
            let body = start..start.checked_add(len)?;
            (body.end <= end).then_some(body)
        }) else {
            return decoded;
        };
        let first = decoded.bytes.len();
        let room = first.saturating_add(sector);
        let segment = encoded.get(body.clone()).unwrap_or(&[]);
        let sound = lzo::decode(segment, &mut decoded.bytes, room).is_some();
        decoded
            .parts
            .push((first..decoded.bytes.len(), body.clone()));
        if !sound {
            return decoded;
        }
        at = body.end;
        let left = sector.saturating_sub(at.checked_rem(sector).unwrap_or(0));
        if left < 4 {
            at = at.saturating_add(left);
        }
    }
    if decoded.bytes.len() > limit {
        decoded.bytes.truncate(limit);
        for (to, _) in &mut decoded.parts {
            to.end = to.end.min(limit);
        }
    }
    decoded.sound = true;
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A segment that holds its bytes as they are, with the mark that ends it.
    fn literal(bytes: &[u8]) -> Vec<u8> {
        let mut segment = vec![u8::try_from(bytes.len() + 17).unwrap()];
        segment.extend(bytes);
        segment.extend([17, 0, 0]);
        segment
    }

    fn framed(segments: &[Vec<u8>], sector: usize) -> Vec<u8> {
        let mut all = vec![0; 4];
        for segment in segments {
            if all.len().next_multiple_of(sector) - all.len() < 4 {
                all.resize(all.len().next_multiple_of(sector), 0);
            }
            all.extend(u32::try_from(segment.len()).unwrap().to_le_bytes());
            all.extend(segment);
        }
        let len = u32::try_from(all.len()).unwrap();
        all[..4].copy_from_slice(&len.to_le_bytes());
        all
    }

    #[test]
    fn a_length_that_would_cross_a_sector_begins_the_next() {
        // The first segment ends two bytes before the end of a sector of 32.
        let parts = [literal(&[b'a'; 18]), literal(&[b'b'; 10])];
        let encoded = framed(&parts, 32);
        assert_eq!(encoded.len(), 32 + 4 + 14);
        let decoded = Codec::Lzo.decode(&encoded, 100, 32);
        assert!(decoded.sound);
        assert_eq!(decoded.bytes, [[b'a'; 18].as_slice(), &[b'b'; 10]].concat());
        assert_eq!(decoded.parts, [(0..18, 8..30), (18..28, 36..50)]);
        let cut = Codec::Lzo.decode(&encoded, 20, 32);
        assert_eq!((cut.bytes.len(), cut.parts[1].0.clone()), (20, 18..20));
        assert!(!Codec::Lzo.decode(&encoded[..49], 100, 32).sound);
    }

    #[test]
    fn what_fills_up_the_sector_does_not_matter() {
        use std::io::Write;

        let text = b"a line that repeats; ".repeat(200);
        let mut encoder =
            flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&text).unwrap();
        let mut encoded = encoder.finish().unwrap();
        let len = encoded.len();
        encoded.resize(4096, 0);
        let decoded = Codec::Zlib.decode(&encoded, 128 << 10, 4096);
        assert!(decoded.sound && decoded.bytes == text);
        assert_eq!(Codec::Zlib.decode(&encoded, 100, 4096).bytes, text[..100]);
        // What comes out of damaged streams is kept.
        encoded[len / 2] ^= 0xff;
        let decoded = Codec::Zlib.decode(&encoded, 128 << 10, 4096);
        assert!(decoded.bytes.len() <= 128 << 10);
        for codec in [Codec::Zlib, Codec::Lzo, Codec::Zstd, Codec::Unknown] {
            assert_eq!(codec.decode(&[0xff; 64], 4096, 4096), Decoded::default());
        }
    }
}
