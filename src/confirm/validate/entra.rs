//! Client secrets of Microsoft Entra applications (Azure AD).

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::Validator;
use super::context::{self, Pattern};
use super::marvin::{Seed, marvin32};
use super::{encoding, entropy, placeholder};
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;

/// The validators of this family, by the name used in rule files.
pub(super) const VALIDATORS: &[(&str, Validator)] = &[
    ("entra-7q", without_checksum),
    ("entra-8q", with_checksum),
    ("entra-legacy", legacy),
];

/// How far from a secret its application and tenant are looked for, in bytes.
const CONTEXT: usize = 500;
const SEED: Seed = *b"AadPwd00";
/// Digits of the checksum, the smallest first.
const DIGITS: &[u8; 66] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890.-_~";

static CLIENT: Pattern = Pattern::new(
    r#"(?i)(?:client_?id|app_?id|application_?id|client|principal_?id|username|(?:^|\s)-u)["'\]]{0,2}(?:\s{0,4}[:=,]\s{0,8}|\s{1,4})(?:["']?value["']?\s{0,2}[=:]\s{0,2})?["']?(?<id>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"#,
);

static TENANT: Pattern = Pattern::new(
    r#"(?i)(?:(?:tenant|directory)(?:_?id)?["'\]]{0,2}(?:\s{0,4}[:=,]\s{0,8}|\s{1,4})(?:["']?value["']?\s{0,2}[=:]\s{0,2})?["']?|login\.microsoftonline\.(?:com|us)/|login\.partner\.microsoftonline\.cn/|sts\.windows\.net/)(?<id>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"#,
);

/// What a secret without any mark of its own must have near it.
static NEIGHBOUR: Pattern = Pattern::new(
    r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|login\.microsoftonline\.|sts\.windows\.net|\.onmicrosoft\.com",
);

/// `8Q~`: the last three characters are a checksum of the 37 before.
pub(super) fn with_checksum(candidate: &Candidate<'_>) -> Judgement {
    if !holds(candidate.secret()) {
        return Judgement::Reject("checksum");
    }
    with_principal(candidate, Proof::of(Verdict::Checksum)).accept()
}

/// `7Q~`: issued 2021 to 2022, without a checksum.
pub(super) fn without_checksum(candidate: &Candidate<'_>) -> Judgement {
    let secret = candidate.secret();
    let random = [
        secret.get(..3).unwrap_or(&[]),
        secret.get(6..).unwrap_or(&[]),
    ]
    .concat();
    if entropy::distinct(secret) < 12 || entropy::bits_per_byte(secret) < 3.5 {
        return Judgement::Reject("not random");
    }
    let proof = with_principal(candidate, Proof::of(Verdict::Structure));
    if placeholder::is_typed(&random) || placeholder::reason(&random).is_some() {
        return proof.suppress("placeholder");
    }
    proof.accept()
}

/// From before 2021: only the name beside it and an application near it speak for it.
pub(super) fn legacy(candidate: &Candidate<'_>) -> Judgement {
    let secret = candidate.secret();
    let place = candidate.secret_range();
    if NEIGHBOUR
        .nearest(candidate.window, &place, CONTEXT)
        .is_none()
    {
        return Judgement::Reject("no application near it");
    }
    let proven = if secret.len() == 44 {
        encoding::base64(secret).is_some_and(|raw| raw.len() == 32)
            && entropy::bits_per_byte(secret) >= 4.0
    } else {
        let mixed = secret.iter().any(u8::is_ascii_digit)
            && secret.iter().any(u8::is_ascii_lowercase)
            && secret.iter().any(u8::is_ascii_uppercase);
        let marked = secret
            .iter()
            .any(|byte| matches!(byte, b'-' | b'_' | b'.' | b'~'));
        mixed && marked && entropy::bits_per_byte(secret) >= 3.8
    };
    if !proven {
        return Judgement::Reject("not random");
    }
    let proof = with_principal(candidate, Proof::of(Verdict::Pattern));
    if placeholder::is_typed(secret) {
        return proof.suppress("placeholder");
    }
    placeholder::accept_unless_placeholder(secret, proof)
}

/// Whether the checksum of a 40-character secret holds. Source: Microsoft `security-utilities`,
/// `IdentifiableMetadata`.
pub(crate) fn holds(secret: &[u8]) -> bool {
    let Some((body, tail)) = secret.split_last_chunk::<3>() else {
        return false;
    };
    secret.len() == 40
        && secret.get(3..6) == Some(b"8Q~")
        && secret.iter().all(|byte| DIGITS.contains(byte))
        && checksum(body) == *tail
}

/// The first three of six base-66 digits, most significant first, of the Marvin32 hash.
pub(crate) fn checksum(body: &[u8]) -> [u8; 3] {
    let mut value = marvin32(body, SEED);
    let mut digits = [b'a'; 6];
    for digit in digits.iter_mut().rev() {
        let index = usize::try_from(value % 66).unwrap_or(0);
        *digit = DIGITS.get(index).copied().unwrap_or(b'a');
        value /= 66;
    }
    let [first, second, third, ..] = digits;
    [first, second, third]
}

fn with_principal(candidate: &Candidate<'_>, mut proof: Proof) -> Proof {
    let place = candidate.secret_range();
    let id = |pattern: &Pattern| {
        let found = pattern.nearest(candidate.window, &place, CONTEXT)?;
        Some(context::text_of(&found, "id")?.to_ascii_lowercase())
    };
    if let Some(tenant) = id(&TENANT) {
        proof = proof.owner("tenant", tenant);
    }
    if let Some(client) = id(&CLIENT) {
        proof = proof
            .owner("client", client.clone())
            .opens("service-principal", &client, None);
    }
    proof
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_secret_holds() {
        // The example of security-utilities: all `z`, with its checksum.
        let secret = format!("zzz8Q~{}blP", "z".repeat(31));
        assert!(holds(secret.as_bytes()));
        assert!(!holds(secret.replace("blP", "blQ").as_bytes()));
        assert!(!holds(b"8Q~"));
    }

    #[test]
    fn applications_and_tenants_are_read_by_their_names() {
        let id = "0f8fad5b-d9cb-469f-a165-70867728950e";
        for text in [
            format!("ARM_CLIENT_ID={id}"),
            format!("\"appId\": \"{id}\""),
            format!("az login --service-principal -u {id} -p x"),
        ] {
            let found = CLIENT.first(text.as_bytes()).unwrap();
            assert_eq!(context::text_of(&found, "id").unwrap(), id, "{text}");
        }
        for text in [
            format!("tenant_id = \"{id}\""),
            format!("https://login.microsoftonline.com/{id}/oauth2"),
        ] {
            assert!(TENANT.first(text.as_bytes()).is_some(), "{text}");
        }
        assert!(NEIGHBOUR.regex().is_some());
    }
}
