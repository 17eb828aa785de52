//! Travis CI API tokens: sixteen random bytes in URL-safe base64, without any mark.
//!
//! `travis-api`, `access_token.rb`: the token is 22 characters, so the last holds four spare bits
//! and is one of `A`, `Q`, `g`, `w`.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::Validator;
use super::context::{self, Pattern};
use super::{chosen, encoding, entropy, placeholder};
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;

/// The validators of this family, by the name used in rule files.
pub(super) const VALIDATORS: &[(&str, Validator)] = &[("travis-token", token)];

/// Bits per character that a token must show; one random token in 20,000 shows less.
const FLOOR: f64 = 3.5;

static HOST: Pattern =
    Pattern::new(r"(?i)(?<host>(?:[a-z0-9-]{1,40}\.){0,3}travis-ci\.(?:com|org))");

/// A token with the word beside it.
pub(super) fn token(candidate: &Candidate<'_>) -> Judgement {
    let token = candidate.secret();
    let bytes = encoding::base64url(token).map_or(0, |raw| raw.len());
    let mixed =
        token.iter().any(u8::is_ascii_lowercase) && token.iter().any(u8::is_ascii_uppercase);
    if bytes != 16 || !mixed || entropy::bits_per_byte(token) < FLOOR || chosen::is_words(token) {
        return Judgement::Reject("not random");
    }
    let place = candidate.secret_range();
    let host = HOST
        .nearest(candidate.window, &place, 300)
        .and_then(|found| context::text_of(&found, "host"))
        .map(|host| host.to_ascii_lowercase());
    let mut proof = Proof::of(Verdict::Pattern);
    if let Some(host) = host {
        proof = proof.opens("ci", &host, None);
    }
    if placeholder::is_typed(token) {
        return proof.suppress("placeholder");
    }
    placeholder::accept_unless_placeholder(token, proof)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read() {
        let found = HOST.first(b"https://api.travis-ci.com/user").unwrap();
        assert_eq!(
            context::text_of(&found, "host").unwrap(),
            "api.travis-ci.com"
        );
    }
}
