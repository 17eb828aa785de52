//! Findings read back out of the case, so that one set of reports serves a scan and a case.
//!
//! What is said of a place comes back as the scan said it. What is said of a secret (its verdict and
//! severity, whose it is) is one for all its places: that of the last scan that saw it.

use rusqlite::{Connection, Row};
use serde::Serialize;
use serde_json::{Map, Value};

use super::CaseError;
use super::evidence::{self, COLUMNS};
use crate::finding::summary::Summary;
use crate::finding::{Finding, Occurrence, Secret, Target, Verdict};
use crate::rule::Severity;

/// Columns before those of the evidence.
const FIRST: usize = 30;

/// A finding with what the case knows of it besides: the record of a scan with four more fields.
#[derive(Clone, Debug, Serialize)]
pub struct Stored {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// Uid of the asset that holds it.
    pub asset: String,
    /// `open`, `fixed`, `accepted` or `false-positive`.
    pub status: String,
    /// When a scan first saw it, RFC 3339.
    pub first_seen: String,
    /// When a scan last saw it, RFC 3339.
    pub last_seen: String,
}

/// Hands out every place of every finding, in the order in which scans found them. Places that are
/// gone are left out, but for those of findings that are fixed, which have no others.
///
/// # Errors
/// When the database fails, or `take` does.
pub fn each<E: From<CaseError>>(
    connection: &Connection,
    take: &mut dyn FnMut(&Stored) -> Result<(), E>,
) -> Result<(), E> {
    // The order is that in which the rows lie, so that nothing is sorted in memory.
    let sql = format!(
        "SELECT s.type, s.variant, s.severity, s.verdict, s.fingerprint, s.preview, s.expires,
             s.identity, s.details, l.place, l.path, l.offset, l.length, l.partition, l.inode,
             l.state, l.modified, l.line, l.pointer, l.resource, l.labels, i.input, a.uid, f.status,
             f.first_seen, f.last_seen,
             CASE a.kind WHEN 'deployment' THEN a.uid END AS deployment,
             CASE a.kind WHEN 'deployment' THEN nullif(a.service, '') END AS deployment_kind,
             (SELECT c.kind FROM claim c WHERE c.secret_id = s.id ORDER BY c.name LIMIT 1) AS kind,
             (SELECT c.name FROM claim c WHERE c.secret_id = s.id ORDER BY c.name LIMIT 1) AS target,
             {COLUMNS}
         FROM location l CROSS JOIN finding f ON f.id = l.finding_id
         CROSS JOIN secret s ON s.id = f.secret_id CROSS JOIN asset a ON a.id = f.asset_id
         CROSS JOIN image i ON i.id = l.image_id LEFT JOIN evidence e ON e.location_id = l.id
         WHERE l.gone = 0 OR f.status = 'fixed' ORDER BY l.id"
    );
    let now = jiff::Timestamp::now().as_second();
    let mut statement = connection.prepare(&sql).map_err(CaseError::from)?;
    let mut rows = statement.query([]).map_err(CaseError::from)?;
    while let Some(row) = rows.next().map_err(CaseError::from)? {
        take(&stored(row, now).map_err(CaseError::from)?)?;
    }
    Ok(())
}

