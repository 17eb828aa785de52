//! What proves a key: one function per format, found by the name a rule gives it.

pub(crate) mod aws;
pub(crate) mod cask;
pub(crate) mod checksum;
mod connection_string;
mod context;
pub(crate) mod devops;
pub(crate) mod encoding;
pub(crate) mod entra;
pub(crate) mod entropy;
pub(crate) mod github;
pub(crate) mod identifiable;
mod jwt;
pub(crate) mod marvin;
mod npm;
mod openai;
mod placeholder;
mod presigned;
mod private_key;
pub(super) mod published;
mod query;
mod sas;
pub(crate) mod signature;
mod slack;
mod sql;
mod storage;

use super::{Candidate, Judgement, Proof};
use crate::finding::Verdict;

/// Judges a candidate. Never panics, whatever the bytes: they come from a stranger's disk.
pub type Validator = fn(&Candidate<'_>) -> Judgement;

/// The validator of this name.
#[must_use]
pub fn by_name(name: &str) -> Option<Validator> {
    let mut all = VALIDATORS.iter().copied().flatten();
    let known = all.find(|(known, _)| *known == name);
    known.map(|(_, validator)| *validator)
}

/// Every validator, by the name used in rule files: one table per family, beside its functions.
const VALIDATORS: &[&[(&str, Validator)]] = &[
    &[("pattern", pattern)],
    aws::VALIDATORS,
    devops::VALIDATORS,
    entra::VALIDATORS,
    github::VALIDATORS,
    npm::VALIDATORS,
    openai::VALIDATORS,
    presigned::VALIDATORS,
    private_key::VALIDATORS,
    sas::VALIDATORS,
    slack::VALIDATORS,
    sql::VALIDATORS,
    storage::VALIDATORS,
];

/// Believes the pattern.
fn pattern(_: &Candidate<'_>) -> Judgement {
    Proof::of(Verdict::Pattern).accept()
}
