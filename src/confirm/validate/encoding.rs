//! The binary-to-text encodings that keys are written in.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{
    GeneralPurpose, NO_PAD, PAD, STANDARD, STANDARD_PAD_INDIFFERENT, URL_SAFE_PAD_INDIFFERENT,
};

/// Digits of base 62 in the order of their values.
pub(crate) const BASE62: &[u8; 62] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Digits of base 64 in the order of their values (RFC 4648 section 4).
pub(crate) const BASE64: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Ignores spare bits in the last character.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    PAD.with_decode_allow_trailing_bits(true),
);

/// As [`LENIENT`], without padding.
const LENIENT_BARE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    NO_PAD.with_decode_allow_trailing_bits(true),
);

/// Standard base64, padded and canonical: a text that decodes encodes to itself again (RFC 4648
/// section 3.5), which throws away 15 of 16 look-alikes of a 64-byte key.
pub(crate) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Standard or URL-safe base64, padded or not, canonical.
pub(crate) fn base64_any(text: &[u8]) -> Option<Vec<u8>> {
    if text.iter().any(|byte| matches!(byte, b'-' | b'_')) {
        URL_SAFE_PAD_INDIFFERENT.decode(text).ok()
    } else {
        STANDARD_PAD_INDIFFERENT.decode(text).ok()
    }
}

/// URL-safe base64 (RFC 4648 section 5), padded or not, canonical.
pub(crate) fn base64url(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_PAD_INDIFFERENT.decode(text).ok()
}

/// Standard base64 whose last character may hold spare bits, padded or bare.
pub(crate) fn base64_lenient(text: &[u8]) -> Option<Vec<u8>> {
    LENIENT
        .decode(text)
        .or_else(|_| LENIENT_BARE.decode(text))
        .ok()
}

/// Standard base64 with padding.
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Base32 (RFC 4648 section 6) in either case, without padding: the whole bytes. Spare bits at
/// the end are dropped.
pub(crate) fn base32(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut held: u32 = 0;
    let mut bits: u32 = 0;
    for character in text {
        let value = match character {
            b'A'..=b'Z' => character.wrapping_sub(b'A'),
            b'a'..=b'z' => character.wrapping_sub(b'a'),
            b'2'..=b'7' => character.wrapping_sub(b'2').wrapping_add(26),
            _ => return None,
        };
        // At most seven bits are held over, so twelve at once.
        held = (held << 5 | u32::from(value)) & 0xFFF;
        bits = bits.saturating_add(5);
        if bits >= 8 {
            bits = bits.saturating_sub(8);
            let [_, _, high, low] = held.to_be_bytes();
            let window = u16::from_be_bytes([high, low]);
            let [_, byte] = window.checked_shr(bits)?.to_be_bytes();
            bytes.push(byte);
        }
    }
    Some(bytes)
}

/// Base32 with the given 32-character alphabet, most significant bit first, without padding.
pub(crate) fn to_base32(bytes: &[u8], alphabet: &[u8; 32]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    let mut held: u32 = 0;
    let mut bits: u32 = 0;
    let mut push = |value: u32| {
        let index = usize::try_from(value & 31).unwrap_or(0);
        text.extend(alphabet.get(index).map(|byte| char::from(*byte)));
    };
    for byte in bytes {
        held = (held << 8 | u32::from(*byte)) & 0xFFFF;
        bits = bits.saturating_add(8);
        while bits >= 5 {
            bits = bits.saturating_sub(5);
            push(held >> bits);
        }
    }
    if bits > 0 {
        push(held << 5_u32.saturating_sub(bits));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_agrees_with_the_vectors_of_the_standard() {
        // RFC 4648 section 10.
        let upper = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        for (plain, coded) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(
                base32(coded.as_bytes()).unwrap(),
                plain.as_bytes(),
                "{coded}"
            );
            assert_eq!(to_base32(plain.as_bytes(), upper), coded);
        }
        assert_eq!(base32(b"mzxw6ytboi").unwrap(), b"foobar");
        assert_eq!(base32(b"MZ1"), None);
    }

    #[test]
    fn base64_is_canonical_unless_asked_otherwise() {
        assert_eq!(base64(b"Zg==").unwrap(), b"f");
        assert_eq!(base64(b"Zh=="), None, "spare bits are set");
        assert_eq!(base64(b"Zg"), None, "no padding");
        assert_eq!(base64_any(b"Zg").unwrap(), b"f");
        assert_eq!(base64_any(b"-_-_").unwrap(), [0xFB, 0xFF, 0xBF]);
        assert_eq!(base64_lenient(b"Zh==").unwrap(), b"f");
        assert_eq!(base64_lenient(b"Zh").unwrap(), b"f");
    }
}
