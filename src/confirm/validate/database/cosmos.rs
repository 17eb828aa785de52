//! Keys of Cosmos DB accounts: whoever has the read-write key has every database of the account.
//!
//! Sources: Microsoft `security-utilities` (SEC101/160 and the seeds of `IdentifiableMetadata`),
//! "Secure access to data in Azure Cosmos DB", "Connect a MongoDB application to Azure Cosmos DB".

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::ops::Range;

use super::host::{Endpoint, Service};
use super::login::{self, Login};
use crate::confirm::validate::context::{Pattern, gap_between};
use crate::confirm::validate::identifiable::{self, COSMOS, COSMOS_SEEDS, STORAGE};
use crate::confirm::validate::{Validator, context, encoding, entropy, placeholder};
use crate::confirm::{Candidate, Judgement, Proof, unescape};
use crate::finding::Verdict;
use crate::rule::Severity;

/// The validators of this type, by the name used in rule files.
pub(super) const VALIDATORS: &[(&str, Validator)] = &[
    ("azure-cosmos-bare-key", bare),
    ("azure-cosmos-host-key", beside_host),
    ("azure-cosmos-key", connection),
    ("azure-cosmos-mongodb", mongodb),
    ("azure-cosmos-named-key", named),
];

/// Bytes in an account key.
const KEY_LEN: usize = 64;
/// Farthest that a key and the host of its account lie apart, in bytes.
const NEAR: usize = 400;
/// Farthest that they lie apart in the answer of a management command or in a Terraform state.
const FAR: usize = 4000;
/// Bits per character that the 86 characters of a key without a checksum must show: of random
/// keys one in 10,000 shows less than 5.04.
const FLOOR: f64 = 5.0;

static KEY: Pattern =
    Pattern::new(r"(?:^|[^A-Za-z0-9+/])(?<key>[A-Za-z0-9+/]{86}==)(?:[^A-Za-z0-9+/=]|$)");

/// `AccountEndpoint=...;AccountKey=...`.
fn connection(candidate: &Candidate<'_>) -> Judgement {
    let endpoint = candidate
        .group_range("host")
        .and_then(|place| Endpoint::at(candidate.window, &place))
        .filter(|found| found.service == Service::Cosmos);
    let Some(endpoint) = endpoint else {
        return Judgement::Reject("not a host of Cosmos DB");
    };
    let database = candidate.group("database").map(context::text);
    judge(candidate.secret(), Some(&endpoint), database)
}

/// A key that proves itself, wherever it lies.
fn bare(candidate: &Candidate<'_>) -> Judgement {
    let key = candidate.secret();
    if identifiable::check(key, KEY_LEN, &COSMOS) != Some(true) {
        return Judgement::Reject("checksum");
    }
    let endpoint = nearest_host(candidate.window, &candidate.secret_range(), FAR);
    judge(key, endpoint.as_ref(), None)
}

/// A key in a field whose name says what it opens.
fn named(candidate: &Candidate<'_>) -> Judgement {
    let endpoint = nearest_host(candidate.window, &candidate.secret_range(), FAR);
    let says_cosmos = candidate.group("cosmos").is_some();
    if endpoint.is_none() && !says_cosmos {
        return Judgement::Reject("nothing says that this is a key of Cosmos DB");
    }
    judge(candidate.secret(), endpoint.as_ref(), None)
}

/// The key nearest to the host that the anchor lies in.
fn beside_host(candidate: &Candidate<'_>) -> Judgement {
    let window = candidate.window;
    let found = Endpoint::all(window).find(|(_, place)| place.contains(&candidate.anchor));
    let Some((endpoint, place)) = found.filter(|(found, _)| found.takes_key()) else {
        return Judgement::Reject("not the host of an account");
    };
    let nearest = KEY
        .find_all(window)
        .filter_map(|found| Some(found.name("key")?.range()))
        .filter(|at| gap_between(at, &place) <= NEAR)
        .min_by_key(|at| gap_between(at, &place));
    let Some(at) = nearest else {
        return Judgement::Reject("no key near the host");
    };
    let key = window.get(at.clone()).unwrap_or(&[]);
    match judge(key, Some(&endpoint), None) {
        Judgement::Accept(proof) => proof.lies_at(at).accept(),
        Judgement::Suppress(reason, proof) => proof.lies_at(at).suppress(reason),
        Judgement::Reject(reason) => Judgement::Reject(reason),
    }
}

