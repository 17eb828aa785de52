//! Attack paths: from the internet over a machine and a secret in one of its files to a target.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, params};
use serde_json::Value;

use super::grid::{self, Grid};
use super::scenario::{EXTRAS, NO_TARGET, REACH, SCENARIOS, SPREAD, Scenario, UNKNOWN_KEY};
use super::{THRESHOLD, VULNERABLE};
use crate::case::CaseError;

/// Columns of a path.
const COLUMNS: &[&str] = &[
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
/// Longest way from machine to machine.
const HOPS: u8 = 6;
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

/// One row of a scenario, before its names are looked up.
struct Hop {
    src: i64,
    dst: i64,
    secret: i64,
    how: String,
    confidence: i64,
    place: Option<i64>,
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
    let mut describe = Describe::new(connection)?;
    for scenario in scenarios {
        let (hops, cut) = hops(connection, scenario, ask)?;
        grid.cut |= cut;
        for hop in hops {
            grid.rows
                .push(describe.row(scenario.id, scenario.name, &hop)?);
        }
    }
    Ok(grid)
}

fn hops(
    connection: &Connection,
    scenario: &Scenario,
    ask: &Ask,
) -> Result<(Vec<Hop>, bool), CaseError> {
    // The order of the joins is the order in which rows fall away.
    let mut statement = connection.prepare(
        "SELECT v.id, t.id, l.secret_id, l.how, l.confidence, l.place FROM asset v
         CROSS JOIN lateral l ON l.src = v.id
         CROSS JOIN asset t ON t.id = l.dst
         WHERE v.kind = ?1 AND (?2 = '' OR v.cloud = ?2) AND (?3 IS NULL OR v.exposed = ?3)
           AND v.vuln >= ?4
           AND (?5 = '' OR instr('|' || ?5 || '|', '|' || l.family || '|') > 0)
           AND l.confidence >= ?6 AND (l.expires IS NULL OR l.expires > ?7)
           AND (?8 = '' OR t.kind = ?8) AND (?9 = '' OR t.service GLOB ?9 || '*')
           AND (?10 = 0 OR (t.cloud <> '' AND t.cloud <> v.cloud))
         ORDER BY v.uid, t.uid, l.secret_id LIMIT ?11",
    )?;
    let limit = i64::try_from(ask.limit)
        .unwrap_or(i64::MAX)
        .saturating_add(1);
    let rows = statement.query_map(
        params![
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
        ],
        |row| {
            Ok(Hop {
                src: row.get(0)?,
                dst: row.get(1)?,
                secret: row.get(2)?,
                how: row.get(3)?,
                confidence: row.get(4)?,
                place: row.get(5)?,
            })
        },
    )?;
    let mut hops = rows.collect::<Result<Vec<_>, _>>()?;
    let cut = hops.len() > ask.limit;
    hops.truncate(ask.limit);
    Ok((hops, cut))
}

/// A path's id: equal in every case that holds the same path, under the same key.
fn id(parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part.as_bytes()).update(b"\0");
    }
    let digits: String = hasher.finalize().to_hex().chars().take(16).collect();
    format!("p-{digits}")
}

/// Looks up what a path is shown with.
struct Describe<'c> {
    asset: rusqlite::Statement<'c>,
    cves: rusqlite::Statement<'c>,
    secret: rusqlite::Statement<'c>,
    place: rusqlite::Statement<'c>,
    evidence: rusqlite::Statement<'c>,
    /// Uid, ports and vulnerabilities of assets that were looked up.
    known: HashMap<i64, (String, String, String)>,
}

