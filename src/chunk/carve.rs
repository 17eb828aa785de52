//! Streams that were compressed before they were written: found by the magic number they begin
//! with, decoded as far as they go, and searched like any other bytes.
//!
//! A magic number is a literal, so it is one more anchor in the pass over the disk. Most hits are
//! coincidences; whatever a header can say against them is asked before anything is allocated.
//! What is decoded is kept whole, because the streams inside it are read from there.
//!
//! Decoders never fail: a stream that is cut short, overwritten or scattered over the disk gives
//! the bytes before the damage. What keeps a small stream from becoming an endless one are the
//! [limits](Limit); each that takes effect is told to the caller, and none of them depends on
//! anything but the stream, so a scan gives the same result every time.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

mod bzip2;
mod deflate;
mod gzip;
mod input;
mod lz4;
mod output;
mod xz;
mod zip;
mod zstd;

use flate2::Decompress;

pub use input::Supply;

use self::input::Input;
use self::output::Output;
use crate::rule::AnchorSpec;
use crate::unit::ByteClass;

/// Most bytes that one stream may give.
pub const MAX_DECODED: usize = 64 << 20;

/// Most bytes that one stream may take: bytes that do not compress, with room for the headers of
/// their blocks.
const MAX_STORED: u64 = 72 << 20;

/// Decoded bytes that every stream may give, however small it is.
const FREE: usize = 1 << 20;

/// Decoded bytes that each stored byte may give beyond those. Logs reach 30, databases full of
/// empty pages 100; a stream that gives more is zeros, or made to waste time.
const MAX_RATIO: u64 = 200;

/// Fewest decoded bytes that make a stream: a coincidence often decodes to a few, and no secret is
/// shorter.
const SHORTEST: usize = 8;

/// A kind of compressed stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// A gzip member (RFC 1952).
    Gzip,
    /// A deflated file in a ZIP archive, from its local header on (APPNOTE.TXT, 4.3.7).
    Zip,
    /// A Zstandard frame (RFC 8878).
    Zstd,
    /// An .xz stream (The .xz File Format, 1.2.1).
    Xz,
    /// A bzip2 stream.
    Bzip2,
    /// An LZ4 frame (LZ4 Frame Format Description, 1.6.4).
    Lz4,
}

impl Codec {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Gzip,
        Self::Zip,
        Self::Zstd,
        Self::Xz,
        Self::Bzip2,
        Self::Lz4,
    ];

    /// The word used for the encoding in the record.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zip => "zip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
            Self::Lz4 => "lz4",
        }
    }

    /// The magic number as an anchor. A stream begins where the anchor does.
    #[must_use]
    pub fn magic(self) -> AnchorSpec {
        let (bytes, follow): (&[u8], Option<ByteClass>) = match self {
            // The method is always deflate; of the flags after it the upper three are never set.
            Self::Gzip => (
                b"\x1f\x8b\x08",
                Some(ByteClass::from_fn(|byte| byte < 0x20)),
            ),
            Self::Zip => (b"PK\x03\x04", None),
            Self::Zstd => (b"\x28\xb5\x2f\xfd", None),
            Self::Xz => (b"\xfd7zXZ\0", None),
            // The block size follows, in units of 100,000 bytes.
            Self::Bzip2 => (
                b"BZh",
                Some(ByteClass::from_fn(|byte| (b'1'..=b'9').contains(&byte))),
            ),
            Self::Lz4 => (b"\x04\x22\x4d\x18", None),
        };
        AnchorSpec::Literal {
            bytes: bytes.to_vec(),
            nocase: false,
            follow,
        }
    }
}

/// Why a stream, or what lies beyond a point in it, was not searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// It lies in more streams than were to be opened.
    Depth,
    /// Its file is encrypted.
    Encrypted,
    /// It gives more bytes for each that it takes than any sensible stream does.
    Ratio,
    /// It gives or takes more bytes than one stream may.
    Size,
    /// It goes on in bytes of standard input that are gone or have not come yet.
    Pipe,
    /// All streams of the scan together gave more bytes than the inputs have by far.
    Total,
    /// The outermost stream it lies in has given as many bytes as its content may.
    Tree,
    /// It is compressed in a way that is not known here.
    Unsupported,
    /// It refers back further than is kept.
    Window,
}

impl Limit {
    /// The word used in the summary.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Depth => "carve-depth",
            Self::Encrypted => "carve-encrypted",
            Self::Ratio => "carve-ratio",
            Self::Size => "carve-size",
            Self::Pipe => "carve-pipe",
            Self::Total => "carve-total",
            Self::Tree => "carve-tree",
            Self::Unsupported => "carve-unsupported",
            Self::Window => "carve-window",
        }
    }
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Where it says that it ends.
    Whole,
    /// At damage, or where its bytes end.
    Broken,
    /// At a limit.
    Limited(Limit),
}

/// A stream that was decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// How many stored bytes were decoded, the header included.
    pub stored: u64,
    /// How many of those come before the first one that was compressed: in a header there is room
    /// for bytes that are not decoded.
    pub header: u64,
    /// How it ended.
    pub ending: Ending,
}

/// The decoders' memory, kept from one stream to the next.
pub struct Decoder {
    inflate: Decompress,
    input: Vec<u8>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            inflate: Decompress::new(false),
            input: Vec::new(),
        }
    }
}

