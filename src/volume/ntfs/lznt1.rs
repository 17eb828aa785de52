//! The compression of NTFS (Microsoft, "\[MS-XCA\]: Xpress Compression Algorithm", 2.5, LZNT1).
//!
//! Chunks of up to 4 KiB, each with a header of two bytes. In a chunk, a byte of flags goes before
//! eight tokens: bytes to be kept, or pairs of a distance back and a length, which share 16 bits
//! the more unevenly the further the chunk is along.

use std::ops::Range;

use crate::volume::field::{le_u16, u8_at};

/// Bytes that a chunk stands for.
const CHUNK: usize = 4096;
const COMPRESSED: u16 = 0x8000;

/// What was decoded.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) bytes: Vec<u8>,
    /// For each chunk, its bytes and what they were made from.
    pub(super) chunks: Vec<(Range<usize>, Range<usize>)>,
    /// Nothing was wrong.
    pub(super) sound: bool,
}

/// Decodes up to `limit` bytes; what was decoded before something was wrong is kept.
pub(super) fn decode(encoded: &[u8], limit: usize) -> Decoded {
    let mut decoded = Decoded::default();
    let mut at = 0_usize;
    loop {
        // Zeros fill up the last cluster.
        let header = le_u16(encoded, at).unwrap_or(0);
        if header == 0 || decoded.bytes.len() >= limit {
            decoded.sound = true;
            return decoded;
        }
        let start = at.saturating_add(2);
        let end = start
            .saturating_add(usize::from(header & 0xfff))
            .saturating_add(1);
        let Some(body) = encoded.get(start..end) else {
            return decoded;
        };
        // Only the last chunk may be shorter.
        let first = decoded.bytes.len().next_multiple_of(CHUNK);
        decoded.bytes.resize(first, 0);
        let sound = if header & COMPRESSED == 0 {
            decoded.bytes.extend(body);
            true
        } else {
            chunk(body, &mut decoded.bytes).is_some()
        };
        let last = decoded.bytes.len();
        decoded.chunks.push((first..last, at..end));
        if !sound {
            return decoded;
        }
        at = end;
    }
}

/// Decodes a compressed chunk behind what `out` holds.
fn chunk(body: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let first = out.len();
    let mut at = 0_usize;
    while let Some(flags) = u8_at(body, at) {
        at = at.checked_add(1)?;
        for bit in 0..8 {
            let done = out.len().checked_sub(first)?;
            if at >= body.len() {
                break;
            }
            if done >= CHUNK {
                return None;
            }
            if flags >> bit & 1 == 0 {
                out.push(u8_at(body, at)?);
                at = at.checked_add(1)?;
                continue;
            }
            let token = usize::from(le_u16(body, at)?);
            at = at.checked_add(2)?;
            // As few bits for the distance as reach back to the chunk's first byte, at least 4.
            let distance_bits = done.checked_next_power_of_two()?.trailing_zeros().max(4);
            let len_bits = 16_u32.checked_sub(distance_bits)?;
            let distance = token.checked_shr(len_bits)?.checked_add(1)?;
            let mask = 1_usize.checked_shl(len_bits)?.checked_sub(1)?;
            let len = (token & mask).checked_add(3)?;
            if distance > done || done.checked_add(len)? > CHUNK {
                return None;
            }
            // Byte by byte, because the copy may reach into itself.
            for _ in 0..len {
                let from = out.len().checked_sub(distance)?;
                out.push(u8_at(out, from)?);
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_decodes() {
        // [MS-XCA] 3.3 has a chunk in two forms; both say this.
        let text =
            b"F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D \
            E F# G F# D E F# G F# E D E A F# F# G A A G F# E D D E F# E D D\0";
        let encoded = [
            0x38, 0xb0, 0x88, 0x46, 0x23, 0x20, 0x00, 0x20, 0x47, 0x20, 0x41, 0x00, 0x10, 0xa2,
            0x47, 0x01, 0xa0, 0x45, 0x20, 0x44, 0x00, 0x08, 0x45, 0x01, 0x50, 0x79, 0x00, 0xc0,
            0x45, 0x20, 0x05, 0x24, 0x13, 0x88, 0x05, 0xb4, 0x02, 0x4a, 0x44, 0xef, 0x03, 0x58,
            0x02, 0x8c, 0x09, 0x16, 0x01, 0x48, 0x45, 0x00, 0xbe, 0x00, 0x9e, 0x00, 0x04, 0x01,
            0x18, 0x90, 0x00,
        ];
        let decoded = decode(&encoded, CHUNK);
        assert_eq!(
            decoded.bytes.escape_ascii().to_string(),
            text.escape_ascii().to_string()
        );
        assert!(decoded.sound);
        assert_eq!(decoded.chunks, [(0..text.len(), 0..59)]);
    }

    #[test]
    fn a_short_chunk_before_another_is_filled_up() {
        let encoded = [2, 0x30, b'a', b'b', b'c', 0, 0x30, b'd', 0, 0];
        let decoded = decode(&encoded, 2 * CHUNK);
        assert_eq!(decoded.bytes.len(), CHUNK + 1);
        assert_eq!(decoded.bytes[..4], *b"abc\0");
        assert_eq!(decoded.chunks, [(0..3, 0..5), (CHUNK..CHUNK + 1, 5..8)]);
    }

    #[test]
    fn a_reference_before_the_chunk_ends_the_decoding() {
        for body in [
            &[1, 0, 0][..],
            &[2, b'a', 0, 0x20],
            &[2, b'a', 0xff, 0x0f],
            &[2, b'a', 0],
        ] {
            let mut encoded = vec![u8::try_from(body.len() - 1).unwrap(), 0xb0];
            encoded.extend(body);
            let decoded = decode(&encoded, CHUNK);
            assert!(!decoded.sound || body.len() == 3, "{body:?}: {decoded:?}");
            assert!(decoded.bytes.len() <= CHUNK);
        }
        assert!(!decode(&[0xff, 0xbf, 0], CHUNK).sound);
    }
}