/// The URL of the MongoDB interface: the account's key, or the password of a cluster.
fn mongodb(candidate: &Candidate<'_>) -> Judgement {
    let window = candidate.window;
    let endpoint = candidate
        .group_range("host")
        .and_then(|place| Some((Endpoint::at(window, &place)?, place)))
        .filter(|(found, _)| found.service == Service::Cosmos);
    let Some((endpoint, place)) = endpoint else {
        return Judgement::Reject("not a host of Cosmos DB");
    };
    let raw = candidate.secret();
    let rest = window.get(candidate.secret_range().end..).unwrap_or(&[]);
    if unescape::looks_escaped(raw, rest) {
        return Judgement::Reject("escaped: another reading of the window is right");
    }
    let value = unescape::percent_value(raw);
    let user = candidate.group("user").unwrap_or(&[]);
    if endpoint.takes_key() && placeholder::reason(&value).is_none() {
        return match judge(&value, Some(&endpoint), None) {
            Judgement::Accept(proof) => proof.canonical(value.as_ref()).accept(),
            Judgement::Suppress(reason, proof) => proof.canonical(value.as_ref()).suppress(reason),
            Judgement::Reject(reason) => Judgement::Reject(reason),
        };
    }
    let login = Login {
        user: Some(context::text(&unescape::percent_value(user))),
        database: candidate.group("database").map(context::text),
        port: login::port_after(window, &place),
        scheme: None,
    };
    let proof = login
        .describe(Proof::of(Verdict::Structure), &endpoint)
        .canonical(value.as_ref());
    login::judge(&value, raw, endpoint.is_printed(), proof)
}

/// What a key's own format says of it.
fn judge(key: &[u8], endpoint: Option<&Endpoint>, database: Option<String>) -> Judgement {
    let Some(mut proof) = prove(key) else {
        return Judgement::Reject("checksum, base64 or entropy");
    };
    if let Some(endpoint) = endpoint {
        let login = Login {
            database,
            ..Login::default()
        };
        proof = login.describe(proof, endpoint);
    }
    if placeholder::is_typed(key.get(..76).unwrap_or(&[])) {
        return proof.suppress("placeholder");
    }
    proof.accept()
}

fn prove(key: &[u8]) -> Option<Proof> {
    if encoding::base64(key).is_none_or(|raw| raw.len() != KEY_LEN) {
        return None;
    }
    let foreign = identifiable::signature_of(key, KEY_LEN).is_some_and(|found| {
        found == STORAGE.signature
            || (identifiable::OTHERS.contains(&found) && found != COSMOS.signature)
    });
    if foreign {
        return None;
    }
    match identifiable::check(key, KEY_LEN, &COSMOS) {
        Some(true) => Some(with_rights(Proof::of(Verdict::Checksum), key)),
        Some(false) => None,
        None => (entropy::bits_per_byte(key.get(..86).unwrap_or(&[])) >= FLOOR)
            .then(|| Proof::of(Verdict::Structure)),
    }
}

/// The seed under which the checksum holds says what the key may do.
fn with_rights(proof: Proof, key: &[u8]) -> Proof {
    let kind = COSMOS_SEEDS.iter().find_map(|(seed, kind)| {
        let one = identifiable::Provider {
            signature: COSMOS.signature,
            seeds: std::slice::from_ref(seed),
        };
        (identifiable::check(key, KEY_LEN, &one) == Some(true)).then_some(*kind)
    });
    match kind {
        Some("read-write") => proof
            .detail("key", "read-write")
            .severity(Severity::Critical),
        Some(kind) => proof.detail("key", kind),
        None => proof,
    }
}

fn nearest_host(window: &[u8], place: &Range<usize>, reach: usize) -> Option<Endpoint> {
    Endpoint::all(window)
        .filter(|(found, at)| found.takes_key() && gap_between(at, place) <= reach)
        .min_by_key(|(_, at)| gap_between(at, place))
        .map(|(found, _)| found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_the_provider_holds_and_other_services_keys_do_not() {
        // security-utilities, identifiable_scans.rs: 76 times `a`, signature, checksum.
        let key = |tail: &str| format!("{}{tail}", "a".repeat(76));
        let proof = prove(key("ACDbOpqrYA==").as_bytes()).unwrap();
        assert_eq!(proof.verdict, Some(Verdict::Checksum));
        assert_eq!(proof.details["key"], "encryption");
        assert_eq!(prove(key("ACDbOpqrYQ==").as_bytes()), None);
        assert_eq!(prove(key("+ASt5mnCaw==").as_bytes()), None);
        assert_eq!(prove(key("+ABa13FZVQ==").as_bytes()), None);
        assert_eq!(prove(b"short"), None);
    }

    #[test]
    fn a_read_write_key_is_worse_than_one_that_reads() {
        let random: Vec<u8> = (0..64_u8).map(|index| index.wrapping_mul(37)).collect();
        for (seed, kind) in COSMOS_SEEDS {
            let provider = identifiable::Provider {
                signature: COSMOS.signature,
                seeds: std::slice::from_ref(seed),
            };
            let proof = prove(identifiable::make(&random, &provider).as_bytes()).unwrap();
            assert_eq!(proof.details["key"], *kind);
            let critical = proof.severity == Some(Severity::Critical);
            assert_eq!(critical, *kind == "read-write");
        }
    }

    #[test]
    fn the_pattern_compiles() {
        assert!(KEY.regex().is_some());
    }
}
