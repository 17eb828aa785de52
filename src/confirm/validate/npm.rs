//! npm tokens, and the older ways of an `.npmrc` to log in.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::Validator;
use super::context::{self, Pattern};
use super::{checksum, encoding, placeholder};
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;
use crate::rule::Severity;

/// The validators of this family, by the name used in rule files.
pub(super) const VALIDATORS: &[(&str, Validator)] = &[
    ("npm-basic", basic),
    ("npm-crc32", token),
    ("npm-uuid", uuid),
];

/// `//host/path/:_authToken=`: the registry that a line of an `.npmrc` is about.
static REGISTRY: Pattern = Pattern::new(
    r"(?i)//(?<host>[a-z0-9][a-z0-9.-]{0,120})(?::[0-9]{1,5})?(?<path>/[^\s:]{0,120})?:_(?:auth|password)",
);

/// Shortest password that is taken to be drawn, not chosen, in bytes.
const LONG: usize = 20;
/// Hosts of the public registry, where tokens without `npm_` were revoked in December 2025.
const PUBLIC: &[&str] = &["registry.npmjs.org", "registry.yarnpkg.com"];

/// `npm_`: CRC-32 at the end, as in GitHub's tokens.
pub(super) fn token(candidate: &Candidate<'_>) -> Judgement {
    if !checksum::holds(candidate.secret()) {
        return Judgement::Reject("checksum");
    }
    with_registry(candidate, Proof::of(Verdict::Checksum)).accept()
}

/// `_authToken=<uuid>`: what private registries still issue.
pub(super) fn uuid(candidate: &Candidate<'_>) -> Judgement {
    let token = candidate.secret();
    let mut proof = with_registry(candidate, Proof::of(Verdict::Pattern));
    let private = |proof: &Proof| {
        proof
            .target
            .as_ref()
            .is_some_and(|target| !PUBLIC.contains(&target.name.as_str()))
    };
    if !private(&proof) {
        proof = proof.severity(Severity::Low);
    }
    let digits: Vec<u8> = token.iter().filter(|b| **b != b'-').copied().collect();
    if placeholder::is_typed(&digits) {
        return proof.suppress("placeholder");
    }
    proof.accept()
}

/// `_auth=` is base64 of `user:password`, `_password=` base64 of the password alone.
pub(super) fn basic(candidate: &Candidate<'_>) -> Judgement {
    let Some(decoded) = encoding::base64_any(candidate.secret()) else {
        return Judgement::Reject("base64");
    };
    let printable = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
    if decoded.len() < 4 || !decoded.iter().all(printable) {
        return Judgement::Reject("not printable");
    }
    let is_pair = candidate.captures.name("secret").is_some();
    let mut proof = with_registry(candidate, Proof::of(Verdict::Structure));
    let password = if is_pair {
        let mut parts = decoded.splitn(2, |byte| *byte == b':');
        let (user, password) = (parts.next().unwrap_or(&[]), parts.next());
        let Some(password) = password else {
            return Judgement::Reject("no user in it");
        };
        proof = proof.owner("user", context::text(user));
        password.to_vec()
    } else {
        decoded
    };
    if password.len() >= LONG && placeholder::is_typed(&password) {
        return proof.suppress("placeholder");
    }
    placeholder::accept_unless_placeholder(&password, proof)
}

/// Names the registry of the line.
fn with_registry(candidate: &Candidate<'_>, proof: Proof) -> Proof {
    let place = candidate.secret_range();
    let line = context::line_around(candidate.window, &place);
    let Some(found) = REGISTRY.first(line) else {
        return proof;
    };
    let Some(host) = context::text_of(&found, "host") else {
        return proof;
    };
    let path = context::text_of(&found, "path").unwrap_or_default();
    let endpoint = format!("{host}{path}");
    proof.opens("package-registry", &host, Some(endpoint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_reads_a_line_of_an_npmrc() {
        let line = b"//npm.corp.example:8443/repo/:_authToken=x";
        let found = REGISTRY.first(line).unwrap();
        assert_eq!(
            context::text_of(&found, "host").unwrap(),
            "npm.corp.example"
        );
        assert_eq!(context::text_of(&found, "path").unwrap(), "/repo/");
    }
}
