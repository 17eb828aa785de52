//! Slack tokens and webhooks: no checksum, but segments that say what they are.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::Validator;
use super::context::{self, Pattern};
use super::{encoding, entropy, placeholder};
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;
use crate::rule::Severity;

/// The validators of this family, by the name used in rule files.
pub(super) const VALIDATORS: &[(&str, Validator)] = &[
    ("slack-app", app),
    ("slack-rotating", rotating),
    ("slack-token", token),
    ("slack-webhook", webhook),
];

/// What a configuration token's base64 decodes to: version, kind, numbers, 64 hex digits.
static ROTATING: Pattern = Pattern::new(r"^[0-9]-[0-9](?:-[0-9]{6,14}){2,4}-[0-9a-f]{64}$");

/// `xoxb-`, `xoxp-` and their siblings: numbers, then a random segment.
pub(super) fn token(candidate: &Candidate<'_>) -> Judgement {
    let token = candidate.secret();
    let mut segments = token.split(|byte| *byte == b'-');
    let kind = match segments.next() {
        Some(b"xoxb") => "bot",
        Some(b"xoxp") => "user",
        Some(b"xoxa") => "legacy workspace app",
        Some(b"xoxr") => "refresh",
        Some(b"xoxc") => "browser session",
        _ => "legacy",
    };
    let mut segments: Vec<&[u8]> = segments.collect();
    let Some(random) = segments.pop() else {
        return Judgement::Reject("shape");
    };
    // `xoxa-2-` has its version before the team.
    let numbers: Vec<&[u8]> = segments.into_iter().filter(|n| n.len() > 1).collect();
    let mut proof = Proof::of(Verdict::Structure).detail("kind", kind);
    if let Some(team) = numbers.first() {
        proof = proof.opens("workspace", &context::text(team), None);
    }
    if kind == "browser session" {
        // With the cookie `d` it is the whole session of a person.
        proof = proof.severity(Severity::Critical);
    }
    if numbers.iter().any(|number| is_made_up(number)) || is_weak(random, 3.0) {
        return proof.suppress("placeholder");
    }
    proof.accept()
}

/// `xapp-`: app-level tokens.
pub(super) fn app(candidate: &Candidate<'_>) -> Judgement {
    let token = candidate.secret();
    let segments: Vec<&[u8]> = token.split(|byte| *byte == b'-').collect();
    let [_, _, app, number, random] = segments.as_slice() else {
        return Judgement::Reject("shape");
    };
    let proof = Proof::of(Verdict::Structure)
        .detail("kind", "app-level")
        .owner("app", context::text(app));
    if is_made_up(number) || is_weak(random, 3.0) {
        return proof.suppress("placeholder");
    }
    proof.accept()
}

/// `xoxe`: configuration and rotating tokens, base64 of a record.
pub(super) fn rotating(candidate: &Candidate<'_>) -> Judgement {
    let token = candidate.secret();
    let coded = token.rsplit(|byte| *byte == b'-').next().unwrap_or(&[]);
    let record = encoding::base64_lenient(coded).unwrap_or_default();
    if ROTATING.first(&record).is_none() {
        return Judgement::Reject("not the record of a token");
    }
    let kind = if token.starts_with(b"xoxe-") {
        "configuration refresh"
    } else {
        "configuration access"
    };
    Proof::of(Verdict::Structure).detail("kind", kind).accept()
}

/// `hooks.slack.com`: whoever knows the URL can post.
pub(super) fn webhook(candidate: &Candidate<'_>) -> Judgement {
    let url = candidate.secret();
    let segments: Vec<&[u8]> = url.split(|byte| *byte == b'/').skip(3).collect();
    let [kind, workspace, ids @ .., random] = segments.as_slice() else {
        return Judgement::Reject("shape");
    };
    let host = url.split(|byte| *byte == b'/').nth(2).unwrap_or(&[]);
    let proof = Proof::of(Verdict::Structure)
        .detail("kind", format!("webhook, {}", context::text(kind)))
        .severity(Severity::Medium)
        .opens(
            "workspace",
            &context::text(workspace),
            Some(context::text(host)),
        );
    let floor = if random.iter().all(u8::is_ascii_hexdigit) {
        2.8
    } else {
        3.5
    };
    let made_up = |id: &&[u8]| id.get(1..).is_some_and(is_made_up);
    if is_weak(random, floor) || made_up(workspace) || ids.iter().any(made_up) {
        return proof.suppress("placeholder");
    }
    proof.accept()
}

/// One digit over and over, or counting up: nobody's number.
fn is_made_up(number: &[u8]) -> bool {
    entropy::distinct(number) <= 1 || entropy::longest_progression(number, 1) >= 7
}

fn is_weak(random: &[u8], floor: f64) -> bool {
    entropy::bits_per_byte(random) < floor || placeholder::is_typed(random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_numbers_are_told_from_issued_ones() {
        assert!(is_made_up(b"0000000000"));
        assert!(is_made_up(b"123456789012"));
        assert!(!is_made_up(b"3177024417"));
    }

    #[test]
    fn the_pattern_compiles() {
        assert!(ROTATING.regex().is_some());
    }
}
