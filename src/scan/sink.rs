//! Puts results back in order and makes the records.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam::channel::Receiver;

use super::carve::{Carved, Cover};
use super::owners::Owners;
use super::restored::{Restored, Second};
use super::second::Looked;
use super::{Plan, Progress, ScanError};
use crate::chunk::Origin;
use crate::chunk::cut::Cut;
use crate::confirm::overlap::Resolver;
use crate::confirm::pair::Pairer;
use crate::confirm::{Confirmed, Tally};
use crate::deployment::{Documents, Place};
use crate::finding::deployment::Deployment;
use crate::finding::label::labels_of;
use crate::finding::line::LineCounter;
use crate::finding::summary::Unreadable;
use crate::finding::{Finding, Occurrence, Piece, Secret, Verdict};
use crate::image::Map;
use crate::rule::{RuleSet, Severity};
use crate::volume::Volumes;

/// Most pieces that a record lists: a stream in a file that is nothing but fragments has thousands.
const MOST_PIECES: usize = 1000;

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
    /// An input or file is open.
    Opened(Opened),
    /// A chunk was searched: its body's length and end, and what was in it.
    Searched {
        len: u64,
        end: u64,
        found: Vec<Confirmed>,
        tally: Tally,
        carved: Carved,
    },
    /// Pieces of files were searched, in which this was.
    Assembled {
        found: Vec<Confirmed>,
        tally: Tally,
        carved: Carved,
    },
    /// All such pieces of an input were searched; how many they were, and since when.
    Swept(Looked, Instant),
    /// Nothing more comes of this input. Asked when the last chunk has been searched, because
    /// only then are all faults known.
    Closed(Box<dyn FnOnce() -> Closed + Send>),
    /// Something could not be searched.
    Problem(String),
}

