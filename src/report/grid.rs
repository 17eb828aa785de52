//! Answers of the case as a table, JSON or CSV.

use std::io::{self, Write};

use serde_json::{Map, Value};

use super::terminal::visible;
use crate::graph::grid::Grid;

/// The shapes an answer can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Aligned, for people.
    Table,
    /// One array of objects.
    Json,
    /// For spreadsheets: cells that a spreadsheet would compute are made plain text.
    Csv,
}

/// Writes an answer.
///
/// # Errors
/// When the writer fails.
pub fn write(grid: &Grid, shape: Shape, out: &mut dyn Write) -> io::Result<()> {
    match shape {
        Shape::Table => table(grid, out),
        Shape::Json => json(grid, out),
        Shape::Csv => csv(grid, out),
    }
}

/// A value as text.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn table(grid: &Grid, out: &mut dyn Write) -> io::Result<()> {
    if grid.rows.is_empty() {
        return writeln!(out, "Nothing found.");
    }
    let cells: Vec<Vec<String>> = grid
        .rows
        .iter()
        .map(|row| row.iter().map(|value| visible(&text(value))).collect())
        .collect();
    // A column that is empty throughout tells nothing.
    let columns: Vec<(usize, String, usize)> = (0..)
        .zip(&grid.columns)
        .map(|(at, name)| {
            let of = |row: &Vec<String>| row.get(at).map_or(0, |cell| cell.chars().count());
            (
                at,
                visible(name).to_uppercase(),
                cells.iter().map(of).max().unwrap_or(0),
            )
        })
        .filter(|(_, _, width)| *width > 0)
        .map(|(at, name, width)| {
            let width = width.max(name.chars().count());
            (at, name, width)
        })
        .collect();
    let last = columns.len().saturating_sub(1);
    let mut line = |cell_of: &dyn Fn(usize, &str) -> String| -> io::Result<()> {
        for (number, (at, name, width)) in columns.iter().enumerate() {
            let cell = cell_of(*at, name);
            if number == last {
                writeln!(out, "{}", cell.trim_end())?;
            } else {
                write!(out, "{cell:<width$}  ", width = *width)?;
            }
        }
        Ok(())
    };
    line(&|_, name| name.to_owned())?;
    for row in &cells {
        line(&|at, _| row.get(at).cloned().unwrap_or_default())?;
    }
    if grid.cut {
        writeln!(out, "There are more rows; --limit shows more of them.")?;
    }
    Ok(())
}

fn json(grid: &Grid, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "[")?;
    for (number, row) in (1..).zip(&grid.rows) {
        let object: Map<String, Value> = grid
            .columns
            .iter()
            .cloned()
            .zip(row.iter().cloned())
            .collect();
        serde_json::to_writer(&mut *out, &object)?;
        writeln!(out, "{}", if number == grid.rows.len() { "" } else { "," })?;
    }
    writeln!(out, "]")
}

fn csv(grid: &Grid, out: &mut dyn Write) -> io::Result<()> {
    let mut line = |cells: &mut dyn Iterator<Item = String>| -> io::Result<()> {
        let cells: Vec<String> = cells.collect();
        write!(out, "{}\r\n", cells.join(","))
    };
    line(&mut grid.columns.iter().map(|name| quoted(name)))?;
    for row in &grid.rows {
        line(&mut row.iter().map(|value| match value {
            Value::String(text) => quoted(text),
            other => text(other),
        }))?;
    }
    Ok(())
}

/// Always in quotes; what a spreadsheet would take for a formula gets an apostrophe before it.
fn quoted(text: &str) -> String {
    let shown: String = visible(text);
    let formula = text
        .trim_start()
        .starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'])
        || text.starts_with(['\t', '\r', '\n']);
    let guard = if formula { "'" } else { "" };
    format!("\"{guard}{}\"", shown.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(shape: Shape) -> String {
        let mut grid = Grid::of(&["name", "empty", "count"]);
        grid.rows
            .push(vec!["=cmd|' /C calc'!A0".into(), Value::Null, 7.into()]);
        grid.rows
            .push(vec!["a\x1b[2J\"b".into(), Value::Null, (-1).into()]);
        let mut out = Vec::new();
        write(&grid, shape, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn hostile_cells_stay_text_in_every_shape() {
        let csv = written(Shape::Csv);
        assert!(csv.contains("\"'=cmd|' /C calc'!A0\",,7\r\n"), "{csv}");
        assert!(csv.contains("\"a␛[2J\"\"b\",,-1"), "{csv}");
        let table = written(Shape::Table);
        assert!(
            !table.contains('\x1b') && !table.contains("EMPTY"),
            "{table}"
        );
        let json: Value = serde_json::from_str(&written(Shape::Json)).unwrap();
        assert_eq!(json[1]["name"], "a\x1b[2J\"b");
    }
}
