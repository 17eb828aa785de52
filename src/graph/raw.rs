//! Free SQL, for experts, that can neither write, attach, load nor run for ever.
//!
//! Four walls, each enough alone for most of it: the file is opened read-only, the connection is
//! told to be query-only, every statement is judged while it is compiled (only reading and
//! computing is allowed), and a deadline is checked every thousand steps. There is no plaintext
//! secret in a case that a query could show.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags, params_from_iter};

use super::grid::{self, Grid};
use crate::case::CaseError;

/// Steps of the database between two looks at the clock.
const STEPS: i32 = 1000;
/// Longest text or blob that a query may make.
const LONGEST: i32 = 1 << 20;

/// Bounds of a free query.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Time it may take.
    pub deadline: Duration,
    /// Rows it may give.
    pub rows: usize,
}

/// Runs one read-only statement.
///
/// # Errors
/// When the statement is refused, wrong, or takes too long.
pub fn run(path: &Path, sql: &str, params: &[String], bounds: Bounds) -> Result<Grid, CaseError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST)?;
    connection.authorizer(Some(judge))?;
    let end = Instant::now() + bounds.deadline;
    connection.progress_handler(STEPS, Some(move || Instant::now() >= end))?;
    let found = grid::query(&connection, sql, params_from_iter(params), bounds.rows);
    found.map_err(|error| match error {
        CaseError::Sql(rusqlite::Error::SqliteFailure(code, _))
            if code.code == rusqlite::ErrorCode::OperationInterrupted =>
        {
            CaseError::Request(format!(
                "the query ran longer than {} s; narrow it, or give more with --deadline",
                bounds.deadline.as_secs()
            ))
        }
        other => other,
    })
}

fn judge(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => {
            Authorization::Allow
        }
        AuthAction::Function { function_name } if function_name != "load_extension" => {
            Authorization::Allow
        }
        _ => Authorization::Deny,
    }
}
