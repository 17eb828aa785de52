//! Google Cloud: signed links to Cloud Storage, and API keys.
//!
//! Cloud Storage documentation, "Signatures" and "V4 signing process with your own program"; the
//! V2 process is described in "V2 signing process".

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::Validator;
use super::context::{self, Pattern};
use super::presigned::{self, Link, WEEK};
use super::{encoding, entropy, placeholder};
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;

/// The validators of this family, by the name used in rule files.
pub(super) const VALIDATORS: &[(&str, Validator)] = &[
    ("google-api-key", api_key),
    ("google-auth-key", auth_key),
    ("google-signed-v2", version_2),
    ("google-signed-v4", version_4),
];

/// Bits per character that a key must show. Of random keys one in 10,000 shows fewer than 4.2.
const FLOOR: f64 = 4.0;
/// The last of 39 characters holds two spare bits, which are zero in every key that Google drew.
/// Observed on all keys known to have been real; not documented.
const LAST: &[u8] = b"AEIMQUYcgkosw048";
/// How far from a key its project and product are named, in bytes.
const NEAR: usize = 600;

static PROJECT: Pattern = Pattern::new(
    r#"(?i)project_?id["']?\s{0,4}[:=]\s{0,4}["']?(?<project>[a-z][a-z0-9-]{4,28}[a-z0-9])(?:[^a-z0-9-]|$)"#,
);

static PRODUCT: Pattern = Pattern::new(r"(?i)//(?<host>[a-z0-9-]{2,40}\.googleapis\.com)");

/// What an auth key must have near it: the prefix alone says little.
static VENDOR: Pattern = Pattern::new(r"(?i)gemini|google|genai|x-goog-api-key|generativelanguage");

/// `X-Goog-Signature`.
pub(super) fn version_4(candidate: &Candidate<'_>) -> Judgement {
    let place = candidate.secret_range();
    let Some((start, link)) = presigned::link(candidate.secret(), "X-Goog-Signature") else {
        return Judgement::Reject("not a link");
    };
    let query = &link.query;
    let (Some(algorithm), Some(scope), Some(date), Some(life), Some(signature)) = (
        query.text("X-Goog-Algorithm"),
        query.text("X-Goog-Credential"),
        query.text("X-Goog-Date"),
        query.text("X-Goog-Expires"),
        query.text("X-Goog-Signature"),
    ) else {
        return Judgement::Reject("a parameter is missing");
    };
    if query.has_duplicates() || query.text("X-Goog-SignedHeaders").is_none() {
        return Judgement::Reject("parameters");
    }
    // RSA signatures are as long as their modulus, HMAC-SHA256 gives 32 bytes.
    let len_fits = match algorithm {
        "GOOG4-RSA-SHA256" => matches!(signature.len(), 256 | 512 | 1024),
        "GOOG4-HMAC-SHA256" => signature.len() == 64,
        _ => false,
    };
    if !len_fits || !signature.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Judgement::Reject("signature");
    }
    let mut parts = scope.rsplitn(5, '/');
    let (Some("goog4_request"), Some("storage"), Some(region), Some(day), Some(signer)) = (
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
    ) else {
        return Judgement::Reject("credential scope");
    };
    let signed = date.get(..8) == Some(day);
    let (Some(at), Ok(life)) = (presigned::basic_time(date), life.parse::<i64>()) else {
        return Judgement::Reject("date");
    };
    if !signed || !(1..=WEEK).contains(&life) {
        return Judgement::Reject("date or life");
    }
    let mut proof = describe(&link, signer)
        .lies_at(place.start.saturating_add(start)..place.end)
        .canonical(signature.to_ascii_lowercase())
        .detail("region", region)
        .detail("signed", at.to_string())
        .detail("algorithm", algorithm);
    proof.expires = at
        .as_second()
        .checked_add(life)
        .and_then(|second| jiff::Timestamp::from_second(second).ok());
    finish(proof, signer, signature.as_bytes())
}

/// `GoogleAccessId`.
pub(super) fn version_2(candidate: &Candidate<'_>) -> Judgement {
    let place = candidate.secret_range();
    let Some((start, link)) = presigned::link(candidate.secret(), "GoogleAccessId") else {
        return Judgement::Reject("not a link");
    };
    let query = &link.query;
    let (Some(signer), Some(expires), Some(signature)) = (
        query.text("GoogleAccessId"),
        query.text("Expires"),
        query.get("Signature"),
    ) else {
        return Judgement::Reject("a parameter is missing");
    };
    // A `+` that was not percent-encoded reads as a space in a query, and is one.
    let signature: Vec<u8> = signature
        .iter()
        .map(|byte| if *byte == b' ' { b'+' } else { *byte })
        .collect();
    let len = encoding::base64_any(&signature).map_or(0, |raw| raw.len());
    let moment = expires
        .parse()
        .ok()
        .and_then(|second| jiff::Timestamp::from_second(second).ok());
    if query.has_duplicates() || !matches!(len, 128 | 256 | 512) || moment.is_none() {
        return Judgement::Reject("expiry or signature");
    }
    if !(9..=11).contains(&expires.len()) || signer.len() < 6 {
        return Judgement::Reject("expiry or signer");
    }
    let mut proof = describe(&link, signer)
        .lies_at(place.start.saturating_add(start)..place.end)
        .canonical(signature.as_slice())
        .detail("algorithm", "signature version 2");
    proof.expires = moment;
    finish(proof, signer, &signature)
}