fn stored(row: &Row<'_>, now: i64) -> Result<Stored, rusqlite::Error> {
    let expires: Option<i64> = row.get("expires")?;
    let verdict: String = row.get("verdict")?;
    let severity: u8 = row.get("severity")?;
    let path: String = row.get("path")?;
    let labels: String = row.get("labels")?;
    // Written from unsigned numbers that fitted.
    let number = |name: &str| -> Result<Option<u64>, rusqlite::Error> {
        let value: Option<i64> = row.get(name)?;
        Ok(value.map(i64::unsigned_abs))
    };
    let map = |name: &str| -> Result<Map<String, Value>, rusqlite::Error> {
        let text: String = row.get(name)?;
        Ok(serde_json::from_str(&text).unwrap_or_default())
    };
    let length = number("length")?.unwrap_or_default();
    let target: Option<String> = row.get("target")?;
    let kind: Option<String> = row.get("kind")?;
    let asset: String = row.get("uid")?;
    let mut input: String = row.get("input")?;
    let deployment: Option<String> = row.get("deployment")?;
    // The image of a deployment is called by its file and its id.
    let file = input.strip_suffix(asset.as_str());
    if let Some(file) = file.and_then(|file| file.strip_suffix('#'))
        && deployment.is_some()
    {
        input = file.to_owned();
    }
    let mut finding = Finding {
        schema: Finding::SCHEMA.to_owned(),
        secret_type: row.get("type")?,
        variant: row.get("variant")?,
        severity: Severity::ALL
            .get(usize::from(severity))
            .copied()
            .unwrap_or(Severity::Critical),
        verdict: Verdict::ALL
            .into_iter()
            .find(|known| known.name() == verdict)
            .unwrap_or(Verdict::Pattern),
        fingerprint: row.get("fingerprint")?,
        secret: Secret {
            preview: row.get("preview")?,
            length: usize::try_from(length).unwrap_or(usize::MAX),
            value: None,
        },
        occurrence: Occurrence {
            input,
            offset: number("offset")?.unwrap_or_default(),
            length,
            forensic_path: row.get("place")?,
            pieces: Vec::new(),
            encoding: Vec::new(),
            partition: row.get("partition")?,
            filesystem: None,
            path: Some(path).filter(|path| !path.is_empty()),
            file_offset: None,
            inode: number("inode")?,
            state: row.get("state")?,
            owner: None,
            mode: None,
            modified: row.get("modified")?,
            also: Vec::new(),
            line: number("line")?,
            column: None,
            pointer: row.get("pointer")?,
            deployment,
            deployment_kind: row.get("deployment_kind")?,
            resource: row.get("resource")?,
            role: None,
            surroundings: None,
            labels: labels
                .split(',')
                .filter(|label| !label.is_empty())
                .map(str::to_owned)
                .collect(),
        },
        target: kind
            .zip(target)
            .map(|(kind, claim)| target_of(kind, &claim)),
        identity: map("identity")?,
        expires: expires
            .and_then(|at| jiff::Timestamp::from_second(at).ok())
            .map(|at| at.to_string()),
        expired: expires.map(|at| at <= now),
        details: map("details")?,
        suppressed: None,
    };
    evidence::fill(&mut finding, row, FIRST)?;
    Ok(Stored {
        finding,
        asset,
        status: row.get("status")?,
        first_seen: row.get("first_seen")?,
        last_seen: row.get("last_seen")?,
    })
}

/// `host:crm.example.net` and `address:10.0.0.4` are endpoints, `s3:acme-logs` a name.
fn target_of(kind: String, claim: &str) -> Target {
    let (space, name) = claim.split_once(':').unwrap_or(("", claim));
    let is_endpoint = matches!(space, "host" | "address");
    Target {
        kind,
        name: name.to_owned(),
        endpoint: is_endpoint.then(|| name.to_owned()),
    }
}

/// What the scans read that are the last ones of an image.
///
/// # Errors
/// When the database fails.
pub fn summary(connection: &Connection) -> Result<Summary, CaseError> {
    let mut statement = connection.prepare(
        "SELECT summary FROM scan WHERE summary <> '' AND id IN
             (SELECT max(scan_id) FROM scanned GROUP BY image_id) ORDER BY id",
    )?;
    let texts = statement.query_map([], |row| row.get::<_, String>(0))?;
    let mut scans = Vec::new();
    for text in texts {
        scans.extend(serde_json::from_str(&text?).ok());
    }
    Ok(Summary::of_all(&scans))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_becomes_a_target_again() {
        let target = target_of("sql-database".to_owned(), "host:crm.example.net");
        assert_eq!(target.endpoint.as_deref(), Some("crm.example.net"));
        let target = target_of("s3-bucket".to_owned(), "s3:acme-logs");
        assert_eq!((target.name.as_str(), target.endpoint), ("acme-logs", None));
    }
}
