//! Attack paths: from the internet over a machine and a secret in one of its files to a target.

use std::collections::HashMap;

use rusqlite::{Connection, Row, params};
use serde_json::Value;

use super::grid::{self, Grid};
use super::reach::reach;
use super::scenario::{EXTRAS, NO_TARGET, OWN_IDENTITY, SCENARIOS, SPREAD, Scenario, UNKNOWN_KEY};
use super::{THRESHOLD, VULNERABLE};
use crate::case::CaseError;

/// Columns of a path.
pub(super) const COLUMNS: &[&str] = &[
    "id",
    "scenario",
    "name",
    "source",
    "ports",
    "cves",
    "secret",
    "preview",
    "fingerprint",
    "location",
    "target",
    "how",
    "confidence",
    "evidence",
];
/// Secrets listed as choke points.
const CHOKE_POINTS: usize = 20;

/// What to list.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Lowest confidence of an edge.
    pub confidence: u8,
    /// Most rows of a scenario.
    pub limit: usize,
    /// The moment for which expiries are judged, in seconds since 1970.
    pub now: i64,
}

impl Default for Ask {
    fn default() -> Self {
        Self {
            confidence: THRESHOLD,
            limit: 10_000,
            now: jiff::Timestamp::now().as_second(),
        }
    }
}

/// The nine scenarios, in their order.
///
/// # Errors
/// When the database fails.
pub fn named(connection: &Connection, ask: &Ask) -> Result<Grid, CaseError> {
    of(connection, SCENARIOS, ask)
}

/// What the document does not have: crossing clouds, several hops, deployments, unknown keys, and
/// one secret on many machines.
///
/// # Errors
/// When the database fails.
pub fn extras(connection: &Connection, ask: &Ask) -> Result<Grid, CaseError> {
    let mut grid = of(connection, EXTRAS, ask)?;
    for more in [
        reach(connection, ask)?,
        own_identities(connection, ask)?,
        unknown_keys(connection, ask)?,
        spread(connection, ask)?,
    ] {
        grid.cut |= more.cut;
        grid.rows.extend(more.rows);
    }
    Ok(grid)
}

/// The paths of these scenarios.
///
/// # Errors
/// When the database fails.
pub fn of(connection: &Connection, scenarios: &[Scenario], ask: &Ask) -> Result<Grid, CaseError> {
    let mut grid = Grid::of(COLUMNS);
    let mut shown = Shown::new(connection)?;
    for scenario in scenarios {
        let before = grid.rows.len();
        hops(connection, scenario, ask, HOP, &mut |row| {
            if grid.rows.len() - before == ask.limit {
                grid.cut = true;
                return Ok(());
            }
            let cells = shown.row((scenario.id, scenario.name), row)?;
            grid.rows.push(cells);
            Ok(())
        })?;
    }
    Ok(grid)
}

/// What a row of [`Shown::row`] is made of.
pub(super) const HOP: &str =
    "v.id, v.uid, v.ports, t.uid, l.type, l.preview, l.fingerprint, l.location, l.how,
    l.confidence, l.evidence";

/// Hands out these columns of the paths of a scenario, one more than asked for if there are more.
fn hops(
    connection: &Connection,
    scenario: &Scenario,
    ask: &Ask,
    columns: &str,
    take: &mut dyn FnMut(&Row<'_>) -> Result<(), CaseError>,
) -> Result<(), CaseError> {
    // The order of the joins is the order in which rows fall away.
    let mut statement = connection.prepare(&format!(
        "SELECT {columns} FROM asset v
         CROSS JOIN lateral l ON l.src = v.id
         CROSS JOIN asset t ON t.id = l.dst
         WHERE v.kind = ?1 AND (?2 = '' OR v.cloud = ?2) AND (?3 IS NULL OR v.exposed = ?3)
           AND v.vuln >= ?4
           AND (?5 = '' OR instr('|' || ?5 || '|', '|' || l.family || '|') > 0)
           AND l.confidence >= ?6 AND (l.expires IS NULL OR l.expires > ?7)
           AND (?8 = '' OR t.kind = ?8) AND (?9 = '' OR t.service GLOB ?9 || '*')
           AND (?10 = 0 OR (t.cloud <> '' AND t.cloud <> v.cloud))
         ORDER BY v.uid, t.uid, l.secret_id LIMIT ?11"
    ))?;
    let limit = i64::try_from(ask.limit)
        .unwrap_or(i64::MAX)
        .saturating_add(1);
    let mut rows = statement.query(params![
        scenario.holder,
        scenario.cloud,
        scenario.exposed,
        if scenario.vulnerable { VULNERABLE } else { 0 },
        scenario.families,
        ask.confidence,
        ask.now,
        scenario.target,
        scenario.service,
        scenario.crosses,
        limit
    ])?;
    while let Some(row) = rows.next()? {
        take(row)?;
    }
    Ok(())
}

/// A path's id: equal in every case that holds the same path, under the same key.
pub(super) fn id(parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part.as_bytes()).update(b"\0");
    }
    let digits = hasher.finalize().to_hex();
    format!("p-{}", digits.get(..16).unwrap_or_default())
}

