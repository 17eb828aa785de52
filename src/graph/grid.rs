//! What every question is answered with: rows under named columns.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Params};
use serde_json::Value;

use crate::case::CaseError;

/// Rows under named columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grid {
    /// The names.
    pub columns: Vec<String>,
    /// As many values each as there are columns.
    pub rows: Vec<Vec<Value>>,
    /// Whether rows were left out because there are too many.
    pub cut: bool,
}

impl Grid {
    /// An empty grid.
    #[must_use]
    pub fn of(columns: &[&str]) -> Self {
        Self {
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            ..Self::default()
        }
    }

    /// The value of a row under a name.
    #[must_use]
    pub fn at(&self, row: usize, column: &str) -> Option<&Value> {
        let column = self.columns.iter().position(|name| name == column)?;
        self.rows.get(row)?.get(column)
    }
}

/// A value of the database as JSON.
pub(super) fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned().into(),
        ValueRef::Blob(bytes) => format!("{} bytes", bytes.len()).into(),
    }
}

/// Runs a query; at most `limit` rows.
pub(super) fn query(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    limit: usize,
) -> Result<Grid, CaseError> {
    let mut statement = connection.prepare(sql)?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut grid = Grid {
        columns,
        ..Grid::default()
    };
    let mut rows = statement.query(params)?;
    while let Some(row) = rows.next()? {
        if grid.rows.len() == limit {
            grid.cut = true;
            break;
        }
        let cells = (0..grid.columns.len()).map(|column| Ok(value(row.get_ref(column)?)));
        grid.rows
            .push(cells.collect::<Result<_, rusqlite::Error>>()?);
    }
    Ok(grid)
}
