//! `keydredge bench`: the engines side by side on this machine.
//!
//! Speeds depend on the machine and the moment, so they are only comparable within one run; the
//! last column relates each to a plain read of the same bytes in that run. Rows whose hit counts
//! differ from the reference engine's on the same bytes are refused.

use std::hint::black_box;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use super::args::BenchArgs;
use super::exit::{Ended, Failure};
use super::scan::{CPU_CHUNK, GPU_CHUNK, load_rules};
use crate::anchor::table::Table;
use crate::anchor::{AnchorSet, Engine, EngineError};
use crate::chunk::cut::Cut;
use crate::chunk::{Bytes, Chunk, Origin};
use crate::image::Image;
use crate::scan::choice::{Candidate, every_engine};
use crate::specimen::disk;
use crate::unit::human_bytes;

/// Passes over the data; the fastest counts, because everything else that runs only slows.
const PASSES: usize = 3;
/// Bytes on which every engine must count what the reference engine counts.
const COUNTED: u64 = 128 << 10;

pub(super) fn run(args: &BenchArgs) -> Result<Ended, Failure> {
    let rules = load_rules(&[])?;
    let anchors = AnchorSet::of_rules(&rules);
    let table = Arc::new(Table::compile(&anchors));
    let (data, label) = data(args)?;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{} of {label}, {} anchors, best of {PASSES}, one thread or device each.",
        human_bytes(data.len() as u64),
        anchors.anchors().len()
    )?;
    let read = best_of(|| {
        let words = data
            .chunks_exact(8)
            .map(|word| word.iter().fold(0, |sum, b| sum ^ b));
        black_box(words.fold(0, |sum, word| sum ^ word));
        Ok(())
    })?;
    let read_rate = data.len() as f64 / read;
    writeln!(
        out,
        "\n{:<10} {:>9} {:>7} {:>12}  DEVICE",
        "ENGINE", "GB/s", "OF READ", "HITS/MiB"
    )?;
    writeln!(
        out,
        "{:<10} {:>9.2} {:>7} {:>12}  memory",
        "read",
        read_rate / 1e9,
        "1.00",
        ""
    )?;
    let counted = COUNTED.min(data.len() as u64);
    let mut oracle = None;
    for candidate in every_engine(&table, args.adapter.as_deref(), GPU_CHUNK) {
        let Candidate { name, most, engine } = candidate;
        let mut engine = match engine {
            Ok(engine) => engine,
            Err(error) => {
                writeln!(out, "{name:<10} {error}")?;
                continue;
            }
        };
        let chunk = if name == "gpu" { GPU_CHUNK } else { CPU_CHUNK };
        let margin = table.longest as u64;
        let few = pieces(&data, counted, chunk, margin);
        let count = search(engine.as_mut(), &few)?;
        let expected = *oracle.get_or_insert(count);
        if count != expected {
            writeln!(
                out,
                "{name:<10} refused: {count} hits, the reference engine finds {expected}"
            )?;
            continue;
        }
        let len = most.min(data.len() as u64);
        let chunks = pieces(&data, len, chunk, margin);
        let mut hits = 0;
        let seconds = best_of(|| {
            hits = search(engine.as_mut(), &chunks)?;
            Ok(())
        })?;
        let rate = len as f64 / seconds;
        writeln!(
            out,
            "{name:<10} {:>9.3} {:>7.3} {:>12.1}  {}",
            rate / 1e9,
            rate / read_rate,
            hits as f64 / (len as f64 / f64::from(1 << 20)),
            engine.device(),
        )?;
        out.flush()?;
    }
    Ok(Ended::Complete)
}

/// The image's first bytes, or the demo disk.
fn data(args: &BenchArgs) -> Result<(Bytes, String), Failure> {
    let limit = usize::try_from(args.bytes).unwrap_or(usize::MAX);
    if let Some(path) = &args.image {
        let image = Image::open_plain(path).map_err(|error| Failure::usage(error.to_string()))?;
        let bytes = Bytes::mapped(Arc::clone(image.map()), 0..limit);
        if bytes.is_empty() {
            return Err(Failure::usage(format!(
                "{} is empty: nothing to measure",
                path.display()
            )));
        }
        return Ok((bytes, path.display().to_string()));
    }
    let (mut disk, _) =
        disk::build("bench", disk::DEMO_LEN).map_err(|error| Failure::usage(error.to_string()))?;
    disk.truncate(limit.max(1 << 20));
    Ok((Bytes::read(disk.into()), "the demo disk".to_owned()))
}

fn pieces(data: &Bytes, len: u64, chunk: u64, margin: u64) -> Vec<Chunk> {
    let origin = Arc::new(Origin {
        input: "bench".to_owned(),
        path: None,
        inside: None,
    });
    let cut = Cut {
        body: chunk,
        before: 1,
        after: margin,
    };
    let all = data.len() as u64;
    cut.pieces(0..all, 0..len)
        .map(|piece| piece.of(&origin, data, 0))
        .collect()
}

/// Searches all chunks, keeping as many in flight as the engine can, and counts the hits.
fn search(engine: &mut dyn Engine, chunks: &[Chunk]) -> Result<u64, EngineError> {
    let mut hits = Vec::new();
    let (mut total, mut in_flight) = (0, 0);
    for chunk in chunks {
        if in_flight == engine.depth() {
            engine.collect(&mut hits)?;
            total += hits.len() as u64;
            in_flight -= 1;
        }
        engine.submit(chunk.clone())?;
        in_flight += 1;
    }
    while engine.collect(&mut hits)?.is_some() {
        total += hits.len() as u64;
    }
    Ok(total)
}

/// Seconds of the fastest pass.
fn best_of(mut pass: impl FnMut() -> Result<(), EngineError>) -> Result<f64, Failure> {
    let mut best = f64::INFINITY;
    for _ in 0..PASSES {
        let started = Instant::now();
        pass()?;
        best = best.min(started.elapsed().as_secs_f64());
    }
    Ok(best.max(1e-9))
}
