//! Personal access tokens of Azure Databricks.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::service;
use crate::confirm::validate::Validator;
use crate::confirm::validate::{entropy, placeholder};
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;

/// The validators of this family, by the name used in rule files.
pub(in super::super) const VALIDATORS: &[(&str, Validator)] = &[("azure-databricks", token)];

/// `dapi` and 32 hexadecimal digits. Workspaces on other clouds issue the same: only a host near
/// the token says that it is one of Azure.
pub(super) fn token(candidate: &Candidate<'_>) -> Judgement {
    let digits = candidate.secret().get(4..36).unwrap_or(&[]);
    let has = |test: fn(&u8) -> bool| digits.iter().any(test);
    let proof = Proof::of(Verdict::Pattern);
    let proof = service::DATABRICKS.opened_near(proof, candidate.window, &candidate.secret_range());
    let drawn =
        entropy::distinct(digits) >= 8 && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    if !drawn || placeholder::is_typed(digits) {
        return proof.suppress("placeholder");
    }
    proof.accept()
}
