//! Azure storage account keys: whoever has one has the whole account.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::ops::Range;

use super::Validator;
use super::connection_string::{self, value_of};
use super::context::{self, Pattern};
use super::identifiable::{self, OTHERS, STORAGE};
use super::{encoding, entropy, placeholder, published};
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;

/// The validators of this family, by the name used in rule files.
pub(super) const VALIDATORS: &[(&str, Validator)] = &[
    ("azure-storage-bare", bare),
    ("azure-storage-connection", connection),
    ("azure-storage-legacy", legacy),
];

/// How far from a key the name of its account is looked for, in bytes.
const CONTEXT: usize = 600;
/// Bytes in a key.
const KEY_LEN: usize = 64;
/// Bits per character a key without a checksum must show over its 86 characters.
const FLOOR: f64 = 4.5;
/// The account of the storage emulator.
pub(super) const EMULATOR_ACCOUNT: &str = "devstoreaccount1";
/// Where accounts live unless the text says otherwise.
const PUBLIC_SUFFIX: &str = "core.windows.net";

/// A storage host: `NAME.blob.core.windows.net`.
pub(super) static HOST: Pattern = Pattern::new(
    r"(?i)(?:^|[^a-z0-9-])(?<account>[a-z0-9]{3,24})(?:-secondary)?(?:\.z[0-9]{1,2})?\.(?<service>blob|file|queue|table|dfs|web)\.(?<suffix>core\.(?:windows\.net|chinacloudapi\.cn|usgovcloudapi\.net)|storage\.azure\.net)(?:[^a-z0-9.-]|$)",
);

static ACCOUNT: Pattern = Pattern::new(
    r#"(?i)(?:account[_-]?name|storage[_-]?account(?:[_-]?name)?)["'\]]{0,2}(?:\s{0,4}[:=]\s{0,8}|\s)["']?(?<account>[a-z0-9]{3,24})(?:[^a-z0-9]|$)"#,
);

/// Services whose connection strings use the same words for keys of their own.
static OTHER_SERVICE: Pattern = Pattern::new(
    r"(?i)\.(?:documents\.azure|batch\.azure|communication\.azure|cosmos\.azure|table\.cosmosdb|servicebus\.windows|azconfig|service\.signalr|webpubsub)\.",
);

/// Cosmos DB speaks the protocol of tables, and its connection strings look like those of storage.
static TABLE_OF_COSMOS: Pattern = Pattern::new(r"(?i)\.tables?\.cosmos(?:db)?\.azure\.");

/// `AccountKey=` of a connection string.
pub(super) fn connection(candidate: &Candidate<'_>) -> Judgement {
    let key = candidate.secret();
    let place = candidate.secret_range();
    let list = connection_string::list_around(candidate.window, &place);
    let fields = connection_string::fields(list);
    if TABLE_OF_COSMOS.first(list).is_some() {
        return Judgement::Reject("a key of Cosmos DB");
    }
    let account = value_of(&fields, &["AccountName"])
        .filter(|name| is_account_name(name))
        .or_else(|| account_near(candidate.window, &place).map(|(account, _)| account));
    if account.is_none()
        && OTHER_SERVICE
            .nearest(candidate.window, &place, CONTEXT)
            .is_some()
    {
        return Judgement::Reject("a key of another service");
    }
    let Some(proof) = prove(key) else {
        return Judgement::Reject("checksum, base64 or entropy");
    };
    let suffix = value_of(&fields, &["EndpointSuffix"]).unwrap_or_else(|| PUBLIC_SUFFIX.to_owned());
    finish(key, proof, account, &suffix)
}

/// A key that proves itself, wherever it lies.
pub(super) fn bare(candidate: &Candidate<'_>) -> Judgement {
    let key = candidate.secret();
    if identifiable::check(key, KEY_LEN, &STORAGE) != Some(true) {
        return Judgement::Reject("checksum");
    }
    with_context(candidate, Proof::of(Verdict::Checksum))
}

