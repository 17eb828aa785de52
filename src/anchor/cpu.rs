//! The engine for the machine's own vector units.

use std::sync::Arc;

use super::table::{BLOCK, Table, word_at};
use super::{Engine, EngineError, Hit};
use crate::chunk::Chunk;

/// Scans on the calling thread.
pub struct Cpu {
    table: Arc<Table>,
    in_flight: Option<Chunk>,
}

impl Cpu {
    /// An engine for the table.
    #[must_use]
    pub fn new(table: Arc<Table>) -> Self {
        Self {
            table,
            in_flight: None,
        }
    }
}

impl Engine for Cpu {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn device(&self) -> String {
        "portable".to_owned()
    }

    fn depth(&self) -> usize {
        1
    }

    fn submit(&mut self, chunk: Chunk) -> Result<(), EngineError> {
        self.in_flight = Some(chunk);
        Ok(())
    }

    fn collect(&mut self, hits: &mut Vec<Hit>) -> Result<Option<Chunk>, EngineError> {
        hits.clear();
        let Some(chunk) = self.in_flight.take() else {
            return Ok(None);
        };
        let bytes = &*chunk.window;
        for position in self.table.window_positions(bytes.len(), &chunk.body) {
            if self.table.may_begin(word_at(bytes, position)) {
                self.table.verify(bytes, position, &chunk.body, hits);
            }
        }
        for run in &self.table.runs {
            let blocks = (0..bytes.len() / BLOCK).map(|block| block * BLOCK);
            let whole = |at: &usize| bytes[*at..*at + BLOCK].iter().all(|b| run.class.has(*b));
            Table::run_starts(run, bytes, &chunk.body, blocks.filter(whole), hits);
        }
        hits.sort_unstable();
        Ok(Some(chunk))
    }

    fn abandon(&mut self) -> Vec<Chunk> {
        self.in_flight.take().into_iter().collect()
    }
}
