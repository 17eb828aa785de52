//! The graph: which secret opens what, who is exposed, and the questions that can be asked of it.
//!
//! Everything here is derived from the tables of the [case](crate::case) and can be thrown away:
//! [`derive()`] computes it again after each import, in a few passes over the tables. What a query
//! walks, the table `lateral`, is laid out in the order in which paths are followed.

pub mod detail;
pub mod explore;
mod exposure;
mod forward;
pub mod grid;
mod hint;
mod iam;
pub mod inventory;
pub mod listing;
pub mod network;
pub mod overview;
pub mod path;
pub mod raw;
mod reach;
pub mod recommendation;
mod resolve;
pub mod scenario;
mod tally;

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use crate::case::{Case, CaseError};

/// How sure an edge must be to count as a path; weaker ones are listed as possible on request.
pub const THRESHOLD: u8 = 60;
/// Severity from which on a machine counts as vulnerable: High.
pub const VULNERABLE: u8 = 3;

/// What [`derive()`] computes, by number; another one, and a case is derived again when it is opened.
const DERIVATION: &str = "1";

/// Opens a case that exists. If it was not derived since it was last written, because that was
/// interrupted or an older program wrote it, that is done now.
///
/// # Errors
/// When there is none, the file is something else, or cannot be used.
pub fn open(path: &Path) -> Result<Case, CaseError> {
    let mut case = Case::open(path)?;
    if !is_derived(case.connection())? {
        derive(&mut case)?;
    }
    Ok(case)
}

/// Opens a case that exists to be read only, and by several at once.
///
/// # Errors
/// When there is none, the file is something else or not up to date, or cannot be read.
pub fn read(path: &Path) -> Result<Connection, CaseError> {
    let connection = Case::read(path)?;
    if is_derived(&connection)? {
        return Ok(connection);
    }
    Err(CaseError::Request(format!(
        "an import into the case {} is under way or was interrupted; \
         `keydredge case inventory` brings it up to date",
        path.display()
    )))
}

fn is_derived(connection: &Connection) -> Result<bool, CaseError> {
    let found: Option<String> = connection
        .query_row("SELECT value FROM meta WHERE key = 'derived'", [], |row| {
            row.get(0)
        })
        .optional()?;
    Ok(found.as_deref() == Some(DERIVATION))
}

/// Computes names, exposure, vulnerability, and what opens what, again.
///
/// # Errors
/// When the database fails.
pub fn derive(case: &mut Case) -> Result<(), CaseError> {
    case.reopen()?;
    let transaction = case.connection_mut().transaction()?;
    resolve::names(&transaction)?;
    exposure::compute(&transaction)?;
    resolve::vulnerabilities(&transaction)?;
    iam::compute(&transaction)?;
    resolve::secrets(&transaction)?;
    hint::known_hosts(&transaction)?;
    resolve::lateral(&transaction)?;
    tally::assets(&transaction)?;
    tally::findings(&transaction)?;
    listing::compute(&transaction)?;
    transaction.execute(
        "INSERT OR REPLACE INTO meta VALUES ('derived', ?1)",
        [DERIVATION],
    )?;
    transaction.commit()?;
    // Statistics for the planner: a sample is enough, and keeps a large case quick.
    case.connection()
        .execute_batch("PRAGMA analysis_limit = 1000; ANALYZE;")?;
    Ok(())
}
