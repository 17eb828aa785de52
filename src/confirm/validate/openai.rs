//! OpenAI keys: no checksum, but newer ones carry `T3BlbkFJ`, base64 of the company's name.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::Validator;
use super::{entropy, placeholder};
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;

/// The validators of this family, by the name used in rule files.
pub(super) const VALIDATORS: &[(&str, Validator)] = &[("openai", key)];

/// Base64 of `OpenAI`.
const INFIX: &[u8] = b"T3BlbkFJ";

/// Any generation of key: told apart by prefix and infix.
pub(super) fn key(candidate: &Candidate<'_>) -> Judgement {
    let key = candidate.secret();
    let Some(body) = key.strip_prefix(b"sk-") else {
        return Judgement::Reject("prefix");
    };
    let at = memchr::memmem::find(body, INFIX);
    let (before, after) = match at.and_then(|at| body.split_at_checked(at)) {
        Some((before, rest)) => (before, rest.get(INFIX.len()..).unwrap_or(&[])),
        None => (body, [].as_slice()),
    };
    // `proj-` and the like name who the key belongs to and are not random.
    let words: &[&[u8]] = &[b"proj-", b"svcacct-", b"admin-", b"None-", b"service-"];
    let random = words
        .iter()
        .find_map(|word| before.strip_prefix(*word))
        .unwrap_or(before);
    let kind = match before.get(..5) {
        Some(b"proj-") => "project",
        Some(b"svcac" | b"servi") => "service account",
        Some(b"admin") => "admin",
        _ => "user",
    };
    let text = [random, after].concat();
    let floor = if at.is_some() { 4.0 } else { 4.2 };
    if entropy::bits_per_byte(&text) < floor {
        return Judgement::Reject("not random");
    }
    let halves_agree = random.len() == after.len() && matches!(after.len(), 20 | 58 | 74);
    let verdict = if halves_agree {
        Verdict::Structure
    } else {
        Verdict::Pattern
    };
    let proof = Proof::of(verdict).detail("kind", kind);
    if placeholder::is_typed(random) || placeholder::is_typed(&text) {
        return proof.suppress("placeholder");
    }
    proof.accept()
}
