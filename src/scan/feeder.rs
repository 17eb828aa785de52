//! Keeps a GPU busy: hands it chunks as fast as it takes them and passes on what it finds.

use crossbeam::channel::{Receiver, Sender};

use super::Progress;
use super::worker::Work;
use crate::anchor::{Engine, EngineError, Hit};
use crate::chunk::Chunk;

/// Feeds until the source ends. If the device fails, the chunks it held and all that follow are
/// searched by the workers, or, if that is not wanted, the scan is stopped and the error returned.
pub(super) fn run(
    mut engine: Box<dyn Engine>,
    chunks: &Receiver<Work>,
    work: &Sender<Work>,
    must_not_fall_back: bool,
    progress: &Progress,
) -> Option<EngineError> {
    let outcome = feed(engine.as_mut(), chunks, work);
    let error = outcome.err()?;
    if must_not_fall_back {
        progress
            .stop
            .store(true, std::sync::atomic::Ordering::Relaxed);
    }
    for chunk in engine.abandon() {
        let _closed = work.send(Work::Search(chunk));
    }
    for item in chunks {
        let _closed = work.send(item);
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
            pass_on(engine, work)?;
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
