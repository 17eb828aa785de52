//! SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format"), for dashboards of findings.
//!
//! The log is written as the findings come: what the tool is and looks for first, then the array
//! of results, then what was read. A secret never enters it: there are no snippets, and what
//! connects results of two runs is the keyed fingerprint.

mod place;
mod rules;

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::terminal::visible;
use super::{Report, Setting};
use crate::case::stored::Stored;
use crate::finding::summary::Summary;
use crate::finding::{Finding, Verdict};
use crate::rule::Severity;
use place::Places;
use rules::Rules;

/// Where the schema is published.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// Results in one log: dashboards refuse logs with more. The rest is counted.
const MOST_RESULTS: u64 = 25_000;
/// Notifications of one sort in one log; the rest is counted.
const MOST_NOTIFICATIONS: usize = 1000;

pub(super) struct Sarif<'w> {
    writer: Box<dyn Write + 'w>,
    rules: Rules,
    places: Places,
    begun: bool,
    written: u64,
    left_out: u64,
}

impl<'w> Sarif<'w> {
    pub(super) fn new(writer: Box<dyn Write + 'w>, setting: &Setting<'_>) -> Self {
        Self {
            writer,
            rules: Rules::new(setting.rules),
            places: Places::default(),
            begun: false,
            written: 0,
            left_out: 0,
        }
    }

    fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.writer, value)?;
        Ok(())
    }

    /// Everything before the first result.
    fn begin(&mut self) -> io::Result<()> {
        if self.begun {
            return Ok(());
        }
        self.begun = true;
        write!(
            self.writer,
            "{{\"$schema\":\"{SCHEMA}\",\"version\":\"2.1.0\",\"runs\":[{{\"tool\":"
        )?;
        let tool = self.rules.tool();
        self.json(&tool)?;
        write!(self.writer, ",\"results\":[")
    }

    /// Whether there is room for one more result.
    fn has_room(&mut self) -> bool {
        let room = self.written < MOST_RESULTS;
        if !room {
            self.left_out += 1;
        }
        room
    }

    fn result(&mut self, result: &Value) -> io::Result<()> {
        self.begin()?;
        if self.written > 0 {
            self.writer.write_all(b",")?;
        }
        self.written += 1;
        self.writer.write_all(b"\n")?;
        self.json(result)
    }

    fn finding_as_result(&mut self, finding: &Finding) -> Map<String, Value> {
        let rule = self.rules.index(&finding.secret_type);
        let mut result = Map::new();
        let mut set = |name: &str, value: Value| {
            result.insert(name.to_owned(), value);
        };
        set("ruleId", finding.secret_type.as_str().into());
        if let Some(rule) = rule {
            set("ruleIndex", rule.into());
        }
        set("level", level(finding.severity).into());
        set("kind", "fail".into());
        set("rank", rank(finding.severity, finding.verdict).into());
        set("message", json!({"text": message(&sentence(finding))}));
        set("locations", json!([self.places.location(finding)]));
        let related = self.places.related(finding);
        if !related.is_empty() {
            set("relatedLocations", related.into());
        }
        set(
            "partialFingerprints",
            json!({"keydredgeSecret/v1": finding.fingerprint}),
        );
        if let Some(reason) = &finding.suppressed {
            set(
                "suppressions",
                json!([{"kind": "external", "status": "accepted", "justification": visible(reason)}]),
            );
        }
        set("properties", properties(finding));
        result
    }
}

/// SARIF's three levels.
fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// 0 to 100: first by severity, among equals by how sure it is.
fn rank(severity: Severity, verdict: Verdict) -> u32 {
    let at = |position: Option<usize>| u32::try_from(position.unwrap_or(0)).unwrap_or(0);
    let grave = at(Severity::ALL.iter().position(|known| *known == severity));
    let sure = at(Verdict::ALL.iter().position(|known| *known == verdict));
    grave * 20 + (sure + 1) * 5
}

