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
pub(crate) mod presigned;
mod private_key;
pub(super) mod published;
mod query;
mod sas;
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
    let known = VALIDATORS.iter().find(|(known, _)| *known == name);
    known.map(|(_, validator)| *validator)
}

/// Every validator, by the name used in rule files.
const VALIDATORS: &[(&str, Validator)] = &[
    ("pattern", pattern),
    ("ssh-pem", private_key::ssh_pem),
    ("ssh-magic", private_key::ssh_magic),
    ("ssh-putty", private_key::ssh_putty),
    ("ssh-wrapped-pem", private_key::ssh_wrapped_pem),
    ("aws-pair", aws::pair),
    ("aws-secret", aws::secret),
    ("aws-session", aws::session),
    ("aws-presigned-v2", presigned::version_2),
    ("aws-presigned-v4", presigned::version_4),
    ("azure-devops-base32", devops::base32),
    ("azure-devops-basic", devops::basic),
    ("azure-devops-cask", devops::annotated),
    ("azure-sql-fields", sql::fields),
    ("azure-sql-string", sql::string),
    ("azure-storage-bare", storage::bare),
    ("azure-storage-connection", storage::connection),
    ("azure-storage-legacy", storage::legacy),
    ("azure-storage-sas", sas::storage),
    ("entra-7q", entra::without_checksum),
    ("entra-8q", entra::with_checksum),
    ("entra-legacy", entra::legacy),
    ("github-crc32", github::classic),
    ("github-fine-grained", github::fine_grained),
    ("github-installation", github::installation),
    ("github-legacy", github::legacy),
    ("npm-basic", npm::basic),
    ("npm-crc32", npm::token),
    ("npm-uuid", npm::uuid),
    ("openai", openai::key),
    ("slack-app", slack::app),
    ("slack-rotating", slack::rotating),
    ("slack-token", slack::token),
    ("slack-webhook", slack::webhook),
];

/// Believes the pattern.
fn pattern(_: &Candidate<'_>) -> Judgement {
    Proof::of(Verdict::Pattern).accept()
}
