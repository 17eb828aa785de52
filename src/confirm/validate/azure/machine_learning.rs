//! Keys of Machine Learning web services that carry no checksum.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::key::{self, Format};
use super::service;
use crate::confirm::validate::Validator;
use crate::confirm::validate::context::Pattern;
use crate::confirm::validate::{entropy, identifiable, placeholder};
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;

/// The validators of this family, by the name used in rule files.
pub(in super::super) const VALIDATORS: &[(&str, Validator)] =
    &[("azure-machine-learning-legacy", legacy)];

const FORMAT: Format = Format {
    len: 64,
    signed: Some(&identifiable::MACHINE_LEARNING),
    annotated: Some(*b"AZML"),
};

/// How far before a key the whole of its name is looked for, in bytes.
const NAME: usize = 40;

/// Names of other services' keys: `storage_account_key`.
static OTHER_NAME: Pattern = Pattern::new(
    r"(?i)(?:storage|account|access|shared|master|batch|cosmos|instrumentation|ssh|public|private|subscription)[_. -]{0,2}key",
);

/// 64 bytes, or 32 letters and digits, beside the host of a web service.
pub(super) fn legacy(candidate: &Candidate<'_>) -> Judgement {
    let secret = candidate.secret();
    let place = candidate.secret_range();
    let before = place.start.saturating_sub(NAME)..place.start;
    if OTHER_NAME
        .first(candidate.window.get(before).unwrap_or(&[]))
        .is_some()
    {
        return Judgement::Reject("a key of another service");
    }
    let proof = if secret.len() == 32 {
        is_drawn(secret).then(|| Proof::of(Verdict::Pattern))
    } else {
        FORMAT.prove(secret)
    };
    let Some(proof) = proof else {
        return Judgement::Reject("checksum, base64 or entropy");
    };
    let proof = service::MACHINE_LEARNING.opened_near(proof, candidate.window, &place);
    if key::is_typed(secret) || placeholder::reason(secret).is_some() {
        return proof.suppress("placeholder");
    }
    proof.accept()
}

/// Whether 32 letters and digits look drawn by a machine.
fn is_drawn(secret: &[u8]) -> bool {
    let has = |test: fn(&u8) -> bool| secret.iter().filter(|byte| test(byte)).count();
    has(u8::is_ascii_lowercase) >= 3
        && has(u8::is_ascii_uppercase) >= 3
        && has(u8::is_ascii_digit) >= 1
        && entropy::distinct(secret) >= 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_words_are_not_drawn() {
        assert!(is_drawn(b"q8Zt2LmX0aPw7RkD5vYcN1sHbGj4FoUe"));
        assert!(!is_drawn(b"6ba7b8109dad11d180b400c04fd430c8"));
        assert!(!is_drawn(b"MyVeryLongEndpointNameWithoutAny"));
    }

    #[test]
    fn the_pattern_compiles() {
        assert!(OTHER_NAME.regex().is_some());
    }
}