/// One sentence that stands alone in a list of results.
fn sentence(finding: &Finding) -> String {
    let place = &finding.occurrence;
    let mut text = format!(
        "{} ({}) {}, {}",
        finding.secret_type,
        finding.variant,
        finding.secret.preview,
        finding.verdict.meaning()
    );
    text.push_str(&match (&place.path, place.line) {
        (Some(path), Some(line)) => format!("; in {path}, line {line}"),
        (Some(path), None) => format!("; in {path}, byte {:#x} of {}", place.offset, place.input),
        (None, _) => format!("; byte {:#x} of {}", place.offset, place.input),
    });
    if let Some(state) = place.state.as_deref().filter(|state| *state != "allocated") {
        text.push_str(&format!(" ({state})"));
    }
    if let Some(target) = &finding.target {
        let endpoint = target.endpoint.as_deref().unwrap_or(&target.name);
        text.push_str(&format!("; it opens the {} {endpoint}", target.kind));
    }
    if finding.expired == Some(true) {
        text.push_str("; it has expired");
    }
    text.push('.');
    text
}

/// Text for a SARIF message, in which brackets make links and braces are placeholders (3.11.5 and
/// 3.11.6 of the specification).
fn message(text: &str) -> String {
    let mut out = String::new();
    for character in visible(text).chars() {
        match character {
            '\\' | '[' | ']' => out.extend(['\\', character]),
            '{' | '}' => out.extend([character, character]),
            other => out.push(other),
        }
    }
    out
}

fn properties(finding: &Finding) -> Value {
    let place = &finding.occurrence;
    let mut bag = json!({
        "severity": finding.severity,
        "verdict": finding.verdict,
        "variant": finding.variant,
        "preview": finding.secret.preview,
        "secretLength": finding.secret.length,
        "input": place.input,
        "imageOffset": place.offset,
        "imageLength": place.length,
        "forensicPath": place.forensic_path,
    });
    if let Value::Object(bag) = &mut bag {
        let mut set = |name: &str, value: Value| {
            let is_empty = value.is_null()
                || value.as_array().is_some_and(Vec::is_empty)
                || value.as_object().is_some_and(Map::is_empty);
            if !is_empty {
                bag.insert(name.to_owned(), value);
            }
        };
        set("state", place.state.as_deref().into());
        set("encoding", place.encoding.as_slice().into());
        set("modified", place.modified.as_deref().into());
        set("owner", json!(place.owner));
        set("mode", place.mode.as_deref().into());
        set("labels", place.labels.as_slice().into());
        set("target", json!(finding.target));
        set("identity", json!(finding.identity));
        set("expires", finding.expires.as_deref().into());
        set("expired", finding.expired.into());
        set("details", json!(finding.details));
        set("value", finding.secret.value.as_deref().into());
    }
    bag
}

impl Report for Sarif<'_> {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        if !self.has_room() {
            return Ok(());
        }
        let result = self.finding_as_result(finding);
        self.result(&result.into())
    }

    fn stored(&mut self, stored: &Stored) -> io::Result<()> {
        if !self.has_room() {
            return Ok(());
        }
        let mut result = self.finding_as_result(&stored.finding);
        match stored.status.as_str() {
            "fixed" => {
                result.insert("baselineState".to_owned(), "absent".into());
            }
            status @ ("accepted" | "false-positive") => {
                let decision =
                    json!([{"kind": "external", "status": "accepted", "justification": status}]);
                result.insert("suppressions".to_owned(), decision);
            }
            _ => {}
        }
        if let Some(Value::Object(bag)) = result.get_mut("properties") {
            for (name, value) in [
                ("asset", &stored.asset),
                ("status", &stored.status),
                ("firstSeen", &stored.first_seen),
                ("lastSeen", &stored.last_seen),
            ] {
                bag.insert(name.to_owned(), value.as_str().into());
            }
        }
        self.result(&result.into())
    }

    fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        self.begin()?;
        write!(self.writer, "\n],\"invocations\":")?;
        let invocation = invocation(summary, self.left_out);
        self.json(&[invocation])?;
        write!(self.writer, ",\"originalUriBaseIds\":")?;
        let bases: BTreeMap<String, Value> = self.places.bases();
        self.json(&bases)?;
        write!(self.writer, ",\"taxonomies\":")?;
        let taxonomies = self.rules.taxonomies();
        self.json(&taxonomies)?;
        write!(self.writer, ",\"properties\":")?;
        self.json(&json!({"summary": summary}))?;
        writeln!(self.writer, "}}]}}")?;
        self.writer.flush()
    }
}

