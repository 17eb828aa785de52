//! The table a person reads while the scan runs.

use std::io::{self, Write};

use super::tally::Tally;
use super::terminal::{self, Look, padded, shortened, visible};
use super::{Report, Setting};
use crate::finding::Finding;
use crate::finding::summary::Summary;
use crate::unit::human_bytes;

/// Unreadable ranges and warnings listed one by one; more are counted.
const LISTED: usize = 10;
/// Inputs named in the closing lines.
const NAMED: usize = 3;
/// Columns of previews. A public label may be longer, and then shifts its line.
const PREVIEW: usize = 13;
/// Columns of severity, verdict and preview, with the blanks after them and after the type.
const BESIDE_TYPE: usize = 8 + 1 + 9 + 1 + 1 + PREVIEW + 1;
/// Columns that a place must have beside the rest of its line; with less it gets its own.
const NARROWEST_PLACE: usize = 44;
/// Columns that a path or an endpoint is left with in the narrowest terminal.
const SHORTEST: usize = 16;
/// Before a place on its own line.
const INDENT: &str = "    ";

pub(super) struct Table<'w> {
    writer: Box<dyn Write + 'w>,
    type_width: usize,
    look: Look,
    heading: bool,
    tally: Tally,
}

impl<'w> Table<'w> {
    pub(super) fn new(writer: Box<dyn Write + 'w>, setting: &Setting<'_>) -> Self {
        let ids = setting
            .rules
            .types
            .iter()
            .map(|secret_type| secret_type.id.len());
        Self {
            writer,
            type_width: ids.max().unwrap_or(0).max(4),
            look: setting.look,
            heading: false,
            tally: Tally::default(),
        }
    }

    /// The columns that the place has beside the others, if that is enough.
    fn beside(&self) -> Result<Option<usize>, ()> {
        let Some(width) = self.look.width else {
            return Ok(None);
        };
        match width.checked_sub(BESIDE_TYPE + self.type_width) {
            Some(room) if room >= NARROWEST_PLACE => Ok(Some(room)),
            _ => Err(()),
        }
    }

    /// What was asked for, so that the last screen alone says what it is about.
    fn scanned(&mut self, summary: &Summary) -> io::Result<()> {
        let shown: Vec<String> = summary
            .inputs
            .iter()
            .take(NAMED)
            .map(|input| visible(input))
            .collect();
        let more = match summary.inputs.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        writeln!(
            self.writer,
            "  scanned   {}{more} ({} file{}) for {} secret types",
            shown.join(", "),
            summary.files,
            if summary.files == 1 { "" } else { "s" },
            summary.rules.types,
        )
    }

    fn list(&mut self, lines: &[String]) -> io::Result<()> {
        for line in lines.iter().take(LISTED) {
            writeln!(self.writer, "  {}", visible(line))?;
        }
        if lines.len() > LISTED {
            let more = lines.len() - LISTED;
            writeln!(
                self.writer,
                "  and {more} more; --format jsonl lists them all"
            )?;
        }
        Ok(())
    }
}

/// Where a finding lies and what it opens. Where the room is short, the middle of the path is left
/// out, then that of what it opens, but never the position.
fn place(finding: &Finding, room: Option<usize>) -> String {
    let place = &finding.occurrence;
    let path = visible(place.path.as_deref().unwrap_or(&place.input));
    let mut position = match (place.line, place.column) {
        (Some(line), Some(column)) => format!(":{line}:{column}"),
        _ => format!(" at {:#x}", place.offset),
    };
    if let Some(pointer) = &place.pointer {
        position.push_str(&format!(" #{pointer}"));
    }
    if let Some(deployment) = &place.deployment {
        position.push_str(&format!(" of {deployment}"));
    }
    if let Some(state) = place.state.as_deref().filter(|state| *state != "allocated") {
        position.push_str(&format!(" [{state}]"));
    }
    if place.forensic_path != place.offset.to_string() {
        position.push_str(&format!(" ({})", place.forensic_path));
    }
    let target = finding.target.as_ref().map_or_else(String::new, |target| {
        let endpoint = target.endpoint.as_deref().unwrap_or(&target.name);
        visible(&format!(" -> {} {endpoint}", target.kind))
    });
    let mut remarks = String::new();
    if finding.expired == Some(true) {
        remarks.push_str(" (expired)");
    }
    for label in &place.labels {
        remarks.push_str(&format!(" [{label}]"));
    }
    if let Some(reason) = &finding.suppressed {
        remarks.push_str(&format!(" [suppressed: {reason}]"));
    }
    let (position, remarks) = (visible(&position), visible(&remarks));
    let Some(room) = room else {
        return format!("{path}{position}{target}{remarks}");
    };
    let fixed = terminal::width(&position) + terminal::width(&remarks);
    let left = room.saturating_sub(fixed);
    let path_room = left.saturating_sub(terminal::width(&target));
    let path = shortened(&path, path_room.max(SHORTEST));
    let target_room = left.saturating_sub(terminal::width(&path));
    let target = shortened(&target, target_room.max(SHORTEST));
    format!("{path}{position}{target}{remarks}")
}

