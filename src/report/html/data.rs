//! Rows as JSON, for the script: embedded in the file, or a page at a time.
//!
//! Texts are made visible before they are written, and what could end a script element or a line of
//! script is escaped, whatever a file on a disk was called.

use std::collections::HashMap;
use std::io::Write;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::facts::{self, Fact, STEPS};
use super::{HtmlError, List, Page, short};
use crate::case::CaseError;
use crate::graph::detail;
use crate::graph::listing::{Entry, Listing, Wanted};
use crate::report::terminal::visible;

/// JSON that can stand in a script element.
pub(super) fn in_script(value: &Value) -> String {
    escaped(&value.to_string())
}

/// `<`, `>`, `&` and the two line ends of JavaScript only occur inside strings of JSON, where an
/// escape means the same.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
        let (plain, special) = rest.split_at(at);
        text.push_str(plain);
        let mut characters = special.chars();
        text.push_str(match characters.next() {
            Some('<') => "\\u003c",
            Some('>') => "\\u003e",
            Some('&') => "\\u0026",
            Some('\u{2028}') => "\\u2028",
            _ => "\\u2029",
        });
        rest = characters.as_str();
    }
    text.push_str(rest);
    text
}

/// The labels of facts, which rows refer to by number.
const LABELS: &[&str] = &[
    "Secret",
    "Type",
    "Priority",
    "Recommendation",
    "On",
    "Places",
    facts::AROUND,
    "Opens",
    "Also on",
    "Public key",
    "Key id",
    "Expires",
    "Remarks",
    "Details",
    "Seen",
    "Fingerprint",
    STEPS,
    "Id",
    "Service",
    "Account",
    "Region",
    "Open ports",
    "Images",
    "Vulnerabilities",
    "Opened by",
    "Other names",
];

/// Labels under which many rows have the same lines: those are written once.
const POOLED: &[&str] = &[
    "Type",
    "Priority",
    "Recommendation",
    "On",
    "Remarks",
    "Seen",
    STEPS,
    "Service",
    "Account",
    "Region",
    "Open ports",
];

/// Lines that several rows refer to, by number.
#[derive(Default)]
struct Pool {
    known: HashMap<Vec<String>, usize>,
    lines: Vec<Vec<String>>,
}

impl Pool {
    fn number(&mut self, lines: Vec<String>) -> usize {
        let next = self.lines.len();
        *self.known.entry(lines).or_insert_with_key(|lines| {
            self.lines.push(lines.clone());
            next
        })
    }
}

/// Facts, each as the number of its label and its lines, or their number in the pool.
fn facts_as_json(facts: Vec<Fact>, mut pool: Option<&mut Pool>) -> Value {
    let facts = facts.into_iter().map(|fact| {
        let label = LABELS.iter().position(|label| *label == fact.label);
        match &mut pool {
            Some(pool) if POOLED.contains(&fact.label) => json!([label, pool.number(fact.lines)]),
            _ => json!([label, fact.lines]),
        }
    });
    Value::Array(facts.collect())
}

/// A row as its id, score, numbers of its words and cells; and its facts.
type Row = (Vec<Value>, Vec<Fact>);

/// Looks a row up; with the bytes around a secret if `bytes`.
fn row(
    connection: &Connection,
    listing: &Listing,
    (list, bytes): (List, bool),
    entry: &Entry,
) -> Result<Option<Row>, CaseError> {
    let (cells, facts) = match list {
        List::Findings => {
            let Some(found) = detail::finding(connection, entry.id)? else {
                return Ok(None);
            };
            let [uid, name, ..] = &found.asset;
            let cells = [
                found.preview.clone(),
                short(name, uid).to_owned(),
                facts::where_short(&found),
                facts::opens_short(&found),
            ];
            (cells, facts::of_finding(&found, bytes))
        }
        List::Assets => {
            let Some(found) = detail::asset(connection, entry.id)? else {
                return Ok(None);
            };
            let cells = [
                short(&found.name, &found.uid).to_owned(),
                found.service.clone(),
                found.ports.clone(),
                found.uid.clone(),
            ];
            (cells, facts::of_asset(&found))
        }
    };
    let cells: Vec<String> = cells.iter().map(|cell| visible(cell)).collect();
    let row = vec![
        json!(entry.id),
        json!(entry.score),
        json!(listing.numbers(entry)),
        json!(cells),
    ];
    Ok(Some((row, facts)))
}

