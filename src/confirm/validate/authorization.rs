//! Credentials in an HTTP `Authorization` header (RFC 9110 section 11.6.2).

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use serde_json::Value;

use super::Validator;
use super::chosen::{self, Classes};
use super::password::host_near;
use super::{context, encoding, entropy, jwt, placeholder};
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;

/// The validators of this family, by the name used in rule files.
pub(super) const VALIDATORS: &[(&str, Validator)] = &[
    ("authorization", any),
    ("authorization-basic", basic),
    ("authorization-bearer", bearer),
];

/// Bits per character that a token must show.
const FLOOR: f64 = 3.5;
/// Shortest token that is believed, in bytes.
const SHORTEST: usize = 16;

/// Logins that specifications and manuals are written with.
const DOCUMENTED: &[&str] = &[
    "aladdin:open sesame",
    "aladdin:opensesame",
    "mufasa:circle of life",
    "test:123£",
    "user:password",
    "username:password",
    "user:pass",
    "user:passwd",
    "username:pass",
    "foo:bar",
    "user1:password1",
    "joe:joe",
    "api_key:x",
    "your_username:your_password",
    "bob:hunter2",
    "alice:secret",
    "admin:changeme",
    "foo:s3cret",
    "s6bhdrkqt3:gx1fbat3bv",
];

/// The scheme decides.
pub(super) fn any(candidate: &Candidate<'_>) -> Judgement {
    let scheme = candidate.group("scheme").unwrap_or(&[]);
    if scheme.eq_ignore_ascii_case(b"basic") {
        basic(candidate)
    } else {
        bearer(candidate)
    }
}

/// `Basic`: base64 of `user:password` (RFC 7617).
pub(super) fn basic(candidate: &Candidate<'_>) -> Judgement {
    let Some(login) = encoding::base64_any(candidate.secret()) else {
        return Judgement::Reject("base64");
    };
    let Ok(login) = String::from_utf8(login) else {
        return Judgement::Reject("not text");
    };
    let Some((user, password)) = login.split_once(':') else {
        return Judgement::Reject("no user in it");
    };
    if password.is_empty() || login.chars().any(char::is_control) {
        return Judgement::Reject("not a login");
    }
    let proof = with_host(candidate, Proof::of(Verdict::Structure))
        .canonical(login.as_bytes())
        .owner("user", user)
        .detail("scheme", "Basic");
    let lower = login.to_lowercase();
    let echo = user.eq_ignore_ascii_case(password);
    if DOCUMENTED.contains(&lower.as_str()) || echo || password.len() < 4 {
        return proof.suppress("placeholder");
    }
    if chosen::is_words(password.as_bytes()) {
        return proof.suppress("words");
    }
    placeholder::accept_unless_placeholder(password.as_bytes(), proof)
}

/// `Bearer` and its like: a web token, or something that nobody would write by hand.
pub(super) fn bearer(candidate: &Candidate<'_>) -> Judgement {
    let token = candidate.secret();
    if let Some(claims) = jwt::claims(token) {
        let mut proof = with_host(candidate, Proof::of(Verdict::Structure))
            .detail("scheme", "Bearer")
            .detail("format", "JSON web token");
        for (claim, name) in [
            ("iss", "issuer"),
            ("aud", "audience"),
            ("sub", "subject"),
            ("tid", "tenant"),
        ] {
            if let Some(Value::String(value)) = claims.get(claim) {
                proof = proof.owner(name, value.as_str());
            }
        }
        proof.expires = jwt::expiry(&claims);
        // The token of the introduction to JSON web tokens, with any signature.
        if claims.get("sub").and_then(Value::as_str) == Some("1234567890") {
            return proof.suppress("published example");
        }
        return proof.accept();
    }
    let classes = Classes::of(token);
    let dotted = token.split(|byte| *byte == b'.').count() > 1
        && token
            .split(|byte| *byte == b'.')
            .all(|part| part.first().is_some_and(u8::is_ascii_alphabetic) && part.len() < 20);
    if token.len() < SHORTEST
        || entropy::bits_per_byte(token) < FLOOR
        || classes.count() < 2
        || !token.iter().any(u8::is_ascii_digit)
        || dotted
        || chosen::is_words(token)
    {
        return Judgement::Reject("not random");
    }
    let proof = with_host(candidate, Proof::of(Verdict::Pattern));
    let typed = entropy::longest_progression(token, 1) >= 6 || placeholder::is_typed(token);
    if typed {
        return proof.suppress("placeholder");
    }
    placeholder::accept_unless_placeholder(token, proof)
}

fn with_host(candidate: &Candidate<'_>, proof: Proof) -> Proof {
    let place = candidate.secret_range();
    match host_near(candidate.window, &place) {
        Some(host) => proof.opens("host", &context::text(host.as_bytes()), None),
        None => proof,
    }
}