impl Report for Table<'_> {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        let beside = self.beside();
        let width = match (beside, self.look.width) {
            // The longest ids stand out of their column where it would be too wide.
            (Err(()), Some(width)) => self.type_width.min(width.saturating_sub(BESIDE_TYPE)),
            _ => self.type_width,
        };
        if !self.heading {
            self.heading = true;
            write!(
                self.writer,
                "{:<8} {:<9} {:<width$} ",
                "SEVERITY", "VERDICT", "TYPE",
            )?;
            match beside {
                Ok(_) => writeln!(self.writer, "{:<PREVIEW$} WHERE -> OPENS", "SECRET")?,
                Err(()) => writeln!(self.writer, "SECRET\n{INDENT}WHERE -> OPENS")?,
            }
        }
        write!(
            self.writer,
            "{} {:<9} {:<width$} ",
            terminal::severity(finding.severity, self.look.colour),
            finding.verdict.name(),
            finding.secret_type,
        )?;
        let preview = &finding.secret.preview;
        match beside {
            Ok(room) => {
                let place = place(finding, room);
                writeln!(self.writer, "{} {place}", padded(preview, PREVIEW))?;
            }
            Err(()) => {
                let room = self
                    .look
                    .width
                    .map(|width| width.saturating_sub(INDENT.len()));
                writeln!(self.writer, "{preview}\n{INDENT}{}", place(finding, room))?;
            }
        }
        self.tally.count(finding);
        self.writer.flush()
    }

    fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        if self.heading {
            writeln!(self.writer)?;
        }
        let seconds = summary.seconds.max(1e-9);
        writeln!(
            self.writer,
            "{} findings in {} read at {:.2} GB/s by {} ({}), {} holes skipped.",
            summary.findings,
            human_bytes(summary.bytes_read),
            summary.bytes_read as f64 / seconds / 1e9,
            summary.engine,
            summary.adapter,
            human_bytes(summary.bytes_skipped),
        )?;
        for line in self.tally.lines() {
            writeln!(self.writer, "{line}")?;
        }
        self.scanned(summary)?;
        let held_back: u64 = summary.suppressed.values().sum();
        if held_back > 0 {
            let reasons: Vec<String> = summary
                .suppressed
                .iter()
                .map(|(reason, count)| format!("{count} {reason}"))
                .collect();
            writeln!(
                self.writer,
                "{held_back} suppressed ({}); --include-suppressed shows them.",
                reasons.join(", ")
            )?;
        }
        if summary.streams > 0 {
            writeln!(
                self.writer,
                "{} compressed streams opened, {} searched in them.",
                summary.streams,
                human_bytes(summary.bytes_decoded)
            )?;
        }
        if !summary.limits.is_empty() {
            let limits: Vec<String> = summary
                .limits
                .iter()
                .map(|(limit, count)| format!("{count} {limit}"))
                .collect();
            writeln!(
                self.writer,
                "Limits left some of their content unsearched: {}.",
                limits.join(", ")
            )?;
        }
        if !summary.unreadable.is_empty() {
            let lost = human_bytes(summary.bytes_unreadable);
            writeln!(self.writer, "{lost} could not be read:")?;
            let ranges: Vec<String> = summary
                .unreadable
                .iter()
                .map(|range| format!("{} {:#x}..{:#x}", range.input, range.start, range.end))
                .collect();
            self.list(&ranges)?;
        }
        if !summary.changed.is_empty() {
            writeln!(self.writer, "Changed while it was read:")?;
            self.list(&summary.changed)?;
        }
        if !summary.warnings.is_empty() {
            writeln!(self.writer, "Not searched, or not fully:")?;
            self.list(&summary.warnings)?;
        }
        let nothing_left_out = summary.limits.is_empty() && summary.warnings.is_empty();
        if !summary.complete {
            writeln!(
                self.writer,
                "The scan is INCOMPLETE: what was not read may hold more."
            )?;
        } else if nothing_left_out && summary.changed.is_empty() {
            writeln!(self.writer, "Everything that was asked for was read.")?;
        }
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(path: &str) -> Finding {
        serde_json::from_value(serde_json::json!({
            "schema": Finding::SCHEMA, "type": "ssh-private-key", "variant": "openssh",
            "severity": "high", "verdict": "structure", "fingerprint": "k1:0",
            "secret": {"preview": "SHA256:aBcD…", "length": 410, "value": null},
            "occurrence": {"input": "disk.img", "offset": 0x22_6200, "length": 410,
                "forensic_path": "2253312", "encoding": [], "partition": 1, "filesystem": "ext4",
                "path": path, "file_offset": 0, "inode": 12, "state": "deleted", "modified": null,
                "line": null, "column": null, "pointer": null, "labels": []},
            "target": {"kind": "host", "name": "db", "endpoint": "db.internal.example.net"},
            "identity": {}, "expires": null, "expired": null, "details": {}
        }))
        .unwrap()
    }

    #[test]
    fn the_position_is_shown_however_narrow_the_terminal_is() {
        let long = finding(&format!("/home/{}/id_rsa", "deep/".repeat(60)));
        for room in 0..200 {
            let text = place(&long, Some(room));
            assert!(text.contains(" at 0x226200 [deleted]"), "{room}: {text}");
            if room >= 60 {
                assert!(terminal::width(&text) <= room, "{room}: {text}");
            }
        }
        assert!(place(&long, Some(90)).contains("/id_rsa at "));
        let whole = place(&long, None);
        assert!(
            whole.starts_with("/home/deep/deep/") && !whole.contains('…'),
            "{whole}"
        );
    }

    #[test]
    fn a_place_from_a_disk_cannot_drive_the_terminal() {
        let text = place(&finding("/tmp/\x1b]0;owned\x07\u{202e}"), Some(80));
        assert!(!text.contains(['\x1b', '\x07', '\u{202e}']), "{text}");
    }
}
