//! The pipeline: the one module that names all stages, and the only one with threads.
//!
//! ```text
//!            chunks             hits                found              findings
//!  source ----------> engine ----------> workers ----------> sink ------------------> caller
//!  (1 thread)     (1 thread a GPU)       (N threads)      (calling thread)
//! ```
//!
//! - The **source** opens the inputs one after the other and cuts them into chunks. Queues are
//!   bounded, so it never runs ahead of the workers by more than a few chunks.
//! - Without a GPU the **workers** search a chunk and confirm its hits while its bytes are still
//!   in the cache. With GPUs, a feeder thread keeps each of them busy and the workers confirm;
//!   those that have nothing to confirm may take chunks from the same queue. A chunk that a device
//!   could not finish goes to the workers whole, so nothing is lost.
//! - The **sink** puts results back into the order of the chunks, keeps the best of overlapping
//!   findings and makes the records. What leaves it is the same, in the same order, for every
//!   engine, thread count and chunk size.
//!
//! A panic in any thread ends the process (see `main`): half a scan must not look like a whole one.

mod carve;
pub mod choice;
mod feeder;
mod following;
pub mod input;
mod owners;
mod restored;
mod second;
mod sink;
mod source;
mod worker;

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use crossbeam::channel;

use crate::anchor::EngineError;
use crate::anchor::encode::{LONGEST_STRETCH, SIGHT};
use crate::anchor::table::Table;
use crate::chunk::cut::Cut;
use crate::confirm::Confirmer;
use crate::confirm::around::AROUND;
use crate::finding::Finding;
use crate::finding::deployment::Deployment;
use crate::finding::fingerprint::Key;
use crate::finding::summary::{Rules, SecondPass, Span, Summary};
use crate::rule::load::AUTHORIZED_KEY;
use crate::rule::{AnchorSpec, RuleSet};
use choice::Engines;
use input::Input;

/// What to do: everything that does not change while a scan runs.
pub struct Plan {
    /// What to search, in this order.
    pub inputs: Vec<Input>,
    /// What to look for.
    pub confirmer: Confirmer,
    /// The anchors of the same rules, compiled.
    pub table: Arc<Table>,
    /// Number of anchors, for the summary.
    pub anchors: usize,
    /// Worker threads.
    pub threads: usize,
    /// Body length of a chunk, in bytes.
    pub chunk: u64,
    /// Which positions of each input to search: anchors outside are not looked for.
    pub range: Range<u64>,
    /// Key of the fingerprints.
    pub key: Key,
    /// Whether records carry the plaintext.
    pub reveal: bool,
    /// Whether suppressed findings are reported, marked.
    pub include_suppressed: bool,
    /// How many compressed streams inside each other are opened; 0 for none. The anchors must hold
    /// the magic numbers then.
    pub max_depth: usize,
    /// Whether the files are cloud deployments.
    pub deployments: Deployments,
}

/// Whether files are cloud deployments: what is found in them is then told by deployment, resource
/// and JSON pointer, and what their documents hide from a search is decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deployments {
    /// They are files like others.
    #[default]
    No,
    /// They are.
    Found,
    /// They are, and those without findings are asked for too: every document is read.
    All,
}

/// Counters of a running scan, to be watched from another thread.
#[derive(Default)]
pub struct Progress {
    /// Bytes to search, as far as known; 0 while unknown.
    pub total: AtomicU64,
    /// Bytes searched or skipped.
    pub done: AtomicU64,
    /// Findings reported.
    pub findings: AtomicU64,
    /// Set from outside to end the scan early: what was found is kept, the summary says so.
    pub stop: AtomicBool,
}

