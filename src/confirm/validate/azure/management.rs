//! Keys of API Management: subscriptions in 32 hexadecimal digits, and the management interfaces
//! in identifiable keys.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::{bare, hexadecimal, key, service};
use crate::confirm::validate::Validator;
use crate::confirm::validate::context::{self, Pattern};
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;
use crate::rule::Severity;

/// The validators of this family, by the name used in rule files.
pub(in super::super) const VALIDATORS: &[(&str, Validator)] = &[
    ("azure-management-identifiable", signed),
    ("azure-management-subscription", subscription),
];

/// Names that hold the word subscription need no host.
static SUBSCRIPTION: Pattern = Pattern::new(r"(?i)subscription");

/// The service by its resource type.
static RESOURCE: Pattern =
    Pattern::new(r"(?i)microsoft\.apimanagement|api_management|apimanagement");

/// `git&202411301200&KEY`: the end of a credential stands before its key, in UTC.
static CREDENTIAL: Pattern = Pattern::new(
    r"(?:^|[^a-z])(?<user>git|gw|integration)&(?<year>20[0-9]{2})(?<month>[0-9]{2})(?<day>[0-9]{2})(?<hour>[0-9]{2})(?<minute>[0-9]{2})&$",
);

/// 32 hexadecimal digits beside their name, unless a host says that another service takes them.
pub(super) fn subscription(candidate: &Candidate<'_>) -> Judgement {
    if !hexadecimal::is_key(candidate) {
        return Judgement::Reject("a digest, or not random");
    }
    let place = candidate.secret_range();
    let own = service::API_MANAGEMENT.near(candidate.window, &place);
    let other = service::COGNITIVE.near(candidate.window, &place);
    let nearer = match (&own, &other) {
        (Some(own), Some(other)) => other.gap <= own.gap,
        (None, Some(_)) => true,
        _ => false,
    };
    if nearer {
        return Judgement::Reject("a key of an AI service");
    }
    let named = SUBSCRIPTION
        .first(candidate.group("name").unwrap_or(&[]))
        .is_some();
    let known = own.is_some()
        || RESOURCE
            .nearest(candidate.window, &place, service::CONTEXT)
            .is_some();
    if !named && !known {
        return Judgement::Reject("nothing says which service it is for");
    }
    let mut proof = Proof::of(Verdict::Pattern);
    if !known {
        // The header is that of several services.
        proof = proof.severity(Severity::Low);
    }
    let proof = service::API_MANAGEMENT.opened_near(proof, candidate.window, &place);
    if hexadecimal::is_typed(candidate.secret()) {
        return proof.suppress("placeholder");
    }
    proof.accept()
}

/// 88 characters with signature and checksum.
pub(super) fn signed(candidate: &Candidate<'_>) -> Judgement {
    let Some((mut proof, service)) = bare::prove(candidate.secret()) else {
        return Judgement::Reject("checksum");
    };
    let place = candidate.secret_range();
    let before = candidate.window.get(..place.start).unwrap_or(&[]);
    if let Some(found) = CREDENTIAL.first(before) {
        proof = proof.owner("user", context::text_of(&found, "user").unwrap_or_default());
        proof.expires = end_of(&found);
    }
    let proof = service.opened_near(proof, candidate.window, &place);
    if key::is_typed(candidate.secret()) {
        return proof.suppress("placeholder");
    }
    proof.accept()
}

fn end_of(found: &regex::bytes::Captures<'_>) -> Option<jiff::Timestamp> {
    let part = |name| context::text_of(found, name);
    let text = format!(
        "{}-{}-{}T{}:{}:00Z",
        part("year")?,
        part("month")?,
        part("day")?,
        part("hour")?,
        part("minute")?
    );
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_credential_is_read() {
        let found = CREDENTIAL.first(b"user: git&202611301230&").unwrap();
        assert_eq!(end_of(&found).unwrap().to_string(), "2026-11-30T12:30:00Z");
        let found = CREDENTIAL.first(b"gw&202613301230&").unwrap();
        assert_eq!(end_of(&found), None, "there is no month 13");
        assert!(CREDENTIAL.first(b"git&2026&").is_none());
    }

    #[test]
    fn the_patterns_compile() {
        assert!(SUBSCRIPTION.regex().is_some() && RESOURCE.regex().is_some());
    }
}