/// Makes paths of hops.
pub(super) struct Shown<'c> {
    cves: rusqlite::Statement<'c>,
    /// Vulnerabilities of machines that were looked up.
    known: HashMap<i64, String>,
}

impl<'c> Shown<'c> {
    pub(super) fn new(connection: &'c Connection) -> Result<Self, CaseError> {
        Ok(Self {
            cves: connection.prepare(
                "SELECT coalesce(group_concat(cve, ' '), '') FROM (
                     SELECT DISTINCT v.cve FROM name n JOIN vulnerability v ON v.subject = n.name
                     WHERE n.asset_id = ?1 AND v.severity >= ?2 ORDER BY v.severity DESC, v.cve LIMIT 3)",
            )?,
            known: HashMap::new(),
        })
    }

    fn cves(&mut self, machine: i64) -> Result<String, CaseError> {
        if let Some(known) = self.known.get(&machine) {
            return Ok(known.clone());
        }
        let cves: String = self
            .cves
            .query_row(params![machine, VULNERABLE], |row| row.get(0))?;
        self.known.insert(machine, cves.clone());
        Ok(cves)
    }

    pub(super) fn row(
        &mut self,
        scenario: (&str, &str),
        row: &Row<'_>,
    ) -> Result<Vec<Value>, CaseError> {
        let text = |column: usize| row.get::<_, String>(column);
        let (source, target, fingerprint) = (text(1)?, text(3)?, text(6)?);
        let id = id(&[scenario.0, &source, &fingerprint, &target]);
        Ok(vec![
            id.into(),
            scenario.0.into(),
            scenario.1.into(),
            source.into(),
            text(2)?.into(),
            self.cves(row.get(0)?)?.into(),
            text(4)?.into(),
            text(5)?.into(),
            fingerprint.into(),
            text(7)?.into(),
            target.into(),
            text(8)?.into(),
            row.get::<_, i64>(9)?.into(),
            text(10)?.into(),
        ])
    }
}

/// Rows of other questions under the columns of paths.
fn other(
    connection: &Connection,
    sql: &str,
    what: (&str, &str),
    ask: &Ask,
) -> Result<Grid, CaseError> {
    let found = grid::query(connection, sql, [VULNERABLE], ask.limit)?;
    let mut grid = Grid::of(COLUMNS);
    grid.cut = found.cut;
    for row in found.rows {
        let text: Vec<&str> = row
            .iter()
            .map(|value| value.as_str().unwrap_or(""))
            .collect();
        let mut cells = vec![
            Value::from(id(&[&[what.0], &text[..]].concat())),
            what.0.into(),
            what.1.into(),
        ];
        cells.extend(row);
        grid.rows.push(cells);
    }
    Ok(grid)
}

fn own_identities(connection: &Connection, ask: &Ask) -> Result<Grid, CaseError> {
    let sql = "SELECT v.uid, v.ports, '', 'identity', '', m.identity, '', t.uid, 'identity',
             m.confidence, m.evidence
         FROM asset v CROSS JOIN fact i ON i.subject = v.uid AND i.kind = 'identity'
         CROSS JOIN may m ON m.identity IN (SELECT i.object
             UNION ALL SELECT subject FROM fact WHERE object = i.object AND kind = 'profile')
         CROSS JOIN asset t ON t.id = m.asset_id AND t.kind = 'storage'
         WHERE v.kind = 'vm' AND v.exposed = 1 AND v.vuln >= ?1 AND t.running = 1
         GROUP BY v.id, t.id, m.identity ORDER BY v.uid, t.uid, m.identity";
    other(connection, sql, OWN_IDENTITY, ask)
}

