//! Access keys of Azure Cache for Redis.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::key;
use super::service;
use crate::confirm::validate::Validator;
use crate::confirm::validate::encoding;
use crate::confirm::validate::identifiable::{self, REDIS};
use crate::confirm::{Candidate, Judgement, Proof, unescape};
use crate::finding::Verdict;

/// The validators of this family, by the name used in rule files.
pub(in super::super) const VALIDATORS: &[(&str, Validator)] = &[("azure-redis", access_key)];

/// Bytes in a key.
const KEY_LEN: usize = 32;

/// A key by itself, in a connection string or in a URL, where it may be percent-encoded.
pub(super) fn access_key(candidate: &Candidate<'_>) -> Judgement {
    let secret = unescape::percent_value(candidate.secret());
    let proof = match identifiable::check_alphanumeric(&secret, KEY_LEN, &REDIS) {
        Some(true) => Proof::of(Verdict::Checksum),
        Some(false) => return Judgement::Reject("checksum"),
        None => {
            let raw = encoding::base64(&secret).filter(|raw| raw.len() == KEY_LEN);
            let foreign = identifiable::is_signed(&secret, KEY_LEN);
            if raw.is_none() || foreign || !key::is_random(&secret) {
                return Judgement::Reject("base64 or entropy");
            }
            Proof::of(Verdict::Structure)
        }
    };
    let proof = match candidate.group("host") {
        Some(host) => service::REDIS.opened_at(proof, host),
        None => service::REDIS.opened_near(proof, candidate.window, &candidate.secret_range()),
    };
    let typed = key::is_typed(&secret);
    let proof = proof.canonical(secret.into_owned());
    if typed {
        return proof.suppress("placeholder");
    }
    proof.accept()
}
