//! Undoing the encoding in which an anchor was found: UTF-16, base64, or both.
//!
//! What lies around the anchor is decoded as far as the rule may look, in the decoded bytes'
//! measure, and every decoded byte remembers where it came from. How the base64 around an anchor
//! falls into groups is known from the anchor itself, so neither the beginning of the encoded text
//! nor its line length matters.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::unescape::View;
use crate::anchor::encode::{Encoding, FIRST_CHARACTER};

/// What stands for a character that has no single byte: no pattern asks for it.
const FOREIGN: u8 = 0xff;

/// Decoded bytes around an anchor.
pub(super) struct Decoded {
    /// The bytes, and where each lies in the window.
    pub(super) view: View,
    /// Where the literal begins in them.
    pub(super) anchor: usize,
    /// The encodings that were undone, outermost first, as the record names them.
    pub(super) encodings: &'static [&'static str],
    /// Where the encoded text begins in the window, for the forensic path; UTF-16 has no such
    /// place.
    pub(super) base64_at: Option<usize>,
}

/// Decodes around the hit at `at`, `before` and `after` decoded bytes far. `None` if what lies
/// there is not in this encoding after all.
pub(super) fn decode(
    window: &[u8],
    at: usize,
    encoding: Encoding,
    before: usize,
    after: usize,
) -> Option<Decoded> {
    match encoding {
        Encoding::Plain => None,
        Encoding::Utf16Le { skip } | Encoding::Utf16Be { skip } => {
            let low_first = matches!(encoding, Encoding::Utf16Le { .. });
            let before = before.checked_add(skip)?;
            let (view, hit) = utf16(window, at, low_first, before, after)?;
            let anchor = hit.checked_sub(skip)?;
            let encodings: &[&str] = if low_first { &["utf-16le"] } else { &["utf-16be"] };
            Some(Decoded { view, anchor, encodings, base64_at: None })
        }
        Encoding::Base64 { shift } => {
            let (view, anchor) = base64(window, at, shift, before, after)?;
            let base64_at = Some(view.source_range(0..0).start);
            Some(Decoded { view, anchor, encodings: &["base64"], base64_at })
        }
        Encoding::Base64Utf16Le { shift } => {
            let (before16, after16) = (before.checked_mul(2)?, after.checked_mul(2)?);
            let (outer, anchor16) = base64(window, at, shift, before16, after16)?;
            let (inner, anchor) = utf16(outer.bytes(), anchor16, true, before, after)?;
            let base64_at = Some(outer.source_range(0..0).start);
            let view = inner.over(&outer);
            Some(Decoded { view, anchor, encodings: &["base64", "utf-16le"], base64_at })
        }
    }
}

/// One byte per pair of bytes around `at`, where a pair begins.
fn utf16(
    window: &[u8],
    at: usize,
    low_first: bool,
    before: usize,
    after: usize,
) -> Option<(View, usize)> {
    let lead = before.min(at.checked_div(2)?);
    let start = at.checked_sub(lead.checked_mul(2)?)?;
    let pairs = window.get(start..)?.chunks_exact(2).take(lead.saturating_add(after));
    let bytes: Vec<u8> = pairs
        .map(|pair| match (pair, low_first) {
            ([byte, 0], true) | ([0, byte], false) => *byte,
            _ => FOREIGN,
        })
        .collect();
    let origins = (0..=bytes.len()).map(|index| start.saturating_add(index.saturating_mul(2)));
    let view = View::new("utf-16", bytes, origins.collect(), Vec::new());
    Some((view, lead))
}

/// The decoded bytes around the anchor whose first own character lies at `at`, and the place of
/// the literal in them.
fn base64(
    window: &[u8],
    at: usize,
    shift: usize,
    before: usize,
    after: usize,
) -> Option<(View, usize)> {
    let characters = |bytes: usize| bytes.checked_mul(4)?.div_ceil(3).checked_add(8);
    let place_in_group = FIRST_CHARACTER.get(shift).copied()?;
    let mut places = digits_before(window, at, characters(before)?);
    // Whole groups only: what stands before the first is part of a group whose start is not seen.
    let loose = places.len().checked_sub(place_in_group)?.checked_rem(4)?;
    places.drain(..loose);
    let groups_before = places.len().checked_div(4)?;
    digits_from(window, at, characters(after)?, &mut places);
    let mut bytes = Vec::new();
    let (mut origins, mut ends) = (Vec::new(), Vec::new());
    for group in places.chunks(4) {
        let value = |index: usize| group.get(index).map(|(_, value)| u32::from(*value));
        let place = |index: usize| group.get(index).map_or(0, |(place, _)| *place);
        let word = [18_u32, 12, 6, 0]
            .iter()
            .enumerate()
            .fold(0, |word, (index, bits)| word | value(index).unwrap_or(0) << bits);
        let [_, decoded @ ..] = word.to_be_bytes();
        // A group of two or three characters, at the end, holds one or two bytes.
        for (index, byte) in decoded.iter().enumerate().take(group.len().saturating_sub(1)) {
            bytes.push(*byte);
            origins.push(place(index));
            ends.push(place(index.saturating_add(1)).saturating_add(1));
        }
    }
    origins.push(ends.last().copied()?);
    let anchor = groups_before.checked_mul(3)?.checked_add(shift)?;
    (anchor < bytes.len()).then(|| (View::new("base64", bytes, origins, ends), anchor))
}

