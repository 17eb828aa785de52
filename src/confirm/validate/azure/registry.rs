//! Passwords of Azure Container Registry that no checksum proves, and Docker's files around all of
//! them.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::{bare, service};
use crate::confirm::validate::Validator;
use crate::confirm::validate::identifiable::{self, REGISTRY};
use crate::confirm::validate::{cask, context, encoding, entropy, placeholder};
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;

/// The validators of this family, by the name used in rule files.
pub(in super::super) const VALIDATORS: &[(&str, Validator)] = &[
    ("azure-registry-docker", docker),
    ("azure-registry-legacy", legacy),
];

/// The user name that goes with a token of Entra, which is no password of the registry.
const TOKEN_USER: &[u8] = b"00000000-0000-0000-0000-000000000000";
/// Bytes in an identifiable key.
const KEY_LEN: usize = 39;

/// A password beside the host of a registry.
pub(super) fn legacy(candidate: &Candidate<'_>) -> Judgement {
    match prove(candidate.secret()) {
        Some(proof) => finish(candidate, proof, candidate.secret()),
        None => Judgement::Reject("checksum or not random"),
    }
}

/// The entry of a registry in Docker's `config.json`: base64 of `user:password`.
pub(super) fn docker(candidate: &Candidate<'_>) -> Judgement {
    let decoded = encoding::base64_lenient(candidate.secret()).unwrap_or_default();
    let Some(at) = decoded.iter().position(|byte| *byte == b':') else {
        return Judgement::Reject("not base64 of a user and a password");
    };
    let (user, rest) = decoded.split_at(at);
    let password = rest.get(1..).unwrap_or(&[]);
    if user == TOKEN_USER {
        return Judgement::Reject("a token of Entra");
    }
    match prove(password) {
        Some(proof) => {
            let proof = proof.canonical(password).owner("user", context::text(user));
            finish(candidate, proof, password)
        }
        None => Judgement::Reject("checksum or not random"),
    }
}

fn prove(password: &[u8]) -> Option<Proof> {
    if cask::is_annotated(password) {
        return cask::proof(password, *b"AZCR");
    }
    if let Some((proof, issuer)) = bare::prove(password) {
        return std::ptr::eq(issuer, &raw const service::REGISTRY).then_some(proof);
    }
    let signature = identifiable::signature_of(password, KEY_LEN);
    if signature == Some(REGISTRY.signature) {
        return None;
    }
    let has = |test: fn(&u8) -> bool| password.iter().any(test);
    let drawn = password.len() == 32
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_digit)
        && entropy::bits_per_byte(password) >= 3.8;
    drawn.then(|| Proof::of(Verdict::Pattern))
}

fn finish(candidate: &Candidate<'_>, proof: Proof, password: &[u8]) -> Judgement {
    let proof = match candidate.group("host") {
        Some(host) => service::REGISTRY.opened_at(proof, host),
        None => proof,
    };
    if placeholder::is_typed(password) {
        return proof.suppress("placeholder");
    }
    proof.accept()
}
