//! The table a person reads while the scan runs.

use std::io::{self, Write};

use super::Report;
use super::terminal::visible;
use crate::finding::Finding;
use crate::finding::summary::Summary;
use crate::rule::Severity;
use crate::unit::human_bytes;

/// Unreadable ranges and warnings listed one by one; more are counted.
const LISTED: usize = 10;

pub(super) struct Table<'w> {
    writer: Box<dyn Write + 'w>,
    type_width: usize,
    colour: bool,
    heading: bool,
}

impl<'w> Table<'w> {
    pub(super) fn new(writer: Box<dyn Write + 'w>, types: &[&str], colour: bool) -> Self {
        let type_width = types.iter().map(|id| id.len()).max().unwrap_or(0).max(4);
        Self {
            writer,
            type_width,
            colour,
            heading: false,
        }
    }

    fn severity(&self, severity: Severity) -> String {
        let padded = format!("{:<8}", severity.name());
        if !self.colour {
            return padded;
        }
        let paint = match severity {
            Severity::Critical => "1;31",
            Severity::High => "31",
            Severity::Medium => "33",
            Severity::Low => "36",
            Severity::Info => "2",
        };
        format!("\x1b[{paint}m{padded}\x1b[0m")
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

impl Report for Table<'_> {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        let width = self.type_width;
        if !self.heading {
            self.heading = true;
            writeln!(
                self.writer,
                "{:<8} {:<9} {:<width$} {:<13} WHERE -> OPENS",
                "SEVERITY", "VERDICT", "TYPE", "SECRET"
            )?;
        }
        let place = &finding.occurrence;
        let mut tail = match (&place.path, place.line, place.column) {
            (Some(path), Some(line), Some(column)) => format!("{path}:{line}:{column}"),
            (Some(path), _, _) => format!("{path} at {:#x}", place.offset),
            (None, _, _) => format!("{} at {:#x}", place.input, place.offset),
        };
        if let Some(pointer) = &place.pointer {
            tail.push_str(&format!(" #{pointer}"));
        }
        if let Some(deployment) = &place.deployment {
            tail.push_str(&format!(" of {deployment}"));
        }
        if let Some(state) = place.state.as_deref().filter(|state| *state != "allocated") {
            tail.push_str(&format!(" [{state}]"));
        }
        if place.forensic_path != place.offset.to_string() {
            tail.push_str(&format!(" ({})", place.forensic_path));
        }
        if let Some(target) = &finding.target {
            let endpoint = target.endpoint.as_deref().unwrap_or(&target.name);
            tail.push_str(&format!(" -> {} {endpoint}", target.kind));
        }
        if finding.expired == Some(true) {
            tail.push_str(" (expired)");
        }
        for label in &place.labels {
            tail.push_str(&format!(" [{label}]"));
        }
        if let Some(reason) = &finding.suppressed {
            tail.push_str(&format!(" [suppressed: {reason}]"));
        }
        writeln!(
            self.writer,
            "{} {:<9} {:<width$} {:<13} {}",
            self.severity(finding.severity),
            finding.verdict.name(),
            finding.secret_type,
            finding.secret.preview,
            visible(&tail),
        )?;
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
        if !summary.complete {
            writeln!(self.writer, "The scan is INCOMPLETE.")?;
        }
        self.writer.flush()
    }
}
