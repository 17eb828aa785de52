//! OCSF 1.8.0 (Open Cybersecurity Schema Framework), for SIEMs and data lakes: one event per line.
//!
//! A finding is a Data Security Finding (2006), an attack path of a case a Detection Finding (2004),
//! and what was read closes the events as a Scan Activity (6007). What the schema has no attribute
//! for goes into `unmapped`, the place it has for that.

mod path;

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::Report;
use super::jsonl::Jsonl;
use super::terminal::visible;
use crate::case::stored::Stored;
use crate::finding::summary::Summary;
use crate::finding::{Finding, Verdict};
use crate::rule::Severity;

pub use path::attack_paths;

/// Version of the schema.
const SCHEMA: &str = "1.8.0";

pub(super) struct Ocsf<'w> {
    lines: Jsonl<'w>,
    now: i64,
}

impl<'w> Ocsf<'w> {
    pub(super) fn new(writer: Box<dyn Write + 'w>) -> Self {
        Self {
            lines: Jsonl::new(writer),
            now: jiff::Timestamp::now().as_millisecond(),
        }
    }
}

/// The classification that every event begins with; `class` is its uid, of which the first digit is
/// the category.
fn event(class: u32, activity: u32, severity: u32, time: i64) -> Map<String, Value> {
    let (class_name, category_name) = match class {
        2004 => ("Detection Finding", "Findings"),
        2006 => ("Data Security Finding", "Findings"),
        _ => ("Scan Activity", "Application Activity"),
    };
    fields(json!({
        "activity_id": activity,
        "category_uid": class / 1000,
        "category_name": category_name,
        "class_uid": class,
        "class_name": class_name,
        "type_uid": class * 100 + activity,
        "severity_id": severity,
        "time": time,
        "metadata": {
            "version": SCHEMA,
            "product": {
                "name": "keydredge",
                "vendor_name": "keydredge",
                "version": env!("CARGO_PKG_VERSION"),
            },
        },
    }))
}

/// The members of an object, without those that are null or empty.
fn fields(value: Value) -> Map<String, Value> {
    let Value::Object(all) = value else {
        return Map::new();
    };
    let says_something = |(_, value): &(String, Value)| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    };
    all.into_iter().filter(says_something).collect()
}

fn severity_id(severity: Severity) -> u32 {
    match severity {
        Severity::Info => 1,
        Severity::Low => 2,
        Severity::Medium => 3,
        Severity::High => 4,
        Severity::Critical => 5,
    }
}

/// `confidence_id` and `confidence_score`.
fn confidence(verdict: Verdict) -> (u32, u32) {
    match verdict {
        Verdict::Pattern => (1, 40),
        Verdict::Structure => (2, 70),
        Verdict::Checksum => (3, 95),
        Verdict::Paired => (3, 100),
    }
}

/// Milliseconds since 1970 of an RFC 3339 time.
fn milliseconds(text: &str) -> Option<i64> {
    let time: jiff::Timestamp = text.parse().ok()?;
    Some(time.as_millisecond())
}

/// Equal for the same secret at the same place, whichever scan saw it there.
fn uid(finding: &Finding) -> String {
    let place = &finding.occurrence;
    let mut hasher = blake3::Hasher::new();
    for part in [
        &finding.fingerprint,
        &place.input,
        &place.forensic_path,
        place.path.as_deref().unwrap_or(""),
    ] {
        hasher.update(part.as_bytes()).update(b"\0");
    }
    let digits: String = hasher.finalize().to_hex().chars().take(32).collect();
    format!("f-{digits}")
}

/// A file as OCSF has it: its name is required, its path is not.
fn file(path: &str) -> Map<String, Value> {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    fields(json!({
        "name": visible(if name.is_empty() { path } else { name }),
        "path": visible(path),
        "type_id": 1,
        "type": "Regular File",
    }))
}

