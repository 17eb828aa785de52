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
use super::sampled::{FIRST, STRIDE, Sampled};
use super::survivors::Survivors;
use super::tier::Unit;
use super::tile::{Piece, Tile};
use crate::anchor::Hit;
use crate::anchor::table::{BLOCK, Literal, Table, WINDOW};

/// A table as a tier wants it.
pub(super) struct Plan {
    table: Arc<Table>,
    /// The rarest window of each literal that is looked for everywhere, if there are any.
    windows: Option<(Passes, Lookup<2048>)>,
    /// The other literals.
    sampled: Option<Sampled>,
    unit: Unit,
    classes: Vec<Membership>,
}

/// The tables of the filter.
enum Passes {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2, Vec<[Halves; WINDOW]>),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512, avx512::Tables),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon, Vec<[Halves; WINDOW]>),
}

impl Passes {
    fn new(unit: Unit, literals: &[Literal], windows: &[Window]) -> Self {
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        let filter = |precision| Filter::new(literals, windows, precision);
        match unit {
            Unit::Portable => Self::Portable,
            #[cfg(target_arch = "x86_64")]
            Unit::Avx2(unit) => Self::Avx2(unit, filter(Precision::Nibbles).by_halves()),
            #[cfg(target_arch = "x86_64")]
            Unit::Avx512(unit) => Self::Avx512(unit, avx512::Tables::new(&filter(Precision::Byte))),
            #[cfg(target_arch = "aarch64")]
            Unit::Neon(unit) => Self::Neon(unit, filter(Precision::Nibbles).by_halves()),
        }
    }
}

/// So many long literals, and the byte filter of a tier lets more through than sampling costs. Plain
/// code looks every position up by hash for the short ones in any case, and with AVX-512 the filter
/// won even with 2,200 literals.
fn sampled_from(unit: Unit) -> usize {
    match unit {
        Unit::Portable => usize::MAX,
        #[cfg(target_arch = "x86_64")]
        Unit::Avx2(_) => 200,
        #[cfg(target_arch = "x86_64")]
        Unit::Avx512(_) => usize::MAX,
        #[cfg(target_arch = "aarch64")]
        Unit::Neon(_) => 200,
    }
}

impl Plan {
    pub(super) fn new(table: Arc<Table>, unit: Unit) -> Self {
        let literals = &table.literals;
        let numbered = || literals.iter().zip(0..);
        let long = numbered().filter(|(literal, _)| Sampled::takes(literal));
        let mut long: Vec<u32> = long.map(|(_, index)| index).collect();
        if long.len() < sampled_from(unit) {
            long.clear();
        }
        let rest = numbered().filter(|(_, index)| long.binary_search(index).is_err());
        let rarest: Vec<Window> = rest
            .map(|(literal, index)| Window {
                literal: index,
                offset: literal.window as u32,
            })
            .collect();
        let windows = (!rarest.is_empty()).then(|| {
            let passes = Passes::new(unit, literals, &rarest);
            (passes, Lookup::new(literals, &rarest))
        });
        let classes = table.runs.iter().map(Membership::new);
        Self {
            windows,
            sampled: Sampled::new(literals, &long),
            unit,
            classes: classes.collect(),
            table,
        }
    }

    /// Appends the literals that begin in the body and have a window in the tile.
    pub(super) fn literals(&self, tile: &Tile<'_>, survivors: &mut Survivors, hits: &mut Vec<Hit>) {
        if let Some((passes, windows)) = &self.windows {
            survivors.clear();
            tile.pieces(|piece| match passes {
                Passes::Portable => portable::pass::<_, 1>(windows, piece, survivors),
                #[cfg(target_arch = "x86_64")]
                Passes::Avx2(unit, tables) => unit.pass(tables, piece, survivors),
                #[cfg(target_arch = "x86_64")]
                Passes::Avx512(unit, tables) => unit.pass(tables, piece, survivors),
                #[cfg(target_arch = "aarch64")]
                Passes::Neon(unit, tables) => unit.pass(tables, piece, survivors),
            });
            let bytes = &tile.haystack[tile.range.start..];
            survivors.retain(|position| windows.may_begin(word_in(bytes, usize::from(position))));
            for position in survivors.as_slice() {
                windows.verify(&self.table.literals, tile, usize::from(*position), hits);
            }
        }
    }

    /// The same for the literals that are looked for at every fourth position.
    pub(super) fn sampled(&self, tile: &Tile<'_>, survivors: &mut Survivors, hits: &mut Vec<Hit>) {
        let Some(sampled) = &self.sampled else {
            return;
        };
        let literals = &self.table.literals;
        let pass = |windows: &_, piece: Piece<'_>, survivors: &mut _| match self.unit {
            #[cfg(target_arch = "x86_64")]
            Unit::Avx2(unit) => unit.sample(windows, piece, survivors),
            _ => portable::pass::<FIRST, STRIDE>(windows, piece, survivors),
        };
        sampled.literals(literals, tile, pass, survivors, hits);
    }

    /// Prepares [`Plan::runs`] for a chunk: for each run, no block was full yet.
    pub(super) fn reset(&self, full: &mut Vec<Option<usize>>) {
        full.clear();
        full.resize(self.classes.len(), None);
    }

    /// Appends the runs that begin in the body and have their first whole block in the tile.
    /// `full` holds for each run the last block that lay wholly in its class.
    pub(super) fn runs(
        &self,
        tile: &Tile<'_>,
        survivors: &mut Survivors,
        full: &mut [Option<usize>],
        hits: &mut Vec<Hit>,
    ) {
        let runs = self.table.runs.iter().zip(&self.classes);
        for ((run, class), full) in runs.zip(full) {
            survivors.clear();
            tile.pieces(|piece| match self.unit {
                Unit::Portable => portable::full_blocks(class, piece, survivors),
                #[cfg(target_arch = "x86_64")]
                Unit::Avx2(unit) => unit.full_blocks(class, piece, survivors),
                #[cfg(target_arch = "x86_64")]
                Unit::Avx512(unit) => unit.full_blocks(class, piece, survivors),
                #[cfg(target_arch = "aarch64")]
                Unit::Neon(unit) => unit.full_blocks(class, piece, survivors),
            });
            for position in survivors.as_slice() {
                let block = tile.range.start + usize::from(*position);
                if block + BLOCK > tile.haystack.len() {
                    // Zeros that continue the window, where they are of the class.
                    break;
                }
                // A block after which the class went on lies in the same stretch, which was
                // measured there: measuring again at each block would cost the square of a long
                // stretch.
                let follows = full.is_some_and(|last| {
                    let between = &tile.haystack[last + BLOCK..block];
                    between.len() <= BLOCK && between.iter().all(|byte| class.has(*byte))
                });
                *full = Some(block);
                if !follows {
                    let stretch = run.around(tile.haystack, 0, block);
                    hits.extend(run.hit(&stretch, tile.body));
                }
            }
        }
    }
}
