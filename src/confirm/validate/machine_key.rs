//! ASP.NET machine keys: with one, anybody can forge the state a page trusts and run code.
//!
//! Microsoft, "machineKey Element (ASP.NET Settings Schema)": a validation key has 40 to 128
//! hexadecimal digits, a decryption key 16 for DES, 48 for Triple DES, 32, 48 or 64 for AES.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::Validator;
use super::context::{self, Pattern};
use super::{entropy, placeholder};
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;

/// The validators of this family, by the name used in rule files.
pub(super) const VALIDATORS: &[(&str, Validator)] = &[
    ("machine-key-decryption", decryption),
    ("machine-key-validation", validation),
];

/// Bits per digit that a key of 32 digits and more must show.
const FLOOR: f64 = 3.0;
/// The same for the sixteen digits of a DES key.
const FLOOR_SHORT: f64 = 2.5;

static VALIDATION: Pattern =
    Pattern::new(r#"(?i)\bvalidation\s*=\s*\\?["'](?<name>[a-z0-9:]{2,40})"#);
static DECRYPTION: Pattern =
    Pattern::new(r#"(?i)\bdecryption\s*=\s*\\?["'](?<name>[a-z0-9:]{2,40})"#);

/// A validation key.
pub(super) fn validation(candidate: &Candidate<'_>) -> Judgement {
    let key = candidate.secret();
    if !key.len().is_multiple_of(2) || !(40..=128).contains(&key.len()) {
        return Judgement::Reject("length");
    }
    judge(candidate, &VALIDATION)
}

/// A decryption key.
pub(super) fn decryption(candidate: &Candidate<'_>) -> Judgement {
    if !matches!(candidate.secret().len(), 16 | 32 | 48 | 64) {
        return Judgement::Reject("length");
    }
    judge(candidate, &DECRYPTION)
}

fn judge(candidate: &Candidate<'_>, algorithm: &Pattern) -> Judgement {
    let key = candidate.secret();
    let lower = key.to_ascii_lowercase();
    // Sixteen random digits are seven different ones or more, all but once in 10,000 times.
    let (enough, floor) = if key.len() < 32 {
        (6, FLOOR_SHORT)
    } else {
        (8, FLOOR)
    };
    let mut proof = Proof::of(Verdict::Structure)
        .canonical(lower.as_slice())
        .detail("bits", key.len().saturating_mul(4));
    let tag = context::tag_around(candidate.window, &candidate.secret_range(), 0);
    if let Some(found) = algorithm.first(tag)
        && let Some(name) = context::text_of(&found, "name")
    {
        proof = proof.detail("algorithm", name);
    }
    if placeholder::is_typed(&lower) || repeats(&lower) {
        return proof.suppress("placeholder");
    }
    if entropy::distinct(&lower) < enough || entropy::bits_per_byte(&lower) < floor {
        return Judgement::Reject("not random");
    }
    proof.accept()
}

/// Whether the first sixteen digits come again: a key typed by copying.
fn repeats(key: &[u8]) -> bool {
    let (Some(first), Some(rest)) = (key.get(..16), key.get(16..)) else {
        return false;
    };
    rest.len() >= 16 && rest.starts_with(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copied_key_is_told_from_a_drawn_one() {
        assert!(repeats("0a1f3c5d7e9b2846".repeat(4).as_bytes()));
        assert!(!repeats(b"0a1f3c5d7e9b28460b1f3c5d7e9b2846"));
        assert!(!repeats(b"0a1f"));
        assert!(VALIDATION.regex().is_some() && DECRYPTION.regex().is_some());
    }
}
