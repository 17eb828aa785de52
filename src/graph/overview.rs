//! What the case knows at all: scans with what they could not read, and how much there is.

use rusqlite::Connection;

use crate::case::CaseError;
use crate::finding::summary::Summary;

/// A scan that was put into the case.
#[derive(Clone, Debug)]
pub struct Scan {
    /// When.
    pub taken: String,
    /// Whether it read every byte asked for.
    pub complete: bool,
    /// What it said of itself; none if its output ended before its summary.
    pub summary: Option<Summary>,
}

/// The scans, the latest first.
///
/// # Errors
/// When the database fails.
pub fn scans(connection: &Connection) -> Result<Vec<Scan>, CaseError> {
    let mut statement =
        connection.prepare("SELECT taken, complete, summary FROM scan ORDER BY id DESC")?;
    let rows = statement.query_map([], |row| {
        let summary: String = row.get(2)?;
        Ok(Scan {
            taken: row.get(0)?,
            complete: row.get(1)?,
            summary: serde_json::from_str(&summary).ok(),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How much there is of everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Assets that an inventory names.
    pub assets: i64,
    /// Machines among them.
    pub machines: i64,
    /// Machines that are exposed and vulnerable.
    pub at_risk: i64,
    /// Those of them that hold an open secret.
    pub at_risk_with_secrets: i64,
    /// Open findings.
    pub open: i64,
    /// Different secrets that are open somewhere.
    pub secrets: i64,
    /// Inventories imported.
    pub inventories: i64,
    /// Images scanned.
    pub images: i64,
}

/// Counts.
///
/// # Errors
/// When the database fails.
pub fn figures(connection: &Connection) -> Result<Figures, CaseError> {
    let figures = connection.query_row(
        "WITH open AS MATERIALIZED (SELECT asset_id, secret_id FROM finding WHERE status = 'open'),
         risk AS MATERIALIZED (SELECT id FROM asset WHERE kind = 'vm' AND exposed = 1 AND vuln >= ?1)
         SELECT (SELECT count(*) FROM asset WHERE stub = 0),
             (SELECT count(*) FROM asset WHERE kind = 'vm' AND stub = 0),
             (SELECT count(*) FROM risk),
             (SELECT count(*) FROM risk WHERE id IN (SELECT asset_id FROM open)),
             (SELECT count(*) FROM open), (SELECT count(DISTINCT secret_id) FROM open),
             (SELECT count(*) FROM source WHERE id NOT IN (SELECT source_id FROM scan)),
             (SELECT count(DISTINCT image_id) FROM scanned)",
        [super::VULNERABLE],
        |row| {
            Ok(Figures {
                assets: row.get(0)?,
                machines: row.get(1)?,
                at_risk: row.get(2)?,
                at_risk_with_secrets: row.get(3)?,
                open: row.get(4)?,
                secrets: row.get(5)?,
                inventories: row.get(6)?,
                images: row.get(7)?,
            })
        },
    )?;
    Ok(figures)
}
