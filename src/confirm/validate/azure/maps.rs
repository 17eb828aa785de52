//! Azure Maps keys from before the annotated ones: 32 bytes in URL-safe base64.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::service::{self, CONTEXT};
use crate::confirm::validate::Validator;
use crate::confirm::validate::context::Pattern;
use crate::confirm::validate::{encoding, entropy, placeholder};
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;

/// The validators of this family, by the name used in rule files.
pub(in super::super) const VALIDATORS: &[(&str, Validator)] = &[("azure-maps-legacy", legacy)];

static WORD: Pattern =
    Pattern::new(r"(?i)atlas\.microsoft\.com|azure[ _-]?maps|microsoft\.maps|azmaps");

/// A key beside its name, and the service near it.
pub(super) fn legacy(candidate: &Candidate<'_>) -> Judgement {
    let key = candidate.secret();
    let place = candidate.secret_range();
    if WORD.nearest(candidate.window, &place, CONTEXT).is_none() {
        return Judgement::Reject("nothing says that it is for Maps");
    }
    let raw = encoding::base64url(key).filter(|raw| raw.len() == 32);
    let has = |test: fn(&u8) -> bool| key.iter().any(test);
    let drawn = raw.is_some()
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_digit)
        && entropy::bits_per_byte(key) >= 4.0;
    if !drawn {
        return Judgement::Reject("base64 or entropy");
    }
    let proof = Proof::of(Verdict::Structure);
    let proof = service::MAPS.opened_near(proof, candidate.window, &place);
    if placeholder::is_typed(key) {
        return proof.suppress("placeholder");
    }
    proof.accept()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_compiles() {
        assert!(WORD.regex().is_some());
    }
}
