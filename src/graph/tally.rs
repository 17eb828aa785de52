//! Findings counted and weighed once, when the case is derived.
//!
//! How urgent a finding is depends on what its secret opens, on how many assets hold it and on all
//! its places. A million such sums take a database many seconds, reading the tables once in their
//! own order takes two; so lists and roll-ups only read what is kept here.

use std::collections::HashMap;

use rusqlite::{Transaction, params};

use super::recommendation::{Terms, score};
use crate::case::CaseError;

/// The findings of each asset.
pub(super) fn assets(transaction: &Transaction<'_>) -> Result<(), CaseError> {
    // By open, fixed, accepted and false positive.
    let mut counts: HashMap<i64, [u32; 4]> = HashMap::new();
    let mut statement = transaction.prepare("SELECT asset_id, status FROM finding")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let at = match row.get_ref(1)?.as_str().unwrap_or("") {
            "open" => 0,
            "fixed" => 1,
            "accepted" => 2,
            _ => 3,
        };
        if let Some(count) = counts.entry(row.get(0)?).or_default().get_mut(at) {
            *count += 1;
        }
    }
    transaction.execute("DELETE FROM tally", [])?;
    let mut statement = transaction.prepare(
        "SELECT a.id, a.uid, coalesce(read.complete, 0) FROM asset a LEFT JOIN
             (SELECT i.asset_id, max(s.complete) AS complete FROM image i
              JOIN scanned d ON d.image_id = i.id JOIN scan s ON s.id = d.scan_id
              GROUP BY i.asset_id) read ON read.asset_id = a.id ORDER BY a.id",
    )?;
    let mut insert =
        transaction.prepare("INSERT INTO tally VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, uid, complete): (i64, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let [open, fixed, accepted, no_secret] = counts.get(&id).copied().unwrap_or_default();
        insert.execute(params![id, uid, open, fixed, accepted, no_secret, complete])?;
    }
    Ok(())
}

/// What a secret adds to the urgency of its findings.
#[derive(Clone, Copy, Default)]
struct Weight {
    best: u8,
    sensitive: bool,
    hosts: u32,
}

/// How urgent each finding is.
pub(super) fn findings(transaction: &Transaction<'_>) -> Result<(), CaseError> {
    let mut weights: HashMap<i64, Weight> = HashMap::new();
    let mut statement =
        transaction.prepare("SELECT secret_id FROM finding WHERE status = 'open'")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        weights.entry(row.get(0)?).or_default().hosts += 1;
    }
    let mut statement = transaction.prepare(
        "SELECT a.secret_id, a.confidence, t.sensitive FROM auth a
         CROSS JOIN asset t ON t.id = a.asset_id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let weight = weights.entry(row.get(0)?).or_default();
        weight.best = weight.best.max(row.get(1)?);
        weight.sensitive |= row.get::<_, bool>(2)?;
    }
    transaction.execute("DELETE FROM urgency", [])?;
    let mut insert =
        transaction.prepare("INSERT INTO urgency VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
    // Both in the order of findings, so that the places of one lie next to each other.
    let mut statement = transaction.prepare(
        "SELECT f.id, f.secret_id, s.family, s.severity, s.protected, s.expires, s.revoked,
             v.exposed, v.vuln
         FROM finding f CROSS JOIN secret s ON s.id = f.secret_id
         CROSS JOIN asset v ON v.id = f.asset_id ORDER BY f.id",
    )?;
    let mut places = transaction.prepare(
        "SELECT finding_id, labels LIKE '%test-directory%', coalesce(state, 'allocated') <> 'allocated'
         FROM location ORDER BY finding_id",
    )?;
    let mut places = places.query([])?;
    let mut place = places.next()?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let (mut is_test, mut live, mut gone) = (false, false, false);
        while let Some(known) = place {
            let of: i64 = known.get(0)?;
            if of > id {
                break;
            }
            if of == id {
                is_test |= known.get::<_, bool>(1)?;
                let is_deleted: bool = known.get(2)?;
                gone |= is_deleted;
                live |= !is_deleted;
            }
            place = places.next()?;
        }
        let weight = weights.get(&row.get(1)?).copied().unwrap_or_default();
        let (expires, revoked): (Option<i64>, bool) = (row.get(5)?, row.get(6)?);
        let terms = Terms {
            family: row.get_ref(2)?.as_str().unwrap_or(""),
            severity: row.get(3)?,
            exposed: row.get(7)?,
            vulnerable: row.get(8)?,
            protected: row.get(4)?,
            expired: false,
            confidence: weight.best.into(),
            sensitive: weight.sensitive,
            hosts: weight.hosts.max(1).into(),
            test: is_test,
            deleted: gone && !live,
        };
        insert.execute(params![
            id,
            score(&terms),
            if revoked { Some(0) } else { expires },
            weight.best,
            terms.sensitive,
            terms.hosts,
            terms.test,
            terms.deleted
        ])?;
    }
    Ok(())
}
