//! The engines side by side, and the stages that the time of a scan goes to.
//!
//! `gb_s` is the engine alone, with as many chunks in flight as it takes; `of_read` relates it to
//! a plain read of the same bytes in the same run. The stages are those of one thread that does
//! everything: brings the bytes in, searches, confirms. Rows whose hit counts differ from the
//! reference engine's on the same bytes are refused.

use std::hint::black_box;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{MIB, Subject, rounded};
use crate::anchor::{Engine, EngineError, Hit, Parts};
use crate::chunk::Chunk;
use crate::cli::exit::Failure;
use crate::cli::scan::{CPU_CHUNK, GPU_CHUNK};
use crate::graph::grid::Grid;
use crate::scan::choice::{Candidate, every_engine};
use crate::unit::human_bytes;

/// Passes over the data; the fastest counts, because everything else that runs only slows.
const PASSES: usize = 3;
/// A pass that needs longer is not repeated: the oracle is slow, and keys with a password take seconds
/// to confirm.
const LONG: Duration = Duration::from_secs(2);
/// Bytes on which every engine must count what the reference engine counts.
const COUNTED: u64 = 128 << 10;

/// Stages are in microseconds for each MiB, and at most `at_once` of them happen at one time.
const COLUMNS: &[&str] = &[
    "engine",
    "gb_s",
    "of_read",
    "hits_mib",
    "source_us",
    "feed_us",
    "kernel_us",
    "read_back_us",
    "anchor_us",
    "confirm_us",
    "total_us",
    "at_once",
    "kernel_clock",
    "device",
];

pub(super) fn measure(subject: &Subject, adapter: Option<&str>) -> Result<(String, Grid), Failure> {
    let heading = format!(
        "{} of {}, {} anchors, best of {PASSES}, one thread or device each; \
         stages in microseconds per MiB.",
        human_bytes(subject.len()),
        subject.label,
        subject.confirmer.anchors().anchors().len()
    );
    let read = best_of(|| {
        read(&subject.data);
        Ok(())
    })?;
    let read_rate = subject.len() as f64 / read.as_secs_f64();
    let mut grid = Grid::of(COLUMNS);
    grid.rows.push(row(vec![
        ("engine", "read".into()),
        ("gb_s", rounded(read_rate / 1e9)),
        ("of_read", rounded(1.0)),
        ("source_us", rounded(micros(read, subject.len()))),
        ("device", "memory".into()),
    ]));
    let mut oracle = None;
    for candidate in every_engine(&subject.table, adapter, GPU_CHUNK) {
        let (name, measured) = (candidate.name, one(subject, candidate, &mut oracle));
        grid.rows.push(match measured {
            Ok(Measured {
                len,
                alone,
                hits,
                stages,
                device,
            }) => {
                let rate = len as f64 / alone.as_secs_f64();
                let mut cells = vec![
                    ("engine", name.into()),
                    ("gb_s", rounded(rate / 1e9)),
                    ("of_read", rounded(rate / read_rate)),
                    ("hits_mib", rounded(hits as f64 * MIB / len as f64)),
                    ("device", device.into()),
                ];
                cells.extend(stages.cells(len));
                row(cells)
            }
            Err(problem) => row(vec![("engine", name.into()), ("device", problem.into())]),
        });
    }
    Ok((heading, grid))
}

/// A row of these cells; the others stay empty.
fn row(cells: Vec<(&str, Value)>) -> Vec<Value> {
    let mut row = vec![Value::Null; COLUMNS.len()];
    for (name, value) in cells {
        if let Some(at) = COLUMNS.iter().position(|column| *column == name) {
            row[at] = value;
        }
    }
    row
}

struct Measured {
    len: u64,
    /// The engine alone.
    alone: Duration,
    hits: u64,
    stages: Stages,
    device: String,
}

/// Measures an engine, or says why it cannot be.
fn one(
    subject: &Subject,
    candidate: Candidate,
    oracle: &mut Option<u64>,
) -> Result<Measured, String> {
    let Candidate { name, most, engine } = candidate;
    let said = |error: EngineError| error.to_string();
    let mut engine = engine.map_err(said)?;
    let body = if name == "gpu" { GPU_CHUNK } else { CPU_CHUNK };
    let few: Vec<Chunk> = subject.chunks(COUNTED.min(subject.len()), body).collect();
    let count = search(engine.as_mut(), &few).map_err(said)?;
    let expected = *oracle.get_or_insert(count);
    if count != expected {
        return Err(format!(
            "refused: {count} hits, the reference engine finds {expected}"
        ));
    }
    let len = most.min(subject.len());
    let chunks: Vec<Chunk> = subject.chunks(len, body).collect();
    let mut hits = 0;
    let alone = best_of(|| {
        hits = search(engine.as_mut(), &chunks)?;
        Ok(())
    });
    let alone = alone.map_err(said)?;
    let mut stages = Stages::of(engine.as_mut(), subject, &chunks).map_err(said)?;
    for _ in 1..PASSES {
        if stages.total > LONG {
            break;
        }
        let these = Stages::of(engine.as_mut(), subject, &chunks).map_err(said)?;
        if these.total < stages.total {
            stages = these;
        }
    }
    Ok(Measured {
        len,
        alone,
        hits,
        stages,
        device: engine.device(),
    })
}