fn finish(proof: Proof, signer: &str, signature: &[u8]) -> Judgement {
    if signer.starts_with("example@") || signer.contains("@example-project.") {
        return proof.suppress("published example");
    }
    if placeholder::is_typed(signature) {
        return proof.suppress("placeholder");
    }
    proof.accept()
}

/// Bucket, object and signer of a link.
fn describe(link: &Link<'_>, signer: &str) -> Proof {
    let path = link.address.path.trim_start_matches('/');
    let proof = Proof::of(Verdict::Structure).owner("signer", signer);
    let proof = match signer
        .split_once('@')
        .and_then(|(_, host)| host.strip_suffix(".iam.gserviceaccount.com"))
    {
        Some(project) => proof.owner("project", project),
        None => proof,
    };
    let (bucket, object) = bucket(link.address.host, path);
    proof
        .opens("gcs-bucket", &bucket, Some(link.address.host.to_owned()))
        .detail("object", object)
}

/// The bucket is the first part of the path, or of the host; a host of one's own is the bucket.
fn bucket(host: &str, path: &str) -> (String, String) {
    const HOSTS: &[&str] = &[
        "storage.googleapis.com",
        "storage-download.googleapis.com",
        "storage.cloud.google.com",
        "commondatastorage.googleapis.com",
    ];
    let host = host.split(':').next().unwrap_or(host).to_ascii_lowercase();
    if HOSTS.contains(&host.as_str()) {
        let (bucket, object) = path.split_once('/').unwrap_or((path, ""));
        return (bucket.to_owned(), object.to_owned());
    }
    let labelled = HOSTS
        .iter()
        .find_map(|known| host.strip_suffix(known)?.strip_suffix('.'));
    (labelled.unwrap_or(&host).to_owned(), path.to_owned())
}

/// `AIza` and 35 characters.
pub(super) fn api_key(candidate: &Candidate<'_>) -> Judgement {
    let key = candidate.secret();
    if entropy::bits_per_byte(key) < FLOOR {
        return Judgement::Reject("not random");
    }
    let canonical = key.last().is_some_and(|last| LAST.contains(last));
    let verdict = if canonical {
        Verdict::Structure
    } else {
        Verdict::Pattern
    };
    let proof = with_product(candidate, Proof::of(verdict));
    let random = key.get(4..).unwrap_or(&[]);
    if placeholder::is_typed(random) || placeholder::reason(random).is_some() {
        return proof.suppress("placeholder");
    }
    if !canonical {
        return proof.suppress("its last character is none that Google draws");
    }
    proof.accept()
}

/// `AQ.Ab`: the form of 2026. Its length is not documented.
pub(super) fn auth_key(candidate: &Candidate<'_>) -> Judgement {
    let key = candidate.secret();
    if entropy::bits_per_byte(key) < FLOOR {
        return Judgement::Reject("not random");
    }
    let place = candidate.secret_range();
    if VENDOR.nearest(candidate.window, &place, 100).is_none() {
        return Judgement::Reject("nothing of Google near it");
    }
    let proof = with_product(candidate, Proof::of(Verdict::Pattern));
    if placeholder::is_typed(key) || placeholder::reason(key).is_some() {
        return proof.suppress("placeholder");
    }
    proof.accept()
}

fn with_product(candidate: &Candidate<'_>, mut proof: Proof) -> Proof {
    let place = candidate.secret_range();
    if let Some(found) = PROJECT.nearest(candidate.window, &place, NEAR)
        && let Some(project) = context::text_of(&found, "project")
    {
        proof = proof.owner("project", project);
    }
    if let Some(found) = PRODUCT.nearest(candidate.window, &place, NEAR)
        && let Some(host) = context::text_of(&found, "host")
    {
        let host = host.to_ascii_lowercase();
        let product = host.split('.').next().unwrap_or_default().to_owned();
        proof = proof.opens("google-api", &product, Some(host));
    }
    proof
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_read_from_every_style_of_host() {
        for (host, path, expected) in [
            ("storage.googleapis.com", "logs/a/b", ("logs", "a/b")),
            ("logs.storage.googleapis.com", "a/b", ("logs", "a/b")),
            ("STORAGE.googleapis.com:443", "logs", ("logs", "")),
            ("cdn.corp.internal", "a/b", ("cdn.corp.internal", "a/b")),
        ] {
            let (bucket, object) = bucket(host, path);
            assert_eq!((bucket.as_str(), object.as_str()), expected, "{host}");
        }
        for pattern in [&PROJECT, &PRODUCT, &VENDOR] {
            assert!(pattern.regex().is_some());
        }
    }
}
