//! Puts results back in order and makes the records.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crossbeam::channel::Receiver;

use super::{Plan, Progress, ScanError};
use crate::chunk::Origin;
use crate::chunk::cut::Cut;
use crate::confirm::overlap::Resolver;
use crate::confirm::pair::Pairer;
use crate::confirm::{Confirmed, Tally};
use crate::finding::label::labels_of;
use crate::finding::line::LineCounter;
use crate::finding::summary::Unreadable;
use crate::finding::{Finding, Occurrence, Secret, Verdict};
use crate::image::Map;
use crate::rule::{RuleSet, Severity};

/// One step of the scan, with its place in the order.
pub(super) struct Done {
    pub(super) sequence: u64,
    pub(super) step: Step,
}

impl Done {
    pub(super) fn problem(sequence: u64, what: String) -> Self {
        Self {
            sequence,
            step: Step::Problem(what),
        }
    }
}

/// What happened.
pub(super) enum Step {
    /// An input or file is open; `lines` is set where findings get line numbers.
    Opened { lines: Option<Arc<Map>> },
    /// A chunk was searched: its body's length and end, and what was in it.
    Searched {
        len: u64,
        end: u64,
        found: Vec<Confirmed>,
        tally: Tally,
    },
    /// Nothing more comes of this input. Asked when the last chunk has been searched, because
    /// only then are all faults known.
    Closed(Box<dyn FnOnce() -> Closed + Send>),
    /// Something could not be searched.
    Problem(String),
}

/// What is known of an input after its last byte.
#[derive(Default)]
pub(super) struct Closed {
    pub(super) holes: u64,
    pub(super) unreadable: Vec<Unreadable>,
    pub(super) changed: Option<String>,
    pub(super) warnings: Vec<String>,
}

/// What the summary needs.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) files: u64,
    pub(super) bytes_read: u64,
    pub(super) bytes_skipped: u64,
    pub(super) unreadable: Vec<Unreadable>,
    pub(super) changed: Vec<String>,
    pub(super) warnings: Vec<String>,
    pub(super) incomplete: bool,
    pub(super) chunks: u64,
    pub(super) tally: Tally,
    pub(super) findings: u64,
    pub(super) suppressed: BTreeMap<String, u64>,
}

/// The end of the pipeline.
pub(super) struct Sink<'a> {
    plan: &'a Plan,
    rules: Arc<RuleSet>,
    reach_before: u64,
    progress: &'a Progress,
    report: &'a mut dyn FnMut(Finding) -> io::Result<()>,
    now: jiff::Timestamp,
    resolver: Resolver,
    pairer: Pairer,
    lines: Option<LineCounter>,
    totals: Totals,
}

