//! Numbers out of bytes, without ever reading past the end.
//!
//! `None` stands for "the structure ends before this field", so that a reader of a truncated
//! structure is a chain of `?`.

macro_rules! readers {
    ($($(#[$doc:meta])* $name:ident: $int:ty, $len:literal, $from:ident;)*) => {$(
        $(#[$doc])*
        #[inline]
        #[must_use]
        pub fn $name(bytes: &[u8], at: usize) -> Option<$int> {
            let field = bytes.get(at..)?.first_chunk::<$len>()?;
            Some(<$int>::$from(*field))
        }
    )*};
}

readers! {
    /// A little-endian 16-bit number at `at`.
    le_u16: u16, 2, from_le_bytes;
    /// A little-endian 32-bit number at `at`.
    le_u32: u32, 4, from_le_bytes;
    /// A little-endian 64-bit number at `at`.
    le_u64: u64, 8, from_le_bytes;
    /// A big-endian 16-bit number at `at`.
    be_u16: u16, 2, from_be_bytes;
    /// A big-endian 32-bit number at `at`.
    be_u32: u32, 4, from_be_bytes;
    /// A big-endian 64-bit number at `at`.
    be_u64: u64, 8, from_be_bytes;
}

/// The byte at `at`.
#[inline]
#[must_use]
pub fn u8_at(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

/// Two halves of a number that a format keeps apart.
#[inline]
#[must_use]
pub fn joined(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// Text of a fixed-size field: up to the first NUL, bytes that are not UTF-8 written as `\xNN`, as
/// are control characters, because names end up on terminals.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0);
    let bytes = end.and_then(|end| bytes.get(..end)).unwrap_or(bytes);
    let mut out = String::with_capacity(bytes.len());
    for piece in bytes.utf8_chunks() {
        for c in piece.valid().chars() {
            if c.is_control() {
                out.extend(c.escape_unicode());
            } else {
                out.push(c);
            }
        }
        for byte in piece.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

/// Text of a fixed-size UTF-16LE field, up to the first NUL; lone surrogates become U+FFFD.
#[must_use]
pub fn text_utf16(bytes: &[u8]) -> String {
    let units = bytes.as_chunks::<2>().0.iter();
    let units = units.map(|pair| u16::from_le_bytes(*pair));
    let units = units.take_while(|unit| *unit != 0);
    let decoded: String = char::decode_utf16(units)
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    text(decoded.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_past_the_end_is_none() {
        let bytes = [1, 2, 3, 4, 5];
        assert_eq!(le_u32(&bytes, 1), Some(0x0504_0302));
        assert_eq!(be_u16(&bytes, 0), Some(0x0102));
        assert_eq!(le_u32(&bytes, 2), None);
        assert_eq!(le_u64(&bytes, usize::MAX), None);
        assert_eq!(u8_at(&bytes, 5), None);
    }

    #[test]
    fn text_is_safe_to_print() {
        assert_eq!(text(b"d\xc3\xa9j\xc3\xa0\0junk"), "d\u{e9}j\u{e0}");
        assert_eq!(text(b"a\xff\x1b[31m"), "a\\xff\\u{1b}[31m");
        assert_eq!(text_utf16(&[b'a', 0, 0x3d, 0xd8, 0, 0]), "a\u{fffd}");
    }
}