fn heads(listing: &Listing) -> Value {
    json!({
        "dimensions": listing.dimensions,
        "words": listing.words,
        "total": listing.entries.len(),
    })
}

/// Says of which state of the case something is: numbers of words mean nothing in another.
pub(super) fn mark(value: &mut Value, stamp: &str) {
    if let Some(members) = value.as_object_mut() {
        members.insert("stamp".to_owned(), stamp.into());
    }
}

/// What the script needs before it asks for rows.
pub(super) fn outline(page: &Page) -> Value {
    json!({
        "stamp": page.stamp,
        "title": visible(&page.title),
        "labels": LABELS,
        "findings": heads(&page.findings),
        "assets": heads(&page.assets),
    })
}

/// Writes all rows, up to the bounds, as one script element.
pub(super) fn embed(
    page: &Page,
    connection: &Connection,
    out: &mut dyn Write,
) -> Result<(), HtmlError> {
    let outline = in_script(&outline(page));
    let mut pool = Pool::default();
    out.write_all(b"<script id=\"data\" type=\"application/json\">")?;
    // The outline is an object; the rows become further members of it.
    out.write_all(outline.strip_suffix('}').unwrap_or(&outline).as_bytes())?;
    for (list, name, most) in [
        (List::Findings, "finding_rows", page.bounds.findings),
        (List::Assets, "asset_rows", page.bounds.assets),
    ] {
        write!(out, ",\"{name}\":[")?;
        let listing = page.list(list);
        let mut separator = "";
        for (number, entry) in listing.entries.iter().take(most).enumerate() {
            let sort = (list, number < page.bounds.bytes);
            if let Some((mut row, facts)) = row(connection, listing, sort, entry)? {
                row.push(facts_as_json(facts, Some(&mut pool)));
                write!(out, "{separator}{}", in_script(&Value::Array(row)))?;
                separator = ",\n";
            }
        }
        out.write_all(b"]")?;
    }
    write!(
        out,
        ",\"shared\":{}}}</script>",
        in_script(&json!(pool.lines))
    )?;
    Ok(())
}

/// A page of a list, with the counts of its facets.
pub(super) fn page(
    listing: &Listing,
    wanted: &Wanted,
    connection: &Connection,
    list: List,
) -> Result<Value, CaseError> {
    let page = listing.page(wanted);
    let mut rows = Vec::new();
    for entry in &page.entries {
        rows.extend(row(connection, listing, (list, false), entry)?.map(|(row, _)| row));
    }
    Ok(json!({ "total": page.total, "counts": page.counts, "rows": rows }))
}

/// A row with its facts.
pub(super) fn whole_row(
    listing: &Listing,
    connection: &Connection,
    list: List,
    id: i64,
) -> Result<Option<Value>, CaseError> {
    let Some(entry) = listing.entries.iter().find(|entry| entry.id == id) else {
        return Ok(None);
    };
    let found = row(connection, listing, (list, true), entry)?;
    Ok(found.map(|(mut row, facts)| {
        row.push(facts_as_json(facts, None));
        Value::Array(row)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_the_data_can_end_its_element() {
        let hostile = json!({ "</script><!--": "a&b\u{2028}\u{2029}<script>" });
        let text = in_script(&hostile);
        assert!(
            !text.contains(['<', '>', '&', '\u{2028}', '\u{2029}']),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), hostile);
    }

    #[test]
    fn every_label_has_a_number() {
        let source = include_str!("facts.rs");
        for at in source.split("facts.line").skip(1) {
            let first = at.split(',').next().unwrap();
            if first.contains("STEPS") || first.contains("AROUND") {
                continue;
            }
            let quoted = at.split('"').nth(1).unwrap();
            assert!(LABELS.contains(&quoted), "{quoted} is no label of data.rs");
        }
    }
}
