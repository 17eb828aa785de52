//! Keys of 32 hexadecimal digits, which look like any other digest of 16 bytes.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use crate::confirm::Candidate;
use crate::confirm::validate::context::{self, Pattern};
use crate::confirm::validate::{entropy, placeholder};

/// How far before a key a word is looked for that says it is a digest, in bytes.
const NAME: usize = 48;

static DIGEST: Pattern =
    Pattern::new(r"(?i)md5|sha-?[0-9]|etag|hash|integrity|checksum|revision|commit|fingerprint");

/// Whether the secret may be a key: not a digest, not a GUID that stands near it with dashes, not
/// all of a few digits.
pub(super) fn is_key(candidate: &Candidate<'_>) -> bool {
    let key = candidate.secret();
    let place = candidate.secret_range();
    let before = place.start.saturating_sub(NAME)..place.start;
    let before = candidate.window.get(before).unwrap_or(&[]);
    let has = |test: fn(&u8) -> bool| key.iter().any(test);
    entropy::distinct(key) >= 8
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
        && DIGEST.first(before).is_none()
        && !stands_dashed(candidate.window, key)
}

/// Whether a person typed it.
pub(super) fn is_typed(key: &[u8]) -> bool {
    placeholder::is_typed(key) || is_ladder(key)
}

/// `1a2b3c4d...`: digits and letters that climb in turn.
fn is_ladder(key: &[u8]) -> bool {
    let even: Vec<u8> = key.iter().copied().step_by(2).collect();
    let odd: Vec<u8> = key.iter().copied().skip(1).step_by(2).collect();
    entropy::longest_progression(&even, 1) >= 6 && entropy::longest_progression(&odd, 1) >= 5
}

fn stands_dashed(window: &[u8], key: &[u8]) -> bool {
    let key = context::text(key);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| key.get(range).unwrap_or(""));
    let lower = window.to_ascii_lowercase();
    memchr::memmem::find(&lower, parts.join("-").as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_known_without_its_dashes() {
        let key = b"6ba7b8109dad11d180b400c04fd430c8";
        assert!(stands_dashed(
            b"id: 6BA7B810-9DAD-11D1-80B4-00C04FD430C8",
            key
        ));
        assert!(!stands_dashed(
            b"id: 6BA7B811-9DAD-11D1-80B4-00C04FD430C8",
            key
        ));
    }

    #[test]
    fn typed_digits_are_told_from_drawn_ones() {
        assert!(is_typed(b"1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d"));
        assert!(is_typed(b"0123456789abcdef0123456789abcdef"));
        assert!(!is_typed(b"6ba7b8109dad11d180b400c04fd430c8"));
    }
}
