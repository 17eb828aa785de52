//! Shared access signatures of Azure storage: a link that opens a part of an account for a time.
//!
//! Azure Storage REST reference: "Create an account SAS", "Create a service SAS", "Create a user
//! delegation SAS".

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::Validator;
use super::context::{self, Pattern};
use super::query::Query;
use super::storage::{self, EMULATOR_ACCOUNT};
use super::{encoding, entropy};
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;
use crate::rule::Severity;

/// The validators of this family, by the name used in rule files.
pub(super) const VALIDATORS: &[(&str, Validator)] = &[("azure-storage-sas", storage)];

/// The URL that the signature is appended to.
static URL: Pattern = Pattern::new(
    r#"(?i)https?://(?<host>(?<account>[a-z0-9]{3,24})(?:-secondary)?(?:\.z[0-9]{1,2})?\.(?<service>blob|file|queue|table|dfs|web)\.(?:core\.(?:windows\.net|chinacloudapi\.cn|usgovcloudapi\.net)|storage\.azure\.net)|(?:127\.0\.0\.1|localhost)(?::[0-9]+)?/(?<emulator>devstoreaccount1))(?:/(?<path>[^\s?"'<>]{0,400}))?\?[^\s"'<>]{0,300}$"#,
);

/// Letters that permissions are written with.
const PERMISSIONS: &[u8] = b"racwdxyltmeopiuf";

/// Any signature of the storage services, told apart by its parameters.
pub(super) fn storage(candidate: &Candidate<'_>) -> Judgement {
    let query = Query::parse(candidate.secret());
    if query.has_duplicates() || !query.text("sv").is_some_and(is_date) {
        return Judgement::Reject("parameters");
    }
    let signature = query.get("sig").unwrap_or(&[]);
    let mac = encoding::base64(signature).filter(|mac| mac.len() == 32);
    let Some(mac) = mac else {
        return Judgement::Reject("signature is not 32 bytes");
    };
    let Some(kind) = kind_of(&query) else {
        return Judgement::Reject("parameters of no known kind");
    };
    let permissions = query.text("sp").unwrap_or_default();
    let moments: Option<Vec<jiff::Timestamp>> = ["se", "ske"]
        .iter()
        .filter_map(|name| query.text(name))
        .map(moment)
        .collect();
    let Some(moments) = moments else {
        return Judgement::Reject("expiry is no time");
    };
    let mut proof = Proof::of(Verdict::Structure)
        .canonical(signature)
        .detail("kind", kind)
        .detail("permissions", permissions);
    // The signature ends with the key that made it, if that is sooner.
    proof.expires = moments.into_iter().min();
    if !permissions.is_empty()
        && permissions
            .bytes()
            .all(|letter| matches!(letter, b'r' | b'l'))
    {
        proof = proof.severity(Severity::Medium);
    }
    for (parameter, name) in [("sktid", "tenant"), ("skoid", "object")] {
        if let Some(value) = query.text(parameter) {
            proof = proof.owner(name, value);
        }
    }
    let proof = with_target(candidate, proof);
    let emulated = proof
        .target
        .as_ref()
        .is_some_and(|target| target.name == EMULATOR_ACCOUNT);
    if emulated {
        return proof.suppress("emulator key");
    }
    if entropy::distinct(&mac) <= 8 {
        return proof.suppress("placeholder");
    }
    proof.accept()
}

