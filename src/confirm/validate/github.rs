//! GitHub tokens of every generation.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use sha2::{Digest as _, Sha256};

use super::Validator;
use super::context::{self, Pattern};
use super::{checksum, encoding, entropy, jwt, placeholder};
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;

/// The validators of this family, by the name used in rule files.
pub(super) const VALIDATORS: &[(&str, Validator)] = &[
    ("github-crc32", classic),
    ("github-fine-grained", fine_grained),
    ("github-installation", installation),
    ("github-legacy", legacy),
];

/// How far from a token the repository it was used for is looked for, in bytes.
const CONTEXT: usize = 200;

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

static REPOSITORY: Pattern = Pattern::new(
    r"(?i)github\.com[/:](?<owner>[a-z0-9][a-z0-9-]{0,38})/(?<name>[a-z0-9._-]{1,100})",
);

/// `ghp_` and its siblings: CRC-32 at the end.
pub(super) fn classic(candidate: &Candidate<'_>) -> Judgement {
    let token = candidate.secret();
    if !checksum::holds(token) {
        return Judgement::Reject("checksum");
    }
    let kind = match token.get(..4) {
        Some(b"gho_") => "OAuth access",
        Some(b"ghu_") => "user to server",
        Some(b"ghs_") => "server to server",
        Some(b"ghr_") => "refresh",
        _ => "personal access",
    };
    with_repository(candidate, Proof::of(Verdict::Checksum))
        .detail("kind", kind)
        .accept()
}

/// `github_pat_`: eight characters, sixteen before the end, are base32 of the SHA-256 of all
/// before them. Source: the rule of Kingfisher, proven on published revoked tokens.
pub(super) fn fine_grained(candidate: &Candidate<'_>) -> Judgement {
    let token = candidate.secret();
    if !fine_grained_holds(token) {
        return Judgement::Reject("checksum");
    }
    with_repository(candidate, Proof::of(Verdict::Checksum))
        .detail("kind", "fine-grained personal access")
        .accept()
}

/// Whether the checksum inside a fine-grained token holds.
pub(crate) fn fine_grained_holds(token: &[u8]) -> bool {
    let Some((body, tail)) = token.split_last_chunk::<16>() else {
        return false;
    };
    tail.get(..8) == Some(fine_grained_checksum(body).as_bytes())
}

/// The checksum of a fine-grained token's first 77 characters.
pub(crate) fn fine_grained_checksum(body: &[u8]) -> String {
    let mut text = encoding::to_base32(&Sha256::digest(body), BASE32);
    text.truncate(8);
    text
}

/// `ghs_<app>_<JWT>`: the stateless installation tokens of 2026.
pub(super) fn installation(candidate: &Candidate<'_>) -> Judgement {
    let token = candidate.secret();
    let mut parts = token.splitn(3, |byte| *byte == b'_');
    let (app, web_token) = (parts.nth(1), parts.next());
    let (Some(app), Some(web_token)) = (app, web_token) else {
        return Judgement::Reject("shape");
    };
    let Some(claims) = jwt::claims(web_token) else {
        return Judgement::Reject("not a JSON web token");
    };
    let mut proof = with_repository(candidate, Proof::of(Verdict::Structure))
        .detail("kind", "server to server")
        .owner("app", context::text(app));
    proof.expires = jwt::expiry(&claims);
    proof.accept()
}

/// Forty hexadecimal digits beside the word token: issued until April 2021.
pub(super) fn legacy(candidate: &Candidate<'_>) -> Judgement {
    let token = candidate.secret();
    let digit = token.iter().any(u8::is_ascii_digit);
    let letter = token.iter().any(u8::is_ascii_alphabetic);
    if !digit || !letter || entropy::bits_per_byte(token) < 3.0 {
        return Judgement::Reject("not random");
    }
    let proof = with_repository(candidate, Proof::of(Verdict::Pattern))
        .detail("kind", "personal access, before 2021");
    if placeholder::is_typed(token) {
        return proof.suppress("placeholder");
    }
    proof.accept()
}

/// Names the repository of a remote URL near the token.
fn with_repository(candidate: &Candidate<'_>, proof: Proof) -> Proof {
    let found = REPOSITORY.nearest(candidate.window, &candidate.secret_range(), CONTEXT);
    let Some(found) = found else {
        return proof;
    };
    let (Some(owner), Some(name)) = (
        context::text_of(&found, "owner"),
        context::text_of(&found, "name"),
    ) else {
        return proof;
    };
    let name = name.strip_suffix(".git").unwrap_or(&name);
    let endpoint = format!("github.com/{owner}/{name}");
    proof.opens("repository", &format!("{owner}/{name}"), Some(endpoint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_fine_grained_tokens_hold() {
        // Revoked, printed in secretlint and in Kingfisher's rules.
        for parts in [
            [
                "github_pat_",
                "11AAGI73I0HFY8wJru4mTw_ZlpxaViSYQuKETGMT",
                "XMkbWFrZCqjas5OpXSUP6g5zbrE2PRUI7CfRZ3m3z3",
            ],
            [
                "github_pat_",
                "11AAYCBDQ0tjwxY3uiVv5v_lo8vfONwp06Vaq9OR",
                "B7pSxWM1UT5wSEuqxoxNv15mbAJTNMO62SdeYHLyzV",
            ],
        ] {
            let token = parts.concat();
            assert!(fine_grained_holds(token.as_bytes()));
            let edited = token.replace("_11AA", "_11AB");
            assert!(!fine_grained_holds(edited.as_bytes()));
        }
        assert!(!fine_grained_holds(b"github_pat_"));
    }

    #[test]
    fn the_pattern_compiles() {
        assert!(REPOSITORY.regex().is_some());
    }
}
