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

/// What stands for the byte order mark, behind which a file's first line begins.
const MARK: u8 = b'\n';

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

/// Where to decode.
#[derive(Clone, Copy)]
pub(super) struct Place<'w> {
    /// The bytes around the hit.
    pub(super) window: &'w [u8],
    /// The hit in them.
    pub(super) at: usize,
    /// Whether the window begins at an even position of the image.
    pub(super) even: bool,
    /// How many decoded bytes before the literal are wanted.
    pub(super) before: usize,
    /// How many from its first byte on.
    pub(super) after: usize,
}

/// The readings of what lies around a hit, the likeliest first; none if it is not in this encoding
/// after all.
pub(super) fn decode(place: Place<'_>, encoding: Encoding) -> impl Iterator<Item = Decoded> {
    // Base64 that begins on a line of its own, under another line of letters and digits, must not
    // be read together with that line.
    let lines = [true, false];
    let tries = match encoding {
        Encoding::Plain => 0,
        Encoding::Utf16Le { .. } | Encoding::Utf16Be { .. } => 1,
        Encoding::Base64 { .. } | Encoding::Base64Utf16Le { .. } => 2,
    };
    lines
        .into_iter()
        .take(tries)
        .filter_map(move |join| read(place, encoding, join))
}

fn read(place: Place<'_>, encoding: Encoding, join: bool) -> Option<Decoded> {
    let Place {
        window,
        at,
        before,
        after,
        ..
    } = place;
    match encoding {
        Encoding::Plain => None,
        Encoding::Utf16Le { skip } | Encoding::Utf16Be { skip } => {
            let low_first = matches!(encoding, Encoding::Utf16Le { .. });
            if is_low_first(place, low_first)? != low_first {
                return None;
            }
            let before = before.checked_add(skip)?;
            let (view, hit) = utf16(window, at, low_first, before, after)?;
            let anchor = hit.checked_sub(skip)?;
            let encodings: &[&str] = if low_first {
                &["utf-16le"]
            } else {
                &["utf-16be"]
            };
            Some(Decoded {
                view,
                anchor,
                encodings,
                base64_at: None,
            })
        }
        Encoding::Base64 { shift } => {
            let (view, anchor) = base64(window, at, shift, (before, after), join)?;
            let base64_at = Some(view.source_range(0..0).start);
            Some(Decoded {
                view,
                anchor,
                encodings: &["base64"],
                base64_at,
            })
        }
        Encoding::Base64Utf16Le { shift } => {
            let wanted = (before.checked_mul(2)?, after.checked_mul(2)?);
            let (outer, anchor16) = base64(window, at, shift, wanted, join)?;
            let (inner, anchor) = utf16(outer.bytes(), anchor16, true, before, after)?;
            let base64_at = Some(outer.source_range(0..0).start);
            let view = inner.over(&outer);
            Some(Decoded {
                view,
                anchor,
                encodings: &["base64", "utf-16le"],
                base64_at,
            })
        }
    }
}

