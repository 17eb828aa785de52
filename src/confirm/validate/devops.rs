//! Azure DevOps tokens of people and secrets of applications, in both alphabets and inside Basic
//! authentication.

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
    ("azure-devops-app-base32", application_base32),
    ("azure-devops-base32", base32),
    ("azure-devops-basic", basic),
    ("azure-devops-cask", annotated),
];

/// How far from a token its organisation is looked for, in bytes.
const CONTEXT: usize = 500;
/// Signature of an annotated personal access token.
const ANNOTATED: [u8; 4] = *b"AZDO";

/// Whom a 52-character secret was issued to: the layout is the same, the CRC is xored with a
/// constant of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// A person: personal access token.
    Person,
    /// An application. The constant is that of the source; no published secret proves it.
    Application,
}

impl Holder {
    fn constant(self) -> u32 {
        match self {
            Self::Person => 0xE0B9_692D,
            Self::Application => 0x1019_F92E,
        }
    }
}

static ORGANISATION: Pattern = Pattern::new(
    r#"(?i)//(?:[^@\s/"']{1,200}@)?(?:(?:[a-z]+\.)?dev\.azure\.com/(?<organisation>[a-z0-9][a-z0-9-]{0,49})|(?<organisation_b>[a-z0-9][a-z0-9-]{0,49})(?:\.[a-z]+)?\.visualstudio\.com)"#,
);

static APPLICATION: Pattern = Pattern::new(
    r#"(?i)(?:client|app|application)_?id["'\]]{0,2}(?:\s{0,4}[:=,]\s{0,8}|\s{1,4})(?:["']?value["']?\s{0,2}[=:]\s{0,2})?["']?(?<id>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"#,
);

/// 84 characters, annotated: see [`cask`].
pub(super) fn annotated(candidate: &Candidate<'_>) -> Judgement {
    match cask::proof(candidate.secret(), ANNOTATED) {
        Some(proof) => with_organisation(candidate, proof).accept(),
        None => Judgement::Reject("checksum"),
    }
}

/// 52 characters of base32, which nothing but their CRC-32 gives away.
pub(super) fn base32(candidate: &Candidate<'_>) -> Judgement {
    if !base32_holds(candidate.secret(), Holder::Person) {
        return Judgement::Reject("checksum");
    }
    with_organisation(candidate, Proof::of(Verdict::Checksum)).accept()
}

/// As [`base32`], issued to an application: only the CRC tells the two apart.
pub(super) fn application_base32(candidate: &Candidate<'_>) -> Judgement {
    if !base32_holds(candidate.secret(), Holder::Application) {
        return Judgement::Reject("checksum");
    }
    let mut proof = with_organisation(candidate, Proof::of(Verdict::Checksum));
    let near = APPLICATION.nearest(candidate.window, &candidate.secret_range(), CONTEXT);
    if let Some(id) = near.and_then(|found| context::text_of(&found, "id")) {
        proof = proof.owner("application", id.to_ascii_lowercase());
    }
    proof.accept()
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
    let proof = if base32_holds(token, Holder::Person) {
        Some(Proof::of(Verdict::Checksum))
    } else {
        cask::proof(token, ANNOTATED)
    };
    match proof {
        Some(proof) => with_organisation(candidate, proof.canonical(token)).accept(),
        None => Judgement::Reject("no token in it"),
    }
}

/// Whether the CRC-32 spread over bytes 2, 7, 8 and 22 of the 32 is that of the other 28. Source:
/// Microsoft `security-utilities`, `SEC101_102_AdoPat`.
pub(crate) fn base32_holds(token: &[u8], holder: Holder) -> bool {
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
    crc32fast::hash(&covered(&raw)) ^ holder.constant() == u32::from_be_bytes([a, b, c, d])
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
pub(crate) fn make_base32(mut raw: [u8; 32], holder: Holder) -> String {
    let crc = (crc32fast::hash(&covered(&raw)) ^ holder.constant()).to_be_bytes();
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
            assert!(base32_holds(parts.concat().as_bytes(), Holder::Person));
            assert!(!base32_holds(
                parts.concat().as_bytes(),
                Holder::Application
            ));
        }
        assert!(!base32_holds(
            &"deadbeef".repeat(7).as_bytes()[..52],
            Holder::Person
        ));
        assert!(!base32_holds(b"", Holder::Person));
    }

    #[test]
    fn a_made_token_holds_until_a_character_changes() {
        for (holder, other) in [
            (Holder::Person, Holder::Application),
            (Holder::Application, Holder::Person),
        ] {
            let token = make_base32([0x5A; 32], holder);
            assert_eq!(token.len(), 52);
            assert!(base32_holds(token.as_bytes(), holder));
            assert!(!base32_holds(token.as_bytes(), other));
            let first = if token.starts_with('a') { "b" } else { "a" };
            let edited = format!("{first}{}", &token[1..]);
            assert!(!base32_holds(edited.as_bytes(), holder));
        }
    }

    #[test]
    fn the_secret_of_an_application_agrees_with_an_independent_implementation() {
        // Computed by a second implementation, in another language, around 28 equal bytes.
        assert!(base32_holds(
            ["ljnjaws2ljnbces2ljnfuws2lj", "nfuws2ljnn6ws2ljnfuws2ljna"]
                .concat()
                .as_bytes(),
            Holder::Application
        ));
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
