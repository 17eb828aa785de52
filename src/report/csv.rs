//! Lines of CSV (RFC 4180) that no spreadsheet computes, and findings as such lines.

use std::io::{self, Write};

use serde_json::Value;

use super::Report;
use super::terminal::visible;
use crate::case::stored::Stored;
use crate::finding::Finding;
use crate::finding::summary::Summary;

/// Columns of a finding; the last four are known to a case only.
const COLUMNS: &[&str] = &[
    "severity",
    "verdict",
    "type",
    "variant",
    "preview",
    "fingerprint",
    "input",
    "partition",
    "filesystem",
    "path",
    "line",
    "offset",
    "offset_hex",
    "length",
    "forensic_path",
    "pointer",
    "deployment",
    "resource",
    "inode",
    "state",
    "modified",
    "target_kind",
    "target",
    "endpoint",
    "identity",
    "expires",
    "expired",
    "labels",
    "suppressed",
    "value",
    "asset",
    "status",
    "first_seen",
    "last_seen",
];

/// Writes one line. Texts are always in quotes, numbers never.
pub(super) fn line<'v>(
    cells: impl IntoIterator<Item = &'v Value>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let cells: Vec<String> = cells
        .into_iter()
        .map(|cell| match cell {
            Value::Null => String::new(),
            Value::String(text) => quoted(text),
            Value::Number(number) => number.to_string(),
            other => quoted(&other.to_string()),
        })
        .collect();
    write!(out, "{}\r\n", cells.join(","))
}

/// Always in quotes; what a spreadsheet would take for a formula gets an apostrophe before it.
fn quoted(text: &str) -> String {
    let formula = text
        .trim_start()
        .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
        || text.starts_with(['\t', '\r', '\n']);
    let guard = if formula { "'" } else { "" };
    format!("\"{guard}{}\"", visible(text).replace('"', "\"\""))
}

/// Findings as CSV. What was read is not in it: a table has no place for it.
pub(super) struct Csv<'w> {
    writer: Box<dyn Write + 'w>,
    heading: bool,
}

impl<'w> Csv<'w> {
    pub(super) fn new(writer: Box<dyn Write + 'w>) -> Self {
        Self {
            writer,
            heading: false,
        }
    }

    fn heading(&mut self) -> io::Result<()> {
        if self.heading {
            return Ok(());
        }
        self.heading = true;
        let names: Vec<Value> = COLUMNS.iter().map(|name| Value::from(*name)).collect();
        line(&names, &mut self.writer)
    }

    fn row(&mut self, finding: &Finding, known: [Value; 4]) -> io::Result<()> {
        self.heading()?;
        let (place, target) = (&finding.occurrence, finding.target.as_ref());
        let cells: [Value; 30] = [
            finding.severity.name().into(),
            finding.verdict.name().into(),
            finding.secret_type.as_str().into(),
            finding.variant.as_str().into(),
            finding.secret.preview.as_str().into(),
            finding.fingerprint.as_str().into(),
            place.input.as_str().into(),
            place.partition.into(),
            place.filesystem.as_deref().into(),
            place.path.as_deref().into(),
            place.line.into(),
            place.offset.into(),
            format!("{:#x}", place.offset).into(),
            place.length.into(),
            place.forensic_path.as_str().into(),
            place.pointer.as_deref().into(),
            place.deployment.as_deref().into(),
            place.resource.as_deref().into(),
            place.inode.into(),
            place.state.as_deref().into(),
            place.modified.as_deref().into(),
            target.map(|target| target.kind.as_str()).into(),
            target.map(|target| target.name.as_str()).into(),
            target.and_then(|target| target.endpoint.as_deref()).into(),
            Some(Value::Object(finding.identity.clone()))
                .filter(|_| !finding.identity.is_empty())
                .into(),
            finding.expires.as_deref().into(),
            finding.expired.into(),
            Some(place.labels.join(" "))
                .filter(|labels| !labels.is_empty())
                .into(),
            finding.suppressed.as_deref().into(),
            finding.secret.value.as_deref().into(),
        ];
        line(cells.iter().chain(&known), &mut self.writer)?;
        self.writer.flush()
    }
}

impl Report for Csv<'_> {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        self.row(finding, [const { Value::Null }; 4])
    }

    fn stored(&mut self, stored: &Stored) -> io::Result<()> {
        let known = [
            &stored.asset,
            &stored.status,
            &stored.first_seen,
            &stored.last_seen,
        ];
        self.row(&stored.finding, known.map(|text| text.as_str().into()))
    }

    fn finish(&mut self, _: &Summary) -> io::Result<()> {
        self.heading()?;
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_of_a_formula_gets_through() {
        for formula in [
            "=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=1", "\n1", "＝1", "＋1", "－1",
            "＠A", "\u{a0}=1",
        ] {
            let cell = quoted(formula);
            assert!(cell.starts_with("\"'"), "{cell}");
        }
        for plain in ["a=1", "1-1", "ops@host", ""] {
            assert_eq!(quoted(plain), format!("\"{plain}\""));
        }
        assert_eq!(quoted("a\"b\r\nc"), "\"a\"\"b␍␊c\"");
    }

    #[test]
    fn every_column_has_a_name() {
        let mut out = Vec::new();
        let cells = [const { Value::Null }; 34];
        line(&cells, &mut out).unwrap();
        let commas = out.iter().filter(|byte| **byte == b',').count();
        assert_eq!(commas + 1, COLUMNS.len());
    }
}