/// Searches all chunks, keeping as many in flight as the engine can, and counts the hits.
fn search(engine: &mut dyn Engine, chunks: &[Chunk]) -> Result<u64, EngineError> {
    let mut total = 0;
    pass(engine, chunks, |_| (), |_, hits| total += hits.len() as u64)?;
    Ok(total)
}

/// Passes chunks through an engine that is never left idle.
fn pass(
    engine: &mut dyn Engine,
    chunks: &[Chunk],
    mut bring: impl FnMut(&Chunk),
    mut take: impl FnMut(&Chunk, &[Hit]),
) -> Result<(), EngineError> {
    let mut hits = Vec::new();
    let mut waiting = 0;
    for chunk in chunks {
        if waiting == engine.depth() {
            if let Some(done) = engine.collect(&mut hits)? {
                take(&done, &hits);
            }
            waiting -= 1;
        }
        bring(chunk);
        engine.submit(chunk.clone())?;
        waiting += 1;
    }
    while let Some(done) = engine.collect(&mut hits)? {
        take(&done, &hits);
    }
    Ok(())
}

/// Where the time of one pass went.
struct Stages {
    source: Duration,
    /// Of an engine that works beside this thread.
    parts: Option<Parts>,
    /// Of one that does not.
    anchor: Duration,
    confirm: Duration,
    total: Duration,
}

impl Stages {
    fn of(
        engine: &mut dyn Engine,
        subject: &Subject,
        chunks: &[Chunk],
    ) -> Result<Self, EngineError> {
        let (mut source, mut confirm) = (Duration::ZERO, Duration::ZERO);
        let mut found = Vec::new();
        let before = engine.parts();
        let started = Instant::now();
        let bring = |chunk: &Chunk| {
            let now = Instant::now();
            read(&chunk.window[chunk.body.clone()]);
            source += now.elapsed();
        };
        pass(engine, chunks, bring, |chunk, hits| {
            let now = Instant::now();
            found.clear();
            subject.confirmer.confirm(chunk, hits, &mut found);
            confirm += now.elapsed();
        })?;
        let total = started.elapsed();
        let parts = engine.parts().zip(before).map(|(after, before)| Parts {
            feed: after.feed - before.feed,
            kernel: after.kernel - before.kernel,
            read_back: after.read_back - before.read_back,
            ..after
        });
        // What is left is the engine's, unless it has its own account.
        let anchor = match parts {
            Some(_) => Duration::ZERO,
            None => total - source - confirm,
        };
        Ok(Self {
            source,
            parts,
            anchor,
            confirm,
            total,
        })
    }

    fn cells(&self, len: u64) -> Vec<(&'static str, Value)> {
        let cell = |time: Duration| rounded(micros(time, len));
        let mut cells = vec![
            ("source_us", cell(self.source)),
            ("confirm_us", cell(self.confirm)),
            ("total_us", cell(self.total)),
        ];
        match self.parts {
            Some(parts) => {
                let clock = if parts.by_device { "device" } else { "host" };
                cells.extend([
                    ("feed_us", cell(parts.feed)),
                    ("kernel_us", cell(parts.kernel)),
                    ("read_back_us", cell(parts.read_back)),
                    ("at_once", 2.into()),
                    ("kernel_clock", clock.into()),
                ]);
            }
            None => cells.extend([("anchor_us", cell(self.anchor)), ("at_once", 1.into())]),
        }
        cells
    }
}

fn micros(time: Duration, len: u64) -> f64 {
    time.as_secs_f64() * 1e6 * MIB / len as f64
}

/// Looks at every byte.
fn read(bytes: &[u8]) {
    let words = bytes
        .chunks_exact(8)
        .map(|word| word.iter().fold(0, |sum, b| sum ^ b));
    black_box(words.fold(0, |sum, word| sum ^ word));
}

/// The time of the fastest pass.
fn best_of(mut pass: impl FnMut() -> Result<(), EngineError>) -> Result<Duration, EngineError> {
    let mut best = Duration::MAX;
    for _ in 0..PASSES {
        let started = Instant::now();
        pass()?;
        best = best.min(started.elapsed());
        if best > LONG {
            break;
        }
    }
    Ok(best.max(Duration::from_nanos(1)))
}