/// A finding as an event.
fn data_security(finding: &Finding, activity: u32, time: i64) -> Map<String, Value> {
    let place = &finding.occurrence;
    let mut all = event(2006, activity, severity_id(finding.severity), time);
    let (confidence_id, score) = confidence(finding.verdict);
    let title = format!("{} {}", finding.secret_type, finding.secret.preview);
    let held = place.path.as_deref().map(|path| {
        let mut file = file(path);
        file.extend(fields(json!({
            "uid": place.inode.map(|inode| inode.to_string()),
            "modified_time": place.modified.as_deref().and_then(milliseconds),
            "is_deleted": place.state.as_deref().map(|state| state == "deleted"),
        })));
        file
    });
    let target = finding.target.as_ref().map(|target| {
        fields(json!({
            "name": visible(&target.name),
            "type": target.kind,
            "hostname": target.endpoint.as_deref().map(visible),
            "role_id": 1,
            "role": "Target",
        }))
    });
    let input = json!({
        "name": visible(&place.input),
        "type": "input",
        "role_id": 3,
        "role": "Affected",
    });
    let resources: Vec<Value> = [Some(input), target.map(Value::from)]
        .into_iter()
        .flatten()
        .collect();
    all.extend(fields(json!({
        "message": format!("{title} at {:#x} of {}", place.offset, visible(&place.input)),
        "confidence_id": confidence_id,
        "confidence_score": score,
        "is_alert": finding.suppressed.is_none() && finding.expired != Some(true),
        "finding_info": {
            "uid": uid(finding),
            "title": title,
            "desc": finding.verdict.meaning(),
            "types": ["secret", finding.secret_type],
            "analytic": {
                "uid": format!("{}/{}", finding.secret_type, finding.variant),
                "name": finding.secret_type,
                "type_id": 1,
                "type": "Rule",
            },
            "created_time": time,
            "data_sources": [visible(&place.input)],
        },
        "data_security": {
            "category_id": 6,
            "category": "Security",
            "data_lifecycle_state_id": 1,
            "data_lifecycle_state": "Data at-Rest",
            "detection_system_id": 4,
            "detection_system": "Data Discovery & Classification",
            "detection_pattern": format!("{}/{}", finding.secret_type, finding.variant),
        },
        "file": held.unwrap_or_default(),
        "resources": resources,
        "status_id": if finding.suppressed.is_some() { 3 } else { 1 },
        "status_detail": finding.suppressed.as_deref(),
        "unmapped": {
            "fingerprint": finding.fingerprint,
            "verdict": finding.verdict,
            "secret": finding.secret,
            "occurrence": place,
            "target": finding.target,
            "identity": finding.identity,
            "expires": finding.expires,
            "expired": finding.expired,
            "details": finding.details,
        },
    })));
    all
}

impl Report for Ocsf<'_> {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        self.lines.record(&data_security(finding, 1, self.now))
    }

    fn stored(&mut self, stored: &Stored) -> io::Result<()> {
        let (activity, status) = match stored.status.as_str() {
            "fixed" => (3, 4),
            "accepted" | "false-positive" => (2, 3),
            _ => (1, 1),
        };
        let first = milliseconds(&stored.first_seen).unwrap_or(self.now);
        let mut event = data_security(&stored.finding, activity, first);
        event.insert("status_id".to_owned(), status.into());
        if status != 1 {
            event.insert("is_alert".to_owned(), false.into());
        }
        event.insert("status_detail".to_owned(), stored.status.as_str().into());
        if let Some(Value::Object(info)) = event.get_mut("finding_info") {
            info.extend(fields(json!({
                "first_seen_time": first,
                "last_seen_time": milliseconds(&stored.last_seen),
            })));
        }
        if let Some(Value::Array(resources)) = event.get_mut("resources") {
            resources.insert(
                0,
                json!({"uid": visible(&stored.asset), "role_id": 3, "role": "Affected"}),
            );
        }
        self.lines.record(&event)
    }

    fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        // Completed, or ended by an error.
        let activity = if summary.complete { 2 } else { 6 };
        let severity = if summary.complete { 1 } else { 3 };
        let mut event = event(6007, activity, severity, self.now);
        let missed = summary.unreadable.len() + summary.changed.len() + summary.warnings.len();
        event.extend(fields(json!({
            "message": format!(
                "{} findings in {} bytes read; {}",
                summary.findings,
                summary.bytes_read,
                if summary.complete { "complete" } else { "incomplete" }
            ),
            "scan": {"name": "keydredge scan", "type_id": 1, "type": "Manual"},
            "num_files": summary.files,
            "num_detections": summary.findings,
            "num_skipped_items": missed,
            "status_id": if summary.complete { 1 } else { 2 },
            "status": if summary.complete { "Success" } else { "Failure" },
            "unmapped": summary,
        })));
        self.lines.record(&event)
    }
}
