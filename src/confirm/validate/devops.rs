//! Azure DevOps personal access tokens, in both alphabets and inside Basic authentication.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::Validator;
use super::context::{self, Pattern};
use super::{cask, encoding};
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;

/// The validators of this family, by the name used in rule files.
pub(super) const VALIDATORS: &[(&str, Validator)] = &[
    ("azure-devops-base32", base32),
    ("azure-devops-basic", basic),
    ("azure-devops-cask", annotated),
];

/// How far from a token its organisation is looked for, in bytes.
const CONTEXT: usize = 500;
/// What the CRC of a personal access token is xored with.
const PERSONAL: u32 = 0xE0B9_692D;

static ORGANISATION: Pattern = Pattern::new(
    r#"(?i)//(?:[^@\s/"']{1,200}@)?(?:(?:[a-z]+\.)?dev\.azure\.com/(?<organisation>[a-z0-9][a-z0-9-]{0,49})|(?<organisation_b>[a-z0-9][a-z0-9-]{0,49})(?:\.[a-z]+)?\.visualstudio\.com)"#,
);

/// 84 characters, annotated: see [`cask`].
pub(super) fn annotated(candidate: &Candidate<'_>) -> Judgement {
    match annotated_proof(candidate.secret()) {
        Some(proof) => with_organisation(candidate, proof).accept(),
        None => Judgement::Reject("checksum"),
    }
}

/// 52 characters of base32, which nothing but their CRC-32 gives away.
pub(super) fn base32(candidate: &Candidate<'_>) -> Judgement {
    if !base32_holds(candidate.secret()) {
        return Judgement::Reject("checksum");
    }
    with_organisation(candidate, Proof::of(Verdict::Checksum)).accept()
}

/// Base64 of `user:token`, as in an Authorization header.
pub(super) fn basic(candidate: &Candidate<'_>) -> Judgement {
    let Some(decoded) = encoding::base64_lenient(candidate.secret()) else {
        return Judgement::Reject("base64");
    };
    let token = decoded
        .rsplit(|byte| *byte == b':')
        .next()
        .unwrap_or(&[])
        .trim_ascii();
    let proof = if base32_holds(token) {
        Some(Proof::of(Verdict::Checksum))
    } else {
        annotated_proof(token)
    };
    match proof {
        Some(proof) => with_organisation(candidate, proof.canonical(token)).accept(),
        None => Judgement::Reject("no token in it"),
    }
}

fn annotated_proof(token: &[u8]) -> Option<Proof> {
    let annotation = cask::read(token).filter(|annotation| annotation.signature == *b"AZDO")?;
    let issued = format!("{}-{:02}", annotation.year, annotation.month);
    Some(Proof::of(Verdict::Checksum).detail("issued", issued))
}

/// Whether the CRC-32 spread over bytes 2, 7, 8 and 22 of the 32 is that of the other 28. Source:
/// Microsoft `security-utilities`, `SEC101_102_AdoPat`.
pub(crate) fn base32_holds(token: &[u8]) -> bool {
    if token.len() != 52 || !matches!(token.last(), Some(b'a' | b'q')) {
        return false;
    }
    let Some(raw) = encoding::base32(token) else {
        return false;
    };
    let Ok(raw) = <[u8; 32]>::try_from(raw) else {
        return false;
    };
    let [_, _, a, _, _, _, _, b, c, ..] = raw;
    let d = raw.get(22).copied().unwrap_or(0);
    crc32fast::hash(&covered(&raw)) ^ PERSONAL == u32::from_be_bytes([a, b, c, d])
}

/// The 28 bytes that the CRC covers.
fn covered(raw: &[u8; 32]) -> Vec<u8> {
    [0..2, 3..7, 9..22, 23..32]
        .into_iter()
        .filter_map(|range| raw.get(range))
        .flatten()
        .copied()
        .collect()
}

/// A token whose checksum holds, around random bytes.
pub(crate) fn make_base32(mut raw: [u8; 32]) -> String {
    let crc = (crc32fast::hash(&covered(&raw)) ^ PERSONAL).to_be_bytes();
    for (at, byte) in [2, 7, 8, 22].into_iter().zip(crc) {
        if let Some(slot) = raw.get_mut::<usize>(at) {
            *slot = byte;
        }
    }
    encoding::to_base32(&raw, b"abcdefghijklmnopqrstuvwxyz234567")
}

fn with_organisation(candidate: &Candidate<'_>, proof: Proof) -> Proof {
    let found = ORGANISATION.nearest(candidate.window, &candidate.secret_range(), CONTEXT);
    let name = found.and_then(|found| {
        context::text_of(&found, "organisation")
            .or_else(|| context::text_of(&found, "organisation_b"))
    });
    match name {
        Some(name) => {
            let endpoint = format!("dev.azure.com/{name}");
            proof.opens("organisation", &name, Some(endpoint))
        }
        None => proof,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_tokens_hold_and_made_up_ones_do_not() {
        // An expired token of sarif-pattern-matcher's tests and Purview's printed sample.
        for parts in [
            ["h5lxeqkz4zujkyvzg5emkejgelxj", "4x64tvyzclprekuloawbbz5q"],
            ["ntpi2ch67ci2vjzcohglogyygwo5", "fuyl365n2zdowwxhsys6jnoa"],
        ] {
            assert!(base32_holds(parts.concat().as_bytes()));
        }
        assert!(!base32_holds(&"deadbeef".repeat(7).as_bytes()[..52]));
        assert!(!base32_holds(b""));
    }

    #[test]
    fn a_made_token_holds_until_a_character_changes() {
        let token = make_base32([0x5A; 32]);
        assert_eq!(token.len(), 52);
        assert!(base32_holds(token.as_bytes()));
        let first = if token.starts_with('a') { "b" } else { "a" };
        assert!(!base32_holds(format!("{first}{}", &token[1..]).as_bytes()));
    }

    #[test]
    fn organisations_are_read_from_every_host() {
        for text in [
            "https://dev.azure.com/acme/web",
            "https://x:PAT@dev.azure.com/acme",
            "//pkgs.dev.azure.com/acme/_packaging/feed/npm/registry/:_password=",
            "https://acme.visualstudio.com/DefaultCollection",
            "https://acme.pkgs.visualstudio.com/_packaging",
        ] {
            let found = ORGANISATION.first(text.as_bytes()).unwrap();
            let name = context::text_of(&found, "organisation")
                .or_else(|| context::text_of(&found, "organisation_b"));
            assert_eq!(name.unwrap(), "acme", "{text}");
        }
    }
}