/// Whether the text around a hit has the low byte first. The same ASCII text is found in both
/// orders, one byte apart, so the order must come from where the text begins: with a character or
/// with a NUL. Where that is out of sight, text begins at even positions, as files and their
/// fields do.
fn is_low_first(place: Place<'_>, hit_low_first: bool) -> Option<bool> {
    let mut nul = if hit_low_first {
        place.at.checked_add(1)?
    } else {
        place.at
    };
    while nul >= 2 && place.window.get(nul.saturating_sub(2)) == Some(&0) {
        nul = nul.saturating_sub(2);
    }
    let begins_with_text = |at: usize| {
        let first = place.window.get(at);
        first.is_some_and(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
    };
    let is_nul = |at: usize| place.window.get(at) == Some(&0);
    let nul_is_even = nul.is_multiple_of(2) == place.even;
    match nul {
        0 => Some(!nul_is_even),
        1 => Some((begins_with_text(0) || is_nul(0)) && !nul_is_even),
        _ => Some(begins_with_text(nul.saturating_sub(1))),
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
    let pairs = window
        .get(start..)?
        .chunks_exact(2)
        .take(lead.saturating_add(after));
    let bytes: Vec<u8> = pairs
        .map(|pair| match (pair, low_first) {
            ([byte, 0], true) | ([0, byte], false) => *byte,
            ([0xff, 0xfe], true) | ([0xfe, 0xff], false) => MARK,
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
    (before, after): (usize, usize),
    join: bool,
) -> Option<(View, usize)> {
    let characters = |bytes: usize| bytes.checked_mul(4)?.div_ceil(3).checked_add(8);
    let place_in_group = FIRST_CHARACTER.get(shift).copied()?;
    let mut places = digits_before(window, at, characters(before)?, join);
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
            .fold(0, |word, (index, bits)| {
                word | value(index).unwrap_or(0) << bits
            });
        let [_, decoded @ ..] = word.to_be_bytes();
        // A group of two or three characters, at the end, holds one or two bytes.
        for (index, byte) in decoded
            .iter()
            .enumerate()
            .take(group.len().saturating_sub(1))
        {
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
/// between them are passed over, also written as `\n` or `\r`, if lines may be joined.
fn digits_before(window: &[u8], at: usize, most: usize, join: bool) -> Vec<(usize, u8)> {
    let mut digits = Vec::new();
    let mut rest = window.get(..at).unwrap_or(&[]);
    while digits.len() < most {
        rest = match rest {
            [.., b'\\', b'n' | b'r'] | [.., b'\n' | b'\r'] if !join => break,
            [before @ .., b'\\', b'n' | b'r'] | [before @ .., b'\n' | b'\r'] => before,
            // Indented base64, as in YAML: blanks count only at the start of a line.
            [before @ .., b' ' | b'\t'] if join => {
                let line = before.trim_ascii_end();
                let break_at = line.len();
                if !before
                    .get(break_at..)
                    .is_some_and(|blank| blank.contains(&b'\n'))
                {
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

/// Whether the text begins with a line of base64 alone, up to a quote or a tag at most: what stands
/// below encoded text without padding may be the next setting (`kind: Secret`).
fn is_base64_line(text: &[u8]) -> bool {
    let digits = text.iter().take_while(|byte| digit(**byte).is_some());
    let after = text.get(digits.count()..).unwrap_or(&[]);
    let padding = after.iter().take(2).take_while(|byte| **byte == b'=');
    let after = after.get(padding.count()..).unwrap_or(&[]);
    let mut rest = after.iter().skip_while(|byte| matches!(byte, b' ' | b'\t'));
    let ends = matches!(
        rest.next(),
        None | Some(b'\n' | b'\r' | b'"' | b'\'' | b'<' | b'\\' | b',' | 0)
    );
    text.first().is_some_and(|byte| digit(*byte).is_some()) && ends
}

/// Appends places and values of up to `most` digits from `at` on.
fn digits_from(window: &[u8], at: usize, most: usize, digits: &mut Vec<(usize, u8)>) {
    let mut rest = window.get(at..).unwrap_or(&[]);
    let wanted = digits.len().saturating_add(most);
    while digits.len() < wanted {
        rest = match rest {
            [b'\\', b'n' | b'r', after @ ..] => after,
            [b'\n' | b'\r', after @ ..] if is_base64_line(after.trim_ascii_start()) => {
                after.trim_ascii_start()
            }
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

    fn first(window: &[u8], at: usize, encoding: Encoding) -> Option<Decoded> {
        decode(
            Place {
                window,
                at,
                even: true,
                before: 64,
                after: 64,
            },
            encoding,
        )
        .next()
    }

    /// Decodes `encoded` around the place where the anchor `own` of `word` lies.
    fn around(encoded: &str, own: &str, encoding: Encoding) -> (String, usize, Decoded) {
        let at = encoded.find(own).unwrap();
        let decoded = first(encoded.as_bytes(), at, encoding).unwrap();
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
            for frame in [
                format!("auth: Basic {encoded}\n"),
                format!("x={encoded}"),
                encoded,
            ] {
                let (decoded, anchor, found) = around(&frame, own, Encoding::Base64 { shift });
                assert!(
                    decoded[anchor..].starts_with("AKIA is here"),
                    "{frame}: {decoded}"
                );
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
            assert!(
                decoded[anchor..].starts_with("AKIA and some"),
                "{line_break:?} {decoded}"
            );
            assert!(
                decoded.starts_with("some words"),
                "{line_break:?} {decoded}"
            );
        }
    }

    #[test]
    fn what_stands_below_encoded_text_is_not_part_of_it() {
        let encoded = STANDARD.encode(format!("{}AKIA and no more..", "x".repeat(30)));
        for below in [
            "\nkind: Secret\n",
            "\r\nkind=Secret",
            "\n  other: x",
            "\nend of it",
        ] {
            let text = format!("key: {encoded}{below}");
            let at = "key: ".len() + 40;
            let found = first(text.as_bytes(), at, Encoding::Base64 { shift: 0 }).unwrap();
            assert!(
                found.view.bytes().ends_with(b"AKIA and no more.."),
                "{below:?}"
            );
        }
    }

    #[test]
    fn utf_16_in_either_order_and_in_base64_is_read() {
        let low: Vec<u8> = "π key AKIA"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let at = low.windows(2).position(|pair| pair == b"A\0").unwrap();
        let found = first(&low, at, Encoding::Utf16Le { skip: 0 }).unwrap();
        assert_eq!(found.view.bytes(), b"\xff key AKIA");
        assert_eq!((found.anchor, found.view.source_range(6..10)), (6, 12..20));
        let encoded = STANDARD.encode(&low);
        let own = STANDARD.encode(b"A\0K\0I\0A\0");
        let at = encoded.find(&own[..10]).unwrap();
        let encoding = Encoding::Base64Utf16Le { shift: 0 };
        let found = first(encoded.as_bytes(), at, encoding).unwrap();
        assert_eq!(&found.view.bytes()[found.anchor..], b"AKIA");
        assert_eq!(found.encodings, ["base64", "utf-16le"]);
    }

    #[test]
    fn the_order_of_bytes_comes_from_the_beginning_of_the_text() {
        let text = "some AKIA text";
        let low: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let high: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for (bytes, is_low) in [(low, true), (high, false)] {
            for lead in [&b""[..], b"\xff\xfe", b"\x80", b"\x80\x81\x82", &[0; 600]] {
                let all = [lead, &bytes, b"\x90"].concat();
                for (form, encoding) in [
                    (b"A\0K\0I\0A\0", Encoding::Utf16Le { skip: 0 }),
                    (b"\0A\0K\0I\0A", Encoding::Utf16Be { skip: 0 }),
                ] {
                    let at = memchr::memmem::find(&all, form).unwrap();
                    let read = first(&all, at, encoding).is_some();
                    let expected = is_low == matches!(encoding, Encoding::Utf16Le { .. });
                    assert_eq!(read, expected, "{lead:?} {is_low} {encoding:?}");
                }
            }
        }
    }
}
