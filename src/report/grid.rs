//! Answers of the case as a table, JSON or CSV.

use std::io::{self, Write};

use serde_json::{Map, Value};

use super::csv;
use super::terminal::{self, padded, shortened, visible};
use crate::graph::grid::Grid;

/// Between two columns.
const GAP: &str = "  ";
/// Columns of text below which a cut cell tells nothing any more.
const NARROWEST: usize = 10;

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

/// Writes an answer; a table keeps to `width` columns if there is one.
///
/// # Errors
/// When the writer fails.
pub fn write(
    grid: &Grid,
    shape: Shape,
    width: Option<usize>,
    out: &mut dyn Write,
) -> io::Result<()> {
    match shape {
        Shape::Table => table(grid, width, out),
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

/// One column of a table.
struct Column {
    at: usize,
    name: String,
    width: usize,
}

fn table(grid: &Grid, width: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    if grid.rows.is_empty() {
        return writeln!(out, "Nothing found.");
    }
    let cells: Vec<Vec<String>> = grid
        .rows
        .iter()
        .map(|row| row.iter().map(|value| visible(&text(value))).collect())
        .collect();
    let mut columns = columns(grid, &cells);
    if width.is_none_or(|width| fit(&mut columns, width)) {
        aligned(&columns, &cells, out)?;
    } else {
        blocks(&columns, &cells, out)?;
    }
    if grid.cut {
        writeln!(out, "There are more rows; --limit shows more of them.")?;
    }
    Ok(())
}

/// The columns with their widths. One that is empty throughout tells nothing and is left out.
fn columns(grid: &Grid, cells: &[Vec<String>]) -> Vec<Column> {
    (0..)
        .zip(&grid.columns)
        .filter_map(|(at, name)| {
            let of = |row: &Vec<String>| row.get(at).map_or(0, |cell| terminal::width(cell));
            let widest = cells.iter().map(of).max().filter(|width| *width > 0)?;
            let name = visible(name).to_uppercase();
            let width = widest.max(terminal::width(&name));
            Some(Column { at, name, width })
        })
        .collect()
}

/// Takes columns from the widest until the line fits; `false` if that would leave too little.
fn fit(columns: &mut [Column], most: usize) -> bool {
    let gaps = columns.len().saturating_sub(1).saturating_mul(GAP.len());
    let Some(room) = most.checked_sub(gaps) else {
        return false;
    };
    let total = |limit: usize, columns: &[Column]| -> usize {
        columns.iter().map(|column| column.width.min(limit)).sum()
    };
    // The widest that all may be.
    let Some(limit) = (NARROWEST..=room)
        .rev()
        .find(|limit| total(*limit, columns) <= room)
    else {
        return total(usize::MAX, columns) <= room;
    };
    for column in columns {
        column.width = column.width.min(limit);
    }
    true
}

fn aligned(columns: &[Column], cells: &[Vec<String>], out: &mut dyn Write) -> io::Result<()> {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let mut line = |texts: &[&str]| -> io::Result<()> {
        let fitted: Vec<String> = columns
            .iter()
            .zip(texts)
            .map(|(column, text)| padded(&shortened(text, column.width), column.width))
            .collect();
        writeln!(out, "{}", fitted.join(GAP).trim_end())
    };
    line(&names)?;
    for row in cells {
        let of = |column: &Column| row.get(column.at).map_or("", String::as_str);
        line(&columns.iter().map(of).collect::<Vec<_>>())?;
    }
    Ok(())
}

/// One line per value, for rows that no line has room for.
fn blocks(columns: &[Column], cells: &[Vec<String>], out: &mut dyn Write) -> io::Result<()> {
    let names = columns.iter().map(|column| terminal::width(&column.name));
    let width = names.max().unwrap_or(0);
    for (number, row) in (1..).zip(cells) {
        writeln!(out, "{number}.")?;
        for column in columns {
            let cell = row.get(column.at).map_or("", String::as_str);
            if !cell.is_empty() {
                writeln!(out, "{GAP}{}{GAP}{cell}", padded(&column.name, width))?;
            }
        }
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
    let names: Vec<Value> = grid
        .columns
        .iter()
        .map(|name| name.as_str().into())
        .collect();
    csv::line(&names, out)?;
    for row in &grid.rows {
        csv::line(row, out)?;
    }
    Ok(())
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
        write(&grid, shape, None, &mut out).unwrap();
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

    #[test]
    fn a_table_keeps_to_the_width_or_becomes_a_list() {
        let mut grid = Grid::of(&["asset", "location", "confidence"]);
        grid.rows.push(vec![
            "/subscriptions/1/resourceGroups/prod/virtualMachines/web01".into(),
            "/home/ops/.ssh/id_rsa at 0x226200".into(),
            95.into(),
        ]);
        let written = |width| {
            let mut out = Vec::new();
            write(&grid, Shape::Table, Some(width), &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let table = written(60);
        assert!(
            table.lines().all(|line| line.chars().count() <= 60),
            "{table}"
        );
        assert!(
            table.contains(" at 0x226200") && table.contains('…'),
            "{table}"
        );
        let list = written(24);
        assert!(list.contains("virtualMachines/web01\n"), "{list}");
        assert!(list.starts_with("1.\n  ASSET       "), "{list}");
    }
}