/// What was run, and what of the inputs was not read.
fn invocation(summary: &Summary, left_out: u64) -> Value {
    let mut notes = Vec::new();
    let mut note = |level: &str, id: &str, text: &str| {
        notes.push(json!({
            "level": level,
            "descriptor": {"id": id},
            "message": {"text": message(text)},
        }));
    };
    if left_out > 0 {
        note(
            "warning",
            "results-left-out",
            &format!(
                "{left_out} results were left out: a log holds {MOST_RESULTS}, of which these are the \
                 first. The format jsonl has them all."
            ),
        );
    }
    let unreadable = summary.unreadable.iter().map(|range| {
        format!(
            "{} could not be read from byte {:#x} to {:#x}",
            range.input, range.start, range.end
        )
    });
    let changed = summary
        .changed
        .iter()
        .map(|input| format!("{input} changed while it was read"));
    let limits = summary.limits.iter().map(|(limit, count)| {
        format!("{count} compressed streams were not searched whole: {limit}")
    });
    for (level, id, texts) in [
        ("error", "unreadable", unreadable.collect::<Vec<_>>()),
        ("error", "changed", changed.collect()),
        ("warning", "limit", limits.collect()),
        ("warning", "not-searched", summary.warnings.clone()),
    ] {
        for text in texts.iter().take(MOST_NOTIFICATIONS) {
            note(level, id, text);
        }
        if let Some(more @ 1..) = texts.len().checked_sub(MOST_NOTIFICATIONS) {
            note(
                level,
                id,
                &format!("{more} more of this sort; the format jsonl lists them all"),
            );
        }
    }
    json!({
        "executionSuccessful": summary.complete,
        "exitCodeDescription": if summary.complete {
            "every byte that was asked for was read"
        } else {
            "not every byte that was asked for was read; the notifications say what was not"
        },
        "toolExecutionNotifications": notes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_make_no_links_and_no_placeholders() {
        assert_eq!(
            message("[click](http://x) {0} \\ \x1b"),
            "\\[click\\](http://x) {{0}} \\\\ ␛"
        );
    }

    #[test]
    fn ranks_order_by_severity_and_then_by_verdict() {
        assert_eq!(rank(Severity::Critical, Verdict::Paired), 100);
        assert!(rank(Severity::High, Verdict::Pattern) > rank(Severity::Medium, Verdict::Paired));
        assert!(rank(Severity::Low, Verdict::Checksum) > rank(Severity::Low, Verdict::Structure));
    }

    /// A full log says how many results are missing, and keeps none of them in memory.
    #[test]
    fn a_full_log_counts_what_is_left_out() {
        use std::cell::RefCell;
        use std::rc::Rc;

        #[derive(Clone, Default)]
        struct Shared(Rc<RefCell<Vec<u8>>>);

        impl Write for Shared {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.borrow_mut().write(bytes)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        let finding: Finding = serde_json::from_value(json!({
            "schema": Finding::SCHEMA, "type": "x", "variant": "v", "severity": "low",
            "verdict": "pattern", "fingerprint": "k1:0",
            "secret": {"preview": "…", "length": 1, "value": null},
            "occurrence": {"input": "a", "offset": 1, "length": 1, "forensic_path": "1",
                "encoding": [], "labels": []},
            "target": null, "identity": {}, "expires": null, "expired": null, "details": {}
        }))
        .unwrap();
        let rules = crate::rule::load::catalogue().unwrap();
        let setting = Setting {
            rules: &rules,
            inputs: &[],
            look: super::super::terminal::Look::default(),
        };
        let written = Shared::default();
        let mut log = Sarif::new(Box::new(written.clone()), &setting);
        for _ in 0..MOST_RESULTS + 7 {
            log.finding(&finding).unwrap();
        }
        log.finish(&Summary::default()).unwrap();
        let log: Value = serde_json::from_slice(&written.0.borrow()).unwrap();
        let run = &log["runs"][0];
        let results = run["results"].as_array().unwrap();
        assert_eq!(results.len() as u64, MOST_RESULTS);
        let note = run.pointer("/invocations/0/toolExecutionNotifications/0/message/text");
        assert!(
            note.unwrap()
                .as_str()
                .unwrap()
                .starts_with("7 results were left out")
        );
    }
}
