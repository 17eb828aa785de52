//! The graph: which secret opens what, who is exposed, and the questions that can be asked of it.
//!
//! Everything here is derived from the tables of the [case](crate::case) and can be thrown away:
//! [`derive()`] computes it again after each import, in a few passes over the tables. What a query
//! walks, the table `lateral`, is laid out in the order in which paths are followed.

pub mod detail;
pub mod explore;
mod exposure;
pub mod grid;
pub mod inventory;
pub mod listing;
pub mod network;
pub mod overview;
pub mod path;
pub mod raw;
pub mod recommendation;
mod resolve;
pub mod scenario;

use crate::case::{Case, CaseError};

/// How sure an edge must be to count as a path; weaker ones are listed as possible on request.
pub const THRESHOLD: u8 = 60;
/// Severity from which on a machine counts as vulnerable: High.
pub const VULNERABLE: u8 = 3;

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
    resolve::secrets(&transaction)?;
    resolve::lateral(&transaction)?;
    listing::compute(&transaction)?;
    transaction.commit()?;
    // Statistics for the planner: a sample is enough, and keeps a large case quick.
    case.connection()
        .execute_batch("PRAGMA analysis_limit = 1000; ANALYZE;")?;
    Ok(())
}