impl Decoder {
    /// Decodes the stream that begins with the first byte of `supply`: at most `room` bytes, which
    /// replace what `bytes` held. `None` if no stream begins there after all.
    pub fn decode(
        &mut self,
        codec: Codec,
        supply: &mut dyn Supply,
        room: usize,
        bytes: &mut Vec<u8>,
    ) -> Option<Decoded> {
        let room = room.min(MAX_DECODED);
        let mut input = Input::new(supply, std::mem::take(&mut self.input));
        let mut output = Output::new(bytes, room);
        let ending = match codec {
            Codec::Gzip => gzip::decode(&mut self.inflate, &mut input, &mut output),
            Codec::Zip => zip::decode(&mut self.inflate, &mut input, &mut output),
            Codec::Zstd => zstd::decode(&mut input, &mut output),
            Codec::Xz => xz::decode(&mut input, &mut output),
            Codec::Bzip2 => bzip2::decode(&mut input, &mut output),
            Codec::Lz4 => lz4::decode(&mut input, &mut output),
        };
        let (stored, header) = (input.consumed(), input.header());
        self.input = input.into_memory();
        let (len, ending) = (output.finish(), ending?);
        // A limit that takes effect at the header says something about the stream all the same.
        let limited = matches!(ending, Ending::Limited(_));
        (len >= SHORTEST || limited).then_some(Decoded {
            stored,
            header,
            ending,
        })
    }
}

#[cfg(test)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "tests write plain numbers"
)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(codec: Codec, mut stored: &[u8], room: usize) -> Option<(Decoded, Vec<u8>)> {
        let mut bytes = vec![7; 3];
        let decoded = Decoder::default().decode(codec, &mut stored, room, &mut bytes);
        decoded.map(|decoded| (decoded, bytes))
    }

    /// A ZIP local header with this method and these flags, and a file of one stored block.
    fn zip(method: u8, flags: u8) -> Vec<u8> {
        let mut file = b"PK\x03\x04\x14\0".to_vec();
        file.extend([flags, 0, method, 0]);
        file.extend([0; 16]);
        file.extend([1, 0, 2, 0]);
        file.extend(b"axx\x01\x0b\0\xf4\xffhello world trailing");
        file
    }

    #[test]
    fn a_file_ends_where_its_last_block_ends() {
        let (decoded, bytes) = decode(Codec::Zip, &zip(8, 8), 1 << 20).unwrap();
        assert_eq!(bytes, b"hello world");
        assert_eq!((decoded.header, decoded.stored), (33, 49));
        assert_eq!(decoded.ending, Ending::Whole);
        let (decoded, bytes) = decode(Codec::Zip, &zip(8, 8)[..46], 1 << 20).unwrap();
        assert_eq!(
            (decoded.ending, bytes.as_slice()),
            (Ending::Broken, &b"hello wo"[..])
        );
        let (decoded, bytes) = decode(Codec::Zip, &zip(8, 8), 8).unwrap();
        assert_eq!(decoded.ending, Ending::Whole);
        assert_eq!(bytes, b"hello wo", "no more than was asked for");
    }

    #[test]
    fn what_cannot_be_decoded_is_told_from_what_need_not_be() {
        let ending = |file: &[u8]| decode(Codec::Zip, file, 100).map(|(decoded, _)| decoded.ending);
        let limited = |limit| Some(Ending::Limited(limit));
        assert_eq!(ending(&zip(8, 1)), limited(Limit::Encrypted));
        assert_eq!(ending(&zip(9, 0)), limited(Limit::Unsupported));
        assert_eq!(ending(&zip(0, 0)), None);
        assert_eq!(ending(&zip(200, 0)), None);
    }

    #[test]
    fn an_lz4_block_repeats_what_it_wrote() {
        let mut frame = b"\x04\x22\x4d\x18\x60\x40\x82".to_vec();
        // Three literals, 19 + 2 bytes from 3 bytes back, and one literal at the end.
        frame.extend([9, 0, 0, 0, 0x3f, b'a', b'b', b'c', 3, 0, 2, 0x10, b'!']);
        let plain = [&b"abc".repeat(8)[..], b"!"].concat();
        let cut = decode(Codec::Lz4, &frame, 1000).unwrap();
        assert_eq!((cut.0.ending, &cut.1), (Ending::Broken, &plain));
        frame.extend([0; 4]);
        let whole = decode(Codec::Lz4, &frame, 1000).unwrap();
        assert_eq!((whole.0.ending, &whole.1), (Ending::Whole, &plain));
        // A match that begins before the first byte.
        frame[15] = 4;
        assert_eq!(decode(Codec::Lz4, &frame, 1000), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn any_bytes_after_a_magic_number_are_read_within_bounds(
            which in 0..Codec::ALL.len(),
            head in prop::collection::vec(prop_oneof![Just(0_u8), Just(8), any::<u8>()], 0..40),
            tail in prop::collection::vec(any::<u8>(), 0..600),
            room in 0_usize..1000,
        ) {
            let codec = Codec::ALL[which];
            let AnchorSpec::Literal { bytes: mut stored, .. } = codec.magic() else {
                unreachable!("magic numbers are literals");
            };
            if codec == Codec::Bzip2 {
                stored.extend(b"91AY&SY");
            }
            stored.extend(head);
            stored.extend(tail);
            if let Some((decoded, bytes)) = decode(codec, &stored, room) {
                prop_assert!(bytes.len() <= room);
                prop_assert!(decoded.stored <= stored.len() as u64);
                prop_assert!(decoded.header <= decoded.stored.max(1));
            }
        }
    }
}
