//! Attack paths as Detection Findings.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::super::terminal::visible;
use super::{event, fields, file};
use crate::case::findings::family;
use crate::graph::grid::Grid;
use crate::graph::recommendation::steps;

/// Severities of paths: High, and Critical where the way in is open to the internet.
const HIGH: u32 = 4;
const CRITICAL: u32 = 5;

/// Writes one event per path; `grid` is an answer of [`crate::graph::path`].
///
/// # Errors
/// When the writer fails.
pub fn attack_paths(grid: &Grid, out: &mut dyn Write) -> io::Result<()> {
    let now = jiff::Timestamp::now().as_millisecond();
    for row in 0..grid.rows.len() {
        let mut line = serde_json::to_vec(&detection(grid, row, now))?;
        line.push(b'\n');
        out.write_all(&line)?;
    }
    out.flush()
}

fn detection(grid: &Grid, row: usize, now: i64) -> Map<String, Value> {
    let cell = |column: &str| grid.at(row, column);
    let raw = |column: &str| cell(column).and_then(Value::as_str).unwrap_or("");
    let text = |column: &str| visible(raw(column));
    let (source, target, secret) = (text("source"), text("target"), text("secret"));
    let severity = if raw("ports").is_empty() {
        HIGH
    } else {
        CRITICAL
    };
    let confidence = cell("confidence").and_then(Value::as_i64).unwrap_or(0);
    let vulnerabilities: Vec<Value> = raw("cves")
        .split_whitespace()
        .map(|cve| json!({"cve": {"uid": visible(cve)}}))
        .collect();
    let location = raw("location");
    let mut evidence = fields(json!({
        "data": {
            "secret": secret,
            "preview": text("preview"),
            "fingerprint": text("fingerprint"),
            "location": visible(location),
            "how": text("how"),
            "because": text("evidence"),
            "ports": text("ports"),
        },
    }));
    // `/home/ops/.ssh/id_rsa at 0x226200`; other places are no paths.
    if let Some((path, _)) = location
        .split_once(" at 0x")
        .filter(|(path, _)| !path.is_empty())
    {
        evidence.insert("file".to_owned(), file(path).into());
    }
    let resource = |uid: &str, role_id: u32, role: &str| json!({"uid": uid, "name": last(uid), "role_id": role_id, "role": role});
    let steps = steps(family(raw("secret")), false).join(" ");
    let mut all = event(2004, 1, severity, now);
    all.extend(fields(json!({
        "message": format!("{}: {} to {} by {secret}", text("scenario"), last(&source), last(&target)),
        "confidence_id": match confidence {
            85.. => 3,
            50.. => 2,
            _ => 1,
        },
        "confidence_score": confidence,
        "is_alert": true,
        "status_id": 1,
        "finding_info": {
            "uid": text("id"),
            "title": text("name"),
            "desc": text("evidence"),
            "types": ["attack path"],
            "analytic": {"uid": text("scenario"), "name": text("name"), "type_id": 1, "type": "Rule"},
            "created_time": now,
        },
        "evidences": [evidence],
        "vulnerabilities": vulnerabilities,
        "resources": [resource(&source, 3, "Affected"), resource(&target, 1, "Target")],
        "remediation": {"desc": steps},
    })));
    all
}

/// The last part of a cloud's id, by which people know a thing.
fn last(uid: &str) -> &str {
    uid.rsplit(['/', ':']).next().unwrap_or(uid)
}