/// The value of a digit of base64, in either alphabet (RFC 4648, sections 4 and 5).
fn digit(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte.wrapping_sub(b'A'),
        b'a'..=b'z' => byte.wrapping_sub(b'a').wrapping_add(26),
        b'0'..=b'9' => byte.wrapping_sub(b'0').wrapping_add(52),
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

/// Places and values of up to `most` digits that end before `at`, in ascending order. Line ends
/// between them are passed over, also written as `\n` or `\r`.
fn digits_before(window: &[u8], at: usize, most: usize) -> Vec<(usize, u8)> {
    let mut digits = Vec::new();
    let mut rest = window.get(..at).unwrap_or(&[]);
    while digits.len() < most {
        rest = match rest {
            [before @ .., b'\\', b'n' | b'r'] | [before @ .., b'\n' | b'\r'] => before,
            // Indented base64, as in YAML: blanks count only at the start of a line.
            [before @ .., b' ' | b'\t'] => {
                let line = before.trim_ascii_end();
                let break_at = line.len();
                if !before.get(break_at..).is_some_and(|blank| blank.contains(&b'\n')) {
                    break;
                }
                line
            }
            [before @ .., byte] => {
                let Some(value) = digit(*byte) else { break };
                digits.push((before.len(), value));
                before
            }
            [] => break,
        };
    }
    digits.reverse();
    digits
}

/// Appends places and values of up to `most` digits from `at` on.
fn digits_from(window: &[u8], at: usize, most: usize, digits: &mut Vec<(usize, u8)>) {
    let mut rest = window.get(at..).unwrap_or(&[]);
    let wanted = digits.len().saturating_add(most);
    while digits.len() < wanted {
        rest = match rest {
            [b'\\', b'n' | b'r', after @ ..] => after,
            [b'\n' | b'\r', after @ ..] => after.trim_ascii_start(),
            [byte, after @ ..] => {
                let Some(value) = digit(*byte) else { break };
                digits.push((window.len().saturating_sub(rest.len()), value));
                after
            }
            [] => break,
        };
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    /// Decodes `encoded` around the place where the anchor `own` of `word` lies.
    fn around(encoded: &str, own: &str, encoding: Encoding) -> (String, usize, Decoded) {
        let at = encoded.find(own).unwrap();
        let decoded = decode(encoded.as_bytes(), at, encoding, 64, 64).unwrap();
        let text = String::from_utf8_lossy(decoded.view.bytes()).into_owned();
        (text, decoded.anchor, decoded)
    }

    #[test]
    fn base64_is_decoded_whatever_lies_before_it() {
        for before in 0..8 {
            let text = format!("{}:AKIA is here", "u".repeat(before));
            let encoded = STANDARD.encode(&text);
            let shift = (before + 1) % 3;
            let whole = STANDARD.encode(format!("{}AKIA", "\0".repeat(shift)));
            let own = &whole[FIRST_CHARACTER[shift]..(shift + 4) * 8 / 6];
            for frame in [format!("auth: Basic {encoded}\n"), format!("x={encoded}"), encoded] {
                let (decoded, anchor, found) = around(&frame, own, Encoding::Base64 { shift });
                assert!(decoded[anchor..].starts_with("AKIA is here"), "{frame}: {decoded}");
                let range = found.view.source_range(anchor..anchor + 4);
                assert!(range.start <= frame.find(own).unwrap());
                assert!(range.end > frame.find(own).unwrap());
            }
        }
    }

    #[test]
    fn line_breaks_written_or_real_do_not_count() {
        let encoded = STANDARD.encode("some words before AKIA and some after it");
        let at = encoded.find("QUtJQ").unwrap();
        for line_break in ["\n", "\r\n", "\\n", "\n    "] {
            let (head, tail) = encoded.split_at(at - 5);
            let text = format!("key: {head}{line_break}{tail}");
            let (decoded, anchor, _) = around(&text, "QUtJQ", Encoding::Base64 { shift: 0 });
            assert!(decoded[anchor..].starts_with("AKIA and some"), "{line_break:?} {decoded}");
            assert!(decoded.starts_with("some words"), "{line_break:?} {decoded}");
        }
    }

    #[test]
    fn utf_16_in_either_order_and_in_base64_is_read() {
        let low: Vec<u8> = "π key AKIA".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let at = low.windows(2).position(|pair| pair == b"A\0").unwrap();
        let found = decode(&low, at, Encoding::Utf16Le { skip: 0 }, 64, 64).unwrap();
        assert_eq!(found.view.bytes(), b"\xff key AKIA");
        assert_eq!((found.anchor, found.view.source_range(6..10)), (6, 12..20));
        let encoded = STANDARD.encode(&low);
        let own = STANDARD.encode(b"A\0K\0I\0A\0");
        let at = encoded.find(&own[..10]).unwrap();
        let found = decode(encoded.as_bytes(), at, Encoding::Base64Utf16Le { shift: 0 }, 64, 64);
        let found = found.unwrap();
        assert_eq!(&found.view.bytes()[found.anchor..], b"AKIA");
        assert_eq!(found.encodings, ["base64", "utf-16le"]);
    }
}
