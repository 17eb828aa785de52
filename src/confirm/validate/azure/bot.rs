//! Secrets of the Bot Service's Direct Line and Web Chat channels.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::service;
use crate::confirm::validate::Validator;
use crate::confirm::validate::{cask, encoding, entropy, placeholder};
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;

/// The validators of this family, by the name used in rule files.
pub(in super::super) const VALIDATORS: &[(&str, Validator)] = &[
    ("azure-bot-annotated", annotated),
    ("azure-bot-secret", secret),
];

/// Characters in an annotated key.
const ANNOTATED_LEN: usize = 84;

/// Parts in URL-safe base64 of 8 and 32 bytes, with or without two of two bytes between.
pub(super) fn secret(candidate: &Candidate<'_>) -> Judgement {
    let parts: Option<Vec<Vec<u8>>> = candidate
        .secret()
        .split(|byte| *byte == b'.')
        .map(encoding::base64url)
        .collect();
    let lens: Vec<usize> = parts.iter().flatten().map(Vec::len).collect();
    if !matches!(lens.as_slice(), [8, 32] | [8, 2, 2, 32]) {
        return Judgement::Reject("base64");
    }
    let last = candidate
        .secret()
        .rsplit(|byte| *byte == b'.')
        .next()
        .unwrap_or(&[]);
    let has = |test: fn(&u8) -> bool| last.iter().any(test);
    let drawn = has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_digit)
        && entropy::bits_per_byte(last) >= 4.0;
    if !drawn {
        return Judgement::Reject("not random");
    }
    finish(candidate, Proof::of(Verdict::Structure), last)
}

/// An annotated key, alone or followed by a dot and a second one.
pub(super) fn annotated(candidate: &Candidate<'_>) -> Judgement {
    let key = candidate.secret().get(..ANNOTATED_LEN).unwrap_or(&[]);
    match cask::proof(key, *b"AZBS") {
        Some(proof) => finish(candidate, proof, key.get(..52).unwrap_or(&[])),
        None => Judgement::Reject("checksum"),
    }
}

fn finish(candidate: &Candidate<'_>, proof: Proof, random: &[u8]) -> Judgement {
    let proof = service::BOT.opened_near(proof, candidate.window, &candidate.secret_range());
    if placeholder::is_typed(random) {
        return proof.suppress("placeholder");
    }
    proof.accept()
}
