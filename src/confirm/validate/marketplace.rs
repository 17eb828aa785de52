//! Amazon Marketplace Web Service: what sellers authorised developers with until March 2024.
//!
//! Amazon MWS Developer Guide, "Authorization" (the token `amzn.mws.` and an identifier in the
//! shape of a UUID, whose version digits mean nothing).

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::Validator;
use super::context::{self, Pattern};
use super::{aws, entropy, placeholder};
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;
use crate::rule::Severity;

/// The validators of this family, by the name used in rule files.
pub(super) const VALIDATORS: &[(&str, Validator)] =
    &[("mws-developer-key", developer_key), ("mws-token", token)];

/// How far from a token its seller is named, in bytes.
const NEAR: usize = 300;

static SELLER: Pattern = Pattern::new(
    r#"(?:(?i)seller|merchant)[_ .-]?(?i:id)["']?\s{0,4}(?:=>|[:=])\s{0,4}["']?(?<seller>A[0-9A-Z]{9,17})(?:[^0-9A-Za-z]|$)"#,
);

/// `amzn.mws.` and 32 digits.
pub(super) fn token(candidate: &Candidate<'_>) -> Judgement {
    let token = candidate.secret();
    let digits: Vec<u8> = token
        .get(9..)
        .unwrap_or(&[])
        .iter()
        .filter(|byte| **byte != b'-')
        .map(u8::to_ascii_lowercase)
        .collect();
    let proof = with_seller(
        candidate,
        Proof::of(Verdict::Structure).canonical(token.to_ascii_lowercase()),
    );
    if entropy::distinct(&digits) < 8 || placeholder::is_typed(&digits) {
        return proof.suppress("placeholder");
    }
    proof.accept()
}

/// The secret of a developer, beside the service's name.
pub(super) fn developer_key(candidate: &Candidate<'_>) -> Judgement {
    let key = candidate.secret();
    if !aws::is_random(key) {
        return Judgement::Reject("not random");
    }
    let proof = with_seller(
        candidate,
        Proof::of(Verdict::Pattern).severity(Severity::Medium),
    );
    if key.ends_with(b"EXAMPLEKEY") {
        return proof.suppress("published example");
    }
    if placeholder::is_typed(key) {
        return proof.suppress("placeholder");
    }
    proof.accept()
}

fn with_seller(candidate: &Candidate<'_>, proof: Proof) -> Proof {
    let place = candidate.secret_range();
    let found = SELLER.nearest(candidate.window, &place, NEAR);
    match found.and_then(|found| context::text_of(&found, "seller")) {
        Some(seller) => {
            proof
                .owner("seller", seller.as_str())
                .opens("marketplace-seller", &seller, None)
        }
        None => proof,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sellers_are_read() {
        for text in [
            "SellerId=A2EXAMPLESELLER",
            "'merchant_id' => 'A1BCDEFGHIJKLM',",
        ] {
            assert!(SELLER.first(text.as_bytes()).is_some(), "{text}");
        }
    }
}
