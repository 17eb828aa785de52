//! Keeps a GPU busy: hands it chunks as fast as it takes them and passes on what it finds.

use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam::channel::{Receiver, Sender};

use super::Progress;
use super::worker::Work;
use crate::anchor::{Engine, EngineError, Hit};
use crate::chunk::Chunk;

/// What the feeders of a scan, one for each GPU, have in common.
pub(super) struct Feeding<'a> {
    /// How many of the GPUs still work.
    pub(super) working: AtomicUsize,
    pub(super) must_not_fall_back: bool,
    pub(super) progress: &'a Progress,
}

/// Feeds until the source ends. If the device fails, the workers search the chunks it held and,
/// if it was the last, all that follow; or, if that is not wanted, the scan is stopped. The error is
/// returned.
pub(super) fn run(
    mut engine: Box<dyn Engine>,
    chunks: &Receiver<Work>,
    work: &Sender<Work>,
    feeding: &Feeding<'_>,
) -> Option<EngineError> {
    let outcome = feed(engine.as_mut(), chunks, work);
    let error = outcome.err()?;
    if feeding.must_not_fall_back {
        feeding.progress.stop.store(true, Ordering::Relaxed);
    }
    for chunk in engine.abandon() {
        let _closed = work.send(Work::Search(chunk));
    }
    if feeding.working.fetch_sub(1, Ordering::AcqRel) == 1 {
        for item in chunks {
            let _closed = work.send(item);
        }
    }
    Some(error)
}

fn feed(
    engine: &mut dyn Engine,
    chunks: &Receiver<Work>,
    work: &Sender<Work>,
) -> Result<(), EngineError> {
    let mut in_flight = 0;
    for item in chunks {
        let chunk = match item {
            Work::Search(chunk) => chunk,
            other @ (Work::Confirm(..) | Work::Gather(_) | Work::Assembled(_)) => {
                let _closed = work.send(other);
                continue;
            }
        };
        if in_flight == engine.depth() {
            if let Err(error) = pass_on(engine, work) {
                // The device never had this one, so it would not be among those it gives back.
                let _closed = work.send(Work::Search(chunk));
                return Err(error);
            }
            in_flight -= 1;
        }
        engine.submit(chunk)?;
        in_flight += 1;
    }
    while pass_on(engine, work)? {}
    Ok(())
}

/// Passes on the oldest chunk; false when nothing is in flight.
fn pass_on(engine: &mut dyn Engine, work: &Sender<Work>) -> Result<bool, EngineError> {
    let mut hits: Vec<Hit> = Vec::new();
    let Some(chunk): Option<Chunk> = engine.collect(&mut hits)? else {
        return Ok(false);
    };
    let _closed = work.send(Work::Confirm(chunk, hits));
    Ok(true)
}
