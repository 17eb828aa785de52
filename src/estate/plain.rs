//! Lists for spreadsheets: `assets.csv` and `images.csv`.

use super::Records;
use super::json::severity;
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

/// The rows of a CSV text (RFC 4180) with their lines. Separators and line breaks inside quotes
/// belong to the cell.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, Vec<String>)> + '_ {
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut line = 1_usize;
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
            let (start, mut end) = (line, rest.len());
            let mut letters = rest.char_indices().peekable();
            while let Some((at, letter)) = letters.next() {
                if letter == '\n' {
                    line = line.saturating_add(1);
                }
                match letter {
                    '"' if quoted && letters.peek().is_some_and(|(_, next)| *next == '"') => {
                        letters.next();
                        cell.push('"');
                    }
                    '"' => quoted = !quoted,
                    ',' if !quoted => cells.push(std::mem::take(&mut cell)),
                    '\n' if !quoted => {
                        end = at.saturating_add(1);
                        break;
                    }
                    letter => cell.push(letter),
                }
            }
            rest = rest.get(end..).unwrap_or("");
            cells.push(cell);
            let cells: Vec<String> = cells.iter().map(|cell| cell.trim().to_owned()).collect();
            if cells.iter().any(|cell| !cell.is_empty()) {
                return Some((start, cells));
            }
        }
    })
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
    if !has("uid") {
        return Err("neither a column `uid` nor `image` and `asset_uid`".to_owned());
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
        stopped: truth(cell("running")) == Some(false),
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
        let rows: Vec<_> = lines("a,b\r\n\"x, \"\"y\"\"\nz\",2\n\n3,4").collect();
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