impl<'c> Describe<'c> {
    fn new(connection: &'c Connection) -> Result<Self, CaseError> {
        Ok(Self {
            asset: connection.prepare("SELECT uid, ports FROM asset WHERE id = ?1")?,
            cves: connection.prepare(
                "SELECT coalesce(group_concat(cve, ' '), '') FROM (
                     SELECT DISTINCT v.cve FROM name n JOIN vulnerability v ON v.subject = n.name
                     WHERE n.asset_id = ?1 AND v.severity >= ?2 ORDER BY v.severity DESC, v.cve LIMIT 3)",
            )?,
            secret: connection
                .prepare("SELECT type, preview, fingerprint FROM secret WHERE id = ?1")?,
            place: connection.prepare(
                // The image is shown where a path would not do.
                "SELECT path, offset, CASE WHEN path = '' OR pointer IS NOT NULL
                     THEN (SELECT input FROM image WHERE id = image_id) ELSE '' END, pointer, state
                 FROM location WHERE id = ?1",
            )?,
            evidence: connection.prepare(
                "SELECT evidence FROM auth WHERE secret_id = ?1 AND asset_id = ?2 AND how = ?3",
            )?,
            known: HashMap::new(),
        })
    }

    fn asset(&mut self, id: i64) -> Result<(String, String, String), CaseError> {
        if let Some(known) = self.known.get(&id) {
            return Ok(known.clone());
        }
        let (uid, ports) = self
            .asset
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let cves = self
            .cves
            .query_row(params![id, VULNERABLE], |row| row.get(0))?;
        self.known.insert(id, (uid, ports, cves));
        Ok(self.known.get(&id).cloned().unwrap_or_default())
    }

    /// `/home/ops/.ssh/id_rsa at 0x226200`, or a pointer into a deployment.
    fn place(&mut self, place: Option<i64>) -> Result<String, CaseError> {
        let mut rows = self.place.query([place])?;
        let Some(row) = rows.next()? else {
            return Ok(String::new());
        };
        let (path, offset, input): (String, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (pointer, state): (Option<String>, Option<String>) = (row.get(3)?, row.get(4)?);
        let mut text = match pointer {
            Some(pointer) => format!("{input} {pointer}"),
            None if path.is_empty() => format!("{input} at {offset:#x}"),
            None => format!("{path} at {offset:#x}"),
        };
        if let Some(state) = state.filter(|state| state != "allocated") {
            text.push_str(&format!(" [{state}]"));
        }
        Ok(text)
    }

    fn row(&mut self, scenario: &str, name: &str, hop: &Hop) -> Result<Vec<Value>, CaseError> {
        let (source, ports, cves) = self.asset(hop.src)?;
        let (target, _, _) = self.asset(hop.dst)?;
        let (secret, preview, fingerprint): (String, String, String) =
            self.secret.query_row([hop.secret], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
        let location = self.place(hop.place)?;
        let evidence: String = self
            .evidence
            .query_row(params![hop.secret, hop.dst, hop.how], |row| row.get(0))?;
        let id = id(&[scenario, &source, &fingerprint, &target]);
        Ok(vec![
            id.into(),
            scenario.into(),
            name.into(),
            source.into(),
            ports.into(),
            cves.into(),
            secret.into(),
            preview.into(),
            fingerprint.into(),
            location.into(),
            target.into(),
            hop.how.clone().into(),
            hop.confidence.into(),
            evidence.into(),
        ])
    }
}

/// The shortest way from each exposed vulnerable machine to each sensitive store that takes more
/// than one hop.
fn reach(connection: &Connection, ask: &Ask) -> Result<Grid, CaseError> {
    let mut grid = Grid::of(COLUMNS);
    let mut describe = Describe::new(connection)?;
    let mut starts = connection.prepare(
        "SELECT id FROM asset WHERE kind = 'vm' AND exposed = 1 AND vuln >= ?1 ORDER BY uid",
    )?;
    let mut next = connection.prepare(
        "SELECT l.dst, l.secret_id, t.sensitive AND t.kind IN ('storage', 'database'), t.kind = 'vm',
             l.how, l.confidence, l.place
         FROM lateral l JOIN asset t ON t.id = l.dst
         WHERE l.src = ?1 AND l.confidence >= ?2 AND (l.expires IS NULL OR l.expires > ?3)
         ORDER BY l.dst, l.secret_id",
    )?;
    let sensitive: i64 = connection.query_row(
        "SELECT count(*) FROM asset WHERE sensitive = 1 AND kind IN ('storage', 'database')",
        [],
        |row| row.get(0),
    )?;
    if sensitive == 0 {
        return Ok(grid);
    }
    let starts = starts.query_map([VULNERABLE], |row| row.get(0))?;
    for start in starts {
        let start: i64 = start?;
        // Breadth first: where each asset was reached from, and with what.
        let mut from: HashMap<i64, (i64, Option<i64>)> = HashMap::new();
        let mut edge = vec![start];
        for depth in 1..=HOPS {
            let mut further = Vec::new();
            for at in edge {
                let mut rows = next.query(params![at, ask.confidence, ask.now])?;
                while let Some(row) = rows.next()? {
                    let (dst, secret): (i64, i64) = (row.get(0)?, row.get(1)?);
                    let (is_store, is_machine): (bool, bool) = (row.get(2)?, row.get(3)?);
                    if dst == start || from.contains_key(&dst) {
                        continue;
                    }
                    let place = row.get(6)?;
                    from.insert(dst, (at, place));
                    if is_store && depth > 1 {
                        if grid.rows.len() == ask.limit {
                            grid.cut = true;
                            return Ok(grid);
                        }
                        let hop = Hop {
                            src: at,
                            dst,
                            secret,
                            how: row.get(4)?,
                            confidence: row.get(5)?,
                            place,
                        };
                        let mut cells = describe.row(REACH.0, REACH.1, &hop)?;
                        let way = way(&mut describe, &from, start, dst)?;
                        let (source, ports, cves) = describe.asset(start)?;
                        for (column, value) in [
                            (0, id(&[REACH.0, &way])),
                            (3, source),
                            (4, ports),
                            (5, cves),
                            (13, way),
                        ] {
                            if let Some(cell) = cells.get_mut(column) {
                                *cell = value.into();
                            }
                        }
                        grid.rows.push(cells);
                    }
                    if is_machine {
                        further.push(dst);
                    }
                }
            }
            edge = further;
        }
    }
    Ok(grid)
}

/// `vm1 -(file)-> vm2 -(file)-> store`.
fn way(
    describe: &mut Describe<'_>,
    from: &HashMap<i64, (i64, Option<i64>)>,
    start: i64,
    end: i64,
) -> Result<String, CaseError> {
    let (mut at, mut text) = (end, describe.asset(end)?.0);
    while at != start {
        let Some(&(before, place)) = from.get(&at) else {
            break;
        };
        let place = describe.place(place)?;
        text = format!("{} -({place})-> {text}", describe.asset(before)?.0);
        at = before;
    }
    Ok(text)
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
         FROM secret s JOIN finding f ON f.secret_id = s.id AND f.status = 'open'
         JOIN asset v ON v.id = f.asset_id AND v.kind = 'vm'
         WHERE ?1 > 0 GROUP BY s.id HAVING count(*) >= 3 ORDER BY count(*) DESC, s.fingerprint";
    other(connection, sql, SPREAD, ask)
}

/// The secrets whose removal cuts the most paths, each counted after those before it are gone.
///
/// # Errors
/// When the database fails.
pub fn choke_points(connection: &Connection, ask: &Ask) -> Result<Grid, CaseError> {
    let mut paths: HashMap<i64, Vec<(i64, i64)>> = HashMap::new();
    let mut total = HashSet::new();
    for scenario in SCENARIOS {
        let all = Ask {
            limit: usize::MAX >> 1,
            ..ask.clone()
        };
        for hop in hops(connection, scenario, &all)?.0 {
            // A path is cut when none of the secrets that make it are left.
            total.insert((hop.src, hop.dst, hop.secret));
            paths
                .entry(hop.secret)
                .or_default()
                .push((hop.src, hop.dst));
        }
    }
    let mut ranked: Vec<(i64, usize)> = paths
        .iter()
        .map(|(secret, cut)| (*secret, cut.len()))
        .collect();
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
        let share = cut * 100 / total.len().max(1);
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
