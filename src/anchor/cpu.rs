//! The engine for the machine's own vector units.
//!
//! Read straight from the window, tile by tile, so that every pass after the first finds the
//! bytes in the cache:
//!
//! 1. a byte filter lists the positions where a window of some literal may lie;
//! 2. a look-up by hash thins the list out and compares what is left with the literals;
//! 3. if there are many, long literals are left out of both and looked up by hash at every fourth
//!    position;
//! 4. the 16-byte blocks that lie wholly in the class of a run lead to the run around them.
//!
//! What goes over all positions is written once per [`Tier`]; which of them runs is decided when the
//! engine is made.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod filter;
mod lookup;
mod membership;
#[cfg(target_arch = "aarch64")]
mod neon;
mod plan;
mod portable;
mod sampled;
mod survivors;
mod tier;
mod tile;

use std::ops::Range;
use std::sync::Arc;

use self::plan::Plan;
use self::survivors::Survivors;
pub use self::tier::Tier;
use self::tier::Unit;
use self::tile::{TILE, Tile};
use super::table::{BLOCK, Table};
use super::{Engine, EngineError, Hit};
use crate::chunk::Chunk;

/// How far past the body a tile must go: the last window of a literal and the first whole block
/// of a run both begin within this many bytes of where the anchor begins.
const REACH: usize = 32;

/// Scans on the calling thread.
pub struct Cpu {
    plan: Arc<Plan>,
    tier: Tier,
    survivors: Survivors,
    /// For each run the last block that lay wholly in its class.
    full: Vec<Option<usize>>,
    in_flight: Option<Chunk>,
}

impl Cpu {
    /// An engine for the table, on the best tier of this machine.
    #[must_use]
    pub fn new(table: Arc<Table>) -> Self {
        Self::on(table, Unit::best())
    }

    /// An engine on a tier of choice; `None` if the machine does not have it.
    #[must_use]
    pub fn with_tier(table: Arc<Table>, tier: Tier) -> Option<Self> {
        Some(Self::on(table, tier.unit()?))
    }

    fn on(table: Arc<Table>, unit: Unit) -> Self {
        Self {
            plan: Arc::new(Plan::new(table, unit)),
            tier: unit.tier(),
            survivors: Survivors::new(),
            full: Vec::new(),
            in_flight: None,
        }
    }

    /// An engine like this one for another thread. The plan takes longer to make than many a scan,
    /// so it is shared; what a scan writes to is not.
    #[must_use]
    pub fn for_thread(&self) -> Self {
        Self {
            plan: Arc::clone(&self.plan),
            tier: self.tier,
            survivors: Survivors::new(),
            full: Vec::new(),
            in_flight: None,
        }
    }

    /// Appends everything that begins in the body.
    fn scan(&mut self, haystack: &[u8], body: &Range<usize>, hits: &mut Vec<Hit>) {
        self.plan.reset(&mut self.full);
        // Tiles begin at multiples of a block, so that blocks are the same however a chunk is cut.
        let start = body.start / BLOCK * BLOCK;
        let end = body.end.saturating_add(REACH).min(haystack.len());
        for from in (start..end).step_by(TILE) {
            let tile = Tile {
                haystack,
                body,
                range: from..end.min(from + TILE),
            };
            self.plan.literals(&tile, &mut self.survivors, hits);
            self.plan.sampled(&tile, &mut self.survivors, hits);
            self.plan
                .runs(&tile, &mut self.survivors, &mut self.full, hits);
        }
    }
}

impl Engine for Cpu {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn device(&self) -> String {
        self.tier.to_string()
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
        self.scan(&chunk.window, &chunk.body, hits);
        hits.sort_unstable();
        Ok(Some(chunk))
    }

    fn abandon(&mut self) -> Vec<Chunk> {
        self.in_flight.take().into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anchor::AnchorSet;

    #[test]
    fn the_best_tier_is_taken_and_any_tier_can_be_asked_for() {
        let table = Arc::new(Table::compile(&AnchorSet::default()));
        let tiers = Tier::available();
        assert_eq!(tiers.first(), Some(&Tier::Portable));
        let best = tiers.last().map(Tier::to_string);
        assert_eq!(Some(Cpu::new(table.clone()).device()), best);
        for tier in [Tier::Portable, Tier::Neon, Tier::Avx2, Tier::Avx512] {
            let engine = Cpu::with_tier(table.clone(), tier);
            assert_eq!(engine.is_some(), tiers.contains(&tier), "{tier}");
        }
    }
}
