//! What proves a key: one function per format, found by the name a rule gives it.

mod app_service;
mod authorization;
mod authorized_key;
pub(crate) mod aws;
mod azure;
pub(crate) mod cask;
pub(crate) mod checksum;
pub(crate) mod chosen;
mod connection_string;
mod context;
mod database;
pub(crate) mod devops;
pub(crate) mod encoding;
pub(crate) mod entra;
mod entra_user;
pub(crate) mod entropy;
pub(crate) mod github;
mod google;
pub(crate) mod identifiable;
mod jwt;
mod key_name;
mod login;
mod machine_key;
mod marketplace;
pub(crate) mod marvin;
mod npm;
mod openai;
mod password;
mod placeholder;
mod presigned;
mod private_key;
pub(super) mod published;
mod query;
mod sas;
pub(crate) mod signature;
mod slack;
mod storage;
mod travis;

use super::{Candidate, Judgement, Proof};
use crate::finding::Verdict;

/// Judges a candidate. Never panics, whatever the bytes: they come from a stranger's disk.
pub type Validator = fn(&Candidate<'_>) -> Judgement;

/// The validator of this name.
#[must_use]
pub fn by_name(name: &str) -> Option<Validator> {
    let mut all = VALIDATORS
        .iter()
        .chain(database::VALIDATORS)
        .copied()
        .flatten();
    let known = all.find(|(known, _)| *known == name);
    known.map(|(_, validator)| *validator)
}

/// Every validator, by the name used in rule files: one table per family, beside its functions.
const VALIDATORS: &[&[(&str, Validator)]] = &[
    &[("pattern", pattern)],
    app_service::VALIDATORS,
    authorization::VALIDATORS,
    authorized_key::VALIDATORS,
    aws::VALIDATORS,
    azure::bare::VALIDATORS,
    azure::bot::VALIDATORS,
    azure::cognitive::VALIDATORS,
    azure::databricks::VALIDATORS,
    azure::endpoint::VALIDATORS,
    azure::function::VALIDATORS,
    azure::machine_learning::VALIDATORS,
    azure::management::VALIDATORS,
    azure::maps::VALIDATORS,
    azure::messaging::VALIDATORS,
    azure::named::VALIDATORS,
    azure::redis::VALIDATORS,
    azure::registry::VALIDATORS,
    azure::token::VALIDATORS,
    azure::workflow::VALIDATORS,
    devops::VALIDATORS,
    entra::VALIDATORS,
    entra_user::VALIDATORS,
    github::VALIDATORS,
    google::VALIDATORS,
    login::VALIDATORS,
    machine_key::VALIDATORS,
    marketplace::VALIDATORS,
    npm::VALIDATORS,
    openai::VALIDATORS,
    password::VALIDATORS,
    presigned::VALIDATORS,
    private_key::VALIDATORS,
    sas::VALIDATORS,
    slack::VALIDATORS,
    storage::VALIDATORS,
    travis::VALIDATORS,
];

/// Believes the pattern.
fn pattern(_: &Candidate<'_>) -> Judgement {
    Proof::of(Verdict::Pattern).accept()
}
