//! The oracle: the engine contract in as few lines as possible. Never optimised, so that it can be
//! believed; the other engines are wrong wherever they differ.

use std::sync::Arc;

use super::table::Table;
use super::{Engine, EngineError, Hit};
use crate::chunk::Chunk;
use crate::unit::ChunkOffset;

/// Compares every anchor at every position.
pub struct Reference {
    table: Arc<Table>,
    in_flight: Option<Chunk>,
}

impl Reference {
    /// An engine for the table.
    #[must_use]
    pub fn new(table: Arc<Table>) -> Self {
        Self {
            table,
            in_flight: None,
        }
    }
}

impl Engine for Reference {
    fn name(&self) -> &'static str {
        "reference"
    }

    fn device(&self) -> String {
        "one comparison at a time".to_owned()
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
        for start in chunk.body.clone() {
            let at = ChunkOffset(start as u32);
            let here = self
                .table
                .literals
                .iter()
                .filter(|literal| literal.is_at(bytes, start));
            hits.extend(here.map(|literal| Hit {
                at,
                anchor: literal.anchor,
            }));
            for run in &self.table.runs {
                let begins = start == 0 || !run.class.has(bytes[start - 1]);
                let members = bytes[start..]
                    .iter()
                    .take_while(|byte| run.class.has(**byte));
                if begins && (run.min..=run.max).contains(&members.count()) {
                    hits.push(Hit {
                        at,
                        anchor: run.anchor,
                    });
                }
            }
        }
        hits.sort_unstable();
        Ok(Some(chunk))
    }

    fn abandon(&mut self) -> Vec<Chunk> {
        self.in_flight.take().into_iter().collect()
    }
}
