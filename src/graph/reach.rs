//! Ways over several machines to a sensitive store.
//!
//! A way is looked for from every exposed vulnerable machine, and each search may walk most of the
//! estate, so the edges are read once and walked in memory: 16 bytes each.

use std::collections::HashMap;

use rusqlite::{Connection, Statement, params};
use serde_json::Value;

use super::VULNERABLE;
use super::grid::Grid;
use super::path::{Ask, COLUMNS, HOP, Shown, id};
use super::scenario::REACH;
use crate::case::CaseError;

/// Longest way from machine to machine.
const HOPS: u8 = 6;

/// Columns of a path by their place in [`COLUMNS`]: of the machine it begins on from the first to
/// the second of them.
const SOURCE: usize = 3;
const CVES: usize = 5;
const LOCATION: usize = 9;
const TARGET: usize = 10;
const EVIDENCE: usize = 13;

/// Assets are numbered in the order in which they are met.
type Number = usize;

/// What can be reached from where, and what is worth reaching.
struct Edges {
    /// Id of each asset.
    ids: Vec<i64>,
    /// The first edge of each asset that is a machine, and one past the last one.
    of: Vec<(usize, usize)>,
    /// Target and secret of each edge.
    all: Vec<(Number, i64)>,
    is_store: Vec<bool>,
    numbers: HashMap<i64, Number>,
}

impl Edges {
    fn read(connection: &Connection, ask: &Ask) -> Result<Self, CaseError> {
        let mut edges = Self {
            ids: Vec::new(),
            of: Vec::new(),
            all: Vec::new(),
            is_store: Vec::new(),
            numbers: HashMap::new(),
        };
        let mut assets = connection.prepare(
            "SELECT id, sensitive AND kind IN ('storage', 'database') FROM asset ORDER BY id",
        )?;
        let mut rows = assets.query([])?;
        while let Some(row) = rows.next()? {
            let asset = row.get(0)?;
            edges.numbers.insert(asset, edges.ids.len());
            edges.ids.push(asset);
            edges.is_store.push(row.get(1)?);
        }
        edges.of = vec![(0, 0); edges.ids.len()];
        // In the order of the table: the edges of a machine follow each other.
        let mut lateral = connection.prepare(
            "SELECT l.src, l.dst, l.secret_id FROM lateral l CROSS JOIN asset v ON v.id = l.src
             WHERE v.kind = 'vm' AND l.confidence >= ?1 AND (l.expires IS NULL OR l.expires > ?2)
             ORDER BY l.src, l.dst, l.secret_id",
        )?;
        let mut rows = lateral.query(params![ask.confidence, ask.now])?;
        while let Some(row) = rows.next()? {
            let number = |asset: i64| edges.numbers.get(&asset).copied();
            let ends = number(row.get(0)?).zip(number(row.get(1)?));
            let Some((src, dst)) = ends else { continue };
            let at = edges.all.len();
            edges.all.push((dst, row.get(2)?));
            if let Some(own) = edges.of.get_mut(src) {
                *own = (if own.1 == 0 { at } else { own.0 }, at + 1);
            }
        }
        Ok(edges)
    }

    fn from(&self, asset: Number) -> &[(Number, i64)] {
        let (first, end) = self.of.get(asset).copied().unwrap_or_default();
        self.all.get(first..end).unwrap_or_default()
    }

    fn id(&self, asset: Number) -> i64 {
        self.ids.get(asset).copied().unwrap_or_default()
    }
}

/// Where each asset was reached from and with which secret, in the search that a number names: so
/// nothing has to be cleared between two searches.
struct Searched {
    search: usize,
    from: Vec<(usize, Number, i64)>,
}

impl Searched {
    fn reached(&self, asset: Number) -> Option<(Number, i64)> {
        let &(search, from, secret) = self.from.get(asset)?;
        (search == self.search).then_some((from, secret))
    }
}

/// The shortest way from each exposed vulnerable machine to each sensitive store that takes more
/// than one hop.
pub(super) fn reach(connection: &Connection, ask: &Ask) -> Result<Grid, CaseError> {
    let mut grid = Grid::of(COLUMNS);
    let edges = Edges::read(connection, ask)?;
    if !edges.is_store.contains(&true) {
        return Ok(grid);
    }
    let mut shown = Shown::new(connection)?;
    let mut hop = connection.prepare(&format!(
        "SELECT {HOP} FROM lateral l JOIN asset v ON v.id = l.src JOIN asset t ON t.id = l.dst
         WHERE l.src = ?1 AND l.dst = ?2 AND l.secret_id = ?3"
    ))?;
    let mut searched = Searched {
        search: 0,
        from: vec![(0, 0, 0); edges.ids.len()],
    };
    let mut starts = connection.prepare(
        "SELECT id FROM asset WHERE kind = 'vm' AND exposed = 1 AND vuln >= ?1 ORDER BY uid",
    )?;
    let starts = starts.query_map([VULNERABLE], |row| row.get::<_, i64>(0))?;
    for start in starts {
        let start = edges.numbers.get(&start?).copied().unwrap_or_default();
        searched.search += 1;
        let mut edge = vec![start];
        for depth in 1..=HOPS {
            let mut further = Vec::new();
            for at in edge {
                for &(dst, secret) in edges.from(at) {
                    if dst == start || searched.reached(dst).is_some() {
                        continue;
                    }
                    if let Some(from) = searched.from.get_mut(dst) {
                        *from = (searched.search, at, secret);
                    }
                    let is_store = edges.is_store.get(dst).copied().unwrap_or(false);
                    if is_store && depth > 1 {
                        if grid.rows.len() == ask.limit {
                            grid.cut = true;
                            return Ok(grid);
                        }
                        let row = row(&edges, &searched, &mut hop, &mut shown, (start, dst))?;
                        grid.rows.push(row);
                    }
                    further.push(dst);
                }
            }
            edge = further;
        }
    }
    Ok(grid)
}

/// A way as a row, whose evidence is `vm1 -(file)-> vm2 -(file)-> store`.
fn row(
    edges: &Edges,
    searched: &Searched,
    hop: &mut Statement<'_>,
    shown: &mut Shown<'_>,
    (start, end): (Number, Number),
) -> Result<Vec<Value>, CaseError> {
    let mut steps = Vec::new();
    let mut at = end;
    while let Some((before, secret)) = searched.reached(at).filter(|_| at != start) {
        steps.push([edges.id(before), edges.id(at), secret]);
        at = before;
    }
    let (mut way, mut first) = (String::new(), Vec::new());
    let mut cells = Vec::new();
    for step in steps.into_iter().rev() {
        let mut rows = hop.query(step)?;
        let Some(row) = rows.next()? else { break };
        cells = shown.row((REACH.0, REACH.1), row)?;
        let text = |column: usize| cells.get(column).and_then(Value::as_str).unwrap_or("");
        if first.is_empty() {
            text(SOURCE).clone_into(&mut way);
            first = cells.get(SOURCE..=CVES).unwrap_or_default().to_vec();
        }
        way.push_str(&format!(" -({})-> {}", text(LOCATION), text(TARGET)));
    }
    // The last step, but from where the way begins.
    for (cell, value) in cells.iter_mut().skip(SOURCE).zip(first) {
        *cell = value;
    }
    let own = id(&[REACH.0, &way]);
    for (column, value) in [(0, own), (EVIDENCE, way)] {
        if let Some(cell) = cells.get_mut(column) {
            *cell = value.into();
        }
    }
    Ok(cells)
}