/// A key from before signatures, beside the name of a setting.
pub(super) fn legacy(candidate: &Candidate<'_>) -> Judgement {
    let Some(proof) = prove(candidate.secret()) else {
        return Judgement::Reject("checksum, base64 or entropy");
    };
    let place = candidate.secret_range();
    if OTHER_SERVICE
        .nearest(candidate.window, &place, CONTEXT)
        .is_some()
        && account_near(candidate.window, &place).is_none()
    {
        return Judgement::Reject("a key of another service");
    }
    with_context(candidate, proof)
}

/// A proof as strong as the key's own format allows; `None` for what is no storage key.
fn prove(key: &[u8]) -> Option<Proof> {
    if identifiable::signature_of(key, KEY_LEN).is_some_and(|found| OTHERS.contains(&found)) {
        return None;
    }
    let raw = encoding::base64(key)?;
    if raw.len() != KEY_LEN {
        return None;
    }
    match identifiable::check(key, KEY_LEN, &STORAGE) {
        Some(true) => Some(Proof::of(Verdict::Checksum)),
        Some(false) => None,
        None => {
            let random = key.get(..86).unwrap_or(&[]);
            (entropy::bits_per_byte(random) >= FLOOR).then(|| Proof::of(Verdict::Structure))
        }
    }
}

fn with_context(candidate: &Candidate<'_>, proof: Proof) -> Judgement {
    let near = account_near(candidate.window, &candidate.secret_range());
    let (account, suffix) = near.unzip();
    let suffix = suffix.unwrap_or_else(|| PUBLIC_SUFFIX.to_owned());
    finish(candidate.secret(), proof, account, &suffix)
}

fn finish(key: &[u8], mut proof: Proof, account: Option<String>, suffix: &str) -> Judgement {
    let emulated = account.as_deref() == Some(EMULATOR_ACCOUNT);
    if let Some(account) = account {
        proof = proof.opens(
            "storage-account",
            &account,
            Some(format!("{account}.blob.{suffix}")),
        );
    }
    if emulated || published::is_storage_emulator(key) {
        return proof.suppress("emulator key");
    }
    if placeholder::is_typed(key.get(..76).unwrap_or(&[])) {
        return proof.suppress("placeholder");
    }
    proof.accept()
}

/// The account that a host or a setting near the key names, with the suffix of its hosts.
pub(super) fn account_near(window: &[u8], place: &Range<usize>) -> Option<(String, String)> {
    if let Some(found) = HOST.nearest(window, place, CONTEXT) {
        let account = context::text_of(&found, "account")?.to_ascii_lowercase();
        let suffix = context::text_of(&found, "suffix")?.to_ascii_lowercase();
        return Some((account, suffix));
    }
    let found = ACCOUNT.nearest(window, place, CONTEXT)?;
    let account = context::text_of(&found, "account")?;
    is_account_name(&account).then(|| (account, PUBLIC_SUFFIX.to_owned()))
}

fn is_account_name(name: &str) -> bool {
    (3..=24).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_from_hosts_and_settings() {
        let near = |text: &[u8]| account_near(text, &(0..1)).map(|(account, _)| account);
        assert_eq!(
            near(b"K https://acmelogs.blob.core.windows.net/x").unwrap(),
            "acmelogs"
        );
        assert_eq!(
            near(b"K acme-secondary.dfs.core.usgovcloudapi.net").unwrap(),
            "acme"
        );
        assert_eq!(near(b"K storage_account_name = \"acme\"").unwrap(), "acme");
        assert_eq!(near(b"K AZURE_STORAGE_ACCOUNT=acme\n").unwrap(), "acme");
        assert_eq!(near(b"K acme.blob.core.windows.net.evil.example"), None);
    }

    #[test]
    fn the_patterns_compile() {
        assert!(HOST.regex().is_some() && ACCOUNT.regex().is_some());
        assert!(OTHER_SERVICE.regex().is_some() && TABLE_OF_COSMOS.regex().is_some());
    }
}
