//! Rows as JSON, for the script: embedded in the file, or a page at a time.
//!
//! Texts are made visible before they are written, and what could end a script element or a line of
//! script is escaped, whatever a file on a disk was called.

use std::io::Write;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::facts::{self, Fact, STEPS, numbered};
use super::{HtmlError, List, Page, short};
use crate::case::CaseError;
use crate::graph::detail;
use crate::graph::listing::{Entry, Listing, Wanted};
use crate::graph::recommendation::FAMILIES;
use crate::report::terminal::visible;

/// JSON that can stand in a script element.
pub(super) fn in_script(value: &Value) -> String {
    escaped(&value.to_string())
}

/// `<`, `>`, `&` and the two line ends of JavaScript only occur inside strings of JSON, where an
/// escape means the same.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' => text.push_str("\\u003c"),
            '>' => text.push_str("\\u003e"),
            '&' => text.push_str("\\u0026"),
            '\u{2028}' => text.push_str("\\u2028"),
            '\u{2029}' => text.push_str("\\u2029"),
            other => text.push(other),
        }
    }
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

/// Steps that are the same for all findings of a family.
fn shared() -> Vec<Vec<String>> {
    let families = FAMILIES.iter();
    let alone = families.clone().map(|(family, _)| numbered(family, false));
    alone
        .chain(families.map(|(family, _)| numbered(family, true)))
        .collect()
}

fn facts_as_json(facts: Vec<Fact>, shared: &[Vec<String>]) -> Value {
    let facts = facts.into_iter().map(|fact| {
        let label = LABELS.iter().position(|label| *label == fact.label);
        let known = (fact.label == STEPS)
            .then(|| shared.iter().position(|steps| *steps == fact.lines))
            .flatten();
        match known {
            Some(number) => json!([label, number]),
            None => json!([label, fact.lines]),
        }
    });
    Value::Array(facts.collect())
}

/// A row: id, score, numbers of its words, cells, and its facts if they come with it.
fn row(
    connection: &Connection,
    listing: &Listing,
    list: List,
    entry: &Entry,
    shared: Option<&[Vec<String>]>,
) -> Result<Value, CaseError> {
    let (cells, facts) = match list {
        List::Findings => {
            let Some(found) = detail::finding(connection, entry.id)? else {
                return Ok(Value::Null);
            };
            let [uid, name, ..] = &found.asset;
            let cells = [
                found.preview.clone(),
                short(name, uid).to_owned(),
                facts::where_short(&found),
                facts::opens_short(&found),
            ];
            (cells, shared.map(|_| facts::of_finding(&found)))
        }
        List::Assets => {
            let Some(found) = detail::asset(connection, entry.id)? else {
                return Ok(Value::Null);
            };
            let cells = [
                short(&found.name, &found.uid).to_owned(),
                found.service.clone(),
                found.ports.clone(),
                found.uid.clone(),
            ];
            (cells, shared.map(|_| facts::of_asset(&found)))
        }
    };
    let cells: Vec<String> = cells.iter().map(|cell| visible(cell)).collect();
    let mut row = vec![
        json!(entry.id),
        json!(entry.score),
        json!(listing.numbers(entry)),
        json!(cells),
    ];
    if let (Some(facts), Some(shared)) = (facts, shared) {
        row.push(facts_as_json(facts, shared));
    }
    Ok(Value::Array(row))
}

fn heads(listing: &Listing) -> Value {
    json!({
        "dimensions": listing.dimensions,
        "words": listing.words,
        "total": listing.entries.len(),
    })
}

/// What the script needs before it asks for rows.
pub(super) fn outline(page: &Page) -> Value {
    json!({
        "title": visible(&page.title),
        "labels": LABELS,
        "shared": shared(),
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
    let shared = shared();
    out.write_all(b"<script id=\"data\" type=\"application/json\">")?;
    // The outline is an object; the rows become two more members of it.
    out.write_all(outline.strip_suffix('}').unwrap_or(&outline).as_bytes())?;
    for (list, name, most) in [
        (List::Findings, "finding_rows", page.bounds.findings),
        (List::Assets, "asset_rows", page.bounds.assets),
    ] {
        write!(out, ",\"{name}\":[")?;
        let listing = page.list(list);
        for (number, entry) in listing.entries.iter().take(most).enumerate() {
            if number > 0 {
                out.write_all(b",\n")?;
            }
            let row = row(connection, listing, list, entry, Some(&shared))?;
            out.write_all(in_script(&row).as_bytes())?;
        }
        out.write_all(b"]")?;
    }
    out.write_all(b"}</script>")?;
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
    let rows = page
        .entries
        .iter()
        .map(|entry| row(connection, listing, list, entry, None))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(json!({ "total": page.total, "counts": page.counts, "rows": rows }))
}

/// A row with its facts.
pub(super) fn whole_row(
    listing: &Listing,
    connection: &Connection,
    list: List,
    id: i64,
) -> Result<Option<Value>, CaseError> {
    let entry = listing.entries.iter().find(|entry| entry.id == id);
    let row = entry.map(|entry| row(connection, listing, list, entry, Some(&shared())));
    row.transpose()
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
            let quoted = at.split('"').nth(1).unwrap();
            let first = at.split(',').next().unwrap();
            assert!(
                LABELS.contains(&quoted) || first.contains("STEPS"),
                "{quoted} is no label of data.rs"
            );
        }
    }
}
