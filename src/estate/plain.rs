//! Lists for spreadsheets: `assets.csv` and `images.csv`.

use std::io::{self, BufRead};

use super::json::severity;
use super::{Records, rows};
use crate::case::record::{Asset, Record};

/// Words in tags that mark what holds the data one must not lose.
const SENSITIVE: &[&str] = &[
    "sensitive",
    "confidential",
    "restricted",
    "pii",
    "phi",
    "pci",
];
/// Kinds that a list may give.
const KINDS: &[&str] = &["vm", "storage", "database", "identity", "deployment"];

/// Whether the tags of an asset say that its data is sensitive.
pub(super) fn is_sensitive(tags: &str) -> bool {
    let tags = tags.to_ascii_lowercase();
    tags.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| SENSITIVE.contains(&word))
}

/// Longest row; an open quote swallows no more than this.
const LONGEST: usize = 1 << 20;

/// A row with its line: its cells, or why it cannot be read.
type Row = (usize, Result<Vec<String>, String>);

/// The rows of a CSV text (RFC 4180) with their lines. Separators and line breaks inside quotes
/// belong to the cell.
pub(super) struct Lines<R> {
    input: R,
    line: usize,
    row: Vec<u8>,
    more: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            line: 0,
            row: Vec::new(),
            more: Vec::new(),
        }
    }

    /// The next row that is not empty; why it cannot be read if it is too long.
    pub(super) fn next(&mut self) -> io::Result<Option<Row>> {
        loop {
            let Some(mut whole) = rows::line(&mut self.input, &mut self.row, LONGEST)? else {
                return Ok(None);
            };
            self.line = self.line.saturating_add(1);
            let start = self.line;
            let is_odd = |text: &[u8]| memchr::memchr_iter(b'"', text).count() % 2 == 1;
            let mut open = is_odd(&self.row);
            while whole && open {
                let room = LONGEST.saturating_sub(self.row.len());
                let Some(all) = rows::line(&mut self.input, &mut self.more, room)? else {
                    break;
                };
                self.line = self.line.saturating_add(1);
                whole = all && room > 0;
                open ^= is_odd(&self.more);
                self.row.push(b'\n');
                self.row.extend_from_slice(&self.more);
            }
            if !whole {
                let why = super::too_long(LONGEST);
                return Ok(Some((start, Err(why))));
            }
            let cells = cells(&String::from_utf8_lossy(&self.row));
            if cells.iter().any(|cell| !cell.is_empty()) {
                return Ok(Some((start, Ok(cells))));
            }
        }
    }
}

fn cells(row: &str) -> Vec<String> {
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let row = row.strip_prefix('\u{feff}').unwrap_or(row);
    let mut letters = row.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(std::mem::take(&mut cell)),
            letter => cell.push(letter),
        }
    }
    cells.push(cell);
    cells.iter().map(|cell| cell.trim().to_owned()).collect()
}

/// Whether rows under these names mean anything.
pub(super) fn is_heading(names: &[String]) -> bool {
    let has = |name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    has("uid") || (has("image") && has("asset_uid"))
}

/// Reads one row under its heading.
pub(super) fn row(
    heading: &[String],
    cells: &[String],
    records: &mut Records,
) -> Result<(), String> {
    if cells.len() != heading.len() {
        return Err(format!(
            "{} cells under a heading of {}",
            cells.len(),
            heading.len()
        ));
    }
    let cell = |name: &str| {
        let column = heading
            .iter()
            .position(|known| known.eq_ignore_ascii_case(name));
        column
            .and_then(|column| cells.get(column))
            .map_or("", String::as_str)
    };
    let has = |name: &str| heading.iter().any(|known| known.eq_ignore_ascii_case(name));
    if has("image") && has("asset_uid") {
        let (input, asset) = (cell("image"), cell("asset_uid"));
        if input.is_empty() || asset.is_empty() {
            return Err("an empty image or asset_uid".to_owned());
        }
        records.push(Record::Image {
            input: input.to_owned(),
            asset: asset.to_owned(),
        });
        return Ok(());
    }
    let uid = cell("uid");
    if uid.is_empty() {
        return Err("an empty uid".to_owned());
    }
    let kind = KINDS
        .iter()
        .find(|kind| kind.eq_ignore_ascii_case(cell("kind")));
    let truth = |text: &str| match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" => Some(true),
        "0" | "false" | "no" => Some(false),
        _ => None,
    };
    let level = cell("vuln_max");
    let level = level
        .parse()
        .ok()
        .map(|level: u8| level.min(4))
        .or_else(|| Some(severity(level)).filter(|_| !level.is_empty()));
    records.push(Record::Asset(Asset {
        uid: uid.to_owned(),
        kind: kind.copied().unwrap_or("other"),
        service: cell("service").to_owned(),
        cloud: cell("cloud").to_ascii_lowercase(),
        account: cell("account").to_owned(),
        name: cell("name").to_owned(),
        region: cell("region").to_owned(),
        exposed: truth(cell("exposed")),
        vulnerable: level,
        sensitive: truth(cell("sensitive")) == Some(true),
        running: truth(cell("running")),
        ..Asset::default()
    }));
    for host in cell("host").split(';').filter(|host| !host.is_empty()) {
        records.push(Record::Fact {
            subject: uid.to_owned(),
            kind: "name",
            object: format!("host:{host}"),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_separators_and_line_breaks() {
        let text = "\u{feff}a,b\r\n\"x, \"\"y\"\"\nz\",2\n\n3,4";
        let mut lines = Lines::new(text.as_bytes());
        let mut rows = Vec::new();
        while let Some((line, cells)) = lines.next().unwrap() {
            rows.push((line, cells.unwrap()));
        }
        let row = |line, cells: [&str; 2]| (line, cells.map(str::to_owned).to_vec());
        assert_eq!(rows[0], row(1, ["a", "b"]));
        assert_eq!(rows[1], row(2, ["x, \"y\"\nz", "2"]));
        assert_eq!(rows[2], row(5, ["3", "4"]));
    }

    #[test]
    fn tags_are_read_word_by_word() {
        assert!(is_sensitive("{\"data\":\"PII\"}"));
        assert!(!is_sensitive("{\"team\":\"spider\"}"));
    }
}
