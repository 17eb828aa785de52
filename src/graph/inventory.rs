//! The assets, and the secrets on each.

use rusqlite::{Connection, OptionalExtension, params};

use super::grid::{self, Grid};
use crate::case::CaseError;

/// All assets with what is known of them, those with the most findings first.
///
/// # Errors
/// When the database fails.
pub fn assets(connection: &Connection, limit: usize) -> Result<Grid, CaseError> {
    grid::query(
        connection,
        "SELECT a.uid, a.kind, a.service, a.cloud, a.name, iif(a.exposed, 'yes', 'no') AS exposed,
             a.ports, CASE a.vuln WHEN 4 THEN 'critical' WHEN 3 THEN 'high' WHEN 2 THEN 'medium'
                 WHEN 1 THEN 'low' ELSE '' END AS vulnerable,
             iif(a.running, '', 'stopped') AS state, t.open AS secrets,
             iif(a.stub, 'named by a secret only', '') AS remark
         FROM tally t CROSS JOIN asset a ON a.id = t.asset_id ORDER BY t.open DESC, t.uid",
        [],
        limit,
    )
}

/// The secrets on one asset, by any of its names, with what belongs to each: the public key and
/// the machines that accept it, what else it opens, and who else holds it.
///
/// # Errors
/// When there is no such asset, or the database fails.
pub fn secrets(connection: &Connection, asset: &str, limit: usize) -> Result<Grid, CaseError> {
    let id: Option<i64> = connection
        .query_row(
            "SELECT asset_id FROM name WHERE name = ?1
             UNION ALL SELECT id FROM asset WHERE name = ?2 LIMIT 1",
            [asset.to_ascii_lowercase(), asset.to_owned()],
            |row| row.get(0),
        )
        .optional()?;
    let id = id.ok_or_else(|| {
        CaseError::Request(format!(
            "no asset is called `{asset}`; `keydredge case inventory` lists them"
        ))
    })?;
    grid::query(
        connection,
        "SELECT f.id AS finding, f.status, s.type, s.variant,
             CASE s.severity WHEN 4 THEN 'critical' WHEN 3 THEN 'high' WHEN 2 THEN 'medium'
                 WHEN 1 THEN 'low' ELSE 'info' END AS severity,
             s.verdict, s.preview, s.fingerprint,
             (SELECT group_concat(coalesce(nullif(l.path, '') || coalesce('#' || l.pointer, ''), l.pointer, i.input) || ' at ' || l.offset
                  || coalesce(' [' || nullif(l.state, 'allocated') || ']', ''), '; ')
              FROM location l JOIN image i ON i.id = l.image_id
              WHERE l.finding_id = f.id AND l.gone = 0) AS locations,
             (SELECT max(l.modified) FROM location l WHERE l.finding_id = f.id) AS modified,
             datetime(s.expires, 'unixepoch') AS expires,
             s.public_key,
             (SELECT group_concat(t.uid || ' (' || a.how || ' ' || a.confidence || ')', '; ')
              FROM auth a JOIN asset t ON t.id = a.asset_id WHERE a.secret_id = s.id
                AND t.id <> f.asset_id) AS opens,
             (SELECT group_concat(v.uid, '; ') FROM finding other JOIN asset v ON v.id = other.asset_id
              WHERE other.secret_id = s.id AND other.id <> f.id AND other.status = 'open') AS also_on,
             s.identity, s.details, f.first_seen, f.last_seen
         FROM finding f JOIN secret s ON s.id = f.secret_id
         WHERE f.asset_id = ?1 ORDER BY s.severity DESC, s.type, f.id",
        params![id],
        limit,
    )
}