impl Progress {
    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// What a scan ends with.
#[derive(Debug)]
pub struct Outcome {
    /// What was read and found.
    pub summary: Summary,
    /// The deployments that were seen, whether anything was found in them or not.
    pub deployments: Vec<Deployment>,
    /// The failure of an engine that was asked for by name: the scan ended early, because falling
    /// back to another was not wanted.
    pub engine_error: Option<EngineError>,
}

/// Why a scan ended without a summary.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// The caller could not take a finding.
    #[error("cannot write findings: {0}")]
    Output(#[from] io::Error),
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
}

/// How bytes are cut into chunks whose margins let every rule see as far as it may.
#[must_use]
pub fn cut(rules: &RuleSet, table: &Table, body: u64) -> Cut {
    let reach = rules.widest_reach();
    Cut {
        body,
        // A hit may lie behind the first bytes of its literal; and one byte before a run tells
        // where it begins.
        before: ((u64::from(reach.before) + AnchorSpec::LONGEST as u64)
            * u64::from(LONGEST_STRETCH))
        .max(SIGHT as u64)
            + AROUND as u64,
        after: u64::from(reach.after.saturating_mul(LONGEST_STRETCH)).max(table.longest as u64)
            + AROUND as u64,
    }
}

/// Runs a scan and hands every finding to `report`, in order, as soon as it is final.
///
/// # Errors
/// When `report` fails or a thread cannot be started. Unreadable bytes and files are not errors:
/// the summary lists them.
pub fn run(
    plan: &Plan,
    engines: Engines,
    progress: &Progress,
    report: &mut dyn FnMut(Finding) -> io::Result<()>,
) -> Result<Outcome, ScanError> {
    let started = Instant::now();
    let cut = cut(plan.confirmer.rules(), &plan.table, plan.chunk);
    let threads = plan.threads.max(1);
    let types = plan.confirmer.rules().types.iter();
    let (lines, secrets): (Vec<_>, Vec<_>) = types.partition(|one| one.id == AUTHORIZED_KEY);
    let rules = Rules {
        hash: plan.confirmer.rules().hash.clone(),
        types: secrets.len(),
        anchors: plan.anchors,
        key_lines: !lines.is_empty(),
    };
    let (engine, adapter) = (engines.name().to_owned(), engines.device());
    let must_not_fall_back = engines.must_not_fall_back();
    // Twice the threads: one chunk in work and one waiting for each.
    let (work_in, work_out) = channel::bounded(threads * 2);
    let (done_in, done_out) = channel::bounded(threads * 8);
    let mut sink = sink::Sink::new(plan, cut, progress, report);
    let spent = Arc::new(carve::Spent::default());
    let engine_error = thread::scope(|scope| -> Result<Option<EngineError>, ScanError> {
        let spawn = |name: &str| thread::Builder::new().name(name.to_owned());
        let is_shared = engines.is_shared();
        let for_workers: Vec<_> = (0..threads)
            .map(|_| {
                let carver = carve::Carver::new(plan.max_depth, cut, Arc::clone(&spent), progress);
                worker::Worker::new(plan.confirmer.clone(), &engines, carver)
            })
            .collect();
        let gpus = engines.into_gpus();
        let feeding = Arc::new(feeder::Feeding {
            working: AtomicUsize::new(gpus.len()),
            must_not_fall_back,
            progress,
        });
        let (mut feeders, mut idle, mut to_engine) = (Vec::new(), None, work_in.clone());
        if !gpus.is_empty() {
            let (gpu_in, gpu_out) = channel::bounded(gpus.len());
            to_engine = gpu_in;
            idle = is_shared.then(|| gpu_out.clone());
            for gpu in gpus {
                let (chunks, work) = (gpu_out.clone(), work_in.clone());
                let feeding = Arc::clone(&feeding);
                let handle = spawn("gpu feeder")
                    .spawn_scoped(scope, move || feeder::run(gpu, &chunks, &work, &feeding))
                    .map_err(ScanError::Thread)?;
                feeders.push(handle);
            }
        }
        drop(work_in);
        for worker in for_workers {
            let (work, idle, done) = (work_out.clone(), idle.clone(), done_in.clone());
            spawn("worker")
                .spawn_scoped(scope, move || worker.run(&work, idle, &done))
                .map_err(ScanError::Thread)?;
        }
        drop(idle);
        let source = source::Source::new(cut, plan.range.clone(), plan.deployments, progress);
        let inputs = plan.inputs.as_slice();
        spawn("source")
            .spawn_scoped(scope, move || source.run(inputs, &to_engine, &done_in))
            .map_err(ScanError::Thread)?;
        drop(work_out);
        let outcome = sink.run(&done_out);
        if outcome.is_err() {
            progress.stop.store(true, Ordering::Relaxed);
            // Let the others run dry; they notice the flag at the next chunk.
            for _ in done_out {}
        }
        outcome?;
        let errors = feeders.into_iter().filter_map(|feeder| feeder.join().ok()?);
        // Every one is joined; the first failure stands for all.
        Ok(errors.collect::<Vec<_>>().into_iter().next())
    })?;
    let stopped = progress.stopped();
    let totals = sink.into_totals();
    let deployments = totals.deployments;
    let summary = Summary {
        schema: Summary::SCHEMA.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        complete: !stopped && totals.unreadable.is_empty() && !totals.incomplete,
        range: (plan.range != (0..u64::MAX)).then_some(Span {
            start: plan.range.start,
            end: plan.range.end,
        }),
        inputs: plan.inputs.iter().map(Input::name).collect(),
        files: totals.files,
        bytes_read: totals.bytes_read,
        bytes_skipped: totals.bytes_skipped,
        bytes_unreadable: totals
            .unreadable
            .iter()
            .map(|range| range.end - range.start)
            .sum(),
        unreadable: totals.unreadable,
        changed: totals.changed,
        warnings: totals.warnings,
        chunks: totals.chunks,
        hits: totals.tally.hits,
        candidates: totals.tally.candidates,
        rejected: totals.tally.rejected,
        findings: totals.findings,
        suppressed: totals.suppressed,
        streams: totals.carved.streams,
        bytes_decoded: totals.carved.bytes,
        second_pass: SecondPass {
            seams: totals.looked.seams,
            encoded: totals.looked.encoded,
            bytes: totals.looked.bytes,
            seconds: totals.second_pass.as_secs_f64(),
        },
        limits: totals
            .carved
            .limits
            .into_iter()
            .map(|(limit, count)| (limit.to_owned(), count))
            .collect(),
        engine,
        adapter,
        threads,
        rules,
        seconds: started.elapsed().as_secs_f64(),
    };
    Ok(Outcome {
        summary,
        deployments,
        engine_error: engine_error.filter(|_| must_not_fall_back),
    })
}
