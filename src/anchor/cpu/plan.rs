//! What a tier does with a table: which windows are looked for how.

use std::sync::Arc;

#[cfg(target_arch = "x86_64")]
use super::avx2::Avx2;
#[cfg(target_arch = "x86_64")]
use super::avx512::{self, Avx512};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::filter::{Filter, Halves, Precision};
use super::lookup::{Lookup, Window, word_in};
use super::membership::Membership;
#[cfg(target_arch = "aarch64")]
use super::neon::Neon;
use super::portable;
use super::survivors::Survivors;
use super::tier::Unit;
use super::tile::Tile;
use crate::anchor::Hit;
use crate::anchor::table::{BLOCK, Table, WINDOW};

/// A table as a tier wants it.
pub(super) struct Plan {
    table: Arc<Table>,
    windows: Lookup<2048>,
    passes: Passes,
    classes: Vec<Membership>,
}

/// The passes that are written for each tier.
enum Passes {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2, Vec<[Halves; WINDOW]>),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512, avx512::Tables),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon, Vec<[Halves; WINDOW]>),
}

impl Plan {
    pub(super) fn new(table: Arc<Table>, unit: Unit) -> Self {
        let literals = &table.literals;
        let rarest = literals.iter().zip(0..);
        let rarest: Vec<Window> = rarest
            .map(|(literal, index)| Window {
                literal: index,
                offset: literal.window as u32,
            })
            .collect();
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        let filter = |precision| Filter::new(literals, &rarest, precision);
        let passes = match unit {
            Unit::Portable => Passes::Portable,
            #[cfg(target_arch = "x86_64")]
            Unit::Avx2(unit) => Passes::Avx2(unit, filter(Precision::Nibbles).by_halves()),
            #[cfg(target_arch = "x86_64")]
            Unit::Avx512(unit) => {
                Passes::Avx512(unit, avx512::Tables::new(&filter(Precision::Byte)))
            }
            #[cfg(target_arch = "aarch64")]
            Unit::Neon(unit) => Passes::Neon(unit, filter(Precision::Nibbles).by_halves()),
        };
        let runs = table.runs.iter();
        Self {
            windows: Lookup::new(literals, &rarest),
            passes,
            classes: runs.map(|run| Membership::new(&run.class)).collect(),
            table,
        }
    }

    /// Appends the literals that begin in the body and have their window in the tile.
    pub(super) fn literals(&self, tile: &Tile<'_>, survivors: &mut Survivors, hits: &mut Vec<Hit>) {
        if self.table.literals.is_empty() {
            return;
        }
        survivors.clear();
        tile.pieces(|piece| match &self.passes {
            Passes::Portable => portable::pass(&self.windows, piece, survivors),
            #[cfg(target_arch = "x86_64")]
            Passes::Avx2(unit, tables) => unit.pass(tables, piece, survivors),
            #[cfg(target_arch = "x86_64")]
            Passes::Avx512(unit, tables) => unit.pass(tables, piece, survivors),
            #[cfg(target_arch = "aarch64")]
            Passes::Neon(unit, tables) => unit.pass(tables, piece, survivors),
        });
        let bytes = &tile.haystack[tile.range.start..];
        survivors.retain(|position| {
            let word = word_in(bytes, usize::from(position));
            self.windows.may_begin(word)
        });
        for position in survivors.as_slice() {
            self.windows
                .verify(&self.table.literals, tile, usize::from(*position), hits);
        }
    }

    /// Prepares [`Plan::runs`] for a chunk: for each run, no block was full yet.
    pub(super) fn reset(&self, full: &mut Vec<usize>) {
        full.clear();
        full.resize(self.classes.len(), usize::MAX);
    }

    /// Appends the runs that begin in the body and have their first whole block in the tile.
    /// `full` holds for each run the last block that lay wholly in its class.
    pub(super) fn runs(
        &self,
        tile: &Tile<'_>,
        survivors: &mut Survivors,
        full: &mut [usize],
        hits: &mut Vec<Hit>,
    ) {
        let runs = self.table.runs.iter().zip(&self.classes);
        for ((run, class), full) in runs.zip(full) {
            survivors.clear();
            tile.pieces(|piece| match &self.passes {
                Passes::Portable => portable::full_blocks(class, piece, survivors),
                #[cfg(target_arch = "x86_64")]
                Passes::Avx2(unit, _) => unit.full_blocks(class, piece, survivors),
                #[cfg(target_arch = "x86_64")]
                Passes::Avx512(unit, _) => unit.full_blocks(class, piece, survivors),
                #[cfg(target_arch = "aarch64")]
                Passes::Neon(unit, _) => unit.full_blocks(class, piece, survivors),
            });
            for position in survivors.as_slice() {
                let block = tile.range.start + usize::from(*position);
                // A block that follows a full one lies in the same stretch, which was measured
                // there: looking again at each block would cost the square of a long stretch.
                let follows = full.wrapping_add(BLOCK) == block;
                *full = block;
                if !follows && block + BLOCK <= tile.haystack.len() {
                    let stretch = run.around(tile.haystack, 0, block);
                    hits.extend(run.hit(&stretch, tile.body));
                }
            }
        }
    }
}