fn kind_of(query: &Query) -> Option<&'static str> {
    let subset = |name: &str, letters: &[u8]| {
        query.get(name).is_some_and(|value| {
            !value.is_empty()
                && value.len() == entropy::distinct(value)
                && value.iter().all(|letter| letters.contains(letter))
        })
    };
    let bounded = subset("sp", PERMISSIONS) && query.get("se").is_some();
    if subset("ss", b"bqtf") && subset("srt", b"sco") {
        return bounded.then_some("account");
    }
    let resource = query
        .get("sr")
        .is_some_and(|value| [b"b".as_slice(), b"bv", b"bs", b"c", b"d", b"f", b"s", b"q"].contains(&value))
        || query.get("tn").is_some()
        // A signature for a queue names no resource at all.
        || query.get("sr").is_none() && query.get("ss").is_none();
    if !resource || !(bounded || query.get("si").is_some()) {
        return None;
    }
    let delegated = ["skoid", "sktid", "skt", "ske", "sks", "skv"];
    let present = delegated
        .iter()
        .filter(|name| query.get(name).is_some())
        .count();
    match present {
        0 => Some("service"),
        6 => Some("user delegation"),
        _ => None,
    }
}

fn with_target(candidate: &Candidate<'_>, proof: Proof) -> Proof {
    let place = candidate.secret_range();
    // The pattern may have taken the `?` or the parameters before the first short one.
    let before = candidate.window.get(..place.start).unwrap_or(&[]);
    if let Some(found) = URL.first(before) {
        let host = context::text_of(&found, "host").unwrap_or_default();
        if found.name("emulator").is_some() {
            return proof.opens("storage-account", EMULATOR_ACCOUNT, Some(host));
        }
        let account = context::text_of(&found, "account").unwrap_or_default();
        let service = context::text_of(&found, "service").unwrap_or_default();
        let path = context::text_of(&found, "path").unwrap_or_default();
        let mut proof = proof.detail("service", service.to_ascii_lowercase()).opens(
            "storage-account",
            &account.to_ascii_lowercase(),
            Some(host),
        );
        let (container, inside) = path.split_once('/').unwrap_or((&path, ""));
        for (name, value) in [("container", container), ("path", inside)] {
            if !value.is_empty() {
                proof = proof.detail(name, value);
            }
        }
        return proof;
    }
    match storage::account_near(candidate.window, &place) {
        Some((account, suffix)) => {
            let endpoint = format!("{account}.blob.{suffix}");
            proof.opens("storage-account", &account, Some(endpoint))
        }
        None => proof,
    }
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}

/// `2026-01-31`, `2026-01-31T23:59Z`, `2026-01-31T23:59:59Z` (ISO 8601 as the services take it).
fn moment(text: &str) -> Option<jiff::Timestamp> {
    let (date, time) = text.split_once('T').unwrap_or((text, "00:00:00Z"));
    let clock = time.strip_suffix('Z')?;
    let clock = match clock.len() {
        5 => format!("{clock}:00"),
        _ => clock.to_owned(),
    };
    format!("{date}T{clock}Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_all_their_lengths() {
        let seconds = |text| moment(text).map(|moment| moment.as_second());
        assert_eq!(seconds("1970-01-02").unwrap(), 86_400);
        assert_eq!(seconds("1970-01-01T00:01Z").unwrap(), 60);
        assert_eq!(seconds("1970-01-01T00:00:01.5Z").unwrap(), 1);
        assert_eq!(seconds("tomorrow"), None);
        assert_eq!(seconds("1970-13-01"), None);
    }

    #[test]
    fn kinds_are_told_apart_by_their_parameters() {
        let kind = |text: &str| kind_of(&Query::parse(text.as_bytes()));
        assert_eq!(kind("ss=bq&srt=sco&sp=rl&se=2026-01-01"), Some("account"));
        assert_eq!(kind("ss=bb&srt=sco&sp=rl&se=2026-01-01"), None);
        assert_eq!(kind("sr=b&sp=r&se=2026-01-01"), Some("service"));
        assert_eq!(kind("sr=c&si=policy"), Some("service"));
        assert_eq!(kind("sr=b&sp=zz&se=2026-01-01"), None);
        assert_eq!(kind("sr=b&sp=r&se=2026&skoid=x"), None, "half a delegation");
    }

    #[test]
    fn the_pattern_compiles() {
        assert!(URL.regex().is_some());
    }
}
