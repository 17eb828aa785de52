//! Searches and confirms: the threads that use the machine's cores.

use std::sync::Arc;

use crossbeam::channel::{Receiver, Sender};

use super::choice::Engines;
use super::sink::{Done, Step};
use crate::anchor::table::Table;
use crate::anchor::{Engine, Hit};
use crate::chunk::Chunk;
use crate::confirm::{Confirmed, Confirmer};

/// What a worker is handed.
pub(super) enum Work {
    /// A chunk nobody has searched.
    Search(Chunk),
    /// A chunk whose anchors a GPU has found.
    Confirm(Chunk, Vec<Hit>),
}

/// One thread's engine and confirmer.
pub(super) struct Worker {
    engine: Box<dyn Engine>,
    confirmer: Confirmer,
    hits: Vec<Hit>,
}

impl Worker {
    pub(super) fn new(confirmer: Confirmer, engines: &Engines, table: &Arc<Table>) -> Self {
        Self {
            engine: engines.for_worker(table),
            confirmer,
            hits: Vec::new(),
        }
    }

    /// Works until the queue is closed or nobody listens any more.
    pub(super) fn run(mut self, work: &Receiver<Work>, done: &Sender<Done>) {
        for item in work {
            let result = match item {
                Work::Search(chunk) => self.search(chunk),
                Work::Confirm(chunk, hits) => self.confirm(&chunk, &hits),
            };
            if done.send(result).is_err() {
                return;
            }
        }
    }

    fn search(&mut self, chunk: Chunk) -> Done {
        let mut hits = std::mem::take(&mut self.hits);
        let sequence = chunk.sequence;
        // The CPU engines cannot fail: they do nothing but read memory.
        let searched = self
            .engine
            .submit(chunk)
            .and_then(|()| self.engine.collect(&mut hits));
        let done = match searched {
            Ok(Some(chunk)) => self.confirm(&chunk, &hits),
            Ok(None) => Done::problem(sequence, "the CPU engine lost a chunk".to_owned()),
            Err(error) => Done::problem(sequence, error.to_string()),
        };
        self.hits = hits;
        done
    }

    fn confirm(&self, chunk: &Chunk, hits: &[Hit]) -> Done {
        let mut found: Vec<Confirmed> = Vec::new();
        let tally = self.confirmer.confirm(chunk, hits, &mut found);
        let end = chunk.image_offset(chunk.body.end).0;
        let len = chunk.body.len() as u64;
        Done {
            sequence: chunk.sequence,
            step: Step::Searched {
                len,
                end,
                found,
                tally,
            },
        }
    }
}
