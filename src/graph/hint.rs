//! Hosts that a machine has logged in to, as its `known_hosts` files list them.
//!
//! A private key beside such a list is likely used for one of its hosts. The list says which, not
//! with which key: alone it is a weak hint, beside a host that accepts the key it makes that surer.
//!
//! OpenSSH may hash the names (`HashKnownHosts`): `|1|SALT|HASH`, where the hash is HMAC-SHA1 of the
//! name under the salt (sshd(8), `SSH_KNOWN_HOSTS FILE FORMAT`). The names of an inventory are few
//! enough to try.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use rusqlite::{Transaction, params};
use sha1::Sha1;

use crate::case::CaseError;

/// Confidence of a hint alone.
const ALONE: u8 = 40;
/// What it adds to an edge that is known from elsewhere, and up to which confidence.
const ADDED: u8 = 3;
const MOST: u8 = 98;
/// Private keys on one machine that a hint alone may be about; with more it says nothing.
const KEYS: u32 = 8;
/// Names that are tried on hashed entries, in all.
const TRIES: usize = 20_000_000;

/// Edges that a hint can make surer.
const SURER: &str = "('authorized_keys', 'arm-public-key', 'ec2-key-pair', 'gcp-metadata')";

/// A machine, one it knows, and where that stands.
type Known = BTreeMap<(i64, i64), String>;

pub(super) fn known_hosts(transaction: &Transaction<'_>) -> Result<(), CaseError> {
    let known = resolve(transaction)?;
    let mut keys = transaction.prepare(
        "SELECT s.id FROM finding f JOIN secret s ON s.id = f.secret_id
         WHERE f.asset_id = ?1 AND s.family = 'ssh' AND f.status = 'open'",
    )?;
    let mut surer = transaction.prepare(&format!(
        "UPDATE auth SET confidence = max(confidence, min(confidence + {ADDED}, {MOST})),
             evidence = evidence || '; ' || ?3
         WHERE secret_id = ?1 AND asset_id = ?2 AND how IN {SURER}"
    ))?;
    let mut alone = transaction.prepare(&format!(
        "INSERT OR IGNORE INTO auth SELECT ?1, ?2, 'known_hosts', {ALONE}, ?3
         WHERE NOT EXISTS (SELECT 1 FROM auth WHERE secret_id = ?1 AND asset_id = ?2)"
    ))?;
    // The same key may lie on several machines that know the same host.
    let mut done = BTreeSet::new();
    for ((holder, target), evidence) in known {
        let found = keys.query_map([holder], |row| row.get::<_, i64>(0))?;
        let found = found.collect::<Result<Vec<_>, _>>()?;
        let few = u32::try_from(found.len()).is_ok_and(|count| count <= KEYS);
        for secret in found {
            if !done.insert((secret, target)) {
                continue;
            }
            let raised = surer.execute(params![secret, target, evidence])?;
            if raised == 0 && few {
                alone.execute(params![secret, target, evidence])?;
            }
        }
    }
    Ok(())
}

/// Finds the machines that the lists name. A private address means one in the same network.
fn resolve(transaction: &Transaction<'_>) -> Result<Known, CaseError> {
    let mut known = Known::new();
    let mut hashed: Vec<(i64, Vec<u8>, Vec<u8>, String)> = Vec::new();
    let mut place = transaction.prepare(
        "SELECT t.id FROM name n JOIN asset t ON t.id = n.asset_id JOIN asset v ON v.id = ?2
         WHERE n.name = ?1 AND t.kind = 'vm' AND t.id <> v.id
           AND (n.name NOT GLOB 'address:*' OR v.network = t.network OR v.account = t.account)",
    )?;
    let mut statement = transaction.prepare(
        "SELECT DISTINCT i.asset_id, k.host, k.evidence FROM known_host k
         JOIN image i ON i.id = k.image_id ORDER BY i.asset_id, k.host",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (holder, host, evidence): (i64, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        if let Some((salt, hash)) = salted(&host) {
            hashed.push((holder, salt, hash, evidence));
            continue;
        }
        for name in [format!("host:{host}"), format!("address:{host}")] {
            let found = place.query_map(params![name, holder], |row| row.get::<_, i64>(0))?;
            for target in found {
                let text = format!("{evidence} names {host}");
                known.entry((holder, target?)).or_insert(text);
            }
        }
    }
    if hashed.is_empty() {
        return Ok(known);
    }
    let mut names = transaction.prepare(
        "SELECT DISTINCT n.name FROM name n JOIN asset a ON a.id = n.asset_id
         WHERE a.kind = 'vm' AND (n.name GLOB 'host:*' OR n.name GLOB 'address:*') ORDER BY n.name",
    )?;
    let names = names.query_map([], |row| row.get::<_, String>(0))?;
    let names = names.collect::<Result<Vec<_>, _>>()?;
    // Lists of several disks hold the same entries.
    let mut solved: HashMap<(Vec<u8>, Vec<u8>), Option<String>> = HashMap::new();
    let mut left = TRIES;
    for (holder, salt, hash, evidence) in hashed {
        let entry = solved.entry((salt, hash));
        let name = entry.or_insert_with_key(|(salt, hash)| {
            let tried = names.iter().take(left);
            left = left.saturating_sub(names.len());
            let mut tried = tried.filter(|name| matches(salt, hash, name));
            tried.next().cloned()
        });
        let Some(name) = &*name else { continue };
        let found = place.query_map(params![name, holder], |row| row.get::<_, i64>(0))?;
        for target in found {
            let host = name.split_once(':').map_or("", |(_, host)| host);
            let text = format!("{evidence} holds the hash of {host}");
            known.entry((holder, target?)).or_insert(text);
        }
    }
    Ok(known)
}

/// Salt and hash of `|1|SALT|HASH`.
fn salted(host: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let (salt, hash) = host.strip_prefix("|1|")?.split_once('|')?;
    Some((STANDARD.decode(salt).ok()?, STANDARD.decode(hash).ok()?))
}

fn matches(salt: &[u8], hash: &[u8], name: &str) -> bool {
    let host = name.split_once(':').map_or("", |(_, host)| host);
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(salt) else {
        return false;
    };
    mac.update(host.as_bytes());
    mac.verify_slice(hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hashed_name_is_known_by_its_salt() {
        let salt = [7; 20];
        let mut mac = Hmac::<Sha1>::new_from_slice(&salt).unwrap();
        mac.update(b"192.0.2.7");
        let hash = mac.finalize().into_bytes();
        let entry = format!("|1|{}|{}", STANDARD.encode(salt), STANDARD.encode(hash));
        let (salt, hash) = salted(&entry).unwrap();
        assert!(matches(&salt, &hash, "address:192.0.2.7"));
        assert!(!matches(&salt, &hash, "address:192.0.2.8"));
        assert!(salted("|1|x").is_none() && salted("web01").is_none());
    }
}