/// What findings in an input can be told besides their offset.
#[derive(Default)]
pub(super) struct Opened {
    /// Set where findings get line numbers.
    pub(super) lines: Option<Arc<Map>>,
    /// Set where documents tell in which of their values they lie.
    pub(super) documents: Option<Documents>,
    /// The deployments in those.
    pub(super) deployments: Vec<Deployment>,
    /// Set where file systems tell whose bytes they are.
    pub(super) volumes: Option<Arc<Volumes>>,
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
    pub(super) carved: Carved,
    pub(super) looked: Looked,
    pub(super) second_pass: Duration,
    pub(super) findings: u64,
    pub(super) suppressed: BTreeMap<String, u64>,
    pub(super) deployments: Vec<Deployment>,
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
    documents: Option<Documents>,
    owners: Option<Owners>,
    /// The compressed streams that may hold those that come next.
    covers: Vec<Cover>,
    /// What the second pass found in the image.
    second: Second,
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
            documents: None,
            owners: None,
            covers: Vec::new(),
            second: Second::default(),
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
        self.finish()?;
        if let Some(mut owners) = self.owners.take() {
            let found = owners.settle();
            self.totals.findings -= owners.repeated;
            self.report(found)?;
        }
        Ok(())
    }

    pub(super) fn into_totals(self) -> Totals {
        self.totals
    }

    fn take(&mut self, step: Step) -> Result<(), ScanError> {
        match step {
            Step::Opened(opened) => {
                let Opened {
                    lines,
                    documents,
                    deployments,
                    volumes,
                } = opened;
                self.totals.files += 1;
                self.totals.deployments.extend(deployments);
                self.lines = lines.map(LineCounter::new);
                self.documents = documents;
                self.owners = volumes.map(Owners::new);
            }
            Step::Searched {
                len,
                end,
                mut found,
                tally,
                mut carved,
            } => {
                self.totals.chunks += 1;
                self.totals.bytes_read += len;
                self.totals.tally.add(tally);
                self.cover(std::mem::take(&mut carved.covers), end.saturating_sub(len));
                found.retain(|confirmed| {
                    confirmed.origin.inside.is_none() || !self.is_covered(confirmed.stored().start)
                });
                self.totals.carved.add(carved);
                self.progress.done.fetch_add(len, Ordering::Relaxed);
                let frontier = end.saturating_sub(self.reach_before);
                let settled = self.resolver.push(found, frontier, &self.rules);
                self.emit(settled)?;
            }
            Step::Assembled {
                found,
                tally,
                carved,
            } => {
                self.totals.tally.add(tally);
                self.totals.carved.add(carved);
                self.second.take(found);
            }
            Step::Swept(looked, started) => {
                self.totals.looked.add(looked);
                let limits = [("value-length", looked.left), ("joins", looked.unjoined)];
                for (limit, count) in limits.into_iter().filter(|(_, count)| *count > 0) {
                    *self.totals.carved.limits.entry(limit).or_default() += count;
                }
                self.totals.second_pass += started.elapsed();
                self.second.settle(&self.rules, &self.plan.range);
            }
            Step::Closed(closed) => {
                let closed = closed();
                self.finish()?;
                if let Some(mut owners) = self.owners.take() {
                    let found = owners.settle();
                    self.totals.findings -= owners.repeated;
                    self.report(found)?;
                    self.totals.incomplete |= !owners.missing().is_empty();
                    self.totals.warnings.extend_from_slice(owners.missing());
                    self.totals.warnings.extend(owners.warnings());
                }
                self.totals.bytes_skipped += closed.holes;
                self.totals.incomplete |= !closed.warnings.is_empty();
                self.totals.unreadable.extend(closed.unreadable);
                self.totals.changed.extend(closed.changed);
                self.totals.warnings.extend(closed.warnings);
                self.lines = None;
                if let Some(documents) = self.documents.take() {
                    self.totals.warnings.extend_from_slice(documents.warnings());
                }
                self.covers.clear();
            }
            Step::Problem(what) => {
                self.totals.incomplete = true;
                self.totals.warnings.push(what);
            }
        }
        Ok(())
    }

    /// Takes the streams of a chunk that cover others, but for those that are covered themselves.
    /// What ends before `start` covers nothing that comes now.
    fn cover(&mut self, covers: Vec<Cover>, start: u64) {
        self.covers.retain(|cover| cover.content.end > start);
        for cover in covers {
            if !self.is_covered(cover.start) {
                self.covers.push(cover);
            }
        }
    }

    fn is_covered(&self, at: u64) -> bool {
        self.covers.iter().any(|cover| cover.content.contains(&at))
    }

    /// Takes what is left of an input.
    fn finish(&mut self) -> Result<(), ScanError> {
        let rest = self.resolver.finish(&self.rules);
        self.emit(rest)?;
        // Nothing unless the second pass was cut short.
        self.second.settle_rest(&self.rules, &self.plan.range);
        self.emit_restored(u64::MAX)?;
        self.second = Second::default();
        Ok(())
    }

    /// Findings of the pass over the disk, in its order; those of the second pass take their turn.
    fn emit(&mut self, settled: Vec<Confirmed>) -> Result<(), ScanError> {
        for confirmed in settled {
            self.emit_restored(confirmed.stored().start)?;
            if !self.second.has(&confirmed, &self.rules) {
                self.emit_one(confirmed, None)?;
            }
        }
        Ok(())
    }

    fn emit_restored(&mut self, position: u64) -> Result<(), ScanError> {
        while let Some(restored) = self.second.next_before(position) {
            let confirmed = restored.confirmed.clone();
            self.emit_one(confirmed, Some(&restored))?;
        }
        Ok(())
    }

    fn emit_one(
        &mut self,
        mut confirmed: Confirmed,
        restored: Option<&Restored>,
    ) -> Result<(), ScanError> {
        let fingerprint = self.fingerprint(&confirmed);
        if let Some(reason) = confirmed.suppressed {
            *self.totals.suppressed.entry(reason.to_owned()).or_default() += 1;
            if !self.plan.include_suppressed {
                return Ok(());
            }
        } else {
            self.totals.findings += 1;
            self.progress.findings.fetch_add(1, Ordering::Relaxed);
            let Confirmed { proof, secret, .. } = &mut confirmed;
            self.pairer.take(proof, secret, &fingerprint);
        }
        let decoded = confirmed.decoded();
        let mut finding = self.record(confirmed, fingerprint);
        let place = &mut finding.occurrence;
        if let Some(restored) = restored {
            lead_back(place, restored);
        }
        if let Some(lines) = self.lines.as_mut().filter(|_| decoded.is_none()) {
            let (line, column) = lines.locate(place.offset);
            (place.line, place.column) = (Some(line), Some(column));
        }
        if let Some(documents) = &mut self.documents {
            point(place, documents.place(place.offset));
        }
        match &mut self.owners {
            Some(owners) => {
                let found = owners.push(finding, restored, decoded);
                self.report(found)
            }
            None => self.report(vec![finding]),
        }
    }

    fn report(&mut self, findings: Vec<Finding>) -> Result<(), ScanError> {
        for finding in findings {
            (self.report)(finding)?;
        }
        Ok(())
    }

    fn fingerprint(&self, confirmed: &Confirmed) -> String {
        let secret_type = self.rules.type_of(&self.rules.variants[confirmed.variant]);
        self.plan
            .key
            .fingerprint(&secret_type.id, confirmed.canonical())
    }

    fn record(&self, confirmed: Confirmed, fingerprint: String) -> Finding {
        let stored = confirmed.stored();
        let places = confirmed.places();
        let Confirmed {
            variant,
            origin,
            span,
            secret,
            encodings,
            base64,
            proof,
            suppressed,
            around,
            ..
        } = confirmed;
        let variant = &self.rules.variants[variant];
        let secret_type = self.rules.type_of(variant);
        let expired = proof.expires.map(|expires| expires < self.now);
        let severity = proof.severity.unwrap_or(secret_type.severity);
        let Origin {
            input,
            path,
            inside,
        } = &*origin;
        let layers = inside.as_ref().map_or(&[][..], |inside| &inside.layers);
        // What no longer opens anything is worth knowing, not worth waking anyone.
        let severity = if expired == Some(true) {
            severity.min(proof.expired_severity.unwrap_or(Severity::Low))
        } else {
            severity
        };
        let mut forensic_path = String::new();
        for (at, codec) in layers {
            forensic_path.push_str(&format!("{at}-{}-", codec.name().to_ascii_uppercase()));
        }
        forensic_path.push_str(&match base64 {
            Some((at, inner)) => format!("{at}-BASE64-{inner}"),
            None => span.start.to_string(),
        });
        let codecs = layers.iter().map(|(_, codec)| codec.name());
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
                offset: stored.start,
                length: stored.end - stored.start,
                forensic_path,
                pieces: pieces(&places),
                encoding: codecs.chain(encodings).map(str::to_owned).collect(),
                partition: None,
                filesystem: None,
                path: path.clone(),
                file_offset: path.as_ref().map(|_| stored.start),
                inode: None,
                state: None,
                owner: None,
                mode: None,
                modified: None,
                also: Vec::new(),
                line: None,
                column: None,
                pointer: None,
                deployment: None,
                deployment_kind: None,
                resource: None,
                role: None,
                surroundings: Some(around.record(&span)),
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

/// Writes in which value of a deployment it lies.
fn point(place: &mut Occurrence, of: Place) {
    place.pointer = of.pointer;
    place.deployment = of.deployment;
    place.deployment_kind = of.kind.map(str::to_owned);
    place.resource = of.resource;
    place.role = of.role.map(str::to_owned);
}

/// Writes where on the disk it lies into what counts in bytes of a file.
fn lead_back(place: &mut Occurrence, restored: &Restored) {
    place.offset = restored.offset;
    // A file of deployments has no volumes that tell where in it something lies: it is the file.
    place.file_offset = place.file_offset.map(|_| restored.offset);
    let lengths = restored.places.iter().map(|range| range.end - range.start);
    place.length = lengths.sum();
    place.forensic_path.clone_from(&restored.forensic_path);
    if let Some(codec) = restored.assembly.codec {
        place.encoding.insert(0, codec.to_owned());
    }
}

/// The pieces of the disk that give a secret, where they are more than one.
fn pieces(places: &[Range<u64>]) -> Vec<Piece> {
    let pieces = places.iter().map(|range| Piece {
        offset: range.start,
        length: range.end - range.start,
    });
    match places.len() {
        0 | 1 => Vec::new(),
        _ => pieces.take(MOST_PIECES).collect(),
    }
}
