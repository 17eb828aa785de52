//! What proves a key: one function per format, found by the name a rule gives it.

pub mod checksum;
mod private_key;

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
    ("github-crc32", checksum::github),
    ("ssh-pem", private_key::ssh_pem),
    ("ssh-magic", private_key::ssh_magic),
    ("ssh-putty", private_key::ssh_putty),
    ("ssh-wrapped-pem", private_key::ssh_wrapped_pem),
    ("any-pem", private_key::any::pem),
    ("pkcs12", private_key::any::pkcs12),
    ("gcp-service-account", private_key::any::service_account),
    (
        "management-certificate",
        private_key::management::certificate,
    ),
];

/// Believes the pattern.
fn pattern(_: &Candidate<'_>) -> Judgement {
    Proof::of(Verdict::Pattern).accept()
}