impl<'a> Sink<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        cut: Cut,
        progress: &'a Progress,
        report: &'a mut dyn FnMut(Finding) -> io::Result<()>,
    ) -> Self {
        Self {
            plan,
            rules: Arc::clone(plan.confirmer.rules()),
            reach_before: cut.before,
            progress,
            report,
            now: jiff::Timestamp::now(),
            resolver: Resolver::default(),
            pairer: Pairer::default(),
            lines: None,
            totals: Totals::default(),
        }
    }

    /// Takes steps until no thread can send another, each when its turn has come.
    pub(super) fn run(&mut self, done: &Receiver<Done>) -> Result<(), ScanError> {
        let mut next = 0;
        let mut early = BTreeMap::new();
        for Done { sequence, step } in done {
            early.insert(sequence, step);
            while let Some(step) = early.remove(&next) {
                next += 1;
                self.take(step)?;
            }
        }
        if !early.is_empty() && !self.progress.stopped() {
            self.take(Step::Problem(
                "some chunks were lost; please report this".to_owned(),
            ))?;
        }
        // A scan that was stopped leaves gaps; what lies behind them was still found.
        for step in early.into_values() {
            self.take(step)?;
        }
        let rest = self.resolver.finish(&self.rules);
        self.emit(rest)?;
        Ok(())
    }

    pub(super) fn into_totals(self) -> Totals {
        self.totals
    }

    fn take(&mut self, step: Step) -> Result<(), ScanError> {
        match step {
            Step::Opened { lines } => {
                self.totals.files += 1;
                self.lines = lines.map(LineCounter::new);
            }
            Step::Searched {
                len,
                end,
                found,
                tally,
            } => {
                self.totals.chunks += 1;
                self.totals.bytes_read += len;
                self.totals.tally.add(tally);
                self.progress.done.fetch_add(len, Ordering::Relaxed);
                let frontier = end.saturating_sub(self.reach_before);
                let settled = self.resolver.push(found, frontier, &self.rules);
                self.emit(settled)?;
            }
            Step::Closed(closed) => {
                let closed = closed();
                let rest = self.resolver.finish(&self.rules);
                self.emit(rest)?;
                self.totals.bytes_skipped += closed.holes;
                self.totals.incomplete |= !closed.warnings.is_empty();
                self.totals.unreadable.extend(closed.unreadable);
                self.totals.changed.extend(closed.changed);
                self.totals.warnings.extend(closed.warnings);
                self.lines = None;
            }
            Step::Problem(what) => {
                self.totals.incomplete = true;
                self.totals.warnings.push(what);
            }
        }
        Ok(())
    }

    fn emit(&mut self, settled: Vec<Confirmed>) -> Result<(), ScanError> {
        for mut confirmed in settled {
            let fingerprint = self.fingerprint(&confirmed);
            if let Some(reason) = confirmed.suppressed {
                *self.totals.suppressed.entry(reason.to_owned()).or_default() += 1;
                if !self.plan.include_suppressed {
                    continue;
                }
            } else {
                self.totals.findings += 1;
                self.progress.findings.fetch_add(1, Ordering::Relaxed);
                let Confirmed { proof, secret, .. } = &mut confirmed;
                self.pairer.take(proof, secret, &fingerprint);
            }
            let finding = self.record(confirmed, fingerprint);
            (self.report)(finding)?;
        }
        Ok(())
    }

    fn fingerprint(&self, confirmed: &Confirmed) -> String {
        let Confirmed { proof, secret, .. } = confirmed;
        let secret_type = self.rules.type_of(&self.rules.variants[confirmed.variant]);
        let canonical = proof.canonical.as_deref().unwrap_or(secret);
        self.plan.key.fingerprint(&secret_type.id, canonical)
    }

    fn record(&mut self, confirmed: Confirmed, fingerprint: String) -> Finding {
        let Confirmed {
            variant,
            origin,
            span,
            secret,
            encodings,
            base64,
            proof,
            suppressed,
        } = confirmed;
        let variant = &self.rules.variants[variant];
        let secret_type = self.rules.type_of(variant);
        let expired = proof.expires.map(|expires| expires < self.now);
        let severity = proof.severity.unwrap_or(secret_type.severity);
        // What no longer opens anything is worth knowing, not worth waking anyone.
        let severity = if expired == Some(true) {
            severity.min(proof.expired_severity.unwrap_or(Severity::Low))
        } else {
            severity
        };
        let (line, column) = match &mut self.lines {
            Some(lines) => {
                let (line, column) = lines.locate(span.start);
                (Some(line), Some(column))
            }
            None => (None, None),
        };
        let Origin { input, path } = &*origin;
        Finding {
            schema: Finding::SCHEMA.to_owned(),
            secret_type: secret_type.id.clone(),
            variant: variant.name.clone(),
            severity,
            verdict: proof.verdict.unwrap_or(Verdict::Pattern),
            fingerprint,
            secret: Secret::new(&secret, proof.label.as_deref(), self.plan.reveal),
            occurrence: Occurrence {
                input: input.clone(),
                offset: span.start,
                length: span.end - span.start,
                forensic_path: match base64 {
                    Some((at, inner)) => format!("{at}-BASE64-{inner}"),
                    None => span.start.to_string(),
                },
                encoding: encodings.into_iter().map(str::to_owned).collect(),
                partition: None,
                filesystem: None,
                path: path.clone(),
                file_offset: path.as_ref().map(|_| span.start),
                inode: None,
                state: None,
                modified: None,
                line,
                column,
                pointer: None,
                labels: path.as_deref().map(labels_of).unwrap_or_default(),
            },
            target: proof.target,
            identity: proof.identity,
            expires: proof.expires.map(|expires| expires.to_string()),
            expired,
            details: proof.details,
            suppressed: suppressed.map(str::to_owned),
        }
    }
}
