//! Which engine searches.
//!
//! `auto` takes a hardware GPU if there is one and the CPU otherwise. An engine named by the user
//! is taken or refused, never replaced: a benchmark that silently ran on something else would be
//! worse than none.

use std::sync::Arc;

use crate::anchor::cpu::Cpu;
use crate::anchor::reference::Reference;
use crate::anchor::table::Table;
use crate::anchor::{Engine, EngineError};

/// What the user asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// A hardware GPU if there is one, else the CPU.
    #[default]
    Auto,
    /// A GPU, a software one included.
    Gpu,
    /// The CPU's vector units.
    Cpu,
    /// The oracle.
    Reference,
}

/// The engines of one scan: what the workers use, and the GPU in front of them if there is one.
pub struct Engines {
    wish: Wish,
    gpu: Option<Box<dyn Engine>>,
    device: String,
}

impl Engines {
    /// Chooses. `adapter` is a name, part of one, or an index as `keydredge devices` lists them.
    ///
    /// # Errors
    /// When a GPU was asked for and there is none that can be used.
    pub fn choose(
        wish: Wish,
        adapter: Option<&str>,
        table: &Arc<Table>,
        chunk: u64,
    ) -> Result<Self, EngineError> {
        let gpu = match wish {
            Wish::Gpu => Some(open_gpu(true, adapter, table, chunk)?),
            Wish::Auto if adapter.is_some() => Some(open_gpu(true, adapter, table, chunk)?),
            Wish::Auto => open_gpu(false, None, table, chunk).ok(),
            Wish::Cpu | Wish::Reference => None,
        };
        let device = match (&gpu, wish) {
            (Some(gpu), _) => gpu.device(),
            (None, Wish::Reference) => Reference::new(Arc::clone(table)).device(),
            (None, _) => Cpu::new(Arc::clone(table)).device(),
        };
        Ok(Self { wish, gpu, device })
    }

    /// The engine's name in the summary.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match (&self.gpu, self.wish) {
            (Some(gpu), _) => gpu.name(),
            (None, Wish::Reference) => "reference",
            (None, _) => "cpu",
        }
    }

    /// What it runs on.
    #[must_use]
    pub fn device(&self) -> String {
        self.device.clone()
    }

    /// Whether a failing GPU ends the scan, because it was asked for by name.
    #[must_use]
    pub fn must_not_fall_back(&self) -> bool {
        self.wish == Wish::Gpu
    }

    /// An engine for a worker thread.
    #[must_use]
    pub fn for_worker(&self, table: &Arc<Table>) -> Box<dyn Engine> {
        match self.wish {
            Wish::Reference => Box::new(Reference::new(Arc::clone(table))),
            _ => Box::new(Cpu::new(Arc::clone(table))),
        }
    }

    pub(super) fn into_gpu(self) -> Option<Box<dyn Engine>> {
        self.gpu
    }
}

#[cfg(feature = "gpu")]
fn open_gpu(
    software: bool,
    adapter: Option<&str>,
    table: &Arc<Table>,
    chunk: u64,
) -> Result<Box<dyn Engine>, EngineError> {
    let _ = (software, adapter, table, chunk);
    Err(EngineError::Unavailable("not built yet".to_owned()))
}

#[cfg(not(feature = "gpu"))]
fn open_gpu(
    _: bool,
    _: Option<&str>,
    _: &Arc<Table>,
    _: u64,
) -> Result<Box<dyn Engine>, EngineError> {
    Err(EngineError::Unavailable(
        "this build has no GPU engine (feature `gpu`)".to_owned(),
    ))
}

/// One engine for the side-by-side bench.
pub struct Candidate {
    /// The engine's name.
    pub name: &'static str,
    /// Whether it is too slow for more than a few MiB.
    pub slow: bool,
    /// The engine, or why it cannot be had.
    pub engine: Result<Box<dyn Engine>, EngineError>,
}

/// Every engine of this machine, the oracle first; of the GPUs the one that was asked for, or else
/// the one that `--engine gpu` takes.
#[must_use]
pub fn every_engine(table: &Arc<Table>, adapter: Option<&str>, chunk: u64) -> Vec<Candidate> {
    vec![
        Candidate {
            name: "reference",
            slow: true,
            engine: Ok(Box::new(Reference::new(Arc::clone(table)))),
        },
        Candidate {
            name: "cpu",
            slow: false,
            engine: Ok(Box::new(Cpu::new(Arc::clone(table)))),
        },
        Candidate {
            name: "gpu",
            slow: true,
            engine: open_gpu(true, adapter, table, chunk),
        },
    ]
}
