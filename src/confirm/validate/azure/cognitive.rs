//! Keys of Azure AI services from before the annotated ones: 32 hexadecimal digits.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::{hexadecimal, service};
use crate::confirm::validate::Validator;
use crate::confirm::validate::context::Pattern;
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;

/// The validators of this family, by the name used in rule files.
pub(in super::super) const VALIDATORS: &[(&str, Validator)] = &[("azure-cognitive-legacy", legacy)];

/// Names that API Management uses too: a host must say whose key it is.
static SHARED_NAME: Pattern = Pattern::new(r"(?i)subscription[_-]?key");

/// Digits beside the name of a setting of an AI service, or beside its host.
pub(super) fn legacy(candidate: &Candidate<'_>) -> Judgement {
    if !hexadecimal::is_key(candidate) {
        return Judgement::Reject("a digest, or not random");
    }
    let place = candidate.secret_range();
    let own = service::COGNITIVE.near(candidate.window, &place);
    let other = service::API_MANAGEMENT.near(candidate.window, &place);
    let nearer = match (&own, &other) {
        (Some(own), Some(other)) => other.gap < own.gap,
        (None, Some(_)) => true,
        _ => false,
    };
    if nearer {
        return Judgement::Reject("a key of API Management");
    }
    let name = candidate.group("name").unwrap_or(&[]);
    if own.is_none() && SHARED_NAME.first(name).is_some() {
        return Judgement::Reject("no host says whose key it is");
    }
    let proof = Proof::of(Verdict::Pattern);
    let proof = service::COGNITIVE.opened_near(proof, candidate.window, &place);
    if hexadecimal::is_typed(candidate.secret()) {
        return proof.suppress("placeholder");
    }
    proof.accept()
}