fn unknown_keys(connection: &Connection, ask: &Ask) -> Result<Grid, CaseError> {
    let sql = "SELECT t.uid, t.ports, '', 'ssh-public-key', substr(a.public_key, 1, 11) || '…',
             a.public_key, '', t.uid, a.how, a.confidence, a.evidence
         FROM accepts a JOIN name n ON n.name = a.subject JOIN asset t ON t.id = n.asset_id
         WHERE t.kind = 'vm' AND t.exposed = 1 AND ?1 > 0
           AND a.public_key NOT IN (SELECT public_key FROM secret WHERE public_key IS NOT NULL)
         GROUP BY t.id, a.public_key ORDER BY t.uid, a.public_key";
    other(connection, sql, UNKNOWN_KEY, ask)
}

fn spread(connection: &Connection, ask: &Ask) -> Result<Grid, CaseError> {
    let sql = "SELECT min(v.uid), '', '', s.type, s.preview, s.fingerprint, '',
             count(*) || ' machines', 'same-secret', 100, group_concat(v.uid, ' ')
         FROM (SELECT DISTINCT f.secret_id AS id FROM urgency u
             CROSS JOIN finding f ON f.id = u.finding_id WHERE u.hosts >= 3) wide
         CROSS JOIN secret s ON s.id = wide.id
         CROSS JOIN finding f ON f.secret_id = s.id AND f.status = 'open'
         CROSS JOIN asset v ON v.id = f.asset_id AND v.kind = 'vm'
         WHERE ?1 > 0 GROUP BY s.id HAVING count(*) >= 3 ORDER BY count(*) DESC, s.fingerprint";
    other(connection, sql, SPREAD, ask)
}

/// The secrets whose removal cuts the most paths, each counted after those before it are gone.
///
/// # Errors
/// When the database fails.
pub fn choke_points(connection: &Connection, ask: &Ask) -> Result<Grid, CaseError> {
    // No two scenarios share a path, so that each is counted once.
    let mut paths: HashMap<i64, usize> = HashMap::new();
    let mut total: usize = 0;
    for scenario in SCENARIOS {
        let all = Ask {
            limit: usize::MAX >> 1,
            ..ask.clone()
        };
        hops(connection, scenario, &all, "l.secret_id", &mut |row| {
            *paths.entry(row.get(0)?).or_default() += 1;
            total += 1;
            Ok(())
        })?;
    }
    let mut ranked: Vec<(i64, usize)> = paths.iter().map(|(secret, cut)| (*secret, *cut)).collect();
    ranked.sort_unstable_by_key(|(secret, cut)| (std::cmp::Reverse(*cut), *secret));
    let mut grid = Grid::of(&[
        "rank",
        "secret",
        "preview",
        "fingerprint",
        "paths",
        "cut",
        "advice",
    ]);
    let mut statement =
        connection.prepare("SELECT type, preview, fingerprint FROM secret WHERE id = ?1")?;
    let mut cut = 0;
    for (rank, (secret, own)) in (1..).zip(ranked.iter().take(CHOKE_POINTS)) {
        cut += own;
        let share = cut * 100 / total.max(1);
        let (kind, preview, fingerprint): (String, String, String) =
            statement.query_row([secret], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        grid.rows.push(vec![
            rank.into(),
            kind.into(),
            preview.into(),
            fingerprint.into(),
            (*own).into(),
            cut.into(),
            format!("fixing these {rank} cuts {share}% of paths").into(),
        ]);
    }
    Ok(grid)
}

/// The group of secrets that are known to open nothing in particular.
///
/// # Errors
/// When the database fails.
pub fn without_target(connection: &Connection, ask: &Ask) -> Result<Grid, CaseError> {
    let sql = format!(
        "SELECT '{NO_TARGET}' AS \"group\", v.uid AS source, s.type AS secret, s.preview,
             s.fingerprint, (SELECT min(l.path) FROM location l
                 WHERE l.finding_id = f.id AND l.gone = 0) AS location
         FROM asset v CROSS JOIN finding f ON f.asset_id = v.id
         CROSS JOIN secret s ON s.id = f.secret_id
         WHERE f.status = 'open' AND NOT EXISTS (
             SELECT 1 FROM auth a WHERE a.secret_id = s.id AND a.confidence >= ?1)
         ORDER BY v.uid"
    );
    grid::query(connection, &sql, [ask.confidence], ask.limit)
}
